"""One marker per object: basins of a landscape, joined where nothing worth the name lies between them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["join_basins"]


def join_basins(
    basins: NDArray[Any],
    height: NDArray[Any],
    *,
    relative: float = 0.0,
    absolute: float = 0.0,
    least: float = 0.0,
) -> NDArray[np.int32]:
    """Join neighboring basins whose peaks are hardly higher than the pass between them.

    Passes are looked at from the highest down. At each, the lower of the two peaks must rise above the pass by
    `absolute`, by `relative` of its own height, and be at least `least` of the higher peak; otherwise the two basins
    are one.

    Args:
        basins: H W whole numbers, 0 where there is none.
        height: H W; each basin is the surroundings of one peak.
        relative: a fraction of the lower peak's height.
        absolute: in the units of height.
        least: a fraction of the higher peak's height: what is tiny beside its neighbor is a part of it.

    Returns:
        H W int32, numbered 1, 2, ... in the order in which rows meet the basins.

    Source:
        Edelsbrunner, Letscher and Zomorodian, "Topological persistence and simplification", 2002; Chazal, Guibas,
        Oudot and Skraba, "Persistence-based clustering in Riemannian manifolds", 2013.
    """
    count = int(basins.max(initial=0))
    if count == 0:
        return np.zeros(basins.shape, dtype=np.int32)
    peak = np.full(count + 1, -np.inf)
    np.maximum.at(peak, basins.ravel(), height.ravel())
    owner = list(range(count + 1))
    peaks = peak.tolist()

    def find(i: int) -> int:
        while owner[i] != i:
            owner[i] = owner[owner[i]]
            i = owner[i]
        return i

    for a, b, level in zip(*_passes(basins, height, count), strict=True):
        first, second = find(a), find(b)
        if first == second:
            continue
        if peaks[first] < peaks[second]:
            first, second = second, first
        lower = peaks[second]
        if lower - level < max(absolute, relative * lower) or (least and lower < least * peaks[first]):
            owner[second] = first
    root = np.array([find(i) for i in range(count + 1)])
    joined = root[basins]
    joined[basins == 0] = 0
    ids, first_seen, where = np.unique(joined, return_index=True, return_inverse=True)
    order = np.argsort(np.where(ids == 0, -1, first_seen), kind="stable")
    rank = np.empty(len(ids), dtype=np.int32)
    rank[order] = np.arange(len(ids), dtype=np.int32) + (0 if ids[0] == 0 else 1)
    return rank[where.reshape(basins.shape)]


def _passes(basins: NDArray[Any], height: NDArray[Any], count: int) -> tuple[list[int], list[int], list[float]]:
    """The highest pass between each two neighboring basins, highest first."""
    lower, upper, level = [], [], []
    h, w = basins.shape
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        here = (slice(0, h - dy), slice(max(0, -dx), w - max(0, dx)))
        there = (slice(dy, h), slice(max(0, dx), w - max(0, -dx)))
        a, b = basins[here], basins[there]
        meet = (a != b) & (a > 0) & (b > 0)
        lower.append(np.minimum(a[meet], b[meet]).astype(np.int64))
        upper.append(np.maximum(a[meet], b[meet]).astype(np.int64))
        level.append(np.minimum(height[here][meet], height[there][meet]))
    code = np.concatenate(lower) * (count + 1) + np.concatenate(upper)
    levels = np.concatenate(level).astype(np.float64)
    # per pair the highest: sorted by pair, then by height, the last of each pair stays
    order = np.lexsort((levels, code))
    code, levels = code[order], levels[order]
    last = np.append(code[1:] != code[:-1], True) if len(code) else np.zeros(0, dtype=bool)
    code, levels = code[last], levels[last]
    order = np.argsort(-levels, kind="stable")
    return (code[order] // (count + 1)).tolist(), (code[order] % (count + 1)).tolist(), levels[order].tolist()
