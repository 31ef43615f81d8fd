"""An expert's OpenCV: composed matrices, merged tables, scaled decode, normalization by a table of floats."""

from __future__ import annotations

from typing import Any

import numpy as np

from opsin.surfaces.bench.peers.common import BOXES, MEAN, STD, Work, crop_box, decoder, quad
from opsin.types import Array

__all__ = ["composed", "letterboxed", "make", "moves"]

_LEVELS = np.arange(256)
_CORNERS = np.concatenate([BOXES[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 2), np.ones((80, 1))], 1)


def moves(rng: np.random.Generator, w: int, h: int) -> tuple[Array, Array, Array, tuple[int, int, int, int], bool]:
    """Draw what P3 does: matrices of rotate, affine and perspective, the window of the crop, whether to flip."""
    import cv2

    middle = (w / 2, h / 2)
    turn = np.vstack([cv2.getRotationMatrix2D(middle, rng.uniform(-15, 15), 1.0), [0, 0, 1]])
    again = cv2.getRotationMatrix2D(middle, rng.uniform(-5, 5), rng.uniform(0.9, 1.1))
    slant = np.tan(np.deg2rad(rng.uniform(-5, 5)))
    shear = np.array([[1, slant, -slant * h / 2], [0, 1, 0], [0, 0, 1]])
    bent = cv2.getPerspectiveTransform(*quad(rng, w, h))
    return turn, np.vstack([again, [0, 0, 1]]) @ shear, bent, crop_box(rng, w, h), bool(rng.random() < 0.5)


def composed(rng: np.random.Generator, w: int, h: int) -> Array:
    """P3's matrix: rotate, affine, perspective, random-resized crop, flip."""
    turn, again, bent, (x, y, cw, ch), flip = moves(rng, w, h)
    cut = np.array([[224 / cw, 0, -x * 224 / cw], [0, 224 / ch, -y * 224 / ch], [0, 0, 1]])
    if flip:
        cut = np.array([[-1, 0, 224], [0, 1, 0], [0, 0, 1]]) @ cut
    whole: Array = cut @ bent @ again @ turn
    return whole


def letterboxed(rng: np.random.Generator, w: int, h: int) -> Array:
    """P6's matrix, 2 x 3: letterbox 640, flip, affine."""
    import cv2

    s = 640 / max(h, w)
    fit = np.array([[s, 0, (640 - w * s) / 2], [0, s, (640 - h * s) / 2], [0, 0, 1]])
    if rng.random() < 0.5:
        fit = np.array([[-1, 0, 640], [0, 1, 0], [0, 0, 1]]) @ fit
    turn: Array = cv2.getRotationMatrix2D((320, 320), rng.uniform(-5, 5), rng.uniform(0.8, 1.2))
    turn[:, 2] = turn[:, 2] + rng.uniform(-64, 64, 2)
    return turn @ fit


def _tables(scale: Any, shift: Any) -> list[Array]:
    return [(_LEVELS * float(a) + float(b)).astype(np.float32) for a, b in zip(scale, shift, strict=True)]


