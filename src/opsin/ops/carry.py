"""Carry pictures by a warp that was found or made elsewhere."""

import numpy as np

from opsin.errors import ParamError, refusal, verbatim
from opsin.geometry import Size, Warp
from opsin.op import geometric
from opsin.types import Border, Channels, Fill, Pixels


@geometric
def warp(
    size: Size,
    /,
    *,
    warp: Warp,
    width: Pixels | None = None,
    height: Pixels | None = None,
    border: Border = "constant",
    fill: Fill = 0.0,
    channels: Channels = "color",
) -> Warp:
    """Move pixels as a given warp says.

    Use it to lay pictures, masks, boxes and points on a reference that `register`, `register_ecc` or `find_homography`
    found the way to, or by any matrix or dense field of your own.

    Args:
        warp: an opsin.Warp from this canvas; or a matrix 3 x 3 that carries points (x, y) of this picture to the
            result, in continuous pixels; or what those techniques write as JSON.
        width: of the result in pixels; None takes the warp's, or keeps the picture's.
        height: of the result in pixels; None takes the warp's, or keeps the picture's.
        border: what lies beyond the picture.
        fill: intensity beyond the picture, a fraction of full scale.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        height x width (C), same dtype.

    Raises:
        ParamError: a warp from another canvas, or a matrix that cannot be inverted.

    Source:
        Closed form: the result at p is the picture at the point that the warp carries to p, bilinear.
    """
    given: object = warp  # a matrix where one was given
    if isinstance(given, Warp):
        if given.source != size:
            got = verbatim(f"one from {given.source.width} x {given.source.height}")
            raise ParamError(refusal("warp", "warp", f"from this canvas of {size.width} x {size.height}", got))
        target = Size(width or given.target.width, height or given.target.height)
        whole = given if target == given.target else given.then(Warp.of(np.eye(3), given.target, target))
    else:
        whole = Warp.of(np.asarray(given), size, Size(width or size.width, height or size.height))
    return whole.with_edge(border, fill)
