"""The numbers of whole pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from opsin.kernels.buffers import Store
from opsin.kernels.native.loading import need, refuse

__all__ = ["channel_sums", "normalized", "planes", "span"]

# Floats of a large picture are many pages, which the allocator gives back to the system and fetches anew each time
# when there are two such arrays in turn, as `normalize` and `to_tensor` make them.
_RESULTS = Store(most=1 << 27, count=2)


def channel_sums(image: NDArray[np.uint8]) -> list[int]:
    """Sum every channel of H W or H W C exactly."""
    core = need()
    sums: list[int] = core.sums(np.ascontiguousarray(image), 1 if image.ndim == 2 else image.shape[2])
    return sums


def span(values: NDArray[np.float32]) -> tuple[float, float]:
    """Give the least and the greatest of C-contiguous values; both are NaN where one is."""
    ends: tuple[float, float] = need().span(values)
    return ends


def normalized(image: NDArray[np.uint8], middle: Sequence[float], gain: Sequence[float]) -> NDArray[np.float32]:
    """Turn levels into fractions of white, less a middle and times a gain; one of each for every channel."""
    core, out = need(), _RESULTS.fresh(image.shape, np.float32)
    try:
        core.normalized(np.ascontiguousarray(image), list(middle), list(gain), out)
    except core.NativeError as error:
        refuse(error)
    return out


def planes(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bring the channels of H W C to the front."""
    core, (h, w, c) = need(), values.shape
    out = _RESULTS.fresh((c, h, w), np.float32)
    try:
        core.planes(np.ascontiguousarray(values), c, out)
    except core.NativeError as error:
        refuse(error)
    return out
