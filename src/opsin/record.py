"""What the core tells of a picture that it made by many steps at once; worked out when somebody asks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from numpy.typing import NDArray

from opsin.geometry import Size, Stage, Warp
from opsin.kernels import native

__all__ = ["Boxes", "Record"]

Boxes = Callable[[NDArray[Any], NDArray[Any], native.Least], tuple[tuple[int, int], native.Kept]]


class Record(NamedTuple):
    """One picture of a batch.

    Args:
        batch: what the core wrote down of every picture of the batch, see `native.Program.run`.
        place: which of them.
        draws: gives the parameters of the steps, by step id.
    """

    batch: Any
    place: int
    draws: Callable[[], dict[str, Any]]

    @property
    def boxes(self) -> Boxes:
        """What carries boxes as the steps did, without the warp: gives the canvas, and as `native.carry_boxes`."""
        carry: Boxes = partial(self.batch.carry_boxes, self.place)
        return carry

    def warp(self) -> Warp:
        """Build the warp that the core went by."""
        source, stages, _ = self.batch[self.place]
        here = Size(*source)
        built = []
        at = here
        for matrix, width, height, border, fill, resized in stages:
            target = Size(width, height)
            values = tuple(fill) if len(fill) > 1 else fill[0] if fill else 0.0
            kernel = "pillow-bilinear" if resized else ""
            built.append(Stage(at, target, matrix, None, border, values, kernel))
            at = target
        return Warp(here, tuple(built))

    def whole(self) -> bool:
        """Say whether the file was decoded whole: nothing was stepped over."""
        return bool(self.batch[self.place][2])