def make(name: str) -> Work | None:
    """Give the work of a pipeline."""
    import cv2

    cv2.setNumThreads(1)
    decode = decoder()
    rng = np.random.default_rng(0)
    normalized = _tables(1 / (255 * STD), -MEAN / STD)
    unit = _tables([1 / 255] * 3, [0.0] * 3)

    def ending(image: Array, tables: list[Array] = normalized) -> Array:
        out = np.empty((3, *image.shape[:2]), np.float32)
        for c, plane in enumerate(cv2.split(image)):
            cv2.LUT(plane, tables[c], out[c])
        return out

    def window(image: Array, side: int, size: int) -> Array:
        """Shorter side and center crop at once: cut first, then shrink."""
        h, w = image.shape[:2]
        cut = round(min(h, w) * size / side)
        top, left = (h - cut) // 2, (w - cut) // 2
        return cv2.resize(image[top : top + cut, left : left + cut], (size, size), interpolation=cv2.INTER_AREA)

    def tint(image: Array, low: float, high: float, hue: float) -> Array:
        image = cv2.LUT(image, np.clip(_LEVELS * rng.uniform(low, high), 0, 255).astype(np.uint8))
        mean = cv2.mean(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))[0]
        factor = rng.uniform(low, high)
        table = np.clip(_LEVELS * factor + mean * (1 - factor), 0, 255).astype(np.uint8)
        image = cv2.LUT(image, table)
        gray = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        factor = rng.uniform(low, high)
        image = cv2.addWeighted(image, factor, gray, 1 - factor, 0)
        if hue:
            hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
            turn = ((_LEVELS + round(rng.uniform(-hue, hue) * 180)) % 180).astype(np.uint8)
            hsv[..., 0] = cv2.LUT(hsv[..., 0], turn)
            image = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
        return image

    def p1(data: bytes, key: int) -> Any:
        return ending(window(decode(data), 256, 224))

    def p5(data: bytes, key: int) -> Any:
        image: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_REDUCED_COLOR_8)
        return ending(cv2.cvtColor(window(image, 256, 224), cv2.COLOR_BGR2RGB))

    def p2(data: bytes, key: int) -> Any:
        image = decode(data)
        x, y, w, h = crop_box(rng, image.shape[1], image.shape[0])
        image = cv2.resize(image[y : y + h, x : x + w], (224, 224), interpolation=cv2.INTER_AREA)
        if rng.random() < 0.5:
            image = cv2.flip(image, 1)
        return ending(tint(image, 0.6, 1.4, 0.1))

    def p3(data: bytes, key: int) -> Any:
        image = decode(data)
        matrix = composed(rng, image.shape[1], image.shape[0])
        return ending(cv2.warpPerspective(image, matrix, (224, 224), flags=cv2.INTER_LINEAR))

    def p4(image: Array, key: int) -> Any:
        # contrast's table needs the mean after brightness; gamma must come before saturation, the rest after it
        image = cv2.LUT(image, np.clip(_LEVELS * rng.uniform(0.7, 1.3), 0, 255).astype(np.uint8))
        mean = cv2.mean(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))[0]
        factor, gamma = rng.uniform(0.7, 1.3), rng.uniform(0.7, 1.4)
        levels = np.clip(_LEVELS * factor + mean * (1 - factor), 0, 255)
        image = cv2.LUT(image, np.rint(255 * (levels / 255) ** gamma).astype(np.uint8))
        gray = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        factor = rng.uniform(0.7, 1.3)
        image = cv2.addWeighted(image, factor, gray, 1 - factor, 0)
        levels = _LEVELS & 0xFC
        levels = np.where(levels >= 230, 255 - levels, levels)
        if rng.random() < 0.2:
            image = cv2.LUT(image, levels.astype(np.uint8))
            return ending(cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB))
        return ending(image, [t[levels] for t in normalized])

    def p6(data: bytes, key: int) -> Any:
        image = decode(data)
        matrix = letterboxed(rng, image.shape[1], image.shape[0])
        image = cv2.warpAffine(image, matrix, (640, 640), flags=cv2.INTER_LINEAR, borderValue=(114, 114, 114))
        planes = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2HSV))
        gains = rng.uniform([-0.02, 0.5, 0.7], [0.02, 1.5, 1.3])
        tables = (
            (_LEVELS + gains[0] * 180) % 180,
            np.clip(_LEVELS * gains[1], 0, 255),
            np.clip(_LEVELS * gains[2], 0, 255),
        )
        hsv = cv2.merge([cv2.LUT(p, t.astype(np.uint8)) for p, t in zip(planes, tables, strict=True)])
        corners = (_CORNERS @ matrix.T).reshape(-1, 4, 2)
        np.concatenate([corners.min(1), corners.max(1)], 1).clip(0, 640)
        return ending(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), unit)

    works: dict[str, Work] = {"P1": p1, "P2": p2, "P3": p3, "P4": p4, "P5": p5, "P6": p6}
    return works[name]
