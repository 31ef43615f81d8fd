"""Moves that bend straight lines: every pixel has its own displacement, and annotations follow by inverting it."""

import math
from typing import Annotated

import numpy as np

from opsin.chance import Rng
from opsin.errors import ParamError, refusal, verbatim
from opsin.geometry import Size, Warp
from opsin.kernels.smooth import soft
from opsin.op import geometric
from opsin.types import SUPPLIED, Array, Border, Bound, Channels, Fill, Unit, Usual


def _middles(size: Size) -> tuple[Array, Array]:
    """The x of every column's middle, and the y of every row's (as a column)."""
    return np.arange(size.width) + 0.5, (np.arange(size.height) + 0.5)[:, None]


def _field(size: Size, x: Array, y: Array) -> Array:
    out = np.empty((size.height, size.width, 2))
    out[..., 0] = x
    out[..., 1] = y
    return out


@geometric
def elastic(
    size: Size,
    /,
    *,
    alpha: Annotated[float, Bound(ge=0.0), Unit("px"), Usual(10.0, 60.0)],
    sigma: Annotated[float, Bound(gt=0.0, le=1000.0), Unit("px"), Usual(4.0, 10.0)],
    rng: Rng = SUPPLIED,
    border: Border = "constant",
    fill: Fill = 0.0,
    channels: Channels = "color",
) -> Warp:
    """Shift every pixel a little, neighbors alike, as if the picture were printed on rubber.

    Use it for handwriting, tissue and other soft things. The displacement is noise evenly spread over -1..1 per pixel
    and axis, smoothed by a bell curve and multiplied by alpha, so that alpha 34 with sigma 4 moves pixels by about
    1.4 px. Where alpha is large for its sigma the picture folds over itself; a point inside a fold is then carried to
    one of the places where it is seen.

    Args:
        alpha: strength in pixels before smoothing.
        sigma: how far neighbors move alike, in pixels.
        rng: where chance comes from; pipelines supply it.
        border: what lies beyond the edge.
        fill: value beyond the edge, a fraction of full scale, where border is constant.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype.

    Source:
        Simard, Steinkraus and Platt, "Best practices for convolutional neural networks applied to visual document
        analysis", ICDAR 2003.
    """
    x, y = _middles(size)
    shape = (size.height, size.width)
    dx, dy = (
        soft(rng.uniform(name, -1.0, 1.0, shape).astype(np.float32), sigma).astype(np.float64) for name in ("dx", "dy")
    )
    return Warp.bend(_field(size, x + alpha * dx, y + alpha * dy), size)


@geometric
def grid_distort(
    size: Size,
    /,
    *,
    steps: Annotated[int, Bound(ge=1, le=1000), Usual(3, 10)],
    distortion: Annotated[float, Bound(ge=0.0, lt=1.0), Usual(0.0, 0.6)],
    rng: Rng = SUPPLIED,
    border: Border = "constant",
    fill: Fill = 0.0,
    channels: Channels = "color",
) -> Warp:
    """Stretch some columns and rows of a grid and squeeze others; the edges stay where they are.

    Use it where objects come in changing proportions. Boxes stay upright, nothing leaves the canvas.

    Args:
        steps: number of cells along each side.
        distortion: how much wider or narrower a cell may be, as a fraction, drawn evenly from -distortion..distortion.
        rng: where chance comes from; pipelines supply it.
        border: has no effect, for nothing comes from beyond the edge; every geometric technique takes it.
        fill: has no effect; every geometric technique takes it.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype.

    Source:
        Closed form: a piecewise linear map along each axis, kept from 0 to width and from 0 to height.
    """
    at = []
    for name, length in (("x", size.width), ("y", size.height)):
        cells = 1.0 + rng.uniform(name, -distortion, distortion, steps)
        knots = np.concatenate([[0.0], np.cumsum(cells)])
        knots *= length / knots[-1]
        at.append(np.interp(np.arange(length) + 0.5, np.arange(steps + 1) * (length / steps), knots))
    return Warp.bend(_field(size, at[0], at[1][:, None]), size)


