"""A mask as a result: the bool array, with the threshold that made it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin.types import Array
from opsin.values.base import ArrayValue, check_canvas, plain

__all__ = ["Mask", "run_lengths"]


class Mask(ArrayValue):
    """Where something is: H W bool, usable wherever a mask is.

    `image[mask]`, `~mask`, `ops.label_regions(mask)` work as with any bool array.

    Attributes:
        value: the threshold as a fraction of full scale: a number, a tuple of them, or H W where it is local; None
            where no threshold was used.
        level: the same in the picture's own levels (0..255 for uint8).
        method: how it was found.
        classes: H W integers where there were more than two classes (0 is the darkest), else None.
    """

    knows = ("value", "level", "method", "classes")
    value: Any
    level: Any
    method: str | None
    classes: NDArray[np.uint8] | None

    @property
    def mask(self) -> NDArray[np.bool_]:
        """The plain bool array H W."""
        return np.asarray(self)

    @property
    def area(self) -> int:
        """How many pixels are true."""
        return int(np.count_nonzero(self))

    @property
    def fraction(self) -> float:
        """Which part of the picture is true."""
        return self.area / self.size

    def to_dict(self) -> dict[str, Any]:
        """Give size, area, threshold, and the pixels as COCO run lengths (columns first, beginning with false)."""
        out = {
            "type": "mask",
            "width": self.shape[1],
            "height": self.shape[0],
            "area": self.area,
            "fraction": self.fraction,
            "method": self.method,
        }
        if self.value is not None:
            local = isinstance(self.value, np.ndarray) and self.value.ndim == 2
            out["value"] = {"low": self.value.min(), "high": self.value.max()} if local else self.value
        out["rle"] = {"size": [self.shape[0], self.shape[1]], "counts": run_lengths(self.mask)}
        return plain(out)

    def draw(self, image: Array) -> Array:
        """Tint the picture where the mask is true, with its outline; each of several classes in its own color."""
        from opsin.draw import draw_mask

        image = check_canvas("Mask", image, *self.shape)
        return draw_mask(image, self.mask if self.classes is None else self.classes)

    def __repr__(self) -> str:
        parts = [self._size(), f"{self.fraction:.1%} true"]
        if self.method:
            parts.append(self.method)
        if isinstance(self.value, np.ndarray) and self.value.ndim == 2:
            parts.append(f"local value {self.value.min():.3g}..{self.value.max():.3g}")
        elif self.value is not None:
            parts.append("value " + ", ".join(f"{v:.4g}" for v in np.atleast_1d(self.value)))
        return f"Mask({', '.join(parts)})"


def run_lengths(mask: NDArray[np.bool_]) -> list[int]:
    """Count the pixels of each run down the columns, beginning with false (COCO's uncompressed form)."""
    flat = np.asarray(mask).ravel(order="F")
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    counts = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    return [0, *counts] if flat.size and flat[0] else counts
