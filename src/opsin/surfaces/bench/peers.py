"""What Opsin is compared with: the same work in other libraries, written as well as they allow, one thread.

Each peer gives, for a pipeline's name, a function of (JPEG bytes or array, key), or None where it cannot express it.
Random peers draw their own numbers from the same ranges. A library that is not installed is left out by name.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np

from opsin.types import Array

__all__ = ["PEERS"]

Work = Callable[[Any, int], Any]
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_STD = np.array([0.229, 0.224, 0.225], np.float32)


def _decoder() -> Callable[[bytes], Any]:
    """The fastest libjpeg-turbo at hand, to RGB."""
    try:
        import simplejpeg

        return lambda data: simplejpeg.decode_jpeg(data, fastdct=False, fastupsample=False)
    except ImportError:
        import cv2

        def decode(data: bytes) -> Any:
            return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)

        return decode


def floor(name: str) -> Work | None:
    """libjpeg-turbo's decode and one write of the result's size: what every library pays before it begins."""
    decode = _decoder()
    if name == "P4":
        return lambda image, key: np.multiply(image.transpose(2, 0, 1), np.float32(1 / 255), dtype=np.float32)
    side = 640 if name == "P6" else 224
    out = np.empty((3, side, side), np.float32)

    def work(data: bytes, key: int) -> Any:
        decode(data)
        out[...] = 1.0
        return out

    return work


def opencv(name: str) -> Work | None:
    """An expert's OpenCV: composed matrices, merged tables, scaled decode."""
    import cv2

    cv2.setNumThreads(1)
    decode = _decoder()
    scale, shift = (1 / (255 * _STD)).astype(np.float32), (-_MEAN / _STD).astype(np.float32)

    def ending(image: Array) -> Array:
        out = np.empty((3, *image.shape[:2]), np.float32)
        for c, plane in enumerate(cv2.split(image)):
            np.multiply(plane, scale[c], out=out[c])
            out[c] += shift[c]
        return out

    def window(image: Array, side: int, size: int) -> Array:
        """Shorter side and center crop at once: cut first, then shrink."""
        h, w = image.shape[:2]
        cut = round(min(h, w) * size / side)
        top, left = (h - cut) // 2, (w - cut) // 2
        return cv2.resize(image[top : top + cut, left : left + cut], (size, size), interpolation=cv2.INTER_AREA)

    def crop_box(rng: np.random.Generator, w: int, h: int) -> tuple[int, int, int, int]:
        for _ in range(10):
            area, ratio = w * h * rng.uniform(0.08, 1), np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
            cw, ch = round(float(np.sqrt(area * ratio))), round(float(np.sqrt(area / ratio)))
            if 0 < cw <= w and 0 < ch <= h:
                return int(rng.integers(0, w - cw + 1)), int(rng.integers(0, h - ch + 1)), cw, ch
        return 0, 0, w, h

    def tint(image: Array, rng: np.random.Generator, low: float, high: float, hue: float) -> Array:
        image = cv2.LUT(image, np.clip(np.arange(256) * rng.uniform(low, high), 0, 255).astype(np.uint8))
        mean = cv2.mean(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))[0]
        factor = rng.uniform(low, high)
        table = np.clip(np.arange(256) * factor + mean * (1 - factor), 0, 255).astype(np.uint8)
        image = cv2.LUT(image, table)
        gray = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        factor = rng.uniform(low, high)
        image = cv2.addWeighted(image, factor, gray, 1 - factor, 0)
        if hue:
            hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
            turn = ((np.arange(256) + round(rng.uniform(-hue, hue) * 180)) % 180).astype(np.uint8)
            hsv[..., 0] = cv2.LUT(hsv[..., 0], turn)
            image = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
        return image

    def p1(data: bytes, key: int) -> Any:
        return ending(window(decode(data), 256, 224))

    def p5(data: bytes, key: int) -> Any:
        image: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_REDUCED_COLOR_8)
        return ending(window(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), 256, 224))

    def p2(data: bytes, key: int) -> Any:
        rng, image = np.random.default_rng(key), decode(data)
        x, y, w, h = crop_box(rng, image.shape[1], image.shape[0])
        image = cv2.resize(image[y : y + h, x : x + w], (224, 224), interpolation=cv2.INTER_AREA)
        if rng.random() < 0.5:
            image = cv2.flip(image, 1)
        return ending(tint(image, rng, 0.6, 1.4, 0.1))

    def p3(data: bytes, key: int) -> Any:
        rng, image = np.random.default_rng(key), decode(data)
        h, w = image.shape[:2]
        turn = np.vstack([cv2.getRotationMatrix2D((w / 2, h / 2), rng.uniform(-15, 15), 1.0), [0, 0, 1]])
        second = np.vstack(
            [cv2.getRotationMatrix2D((w / 2, h / 2), rng.uniform(-5, 5), rng.uniform(0.9, 1.1)), [0, 0, 1]]
        )
        corners = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
        moved = corners + rng.uniform(-0.1, 0.1, (4, 2)).astype(np.float32) * [w, h] * [
            [1, 1],
            [-1, 1],
            [-1, -1],
            [1, -1],
        ]
        bent = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
        x, y, cw, ch = crop_box(rng, w, h)
        cut = np.array([[224 / cw, 0, -x * 224 / cw], [0, 224 / ch, -y * 224 / ch], [0, 0, 1]])
        if rng.random() < 0.5:
            cut = np.array([[-1, 0, 224], [0, 1, 0], [0, 0, 1]]) @ cut
        return ending(cv2.warpPerspective(image, cut @ bent @ second @ turn, (224, 224), flags=cv2.INTER_LINEAR))

    def p4(image: Array, key: int) -> Any:
        rng = np.random.default_rng(key)
        image = tint(image, rng, 0.7, 1.3, 0.0)
        levels = np.power(np.arange(256) / 255, rng.uniform(0.7, 1.4)) * 255
        levels = levels.astype(np.uint8) & 0xFC
        image = cv2.LUT(image, np.where(levels >= 230, 255 - levels, levels).astype(np.uint8))
        if rng.random() < 0.2:
            image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        return ending(image)

    def p6(data: bytes, key: int) -> Any:
        rng, image = np.random.default_rng(key), decode(data)
        h, w = image.shape[:2]
        s = 640 / max(h, w)
        fit = np.array([[s, 0, (640 - w * s) / 2], [0, s, (640 - h * s) / 2], [0, 0, 1]])
        if rng.random() < 0.5:
            fit = np.array([[-1, 0, 640], [0, 1, 0], [0, 0, 1]]) @ fit
        turn = cv2.getRotationMatrix2D((320, 320), rng.uniform(-5, 5), rng.uniform(0.8, 1.2))
        turn[:, 2] = turn[:, 2] + rng.uniform(-64, 64, 2)
        matrix = np.vstack([turn, [0, 0, 1]]) @ fit
        image = cv2.warpAffine(image, matrix[:2], (640, 640), flags=cv2.INTER_LINEAR, borderValue=(114, 114, 114))
        hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
        gains = rng.uniform([-0.02, 0.5, 0.7], [0.02, 1.5, 1.3])
        steps = np.arange(256)
        hue = ((steps + gains[0] * 180) % 180).astype(np.uint8)
        tables = [
            hue,
            np.clip(steps * gains[1], 0, 255).astype(np.uint8),
            np.clip(steps * gains[2], 0, 255).astype(np.uint8),
        ]
        hsv = cv2.merge([cv2.LUT(p, t) for p, t in zip(cv2.split(hsv), tables, strict=True)])
        image = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
        boxes = np.concatenate([BOXES[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 2), np.ones((80, 1))], 1) @ matrix[:2].T
        corners = boxes.reshape(-1, 4, 2)
        np.concatenate([corners.min(1), corners.max(1)], 1).clip(0, 640)
        return np.multiply(image.transpose(2, 0, 1), np.float32(1 / 255), dtype=np.float32)

    works: dict[str, Work] = {"P1": p1, "P2": p2, "P3": p3, "P4": p4, "P5": p5, "P6": p6}
    return works[name]


