"""Whole pixels moved, bytes through tables, and colors of bytes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from opsin.kernels.native.loading import need, refuse
from opsin.types import Array

__all__ = ["framer", "gray", "look_up", "moved", "mover", "saturate"]


def moved(image: Array, *, swap: bool, flip_x: bool, flip_y: bool) -> Array:
    """Transpose a picture H W (C) of any dtype if `swap`, then mirror it left and right and top and bottom."""
    return mover(image, swap=swap, flip_x=flip_x, flip_y=flip_y)(image)


def mover(image: Array, *, swap: bool, flip_x: bool, flip_y: bool) -> Callable[[Array], Array]:
    """Give `moved` for pictures of the shape and dtype of one."""
    core, dtype = need(), image.dtype
    h, w = image.shape[:2]
    shape = (w, h, *image.shape[2:]) if swap else image.shape
    size, flip, plain = image.nbytes // (h * w), [flip_x, flip_y], dtype == np.uint8

    def run(picture: Array) -> Array:
        picture, out = np.ascontiguousarray(picture), np.empty(shape, dtype)
        try:
            core.moved(_bytes(picture, plain), w, h, size, swap, flip, _bytes(out, plain))
        except core.NativeError as error:
            refuse(error)
        return out

    return run


def framer(image: Array, left: int, top: int, width: int, height: int, fill: Array) -> Callable[[Array], Array]:
    """Give what puts pictures of the shape and dtype of one on a canvas, their corner at (left, top).

    Args:
        image: H W or H W C of any dtype.
        left: where the picture's first column comes to stand; may lie beyond the canvas.
        top: where its first row comes to stand.
        width: of the canvas in pixels.
        height: of the canvas in pixels.
        fill: one value for each channel, of the picture's dtype.
    """
    core, dtype = need(), image.dtype
    h, w = image.shape[:2]
    shape, plain = (height, width, *image.shape[2:]), dtype == np.uint8
    pixel = np.ascontiguousarray(fill, dtype).view(np.uint8).tolist()

    def run(picture: Array) -> Array:
        picture, out = np.ascontiguousarray(picture), np.empty(shape, dtype)
        try:
            core.framed(_bytes(picture, plain), (w, h), (left, top), (width, height), pixel, _bytes(out, plain))
        except core.NativeError as error:
            refuse(error)
        return out

    return run


def _bytes(image: Array, plain: bool) -> Array:
    return image if plain else image.reshape(-1).view(np.uint8)


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


def gray(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give the brightness H W of a picture H W 3, as Pillow rounds it."""
    core = need()
    image = np.ascontiguousarray(image)
    out = np.empty(image.shape[:2], np.uint8)
    try:
        core.gray(image, out)
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
