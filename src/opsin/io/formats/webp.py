"""WebP: RIFF walk, decoding of the first frame, encoding."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np

from opsin.errors import DecodeError
from opsin.io.exif import orientation_of
from opsin.io.facts import Array, Note, Pixels
from opsin.io.formats._pillow import to_bytes
from opsin.io.headers import Header
from opsin.io.limits import Limits


def walk(data: bytes, limits: Limits) -> Header:
    """Read every RIFF chunk; the file must be as long as it says."""
    (size,) = struct.unpack_from("<I", data, 4)
    if 8 + size > len(data):
        raise DecodeError("truncated", f"the WebP was cut: {8 + size:,} bytes were promised, {len(data):,} are there.")
    end, at = 8 + size, 12
    canvas: tuple[int, int] | None = None
    alpha, animated, frames = False, False, 0
    exif: bytes | None = None
    icc: bytes | None = None
    notes: list[Note] = []
    seen: set[bytes] = set()
    while at + 8 <= end:
        kind = data[at : at + 4]
        (length,) = struct.unpack_from("<I", data, at + 4)
        body = at + 8
        if body + length > end:
            raise DecodeError("truncated", f"the WebP's chunk {kind!r} reaches past the end of the file.")
        if kind == b"VP8X" and canvas is None:
            flags, *bits = struct.unpack_from("<B3x6B", data, body)
            canvas = (1 + bits[0] + (bits[1] << 8) + (bits[2] << 16), 1 + bits[3] + (bits[4] << 8) + (bits[5] << 16))
            alpha, animated = bool(flags & 0x10), bool(flags & 0x02)
            limits.check_size(*canvas, 4)
        elif kind == b"VP8 " and canvas is None:
            if data[body + 3 : body + 6] != b"\x9d\x01\x2a":
                raise DecodeError("corrupt", "the WebP's picture has no start code.")
            width, height = struct.unpack_from("<HH", data, body + 6)
            canvas = (width & 0x3FFF, height & 0x3FFF)
        elif kind == b"VP8L" and canvas is None:
            if data[body] != 0x2F:
                raise DecodeError("corrupt", "the WebP's lossless picture has no signature.")
            (word,) = struct.unpack_from("<I", data, body + 1)
            canvas, alpha = ((word & 0x3FFF) + 1, (word >> 14 & 0x3FFF) + 1), bool(word >> 28 & 1)
        elif kind == b"ANMF":
            frames += 1
            limits.check_count("frames", frames, limits.frames)
        elif kind == b"EXIF" and exif is None:
            exif = data[body : body + length]
        elif kind == b"ICCP" and icc is None:
            if length <= limits.metadata_bytes:
                icc = data[body : body + length]
            else:
                notes.append(Note("metadata_dropped", "the colour profile is over the metadata limit."))
        seen.add(kind)
        at = body + length + (length & 1)
    if canvas is None or not seen & {b"VP8 ", b"VP8L", b"ANMF"}:
        raise DecodeError("corrupt", "the WebP holds no picture.")
    limits.check_size(*canvas, 4 if alpha else 3)
    orientation = 1
    if exif is not None:
        try:
            orientation = orientation_of(exif)
        except ValueError as error:
            notes.append(Note("bad_exif", f"{error}; the picture is taken as upright."))
    if animated and frames > 1:
        notes.append(Note("first_frame_only", f"the WebP holds {frames} frames; the first is decoded."))
    return Header(
        "WEBP",
        *canvas,
        ("RGBA" if alpha else "RGB") + " 8",
        8,
        4 if alpha else 3,
        frames=max(1, frames),
        orientation=orientation,
        icc=icc,
        notes=notes,
        details={"end": end},
    )


def pixels(data: bytes, header: Header, limits: Limits) -> Pixels:
    """Decode to H W 3 or H W 4."""
    from PIL.WebPImagePlugin import WebPImageFile

    with WebPImageFile(io.BytesIO(data)) as picture:
        if picture.size != (header.width, header.height):
            raise DecodeError("corrupt", "the WebP's canvas and its picture differ in size.")
        picture.load()
        image = np.array(picture)
    return Pixels(image, "rgb")


def pack(image: Array, *, quality: int = 90, lossless: bool = False, effort: int = 4) -> bytes:
    """Encode H W, H W 3 or H W 4 uint8. Lossless keeps every pixel, also under alpha 0."""
    options: dict[str, Any] = {"quality": quality, "method": effort, "lossless": lossless, "exact": lossless}
    return to_bytes(np.ascontiguousarray(image), "WEBP", **options)
