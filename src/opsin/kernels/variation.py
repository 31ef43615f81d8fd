"""Filling a hole with the least total variation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["fill"]

Floats = NDArray[np.float32]


def fill(values: NDArray[Any], hole: NDArray[np.bool_], start: NDArray[Any], *, most: int = 3000) -> Floats:
    """Continue H W C into a hole so that the sum of gradient lengths (over all channels together) is least.

    Args:
        values: H W C, read outside the hole.
        hole: H W.
        start: H W C, a first guess inside the hole.
        most: iterations; it stops earlier when nothing moves by more than 2e-5 any more.

    Returns:
        H W C: values outside the hole, the filling inside.

    Source:
        Chan and Shen, "Mathematical models for local nontexture inpaintings", SIAM 2002; solved as in Chambolle and
        Pock, "A first-order primal-dual algorithm", JMIV 2011.
    """
    known = ~hole[..., None]
    u = np.where(known, values, start).astype(np.float32)
    fixed = np.array(u)
    ahead = np.array(u)
    down = np.zeros_like(u)
    across = np.zeros_like(u)
    step = np.float32(1.0 / np.sqrt(8.0))
    for turn in range(most):
        down[:-1] += step * np.diff(ahead, axis=0)
        across[:, :-1] += step * np.diff(ahead, axis=1)
        length = np.einsum("ijk,ijk->ij", down, down)
        length += np.einsum("ijk,ijk->ij", across, across)
        scale = (1.0 / np.maximum(1.0, np.sqrt(length)))[..., None]
        down *= scale
        across *= scale
        flow = down + across
        flow[1:] -= down[:-1]
        flow[:, 1:] -= across[:, :-1]
        flow *= step
        flow += u
        np.copyto(flow, fixed, where=known)
        np.multiply(flow, 2.0, out=ahead)
        ahead -= u
        if turn % 50 == 49 and float(np.abs(flow - u).max()) < 2e-5:
            return flow
        u = flow
    return u
