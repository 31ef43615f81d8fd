"""The frame of a picture: orientation, size, crops at stated places and padding."""

import math
from typing import Annotated, Literal

from opsin.arrays import MAX_SIDE
from opsin.errors import ParamError, refusal, verbatim
from opsin.geometry import Size, Warp, shift, stretch
from opsin.op import geometric
from opsin.types import Border, Bound, Channels, Fill, Fraction, ResizeKernel, Unit, Usual

Side = Annotated[int, Bound(ge=1, le=MAX_SIDE), Unit("px"), Usual(64, 512)]
Offset = Annotated[int, Bound(ge=0, le=MAX_SIDE), Unit("px"), Usual(0, 64)]

# x' = a x + b y + c width + d height, and the same for y: what each EXIF value asks for
_EXIF = {
    1: ((1, 0, 0, 0), (0, 1, 0, 0)),
    2: ((-1, 0, 1, 0), (0, 1, 0, 0)),
    3: ((-1, 0, 1, 0), (0, -1, 0, 1)),
    4: ((1, 0, 0, 0), (0, -1, 0, 1)),
    5: ((0, 1, 0, 0), (1, 0, 0, 0)),
    6: ((0, -1, 0, 1), (1, 0, 0, 0)),
    7: ((0, -1, 0, 1), (-1, 0, 1, 0)),
    8: ((0, 1, 0, 0), (-1, 0, 1, 0)),
}


@geometric
def orient(
    size: Size,
    /,
    *,
    orientation: Literal[1, 2, 3, 4, 5, 6, 7, 8],
    border: Border = "constant",
    fill: Fill = 0.0,
    channels: Channels = "color",
) -> Warp:
    """Turn a stored picture upright as its EXIF orientation value says.

    Use it on pictures that were decoded without their tag; `opsin.read` has done it already.

    Args:
        orientation: the EXIF value: 1 upright, 2 mirrored, 3 upside down, 4 flipped, 5 to 8 the same on their side.
        border: has no effect; every geometric technique takes it.
        fill: has no effect; every geometric technique takes it.
        channels: has no effect; every geometric technique takes it.

    Returns:
        H W (C), or W H (C) for 5 to 8; same dtype; exact.

    Source:
        CIPA DC-008-2019 (Exif 2.32), tag 0x0112.
    """
    rows = [[a, b, c * size.width + d * size.height] for a, b, c, d in _EXIF[orientation]]
    target = size if orientation < 5 else Size(size.height, size.width)
    return Warp.of([*rows, [0, 0, 1]], size, target)


@geometric
def resize(
    size: Size,
    /,
    *,
    width: Side,
    height: Side,
    kernel: ResizeKernel = "pillow-bilinear",
    border: Border = "constant",
    fill: Fill = 0.0,
    channels: Channels = "color",
) -> Warp:
    """Stretch to a width and height, whatever that does to the proportions.

    Use it where a model wants one fixed size and does not mind stretched pictures.

    Args:
        width: of the result, in pixels.
        height: of the result, in pixels.
        kernel: the resize kernel by definition; "pillow-bilinear" is antialiased, "opencv-linear" is not.
        border: has no effect; every geometric technique takes it.
        fill: has no effect; every geometric technique takes it.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        height width (C); same dtype.

    Source:
        Pillow's Image.resize; OpenCV's INTER_LINEAR for "opencv-linear".
    """
    return _stretched("resize", size, width, height, kernel)


@geometric
def resize_shorter(
    canvas: Size,
    /,
    *,
    size: Side,
    kernel: ResizeKernel = "pillow-bilinear",
    border: Border = "constant",
    fill: Fill = 0.0,
    channels: Channels = "color",
) -> Warp:
    """Scale so that the shorter side has a given length; proportions are kept.

    Use it before a center crop, as classifiers trained on ImageNet expect.

    Args:
        size: length of the shorter side in pixels; the other becomes int(size * long / short).
        kernel: the resize kernel by definition; "pillow-bilinear" is antialiased, "opencv-linear" is not.
        border: has no effect; every geometric technique takes it.
        fill: has no effect; every geometric technique takes it.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        H W (C) of the new size; same dtype.

    Source:
        torchvision.transforms.Resize with one number.
    """
    short, long = min(canvas), max(canvas)
    other = size * long // short
    width, height = (size, other) if canvas.width <= canvas.height else (other, size)
    return _stretched("resize_shorter", canvas, width, height, kernel)


