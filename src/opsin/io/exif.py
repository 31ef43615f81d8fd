"""EXIF: the orientation, which is all that Opsin wants of it, and the turn it asks for."""

from __future__ import annotations

import struct

import numpy as np

from opsin.io.facts import Array

__all__ = ["orient", "orientation_of"]

_ORIENTATION = 0x0112


def orientation_of(blob: bytes) -> int:
    """Find the orientation, 1 to 8, in an EXIF block (a TIFF header, with or without `Exif\\0\\0` before it).

    Returns: 1 when the block says nothing.
    Raises: ValueError with a short reason when the block is damaged or the value is none of 1 to 8.
    """
    if blob[:6] == b"Exif\x00\x00":
        blob = blob[6:]
    if blob[:4] == b"II*\x00":
        order = "<"
    elif blob[:4] == b"MM\x00*":
        order = ">"
    else:
        raise ValueError("the EXIF block has no TIFF header")
    try:
        (start,) = struct.unpack_from(order + "I", blob, 4)
        (count,) = struct.unpack_from(order + "H", blob, start)
        for index in range(count):
            tag, kind, number = struct.unpack_from(order + "HHI", blob, start + 2 + 12 * index)
            if tag != _ORIENTATION:
                continue
            layout = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}.get(kind)
            if layout is None or number != 1:
                raise ValueError(f"the EXIF orientation is stored as type {kind} x {number}")
            (value,) = struct.unpack_from(order + layout, blob, start + 2 + 12 * index + 8)
            if not 1 <= value <= 8:
                raise ValueError(f"the EXIF orientation is {value}, none of 1 to 8")
            return int(value)
    except struct.error:
        raise ValueError("the EXIF block ends early") from None
    return 1


def orient(image: Array, orientation: int) -> Array:
    """Turn a picture upright.

    Args:
        image: H W or H W C as stored.
        orientation: 1 to 8 as in EXIF.
    Returns: the picture itself for 1, else a C-contiguous copy.
    Source: EXIF 2.32, tag 274.
    """
    if orientation == 1:
        return image
    channels = image.shape[2] if image.ndim == 3 else 0
    turned = np.ascontiguousarray(image)
    if channels:  # a pixel moves as one item, which NumPy copies several times faster than channel by channel
        turned = turned.view(f"V{image.itemsize * channels}")[..., 0]
    if orientation >= 5:
        turned = turned.T
    if orientation in (3, 4, 7, 8):
        turned = turned[::-1]
    if orientation in (2, 3, 6, 7):
        turned = turned[:, ::-1]
    turned = np.ascontiguousarray(turned)
    return turned.view(image.dtype).reshape(*turned.shape, channels) if channels else turned