_GRID = np.random.Generator(np.random.Philox(3)).uniform(0, 300, (20, 2))
BOXES = np.concatenate([_GRID, _GRID + 60], axis=1)


def pillow(name: str) -> Work | None:
    """Pillow, step by step."""
    from PIL import Image, ImageEnhance, ImageOps

    def ending(image: Any) -> Array:
        return ((np.asarray(image, np.float32) / 255 - _MEAN) / _STD).transpose(2, 0, 1).copy()

    def p1(data: bytes, key: int) -> Any:
        image = Image.open(io.BytesIO(data)).convert("RGB")
        w, h = image.size
        image = image.resize((256, int(256 * h / w)) if w < h else (int(256 * w / h), 256), Image.Resampling.BILINEAR)
        w, h = image.size
        left, top = (w - 224) // 2, (h - 224) // 2
        return ending(image.crop((left, top, left + 224, top + 224)))

    def p4(array: Array, key: int) -> Any:
        rng, image = np.random.default_rng(key), Image.fromarray(array)
        for enhancer in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
            image = enhancer(image).enhance(rng.uniform(0.7, 1.3))
        image = image.point([round(255 * (v / 255) ** 0.9) for v in range(256)] * 3)
        return ending(ImageOps.solarize(ImageOps.posterize(image, 6), 230))

    works: dict[str, Work] = {"P1": p1, "P5": p1, "P4": p4}
    return works.get(name)


