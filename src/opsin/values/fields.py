"""Numbers per pixel as a result: distances, and responses that are signed and so are no picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin.types import Array
from opsin.values.base import ArrayValue, check_canvas, plain

__all__ = ["Distances", "Response"]

# dark blue, violet, red, orange, light yellow: rises evenly in lightness, so that it is read without a legend
_HEAT = np.array([(8, 12, 60), (90, 20, 120), (190, 50, 90), (240, 130, 40), (250, 245, 170)], dtype=np.float64)
# blue below zero, white at zero, red above
_SIGNED = np.array([(20, 60, 160), (120, 170, 230), (248, 248, 248), (240, 150, 120), (160, 20, 30)], dtype=np.float64)


def _colored(values: NDArray[np.float64], table: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Look numbers 0..1 up in a table of colors."""
    place = np.linspace(0.0, 1.0, len(table))
    ramp = np.stack([np.interp(np.linspace(0.0, 1.0, 256), place, table[:, c]) for c in range(3)], axis=1)
    index = (np.clip(values, 0.0, 1.0) * 255.0 + 0.5).astype(np.intp)
    return np.ascontiguousarray((ramp + 0.5).astype(np.uint8)[index])


class Distances(ArrayValue):
    """How far each pixel is from the nearest pixel outside the mask: H W, in pixels.

    Attributes:
        metric: `euclidean`, `taxicab` or `chessboard`.
    """

    knows = ("metric",)
    metric: str | None

    @property
    def distances(self) -> NDArray[np.float64]:
        """The plain array H W."""
        return np.asarray(self)

    def to_dict(self) -> dict[str, Any]:
        """Give size, metric, the greatest distance and where it is."""
        row, column = np.unravel_index(int(np.argmax(np.asarray(self))), self.shape)
        return plain(
            {
                "type": "distances",
                "width": self.shape[1],
                "height": self.shape[0],
                "metric": self.metric,
                "unit": "px",
                "max": float(np.asarray(self).max()),
                "farthest": [column + 0.5, row + 0.5],
                "mean": float(np.asarray(self).mean()),
            }
        )

    def draw(self, image: Array) -> Array:
        """Show near as dark and far as light; pixels outside the mask show the picture, darkened."""
        from opsin.draw import displayable

        image = check_canvas("Distances", image, *self.shape)
        values = np.asarray(self, dtype=np.float64)
        ground = displayable(image)
        out = (ground // 2).astype(np.uint8)
        inside = values > 0
        out[inside] = _colored(values / max(float(values.max()), 1e-12), _HEAT)[inside]
        return out

    def __repr__(self) -> str:
        return f"Distances({self._size()}, {self.metric}, up to {float(np.asarray(self).max()):.4g} px)"


class Response(ArrayValue):
    """What a filter answers when the answer is signed: H W (C) float32, 1.0 being full scale.

    Attributes:
        method: the technique that answered.
    """

    knows = ("method",)
    method: str | None

    @property
    def response(self) -> NDArray[np.float32]:
        """The plain array."""
        return np.asarray(self)

    def to_dict(self) -> dict[str, Any]:
        """Give size, range, mean and standard deviation."""
        values = np.asarray(self)
        return plain(
            {
                "type": "response",
                "width": self.shape[1],
                "height": self.shape[0],
                "channels": self.shape[2] if self.ndim == 3 else 1,
                "method": self.method,
                "low": float(values.min()),
                "high": float(values.max()),
                "mean": float(values.mean(dtype=np.float64)),
                "std": float(values.std(dtype=np.float64)),
            }
        )

    def draw(self, image: Array) -> Array:
        """Show zero as white, below it as blue, above it as red; colors are averaged first."""
        image = check_canvas("Response", image, *self.shape[:2])
        values = np.asarray(self, dtype=np.float64)
        if values.ndim == 3:
            values = values.mean(axis=2)
        reach = max(float(np.abs(values).max()), 1e-12)
        return _colored(values / (2.0 * reach) + 0.5, _SIGNED)

    def __repr__(self) -> str:
        values = np.asarray(self)
        return f"Response({self._size()}, {self.method}, {float(values.min()):.4g} to {float(values.max()):.4g})"
