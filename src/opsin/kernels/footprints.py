"""The shapes that morphology looks through."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["footprint"]


@lru_cache(maxsize=64)
def footprint(shape: str, radius: int) -> NDArray[np.uint8]:
    """Make a footprint of side 2 radius + 1.

    Args:
        shape: `disk` (x^2 + y^2 <= radius^2), `square`, or `diamond` (|x| + |y| <= radius).
        radius: in pixels.

    Returns:
        uint8 of 0 and 1, read-only.
    """
    y, x = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    if shape == "disk":
        out = x * x + y * y <= radius * radius
    elif shape == "diamond":
        out = np.abs(x) + np.abs(y) <= radius
    else:
        out = np.ones((2 * radius + 1, 2 * radius + 1), dtype=np.bool_)
    out = out.astype(np.uint8)
    out.setflags(write=False)
    return out
