"""Blur as a model, and its undoing when the point spread function is known."""

from typing import Annotated

import numpy as np

from opsin.arrays import color_count
from opsin.chance import Rng
from opsin.errors import ParamError, refusal, verbatim
from opsin.kernels import fourier
from opsin.kernels.extras import need
from opsin.op import op
from opsin.ops._planes import color_of, each_plane
from opsin.types import Array, Border, Bound, Channels, Image, Psf, Usual

Std = Annotated[float, Bound(ge=0.0, le=1.0), Usual(0.0, 0.1)]
Balance = Annotated[float, Bound(ge=0.0, le=1e6), Usual(0.001, 0.5)]
Iterations = Annotated[int, Bound(ge=1, le=10000), Usual(5, 50)]


def _check_psf(where: str, psf: Array, *, positive: bool = False) -> Array:
    if not psf.any():
        raise ParamError(refusal(where, "psf", "an array that is not all 0", psf, "opsin.psf makes usual ones."))
    if positive and float(psf.min()) < 0.0:
        got = verbatim(f"a least value of {float(psf.min()):.4g}")
        raise ParamError(refusal(where, "psf", "at least 0 everywhere", got, "opsin.psf makes usual ones."))
    return psf


def _limited(values: Array, clip: bool) -> Array:
    return np.clip(values, -1.0, 1.0) if clip else values


@op
def degrade(
    image: Image,
    /,
    *,
    psf: Psf,
    std: Std = 0.0,
    border: Border = "reflect",
    channels: Channels = "color",
    rng: Rng | None = None,
) -> Image:
    """Blur with a point spread function and add Gaussian noise: what a camera does to a scene.

    Use it to make test material for deblurring, or to teach a model what bad pictures look like.

    Args:
        psf: the point spread function K L, used as it is (make it sum to 1 to keep brightness); `opsin.psf` has usual
            ones.
        std: standard deviation of the noise, a fraction of full scale; 0 adds none.
        border: what lies beyond the edge ("constant" is black).
        channels: "bands" when a fourth channel is not alpha.
        rng: where chance comes from; needed when std is above 0.

    Returns:
        same shape and dtype.

    Raises:
        ParamError: a psf that is all 0, or noise without rng.

    Source:
        Gonzalez and Woods, "Digital Image Processing", 4th ed., 5.5: g = h * f + n, in float64.
    """
    _check_psf("degrade", psf)
    if std > 0.0 and rng is None:
        raise ParamError(
            refusal("degrade", "rng", "given when std is above 0", verbatim("nothing"), "Use rng=opsin.Rng(7).")
        )
    noise = None
    if std > 0.0 and rng is not None:
        color = color_of(image, channels)
        noise = rng.normal("noise", 0.0, std, color.shape).reshape(*color.shape[:2], color_count(image, channels))
    planes = iter(range(color_count(image, channels)))

    def run(plane: Array) -> Array:
        out = fourier.blur(plane, psf, border, "degrade")
        k = next(planes)
        return out if noise is None else out + noise[..., k]

    return each_plane(image, run, channels, np.float64)


@op(extra="cv")
def wiener(
    image: Image,
    /,
    *,
    psf: Psf,
    balance: Balance,
    border: Border = "wrap",
    clip: bool = True,
    channels: Channels = "color",
) -> Image:
    """Undo a known blur in one step, weighing sharpness against noise.

    Use it first: it is fast, and one number sets how much noise is held down. Say border="reflect" for pictures from a
    camera: the plain closed form ("wrap") takes the scene to repeat itself and rings from the edges across the picture.

    Args:
        psf: the point spread function K L, its middle at K // 2, L // 2.
        balance: weight of smoothness; larger is smoother, 0 is the bare inverse filter.
        border: what lies beyond the edge; "wrap" is the closed form that scikit-image computes.
        clip: hold float results within -1..1, as scikit-image does; integers are always clamped to full scale.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype.

    Raises:
        ParamError: a psf that is all 0.

    Source:
        Orieux, Giovannelli and Rodet, "Bayesian estimation of regularization and point spread function parameters for
        Wiener-Hunt deconvolution", 2010: conj(H) G / (|H|^2 + balance |P|^2) with P the Laplacian.
    """
    _check_psf("wiener", psf)
    return each_plane(
        image,
        lambda plane: _limited(fourier.damped_inverse(plane, psf, balance, border, "wiener"), clip),
        channels,
        np.float64,
    )


