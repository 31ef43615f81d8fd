"""The pictures that are measured on: JPEGs of 500 x 375 and of 12 megapixels, made from installed photographs."""

from __future__ import annotations

import numpy as np

from opsin import ops
from opsin.chance import Rng
from opsin.io import encode, read
from opsin.surfaces.demo import PHOTOGRAPHS, photograph
from opsin.types import Array

__all__ = ["large", "photographs", "small"]


def photographs() -> list[Array]:
    """Read the photographs that come with installed packages."""
    return [ops.to_rgb(read(photograph(*name))) for name in PHOTOGRAPHS]


def small(count: int = 48) -> list[bytes]:
    """Cut windows of 500 x 375 from the photographs, at qualities from 75 to 95, as the web has them."""
    photos, out = photographs(), []
    for i in range(count):
        rng = Rng(1, key=i)
        image = photos[i % len(photos)]
        h, w = image.shape[:2]
        scale = max(500 / w, 375 / h) * rng.uniform("scale", 1.0, 1.5)
        image = ops.resize(image, width=max(500, int(w * scale)), height=max(375, int(h * scale)))
        window = ops.random_crop(image, width=500, height=375, rng=rng)
        out.append(encode(window, "jpeg", quality=rng.integers("quality", 75, 96)))
    return out


def large(count: int = 8, different: int = 4) -> list[bytes]:
    """Enlarge photographs to 4000 x 3000 and add grain: phone-like file sizes, not phone-like detail."""
    photos, out = photographs(), []
    for i in range(min(count, different)):
        image = ops.resize(photos[i % len(photos)], width=4000, height=3000, kernel="pillow-bicubic")
        grain = np.random.Generator(np.random.Philox(i)).normal(0.0, 4.0, (3000, 4000, 1))
        noisy = np.clip(image + grain, 0, 255).astype(np.uint8)
        out.append(encode(noisy, "jpeg", quality=90))
    return [out[i % len(out)] for i in range(count)]
