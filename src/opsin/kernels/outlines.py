"""Trace the outlines of a mask along pixel edges: painted again, they give the mask back exactly."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["outlines"]

Floats: TypeAlias = NDArray[np.float64]
Point: TypeAlias = tuple[int, int]


def outlines(mask: NDArray[np.bool_]) -> list[Floats]:
    """Give one polygon K 2 for each connected part (4 neighbors); holes are joined to it by a cut of no width."""
    loops = _loops(mask)
    outer = [p for p in loops if _area(p) > 0]
    for hole in (p for p in loops if _area(p) < 0):
        # the smallest outline around the hole is its own
        inside = [k for k, p in enumerate(outer) if _contains(p, hole[0] + np.array([-0.5, 0.5]))]
        home = min(inside, key=lambda k: abs(_area(outer[k])))
        outer[home] = _bridged(outer[home], hole)
    return outer


def _loops(mask: NDArray[np.bool_]) -> list[Floats]:
    """Chain unit edges, the mask on their right as seen, into closed loops of corners."""
    h, w = mask.shape
    wide = np.zeros((h + 2, w + 2), np.bool_)
    wide[1:-1, 1:-1] = mask
    after: dict[Point, list[Point]] = {}

    def add(starts: tuple[NDArray[Any], ...], a: Point, b: Point) -> None:
        for y, x in zip(starts[0].tolist(), starts[1].tolist(), strict=True):
            after.setdefault((x + a[0], y + a[1]), []).append((x + b[0], y + b[1]))

    inner = wide[1:-1, 1:-1]
    add(np.nonzero(inner & ~wide[:-2, 1:-1]), (0, 0), (1, 0))  # top edges, to the right
    add(np.nonzero(inner & ~wide[1:-1, 2:]), (1, 0), (1, 1))  # right edges, down
    add(np.nonzero(inner & ~wide[2:, 1:-1]), (1, 1), (0, 1))  # bottom edges, to the left
    add(np.nonzero(inner & ~wide[1:-1, :-2]), (0, 1), (0, 0))  # left edges, up
    loops = []
    while after:
        start = next(iter(after))
        loop, here, way = [start], start, (0, 0)
        while True:
            options = after[here]
            # where two parts touch at a corner, turn right: 4-connected parts stay apart
            k = 0 if len(options) == 1 else _right(here, way, options)
            there = options.pop(k)
            if not options:
                del after[here]
            turn = (there[0] - here[0], there[1] - here[1])
            if turn == way:
                loop[-1] = there
            else:
                loop.append(there)
            here, way = there, turn
            if here == start and (here not in after or len(loop) > 3):
                break
        loops.append(_simplified(loop))
    return loops


def _right(here: Point, way: Point, options: list[Point]) -> int:
    for k, (x, y) in enumerate(options):
        if (x - here[0], y - here[1]) == (-way[1], way[0]):
            return k
    return 0


def _simplified(loop: list[Point]) -> Floats:
    """Drop the repeated start, and the start itself where the loop runs straight through it."""
    p = np.array(loop[:-1], np.float64)
    a, b = p - np.roll(p, 1, axis=0), np.roll(p, -1, axis=0) - p
    return p[a[:, 0] * b[:, 1] != a[:, 1] * b[:, 0]]


def _area(p: Floats) -> float:
    x, y = p[:, 0], p[:, 1]
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2.0


def _contains(p: Floats, point: Floats) -> bool:
    x0, y0 = p[:, 0], p[:, 1]
    x1, y1 = np.roll(x0, -1), np.roll(y0, -1)
    hit = (y0 <= point[1]) != (y1 <= point[1])
    x = x0 + (point[1] - y0) * (x1 - x0) / np.where(hit, y1 - y0, 1.0)
    return bool(((x > point[0]) & hit).sum() % 2)


def _bridged(p: Floats, hole: Floats) -> Floats:
    away = ((p[:, None] - hole[None]) ** 2).sum(axis=-1)
    i, j = np.unravel_index(int(away.argmin()), away.shape)
    return np.concatenate([p[: i + 1], hole[j:], hole[: j + 1], p[i:]])
