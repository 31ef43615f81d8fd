"""Filters over a neighborhood: any kernel, and the two that smooth without crossing edges."""

from typing import Annotated, Any, Literal

import numpy as np

from opsin.errors import ParamError, refusal
from opsin.kernels.bilateral import bilateral
from opsin.kernels.diffusion import perona_malik
from opsin.kernels.extras import need
from opsin.op import op
from opsin.ops._planes import color_of, each_plane, with_color
from opsin.types import Array, Border, Bound, Channels, Image, Kernel, Unit, Usual

_CV_BORDER = {"constant": 0, "replicate": 1, "symmetric": 2, "reflect": 4}  # cv2.BORDER_*


def _convolve_halo(**params: Any) -> int:
    return int(max(params["kernel"].shape))


@op(extra="cv", halo=_convolve_halo)
def convolve(
    image: Image,
    /,
    *,
    kernel: Kernel,
    anchor: tuple[int, int] | None = None,
    border: Border = "reflect",
    channels: Channels = "color",
) -> Image:
    """Weigh every pixel's neighborhood with a kernel of your own.

    Use it for sharpening ([[-1, -1, -1], [-1, 9, -1], [-1, -1, -1]]), embossing, or any linear filter. As in OpenCV
    and SciPy's `correlate`, the kernel is laid on as it is written, not turned over; say kernel[::-1, ::-1] for the
    convolution of the textbooks.

    Args:
        kernel: K L weights, used as they are.
        anchor: (x, y) of the weight that lies on the pixel itself; None is the middle (L // 2, K // 2).
        border: what lies beyond the edge ("constant" is black).
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype; integers are clamped, floats are not.

    Raises:
        ParamError: an anchor outside the kernel.

    Source:
        Closed form: out[y, x] = sum of kernel[j, i] in[y + j - anchor_y, x + i - anchor_x].
    """
    cv2 = need("cv2", "convolve", extra="cv")
    rows, columns = kernel.shape
    x, y = (columns // 2, rows // 2) if anchor is None else anchor
    if not (0 <= x < columns and 0 <= y < rows):
        inside = f"inside the kernel (0..{columns - 1}, 0..{rows - 1})"
        raise ParamError(refusal("convolve", "anchor", inside, anchor))
    color = color_of(image, channels)
    # OpenCV reads the border around a view of a larger array, takes few channels and cannot wrap around
    planes = [color] if color.ndim == 2 or color.shape[2] <= 4 else [color[..., k] for k in range(color.shape[2])]
    out = [_correlate(cv2, np.ascontiguousarray(p), kernel, (x, y), border) for p in planes]
    return with_color(image, (out[0] if len(out) == 1 else np.stack(out, axis=2)).reshape(color.shape), channels)


def _correlate(cv2: Any, plane: Array, kernel: Array, anchor: tuple[int, int], border: str) -> Array:
    height, width = plane.shape[:2]
    if border != "wrap":
        out: Array = cv2.filter2D(plane, -1, kernel, anchor=anchor, borderType=_CV_BORDER[border])
        return out
    (rows, columns), (x, y) = kernel.shape, anchor
    edges = ((y, rows - 1 - y), (x, columns - 1 - x)) + ((0, 0),) * (plane.ndim - 2)
    wide = cv2.filter2D(np.pad(plane, edges, mode="wrap"), -1, kernel, anchor=anchor, borderType=0)
    return np.asarray(wide[y : y + height, x : x + width])


def _bilateral_halo(**params: Any) -> int:
    radius = params.get("radius")
    return int(radius) if radius is not None else max(1, int(np.rint(1.5 * params["sigma_space"])))


@op(extra="cv", halo=_bilateral_halo)
def bilateral_filter(
    image: Image,
    /,
    *,
    sigma_color: Annotated[float, Bound(gt=0.0, le=100.0), Usual(0.02, 0.4)],
    sigma_space: Annotated[float, Bound(gt=0.0, le=200.0), Unit("px"), Usual(1.0, 8.0)],
    radius: Annotated[int, Bound(ge=1, le=500), Unit("px"), Usual(1, 15)] | None = None,
    channels: Channels = "color",
) -> Image:
    """Smooth flat areas and keep edges: near pixels count when their color is near, too.

    Use it for skin, cartoons, and light noise. Color distance is the sum over channels, as in OpenCV.

    Args:
        sigma_color: how different a color may be, a fraction of full scale.
        sigma_space: how far a pixel may be, in pixels.
        radius: of the neighborhood in pixels; None is OpenCV's round(1.5 sigma_space).
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype.

    Source:
        Tomasi and Manduchi, "Bilateral filtering for gray and color images", ICCV 1998; OpenCV's `bilateralFilter`.
    """
    reach = _bilateral_halo(sigma_space=sigma_space, radius=radius)
    out = bilateral(color_of(image, channels), reach, sigma_color, sigma_space, "bilateral_filter")
    return with_color(image, out, channels)


@op(halo=lambda **params: int(params["iterations"]))
def anisotropic_diffusion(
    image: Image,
    /,
    *,
    iterations: Annotated[int, Bound(ge=1, le=10000), Usual(5, 50)],
    kappa: Annotated[float, Bound(gt=0.0, le=100.0), Usual(0.02, 0.3)],
    gamma: Annotated[float, Bound(gt=0.0, le=0.25), Usual(0.05, 0.25)] = 0.1,
    option: Literal[1, 2] = 1,
    channels: Channels = "color",
) -> Image:
    """Let brightness flow like heat, but not across edges.

    Use it to smooth strongly and keep outlines, for example before segmentation. Each channel flows by itself.

    Args:
        iterations: number of time steps.
        kappa: the step in brightness that counts as an edge, a fraction of full scale.
        gamma: length of a time step; above 1/4 the scheme is not stable.
        option: 1 favors steep edges, exp(-(d / kappa)^2); 2 favors wide areas, 1 / (1 + (d / kappa)^2).
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype; the mean brightness is kept.

    Source:
        Perona and Malik, "Scale-space and edge detection using anisotropic diffusion", PAMI 1990; four neighbors, no
        flow through the picture's edge.
    """
    return each_plane(image, lambda plane: perona_malik(plane, iterations, kappa, gamma, option), channels)
