"""A Kalman filter for many boxes at once: place and size, each with a constant speed.

The four numbers of a box (middle x, middle y, width, height) are filtered apart, as their noise is independent: each
has a state (value, speed) and a 2 x 2 covariance, so that a step is a few lines of arithmetic for all boxes together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["BoxFilter", "corners_of", "middles_of"]

Floats = NDArray[np.float64]
# standard deviations as shares of a box's size: of a place that is measured or predicted, and of a speed
_PLACE, _SPEED = 1.0 / 20.0, 1.0 / 160.0


def middles_of(boxes: ArrayLike) -> Floats:
    """Turn corners N 4 (x1 y1 x2 y2) into middle and size N 4."""
    b = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    return np.concatenate([(b[:, :2] + b[:, 2:]) / 2, b[:, 2:] - b[:, :2]], axis=1)


def corners_of(middles: Floats) -> Floats:
    """Turn middle and size N 4 into corners; sizes below 0 become 0."""
    half = np.maximum(middles[:, 2:], 0.0) / 2
    return np.concatenate([middles[:, :2] - half, middles[:, :2] + half], axis=1)


@dataclass
class BoxFilter:
    """The state of N boxes: values and speeds N 4, and the three numbers of each covariance N 4.

    Source:
        Kalman, "A new approach to linear filtering and prediction problems", 1960; constant velocity for boxes as in
        Bewley et al., "Simple online and realtime tracking", 2016; noise by size as in Wojke et al., 2017.
    """

    value: Floats
    speed: Floats
    vv: Floats
    vs: Floats
    ss: Floats

    @classmethod
    def start(cls, boxes: ArrayLike) -> BoxFilter:
        """Begin at measured boxes N 4 (corners), standing still."""
        m = middles_of(boxes)
        size = _scale(m)
        return cls(m, np.zeros_like(m), (2 * _PLACE * size) ** 2, np.zeros_like(m), (10 * _SPEED * size) ** 2)

    def __len__(self) -> int:
        return len(self.value)

    def choose(self, which: ArrayLike) -> BoxFilter:
        """Keep some boxes."""
        w = np.asarray(which)
        return BoxFilter(self.value[w], self.speed[w], self.vv[w], self.vs[w], self.ss[w])

    def join(self, other: BoxFilter) -> BoxFilter:
        """Append other boxes."""
        return BoxFilter(
            *(np.concatenate([getattr(self, n), getattr(other, n)]) for n in ("value", "speed", "vv", "vs", "ss"))
        )

    def predict(self, lost: NDArray[np.bool_]) -> None:
        """Go one frame on; boxes that were lost keep their size, as its speed is the least certain."""
        size = _scale(self.value)
        self.speed[lost, 2:] = 0.0
        self.value = self.value + self.speed
        self.vv = self.vv + 2 * self.vs + self.ss + (_PLACE * size) ** 2
        self.vs = self.vs + self.ss
        self.ss = self.ss + (_SPEED * size) ** 2

    def correct(self, which: ArrayLike, boxes: ArrayLike) -> None:
        """Bring measured boxes (corners) into some of the states."""
        w = np.asarray(which, dtype=np.int64)
        if len(w) == 0:
            return
        noise = (_PLACE * _scale(self.value[w])) ** 2
        residual = middles_of(boxes) - self.value[w]
        whole = self.vv[w] + noise
        gain, gain_speed = self.vv[w] / whole, self.vs[w] / whole
        self.value[w] += gain * residual
        self.speed[w] += gain_speed * residual
        self.ss[w] -= gain_speed * self.vs[w]
        self.vs[w] *= 1.0 - gain
        self.vv[w] *= 1.0 - gain

    @property
    def boxes(self) -> Floats:
        """The boxes as they are believed to be, N 4 (corners)."""
        return corners_of(self.value)


def _scale(middles: Floats) -> Floats:
    """The size that the noise of each number goes by: width for x, height for y."""
    return np.maximum(middles[:, [2, 3, 2, 3]], 1.0)
