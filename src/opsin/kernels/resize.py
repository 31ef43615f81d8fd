"""Resize kernels as definitions, by name: by the compiled core, or by NumPy and Pillow as the reference.

`pillow-bilinear`, `pillow-bicubic`, `area` (Pillow's box) and `lanczos` are antialiased; `opencv-linear` is two-tap
interpolation without antialiasing; `nearest` takes the pixel under the middle.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin.arrays import from_unit, to_unit
from opsin.kernels import native, use_core
from opsin.types import Array

__all__ = ["by_core", "resize"]

_PILLOW = {"pillow-bilinear": 2, "pillow-bicubic": 3, "area": 4, "lanczos": 1, "nearest": 0}  # Image.Resampling

_OVERSHOOT = ("pillow-bicubic", "lanczos")


def resize(image: Array, width: int, height: int, kernel: str = "pillow-bilinear", *, alpha: bool = False) -> Array:
    """Stretch a picture to width x height by a kernel's definition; alpha says that channel 4 is straight alpha."""
    if image.shape[1] == width and image.shape[0] == height:
        return np.ascontiguousarray(image)
    if by_core(image, kernel, alpha):
        return native.resize(image, width, height, kernel)
    if kernel == "nearest":
        rows, columns = _nearest(image.shape[0], height), _nearest(image.shape[1], width)
        return np.ascontiguousarray(image[rows[:, None], columns[None, :]])
    if alpha:
        return _premultiplied(image, width, height, kernel)
    if kernel == "opencv-linear":
        return from_unit(_linear(to_unit(image), width, height), image.dtype)
    if image.dtype == np.uint8:
        return _pillow_bytes(image, width, height, kernel)
    if kernel in _OVERSHOOT:
        return from_unit(_overshooting(to_unit(image), width, height, kernel), image.dtype)
    out = _pillow_floats(image, width, height, kernel)
    return out if image.dtype.kind == "f" else from_unit(out / np.float32(65535.0), image.dtype)


def by_core(image: Array, kernel: str, alpha: bool) -> bool:
    """Say whether the compiled core resizes such a picture; nearest pixels are moved whole, alpha among them."""
    if kernel == "nearest":
        return use_core()
    return use_core() and not alpha and (kernel not in _OVERSHOOT or image.dtype == np.uint8)


def _nearest(n: int, m: int) -> NDArray[np.int64]:
    """The pixel under the middle of each target pixel; summed up step by step as Pillow does, which decides ties."""
    steps = np.full(m, n / m)
    steps[0] = n / m * 0.5
    return np.minimum(np.cumsum(steps).astype(np.int64), n - 1)


def _overshooting(values: NDArray[Any], width: int, height: int, kernel: str) -> NDArray[Any]:
    """Stretch by a kernel with negative parts: what was inside 0..1 stays inside after each axis.

    Pillow's 8-bit pictures are cut after each axis too, so the order of the axes counts; this is Pillow 13's.
    """
    low, high = min(0.0, float(values.min())), max(1.0, float(values.max()))
    less = values.shape[0] - height
    rows_first = less > 0 and less > 2 * (values.shape[1] - width)
    middle = (values.shape[1], height) if rows_first else (width, values.shape[0])
    for size in (middle, (width, height)):
        values = np.clip(_pillow_floats(values, size[0], size[1], kernel), low, high)
    return values


def _premultiplied(image: Array, width: int, height: int, kernel: str) -> Array:
    """Resample RGBA through premultiplied color, so that transparent pixels do not bleed."""
    unit = to_unit(image)
    weighted = unit * unit[..., 3:]
    weighted[..., 3] = unit[..., 3]
    out = resize(weighted, width, height, kernel)
    alpha = out[..., 3:]
    color = np.divide(out[..., :3], alpha, out=np.zeros_like(out[..., :3]), where=alpha > 1e-6)
    return from_unit(np.concatenate([np.clip(color, 0.0, 1.0), np.clip(alpha, 0.0, 1.0)], axis=2), image.dtype)


def _pillow_bytes(image: Array, width: int, height: int, kernel: str) -> Array:
    from PIL import Image

    filter_ = Image.Resampling(_PILLOW[kernel])
    if image.ndim == 2:
        return np.array(Image.fromarray(np.ascontiguousarray(image)).resize((width, height), filter_))
    if image.shape[2] == 3:
        return np.array(Image.fromarray(np.ascontiguousarray(image)).resize((width, height), filter_))
    planes = [_pillow_bytes(np.ascontiguousarray(image[..., c]), width, height, kernel) for c in range(image.shape[2])]
    return np.stack(planes, axis=-1)


def _pillow_floats(image: Array, width: int, height: int, kernel: str) -> NDArray[Any]:
    from PIL import Image

    filter_ = Image.Resampling(_PILLOW[kernel])
    if image.ndim == 2:
        plane = np.ascontiguousarray(image, dtype=np.float32)
        return np.array(Image.fromarray(plane).resize((width, height), filter_))
    return np.stack([_pillow_floats(image[..., c], width, height, kernel) for c in range(image.shape[2])], axis=-1)


def _linear(values: NDArray[Any], width: int, height: int) -> NDArray[Any]:
    def taps(n: int, m: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        at = np.clip((np.arange(m) + 0.5) * (n / m) - 0.5, 0.0, n - 1.0)
        low = np.minimum(at.astype(np.int64), max(n - 2, 0))
        return low, np.minimum(low + 1, n - 1), (at - low).astype(np.float32)

    y0, y1, fy = taps(values.shape[0], height)
    x0, x1, fx = taps(values.shape[1], width)
    tail = (1,) * (values.ndim - 2)
    rows = values[y0] + (values[y1] - values[y0]) * fy.reshape(-1, 1, *tail)
    return rows[:, x0] + (rows[:, x1] - rows[:, x0]) * fx.reshape(1, -1, *tail)
