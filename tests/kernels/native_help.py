"""What the tests of the compiled core share: real photographs and their JPEG files."""

from __future__ import annotations

import io
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from opsin.kernels import native

needs_core = pytest.mark.skipif(not native.available(), reason="the compiled core is not installed")
LEVELS = ("base", "avx2", "avx512")


def levels() -> list[str]:
    """The instruction sets of this processor."""
    if not native.available():
        return []
    best = native.set_simd_level()
    return list(LEVELS[: LEVELS.index(best) + 1])


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
        names = {"quality": "QUALITY", "optimize": "OPTIMIZE", "restart_marker_blocks": "RST_INTERVAL"}
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
