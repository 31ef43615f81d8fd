"""Small files of every format and mode, made at test time: what the truncation and mutation tests start from."""

from __future__ import annotations

import io
import struct
import zlib
from functools import lru_cache

import numpy as np
import tifffile
from PIL import Image

H, W = 24, 33


def picture(channels: int = 3, dtype: str = "uint8", height: int = H, width: int = W, seed: int = 0) -> np.ndarray:
    """Half smooth, half noise: so that codecs have something to predict and something to store."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    smooth = np.stack([(x * 5 + y * (c + 2) * 3) % 256 for c in range(channels)], axis=-1)
    noise = rng.integers(0, 256, (height, width, channels))
    image = np.where((x > width // 2)[..., None], noise, smooth)
    if dtype == "uint16":
        image = image * 257 + rng.integers(-200, 200, image.shape)
        image = np.clip(image, 0, 65535)
    out = image.astype(dtype)
    if dtype == "float32":
        out = (image / 255).astype(np.float32)
    return out[..., 0] if channels == 1 else out


def pil(image: np.ndarray, format: str, mode: str | None = None, **options: object) -> bytes:
    out = io.BytesIO()
    made = Image.fromarray(image)
    if mode:
        made = made.convert(mode)
    made.save(out, format, **options)
    return out.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    image: np.ndarray, *, depth: int = 8, color: int | None = None, interlaced: bool = False, extra: bytes = b""
) -> bytes:
    """A PNG with filter 0 only: an independent, obvious writer."""
    channels = 1 if image.ndim == 2 else image.shape[2]
    color = {1: 0, 2: 4, 3: 2, 4: 6}[channels] if color is None else color
    height, width = image.shape[:2]
    passes = [(0, 0, 1, 1)]
    if interlaced:
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    raw = b""
    for x0, y0, dx, dy in passes:
        part = image[y0::dy, x0::dx]
        if not part.size:
            continue
        for row in part.reshape(part.shape[0], -1):
            if depth == 16:
                body = row.astype(">u2").tobytes()
            elif depth == 8:
                body = row.astype(np.uint8).tobytes()
            else:
                bits = "".join(format(int(value), f"0{depth}b") for value in row)
                bits += "0" * (-len(bits) % 8)
                body = int(bits, 2).to_bytes(len(bits) // 8, "big")
            raw += b"\x00" + body
    head = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, int(interlaced))
    begin = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra
    return begin + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def tiff(image: np.ndarray, **options: object) -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(out, image, metadata=None, **options)
    return out.getvalue()


def bmp_rle8(rows: list[bytes], width: int) -> bytes:
    """An 8-bit run-length bitmap: runs, literals, line ends, end."""
    body = b""
    for row in rows[::-1]:
        half = width // 2
        for value in row[:half]:
            body += bytes([1, value])
        rest = row[half:]
        body += bytes([0, len(rest)]) + rest + b"\x00" * (len(rest) & 1) + b"\x00\x00"
    body += b"\x00\x01"
    palette = b"".join(bytes([i, 255 - i, i // 2, 0]) for i in range(256))
    offset = 14 + 40 + len(palette)
    head = struct.pack("<IiiHHIIiiII", 40, width, len(rows), 1, 8, 1, len(body), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", offset + len(body), 0, 0, offset) + head + palette + body


@lru_cache(maxsize=1)
def seeds() -> dict[str, bytes]:
    """All of them, by name; the name begins with the format."""
    rgb, gray, rgba = picture(3), picture(1), picture(4)
    rgb16, gray16, rgba16 = picture(3, "uint16"), picture(1, "uint16"), picture(4, "uint16")
    made: dict[str, bytes] = {
        "jpeg-baseline": pil(rgb, "JPEG", quality=90),
        "jpeg-444": pil(rgb, "JPEG", quality=90, subsampling=0),
        "jpeg-gray": pil(gray, "JPEG"),
        "jpeg-progressive": pil(rgb, "JPEG", progressive=True),
        "jpeg-cmyk": pil(rgba, "JPEG", "CMYK"),
        "jpeg-restart": pil(rgb, "JPEG", restart_marker_rows=1),
        "png-gray8": pil(gray, "PNG"),
        "png-rgb8": pil(rgb, "PNG"),
        "png-rgba8": pil(rgba, "PNG"),
        "png-la8": pil(picture(2), "PNG"),
        "png-palette": pil(rgb, "PNG", "P"),
        "png-gray2": png(gray % 4, depth=2),
        "png-gray16": png(gray16, depth=16),
        "png-rgb16": png(rgb16, depth=16),
        "png-rgba16-interlaced": png(rgba16, depth=16, interlaced=True),
        "png-rgb8-interlaced": png(rgb, interlaced=True),
        "gif-palette": pil(rgb, "GIF", "P"),
        "gif-gray": pil(gray, "GIF", interlace=0),
        "webp-lossy": pil(rgb, "WEBP", quality=80),
        "webp-lossless": pil(rgba, "WEBP", lossless=True),
        "bmp-24": pil(rgb, "BMP"),
        "bmp-8": pil(gray, "BMP"),
        "bmp-32": pil(rgba, "BMP"),
        "bmp-rle8": bmp_rle8([row.tobytes() for row in gray], W),
        "tiff-none": tiff(rgb),
        "tiff-deflate-tiled": tiff(rgb, compression="zlib", tile=(16, 16), predictor=True),
        "tiff-gray16-be": tiff(gray16, byteorder=">"),
        "tiff-float": tiff(picture(1, "float32"), compression="zlib", predictor=3),
        "tiff-lzw": pil(rgb, "TIFF", compression="tiff_lzw"),
        "tiff-packbits": pil(rgb, "TIFF", compression="packbits"),
        "tiff-jpeg": pil(rgb, "TIFF", compression="jpeg"),
        "tiff-group4": pil(gray > 128, "TIFF", compression="group4"),
        "tiff-planar16": tiff(
            np.ascontiguousarray(np.moveaxis(rgb16, 2, 0)), planarconfig="separate", photometric="rgb"
        ),
        "avif-444": pil(rgb, "AVIF", quality=80),
        "pnm-p1": b"P1\n3 2\n1 0 1\n0 1 0\n",
        "pnm-p2": b"P2\n# a comment\n3 2\n255\n1 2 3\n4 5 255\n",
        "pnm-p3": b"P3\n2 1\n65535\n1 2 3 4 5 65535\n",
        "pnm-p4": b"P4\n%d %d\n" % (W, H) + np.packbits(gray > 128, axis=1).tobytes(),
        "pnm-p5": b"P5\n%d %d\n255\n" % (W, H) + gray.tobytes(),
        "pnm-p6": b"P6\n%d %d\n65535\n" % (W, H) + rgb16.astype(">u2").tobytes(),
        "pnm-p7": b"P7\nWIDTH %d\nHEIGHT %d\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n" % (W, H)
        + rgba.tobytes(),
        "pnm-pfm": b"PF\n%d %d\n-1.0\n" % (W, H) + picture(3, "float32").tobytes(),
    }
    out = io.BytesIO()
    np.save(out, rgb)
    made["npy-rgb"] = out.getvalue()
    out = io.BytesIO()
    frames = [Image.fromarray(picture(3, seed=i)).convert("P") for i in range(3)]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    made["gif-animated"] = out.getvalue()
    out = io.BytesIO()
    moving = [Image.fromarray(picture(3, seed=i)) for i in range(3)]
    moving[0].save(out, "WEBP", save_all=True, append_images=moving[1:], lossless=True)
    made["webp-animated"] = out.getvalue()
    out = io.BytesIO()
    moving[0].save(out, "TIFF", save_all=True, append_images=moving[1:])
    made["tiff-pages"] = out.getvalue()
    return made
