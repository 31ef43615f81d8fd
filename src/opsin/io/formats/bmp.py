"""BMP: Windows and OS/2 bitmaps of 1 to 32 bits, bit fields, run-length codes."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from opsin.errors import DecodeError
from opsin.io.facts import Array, Pixels, is_gray
from opsin.io.formats._pillow import to_bytes
from opsin.io.headers import Header
from opsin.io.limits import Limits

_CORE, _INFO = 12, 40
_RGB, _RLE8, _RLE4, _FIELDS, _JPEG, _PNG, _ALPHA_FIELDS = 0, 1, 2, 3, 4, 5, 6


def walk(data: bytes, limits: Limits) -> Header:
    """Read the file header, the info header, the masks and the palette."""
    offset, size = struct.unpack_from("<II", data, 10)
    compression, used = _RGB, 0
    if size == _CORE:
        width, height, planes, depth = struct.unpack_from("<HHHH", data, 18)
        top_down, entry = False, 3
    elif size in (16, 64) or 40 <= size <= 1024:
        width, height, planes, depth = struct.unpack_from("<iiHH", data, 18)
        top_down, entry = height < 0, 4
        height = abs(height)
        if size >= _INFO:
            compression, _image_bytes, _x, _y, used = struct.unpack_from("<IIiiI", data, 30)
    else:
        raise DecodeError("corrupt", f"the BMP claims an info header of {size} bytes.")
    if compression in (_JPEG, _PNG):
        raise DecodeError("unsupported", "a JPEG or PNG inside a BMP is not decoded. Extract it first.")
    allowed = {_RGB: (1, 2, 4, 8, 16, 24, 32), _RLE8: (8,), _RLE4: (4,), _FIELDS: (16, 32), _ALPHA_FIELDS: (16, 32)}
    if size == 64 and compression in (3, 4):
        raise DecodeError("unsupported", "an OS/2 bitmap with Huffman or 24-bit run-length codes is not decoded.")
    if compression not in allowed or depth not in allowed[compression]:
        raise DecodeError("unsupported", f"a BMP of {depth} bits with compression {compression} is not decoded.")
    if planes > 1:
        raise DecodeError("corrupt", f"the BMP claims {planes} planes.")
    masks = _masks(data, size, depth, compression)
    alpha = bool(masks and masks[3])
    limits.check_size(width, height, 4 if alpha else 3)
    details: dict[str, Any] = {"offset": offset, "depth": depth, "compression": compression, "top_down": top_down}
    details["masks"] = masks
    if depth <= 8:
        start = 14 + size + (12 if compression == _FIELDS and size == _INFO else 0)
        count = min(used or 1 << depth, 1 << depth)
        room = max(0, min(offset, len(data)) - start) // entry if offset > start else count
        raw = data[start : start + min(count, room) * entry]
        if not raw or len(raw) % entry:
            raise DecodeError("truncated", "the BMP was cut inside its palette.")
        details["palette"] = np.frombuffer(raw, np.uint8).reshape(-1, entry)[:, 2::-1]
    stride = (width * depth + 31) // 32 * 4
    # the padding of the last row carries nothing, and some writers leave it out
    needed = offset + stride * (height - 1) + (width * depth + 7) // 8
    if compression not in (_RLE4, _RLE8) and needed > len(data):
        raise DecodeError("truncated", "the BMP was cut before the end of its pixel data.")
    if offset >= len(data):
        raise DecodeError("truncated", "the BMP was cut before its pixel data.")
    model = f"palette {depth}" if depth <= 8 else f"{'BGRA' if alpha else 'BGR'} {depth}"
    channels = 4 if alpha else 1 if depth <= 8 and is_gray(details["palette"]) else 3
    return Header("BMP", width, height, model, min(depth, 8), channels, details=details)


def _masks(data: bytes, size: int, depth: int, compression: int) -> tuple[int, int, int, int] | None:
    if depth not in (16, 32):
        return None
    if compression in (_FIELDS, _ALPHA_FIELDS):
        red, green, blue = struct.unpack_from("<III", data, 54)
        (alpha,) = struct.unpack_from("<I", data, 66) if size >= 56 or compression == _ALPHA_FIELDS else (0,)
        masks = (red, green, blue, alpha)
        full = (1 << depth) - 1
        overlap = (red & green) | (red & blue) | (green & blue) | (alpha & (red | green | blue))
        if not (red and green and blue) or overlap or any(mask > full or not _is_run(mask) for mask in masks):
            raise DecodeError("corrupt", "the BMP's color masks overlap, are empty or have gaps.")
        return masks
    return (0x7C00, 0x3E0, 0x1F, 0) if depth == 16 else (0xFF0000, 0xFF00, 0xFF, 0)


def _is_run(mask: int) -> bool:
    if not mask:
        return True
    mask >>= (mask & -mask).bit_length() - 1
    return mask & (mask + 1) == 0


def pixels(data: bytes, header: Header, limits: Limits) -> Pixels:
    """Decode to H W (all colors of the palette are gray), H W 3, or H W 4 (the header names an alpha mask)."""
    found = header.details
    depth, width, height = found["depth"], header.width, header.height
    if depth <= 8:
        indices = _indices(data, header)
        palette: Array = found["palette"]
        if int(indices.max()) >= len(palette):
            raise DecodeError("corrupt", f"a pixel points past the end of the palette of {len(palette)} colors.")
        if found.get("labels"):
            image = indices
        else:
            image = (palette[:, 0] if header.channels == 1 else palette)[indices]
    else:
        rows = _rows(data, found["offset"], (width * depth + 31) // 32 * 4, height, (width * depth + 7) // 8)
        if depth == 24:
            image = rows.reshape(height, width, 3)[..., ::-1]
        else:
            words = rows.view("<u2" if depth == 16 else "<u4").reshape(height, width)
            image = _fields(words, found["masks"])
    return Pixels(image if found["top_down"] else image[::-1], "gray" if image.ndim == 2 else "rgb")


def _rows(data: bytes, offset: int, stride: int, height: int, length: int) -> Array:
    whole = np.frombuffer(data, np.uint8, min(stride * height, len(data) - offset), offset)
    if len(whole) < stride * height:
        whole = np.concatenate([whole, np.zeros(stride * height - len(whole), np.uint8)])
    return np.ascontiguousarray(whole.reshape(height, stride)[:, :length])


def _indices(data: bytes, header: Header) -> Array:
    found, width, height = header.details, header.width, header.height
    depth = found["depth"]
    if found["compression"] in (_RLE4, _RLE8):
        return _run_lengths(data, found["offset"], width, height, depth == 4)
    rows = _rows(data, found["offset"], (width * depth + 31) // 32 * 4, height, (width * depth + 7) // 8)
    if depth == 8:
        return rows
    shifts = np.arange(8 - depth, -1, -depth, dtype=np.uint8)
    return ((rows[..., None] >> shifts) & ((1 << depth) - 1)).reshape(height, -1)[:, :width]


def _fields(words: Array, masks: tuple[int, int, int, int]) -> Array:
    planes = []
    for mask in masks if masks[3] else masks[:3]:
        shift = (mask & -mask).bit_length() - 1
        top = mask >> shift
        values = (words.astype(np.uint64) & mask) >> shift
        planes.append(((values * 255 + top // 2) // top).astype(np.uint8))
    return np.stack(planes, axis=-1)


def _run_lengths(data: bytes, at: int, width: int, height: int, nibbles: bool) -> Array:
    """Undo RLE8 or RLE4. Pixels that the code jumps over have index 0, as in Windows."""
    out = bytearray(width * height)
    x = y = 0
    end = len(data)
    done = False
    while not done and at + 1 < end:
        count, value = data[at], data[at + 1]
        at += 2
        if count:
            run = _unpack(bytes([value]) * ((count + 1) // 2), count) if nibbles else bytes([value]) * count
        elif value == 0:
            x, y = 0, y + 1
            continue
        elif value == 1:
            done = True
            continue
        elif value == 2:
            if at + 2 > end:
                break
            x, y = x + data[at], y + data[at + 1]
            at += 2
            continue
        else:
            size = (value + 1) // 2 if nibbles else value
            if at + size > end:
                break
            run = _unpack(data[at : at + size], value) if nibbles else data[at : at + size]
            at += size + (size & 1)
        if y >= height or x + len(run) > width:
            if y == height and not any(run):
                continue
            raise DecodeError("corrupt", "the BMP's run-length code writes outside the picture.")
        out[y * width + x : y * width + x + len(run)] = run
        x += len(run)
    if not done and (y < height - 1 or (y == height - 1 and x < width)):
        raise DecodeError("truncated", "the BMP's run-length code ends before the picture does.")
    return np.frombuffer(out, np.uint8).reshape(height, width)


def _unpack(packed: bytes, count: int) -> bytes:
    return bytes(part for value in packed for part in (value >> 4, value & 15))[:count]


def pack(image: Array) -> bytes:
    """Encode H W or H W 3 uint8."""
    return to_bytes(np.ascontiguousarray(image), "BMP")