@geometric
def resize_longer(
    canvas: Size,
    /,
    *,
    size: Side,
    kernel: ResizeKernel = "pillow-bilinear",
    border: Border = "constant",
    fill: Fill = 0.0,
    channels: Channels = "color",
) -> Warp:
    """Scale so that the longer side has a given length; proportions are kept.

    Use it to bound the size of pictures without cutting anything off.

    Args:
        size: length of the longer side in pixels; the other becomes int(size * short / long), at least 1.
        kernel: the resize kernel by definition; "pillow-bilinear" is antialiased, "opencv-linear" is not.
        border: has no effect; every geometric technique takes it.
        fill: has no effect; every geometric technique takes it.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        H W (C) of the new size; same dtype.

    Source:
        torchvision.transforms.Resize with max_size.
    """
    short, long = min(canvas), max(canvas)
    other = max(1, size * short // long)
    width, height = (size, other) if canvas.width >= canvas.height else (other, size)
    return _stretched("resize_longer", canvas, width, height, kernel)


@geometric
def letterbox(
    size: Size,
    /,
    *,
    width: Side,
    height: Side,
    fill: Fill = 0.447,
    x: Fraction = 0.5,
    y: Fraction = 0.5,
    kernel: ResizeKernel = "pillow-bilinear",
    enlarge: bool = True,
    border: Border = "constant",
    channels: Channels = "color",
) -> Warp:
    """Fit into a canvas with proportions kept, and fill the dead space.

    Use it in front of detectors that want one size; boxes follow, and `to_original` brings predictions back.

    Args:
        width: of the canvas in pixels.
        height: of the canvas in pixels.
        fill: value of the dead space, a fraction of full scale (0.447 is 114 of 255), or one per channel.
        x: where the picture stands: 0 at the left, 0.5 in the middle, 1 at the right.
        y: where the picture stands: 0 at the top, 0.5 in the middle, 1 at the bottom.
        kernel: the resize kernel by definition; "pillow-bilinear" is antialiased, "opencv-linear" is not.
        enlarge: whether a picture smaller than the canvas is enlarged.
        border: "constant" fills the dead space; the others continue the picture into it.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        height width (C); same dtype.

    Source:
        Redmon and Farhadi, "YOLOv3", 2018; sides are rounded, and an odd pixel goes to the right and the bottom.
    """
    ratio = min(width / size.width, height / size.height)
    if not enlarge:
        ratio = min(ratio, 1.0)
    inner = Size(min(width, max(1, round(size.width * ratio))), min(height, max(1, round(size.height * ratio))))
    left, top = int((width - inner.width) * x + 1e-9), int((height - inner.height) * y + 1e-9)
    placed = Warp.of(shift(left, top), inner, Size(width, height))
    return _stretched("letterbox", size, *inner, kernel).then(placed)


@geometric
def scale(
    size: Size,
    /,
    *,
    factor: Annotated[float, Bound(gt=0.0, le=1000.0), Usual(0.5, 2.0)],
    kernel: ResizeKernel = "pillow-bilinear",
    border: Border = "constant",
    fill: Fill = 0.0,
    channels: Channels = "color",
) -> Warp:
    """Make a picture larger or smaller by a factor; the canvas grows or shrinks with it.

    Use it to work at half size, or to see fine structures.

    Args:
        factor: 0.5 halves each side; sides are rounded to whole pixels, at least 1.
        kernel: the resize kernel by definition; "pillow-bilinear" is antialiased, "opencv-linear" is not.
        border: has no effect; every geometric technique takes it.
        fill: has no effect; every geometric technique takes it.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        H W (C) of the new size; same dtype.

    Source:
        Pillow's Image.resize to the rounded size.
    """
    width, height = (max(1, math.floor(side * factor + 0.5)) for side in size)
    return _stretched("scale", size, width, height, kernel)


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


def _stretched(name: str, size: Size, width: int, height: int, kernel: str) -> Warp:
    if width > MAX_SIDE or height > MAX_SIDE:
        got = verbatim(f"{width} x {height} from {size.width} x {size.height}")
        raise ParamError(refusal(name, "the result", f"at most {MAX_SIDE} pixels wide and high", got))
    return Warp.of(stretch(width / size.width, height / size.height), size, Size(width, height), kernel=kernel)


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
