"""Moves that keep straight lines straight: flips, turns, shifts, shears, affine maps and perspective."""

import math
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from opsin.chance import Rng
from opsin.errors import ParamError, refusal, verbatim
from opsin.geometry import Size, Warp, about, shift, turn
from opsin.op import geometric
from opsin.types import SUPPLIED, Array, Border, Bound, Channels, Degrees, Fill, Fraction, Shape, Unit, Usual

Share = Annotated[float, Bound(ge=-1.0, le=1.0), Usual(-0.2, 0.2)]
Corners = Annotated[Array, Shape(2, (4, 2)), Unit("px")]
Slant = Annotated[float, Bound(gt=-89.0, lt=89.0), Unit("degrees"), Usual(-20.0, 20.0)]


@geometric
def flip_horizontal(
    size: Size, /, *, border: Border = "constant", fill: Fill = 0.0, channels: Channels = "color"
) -> Warp:
    """Mirror left and right.

    Use it where a mirrored picture is as likely as the original; left and right key points swap names.

    Args:
        border: has no effect; every geometric technique takes it.
        fill: has no effect; every geometric technique takes it.
        channels: has no effect; every geometric technique takes it.

    Returns:
        same shape and dtype; exact.

    Source:
        Closed form: x -> width - x.
    """
    return Warp.of([[-1, 0, size.width], [0, 1, 0], [0, 0, 1]], size)


@geometric
def flip_vertical(
    size: Size, /, *, border: Border = "constant", fill: Fill = 0.0, channels: Channels = "color"
) -> Warp:
    """Mirror top and bottom.

    Use it for pictures without an up and down: aerial, microscopic, textures; left and right key points swap names.

    Args:
        border: has no effect; every geometric technique takes it.
        fill: has no effect; every geometric technique takes it.
        channels: has no effect; every geometric technique takes it.

    Returns:
        same shape and dtype; exact.

    Source:
        Closed form: y -> height - y.
    """
    return Warp.of([[1, 0, 0], [0, -1, size.height], [0, 0, 1]], size)


@geometric
def transpose(size: Size, /, *, border: Border = "constant", fill: Fill = 0.0, channels: Channels = "color") -> Warp:
    """Swap rows and columns: mirror at the diagonal from top-left to bottom-right.

    Use it with the flips to reach all eight positions of a square picture.

    Args:
        border: has no effect; every geometric technique takes it.
        fill: has no effect; every geometric technique takes it.
        channels: has no effect; every geometric technique takes it.

    Returns:
        W H (C); same dtype; exact.

    Source:
        Closed form: (x, y) -> (y, x).
    """
    return Warp.of([[0, 1, 0], [1, 0, 0], [0, 0, 1]], size, Size(size.height, size.width))


@geometric
def rotate90(
    size: Size,
    /,
    *,
    times: Annotated[int, Bound(ge=-(1 << 31), lt=1 << 31), Usual(0, 3)],
    border: Border = "constant",
    fill: Fill = 0.0,
    channels: Channels = "color",
) -> Warp:
    """Turn by quarter turns, anticlockwise as seen; the canvas turns along.

    Use it for pictures taken from above, and to put pictures upright.

    Args:
        times: number of quarter turns; negative turns clockwise.
        border: has no effect; every geometric technique takes it.
        fill: has no effect; every geometric technique takes it.
        channels: has no effect; every geometric technique takes it.

    Returns:
        H W (C), or W H (C) after an odd number of turns; same dtype; exact.

    Source:
        numpy.rot90.
    """
    target = Size(size.height, size.width) if times % 2 else size
    back = shift(-size.width / 2, -size.height / 2)
    return Warp.of(shift(target.width / 2, target.height / 2) @ turn(90.0 * (times % 4)) @ back, size, target)


