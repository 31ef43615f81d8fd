"""Objects followed through the frames of a clip: who is where, and when."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from opsin.errors import DatasetError, ParamError, refusal, verbatim
from opsin.types import Array
from opsin.values.base import Value, plain
from opsin.values.boxes import Boxes

if TYPE_CHECKING:
    from opsin.io.readdoor import Source
    from opsin.sample import Sample

__all__ = ["Tracks"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Tracks(Value):
    """Boxes that know their frame and their object: one row is one object in one frame.

    `len(tracks)` counts the objects, `tracks.at(3)` gives the boxes of frame 3, `tracks.of(7)` the way of object 7,
    `tracks.write_mot(path)` a MOTChallenge file.

    Args:
        frames: N, frame numbers from 0.
        ids: N, one number per object, the same in all of its frames.
        boxes: N 4 (x1 y1 x2 y2), in pixels.
        scores: N, how sure the detector was; 1 where nothing is said.
        labels: N, the object's class.
        length: frames in the clip; by default up to the last one with a box.
    """

    def __init__(
        self,
        frames: ArrayLike,
        ids: ArrayLike,
        boxes: ArrayLike,
        *,
        scores: ArrayLike | None = None,
        labels: Sequence[str] | None = None,
        length: int | None = None,
    ) -> None:
        self.frames: Ints = _whole("frames", frames)
        self.ids: Ints = _whole("ids", ids)
        b = np.array(boxes, dtype=np.float64)
        self.boxes: Floats = b.reshape(0, 4) if b.size == 0 else b
        count = len(self.frames)
        if self.boxes.ndim != 2 or self.boxes.shape[1] != 4:
            raise ParamError(refusal("Tracks", "boxes", "N x 4 (x1 y1 x2 y2)", self.boxes))
        if not np.isfinite(self.boxes).all():
            raise ParamError(refusal("Tracks", "boxes", "finite", verbatim("NaN or infinity")))
        self.scores: Floats = np.ones(count) if scores is None else np.array(scores, dtype=np.float64)
        self.labels: tuple[str, ...] | None = None if labels is None else tuple(str(text) for text in labels)
        for name, column in (("ids", self.ids), ("boxes", self.boxes), ("scores", self.scores), ("labels", labels)):
            if column is not None and len(column) != count:
                raise ParamError(refusal("Tracks", name, f"one entry for each of {count} rows", column))
        if count and self.frames.min() < 0:
            raise ParamError(refusal("Tracks", "frames", "counted from 0", int(self.frames.min())))
        pairs = np.stack([self.frames, self.ids], axis=1)
        if len(np.unique(pairs, axis=0)) != count:
            values, often = np.unique(pairs, axis=0, return_counts=True)
            frame, who = values[np.argmax(often)]
            raise ParamError(refusal("Tracks", "ids", "once in a frame", verbatim(f"id {who} twice in frame {frame}")))
        order = np.lexsort((self.ids, self.frames))
        self.frames, self.ids, self.boxes = self.frames[order], self.ids[order], self.boxes[order]
        self.scores = self.scores[order]
        self.labels = None if self.labels is None else tuple(self.labels[i] for i in order)
        last = int(self.frames[-1]) + 1 if count else 0
        if length is not None and length < last:
            raise ParamError(refusal("Tracks", "length", f"at least {last}, as many as there are frames", length))
        self.length = last if length is None else int(length)

    # --- reading --------------------------------------------------------------------------------------------------
    def __len__(self) -> int:
        return len(np.unique(self.ids))

    def __iter__(self) -> Iterator[Boxes]:
        """Go through the frames of the clip, with or without objects."""
        return (self.at(frame) for frame in range(self.length))

    def _rows(self, which: NDArray[np.bool_], **columns: Any) -> Boxes:
        labels = None if self.labels is None else [self.labels[i] for i in np.nonzero(which)[0]]
        return Boxes(self.boxes[which], scores=self.scores[which], labels=labels, **columns)

    def at(self, frame: int) -> Boxes:
        """Give the boxes of one frame, with the column `ids`."""
        which = self.frames == frame
        return self._rows(which, ids=self.ids[which])

    def of(self, who: int) -> Boxes:
        """Give the boxes of one object in the order of time, with the column `frames`."""
        which = self.ids == who
        return self._rows(which, frames=self.frames[which])

    def to_sample(self, image: Any, frame: int) -> Sample:
        """Make a sample of a frame: its boxes, labels and track ids are rows of the table."""
        from opsin.sample import Sample

        now = self.at(frame)
        return Sample(image, boxes=now.boxes, labels=now.labels, track_ids=now.ids, key=frame)

    # --- showing --------------------------------------------------------------------------------------------------
    def draw(self, image: Array, *, frame: int | None = None, trail: int = 30) -> Array:
        """Draw boxes with their ids and the way that led there.

        Args:
            image: the frame; any picture.
            frame: which frame; by default each object where it was seen last, with all of its way.
            trail: how many frames of the way to show.
        """
        from opsin.canvas import Canvas, color_of

        canvas = Canvas(image)
        last = self.length if frame is None else frame
        first = 0 if frame is None else max(0, frame - trail + 1)
        some = slice(np.searchsorted(self.frames, first), np.searchsorted(self.frames, last, side="right"))
        now: list[int] = []
        for who in np.unique(self.ids[some]):
            rows = np.nonzero(self.ids[some] == who)[0] + some.start
            if frame is not None and self.frames[rows[-1]] != frame:
                continue
            way = self.boxes[rows]
            feet = np.stack([(way[:, 0] + way[:, 2]) / 2, (way[:, 1] + way[:, 3]) / 2], axis=1)
            if len(feet) > 1:
                canvas.path(feet, color_of(int(who)), closed=False)
            now.append(int(rows[-1]))
        for row in now:
            x1, y1, x2, y2 = self.boxes[row]
            color = color_of(int(self.ids[row]))
            canvas.path([(x1, y1), (x2, y1), (x2, y2), (x1, y2)], color)
            name = "" if self.labels is None else f"{self.labels[row]} "
            canvas.tag(x1, y1, x2, y2, f"{name}{self.ids[row]}", color)
        return canvas.finish()

    def to_dict(self) -> dict[str, Any]:
        """Give every row as lists."""
        out: dict[str, Any] = {
            "type": "tracks",
            "count": len(self),
            "length": self.length,
            "frames": self.frames,
            "ids": self.ids,
            "boxes": self.boxes,
            "scores": self.scores,
        }
        if self.labels is not None:
            out["labels"] = self.labels
        return plain(out)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tracks) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Tracks({len(self)} objects, {len(self.frames)} boxes, {self.length} frames)"

    # --- MOTChallenge files ---------------------------------------------------------------------------------------
    def to_mot(self) -> str:
        """Write as MOTChallenge text: frame, id, left, top, width, height, score, -1, -1, -1; all counted from 1."""
        b = self.boxes
        rows = np.column_stack([b[:, :2] + 1.0, b[:, 2:] - b[:, :2]])
        lines = []
        for frame, who, row, score in zip(self.frames, self.ids, rows, self.scores, strict=True):
            numbers = ",".join(_short(value) for value in (*row, score))
            lines.append(f"{frame + 1},{who},{numbers},-1,-1,-1\n")
        return "".join(lines)

    def write_mot(self, path: str | os.PathLike[str]) -> None:
        """Write a MOTChallenge file; it appears whole or not at all."""
        from opsin.io import write_bytes

        write_bytes(path, self.to_mot().encode())

    @staticmethod
    def read_mot(
        source: Source, *, truth: bool = False, classes: Sequence[int] | None = None, length: int | None = None
    ) -> Tracks:
        """Read a MOTChallenge file (`gt.txt`, or what a tracker wrote).

        Args:
            source: a path, bytes or a file object.
            truth: column 7 is then a flag, and rows with 0 are left out, as every evaluation does.
            classes: keep only rows whose column 8 is one of these numbers (1 is a pedestrian).
            length: frames in the clip.

        Raises:
            DatasetError: a line that cannot be read, named by its number.
        """
        rows, _ = _mot_rows(source)
        if truth:
            rows = rows[rows[:, 6] != 0]
        if classes is not None:
            rows = rows[np.isin(rows[:, 7], list(classes))]
        low = rows[:, 2:4] - 1.0
        boxes = np.concatenate([low, low + rows[:, 4:6]], axis=1)
        try:
            return Tracks(rows[:, 0] - 1, rows[:, 1], boxes, scores=rows[:, 6], length=length)
        except ParamError as reason:
            raise DatasetError(str(reason)) from None

    @staticmethod
    def read_mot_detections(source: Source, *, length: int | None = None) -> list[Boxes]:
        """Read a MOTChallenge file of detections (`det.txt`, whose ids are -1): one `Boxes` per frame.

        Args:
            source: a path, bytes or a file object.
            length: frames in the clip; by default up to the last one with a box.
        """
        rows, _ = _mot_rows(source)
        last = int(rows[:, 0].max()) if len(rows) else 0
        out = []
        for frame in range(1, max(last, length or 0) + 1):
            some = rows[rows[:, 0] == frame]
            low = some[:, 2:4] - 1.0
            out.append(Boxes(np.concatenate([low, low + some[:, 4:6]], axis=1), scores=some[:, 6]))
        return out


def _short(value: float) -> str:
    text = f"{float(value):.6f}".rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text


def _whole(name: str, values: ArrayLike) -> Ints:
    v = np.array(values)
    v = v.reshape(0) if v.size == 0 else v
    if v.ndim != 1 or v.dtype.kind not in "iuf" or not np.array_equal(v, np.floor(v)):
        raise ParamError(refusal("Tracks", name, "a list of whole numbers", v))
    return v.astype(np.int64)


def _mot_rows(source: Source) -> tuple[Floats, str]:
    from opsin.io import read_bytes

    blob = read_bytes(source)
    name = blob.name or "MOTChallenge text"
    rows: list[list[float]] = []
    for number, line in enumerate(blob.data.decode("utf-8-sig", "replace").splitlines(), 1):
        words = [word for word in line.replace(",", " ").split() if word]
        if not words:
            continue
        try:
            values = [float(word) for word in words]
        except ValueError:
            values = []
        if len(values) < 6 or not np.isfinite(values).all():
            raise DatasetError(
                f"{name}: line {number} must be frame, id, left, top, width, height and more numbers; "
                f"got {line.strip()[:60]!r}."
            )
        if values[0] < 1 or values[0] != int(values[0]):
            raise DatasetError(f"{name}: line {number} must begin with a frame number from 1; got {words[0]}.")
        rows.append((values + [1.0, 1.0][max(0, len(values) - 6) :])[:8] if len(values) < 8 else values[:8])
    return np.array(rows, dtype=np.float64).reshape(-1, 8), name
