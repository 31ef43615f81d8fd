"""Lightness L* of CIE Lab apart from color: taken out, changed and put back."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from opsin.kernels.transfer import from_linear, to_linear

__all__ = ["join_lightness", "split_lightness"]

Floats: TypeAlias = NDArray[Any]

# sRGB to CIE XYZ (IEC 61966-2-1), each row divided by the white point D65
_XYZ = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
_ROWS = np.array(_XYZ) / np.array(_XYZ).sum(axis=1, keepdims=True)
_BACK = np.linalg.inv(_ROWS)
_EDGE = 6.0 / 29.0


def _mix(a: Floats, b: Floats, c: Floats, row: Floats) -> Floats:
    dtype = a.dtype.type
    out = a * dtype(row[0])
    out += b * dtype(row[1])
    out += c * dtype(row[2])
    return out


def _bent(t: Floats) -> Floats:
    """The cube root of CIE Lab, straight near black."""
    return np.where(t > _EDGE**3, np.cbrt(t), t * t.dtype.type(1.0 / (3.0 * _EDGE**2)) + t.dtype.type(4.0 / 29.0))


def _straight(f: Floats) -> Floats:
    return np.where(f > _EDGE, f * f * f, (f - f.dtype.type(4.0 / 29.0)) * f.dtype.type(3.0 * _EDGE**2))


def split_lightness(values: Floats) -> tuple[Floats, Floats, Floats]:
    """Turn sRGB floats H W 3 in 0..1 into lightness 0..1 and the two color differences of CIE Lab.

    Returns:
        L* / 100, and a* / 500 and b* / 200, each H W.
    """
    r, g, b = (to_linear(np.ascontiguousarray(values[..., c])) for c in range(3))
    x, y, z = (_bent(_mix(r, g, b, row)) for row in _ROWS)
    lightness = y * y.dtype.type(1.16) - y.dtype.type(0.16)
    return lightness, x - y, y - z


def join_lightness(lightness: Floats, a: Floats, b: Floats) -> Floats:
    """Turn what `split_lightness` gave back into sRGB floats H W 3, clamped to 0..1."""
    y = (lightness + lightness.dtype.type(0.16)) * lightness.dtype.type(1.0 / 1.16)
    x, z = _straight(y + a), _straight(y - b)
    y = _straight(y)
    out = np.empty((*y.shape, 3), y.dtype)
    for c, row in enumerate(_BACK):
        out[..., c] = from_linear(np.clip(_mix(x, y, z, row), 0.0, 1.0))
    return out
