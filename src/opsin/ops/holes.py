"""Parts of the picture taken away: a grid of squares, single pixels, one rectangle."""

import math
from typing import Annotated, Literal

import numpy as np

from opsin.arrays import from_unit
from opsin.chance import Rng
from opsin.errors import ParamError, refusal
from opsin.kernels.planes import split
from opsin.kernels.resample import fill_values
from opsin.op import Covered, op
from opsin.types import SUPPLIED, Array, Bound, Channels, Fill, Image, Unit, Usual

Share = Annotated[float, Bound(gt=0.0, le=1.0)]
Aspect = Annotated[float, Bound(gt=0.0, le=1000.0)]


def _filled(image: Array, mask: Array, fill: Fill, channels: str) -> Array:
    """Put a fill where the mask (H W) says; alpha becomes opaque there unless the fill says otherwise."""
    out = image.copy(order="C")
    alpha = image.ndim == 3 and image.shape[2] == 4 and channels == "color"
    value = fill_values(fill, image, alpha)
    if alpha and not (isinstance(fill, tuple) and len(fill) == 4):
        value[3] = from_unit(np.ones(1), image.dtype)[0]
    out[mask] = value if image.ndim == 3 else value[0]
    return out


@op
def grid_dropout(
    image: Image,
    /,
    *,
    ratio: Annotated[float, Bound(gt=0.0, lt=1.0), Usual(0.2, 0.7)],
    cell: Annotated[int, Bound(ge=2, le=100000), Unit("px"), Usual(16, 96)],
    fill: Fill = 0.0,
    channels: Channels = "color",
    rng: Rng = SUPPLIED,
) -> Image:
    """Cover a regular grid of squares whose origin is drawn.

    Use it as a stronger cutout: part of every object goes, no object goes whole unless it is smaller than a hole.

    Args:
        ratio: side of a hole as a part of the cell's side; ratio * ratio of the picture is covered.
        cell: distance from one hole to the next in pixels.
        fill: value of the holes, a fraction of full scale, or one per channel; alpha becomes opaque there.
        channels: "bands" when a fourth channel is not alpha.
        rng: where chance comes from: the origin of the grid.

    Returns:
        same shape and dtype; objects behind the holes count as less visible.

    Source:
        Chen et al., "GridMask data augmentation", 2020.
    """
    height, width = image.shape[:2]
    hole = min(cell - 1, max(1, round(cell * ratio)))
    left, top = rng.integers("left", 0, cell), rng.integers("top", 0, cell)
    rows, columns = (np.arange(height) + top) % cell < hole, (np.arange(width) + left) % cell < hole
    mask = rows[:, None] & columns
    return Covered(_filled(image, mask, fill, channels), mask)  # type: ignore[return-value]


@op
def pixel_dropout(
    image: Image,
    /,
    *,
    amount: Annotated[float, Bound(ge=0.0, le=1.0), Usual(0.01, 0.3)],
    each_channel: bool = False,
    fill: Fill = 0.0,
    channels: Channels = "color",
    rng: Rng = SUPPLIED,
) -> Image:
    """Cover single pixels, each drawn by itself.

    Use it against a model's reliance on single pixels, and for sensors with many dead ones.

    Args:
        amount: part of the pixels that goes.
        each_channel: draw every color channel by itself; a pixel counts as covered where all of them went.
        fill: what stands there instead, a fraction of full scale, or one per channel; alpha becomes opaque there.
        channels: "bands" when a fourth channel is not alpha.
        rng: where chance comes from.

    Returns:
        same shape and dtype; objects behind covered pixels count as less visible.

    Source:
        Closed form: each pixel is replaced with the probability `amount`.
    """
    color, alpha = split(image, channels)
    if not each_channel or image.ndim == 2:
        mask = rng.unit("pixel", image.shape[:2]) < amount
        return Covered(_filled(image, mask, fill, channels), mask)  # type: ignore[return-value]
    gone = rng.unit("pixel", color.shape) < amount
    out = image.copy(order="C")
    value = fill_values(fill, image, alpha is not None)
    for c in range(color.shape[2]):
        out[..., c][gone[..., c]] = value[c]
    return Covered(out, gone.all(axis=2))  # type: ignore[return-value]


@op
def random_erase(
    image: Image,
    /,
    *,
    area: tuple[Share, Share] = (0.02, 0.33),
    ratio: tuple[Aspect, Aspect] = (0.3, 3.3),
    fill: Fill | Literal["noise"] = 0.0,
    channels: Channels = "color",
    rng: Rng = SUPPLIED,
) -> Image:
    """Cover one rectangle of drawn size, shape and place.

    Use it in training classifiers and re-identification, with `.sometimes(0.5)`.

    Args:
        area: least and greatest part of the picture that is covered, drawn evenly.
        ratio: least and greatest height / width, drawn evenly on a logarithmic scale.
        fill: value of the rectangle, a fraction of full scale, or one per channel; "noise" draws every value. Alpha
            becomes opaque there.
        channels: "bands" when a fourth channel is not alpha.
        rng: where chance comes from.

    Returns:
        same shape and dtype; unchanged where ten drawn rectangles did not fit. Objects behind it count as less visible.

    Raises:
        ParamError: a range whose first number is above its second.

    Source:
        Zhong et al., "Random erasing data augmentation", AAAI 2020; torchvision's RandomErasing.
    """
    for name, span in (("area", area), ("ratio", ratio)):
        if span[0] > span[1]:
            raise ParamError(refusal("random_erase", name, "(least, greatest)", span))
    height, width = image.shape[:2]
    mask = np.zeros((height, width), np.bool_)
    for k in range(10):
        size = rng.uniform(f"area{k}", *area) * height * width
        aspect = rng.log_uniform(f"ratio{k}", *ratio)
        high, wide = round(math.sqrt(size * aspect)), round(math.sqrt(size / aspect))
        if not (1 <= high < height and 1 <= wide < width):
            continue
        top, left = rng.integers(f"top{k}", 0, height - high + 1), rng.integers(f"left{k}", 0, width - wide + 1)
        mask[top : top + high, left : left + wide] = True
        if fill != "noise":
            break
        out = _filled(image, mask, 0.0, channels)
        count = split(image[:1, :1], channels)[0].size
        values = from_unit(rng.unit("noise", (high, wide, count)), image.dtype)
        out.reshape(height, width, -1)[top : top + high, left : left + wide, :count] = values
        return Covered(out, mask)  # type: ignore[return-value]
    return Covered(_filled(image, mask, 0.0 if fill == "noise" else fill, channels), mask)  # type: ignore[return-value]