def torchvision(name: str) -> Work | None:
    """torchvision v2 on tensors."""
    import torch
    from torchvision.io import decode_jpeg
    from torchvision.transforms import v2

    torch.set_num_threads(1)
    ending = [v2.ToDtype(torch.float32, scale=True), v2.Normalize(_MEAN.tolist(), _STD.tolist())]
    jitter = [v2.ColorJitter(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1)]
    middles: dict[str, list[Any]] = {
        "P1": [v2.Resize(256, antialias=True), v2.CenterCrop(224), *ending],
        "P2": [v2.RandomResizedCrop(224, antialias=True), v2.RandomHorizontalFlip(), *jitter, *ending],
        "P3": [
            v2.RandomRotation(15, v2.InterpolationMode.BILINEAR),
            v2.RandomAffine(5, scale=(0.9, 1.1), shear=5, interpolation=v2.InterpolationMode.BILINEAR),
            v2.RandomPerspective(0.2, p=1.0),
            v2.RandomResizedCrop(224, antialias=True),
            v2.RandomHorizontalFlip(),
            *ending,
        ],
        "P4": [
            v2.ColorJitter(brightness=0.3, contrast=0.3, saturation=0.3),
            v2.Lambda(lambda x: v2.functional.adjust_gamma(x, 0.9)),
            v2.RandomPosterize(6, p=1.0),
            v2.RandomSolarize(230, p=1.0),
            v2.RandomGrayscale(0.2),
            *ending,
        ],
    }
    middles["P5"] = middles["P1"]
    if name not in middles:
        return None
    work = v2.Compose(middles[name])
    if name == "P4":
        return lambda image, key: work(torch.from_numpy(image).permute(2, 0, 1))
    return lambda data, key: work(decode_jpeg(torch.frombuffer(bytearray(data), dtype=torch.uint8)))


def albumentations(name: str) -> Work | None:
    """Albumentations 2.0.8 after the same decoder as OpenCV's."""
    import os

    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    import albumentations as A
    import cv2

    cv2.setNumThreads(1)
    decode = _decoder()
    jitter = A.ColorJitter((0.6, 1.4), (0.6, 1.4), (0.6, 1.4), (-0.1, 0.1), p=1)
    half = A.HorizontalFlip(p=0.5)
    middles: dict[str, list[Any]] = {
        "P1": [A.SmallestMaxSize(256, interpolation=cv2.INTER_AREA), A.CenterCrop(224, 224), A.Normalize()],
        "P2": [A.RandomResizedCrop((224, 224), interpolation=cv2.INTER_AREA), half, jitter, A.Normalize()],
        "P3": [
            A.Rotate(15, p=1),
            A.Affine(scale=(0.9, 1.1), rotate=(-5, 5), shear=(-5, 5), p=1),
            A.Perspective((0.05, 0.1), p=1),
            A.RandomResizedCrop((224, 224)),
            half,
            A.Normalize(),
        ],
        "P4": [
            A.ColorJitter((0.7, 1.3), (0.7, 1.3), (0.7, 1.3), (0, 0), p=1),
            A.RandomGamma((70, 140), p=1),
            A.Posterize(6, p=1),
            A.Solarize((0.9, 0.9), p=1),
            A.ToGray(p=0.2),
            A.Normalize(),
        ],
    }
    middles["P5"] = middles["P1"]
    if name not in middles:
        return None
    work = A.Compose(middles[name])

    def run(given: Any, key: int) -> Any:
        image = given if name == "P4" else decode(given)
        return np.ascontiguousarray(work(image=image)["image"].transpose(2, 0, 1))

    return run


PEERS: dict[str, Callable[[str], Work | None]] = {
    "libjpeg-turbo decode + one write": floor,
    "OpenCV, hand-written": opencv,
    "Pillow": pillow,
    "torchvision v2, tensors": torchvision,
    "Albumentations": albumentations,
}
