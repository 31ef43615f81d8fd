"""Color apart from alpha, as a view, and together again."""

from __future__ import annotations

import numpy as np

from opsin.types import Array

__all__ = ["joined", "split"]


def split(image: Array, channels: str = "color") -> tuple[Array, Array | None]:
    """Give the channels a technique works on, as a view, and alpha (H W) or None."""
    if image.ndim == 3 and image.shape[2] == 4 and channels == "color":
        return image[..., :3], image[..., 3]
    return image, None


def joined(color: Array, alpha: Array | None) -> Array:
    """Put alpha back behind the color channels; C-contiguous."""
    if alpha is None:
        return np.ascontiguousarray(color)
    out = np.empty((*color.shape[:2], color.shape[2] + 1), color.dtype)
    out[..., :-1] = color
    out[..., -1] = alpha
    return out