@geometric
def lens_distort(
    size: Size,
    /,
    *,
    k1: Annotated[float, Bound(gt=-1 / 3, le=2.0), Usual(-0.2, 0.2)],
    k2: Annotated[float, Bound(gt=-0.2, le=2.0), Usual(-0.05, 0.05)] = 0.0,
    border: Border = "constant",
    fill: Fill = 0.0,
    channels: Channels = "color",
) -> Warp:
    """Bend the picture as a lens does: negative k1 is a barrel (fish-eye), positive a pincushion.

    Use it to imitate a camera, or with the camera's own figures turned round to straighten its pictures. A point at
    distance r from the center moves to r (1 + k1 r^2 + k2 r^4), r counted in half diagonals, so that the corners are
    at r = 1.

    Args:
        k1: coefficient of r^2.
        k2: coefficient of r^4.
        border: what lies beyond the edge.
        fill: value beyond the edge, a fraction of full scale, where border is constant.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype.

    Raises:
        ParamError: the coefficients would fold the picture over itself: 1 + 3 k1 r^2 + 5 k2 r^4 must stay above 0.

    Source:
        Brown, "Close-range camera calibration", Photogrammetric Engineering 1971 (radial terms).
    """
    # the slope is least at an end of 0..1 or where its derivative in r^2 vanishes
    turning = -0.3 * k1 / k2 if k2 > 0.0 and k1 < 0.0 else 1.0
    slopes = [1.0 + 3.0 * k1 * q + 5.0 * k2 * q * q for q in (1.0, min(turning, 1.0))]
    if min(slopes) <= 0.0:
        got = verbatim(f"k1 {k1:g} and k2 {k2:g}")
        hint = "Bring them nearer to 0."
        raise ParamError(refusal("lens_distort", "1 + 3 k1 r^2 + 5 k2 r^4", "above 0 for r from 0 to 1", got, hint))
    cx, cy = size.center
    half = math.hypot(cx, cy)
    x, y = _middles(size)
    dx, dy = (x - cx) / half, (y - cy) / half
    seen = np.sqrt(dx * dx + dy * dy)
    ratio = _undo(seen, k1, k2)
    return Warp.bend(_field(size, cx + dx * ratio * half, cy + dy * ratio * half), size)


def _undo(seen: Array, k1: float, k2: float) -> Array:
    """Find r / seen with r (1 + k1 r^2 + k2 r^4) = seen; beyond the corners the map goes on in a straight line."""
    r = np.linspace(0.0, 1.0, 2049)
    bent = r * (1.0 + r * r * (k1 + k2 * r * r))
    end, slope = bent[-1], 1.0 + 3.0 * k1 + 5.0 * k2
    guess = np.interp(seen, bent, r)
    for _ in range(2):
        q = guess * guess
        guess -= (guess * (1.0 + q * (k1 + k2 * q)) - np.minimum(seen, end)) / (1.0 + q * (3.0 * k1 + 5.0 * k2 * q))
    beyond = seen > end
    if beyond.any():
        guess = np.where(beyond, 1.0 + (seen - end) / slope, guess)
    return np.divide(guess, seen, out=np.ones_like(seen), where=seen > 1e-12)


