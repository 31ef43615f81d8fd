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
    """Turn the hues of floats H W 3 in 0..1 by a fraction of the circle; value and saturation stay."""
    height, width = values.shape[:2]
    out = np.empty(values.shape, values.dtype)
    rows = max(1, _BLOCK // width)
    turn = values.dtype.type(6.0 * (shift % 1.0))
    for start in range(0, height, rows):
        part = values[start : start + rows]
        sixths, top, chroma = hue_of(*(np.ascontiguousarray(part[..., c]) for c in range(3)))
        sixths += turn
        sixths -= (sixths >= 6) * values.dtype.type(6.0)
        # how far each channel lies below its top: it rises and falls over two sixths of the circle each
        below = (2 - np.abs(sixths - 3), np.abs(sixths - 2) - 1, np.abs(sixths - 4) - 1)
        for c, k in enumerate(below):
            out[start : start + rows, :, c] = top - chroma * np.clip(k, 0, 1)
    return out
