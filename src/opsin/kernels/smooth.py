"""Sums over neighborhoods in NumPy: one tap after the other, so that every machine adds in the same order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from opsin.geometry import fold
from opsin.types import Border

__all__ = ["along", "box_sum", "correlate", "extended", "gaussian", "gaussian_taps", "separable"]

Values: TypeAlias = NDArray[Any]
_BLOCK = 1 << 16  # values worked on at a time, so that a block stays in the cache for all taps


def gaussian_taps(sigma: float, truncate: float = 4.0) -> NDArray[np.float64]:
    """Sample a bell curve at whole pixels, cut at `truncate` sigma as SciPy does, with sum 1."""
    radius = int(truncate * sigma + 0.5)
    taps = [math.exp(-0.5 * (k / sigma) ** 2) for k in range(-radius, radius + 1)]
    return np.array(taps) / math.fsum(taps)


def extended(values: Values, before: int, after: int, axis: int, border: Border) -> Values:
    """Continue an array beyond both ends of an axis as the border says; `constant` adds zeros."""
    if before == 0 and after == 0:
        return np.ascontiguousarray(values)
    n = values.shape[axis]
    if border == "constant":
        widths = [(0, 0)] * values.ndim
        widths[axis] = (before, after)
        return np.pad(values, widths)
    at = np.floor(fold(np.arange(-before, n + after) + 0.5, n, border)).astype(np.int64)
    return np.take(values, np.clip(at, 0, n - 1), axis=axis)


def along(values: Values, taps: Sequence[float] | NDArray[Any], axis: int, border: Border) -> Values:
    """Correlate floats H W (C) with an odd number of taps along axis 0 or 1."""
    weights = [float(t) for t in taps]
    r = len(weights) // 2
    even = all(weights[r - k] == weights[r + k] for k in range(1, r + 1))
    h, w = values.shape[:2]
    out = np.empty(values.shape, values.dtype)
    flat_out = out.reshape(h, -1)
    padded = extended(values, r, r, axis, border).reshape(h + 2 * r if axis == 0 else h, -1)
    step = 1 if axis == 0 else values.size // (h * w)
    rows = max(1, _BLOCK // flat_out.shape[1])
    columns = flat_out.shape[1]
    for top in range(0, h, rows):
        count = min(rows, h - top)

        def tap(k: int, top: int = top, count: int = count) -> Values:
            if axis == 0:
                return padded[top + k : top + k + count]
            return padded[top : top + count, k * step : k * step + columns]

        block = flat_out[top : top + count]
        np.multiply(tap(r), values.dtype.type(weights[r]), out=block)
        scratch = np.empty_like(block)
        for k in range(1, r + 1):
            if even:
                np.add(tap(r - k), tap(r + k), out=scratch)
                scratch *= values.dtype.type(weights[r - k])
                block += scratch
            else:
                for at in (r - k, r + k):
                    np.multiply(tap(at), values.dtype.type(weights[at]), out=scratch)
                    block += scratch
    return out


def separable(values: Values, taps: Sequence[float] | NDArray[Any], border: Border) -> Values:
    """Correlate floats H W (C) with the same taps along both axes."""
    return along(along(values, taps, 0, border), taps, 1, border)


def gaussian(values: Values, sigma: float, border: Border = "reflect") -> Values:
    """Smooth floats H W (C) with a bell curve.

    Up to sigma 20 every tap is summed. Beyond that what sigma 6 leaves is sampled sparsely, smoothed there and
    interpolated back; it differs from the full sum by at most one percent of the sum's standard deviation.
    """
    if sigma <= 20.0 or min(values.shape[:2]) < 8:
        return separable(values, gaussian_taps(sigma), border)
    first = separable(values, gaussian_taps(6.0), border)
    step = 2 if sigma < 36.0 else 4
    # a rim of whole steps keeps the grid regular and the border what it is
    rim = step * math.ceil(4.0 * sigma / step)
    for axis in (0, 1):
        n = first.shape[axis]
        wide = extended(first, rim, rim + step, axis, border)
        coarse = np.take(wide, np.arange(0, wide.shape[axis], step), axis=axis)
        smooth = along(coarse, gaussian_taps(math.sqrt(sigma * sigma - 36.0) / step), axis, "replicate")
        at = (np.arange(n) + rim) / step
        low = at.astype(np.int64)
        part = (at - low).astype(first.dtype).reshape([-1 if a == axis else 1 for a in range(first.ndim)])
        here, there = np.take(smooth, low, axis=axis), np.take(smooth, low + 1, axis=axis)
        first = here + (there - here) * part
    return first


def correlate(values: Values, kernel: NDArray[Any], border: Border) -> Values:
    """Correlate floats H W (C) with a kernel of odd height and width; taps that are 0 cost nothing."""
    ry, rx = kernel.shape[0] // 2, kernel.shape[1] // 2
    h, w = values.shape[:2]
    step = values.size // (h * w)
    padded = extended(extended(values, ry, ry, 0, border), rx, rx, 1, border).reshape(h + 2 * ry, -1)
    out = np.zeros(values.shape, values.dtype)
    flat = out.reshape(h, -1)
    columns = flat.shape[1]
    taps = [(int(i), int(j), values.dtype.type(kernel[i, j])) for i, j in zip(*np.nonzero(kernel), strict=True)]
    rows = max(1, _BLOCK // columns)
    for top in range(0, h, rows):
        count = min(rows, h - top)
        block = flat[top : top + count]
        scratch = np.empty_like(block)
        for i, j, weight in taps:
            np.multiply(padded[top + i : top + i + count, j * step : j * step + columns], weight, out=scratch)
            block += scratch
    return out


def box_sum(values: Values, radius: int, border: Border) -> Values:
    """Sum a square of 2 radius + 1 pixels around each pixel; exact for integers (int64)."""
    out = values.astype(np.int64 if values.dtype.kind in "bui" else np.float64)
    for axis in (0, 1):
        total = np.cumsum(extended(out, radius + 1, radius, axis, border), axis=axis)
        n = values.shape[axis]
        late = np.take(total, np.arange(n) + 2 * radius + 1, axis=axis)
        out = late - np.take(total, np.arange(n), axis=axis)
    return out
