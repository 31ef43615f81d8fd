"""PNM: PBM, PGM, PPM in text and binary, PAM, and PFM with floats."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from opsin.errors import DecodeError
from opsin.io.facts import Array, Note, Pixels, Space, scale_to_full
from opsin.io.headers import Header
from opsin.io.limits import Limits

_TOKEN = re.compile(rb"(?:[ \t\r\n\v\f]|#[^\r\n]*[\r\n])*([^ \t\r\n\v\f#]+)")
_HEAD_BYTES = 64 << 10


def _tokens(data: bytes, count: int) -> tuple[list[bytes], int]:
    at, found = 2, []
    for _ in range(count):
        match = _TOKEN.match(data, at, min(len(data), _HEAD_BYTES))
        if match is None or match.end() >= min(len(data), _HEAD_BYTES):
            raise DecodeError("truncated", "the PNM header ends early.")
        found.append(match.group(1))
        at = match.end()
    if data[at : at + 1] == b"#":  # a comment may stand between the last number and the line's end
        line_end = data.find(b"\n", at, at + _HEAD_BYTES)
        if line_end < 0:
            raise DecodeError("truncated", "the PNM header ends early.")
        at = line_end
    if data[at : at + 2] == b"\r\n":
        at += 1
    return found, at + 1


def _number(token: bytes, what: str) -> int:
    if not token.isdigit() or len(token) > 10:
        raise DecodeError("corrupt", f"the PNM header's {what} is {token[:20]!r}, which is no number.")
    return int(token)


def walk(data: bytes, limits: Limits) -> Header:
    """Read the text header and check that the pixels that it promises are there."""
    kind = data[1:2]
    if kind == b"7":
        header, begin = _pam(data)
    elif kind in b"Ff":
        (width, height, scale), begin = _tokens(data, 3)
        try:
            factor = float(scale)
        except ValueError:
            factor = 0.0
        if not 0 < abs(factor) < float("inf"):
            raise DecodeError("corrupt", f"the PFM header's scale is {scale[:20]!r}.")
        channels = 3 if kind == b"F" else 1
        details = {"maximum": 0, "order": "<" if factor < 0 else ">", "float": True}
        header = Header(
            "PNM",
            _number(width, "width"),
            _number(height, "height"),
            f"{'RGB' if channels == 3 else 'gray'} float32",
            32,
            channels,
            details=details,
        )
    else:
        bilevel = kind in b"14"
        numbers, begin = _tokens(data, 2 if bilevel else 3)
        maximum = 1 if bilevel else _number(numbers[2], "maximum")
        if not 1 <= maximum <= 65535:
            raise DecodeError("corrupt", f"the PNM header's maximum is {maximum}.")
        channels = 3 if kind in b"36" else 1
        bits = maximum.bit_length()
        header = Header(
            "PNM",
            _number(numbers[0], "width"),
            _number(numbers[1], "height"),
            f"{'RGB' if channels == 3 else 'gray'} {bits}",
            bits,
            channels,
            details={"maximum": maximum, "float": False},
        )
    header.details.update(kind=kind, begin=begin)
    item = 4 if header.details["float"] else 1 if header.details["maximum"] < 256 else 2
    stored = header.details.get("stored", header.channels)
    limits.check_size(header.width, header.height, max(stored, header.channels) * item)
    if kind in b"123":
        return header
    row = (header.width + 7) // 8 if kind == b"4" else header.width * stored * item
    need = row * header.height
    if begin + need > len(data):
        raise DecodeError("truncated", "the PNM was cut before the end of its pixel data.")
    rest = data[begin + need : begin + need + 3].lstrip()
    if kind in b"456" and rest[:1] == b"P" and rest[1:2] in b"456":
        header.notes.append(Note("first_frame_only", "the PNM holds more than one picture; the first is decoded."))
    header.details["need"] = need
    return header


def _pam(data: bytes) -> tuple[Header, int]:
    end = data.find(b"ENDHDR\n", 0, _HEAD_BYTES)
    if end < 0:
        raise DecodeError("truncated", "the PAM header ends early.")
    fields: dict[str, bytes] = {}
    for line in data[3:end].splitlines():
        word, _, value = line.strip().partition(b" ")
        if word and not word.startswith(b"#"):
            fields[word.decode("latin-1")] = value.strip()
    width, height, depth, maximum = (
        _number(fields.get(name, b""), name) for name in ("WIDTH", "HEIGHT", "DEPTH", "MAXVAL")
    )
    if not 1 <= maximum <= 65535 or not 1 <= depth <= 4096:
        raise DecodeError("corrupt", f"the PAM header claims {depth} channels of maximum {maximum}.")
    kind = fields.get("TUPLTYPE", b"").decode("latin-1")
    alpha = kind.endswith("_ALPHA") or (not kind and depth in (2, 4))
    channels = 4 if alpha and depth == 2 else depth
    details: dict[str, Any] = {"maximum": maximum, "float": False, "stored": depth, "alpha": alpha}
    bits = maximum.bit_length()
    model = {1: "gray", 2: "gray+alpha", 3: "RGB", 4: "RGBA"}.get(depth, f"{depth} channels")
    return Header("PNM", width, height, f"{model} {bits}", bits, channels, details=details), end + 7


def pixels(data: bytes, header: Header, limits: Limits) -> Pixels:
    """Decode; integers are spread to 0..255 or 0..65535, floats are kept as they are."""
    found, width, height = header.details, header.width, header.height
    kind, begin, maximum = found["kind"], found["begin"], found["maximum"]
    if found["float"]:
        order = found["order"]
        flat = np.frombuffer(data, order + "f4", width * height * header.channels, begin)
        shape = (height, width) if header.channels == 1 else (height, width, 3)
        return Pixels(flat.reshape(shape)[::-1].astype(np.float32), "gray" if header.channels == 1 else "rgb")
    if kind == b"4":
        rows = np.frombuffer(data, np.uint8, found["need"], begin).reshape(height, -1)
        return Pixels(np.where(np.unpackbits(rows, axis=1, count=width), 0, 255).astype(np.uint8), "gray")
    stored = found.get("stored", header.channels)
    count = width * height * stored
    if kind in b"123":
        values = _plain(data, begin, count, kind == b"1", maximum)
    else:
        values = np.frombuffer(data, np.uint8 if maximum < 256 else ">u2", count, begin)
    if int(values.max()) > maximum:
        raise DecodeError("corrupt", f"a pixel is {int(values.max())}, above the header's maximum of {maximum}.")
    if found.get("labels") and stored == 1 and kind != b"1":
        return Pixels(values.astype(np.uint8 if maximum < 256 else np.uint16).reshape(height, width), "gray")
    image = scale_to_full(values, maximum)
    if kind == b"1":
        image = 255 - image
    if stored == 1:
        return Pixels(image.reshape(height, width), "gray")
    image = image.reshape(height, width, stored)
    if stored == 2 and found.get("alpha"):
        return Pixels(image[..., [0, 0, 0, 1]], "rgb")
    space: Space = "rgb" if stored == 3 or (stored == 4 and found.get("alpha", False)) else "bands"
    return Pixels(image, space)


def _plain(data: bytes, begin: int, count: int, bilevel: bool, maximum: int) -> Array:
    body = data[begin:]
    if b"#" in body:
        body = re.sub(rb"#[^\r\n]*", b"", body)
    if bilevel:
        digits = np.frombuffer(body, np.uint8)
        values = digits[(digits == 48) | (digits == 49)] - 48
        space = np.isin(digits, np.frombuffer(b" \t\r\n\v\f01", np.uint8))
        if not space.all():
            raise DecodeError("corrupt", "the plain PBM holds something that is neither 0 nor 1.")
    else:
        words = body.split(maxsplit=count)[:count]
        if any(len(word) > 10 or not word.isdigit() for word in words):
            raise DecodeError("corrupt", "the plain PNM holds something that is no number.")
        values = np.array(words, dtype="S10").astype(np.int64) if words else np.zeros(0, np.int64)
        last_ends_the_file = len(words) == count and not body[-1:].isspace() and body.endswith(words[-1])
        if last_ends_the_file and len(words[-1]) < len(str(maximum)) and len(body.split()) == count:
            # `25` may be the first digits of `255`: without white space after it, nobody can know
            raise DecodeError("truncated", "the plain PNM ends inside its last number.")
    if len(values) < count:
        raise DecodeError("truncated", f"the plain PNM holds {len(values)} of {count} values.")
    return values[:count]


def pack(image: Array, *, kind: str = "pnm") -> bytes:
    """Encode as PBM (bool), PGM, PPM, PAM (2, 4 or more channels) or PFM (float32)."""
    height, width = image.shape[:2]
    channels = 1 if image.ndim == 2 else image.shape[2]
    if image.dtype == np.float32:
        flipped = np.ascontiguousarray(image[::-1], dtype="<f4")
        return b"P%s\n%d %d\n-1.0\n" % (b"F" if channels == 3 else b"f", width, height) + flipped.tobytes()
    if image.dtype == np.bool_:
        return b"P4\n%d %d\n" % (width, height) + np.packbits(~image, axis=1).tobytes()
    maximum = 255 if image.dtype == np.uint8 else 65535
    body = np.ascontiguousarray(image, dtype=">u2" if maximum > 255 else np.uint8).tobytes()
    if kind != "pam" and channels in (1, 3):
        return b"P%d\n%d %d\n%d\n" % (5 if channels == 1 else 6, width, height, maximum) + body
    tuple_type = {1: b"GRAYSCALE", 2: b"GRAYSCALE_ALPHA", 3: b"RGB", 4: b"RGB_ALPHA"}.get(channels, b"BANDS")
    head = b"P7\nWIDTH %d\nHEIGHT %d\nDEPTH %d\nMAXVAL %d\nTUPLTYPE %s\nENDHDR\n"
    return head % (width, height, channels, maximum, tuple_type) + body
