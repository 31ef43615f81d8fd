"""One table of objects: a row is one object with all its annotations, and lives or dies whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from opsin.errors import ParamError, refusal, verbatim
from opsin.geometry import Size, Warp, hull_box, polygon_area
from opsin.kernels.resample import gather_nearest

__all__ = ["Dropped", "Instance", "Instances", "Rules", "Skeleton", "carry", "to_corners"]

Floats: TypeAlias = NDArray[np.float64]
Reason = Literal["outside", "too_small", "occluded"]


@dataclass(frozen=True)
class Skeleton:
    """The key points of a kind of object: names, lines between them, and which swap in a mirror.

    Args:
        names: one name per key point.
        edges: pairs of positions that are joined when drawn.
        mirror: pairs of positions that swap when the picture is mirrored, such as left and right eye.
    """

    names: tuple[str, ...]
    edges: tuple[tuple[int, int], ...] = ()
    mirror: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        for name in ("names", "edges", "mirror"):
            value = getattr(self, name)
            frozen = tuple(tuple(v) if not isinstance(v, str) else v for v in value)
            object.__setattr__(self, name, frozen)
        for pair in (*self.edges, *self.mirror):
            if len(pair) != 2 or not all(0 <= i < len(self.names) for i in pair):
                raise ParamError(refusal("Skeleton", "edges and mirror", f"pairs of 0..{len(self.names) - 1}", pair))

    def swap(self) -> list[int]:
        """Give, for each place, the position whose key point stands there in a mirrored picture."""
        order = list(range(len(self.names)))
        for a, b in self.mirror:
            order[a], order[b] = b, a
        return order


@dataclass(frozen=True)
class Rules:
    """When an object is dropped after geometry; applied once, when the table is read.

    Args:
        min_visible: least part of the object's original area that must still be on the canvas, 0..1.
        min_area: least area in square pixels of what is left.
        min_side: least width and height in pixels of the box around what is left.
    """

    min_visible: float = 0.0
    min_area: float = 1.0
    min_side: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.min_visible <= 1.0:
            raise ParamError(refusal("Rules", "min_visible", "a number from 0 to 1", self.min_visible))
        for name in ("min_area", "min_side"):
            if not getattr(self, name) >= 0.0:
                raise ParamError(refusal("Rules", name, "a number of at least 0", getattr(self, name)))


@dataclass(frozen=True)
class Dropped:
    """An object that went: its row in the original table, why, and how much of it was still visible."""

    row: int
    reason: Reason
    visible: float
    label: Any = None


@dataclass(frozen=True)
class Instance:
    """One row of the table."""

    row: int
    box: Floats | None = None
    label: Any = None
    class_name: str | None = None
    rotated_box: Floats | None = None
    polygons: tuple[Floats, ...] = ()
    mask: NDArray[np.bool_] | None = None
    keypoints: Floats | None = None
    track_id: Any = None
    attributes: Mapping[str, Any] | None = None
    visible: float = 1.0


@dataclass(frozen=True, eq=False)
class Instances:
    """The table of a picture's objects; every column that is given has one entry per row.

    Columns: `boxes` N 4 (x1 y1 x2 y2), `corners` N 4 2 (rotated boxes, clockwise as seen from top-left), `polygons`
    (N tuples of K 2 outlines), `masks` N H W, `keypoints` N K 2 or 3 (x, y, visibility 0 none, 1 hidden, 2 seen),
    `labels` N, `track_ids` N, `attributes` N dicts, `visible` N (part of the original area still seen), `rows` N
    (position in the original table).
    """

    size: Size
    count: int = 0
    boxes: Floats | None = None
    corners: Floats | None = None
    polygons: tuple[tuple[Floats, ...], ...] | None = None
    masks: NDArray[np.bool_] | None = None
    keypoints: Floats | None = None
    labels: NDArray[Any] | None = None
    track_ids: NDArray[Any] | None = None
    attributes: tuple[Mapping[str, Any], ...] | None = None
    visible: Floats | None = None
    rows: NDArray[np.int64] | None = None
    class_names: tuple[str, ...] | None = None
    skeleton: Skeleton | None = None

    def __post_init__(self) -> None:
        if self.rows is None:
            object.__setattr__(self, "rows", np.arange(self.count))
        if self.visible is None:
            object.__setattr__(self, "visible", np.ones(self.count))

    def __len__(self) -> int:
        return self.count

    @property
    def rotated_boxes(self) -> Floats | None:
        """Rotated boxes N 5: center x, center y, width, height, angle in degrees, anticlockwise as seen."""
        if self.corners is None:
            return None
        return np.array([least_rectangle(c) for c in self.corners], dtype=np.float64).reshape(-1, 5)

    def class_name(self, row: int) -> str | None:
        """Give the name of a row's class, when names are known."""
        if self.labels is None:
            return None
        label = self.labels[row]
        if isinstance(label, str):
            return label
        if self.class_names is not None and 0 <= int(label) < len(self.class_names):
            return self.class_names[int(label)]
        return None

    def __iter__(self) -> Iterator[Instance]:
        corners = self.rotated_boxes
        assert self.rows is not None and self.visible is not None
        for i in range(self.count):
            yield Instance(
                row=int(self.rows[i]),
                box=None if self.boxes is None else self.boxes[i],
                label=None if self.labels is None else self.labels[i],
                class_name=self.class_name(i),
                rotated_box=None if corners is None else corners[i],
                polygons=() if self.polygons is None else self.polygons[i],
                mask=None if self.masks is None else self.masks[i],
                keypoints=None if self.keypoints is None else self.keypoints[i],
                track_id=None if self.track_ids is None else self.track_ids[i],
                attributes=None if self.attributes is None else self.attributes[i],
                visible=float(self.visible[i]),
            )

    def __getitem__(self, which: Any) -> Instances:
        """Filter rows by a bool array, positions or a slice; whole rows stay together."""
        index = np.atleast_1d(np.arange(self.count)[which])
        changed: dict[str, Any] = {"count": len(index)}
        for item in fields(self):
            value = getattr(self, item.name)
            if value is None or item.name in ("size", "count", "class_names", "skeleton"):
                continue
            changed[item.name] = tuple(value[i] for i in index) if isinstance(value, tuple) else value[index]
        return replace(self, **changed)

    def __repr__(self) -> str:
        names = ("boxes", "corners", "polygons", "masks", "keypoints", "labels", "track_ids", "attributes")
        columns = [n for n in names if getattr(self, n) is not None]
        return f"Instances({self.count}: {', '.join(columns) or 'no columns'})"


