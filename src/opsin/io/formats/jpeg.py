"""JPEG: marker walk, decoding, encoding."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from opsin.errors import DecodeError
from opsin.io.exif import orientation_of
from opsin.io.facts import Array, Note, Pixels
from opsin.io.formats._pillow import decode_with, to_bytes
from opsin.io.headers import Header
from opsin.io.limits import Limits

_REFUSED = {
    0xC3: "lossless JPEG (SOF3)",
    0xC5: "hierarchical JPEG (SOF5)",
    0xC6: "hierarchical JPEG (SOF6)",
    0xC7: "hierarchical JPEG (SOF7)",
    0xC9: "JPEG with arithmetic coding (SOF9)",
    0xCA: "JPEG with arithmetic coding (SOF10)",
    0xCB: "lossless JPEG with arithmetic coding (SOF11)",
    0xCD: "hierarchical JPEG (SOF13)",
    0xCE: "hierarchical JPEG (SOF14)",
    0xCF: "hierarchical JPEG (SOF15)",
    0xF7: "JPEG-LS",
}
_DECODED = {0xC0, 0xC1, 0xC2}
_BARE = {0x01, *range(0xD0, 0xD8)}
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")


def _u16(data: bytes, at: int) -> int:
    if at + 2 > len(data):
        raise DecodeError("truncated", "the JPEG header ends early.")
    return data[at] << 8 | data[at + 1]


def _marker(data: bytes, at: int) -> int:
    """Find the next marker from `at` on as libjpeg does: skip what is none; return the position of its code byte."""
    while True:
        at = data.find(b"\xff", at)
        if at < 0:
            raise DecodeError("truncated", "the JPEG ends before its first scan.")
        while at < len(data) and data[at] == 0xFF:
            at += 1
        if at >= len(data):
            raise DecodeError("truncated", "the JPEG ends before its first scan.")
        if data[at]:
            return at
        at += 1


def walk(data: bytes, limits: Limits) -> Header:
    """Read markers up to the first scan, count the scans, and find the end."""
    at, frame = 2, None
    jfif, adobe = False, None
    exif: bytes | None = None
    chunks: dict[int, bytes] = {}
    chunk_total, kept = 0, 0
    notes: list[Note] = []
    while True:
        at = _marker(data, at)
        code = data[at]
        at += 1
        if code in _BARE:
            continue
        if code == 0xD8 or code == 0xD9:
            raise DecodeError("corrupt", "the JPEG holds no picture before its end marker.")
        length = _u16(data, at)
        if length < 2:
            raise DecodeError("corrupt", f"a JPEG segment claims {length} bytes.")
        body = at + 2
        end = at + length
        if code in _REFUSED:
            raise DecodeError("unsupported", f"{_REFUSED[code]} is not decoded. Convert it to baseline JPEG or PNG.")
        if end > len(data):
            raise DecodeError("truncated", "the JPEG header ends early.")
        if code in _DECODED:
            if frame is not None:
                raise DecodeError("corrupt", "the JPEG holds two frame headers.")
            frame = _frame(data, code, body, end, limits)
        elif code == 0xE0 and data[body : body + 5] == b"JFIF\x00":
            jfif = True
        elif code == 0xEE and length >= 14 and data[body : body + 5] == b"Adobe":
            adobe = data[body + 11]
        elif code == 0xE1 and exif is None and data[body : body + 6] == b"Exif\x00\x00":
            exif = data[body:end]
        elif code == 0xE2 and length >= 16 and data[body : body + 12] == b"ICC_PROFILE\x00":
            kept += length
            if kept <= limits.metadata_bytes:
                chunks[data[body + 12]] = data[body + 14 : end]
            chunk_total = data[body + 13]
        elif code == 0xDA:
            break
        at = end
    if frame is None:
        raise DecodeError("corrupt", "the JPEG has no frame header before its first scan.")
    kind, height, width, identifiers, sampling = frame
    scans, finish = _scans(data, at, kind, len(identifiers), limits)
    orientation = 1
    if exif is not None:
        try:
            orientation = orientation_of(exif)
        except ValueError as error:
            notes.append(Note("bad_exif", f"{error}; the picture is taken as upright."))
    icc = _join_profile(chunks, chunk_total, kept > limits.metadata_bytes, notes)
    model = _model(identifiers, jfif, adobe)
    return Header(
        "JPEG",
        width,
        height,
        f"{model} 8",
        8,
        1 if model == "gray" else 3,
        orientation=orientation,
        icc=icc,
        scans=scans,
        notes=notes,
        details={"sof": kind, "model": model, "adobe": adobe, "end": finish, "sampling": sampling},
    )


def _frame(
    data: bytes, code: int, body: int, end: int, limits: Limits
) -> tuple[int, int, int, tuple[int, ...], tuple[tuple[int, int], ...]]:
    if end - body < 6:
        raise DecodeError("corrupt", "the JPEG frame header is too short.")
    precision, height, width, count = data[body], _u16(data, body + 1), _u16(data, body + 3), data[body + 5]
    if precision != 8:
        raise DecodeError("unsupported", f"{precision}-bit JPEG is not decoded. Convert it to PNG or TIFF of 16 bits.")
    if height == 0:
        raise DecodeError("unsupported", "a JPEG that tells its height only after its first scan is not decoded.")
    if count not in (1, 3, 4):
        raise DecodeError("unsupported", f"a JPEG of {count} channels is not decoded.")
    if end - body != 6 + 3 * count:
        raise DecodeError("corrupt", "the JPEG frame header has the wrong length.")
    limits.check_size(width, height, 1 if count == 1 else 3)
    identifiers = tuple(data[body + 6 + 3 * i] for i in range(count))
    packed = [data[body + 7 + 3 * i] for i in range(count)]
    return code, height, width, identifiers, tuple((value >> 4, value & 15) for value in packed)


def _scans(data: bytes, header_end: int, kind: int, components: int, limits: Limits) -> tuple[int, int]:
    """Count the scans and find the end marker. `header_end` is where the first scan's length stands."""
    in_scan = data[header_end + 2]
    if kind != 0xC2 and in_scan == components:  # one scan, which no FF D9 can occur in: look for the end at once
        finish = data.find(b"\xff\xd9", header_end)
        if finish < 0:
            raise DecodeError("truncated", "the JPEG has no end marker: the file was cut.")
        return 1, finish + 2
    scans, at = 1, header_end + _u16(data, header_end)
    while True:
        found = _NEXT_MARKER.search(data, at)
        if found is None:
            raise DecodeError("truncated", "the JPEG has no end marker: the file was cut.")
        at = found.end()
        code = data[at - 1]
        if code == 0xD9:
            return scans, at
        if code == 0xDA:
            scans += 1
            limits.check_count("scans", scans, limits.scans)
        if code not in _BARE:
            at += _u16(data, at)


