"""What a picture, or each of its pixels, looks like, in numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin.types import Array
from opsin.values.base import ArrayValue, check_canvas, plain

__all__ = ["FilterBank", "GradientHistograms", "TextureCodes"]

_LISTED = 1 << 12  # codes up to which a saved histogram names them all


class GradientHistograms(ArrayValue):
    """The feature vector of `hog`: one number per block, cell and direction.

    Attributes:
        grid: the same numbers by place: blocks down, blocks across, cells down, cells across, directions.
        cell: side of a cell in pixels.
        size: width and height of the picture.
    """

    knows = ("grid", "cell", "canvas")
    grid: NDArray[np.float64]
    cell: int
    canvas: tuple[int, int]

    @property
    def vector(self) -> NDArray[np.float64]:
        """The plain vector."""
        return np.asarray(self)

    def to_dict(self) -> dict[str, Any]:
        """Give the vector and how it is laid out."""
        return plain(
            {"type": "hog", "grid": list(self.grid.shape), "cell": self.cell, "vector": np.asarray(self).ravel()}
        )

    def draw(self, image: Array) -> Array:
        """Draw in every cell lines along its edges, the stronger the brighter, on a darkened picture."""
        from opsin.canvas import Canvas

        check_canvas("GradientHistograms", image, self.canvas[1], self.canvas[0])
        canvas = Canvas(image)
        canvas.base[:] = canvas.base // 3
        down, across, inner, _, bins = self.grid.shape
        cells = np.zeros((down + inner - 1, across + inner - 1, bins))
        count = np.zeros((*cells.shape[:2], 1))
        for i in range(inner):
            for j in range(inner):
                cells[i : i + down, j : j + across] += self.grid[:, :, i, j]
                count[i : i + down, j : j + across] += 1
        cells /= count
        cells /= max(float(cells.max()), 1e-12)
        reach = self.cell / 2 - 0.5
        for (row, column, k), strength in np.ndenumerate(cells):
            if strength > 0.1:
                # an edge runs across its gradient
                angle = math.pi * (k + 0.5) / bins + math.pi / 2
                step = np.array([math.cos(angle), math.sin(angle)]) * reach
                middle = (np.array([column, row]) + 0.5) * self.cell
                ink = round(255 * float(strength))
                canvas.path(
                    np.stack([middle - step, middle + step]), (ink, ink, round(0.6 * ink)), closed=False, width=1.0
                )
        return canvas.finish()

    def __repr__(self) -> str:
        down, across, inner, _, bins = self.grid.shape
        blocks = f"{across} x {down} blocks of {inner} x {inner} cells"
        return f"GradientHistograms({len(self)} numbers: {blocks}, {bins} directions)"


class TextureCodes(ArrayValue):
    """The local binary pattern of every pixel: H W whole numbers.

    Attributes:
        count: how many codes there are.
        method: how patterns are numbered.
    """

    knows = ("count", "method")
    count: int
    method: str | None

    @property
    def vector(self) -> NDArray[np.float64]:
        """How often each code occurs, as fractions of all pixels: what classifiers take."""
        return np.bincount(np.asarray(self).ravel(), minlength=self.count) / self.size

    def to_dict(self) -> dict[str, Any]:
        """Give size, method and the histogram of codes; of more than 4,096 codes only those that occur, by number."""
        out = {
            "type": "lbp",
            "width": self.shape[1],
            "height": self.shape[0],
            "method": self.method,
            "count": self.count,
        }
        if self.count <= _LISTED:
            return plain(out | {"histogram": self.vector})
        codes, times = np.unique(np.asarray(self), return_counts=True)
        return plain(out | {"codes": codes, "shares": times / self.size})

    def draw(self, image: Array) -> Array:
        """Show the codes as grays: H W 3."""
        check_canvas("TextureCodes", image, *self.shape)
        gray = (np.asarray(self).astype(np.float64) / max(1, self.count - 1) * 255.0 + 0.5).astype(np.uint8)
        return np.repeat(gray[..., None], 3, axis=2)

    def __repr__(self) -> str:
        return f"TextureCodes({self._size()}, {self.count} codes, {self.method})"


class FilterBank(ArrayValue):
    """How strongly each filter of a bank answers at each pixel: H W K, float32.

    Attributes:
        frequencies: of each filter, in waves per pixel.
        angles: of each filter, the direction across the waves in degrees anticlockwise.
    """

    knows = ("frequencies", "angles")
    frequencies: tuple[float, ...]
    angles: tuple[float, ...]

    @property
    def vector(self) -> NDArray[np.float64]:
        """Mean and standard deviation of each filter's answer, 2 K numbers: what classifiers take."""
        a = np.asarray(self, dtype=np.float64).reshape(-1, self.shape[2])
        return np.concatenate([a.mean(axis=0), a.std(axis=0)])

    def to_dict(self) -> dict[str, Any]:
        """Give size, filters, and mean and standard deviation of their answers."""
        half = len(self.vector) // 2
        return plain(
            {
                "type": "gabor_bank",
                "width": self.shape[1],
                "height": self.shape[0],
                "frequencies": self.frequencies,
                "angles": self.angles,
                "mean": self.vector[:half],
                "std": self.vector[half:],
            }
        )

    def draw(self, image: Array) -> Array:
        """Show each pixel in the color of its strongest filter's direction, as bright as the answer: H W 3."""
        import colorsys

        check_canvas("FilterBank", image, *self.shape[:2])
        a = np.asarray(self)
        best = a.argmax(axis=2)
        strength = a.max(axis=2)
        strength = strength / max(float(strength.max()), 1e-12)
        inks = np.array([colorsys.hsv_to_rgb((angle % 180.0) / 180.0, 0.8, 1.0) for angle in self.angles])
        return np.ascontiguousarray((inks[best] * strength[..., None] * 255.0 + 0.5).astype(np.uint8))

    def __repr__(self) -> str:
        return f"FilterBank({self.shape[1]} x {self.shape[0]}, {self.shape[2]} filters)"
