"""Filling a hole with the least total variation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["fill"]

Floats = NDArray[np.float32]


def fill(values: NDArray[Any], hole: NDArray[np.bool_], start: NDArray[Any], *, most: int = 1000) -> Floats:
    """Continue H W C into a hole so that the sum of gradient lengths (over all channels together) is least.

    Only pixels in the hole, and those whose gradient reads one, are worked on: time and memory go with the hole.

    Args:
        values: H W C, read outside the hole.
        hole: H W.
        start: H W C, a first guess inside the hole.
        most: iterations; it stops earlier when nothing moves by more than 1e-4 any more.

    Returns:
        H W C: values outside the hole, the filling inside.

    Source:
        Chan and Shen, "Mathematical models for local nontexture inpaintings", SIAM 2002; solved as in Chambolle and
        Pock, "A first-order primal-dual algorithm", JMIV 2011.
    """
    height, width = hole.shape
    out = np.where(hole[..., None], start, values).astype(np.float32)
    reads = np.array(hole)  # pixels whose forward differences involve the hole
    reads[:-1] |= hole[1:]
    reads[:, :-1] |= hole[:, 1:]
    places = np.flatnonzero(reads)
    y, x = places // width, places % width
    number = np.full(height * width + 1, len(places), dtype=np.intp)  # where a pixel stands among those that read
    number[places] = np.arange(len(places))
    inside = np.flatnonzero(hole)
    iy, ix = inside // width, inside % width

    # all pixels that occur: those in the hole first, as they are what changes
    below, right = np.where(y + 1 < height, places + width, places), np.where(x + 1 < width, places + 1, places)
    others = np.setdiff1d(np.concatenate([places, below, right]), inside)
    order = np.empty(height * width, dtype=np.intp)
    order[inside], order[others] = np.arange(len(inside)), np.arange(len(inside), len(inside) + len(others))
    here, there_y, there_x = order[places], order[below], order[right]
    # the dual values whose divergence meets in a pixel of the hole; beyond the edge stands a row of zeros
    own = number[inside]
    above = np.where(iy > 0, number[np.maximum(inside - width, 0)], len(places))
    left = np.where(ix > 0, number[np.maximum(inside - 1, 0)], len(places))

    flat = out.reshape(height * width, -1)
    u = flat[np.concatenate([inside, others])]
    ahead = np.array(u)
    count = len(inside)
    down = np.zeros((len(places) + 1, u.shape[1]), dtype=np.float32)
    across = np.zeros_like(down)
    step = np.float32(1.0 / np.sqrt(8.0))
    for turn in range(most):
        base = ahead[here]
        down[:-1] += step * (ahead[there_y] - base)
        across[:-1] += step * (ahead[there_x] - base)
        length = np.einsum("nk,nk->n", down, down)
        length += np.einsum("nk,nk->n", across, across)
        scale = (1.0 / np.maximum(1.0, np.sqrt(length)))[:, None]
        down *= scale
        across *= scale
        flow = down[own] + across[own] - down[above] - across[left]
        flow *= step
        ahead[:count] = u[:count] + 2.0 * flow
        u[:count] += flow
        if turn % 50 == 49 and float(np.abs(flow).max()) < 1e-4:
            break
    flat[inside] = u[:count]
    return out
