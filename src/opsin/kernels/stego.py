"""Bits in the last place of pixels, in an order that a key decides, in a container that knows its length and checksum.

Hiding is not encrypting: whoever has the key, or guesses it, reads the message; whoever has not sees noise in the
last bits, and with statistics may see that there is something.
"""

from __future__ import annotations

import hashlib
import os.path
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin.errors import ParamError, refusal, verbatim

__all__ = ["HEADER", "LOSSLESS", "capacity", "embed", "extract", "places", "refuse_lossy"]

Words = NDArray[np.uint64]

_MAGIC = b"Opsn"
_VERSION = 1
_FORM = struct.Struct("<4sBBHQ8s")
HEADER = _FORM.size  # 24 bytes: magic, version, kind, nothing, length, checksum
_ROUNDS = 6

LOSSLESS = (".png", ".tif", ".tiff", ".bmp", ".ppm", ".pgm", ".pnm", ".npy")
"""Files that keep every bit; WebP does too where it is told to."""


def refuse_lossy(path: Any, *, lossless: bool = False) -> None:
    """Refuse to write a picture that holds a message to a file that would lose it.

    Args:
        path: where the picture is to go; only its ending is looked at.
        lossless: whether the writer was told to keep every bit (WebP, AVIF, JPEG XL).

    Raises:
        ParamError: the format changes pixels.
    """
    name = os.path.basename(str(path))
    ending = os.path.splitext(name)[1].lower()
    if ending in LOSSLESS or (ending in (".webp", ".avif", ".jxl") and lossless):
        return
    form = ".png, .tif, .bmp, or .webp with lossless=True"
    why = "This format changes the last bits of pixels, and the message is in them."
    raise ParamError(refusal("hide", "output", form, verbatim(f"'{name}'"), why))


def _keys(key: str | None) -> list[int]:
    text = b"opsin hide\0" + (key or "").encode("utf-8", "surrogatepass")
    return [
        int.from_bytes(hashlib.blake2b(text, digest_size=8, salt=bytes([i])).digest(), "little") for i in range(_ROUNDS)
    ]


def places(count: int, total: int, key: str | None, start: int = 0) -> NDArray[np.intp]:
    """The places number start .. start + count - 1 of a keyed order of 0 .. total - 1.

    A Feistel network permutes the numbers of the next even power of 2; what falls outside is permuted again until it
    is inside. So any part of the order is known without the rest.

    Source:
        Black and Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002 (cycle walking).
    """
    half = max(1, ((total - 1).bit_length() + 1) // 2)
    keys = _keys(key)
    out = _feistel(np.arange(start, start + count, dtype=np.uint64), half, keys)
    outside = np.flatnonzero(out >= total)
    while outside.size:
        out[outside] = _feistel(out[outside], half, keys)
        outside = outside[out[outside] >= total]
    return out.astype(np.intp)


def _feistel(words: Words, half: int, keys: list[int]) -> Words:
    shift, mask = np.uint64(half), np.uint64((1 << half) - 1)
    left, right = words >> shift, words & mask
    for key in keys:
        mixed = (right ^ np.uint64(key)) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(32)
        mixed *= np.uint64(0xD6E8FEB86659FD93)
        mixed ^= mixed >> np.uint64(29)
        left, right = right, left ^ (mixed & mask)
    return (left << shift) | right


def capacity(total: int) -> int:
    """How many bytes of message fit into so many values."""
    return max(0, total // 8 - HEADER)


def _seal(kind: int, payload: bytes) -> bytes:
    head = _FORM.pack(_MAGIC, _VERSION, kind, 0, len(payload), bytes(8))
    return hashlib.blake2b(head + payload, digest_size=8).digest()


def embed(values: NDArray[Any], kind: int, payload: bytes, key: str | None) -> None:
    """Write a container into the last bits of a flat array, in place.

    Args:
        values: 1-D unsigned integers, at least as many as the container has bits.
        kind: what the payload is, 0..255; the caller's business.
        payload: the message.
        key: decides the order of the places.
    """
    whole = _FORM.pack(_MAGIC, _VERSION, kind, 0, len(payload), _seal(kind, payload)) + payload
    bits = np.unpackbits(np.frombuffer(whole, dtype=np.uint8))
    place = places(bits.size, values.size, key)
    one = values.dtype.type(1)
    values[place] = (values[place] & ~one) | bits.astype(values.dtype)


def _read(values: NDArray[Any], start: int, count: int, key: str | None) -> bytes:
    place = places(count * 8, values.size, key, start * 8)
    return np.packbits((values[place] & values.dtype.type(1)).astype(np.uint8)).tobytes()


def extract(values: NDArray[Any], key: str | None) -> tuple[int, bytes] | str:
    """Read a container from the last bits of a flat array.

    Returns:
        kind and payload; or, in one word, why there is none: "absent" or "damaged".
    """
    if values.size < HEADER * 8:
        return "absent"
    magic, version, kind, spare, length, seal = _FORM.unpack(_read(values, 0, HEADER, key))
    if magic != _MAGIC:
        return "absent"
    if version != _VERSION or spare or length > capacity(values.size):
        return "damaged"
    payload = _read(values, HEADER, length, key)
    return (kind, payload) if _seal(kind, payload) == seal else "damaged"


def pack(data: bytes) -> bytes:
    """Compress where that makes it shorter; the first byte says whether it was done."""
    small = zlib.compress(data, 9)
    return b"\1" + small if len(small) < len(data) else b"\0" + data


def unpack(data: bytes, limit: int) -> bytes | None:
    """Undo `pack`; None where it is broken or would be larger than the limit."""
    if not data or data[0] == 0:
        return data[1:] if data else None
    opener = zlib.decompressobj()
    try:
        out = opener.decompress(data[1:], limit)
    except zlib.error:
        return None
    return out if opener.eof else None
