"""Turning hues in HSV without going through HSV."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["hue_of", "turn_hue"]

_BLOCK = 1 << 16  # pixels worked on at a time, so that the planes in between stay in the cache


def hue_of(red: NDArray[Any], green: NDArray[Any], blue: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """Give hue in sixths of the circle 0..6, value, and value - least; hue is 0 where there is no color."""
    top = np.maximum(np.maximum(red, green), blue)
    chroma = top - np.minimum(np.minimum(red, green), blue)
    safe = np.where(chroma > 0, chroma, 1)
    sixths = np.where(
        top == red,
        (green - blue) / safe,
        np.where(top == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    return np.where(sixths < 0, sixths + 6, sixths), top, chroma


def turn_hue(values: NDArray[Any], shift: float) -> NDArray[Any]:
    """Turn the hues of floats H W 3 in 0..1 by a fraction of the circle; value and saturation stay.

    Whole sixths of the circle exchange the channels, mirrored about the middle of value and least for odd ones. What
    is left of the turn moves every channel by as much as the other two, held together, allow: no hue is ever worked
    out, so that nothing is divided.
    """
    height, width = values.shape[:2]
    out = np.empty(values.shape, values.dtype)
    rows = max(1, _BLOCK // width)
    sixths = 6.0 * (shift % 1.0)
    whole = min(int(sixths), 5)
    part = values.dtype.type(sixths - whole)
    order = ((0, 1, 2), (1, 2, 0), (2, 0, 1))[whole % 3]
    for start in range(0, height, rows):
        red, green, blue = (np.ascontiguousarray(values[start : start + rows, :, c]) for c in range(3))
        top = np.maximum(np.maximum(red, green), blue)
        least = np.minimum(np.minimum(red, green), blue)
        chroma = top - least
        planes: tuple[NDArray[Any], ...] = (red, green, blue)
        if whole % 2:
            ends = top + least
            planes = tuple(ends - plane for plane in planes)
        planes = tuple(planes[k] for k in order)
        free = chroma - part * chroma
        for c in range(3):
            apart = planes[(c + 1) % 3] - planes[(c + 2) % 3]
            moved = planes[c] + (np.clip(apart, -free, free) - apart)
            out[start : start + rows, :, c] = np.clip(moved, least, top)
    return out