# --- reading what people have ---------------------------------------------------------------------------------------
def to_corners(boxes: ArrayLike) -> Floats:
    """Turn rotated boxes (N 5: cx, cy, w, h, degrees anticlockwise; N 8; or N 4 2) into corners N 4 2."""
    b = np.asarray(boxes, dtype=np.float64)
    if b.ndim == 3 and b.shape[1:] == (4, 2):
        return b
    if b.ndim == 2 and b.shape[1] == 8:
        return b.reshape(-1, 4, 2)
    if b.ndim != 2 or b.shape[1] != 5:
        raise ParamError(refusal("Sample", "rotated_boxes", "N x 5, N x 8 or N x 4 x 2", b))
    half = b[:, 2:4] / 2
    square = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    flat = square[None] * half[:, None]
    t = np.radians(b[:, 4])
    c, s = np.cos(t)[:, None], np.sin(t)[:, None]
    # anticlockwise as seen, with y pointing down
    x, y = c * flat[..., 0] + s * flat[..., 1], -s * flat[..., 0] + c * flat[..., 1]
    return np.stack([x, y], axis=-1) + b[:, None, :2]


def least_rectangle(points: ArrayLike) -> tuple[float, float, float, float, float]:
    """The smallest rectangle of any angle around points: cx, cy, w, h, degrees anticlockwise in (-90, 90].

    A rectangle comes back as itself: the angle is that of the side from its first to its second point.
    """
    p = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    first = p[1] - p[0]
    candidates = [math_angle(first)] if np.hypot(*first) > 1e-9 else [0.0]
    edges = np.roll(p, -1, axis=0) - p
    candidates += [math_angle(e) for e in edges if np.hypot(*e) > 1e-9]
    best: tuple[float, tuple[float, float, float, float, float]] | None = None
    for degrees in candidates:
        t = np.radians(degrees)
        u, v = np.array([np.cos(t), -np.sin(t)]), np.array([np.sin(t), np.cos(t)])
        a, b = p @ u, p @ v
        w, h = float(a.max() - a.min()), float(b.max() - b.min())
        center = u * (a.max() + a.min()) / 2 + v * (b.max() + b.min()) / 2
        if best is None or w * h < best[0] * (1 - 1e-6) - 1e-9:
            best = (w * h, (float(center[0]), float(center[1]), w, h, degrees))
    assert best is not None
    return best[1]


