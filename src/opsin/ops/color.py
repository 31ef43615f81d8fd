"""Color as such: how strong it is and where it stands on the circle of hues."""

from typing import Annotated

import numpy as np

from opsin.arrays import to_unit
from opsin.chance import Rng
from opsin.errors import ParamError, refusal
from opsin.kernels import native, use_core
from opsin.kernels.hue import turn_hue
from opsin.kernels.luma import mean_luma
from opsin.kernels.saturation import saturate, saturate_levels
from opsin.op import op
from opsin.ops._planes import color_of, rejoin, with_color
from opsin.types import SUPPLIED, Array, Bound, Image, Unit, Usual

Factor = Annotated[float, Bound(ge=0.0, le=1000.0), Usual(0.5, 1.5)]
Turn = Annotated[float, Bound(ge=-1.0, le=1.0), Unit("of the circle"), Usual(-0.1, 0.1)]
Spread = Annotated[float, Bound(ge=0.0, le=1000.0), Usual(0.0, 0.4)]
Range = tuple[Annotated[float, Bound(ge=0.0, le=1000.0)], Annotated[float, Bound(ge=0.0, le=1000.0)]]
HueSpread = Annotated[float, Bound(ge=0.0, le=0.5), Usual(0.0, 0.1)]
HueRange = tuple[Annotated[float, Bound(ge=-0.5, le=0.5)], Annotated[float, Bound(ge=-0.5, le=0.5)]]


@op(unit_range=True)
def saturation(image: Image, /, *, factor: Factor) -> Image:
    """Make colors stronger or weaker: blend with, or away from, the gray picture.

    Use it to vary color strength in training; 0 gives a gray picture that keeps its three channels.

    Args:
        factor: 0 gives gray, 1 changes nothing, 2 doubles the distance from gray.

    Returns:
        same shape and dtype; clamped. Gray pictures come back unchanged.

    Source:
        torchvision's adjust_saturation: out = gray + factor * (in - gray), with unrounded BT.601 gray.
    """
    if _gray("saturation", image) or factor == 1.0:
        return np.ascontiguousarray(image)
    if image.dtype == np.uint8:
        levels = native.saturate if use_core() else saturate_levels
        return with_color(image, levels(color_of(image), factor))
    return rejoin(image, saturate(to_unit(color_of(image)), factor))


@op(unit_range=True)
def hue(image: Image, /, *, shift: Turn) -> Image:
    """Turn all colors on the circle of hues; brightness (value) and saturation in HSV stay.

    Use it to vary color in training where color does not decide the class.

    Args:
        shift: fraction of the circle: 1/3 turns red into green, 0 changes nothing.

    Returns:
        same shape and dtype. Gray pictures come back unchanged.

    Source:
        Smith, "Color gamut transform pairs", 1978 (HSV), without rounding in between; torchvision's adjust_hue.
    """
    if _gray("hue", image) or shift == round(shift):
        return np.ascontiguousarray(image)
    if image.dtype == np.uint8 and use_core():
        return with_color(image, native.one_step(color_of(image), "hue", shift=shift))
    return rejoin(image, turn_hue(to_unit(color_of(image)), shift))


@op(unit_range=True)
def color_jitter(
    image: Image,
    /,
    *,
    brightness: Spread | Range = 0.0,
    contrast: Spread | Range = 0.0,
    saturation: Spread | Range = 0.0,
    hue: HueSpread | HueRange = 0.0,
    rng: Rng = SUPPLIED,
) -> Image:
    """Vary brightness, contrast, saturation and hue by drawn amounts in a drawn order.

    Use it as the one color augmentation of a pipeline. The four are clamped one by one, and rounded once at the end.

    Args:
        brightness: the factor is drawn from [max(0, 1 - b), 1 + b], or from a stated (low, high).
        contrast: the factor is drawn in the same way.
        saturation: the factor is drawn in the same way.
        hue: the shift is drawn from [-h, h] of the circle, or from a stated (low, high).
        rng: where chance comes from.

    Returns:
        same shape and dtype. Gray pictures keep to brightness and contrast.

    Raises:
        ParamError: a range whose first number is above its second.

    Source:
        torchvision.transforms.ColorJitter.
    """
    gray = _gray("color_jitter", image)
    values = to_unit(color_of(image))
    steps = (
        ("brightness", brightness, 1.0),
        ("contrast", contrast, 1.0),
        ("saturation", saturation, 1.0),
        ("hue", hue, 0.0),
    )
    for place in rng.permutation("order", 4):
        name, spread, middle = steps[place]
        amount = _drawn(name, spread, middle, rng)
        if amount == middle or (gray and name in ("saturation", "hue")):
            continue
        if name == "brightness":
            values = np.clip(values * np.float32(amount), 0.0, 1.0)
        elif name == "contrast":
            mean = mean_luma(values)
            values = np.clip(values * np.float32(amount) + np.float32(mean * (1.0 - amount)), 0.0, 1.0)
        elif name == "saturation":
            values = saturate(values, amount)
        else:
            values = turn_hue(values, amount)
    return rejoin(image, values)


def _drawn(name: str, spread: float | tuple[float, float], middle: float, rng: Rng) -> float:
    if isinstance(spread, tuple):
        low, high = spread
        if low > high:
            raise ParamError(refusal("color_jitter", name, "(least, greatest)", spread))
    else:
        low, high = middle - spread, middle + spread
        if middle == 1.0:
            low = max(0.0, low)
    return float(rng.uniform(name, low, high))


def _gray(name: str, image: Array) -> bool:
    """Say whether a picture is gray; channels that are neither gray nor color are refused."""
    if image.ndim == 2 or image.shape[2] == 1:
        return True
    if image.shape[2] not in (3, 4):
        raise ParamError(refusal(name, "image", "gray, RGB or RGBA", image, "Bands have no hue or saturation."))
    return False
