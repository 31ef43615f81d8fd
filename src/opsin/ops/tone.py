"""Brightness as a function of brightness: one curve for all pixels, stated or found from the whole picture."""

from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from opsin.arrays import from_unit, full_scale
from opsin.kernels import native, use_core
from opsin.kernels.luma import mean_luma
from opsin.kernels.transfer import from_linear, to_linear
from opsin.op import op, pointwise
from opsin.ops._planes import color_of, with_color
from opsin.types import Array, Bound, Channels, Fraction, Image, Unit, Usual, Values

Factor = Annotated[float, Bound(ge=0.0, le=1000.0), Usual(0.5, 1.5)]


@pointwise
def brightness(values: Values, /, *, factor: Factor, channels: Channels = "color") -> Values:
    """Multiply all values: lighter above 1, darker below.

    Use it to vary lighting; `exposure` does the same to light, as a camera would.

    Args:
        factor: 0 gives black, 1 changes nothing, 2 doubles.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype; clamped at full scale.

    Source:
        torchvision's adjust_brightness; closed form: out = in * factor.
    """
    return values * values.dtype.type(factor)


@op(unit_range=True)
def contrast(image: Image, /, *, factor: Factor, channels: Channels = "color") -> Image:
    """Spread values from, or draw them towards, the mean brightness of the picture.

    Use it to vary contrast in training, or to lift a flat picture.

    Args:
        factor: 0 gives the mean gray everywhere, 1 changes nothing, 2 doubles all distances.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype; clamped.

    Source:
        torchvision's adjust_contrast: out = mean + factor * (in - mean), with the unrounded mean of BT.601 brightness.
    """
    color = color_of(image, channels)
    return with_color(image, _curve(color, np.float64(mean_luma(color) / full_scale(image.dtype)), factor), channels)


def _curve(color: Array, middle: np.float64, factor: float) -> Array:
    """Stretch about a middle by a table for integers, directly for floats."""
    if color.dtype.kind == "f":
        f = np.float32(factor)
        out = color * f
        out += np.float32(middle * (1.0 - factor))
        return np.clip(out, 0.0, 1.0, out=out)
    top = int(full_scale(color.dtype))
    values = np.arange(top + 1, dtype=np.float64) / top
    table = from_unit(np.clip(middle + factor * (values - middle), 0.0, 1.0), color.dtype)
    return native.look_up(color, table) if color.dtype == np.uint8 and use_core() else np.take(table, color)


@pointwise
def gamma(
    values: Values,
    /,
    *,
    gamma: Annotated[float, Bound(gt=0.0, le=100.0), Usual(0.4, 2.5)],
    channels: Channels = "color",
) -> Values:
    """Brighten or darken the middle tones, leaving black and white fixed.

    Use it to correct exposure by eye or to make a model robust against it.

    Args:
        gamma: the exponent; above 1 darkens, below 1 brightens, 1 changes nothing.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype.

    Source:
        Poynton, "Digital Video and HD: Algorithms and Interfaces", 2012, chapter on gamma: out = in ** gamma.
    """
    return np.power(values, gamma, dtype=values.dtype)


@pointwise
def exposure(
    values: Values,
    /,
    *,
    stops: Annotated[float, Bound(ge=-30.0, le=30.0), Unit("stops"), Usual(-2.0, 2.0)],
    channels: Channels = "color",
) -> Values:
    """Let in more or less light, as a camera does: each stop doubles it.

    Use it to vary or correct exposure the way it happens; `brightness` multiplies the encoded values instead.

    Args:
        stops: 1 doubles the light, -1 halves it, 0 changes nothing.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype; clamped at full scale.

    Source:
        IEC 61966-2-1 (sRGB): decoded to light, multiplied by 2 ** stops, encoded again.
    """
    if stops == 0.0:
        return values
    return from_linear(np.minimum(to_linear(values) * values.dtype.type(2.0**stops), values.dtype.type(1.0)))


@pointwise
def invert(values: Values, /, *, channels: Channels = "color") -> Values:
    """Turn a picture into its negative.

    Use it for scanned negatives, and for drawings in white on black.

    Args:
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype; exact for integers.

    Source:
        Closed form: out = 1 - in.
    """
    return values.dtype.type(1.0) - values


@pointwise(quantizes=True)
def solarize(values: Values, /, *, threshold: Fraction, channels: Channels = "color") -> Values:
    """Invert everything from a threshold upwards.

    Use it as augmentation in policies such as RandAugment.

    Args:
        threshold: fraction of full scale; values at or above it are inverted.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype; exact for integers.

    Source:
        Pillow's ImageOps.solarize.
    """
    return np.where(values >= threshold, values.dtype.type(1.0) - values, values)


