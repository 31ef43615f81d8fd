"""Edge strength from the undecimated (stationary) wavelet transform."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["edge_strength"]


def edge_strength(
    pywt: Any, plane: NDArray[np.float32], wavelet: str, levels: int, combine: str
) -> NDArray[np.float32]:
    """Combine the modulus of horizontal and vertical details over the scales.

    Args:
        pywt: the PyWavelets module.
        plane: H W floats.
        wavelet: its name.
        levels: number of scales.
        combine: `product` (geometric mean) or `mean`.

    Returns:
        H W float32; a straight step of height 1 reaches 1 at every scale (half a pixel apart for some wavelets).
    """
    h, w = plane.shape
    filters = pywt.Wavelet(wavelet)
    block = 1 << levels
    # the transform is periodic: what is put around the picture must be longer than the filters reach
    reach = int(filters.dec_len) * (block - 1)
    below, right = -(h + 2 * reach) % block, -(w + 2 * reach) % block
    padded = np.pad(plane, ((reach, reach + below), (reach, reach + right)), mode="symmetric")
    scales = pywt.swt2(padded, wavelet, levels, trim_approx=True)[1:]
    scales.reverse()  # finest first
    out = np.ones((h, w), dtype=np.float32) if combine == "product" else np.zeros((h, w), dtype=np.float32)
    for level, (horizontal, vertical, _) in enumerate(scales, start=1):
        height, move = _step_response(pywt, wavelet, level)
        place = (slice(reach - move, reach - move + h), slice(reach - move, reach - move + w))
        size = np.hypot(horizontal[place], vertical[place])
        size /= np.float32(height)
        out = out * size if combine == "product" else out + size
    if combine == "mean":
        out /= np.float32(levels)
    elif levels == 2:
        np.sqrt(out, out=out)
    elif levels > 2:
        np.power(out, np.float32(1.0 / levels), out=out)
    return np.asarray(out, dtype=np.float32)


@lru_cache(maxsize=256)
def _step_response(pywt: Any, wavelet: str, level: int) -> tuple[float, int]:
    """Measure what a step of height 1 causes at a scale: the greatest coefficient, and how far it is from the step.

    Scales are displaced against each other by the delay of their filters; products need them at one place.
    """
    filters = pywt.Wavelet(wavelet)
    half = int(filters.dec_len) << level
    step = np.zeros(2 * half)
    step[half:] = 1.0
    detail = np.abs(pywt.swt(step, wavelet, level)[0][1])
    middle = detail[half // 2 : half + half // 2]  # the periodic signal has a second step at its ends
    height = float(middle.max())
    plateau = np.flatnonzero(middle >= height * (1.0 - 1e-9)) + half // 2
    move = int(np.ceil(half - 1.0 - (plateau[0] + plateau[-1]) / 2.0))
    # the two-dimensional transform smooths along the edge, which multiplies by sqrt 2 at each scale
    return height * float(np.sum(filters.dec_lo)) ** level, move
