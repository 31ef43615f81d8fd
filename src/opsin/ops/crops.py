"""What part of a picture is kept, and what is added around it."""

import math
from typing import Annotated

from opsin.arrays import MAX_SIDE
from opsin.errors import ParamError, refusal, verbatim
from opsin.geometry import Size, Warp, shift
from opsin.op import geometric
from opsin.types import Border, Bound, Channels, Fill, Fraction, Unit, Usual

Side = Annotated[int, Bound(ge=1, le=MAX_SIDE), Unit("px"), Usual(64, 512)]
Offset = Annotated[int, Bound(ge=0, le=MAX_SIDE), Unit("px"), Usual(0, 64)]


@geometric
def crop(
    size: Size,
    /,
    *,
    left: Offset,
    top: Offset,
    width: Side,
    height: Side,
    border: Border = "constant",
    fill: Fill = 0.0,
    channels: Channels = "color",
) -> Warp:
    """Cut out a rectangle at a stated place.

    Use it for a known region of interest; `pad` first where the rectangle reaches beyond the picture.

    Args:
        left: first column that stays, in pixels.
        top: first row that stays, in pixels.
        width: of the rectangle in pixels.
        height: of the rectangle in pixels.
        border: has no effect; a crop never leaves the picture.
        fill: has no effect; a crop never leaves the picture.
        channels: has no effect; every geometric technique takes it.

    Returns:
        height width (C); same dtype; exact.

    Raises:
        ParamError: the rectangle reaches beyond the picture.

    Source:
        Closed form: image[top : top + height, left : left + width].
    """
    _fits("crop", size, left, top, width, height)
    return Warp.of(shift(-left, -top), size, Size(width, height))


@geometric
def center_crop(
    size: Size,
    /,
    *,
    width: Side | None = None,
    height: Side | None = None,
    fraction: Annotated[float, Bound(gt=0.0, le=1.0), Usual(0.5, 1.0)] | None = None,
    border: Border = "constant",
    fill: Fill = 0.0,
    channels: Channels = "color",
) -> Warp:
    """Cut out the middle.

    Use it after `resize_shorter`, or with a fraction to leave out the margins of pictures of any size.

    Args:
        width: of the result in pixels; alone it keeps the full height.
        height: of the result in pixels; alone it keeps the full width.
        fraction: part of each side that stays, instead of width and height; 0.7 keeps the central 70 %.
        border: has no effect; a crop never leaves the picture.
        fill: has no effect; a crop never leaves the picture.
        channels: has no effect; every geometric technique takes it.

    Returns:
        height width (C); same dtype; exact.

    Raises:
        ParamError: larger than the picture, or neither pixels nor a fraction given, or both.

    Source:
        torchvision.transforms.CenterCrop: the offset is (side - length) / 2, halves rounded to even.
    """
    if fraction is not None:
        if width is not None or height is not None:
            raise ParamError(refusal("center_crop", "fraction", "given without width and height", fraction))
        width, height = (max(1, math.floor(side * fraction + 0.5)) for side in size)
    elif width is None and height is None:
        raise ParamError(refusal("center_crop", "width", "given, or height, or fraction", verbatim("nothing")))
    width, height = width or size.width, height or size.height
    left, top = _offset(size.width - width, 0.5), _offset(size.height - height, 0.5)
    _fits("center_crop", size, left, top, width, height)
    return Warp.of(shift(-left, -top), size, Size(width, height))


@geometric
def crop_at(
    size: Size,
    /,
    *,
    width: Side,
    height: Side,
    x: Fraction = 0.5,
    y: Fraction = 0.5,
    border: Border = "constant",
    fill: Fill = 0.0,
    channels: Channels = "color",
) -> Warp:
    """Cut out a rectangle whose place is given as a fraction of the room there is.

    Use it for corner and side crops of pictures of any size, and with a distribution of x and y in a pipeline.

    Args:
        width: of the result in pixels.
        height: of the result in pixels.
        x: 0 keeps the left edge, 0.5 the middle, 1 the right edge.
        y: 0 keeps the top edge, 0.5 the middle, 1 the bottom edge.
        border: has no effect; a crop never leaves the picture.
        fill: has no effect; a crop never leaves the picture.
        channels: has no effect; every geometric technique takes it.

    Returns:
        height width (C); same dtype; exact.

    Raises:
        ParamError: larger than the picture.

    Source:
        Closed form: left = round((picture width - width) * x), halves to even.
    """
    left, top = _offset(size.width - width, x), _offset(size.height - height, y)
    _fits("crop_at", size, left, top, width, height)
    return Warp.of(shift(-left, -top), size, Size(width, height))


@geometric
def pad(
    size: Size,
    /,
    *,
    left: Offset = 0,
    top: Offset = 0,
    right: Offset = 0,
    bottom: Offset = 0,
    border: Border = "constant",
    fill: Fill = 0.0,
    channels: Channels = "color",
) -> Warp:
    """Add rows and columns around a picture.

    Use it to reach a size without resampling, or to give a filter room.

    Args:
        left: columns added at the left, in pixels.
        top: rows added at the top, in pixels.
        right: columns added at the right, in pixels.
        bottom: rows added at the bottom, in pixels.
        border: what is added: "constant" fills, the others continue the picture.
        fill: value of what is added, a fraction of full scale, where border is constant.
        channels: "bands" when a fourth channel is not alpha; with alpha, what is added is transparent.

    Returns:
        H + top + bottom, W + left + right (C); same dtype; exact.

    Source:
        numpy.pad, modes constant, reflect, symmetric, edge and wrap.
    """
    target = Size(size.width + left + right, size.height + top + bottom)
    if max(target) > MAX_SIDE:
        got = verbatim(f"{target.width} x {target.height}")
        raise ParamError(refusal("pad", "the result", f"at most {MAX_SIDE} pixels wide and high", got))
    return Warp.of(shift(left, top), size, target)


def _offset(room: int, part: float) -> int:
    return round(room * part)


def _fits(name: str, size: Size, left: int, top: int, width: int, height: int) -> None:
    """Refuse a rectangle that is not wholly on the picture, naming the parameter that is to blame."""
    for param, start, length, side, word in (
        ("width", left, width, size.width, "wide"),
        ("height", top, height, size.height, "high"),
    ):
        if start < 0 or start + length > side:
            room = f"at most {side - max(start, 0)}, for the picture is {side} pixels {word}"
            if start >= side:
                first = "left" if param == "width" else "top"
                raise ParamError(refusal(name, first, f"below {side}, for the picture is {side} pixels {word}", start))
            if start > 0:
                room += f" and the crop begins at {start}"
            raise ParamError(refusal(name, param, room, length, "Pad or enlarge the picture first."))
