"""How far boxes cover each other: intersection over union of every pair."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["areas", "pairwise_overlap"]

Floats = NDArray[np.float64]


def areas(boxes: ArrayLike, *, edge: float = 0.0) -> Floats:
    """Measure boxes N 4; `edge` is added to both sides (1 where a box counts its last pixel as inside)."""
    b = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    return np.maximum(b[:, 2] - b[:, 0] + edge, 0.0) * np.maximum(b[:, 3] - b[:, 1] + edge, 0.0)


def pairwise_overlap(
    a: ArrayLike, b: ArrayLike, *, edge: float = 0.0, crowd: NDArray[np.bool_] | None = None
) -> NDArray[Any]:
    """Measure how far each box of one list covers each box of another.

    Args:
        a: N 4 (x1 y1 x2 y2).
        b: M 4.
        edge: 1 for pixel boxes whose last row and column are inside (PASCAL VOC), 0 for continuous ones.
        crowd: M, True where a box of `b` stands for a group: overlap is then the share of `a` that lies in it.

    Returns:
        N M float64 in 0..1; boxes without area overlap nothing.

    Source:
        Jaccard, 1912; COCO's evaluation for crowds.
    """
    p, q = np.asarray(a, dtype=np.float64).reshape(-1, 4), np.asarray(b, dtype=np.float64).reshape(-1, 4)
    low = np.maximum(p[:, None, :2], q[None, :, :2])
    high = np.minimum(p[:, None, 2:], q[None, :, 2:])
    inner = np.maximum(high - low + edge, 0.0).prod(axis=2)
    first, second = areas(p, edge=edge)[:, None], areas(q, edge=edge)[None, :]
    whole = first + second - inner
    if crowd is not None:
        whole = np.where(crowd[None, :], first, whole)
    return np.divide(inner, whole, out=np.zeros_like(inner), where=whole > 0)
