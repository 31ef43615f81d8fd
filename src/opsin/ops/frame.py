"""The size of a picture: upright, stretched, scaled and fitted into a canvas."""

import math
from typing import Annotated, Literal

from opsin.arrays import MAX_SIDE
from opsin.errors import ParamError, refusal, verbatim
from opsin.geometry import Size, Warp, shift, stretch
from opsin.op import geometric
from opsin.types import Border, Bound, Channels, Fill, Fraction, ResizeKernel, Unit, Usual

Side = Annotated[int, Bound(ge=1, le=MAX_SIDE), Unit("px"), Usual(64, 512)]

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


def _stretched(name: str, size: Size, width: int, height: int, kernel: str) -> Warp:
    if width > MAX_SIDE or height > MAX_SIDE:
        got = verbatim(f"{width} x {height} from {size.width} x {size.height}")
        raise ParamError(refusal(name, "the result", f"at most {MAX_SIDE} pixels wide and high", got))
    return Warp.of(stretch(width / size.width, height / size.height), size, Size(width, height), kernel=kernel)
