"""One table of objects: a row is one object with all its annotations, and lives or dies whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from opsin.errors import ParamError, refusal, verbatim
from opsin.geometry import Size

__all__ = ["Dropped", "Instance", "Instances", "Rules", "Skeleton", "least_rectangle", "make", "to_corners"]

Floats: TypeAlias = NDArray[np.float64]
Reason = Literal["outside", "too_small", "occluded"]
_WHOLE = frozenset({"size", "count", "class_names", "skeleton"})  # of the table, not of its rows


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
    """What geometry may do to objects; applied once, when the table is read.

    Args:
        min_visible: least part of the object's original area that must still be on the canvas, 0..1.
        min_area: least area in square pixels of what is left.
        min_side: least width and height in pixels of the box around what is left.
        text: classes that must not be mirrored, such as signs and number plates: a flip of them is refused.
        swap: pairs of classes that change places in a mirror, such as left and right hand.
        void: class number that a segmentation has beyond the picture, such as 255 where a loss ignores it.
    """

    min_visible: float = 0.0
    min_area: float = 1.0
    min_side: float = 1.0
    text: tuple[str | int, ...] = ()
    swap: tuple[tuple[str | int, str | int], ...] = ()
    void: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", (self.text,) if isinstance(self.text, str) else tuple(self.text))
        object.__setattr__(self, "swap", tuple(tuple(pair) for pair in self.swap))
        if any(len(pair) != 2 for pair in self.swap):
            raise ParamError(refusal("Rules", "swap", "pairs of classes", self.swap))
        if isinstance(self.void, bool) or not isinstance(self.void, int) or not 0 <= self.void <= 65535:
            raise ParamError(refusal("Rules", "void", "a whole number from 0 to 65535", self.void))
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
        for name, value in vars(self).items():
            if value is not None and name not in _WHOLE:
                changed[name] = tuple(value[i] for i in index) if isinstance(value, tuple) else value.take(index, 0)
        return self.replaced(**changed)

    def replaced(self, **changed: Any) -> Self:
        """Give the table with other columns; what `dataclasses.replace` does, which asks around ten times as long."""
        out = object.__new__(type(self))
        out.__dict__.update(self.__dict__, **changed)
        return out

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
