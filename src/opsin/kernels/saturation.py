"""Making colors stronger or weaker: each channel is `factor` of itself, and the rest of the gray."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin.kernels.luma import LUMA, luma

__all__ = ["saturate", "saturate_levels"]


def saturate(values: NDArray[Any], factor: float) -> NDArray[Any]:
    """Saturate floats H W 3 in 0..1, clamped."""
    gray = luma(values)
    gray *= np.float32(1.0 - factor)
    out = values * np.float32(factor)
    out += gray[..., None]
    return np.clip(out, 0.0, 1.0, out=out)


def saturate_levels(levels: NDArray[np.uint8], factor: float) -> NDArray[np.uint8]:
    """Saturate levels H W 3: worked out in float32 in their own scale, and rounded half up once."""
    values = levels.astype(np.float32)
    red, green, blue = (w * (1.0 - factor) for w in LUMA["bt601"])
    gray = luma(values, (red, green, blue))
    gray += np.float32(0.5)
    values *= np.float32(factor)
    values += gray[..., None]
    return np.clip(values, 0.0, 255.0, out=values).astype(np.uint8)
