"""Sums over neighborhoods in NumPy: one tap after the other, so that every machine adds in the same order."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from opsin.geometry import fold
from opsin.kernels.gaussian import gaussian
from opsin.types import Border

__all__ = ["box_sum", "correlate", "extended", "soft"]

Values: TypeAlias = NDArray[Any]
_BLOCK = 1 << 16  # values worked on at a time, so that a block stays in the cache for all taps
_MANY = 100  # from this many taps on a Fourier transform is faster


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


def soft(values: Values, sigma: float, border: Border = "reflect") -> Values:
    """Smooth floats H W (C) with a bell curve of any width in bounded time.

    Up to sigma 20 every tap is summed. Beyond that what sigma 6 leaves is sampled sparsely, smoothed there and
    interpolated back; it differs from the full sum by at most one percent of the sum's standard deviation.
    """
    if sigma <= 20.0 or min(values.shape[:2]) < 8:
        return gaussian(values, sigma, border)
    out = gaussian(values, 6.0, border)
    rest, step = math.sqrt(sigma * sigma - 36.0), 2 if sigma < 36.0 else 4
    # a rim of whole steps keeps the grid regular and the border what it is
    rim = step * math.ceil(4.0 * sigma / step)
    coarse = out
    for axis in (0, 1):
        wide = extended(coarse, rim, rim + step, axis, border)
        coarse = np.take(wide, np.arange(0, wide.shape[axis], step), axis=axis)
    coarse = gaussian(np.ascontiguousarray(coarse), rest / step, "replicate")
    for axis in (0, 1):
        at = (np.arange(out.shape[axis]) + rim) / step
        low = at.astype(np.int64)
        part = (at - low).astype(out.dtype).reshape([-1 if a == axis else 1 for a in range(out.ndim)])
        here, there = np.take(coarse, low, axis=axis), np.take(coarse, low + 1, axis=axis)
        coarse = here + (there - here) * part
    return coarse


def correlate(values: Values, kernel: NDArray[Any], border: Border) -> Values:
    """Correlate floats H W (C) with a kernel of odd height and width.

    Few taps are summed one by one; many go through Fourier space in double, where their number costs nothing.
    """
    if np.count_nonzero(kernel) > _MANY:
        return _transformed(values, kernel, border)
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


def _transformed(values: Values, kernel: NDArray[Any], border: Border) -> Values:
    ry, rx = kernel.shape[0] // 2, kernel.shape[1] // 2
    h, w = values.shape[:2]
    shape = (_smooth_number(h + 4 * ry), _smooth_number(w + 4 * rx))
    flat = np.zeros(shape)
    flat[: kernel.shape[0], : kernel.shape[1]] = kernel
    gain = np.conj(np.fft.rfft2(flat))
    out = np.empty((h, w, values.size // (h * w)), values.dtype)
    for c in range(out.shape[2]):
        plane = values.reshape(h, w, -1)[..., c].astype(np.float64)
        padded = extended(extended(plane, ry, ry, 0, border), rx, rx, 1, border)
        out[..., c] = np.fft.irfft2(np.fft.rfft2(padded, shape) * gain, shape)[:h, :w]
    return out.reshape(values.shape)


def _smooth_number(n: int) -> int:
    """The next number without prime factors above 5: such sizes are transformed fast."""
    while True:
        rest = n
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return n
        n += 1


def box_sum(values: Values, radius: int, border: Border) -> Values:
    """Sum a square of 2 radius + 1 pixels around each pixel: unsigned integers exactly, floats in double."""
    side = 2 * radius + 1
    if values.dtype.kind == "f":
        dtype: Any = np.float64
    else:
        # running totals may pass 2 ** 32: differences are right modulo 2 ** 32 as long as one sum fits
        dtype = np.uint32 if side * side * np.iinfo(values.dtype).max < 2**32 else np.uint64
    out = values
    for axis in (0, 1):
        n = values.shape[axis]
        total = np.cumsum(extended(out, radius + 1, radius, axis, border), axis=axis, dtype=dtype)
        out = total[side : side + n] - total[:n] if axis == 0 else total[:, side : side + n] - total[:, :n]
    return out
