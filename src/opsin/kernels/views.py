"""Where each of several overlapping pictures lies on one plane or one cylinder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin.geometry import Size, project, shift
from opsin.kernels.extras import need
from opsin.kernels.overlaps import Link, walk
from opsin.kernels.procrustes import similarity

__all__ = ["View", "focal_of", "on_cylinder", "on_plane"]

Floats = NDArray[np.float64]
_FAR = 8.0  # a focal length of so many picture sides cannot be told from a plane


@dataclass(frozen=True, eq=False)
class View:
    """One picture on a canvas: by a matrix, or by a camera's turn on a cylinder of a radius."""

    size: Size
    matrix: Floats | None = None
    turn: Floats = field(default_factory=lambda: np.eye(3))
    focal: float = 0.0
    origin: tuple[float, float] = (0.0, 0.0)

    def push(self, points: Floats) -> Floats:
        """Carry points of the picture to the canvas."""
        if self.matrix is not None:
            return project(self.matrix, points) - self.origin
        c = np.array(self.size.center)
        rays = np.concatenate([(points - c) / self.focal, np.ones((len(points), 1))], axis=1) @ self.turn
        flat = np.hypot(rays[:, 0], rays[:, 2])
        with np.errstate(divide="ignore", invalid="ignore"):
            high = np.clip(rays[:, 1] / flat, -4.0, 4.0)
        return np.stack([np.arctan2(rays[:, 0], rays[:, 2]), high], axis=1) * self.focal - self.origin

    def pull(self, x: NDArray[Any], y: NDArray[Any]) -> tuple[Floats, Floats]:
        """Carry a grid of the canvas (columns x, rows y) back to the picture; NaN behind the camera."""
        u, v = np.meshgrid(x + self.origin[0], y + self.origin[1])
        if self.matrix is not None:
            p = project(
                np.asarray(np.linalg.inv(self.matrix), dtype=np.float64), np.stack([u.ravel(), v.ravel()], axis=1)
            )
            return p[:, 0].reshape(u.shape), p[:, 1].reshape(u.shape)
        angle = u / self.focal
        a, b, c = np.sin(angle), v / self.focal, np.cos(angle)
        r = self.turn
        depth = r[2, 0] * a + r[2, 1] * b + r[2, 2] * c
        with np.errstate(divide="ignore", invalid="ignore"):
            px = self.focal * (r[0, 0] * a + r[0, 1] * b + r[0, 2] * c) / depth + self.size.width / 2
            py = self.focal * (r[1, 0] * a + r[1, 1] * b + r[1, 2] * c) / depth + self.size.height / 2
        px[depth <= 1e-6], py[depth <= 1e-6] = np.nan, np.nan
        return px, py

    def bounds(self) -> tuple[float, float, float, float]:
        """The box on the canvas: x1 y1 x2 y2."""
        w, h = self.size
        t, s = np.linspace(0, w, 65), np.linspace(0, h, 65)
        sides = [np.stack([t, np.full(65, e)], 1) for e in (0.0, h)] + [
            np.stack([np.full(65, e), s], 1) for e in (0.0, w)
        ]
        p = self.push(np.concatenate([*sides, [[w / 2, h / 2]]]))
        x1, x2 = float(p[:, 0].min()), float(p[:, 0].max())
        if self.matrix is None and x2 - x1 > np.pi * self.focal:  # it lies across the cylinder's seam
            x1, x2 = -np.pi * self.focal - self.origin[0], np.pi * self.focal - self.origin[0]
        return x1, float(p[:, 1].min()), x2, float(p[:, 1].max())

    def moved(self, x: float, y: float) -> View:
        """The same with the canvas beginning at (x, y)."""
        return replace(self, origin=(self.origin[0] + x, self.origin[1] + y))


# --- on a plane ---------------------------------------------------------------------------------------------------
def on_plane(where: str, sizes: Sequence[Size], members: Sequence[int], links: Sequence[Link]) -> dict[int, View]:
    """Lay pictures on the plane of the central one, by the simplest movement that explains all overlaps."""
    center, steps = walk(members, links)
    kind = _simplest(links)
    if kind == "homography":
        placed = {center: np.eye(3)}
        for a, b, matrix in steps:
            placed[b] = placed[a] @ np.linalg.inv(matrix)
            placed[b] /= placed[b][2, 2]
        placed = _bundle_planes(where, placed, center, links)
    else:
        placed = _linear(kind, members, center, links)
    return {i: View(sizes[i], matrix=m) for i, m in placed.items()}


