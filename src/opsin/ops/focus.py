"""Blurs that have a cause (motion, a lens, frosted glass), plain averages and medians, and sharpening."""

import math
from collections.abc import Callable
from typing import Annotated

import numpy as np

from opsin import psf
from opsin.arrays import from_unit, full_scale, unit_range
from opsin.chance import Rng
from opsin.kernels import native, use_core
from opsin.kernels.gaussian import gaussian
from opsin.kernels.median import median
from opsin.kernels.planes import joined, split
from opsin.kernels.smooth import box_sum, correlate
from opsin.op import op
from opsin.types import SUPPLIED, Array, Border, Bound, Channels, Degrees, Image, Unit, Usual

Radius = Annotated[int, Bound(ge=0, le=500), Unit("px"), Usual(1, 8)]
_CV_BORDER = {"constant": 0, "replicate": 1, "symmetric": 2, "reflect": 4}  # cv2.BORDER_*
Smear = Callable[[Array], Array]


def _smeared(image: Array, channels: str, smear: Smear) -> Array:
    """Run a linear blur on floats H W (C) in the picture's own scale; alpha is blurred too and weighs the color."""
    color, alpha = split(image, channels)
    if alpha is None:
        out = smear(image.astype(np.float32))
    else:
        shade = alpha.astype(np.float32)
        spread = smear(joined(color * shade[..., None], shade))
        weight = spread[..., 3:]
        least = full_scale(image.dtype) * 1e-6
        shown = np.divide(spread[..., :3], weight, out=np.zeros_like(spread[..., :3]), where=weight > least)
        out = joined(shown, weight[..., 0])
    return out if image.dtype.kind == "f" else from_unit(out / np.float32(full_scale(image.dtype)), image.dtype)


