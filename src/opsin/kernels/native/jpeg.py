"""JPEG: headers, pixels, planes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from opsin.errors import ParamError, refusal
from opsin.kernels.native.loading import need, refuse

__all__ = [
    "MAX_PIXELS",
    "JpegInfo",
    "Plane",
    "decode_jpeg",
    "decode_planes",
    "jpeg_has_profile",
    "jpeg_head",
    "jpeg_info",
]

MAX_PIXELS = 1 << 28  # what a decode accepts when nobody says otherwise


@dataclass(frozen=True)
class JpegInfo:
    """What the header of a JPEG says.

    Args:
        width: pixels across, before any EXIF orientation.
        height: pixels down.
        channels: 1 for gray, 3 for color.
        orientation: the EXIF orientation, 1 to 8.
        subsampling: luma samples per chroma sample, across and down.
        restart: MCUs between restart markers, 0 without.
    """

    width: int
    height: int
    channels: int
    orientation: int
    subsampling: tuple[int, int]
    restart: int


def jpeg_info(data: bytes, *, max_pixels: int = MAX_PIXELS) -> JpegInfo:
    """Read the header of a JPEG that `decode_jpeg` would take.

    Raises:
        DecodeError: `truncated`, `corrupt`, or `unsupported`: the ordinary decoder may know better.
        LimitError: more pixels than allowed.
    """
    core = need()
    try:
        return JpegInfo(*core.jpeg_info(data, max_pixels))
    except core.NativeError as error:
        refuse(error)


def jpeg_head(data: bytes) -> tuple[int, int, int] | None:
    """Give width and height of a JPEG as stored, and its orientation; None where the file is not for the core."""
    head: tuple[int, int, int] | None = need().jpeg_head(data, MAX_PIXELS)
    return head


def jpeg_has_profile(data: bytes) -> bool:
    """Say whether a color profile stands in a JPEG before its picture."""
    return bool(need().jpeg_has_profile(data))


def _denominator(scale: float) -> int:
    for denominator in (1, 2, 4, 8):
        if scale * denominator == 1:
            return denominator
    raise ParamError(refusal("decode_jpeg", "scale", "1, 1/2, 1/4 or 1/8", scale))


def _region(region: tuple[int, int, int, int] | None) -> tuple[int, int, int, int] | None:
    if region is None:
        return None
    x, y, w, h = (int(v) for v in region)
    if min(x, y) < 0 or min(w, h) < 1:
        raise ParamError(refusal("decode_jpeg", "region", "x, y, width, height inside the picture", region))
    return x, y, w, h


def decode_jpeg(
    data: bytes,
    *,
    scale: float = 1,
    region: tuple[int, int, int, int] | None = None,
    max_pixels: int = MAX_PIXELS,
) -> NDArray[np.uint8]:
    """Decode a JPEG, baseline or progressive, to RGB H W 3 or gray H W, equal to libjpeg-turbo to the bit.

    EXIF orientation is not applied. The scan is followed to its end marker whatever the region, so that a truncated
    file is always found.

    Args:
        data: the file's bytes.
        scale: 1, 1/2, 1/4 or 1/8; libjpeg's reduced sizes, rounded up.
        region: (x, y, width, height) in full-size pixels; the result covers it, in scaled pixels.
        max_pixels: the most pixels (of the whole picture) that are accepted.

    Raises:
        DecodeError: `truncated`, `corrupt`, or `unsupported` (CMYK, 12 bit, rare samplings): take the
            ordinary decoder.
        LimitError: more pixels than allowed.
        ParamError: a scale or a region that cannot be.
    """
    core = need()
    try:
        flat, height, width, channels, _ = core.decode_jpeg(data, _denominator(scale), _region(region), max_pixels)
    except core.NativeError as error:
        refuse(error)
    pixels: NDArray[np.uint8] = flat
    return pixels.reshape((height, width) if channels == 1 else (height, width, channels))


@dataclass(frozen=True)
class Plane:
    """A window of one component of a JPEG.

    Args:
        samples: H W uint8: Y, Cb or Cr.
        origin: where the window stands in the whole plane, (x, y).
        full: the whole plane's (width, height).
        scale: samples per full-size pixel, (x, y).
    """

    samples: NDArray[np.uint8]
    origin: tuple[int, int]
    full: tuple[int, int]
    scale: tuple[float, float]


def decode_planes(
    data: bytes,
    *,
    scale: float = 1,
    region: tuple[int, int, int, int] | None = None,
    fast: bool = False,
    max_pixels: int = MAX_PIXELS,
) -> tuple[list[Plane], bool]:
    """Decode to Y, Cb, Cr planes (or Y alone) as stored: the MCUs around the region.

    Args:
        data: the file's bytes.
        scale: 1, 1/2, 1/4 or 1/8; chroma that has fewer samples is reduced less.
        region: (x, y, width, height) in full-size pixels.
        fast: leave out coefficients that hardly show at a reduced scale.
        max_pixels: the most pixels that are accepted.

    Returns:
        the planes, and whether the whole picture was decoded (nothing stepped over).
    """
    core = need()
    try:
        planes, whole = core.decode_planes(data, _denominator(scale), _region(region), fast, max_pixels)
    except core.NativeError as error:
        refuse(error)
    return [Plane(*plane) for plane in planes], whole
