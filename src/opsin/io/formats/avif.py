"""AVIF: box walk, decoding by Pillow's libavif, encoding."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from opsin.errors import DecodeError
from opsin.io.facts import Array, Note, Pixels
from opsin.io.formats._pillow import to_bytes
from opsin.io.headers import Header
from opsin.io.limits import Limits

# (quarter turns counter-clockwise, mirror axis) -> EXIF orientation; the turn comes first, then the mirror
_TURNS = {
    (0, None): 1,
    (1, None): 8,
    (2, None): 3,
    (3, None): 6,
    (0, 0): 4,
    (0, 1): 2,
    (1, 0): 5,
    (1, 1): 7,
    (2, 0): 2,
    (2, 1): 4,
    (3, 0): 7,
    (3, 1): 5,
}


def _boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield type, begin and end of the body of every box in a range."""
    while at + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, at)
        begin = at + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, begin)
            begin += 8
        elif size == 0:
            size = end - at
        if size < begin - at:
            raise DecodeError("corrupt", f"the AVIF's box {kind!r} claims {size} bytes.")
        if at + size > end:
            raise DecodeError("truncated", f"the AVIF's box {kind!r} reaches past its end: the file was cut.")
        yield kind, begin, at + size
        at += size
    if at != end:
        raise DecodeError("truncated", "the AVIF ends inside a box header.")


def walk(data: bytes, limits: Limits) -> Header:
    """Find the size, depth, profile and turn of the primary picture."""
    meta: tuple[int, int] | None = None
    sequence = False
    for kind, begin, end in _boxes(data, 0, len(data)):
        if kind == b"meta" and meta is None:
            meta = (begin + 4, end)
        sequence = sequence or kind == b"moov"
    if meta is None:
        raise DecodeError("unsupported", "an AVIF without a still picture is not decoded.")
    inner = {kind: (begin, end) for kind, begin, end in _boxes(data, *meta)}
    if b"iprp" not in inner or b"pitm" not in inner:
        raise DecodeError("corrupt", "the AVIF does not say which picture is its main one.")
    at = inner[b"pitm"][0]
    primary = struct.unpack_from(">I" if data[at] else ">H", data, at + 4)[0]
    properties, width, height = _properties(data, inner[b"iprp"], primary), 0, 0
    angle, mirror, bits, alpha_hint = 0, None, 8, False
    icc: bytes | None = None
    notes: list[Note] = []
    for kind, begin, end in properties:
        if kind == b"ispe":
            width, height = struct.unpack_from(">II", data, begin + 4)
        elif kind == b"irot":
            angle = data[begin] & 3
        elif kind == b"imir":
            mirror = data[begin] & 1
        elif kind == b"av1C":
            bits = 8 if not data[begin + 2] & 0x40 else 12 if data[begin + 2] & 0x20 else 10
        elif kind == b"colr" and data[begin : begin + 4] in (b"prof", b"rICC"):
            if end - begin <= limits.metadata_bytes:
                icc = data[begin + 4 : end]
            else:
                notes.append(Note("metadata_dropped", "the colour profile is over the metadata limit."))
        elif kind == b"clap":
            notes.append(Note("crop_ignored", "the AVIF asks for a crop (clap), which is not applied."))
    alpha_hint = any(
        b"auxid:1" in data[begin:end] or b"auxiliary:alpha" in data[begin:end]
        for kind, begin, end in _all_properties(data, inner[b"iprp"])
        if kind == b"auxC"
    )
    limits.check_size(width, height, 4 if alpha_hint else 3)
    if sequence:
        notes.append(Note("first_frame_only", "the AVIF holds a sequence; its first picture is decoded."))
    if bits > 8:
        notes.append(Note("precision", f"{bits} bits are reduced to 8."))
    return Header(
        "AVIF",
        width,
        height,
        f"{'RGBA' if alpha_hint else 'RGB'} {bits}",
        bits,
        4 if alpha_hint else 3,
        orientation=_TURNS[(angle, mirror)],
        icc=icc,
        notes=notes,
    )


def _all_properties(data: bytes, span: tuple[int, int]) -> list[tuple[bytes, int, int]]:
    for kind, begin, end in _boxes(data, *span):
        if kind == b"ipco":
            return list(_boxes(data, begin, end))
    raise DecodeError("corrupt", "the AVIF has no property list.")


def _properties(data: bytes, span: tuple[int, int], primary: int) -> list[tuple[bytes, int, int]]:
    listed = _all_properties(data, span)
    for kind, begin, _end in _boxes(data, *span):
        if kind != b"ipma":
            continue
        version, flags = data[begin], data[begin + 3]
        (entries,) = struct.unpack_from(">I", data, begin + 4)
        at = begin + 8
        for _ in range(min(entries, 65536)):
            (item,) = struct.unpack_from(">I" if version else ">H", data, at)
            at += 4 if version else 2
            count = data[at]
            at += 1
            indices = struct.unpack_from(f">{count}{'H' if flags & 1 else 'B'}", data, at)
            at += count * (2 if flags & 1 else 1)
            if item == primary:
                mask = 0x7FFF if flags & 1 else 0x7F
                return [listed[(i & mask) - 1] for i in indices if 0 < (i & mask) <= len(listed)]
    raise DecodeError("corrupt", "the AVIF's main picture has no properties.")


def pixels(data: bytes, header: Header, limits: Limits) -> Pixels:
    """Decode to H W 3 or H W 4, 8 bits."""
    from PIL import features
    from PIL.AvifImagePlugin import AvifImageFile

    if not features.check("avif"):
        raise DecodeError("unsupported", "this build of Pillow has no AVIF decoder. Install Pillow 11.3 or later.")
    with AvifImageFile(io.BytesIO(data)) as picture:
        if picture.size != (header.width, header.height):
            raise DecodeError("corrupt", "the AVIF's header and its picture differ in size.")
        picture.load()
        image = np.array(picture)
    return Pixels(image, "rgb" if image.ndim == 3 else "gray")


def pack(image: Array, *, quality: int = 90, speed: int = 6, subsampling: str = "4:4:4") -> bytes:
    """Encode H W, H W 3 or H W 4 uint8. One thread, so that the bytes do not depend on the machine."""
    options: dict[str, Any] = {"quality": quality, "speed": speed, "subsampling": subsampling, "max_threads": 1}
    if image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=2)
    return to_bytes(np.ascontiguousarray(image), "AVIF", **options)
