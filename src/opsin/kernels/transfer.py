"""The sRGB transfer function, both ways."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["from_linear", "to_linear"]


def to_linear(values: NDArray[Any]) -> NDArray[Any]:
    """sRGB-encoded values 0..1 to light (IEC 61966-2-1)."""
    low = values <= 0.04045
    light = np.power((np.maximum(values, 0.0) + 0.055) / 1.055, 2.4, dtype=values.dtype)
    return np.where(low, values / 12.92, light).astype(values.dtype, copy=False)


def from_linear(light: NDArray[Any]) -> NDArray[Any]:
    """Light to sRGB-encoded values (IEC 61966-2-1)."""
    low = light <= 0.0031308
    values = 1.055 * np.power(np.maximum(light, 0.0), 1 / 2.4, dtype=light.dtype) - 0.055
    return np.where(low, light * 12.92, values).astype(light.dtype, copy=False)