@geometric
def rotate(
    size: Size,
    /,
    *,
    angle: Degrees,
    keep: Literal["size", "all", "inside"] = "size",
    border: Border = "constant",
    fill: Fill = 0.0,
    channels: Channels = "color",
) -> Warp:
    """Turn about the center, anticlockwise as seen.

    Use it for cameras that were not level, and as augmentation; quarter turns are exact.

    Args:
        angle: degrees.
        keep: "size" keeps the canvas and cuts corners, "all" grows it to hold everything, "inside" shrinks it to the
            largest upright rectangle without empty corners.
        border: what lies beyond the edge.
        fill: value beyond the edge, a fraction of full scale, where border is constant.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        H W (C) for "size"; larger or smaller for the others; same dtype.

    Source:
        Closed form: rotation matrix about (width / 2, height / 2); bilinear sampling.
    """
    matrix = about(size.center, turn(angle))
    if keep == "size":
        return Warp.of(matrix, size)
    canvas = size.around(matrix) if keep == "all" else _inside(size, angle)
    move = shift(canvas.width / 2 - size.width / 2, canvas.height / 2 - size.height / 2)
    return Warp.of(move @ matrix, size, canvas)


def _inside(size: Size, angle: float) -> Size:
    """The largest upright rectangle within a turned one (closed form, two cases)."""
    w, h = float(size.width), float(size.height)
    s, c = abs(np.sin(np.radians(angle))), abs(np.cos(np.radians(angle)))
    long, short = max(w, h), min(w, h)
    if short <= 2.0 * s * c * long or abs(s - c) < 1e-10:
        half = short / 2.0
        wide, high = (half / s, half / c) if w >= h else (half / c, half / s)
    else:
        cos2 = c * c - s * s
        wide, high = (w * c - h * s) / cos2, (h * c - w * s) / cos2
    return Size(max(1, int(wide + 1e-9)), max(1, int(high + 1e-9)))


@geometric
def translate(
    size: Size,
    /,
    *,
    x: Share,
    y: Share,
    border: Border = "constant",
    fill: Fill = 0.0,
    channels: Channels = "color",
) -> Warp:
    """Move the picture on its canvas.

    Use it against a model's habit of looking in the middle.

    Args:
        x: shift to the right as a fraction of the width.
        y: shift downwards as a fraction of the height.
        border: what lies beyond the edge.
        fill: value beyond the edge, a fraction of full scale, where border is constant.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype; exact where the shift is a whole number of pixels.

    Source:
        Closed form; bilinear sampling.
    """
    return Warp.of(shift(x * size.width, y * size.height), size)


@geometric
def shear(
    size: Size,
    /,
    *,
    x: Slant = 0.0,
    y: Slant = 0.0,
    border: Border = "constant",
    fill: Fill = 0.0,
    channels: Channels = "color",
) -> Warp:
    """Slant the picture about its center: upright lines by one angle, level lines by the other.

    Use it for oblique views and slanted writing; with both angles level lines are slanted after upright ones.

    Args:
        x: degrees by which upright lines turn, anticlockwise as seen.
        y: degrees by which level lines turn, anticlockwise as seen.
        border: what lies beyond the edge.
        fill: value beyond the edge, a fraction of full scale, where border is constant.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype.

    Source:
        Closed form about (width / 2, height / 2); bilinear sampling.
    """
    return Warp.of(about(size.center, _slanted(x, y)), size)


@geometric
def affine(
    size: Size,
    /,
    *,
    angle: Degrees = 0.0,
    scale: Annotated[float, Bound(gt=0.0, le=1000.0), Usual(0.7, 1.4)] = 1.0,
    shear: Slant = 0.0,
    shear_y: Slant = 0.0,
    x: Share = 0.0,
    y: Share = 0.0,
    border: Border = "constant",
    fill: Fill = 0.0,
    channels: Channels = "color",
) -> Warp:
    """Slant, scale, turn and move in one step, sampled once.

    Use it as the one geometric augmentation of a pipeline. Seen from the center of the picture: first the slants, then
    the scale, then the turn, then the shift.

    Args:
        angle: degrees, anticlockwise as seen.
        scale: factor about the center; the canvas stays.
        shear: degrees by which upright lines turn, anticlockwise as seen.
        shear_y: degrees by which level lines turn, anticlockwise as seen.
        x: shift to the right as a fraction of the width.
        y: shift downwards as a fraction of the height.
        border: what lies beyond the edge.
        fill: value beyond the edge, a fraction of full scale, where border is constant.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype.

    Source:
        Closed form: translation x rotation x scale x level slant x upright slant; bilinear sampling.
    """
    inner = turn(angle) @ np.diag([scale, scale, 1.0]) @ _slanted(shear, shear_y)
    return Warp.of(shift(x * size.width, y * size.height) @ about(size.center, inner), size)


