"""Brightness as a function of brightness: every value is mapped by itself, whatever lies around it."""

from typing import Annotated

import numpy as np

from opsin.op import pointwise
from opsin.types import Bound, Channels, Usual, Values


@pointwise
def gamma(
    values: Values,
    /,
    *,
    gamma: Annotated[float, Bound(gt=0.0, le=100.0), Usual(0.4, 2.5)],
    channels: Channels = "color",
) -> Values:
    """Brighten or darken the middle tones, leaving black and white fixed.

    Use it to correct exposure by eye or to make a model robust against it.

    Args:
        gamma: the exponent; above 1 darkens, below 1 brightens, 1 changes nothing.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype.

    Source:
        Poynton, "Digital Video and HD: Algorithms and Interfaces", 2012, chapter on gamma: out = in ** gamma.
    """
    return np.power(values, gamma, dtype=values.dtype)
