"""What the tests of the compiled core share: real photographs and their JPEG files."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from opsin.errors import DecodeError, LimitError
from opsin.kernels import native

needs_core = pytest.mark.skipif(not native.available(), reason="the compiled core is not installed")
SAMPLINGS = ("4:4:4", "4:2:2", "4:2:0", "4:4:0", "gray")
SIZES = ((500, 330), (37, 51), (1, 1), (2, 3), (5, 4), (16, 16), (17, 33), (3, 100), (130, 8))
LEVELS = ("base", "avx2", "avx512")


def levels() -> list[str]:
    """The instruction sets of this processor."""
    if not native.available():
        return []
    best = native.set_simd_level()
    return list(LEVELS[: LEVELS.index(best) + 1])


def in_turn() -> Iterator[str]:
    """Set one instruction set after the other, and the best one at the end."""
    try:
        for level in levels():
            native.set_simd_level(level)
            yield level
    finally:
        native.set_simd_level()


@cache
def photographs() -> tuple[NDArray[np.uint8], ...]:
    """Photographs that come with scikit-image and scikit-learn."""
    data = pytest.importorskip("skimage.data")
    samples = pytest.importorskip("sklearn.datasets")
    flower = samples.load_sample_image("flower.jpg")[:300, :420]
    return tuple(np.ascontiguousarray(p) for p in (data.astronaut(), data.chelsea(), data.rocket()[:330, :500], flower))


def encode(pixels: NDArray[Any], **options: Any) -> bytes:
    """Write a JPEG with Pillow; 4:4:0, which it cannot write, with OpenCV."""
    if options.get("subsampling") == "4:4:0":
        cv2 = pytest.importorskip("cv2")
        names = {
            "quality": "QUALITY",
            "optimize": "OPTIMIZE",
            "progressive": "PROGRESSIVE",
            "restart_marker_blocks": "RST_INTERVAL",
        }
        flags = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440]
        for name, flag in names.items():
            if name in options:
                flags += [getattr(cv2, f"IMWRITE_JPEG_{flag}"), int(options[name])]
        return bytes(cv2.imencode(".jpg", pixels[..., ::-1], flags)[1])
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def pillow(data: bytes, draft: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """Decode with Pillow, which is libjpeg-turbo."""
    image = Image.open(io.BytesIO(data))
    if draft is not None:
        image.draft(None, draft)
    return np.asarray(image)


def written(photo: int, size: tuple[int, int], sampling: str, **options: Any) -> bytes:
    """A photograph, resized, as a JPEG of that sampling."""
    image = Image.fromarray(photographs()[photo]).resize(size)
    if sampling == "gray":
        return encode(np.asarray(image.convert("L")), **options)
    return encode(np.asarray(image), subsampling=sampling, **options)


def mutate(rng: np.random.Generator, data: bytes) -> bytes:
    """Flip, insert, remove, repeat or overwrite some bytes; headers more often than their share."""
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 6))):
        reach = len(out) if rng.random() < 0.5 else min(len(out), 700)
        at = int(rng.integers(0, max(1, reach)))
        kind = rng.integers(0, 6)
        if kind == 0:
            out[at : at + 1] = bytes([out[at] ^ (1 << int(rng.integers(0, 8)))]) if at < len(out) else b""
        elif kind == 1:
            out[at : at + 1] = rng.bytes(1)
        elif kind == 2:
            del out[at : at + int(rng.integers(1, 40))]
        elif kind == 3:
            out[at:at] = rng.bytes(int(rng.integers(1, 20)))
        elif kind == 4:
            out[at : at + 2] = bytes([0xFF, int(rng.integers(0xC0, 0x100))])
        else:
            del out[max(2, at) :]
    return bytes(out)


def decoded_or_refused(files: Iterable[bytes], *, planes: bool = False) -> tuple[int, int]:
    """Decode damaged files at every scale: an array of the promised shape or a refusal, never anything else.

    With `planes` two of three are read as planes. Gives how many were decoded and how many refused.
    """
    sound = refused = 0
    for k, data in enumerate(files):
        scale = (1, 1 / 2, 1 / 4, 1 / 8)[k % 4]
        try:
            if planes and k % 3:
                native.decode_planes(data, scale=scale, fast=True, max_pixels=1 << 20)
            else:
                pixels = native.decode_jpeg(data, scale=scale, max_pixels=1 << 20)
                info = native.jpeg_info(data)
                assert pixels.shape[:2] == (int(np.ceil(info.height * scale)), int(np.ceil(info.width * scale)))
            sound += 1
        except (DecodeError, LimitError):
            refused += 1
    return sound, refused
