"""Outlines of masks, exactly along pixel edges, and several outlines as one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["join", "trace"]

Outline: TypeAlias = NDArray[np.float64]


def trace(mask: NDArray[np.bool_]) -> list[Outline]:
    """Follow the edges of a mask: closed outlines whose vertices are corners of pixels.

    Painting all of them with the even-odd rule gives the mask back, holes included. Outer edges run clockwise as
    seen, edges of holes anticlockwise.
    """
    m = np.pad(np.asarray(mask, dtype=np.bool_), 1)
    # directed unit edges with the object on the right hand, from (x, y) to (x + dx, y + dy)
    starts: list[NDArray[Any]] = []
    steps: list[tuple[int, int]] = []
    for edge, (ox, oy), (dx, dy) in (
        (m[1:-1, 1:-1] & ~m[:-2, 1:-1], (0, 0), (1, 0)),
        (m[1:-1, 1:-1] & ~m[2:, 1:-1], (1, 1), (-1, 0)),
        (m[1:-1, 1:-1] & ~m[1:-1, 2:], (1, 0), (0, 1)),
        (m[1:-1, 1:-1] & ~m[1:-1, :-2], (0, 1), (0, -1)),
    ):
        ys, xs = np.nonzero(edge)
        starts.append(np.stack([xs + ox, ys + oy], axis=1))
        steps += [(dx, dy)] * len(xs)
    leaving: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for (x, y), step in zip(np.concatenate(starts).tolist(), steps, strict=True):
        leaving[x, y].append(step)
    out = []
    for start in sorted(leaving, key=lambda p: (p[1], p[0])):
        while leaving[start]:
            out.append(_follow(start, leaving))
    return out


def _follow(start: tuple[int, int], leaving: dict[tuple[int, int], list[tuple[int, int]]]) -> Outline:
    first = step = leaving[start].pop()
    points, at = [start], (start[0] + step[0], start[1] + step[1])
    while True:
        # where two pixels touch at a corner, turn right: they stay two outlines
        right, choices = (-step[1], step[0]), leaving[at]
        if at == start and (right == first or not choices):
            break
        following = right if right in choices else choices[0]
        choices.remove(following)
        if following != step:
            points.append(at)
        step, at = following, (at[0] + following[0], at[1] + following[1])
    if step == first:  # the walk began in the middle of a side
        points = points[1:]
    return np.array(points, dtype=np.float64)


def join(outlines: Sequence[Outline]) -> Outline:
    """Make one outline of several: bridges of no width lead from one to the next at their nearest vertices.

    Painted with the even-odd rule it covers what the outlines cover together, where they do not overlap.
    """
    whole = np.asarray(outlines[0], dtype=np.float64)
    rest = [np.asarray(o, dtype=np.float64) for o in outlines[1:]]
    while rest:
        best: tuple[float, int, int, int] | None = None
        for k, outline in enumerate(rest):
            away = ((whole[:, None] - outline[None]) ** 2).sum(axis=-1)
            i, j = np.unravel_index(int(away.argmin()), away.shape)
            if best is None or away[i, j] < best[0]:
                best = (float(away[i, j]), k, int(i), int(j))
        assert best is not None
        _, k, a, b = best
        outline = rest.pop(k)
        loop = np.concatenate([outline[b:], outline[: b + 1]])
        whole = np.concatenate([whole[: a + 1], loop, whole[a:]])
    return whole
