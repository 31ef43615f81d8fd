"""Bring annotations from the canvas they were made on to the upright picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from opsin.datasets import rle as runs
from opsin.datasets.entry import Annotation, Entry, Numbers, Rle
from opsin.datasets.packed import BoxNotes
from opsin.datasets.rules import Report
from opsin.instances import Skeleton
from opsin.io.exif import orient

__all__ = ["fit", "orient_matrix", "transform"]

Pair = tuple[int, int]


def orient_matrix(orientation: int, width: int, height: int) -> NDArray[np.float64]:
    """The matrix from points on the stored picture (width x height) to points on the upright one.

    Source: EXIF 2.32, tag 274.
    """
    w, h = float(width), float(height)
    rows: dict[int, list[list[float]]] = {
        1: [[1, 0, 0], [0, 1, 0]],
        2: [[-1, 0, w], [0, 1, 0]],
        3: [[-1, 0, w], [0, -1, h]],
        4: [[1, 0, 0], [0, -1, h]],
        5: [[0, 1, 0], [1, 0, 0]],
        6: [[0, -1, h], [1, 0, 0]],
        7: [[0, -1, h], [-1, 0, w]],
        8: [[0, 1, 0], [-1, 0, w]],
    }
    return np.array([*rows[orientation], [0.0, 0.0, 1.0]], dtype=np.float64)


def fit(
    entry: Entry, size: Pair, stored: tuple[tuple[int, int], int], skeleton: Skeleton | None, report: Report
) -> Sequence[Annotation]:
    """Give an entry's objects in pixels of its upright picture.

    A canvas that equals the upright size is right as it is. One that equals only the stored size was annotated
    before the orientation was applied: objects are turned with the picture. For a square picture, and for half turns
    and mirrors, the two cannot be told apart: annotations are taken to be upright.

    Args:
        entry: the entry.
        size: of the upright picture.
        stored: size as stored, and orientation 1 to 8.
        skeleton: for pairs that swap where the orientation mirrors.
        report: where findings go.
    """
    notes = entry.annotations or ()
    if entry.unit:
        if isinstance(notes, BoxNotes):
            return notes.scaled(*size)
        return tuple(transform(a, np.diag([float(size[0]), float(size[1]), 1.0])) for a in notes)
    if not notes or entry.canvas is None or entry.canvas == size:
        return notes
    raw, orientation = stored
    canvas = entry.canvas
    text = f"annotated on {canvas[0]} x {canvas[1]}, the picture is {size[0]} x {size[1]}"
    if canvas == tuple(raw) and orientation != 1:
        if not report.add(entry.path, entry.key, "canvas_unrotated", f"{text} once upright; turned with it."):
            return ()
        m = orient_matrix(orientation, raw[0], raw[1])
        swap = skeleton.swap() if skeleton is not None and orientation in (2, 4, 5, 7) else None
        return tuple(transform(a, m, size, lambda mask: orient(mask, orientation), swap) for a in notes)
    if not report.add(entry.path, entry.key, "canvas_mismatch", f"{text}."):
        return ()
    m = np.diag([size[0] / canvas[0], size[1] / canvas[1], 1.0])
    return tuple(transform(a, m, size, lambda mask: _stretch(mask, size)) for a in notes)


def transform(
    a: Annotation,
    matrix: NDArray[np.float64],
    size: Pair | None = None,
    mask: Callable[[NDArray[np.bool_]], NDArray[np.bool_]] | None = None,
    swap: list[int] | None = None,
) -> Annotation:
    """Carry one object through a matrix that keeps upright boxes upright."""
    box = a.box
    if box is not None:
        p = _push(matrix, box)
        box = (min(p[0], p[2]), min(p[1], p[3]), max(p[0], p[2]), max(p[1], p[3]))
    points = a.keypoints
    if points is not None:
        k = np.array(points).reshape(-1, 3)
        moved = np.array(_push(matrix, tuple(k[:, :2].ravel()))).reshape(-1, 2)
        k[:, :2] = np.where(k[:, 2:] > 0, moved, k[:, :2])
        if swap is not None and len(swap) == len(k):
            k = k[swap]
        points = tuple(k.ravel().tolist())
    mark = a.rle
    if mark is not None and mask is not None and size is not None:
        grid = mask(runs.decode(runs.unpack(mark.runs), mark.height, mark.width))
        mark = Rle(size[0], size[1], runs.pack(runs.encode(grid)))
    return a._replace(
        box=box,
        corners=None if a.corners is None else _push(matrix, a.corners),
        polygons=tuple(_push(matrix, p) for p in a.polygons),
        keypoints=points,
        rle=mark,
    )


def _push(matrix: NDArray[np.float64], flat: Numbers) -> Numbers:
    p = np.array(flat, dtype=np.float64).reshape(-1, 2)
    out: Numbers = tuple((p @ matrix[:2, :2].T + matrix[:2, 2]).ravel().tolist())
    return out


def _stretch(mask: NDArray[np.bool_], size: Pair) -> NDArray[np.bool_]:
    h, w = mask.shape
    rows = np.minimum((np.arange(size[1]) + 0.5) * h / size[1], h - 1).astype(np.int64)
    columns = np.minimum((np.arange(size[0]) + 0.5) * w / size[0], w - 1).astype(np.int64)
    return mask[np.ix_(rows, columns)]
