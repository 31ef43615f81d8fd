"""TIFF, written: a directory and strips, deflate with a predictor, the same bytes every time."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from opsin.errors import ParamError, refusal
from opsin.io.facts import Array

_SHORTS = {254, 258, 259, 262, 266, 277, 284, 317, 338, 339, 530}


def assemble(tags: dict[int, Any], chunks: Sequence[bytes]) -> bytes:
    """Write a little-endian TIFF of one directory at offset 8, the chunks after it.

    Args:
        tags: a number or a tuple of numbers each; bytes are written as type 7. Offsets and counts are added.
        chunks: strips, or tiles where tag 322 is given.
    """
    where, sizes = (324, 325) if 322 in tags else (273, 279)
    entries = dict(tags)
    entries[where] = entries[sizes] = (0,) * len(chunks)
    head = 8 + 2 + 12 * len(entries) + 4
    extra_at, extras = head, b""
    total = head + sum(_size(tag, value) for tag, value in entries.items() if _size(tag, value) > 4) + len(entries)
    at, offsets = total + (total & 1), []
    for chunk in chunks:
        offsets.append(at)
        at += len(chunk) + (len(chunk) & 1)
    if at >= 1 << 32:
        raise ParamError(refusal("write", "image", "below 4 GiB as TIFF", f"{at:,} bytes", "Write NPY, or tile it."))
    entries[where], entries[sizes] = tuple(offsets), tuple(len(chunk) for chunk in chunks)
    directory = [struct.pack("<H", len(entries))]
    for tag in sorted(entries):
        kind, count, body = _pack(tag, entries[tag])
        if len(body) > 4:
            place = struct.pack("<I", extra_at + len(extras))
            extras += body + b"\x00" * (len(body) & 1)
            directory.append(struct.pack("<HHI", tag, kind, count) + place)
        else:
            directory.append(struct.pack("<HHI", tag, kind, count) + body.ljust(4, b"\x00"))
    start = b"II*\x00" + struct.pack("<I", 8) + b"".join(directory) + b"\x00" * 4 + extras
    body = b"".join(chunk + b"\x00" * (len(chunk) & 1) for chunk in chunks)
    return start.ljust(total + (total & 1), b"\x00") + body


def _size(tag: int, value: Any) -> int:
    return len(_pack(tag, value)[2])


def _pack(tag: int, value: Any) -> tuple[int, int, bytes]:
    if isinstance(value, bytes):
        return 7, len(value), value
    numbers = value if isinstance(value, tuple) else (value,)
    kind, layout = (3, "H") if tag in _SHORTS else (4, "I")
    return kind, len(numbers), struct.pack(f"<{len(numbers)}{layout}", *numbers)


def pack(image: Array, *, compression: str = "deflate") -> bytes:
    """Encode H W or H W C of bool, uint8, uint16 or float32.

    Three channels are RGB, four are RGB with straight alpha; two, five and more are bands without a stated meaning.
    """
    height, width = image.shape[:2]
    channels = 1 if image.ndim == 2 else image.shape[2]
    photometric = 2 if channels in (3, 4) else 1
    tags: dict[int, Any] = {
        256: width,
        257: height,
        258: (image.dtype.itemsize * 8 if image.dtype != np.bool_ else 1,) * channels,
        259: 8 if compression == "deflate" else 1,
        262: photometric,
        277: channels,
        284: 1,
        339: (3 if image.dtype.kind == "f" else 1,) * channels,
    }
    if channels == 4:
        tags[338] = 2
    elif photometric == 1 and channels > 1:
        tags[338] = (0,) * (channels - 1)
    if image.dtype == np.bool_:
        rows = np.packbits(image, axis=1)
    else:
        little = np.ascontiguousarray(image, dtype=image.dtype.newbyteorder("<")).reshape(height, width, channels)
        if compression == "deflate" and image.dtype.kind == "u":
            tags[317] = 2
            delta = little.copy()
            delta[:, 1:] -= little[:, :-1]
            little = delta
        rows = little.view(np.uint8).reshape(height, -1)
    per_strip = max(1, (256 << 10) // max(1, rows.shape[1]))
    tags[278] = min(per_strip, height)
    strips = [rows[y : y + per_strip].tobytes() for y in range(0, height, per_strip)]
    if compression == "deflate":
        strips = [zlib.compress(strip, 3) for strip in strips]
    return assemble(tags, strips)
