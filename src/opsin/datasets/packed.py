"""Entries in memory: packed to a few hundred bytes each, and quick to unpack, since training asks for each again."""

from __future__ import annotations

import marshal
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from opsin.datasets.entry import Annotation, Entry, LabelFile, Rle

__all__ = ["BoxNotes", "Packed"]

_WORTH_PACKING = 2048  # below, it would save half of little and take a third of the time of unpacking
_NAMES = [f.name for f in fields(Entry)]
_NOTES, _EXTRA, _LABELS = (_NAMES.index(name) for name in ("annotations", "extra", "labels"))
_EMPTY = Annotation()
_MOST = (1 << 63) - 1


class BoxNotes(Sequence[Annotation]):
    """Annotations that are boxes of numbered classes and nothing else, kept as columns; rows are made when asked for.

    Args:
        labels: N int64.
        boxes: N 4 float64, x1 y1 x2 y2.
        attributes: one dict a row.
    """

    __slots__ = ("attributes", "boxes", "labels")

    def __init__(
        self, labels: NDArray[np.int64], boxes: NDArray[np.float64], attributes: Sequence[Mapping[str, Any]]
    ) -> None:
        self.labels, self.boxes, self.attributes = labels, boxes, attributes

    @staticmethod
    def plain(notes: Sequence[Annotation]) -> tuple[bytes, bytes, list[dict[str, Any]]] | None:
        """Give the columns of annotations as plain data; None where any row is more, or less, than a box."""
        for a in notes:
            if type(a.label) is not int or abs(a.label) > _MOST or a.box is None:
                return None
            if any(type(v) is not float for v in a.box):
                return None
            if a._replace(label=None, box=None, attributes=_EMPTY.attributes) != _EMPTY:
                return None
        labels, boxes = np.array([a.label for a in notes], np.int64), np.array([a.box for a in notes], np.float64)
        return labels.tobytes(), boxes.tobytes(), [dict(a.attributes) for a in notes]

    @staticmethod
    def of(labels: bytes, boxes: bytes, attributes: list[dict[str, Any]]) -> BoxNotes:
        """Read what `plain` wrote."""
        return BoxNotes(np.frombuffer(labels, np.int64), np.frombuffer(boxes).reshape(-1, 4), attributes)

    def scaled(self, width: int, height: int) -> BoxNotes:
        """Give fractions of a canvas in its pixels."""
        moved = self.boxes * np.array([width, height, width, height], np.float64)
        corners = np.minimum(moved[:, :2], moved[:, 2:]), np.maximum(moved[:, :2], moved[:, 2:])
        return BoxNotes(self.labels, np.concatenate(corners, axis=1), self.attributes)

    def __len__(self) -> int:
        return len(self.labels)

    @overload
    def __getitem__(self, which: int) -> Annotation: ...
    @overload
    def __getitem__(self, which: slice) -> tuple[Annotation, ...]: ...
    def __getitem__(self, which: int | slice) -> Annotation | tuple[Annotation, ...]:
        return tuple(self)[which]

    def __iter__(self) -> Iterator[Annotation]:
        for label, box, attributes in zip(self.labels.tolist(), self.boxes.tolist(), self.attributes, strict=True):
            yield Annotation(label=label, box=tuple(box), attributes=attributes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __repr__(self) -> str:
        return repr(tuple(self))


class Packed:
    """Entries, each packed to a few hundred bytes."""

    def __init__(self, rows: list[bytes] | None = None) -> None:
        self._rows = rows or []

    def append(self, entry: Entry) -> None:
        """Keep one more."""
        self._rows.append(_pack(entry))

    def only(self, places: Sequence[int]) -> Packed:
        """Give some of them, in an order."""
        return Packed([self._rows[i] for i in places])

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Entry:
        return _unpack(self._rows[index])


def _pack(entry: Entry) -> bytes:
    row = [_bare(getattr(entry, name)) for name in _NAMES]
    row[_EXTRA] = dict(entry.extra)
    if entry.annotations is not None:
        boxed = BoxNotes.plain(entry.annotations) if entry.annotations else None
        row[_NOTES] = boxed or [(*map(_bare, a[:-1]), dict(a.attributes)) for a in entry.annotations]
    data = marshal.dumps(row)
    return b"z" + zlib.compress(data, 1) if len(data) > _WORTH_PACKING else b"m" + data


def _bare(value: Any) -> Any:
    """A tuple without a class of ours, which `marshal` would refuse."""
    return tuple(value) if isinstance(value, tuple) else value


def _unpack(data: bytes) -> Entry:
    row = marshal.loads(zlib.decompress(data[1:]) if data[:1] == b"z" else data[1:])
    notes = row[_NOTES]
    if type(notes) is tuple:
        row[_NOTES] = BoxNotes.of(*notes)
    elif notes is not None:
        row[_NOTES] = tuple(map(_annotation, notes))
    if row[_LABELS] is not None:
        row[_LABELS] = LabelFile(*row[_LABELS])
    return Entry(*row)


def _annotation(bare: tuple[Any, ...]) -> Annotation:
    a = Annotation._make(bare)
    return a if a.rle is None else a._replace(rle=Rle(*a.rle))