@op(halo=lambda radius, **_: radius)
def box_blur(image: Image, /, *, radius: Radius, border: Border = "reflect", channels: Channels = "color") -> Image:
    """Replace every pixel by the mean of the square around it.

    Use it as the cheapest blur; `gaussian_blur` has no corners.

    Args:
        radius: the square has 2 radius + 1 pixels a side; 0 changes nothing.
        border: what lies beyond the edge; "reflect" does not repeat the edge, "constant" is black.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype; integers are summed exactly and rounded once. Alpha is blurred too and weighs the color.

    Source:
        Closed form; OpenCV's blur, SciPy's uniform_filter.
    """
    if radius == 0:
        return np.ascontiguousarray(image)
    area = (2 * radius + 1) ** 2
    if image.dtype.kind != "f" and split(image, channels)[1] is None:
        if image.dtype == np.uint8 and radius <= native.BOX and use_core():
            return native.box_mean(image, radius, border)
        fast = _cv_box(image, radius, border)
        return fast if fast is not None else ((box_sum(image, radius, border) + area // 2) // area).astype(image.dtype)
    if radius > 24:
        return _smeared(image, channels, lambda v: (box_sum(v, radius, border) * (1.0 / area)).astype(np.float32))
    line = np.full((1, 2 * radius + 1), 1.0 / (2 * radius + 1))
    return _smeared(image, channels, lambda v: correlate(correlate(v, line, border), line.T, border))


def _cv_box(image: Array, radius: int, border: str) -> Array | None:
    """OpenCV's mean of bytes where it is the same to the bit: it multiplies the sum by a rounded 1 / area, and up to
    radius 22 that error is smaller than the distance of any mean from a half (1 / (2 area))."""
    count = 1 if image.ndim == 2 else image.shape[2]
    side = 2 * radius + 1
    if image.dtype != np.uint8 or radius > 22 or border == "wrap" or count > 4 or side > min(image.shape[:2]):
        return None
    try:
        import cv2
    except ImportError:
        return None
    return np.ascontiguousarray(
        cv2.blur(np.ascontiguousarray(image), (side, side), borderType=_CV_BORDER[border] | cv2.BORDER_ISOLATED)
    ).reshape(image.shape)


@op(halo=lambda radius, **_: radius)
def median_blur(
    image: Image,
    /,
    *,
    radius: Annotated[int, Bound(ge=0, le=100), Unit("px"), Usual(1, 5)],
    channels: Channels = "color",
) -> Image:
    """Replace every pixel by the median of the square around it, channel by channel.

    Use it against salt and pepper, scratches and dead pixels: edges stay sharp.

    Args:
        radius: the square has 2 radius + 1 pixels a side; 0 changes nothing.
        channels: has no effect, for every channel, alpha too, is treated alike; neighborhood techniques take it.

    Returns:
        same shape and dtype; every value is one that was there. The edge is continued by repeating it.

    Source:
        Tukey, "Exploratory Data Analysis", 1977; OpenCV's medianBlur, Pillow's MedianFilter.
    """
    if radius == 0:
        return np.ascontiguousarray(image)
    side = 2 * radius + 1
    if image.dtype == np.uint8 and side == 5 and use_core():
        fast = native.median(image)
        if fast is not None:
            return fast
    if image.dtype == np.uint8 or side <= 5:
        # a median has one value, so whoever computes it fastest does
        try:
            import cv2
        except ImportError:
            pass
        else:
            if image.ndim == 2 or image.shape[2] in (1, 3, 4):
                return np.asarray(cv2.medianBlur(np.ascontiguousarray(image), side)).reshape(image.shape)
            planes = image.reshape(*image.shape[:2], -1)
            many = [cv2.medianBlur(np.ascontiguousarray(planes[..., c]), side) for c in range(planes.shape[2])]
            return np.stack(many, axis=-1).reshape(image.shape)
    if radius <= 8:
        return median(image, radius)
    from PIL import Image as Pillow
    from PIL import ImageFilter

    # selecting costs the square of the window's area; Pillow's rank filter sorts 8 bits, 32 bits and floats
    wide = image.astype(np.int32) if image.dtype == np.uint16 else image
    select = ImageFilter.MedianFilter(side)
    planes = wide.reshape(*image.shape[:2], -1)
    slow = [Pillow.fromarray(np.ascontiguousarray(planes[..., c])).filter(select) for c in range(planes.shape[2])]
    return np.stack([np.asarray(p) for p in slow], axis=-1).reshape(image.shape).astype(image.dtype, copy=False)


@op(halo=lambda length, **_: math.ceil(length / 2) + 1)
def motion_blur(
    image: Image,
    /,
    *,
    length: Annotated[float, Bound(gt=0.0, le=1000.0), Unit("px"), Usual(3.0, 30.0)],
    angle: Degrees,
    border: Border = "reflect",
    channels: Channels = "color",
) -> Image:
    """Smear the picture along a straight line, as a camera does that moves during the exposure.

    Use it for pictures from vehicles, drones and hands.

    Args:
        length: of the way, in pixels.
        angle: of the way, anticlockwise as seen; 0 is level.
        border: what lies beyond the edge; "constant" is black.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype; alpha is blurred too and weighs the color.

    Source:
        Gonzalez and Woods, "Digital Image Processing", 4th ed., 5.6; the kernel is `opsin.psf.motion(length, angle)`.
    """
    kernel = psf.motion(length, angle)
    return _smeared(image, channels, lambda v: correlate(v, kernel, border))


@op(halo=lambda radius, **_: math.ceil(radius))
def defocus_blur(
    image: Image,
    /,
    *,
    radius: Annotated[float, Bound(gt=0.0, le=500.0), Unit("px"), Usual(1.0, 10.0)],
    border: Border = "reflect",
    channels: Channels = "color",
) -> Image:
    """Spread every point over a disk, as a lens does that is focused elsewhere.

    Use it for out-of-focus pictures; `gaussian_blur` is softer than any lens.

    Args:
        radius: of the disk in pixels; pixels on its rim count by the share that it covers.
        border: what lies beyond the edge; "constant" is black.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype; alpha is blurred too and weighs the color.

    Source:
        Gonzalez and Woods, "Digital Image Processing", 4th ed., 5.6; the kernel is `opsin.psf.disk(radius)`.
    """
    if radius <= 0.5:
        return np.ascontiguousarray(image)  # the disk lies within the pixel
    kernel = psf.disk(radius)
    return _smeared(image, channels, lambda v: correlate(v, kernel, border))


@op
def zoom_blur(
    image: Image,
    /,
    *,
    amount: Annotated[float, Bound(ge=0.0, le=10.0), Usual(0.02, 0.3)],
    x: Annotated[float, Bound(ge=0.0, le=1.0), Usual(0.0, 1.0)] = 0.5,
    y: Annotated[float, Bound(ge=0.0, le=1.0), Usual(0.0, 1.0)] = 0.5,
    channels: Channels = "color",
) -> Image:
    """Smear the picture away from a point, as a camera does that zooms in, or moves ahead, during the exposure.

    Use it for pictures from moving vehicles.

    Args:
        amount: how much larger the last instant is than the first: 0.1 ends at 110 %; 0 changes nothing.
        x: the point that stands still, a fraction of the width.
        y: the point that stands still, a fraction of the height.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype; alpha is blurred too and weighs the color.

    Source:
        Hendrycks and Dietterich, "Benchmarking neural network robustness to common corruptions and perturbations",
        2019: the mean of zoomed pictures, here 2 ** k of them in equal ratios, so that corners move by at most about
        one pixel from one to the next (128 at most).
    """
    h, w = image.shape[:2]
    far = math.hypot(max(x, 1.0 - x) * w, max(y, 1.0 - y) * h)
    count = min(7, math.ceil(math.log2(max(2.0, far * amount / (1.0 + amount) + 1.0))))
    if amount == 0.0:
        return np.ascontiguousarray(image)
    step = math.log1p(amount) / (2**count - 1)

    def smear(values: Array) -> Array:
        # the mean of 2n zooms is the mean of n zooms and of the same n, zoomed once more
        for k in range(count):
            values = (values + _zoomed(values, math.exp(step * 2**k), x * w, y * h)) * np.float32(0.5)
        return values

    return _smeared(image, channels, smear)


def _zoomed(values: Array, factor: float, x: float, y: float) -> Array:
    """Enlarge floats H W (C) about a point by linear interpolation; the canvas stays."""
    for axis, center in ((0, y), (1, x)):
        n = values.shape[axis]
        at = np.clip(center + (np.arange(n) + 0.5 - center) / factor - 0.5, 0.0, n - 1.0)
        low = np.minimum(at.astype(np.int64), max(n - 2, 0))
        part = (at - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(values.ndim)])
        here = np.take(values, low, axis=axis)
        there = np.take(values, np.minimum(low + 1, n - 1), axis=axis)
        there -= here
        there *= part
        here += there
        values = here
    return values


@op
def glass_blur(
    image: Image,
    /,
    *,
    sigma: Annotated[float, Bound(ge=0.0, le=100.0), Unit("px"), Usual(0.3, 1.5)],
    radius: Annotated[int, Bound(ge=0, le=100), Unit("px"), Usual(1, 5)],
    iterations: Annotated[int, Bound(ge=1, le=20), Usual(1, 3)] = 1,
    channels: Channels = "color",
    rng: Rng = SUPPLIED,
) -> Image:
    """Look through frosted glass: every pixel shows a drawn neighbor, between two slight blurs.

    Use it as a corruption to test or train robustness.

    Args:
        sigma: of the bell-shaped blur before and after, in pixels; 0 leaves it out.
        radius: how far away the neighbor may be along each axis, all places equally likely.
        iterations: how often neighbors are drawn.
        channels: "bands" when a fourth channel is not alpha.
        rng: where chance comes from.

    Returns:
        same shape and dtype; alpha is blurred too and weighs the color.

    Source:
        Hendrycks and Dietterich, "Benchmarking neural network robustness to common corruptions and perturbations",
        2019. There neighbors are swapped one after the other; here all are drawn at once.
    """
    h, w = image.shape[:2]
    rows, columns = np.arange(h)[:, None], np.arange(w)

    def smear(values: Array) -> Array:
        out = gaussian(values, sigma)
        for k in range(iterations):
            i = np.clip(rows + rng.integers(f"dy{k}", -radius, radius + 1, (h, w)), 0, h - 1)
            j = np.clip(columns + rng.integers(f"dx{k}", -radius, radius + 1, (h, w)), 0, w - 1)
            out = out[i, j]
        return gaussian(out, sigma)

    return _smeared(image, channels, smear)


@op(halo=lambda amount, sigma=1.0, **_: math.floor(4.0 * sigma + 0.5))
def sharpen(
    image: Image,
    /,
    *,
    amount: Annotated[float, Bound(ge=0.0, le=100.0), Usual(0.5, 3.0)],
    sigma: Annotated[float, Bound(gt=0.0, le=500.0), Unit("px"), Usual(0.5, 5.0)] = 1.0,
    border: Border = "reflect",
    channels: Channels = "color",
) -> Image:
    """Add what a blur takes away (unsharp mask).

    Use it on soft scans and pictures made smaller; large amounts draw bright and dark rims.

    Args:
        amount: how many times the difference is added; 0 changes nothing.
        sigma: of the blur in pixels: how fine the detail is that is raised.
        border: what lies beyond the edge; "constant" is black.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype; clamped; alpha is left alone.

    Source:
        scikit-image's unsharp_mask: out = in + amount * (in - gaussian(in)).
    """
    color, alpha = split(image, channels)
    values = color.astype(np.float32)
    raised = values - gaussian(values, sigma, border)
    raised *= np.float32(amount)
    raised += values
    return joined(_clamped(raised, color), alpha)


@op(halo=lambda **_: 1)
def sharpness(
    image: Image,
    /,
    *,
    factor: Annotated[float, Bound(ge=0.0, le=1000.0), Usual(0.0, 3.0)],
    channels: Channels = "color",
) -> Image:
    """Blend with, or away from, a slightly smoothed picture: soft below 1, crisp above.

    Use it in policies, as RandAugment does; `sharpen` has a width of its own.

    Args:
        factor: 0 gives the smoothed picture, 1 changes nothing, 2 doubles the distance from it.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype; clamped; alpha and the outermost pixels are left alone.

    Source:
        torchvision's adjust_sharpness; Pillow's ImageFilter.SMOOTH (a 3 x 3 mean whose middle counts five times).
    """
    color, alpha = split(image, channels)
    values = color.astype(np.float32)
    if min(values.shape[:2]) < 3:
        return np.ascontiguousarray(image)
    kernel = np.ones((3, 3))
    kernel[1, 1] = 5.0
    soft = values.copy()
    soft[1:-1, 1:-1] = correlate(values, kernel / 13.0, "replicate")[1:-1, 1:-1]
    out = values * np.float32(factor) + soft * np.float32(1.0 - factor)
    return joined(_clamped(out, color), alpha)


def _clamped(values: Array, like: Array) -> Array:
    """Bring floats in a picture's own scale to its dtype; floats that were within 0..1 stay there."""
    if like.dtype.kind == "f":
        return np.clip(values, 0.0, 1.0) if unit_range(like) else values
    return from_unit(values / np.float32(full_scale(like.dtype)), like.dtype)
