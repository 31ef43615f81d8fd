"""TIFF pixels: strips or tiles to an array, whatever the depth, planes, predictor and compression.

Deflate and LZMA are Python's own, PackBits is ours, JPEG and WebP strips are whole pictures for those decoders. LZW,
ZSTD and CCITT go through the libtiff inside Pillow: the strips are wrapped in a small new TIFF that describes them as
plain bytes (so that any depth and any number of channels comes through untouched), with no other tag in it.
"""

from __future__ import annotations

import io
import lzma
import zlib
from typing import Any

import numpy as np

from opsin.errors import DecodeError
from opsin.io.facts import Array, Note, Pixels, scale_to_full
from opsin.io.formats import jpeg, webp
from opsin.io.formats._messages import libtiff_messages
from opsin.io.formats.tiff_writer import assemble
from opsin.io.headers import Header
from opsin.io.limits import Limits

_REVERSE = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


def decode_page(data: bytes, header: Header, limits: Limits) -> Pixels:
    """Decode the page that `tiff.walk` described."""
    found = header.details
    chunks = _slices(data, found)
    if found["compression"] in (7, 50001):
        stored = _pictures(chunks, found, limits)
    else:
        stored = _numbers(chunks, found)
    return _to_space(stored, found, header.notes)


def _slices(data: bytes, found: dict[str, Any]) -> list[bytes]:
    chunks = []
    for offset, count in zip(found["offsets"], found["counts"], strict=True):
        if count <= 0:
            raise DecodeError("corrupt", "the TIFF has an empty strip or tile.")
        if offset + count > len(data):
            raise DecodeError("truncated", "the TIFF was cut before the end of its pixel data.")
        chunks.append(data[offset : offset + count])
    return chunks


