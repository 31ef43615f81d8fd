"""Outlines as arrays of points (x, y): area, hull, cutting, and points along edges."""

from __future__ import annotations

import math
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
    x, y = p[:, 0] - p[0, 0], p[:, 1] - p[0, 1]
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


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
    side = polygon @ np.array([a, b]) + c
    if (side >= 0).all():
        return polygon
    if (side < 0).all():
        return polygon[:0]
    out = []
    for k in range(len(polygon)):
        p, q, sp, sq = polygon[k - 1], polygon[k], side[k - 1], side[k]
        if (sp >= 0) != (sq >= 0):
            out.append(p + (q - p) * (sp / (sp - sq)))
        if sq >= 0:
            out.append(q)
    return np.array(out).reshape(-1, 2)


def clip_polygon(polygon: ArrayLike, size: tuple[int, int]) -> Floats:
    """Cut a polygon (N, 2) at the edges of a canvas; may come out empty."""
    out = np.asarray(polygon, dtype=np.float64).reshape(-1, 2)
    w, h = float(size[0]), float(size[1])
    for a, b, c in ((1.0, 0.0, 0.0), (-1.0, 0.0, w), (0.0, 1.0, 0.0), (0.0, -1.0, h)):
        out = clip_half(out, a, b, c)
    return out


def hull_box(points: ArrayLike) -> Floats:
    """The upright box x1 y1 x2 y2 around points (N, 2)."""
    p = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    return np.concatenate([p.min(axis=0), p.max(axis=0)])
