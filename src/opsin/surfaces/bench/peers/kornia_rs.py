"""kornia-rs: its libjpeg-turbo, its antialiased resize and warp, its fused normalize and CHW."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from opsin.surfaces.bench.peers.common import MEAN, STD, Work, crop_box, decoder
from opsin.types import Array

__all__ = ["by_hand", "make"]


def make(name: str) -> Work | None:
    """Give the work of a pipeline; P4 and P6 need color steps that it lacks."""
    os.environ.setdefault("RAYON_NUM_THREADS", "1")
    import kornia_rs

    if name in ("P4", "P6"):
        return None
    decode = decoder()  # its own is libjpeg-turbo too, and no faster
    rng = np.random.default_rng(0)
    imgproc, finish = kornia_rs.imgproc, kornia_rs.pipeline.resize_normalize_to_tensor
    mean, std = MEAN.tolist(), STD.tolist()

    def ending(image: Any) -> Any:
        return finish(image, (224, 224), mean, std)

    def shrunk(image: Array, x: int, y: int, w: int, h: int) -> Any:
        return imgproc.resize(imgproc.crop(image, x, y, w, h), (224, 224), "bicubic", True)

    def p1(data: bytes, key: int) -> Any:
        image = decode(data)
        h, w = image.shape[:2]
        cut = round(min(h, w) * 224 / 256)
        return ending(shrunk(image, (w - cut) // 2, (h - cut) // 2, cut, cut))

    def p2(data: bytes, key: int) -> Any:
        image = decode(data)
        image = shrunk(image, *crop_box(rng, image.shape[1], image.shape[0]))
        if rng.random() < 0.5:
            image = imgproc.horizontal_flip(image)
        tinted = kornia_rs.image.Image.fromarray(image).adjust_brightness(rng.uniform(-0.2, 0.2))
        tinted = tinted.adjust_contrast(rng.uniform(0.6, 1.4)).adjust_saturation(rng.uniform(0.6, 1.4))
        return ending(tinted.adjust_hue(rng.uniform(-0.1, 0.1)).numpy())

    def p3(data: bytes, key: int) -> Any:
        from opsin.surfaces.bench.peers.opencv import moves

        image: Any = decode(data)
        size = image.shape[1], image.shape[0]
        turn, again, bent, window, flip = moves(rng, *size)
        for matrix in (turn, again):
            image = imgproc.warp_affine(image, tuple(matrix[:2].ravel().tolist()), size[::-1], "bilinear")
        image = imgproc.warp_perspective(image, tuple(bent.ravel().tolist()), size[::-1], "bilinear")
        image = shrunk(image, *window)
        return ending(imgproc.horizontal_flip(image) if flip else image)

    return {"P1": p1, "P2": p2, "P3": p3, "P5": p1}[name]


def by_hand(name: str) -> Work | None:
    """Give P3 as an expert writes it, who multiplies the matrices and warps once."""
    os.environ.setdefault("RAYON_NUM_THREADS", "1")
    import kornia_rs

    from opsin.surfaces.bench.peers.opencv import composed

    decode, rng = decoder(), np.random.default_rng(0)
    mean, std = MEAN.tolist(), STD.tolist()

    def p3(data: bytes, key: int) -> Any:
        image: Any = decode(data)
        matrix = tuple(composed(rng, image.shape[1], image.shape[0]).ravel().tolist())
        image = kornia_rs.imgproc.warp_perspective(image, matrix, (224, 224), "bilinear")
        return kornia_rs.pipeline.resize_normalize_to_tensor(image, (224, 224), mean, std)

    return p3 if name == "P3" else None
