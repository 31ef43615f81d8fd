"""Where brightness changes: gradients, edge masks, differences of scales."""

import math
from typing import Annotated, Any, Literal

import numpy as np

from opsin import values
from opsin.arrays import full_scale, to_unit
from opsin.errors import ParamError, did_you_mean, refusal
from opsin.kernels.brightness import brightness
from opsin.kernels.extras import need
from opsin.kernels.swt import edge_strength
from opsin.op import op
from opsin.ops._planes import color_of, rejoin, with_color
from opsin.types import Array, Bound, Channels, Gray, Image, Unit, Usual

Sigma = Annotated[float, Bound(gt=0.0, le=1000.0), Usual(0.5, 5.0), Unit("px")]
Strength = Annotated[float, Bound(ge=0.0, le=100.0), Usual(0.0, 0.5)]
_REFLECT = 2  # cv2.BORDER_REFLECT: the edge pixel is repeated, as SciPy's `reflect`
_NOISE = 1e-6  # a change of the Laplacian below this is rounding, not an edge


def _gradient(image: Array, name: str, channels: str, total: float) -> Array:
    """Magnitude of the two derivatives, scaled so that a full-scale step straight across gives 1 / sqrt 2."""
    cv2 = need("cv2", name)
    color = np.ascontiguousarray(color_of(image, channels))
    planes = [color] if color.ndim == 2 or color.shape[2] <= 4 else [color[..., k] for k in range(color.shape[2])]
    derive = cv2.Sobel if name == "sobel" else cv2.Scharr
    factor = np.float32(1.0 / (total * math.sqrt(2.0)))
    out = []
    for plane in planes:
        plane = np.ascontiguousarray(plane)
        x = derive(plane, cv2.CV_32F, 1, 0, borderType=_REFLECT)
        y = derive(plane, cv2.CV_32F, 0, 1, borderType=_REFLECT)
        size = cv2.sqrt(x * x + y * y) if plane.ndim == 2 else np.sqrt(x * x + y * y)
        size *= factor
        if image.dtype.kind == "u":
            size += np.float32(0.5)
            size = np.minimum(size, np.float32(full_scale(image.dtype))).astype(image.dtype)
        out.append(size.reshape(plane.shape))
    return with_color(image, (out[0] if len(out) == 1 else np.stack(out, axis=2)).reshape(color.shape), channels)


@op(extra="cv", halo=lambda **_: 1)
def sobel(image: Image, /, *, channels: Channels = "color") -> Image:
    """Measure how fast brightness changes at every pixel, with the Sobel weights.

    Use it as the usual first picture of edges, and as the landscape that a watershed floods. `scharr` is more even
    in all directions, `canny` gives thin lines.

    Args:
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        the gradient's magnitude per channel, same shape and dtype; alpha is kept. With full scale as 1, a step from
        black to white gives 0.71 along rows or columns, and nothing exceeds 1.

    Source:
        Sobel and Feldman, "A 3x3 isotropic gradient operator for image processing", 1968; scaled as scikit-image:
        sqrt((x^2 + y^2) / 2) with weights that sum to 1 on each side.
    """
    return _gradient(image, "sobel", channels, 4.0)


@op(extra="cv", halo=lambda **_: 1)
def scharr(image: Image, /, *, channels: Channels = "color") -> Image:
    """Measure how fast brightness changes, with weights that treat all directions most alike.

    Use it in place of `sobel` where the direction of an edge must not decide how strong it looks.

    Args:
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        the gradient's magnitude per channel, same shape and dtype, scaled as in `sobel`; alpha is kept.

    Source:
        Scharr, "Optimale Operatoren in der Digitalen Bildverarbeitung", 2000: weights 3, 10, 3.
    """
    return _gradient(image, "scharr", channels, 16.0)


@op(extra="cv")
def canny(image: Gray, /, *, sigma: Sigma = 1.0, low: Strength = 0.1, high: Strength = 0.2) -> values.Mask:
    """Draw edges as lines one pixel wide.

    Use it where contours are wanted, not their strength: shapes, lines, boundaries of objects. Raise `sigma` until
    texture disappears; then raise `high` until only the edges you want start, and `low` until they stop in time.

    Args:
        sigma: of the smoothing before, in pixels.
        low: gradient at which a line may go on, a fraction of full scale (a sharp step from black to white has 4).
        high: gradient that a line must reach somewhere; at least `low`.

    Returns:
        H W bool, True on edges; `.value` is (low, high).

    Raises:
        ParamError: `high` below `low`.

    Source:
        Canny, "A computational approach to edge detection", IEEE PAMI 1986; non-maximum suppression with
        interpolation as scikit-image.
    """
    if high < low:
        raise ParamError(refusal("canny", "high", f"at least low ({low:g})", high))
    feature = need("skimage.feature", "canny")
    gray = to_unit(brightness("canny", image), np.float32)
    if min(gray.shape) < 3:
        # the outermost pixels have no gradient that can be trusted, so nothing is left to look at
        return values.Mask.of(np.zeros(gray.shape, dtype=np.bool_), method="canny", value=(low, high))
    edges = feature.canny(gray, sigma=sigma, low_threshold=low, high_threshold=high)
    return values.Mask.of(edges, method="canny", value=(low, high))


def _gaussian_halo(**params: Any) -> int:
    return int(4.0 * params["sigma"] * params.get("ratio", 1.0) + 0.5) + 1


