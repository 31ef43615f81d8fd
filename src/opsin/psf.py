"""Point spread functions: how a camera, a movement or a lens smears one bright point.

Every function gives a small float64 array with an odd number of rows and columns that sums to 1. The middle of the
array is where the point was. Use them with `ops.degrade` and the deblurring techniques.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin.errors import ParamError, refusal
from opsin.kinds import Mismatch, Number
from opsin.types import Bound

__all__ = ["disk", "gaussian", "motion"]

Floats = NDArray[np.float64]
_FINE = 32  # sub-samples per pixel and axis: the area of a disk is then right to about 1e-4


def _number(where: str, name: str, value: Any, bound: Bound) -> float:
    try:
        return float(Number(False, bound).accept(value))
    except Mismatch as reason:
        raise ParamError(refusal(where, name, str(reason), value)) from None


def gaussian(sigma: float) -> Floats:
    """Make the bell-shaped blur of a soft lens or of turbulence.

    Use it for blur without an edge of its own.

    Args:
        sigma: standard deviation in pixels.

    Returns:
        K K float64, K = 2 ceil(4 sigma) + 1, sum 1.

    Raises:
        ParamError: sigma is not above 0 and at most 1000.

    Source:
        Closed form exp(-(x^2 + y^2) / (2 sigma^2)) at the pixel middles.
    """
    sigma = _number("psf.gaussian", "sigma", sigma, Bound(gt=0.0, le=1000.0))
    radius = math.ceil(4.0 * sigma)
    line = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernel = np.outer(line, line)
    return np.asarray(kernel / kernel.sum(), dtype=np.float64)


def motion(length: float, angle: float) -> Floats:
    """Make the blur of a camera or an object that moved along a straight line.

    Use it for pictures taken from a car or with a hand that was not still.

    Args:
        length: the way in pixels; 1 or less is hardly any blur.
        angle: degrees anticlockwise from the x axis, as seen.

    Returns:
        K K float64, K odd and just large enough, sum 1.

    Raises:
        ParamError: length is not above 0 and at most 4000, or the angle is not finite.

    Source:
        Gonzalez and Woods, "Digital Image Processing", 4th ed., 5.6: the line integral; here with bilinear shares.
    """
    length = _number("psf.motion", "length", length, Bound(gt=0.0, le=4000.0))
    turn = math.radians(_number("psf.motion", "angle", angle, Bound()))
    count = 2 * math.ceil(length * 8) + 1  # an odd count keeps the middle, 16 samples per pixel of way
    way = (np.arange(count) + 0.5) / count * length - length / 2.0
    x, y = way * math.cos(turn), -way * math.sin(turn)
    radius = math.ceil(max(float(np.abs(x).max()), float(np.abs(y).max())) - 1e-9)
    kernel = np.zeros((2 * radius + 2, 2 * radius + 2))
    left, top = np.floor(x + 1e-9), np.floor(y + 1e-9)
    fx, fy = x - left, y - top
    column, row = left.astype(np.int64) + radius, top.astype(np.int64) + radius
    for dy, wy in ((0, 1.0 - fy), (1, fy)):
        for dx, wx in ((0, 1.0 - fx), (1, fx)):
            np.add.at(kernel, (row + dy, column + dx), wy * wx)
    kernel = np.clip(kernel[:-1, :-1], 0.0, None)
    return np.asarray(kernel / kernel.sum(), dtype=np.float64)


def disk(radius: float) -> Floats:
    """Make the blur of a lens that is out of focus.

    Use it for defocus: every point becomes an evenly lit disk.

    Args:
        radius: of the disk in pixels.

    Returns:
        K K float64, K = 2 ceil(radius - 1/2) + 1, sum 1; pixels on the rim count by their share.

    Raises:
        ParamError: radius is not above 0 and at most 1000.

    Source:
        Gonzalez and Woods, "Digital Image Processing", 4th ed., 5.6 (geometric optics).
    """
    radius = _number("psf.disk", "radius", radius, Bound(gt=0.0, le=1000.0))
    half = max(0, math.ceil(radius - 0.5))
    # the share of each pixel row inside the disk, summed over fine horizontal lines, exactly in x
    y = (np.arange((2 * half + 1) * _FINE) + 0.5) / _FINE - half - 0.5
    reach = np.sqrt(np.clip(radius * radius - y * y, 0.0, None))
    edges = np.arange(-half, half + 2) - 0.5
    inside = np.clip(edges[None, :], -reach[:, None], reach[:, None])
    share = np.diff(inside, axis=1).reshape(2 * half + 1, _FINE, 2 * half + 1).mean(axis=1)
    kernel = (share + share.T) / 2.0
    return np.asarray(kernel / kernel.sum(), dtype=np.float64)