@geometric
def perspective(
    size: Size,
    /,
    *,
    distortion: Fraction = 0.3,
    corners: Corners | None = None,
    border: Border = "constant",
    fill: Fill = 0.0,
    channels: Channels = "color",
    rng: Rng | None = SUPPLIED,
) -> Warp:
    """Look at the picture from another side: straight lines stay straight, parallel ones need not.

    Use it for signs, documents and other flat things, with stated corners or, as augmentation, with drawn ones. Where
    the drawn corners would fold the picture, all four move only half as far.

    Args:
        distortion: how far a drawn corner may move inwards, as a fraction of half the width and half the height.
        corners: where top-left, top-right, bottom-right and bottom-left go, in pixels; given, nothing is drawn.
        border: what lies beyond the edge.
        fill: value beyond the edge, a fraction of full scale, where border is constant.
        channels: "bands" when a fourth channel is not alpha.
        rng: where chance comes from; needed without corners.

    Returns:
        same shape and dtype.

    Raises:
        ParamError: corners that do not make a convex quadrilateral, or neither corners nor rng.

    Source:
        Heckbert, "Fundamentals of texture mapping and image warping", 1989; torchvision.transforms.RandomPerspective.
    """
    if corners is not None:
        goal = np.asarray(corners, dtype=np.float64)
        if not _convex(goal):
            raise ParamError(refusal("perspective", "corners", "a convex quadrilateral", goal.tolist()))
    elif rng is None:
        hint = "Use rng=opsin.Rng(7)."
        raise ParamError(refusal("perspective", "rng", "given without corners", verbatim("nothing"), hint))
    else:
        # at the full distortion all four corners may meet in the middle, which no picture survives
        reach = min(distortion, 0.999) / 2.0
        inwards = np.array([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])
        goal = size.corners + inwards * rng.uniform("corners", 0.0, reach, (4, 2)) * [size.width, size.height]
        if not _convex(goal):
            goal = size.corners + (goal - size.corners) * 0.5
    return Warp.of(_homography(size.corners, goal), size)


def _slanted(x: float, y: float) -> NDArray[np.float64]:
    upright = np.array([[1.0, math.tan(math.radians(x)), 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    level = np.array([[1.0, 0.0, 0.0], [-math.tan(math.radians(y)), 1.0, 0.0], [0.0, 0.0, 1.0]])
    return level @ upright


def _convex(points: NDArray[np.float64]) -> bool:
    p = points.tolist()
    edge = [(b[0] - a[0], b[1] - a[1]) for a, b in zip(p, p[1:] + p[:1], strict=True)]
    cross = [a[0] * b[1] - a[1] * b[0] for a, b in zip(edge, edge[1:] + edge[:1], strict=True)]
    least = 1e-6 * max(abs(v) for e in edge for v in e) ** 2
    return all(v > least for v in cross) or all(v < -least for v in cross)


def _homography(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """The 3 x 3 matrix that carries four points to four others: eight linear equations."""
    rows, right = [], []
    for (x, y), (u, v) in zip(source.tolist(), target.tolist(), strict=True):
        rows += [[x, y, 1.0, 0.0, 0.0, 0.0, -u * x, -u * y], [0.0, 0.0, 0.0, x, y, 1.0, -v * x, -v * y]]
        right += [u, v]
    solution = np.linalg.solve(np.array(rows), np.array(right))
    return np.append(solution, 1.0).reshape(3, 3)
