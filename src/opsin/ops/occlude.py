"""Things that stand in front of the picture and hide a part of it."""

from typing import Annotated

import numpy as np

from opsin.chance import Rng
from opsin.kernels.resample import fill_values
from opsin.op import Covered, op
from opsin.types import SUPPLIED, Bound, Channels, Fill, Image, Usual


@op
def cutout(
    image: Image,
    /,
    *,
    holes: Annotated[int, Bound(ge=1, le=10000), Usual(1, 8)] = 1,
    fraction: Annotated[float, Bound(gt=0.0, le=1.0), Usual(0.1, 0.5)] = 0.2,
    fill: Fill = 0.0,
    channels: Channels = "color",
    rng: Rng = SUPPLIED,
) -> Image:
    """Cover rectangles at drawn places.

    Use it against a model's reliance on one telling detail; objects behind a hole count as less visible.

    Args:
        holes: how many.
        fraction: width and height of a hole as a fraction of the picture's, at least one pixel.
        fill: value of the holes, a fraction of full scale, or one per channel; alpha becomes opaque there.
        channels: "bands" when a fourth channel is not alpha.
        rng: where chance comes from: the middles of the holes, anywhere on the picture.

    Returns:
        same shape and dtype; a hole near the edge is cut off by it.

    Source:
        DeVries and Taylor, "Improved regularization of convolutional neural networks with cutout", 2017.
    """
    height, width = image.shape[:2]
    high, wide = max(1, round(height * fraction)), max(1, round(width * fraction))
    mask = np.zeros((height, width), np.bool_)
    for x, y in rng.unit("middle", (holes, 2)).tolist():
        left, top = int(x * width) - wide // 2, int(y * height) - high // 2
        mask[max(0, top) : max(0, top + high), max(0, left) : max(0, left + wide)] = True
    out = image.copy(order="C")
    alpha = image.ndim == 3 and image.shape[2] == 4 and channels == "color"
    value = fill_values(fill, image, alpha)
    if alpha and not (isinstance(fill, tuple) and len(fill) == 4):
        value[3] = fill_values(1.0, image[..., :1], False)[0]
    out[mask] = value if image.ndim == 3 else value[0]
    return Covered(out, mask)  # type: ignore[return-value]  # the decorator unwraps it
