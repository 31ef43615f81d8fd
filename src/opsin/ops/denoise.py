"""Denoising by likeness, flatness, wavelets, groups of patches, a learned dictionary or a random field."""

import warnings
from typing import Annotated, Any, Literal

import numpy as np

from opsin.kernels import bm3d as groups
from opsin.kernels import dictionary, mrf
from opsin.kernels.extras import need
from opsin.op import op
from opsin.ops._planes import each_plane, jointly, odd
from opsin.types import Array, Bound, Channels, Image, Unit, Usual

Std = Annotated[float, Bound(gt=0.0, le=1.0), Usual(0.02, 0.2)]
Weight = Annotated[float, Bound(ge=0.0, le=1e6), Usual(0.1, 5.0)]


def _nl_means_halo(**params: Any) -> int:
    return int(params.get("distance", 6) + params.get("patch", 5) // 2)


@op(extra="cv", halo=_nl_means_halo)
def nl_means(
    image: Image,
    /,
    *,
    std: Std,
    patch: Annotated[int, Bound(ge=1, le=51), Unit("px"), Usual(3, 9)] = 5,
    distance: Annotated[int, Bound(ge=1, le=100), Unit("px"), Usual(3, 12)] = 6,
    strength: Annotated[float, Bound(gt=0.0, le=10.0), Usual(0.4, 1.5)] = 0.8,
    channels: Channels = "color",
) -> Image:
    """Average pixels whose surroundings look alike, wherever they lie nearby.

    Use it where structure repeats and the noise is known; it keeps lines that other filters break.

    Args:
        std: standard deviation of the noise, a fraction of full scale.
        patch: side of the surroundings that are compared, odd, in pixels.
        distance: how far away to look, in pixels.
        strength: the filter's width in units of std; more smooths more.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype.

    Raises:
        ParamError: an even patch.

    Source:
        Buades, Coll and Morel, "A non-local algorithm for image denoising", CVPR 2005; scikit-image's
        `denoise_nl_means` in its fast form with h = strength * std and sigma = std.
    """
    odd("nl_means", "patch", patch)
    restoration = need("skimage.restoration", "nl_means", extra="cv")

    def run(values: Array) -> Array:
        out: Array = restoration.denoise_nl_means(
            values, patch, distance, h=strength * std, sigma=std, fast_mode=True, channel_axis=-1
        )
        return out

    return jointly(image, run, channels)


@op(extra="cv")
def tv_denoise(
    image: Image,
    /,
    *,
    weight: Annotated[float, Bound(gt=0.0, le=100.0), Usual(0.02, 0.4)],
    channels: Channels = "color",
) -> Image:
    """Make a picture of flat areas with sharp edges that stays near the given one.

    Use it for drawings, screens and medical pictures; fine texture is lost first.

    Args:
        weight: how much flatness counts against nearness; more smooths more.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype.

    Source:
        Chambolle, "An algorithm for total variation minimization and applications", JMIV 2004; scikit-image's
        `denoise_tv_chambolle`, each channel by itself.
    """
    restoration = need("skimage.restoration", "tv_denoise", extra="cv")

    def run(plane: Array) -> Array:
        if float(plane.min()) == float(plane.max()):
            return plane  # nothing varies, and the search would not notice
        out: Array = restoration.denoise_tv_chambolle(plane, weight=weight)
        return out

    return each_plane(image, run, channels)


@op(extra="cv")
def wavelet_denoise(
    image: Image,
    /,
    *,
    std: Annotated[float, Bound(gt=0.0, le=1.0), Usual(0.02, 0.2)] | None = None,
    wavelet: Literal["db1", "db2", "db4", "sym4", "sym8", "coif1", "coif3", "bior4.4"] = "db1",
    method: Literal["BayesShrink", "VisuShrink"] = "BayesShrink",
    mode: Literal["soft", "hard"] = "soft",
    channels: Channels = "color",
) -> Image:
    """Shrink small wavelet coefficients, which are mostly noise.

    Use it when speed matters or the noise is not known: without std it is estimated, channel by channel. Longer
    wavelets ("sym4") give smoother results than the default, whose blocks show.

    Args:
        std: standard deviation of the noise, a fraction of full scale; None estimates it from the finest details.
        wavelet: by PyWavelets' name.
        method: "BayesShrink" adapts to every band, "VisuShrink" uses one threshold and smooths more.
        mode: "soft" pulls coefficients towards 0, "hard" keeps the large ones as they are.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype.

    Source:
        Chang, Yu and Vetterli, "Adaptive wavelet thresholding", TIP 2000; Donoho and Johnstone, Biometrika 1994;
        scikit-image's `denoise_wavelet`.
    """
    restoration = need("skimage.restoration", "wavelet_denoise", extra="cv")
    need("pywt", "wavelet_denoise", extra="cv")

    def run(plane: Array) -> Array:
        if min(plane.shape) < 2 or float(plane.min()) == float(plane.max()):
            return plane  # there is no detail to shrink
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the median of nothing, see below
            out: Array = restoration.denoise_wavelet(
                plane, sigma=std, wavelet=wavelet, method=method, mode=mode, rescale_sigma=True
            )
        # stripes and blocks have no finest diagonal detail, and so no noise; its median makes everything NaN
        return plane if np.isnan(out[0, 0]) else out

    return each_plane(image, run, channels)


@op(extra="cv")
def bm3d(image: Image, /, *, std: Std, channels: Channels = "color") -> Image:
    """Stack patches that look alike and shrink their common spectrum: the strongest classical denoiser.

    Use it when quality counts. 512 x 512 takes a few seconds on one core; beside some copies of the picture it needs
    about 200 MB, whatever the size.

    Args:
        std: standard deviation of the noise, a fraction of full scale.
        channels: "bands" when a fourth channel is not alpha; color is decorrelated and denoised together.

    Returns:
        same shape and dtype.

    Source:
        Dabov, Foi, Katkovnik and Egiazarian, "Image denoising by sparse 3-D transform-domain collaborative filtering",
        TIP 2007: hard thresholding, then Wiener; own code.
    """
    return jointly(
        image, lambda values: groups.bm3d(values * np.float32(255.0), std * 255.0) / np.float32(255.0), channels
    )


@op(extra="cv")
def dictionary_denoise(
    image: Image,
    /,
    *,
    std: Std,
    atoms: Annotated[int, Bound(ge=2, le=4096), Usual(64, 512)] = 256,
    patch: Annotated[int, Bound(ge=2, le=32), Unit("px"), Usual(5, 10)] = 7,
    channels: Channels = "color",
) -> Image:
    """Learn small building blocks from the noisy picture itself and rebuild it from few of them.

    Use it for pictures of one texture, where the blocks fit better than any fixed ones.

    Args:
        std: standard deviation of the noise, a fraction of full scale.
        atoms: number of building blocks.
        patch: their side in pixels.
        channels: "bands" when a fourth channel is not alpha; color is decorrelated, its planes share one dictionary.

    Returns:
        same shape and dtype.

    Source:
        Elad and Aharon, "Image denoising via sparse and redundant representations over learned dictionaries", TIP
        2006: K-SVD and orthogonal matching pursuit to within 1.15 std.
    """
    return jointly(image, lambda values: _dictionary(values, std, atoms, patch), channels)


def _dictionary(values: Array, std: float, atoms: int, patch: int) -> Array:
    side = min(patch, *values.shape[:2])
    mix = dictionary.cosine_matrix(values.shape[2])
    planes = values @ mix.T
    blocks = dictionary.train(np.ascontiguousarray(planes[..., 0]), side, atoms, (1.15 * std) ** 2)
    clean = [
        dictionary.denoise_plane(np.ascontiguousarray(planes[..., k]), std, blocks, side)
        for k in range(values.shape[2])
    ]
    return np.asarray(np.stack(clean, axis=2) @ mix)


@op(extra="cv")
def mrf_denoise(
    image: Image,
    /,
    *,
    method: Literal["icm", "graph_cut"] = "icm",
    coupling: Weight,
    field: Weight,
    channels: Channels = "color",
) -> Image:
    """Clean a black and white picture: neighbors pull towards each other, and every pixel to what was seen.

    Use it for scanned text, masks and drawings with flipped pixels. The picture is read as -1 (below half of full
    scale) and +1; coupling 1 with field 2.1 is a good start.

    Args:
        method: "icm" improves pixel by pixel and stops in a good state; "graph_cut" finds a best one.
        coupling: how strongly a pixel is pulled to each of its four neighbors.
        field: how strongly a pixel is pulled to what was seen.
        channels: "bands" when a fourth channel is not alpha; each channel is a picture of its own.

    Returns:
        same shape and dtype, with the values 0 and full scale only.

    Source:
        Besag, "On the statistical analysis of dirty pictures", JRSS B 1986; Greig, Porteous and Seheult, JRSS B 1989;
        Bishop, "Pattern Recognition and Machine Learning", 8.3.3.
    """

    def run(plane: Array) -> Array:
        seen = np.where(plane >= 0.5, 1, -1).astype(np.int8)
        if coupling == 0.0:
            return (seen > 0).astype(plane.dtype)  # nothing couples: what was seen is best
        best = mrf.icm(seen, coupling, field) if method == "icm" else mrf.graph_cut(seen, coupling, field)
        return (best > 0).astype(plane.dtype)

    return each_plane(image, run, channels)
