"""Follow objects through a clip, from the boxes that any detector gives.

tracks = track(frames_boxes)                # all frames at hand
tracker = Tracker("bytetrack")              # or one by one
boxes = tracker.update(detect(frame))       # Boxes with the column `ids`
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from opsin.errors import ParamError, did_you_mean, refusal, verbatim
from opsin.kernels.extras import need
from opsin.kernels.kalman import BoxFilter
from opsin.kernels.overlap import pairwise_overlap
from opsin.values.boxes import Boxes
from opsin.values.tracks import Tracks

__all__ = ["Method", "Tracker", "track"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Method = Literal["bytetrack", "sort"]


@dataclass
class _Book:
    """What is known of each object that is followed, beside its place."""

    ids: Ints
    hits: Ints
    lost: Ints
    labels: list[str]
    sure: NDArray[np.bool_]

    def choose(self, which: Any) -> _Book:
        labels = [self.labels[i] for i in np.arange(len(self.ids))[which]]
        return _Book(self.ids[which], self.hits[which], self.lost[which], labels, self.sure[which])


class Tracker:
    """Follow objects frame by frame: a Kalman filter says where they should be, an assignment says which box is whose.

    Use it on live video; `track` does a whole clip and also gives the frames in which an object was not sure yet.

    Args:
        method: "sort" pairs boxes with predictions once; "bytetrack" does it again with the boxes that the detector
            was not sure of, which keeps objects through occlusions.
        high: scores from which a box is trusted ("bytetrack"); a new object needs this much.
        low: scores below which a box is not looked at.
        overlap: least intersection over union of a box and the predicted place of its object.
        patience: frames that an object may be out of sight; by default 1 for "sort" and 30 for "bytetrack".
        confirm: frames in a row in which an object must be found before it counts.

    Source:
        Bewley et al., "Simple online and realtime tracking", 2016; Zhang et al., "ByteTrack: multi-object tracking by
        associating every detection box", 2022.
    """

    def __init__(
        self,
        method: Method = "bytetrack",
        *,
        high: float = 0.6,
        low: float = 0.1,
        overlap: float | None = None,
        patience: int | None = None,
        confirm: int | None = None,
    ) -> None:
        if method not in get_args(Method):
            hint = did_you_mean(str(method), get_args(Method))
            raise ParamError(refusal("track", "method", "one of bytetrack, sort", method, hint))
        if not 0.0 <= low <= high:
            raise ParamError(refusal("track", "low", f"at least 0 and at most high ({high:g})", low))
        sort = method == "sort"
        self.method = method
        self.high, self.low = float(high), float(low)
        self.overlap = (0.3 if sort else 0.2) if overlap is None else float(overlap)
        self.patience = (1 if sort else 30) if patience is None else int(patience)
        self.confirm = (3 if sort else 2) if confirm is None else int(confirm)
        if not 0.0 < self.overlap < 1.0:
            raise ParamError(refusal("track", "overlap", "above 0 and below 1", overlap))
        if self.patience < 0:
            raise ParamError(refusal("track", "patience", "at least 0 frames", patience))
        if self.confirm < 1:
            raise ParamError(refusal("track", "confirm", "at least 1 frame", confirm))
        self._solve = need("scipy.optimize", "track").linear_sum_assignment
        self.frame = 0
        self._next = 1
        self._filter = BoxFilter.start(np.zeros((0, 4)))
        none = np.zeros(0, np.int64)
        self._book = _Book(none, none.copy(), none.copy(), [], np.zeros(0, np.bool_))

    def update(self, boxes: Any) -> Boxes:
        """Take the boxes of the next frame.

        Args:
            boxes: `Boxes`, or an array N 4, or N 5 with scores; empty where nothing was found.

        Returns:
            the boxes that belong to objects, with the columns `ids` and `confirmed` (False while an object is new).
        """
        now = _as_boxes(boxes, self.frame)
        scores = np.ones(len(now)) if now.scores is None else now.scores
        labels = list(now.labels or ("",) * len(now))
        self._filter.predict(self._book.lost > 0)
        rows: Ints = np.full(len(now), -1)  # which object each box belongs to
        trusted = scores >= (self.high if self.method == "bytetrack" else self.low)
        everyone = np.arange(len(self._filter))
        if self.method == "sort":
            self._pair(now, labels, np.nonzero(trusted)[0], everyone, self.overlap, rows)
        else:
            sure = self._book.sure
            self._pair(now, labels, np.nonzero(trusted)[0], everyone[sure], self.overlap, rows, scores)
            left = np.setdiff1d(everyone[sure & (self._book.lost == 0)], rows)
            doubtful = np.nonzero(~trusted & (scores >= self.low))[0]
            self._pair(now, labels, doubtful, left, max(self.overlap, 0.5), rows)
            rest = np.nonzero(trusted & (rows < 0))[0]
            self._pair(now, labels, rest, everyone[~sure], max(self.overlap, 0.3), rows, scores)
        found = np.nonzero(rows >= 0)[0]
        self._filter.correct(rows[found], now.boxes[found])
        self._settle(rows[found])
        new = np.nonzero((rows < 0) & trusted)[0]
        rows[new] = len(self._filter) + np.arange(len(new))
        self._begin(now.boxes[new], [labels[i] for i in new])
        kept = np.nonzero(rows >= 0)[0]
        out = now[kept]
        ids, confirmed = self._book.ids[rows[kept]], self._book.sure[rows[kept]]
        self._forget()
        self.frame += 1
        columns = {**out.columns, "ids": ids, "confirmed": confirmed}
        return Boxes(out.boxes, scores=scores[kept], labels=out.labels, **columns)

    def _pair(
        self, now: Boxes, labels: list[str], some: Ints, objects: Ints, least: float, rows: Ints, sure: Any = None
    ) -> None:
        """Give boxes to objects so that the sum of overlaps is greatest; classes never mix."""
        if len(some) == 0 or len(objects) == 0:
            return
        cover = pairwise_overlap(self._filter.boxes[objects], now.boxes[some])
        other = np.array([[self._book.labels[o] != labels[b] for b in some] for o in objects])
        weight = cover if sure is None else cover * np.clip(sure[some], 0.0, 1.0)[None, :]
        allowed = (cover >= least) & ~other
        i, j = self._solve(np.where(allowed, weight + 1e-9, 0.0), maximize=True)
        good = allowed[i, j]
        rows[some[j[good]]] = objects[i[good]]

    def _settle(self, found: Ints) -> None:
        book = self._book
        hit = np.zeros(len(book.ids), np.bool_)
        hit[found] = True
        book.hits = np.where(hit, book.hits + 1, 0)
        book.lost = np.where(hit, 0, book.lost + 1)
        book.sure |= book.hits >= self.confirm

    def _begin(self, boxes: Floats, labels: list[str]) -> None:
        count = len(boxes)
        if count == 0:
            return
        book, first = self._book, self.confirm == 1 or self.frame == 0
        ids = np.arange(self._next, self._next + count)
        self._next += count
        self._filter = self._filter.join(BoxFilter.start(boxes))
        self._book = _Book(
            np.concatenate([book.ids, ids]),
            np.concatenate([book.hits, np.ones(count, np.int64)]),
            np.concatenate([book.lost, np.zeros(count, np.int64)]),
            book.labels + labels,
            np.concatenate([book.sure, np.full(count, first)]),
        )

    def _forget(self) -> None:
        """Let go of objects that are gone too long, and of new ones that were not found again."""
        book = self._book
        keep = (book.lost <= self.patience) & (book.sure | (book.lost == 0))
        if not keep.all():
            self._filter, self._book = self._filter.choose(keep), book.choose(keep)


def track(
    frames_boxes: Iterable[Any],
    *,
    method: Method = "bytetrack",
    high: float = 0.6,
    low: float = 0.1,
    overlap: float | None = None,
    patience: int | None = None,
    confirm: int | None = None,
) -> Tracks:
    """Follow objects through the frames of a clip.

    Use it to count objects, to measure their ways, or to give each an identity. An object that is confirmed keeps
    the frames from before it was; ids count from 1 in the order in which objects appear.

    Args:
        frames_boxes: per frame `Boxes`, or an array N 4 (x1 y1 x2 y2), or N 5 with scores; empty where nothing is.
        method: "sort" or "bytetrack", see `Tracker`.
        high: scores from which a box is trusted.
        low: scores below which a box is not looked at.
        overlap: least intersection over union of a box and its object's predicted place.
        patience: frames that an object may be out of sight.
        confirm: frames in a row in which an object must be found before it counts.

    Returns:
        the detector's own boxes with ids.

    Raises:
        ParamError: boxes of another shape, parameters that do not fit.
    """
    tracker = Tracker(method, high=high, low=low, overlap=overlap, patience=patience, confirm=confirm)
    frames: list[Ints] = []
    parts: list[Boxes] = []
    for boxes in frames_boxes:
        now = tracker.update(boxes)
        frames.append(np.full(len(now), tracker.frame - 1))
        parts.append(now)
    if not parts:
        return Tracks([], [], [])
    ids = np.concatenate([part.columns["ids"] for part in parts])
    confirmed = np.concatenate([part.columns["confirmed"] for part in parts])
    keep = np.isin(ids, ids[confirmed])
    names = np.unique(ids[keep])
    labeled = any(part.labels is not None for part in parts)
    labels = [name for part in parts for name in (part.labels or ("",) * len(part))] if labeled else None
    return Tracks(
        np.concatenate(frames)[keep],
        np.searchsorted(names, ids[keep]) + 1,
        np.concatenate([part.boxes for part in parts])[keep],
        scores=np.concatenate([np.ones(len(p)) if p.scores is None else p.scores for p in parts])[keep],
        labels=None if labels is None else [labels[i] for i in np.nonzero(keep)[0]],
        length=len(parts),
    )


def _as_boxes(boxes: Any, frame: int) -> Boxes:
    if isinstance(boxes, Boxes):
        out = boxes
    else:
        b = np.asarray(boxes, dtype=np.float64)
        b = b.reshape(0, 4) if b.size == 0 else b
        if b.ndim != 2 or b.shape[1] not in (4, 5):
            raise ParamError(refusal("track", "frames_boxes", "N x 4, or N x 5 with scores, in every frame", b))
        out = Boxes(b[:, :4], scores=b[:, 4] if b.shape[1] == 5 else None)
    if not np.isfinite(out.boxes).all():
        raise ParamError(refusal("track", "frames_boxes", "finite", verbatim(f"NaN or infinity in frame {frame}")))
    return out
