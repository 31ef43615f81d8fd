"""Points of two pictures that belong together, and the projective map found from them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from opsin.errors import ParamError, refusal
from opsin.geometry import Warp
from opsin.types import Array
from opsin.values.base import Value, check_canvas, plain

__all__ = ["Homography", "Matches", "beside"]

_GOOD, _BAD, _FRAME = (44, 160, 44), (214, 39, 40), (255, 196, 0)
_MOST_LINES = 200


def beside(image: Any, other: Any) -> tuple[NDArray[np.uint8], int]:
    """Put two pictures beside each other; gives the picture H W 3 and where the second one begins."""
    from opsin.draw import displayable

    a, b = displayable(image), displayable(other)
    out = np.full((max(len(a), len(b)), a.shape[1] + b.shape[1], 3), 250, dtype=np.uint8)
    out[: len(a), : a.shape[1]] = a
    out[: len(b), a.shape[1] :] = b
    return out, int(a.shape[1])


class Matches(Value):
    """Pairs of rows that belong together: row `pairs[i, 0]` of the first set, `pairs[i, 1]` of the second.

    `len(matches)`, `matches[:20]` and `matches[matches.distances < 200]` work; pairs are in order of the first set.

    Args:
        pairs: N 2, whole numbers.
        distances: N, how unlike the descriptors are (Euclidean, or bits that differ).
        points: N 2, where the first of each pair is, or None.
        other_points: N 2, where the second of each pair is, or None.
        method: how they were found.
    """

    def __init__(
        self,
        pairs: ArrayLike,
        distances: ArrayLike,
        *,
        points: ArrayLike | None = None,
        other_points: ArrayLike | None = None,
        method: str = "",
    ) -> None:
        self.pairs = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
        self.distances = np.asarray(distances, dtype=np.float64).reshape(-1)
        self.points = None if points is None else np.asarray(points, dtype=np.float64).reshape(-1, 2)
        self.other_points = None if other_points is None else np.asarray(other_points, dtype=np.float64).reshape(-1, 2)
        self.method = method
        for name in ("distances", "points", "other_points"):
            column = getattr(self, name)
            if column is not None and len(column) != len(self.pairs):
                raise ParamError(refusal("Matches", name, f"one entry for each of {len(self.pairs)} pairs", column))

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, which: Any) -> Matches:
        """Choose pairs by number, slice, list or bool array; every column follows."""
        index = np.atleast_1d(np.arange(len(self))[which])
        return Matches(
            self.pairs[index],
            self.distances[index],
            points=None if self.points is None else self.points[index],
            other_points=None if self.other_points is None else self.other_points[index],
            method=self.method,
        )

    def to_dict(self) -> dict[str, Any]:
        """Give the pairs with their distances and places."""
        out: dict[str, Any] = {
            "type": "matches",
            "count": len(self),
            "method": self.method,
            "pairs": self.pairs,
            "distances": self.distances,
        }
        if self.points is not None:
            out["points"] = self.points
        if self.other_points is not None:
            out["other_points"] = self.other_points
        return plain(out)

    def draw(self, image: Array) -> Array:
        """Draw on the first picture where each of its points went: a line from here to there."""
        if self.points is None or self.other_points is None:
            raise ParamError(refusal("Matches.draw", "matches", "made of points, not of bare descriptors", self))
        return _lines(image, self.points, self.other_points, None)

    def draw_pair(self, image: Array, other: Array) -> Array:
        """Draw both pictures beside each other, pairs joined by lines: H W 3 uint8."""
        if self.points is None or self.other_points is None:
            raise ParamError(refusal("Matches.draw_pair", "matches", "made of points, not of bare descriptors", self))
        both, shift = beside(image, other)
        return _lines(both, self.points, self.other_points + np.array([shift, 0.0]), None)

    def __repr__(self) -> str:
        parts = [str(len(self)), self.method]
        if len(self):
            parts.append(f"distances {self.distances.min():.3g}..{self.distances.max():.3g}")
        return f"Matches({', '.join(p for p in parts if p)})"


def _lines(image: Any, start: NDArray[np.float64], end: NDArray[np.float64], good: NDArray[np.bool_] | None) -> Array:
    """Join points by lines; evenly chosen ones where they are many."""
    from opsin.canvas import Canvas, color_of

    canvas = Canvas(image)
    which = np.unique(np.linspace(0, len(start) - 1, min(len(start), _MOST_LINES)).astype(np.int64))
    for i in which if len(start) else ():
        color = color_of(int(i)) if good is None else _GOOD if good[i] else _BAD
        canvas.path(np.stack([start[i], end[i]]), color, closed=False, width=canvas.line * 0.5)
        canvas.dot(float(start[i, 0]), float(start[i, 1]), color, canvas.line * 0.8)
    return canvas.finish()


class Homography(Value):
    """The projective map from one picture to another, and the pairs of points it was found from.

    Attributes:
        warp: from the first picture's canvas to the second's; moves pictures, and samples with all they hold.
        matches: the pairs it was found from.
        inliers: which of them agree with the map, N bool.
        error: mean distance in pixels of the second picture between where agreeing points are and where the map
            puts them.
        method: how it was found.
    """

    def __init__(
        self, warp: Warp, *, matches: Matches, inliers: NDArray[np.bool_], error: float, method: str = ""
    ) -> None:
        self.warp, self.matches, self.inliers = warp, matches, np.asarray(inliers, dtype=np.bool_)
        self.error, self.method = float(error), method

    @property
    def matrix(self) -> NDArray[np.float64]:
        """3 x 3, from the first picture's points to the second's (continuous pixels, lower right number 1)."""
        matrix = self.warp.matrix
        assert matrix is not None
        return matrix

    @property
    def corners(self) -> NDArray[np.float64]:
        """Where the first picture's corners are in the second: 4 2, top-left first, clockwise."""
        return self.warp.push(self.warp.source.corners)

    def apply(self, target: Any) -> Any:
        """Carry a picture of the first canvas, or a sample with all it holds, onto the second canvas."""
        return carried(self.warp, target, "Homography.apply")

    def to_dict(self) -> dict[str, Any]:
        """Give matrix, sizes, number of pairs and of agreeing ones, error and corners."""
        return plain(
            {
                "type": "homography",
                "matrix": self.matrix,
                "source": list(self.warp.source),
                "target": list(self.warp.target),
                "matches": len(self.matches),
                "inliers": int(np.count_nonzero(self.inliers)),
                "error": self.error,
                "unit": "px",
                "method": self.method,
                "corners": self.corners,
            }
        )

    def draw(self, image: Array) -> Array:
        """Draw on the first picture which points agreed with the map (green) and which did not (red)."""
        check_canvas("Homography", image, self.warp.source.height, self.warp.source.width)
        from opsin.canvas import Canvas

        canvas = Canvas(image)
        assert self.matches.points is not None
        for point, good in zip(self.matches.points, self.inliers, strict=True):
            canvas.dot(float(point[0]), float(point[1]), _GOOD if good else _BAD, canvas.line)
        return canvas.finish()

    def draw_pair(self, image: Array, other: Array) -> Array:
        """Draw both pictures beside each other, agreeing pairs joined, the first one's outline in the second."""
        from opsin.canvas import Canvas

        m = self.matches
        assert m.points is not None and m.other_points is not None
        both, shift = beside(image, other)
        start, end = m.points[self.inliers], m.other_points[self.inliers] + np.array([shift, 0.0])
        canvas = Canvas(_lines(both, start, end, np.ones(len(start), dtype=np.bool_)))
        canvas.path(self.corners + np.array([shift, 0.0]), _FRAME, width=canvas.line * 1.5)
        return canvas.finish()

    def __repr__(self) -> str:
        (w, h), (tw, th) = self.warp.source, self.warp.target
        good = int(np.count_nonzero(self.inliers))
        return f"Homography({w} x {h} to {tw} x {th}, {good} of {len(self.matches)} agree, error {self.error:.2f} px)"


def carried(warp: Warp, target: Any, where: str) -> Any:
    """Carry a picture or a sample through a warp.

    Raises:
        ParamError: it is not as large as the warp's source.
    """
    from opsin.kernels.resample import resample

    image = target if isinstance(target, np.ndarray) else target.image
    check_canvas(where.partition(".")[0], image, warp.source.height, warp.source.width)
    out = resample(image, warp)
    return out if isinstance(target, np.ndarray) else target.moved(warp, out)
