"""What a classifier says: predictions, and how good it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin.errors import ParamError, refusal
from opsin.types import Array
from opsin.values.base import Value, plain

__all__ = ["Evaluation", "Prediction"]


@dataclass(frozen=True)
class Prediction(Value):
    """The class of a picture, and how probable each class is.

    Args:
        label: the most probable class.
        classes: the names of all classes.
        probabilities: one per class; they sum to 1.
    """

    label: str
    classes: tuple[str, ...]
    probabilities: NDArray[np.float64]

    @property
    def score(self) -> float:
        """How probable the class is."""
        return float(self.probabilities.max())

    def to_dict(self) -> dict[str, Any]:
        """Give label, score and the probability of each class."""
        each = dict(zip(self.classes, self.probabilities.tolist(), strict=True))
        out: dict[str, Any] = plain(
            {"type": "prediction", "label": self.label, "score": self.score, "probabilities": each}
        )
        return out

    def draw(self, image: Array) -> Array:
        """Write class and probability on the picture."""
        from opsin.draw import draw_text

        return draw_text(image, f"{self.label} {self.score:.2f}", x=4.0, y=4.0)

    def __repr__(self) -> str:
        return f"Prediction({self.label!r}, {self.score:.3f})"


class Evaluation(Value):
    """How good predictions are.

    Args:
        classes: names.
        truth: N, the number of each picture's class.
        given: N, the number of the class that was predicted.
        folds: accuracy of each fold of a cross-validation; empty otherwise.
    """

    def __init__(
        self,
        classes: Sequence[str],
        truth: NDArray[np.int64],
        given: NDArray[np.int64],
        folds: Sequence[float] = (),
    ) -> None:
        self.classes, self.folds = tuple(classes), tuple(float(f) for f in folds)
        self.truth, self.given = np.asarray(truth, np.int64), np.asarray(given, np.int64)
        if not len(self.truth) or len(self.truth) != len(self.given):
            raise ParamError(refusal("Evaluation", "truth", "at least one class, as many as predictions", self.truth))
        n = len(self.classes)
        self.confusion: NDArray[np.int64] = np.bincount(self.truth * n + self.given, minlength=n * n).reshape(n, n)

    @property
    def accuracy(self) -> float:
        """The share of right predictions."""
        return float((self.truth == self.given).mean())

    @property
    def recall(self) -> NDArray[np.float64]:
        """Per class: the share of its pictures that were found; NaN where there are none."""
        return self._share(self.confusion.sum(axis=1))

    @property
    def precision(self) -> NDArray[np.float64]:
        """Per class: the share of its predictions that are right; NaN where there are none."""
        return self._share(self.confusion.sum(axis=0))

    @property
    def f1(self) -> NDArray[np.float64]:
        """Per class: the harmonic mean of precision and recall."""
        both = self.confusion.sum(axis=0) + self.confusion.sum(axis=1)
        return np.where(both > 0, 2.0 * np.diag(self.confusion) / np.maximum(both, 1), np.nan)

    @property
    def balanced_accuracy(self) -> float:
        """The mean recall of the classes that occur: what counts when classes differ in size."""
        return float(np.nanmean(self.recall))

    def _share(self, whole: NDArray[Any]) -> NDArray[np.float64]:
        return np.where(whole > 0, np.diag(self.confusion) / np.maximum(whole, 1), np.nan)

    def to_dict(self) -> dict[str, Any]:
        """Give all figures and the confusion matrix (rows: truth, columns: prediction)."""
        rows = zip(self.classes, self.precision, self.recall, self.f1, self.confusion.sum(axis=1), strict=True)
        out: dict[str, Any] = plain(
            {
                "type": "evaluation",
                "pictures": len(self.truth),
                "accuracy": self.accuracy,
                "balanced_accuracy": self.balanced_accuracy,
                "folds": self.folds,
                "classes": {c: {"precision": p, "recall": r, "f1": f, "pictures": n} for c, p, r, f, n in rows},
                "confusion": self.confusion,
            }
        )
        return out

    def draw(self, image: Array | None = None) -> Array:
        """Draw the confusion matrix: rows are true classes, columns predictions, shades shares of the row.

        Args:
            image: not looked at.
        """
        from PIL import Image, ImageDraw

        from opsin.canvas import fitting

        n = len(self.classes)
        cell = 64 if n <= 12 else 40 if n <= 30 else 22
        words = int(min(160, 34 + 9 * max(len(name) for name in self.classes)))
        sheet = Image.new("RGB", (max(words + n * cell + 24, 460), 64 + words + n * cell), (250, 250, 250))
        pen = ImageDraw.Draw(sheet)
        left, top = words, 56
        text = f"accuracy {self.accuracy:.3f}, balanced {self.balanced_accuracy:.3f}, {len(self.truth)} pictures"
        font, shown = fitting(text, 18.0, 440.0)
        pen.text((16, 26), shown, fill=(29, 39, 51), font=font, anchor="lm")
        share = self.confusion / np.maximum(self.confusion.sum(axis=1, keepdims=True), 1)
        ground, good, bad = np.array([255, 255, 255.0]), np.array([11, 114, 133.0]), np.array([201, 42, 42.0])
        for row in range(n):
            for column in range(n):
                ink = good if row == column else bad
                part = float(share[row, column]) ** 0.6
                shade = tuple(int(v) for v in ground + (ink - ground) * part)
                x, y = left + column * cell, top + row * cell
                pen.rectangle([x, y, x + cell - 2, y + cell - 2], fill=shade)
                count = int(self.confusion[row, column])
                if count:
                    font, shown = fitting(str(count), cell / 3.2, cell - 4.0)
                    dark = sum(shade) < 420
                    place = (x + cell / 2 - 1, y + cell / 2 - 1)
                    pen.text(place, shown, fill=(255, 255, 255) if dark else (29, 39, 51), font=font, anchor="mm")
            font, shown = fitting(self.classes[row], min(15.0, cell * 0.6), words - 16.0)
            pen.text((left - 8, top + row * cell + cell / 2), shown, fill=(29, 39, 51), font=font, anchor="rm")
            font, shown = fitting(self.classes[row], min(15.0, cell * 0.6), words - 16.0)
            strip = Image.new("RGB", (words - 8, cell), (250, 250, 250))
            ImageDraw.Draw(strip).text((words - 12, cell / 2), shown, fill=(29, 39, 51), font=font, anchor="rm")
            sheet.paste(strip.rotate(90, expand=True), (left + row * cell, top + n * cell + 4))
        font, shown = fitting("rows: true class, columns: prediction", 13.0, float(words + n * cell))
        pen.text((16, 44), shown, fill=(92, 107, 122), font=font, anchor="lm")
        return np.array(sheet, dtype=np.uint8)

    def __repr__(self) -> str:
        folds = f", {len(self.folds)} folds" if self.folds else ""
        return (
            f"Evaluation(accuracy {self.accuracy:.3f}, {len(self.truth)} pictures, {len(self.classes)} classes{folds})"
        )
