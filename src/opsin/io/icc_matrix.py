"""ICC profiles that are curves and a matrix, evaluated in float: how 16-bit pictures reach sRGB without losing bits."""

from __future__ import annotations

import struct

import numpy as np

from opsin.io.facts import Array

__all__ = ["encode_srgb", "gray_to_srgb", "matrix_to_srgb", "xyz_d50_to_linear"]

# Linear sRGB to XYZ under D50 (Bradford), as in the sRGB profile of the ICC.
_SRGB_D50 = np.array(
    [
        [0.4360747, 0.3850649, 0.1430804],
        [0.2225045, 0.7168786, 0.0606169],
        [0.0139322, 0.0971045, 0.7141733],
    ]
)
_TO_LINEAR = np.linalg.inv(_SRGB_D50)
_LUT_TAGS = (b"A2B0", b"D2B0")


def xyz_d50_to_linear(xyz: Array) -> Array:
    """XYZ under D50 (Y of white = 1) to linear sRGB, clipped to 0..1."""
    return np.clip(xyz @ _TO_LINEAR.T, 0.0, 1.0)


def encode_srgb(linear: Array) -> Array:
    """Linear light 0..1 to sRGB values 0..1. Source: IEC 61966-2-1."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-12) ** (1 / 2.4) - 0.055)


def _tags(profile: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", profile, 128)
    found = {}
    for index in range(min(count, 256)):
        name, offset, size = struct.unpack_from(">4sII", profile, 132 + 12 * index)
        found[name] = profile[offset : offset + size]
    return found


def _curve(body: bytes) -> Array | None:
    """Tabulate a tone curve at the 65,536 values of a 16-bit channel; nothing when the type is unknown."""
    x = np.linspace(0.0, 1.0, 65536)
    kind = body[:4]
    if kind == b"curv":
        (count,) = struct.unpack_from(">I", body, 8)
        if count == 0:
            return x
        values = np.frombuffer(body, ">u2", count, 12).astype(np.float64)
        if count == 1:
            return x ** (values[0] / 256)
        return np.interp(x, np.linspace(0.0, 1.0, count), values / 65535)
    if kind == b"para":
        (form,) = struct.unpack_from(">H", body, 8)
        lengths = (1, 3, 4, 5, 7)
        if form >= len(lengths):
            return None
        numbers = np.frombuffer(body, ">i4", lengths[form], 12).astype(np.float64) / 65536
        g, a, b, c, d, e, f = np.pad(numbers, (0, 7 - len(numbers)))
        if form == 0:
            return x**g
        base = np.maximum(a * x + b, 0.0) ** g
        if form == 1:
            return np.where(x >= -b / a, base, 0.0)
        if form == 2:
            return np.where(x >= -b / a, base + c, c)
        if form == 3:
            return np.where(x >= d, base, c * x)
        return np.where(x >= d, base + e, c * x + f)
    return None


def _xyz(body: bytes) -> Array:
    return np.array(struct.unpack_from(">3i", body, 8)) / 65536


def _encoder() -> Array:
    """sRGB values (0..65535, float) of 65,536 steps of linear light, spaced by their cube root for accuracy."""
    return encode_srgb(np.linspace(0.0, 1.0, 65536) ** 3) * 65535


def _encode16(linear: Array) -> Array:
    table = _encoder()
    place = np.cbrt(linear) * 65535
    low = np.minimum(place.astype(np.int64), 65534)
    share = place - low
    return (table[low] * (1 - share) + table[low + 1] * share + 0.5).astype(np.uint16)


def matrix_to_srgb(profile: bytes, color: Array) -> Array | None:
    """Convert H W 3 uint16 by a matrix and curve profile; nothing when the profile is of another kind."""
    try:
        tags = _tags(profile)
        if any(tag in tags for tag in _LUT_TAGS) or profile[20:24] != b"XYZ ":
            return None
        curves = [_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC")]
        matrix = np.stack([_xyz(tags[name]) for name in (b"rXYZ", b"gXYZ", b"bXYZ")], axis=1)
    except (KeyError, struct.error, ValueError):
        return None
    if any(curve is None for curve in curves):
        return None
    whole = _TO_LINEAR @ matrix
    out = np.empty(color.shape, np.uint16)
    for row in range(0, len(color), 64):
        part = color[row : row + 64]
        linear = np.stack([curve[part[..., i]] for i, curve in enumerate(curves) if curve is not None], axis=-1)
        out[row : row + 64] = _encode16(np.clip(linear @ whole.T, 0.0, 1.0))
    return out


def gray_to_srgb(profile: bytes, gray: Array) -> Array | None:
    """Convert H W uint16 by a gray profile's curve; nothing when the profile is of another kind."""
    try:
        tags = _tags(profile)
        if any(tag in tags for tag in _LUT_TAGS):
            return None
        curve = _curve(tags[b"kTRC"])
    except (KeyError, struct.error, ValueError):
        return None
    if curve is None:
        return None
    return np.ascontiguousarray(_encode16(np.clip(curve, 0.0, 1.0))[gray])
