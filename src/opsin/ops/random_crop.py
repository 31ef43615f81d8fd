"""Crops at drawn places: what a network sees of a picture in one pass of training."""

import math
from typing import Annotated

from opsin.arrays import MAX_SIDE
from opsin.chance import Rng
from opsin.errors import ParamError, refusal
from opsin.geometry import Size, Warp, shift, stretch
from opsin.op import geometric
from opsin.types import SUPPLIED, Border, Bound, Channels, Fill, ResizeKernel, Unit, Usual

Side = Annotated[int, Bound(ge=1, le=MAX_SIDE), Unit("px"), Usual(64, 512)]
Share = Annotated[float, Bound(gt=0.0, le=1.0), Usual(0.08, 1.0)]
Ratio = Annotated[float, Bound(gt=0.0, le=1000.0), Usual(0.5, 2.0)]
_TRIES = 10


@geometric
def random_crop(
    size: Size,
    /,
    *,
    width: Side,
    height: Side,
    border: Border = "constant",
    fill: Fill = 0.0,
    channels: Channels = "color",
    rng: Rng = SUPPLIED,
) -> Warp:
    """Cut out a rectangle of a given size at a drawn place; every place is as likely.

    Use it to train on pieces of large pictures; `pad` first where pictures may be smaller.

    Args:
        width: of the result in pixels.
        height: of the result in pixels.
        border: has no effect; a crop never leaves the picture.
        fill: has no effect; a crop never leaves the picture.
        channels: has no effect; every geometric technique takes it.
        rng: where chance comes from.

    Returns:
        height width (C); same dtype; exact.

    Raises:
        ParamError: larger than the picture.

    Source:
        torchvision.transforms.RandomCrop.
    """
    for param, length, side in (("width", width, size.width), ("height", height, size.height)):
        if length > side:
            hint = "Pad or enlarge the picture first."
            raise ParamError(refusal("random_crop", param, f"at most {side}, as the picture", length, hint))
    left = rng.integers("left", 0, size.width - width + 1)
    top = rng.integers("top", 0, size.height - height + 1)
    return Warp.of(shift(-left, -top), size, Size(width, height))


@geometric
def random_resized_crop(
    size: Size,
    /,
    *,
    width: Side,
    height: Side,
    area: tuple[Share, Share] = (0.08, 1.0),
    ratio: tuple[Ratio, Ratio] = (3 / 4, 4 / 3),
    kernel: ResizeKernel = "pillow-bilinear",
    border: Border = "constant",
    fill: Fill = 0.0,
    channels: Channels = "color",
    rng: Rng = SUPPLIED,
) -> Warp:
    """Cut out a rectangle of drawn area and proportions at a drawn place, and stretch it to one size.

    Use it to train classifiers: it varies scale, place and proportions at once. Ten tries are made to fit a rectangle
    into the picture; after that the middle is taken, with proportions as near to the allowed ones as they can be.

    Args:
        width: of the result in pixels.
        height: of the result in pixels.
        area: least and greatest area of the rectangle as a fraction of the picture's.
        ratio: least and greatest width / height of the rectangle; its logarithm is evenly spread.
        kernel: the resize kernel by definition; "pillow-bilinear" is antialiased, "opencv-linear" is not.
        border: has no effect; a crop never leaves the picture.
        fill: has no effect; a crop never leaves the picture.
        channels: "bands" when a fourth channel is not alpha.
        rng: where chance comes from.

    Returns:
        height width (C); same dtype.

    Raises:
        ParamError: a range whose first number is above its second.

    Source:
        Szegedy et al., "Going deeper with convolutions", 2015, as in torchvision.transforms.RandomResizedCrop.
    """
    for param, (low, high) in (("area", area), ("ratio", ratio)):
        if low > high:
            raise ParamError(refusal("random_resized_crop", param, "(least, greatest)", (low, high)))
    left, top, wide, high_ = _rectangle(size, area, ratio, rng)
    cut = Warp.of(shift(-left, -top), size, Size(wide, high_))
    return cut.then(
        Warp.of(stretch(width / wide, height / high_), Size(wide, high_), Size(width, height), kernel=kernel)
    )


def _rectangle(
    size: Size, area: tuple[float, float], ratio: tuple[float, float], rng: Rng
) -> tuple[int, int, int, int]:
    """Draw left, top, width, height."""
    areas = rng.uniform("area", area[0], area[1], _TRIES) * (size.width * size.height)
    ratios = rng.log_uniform("ratio", ratio[0], ratio[1], _TRIES)
    for target, proportion in zip(areas.tolist(), ratios.tolist(), strict=True):
        width, height = round(math.sqrt(target * proportion)), round(math.sqrt(target / proportion))
        if 0 < width <= size.width and 0 < height <= size.height:
            left = rng.integers("left", 0, size.width - width + 1)
            return left, rng.integers("top", 0, size.height - height + 1), width, height
    width, height = size
    own = size.width / size.height
    if own < ratio[0]:
        height = min(size.height, max(1, round(width / ratio[0])))
    elif own > ratio[1]:
        width = min(size.width, max(1, round(height * ratio[1])))
    return (size.width - width) // 2, (size.height - height) // 2, width, height
