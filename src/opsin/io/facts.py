"""What is known of a picture that came through the doors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Facts", "Note", "Picture", "Profile", "Space"]

Array = NDArray[Any]
Space = Literal["gray", "rgb", "cmyk", "lab", "bands"]
Profile = Literal["none", "srgb", "converted", "ignored"]


class Note(NamedTuple):
    """Something that a careful person would want to know about a file that did decode.

    `code` is one of a few words (`extension_mismatch`, `bad_exif`, `bad_icc`, `icc_ignored`, `first_frame_only`,
    `no_end_marker`, `bad_checksum`, `metadata_dropped`, `precision`, `premultiplied`, `extra_channels`).
    """

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a decoded file beyond its pixels.

    Args:
        format: `JPEG`, `PNG`, `WEBP`, `GIF`, `BMP`, `TIFF`, `AVIF`, `PNM` or `NPY`; content decides.
        size: width and height of the array, upright.
        raw_size: width and height as stored, before the orientation was applied.
        orientation: 1 to 8, the EXIF orientation that the file carries (1 when it says nothing).
        upright: whether the orientation has been applied to the array.
        mode: the colour model and depth as stored, as `gray 1`, `palette 8`, `YCbCr 8`, `CMYK 8`, `RGBA 16`.
        frames: how many frames or pages the file holds; the array is the first.
        icc: what became of the embedded colour profile.
        bytes: the length of the input.
        digest: SHA-256 of the input, hexadecimal.
        notes: see `Note`.
    """

    format: str
    size: tuple[int, int]
    raw_size: tuple[int, int]
    orientation: int
    upright: bool
    mode: str
    frames: int
    icc: Profile
    bytes: int
    digest: str
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded picture: the array (H W, H W 3, H W 4 or H W N) and its facts."""

    image: Array
    facts: Facts


class Pixels(NamedTuple):
    """What a codec hands to the colour stage: an array and the space its channels are in."""

    array: Array
    space: Space


def is_gray(palette: Array) -> bool:
    """Say whether all colors of a palette (N 3) are grays."""
    return bool((palette[:, :1] == palette).all())


def scale_to_full(values: Array, maximum: int) -> Array:
    """Spread integers 0..maximum over all of uint8 (up to 255) or uint16, rounding to nearest."""
    if maximum == 255:
        return np.ascontiguousarray(values, dtype=np.uint8)
    if maximum == 65535:
        return np.ascontiguousarray(values, dtype=np.uint16)
    full, dtype = (255, np.uint8) if maximum < 255 else (65535, np.uint16)
    steps = np.arange(maximum + 1, dtype=np.uint64)
    table = ((steps * full + maximum // 2) // maximum).astype(dtype)
    return table[values]
