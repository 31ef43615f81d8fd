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
        return _stretched(np.asarray(self), self.axis or 0)

    def __repr__(self) -> str:
        count = 0 if self.mixing is None else self.mixing.shape[1]
        rest = "" if self.converged else ", not converged"
        return f"Unmixed({count} sources of shape {self.shape}{rest})"

    def to_dict(self) -> dict[str, Any]:
        """Give the matrices and the size of the sources."""
        names = ("mixing", "unmixing", "center", "axis", "converged")
        return plain({"type": "unmixed", "shape": list(self.shape)} | {name: getattr(self, name) for name in names})

    def draw(self, image: Array) -> Array:
        """Lay the sources side by side on a canvas of the picture's size; signals are plotted one below the other."""
        return _side_by_side(np.asarray(self), self.axis or 0, image)


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

    def draw(self, image: Array) -> Array:
        """Lay the stack's members side by side on a canvas of the picture's size; signals are plotted as lines."""
        return _side_by_side(np.asarray(self), self.axis or 0, image)


def _stretched(stack: Array, axis: int) -> Array:
    """The members of a stack, each stretched to 0..1: N ... float32."""
    moved = np.moveaxis(stack, axis, 0)
    flat = moved.reshape(moved.shape[0], -1)
    low, high = flat.min(axis=1, keepdims=True), flat.max(axis=1, keepdims=True)
    unit = (flat - low) / np.where(high > low, high - low, 1.0)
    return np.ascontiguousarray(unit.reshape(moved.shape), dtype=np.float32)


def _side_by_side(stack: Array, axis: int, image: Array) -> Array:
    """Show the members of a stack on a canvas of the picture's size."""
    from opsin.canvas import displayable
    from opsin.draw import fitted

    out = np.zeros_like(displayable(image))
    members = _stretched(stack, axis)
    if members.ndim == 2:
        return _plotted(members, out)
    edges = np.linspace(0, out.shape[1], len(members) + 1).astype(int)
    for member, left, right in zip(members, edges[:-1], edges[1:], strict=True):
        if right > left:
            small = fitted(displayable(member), int(right - left), out.shape[0])
            out[: small.shape[0], left : left + small.shape[1]] = small
    return out


def _plotted(signals: Array, out: Array) -> Array:
    """Plot signals 0..1 (N T) one below the other, each in its own color."""
    from opsin.canvas import Canvas, color_of

    out[...] = 255
    height, width = out.shape[:2]
    canvas = Canvas(out)
    for k, signal in enumerate(signals):
        # a column of pixels shows the least and the greatest of what falls into it
        parts = np.array_split(signal, min(len(signal), width))
        reach = np.array([(part[0], part.min(), part.max(), part[-1]) for part in parts]).ravel()
        x = np.linspace(0.5, width - 0.5, len(parts)).repeat(4)
        y = (k + 0.9 - 0.8 * reach) * height / len(signals)
        canvas.path(np.stack([x, y], axis=1), color_of(k), closed=False, width=1.0)
    return canvas.finish()
