"""What the moved picture truly is: drawn matrices, every canvas on the way, bilinear samples in float64.

Written apart from the kernels that it judges: only the drawn matrices are taken from the pipeline.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin.pipeline import Pipeline

__all__ = ["Move", "sampled", "stages_of", "true_pictures"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Move:
    """One drawn move: its matrix (old to new, in pixels), the canvases before and after, and what fills outside."""

    matrix: Floats
    source: tuple[int, int]
    target: tuple[int, int]
    fill: float

    def push(self, points: Floats) -> Floats:
        """Carry points forward."""
        return _project(self.matrix, points)


def _project(matrix: Floats, points: Floats) -> Floats:
    carried = points @ matrix[:, :2].T + matrix[:, 2]
    out: Floats = carried[:, :2] / carried[:, 2:]
    return out


def stages_of(pipeline: Pipeline, key: int, size: tuple[int, int]) -> list[Move]:
    """Give the moves that a pipeline draws for a key."""
    out: list[Move] = []
    for drawn in pipeline.draw(key=key, epoch=0, size=size):
        if "matrix" in drawn:
            target = (int(drawn["size"][0]), int(drawn["size"][1]))
            fill = float(drawn["params"].get("fill", 0.0))
            out.append(Move(np.array(drawn["matrix"], np.float64), size, target, fill))
            size = target
    return out


def sampled(image: Any, moves: Sequence[Move], dense: int = 1) -> Floats:
    """Sample a picture where the moves' pixels come from.

    Args:
        image: H W C in 0..1; it may be larger than the first move's canvas by a whole factor.
        moves: what was drawn.
        dense: samples a pixel along each side; their mean is the pixel. 1 is one sample at the middle.

    Returns:
        H W C, float64.
    """
    width, height = moves[-1].target
    total = np.zeros((height * width, image.shape[2]))
    for dy in range(dense):
        for dx in range(dense):
            y, x = np.mgrid[:height, :width].astype(np.float64)
            points = np.stack([x + (dx + 0.5) / dense, y + (dy + 0.5) / dense], -1).reshape(-1, 2)
            total += _once(image, moves, points)
    return (total / dense**2).reshape(height, width, -1)


def _once(image: Any, moves: Sequence[Move], points: Floats) -> Floats:
    outside = np.full(len(points), np.nan)
    for move in reversed(moves):
        points = _project(np.asarray(np.linalg.inv(move.matrix), np.float64), points)
        w, h = move.source
        gone = (points[:, 0] < 0) | (points[:, 0] > w) | (points[:, 1] < 0) | (points[:, 1] > h)
        outside = np.where(gone & np.isnan(outside), move.fill, outside)
    factor = image.shape[1] / moves[0].source[0]
    h, w = image.shape[:2]
    x = np.clip(points[:, 0] * factor - 0.5, 0, w - 1)
    y = np.clip(points[:, 1] * factor - 0.5, 0, h - 1)
    left, top = np.minimum(x.astype(int), w - 2), np.minimum(y.astype(int), h - 2)
    fx, fy = (x - left)[:, None], (y - top)[:, None]
    upper = image[top, left] * (1 - fx) + image[top, left + 1] * fx
    lower = image[top + 1, left] * (1 - fx) + image[top + 1, left + 1] * fx
    seen = upper * (1 - fy) + lower * fy
    out: Floats = np.where(np.isnan(outside)[:, None], seen, outside[:, None])
    return out


def true_pictures() -> Iterator[NDArray[np.uint8]]:
    """Give the color photographs at 2000 x 1500."""
    from opsin import ops
    from opsin.surfaces.bench.pictures import photographs

    for image in photographs():
        if (image[..., 0] == image[..., 1]).all():
            continue
        h, w = image.shape[:2]
        scale = max(2000 / w, 1500 / h)
        size = {"width": max(2000, round(w * scale)), "height": max(1500, round(h * scale))}
        yield ops.center_crop(ops.resize(image, kernel="lanczos", **size), width=2000, height=1500)
