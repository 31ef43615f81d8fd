"""Outlines as arrays of points (x, y): area, hull, cutting, and points along edges."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["clip_half", "clip_polygon", "densify", "hull_box", "polygon_area"]

Floats: TypeAlias = NDArray[np.float64]


def polygon_area(polygon: ArrayLike) -> float:
    """Area of a simple polygon (N, 2), whatever its direction."""
    p = np.asarray(polygon, dtype=np.float64).reshape(-1, 2)
    if len(p) < 3:
        return 0.0
    # the first point is the origin, so that the edges from and to it add nothing
    x, y = p[1:, 0] - p[0, 0], p[1:, 1] - p[0, 1]
    return abs(float(x[:-1] @ y[1:] - y[:-1] @ x[1:])) / 2


def densify(polygon: Floats, step: float) -> Floats:
    """Add points along the edges, at most `step` pixels apart; at most 256 an edge."""
    after = np.roll(polygon, -1, axis=0)
    parts = []
    for a, b in zip(polygon, after, strict=True):
        count = min(256, max(1, math.ceil(float(np.hypot(*(b - a))) / step)))
        t = np.arange(count)[:, None] / count
        parts.append(a + (b - a) * t)
    return np.concatenate(parts)


def clip_half(polygon: Floats, a: float, b: float, c: float) -> Floats:
    """Keep the part of a polygon where a x + b y + c >= 0 (Sutherland and Hodgman, 1974)."""
    if len(polygon) == 0:
        return polygon
    return np.array(_cut(polygon.tolist(), a, b, c), dtype=np.float64).reshape(-1, 2)


# Outlines are short, and plain numbers are quicker there than arrays.
def _cut(points: Sequence[Sequence[float]], a: float, b: float, c: float) -> Sequence[Sequence[float]]:
    side = [a * x + b * y + c for x, y in points]
    if min(side) >= 0:
        return points
    out: list[Sequence[float]] = []
    p, sp = points[-1], side[-1]
    for q, sq in zip(points, side, strict=True):
        if (sp >= 0) != (sq >= 0):
            t = sp / (sp - sq)
            out.append((p[0] + (q[0] - p[0]) * t, p[1] + (q[1] - p[1]) * t))
        if sq >= 0:
            out.append(q)
        p, sp = q, sq
    return out


def clip_polygon(polygon: ArrayLike, size: tuple[int, int]) -> Floats:
    """Cut a polygon (N, 2) at the edges of a canvas; may come out empty."""
    points = np.asarray(polygon, dtype=np.float64).reshape(-1, 2)
    w, h = float(size[0]), float(size[1])
    out: Sequence[Sequence[float]] = points.tolist()
    for a, b, c in ((1.0, 0.0, 0.0), (-1.0, 0.0, w), (0.0, 1.0, 0.0), (0.0, -1.0, h)):
        if out:
            out = _cut(out, a, b, c)
    return np.array(out, dtype=np.float64).reshape(-1, 2)


def hull_box(points: ArrayLike) -> Floats:
    """The upright box x1 y1 x2 y2 around points (N, 2)."""
    p = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    return np.concatenate([p.min(axis=0), p.max(axis=0)])