@geometric
def thin_plate(
    size: Size,
    /,
    *,
    points: Annotated[int, Bound(ge=2, le=20), Usual(3, 6)],
    distortion: Annotated[float, Bound(ge=0.0, le=0.5), Usual(0.0, 0.25)],
    rng: Rng = SUPPLIED,
    border: Border = "constant",
    fill: Fill = 0.0,
    channels: Channels = "color",
) -> Warp:
    """Pull a regular grid of points to random places and bend the picture smoothly in between, like a metal sheet.

    Use it for documents, faces and other things that bend without tearing.

    Args:
        points: how many grid points along each side.
        distortion: how far a point may move along each axis, as a fraction of the distance between two points.
        rng: where chance comes from; pipelines supply it.
        border: what lies beyond the edge.
        fill: value beyond the edge, a fraction of full scale, where border is constant.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype.

    Source:
        Bookstein, "Principal warps: thin-plate splines and the decomposition of deformations", IEEE PAMI 1989.
    """
    w, h = float(size.width), float(size.height)
    gap = np.array([w, h]) / (points - 1)
    grid = np.stack(np.meshgrid(np.arange(points), np.arange(points)), axis=-1).reshape(-1, 2) * gap
    move = rng.uniform("points", -distortion, distortion, (points * points, 2)) * gap
    # The spline is smooth, so it is computed at every few pixels and continued linearly in between.
    step = float(np.clip(gap.min() / 16.0, 1.0, 8.0))
    nodes_x = np.arange(math.ceil(w / step) + 2) * step
    nodes_y = np.arange(math.ceil(h / step) + 2) * step
    at = np.stack(np.meshgrid(nodes_x, nodes_y), axis=-1).reshape(-1, 2)
    bent = _spline(grid, move, at, max(w, h)).reshape(len(nodes_y), len(nodes_x), 2)
    x, y = _middles(size)
    return Warp.bend(_field(size, x, y) + _between(bent, x / step, y[:, 0] / step), size)


def _spline(knots: Array, move: Array, at: Array, unit: float) -> Array:
    """Evaluate the thin-plate spline that moves each knot by its move; coordinates are scaled for conditioning."""
    k, p = knots / unit, at / unit

    def bend(a: Array, b: Array) -> Array:
        q = ((a[:, None, :] - b[None]) ** 2).sum(axis=-1)
        return np.multiply(q, np.log(np.maximum(q, 1e-300)))

    n = len(k)
    system = np.zeros((n + 3, n + 3))
    system[:n, :n] = bend(k, k)
    system[:n, n], system[:n, n + 1 :] = 1.0, k
    system[n:, :n] = system[:n, n:].T
    solved = np.linalg.solve(system, np.concatenate([move, np.zeros((3, 2))]))
    return bend(p, k) @ solved[:n] + solved[n] + p @ solved[n + 1 :]


def _between(nodes: Array, x: Array, y: Array) -> Array:
    """Interpolate a grid of vectors linearly, first along y, then along x."""
    i, j = y.astype(np.int64), x.astype(np.int64)
    fy, fx = (y - i)[:, None, None], (x - j)[None, :, None]
    rows = nodes[i] + (nodes[i + 1] - nodes[i]) * fy
    return rows[:, j] + (rows[:, j + 1] - rows[:, j]) * fx


@geometric
def swirl(
    size: Size,
    /,
    *,
    strength: Annotated[float, Bound(ge=-100.0, le=100.0), Usual(-5.0, 5.0)],
    radius: Annotated[float, Bound(gt=0.0), Unit("px"), Usual(20.0, 300.0)],
    x: Annotated[float, Bound(ge=0.0, le=1.0), Usual(0.0, 1.0)] = 0.5,
    y: Annotated[float, Bound(ge=0.0, le=1.0), Usual(0.0, 1.0)] = 0.5,
    border: Border = "constant",
    fill: Fill = 0.0,
    channels: Channels = "color",
) -> Warp:
    """Turn the picture about a point, most in the middle and hardly at all beyond the radius.

    Use it as a strong smooth deformation; nothing is lost inside the picture.

    Args:
        strength: the turn at the center in radians, anticlockwise as seen.
        radius: where the swirl has faded to about a thousandth, in pixels.
        x: center, a fraction of the width.
        y: center, a fraction of the height.
        border: what lies beyond the edge.
        fill: value beyond the edge, a fraction of full scale, where border is constant.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype.

    Source:
        The swirl of scikit-image: the angle is strength * exp(-r / (radius ln 2 / 5)).
    """
    px, py = _middles(size)
    cx, cy = x * size.width, y * size.height
    dx, dy = px - cx, py - cy
    angle = strength * np.exp(np.sqrt(dx * dx + dy * dy) * (-5.0 / (radius * math.log(2.0))))
    c, s = np.cos(angle), np.sin(angle)
    return Warp.bend(_field(size, cx + c * dx - s * dy, cy + s * dx + c * dy), size)
