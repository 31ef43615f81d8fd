"""GIF: block walk, decoding of the first frame onto its canvas, encoding of a still."""

from __future__ import annotations

import io
import struct

import numpy as np

from opsin.errors import DecodeError
from opsin.io.facts import Array, Note, Pixels, is_gray
from opsin.io.formats._pillow import decode_with, to_bytes
from opsin.io.headers import Header
from opsin.io.limits import Limits


def _sub_blocks(data: bytes, at: int) -> int:
    """Skip a chain of sub-blocks; return where it ends."""
    end = len(data)
    while True:
        if at >= end:
            raise DecodeError("truncated", "the GIF was cut.")
        length = data[at]
        at += 1 + length
        if not length:
            return at


def walk(data: bytes, limits: Limits) -> Header:
    """Read blocks up to the end, counting frames; only the first frame must be whole."""
    width, height, flags, _background, _aspect = struct.unpack_from("<HHBBB", data, 6)
    limits.check_size(width, height, 4)
    at = 13
    palette = None
    if flags & 0x80:
        size = 3 << ((flags & 7) + 1)
        palette = data[at : at + size]
        at += size
    notes: list[Note] = []
    frames, transparent, first = 0, None, None
    while True:
        try:
            code = data[at]
            if code == 0x3B:
                break
            if code == 0x21:
                if first is None and data[at + 1] == 0xF9 and data[at + 2] >= 4:
                    transparent = data[at + 6] if data[at + 3] & 1 else None
                at = _sub_blocks(data, at + 2)
            elif code == 0x2C:
                frame, at = _frame(data, at, palette)
                first = first or frame
                frames += 1
                limits.check_count("frames", frames, limits.frames)
            elif code == 0 and first is not None:
                at += 1
            else:
                raise DecodeError("corrupt", f"the GIF holds a block of unknown type {code:#04x}.")
        except (IndexError, struct.error, DecodeError) as error:
            if first is None or (isinstance(error, DecodeError) and error.kind == "too_large"):
                if isinstance(error, DecodeError):
                    raise
                raise DecodeError("truncated", "the GIF was cut before the end of its first frame.") from error
            notes.append(Note("no_end_marker", "the GIF is damaged after its first frame, which is whole."))
            break
    if first is None:
        raise DecodeError("corrupt", "the GIF holds no frame.")
    if frames > 1:
        notes.append(Note("first_frame_only", f"the GIF holds {frames} frames; the first is decoded."))
    left, top, frame_width, frame_height, _interlaced, colors, _bits, _begin, _end = first
    width, height = max(width, left + frame_width), max(height, top + frame_height)
    limits.check_size(width, height, 4)
    limits.check_size(frame_width, frame_height)
    if colors is None:
        raise DecodeError("unsupported", "the GIF has no palette, so its colors are not defined.")
    alpha = transparent is not None or (frame_width, frame_height) != (width, height)
    return Header(
        "GIF",
        width,
        height,
        "palette 8" + (" + transparent" if transparent is not None else ""),
        8,
        4 if alpha else 1 if is_gray(np.frombuffer(colors, np.uint8).reshape(-1, 3)) else 3,
        frames=frames,
        notes=notes,
        details={"frame": first, "transparent": transparent},
    )


_Frame = tuple[int, int, int, int, int, bytes | None, int, int, int]


def _frame(data: bytes, at: int, palette: bytes | None) -> tuple[_Frame, int]:
    left, top, width, height, flags = struct.unpack_from("<HHHHB", data, at + 1)
    at += 10
    if flags & 0x80:
        size = 3 << ((flags & 7) + 1)
        palette = data[at : at + size]
        if len(palette) < size:
            raise DecodeError("truncated", "the GIF was cut.")
        at += size
    bits = data[at]
    begin = at + 1
    end = _sub_blocks(data, begin)
    return (left, top, width, height, int(bool(flags & 0x40)), palette, bits, begin, end), end


def pixels(data: bytes, header: Header, limits: Limits) -> Pixels:
    """Decode the first frame onto the canvas: what it leaves uncovered is transparent, as browsers show it."""
    left, top, width, height, interlaced, colors, bits, begin, end = header.details["frame"]
    transparent: int | None = header.details["transparent"]
    if not 1 <= bits <= 11:
        raise DecodeError("corrupt", f"the GIF claims codes of {bits} bits.")
    try:
        indices = decode_with("gif", "L", (width, height), data[begin:end], bits, interlaced, -1)
    except ValueError as error:
        raise DecodeError("corrupt", "the GIF's pixel data ends early or is damaged.") from error
    if header.details.get("labels"):
        canvas = np.zeros((header.height, header.width), np.uint8)
        canvas[top : top + height, left : left + width] = indices
        return Pixels(canvas, "gray")
    palette = np.frombuffer(colors, np.uint8).reshape(-1, 3)
    shown = indices if transparent is None else indices[indices != transparent]
    if shown.size and int(shown.max()) >= len(palette):
        raise DecodeError("corrupt", f"a pixel points past the end of the palette of {len(palette)} colors.")
    if header.channels < 4:
        return Pixels(
            (palette[:, 0] if header.channels == 1 else palette)[indices], "gray" if header.channels == 1 else "rgb"
        )
    table = np.zeros((256, 4), np.uint8)
    table[: len(palette), :3], table[:, 3] = palette, 255
    if transparent is not None:
        table[transparent, 3] = 0
    canvas = np.zeros((header.height, header.width, 4), np.uint8)
    canvas[top : top + height, left : left + width] = table[indices]
    return Pixels(canvas, "rgb")


def pack(image: Array) -> bytes:
    """Encode H W uint8, or H W 3 with at most 256 different colors, exactly."""
    if image.ndim == 2:
        return to_bytes(np.ascontiguousarray(image), "GIF")
    from PIL import Image

    flat = image.reshape(-1, 3).astype(np.uint32)
    keys = flat[:, 0] << 16 | flat[:, 1] << 8 | flat[:, 2]
    colors, indices = np.unique(keys, return_inverse=True)
    table = np.stack([colors >> 16, colors >> 8 & 255, colors & 255], axis=1).astype(np.uint8)
    picture = Image.fromarray(indices.reshape(image.shape[:2]).astype(np.uint8))
    picture.putpalette(table.tobytes())
    out = io.BytesIO()
    picture.save(out, "GIF", optimize=False)
    return out.getvalue()
