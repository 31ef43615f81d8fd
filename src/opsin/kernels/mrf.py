"""The Ising picture model on planes of -1 and +1: its energy, descent, and the global minimum.

E(x) = -coupling * sum over neighbors x_i x_j - field * sum x_i y_i, with y what was seen and four neighbors.
"""

from __future__ import annotations

from math import gcd
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin.kernels.extras import need

__all__ = ["energy", "graph_cut", "icm"]

Spins = NDArray[np.int8]


def energy(x: NDArray[Any], y: NDArray[Any], coupling: float, field: float) -> float:
    """The energy of a guess x of the picture when y was seen."""
    a, b = x.astype(np.int64), y.astype(np.int64)
    pairs = int((a[1:] * a[:-1]).sum() + (a[:, 1:] * a[:, :-1]).sum())
    return -coupling * pairs - field * int((a * b).sum())


def icm(y: Spins, coupling: float, field: float) -> Spins:
    """Set every pixel to its better value given its neighbors until none changes.

    The two colors of a checkerboard are set in turn: pixels of one color are no neighbors of each other, so every half
    step lowers the energy or keeps it. A pixel for which both values are equally good keeps its own.

    Source:
        Besag, "On the statistical analysis of dirty pictures", JRSS B 1986.
    """
    x = np.pad(y, 1)  # zeros beyond the edge are no neighbors
    inner = x[1:-1, 1:-1]
    sums = np.arange(-4, 5)[:, None] * coupling
    pull = np.sign(sums + np.array([-field, field])[None, :]).astype(np.int8)
    # rounding must not turn a tie into a decision
    pull[np.abs(sums + np.array([-field, field])[None, :]) <= 1e-12 * (4 * coupling + field)] = 0
    seen = (y > 0).astype(np.int8)
    board = np.add.outer(np.arange(y.shape[0]), np.arange(y.shape[1])) % 2 == 0
    quiet = 0
    while quiet < 2:
        for color in (board, ~board):
            near = x[:-2, 1:-1] + x[2:, 1:-1]
            near += x[1:-1, :-2]
            near += x[1:-1, 2:]
            better = pull[near + 4, seen]
            change = color & (better == -inner)
            quiet = 0 if change.any() else quiet + 1
            np.copyto(inner, better, where=change)
    return np.ascontiguousarray(inner)


def graph_cut(y: Spins, coupling: float, field: float) -> Spins:
    """Find a picture of least energy as a minimum cut.

    Capacities are whole numbers: the weights are kept to one part in a million of the larger.

    Source:
        Greig, Porteous and Seheult, "Exact maximum a posteriori estimation for binary images", JRSS B 1989.
    """
    sparse, csgraph = need("scipy.sparse", "mrf_denoise"), need("scipy.sparse.csgraph", "mrf_denoise")
    scale = 1e6 / max(coupling, field)
    link, tie = round(coupling * scale), round(field * scale)
    common = gcd(link, tie)
    link, tie = link // common, tie // common
    index = np.arange(y.size, dtype=np.int32).reshape(y.shape)
    a = np.concatenate([index[:-1].ravel(), index[:, :-1].ravel()])
    b = np.concatenate([index[1:].ravel(), index[:, 1:].ravel()])
    source, sink = y.size, y.size + 1
    bright, dark = index[y > 0], index[y < 0]
    tails = np.concatenate([a, b, np.full(bright.size, source, np.int32), dark])
    heads = np.concatenate([b, a, bright, np.full(dark.size, sink, np.int32)])
    capacity = np.concatenate([np.full(2 * a.size, link, np.int32), np.full(y.size, tie, np.int32)])
    kept = capacity > 0
    graph = sparse.csr_array((capacity[kept], (tails[kept], heads[kept])), shape=(y.size + 2, y.size + 2))
    flow = csgraph.maximum_flow(graph, source, sink, method="dinic").flow
    rest = graph - flow
    rest.data[rest.data < 0] = 0
    rest.eliminate_zeros()
    reached = csgraph.breadth_first_order(rest, source, return_predecessors=False)
    x = np.full(y.size, -1, dtype=np.int8)
    x[reached[reached < y.size]] = 1
    return x.reshape(y.shape)
