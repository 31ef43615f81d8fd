"""Poisson's equation on a region of any shape: conjugate gradients with a multigrid step.

The unknowns are the pixels of a mask; around it the values are given; at the picture's own edge nothing flows. Every
level of the grid is three arrays (what couples to the right, what couples down, what leaks to given values), so that
coarse levels are sums of fine ones whatever the region's shape.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["laplace_sum", "solve"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]


def laplace_sum(plane: Floats) -> Floats:
    """The sum over the (up to four) neighbors q of a pixel p of plane[p] - plane[q]."""
    out = np.zeros_like(plane)
    down, across = np.diff(plane, axis=0), np.diff(plane, axis=1)
    out[:-1] -= down
    out[1:] += down
    out[:, :-1] -= across
    out[:, 1:] += across
    return out


class _Level:
    """One grid: couplings to the right H W-1 and down H-1 W, and the inverse diagonal on each checkerboard color.

    Single precision is enough for a step that conjugate gradients correct. On the finest grid the couplings are 1
    between unknowns: there plain sums do, because every field is 0 outside the mask.
    """

    def __init__(self, right: Floats, down: Floats, leak: Floats, *, plain: bool = False) -> None:
        diagonal = np.array(leak)
        diagonal[:, :-1] += right
        diagonal[:, 1:] += right
        diagonal[:-1] += down
        diagonal[1:] += down
        self.diagonal = diagonal.astype(np.float32)
        self.some = diagonal > 0.0
        board = np.add.outer(np.arange(leak.shape[0]), np.arange(leak.shape[1])) % 2 == 0
        inverse = np.divide(1.0, self.diagonal, out=np.zeros_like(self.diagonal), where=self.some)
        self.plain = plain
        self.right, self.down = right.astype(np.float32), down.astype(np.float32)
        self.colors = (board.astype(np.float32), (~board).astype(np.float32))
        self.inverse = (inverse * self.colors[0], inverse * self.colors[1])
        self.scratch = np.empty(leak.shape, dtype=np.float32)

    def near(self, u: Any) -> Any:
        """What the neighbors contribute: the sum of coupling times value."""
        out = np.zeros_like(u)
        if self.plain:
            out[:, :-1] += u[:, 1:]
            out[:, 1:] += u[:, :-1]
            out[:-1] += u[1:]
            out[1:] += u[:-1]
            return out
        across, along = self.scratch[:, :-1], self.scratch[:-1]
        np.multiply(self.right, u[:, 1:], out=out[:, :-1])
        np.multiply(self.right, u[:, :-1], out=across)
        out[:, 1:] += across
        np.multiply(self.down, u[1:], out=along)
        out[:-1] += along
        np.multiply(self.down, u[:-1], out=along)
        out[1:] += along
        return out

    def sweep(self, u: Singles, b: Singles, color: int) -> None:
        """Solve for the pixels of one color given the other, in place."""
        fresh = self.near(u)
        fresh += b
        fresh *= self.inverse[color]
        u *= self.colors[1 - color]
        u += fresh


def _pairs(line: Any, axis: int) -> Any:
    """Add up neighbors two by two along an axis; an odd last one stays alone."""
    n = line.shape[axis]
    return np.add.reduceat(line, np.arange(0, n, 2), axis=axis) if n else line


def _levels(right: Floats, down: Floats, leak: Floats) -> list[_Level]:
    levels = [_Level(right, down, leak, plain=True)]
    while min(leak.shape) > 2 and leak.size > 64:
        right = _pairs(right[:, 1::2], 0)  # what crosses from one pair of columns into the next
        down = _pairs(down[1::2], 1)
        leak = _pairs(_pairs(leak, 0), 1)
        levels.append(_Level(right, down, leak))
    return levels


def _cycle(levels: list[_Level], depth: int, b: Singles) -> Singles:
    """One V cycle from zero; red and black down, black and red up keep it symmetric."""
    level = levels[depth]
    u: Singles = level.inverse[0] * b
    level.sweep(u, b, 1)
    if depth == len(levels) - 1:
        for color in (0, 1) * 8 + (1, 0) * 8 + (0,):
            level.sweep(u, b, color)
        return u
    rest = level.near(u)
    rest += b
    rest -= level.diagonal * u
    rest *= level.colors[0]  # black has just been solved
    lift = _cycle(levels, depth + 1, _pairs(_pairs(rest, 0), 1))
    # sums of couplings make the coarse grid twice as stiff as it should be: go further, and the sweep evens it out
    lift *= np.float32(1.8)
    u += np.repeat(np.repeat(lift, 2, 0), 2, 1)[: u.shape[0], : u.shape[1]] * level.some
    level.sweep(u, b, 1)
    level.sweep(u, b, 0)
    return u


def solve(mask: NDArray[np.bool_], given: Floats, source: Floats, *, tolerance: float = 1e-7) -> Floats:
    """Find u with laplace_sum(u) = source inside the mask and u = given outside.

    Args:
        mask: H W, the unknown pixels; at least one pixel must be known.
        given: H W, what is known (read beside the mask only) and the first guess inside.
        source: H W, read inside the mask only.
        tolerance: the rest at which to stop, relative to the first rest's largest entry.

    Returns:
        H W: given outside, the solution inside.

    Source:
        Braess, "Towards algebraic multigrid for elliptic problems of second order", Computing 1995: aggregation as a
        preconditioner of conjugate gradients.
    """
    out = np.array(given, dtype=np.float64)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if rows.size == 0:
        return out
    box = (slice(max(0, rows[0] - 1), rows[-1] + 2), slice(max(0, columns[0] - 1), columns[-1] + 2))
    inside, u = mask[box], np.array(out[box])
    free = inside.astype(np.float64)
    leak = np.zeros_like(free)
    for a, b in (np.s_[:, 1:], np.s_[:, :-1]), (np.s_[1:, :], np.s_[:-1, :]):
        leak[a] += free[a] * (1.0 - free[b])
        leak[b] += free[b] * (1.0 - free[a])
    levels = _levels(free[:, 1:] * free[:, :-1], free[1:] * free[:-1], leak)
    fine, diagonal = levels[0], levels[0].diagonal.astype(np.float64)
    rest = np.where(inside, source[box] - laplace_sum(u), 0.0)
    goal = tolerance * max(1e-3, float(np.abs(rest).max()))
    direction, energy = np.zeros_like(u), 0.0
    for _ in range(500):
        if float(np.abs(rest).max()) <= goal:
            break
        better = np.where(inside, _cycle(levels, 0, rest.astype(np.float32)), 0.0)
        gain = float(np.vdot(rest, better))
        direction *= gain / energy if energy else 0.0
        direction += better
        energy = gain
        moved = diagonal * direction
        moved -= fine.near(direction)
        moved *= inside
        step = gain / float(np.vdot(direction, moved))
        u += step * direction
        rest -= step * moved
    out[box] = u
    return out