def _simplest(links: Sequence[Link]) -> str:
    """Choose shifts, similarities or homographies: what explains pairs as well as the freest does."""
    errors = {"translation": [0.0], "similarity": [0.0], "homography": [0.0]}
    for k in links:
        a, b = k.points, k.other_points
        move = shift(*np.median(b - a, axis=0))
        for name, m in (("translation", move), ("similarity", similarity(a, b)), ("homography", k.matrix)):
            errors[name].append(float(np.sqrt((np.hypot(*(project(m, a) - b).T) ** 2).mean())))
    room = 1.15 * np.array(errors["homography"]) + 0.1
    for name in ("translation", "similarity"):
        if (np.array(errors[name]) <= room).all():
            return name
    return "homography"


def _linear(kind: str, members: Sequence[int], center: int, links: Sequence[Link]) -> dict[int, Floats]:
    """Place pictures by shifts or similarities, all overlaps together, in linear least squares."""
    index = {m: n for n, m in enumerate(i for i in members if i != center)}
    if kind == "translation":
        rows, values = [], []
        for k in links:
            row = np.zeros(len(index))
            weight = np.sqrt(len(k.points))
            if k.a != center:
                row[index[k.a]] = weight
            if k.b != center:
                row[index[k.b]] = -weight
            rows.append(row)
            values.append(weight * np.median(k.other_points - k.points, axis=0))
        place = np.linalg.lstsq(np.array(rows), np.array(values), rcond=None)[0]
        # whole shifts are kept whole, so that pieces of one picture come together without loss
        place = np.where(np.abs(place - np.round(place)) < 0.05, np.round(place), place)
        return {m: shift(*(place[index[m]] if m != center else (0.0, 0.0))) for m in members}
    parts, goals = [], []
    for k in links:
        step = max(1, len(k.points) // 200)
        for me, sign, points in ((k.a, 1.0, k.points[::step]), (k.b, -1.0, k.other_points[::step])):
            block = np.zeros((2 * len(points), 4 * len(index)))
            x, y = points[:, 0], points[:, 1]
            one, zero = np.ones(len(x)), np.zeros(len(x))
            full = np.concatenate([np.stack([x, -y, one, zero], 1), np.stack([y, x, zero, one], 1)]) * sign
            goal = np.zeros(2 * len(points))
            if me == center:
                goal = -full @ np.array([1.0, 0.0, 0.0, 0.0])
            else:
                block[:, 4 * index[me] : 4 * index[me] + 4] = full
            if sign > 0:
                first, begin = block, goal
            else:
                parts.append(first + block)
                goals.append(begin + goal)
    found = np.linalg.lstsq(np.concatenate(parts), np.concatenate(goals), rcond=None)[0].reshape(-1, 4)
    out = {center: np.eye(3)}
    for m, n in index.items():
        a, b, x, y = found[n]
        out[m] = np.array([[a, -b, x], [b, a, y], [0.0, 0.0, 1.0]])
    return out


def _bundle_planes(where: str, placed: dict[int, Floats], center: int, links: Sequence[Link]) -> dict[int, Floats]:
    """Refine homographies of all pictures together."""
    others = sorted(i for i in placed if i != center)
    if not others:
        return placed
    pairs = [_thin(k, 80) for k in links]
    start = np.concatenate([(placed[i] / placed[i][2, 2]).ravel()[:8] for i in others])
    scale = np.tile([1.0, 1.0, 1e3, 1.0, 1.0, 1e3, 1e-3, 1e-3], len(others))

    def unpack(p: Floats) -> dict[int, Floats]:
        out = {center: np.eye(3)}
        for n, i in enumerate(others):
            out[i] = np.append(p[8 * n : 8 * n + 8], 1.0).reshape(3, 3)
        return out

    def miss(p: Floats) -> Floats:
        at = unpack(p)
        out = []
        for k in pairs:
            there = project(np.linalg.inv(at[k.b]) @ at[k.a], k.points)
            out.append(np.nan_to_num(there - k.other_points, nan=1e3, posinf=1e3, neginf=-1e3).ravel())
        return np.concatenate(out)

    done = need("scipy.optimize", where).least_squares(miss, start, loss="soft_l1", x_scale=scale, max_nfev=30)
    return unpack(done.x)


def _thin(link: Link, most: int) -> Link:
    step = max(1, len(link.points) // most)
    return link._replace(points=link.points[::step], other_points=link.other_points[::step])


# --- on a cylinder ------------------------------------------------------------------------------------------------
def _camera(focal: float) -> Floats:
    return np.diag([focal, focal, 1.0])


def _centered(link: Link, sizes: Sequence[Size]) -> Floats:
    a, b = sizes[link.a].center, sizes[link.b].center
    return np.asarray(shift(-b[0], -b[1]) @ link.matrix @ shift(*a), dtype=np.float64)


def focal_of(sizes: Sequence[Size], links: Sequence[Link]) -> float | None:
    """Estimate the focal length in pixels at which the overlaps are pure turns of a camera, or None on a plane.

    Source:
        Szeliski and Shum, "Creating full view panoramic image mosaics and environment maps", 1997: K^-1 H K is a
        rotation; here the length at which its singular values are most alike over all overlaps.
    """
    side = max(max(s) for s in sizes)
    if _simplest(links) == "translation":
        return None
    matrices = [_centered(k, sizes) for k in links]
    weight = np.array([len(k.points) for k in links], dtype=np.float64)

    def cost(f: float) -> float:
        total = 0.0
        for m, w in zip(matrices, weight, strict=True):
            s = np.linalg.svd(_camera(1 / f) @ m @ _camera(f), compute_uv=False)
            total += w * float((np.log(s / np.cbrt(s.prod())) ** 2).sum())
        return total

    tries = side * np.geomspace(0.25, 2 * _FAR, 80)
    costs = [cost(float(f)) for f in tries]
    best = int(np.argmin(costs))
    return None if tries[best] > _FAR * side else float(tries[best])


def on_cylinder(
    where: str, sizes: Sequence[Size], members: Sequence[int], links: Sequence[Link], focal: float, *, fixed: bool
) -> dict[int, View]:
    """Lay pictures of one camera that turned about itself on an upright cylinder whose radius is the focal length."""
    center, steps = walk(members, links)
    between = {(k.a, k.b): _centered(k, sizes) for k in links}
    turns = {center: np.eye(3)}
    for a, b, _ in steps:
        m = between[a, b] if (a, b) in between else np.linalg.inv(between[b, a])
        u, _, vt = np.linalg.svd(_camera(1 / focal) @ m @ _camera(focal))
        r = u @ vt
        turns[b] = (r * np.sign(np.linalg.det(r))) @ turns[a]
    turns, focal = _bundle_turns(where, turns, center, sizes, links, focal, fixed)
    turns = _upright(turns, center)
    return {i: View(sizes[i], turn=turns[i], focal=focal) for i in members}


def _bundle_turns(
    where: str,
    turns: dict[int, Floats],
    center: int,
    sizes: Sequence[Size],
    links: Sequence[Link],
    focal: float,
    fixed: bool,
) -> tuple[dict[int, Floats], float]:
    """Refine all turns, and the focal length, together."""
    rotation = need("scipy.spatial.transform", where).Rotation
    others = sorted(i for i in turns if i != center)
    pairs = [_thin(k, 80) for k in links]
    start = np.concatenate([rotation.from_matrix(turns[i]).as_rotvec() for i in others] + [np.zeros(1)])

    def unpack(p: Floats) -> tuple[dict[int, Floats], float]:
        out = {center: np.eye(3)}
        for n, i in enumerate(others):
            out[i] = rotation.from_rotvec(p[3 * n : 3 * n + 3]).as_matrix()
        return out, focal if fixed else focal * float(np.exp(np.clip(p[-1], -2.0, 2.0)))

    def miss(p: Floats) -> Floats:
        at, f = unpack(p)
        out = []
        for k in pairs:
            a, b = np.array(sizes[k.a].center), np.array(sizes[k.b].center)
            m = _camera(f) @ at[k.b] @ at[k.a].T @ _camera(1 / f)
            there = project(m / m[2, 2], k.points - a)
            out.append(np.nan_to_num(there + b - k.other_points, nan=1e3, posinf=1e3, neginf=-1e3).ravel())
        return np.concatenate(out)

    done = need("scipy.optimize", where).least_squares(miss, start, loss="soft_l1", max_nfev=60)
    return unpack(done.x)


def _upright(turns: dict[int, Floats], center: int) -> dict[int, Floats]:
    """Turn the world so that the cameras' rows lie level: the cylinder's axis is what their x axes have in common.

    Source:
        Brown and Lowe, 2007, section 5.
    """
    if len(turns) < 2:
        return turns
    across = np.stack([r[0] for r in turns.values()])
    values, vectors = np.linalg.eigh(across.T @ across)
    down = vectors[:, 0] * np.sign(vectors[:, 0] @ sum(r[1] for r in turns.values()))
    if values[1] < 1e-4 * values[2] or abs(float(down @ turns[center][1])) < 0.7:
        down = turns[center][1]  # the cameras hardly turned: the central picture says what is upright
    ahead = turns[center][2] - down * float(turns[center][2] @ down)
    ahead /= np.linalg.norm(ahead)
    world = np.stack([np.cross(down, ahead), down, ahead])
    return {i: r @ world.T for i, r in turns.items()}
