"""Figures of a data set in one pass: channel means, sizes, classes. Sums are exact, so that order cannot matter."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from opsin.arrays import full_scale
from opsin.types import Array

__all__ = ["Figures", "channel_sums"]


def channel_sums(image: Array) -> dict[str, Any]:
    """Sum values and squares by channel, in fractions of full scale: count, sums, squares, least, greatest."""
    planes = image.reshape(image.shape[0], image.shape[1], -1) if image.ndim == 3 else image[..., None]
    if image.ndim == 3 and image.shape[0] <= 4 < image.shape[2]:
        planes = np.moveaxis(image, 0, -1)  # C H W after to_tensor
    flat = planes.reshape(-1, planes.shape[-1])
    scale = full_scale(image.dtype) if image.dtype in (np.uint8, np.uint16) else 1.0
    sums, squares = [], []
    for c in range(flat.shape[1]):
        column = flat[:, c]
        if scale == 1.0:
            values = column.astype(np.float64)
            sums.append(float(values.sum()))
            squares.append(float(values @ values))
        else:
            counts = np.bincount(column, minlength=2)
            levels = np.arange(len(counts), dtype=np.float64)
            sums.append(float(counts @ levels) / scale)
            squares.append(float(counts @ (levels * levels)) / (scale * scale))
    return {
        "count": len(flat),
        "sum": sums,
        "square": squares,
        "least": float(flat.min()) / scale,
        "greatest": float(flat.max()) / scale,
    }


@dataclass
class Figures:
    """What is counted while items pass, in the order of their keys."""

    pictures: int = 0
    sizes_in: Counter[tuple[int, int]] = field(default_factory=Counter)
    sizes_out: Counter[tuple[int, ...]] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    classes: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    turned: int = 0
    in_part: int = 0
    objects_in: int = 0
    objects_out: int = 0
    sides: Counter[int] = field(default_factory=Counter)
    bytes_in: int = 0
    _channels: dict[int, list[Any]] = field(default_factory=dict)

    def add(self, facts: Mapping[str, Any], names: tuple[str, ...] = ()) -> None:
        """Count one item."""
        self.pictures += 1
        self.sizes_in[(int(facts["in"][0]), int(facts["in"][1]))] += 1
        self.sizes_out[tuple(facts["out"])] += 1
        if "format" in facts:
            self.formats[facts["format"]] += 1
            self.bytes_in += facts["bytes"]
            self.turned += bool(facts["turned"])
            self.in_part += bool(facts.get("in part"))
        for code, _ in facts.get("notes", ()):
            self.notes[code] += 1
        if "label" in facts:
            label = facts["label"]
            known = isinstance(label, int) and 0 <= label < len(names)
            self.labels[names[label] if known else str(label)] += 1
        if "objects" in facts:
            self.objects_in += facts["objects"][0]
            self.objects_out += facts["objects"][1]
        self.classes.update(facts.get("classes", {}))
        self.dropped.update(facts.get("dropped", {}))
        for w, h in facts.get("sides", ()):
            self.sides[max(0, math.floor(math.log2(max(1.0, math.sqrt(w * h)))))] += 1
        self._add_sums(facts["sums"])

    def _add_sums(self, sums: Mapping[str, Any]) -> None:
        count = len(sums["sum"])
        have = self._channels.setdefault(
            count, [0, [_Exact() for _ in range(count)], [_Exact() for _ in range(count)], math.inf, -math.inf]
        )
        have[0] += sums["count"]
        for exact, value in zip(have[1], sums["sum"], strict=True):
            exact.add(value)
        for exact, value in zip(have[2], sums["square"], strict=True):
            exact.add(value)
        have[3], have[4] = min(have[3], sums["least"]), max(have[4], sums["greatest"])

    def channels(self) -> list[dict[str, Any]]:
        """Give mean and standard deviation by channel, for each channel count that occurs, commonest first."""
        out = []
        for _, (pixels, sums, squares, least, greatest) in sorted(self._channels.items(), key=lambda i: -i[1][0]):
            mean = [s.value() / pixels for s in sums]
            std = [math.sqrt(max(0.0, q.value() / pixels - m * m)) for q, m in zip(squares, mean, strict=True)]
            out.append({"pixels": pixels, "mean": mean, "std": std, "least": least, "greatest": greatest})
        return out

    @staticmethod
    def of(items: Iterable[Mapping[str, Any]], names: tuple[str, ...] = ()) -> Figures:
        """Count all items."""
        out = Figures()
        for facts in items:
            out.add(facts, names)
        return out


class _Exact:
    """A running sum without rounding error (Shewchuk's partials, 1997), so that its value is the same in any order."""

    def __init__(self) -> None:
        self._parts: list[float] = []

    def add(self, x: float) -> None:
        kept = []
        for y in self._parts:
            if abs(x) < abs(y):
                x, y = y, x
            high = x + y
            low = y - (high - x)
            if low:
                kept.append(low)
            x = high
        self._parts = [*kept, x]

    def value(self) -> float:
        return math.fsum(self._parts)
