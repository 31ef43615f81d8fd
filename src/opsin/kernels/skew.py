"""By how much lines of text are tilted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["skew_angle"]

Floats = NDArray[np.float64]
_MOST_SIDE = 1000
_MOST_POINTS = 60_000


def skew_angle(gray: Floats, max_angle: float) -> float:
    """Find the angle in degrees, anticlockwise as seen, by which lines of text rise to the right.

    Ink is what differs from its surroundings, darker or brighter. Seen along the lines, ink gathers in sharp bands:
    the angle is where neighboring rows of its profile differ most.

    Args:
        gray: H W, in 0..1.
        max_angle: how far to look, in degrees.

    Returns:
        the angle; 0 for a picture without ink.

    Source:
        Postl, "Detection of linear oblique structures and skew scan in digitized documents", 1986.
    """
    step = max(1, -(-max(gray.shape) // _MOST_SIDE))
    h, w = gray.shape[0] // step * step, gray.shape[1] // step * step
    small = gray[:h, :w].reshape(h // step, step, w // step, step).mean(axis=(1, 3)) if step > 1 else gray
    if min(small.shape) < 8:
        return 0.0
    ink = np.abs(small - _surroundings(small, 15))
    ink[ink < max(0.05, 0.25 * float(np.quantile(ink, 0.99)))] = 0.0
    y, x = np.nonzero(ink)
    if len(y) < 20:
        return 0.0
    if len(y) > _MOST_POINTS:
        chosen = np.linspace(0, len(y) - 1, _MOST_POINTS).astype(np.intp)
        y, x = y[chosen], x[chosen]
    weight = ink[y, x]
    px, py = x - float(small.shape[1] // 2), y - float(small.shape[0] // 2)

    def sharpness(degrees: float) -> float:
        t = np.radians(degrees)
        # the place of each point across lines that rise by this angle; shared between two rows, so that it is smooth
        across = py * np.cos(t) + px * np.sin(t) + len(small) + small.shape[1]
        row = np.floor(across).astype(np.intp)
        part = across - row
        profile = np.bincount(row, weight * (1 - part), minlength=2 * sum(small.shape) + 2)
        profile += np.bincount(row + 1, weight * part, minlength=len(profile))
        return float(np.square(np.diff(profile)).sum())

    best = 0.0
    for spacing, reach in ((0.5, max_angle), (0.1, 0.5), (0.02, 0.1)):
        count = round(reach / spacing)
        angles = best + spacing * np.arange(-count, count + 1)
        angles = angles[np.abs(angles) <= max_angle + 1e-9]
        if len(angles):
            # of equal ones the smallest turn
            best = float(max(angles, key=lambda a: (sharpness(float(a)), -abs(a))))
    return best


def _surroundings(values: Floats, reach: int) -> Floats:
    """Average over windows of 2 * reach + 1 pixels, cut off at the edge."""
    out = values
    for axis in (0, 1):
        sums = np.cumsum(np.insert(out, 0, 0.0, axis=axis), axis=axis)
        n = out.shape[axis]
        high, low = np.minimum(np.arange(n) + reach + 1, n), np.maximum(np.arange(n) - reach, 0)
        size = (high - low).reshape((-1, 1) if axis == 0 else (1, -1))
        out = (np.take(sums, high, axis=axis) - np.take(sums, low, axis=axis)) / size
    return out
