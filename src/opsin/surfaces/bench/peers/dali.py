"""NVIDIA DALI on the processor: whole batches of 16, one thread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from opsin.surfaces.bench.peers.common import MEAN, STD, Together

__all__ = ["make"]


def make(name: str) -> Together | None:
    """Give the work of P1, P2, P3 and P5."""
    import importlib

    dali, fn, types = (importlib.import_module(f"nvidia.dali{part}") for part in ("", ".fn", ".types"))
    if name in ("P4", "P6"):
        return None
    waiting: list[Any] = []

    @dali.pipeline_def(batch_size=16, num_threads=1, device_id=None, prefetch_queue_depth=1, exec_dynamic=False)  # type: ignore[untyped-decorator]
    def graph() -> Any:
        data = fn.external_source(source=lambda: waiting.pop(0), dtype=types.UINT8)
        ratio = {"random_aspect_ratio": (3 / 4, 4 / 3), "random_area": (0.08, 1.0)}
        uniform = fn.random.uniform
        if name == "P2":
            image = fn.resize(fn.decoders.image_random_crop(data, **ratio), size=(224, 224), antialias=True)
            factors = {k: uniform(range=(0.6, 1.4)) for k in ("brightness", "contrast", "saturation")}
            image = fn.color_twist(image, hue=uniform(range=(-36.0, 36.0)), **factors)
        elif name == "P3":
            image = fn.decoders.image(data)
            image = fn.rotate(image, angle=uniform(range=(-15.0, 15.0)), keep_size=True, fill_value=0)
            turn = fn.transforms.rotation(angle=uniform(range=(-5.0, 5.0)), center=(250.0, 187.5))
            grow = fn.transforms.scale(turn, scale=uniform(range=(0.9, 1.1), shape=(2,)), center=(250.0, 187.5))
            image = fn.warp_affine(image, matrix=grow, fill_value=0)
            image = fn.random_resized_crop(image, size=(224, 224), **ratio)
        else:
            image = fn.resize(fn.decoders.image(data), resize_shorter=256, antialias=True)
        mirror = fn.random.coin_flip(probability=0.5) if name in ("P2", "P3") else 0
        mean, std = (255 * MEAN).tolist(), (255 * STD).tolist()
        return fn.crop_mirror_normalize(
            image, crop=(224, 224), mirror=mirror, mean=mean, std=std, dtype=types.FLOAT, output_layout="CHW"
        )

    pipe = graph()
    pipe.build()

    def run(sources: Sequence[Any]) -> Any:
        out = []
        for k in range(0, len(sources), 16):
            waiting.append([np.frombuffer(s, np.uint8) for s in sources[k : k + 16]])
            out.append(pipe.run()[0].as_tensor().shape())
        return out

    return Together(run)