def _rows_of(index: int, found: dict[str, Any]) -> int:
    """How many rows the chunk holds: tiles are always full, the last strip may be short."""
    if found["tiled"] or (index // found["across"]) % found["down"] < found["down"] - 1:
        return int(found["chunk_height"])
    return int(found["height"] - (found["down"] - 1) * found["chunk_height"])


def _numbers(chunks: list[bytes], found: dict[str, Any]) -> Array:
    """Everything but JPEG and WebP: H W samples, in the depth as stored (below 8 bits one value a byte)."""
    raw = _expand(chunks, found)
    height, width = found["height"], found["width"]
    per_plane = found["samples"] // found["planes"]
    if not found["tiled"] and found["planes"] == 1:
        joined = raw[0] if len(raw) == 1 else np.concatenate(raw)
        return _values(joined, width, per_plane, found)
    sample = _values(raw[0][:1], found["chunk_width"], per_plane, found)
    out = np.empty((height, width, found["samples"]), sample.dtype)
    for index, rows in enumerate(raw):
        plane, place = divmod(index, found["across"] * found["down"])
        y = (place // found["across"]) * found["chunk_height"]
        x = (place % found["across"]) * found["chunk_width"]
        block = _values(rows, found["chunk_width"], per_plane, found)
        target = out[y : y + found["chunk_height"], x : x + found["chunk_width"]]
        channels = slice(None) if found["planes"] == 1 else slice(plane, plane + 1)
        target[..., channels] = block[: target.shape[0], : target.shape[1]]
    return out


def _expand(chunks: list[bytes], found: dict[str, Any]) -> list[Array]:
    """Undo the compression: each chunk becomes rows x bytes."""
    compression, row = found["compression"], found["row"]
    if compression not in (1, 8, 32773, 32946, 34925):
        per_plane = found["across"] * found["down"]
        out: list[Array] = []
        for start in range(0, len(chunks), per_plane):
            out += _by_libtiff(chunks[start : start + per_plane], start, found)
        return out
    arrays = []
    for index, chunk in enumerate(chunks):
        rows = _rows_of(index, found)
        if found["fill_order"] == 2:
            chunk = chunk.translate(_REVERSE)
        if compression != 1:
            chunk = _inflate(chunk, rows * row, compression)
        if len(chunk) < rows * row:
            raise DecodeError("corrupt", "a strip or tile of the TIFF is shorter than its rows.")
        arrays.append(np.frombuffer(chunk, np.uint8, rows * row).reshape(rows, row))
    return arrays


def _inflate(chunk: bytes, size: int, compression: int) -> bytes:
    if compression == 32773:
        return _unpack_bits(chunk, size)
    try:
        if compression == 34925:
            return lzma.LZMADecompressor().decompress(chunk, size)
        return zlib.decompressobj().decompress(chunk, size)
    except (zlib.error, lzma.LZMAError) as error:
        raise DecodeError("corrupt", "a strip or tile of the TIFF is damaged.") from error


def _by_libtiff(chunks: list[bytes], start: int, found: dict[str, Any]) -> list[Array]:
    """Undo one plane's compression by libtiff, as a gray picture of bytes or (CCITT) of bits."""
    compression, row = found["compression"], found["row"]
    rows = [_rows_of(start + index, found) for index in range(len(chunks))]
    fax = compression in (2, 3, 4)
    if fax and (found["bits"] != 1 or found["samples"] != 1):
        raise DecodeError("corrupt", "CCITT compression is for pictures of one bit.")
    width = found["chunk_width"] if fax else row
    tags: dict[int, Any] = {
        256: width,
        257: sum(rows),
        258: 1 if fax else 8,
        259: compression,
        262: 1,
        266: found["fill_order"],
        277: 1,
        278: found["chunk_height"],
        284: 1,
        **(found["options"] if fax else {}),
    }
    whole = _run_libtiff("1" if fax else "L", (width, sum(rows)), assemble(tags, chunks))
    if fax:
        whole = np.packbits(whole, axis=1)
    return np.split(whole, np.cumsum(rows)[:-1])


def _run_libtiff(mode: str, size: tuple[int, int], wrapped: bytes) -> Array:
    from PIL import features
    from PIL.TiffImagePlugin import TiffImageFile

    if not features.check("libtiff"):
        raise DecodeError("unsupported", "this build of Pillow has no libtiff, which the file's compression needs.")
    with TiffImageFile(io.BytesIO(wrapped)) as picture:
        if picture.mode != mode or picture.size != size:
            raise DecodeError("unsupported", f"libtiff would read the TIFF as {picture.mode}, not as {mode}.")
        with libtiff_messages() as messages:
            try:
                picture.load()
            except (OSError, ValueError) as error:
                raise DecodeError("corrupt", "a strip or tile of the TIFF is damaged or cut.") from error
        if messages:
            raise DecodeError("corrupt", f"a strip or tile of the TIFF is damaged ({messages[0].rstrip('.')}).")
        return np.array(picture)


def _pictures(chunks: list[bytes], found: dict[str, Any], limits: Limits) -> Array:
    """JPEG and WebP: every strip or tile is a picture of its own."""
    samples = found["samples"] // found["planes"]
    if found["bits"] != 8 or samples not in (1, 3, 4):
        raise DecodeError("unsupported", f"JPEG of {samples} x {found['bits']} bits inside a TIFF is not decoded.")
    out = np.empty((found["height"], found["width"], found["samples"]), np.uint8)
    per_plane = found["across"] * found["down"]
    for index, chunk in enumerate(chunks):
        plane, place = divmod(index, per_plane)
        y = (place // found["across"]) * found["chunk_height"]
        x = (place % found["across"]) * found["chunk_width"]
        block = _picture(chunk, samples, found, limits)
        target = out[y : y + found["chunk_height"], x : x + found["chunk_width"]]
        if block.shape[0] < target.shape[0] or block.shape[1] < target.shape[1]:
            raise DecodeError("corrupt", "a strip or tile of the TIFF is smaller than the directory says.")
        channels = slice(None) if found["planes"] == 1 else slice(plane, plane + 1)
        target[..., channels] = block[: target.shape[0], : target.shape[1]]
    return out


def _picture(chunk: bytes, samples: int, found: dict[str, Any], limits: Limits) -> Array:
    if found["compression"] == 50001:
        head = webp.walk(chunk, limits)
        block = webp.pixels(chunk, head, limits).array
    else:
        tables = found["tables"]
        if tables:  # SOI tables EOI: they go between the strip's own SOI and the rest
            if tables[:2] != b"\xff\xd8" or tables[-2:] != b"\xff\xd9" or chunk[:2] != b"\xff\xd8":
                raise DecodeError("corrupt", "the TIFF's JPEG tables are damaged.")
            chunk = tables[:-2] + chunk[2:]
        head = jpeg.walk(chunk, limits)
        coded = {2: "RGB", 5: "CMYK", 6: "YCbCr"}.get(found["photometric"], "") if samples > 1 else ""
        block = jpeg.strip_pixels(chunk, head, coded)
    if block.ndim == 2:
        block = block[..., None]
    if block.shape[2] != samples:
        raise DecodeError("corrupt", f"a strip of the TIFF holds {block.shape[2]} channels, not {samples}.")
    return block


def _unpack_bits(chunk: bytes, size: int) -> bytes:
    """Undo PackBits. Source: TIFF 6.0, section 9."""
    out = bytearray()
    at, end = 0, len(chunk)
    while len(out) < size and at < end:
        count = chunk[at]
        at += 1
        if count < 128:
            out += chunk[at : at + count + 1]
            at += count + 1
        elif count > 128:
            out += chunk[at : at + 1] * (257 - count)
            at += 1
    return bytes(out[:size])


def _values(rows: Array, width: int, samples: int, found: dict[str, Any]) -> Array:
    """Rows of bytes to rows x width x samples, predictor undone, native byte order."""
    bits, order, predictor = found["bits"], found["order"], found["predictor"]
    height = len(rows)
    if bits % 8 or bits == 24:
        if predictor != 1 or bits > 16:
            raise DecodeError("unsupported", f"a TIFF of {bits} bits with predictor {predictor} is not decoded.")
        return _unpack(rows, width * samples, bits).reshape(height, width, samples)
    if predictor == 3:
        if found["sample_format"] != 3:
            raise DecodeError("corrupt", "the TIFF uses the predictor for floats on integers.")
        summed = np.cumsum(rows.reshape(height, -1, samples), axis=1, dtype=np.uint8).reshape(height, -1)
        planes = summed.reshape(height, bits // 8, width * samples)
        values = np.ascontiguousarray(np.moveaxis(planes, 1, 2)).view(f">f{bits // 8}")
        return values.reshape(height, width, samples).astype(f"f{bits // 8}")
    integers = np.ascontiguousarray(rows).view(f"{order}u{bits // 8}").reshape(height, width, samples)
    integers = integers.astype(integers.dtype.newbyteorder("="), copy=False)
    if predictor == 2:
        integers = np.cumsum(integers, axis=1, dtype=integers.dtype)
    return integers.view(f"f{bits // 8}") if found["sample_format"] == 3 else integers


def _unpack(rows: Array, count: int, bits: int) -> Array:
    """Numbers of 1 to 15 bits, packed high bit first, each row on a new byte."""
    if bits == 1:
        return np.unpackbits(rows, axis=1, count=count)
    if bits in (2, 4):
        shifts = np.arange(8 - bits, -1, -bits, dtype=np.uint8)
        return ((rows[..., None] >> shifts) & np.uint8((1 << bits) - 1)).reshape(len(rows), -1)[:, :count]
    out = np.empty((len(rows), count), np.uint16)
    weights = (1 << np.arange(bits - 1, -1, -1)).astype(np.uint16)
    block = max(1, (1 << 22) // max(1, count * bits))
    for start in range(0, len(rows), block):
        here = rows[start : start + block]
        digits = np.unpackbits(here, axis=1, count=count * bits).reshape(len(here), count, bits)
        out[start : start + block] = digits @ weights
    return out.astype(np.uint8) if bits < 8 else out


def _to_space(stored: Array, found: dict[str, Any], notes: list[Note]) -> Pixels:
    """Turn stored samples into gray, RGB(A), ink, Lab or bands at full scale."""
    photometric, samples, bits = found["photometric"], found["samples"], found["bits"]
    floats = stored.dtype.kind == "f"
    if found.get("labels") and found["base"] == 1 and samples == 1 and not floats:
        return Pixels(stored[..., 0], "gray")
    if photometric == 3:
        image = _palette(found["palette"], bits)[stored[..., 0]]
        if found["channels"] == 4:
            alpha = scale_to_full(stored[..., 1:], (1 << bits) - 1)
            image = np.concatenate([image, alpha], axis=2)
            if found["extra"][0] == 1:
                image = _straight(image, notes)
        return Pixels(image, "rgb")
    if floats:
        if stored.dtype != np.float32:
            if stored.dtype == np.float64:
                notes.append(Note("precision", "float64 values are rounded to float32."))
            stored = stored.astype(np.float32)
    else:
        stored = scale_to_full(stored, (1 << bits) - 1)
    if photometric == 0:
        if floats:
            notes.append(Note("precision", "white-is-zero is not applied to floats: values are as stored."))
        else:
            stored = np.iinfo(stored.dtype).max - stored
    if photometric in (8, 9):
        if samples < 3:
            return Pixels(stored[..., 0], "gray")
        return Pixels(_lab_order(stored[..., :3], photometric), "lab")
    base: int = found["base"]
    if photometric in (5, 6):
        if samples > base:
            notes.append(Note("extra_channels", f"{samples - base} channels beside {base} were left out."))
        return Pixels(stored[..., :base], "cmyk" if photometric == 5 else "rgb")
    if samples == 1:
        return Pixels(stored[..., 0], "gray")
    kind = found["extra"][0] if found["extra"] else 0
    if samples == base + 1 and kind == 1:
        stored = _straight(stored, notes)
    if base == 1:
        if samples == 2 and kind in (1, 2):
            return Pixels(stored[..., [0, 0, 0, 1]], "rgb")
        return Pixels(stored, "bands")
    if samples == 4 and kind == 0:
        notes.append(Note("extra_channels", "the fourth channel's meaning is not stated; it is kept as it is."))
    return Pixels(stored, "rgb" if samples in (3, 4) else "bands")


def _palette(table: tuple[int, ...], bits: int) -> Array:
    colors = np.array(table[: 3 << bits], np.uint16).reshape(3, -1).T
    # some writers store 8-bit colors where the standard asks for 16
    return (colors if int(colors.max()) < 256 else colors >> 8).astype(np.uint8)


def _straight(stored: Array, notes: list[Note]) -> Array:
    """Divide the colors by alpha: associated (premultiplied) to straight."""
    notes.append(Note("premultiplied", "colors were stored multiplied by alpha and were divided by it."))
    full = 1.0 if stored.dtype.kind == "f" else float(np.iinfo(stored.dtype).max)
    color, alpha = stored[..., :-1].astype(np.float64), stored[..., -1:].astype(np.float64)
    divided = np.divide(color * full, alpha, out=np.zeros_like(color), where=alpha > 0)
    out = stored.copy()
    if stored.dtype.kind == "f":
        out[..., :-1] = divided
    else:
        out[..., :-1] = np.minimum(np.floor(divided + 0.5), full)
    return out


def _lab_order(stored: Array, photometric: int) -> Array:
    """Lab as float32: L 0..100, a and b -128..127."""
    wide = stored.dtype == np.uint16
    lightness = stored[..., 0].astype(np.float32) * np.float32(100 / (65535 if wide else 255))
    if photometric == 8:
        signed = stored[..., 1:].view(np.int16 if wide else np.int8).astype(np.float32)
    else:
        signed = stored[..., 1:].astype(np.float32) - np.float32(32768 if wide else 128)
    return np.concatenate([lightness[..., None], signed / np.float32(256 if wide else 1)], axis=2)
