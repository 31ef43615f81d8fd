"""Smoothing and blurs: what lenses, motion and age do to sharpness."""

import math
from typing import Annotated

import numpy as np

from opsin.kernels import use_core
from opsin.kernels.gaussian import gaussian
from opsin.op import op
from opsin.ops._planes import color_of, jointly, with_color
from opsin.types import Border, Bound, Channels, Image, Unit, Usual


@op(halo=lambda sigma, **_: math.floor(4.0 * sigma + 0.5) if sigma > 0 else 0)
def gaussian_blur(
    image: Image,
    /,
    *,
    sigma: Annotated[float, Bound(ge=0.0, le=1000.0), Unit("px"), Usual(0.5, 5.0)],
    border: Border = "reflect",
    channels: Channels = "color",
) -> Image:
    """Smooth with a bell-shaped weight.

    Use it against noise before edges are sought, and as augmentation against a model's reliance on fine texture.

    Args:
        sigma: standard deviation of the bell in pixels; it is cut off at 4 sigma; 0 changes nothing.
        border: what lies beyond the edge; "reflect" does not repeat the edge, "constant" is black.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype; alpha is left alone.

    Source:
        scipy.ndimage.gaussian_filter; OpenCV's GaussianBlur in float.
    """
    if sigma == 0.0:
        return np.ascontiguousarray(image)
    if image.dtype != np.float32 and use_core():
        # levels as they are, without the detour over fractions of white
        color = np.ascontiguousarray(color_of(image, channels))
        return with_color(image, gaussian(color, sigma, border), channels)
    return jointly(image, lambda values: gaussian(values, sigma, border), channels)
