"""Carry a table of objects through geometry: hulls, cuts and drop rules are applied here, once, when it is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from opsin.errors import ParamError, refusal
from opsin.geometry import Size, Warp
from opsin.instances import Dropped, Instances, Reason, Rules
from opsin.kernels import native, use_core
from opsin.kernels.resample import gather_nearest
from opsin.polygons import hull_box, polygon_area

__all__ = ["carry", "rasterize"]

Floats: TypeAlias = NDArray[np.float64]
Cover: TypeAlias = tuple[int, NDArray[np.bool_]]
_NOTHING: Floats = np.zeros((0, 2))


def carry(
    table: Instances, warp: Warp, rules: Rules, hidden: Sequence[Cover] = ()
) -> tuple[Instances, tuple[Dropped, ...]]:
    """Carry the original table through the composed warp and apply the rules, once.

    Args:
        table: the objects as they were on the original canvas.
        warp: the composed map from the original canvas to the present one.
        rules: when an object is dropped.
        hidden: what covered the picture on the way: (number of stages done, mask on that canvas).

    Returns:
        the table on the present canvas, and what was dropped with its reason.
    """
    if table.count == 0:
        return replace(table, size=warp.target), ()
    if use_core() and not hidden and boxes_alone(table):
        stages = [(s.matrix, s.target.width, s.target.height) for s in warp.stages if s.matrix is not None]
        if len(stages) == len(warp.stages):
            kept = native.carry_boxes(*boxes_of(table), least(rules), stages)
            out, gone = carried_boxes(table, warp.target, kept)
            if (keypoints := _keypoints(table, warp)) is not None:
                out = out.replaced(keypoints=keypoints[kept[0]])
            return mirrored_classes(out, table, warp, rules), gone
    moved = _Carrier(table, warp, hidden)
    keep, dropped = np.ones(table.count, np.bool_), []
    for i in range(table.count):
        reason = moved.verdict(i, rules)
        if reason is not None:
            keep[i] = False
            dropped.append(Dropped(i, reason, float(moved.visible[i]), _label(table, i)))
    return mirrored_classes(moved.table(keep), table, warp, rules), tuple(dropped)


# --- boxes alone, which the core carries ----------------------------------------------------------------------------
def boxes_alone(table: Instances) -> bool:
    """Say whether boxes are all the shape that objects have."""
    return table.boxes is not None and table.corners is None and table.polygons is None and table.masks is None


def boxes_of(table: Instances) -> tuple[Floats, Floats]:
    """Give the boxes as the core reads them, and how much of each object was seen before."""
    return np.ascontiguousarray(table.boxes, np.float64), np.ascontiguousarray(table.visible, np.float64)


def least(rules: Rules) -> native.Least:
    """Give the least visible part, area and side of what stays."""
    return rules.min_visible, rules.min_area, rules.min_side


def carried_boxes(table: Instances, size: Size, kept: native.Kept) -> tuple[Instances, tuple[Dropped, ...]]:
    """Give the table on its new canvas, and what was dropped, from what the core kept of the boxes."""
    rows, boxes, visible, gone = kept
    out = table if len(rows) == table.count else table[rows]
    dropped = [Dropped(i, "outside" if outside else "too_small", seen, _label(table, i)) for i, outside, seen in gone]
    return out.replaced(size=size, boxes=boxes, visible=visible), tuple(dropped)


def _label(table: Instances, row: int) -> Any:
    return None if table.labels is None else table.labels[row]


def mirrored_classes(out: Instances, table: Instances, warp: Warp, rules: Rules) -> Instances:
    """Refuse mirrored text, and let classes of a side change places in a mirror, where there are such rules.

    Raises:
        ParamError: an object whose class is marked as text stands mirrored.
    """
    if not (rules.text or rules.swap) or out.labels is None or out.rows is None:
        return out
    other = {a: b for x, y in rules.swap for a, b in ((x, y), (y, x))}
    labels = out.labels.astype(object)  # names of any length
    for i, row in enumerate(out.rows):
        name = out.class_name(i)
        known = {name, labels[i].item() if isinstance(labels[i], np.generic) else labels[i]}
        if not known & {*rules.text, *other} or not warp.mirrors(_middle(table, int(row))):
            continue
        if known & set(rules.text):
            hint = "Leave mirroring steps out, or take the class out of rules.text."
            raise ParamError(refusal("rules", "text", "upright and unmirrored", str(name or labels[i]), hint))
        partner = other[next(k for k in known if k in other)]
        by_name = isinstance(partner, str) and out.class_names is not None and out.labels.dtype.kind in "iu"
        labels[i] = out.class_names.index(partner) if by_name and out.class_names is not None else partner
    return replace(
        out, labels=np.array(labels.tolist(), dtype=None if out.labels.dtype.kind == "U" else out.labels.dtype)
    )


def _middle(table: Instances, row: int) -> Floats:
    """A point of an object as it was annotated."""
    if table.boxes is not None:
        box = table.boxes[row]
        return np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
    if table.corners is not None:
        return np.asarray(table.corners[row].mean(axis=0))
    if table.polygons is not None and table.polygons[row]:
        return np.asarray(table.polygons[row][0].mean(axis=0))
    if table.keypoints is not None and table.keypoints.shape[1]:
        return np.asarray(table.keypoints[row, :, :2].mean(axis=0))
    return np.array([table.size.width / 2, table.size.height / 2])


class _Carrier:
    """One table on its way through one warp."""

    def __init__(self, table: Instances, warp: Warp, hidden: Sequence[Cover]) -> None:
        self.source, self.warp = table, warp
        n = table.count
        self.masks = self._masks(hidden)
        self.clipped = [_NOTHING] * n
        # a table made of several samples knows objects of which part was hidden or cut off before
        self.before = np.ones(n) if table.visible is None else np.asarray(table.visible, dtype=np.float64)
        self.visible = self.before.copy()
        self.hidden = [False] * n
        self.boxes = None if table.boxes is None else np.zeros((n, 4))
        self.corners = None if table.corners is None else np.zeros((n, 4, 2))
        self.polygons: list[tuple[Floats, ...]] = [()] * n
        self.keypoints = _keypoints(table, warp)
        straight = warp.straight()
        for i in range(n):
            self._row(i, straight)
        if hidden:
            self._cover(hidden)

    def _row(self, i: int, straight: bool) -> None:
        table, warp = self.source, self.warp
        parts: list[Floats] = []
        area = left = 0.0
        if table.polygons is not None and table.polygons[i]:
            carried = [warp.clip(p) for p in table.polygons[i]]
            self.polygons[i] = tuple(p for p in carried if len(p) >= 3)
            parts = list(self.polygons[i])
            area = sum(polygon_area(p) for p in table.polygons[i])
            left = sum(self._original_area(p) for p in parts)
        if table.corners is not None:
            outline = table.corners[i]
            cut = warp.clip(outline)
            # a rotated box keeps its shape: it is carried whole, only its visible part is measured
            self.corners[i] = self._whole_corners(outline)  # type: ignore[index]
            if not area:
                parts, area, left = [cut], polygon_area(outline), self._original_area(cut)
        if table.boxes is not None:
            x1, y1, x2, y2 = table.boxes[i]
            outline = np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]])
            cut = warp.clip(outline)
            hull = hull_box(cut) if len(cut) else None
            if hull is not None and parts and not straight and not _empty(parts):
                inner = hull_box(np.concatenate(parts))
                both = np.concatenate([np.maximum(hull[:2], inner[:2]), np.minimum(hull[2:], inner[2:])])
                hull = both if (both[2:] > both[:2]).all() else hull
            if hull is not None:
                self.boxes[i] = hull  # type: ignore[index]
            if not area:
                parts, area, left = [cut], polygon_area(outline), self._original_area(cut)
        if not area and self.masks is not None:
            ys, xs = np.nonzero(table.masks[i])  # type: ignore[index]
            area = float(len(xs))
            left = float(warp.kept(np.stack([xs + 0.5, ys + 0.5], axis=1)).sum()) if len(xs) else 0.0
            ys, xs = np.nonzero(self.masks[i])
            if len(xs):
                parts = [np.array([[xs.min(), ys.min()], [xs.max() + 1.0, ys.max() + 1.0]])]
        self.clipped[i] = np.concatenate(parts) if parts and not _empty(parts) else _NOTHING
        self.visible[i] = self.before[i] * (min(1.0, left / area) if area else 1.0)

    def _original_area(self, polygon: Floats) -> float:
        """Area that a cut outline has on the original canvas, so that no scaling on the way counts as loss."""
        if len(polygon) < 3:
            return 0.0
        matrix = self.warp.matrix
        if matrix is not None and matrix[2, 0] == 0.0 and matrix[2, 1] == 0.0:
            return polygon_area(polygon) / max(abs(float(np.linalg.det(matrix[:2, :2]))), 1e-300)
        back = self.warp.pull(polygon)
        return polygon_area(back[np.isfinite(back).all(axis=1)])

    def _whole_corners(self, outline: Floats) -> Floats:
        out = self.warp.push(outline)
        return out if np.isfinite(out).all() else np.full((4, 2), np.nan)

    def _masks(self, hidden: Sequence[Cover]) -> NDArray[np.bool_] | None:
        masks = self.source.masks
        if masks is None:
            return None
        tw, th = self.warp.target
        out = np.zeros((len(masks), th, tw), np.bool_)
        for i, mask in enumerate(masks):
            out[i] = gather_nearest(mask, self.warp)
        return out

    def _cover(self, hidden: Sequence[Cover]) -> None:
        """Take away what was covered: from masks, from the visible part, and by marking key points hidden."""
        for done, cover in hidden:
            rest = Warp(_canvas(self.warp, done), self.warp.stages[done:])
            now = gather_nearest(cover, rest)
            if self.masks is not None:
                self.masks &= ~now
            before = Warp(self.warp.source, self.warp.stages[:done])
            for i in range(self.source.count):
                shape = self._shape_at(i, before, cover.shape)
                total = int(shape.sum())
                if total:
                    self.visible[i] *= 1.0 - float((shape & cover).sum()) / total
                    self.hidden[i] = self.hidden[i] or bool((shape & cover).any())
            if self.keypoints is not None and self.keypoints.shape[2] == 3:
                x, y = np.floor(self.keypoints[..., 0]), np.floor(self.keypoints[..., 1])
                h, w = now.shape
                on = (self.keypoints[..., 2] == 2) & (x >= 0) & (x < w) & (y >= 0) & (y < h)
                at = now[np.where(on, y, 0).astype(int), np.where(on, x, 0).astype(int)]
                self.keypoints[..., 2] = np.where(on & at, 1.0, self.keypoints[..., 2])

    def _shape_at(self, i: int, before: Warp, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        table = self.source
        if table.masks is not None:
            return gather_nearest(table.masks[i], before)
        if table.polygons is not None and table.polygons[i]:
            outlines: Sequence[Floats] = table.polygons[i]
        elif table.corners is not None:
            outlines = [table.corners[i]]
        elif table.boxes is not None:
            x1, y1, x2, y2 = table.boxes[i]
            outlines = [np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]])]
        else:
            return np.zeros(shape, np.bool_)
        return rasterize([before.outline(p) for p in outlines], Size(shape[1], shape[0]))

    def verdict(self, i: int, rules: Rules) -> Reason | None:
        """Say why a row goes, or None when it stays."""
        table = self.source
        has_shape = any(c is not None for c in (table.boxes, table.corners, table.masks)) or bool(
            table.polygons is not None and table.polygons[i]
        )
        if not has_shape:
            if self.keypoints is None or table.keypoints is None:
                return None
            points = table.keypoints[i]
            named = points[:, 2] > 0 if points.shape[1] == 3 else np.ones(len(points), np.bool_)
            return None if not named.any() or self.warp.kept(points[named, :2]).any() else "outside"
        if len(self.clipped[i]) == 0 or self.visible[i] <= 0.0:
            return "occluded" if self.hidden[i] else "outside"
        if self.visible[i] < rules.min_visible:
            return "occluded" if self.hidden[i] else "too_small"
        sides = np.ptp(self.clipped[i], axis=0)
        parts = self.polygons[i] or (self.clipped[i],)
        area = sum(polygon_area(p) for p in parts) if len(self.clipped[i]) > 2 else float(sides.prod())
        # a thousandth of a pixel of rounding never drops an object that just meets a rule
        if area < rules.min_area - 1e-3 or min(sides) < rules.min_side - 1e-3:
            return "too_small"
        return None

    def table(self, keep: NDArray[np.bool_]) -> Instances:
        """Give the kept rows on the present canvas."""
        source = self.source
        full = source.replaced(
            size=self.warp.target,
            boxes=self.boxes,
            corners=self.corners,
            polygons=None if source.polygons is None else tuple(self.polygons),
            masks=self.masks,
            keypoints=self.keypoints,
            visible=self.visible,
        )
        return full[keep]


def _keypoints(table: Instances, warp: Warp) -> Floats | None:
    points = table.keypoints
    if points is None:
        return None
    n, k, columns = points.shape
    flat = points[..., :2].reshape(-1, 2)
    moved = warp.push(flat).reshape(n, k, 2)
    inside = warp.kept(flat).reshape(n, k)
    out = points.copy()
    out[..., :2] = moved
    if columns == 3:
        labelled = points[..., 2] > 0
        out[..., 2] = np.where(inside & labelled, points[..., 2], 0.0)
        out[~labelled] = 0.0
    skeleton = table.skeleton
    if skeleton is not None and skeleton.mirror and warp.stages:
        order = skeleton.swap()
        for i in range(n):
            named = points[i, :, 2] > 0 if columns == 3 else np.ones(k, np.bool_)
            if named.any() and warp.mirrors(points[i, named, :2].mean(axis=0)):
                out[i] = out[i, order]
    return out


def _empty(parts: list[Floats]) -> bool:
    return not any(len(p) for p in parts)


def _canvas(warp: Warp, done: int) -> Size:
    return warp.stages[done - 1].target if done else warp.source


def rasterize(polygons: Sequence[ArrayLike], size: Size) -> NDArray[np.bool_]:
    """Paint outlines: a pixel is in when its middle is inside an odd number of times (even-odd rule)."""
    w, h = size
    out = np.zeros((h, w), np.bool_)
    for polygon in polygons:
        p = np.asarray(polygon, dtype=np.float64).reshape(-1, 2)
        if len(p) < 3 or not np.isfinite(p).all():
            continue
        x0, y0 = p[:, 0], p[:, 1]
        x1, y1 = np.roll(x0, -1), np.roll(y0, -1)
        first, last = max(0, int(np.floor(y0.min()))), min(h, int(np.ceil(y0.max())) + 1)
        inside = np.zeros((h, w), np.bool_)
        for i in range(first, last):
            y = i + 0.5
            hit = (y0 <= y) != (y1 <= y)
            if not hit.any():
                continue
            xs = np.sort(x0[hit] + (y - y0[hit]) * (x1[hit] - x0[hit]) / (y1[hit] - y0[hit]))
            edges = np.clip(np.ceil(xs - 0.5), 0, w).astype(np.int64)
            for a, b in zip(edges[::2], edges[1::2], strict=False):
                inside[i, a:b] = True
        out |= inside
    return out
