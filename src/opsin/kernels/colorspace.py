"""Color spaces from and to sRGB, in double precision, in scikit-image's ranges where it has the space.

Every function takes and gives floats (... 3), or (... 4) for CMYK; RGB is sRGB-encoded, 0..1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from opsin.kernels.hue import hue_of
from opsin.kernels.transfer import from_linear, to_linear

__all__ = ["SPACES", "convert"]

Floats: TypeAlias = NDArray[np.float64]
_BLOCK = 1 << 15  # pixels worked on at a time

_XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
_WHITE = np.array([0.95047, 1.0, 1.08883])  # D65, 2 degrees
_YUV = np.array(
    [
        [0.299, 0.587, 0.114],
        [-0.14714119, -0.28886916, 0.43601035],
        [0.61497538, -0.51496512, -0.10001026],
    ]
)
_YCBCR = np.array([[65.481, 128.553, 24.966], [-37.797, -74.203, 112.0], [112.0, -93.786, -18.214]])
_YCBCR_ZERO = np.array([16.0, 128.0, 128.0])
_HED = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])  # absorption of each stain
_DARKEST = 1e-6


def _mixed(values: Floats, matrix: Floats) -> Floats:
    """Multiply each pixel by a matrix, in plain sums: the same bits everywhere."""
    out = np.empty((*values.shape[:-1], 3))
    for row in range(3):
        a, b, c = matrix[row]
        out[..., row] = values[..., 0] * a + values[..., 1] * b + values[..., 2] * c
    return out


def _inverse(matrix: Floats) -> Floats:
    return np.asarray(np.linalg.inv(matrix))


def _xyz(rgb: Floats) -> Floats:
    return _mixed(to_linear(rgb), _XYZ)


def _from_xyz(xyz: Floats) -> Floats:
    return from_linear(_mixed(xyz, _inverse(_XYZ)))


def _lab(rgb: Floats) -> Floats:
    ratio = _xyz(rgb) / _WHITE
    f = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16.0 / 116.0)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)], axis=-1)


def _from_lab(lab: Floats) -> Floats:
    y = (lab[..., 0] + 16.0) / 116.0
    x, z = y + lab[..., 1] / 500.0, np.maximum(y - lab[..., 2] / 200.0, 0.0)
    f = np.stack([x, y, z], axis=-1)
    return _from_xyz(np.where(f > 0.2068966, f**3, (f - 16.0 / 116.0) / 7.787) * _WHITE)


def _lch(rgb: Floats) -> Floats:
    lab = _lab(rgb)
    angle = np.arctan2(lab[..., 2], lab[..., 1])
    angle = np.where(angle < 0.0, angle + 2.0 * np.pi, angle)
    return np.stack([lab[..., 0], np.hypot(lab[..., 1], lab[..., 2]), angle], axis=-1)


def _from_lch(lch: Floats) -> Floats:
    chroma, angle = lch[..., 1], lch[..., 2]
    return _from_lab(np.stack([lch[..., 0], chroma * np.cos(angle), chroma * np.sin(angle)], axis=-1))


_U_WHITE = 4.0 * _WHITE[0] / (_WHITE[0] + 15.0 * _WHITE[1] + 3.0 * _WHITE[2])
_V_WHITE = 9.0 * _WHITE[1] / (_WHITE[0] + 15.0 * _WHITE[1] + 3.0 * _WHITE[2])


def _luv(rgb: Floats) -> Floats:
    xyz = _xyz(rgb)
    x, y, z = xyz[..., 0], xyz[..., 1], xyz[..., 2]
    lightness = np.where(y > 0.008856, 116.0 * np.cbrt(y) - 16.0, 903.3 * y)
    whole = x + 15.0 * y + 3.0 * z + np.finfo(np.float64).eps
    u = 13.0 * lightness * (4.0 * x / whole - _U_WHITE)
    v = 13.0 * lightness * (9.0 * y / whole - _V_WHITE)
    return np.stack([lightness, u, v], axis=-1)


def _from_luv(luv: Floats) -> Floats:
    lightness = luv[..., 0]
    y = np.where(lightness > 7.999625, ((lightness + 16.0) / 116.0) ** 3, lightness / 903.3)
    scale = 13.0 * np.maximum(lightness, 1e-12)
    u = np.where(lightness > 1e-12, luv[..., 1] / scale, 0.0) + _U_WHITE
    v = np.where(lightness > 1e-12, luv[..., 2] / scale, 0.0) + _V_WHITE
    v = np.where(np.abs(v) < 1e-12, 1e-12, v)
    return _from_xyz(np.stack([y * 9.0 * u / (4.0 * v), y, y * (12.0 - 3.0 * u - 20.0 * v) / (4.0 * v)], axis=-1))


def _hsv(rgb: Floats) -> Floats:
    sixths, top, chroma = hue_of(rgb[..., 0], rgb[..., 1], rgb[..., 2])
    return np.stack([sixths / 6.0, chroma / np.where(top > 0.0, top, 1.0), top], axis=-1)


def _peaked(sixths: Floats, top: Floats, chroma: Floats) -> Floats:
    """Build RGB from hue in sixths, the largest channel and its distance from the least."""
    planes = []
    for place in (5.0, 3.0, 1.0):
        k = np.mod(sixths + place, 6.0)
        planes.append(top - chroma * np.clip(np.minimum(k, 4.0 - k), 0.0, 1.0))
    return np.stack(planes, axis=-1)


def _from_hsv(hsv: Floats) -> Floats:
    return _peaked(hsv[..., 0] * 6.0, hsv[..., 2], hsv[..., 2] * hsv[..., 1])


def _hsl(rgb: Floats) -> Floats:
    sixths, top, chroma = hue_of(rgb[..., 0], rgb[..., 1], rgb[..., 2])
    lightness = top - chroma / 2.0
    room = 1.0 - np.abs(2.0 * lightness - 1.0)
    return np.stack([sixths / 6.0, np.where(room > 0.0, chroma / np.where(room > 0.0, room, 1.0), 0.0), lightness], -1)


def _from_hsl(hsl: Floats) -> Floats:
    lightness = hsl[..., 2]
    chroma = (1.0 - np.abs(2.0 * lightness - 1.0)) * hsl[..., 1]
    return _peaked(hsl[..., 0] * 6.0, lightness + chroma / 2.0, chroma)


def _yuv(rgb: Floats) -> Floats:
    return _mixed(rgb, _YUV)


def _from_yuv(yuv: Floats) -> Floats:
    return _mixed(yuv, _inverse(_YUV))


def _ycbcr(rgb: Floats) -> Floats:
    return _mixed(rgb, _YCBCR) + _YCBCR_ZERO


def _from_ycbcr(ycbcr: Floats) -> Floats:
    return _mixed(ycbcr - _YCBCR_ZERO, _inverse(_YCBCR))


def _cmyk(rgb: Floats) -> Floats:
    top = rgb.max(axis=-1)
    ink = (top[..., None] - rgb) / np.where(top > 0.0, top, 1.0)[..., None]
    return np.concatenate([ink, (1.0 - top)[..., None]], axis=-1)


def _from_cmyk(cmyk: Floats) -> Floats:
    return (1.0 - cmyk[..., :3]) * (1.0 - cmyk[..., 3:])


def _hed(rgb: Floats) -> Floats:
    density = np.log(np.maximum(rgb, _DARKEST)) / np.log(_DARKEST)
    return np.maximum(_mixed(density, _inverse(_HED).T), 0.0)


def _from_hed(hed: Floats) -> Floats:
    return np.exp(_mixed(hed, _HED.T) * np.log(_DARKEST))


def _same(rgb: Floats) -> Floats:
    return rgb


Change = Callable[[Floats], Floats]
SPACES: dict[str, tuple[Change, Change]] = {
    "rgb": (_same, _same),
    "hsv": (_hsv, _from_hsv),
    "hsl": (_hsl, _from_hsl),
    "lab": (_lab, _from_lab),
    "lch": (_lch, _from_lch),
    "luv": (_luv, _from_luv),
    "xyz": (_xyz, _from_xyz),
    "ycbcr": (_ycbcr, _from_ycbcr),
    "yuv": (_yuv, _from_yuv),
    "cmyk": (_cmyk, _from_cmyk),
    "hed": (_hed, _from_hed),
}


def convert(values: NDArray[np.float32], source: str, to: str) -> NDArray[np.float32]:
    """Convert floats H W 3 (CMYK: H W 4) from one space to another through sRGB, cut to 0..1 on the way."""
    height, width = values.shape[:2]
    out = np.empty((height, width, 4 if to == "cmyk" else 3), np.float32)
    rows = max(1, _BLOCK // width)
    back, forth = SPACES[source][1], SPACES[to][0]
    for start in range(0, height, rows):
        part = values[start : start + rows].astype(np.float64)
        rgb = np.clip(back(part), 0.0, 1.0)
        out[start : start + rows] = forth(rgb)
    return out
