"""Medians of square windows by minima and maxima of whole blocks: no sorting, no branch, the same for every dtype."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["median"]

Values: TypeAlias = NDArray[Any]
_BLOCK = 1 << 15  # bytes worked on at a time for each value of the window


def median(image: Values, radius: int) -> Values:
    """Median of the 2 radius + 1 square around each pixel of H W (C); the edge is repeated.

    Half of the window and two more are held; the least and the greatest of them cannot be the median and are
    forgotten, one of the rest comes in, and so on until three are left.

    Source:
        Devillard, "Fast median search: an ANSI C implementation", 1998 (forgetful selection), on blocks of pixels.
    """
    h, w = image.shape[:2]
    channels = image.size // (h * w)
    side = 2 * radius + 1
    widths = [(radius, radius), (radius, radius)] + [(0, 0)] * (image.ndim - 2)
    wide = np.pad(image, widths, mode="edge").reshape(h + 2 * radius, -1)
    columns = w * channels
    out = np.empty((h, columns), image.dtype)
    rows = max(1, _BLOCK // (columns * image.itemsize))
    held = side * side // 2 + 2
    for top in range(0, h, rows):
        count = min(rows, h - top)
        taps = [
            wide[top + i : top + i + count, j * channels : j * channels + columns]
            for i in range(side)
            for j in range(side)
        ]
        kept = [t.copy() for t in taps[:held]]
        scratch = np.empty_like(kept[0])
        for tap in taps[held:]:
            scratch = _extremes(kept, scratch)
            kept.pop()
            np.copyto(kept[0], tap)
        _extremes(kept, scratch)
        out[top : top + count] = kept[1]
    return out.reshape(image.shape)


def _extremes(kept: list[Values], scratch: Values) -> Values:
    """Bring the least of each pixel to the front and the greatest to the back; gives a block to scratch in."""
    last = len(kept) - 1

    def order(low: int, high: int, scratch: Values) -> Values:
        np.minimum(kept[low], kept[high], out=scratch)
        np.maximum(kept[low], kept[high], out=kept[high])
        kept[low], scratch = scratch, kept[low]
        return scratch

    half = len(kept) // 2
    for i in range(half):
        scratch = order(i, last - i, scratch)
    for i in range(1, last - half + 1):
        scratch = order(0, i, scratch)
    for i in range(half, last):
        scratch = order(i, last, scratch)
    return scratch
