"""Put several samples together: pictures made alike, tables joined, objects hidden by what was pasted over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from opsin.arrays import from_unit, to_unit
from opsin.carry import rasterize
from opsin.errors import ParamError, refusal, verbatim
from opsin.geometry import Size, Warp, stretch
from opsin.instances import Dropped, Instances, Rules, least_rectangle, to_corners
from opsin.kernels.outlines import outlines
from opsin.kernels.resample import resample
from opsin.polygons import hull_box
from opsin.sample import Sample
from opsin.types import Array

__all__ = ["fitted", "hide", "like", "merged", "mixed_label", "shape_of"]

Floats: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]
_BT601 = np.array([0.299, 0.587, 0.114], np.float32)


# --- pictures -----------------------------------------------------------------------------------------------------
def like(where: str, image: Array, model: Array) -> Array:
    """Bring a picture to the dtype and channels of another: gray is repeated, color weighed, alpha made or dropped.

    Raises:
        ParamError: the numbers of channels have no common meaning.
    """
    if image.dtype != model.dtype:
        image = from_unit(np.clip(to_unit(image, np.float64), 0.0, 1.0), model.dtype)
    have = 1 if image.ndim == 2 else image.shape[2]
    want = 1 if model.ndim == 2 else model.shape[2]
    if have != want:
        if {have, want} - {1, 3, 4}:
            got = verbatim(f"{have} channels beside {want}")
            raise ParamError(refusal(where, "other", "a picture with as many channels", got, "Mix like with like."))
        image = _channels(image.reshape(*image.shape[:2], -1), want)
    return np.ascontiguousarray(image.reshape(*image.shape[:2], *model.shape[2:]))


def _channels(image: Array, want: int) -> Array:
    if image.shape[2] == 4:
        image = image[..., :3]
    if want == 1:
        return from_unit(to_unit(image) @ _BT601, image.dtype)[..., None]
    color = image if image.shape[2] == 3 else np.repeat(image, 3, axis=2)
    if want == 3:
        return color
    opaque = np.full((*color.shape[:2], 1), from_unit(np.ones(1), image.dtype)[0])
    return np.concatenate([color, opaque], axis=2)


def fitted(where: str, other: Sample, model: Sample) -> Sample:
    """Stretch a sample to the canvas of another and bring it to its dtype and channels; annotations follow."""
    image = like(where, other.image, model.image)
    source, target = Size(image.shape[1], image.shape[0]), Size(model.image.shape[1], model.image.shape[0])
    if source == target:
        return other.with_image(image)
    matrix = stretch(target.width / source.width, target.height / source.height)
    warp = Warp.of(matrix, source, target, kernel="pillow-bilinear")
    return other.moved(warp, resample(image, warp))


# --- labels -------------------------------------------------------------------------------------------------------
def mixed_label(where: str, parts: Sequence[tuple[Sample, float]]) -> Any:
    """Mix the labels of several samples: {class: weight}, the weights summing to 1.

    A label may be a class, such a mapping from an earlier mix, or a vector of weights (one entry per class): vectors
    stay vectors. None for all stays None.

    Raises:
        ParamError: some have a label and some have none, or vectors meet classes.
    """
    total = sum(weight for _, weight in parts)
    given = [(_named(s.label, s.class_names), w / total) for s, w in parts]
    labels = [label for label, _ in given]
    if all(label is None for label in labels):
        return None
    if any(label is None for label in labels):
        raise ParamError(refusal(where, "other", "labelled as the sample is", None, "Give both a label, or neither."))
    vectors = [isinstance(label, np.ndarray | list | tuple) for label in labels]
    if any(vectors):
        arrays = [np.asarray(label, np.float64) for label in labels]
        if not all(vectors) or len({a.shape for a in arrays}) > 1:
            raise ParamError(refusal(where, "label", "a vector of the same length in every sample", labels))
        return np.sum([a * w for a, (_, w) in zip(arrays, given, strict=True)], axis=0)
    names = {s.class_names for s, _ in parts if s.class_names is not None}
    by_name = len(names) > 1
    out: dict[Any, float] = {}
    for (label, weight), (sample, _) in zip(given, parts, strict=True):
        for key, share in label.items() if isinstance(label, Mapping) else ((label, 1.0),):
            if by_name and isinstance(key, int) and sample.class_names is not None and key < len(sample.class_names):
                key = sample.class_names[key]
            if weight * share > 0.0:
                out[key] = out.get(key, 0.0) + weight * share
    return out


def _named(label: Any, class_names: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label


# --- tables -------------------------------------------------------------------------------------------------------
def shape_of(table: Instances, row: int) -> Mask:
    """Paint one object on its canvas: its mask, else its polygons, rotated box or box."""
    size = table.size
    if table.masks is not None:
        return table.masks[row]
    if table.polygons is not None and table.polygons[row]:
        return rasterize(table.polygons[row], size)
    if table.corners is not None:
        return rasterize([table.corners[row]], size)
    out = np.zeros((size.height, size.width), np.bool_)
    if table.boxes is not None:
        x1, y1, x2, y2 = (max(0, int(np.ceil(v - 0.5))) for v in table.boxes[row])
        out[y1:y2, x1:x2] = True
    return out


def _hull(table: Instances, row: int) -> Floats | None:
    """The upright box around what is known of an object, or None."""
    if table.boxes is not None:
        return table.boxes[row]
    if table.corners is not None:
        return hull_box(table.corners[row])
    if table.polygons is not None and table.polygons[row]:
        return hull_box(np.concatenate(table.polygons[row]))
    if table.masks is not None and table.masks[row].any():
        return _mask_box(table.masks[row])
    if table.keypoints is not None:
        points = table.keypoints[row]
        named = points[:, 2] > 0 if points.shape[1] == 3 else np.ones(len(points), np.bool_)
        return hull_box(points[named, :2]) if named.any() else None
    return None


def _mask_box(mask: Mask) -> Floats:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float64)


def merged(where: str, size: Size, tables: Sequence[Instances]) -> Instances:
    """Join tables on one canvas. A column that only some have is made for the others where it can be.

    Boxes come from outlines, masks from outlines and boxes, upright rotated boxes from boxes; polygons stay empty,
    key points unlabelled, track ids None, attributes empty. Class numbers are brought to one list of names.

    Raises:
        ParamError: labels, skeletons or key points that do not fit each other.
    """
    full = [t for t in tables if t.count]
    names = _class_names(where, tables)
    if not full:
        return Instances(size, class_names=names)
    have = {f.name for f in fields(Instances) for t in full if getattr(t, f.name) is not None}
    columns: dict[str, Any] = {}
    if "boxes" in have:
        columns["boxes"] = np.array([_need(where, t, i) for t in full for i in range(t.count)], np.float64)
    if "corners" in have:
        columns["corners"] = np.concatenate([_corners(where, t) for t in full])
    if "polygons" in have:
        columns["polygons"] = tuple(p for t in full for p in (t.polygons or ((),) * t.count))
    if "masks" in have:
        columns["masks"] = np.concatenate([np.stack([shape_of(t, i) for i in range(t.count)]) for t in full])
    skeletons = {t.skeleton for t in full if t.skeleton is not None}
    if "keypoints" in have:
        if len(skeletons) > 1:
            got = verbatim("two different ones")
            raise ParamError(refusal(where, "skeleton", "the same in every sample", got))
        columns["keypoints"] = _keypoints(where, full)
    if "labels" in have:
        columns["labels"] = _labels(where, full, names)
    if "track_ids" in have:
        columns["track_ids"] = _filled_in([(t.track_ids, t.count) for t in full])
    if "attributes" in have:
        columns["attributes"] = tuple(a for t in full for a in (t.attributes or ({},) * t.count))
    seen = [np.ones(t.count) if t.visible is None else t.visible for t in full]
    return Instances(
        size,
        sum(t.count for t in full),
        visible=np.concatenate(seen),
        class_names=names,
        skeleton=next(iter(skeletons), None),
        **columns,
    )


def _need(where: str, table: Instances, row: int) -> Floats:
    box = _hull(table, row)
    if box is None:
        got = verbatim("an object with neither box nor outline")
        raise ParamError(refusal(where, "boxes", "known for every object, or for none", got))
    return box


def _corners(where: str, table: Instances) -> Floats:
    if table.corners is not None:
        return table.corners
    out = []
    for i in range(table.count):
        if table.polygons is not None and table.polygons[i]:
            out.append(to_corners(np.array([least_rectangle(np.concatenate(table.polygons[i]))]))[0])
        else:
            x1, y1, x2, y2 = _need(where, table, i)
            out.append(np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]]))
    return np.array(out)


def _keypoints(where: str, tables: Sequence[Instances]) -> Floats:
    counts = {t.keypoints.shape[1] for t in tables if t.keypoints is not None}
    if len(counts) > 1:
        raise ParamError(refusal(where, "keypoints", "as many per object in every sample", tuple(sorted(counts))))
    width = counts.pop()
    plain = all(t.keypoints is not None and t.keypoints.shape[2] == 2 for t in tables)
    out = []
    for table in tables:
        points = table.keypoints
        if points is None:
            points = np.zeros((table.count, width, 3))
        elif points.shape[2] == 2 and not plain:
            points = np.concatenate([points, np.full((*points.shape[:2], 1), 2.0)], axis=2)
        out.append(points)
    return np.concatenate(out)


def _filled_in(parts: Sequence[tuple[NDArray[Any] | None, int]]) -> NDArray[Any]:
    if all(values is not None for values, _ in parts):
        return np.concatenate([values for values, _ in parts if values is not None])
    out = np.empty(sum(count for _, count in parts), dtype=object)
    at = 0
    for values, count in parts:
        if values is not None:
            out[at : at + count] = list(values)
        at += count
    return out


def _class_names(where: str, tables: Sequence[Instances]) -> tuple[str, ...] | None:
    out: list[str] = []
    for table in tables:
        out += [n for n in table.class_names or () if n not in out]
    return tuple(out) or None


def _labels(where: str, tables: Sequence[Instances], names: tuple[str, ...] | None) -> NDArray[Any]:
    if any(t.labels is None for t in tables):
        got = verbatim("labels in one sample only")
        raise ParamError(refusal(where, "labels", "known for the objects of every sample, or of none", got))
    columns = [t.labels for t in tables if t.labels is not None]
    numbers = [c.dtype.kind in "iu" for c in columns]
    if all(numbers):
        return np.concatenate([_renumbered(c, t, names) for c, t in zip(columns, tables, strict=True)])
    if not any(numbers):
        return np.concatenate(columns)
    out: list[str] = []
    for column, table, number in zip(columns, tables, numbers, strict=True):
        if number and table.class_names is None:
            got = verbatim("numbers in one sample and names in the other")
            raise ParamError(refusal(where, "labels", "all numbers or all names", got, "Give class_names."))
        out += [str(table.class_name(i)) for i in range(table.count)] if number else [str(v) for v in column]
    return np.array(out)


def _renumbered(labels: NDArray[Any], table: Instances, names: tuple[str, ...] | None) -> NDArray[Any]:
    own = table.class_names
    if own is None or names is None or own == names[: len(own)]:
        return labels
    moved = np.array([names.index(n) for n in own])
    known = (labels >= 0) & (labels < len(own))
    return np.where(known, moved[np.where(known, labels, 0)], labels)


# --- what is pasted over objects ------------------------------------------------------------------------------------
def hide(table: Instances, cover: Mask, rules: Rules) -> tuple[Instances, tuple[Dropped, ...]]:
    """Hide objects behind a cover H W: what is left of them stays, what is gone goes, with its reason.

    Masks lose the covered pixels, polygons are traced again around what is left, boxes shrink to it (a rotated box
    keeps its shape), key points behind the cover count as hidden, and `visible` says how much of each object is left.
    """
    if table.count == 0 or not cover.any():
        return table, ()
    boxes = None if table.boxes is None else table.boxes.copy()
    masks = None if table.masks is None else table.masks & ~cover
    polygons = None if table.polygons is None else list(table.polygons)
    visible = np.ones(table.count) if table.visible is None else table.visible.copy()
    keep: list[int] = []
    dropped: list[Dropped] = []
    for i in range(table.count):
        whole = shape_of(table, i)
        total, gone = int(whole.sum()), int((whole & cover).sum())
        if gone:
            visible[i] *= 1.0 - gone / total
            rest = whole & ~cover
            reason = _verdict(rest, float(visible[i]), rules)
            if reason:
                label = None if table.labels is None else table.labels[i]
                row = int(table.rows[i]) if table.rows is not None else i
                dropped.append(Dropped(row, reason, float(visible[i]), label))
                continue
            if boxes is not None:
                before, after = _mask_box(whole), _mask_box(rest)
                boxes[i] = np.where(before == after, boxes[i], after)
            if polygons is not None and polygons[i]:
                polygons[i] = tuple(outlines(rest))
        keep.append(i)
    out = replace(
        table,
        boxes=boxes,
        masks=masks,
        polygons=None if polygons is None else tuple(polygons),
        visible=visible,
        keypoints=_behind(table.keypoints, cover),
    )
    return out[np.array(keep, np.int64)], tuple(dropped)


def _verdict(rest: Mask, visible: float, rules: Rules) -> Any:
    if not rest.any() or visible < rules.min_visible:
        return "occluded"
    x1, y1, x2, y2 = _mask_box(rest)
    if rest.sum() < rules.min_area - 1e-3 or min(x2 - x1, y2 - y1) < rules.min_side - 1e-3:
        return "too_small"
    return None


def _behind(points: Floats | None, cover: Mask) -> Floats | None:
    """Mark key points behind a cover as hidden, where visibility is kept."""
    if points is None or points.shape[2] == 2:
        return points
    h, w = cover.shape
    x, y = np.floor(points[..., 0]), np.floor(points[..., 1])
    on = (points[..., 2] == 2) & (x >= 0) & (x < w) & (y >= 0) & (y < h)
    hit = cover[np.where(on, y, 0).astype(np.int64), np.where(on, x, 0).astype(np.int64)] & on
    out = points.copy()
    out[..., 2] = np.where(hit, 1.0, out[..., 2])
    return out
