"""A self-organising map: a sheet of nodes that is laid into the cloud of colors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from opsin.kernels.kmeans import lloyd, means
from opsin.kernels.palette import Floats, nearest

__all__ = ["self_organising_map"]

_LAST = 0.3  # the reach at the end, in steps of the grid: neighbors are all but free of each other
_LEAST = 1e-9
_NEAR = 1e-3  # a point nearer than this pulls no harder
_STILL = 1e-5  # a move that no 16-bit level shows


def self_organising_map(
    points: Floats, weights: NDArray[np.float64], rows: int, columns: int, iterations: int, *, squared: bool = False
) -> NDArray[np.float64]:
    """Fit a grid of nodes to weighted points by the batch rule.

    The grid begins spread along the two directions in which the points vary most. In every round each node moves to
    the mean of the points that are nearest to it and to its neighbors on the grid; how far neighbors count shrinks
    from half the grid to nothing. Then each node settles by itself until all stand still (three times as many rounds
    at most), first where the squared and then where the plain distances to its points are least, which is what makes
    the error as small as that of a map trained color by color, or smaller.

    Args:
        points: N C.
        weights: N, how often each point occurs.
        rows: of the grid.
        columns: of the grid.
        iterations: how often all points are looked at while the map orders itself.
        squared: end where the squared distances are least, which pictures are judged by.

    Returns:
        rows * columns C float64, row by row.

    Source:
        Kohonen, "Essentials of the self-organizing map", Neural Networks 2013 (batch map, ordering and convergence);
        Weiszfeld, Tohoku Mathematical Journal 1937 (least mean distance).
    """
    nodes = _sheet(points, weights, rows, columns)
    first = max(rows, columns) / 2.0
    share = weights / weights.sum()
    for turn in range(iterations):
        reach = first * (_LAST / first) ** (turn / max(1, iterations - 1)) if first > _LAST else _LAST
        number, _ = nearest(points, nodes)
        size = np.bincount(number, weights=share, minlength=len(nodes)).astype(np.float64)
        middle = means(points, share, number, len(nodes))
        pull = _blur(size.reshape(rows, columns, 1), reach).reshape(-1)
        moved = _blur((middle * size[:, None]).reshape(rows, columns, -1), reach).reshape(len(nodes), -1)
        met = pull > _LEAST
        nodes[met] = moved[met] / pull[met, None]
    nodes = lloyd(points, weights, nodes, rounds=3 * iterations)[1]
    return nodes if squared else _nearer(points, weights, nodes, iterations)


def _nearer(
    points: Floats, weights: NDArray[np.float64], nodes: NDArray[np.float64], rounds: int
) -> NDArray[np.float64]:
    """Move nodes from the means of their points towards where the mean distance is least (Weiszfeld's rule).

    A map's quantization error is a mean distance, not a squared one; few far points must not pull a node away.
    """
    for _ in range(rounds):
        number, squared = nearest(points, nodes)
        pull = weights / np.maximum(np.sqrt(squared), _NEAR)
        size = np.bincount(number, weights=pull, minlength=len(nodes))
        moved = np.where((size > 0.0)[:, None], means(points, pull, number, len(nodes)), nodes)
        still = float(np.abs(moved - nodes).max()) < _STILL
        nodes = moved
        if still:
            break
    return nodes


def _sheet(points: Floats, weights: NDArray[np.float64], rows: int, columns: int) -> NDArray[np.float64]:
    """The grid spread over the plane of the two main directions of the points."""
    share = weights / weights.sum()
    middle = share @ points
    off = points - middle
    spread = (off * share[:, None]).T @ off
    sizes, directions = np.linalg.eigh(spread.astype(np.float64))
    reach = np.sqrt(np.maximum(sizes[::-1], 0.0))
    axes = directions[:, ::-1].T
    # the sign of an eigenvector is anybody's: let brightness rise along it, so that equal pictures give equal maps
    signs = np.where(axes.sum(axis=1) < 0.0, -1.0, 1.0)
    axes = axes * signs[:, None]
    long, short = (columns, rows) if columns >= rows else (rows, columns)
    u, v = _ticks(long), _ticks(short)
    second = axes[1] * reach[1] if len(axes) > 1 else np.zeros_like(axes[0])
    sheet = middle + u[:, None, None] * (axes[0] * reach[0]) + v[None, :, None] * second
    if columns >= rows:
        sheet = sheet.transpose(1, 0, 2)
    return np.ascontiguousarray(sheet.reshape(rows * columns, -1), dtype=np.float64)


def _ticks(count: int) -> NDArray[np.float64]:
    return np.linspace(-1.5, 1.5, count) if count > 1 else np.zeros(1)


def _blur(grid: NDArray[np.float64], reach: float) -> NDArray[np.float64]:
    """Weigh neighbors on the grid by a bell of the given reach."""
    out = grid
    for axis in (0, 1):
        steps = np.arange(grid.shape[axis])
        bell = np.exp(-((steps[:, None] - steps[None, :]) ** 2) / (2.0 * reach * reach))
        out = np.moveaxis(np.tensordot(bell, out, axes=(1, axis)), 0, axis)
    return out
