"""Where pixels go: `Size`, and `Warp`, an invertible chain of maps between canvases.

Points are (x, y), continuous: pixel (column j, row i) covers [j, j+1) x [i, i+1), so a canvas spans
[0, width] x [0, height]. A warp keeps every canvas it passes through, so that what a crop removed does not come
back when the next step turns the picture.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from opsin.errors import ParamError, refusal
from opsin.polygons import clip_half, clip_polygon, densify
from opsin.types import Border, Fill

__all__ = ["Size", "Stage", "Warp"]

Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]
_NEAR = 1e-9
_HALF_X, _HALF_Y = np.array([0.5, 0.0]), np.array([0.0, 0.5])


class Size(NamedTuple):
    """Width and height of a canvas in pixels."""

    width: int
    height: int

    @property
    def center(self) -> tuple[float, float]:
        """The middle of the canvas."""
        return self.width / 2, self.height / 2

    @property
    def corners(self) -> Floats:
        """The four corners: top-left, top-right, bottom-right, bottom-left."""
        w, h = float(self.width), float(self.height)
        return np.array([[0.0, 0.0], [w, 0.0], [w, h], [0.0, h]])

    def around(self, matrix: Floats) -> Size:
        """Give the canvas that holds this one after a matrix; a millionth of a pixel does not add a column."""
        points = project(matrix, self.corners)
        span = points.max(axis=0) - points.min(axis=0)
        return Size(max(1, math.ceil(span[0] - 1e-6)), max(1, math.ceil(span[1] - 1e-6)))


def shift(x: float, y: float) -> Floats:
    """Matrix that moves by (x, y) pixels."""
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def stretch(x: float, y: float) -> Floats:
    """Matrix that scales both axes about the origin."""
    return np.array([[x, 0.0, 0.0], [0.0, y, 0.0], [0.0, 0.0, 1.0]])


def turn(degrees: float) -> Floats:
    """Matrix that turns about the origin, anticlockwise as seen; quarter turns are exact."""
    quarter = degrees / 90.0
    if quarter == round(quarter):
        c, s = [(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)][round(quarter) % 4]
    else:
        c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])


def about(center: Sequence[float], matrix: Floats) -> Floats:
    """Apply a matrix about a point instead of the origin."""
    return shift(*center) @ matrix @ shift(-center[0], -center[1])


def project(matrix: Floats, points: ArrayLike) -> Floats:
    """Carry points (N, 2) through a 3 x 3 matrix; points at or beyond the horizon become NaN."""
    xy = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    if matrix[2, 0] == 0.0 and matrix[2, 1] == 0.0 and matrix[2, 2] == 1.0:
        return xy @ matrix[:2, :2].T + matrix[:2, 2]
    w = xy @ matrix[2, :2] + matrix[2, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        out = (xy @ matrix[:2, :2].T + matrix[:2, 2]) / w[:, None]
    out[w <= _NEAR] = np.nan
    return out


def fold(coordinate: Floats, length: int, border: Border) -> Floats:
    """Bring continuous coordinates beyond [0, length] back inside, as the border says."""
    if border == "replicate":
        return np.clip(coordinate, 0.5, length - 0.5)
    if border == "wrap":
        return np.mod(coordinate, length)
    if border == "symmetric":
        folded = np.mod(coordinate, 2 * length)
        return np.where(folded > length, 2 * length - folded, folded)
    if border == "reflect":
        if length == 1:
            return np.full_like(coordinate, 0.5)
        folded = np.mod(coordinate - 0.5, 2 * (length - 1))
        return np.where(folded > length - 1, 2 * (length - 1) - folded, folded) + 0.5
    return coordinate


@dataclass(frozen=True, eq=False)
class Stage:
    """One map between two canvases: a matrix source -> target, or a dense field target -> source."""

    source: Size
    target: Size
    matrix: Floats | None = None
    field: NDArray[Any] | None = None
    border: Border = "constant"
    fill: Fill = 0.0
    kernel: str = ""

    @cached_property
    def back(self) -> Floats:
        """The matrix target -> source."""
        assert self.matrix is not None
        inverse = np.linalg.inv(self.matrix)
        scale = inverse[2, 2] if abs(inverse[2, 2]) > _NEAR else 1.0
        return np.asarray(inverse / scale, dtype=np.float64)

    def push(self, points: Floats) -> Floats:
        """Carry points from source to target."""
        return project(self.matrix, points) if self.matrix is not None else self._seek(points)

    def pull(self, points: Floats) -> Floats:
        """Carry points from target to source."""
        return project(self.back, points) if self.field is None else self._sample(points)

    def mirrors(self, point: Floats) -> bool:
        """Say whether the map turns left into right at a source point."""
        if self.matrix is not None:
            m = self.matrix
            w = float(m[2, :2] @ point + m[2, 2])
            return float(np.linalg.det(m)) / (w**3 if w else 1.0) < 0.0
        here = self._seek(point.reshape(1, 2))[0]
        if not np.isfinite(here).all():
            return False
        probe = self._sample(here + np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]))
        return float(np.linalg.det(np.stack([probe[0] - probe[1], probe[2] - probe[3]]))) < 0.0

    # A field holds, for the middle of each target pixel, the point of the source that is seen there.
    def _sample(self, points: Floats) -> Floats:
        field = self.field
        assert field is not None
        h, w = field.shape[:2]
        x, y = points[:, 0] - 0.5, points[:, 1] - 0.5
        ok = np.isfinite(x) & np.isfinite(y)
        # Beyond the outermost pixel middles the field is continued in a straight line.
        j = np.clip(np.floor(np.where(ok, x, 0.0)).astype(np.int64), 0, max(w - 2, 0))
        i = np.clip(np.floor(np.where(ok, y, 0.0)).astype(np.int64), 0, max(h - 2, 0))
        j1, i1 = np.minimum(j + 1, w - 1), np.minimum(i + 1, h - 1)
        fx, fy = (x - j)[:, None], (y - i)[:, None]
        top = field[i, j] + (field[i, j1] - field[i, j]) * fx
        bottom = field[i1, j] + (field[i1, j1] - field[i1, j]) * fx
        return np.asarray(top + (bottom - top) * fy, dtype=np.float64)

    def _seek(self, points: Floats) -> Floats:
        """Invert the field: the nearest of a coarse grid, then Newton steps; what is not reached becomes NaN."""
        field = self.field
        assert field is not None
        h, w = field.shape[:2]
        rows = np.unique(np.linspace(0, h - 1, min(h, 65)).astype(int))
        columns = np.unique(np.linspace(0, w - 1, min(w, 65)).astype(int))
        coarse = field[np.ix_(rows, columns)].reshape(-1, 2).astype(np.float64)
        grid = np.stack(np.meshgrid(columns + 0.5, rows + 0.5), axis=-1).reshape(-1, 2)
        out = np.full((len(points), 2), np.nan)
        finite = np.flatnonzero(np.isfinite(points).all(axis=1))
        for start in range(0, len(finite), 1024):
            which = finite[start : start + 1024]
            goal = points[which]
            nearest = ((goal[:, None, :] - coarse[None]) ** 2).sum(axis=-1).argmin(axis=1)
            guess = grid[nearest]
            best, error = guess.copy(), np.full(len(guess), np.inf)
            for _ in range(24):
                miss = self._sample(guess) - goal
                size = np.hypot(miss[:, 0], miss[:, 1])
                better = size < error
                best[better], error[better] = guess[better], size[better]
                if error.max(initial=0.0) < 1e-7:
                    break
                ex = self._sample(guess + _HALF_X) - self._sample(guess - _HALF_X)
                ey = self._sample(guess + _HALF_Y) - self._sample(guess - _HALF_Y)
                det = ex[:, 0] * ey[:, 1] - ex[:, 1] * ey[:, 0]
                det = np.where(np.abs(det) < 1e-9, 1.0, det)
                step = np.stack(
                    [ey[:, 1] * miss[:, 0] - ey[:, 0] * miss[:, 1], ex[:, 0] * miss[:, 1] - ex[:, 1] * miss[:, 0]], 1
                )
                step /= det[:, None]
                length = np.hypot(step[:, 0], step[:, 1])[:, None]
                guess = guess - step * np.minimum(1.0, 16.0 / np.maximum(length, 1e-12))
            best[error > 0.25] = np.nan
            out[which] = best
        return out


@dataclass(frozen=True, eq=False)
class Warp:
    """An invertible map from one canvas to another, as a chain of stages.

    `push` carries points forward, `pull` back; `then` composes, `invert` turns it round. Images, masks, boxes and
    points of a sample follow the same warp.
    """

    source: Size
    stages: tuple[Stage, ...] = ()

    @staticmethod
    def identity(size: Size) -> Warp:
        """The warp that moves nothing."""
        return Warp(Size(*size))

    @staticmethod
    def of(matrix: ArrayLike, source: Size, target: Size | None = None, *, kernel: str = "") -> Warp:
        """Make a warp of one matrix that carries source points to target points.

        Raises:
            ParamError: the matrix is not 3 x 3, not finite, or cannot be inverted.
        """
        m = np.array(matrix, dtype=np.float64)
        if m.shape != (3, 3) or not all(map(math.isfinite, m.ravel().tolist())):
            raise ParamError(refusal("warp", "matrix", "3 x 3 and finite", m))
        if m[2, 2] != 0.0 and m[2, 2] != 1.0:
            m = m / m[2, 2]
        (a, b, c), (d, e, f), (g, h, i) = m.tolist()
        scale = max(abs(a), abs(b), abs(d), abs(e))
        if abs(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)) <= 1e-12 * max(scale * scale, 1e-300):
            raise ParamError(refusal("warp", "matrix", "invertible", m.tolist()))
        source = Size(*source)
        return Warp(source, (Stage(source, Size(*(target or source)), m, kernel=kernel),))

    @staticmethod
    def bend(field: NDArray[Any], source: Size) -> Warp:
        """Make a warp of a dense field H W 2: the source point (x, y) seen at the middle of each target pixel."""
        if field.ndim != 3 or field.shape[2] != 2 or not np.isfinite(field).all():
            raise ParamError(refusal("warp", "field", "a finite array H W 2", field))
        return Warp(Size(*source), (Stage(Size(*source), Size(field.shape[1], field.shape[0]), field=field),))

    @property
    def target(self) -> Size:
        """The canvas after the last stage."""
        return self.stages[-1].target if self.stages else self.source

    @cached_property
    def matrix(self) -> Floats | None:
        """The composed matrix source -> target, or None where a stage bends."""
        ways = self._ways
        return None if ways is None else ways[-1] if len(ways) else np.eye(3)

    @cached_property
    def _ways(self) -> Floats | None:
        """The composed matrices from the source to the canvas after each stage (N 3 3), or None where a stage bends."""
        ways: list[Floats] = []
        for stage in self.stages:
            if stage.matrix is None:
                return None
            ways.append(stage.matrix @ ways[-1] if ways else stage.matrix)
        return np.array(ways).reshape(-1, 3, 3)

    def to_data(self) -> dict[str, Any]:
        """Give plain data: the composed matrix and both canvases, as `Warp.from_data` and `ops.warp` take them.

        Raises:
            ParamError: a warp that bends, which no matrix says.
        """
        m = self.matrix
        if m is None:
            raise ParamError(refusal("warp", "warp", "one of a matrix, to be written", "one that bends"))
        return {"matrix": m.tolist(), "source": list(self.source), "target": list(self.target)}

    @staticmethod
    def from_data(data: Mapping[str, Any]) -> Warp:
        """Read what `to_data` wrote, or a result that has a matrix, a source and a target (`opsin apply register`)."""
        return Warp.of(data["matrix"], Size(*data["source"]), Size(*data["target"]))

    def then(self, other: Warp) -> Warp:
        """Compose: this warp first, the other after it; canvases in between are kept."""
        if other.source != self.target:
            raise ParamError(refusal("warp", "other", f"a warp from {self.target}", other.source))
        return Warp(self.source, self.stages + other.stages)

    def with_edge(self, border: Border, fill: Fill) -> Warp:
        """Say what lies beyond the edge in every stage."""
        edged = (Stage(s.source, s.target, s.matrix, s.field, border, fill, s.kernel) for s in self.stages)
        return Warp(self.source, tuple(edged))

    def invert(self) -> Warp:
        """Turn the warp round; what was lost is lost, fields are inverted numerically."""
        stages = []
        for stage in reversed(self.stages):
            if stage.matrix is not None:
                back = replace(stage, source=stage.target, target=stage.source, matrix=stage.back)
            else:
                w, h = stage.source
                grid = np.stack(np.meshgrid(np.arange(w) + 0.5, np.arange(h) + 0.5), axis=-1).reshape(-1, 2)
                points = stage.push(grid)
                lost = ~np.isfinite(points).all(axis=1)
                points[lost] = -1e6
                back = replace(stage, source=stage.target, target=stage.source, field=points.reshape(h, w, 2))
            stages.append(back)
        return Warp(self.target, tuple(stages))

    def push(self, points: ArrayLike) -> Floats:
        """Carry points (N, 2) from the source canvas to the target canvas; nothing is cut off."""
        out = np.array(points, dtype=np.float64).reshape(-1, 2)
        for stage in self.stages:
            out = stage.push(out)
        return out

    def pull(self, points: ArrayLike) -> Floats:
        """Carry points (N, 2) from the target canvas back to the source canvas."""
        out = np.array(points, dtype=np.float64).reshape(-1, 2)
        for stage in reversed(self.stages):
            out = stage.pull(out)
        return out

    def seen(self, points: ArrayLike) -> tuple[Floats, Flags]:
        """Carry target points back as sampling does: borders fold them in, and canvases in between cut them off.

        Returns:
            source points (N, 2), and whether each lies inside all canvases on the way.
        """
        out = np.array(points, dtype=np.float64).reshape(-1, 2)
        inside: Flags = np.ones(len(out), dtype=np.bool_)
        for stage in reversed(self.stages):
            out = stage.pull(out)
            w, h = stage.source
            finite: Flags = np.asarray(np.isfinite(out).all(axis=1))
            if stage.border == "constant":
                x, y = out[:, 0], out[:, 1]
                inside &= finite & (x >= 0) & (x < w) & (y >= 0) & (y < h)
            else:
                inside &= finite
                out = np.where(finite[:, None], out, 0.0)
                out = np.stack([fold(out[:, 0], w, stage.border), fold(out[:, 1], h, stage.border)], axis=1)
        return out, inside

    def kept(self, points: ArrayLike) -> Flags:
        """Say which source points are still on the canvas after every stage."""
        return self.passage(points)[1]

    def passage(self, points: ArrayLike) -> tuple[Floats, Flags]:
        """Carry points (N, 2) to the target canvas, and say which lie on the canvas after every stage."""
        out = np.array(points, dtype=np.float64).reshape(-1, 2)
        inside: Flags = np.asarray(np.isfinite(out).all(axis=1))
        if not self.stages:
            return out, inside
        ways = self._ways
        if ways is not None and not ways[:, 2, :2].any() and (ways[:, 2, 2] == 1.0).all():
            # without perspective all stages at once: points on every canvas, (stages, N, 2)
            on = out @ ways[:, :2, :2].transpose(0, 2, 1) + ways[:, None, :2, 2]
            edges = np.array([stage.target for stage in self.stages], dtype=np.float64)[:, None, :]
            with np.errstate(invalid="ignore"):
                return on[-1], inside & ((on >= 0) & (on <= edges)).all(axis=(0, 2))
        for stage in self.stages:
            out = stage.push(out)
            w, h = stage.target
            with np.errstate(invalid="ignore"):
                inside = inside & (out[:, 0] >= 0) & (out[:, 0] <= w) & (out[:, 1] >= 0) & (out[:, 1] <= h)
        return out, inside

    def clip(self, polygon: ArrayLike) -> Floats:
        """Carry an outline (N, 2) and cut it at every canvas on the way; may come out empty."""
        out = np.array(polygon, dtype=np.float64).reshape(-1, 2)
        for stage in self.stages:
            out = self._carry_outline(stage, out)
            out = clip_polygon(out, stage.target)
            if len(out) == 0:
                break
        return out

    def outline(self, polygon: ArrayLike) -> Floats:
        """Carry an outline without cutting it; edges are followed where a stage bends."""
        out = np.array(polygon, dtype=np.float64).reshape(-1, 2)
        for stage in self.stages:
            out = self._carry_outline(stage, out)
        return out

    @staticmethod
    def _carry_outline(stage: Stage, polygon: Floats) -> Floats:
        if len(polygon) == 0:
            return polygon
        if stage.matrix is None:
            polygon = densify(polygon, 4.0)
        elif stage.matrix[2, 0] != 0.0 or stage.matrix[2, 1] != 0.0:
            m = stage.matrix
            polygon = clip_half(polygon, float(m[2, 0]), float(m[2, 1]), float(m[2, 2]) - 1e-6)
        out = stage.push(polygon)
        return out[np.asarray(np.isfinite(out).all(axis=1))]

    def mirrors(self, point: ArrayLike) -> bool:
        """Say whether the warp turns left into right around a source point."""
        here = np.array(point, dtype=np.float64)
        flipped = False
        for stage in self.stages:
            flipped ^= stage.mirrors(here)
            here = stage.push(here.reshape(1, 2))[0]
            if not np.isfinite(here).all():
                break
        return flipped

    def straight(self) -> bool:
        """Say whether upright boxes stay upright boxes (shifts, scales, flips and quarter turns only)."""
        m = self.matrix
        if m is None or m[2, 0] != 0.0 or m[2, 1] != 0.0:
            return False
        a, b, c, d = np.abs(m[:2, :2]).ravel()
        tiny = 1e-12 * max(a, b, c, d)
        return bool((b <= tiny and c <= tiny) or (a <= tiny and d <= tiny))

    def __repr__(self) -> str:
        (w, h), (tw, th) = self.source, self.target
        return f"Warp({w}x{h} -> {tw}x{th}, {len(self.stages)} stage{'s' if len(self.stages) != 1 else ''})"
