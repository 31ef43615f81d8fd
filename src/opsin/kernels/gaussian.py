"""Gaussian smoothing of any size, one axis after the other, in plain additions and multiplications."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin.chance import exp
from opsin.kernels import native, use_core
from opsin.kernels.resample import pad
from opsin.types import Border

__all__ = ["gaussian", "gaussian_taps", "smooth"]

_BLOCK = 1 << 16  # values worked on at a time, so that sums stay in the cache


@lru_cache(maxsize=64)
def gaussian_taps(sigma: float, truncate: float = 4.0) -> NDArray[np.float64]:
    """Give the weights of the middle and of one side: taps[k] is k pixels away; all together sum to 1."""
    radius = math.floor(truncate * sigma + 0.5)
    taps = exp(-0.5 * (np.arange(radius + 1) / sigma) ** 2)
    taps = np.asarray(taps / (taps[0] + 2.0 * taps[1:].sum()))
    taps.flags.writeable = False
    return taps


def smooth(rows: NDArray[Any], taps: NDArray[np.float64], out: NDArray[Any]) -> None:
    """Convolve along axis 0 with symmetric taps; rows has len(taps) - 1 more rows at each end than out."""
    radius = len(taps) - 1
    weights = taps.astype(out.dtype)
    step = max(1, _BLOCK // max(1, out[0].size))
    for start in range(0, len(out), step):
        count = min(step, len(out) - start)
        middle = start + radius
        total = rows[middle : middle + count] * weights[0]
        pair = np.empty_like(total)
        for k in range(1, radius + 1):
            np.add(rows[middle - k : middle - k + count], rows[middle + k : middle + k + count], out=pair)
            pair *= weights[k]
            total += pair
        out[start : start + count] = total


def gaussian(values: NDArray[Any], sigma: float, border: Border = "reflect", edge: float = 0.0) -> NDArray[Any]:
    """Smooth floats H W (C) with every tap up to 4 sigma; beyond a constant border lies `edge`.

    Levels (uint8, uint16) may be given where the core is installed; they are rounded once, at the end.
    """
    if sigma <= 0.0:
        return values.copy()
    taps = gaussian_taps(sigma)
    if values.dtype != np.float64 and use_core():
        return native.smooth(values, taps.tolist(), border, edge)
    radius = len(taps) - 1
    height, width = values.shape[:2]
    flat = values.reshape(height, -1)
    first = np.empty(flat.shape, values.dtype)
    smooth(pad(flat, 0, radius, 0, radius, border, edge), taps, first)
    # the second axis is worked on as rows too: two turns of the memory cost less than strided sums
    turned = np.ascontiguousarray(first.reshape(height, width, -1).swapaxes(0, 1)).reshape(width, -1)
    second = np.empty_like(turned)
    smooth(pad(turned, 0, radius, 0, radius, border, edge), taps, second)
    return np.ascontiguousarray(second.reshape(width, height, -1).swapaxes(0, 1)).reshape(values.shape)