def _join_profile(chunks: dict[int, bytes], total: int, dropped: bool, notes: list[Note]) -> bytes | None:
    if dropped:
        notes.append(Note("metadata_dropped", "the colour profile is over the metadata limit and was left out."))
        return None
    if not chunks:
        return None
    if sorted(chunks) != list(range(1, total + 1)):
        notes.append(Note("bad_icc", f"the colour profile has {len(chunks)} of its {total} parts and was left out."))
        return None
    return b"".join(chunks[index] for index in sorted(chunks))


def _model(identifiers: tuple[int, ...], jfif: bool, adobe: int | None) -> str:
    """Say what the channels mean, by the rules of libjpeg."""
    if len(identifiers) == 1:
        return "gray"
    if len(identifiers) == 3:
        if jfif:
            return "YCbCr"
        if adobe is not None:
            return "RGB" if adobe == 0 else "YCbCr"
        return "RGB" if identifiers == (82, 71, 66) else "YCbCr"
    return "YCCK" if adobe == 2 else "CMYK"


def pixels(data: bytes, header: Header, limits: Limits) -> Pixels:
    """Decode with the first codec that takes the file."""
    for codec in CODECS:
        made = codec(data, header, limits)
        if made is not None:
            return made
    raise DecodeError("unsupported", f"a JPEG of {header.mode} is not decoded.")


def _by_core(data: bytes, header: Header, limits: Limits) -> Pixels | None:
    """Gray and YCbCr by the compiled core: the bits of libjpeg-turbo, but a damaged scan is an error.

    libjpeg fills what is missing with gray and says nothing; the core reads every code, and refuses.
    """
    if header.details["model"] not in ("gray", "YCbCr"):
        return None
    from opsin.kernels import native

    if not native.available():
        return None
    try:
        image = native.decode_jpeg(data, max_pixels=limits.pixels)
    except DecodeError as error:
        if error.kind == "unsupported" or not _core_reads_header(native, data, limits):
            return None
        raise DecodeError(error.kind, f"the JPEG is damaged: {error.message}.") from error
    return Pixels(image, "gray" if image.ndim == 2 else "rgb")


def _core_reads_header(native: Any, data: bytes, limits: Limits) -> bool:
    """Say whether the damage is in the scan: a header that only the core stumbles over is libjpeg's to judge."""
    try:
        native.jpeg_info(data, max_pixels=limits.pixels)
    except DecodeError:
        return False
    return True


def _by_pillow(data: bytes, header: Header, limits: Limits) -> Pixels:
    """Everything else by libjpeg-turbo. Four channels come as ink, 255 = full: they are stored inverted."""
    model = header.details["model"]
    size = (header.width, header.height)
    if model == "gray":
        return Pixels(decode_with("jpeg", "L", size, data, "L", ""), "gray")
    if model in ("YCbCr", "RGB"):
        return Pixels(decode_with("jpeg", "RGB", size, data, "RGB", ""), "rgb")
    return Pixels(decode_with("jpeg", "CMYK", size, data, "CMYK;I", ""), "cmyk")


# Tried in this order; a codec returns None for what it does not take.
CODECS: tuple[Callable[[bytes, Header, Limits], Pixels | None], ...] = (_by_core, _by_pillow)


def strip_pixels(data: bytes, header: Header, coded: str) -> Array:
    """Decode a strip of a TIFF, whose directory says how the channels are coded; CMYK comes as ink, not inverted."""
    mode = {1: "L", 3: "RGB", 4: "CMYK"}[len(header.details["sampling"])]
    return decode_with("jpeg", mode, (header.width, header.height), data, mode, coded)


def pack(image: Array, *, quality: int = 95, subsampling: str = "4:2:0", progressive: bool = False) -> bytes:
    """Encode H W or H W 3 uint8."""
    options: dict[str, Any] = {"quality": quality, "progressive": progressive, "optimize": progressive}
    if image.ndim == 3:
        options["subsampling"] = {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}[subsampling]
    return to_bytes(np.ascontiguousarray(image), "JPEG", **options)
