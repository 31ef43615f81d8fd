"""Single techniques in memory: Opsin's call against OpenCV's call of the same definition, and ten microseconds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from opsin import ops

__all__ = ["SIZES", "measure_single"]

SIZES = ((500, 375), (1920, 1080))
ALLOWANCE = 10e-6  # seconds
Call = Callable[[], Any]


def _pairs(image: Any) -> dict[str, tuple[Call, Call]]:
    """Give the two calls of every technique that OpenCV has with the same definition; its tables made beforehand."""
    import cv2

    h, w = image.shape[:2]
    even = image[: h // 2 * 2, : w // 2 * 2]  # both mean the same by "area" where whole pixels are averaged
    top, left = (h - h // 2) // 2, (w - w // 2) // 2
    levels, middle = np.arange(256), (w / 2 - 0.5, h / 2 - 0.5)
    turned = cv2.getRotationMatrix2D(middle, 15, 1.0)
    slanted = cv2.getRotationMatrix2D(middle, 5, 0.9)
    quad = np.array([[0.05 * w, 0], [w, 0.05 * h], [0.95 * w, h], [0, 0.95 * h]], np.float32)
    bent = cv2.getPerspectiveTransform(np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32), quad)

    def size(scale: float) -> tuple[int, int]:
        return round(w * scale), round(h * scale)

    def resize(scale: float, kernel: Any, flag: int) -> tuple[Call, Call]:
        to = size(scale)
        return (
            lambda: ops.resize(image, width=to[0], height=to[1], kernel=kernel),
            lambda: cv2.resize(image, to, interpolation=flag),
        )

    def table(own: Call, values: Any) -> tuple[Call, Call]:
        lut = np.clip(np.rint(values), 0, 255).astype(np.uint8)
        return own, lambda: cv2.LUT(image, lut)

    mean = float(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).mean())
    return {
        "resize nearest, half": resize(0.5, "nearest", cv2.INTER_NEAREST_EXACT),
        "resize linear, 1.5": resize(1.5, "opencv-linear", cv2.INTER_LINEAR),
        "resize linear, 0.7": resize(0.7, "opencv-linear", cv2.INTER_LINEAR),
        "resize area, half": (
            lambda: ops.resize(even, width=w // 2, height=h // 2, kernel="area"),
            lambda: cv2.resize(even, (w // 2, h // 2), interpolation=cv2.INTER_AREA),
        ),
        "flip_horizontal": (lambda: ops.flip_horizontal(image), lambda: cv2.flip(image, 1)),
        "flip_vertical": (lambda: ops.flip_vertical(image), lambda: cv2.flip(image, 0)),
        "rotate90": (
            lambda: ops.rotate90(image, times=1),
            lambda: cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE),
        ),
        "transpose": (lambda: ops.transpose(image), lambda: cv2.transpose(image)),
        "center_crop": (
            lambda: ops.center_crop(image, width=w // 2, height=h // 2),
            lambda: image[top : top + h // 2, left : left + w // 2].copy(),
        ),
        "pad": (
            lambda: ops.pad(image, left=16, right=16, top=16, bottom=16),
            lambda: cv2.copyMakeBorder(image, 16, 16, 16, 16, cv2.BORDER_CONSTANT),
        ),
        "rotate 15": (lambda: ops.rotate(image, angle=15), lambda: cv2.warpAffine(image, turned, (w, h))),
        "affine": (
            lambda: ops.affine(image, angle=5, scale=0.9),
            lambda: cv2.warpAffine(image, slanted, (w, h)),
        ),
        "perspective": (
            lambda: ops.perspective(image, corners=quad),
            lambda: cv2.warpPerspective(image, bent, (w, h)),
        ),
        "to_gray": (lambda: ops.to_gray(image), lambda: cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)),
        "gaussian_blur 1.5": (
            lambda: ops.gaussian_blur(image, sigma=1.5),
            lambda: cv2.GaussianBlur(image, (13, 13), 1.5),
        ),
        "box_blur 2": (lambda: ops.box_blur(image, radius=2), lambda: cv2.blur(image, (5, 5))),
        "median_blur 2": (lambda: ops.median_blur(image, radius=2), lambda: cv2.medianBlur(image, 5)),
        "invert": table(lambda: ops.invert(image), 255 - levels),
        "brightness": table(lambda: ops.brightness(image, factor=1.2), levels * 1.2),
        "contrast": table(lambda: ops.contrast(image, factor=1.2), levels * 1.2 - 0.2 * mean),
        "gamma": table(lambda: ops.gamma(image, gamma=0.8), 255 * (levels / 255) ** 0.8),
        "posterize": table(lambda: ops.posterize(image, bits=4), levels & 0xF0),
        "solarize": table(lambda: ops.solarize(image, threshold=0.5), np.where(levels >= 128, 255 - levels, levels)),
        "saturation": (
            lambda: ops.saturation(image, factor=1.3),
            lambda: cv2.addWeighted(
                image, 1.3, cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), -0.3, 0
            ),
        ),
        "hue": (lambda: ops.hue(image, shift=0.1), lambda: _turned(image)),
        "normalize, to_tensor": (
            lambda: ops.to_tensor(ops.normalize(image, mean="imagenet", std="imagenet")),
            lambda: _normalized(image),
        ),
    }


def _turned(image: Any) -> Any:
    import cv2

    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = cv2.LUT(hsv[..., 0], ((np.arange(256) + 18) % 180).astype(np.uint8))
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


def _normalized(image: Any) -> Any:
    import cv2

    from opsin.surfaces.bench.peers.common import MEAN, STD

    out = np.empty((3, *image.shape[:2]), np.float32)
    for c, plane in enumerate(cv2.split(image)):
        table = ((np.arange(256) / 255 - MEAN[c]) / STD[c]).astype(np.float32)
        cv2.LUT(plane, table, out[c])
    return out


def measure_single(rounds: int = 7, seconds: float = 0.02) -> list[dict[str, Any]]:
    """Measure every technique at two sizes, turn by turn.

    Args:
        rounds: turns.
        seconds: how long each call is repeated in a turn.

    Returns:
        one row for each technique and size: microseconds of both, the ratio (OpenCV's time and ten microseconds, by
        Opsin's), and how far the two pictures are apart in levels, in the mean.
    """
    import cv2

    from opsin.surfaces.bench.pictures import photographs

    cv2.setNumThreads(1)
    photo, out = photographs()[0], []
    for width, height in SIZES:
        image = ops.resize(photo, width=width, height=height)
        for name, (own, theirs) in _pairs(image).items():
            mine, other = _in_turns(own, theirs, rounds, seconds)
            a, b = np.asarray(own(), np.float64), np.asarray(theirs(), np.float64)
            apart = float(np.abs(a - b).mean()) if a.shape == b.shape else float("nan")
            out.append(
                {
                    "technique": name,
                    "size": f"{width} x {height}",
                    "opsin us": round(1e6 * mine, 1),
                    "OpenCV us": round(1e6 * other, 1),
                    "ratio": round((other + ALLOWANCE) / mine, 3),
                    "slower": mine > other + ALLOWANCE,
                    "apart": round(apart, 3),
                }
            )
    return out


def _in_turns(own: Call, theirs: Call, rounds: int, seconds: float) -> tuple[float, float]:
    times: tuple[list[float], list[float]] = ([], [])
    own(), theirs()
    for r in range(rounds):
        for which in (0, 1) if r % 2 else (1, 0):
            call, count = (own, theirs)[which], 0
            start = time.perf_counter()
            while time.perf_counter() - start < seconds or count < 2:
                call()
                count += 1
            times[which].append((time.perf_counter() - start) / count)
    return statistics.median(times[0]), statistics.median(times[1])
