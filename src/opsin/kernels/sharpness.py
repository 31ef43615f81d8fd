"""How sharp a picture is, and the brightness it is measured on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin.arrays import to_unit
from opsin.kernels.luma import luma
from opsin.types import Array

__all__ = ["brightness_of", "laplacian_variance"]


def brightness_of(image: Array) -> NDArray[np.float32]:
    """Brightness H W in 0..1: BT.601 of RGB (alpha left out), the mean of any other number of channels."""
    values: NDArray[Any] = to_unit(image)
    if values.ndim == 2:
        return values
    if values.shape[2] in (3, 4):
        return luma(values[..., :3])
    return np.asarray(values.mean(axis=2, dtype=np.float32))


def laplacian_variance(gray: NDArray[Any]) -> float:
    """Variance of the four-neighbor Laplacian of a brightness H W, edges not repeated."""
    wide = np.pad(gray.astype(np.float64), 1, mode="reflect" if min(gray.shape) > 1 else "edge")
    sides = wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:]
    return float(np.var(sides - 4.0 * wide[1:-1, 1:-1]))
