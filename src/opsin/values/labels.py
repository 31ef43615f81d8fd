"""Labels as a result: one number per pixel, and the regions they make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin.errors import ParamError, refusal
from opsin.types import Array
from opsin.values.base import ArrayValue, check_canvas, plain

__all__ = ["Labels", "Region"]

_OUTLINE = (255, 210, 0)


@dataclass(frozen=True)
class Region:
    """One region: its number, how many pixels it has, its middle (x, y) and its box x1 y1 x2 y2."""

    label: int
    area: int
    centroid: tuple[float, float]
    box: tuple[float, float, float, float]


class Labels(ArrayValue):
    """Which region or class each pixel belongs to: H W integers, usable wherever labels are.

    Coordinates are continuous: the middle of the first pixel is (0.5, 0.5), a region of one pixel has a box of
    side 1.

    Attributes:
        background: the number that is no region: 0, or None where every number is a class.
        centers: the mean or learned color of each class, N C in fractions of full scale, where the numbers are classes
            of color; label i has centers[i].
        value: the thresholds between classes as fractions of full scale, or None.
        method: how it was found.
    """

    knows = ("background", "centers", "value", "method")
    background: int | None
    centers: NDArray[np.float64] | None
    value: tuple[float, ...] | None
    method: str | None

    @property
    def labels(self) -> NDArray[Any]:
        """The plain array H W."""
        return np.asarray(self)

    @property
    def ids(self) -> NDArray[np.int64]:
        """The numbers of the regions, ascending, without the background."""
        return self._counts()[0]

    @property
    def count(self) -> int:
        """How many regions there are."""
        return len(self.ids)

    @property
    def areas(self) -> NDArray[np.int64]:
        """Pixels per region, in the order of `ids`."""
        return self._counts()[1]

    @property
    def centroids(self) -> NDArray[np.float64]:
        """The middle (x, y) of each region, N 2."""
        return self._measured()[2]

    @property
    def boxes(self) -> NDArray[np.float64]:
        """The box x1 y1 x2 y2 of each region, N 4."""
        return self._measured()[3]

    @property
    def regions(self) -> tuple[Region, ...]:
        """Every region with its number, area, middle and box."""
        rows = zip(*(column.tolist() for column in self._measured()), strict=True)
        return tuple(Region(i, a, (c[0], c[1]), (b[0], b[1], b[2], b[3])) for i, a, c, b in rows)

    def mask_of(self, label: int) -> NDArray[np.bool_]:
        """Give the mask of one region."""
        return np.asarray(self) == label

    def keep(self, which: NDArray[Any]) -> Labels:
        """Give the labels with some regions only: `cells.keep(cells.areas >= 30)`; numbers stay, the rest becomes 0.

        Args:
            which: one bool per region in the order of `ids`, or the numbers to keep.

        Raises:
            ParamError: a bool array of another length, or labels whose 0 is a class.
        """
        ids, chosen = self.ids, np.asarray(which)
        if self.background != 0:
            raise ParamError(refusal("Labels.keep", "labels", "regions on a background of 0", self.background))
        if chosen.dtype == np.bool_:
            if chosen.shape != ids.shape:
                raise ParamError(refusal("Labels.keep", "which", f"one bool for each of {len(ids)} regions", chosen))
            chosen = ids[chosen]
        plain = np.asarray(self)
        return Labels.of(np.where(np.isin(plain, chosen), plain, 0), background=0, method=self.method)

    def _dense(self) -> tuple[NDArray[np.int64], NDArray[Any], NDArray[np.int64]]:
        """All numbers that occur, the position of each pixel among them, and how often each occurs."""
        flat = np.asarray(self).ravel()
        low, high = int(flat.min()), int(flat.max())
        if high - low <= 4 * flat.size + 1024:
            counts = np.bincount(flat.astype(np.int64, copy=False) - low, minlength=high - low + 1)
            ids = np.flatnonzero(counts)
            position = np.zeros(len(counts), dtype=np.intp)
            position[ids] = np.arange(len(ids))
            return ids + low, position[flat.astype(np.int64, copy=False) - low], counts[ids]
        ids, where, counts = np.unique(flat, return_inverse=True, return_counts=True)
        return ids.astype(np.int64), where.reshape(-1), counts

    def _counts(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        ids, _, counts = self._dense()
        keep = ids != self.background if self.background is not None else np.ones(len(ids), dtype=bool)
        return ids[keep], counts[keep]

    def _measured(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.float64], NDArray[np.float64]]:
        ids, where, counts = self._dense()
        h, w = self.shape
        n = len(ids)
        grid = where.reshape(h, w)
        rows = np.repeat(np.arange(h), w)
        columns = np.tile(np.arange(w), h)
        x = np.bincount(where, weights=columns, minlength=n) / counts + 0.5
        y = np.bincount(where, weights=rows, minlength=n) / counts + 0.5
        box = np.empty((n, 4))
        # where a position repeats, the last assignment stays: read forwards that is the last pixel, backwards the first
        box[where, 3] = rows + 1
        box[where[::-1], 1] = rows[::-1]
        down = np.ascontiguousarray(grid.T).ravel()
        across = np.repeat(np.arange(w), h)
        box[down, 2] = across + 1
        box[down[::-1], 0] = across[::-1]
        keep = ids != self.background if self.background is not None else np.ones(n, dtype=bool)
        return ids[keep], counts[keep], np.stack([x, y], axis=1)[keep], box[keep]

    def to_dict(self) -> dict[str, Any]:
        """Give size, count, and the regions with area, middle and box."""
        out: dict[str, Any] = {
            "type": "labels",
            "width": self.shape[1],
            "height": self.shape[0],
            "count": 0,
            "background": self.background,
            "method": self.method,
            "regions": [
                {"label": r.label, "area": r.area, "centroid": list(r.centroid), "box": list(r.box)}
                for r in self.regions
            ],
        }
        out["count"] = len(out["regions"])
        if self.centers is not None:
            out["centers"] = self.centers
        if self.value is not None:
            out["value"] = self.value
        return plain(out)

    def draw(self, image: Array) -> Array:
        """Tint every region in its own color; classes of color take the class's color, patches are only outlined."""
        from opsin.draw import displayable, draw_mask

        image = check_canvas("Labels", image, *self.shape)
        plain = np.asarray(self)
        if self.centers is not None and self.centers.shape[1] in (1, 3) and int(plain.max()) < len(self.centers):
            return displayable(np.clip(self.centers, 0.0, 1.0)[plain])
        if self.background is None:
            out = displayable(image)
            out[_outlines(plain)] = _OUTLINE
            return out
        ids, where, _ = self._dense()
        number = np.where(ids == self.background, 0, np.cumsum(ids != self.background))
        return draw_mask(image, number[where].reshape(self.shape))

    def __repr__(self) -> str:
        parts = [self._size(), f"{self.count} {'regions' if self.centers is None else 'classes'}"]
        if self.method:
            parts.append(self.method)
        if self.value is not None:
            parts.append("value " + ", ".join(f"{v:.4g}" for v in self.value))
        return f"Labels({', '.join(parts)})"


def _outlines(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Pixels whose right or lower neighbor belongs to another region."""
    out = np.zeros(labels.shape, dtype=np.bool_)
    out[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    out[:-1] |= labels[:-1] != labels[1:]
    return out
