"""PNG: chunk walk with check sums, decoding of 1 to 16 bits."""

from __future__ import annotations

import re
import struct
import zlib
from typing import Any

import numpy as np

from opsin.errors import DecodeError
from opsin.io.exif import orientation_of
from opsin.io.facts import Array, Note, Pixels, scale_to_full
from opsin.io.formats._pillow import decode_with
from opsin.io.headers import Header
from opsin.io.limits import Limits

_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_NAMES = {0: "gray", 2: "RGB", 3: "palette", 4: "gray+alpha", 6: "RGBA"}
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_KNOWN = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}


def walk(data: bytes, limits: Limits) -> Header:
    """Read every chunk, check the check sums, and note where the pixel data lies."""
    if data[12:16] == b"CgBI":
        raise DecodeError("unsupported", "Apple's PNG variant (CgBI) is not decoded. Convert it with pngcrush first.")
    if data[8:16] != b"\x00\x00\x00\rIHDR":
        raise DecodeError("corrupt" if len(data) >= 16 else "truncated", "the PNG does not begin with its header.")
    width, height, depth, color, compression, filters, interlace = struct.unpack_from(">IIBBBBB", data, 16)
    if color not in _DEPTHS or depth not in _DEPTHS[color]:
        raise DecodeError("corrupt", f"the PNG claims color type {color} with {depth} bits, which does not exist.")
    if compression or filters or interlace > 1:
        raise DecodeError("corrupt", "the PNG claims a compression, filter or interlace method that does not exist.")
    out_channels = 1 if color == 0 else 3 if color in (2, 3) else 4
    limits.check_size(width, height, out_channels * (2 if depth == 16 else 1))

    found: dict[str, Any] = {"color": color, "depth": depth, "interlace": interlace}
    notes: list[Note] = []
    spans, complete = _chunks(data, found, notes, limits)
    if not spans:
        raise DecodeError("corrupt" if complete else "truncated", "the PNG holds no pixel data.")
    if not complete:
        notes.append(Note("no_end_marker", "the PNG has no end chunk; its pixels are all there."))
    if color == 3 and "PLTE" not in found:
        raise DecodeError("corrupt", "the PNG has no palette.")
    found["spans"], found["complete"] = spans, complete
    alpha = color in (4, 6) or ("tRNS" in found and color in (0, 2, 3))
    return Header(
        "PNG",
        width,
        height,
        f"{_NAMES[color]} {depth}" + (" + tRNS" if alpha and color < 4 else ""),
        depth,
        4 if alpha else out_channels,
        frames=found.get("frames", 1),
        orientation=found.get("orientation", 1),
        icc=found.get("icc"),
        notes=notes,
        details=found,
    )


def _chunks(
    data: bytes, found: dict[str, Any], notes: list[Note], limits: Limits
) -> tuple[list[tuple[int, int]], bool]:
    """Walk all chunks. Returns the spans of the first run of IDAT, and whether the file reaches its end."""
    spans: list[tuple[int, int]] = []
    at, last, run_over = 8, b"", False
    view = memoryview(data)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, body, end = data[at + 4 : at + 8], at + 8, at + 8 + length
        if length > 0x7FFFFFFF:
            raise DecodeError("corrupt", "a PNG chunk claims an impossible length.")
        if end + 4 > len(data):
            break
        sound = zlib.crc32(view[at + 4 : end]) == struct.unpack_from(">I", data, end)[0]
        if not sound:
            if kind in _KNOWN or kind == b"tRNS":
                raise DecodeError("corrupt", f"the check sum of the PNG's {kind.decode('latin-1')} chunk is wrong.")
            notes.append(Note("bad_checksum", f"the check sum of the chunk {kind!r} is wrong; it was left out."))
        run_over = run_over or (last == b"IDAT" and kind != b"IDAT")
        if kind == b"IDAT":
            if not run_over:
                spans.append((body, end))
        elif kind == b"IEND":
            return spans, True
        elif sound:
            _note_chunk(kind, data[body:end], found, notes, limits, bool(spans))
        at, last = end + 4, kind
    if not spans or (data[at + 4 : at + 8] == b"IDAT" and last == b"IDAT"):
        raise DecodeError("truncated", "the PNG was cut before the end of its pixel data.")
    return spans, False


def _note_chunk(
    kind: bytes, body: bytes, found: dict[str, Any], notes: list[Note], limits: Limits, after_pixels: bool
) -> None:
    if kind == b"PLTE":
        if len(body) % 3 or not 3 <= len(body) <= 768:
            raise DecodeError("corrupt", f"the PNG's palette is {len(body)} bytes long.")
        found["PLTE"] = np.frombuffer(body, np.uint8).reshape(-1, 3)
    elif kind == b"tRNS" and not after_pixels:
        found["tRNS"] = body
    elif kind == b"fcTL":
        found["frames"] = found.get("frames", 0) + 1
        limits.check_count("frames", found["frames"], limits.frames)
        if found["frames"] == 2:
            notes.append(Note("first_frame_only", "the PNG is animated; its default picture is decoded."))
    elif kind == b"eXIf":
        _orientation(body, found, notes)
    elif kind in (b"zTXt", b"tEXt") and body.startswith((b"Raw profile type exif\x00", b"Raw profile type APP1\x00")):
        if "orientation" not in found:
            _orientation(_raw_profile(kind, body, limits), found, notes)
    elif kind == b"iCCP" and not after_pixels:
        head, _, packed = body.partition(b"\x00")
        profile = _inflate(packed[1:], limits.metadata_bytes) if 1 <= len(head) <= 79 else None
        if profile is None:
            notes.append(Note("bad_icc", "the colour profile is damaged or over the metadata limit; it was left out."))
        else:
            found["icc"] = profile
    elif not kind[:1].islower() and kind not in _KNOWN:
        if not kind.isalpha():
            raise DecodeError("corrupt", f"the PNG holds a chunk named {kind!r}.")
        raise DecodeError("unsupported", f"the PNG needs its chunk {kind.decode('ascii')}, which is not known here.")