@op(extra="cv", halo=_gaussian_halo)
def marr_hildreth(image: Gray, /, *, sigma: Sigma, threshold: Strength = 0.0) -> values.Mask:
    """Draw edges where the Laplacian of the smoothed picture changes its sign.

    Use it for closed contours at a chosen scale; `canny` follows straight edges better. Flat regions are full of weak
    crossings: raise `threshold` to drop them.

    Args:
        sigma: of the smoothing, in pixels.
        threshold: how much the Laplacian (times sigma squared, so that it does not depend on the scale) must change
            across the line, a fraction of full scale; 0 keeps every crossing but rounding.

    Returns:
        H W bool, True on the pixel nearer to the crossing.

    Source:
        Marr and Hildreth, "Theory of edge detection", Proc. Royal Society B 1980; SciPy's gaussian_laplace.
    """
    cv2 = need("cv2", "marr_hildreth")
    gray = to_unit(brightness("marr_hildreth", image), np.float64)
    # the bell and its second derivative, as SciPy cuts them, here times sigma squared
    x = np.arange(-int(4.0 * sigma + 0.5), int(4.0 * sigma + 0.5) + 1)
    bell = np.exp(-0.5 * (x / sigma) ** 2)
    bell /= bell.sum()
    bent = ((x / sigma) ** 2 - 1.0) * bell
    bend = cv2.sepFilter2D(gray, cv2.CV_64F, bent, bell, borderType=_REFLECT).reshape(gray.shape)
    bend += cv2.sepFilter2D(gray, cv2.CV_64F, bell, bent, borderType=_REFLECT).reshape(gray.shape)
    below = bend < 0
    edges = np.zeros(gray.size, dtype=np.bool_)
    least, flat, width = max(threshold, _NOISE), bend.ravel(), gray.shape[1]
    for changes, step in ((below[:, 1:] != below[:, :-1], 1), (below[1:] != below[:-1], width)):
        row, column = np.nonzero(changes)
        first = row * width + column
        second = first + step
        a, b = flat[first], flat[second]
        strong = np.abs(a - b) > least
        edges[np.where(np.abs(a) <= np.abs(b), first, second)[strong]] = True
    return values.Mask.of(edges.reshape(gray.shape), method="marr_hildreth", value=threshold)


@op(extra="cv", halo=_gaussian_halo)
def difference_of_gaussians(
    image: Image,
    /,
    *,
    sigma: Sigma,
    ratio: Annotated[float, Bound(gt=1.0, le=100.0), Usual(1.2, 4.0)] = 1.6,
    channels: Channels = "color",
) -> values.Response:
    """Keep what lies between two scales: the picture smoothed a little minus the picture smoothed more.

    Use it to find blobs and edges of a size, or to remove slow changes of light. A ratio of 1.6 comes close to the
    Laplacian of Gaussian.

    Args:
        sigma: of the finer smoothing, in pixels.
        ratio: of the coarser smoothing to the finer one.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        H W (C) float32 without alpha, 1.0 being full scale; signed, and so not a picture.

    Source:
        Marr and Hildreth, "Theory of edge detection", 1980; borders repeat the last pixel, cut at 4 sigma, as
        scikit-image.
    """
    ndimage = need("scipy.ndimage", "difference_of_gaussians")
    color = to_unit(color_of(image, channels), np.float32)
    spread = (sigma, sigma, 0.0)[: color.ndim]
    fine = ndimage.gaussian_filter(color, spread, mode="nearest", truncate=4.0)
    fine -= ndimage.gaussian_filter(color, tuple(s * ratio for s in spread), mode="nearest", truncate=4.0)
    return values.Response.of(fine, method="difference_of_gaussians")


def _wavelet_halo(**params: Any) -> int:
    wavelet = need("pywt", "wavelet_edges").Wavelet(params["wavelet"])
    return int(wavelet.dec_len) << int(params["levels"])


@op(extra="cv", halo=_wavelet_halo)
def wavelet_edges(
    image: Image,
    /,
    *,
    wavelet: str = "haar",
    levels: Annotated[int, Bound(ge=1, le=8), Usual(1, 4)] = 2,
    combine: Literal["product", "mean"] = "product",
    channels: Channels = "color",
) -> Image:
    """Measure edges by the detail coefficients of an undecimated wavelet transform, over several scales.

    Use it on noisy pictures: an edge answers at every scale and noise only at the finest, so that the product of the
    scales keeps the one and drops the other.

    Args:
        wavelet: an orthogonal or biorthogonal wavelet of PyWavelets, such as "haar", "db2", "sym4", "bior2.2".
        levels: how many scales, each twice as coarse as the one before.
        combine: "product" takes the geometric mean of the scales, "mean" the arithmetic one.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        edge strength per channel, same shape and dtype; alpha is kept. A step from black to white along rows or
        columns gives full scale at each scale's strongest pixel.

    Raises:
        ParamError: a wavelet that PyWavelets does not have.

    Source:
        Mallat and Zhong, "Characterization of signals from multiscale edges", IEEE PAMI 1992 (the modulus);
        Sadler and Swami, "Analysis of multiscale products for step detection", IEEE Trans. Inf. Theory 1999.
    """
    pywt = need("pywt", "wavelet_edges")
    known = pywt.wavelist(kind="discrete")
    if wavelet not in known:
        hint = did_you_mean(wavelet, known)
        raise ParamError(refusal("wavelet_edges", "wavelet", "a discrete wavelet of PyWavelets", wavelet, hint))
    color = to_unit(color_of(image, channels), np.float32)
    planes = [color] if color.ndim == 2 else [color[..., k] for k in range(color.shape[2])]
    strength = [edge_strength(pywt, plane, wavelet, levels, combine) for plane in planes]
    joined = strength[0] if len(strength) == 1 else np.stack(strength, axis=2)
    return rejoin(image, joined.reshape(color.shape), channels)
