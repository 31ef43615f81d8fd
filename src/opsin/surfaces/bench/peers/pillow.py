"""Pillow, step by step; and, for large photographs, with its draft mode."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np

from opsin.surfaces.bench.peers.common import BOXES, MEAN, STD, Work, crop_box, quad
from opsin.types import Array

__all__ = ["affine_back", "draft", "make", "perspective_back", "shorter_window"]


def perspective_back(start: Any, end: Any) -> list[float]:
    """Solve for the eight numbers that lead from the new picture to the old one."""
    rows, wanted = [], []
    for (x, y), (u, v) in zip(start, end, strict=True):
        rows += [[u, v, 1, 0, 0, 0, -x * u, -x * v], [0, 0, 0, u, v, 1, -y * u, -y * v]]
        wanted += [x, y]
    solved: list[float] = np.linalg.solve(np.array(rows, float), np.array(wanted, float)).tolist()
    return solved


def affine_back(w: int, h: int, degrees: float, scale: float, shear: float, x: float, y: float) -> list[float]:
    """Give the six numbers of turning, scaling and slanting about the middle, from the new picture to the old one."""
    a, s = math.radians(degrees), math.tan(math.radians(shear))
    forward = scale * np.array([[math.cos(a), math.sin(a)], [-math.sin(a), math.cos(a)]]) @ np.array([[1, s], [0, 1]])
    back, middle = np.linalg.inv(forward), np.array([w / 2, h / 2])
    offset = middle - back @ (middle + np.array([x, y]))
    return [*back[0].tolist(), float(offset[0]), *back[1].tolist(), float(offset[1])]


def shorter_window(image: Any) -> Any:
    """Shorter side 256, center crop 224."""
    from PIL import Image

    w, h = image.size
    image = image.resize((256, int(256 * h / w)) if w < h else (int(256 * w / h), 256), Image.Resampling.BILINEAR)
    w, h = image.size
    left, top = (w - 224) // 2, (h - 224) // 2
    return image.crop((left, top, left + 224, top + 224))


def _ending(image: Any, mean: Any = MEAN, std: Any = STD) -> Array:
    out = np.empty((3, image.height, image.width), np.float32)
    pixels = np.asarray(image)
    for c in range(3):
        np.multiply(pixels[..., c], np.float32(1 / 255 / std[c]), out=out[c])
        if mean[c]:
            out[c] -= mean[c] / std[c]
    return out


def draft(name: str) -> Work | None:
    """P5 with the file read at 1/8."""
    from PIL import Image

    if name != "P5":
        return None

    def work(data: bytes, key: int) -> Any:
        image = Image.open(io.BytesIO(data))
        image.draft("RGB", (256, 256))
        return _ending(shorter_window(image.convert("RGB")))

    return work


def make(name: str) -> Work | None:
    """Give the work of a pipeline."""
    from PIL import Image, ImageEnhance, ImageOps

    rng = np.random.default_rng(0)
    smooth = Image.Resampling.BILINEAR
    mirror = Image.Transpose.FLIP_LEFT_RIGHT

    def decode(data: bytes) -> Any:
        return Image.open(io.BytesIO(data)).convert("RGB")

    def tint(image: Any, low: float, high: float) -> Any:
        for enhancer in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
            image = enhancer(image).enhance(rng.uniform(low, high))
        return image

    def hsv(image: Any, hue: float, saturation: float, value: float) -> Any:
        planes = image.convert("HSV").split()
        moved = [
            planes[0].point([int(v + hue * 255) % 256 for v in range(256)]),
            planes[1].point([min(255, int(v * saturation)) for v in range(256)]),
            planes[2].point([min(255, int(v * value)) for v in range(256)]),
        ]
        return Image.merge("HSV", moved).convert("RGB")

    def p1(data: bytes, key: int) -> Any:
        return _ending(shorter_window(decode(data)))

    def p2(data: bytes, key: int) -> Any:
        image = decode(data)
        x, y, w, h = crop_box(rng, *image.size)
        image = image.resize((224, 224), smooth, box=(x, y, x + w, y + h))
        if rng.random() < 0.5:
            image = image.transpose(mirror)
        return _ending(hsv(tint(image, 0.6, 1.4), rng.uniform(-0.1, 0.1), 1, 1))

    def p3(data: bytes, key: int) -> Any:
        image = decode(data).rotate(rng.uniform(-15, 15), smooth)
        w, h = image.size
        back = affine_back(w, h, rng.uniform(-5, 5), rng.uniform(0.9, 1.1), rng.uniform(-5, 5), 0, 0)
        image = image.transform((w, h), Image.Transform.AFFINE, back, smooth)
        image = image.transform((w, h), Image.Transform.PERSPECTIVE, perspective_back(*quad(rng, w, h)), smooth)
        x, y, cw, ch = crop_box(rng, w, h)
        image = image.resize((224, 224), smooth, box=(x, y, x + cw, y + ch))
        return _ending(image.transpose(mirror) if rng.random() < 0.5 else image)

    def p4(array: Array, key: int) -> Any:
        image, gamma = Image.fromarray(array), rng.uniform(0.7, 1.4)
        for enhancer in (ImageEnhance.Brightness, ImageEnhance.Contrast):
            image = enhancer(image).enhance(rng.uniform(0.7, 1.3))
        image = image.point([round(255 * (v / 255) ** gamma) for v in range(256)] * 3)
        image = ImageEnhance.Color(image).enhance(rng.uniform(0.7, 1.3))
        image = ImageOps.solarize(ImageOps.posterize(image, 6), 230)
        return _ending(image.convert("L").convert("RGB") if rng.random() < 0.2 else image)

    def p6(data: bytes, key: int) -> Any:
        image = ImageOps.pad(decode(data), (640, 640), smooth, color=(114, 114, 114))
        if rng.random() < 0.5:
            image = image.transpose(mirror)
        x, y = rng.uniform(-64, 64, 2)
        back = affine_back(640, 640, rng.uniform(-5, 5), rng.uniform(0.8, 1.2), 0, x, y)
        image = image.transform((640, 640), Image.Transform.AFFINE, back, smooth, fillcolor=(114, 114, 114))
        image = hsv(image, rng.uniform(-0.02, 0.02), rng.uniform(0.5, 1.5), rng.uniform(0.7, 1.3))
        ways = np.linalg.inv(np.array([back[:3], back[3:], [0, 0, 1]]))
        corners = BOXES[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 2) @ ways[:2, :2].T + ways[:2, 2]
        corners = corners.reshape(-1, 4, 2)
        np.concatenate([corners.min(1), corners.max(1)], 1).clip(0, 640)
        return _ending(image, (0, 0, 0), (1, 1, 1))

    works: dict[str, Work] = {"P1": p1, "P2": p2, "P3": p3, "P4": p4, "P5": p1, "P6": p6}
    return works[name]
