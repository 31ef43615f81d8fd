"""Which of many boxes are kept: row numbers that know their boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin.types import Array
from opsin.values.base import ArrayValue, plain
from opsin.values.boxes import Boxes

__all__ = ["Kept"]


class Kept(ArrayValue):
    """The rows of a table of boxes that are kept, best first: whole numbers, usable as an index.

    Attributes:
        scores: of the kept rows; lower than given where they were lowered.
        corners: of the kept boxes, N 4 2.
        labels: of the kept rows, or None.
    """

    knows = ("scores", "corners", "labels")
    scores: NDArray[np.float64]
    corners: NDArray[np.float64]
    labels: Sequence[str] | None

    @property
    def boxes(self) -> Boxes:
        """The kept boxes with scores and labels; turned ones by the upright boxes that hold them."""
        rows = np.concatenate([self.corners.min(axis=1), self.corners.max(axis=1)], axis=1)
        return Boxes(rows, scores=self.scores, labels=self.labels, numbers=np.asarray(self), corners=self.corners)

    def to_dict(self) -> dict[str, Any]:
        """Give rows, scores, labels and corners."""
        return plain(
            {
                "type": "kept",
                "count": len(self),
                "rows": np.asarray(self),
                "scores": self.scores,
                "labels": None if self.labels is None else list(self.labels),
                "corners": self.corners,
            }
        )

    def draw(self, image: Array) -> Array:
        """Draw the kept boxes with label and score."""
        from opsin.draw import draw_polygons

        words = self.labels or ("",) * len(self)
        texts = [f"{word} {score:.2f}".strip() for word, score in zip(words, self.scores, strict=True)]
        return draw_polygons(image, list(self.corners), labels=texts)

    def __repr__(self) -> str:
        return f"Kept({np.asarray(self).tolist()})" if len(self) <= 12 else f"Kept({len(self)} rows)"