def math_angle(vector: Floats) -> float:
    """Angle of a vector in degrees, anticlockwise as seen, in (-180, 180]."""
    return float(np.degrees(np.arctan2(-vector[1], vector[0]))) + 0.0


def make(
    size: Size,
    *,
    boxes: Any = None,
    box_format: str = "xyxy",
    labels: Any = None,
    class_names: Any = None,
    rotated_boxes: Any = None,
    polygons: Any = None,
    masks: Any = None,
    keypoints: Any = None,
    skeleton: Skeleton | None = None,
    track_ids: Any = None,
    attributes: Any = None,
) -> Instances:
    """Build the table from what people have; every column must have as many rows as the others.

    Raises:
        ParamError: a column of a wrong shape, not finite, or with another number of rows.
    """
    columns: dict[str, Any] = {}
    if boxes is not None:
        columns["boxes"] = from_format(boxes, box_format, size)
    if rotated_boxes is not None:
        columns["corners"] = _finite("rotated_boxes", to_corners(rotated_boxes))
    if polygons is not None:
        columns["polygons"] = tuple(_outlines(p) for p in polygons)
    if masks is not None:
        columns["masks"] = _masks(masks, size)
    if keypoints is not None:
        k = np.array(keypoints, dtype=np.float64)
        k = k.reshape(0, len(skeleton.names) if skeleton else 0, 3) if k.size == 0 else k
        if k.ndim != 3 or k.shape[2] not in (2, 3):
            raise ParamError(refusal("Sample", "keypoints", "N x K x 2 (x, y) or N x K x 3 (x, y, visibility)", k))
        if skeleton is not None and k.shape[1] != len(skeleton.names):
            raise ParamError(refusal("Sample", "keypoints", f"{len(skeleton.names)} a row, as in the skeleton", k))
        columns["keypoints"] = _finite("keypoints", k)
    if labels is not None:
        columns["labels"] = np.array(labels if len(labels) else [], dtype=None if len(labels) else np.int64)
    if track_ids is not None:
        columns["track_ids"] = np.array(track_ids)
    if attributes is not None:
        columns["attributes"] = tuple(dict(a) for a in attributes)
    counts = {name: len(value) for name, value in columns.items()}
    if len(set(counts.values())) > 1:
        got = verbatim(", ".join(f"{n} {c}" for n, c in counts.items()))
        raise ParamError(refusal("Sample", "annotations", "as many in every column, one row per object", got))
    names = tuple(class_names) if class_names is not None else None
    return Instances(size, next(iter(counts.values()), 0), class_names=names, skeleton=skeleton, **columns)


def from_format(boxes: Any, box_format: str, size: Size) -> Floats:
    """Turn boxes of a format (`xyxy`, `xywh`, `cxcywh`, or one with `_unit` for 0..1) into absolute corners."""
    b = np.array(boxes, dtype=np.float64)
    b = b.reshape(0, 4) if b.size == 0 else b
    if b.ndim != 2 or b.shape[1] != 4:
        raise ParamError(refusal("Sample", "boxes", "N x 4", b))
    _finite("boxes", b)
    base, _, unit = box_format.partition("_")
    if base not in ("xyxy", "xywh", "cxcywh") or unit not in ("", "unit"):
        options = "one of xyxy, xywh, cxcywh, xyxy_unit, xywh_unit, cxcywh_unit"
        raise ParamError(refusal("Sample", "box_format", options, box_format))
    if base == "xywh":
        b[:, 2:] += b[:, :2]
    elif base == "cxcywh":
        b = np.concatenate([b[:, :2] - b[:, 2:] / 2, b[:, :2] + b[:, 2:] / 2], axis=1)
    return b * np.array([size.width, size.height] * 2) if unit else b


def _finite(name: str, value: Floats) -> Floats:
    if not np.isfinite(value).all():
        raise ParamError(refusal("Sample", name, "finite", verbatim("NaN or infinity")))
    return value


def _outlines(polygons: Any) -> tuple[Floats, ...]:
    """Read one object's outlines: one K 2 array, a flat x y x y list, or a list of either."""
    if isinstance(polygons, np.ndarray) and polygons.dtype != object:
        polygons = [polygons]
    elif isinstance(polygons, Sequence) and polygons:
        first = polygons[0]
        if np.ndim(first) == 0 or (np.ndim(first) == 1 and len(first) == 2 and np.ndim(first[0]) == 0):
            polygons = [polygons]
    out = []
    for outline in polygons:
        p = np.array(outline, dtype=np.float64)
        if p.ndim == 1 and p.size % 2 == 0:
            p = p.reshape(-1, 2)
        if p.ndim != 2 or p.shape[1] != 2 or len(p) < 3:
            raise ParamError(refusal("Sample", "polygons", "outlines of at least 3 points (x, y)", p))
        out.append(_finite("polygons", p))
    return tuple(out)


