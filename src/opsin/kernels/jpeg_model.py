"""What a baseline JPEG file does to a picture of any depth: color, halved chroma, blocks, quantization, and back.

A file holds brightness and color in 8 bits, so these are rounded to whole levels where a codec does it; the picture
itself is rounded neither before nor after.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin.arrays import from_unit, full_scale
from opsin.types import Array

__all__ = ["jpeg_roundtrip", "quantization"]

_BRIGHTNESS = [
    [16, 11, 10, 16, 24, 40, 51, 61],
    [12, 12, 14, 19, 26, 58, 60, 55],
    [14, 13, 16, 24, 40, 57, 69, 56],
    [14, 17, 22, 29, 51, 87, 80, 62],
    [18, 22, 37, 56, 68, 109, 103, 77],
    [24, 35, 55, 64, 81, 104, 113, 92],
    [49, 64, 78, 87, 103, 121, 120, 101],
    [72, 92, 95, 98, 112, 100, 103, 99],
]
_COLOR = [
    [17, 18, 24, 47, 99, 99, 99, 99],
    [18, 21, 26, 66, 99, 99, 99, 99],
    [24, 26, 56, 99, 99, 99, 99, 99],
    [47, 66, 99, 99, 99, 99, 99, 99],
    *[[99] * 8] * 4,
]
_DCT = np.array(
    [
        [math.sqrt((1 if u == 0 else 2) / 8) * math.cos((2 * x + 1) * u * math.pi / 16) for x in range(8)]
        for u in range(8)
    ]
)


def quantization(quality: int, color: bool) -> NDArray[np.float64]:
    """Give the 8 x 8 table of a quality 1..100 by libjpeg's scale."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    table = np.array(_COLOR if color else _BRIGHTNESS)
    return np.clip((table * scale + 50) // 100, 1, 255).astype(np.float64)


def jpeg_roundtrip(image: Array, quality: int) -> Array:
    """Compress and decompress: RGB as YCbCr 4:2:0, any other number of channels each as gray; same dtype.

    Agrees with libjpeg but for coefficients so near to the middle between two steps that its whole-number cosines fall
    to the other side.
    """
    levels = image.astype(np.float32) * np.float32(255.0 / full_scale(image.dtype))
    if image.ndim == 3 and image.shape[2] == 3:
        out = _color(levels, quality)
    elif image.ndim == 3:
        planes = [_plane(levels[..., c], quantization(quality, False)) for c in range(image.shape[2])]
        out = np.stack(planes, axis=-1)
    else:
        out = _plane(levels, quantization(quality, False))
    return from_unit(np.clip(out, 0.0, 255.0) / np.float32(255.0), image.dtype)


def _color(rgb: NDArray[Any], quality: int) -> NDArray[Any]:
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    bright = 0.299 * red + 0.587 * green + 0.114 * blue
    colors = (128.0 + (blue - bright) / 1.772, 128.0 + (red - bright) / 1.402)
    height, width = bright.shape
    table = quantization(quality, True)
    bright = _plane(bright, quantization(quality, False))
    cb, cr = (_doubled(_plane(_halved(_rounded(p)), table))[:height, :width] - 128.0 for p in colors)
    return np.stack([bright + 1.402 * cr, bright - 0.344136286 * cb - 0.714136286 * cr, bright + 1.772 * cb], axis=-1)


def _rounded(plane: NDArray[Any]) -> NDArray[Any]:
    return np.clip(np.floor(plane + np.float32(0.5)), 0.0, 255.0)


def _plane(plane: NDArray[Any], table: NDArray[np.float64]) -> NDArray[Any]:
    """Quantize the cosine coefficients of 8 x 8 blocks; the edge is repeated to whole blocks."""
    height, width = plane.shape
    padded = np.pad(_rounded(plane) - np.float32(128.0), ((0, -height % 8), (0, -width % 8)), mode="edge")
    rows, columns = padded.shape[0] // 8, padded.shape[1] // 8
    blocks = np.ascontiguousarray(padded.reshape(rows, 8, columns, 8).transpose(1, 3, 0, 2))
    steps = table.astype(np.float32)[:, :, None, None]
    # a codec's coefficients are eighths, and halves go away from zero
    eighths = np.rint(_cosine(blocks, _DCT) * np.float32(8.0))
    blocks = np.copysign(np.floor(np.abs(eighths) / (8.0 * steps) + np.float32(0.5)), eighths) * steps
    blocks = _cosine(blocks, _DCT.T)
    out = blocks.transpose(2, 0, 3, 1).reshape(padded.shape)[:height, :width] + np.float32(128.0)
    return _rounded(out)


def _cosine(blocks: NDArray[Any], matrix: NDArray[np.float64]) -> NDArray[Any]:
    """Transform both axes of blocks 8 8 rows columns, in plain sums: the same bits everywhere."""
    weights = matrix.astype(np.float32)
    for axis in (0, 1):
        source = np.moveaxis(blocks, axis, 0)
        out = np.empty_like(source)
        for u in range(8):
            total = source[0] * weights[u, 0]
            for x in range(1, 8):
                total += source[x] * weights[u, x]
            out[u] = total
        blocks = np.moveaxis(out, 0, axis)
    return blocks


def _halved(plane: NDArray[Any]) -> NDArray[Any]:
    """Average 2 x 2 pixels; the edge is repeated to an even size. Halves go down and up by turns."""
    even = np.pad(plane, ((0, plane.shape[0] % 2), (0, plane.shape[1] % 2)), mode="edge")
    total = even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]
    total += np.where(np.arange(total.shape[1]) % 2 == 0, 1.0, 2.0).astype(np.float32)
    return np.floor(total * np.float32(0.25))


def _doubled(plane: NDArray[Any]) -> NDArray[Any]:
    """Double both sides with a triangle filter: three parts of the nearer, one of the farther neighbor."""
    out = plane
    for axis in (0, 1):
        near = np.moveaxis(out, axis, 0)
        wide = np.pad(near, ((1, 1), (0, 0)), mode="edge")
        both = np.empty((near.shape[0] * 2, near.shape[1]), plane.dtype)
        both[::2] = 3.0 * near + wide[:-2]
        both[1::2] = 3.0 * near + wide[2:]
        out = np.moveaxis(both, 0, axis)
    out = np.array(out)
    out[:, ::2] += 8.0
    out[:, 1::2] += 7.0
    return np.floor(out * np.float32(1 / 16))