@pointwise(quantizes=True)
def posterize(
    values: Values,
    /,
    *,
    bits: Annotated[int, Bound(ge=1, le=8), Usual(1, 8)],
    channels: Channels = "color",
) -> Values:
    """Keep the highest bits of each value and drop the rest.

    Use it as augmentation in policies, or for a poster look.

    Args:
        bits: how many of the 8 highest bits stay, in each channel; 8 keeps 8-bit pictures as they are.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype; at most 2 ** bits different values a channel, the same ones for every dtype.

    Source:
        Pillow's ImageOps.posterize.
    """
    steps = 1 << bits
    level = np.minimum(np.floor(values * values.dtype.type(steps)), steps - 1)
    return level * values.dtype.type((256 // steps) / 255.0)


@op(unit_range=True)
def autocontrast(
    image: Image,
    /,
    *,
    cutoff: Annotated[float, Bound(ge=0.0, lt=0.5), Usual(0.0, 0.1)] = 0.0,
    channels: Channels = "color",
) -> Image:
    """Stretch each channel so that its darkest value becomes black and its brightest white.

    Use it to lift flat pictures; a cutoff keeps single specks from deciding.

    Args:
        cutoff: part of the pixels that is ignored at each end; 0.01 ignores the darkest and the brightest hundredth.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype; a channel with one value only stays as it is.

    Source:
        Pillow's ImageOps.autocontrast.
    """
    color = color_of(image, channels)
    planes = color[..., None] if color.ndim == 2 else color
    out = np.empty(planes.shape, planes.dtype)
    for c in range(planes.shape[2]):
        out[..., c] = _stretched(planes[..., c], cutoff)
    return with_color(image, out, channels)


def _stretched(plane: Array, cutoff: float) -> Array:
    cut = int(plane.size * cutoff)
    top = full_scale(plane.dtype)
    if cut == 0:
        low, high = plane.min(), plane.max()
    elif plane.dtype.kind == "f":
        both = np.partition(plane.ravel(), (cut, plane.size - 1 - cut))
        low, high = both[cut], both[plane.size - 1 - cut]
    else:
        seen = np.cumsum(np.bincount(plane.ravel(), minlength=int(top) + 1))
        low, high = np.searchsorted(seen, cut, "right"), np.searchsorted(seen, plane.size - 1 - cut, "right")
    if high <= low:
        return plane
    lowest, span = float(low) / top, (float(high) - float(low)) / top
    if plane.dtype.kind == "f":
        return np.clip((plane - np.float32(lowest)) * np.float32(1.0 / span), 0.0, 1.0)
    values = np.arange(int(top) + 1, dtype=np.float64) / top
    return np.take(from_unit(np.clip((values - lowest) / span, 0.0, 1.0), plane.dtype), plane)


@op(quantizes=True, unit_range=True)
def equalize(image: Image, /, *, channels: Channels = "color") -> Image:
    """Spread the values of each channel so that every brightness is about as frequent.

    Use it to bring out detail in flat pictures, and as augmentation in policies.

    Args:
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype; a channel with one value only, or of fewer than 255 pixels, stays as it is. 8-bit
        pictures follow Pillow's whole-number formula; finer ones the same line unrounded, floats by 65,536 levels.

    Source:
        Pillow's ImageOps.equalize; Gonzalez and Woods, "Digital Image Processing", section 3.3.
    """
    color = color_of(image, channels)
    planes = color[..., None] if color.ndim == 2 else color
    out = np.empty(planes.shape, planes.dtype)
    for c in range(planes.shape[2]):
        out[..., c] = _equalized(planes[..., c])
    return with_color(image, out, channels)


def _equalized(plane: Array) -> Array:
    levels = plane if plane.dtype.kind != "f" else from_unit(plane, np.uint16)
    counts = np.bincount(levels.ravel(), minlength=int(full_scale(levels.dtype)) + 1)
    present = np.flatnonzero(counts)
    if len(present) < 2:
        return plane
    below = np.cumsum(counts) - counts
    # Pillow counts in whole steps; where levels are finer, the same line is drawn without rounding to 255 of them
    step = (plane.size - int(counts[present[-1]])) // 255
    if step == 0:
        return plane
    if plane.dtype == np.uint8:
        return np.take(np.clip((below + step // 2) // step, 0, 255).astype(np.uint8), plane)
    curve: NDArray[np.float64] = np.minimum(below / (255.0 * step), 1.0)
    return np.take(from_unit(curve, plane.dtype), levels)
