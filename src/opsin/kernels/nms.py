"""Overlap of boxes, upright and turned, and what is kept of boxes that overlap."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Method", "box_overlaps", "corners_of", "hulls", "merge_similar", "quad_overlaps", "suppress"]

Floats = NDArray[np.float64]
Method = Literal["greedy", "soft", "soft_linear"]


def corners_of(boxes: Floats) -> Floats:
    """Give the corners N 4 2 of boxes N 4 (x1 y1 x2 y2), N 5 (center x y, width, height, degrees) or N 8."""
    if boxes.shape[1] == 8:
        return boxes.reshape(-1, 4, 2)
    if boxes.shape[1] == 4:
        return boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
    x, y, w, h, angle = boxes.T
    turned = np.radians(angle)
    along = np.stack([np.cos(turned), -np.sin(turned)], axis=1) * w[:, None] / 2.0
    across = np.stack([np.sin(turned), np.cos(turned)], axis=1) * h[:, None] / 2.0
    middle = np.stack([x, y], axis=1)
    return np.stack(
        [middle - along - across, middle + along - across, middle + along + across, middle - along + across], axis=1
    )


def hulls(quads: Floats) -> Floats:
    """Give the upright boxes N 4 that hold quadrilaterals N 4 2."""
    return np.concatenate([quads.min(axis=1), quads.max(axis=1)], axis=1)


def box_overlaps(box: Floats, others: Floats) -> Floats:
    """Intersection over union of one box x1 y1 x2 y2 with others N 4; 0 where both have no area."""
    width = np.minimum(box[2], others[:, 2]) - np.maximum(box[0], others[:, 0])
    height = np.minimum(box[3], others[:, 3]) - np.maximum(box[1], others[:, 1])
    shared = np.clip(width, 0.0, None) * np.clip(height, 0.0, None)
    own = (box[2] - box[0]) * (box[3] - box[1])
    union = own + (others[:, 2] - others[:, 0]) * (others[:, 3] - others[:, 1]) - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0.0)


def _area(quads: Floats) -> Floats:
    after = np.roll(quads, -1, axis=-2)
    return 0.5 * (quads[..., 0] * after[..., 1] - quads[..., 1] * after[..., 0]).sum(axis=-1)


def _cross(a: Floats, b: Floats) -> Floats:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _inside(points: Floats, quads: Floats) -> NDArray[np.bool_]:
    """Say which points (N P 2) lie in the convex quadrilateral of their row (N 4 2, positive area)."""
    sides = np.roll(quads, -1, axis=1) - quads
    gap = points[:, :, None] - quads[:, None]
    size = np.abs(sides).max(axis=(1, 2), keepdims=True) ** 2
    return (_cross(np.broadcast_to(sides[:, None], gap.shape), gap) >= -1e-12 * size).all(axis=2)


def quad_overlaps(quad: Floats, others: Floats) -> Floats:
    """Intersection over union of one convex quadrilateral (4 2) with others (N 4 2); exact up to rounding.

    The corners of the intersection are corners of either one inside the other and crossings of their sides; in order
    around their middle they give its area.
    """
    n = len(others)
    out = np.zeros(n)
    a, b = np.broadcast_to(quad, others.shape).astype(np.float64), others.astype(np.float64)
    area_a, area_b = _area(a), _area(b)
    # outlines that run the other way are read backwards
    a = np.where((area_a < 0.0)[:, None, None], a[:, ::-1], a)
    b = np.where((area_b < 0.0)[:, None, None], b[:, ::-1], b)
    area_a, area_b = np.abs(area_a), np.abs(area_b)
    ha, hb = hulls(a), hulls(b)
    near = (np.minimum(ha[:, 2:], hb[:, 2:]) > np.maximum(ha[:, :2], hb[:, :2])).all(axis=1)
    near &= (area_a > 0.0) & (area_b > 0.0)
    rows = np.flatnonzero(near)
    if not len(rows):
        return out
    # near the origin products of coordinates keep their digits
    middle = a[rows].mean(axis=1, keepdims=True)
    a, b = a[rows] - middle, b[rows] - middle
    da, db = np.roll(a, -1, axis=1) - a, np.roll(b, -1, axis=1) - b
    slope = _cross(da[:, :, None], db[:, None])
    gap = b[:, None] - a[:, :, None]
    safe = np.where(slope == 0.0, 1.0, slope)
    t, u = _cross(gap, db[:, None]) / safe, _cross(gap, da[:, :, None]) / safe
    crosses = (slope != 0.0) & (t >= 0.0) & (t <= 1.0) & (u >= 0.0) & (u <= 1.0)
    meets = a[:, :, None] + t[..., None] * da[:, :, None]
    points = np.concatenate([a, b, meets.reshape(len(rows), 16, 2)], axis=1)
    valid = np.concatenate([_inside(a, b), _inside(b, a), crosses.reshape(len(rows), 16)], axis=1)
    count = np.maximum(valid.sum(axis=1), 1)
    center = (points * valid[..., None]).sum(axis=1) / count[:, None]
    ray = points - center[:, None]
    angle = np.where(valid, np.arctan2(ray[..., 1], ray[..., 0]), np.inf)
    order = np.argsort(angle, axis=1, kind="stable")
    ring = np.take_along_axis(ray, order[..., None], axis=1)
    known = np.take_along_axis(valid, order, axis=1)
    ring = np.where(known[..., None], ring, ring[:, :1])
    shared = np.where(valid.any(axis=1), np.clip(_area(ring), 0.0, None), 0.0)
    out[rows] = np.clip(shared / (area_a[rows] + area_b[rows] - shared), 0.0, 1.0)
    return out


def suppress(
    boxes: Floats,
    scores: Floats,
    *,
    overlap: float,
    groups: NDArray[Any] | None = None,
    method: Method = "greedy",
    sigma: float = 0.5,
    least: float = 1e-3,
) -> tuple[NDArray[np.int64], Floats]:
    """Choose among boxes that overlap.

    Args:
        boxes: N 4 upright, N 5 turned (center x y, width, height, degrees anticlockwise) or N 8 corners.
        scores: N; of equal ones the first goes first.
        overlap: intersection over union above which the lower score goes, or is lowered.
        groups: N, boxes of different groups never touch each other.
        method: `greedy`; `soft` lowers scores by exp(-overlap^2 / sigma), `soft_linear` by 1 - overlap.
        sigma: of `soft`.
        least: soft methods drop what falls below it.

    Returns:
        rows that stay, by falling score, and their scores.

    Source:
        Greedy: the rule of torchvision.ops.nms and batched_nms. Soft: Bodla, Singh, Chellappa and Davis, "Soft-NMS:
        improving object detection with one line of code", 2017.
    """
    upright = boxes.shape[1] == 4
    quads = boxes if upright else corners_of(boxes)
    measure = box_overlaps if upright else quad_overlaps
    alike = np.zeros(len(boxes), dtype=np.int64) if groups is None else np.unique(groups, return_inverse=True)[1]
    if method == "greedy":
        kept = _greedy(quads, scores, overlap, alike, measure)
        return kept, scores[kept]
    left, now = np.arange(len(boxes)), scores.astype(np.float64).copy()
    rows: list[int] = []
    while len(left):
        best = left[int(np.argmax(now[left]))]
        rows.append(int(best))
        left = left[left != best]
        same = left[alike[left] == alike[best]]
        if len(same):
            shared = measure(quads[best], quads[same])
            if method == "soft":
                now[same] *= np.exp(-(shared**2) / sigma)
            else:
                now[same] *= np.where(shared > overlap, 1.0 - shared, 1.0)
        left = left[now[left] >= least]
    kept = np.array(rows, dtype=np.int64)
    return kept, now[kept]


def _greedy(quads: Floats, scores: Floats, overlap: float, alike: NDArray[Any], measure: Any) -> NDArray[np.int64]:
    order = np.argsort(-scores, kind="stable")
    rows: list[int] = []
    while len(order):
        best, order = int(order[0]), order[1:]
        rows.append(best)
        rival = alike[order] == alike[best]
        gone = np.zeros(len(order), dtype=np.bool_)
        gone[rival] = measure(quads[best], quads[order[rival]]) > overlap
        order = order[~gone]
    return np.array(rows, dtype=np.int64)


def merge_similar(boxes: Floats, slack: float = 0.2) -> tuple[Floats, NDArray[np.int64]]:
    """Join boxes whose sides are within a part of their size of each other; gives mean boxes and how many each holds.

    Source:
        OpenCV's groupRectangles: sides differ by at most slack times half the sum of the lesser width and height.
    """
    n = len(boxes)
    group = np.arange(n)
    for i in range(n):
        width = np.minimum(boxes[i, 2] - boxes[i, 0], boxes[:, 2] - boxes[:, 0])
        height = np.minimum(boxes[i, 3] - boxes[i, 1], boxes[:, 3] - boxes[:, 1])
        near = np.abs(boxes - boxes[i]).max(axis=1) <= slack * 0.5 * (width + height)
        found = np.unique(group[near])
        group[np.isin(group, found)] = found[0]
    _, which, count = np.unique(group, return_inverse=True, return_counts=True)
    mean = np.stack([np.bincount(which, weights=column) for column in boxes.T], axis=1) if n else boxes
    return (mean / count[:, None] if n else boxes), count.astype(np.int64)
