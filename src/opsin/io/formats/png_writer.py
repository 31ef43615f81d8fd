"""PNG, written: 1 bit; 8 bits by the core, or by Pillow; 16 bits by our own filters."""

from __future__ import annotations

import struct
import zlib

import numpy as np

from opsin.io.facts import Array
from opsin.io.formats._pillow import to_bytes
from opsin.kernels import native, use_core

_COLOR = {1: 0, 2: 4, 3: 2, 4: 6}


def pack(image: Array, *, compression: int = 1) -> bytes:
    """Encode H W or H W 1 to 4, of bool (1 bit), uint8 or uint16; compression 1 is whatever is quick."""
    if image.dtype == np.bool_:
        packed = np.packbits(image, axis=1)
        return _assemble(image.shape[1], image.shape[0], 1, 0, _filtered(packed, 1, plain=True), compression)
    if image.dtype == np.uint8 and compression == 1 and use_core():
        return native.encode_png(image)
    if image.dtype == np.uint8:
        return to_bytes(np.ascontiguousarray(image), "PNG", compress_level=compression)
    channels = 1 if image.ndim == 2 else image.shape[2]
    rows = np.ascontiguousarray(image.astype(">u2")).view(np.uint8).reshape(image.shape[0], -1)
    filtered = _filtered(rows, 2 * channels, plain=False)
    return _assemble(image.shape[1], image.shape[0], 16, _COLOR[channels], filtered, compression)


def _assemble(width: int, height: int, depth: int, color: int, body: bytes, compression: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    packed = zlib.compress(body, compression)
    parts = [chunk(b"IDAT", packed[i : i + (1 << 20)]) for i in range(0, len(packed), 1 << 20)]
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(parts) + chunk(b"IEND", b"")


def _filtered(rows: Array, step: int, *, plain: bool) -> bytes:
    """Filter every row by the one of five filters whose result has the smallest sum of absolute values.

    Source: PNG specification (third edition), section 9 and the heuristic of section 12.7. Rows go in blocks, so that
    the memory stays a few times that of a block.
    """
    height, length = rows.shape
    out = np.empty((height, length + 1), np.uint8)
    if plain:
        out[:, 0], out[:, 1:] = 0, rows
        return out.tobytes()
    block = max(1, (1 << 20) // length)
    for start in range(0, height, block):
        here = rows[start : start + block]
        above = np.zeros_like(here)
        above[1:] = here[:-1]
        if start:
            above[0] = rows[start - 1]
        left, corner = np.zeros_like(here), np.zeros_like(here)
        left[:, step:], corner[:, step:] = here[:, :-step], above[:, :-step]
        mean = ((left.astype(np.uint16) + above) >> 1).astype(np.uint8)
        results = [here, here - left, here - above, here - mean, here - _paeth(left, above, corner)]
        costs = [np.abs(result.view(np.int8).astype(np.int16)).sum(axis=1, dtype=np.int64) for result in results]
        best = np.argmin(np.stack(costs), axis=0)
        target = out[start : start + block]
        target[:, 0] = best
        for kind, result in enumerate(results):
            chosen = best == kind
            target[chosen, 1:] = result[chosen]
    return out.tobytes()


def _paeth(left: Array, above: Array, corner: Array) -> Array:
    a, b, c = left.astype(np.int16), above.astype(np.int16), corner.astype(np.int16)
    near_a, near_b, near_c = np.abs(b - c), np.abs(a - c), np.abs(a + b - 2 * c)
    pick_a = (near_a <= near_b) & (near_a <= near_c)
    return np.where(pick_a, left, np.where(near_b <= near_c, above, corner))
