"""Resizing, warping, and what warps do to boxes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from opsin.errors import ParamError, refusal
from opsin.kernels.native.loading import need, refuse
from opsin.types import Array, Border

__all__ = ["Kept", "Least", "carry_boxes", "resize", "resizer", "warp", "warp_map", "warper"]

Frame = tuple[ArrayLike, float, float]  # output coordinates -> the frame's, its width, its height


def resize(
    image: Array,
    width: int,
    height: int,
    kernel: str = "pillow-bilinear",
    *,
    box: tuple[float, float, float, float] | None = None,
    flip: bool = False,
) -> Array:
    """Stretch a picture (or a part of it) to width x height by a kernel's definition, antialiased where that is part.

    Args:
        image: H W or H W C; uint8, uint16 or float32.
        width: pixels across.
        height: pixels down.
        kernel: `pillow-bilinear`, `pillow-bicubic`, `area`, `lanczos`, `opencv-linear` or `nearest`.
        box: x1, y1, x2, y2 of the part; fractions of pixels are allowed.
        flip: mirror left and right on the way.

    Returns:
        height width (C), the image's dtype; within one level of Pillow's.
    """
    return resizer(image, width, height, kernel, box=box, flip=flip)(image)


def resizer(
    image: Array,
    width: int,
    height: int,
    kernel: str = "pillow-bilinear",
    *,
    box: tuple[float, float, float, float] | None = None,
    flip: bool = False,
) -> Callable[[Array], Array]:
    """Give `resize` for pictures of the shape and dtype of one."""
    core, dtype = need(), image.dtype
    window = [0.0, 0.0, float(image.shape[1]), float(image.shape[0])] if box is None else [float(v) for v in box]
    shape = (height, width, *image.shape[2:])

    def run(picture: Array) -> Array:
        out = np.empty(shape, dtype)
        try:
            core.resize(np.ascontiguousarray(picture), width, height, kernel, window, flip, out)
        except core.NativeError as error:
            refuse(error)
        return out

    return run


def _frames(frames: Sequence[Frame]) -> list[tuple[list[float], float, float]]:
    return [(_nine(matrix), float(width), float(height)) for matrix, width, height in frames]


def _nine(matrix: ArrayLike) -> list[float]:
    values = np.asarray(matrix, dtype=np.float64)
    flat: list[float] = values.ravel().tolist()
    if values.shape != (3, 3) or not all(map(math.isfinite, flat)):  # of nine, faster than asking NumPy
        raise ParamError(refusal("warp", "matrix", "3 x 3 and finite", matrix))
    return flat


def warp(
    image: Array,
    matrix: ArrayLike,
    width: int,
    height: int,
    border: Border = "constant",
    fill: Sequence[float] | float = 0.0,
    *,
    nearest: bool = False,
    frames: Sequence[Frame] = (),
    supersample: bool = False,
) -> Array:
    """Map a picture through a matrix that carries output points to source points (continuous coordinates).

    Args:
        image: H W or H W C; uint8, uint16 or float32 (any dtype of 1, 2 or 4 bytes when nearest).
        matrix: 3 x 3; a point beyond its horizon takes the fill.
        width: pixels across of the output.
        height: pixels down.
        border: what lies beyond the picture's edge.
        fill: a value, or one per channel, in the image's own scale.
        nearest: take the pixel under the middle; for masks and labels.
        frames: canvases on the way, as (matrix from output to the canvas, width, height): where a pixel's middle lies
            outside one of them, the output is the fill.
        supersample: average several samples per output pixel where the map shrinks.

    Returns:
        height width (C), the image's dtype.
    """
    return _warp(image, _nine(matrix), width, height, border, fill, nearest, frames, supersample)


def warp_map(
    image: Array,
    field: NDArray[Any],
    border: Border = "constant",
    fill: Sequence[float] | float = 0.0,
    *,
    nearest: bool = False,
    frames: Sequence[Frame] = (),
) -> Array:
    """Map a picture through a dense field: for the middle of every output pixel the source point (x, y).

    Args:
        image: as `warp` takes it.
        field: H W 2.
        border: what lies beyond the picture's edge.
        fill: a value, or one per channel, in the image's own scale.
        nearest: take the pixel under the middle; for masks and labels.
        frames: canvases on the way, as `warp` takes them.

    Returns:
        H W (C) of the field, the image's dtype.
    """
    if field.ndim != 3 or field.shape[2] != 2:
        raise ParamError(refusal("warp_map", "field", "an array H W 2", field))
    points = np.ascontiguousarray(field, dtype=np.float32)
    return _warp(image, points, field.shape[1], field.shape[0], border, fill, nearest, frames, False)


def warper(
    image: Array, matrix: ArrayLike, width: int, height: int, border: Border, fill: list[float]
) -> Callable[[Array], Array]:
    """Give the plain case of `warp`, with a fill for each channel, for pictures of the shape and dtype of one."""
    core, dtype, nine = need(), image.dtype, _nine(matrix)
    shape, values = (height, width, *image.shape[2:]), [float(v) for v in fill]

    def run(picture: Array) -> Array:
        out = np.empty(shape, dtype)
        try:
            core.warp_linear(np.ascontiguousarray(picture), nine, width, height, border, values, [], False, out)
        except core.NativeError as error:
            refuse(error)
        return out

    return run


_BY_SIZE: dict[int, Any] = {1: np.uint8, 2: np.uint16, 4: np.float32}


def _warp(
    image: Array,
    map_: Any,
    width: int,
    height: int,
    border: str,
    fill: Sequence[float] | float,
    nearest: bool,
    frames: Sequence[Frame],
    supersample: bool,
) -> Array:
    core = need()
    image = np.ascontiguousarray(image)
    count = 1 if image.ndim == 2 else image.shape[2]
    values = [float(v) for v in fill] if isinstance(fill, Sequence) else [float(fill)] * count
    listed = _frames(frames)
    out = np.empty((height, width, *image.shape[2:]), image.dtype)
    try:
        if not nearest:
            core.warp_linear(image, map_, width, height, border, values, listed, supersample, out)
            return out
        carrier = _BY_SIZE.get(image.dtype.itemsize)
        if carrier is None:
            raise ParamError(refusal("warp", "image", "of 1, 2 or 4 bytes per value", image))
        # Values are only moved, so any kind of the same size can carry them.
        own = np.array(values).astype(image.dtype).view(carrier)
        core.warp_nearest(image.view(carrier), map_, width, height, border, own, listed, out.view(carrier))
    except core.NativeError as error:
        refuse(error)
    return out


Kept = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], list[tuple[int, bool, float]]]
Least = tuple[float, float, float]


def carry_boxes(boxes: NDArray[Any], before: NDArray[Any], least: Least, stages: Sequence[Frame]) -> Kept:
    """Carry upright boxes through canvases, cut them at every edge, and drop what is too small.

    Args:
        boxes: N 4, x1 y1 x2 y2.
        before: N, the part of each object that is seen before.
        least: the least visible part, area and shorter side of what stays.
        stages: per canvas the matrix that carries points to it, its width, its height.

    Returns:
        of what stays: K rows, K 4 upright boxes around what is left, K visible parts; of what goes: (row, whether
        nothing of it is left, visible part).
    """
    canvases = [(np.asarray(matrix, dtype=np.float64), width, height) for matrix, width, height in stages]
    try:
        out: Kept = need().carry_boxes(boxes, before, least, canvases)
    except (TypeError, ValueError):  # the core sees quickly that a matrix is none; the words are ours
        _frames(stages)
        raise
    return out
