"""What peers share: the decoder, the draws, the boxes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

__all__ = ["BOXES", "MEAN", "STD", "Peer", "Together", "Work", "crop_box", "decoder", "quad"]

Work = Callable[[Any, int], Any]
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)
_GRID = np.random.Generator(np.random.Philox(3)).uniform(0, 300, (20, 2))
BOXES = np.concatenate([_GRID, _GRID + 60], axis=1)


class Together:
    """Work that a library only does for many pictures at once."""

    def __init__(self, run: Callable[[Sequence[Any]], Any]) -> None:
        self.run = run


@dataclass(frozen=True)
class Peer:
    """One contender.

    Args:
        make: gives the work for a pipeline's name.
        kind: `floor` is no pipeline, only what every pipeline pays; `hand-written` is an expert's code.
        notes: where its work is not quite the same, by pipeline.
    """

    make: Callable[[str], Work | Together | None]
    kind: Literal["floor", "hand-written", "library"]
    notes: Mapping[str, str] = field(default_factory=dict)


def decoder() -> Callable[[bytes], Any]:
    """Give the fastest libjpeg-turbo at hand, to RGB."""
    try:
        import simplejpeg

        return lambda data: simplejpeg.decode_jpeg(data, fastdct=False, fastupsample=False)
    except ImportError:
        import cv2

        def decode(data: bytes) -> Any:
            return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)

        return decode


def crop_box(rng: np.random.Generator, w: int, h: int) -> tuple[int, int, int, int]:
    """Draw the window of a random-resized crop: left, top, width, height."""
    for _ in range(10):
        area, ratio = w * h * rng.uniform(0.08, 1), np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
        cw, ch = round(float(np.sqrt(area * ratio))), round(float(np.sqrt(area / ratio)))
        if 0 < cw <= w and 0 < ch <= h:
            return int(rng.integers(0, w - cw + 1)), int(rng.integers(0, h - ch + 1)), cw, ch
    return 0, 0, w, h


_INWARDS = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])


def quad(rng: np.random.Generator, w: int, h: int) -> tuple[Any, Any]:
    """Draw where the corners of a picture go in a perspective: corners before, corners after."""
    corners = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    moved = corners + rng.uniform(0, 0.1, (4, 2)) * [w, h] * _INWARDS
    return corners, moved.astype(np.float32)