@op(extra="cv")
def constrained_least_squares(
    image: Image,
    /,
    *,
    psf: Psf,
    gamma: Balance,
    border: Border = "wrap",
    clip: bool = False,
    channels: Channels = "color",
) -> Image:
    """Undo a known blur, choosing the smoothest picture that explains what was seen.

    Use it when the noise is not known well: only the smoothness weight has to be found, by eye or by search. Say
    border="reflect" for pictures from a camera.

    Args:
        psf: the point spread function K L, its middle at K // 2, L // 2.
        gamma: weight of the Laplacian; larger is smoother, 0 is the bare inverse filter.
        border: what lies beyond the edge; "wrap" is the closed form.
        clip: hold float results within -1..1; integers are always clamped to full scale.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype.

    Raises:
        ParamError: a psf that is all 0.

    Source:
        Gonzalez and Woods, "Digital Image Processing", 4th ed., 5.9: conj(H) G / (|H|^2 + gamma |P|^2) with
        P = [[0, -1, 0], [-1, 4, -1], [0, -1, 0]].
    """
    _check_psf("constrained_least_squares", psf)

    def run(plane: Array) -> Array:
        return _limited(fourier.damped_inverse(plane, psf, gamma, border, "constrained_least_squares"), clip)

    return each_plane(image, run, channels, np.float64)


@op(extra="cv")
def unsupervised_wiener(
    image: Image,
    /,
    *,
    psf: Psf,
    border: Border = "wrap",
    clip: bool = True,
    seed: Annotated[int, Bound(ge=0, le=2**32 - 1), Usual(0, 100)] = 0,
    channels: Channels = "color",
) -> Image:
    """Undo a known blur without choosing a weight: noise and smoothness are estimated from the picture.

    Use it on many pictures whose noise differs; say border="reflect" for pictures from a camera. It samples, so the
    seed changes the last digits.

    Args:
        psf: the point spread function K L, no larger than the picture.
        border: what lies beyond the edge; "wrap" is what scikit-image computes.
        clip: hold float results within -1..1, as scikit-image does; integers are always clamped to full scale.
        seed: of the sampler.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype.

    Raises:
        ParamError: a psf that is all 0 or larger than the picture.

    Source:
        Orieux, Giovannelli and Rodet, 2010; scikit-image's `restoration.unsupervised_wiener`.
    """
    _check_psf("unsupervised_wiener", psf)
    if psf.shape[0] > image.shape[0] or psf.shape[1] > image.shape[1] or min(image.shape[:2]) < 3:
        hint = "Pad the picture first."
        size = f"no larger than the picture ({image.shape[1]} x {image.shape[0]}, at least 3 x 3)"
        raise ParamError(refusal("unsupervised_wiener", "psf", size, psf, hint))
    restoration = need("skimage.restoration", "unsupervised_wiener", extra="cv")

    def run(plane: Array) -> Array:
        if float(plane.min()) == float(plane.max()):
            return plane  # nothing to sharpen; the sampler would divide by a variance of 0
        height, width = plane.shape
        top = left = 0
        if border != "wrap":
            plane, top, left = fourier.continued(plane, psf, border, "unsupervised_wiener")
        out = restoration.unsupervised_wiener(plane, psf, clip=clip, rng=seed)[0]
        return fourier.cut(out, top, left, height, width)

    return each_plane(image, run, channels, np.float64)


@op(extra="cv")
def richardson_lucy(
    image: Image,
    /,
    *,
    psf: Psf,
    iterations: Iterations,
    border: Border = "constant",
    clip: bool = True,
    channels: Channels = "color",
) -> Image:
    """Undo a known blur of light that was counted: nothing becomes negative, brightness is kept.

    Use it for stars, microscopy and little noise; each iteration sharpens and lets noise grow, so stop early. Say
    border="reflect" for pictures from a camera; black beyond the edge ("constant") makes waves along the rim.

    Args:
        psf: the point spread function K L, nowhere negative.
        iterations: how often the estimate is corrected.
        border: what lies beyond the edge; "constant" (black) is what scikit-image computes; with any other the scene
            beyond the edge is estimated, too.
        clip: hold float results within -1..1, as scikit-image does; integers are always clamped to full scale.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype.

    Raises:
        ParamError: a psf that is all 0 or negative somewhere, or a picture below 0.

    Source:
        Richardson, "Bayesian-based iterative method of image restoration", JOSA 1972; Lucy, "An iterative technique for
        the rectification of observed distributions", 1974.
    """
    _check_psf("richardson_lucy", psf, positive=True)
    if image.dtype == np.float32 and float(image.min()) < 0.0:
        got = verbatim(f"a least value of {float(image.min()):.4g}")
        raise ParamError(refusal("richardson_lucy", "image", "at least 0 everywhere", got, "Clip it first."))

    def run(plane: Array) -> Array:
        return _limited(fourier.richardson_lucy(plane, psf, iterations, border, "richardson_lucy"), clip)

    return each_plane(image, run, channels, np.float64)
