"""Drawn shapes without outlines: points spread over pixels, clouds, and layers laid over a picture."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from opsin.arrays import from_unit, to_unit
from opsin.chance import Rng
from opsin.kernels.luma import LUMA
from opsin.kernels.planes import joined, split
from opsin.types import Array

__all__ = ["clouds", "laid_over", "splat", "tinted"]

Floats: TypeAlias = NDArray[Any]


def splat(height: int, width: int, x: Floats, y: Floats, weight: Floats) -> NDArray[np.float32]:
    """Put points of a given weight on a black plane, each shared by the four pixels around it.

    Args:
        height: of the plane.
        width: of the plane.
        x: continuous coordinates; what lies outside is lost.
        y: continuous coordinates.
        weight: of each point.
    """
    out = np.zeros((height + 2) * (width + 2))
    at_x, at_y = np.clip(x, -0.49, width + 0.49) + 0.5, np.clip(y, -0.49, height + 0.49) + 0.5
    j, i = np.floor(at_x).astype(np.int64), np.floor(at_y).astype(np.int64)
    fx, fy = at_x - j, at_y - i
    for di, wy in ((0, 1.0 - fy), (1, fy)):
        for dj, wx in ((0, 1.0 - fx), (1, fx)):
            out += np.bincount((i + di) * (width + 2) + j + dj, weights=weight * wx * wy, minlength=out.size)
    return out.reshape(height + 2, width + 2)[1:-1, 1:-1].astype(np.float32)


def clouds(rng: Rng, name: str, height: int, width: int, cell: float, octaves: int = 4) -> NDArray[np.float32]:
    """Cloudy noise in 0..1 around 1/2: smooth noise of a cell size, plus finer noise at half the strength, and so on.

    Source:
        Perlin, "An image synthesizer", SIGGRAPH 1985 (fractal sum), on value noise.
    """
    out = np.zeros((height, width), np.float32)
    total, strength = 0.0, 1.0
    for k in range(octaves):
        if cell < 2.0:
            break
        rows, columns = math.ceil(height / cell) + 2, math.ceil(width / cell) + 2
        grid = rng.unit(f"{name}{k}", (rows, columns)).astype(np.float32)
        origin = rng.unit(f"{name}{k}at", 2)
        out += strength * _smooth_grid(grid, height, width, cell, float(origin[0]), float(origin[1]))
        total += strength
        cell, strength = cell / 2.0, strength / 2.0
    return out / np.float32(total) if total else out + np.float32(0.5)


def _smooth_grid(grid: Floats, height: int, width: int, cell: float, x: float, y: float) -> Floats:
    out: Floats = grid
    for axis, n, start in ((0, height, y), (1, width, x)):
        at = np.arange(n) / cell + start
        low = at.astype(np.int64)
        rest = at - low
        part = (rest * rest * (3.0 - 2.0 * rest)).astype(np.float32).reshape([-1 if a == axis else 1 for a in (0, 1)])
        here, there = np.take(out, low, axis=axis), np.take(out, low + 1, axis=axis)
        out = here + (there - here) * part
    return out


def tinted(color: tuple[float, float, float], count: int) -> NDArray[np.float32]:
    """A color for a picture of so many channels: itself for three, its brightness for any other number."""
    if count == 3:
        return np.array(color, np.float32)
    return np.full(count, sum(w * c for w, c in zip(LUMA["bt601"], color, strict=True)), np.float32)


def laid_over(
    image: Array, opacity: Floats, color: tuple[float, float, float], channels: str, shade: Floats | None = None
) -> Array:
    """Lay a layer of one color over a picture: out = in * shade * (1 - opacity) + color * opacity; alpha stays.

    Args:
        image: H W (C).
        opacity: H W in 0..1.
        color: of the layer, fractions of full scale.
        channels: "color" or "bands".
        shade: a factor H W for the picture below, or None.
    """
    pixels, alpha = split(image, channels)
    values = to_unit(pixels)
    planes = values if values.ndim == 3 else values[..., None]
    clear = 1.0 - opacity
    if shade is not None:
        clear = clear * shade
    out = np.empty_like(planes)
    for c, value in enumerate(tinted(color, planes.shape[2])):
        out[..., c] = planes[..., c] * clear + opacity * value
    np.clip(out, 0.0, 1.0, out=out)
    return joined(from_unit(out.reshape(values.shape), image.dtype), alpha)
