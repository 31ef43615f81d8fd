"""Between a list of annotations and the columns of a Sample's table, both ways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin.carry import rasterize
from opsin.datasets import rle as runs
from opsin.datasets.entry import Annotation, Facts, Rle
from opsin.datasets.packed import BoxNotes
from opsin.geometry import Size
from opsin.instances import Instances
from opsin.sample import Sample

__all__ = ["annotations_of", "columns_of", "table_of"]

_MORE_THAN_BOXES = frozenset({"corners", "polygons", "keypoints", "track_ids"})


def columns_of(notes: Sequence[Annotation], size: tuple[int, int], facts: Facts) -> dict[str, Any]:
    """Build the columns of a Sample from annotations in pixels of its picture.

    A column is there when the data set has it anywhere, so that every sample of a data set has the same columns; a
    column of masks only where the picture has one. Where a row has no box of its own, the box around its shape stands
    in; where some rows have masks, the others' masks are painted from their outlines.
    """
    columns = facts.columns
    out: dict[str, Any] = {}
    if not notes or any(a.label is not None for a in notes):
        out["labels"] = _labels(notes)
    if columns & {"boxes", "polygons", "masks"} and "corners" not in columns:
        out["boxes"] = np.array([_box(a) for a in notes], dtype=np.float64).reshape(-1, 4)
    if "corners" in columns:
        out["rotated_boxes"] = np.array([_corners(a) for a in notes], dtype=np.float64).reshape(-1, 4, 2)
        if "boxes" in columns:
            out["boxes"] = np.array([_box(a) for a in notes], dtype=np.float64).reshape(-1, 4)
    if "polygons" in columns:
        out["polygons"] = [[np.array(p, dtype=np.float64).reshape(-1, 2) for p in a.polygons] for a in notes]
    if any(a.rle is not None for a in notes):
        out["masks"] = np.stack([_mask(a, size) for a in notes])
    if "keypoints" in columns:
        places = len(facts.skeleton.names) if facts.skeleton is not None else _places(notes)
        k = np.zeros((len(notes), places, 3))
        for i, a in enumerate(notes):
            if a.keypoints:
                k[i] = np.array(a.keypoints, dtype=np.float64).reshape(-1, 3)
        out["keypoints"] = k
        out["skeleton"] = facts.skeleton
    if "track_ids" in columns:
        out["track_ids"] = np.array([a.track_id for a in notes], dtype=object)
    if "attributes" in columns:
        out["attributes"] = [dict(a.attributes) for a in notes]
    return out


def table_of(notes: Sequence[Annotation] | None, size: tuple[int, int], facts: Facts) -> Instances | None:
    """Build at once the table that `columns_of` leads to, where objects are known to be boxes and nothing else."""
    if not isinstance(notes, BoxNotes) or facts.columns & _MORE_THAN_BOXES:
        return None
    return Instances(
        Size(*size),
        len(notes),
        boxes=notes.boxes.copy(),
        labels=notes.labels.copy(),
        attributes=tuple(notes.attributes) if "attributes" in facts.columns else None,
        class_names=facts.class_names or None,
    )


def _labels(notes: Sequence[Annotation]) -> NDArray[Any]:
    labels = [a.label for a in notes]
    if all(isinstance(v, int) for v in labels):
        return np.array(labels, dtype=np.int64)
    return np.array(labels, dtype=object)


def _places(notes: Sequence[Annotation]) -> int:
    return max((len(a.keypoints) // 3 for a in notes if a.keypoints), default=0)


def _box(a: Annotation) -> tuple[float, ...]:
    if a.box is not None:
        return a.box
    shape = [v for p in a.polygons for v in p] or list(a.corners or ())
    if shape:
        return min(shape[0::2]), min(shape[1::2]), max(shape[0::2]), max(shape[1::2])
    if a.rle is not None:
        mask = runs.decode(runs.unpack(a.rle.runs), a.rle.height, a.rle.width)
        ys, xs = np.nonzero(mask)
        if len(xs):
            return float(xs.min()), float(ys.min()), float(xs.max() + 1), float(ys.max() + 1)
    if a.keypoints:
        k = np.array(a.keypoints).reshape(-1, 3)
        k = k[k[:, 2] > 0]
        if len(k):
            return float(k[:, 0].min()), float(k[:, 1].min()), float(k[:, 0].max()), float(k[:, 1].max())
    return 0.0, 0.0, 0.0, 0.0


def _corners(a: Annotation) -> tuple[float, ...]:
    if a.corners is not None:
        return a.corners
    x1, y1, x2, y2 = _box(a)
    return x1, y1, x2, y1, x2, y2, x1, y2


def _mask(a: Annotation, size: tuple[int, int]) -> NDArray[np.bool_]:
    if a.rle is not None:
        return runs.decode(runs.unpack(a.rle.runs), a.rle.height, a.rle.width)
    if a.polygons:
        return rasterize(a.polygons, Size(*size))
    return np.zeros((size[1], size[0]), np.bool_)


def annotations_of(sample: Sample) -> tuple[Annotation, ...] | None:
    """Read a Sample's table back into annotations; None when the sample was never annotated with objects."""
    table = sample.instances
    if sample._table is None:
        return None
    return tuple(_row(table, i) for i in range(len(table)))


def _row(table: Instances, i: int) -> Annotation:
    label: Any = None if table.labels is None else table.labels[i]
    track: Any = None if table.track_ids is None else table.track_ids[i]
    keypoints = None
    if table.keypoints is not None:
        k = table.keypoints[i]
        k = k if k.shape[1] == 3 else np.concatenate([k, np.full((len(k), 1), 2.0)], axis=1)
        keypoints = tuple(k.ravel().tolist()) if (k[:, 2] > 0).any() else None
    polygons = () if table.polygons is None else tuple(tuple(p.ravel().tolist()) for p in table.polygons[i])
    rle = None
    if table.masks is not None and not polygons:
        mask = table.masks[i]
        rle = Rle(mask.shape[1], mask.shape[0], runs.pack(runs.encode(mask))) if mask.any() else None
    return Annotation(
        label=label.item() if isinstance(label, np.generic) else label,
        box=None if table.boxes is None else tuple(table.boxes[i].tolist()),
        corners=None if table.corners is None else tuple(table.corners[i].ravel().tolist()),
        polygons=polygons,
        rle=rle,
        keypoints=keypoints,
        track_id=track.item() if isinstance(track, np.generic) else track,
        attributes={} if table.attributes is None else dict(table.attributes[i]),
    )
