"""Moves that keep straight lines straight: flips, turns, shifts, shears, affine maps and perspective."""

from typing import Annotated, Literal

import numpy as np

from opsin.geometry import Size, Warp, about, shift, turn
from opsin.op import geometric
from opsin.types import Border, Bound, Channels, Degrees, Fill, Unit, Usual

Share = Annotated[float, Bound(ge=-1.0, le=1.0), Usual(-0.2, 0.2)]
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
