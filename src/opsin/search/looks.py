"""What a picture looks like as one vector: colors, shapes and texture. For ranking what is alike but not the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from opsin.arrays import color_count, to_unit
from opsin.kernels.resize import resize
from opsin.types import Array

__all__ = ["LENGTH", "look"]

_SIDE, _CELLS, _BINS = 64, 8, 9
_WEIGHTS = (0.45, 0.40, 0.15)  # of color, shape and texture, in squared length
LENGTH = 8 * 4 * 4 + _CELLS * _CELLS * _BINS + 20
Floats = NDArray[np.float32]


def look(image: Array) -> Floats:
    """Describe a picture by 724 numbers of length 1: the dot product of two is how alike they look."""
    small = _small(image)
    gray = (small @ np.array([0.299, 0.587, 0.114], dtype=np.float32)).astype(np.float32)
    parts = (_colors(small, gray), _shapes(gray), _texture(gray))
    return np.concatenate([np.sqrt(w) * _unit(p) for w, p in zip(_WEIGHTS, parts, strict=True)]).astype(np.float32)


def _small(image: Array) -> Floats:
    values = to_unit(image, np.float32)
    values = values[..., None] if values.ndim == 2 else values
    if values.shape[2] == 4 and color_count(image) == 3:
        values = values[..., :3] * values[..., 3:]
    if values.shape[2] != 3:
        values = np.repeat(values.mean(axis=2, keepdims=True), 3, axis=2)
    return np.clip(resize(np.ascontiguousarray(values, dtype=np.float32), _SIDE, _SIDE), 0.0, 1.0)


def _unit(vector: NDArray[np.floating]) -> NDArray[np.floating]:
    size = float(np.sqrt((vector * vector).sum()))
    return vector / size if size > 1e-12 else vector


def _colors(small: Floats, gray: Floats) -> NDArray[np.floating]:
    """A histogram of 8 brightnesses and 4 x 4 tints, pixels shared between neighboring bins; square roots."""
    red, blue = small[..., 0] - gray, small[..., 2] - gray
    axes = [(gray, 8), (np.clip(red * 0.9 + 0.5, 0, 1), 4), (np.clip(blue * 0.75 + 0.5, 0, 1), 4)]
    low, part = [], []
    for values, bins in axes:
        place = np.clip(values * bins - 0.5, 0.0, bins - 1.0)
        at = np.minimum(place.astype(np.int64), bins - 2)
        low.append(at.ravel())
        part.append((place - at).ravel())
    out = np.zeros(8 * 4 * 4)
    for a in (0, 1):
        for b in (0, 1):
            for c in (0, 1):
                weight = (part[0] if a else 1 - part[0]) * (part[1] if b else 1 - part[1])
                weight = weight * (part[2] if c else 1 - part[2])
                number = ((low[0] + a) * 4 + low[1] + b) * 4 + low[2] + c
                out += np.bincount(number, weights=weight, minlength=len(out))
    return np.sqrt(out / out.sum())


def _shapes(gray: Floats) -> NDArray[np.floating]:
    """Directions of edges in a grid of 8 x 8 cells, each cell brought to a common scale with its neighbors."""
    wide = np.pad(gray, 1, mode="edge")
    gx, gy = wide[1:-1, 2:] - wide[1:-1, :-2], wide[2:, 1:-1] - wide[:-2, 1:-1]
    strength = np.hypot(gx, gy)
    place = (np.arctan2(gy, gx) % np.pi) / np.pi * _BINS - 0.5
    low = np.floor(place)
    share = place - low
    cell = np.arange(_SIDE) * _CELLS // _SIDE
    number = (cell[:, None] * _CELLS + cell) * _BINS
    size = _CELLS * _CELLS * _BINS
    first = np.bincount((number + low % _BINS).astype(np.int64).ravel(), ((1 - share) * strength).ravel(), size)
    second = np.bincount((number + (low + 1) % _BINS).astype(np.int64).ravel(), (share * strength).ravel(), size)
    cells = (first + second).reshape(_CELLS, _CELLS, _BINS)
    power = np.pad((cells * cells).sum(axis=2), 1, mode="edge")
    around = sum(power[i : i + _CELLS, j : j + _CELLS] for i in range(3) for j in range(3))
    return np.minimum(cells / np.sqrt(np.asarray(around)[..., None] + 0.05), 0.3).ravel()


def _texture(gray: Floats) -> NDArray[np.floating]:
    """Rotation-invariant uniform patterns of eight neighbors at two distances; square roots of their shares."""
    out = []
    for reach in (1, 2):
        wide = np.pad(gray, reach, mode="edge")
        steps = [(0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1)]
        ring = np.stack(
            [wide[reach + dy * reach :, reach + dx * reach :][:_SIDE, :_SIDE] >= gray + 1e-3 for dy, dx in steps]
        )
        changes = (ring != np.roll(ring, 1, axis=0)).sum(axis=0)
        code = np.where(changes <= 2, ring.sum(axis=0), 9)
        out.append(np.sqrt(np.bincount(code.ravel(), minlength=10) / code.size))
    return np.concatenate(out)
