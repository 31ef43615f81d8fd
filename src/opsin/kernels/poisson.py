"""Poisson numbers by inverse transform: one evenly spread number in, one count out."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from opsin.chance import exp, normal_quantile

__all__ = ["poisson_quantile"]

Floats: TypeAlias = NDArray[np.float64]
_LARGE = 12.0
_BLOCK = 1 << 15


def poisson_quantile(u: Floats, mean: Floats) -> Floats:
    """The smallest count whose distribution function reaches u, for each pair of u in [0, 1) and mean >= 0.

    Below a mean of 12 the probabilities are added up one by one: exact. From there on the Cornish-Fisher expansion to
    the order 1 / mean is rounded down, which differs from the exact count by 1 for less than one number in 200.

    Source:
        Giles, "Algorithm 955: approximation of the inverse Poisson cumulative distribution function", 2016, (6).
    """
    u, mean = np.broadcast_arrays(np.asarray(u, np.float64), np.asarray(mean, np.float64))
    flat_u, flat_mean = u.ravel(), mean.ravel()
    out = np.empty(flat_u.size)
    for start in range(0, out.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        out[block] = _block(flat_u[block], flat_mean[block])
    return out.reshape(u.shape)


def _block(u: Floats, mean: Floats) -> Floats:
    large = mean >= _LARGE
    if large.all():
        return _expanded(u, mean)
    out = np.zeros(len(u))
    if large.any():
        out[large] = _expanded(u[large], mean[large])
    at = np.flatnonzero(~large)
    rest, share = mean[at], exp(-mean[at])
    # what is left of u after the counts so far; counted down, so that nothing is lost near 1
    left, counts, count = u[at] - share, np.zeros(len(at)), 0
    going = left >= 0.0
    while (active := np.count_nonzero(going)) > 0:
        if 2 * active < len(going):
            out[at] = counts
            at, rest, share, left, counts = at[going], rest[going], share[going], left[going], counts[going]
            going = going[going]
        count += 1
        counts += going
        share *= rest
        share /= count
        left -= share
        # beyond the last representable probability rounding alone would keep a number going
        going &= left >= 0.0
        going &= (share > 1e-17) | (count < rest)
    out[at] = counts
    return out


def _expanded(u: Floats, mean: Floats) -> Floats:
    w = normal_quantile(u + 0.5 / (1 << 53))
    root = np.sqrt(mean)
    w2 = w * w
    out = mean + root * w + (1.0 / 3.0 + w2 / 6.0)
    out += w * (-1.0 / 36.0 - w2 / 72.0) / root
    out += (-8.0 / 405.0 + w2 * (7.0 / 810.0 + w2 / 270.0)) / mean
    return np.maximum(np.floor(out), 0.0)
