"""Smoothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from opsin.kernels.native.loading import need, refuse
from opsin.types import Array, Border

__all__ = ["BOX", "box_mean", "median", "smooth"]

BOX = 7  # the largest radius of box_mean: sums of its squares fit 16 bits


def smooth(image: Array, taps: Sequence[float], border: Border = "reflect", edge: float = 0.0) -> Array:
    """Convolve both axes with symmetric taps, in float32.

    Args:
        image: H W or H W C; uint8, uint16 or float32.
        taps: the weight of the middle, and of what lies 1, 2, ... pixels to either side.
        border: what lies beyond the edge.
        edge: the value beyond a constant border, in the image's own scale.

    Returns:
        same shape and dtype.
    """
    return _made(image, lambda core, image, out: core.smooth(image, [float(t) for t in taps], border, edge, out))[0]


def box_mean(image: Array, radius: int, border: Border = "reflect") -> Array:
    """Mean of the square around every pixel, rounded half up; beyond a constant border lies 0.

    Args:
        image: H W or H W C; uint8.
        radius: the square has 2 radius + 1 pixels a side; 1 to BOX.
        border: what lies beyond the edge.

    Returns:
        same shape and dtype.
    """
    return _made(image, lambda core, image, out: core.box_mean(image, radius, border, out))[0]


def median(image: Array) -> Array | None:
    """Median of the 25 pixels around every pixel of uint8 H W (C), the edge repeated.

    Returns:
        same shape and dtype; None where the processor or the picture does not allow it.
    """
    out, done = _made(image, lambda core, image, out: core.median(image, out))
    return out if done else None


def _made(image: Array, make: Callable[[Any, Array, Array], Any]) -> tuple[Array, Any]:
    """Let the core make a picture like another one; gives it, and what the core says."""
    core = need()
    image = np.ascontiguousarray(image)
    out = np.empty_like(image)
    try:
        return out, make(core, image, out)
    except core.NativeError as error:
        refuse(error)
