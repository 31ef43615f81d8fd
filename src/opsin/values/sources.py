"""What a stack of pictures or signals becomes when it is taken apart or made uncorrelated."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin.types import Array
from opsin.values.base import ArrayValue, plain

__all__ = ["Unmixed", "Whitened"]


class Unmixed(ArrayValue):
    """Independent sources of a stack: an array laid out as the stack was, its mixtures replaced by the sources.

    The stack is `mixing @ sources + center`, with the sources as rows.

    Attributes:
        mixing: mixtures x sources.
        unmixing: sources x mixtures.
        center: the mean of each mixture.
        axis: which axis counts the sources.
        converged: whether the search came to rest.
    """

    knows = ("mixing", "unmixing", "center", "axis", "converged")
    mixing: NDArray[np.float64] | None
    unmixing: NDArray[np.float64] | None
    center: NDArray[np.float64] | None
    axis: int | None
    converged: bool | None

    @property
    def sources(self) -> NDArray[np.float64]:
        """The plain array of the sources."""
        return np.asarray(self)

    @property
    def rows(self) -> NDArray[np.float64]:
        """The sources as rows: sources x values."""
        moved = np.moveaxis(np.asarray(self), self.axis or 0, 0)
        return moved.reshape(moved.shape[0], -1)

    def pictures(self) -> Array:
        """The sources as pictures to look at: N H W (C) float32, each stretched to 0..1."""
        moved = np.moveaxis(np.asarray(self), self.axis or 0, 0)
        flat = moved.reshape(moved.shape[0], -1)
        low, high = flat.min(axis=1, keepdims=True), flat.max(axis=1, keepdims=True)
        unit = (flat - low) / np.where(high > low, high - low, 1.0)
        return np.ascontiguousarray(unit.reshape(moved.shape), dtype=np.float32)

    def __repr__(self) -> str:
        count = 0 if self.mixing is None else self.mixing.shape[1]
        rest = "" if self.converged else ", not converged"
        return f"Unmixed({count} sources of shape {self.shape}{rest})"

    def to_dict(self) -> dict[str, Any]:
        """Give the matrices and the size of the sources."""
        names = ("mixing", "unmixing", "center", "axis", "converged")
        return plain({"type": "unmixed", "shape": list(self.shape)} | {name: getattr(self, name) for name in names})

    def draw(self, image: Array) -> Array:
        """Lay the sources side by side on a canvas of the picture's size."""
        from opsin.canvas import displayable
        from opsin.draw import fitted

        out = np.zeros_like(displayable(image))
        pictures = self.pictures()
        if pictures.ndim < 3:
            pictures = pictures[:, None, :]  # signals: one row each
        edges = np.linspace(0, out.shape[1], len(pictures) + 1).astype(int)
        for picture, left, right in zip(pictures, edges[:-1], edges[1:], strict=True):
            if right > left:
                small = fitted(displayable(picture), int(right - left), out.shape[0])
                out[: small.shape[0], left : left + small.shape[1]] = small
        return out


class Whitened(ArrayValue):
    """A stack whose mixtures have unit variance and do not vary together, laid out as the stack was.

    Attributes:
        matrix: what the stack was multiplied with: N x N.
        center: the mean of each mixture, which was subtracted first: N.
        axis: which axis counts the mixtures.
    """

    knows = ("matrix", "center", "axis")
    matrix: NDArray[np.float64] | None
    center: NDArray[np.float64] | None
    axis: int | None

    def __repr__(self) -> str:
        return f"Whitened({self.dtype} of shape {self.shape})"

    def to_dict(self) -> dict[str, Any]:
        """Give matrix and mean, with which other stacks can be whitened alike."""
        return plain(
            {
                "type": "whitened",
                "shape": list(self.shape),
                "matrix": self.matrix,
                "center": self.center,
                "axis": self.axis,
            }
        )
