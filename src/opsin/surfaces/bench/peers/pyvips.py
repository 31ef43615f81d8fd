"""pyvips: its thumbnail, which reads JPEGs at a fraction where that is enough."""

from __future__ import annotations

import os
from typing import Any

from opsin.surfaces.bench.peers.common import MEAN, STD, Work

__all__ = ["make"]


def make(name: str) -> Work | None:
    """Give the work of P1 and P5."""
    os.environ.setdefault("VIPS_CONCURRENCY", "1")
    import numpy as np
    import pyvips

    if name not in ("P1", "P5"):
        return None
    pyvips.cache_set_max(0)
    scale, shift = (1 / (255 * STD)).tolist(), (-MEAN / STD).tolist()

    def work(data: bytes, key: int) -> Any:
        head = pyvips.Image.new_from_buffer(data, "")
        w, h = head.width, head.height
        image = pyvips.Image.thumbnail_buffer(data, round(256 * max(1, w / h)), height=round(256 * max(1, h / w)))
        pixels = image.crop((image.width - 224) // 2, (image.height - 224) // 2, 224, 224).numpy()
        out = np.empty((3, 224, 224), np.float32)
        for c in range(3):
            np.multiply(pixels[..., c], np.float32(scale[c]), out=out[c])
            out[c] += np.float32(shift[c])
        return out

    return work
