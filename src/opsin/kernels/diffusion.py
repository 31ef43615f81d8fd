"""Perona and Malik's diffusion on one plane."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["conduction", "perona_malik"]


def conduction(difference: NDArray[Any], kappa: float, option: int) -> NDArray[Any]:
    """How freely brightness flows across a difference: 1 where it is flat, 0 across a steep edge."""
    scaled = difference * difference.dtype.type(1.0 / kappa)
    scaled *= scaled
    if option == 1:
        np.negative(scaled, out=scaled)
        return np.asarray(np.exp(scaled, out=scaled))
    scaled += 1.0
    return np.asarray(np.reciprocal(scaled, out=scaled))


def perona_malik(plane: NDArray[Any], iterations: int, kappa: float, gamma: float, option: int) -> NDArray[Any]:
    """Diffuse a plane H W; its dtype (float32 or float64) is the precision.

    Source:
        Perona and Malik, PAMI 1990, equations 7 and 8: I += gamma sum over the four neighbors of c(d) d.
    """
    out = np.array(plane)
    for _ in range(iterations):
        down = np.diff(out, axis=0)
        across = np.diff(out, axis=1)
        for difference in (down, across):
            difference *= conduction(difference, kappa, option)
            difference *= difference.dtype.type(gamma)
        out[:-1] += down
        out[1:] -= down
        out[:, :-1] += across
        out[:, 1:] -= across
    return out
