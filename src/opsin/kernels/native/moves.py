"""Whole pixels moved, bytes through tables, and colors of bytes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from opsin.kernels.native.loading import need, refuse
from opsin.types import Array

__all__ = ["look_up", "moved", "saturate"]


def moved(image: Array, *, swap: bool, flip_x: bool, flip_y: bool) -> Array:
    """Transpose a picture H W (C) of any dtype if `swap`, then mirror it left and right and top and bottom."""
    core = need()
    image = np.ascontiguousarray(image)
    h, w = image.shape[:2]
    out = np.empty((w, h, *image.shape[2:]) if swap else image.shape, image.dtype)
    size = image.nbytes // (h * w)
    try:
        core.moved(image.reshape(-1).view(np.uint8), w, h, size, swap, [flip_x, flip_y], out.reshape(-1).view(np.uint8))
    except core.NativeError as error:
        refuse(error)
    return out


def look_up(image: NDArray[np.uint8], table: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Put every value of an array of any shape through a table of 256."""
    core = need()
    image = np.ascontiguousarray(image)
    out = np.empty_like(image)
    try:
        core.look_up(image, np.ascontiguousarray(table), out)
    except core.NativeError as error:
        refuse(error)
    return out


def saturate(image: NDArray[np.uint8], factor: float) -> NDArray[np.uint8]:
    """Make the colors of a picture H W 3 stronger or weaker."""
    core = need()
    image = np.ascontiguousarray(image)
    out = np.empty_like(image)
    try:
        core.saturate(image, factor, out)
    except core.NativeError as error:
        refuse(error)
    return out
