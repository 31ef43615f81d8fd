"""The colors of a picture as weighted points, and the nearest of a few centers for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from opsin.arrays import to_unit
from opsin.chance import Rng
from opsin.types import Array

__all__ = ["Palette", "nearest"]

Floats: TypeAlias = NDArray[np.float32]
_CHUNK = 1 << 16


@dataclass(frozen=True)
class Palette:
    """The colors that occur, how often, and which of them each pixel has (None: pixel by pixel)."""

    colors: Floats
    weights: NDArray[np.float64]
    where: NDArray[np.intp] | None
    shape: tuple[int, int]

    @staticmethod
    def of(color: Array) -> Palette:
        """Read a picture H W (C) without alpha; colors of up to four 8-bit channels are counted, others kept."""
        h, w = color.shape[:2]
        rows = color.reshape(h * w, -1)
        if color.dtype != np.uint8 or rows.shape[1] > 4:
            points = np.ascontiguousarray(to_unit(rows, np.float32))
            return Palette(points, np.ones(len(points)), None, (h, w))
        code = rows[:, 0].astype(np.uint32)
        for channel in range(1, rows.shape[1]):
            code = (code << np.uint32(8)) | rows[:, channel]
        found, where, counts = np.unique(code, return_inverse=True, return_counts=True)
        shifts = np.arange(rows.shape[1] - 1, -1, -1, dtype=np.uint32) * np.uint32(8)
        points = ((found[:, None] >> shifts) & np.uint32(255)).astype(np.float32) / np.float32(255.0)
        return Palette(points, counts.astype(np.float64), where.reshape(-1), (h, w))

    def some(self, count: int, rng: Rng) -> tuple[Floats, NDArray[np.float64]]:
        """Choose points to learn from: all of them, or as many as asked for, frequent ones more often."""
        if len(self.colors) <= count:
            return self.colors, self.weights
        # one draw in each of `count` equal shares of the pixels: no luck of the draw in how often a color comes
        ends = np.cumsum(self.weights)
        at = (np.arange(count) + rng.unit("points", count)) * (ends[-1] / count)
        chosen = np.minimum(np.searchsorted(ends, at, side="right"), len(ends) - 1)
        ids, counts = np.unique(chosen, return_counts=True)
        return self.colors[ids], counts.astype(np.float64)

    def spread(self, numbers: NDArray[Any]) -> NDArray[Any]:
        """Give each pixel its color's number: H W."""
        return (numbers if self.where is None else numbers[self.where]).reshape(self.shape)


def nearest(points: Floats, centers: NDArray[Any]) -> tuple[NDArray[np.intp], Floats]:
    """Find the nearest center of each point.

    Args:
        points: N C.
        centers: K C.

    Returns:
        N numbers, and N squared distances.
    """
    fixed = centers.astype(np.float32)
    # distances are taken from the middle of the centers: far from zero, float32 would lose them
    middle = fixed.mean(axis=0)
    fixed = fixed - middle
    half = (fixed * fixed).sum(axis=1) * np.float32(0.5)
    number = np.empty(len(points), dtype=np.intp)
    distance = np.empty(len(points), dtype=np.float32)
    step = max(1, min(len(points), _CHUNK * 64 // max(len(fixed), 1)))
    for start in range(0, len(points), step):
        part = points[start : start + step] - middle
        score = half - part @ fixed.T
        best = score.argmin(axis=1)
        number[start : start + step] = best
        gap = part - fixed[best]
        distance[start : start + step] = np.einsum("nc,nc->n", gap, gap)
    return number, distance
