"""Boxes and points as results: rows that stay together when they are chosen from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from opsin.errors import ParamError, refusal
from opsin.types import Array
from opsin.values.base import Value, plain

if TYPE_CHECKING:
    from opsin.sample import Sample

__all__ = ["Boxes", "Points"]


class _Rows(Value):
    """A table whose main column is coordinates; further columns have one entry per row."""

    _main = "rows"
    _width = 0

    def __init__(
        self,
        rows: ArrayLike,
        *,
        scores: ArrayLike | None = None,
        labels: Sequence[str] | None = None,
        **columns: ArrayLike,
    ) -> None:
        where = type(self).__name__
        main = np.asarray(rows, dtype=np.float64)
        if main.size == 0:
            main = main.reshape(0, self._width)
        if main.ndim != 2 or main.shape[1] != self._width:
            raise ParamError(refusal(where, self._main, f"an array N x {self._width}", main))
        self._rows = np.ascontiguousarray(main)
        self.scores: NDArray[np.float64] | None = None if scores is None else np.asarray(scores, dtype=np.float64)
        self.labels: tuple[str, ...] | None = None if labels is None else tuple(str(text) for text in labels)
        self.columns: Mapping[str, NDArray[Any]] = {name: np.asarray(column) for name, column in columns.items()}
        for name, column in (("scores", self.scores), ("labels", self.labels), *self.columns.items()):
            if column is not None and len(column) != len(self._rows):
                raise ParamError(refusal(where, name, f"one entry for each of {len(self._rows)} rows", column))

    def __getattr__(self, name: str) -> NDArray[Any]:
        columns = self.__dict__.get("columns", {})
        if name in columns:
            return columns[name]
        raise AttributeError(f"{type(self).__name__} has no column {name!r}")

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[NDArray[np.float64]]:
        return iter(self._rows)

    def __getitem__(self, which: Any) -> Self:
        """Choose rows by number, slice, list or bool array; every column follows."""
        index = np.arange(len(self))[which]
        index = np.atleast_1d(index)
        return type(self)(
            self._rows[index],
            scores=None if self.scores is None else self.scores[index],
            labels=None if self.labels is None else [self.labels[i] for i in index],
            **{name: column[index] for name, column in self.columns.items()},
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False and dtype not in (None, self._rows.dtype):
            raise ValueError("a different dtype needs a copy")
        return np.array(self._rows, dtype=dtype) if copy else np.asarray(self._rows, dtype=dtype)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def to_dict(self) -> dict[str, Any]:
        """Give every column as lists."""
        out: dict[str, Any] = {"type": type(self).__name__.lower(), "count": len(self), self._main: self._rows}
        if self.scores is not None:
            out["scores"] = self.scores
        if self.labels is not None:
            out["labels"] = self.labels
        return plain(out | dict(self.columns))

    def _texts(self) -> list[str] | None:
        if self.labels is None and self.scores is None:
            return None
        words = self.labels or ("",) * len(self)
        scores = [""] * len(self) if self.scores is None else [f"{s:.2f}" for s in self.scores]
        return [f"{word} {score}".strip() for word, score in zip(words, scores, strict=True)]

    def __repr__(self) -> str:
        parts = [str(len(self))]
        if self.labels is not None:
            names = sorted(set(self.labels))
            parts.append(", ".join(names[:4]) + (" …" if len(names) > 4 else ""))
        if self.scores is not None and len(self):
            parts.append(f"scores {self.scores.min():.3g}..{self.scores.max():.3g}")
        parts += list(self.columns)
        return f"{type(self).__name__}({', '.join(p for p in parts if p)})"


class Boxes(_Rows):
    """Boxes x1 y1 x2 y2 in pixels, with scores, labels and further columns; one row is one object.

    `len(boxes)`, `boxes[boxes.scores > 0.5]` and `numpy.asarray(boxes)` (N 4) work; further columns are read as
    attributes (`boxes.angles`).

    Args:
        rows: N 4, float64.
        scores: one number per box.
        labels: one text per box.
        columns: anything else with one entry per box.
    """

    _main, _width = "boxes", 4

    @property
    def boxes(self) -> NDArray[np.float64]:
        """The boxes N 4."""
        return self._rows

    def draw(self, image: Array) -> Array:
        """Draw the boxes with label and score."""
        from opsin.draw import draw_boxes

        return draw_boxes(image, self._rows, labels=self._texts())

    def to_sample(self, image: Any) -> Sample:
        """Make a sample whose table holds the boxes: geometry then moves them with the picture.

        Args:
            image: the picture that they were found in.
        """
        from opsin.sample import Sample

        scores = [{}] * len(self) if self.scores is None else [{"score": float(s)} for s in self.scores]
        labels = None if self.labels is None else list(self.labels)
        return Sample(image, boxes=self._rows, labels=labels, attributes=scores)


class Points(_Rows):
    """Points (x, y) in continuous pixels, with scores, labels and further columns; one row is one point.

    The middle of the first pixel is (0.5, 0.5). `len(points)`, `points[:50]` and `numpy.asarray(points)` (N 2) work;
    further columns (`sizes`, `angles`, `descriptors`) are read as attributes.

    Args:
        rows: N 2, float64.
        scores: one number per point.
        labels: one text per point.
        columns: anything else with one entry per point.
    """

    _main, _width = "points", 2

    @property
    def points(self) -> NDArray[np.float64]:
        """The points N 2."""
        return self._rows

    def draw(self, image: Array) -> Array:
        """Draw the points, with their labels."""
        from opsin.draw import draw_points

        return draw_points(image, self._rows, labels=self.labels)

    def to_sample(self, image: Any) -> Sample:
        """Make a sample whose table holds each point as an object of its own, so that those outside later go alone.

        Args:
            image: the picture that they were found in.
        """
        from opsin.sample import Sample

        labels = None if self.labels is None else list(self.labels)
        return Sample(image, keypoints=self._rows[:, None, :], labels=labels)