def _masks(masks: Any, size: Size) -> NDArray[np.bool_]:
    m = np.asarray(masks)
    m = m.reshape(0, size.height, size.width) if m.size == 0 else m
    if m.ndim != 3 or m.shape[1:] != (size.height, size.width):
        raise ParamError(refusal("Sample", "masks", f"N x {size.height} x {size.width}, as the picture", m))
    if m.dtype != np.bool_ and not np.isin(m, (0, 1)).all():
        raise ParamError(refusal("Sample", "masks", "bool, or 0 and 1", m))
    return np.array(m, dtype=np.bool_)


# --- following geometry -------------------------------------------------------------------------------------------
def carry(
    table: Instances, warp: Warp, rules: Rules, hidden: Sequence[tuple[int, NDArray[np.bool_]]] = ()
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
    moved = _Carrier(table, warp, hidden)
    keep, dropped = [], []
    for i in range(table.count):
        reason = moved.verdict(i, rules)
        if reason is None:
            keep.append(i)
        else:
            label = None if table.labels is None else table.labels[i]
            dropped.append(Dropped(i, reason, moved.visible[i], label))
    return moved.table(keep), tuple(dropped)


class _Carrier:
    """One table on its way through one warp."""

    def __init__(self, table: Instances, warp: Warp, hidden: Sequence[tuple[int, NDArray[np.bool_]]]) -> None:
        self.source, self.warp = table, warp
        n = table.count
        self.masks = self._masks(hidden)
        self.clipped: list[Floats] = [np.zeros((0, 2))] * n
        self.visible = [1.0] * n
        self.hidden = [False] * n
        self.boxes = None if table.boxes is None else np.zeros((n, 4))
        self.corners = None if table.corners is None else np.zeros((n, 4, 2))
        self.polygons: list[tuple[Floats, ...]] = [()] * n
        self.keypoints = self._keypoints(hidden)
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
        self.clipped[i] = np.concatenate(parts) if parts and not _empty(parts) else np.zeros((0, 2))
        self.visible[i] = min(1.0, left / area) if area else 1.0

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

    def _masks(self, hidden: Sequence[tuple[int, NDArray[np.bool_]]]) -> NDArray[np.bool_] | None:
        masks = self.source.masks
        if masks is None:
            return None
        tw, th = self.warp.target
        out = np.zeros((len(masks), th, tw), np.bool_)
        for i, mask in enumerate(masks):
            out[i] = gather_nearest(mask, self.warp)
        return out

    def _keypoints(self, hidden: Sequence[tuple[int, NDArray[np.bool_]]]) -> Floats | None:
        points = self.source.keypoints
        if points is None:
            return None
        n, k, columns = points.shape
        flat = points[..., :2].reshape(-1, 2)
        moved = self.warp.push(flat).reshape(n, k, 2)
        inside = self.warp.kept(flat).reshape(n, k)
        out = points.copy()
        out[..., :2] = moved
        if columns == 3:
            labelled = points[..., 2] > 0
            out[..., 2] = np.where(inside & labelled, points[..., 2], 0.0)
            out[~labelled] = 0.0
        skeleton = self.source.skeleton
        if skeleton is not None and skeleton.mirror and self.warp.stages:
            order = skeleton.swap()
            for i in range(n):
                named = points[i, :, 2] > 0 if columns == 3 else np.ones(k, np.bool_)
                if named.any() and self.warp.mirrors(points[i, named, :2].mean(axis=0)):
                    out[i] = out[i, order]
        return out

    def _cover(self, hidden: Sequence[tuple[int, NDArray[np.bool_]]]) -> None:
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

    def table(self, keep: list[int]) -> Instances:
        """Give the kept rows on the present canvas."""
        source = self.source
        full = replace(
            source,
            size=self.warp.target,
            boxes=self.boxes,
            corners=self.corners,
            polygons=None if source.polygons is None else tuple(self.polygons),
            masks=self.masks,
            keypoints=self.keypoints,
            visible=np.array(self.visible),
        )
        return full[np.array(keep, dtype=np.int64)]


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