def _inflate(packed: bytes, limit: int) -> bytes | None:
    try:
        machine = zlib.decompressobj()
        out = machine.decompress(packed, limit)
    except zlib.error:
        return None
    return out if machine.eof else None


def _raw_profile(kind: bytes, body: bytes, limits: Limits) -> bytes:
    """Unpack the hexadecimal EXIF block that ImageMagick writes."""
    text: bytes | None = body.partition(b"\x00")[2]
    if kind == b"zTXt" and text is not None:
        text = _inflate(text[1:], limits.metadata_bytes)
    lines = (text or b"").split(b"\n", 3)
    try:
        return bytes.fromhex(re.sub(rb"\s", b"", lines[3]).decode("ascii"))
    except (IndexError, ValueError):
        return b""


def _orientation(blob: bytes, found: dict[str, Any], notes: list[Note]) -> None:
    try:
        found["orientation"] = orientation_of(blob)
    except ValueError as error:
        notes.append(Note("bad_exif", f"{error}; the picture is taken as upright."))


def pixels(data: bytes, header: Header, limits: Limits) -> Pixels:
    """Decode to H W, H W 3 or H W 4; below 8 bits is spread to 0..255, 16 bits stay 16 bits."""
    found, size = header.details, (header.width, header.height)
    color, depth, interlace = found["color"], found["depth"], found["interlace"]
    spans: list[tuple[int, int]] = found["spans"]
    stream = data[spans[0][0] : spans[0][1]] if len(spans) == 1 else b"".join(data[a:b] for a, b in spans)

    def run(mode: str, raw: str) -> Array:
        try:
            return decode_with("zip", mode, size, stream, raw, interlace)
        except ValueError as error:
            if "not enough" in str(error) or not found["complete"]:
                message = "the PNG's pixel data ends early."
                raise DecodeError("corrupt" if found["complete"] else "truncated", message) from error
            raise DecodeError("corrupt", "the PNG's pixel data is damaged.") from error

    if depth < 8:
        indices = run("P", f"P;{depth}" if depth > 1 else "P;1")
    elif color in (0, 3):
        indices = _words(run("LA", "LA")) if depth == 16 else run("L", "L")
    if found.get("labels") and color in (0, 3):
        return Pixels(indices, "gray")
    if color == 3:
        return Pixels(_look_up(indices, found["PLTE"], found.get("tRNS")), "rgb")
    if color == 0:
        gray = scale_to_full(indices, (1 << depth) - 1)
        if "tRNS" not in found:
            return Pixels(gray, "gray")
        return Pixels(_keyed(np.repeat(gray[..., None], 3, axis=2), indices[..., None], found["tRNS"], depth), "rgb")
    if color == 4:
        both = _words(run("RGBA", "RGBA")) if depth == 16 else run("LA", "LA")
        return Pixels(both[..., [0, 0, 0, 1]], "rgb")
    mode = "RGB" if color == 2 else "RGBA"
    if depth == 16:  # Pillow keeps one byte of two; asked for each in turn, it gives both
        image = run(mode, f"{mode};16B").astype(np.uint16)
        image <<= 8
        image |= run(mode, f"{mode};16L")
    else:
        image = run(mode, mode)
    if color == 2 and "tRNS" in found:
        image = _keyed(image, image, found["tRNS"], depth)
    return Pixels(image, "rgb")


def _words(pairs: Array) -> Array:
    """Join pairs of bytes, high first, into 16-bit values: H W 2 -> H W, H W 4 -> H W 2."""
    words = pairs.view(">u2").astype(np.uint16)
    return words[..., 0] if words.shape[2] == 1 else words


def _look_up(indices: Array, palette: Array, alpha: bytes | None) -> Array:
    if int(indices.max()) >= len(palette):
        raise DecodeError("corrupt", f"a pixel points past the end of the palette of {len(palette)} colors.")
    if alpha is None:
        return palette[indices]
    table = np.full((len(palette), 4), 255, np.uint8)
    table[:, :3] = palette
    opacity = np.frombuffer(alpha[: len(palette)], np.uint8)
    table[: len(opacity), 3] = opacity
    return table[indices]


def _keyed(image: Array, stored: Array, key: bytes, depth: int) -> Array:
    """Add alpha: 0 where the stored value equals the key of the tRNS chunk, full elsewhere."""
    count = stored.shape[2]
    if len(key) < 2 * count:
        raise DecodeError("corrupt", "the PNG's tRNS chunk is too short.")
    values = np.array(struct.unpack_from(f">{count}H", key)) & ((1 << depth) - 1)
    full = 65535 if image.dtype == np.uint16 else 255
    alpha = np.where((stored == values).all(axis=2), 0, full).astype(image.dtype)
    return np.concatenate([image, alpha[..., None]], axis=2)
