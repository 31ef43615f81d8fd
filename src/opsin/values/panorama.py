"""A picture made of overlapping pictures, which knows where each of them went."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin.geometry import Size, Warp
from opsin.kernels.views import View
from opsin.types import Array
from opsin.values.base import ArrayValue, plain

__all__ = ["Panorama"]


class Panorama(ArrayValue):
    """The stitched picture H W (C), usable wherever a picture is.

    Attributes:
        mask: H W bool, where there is a picture.
        labels: H W, which picture is seen at each pixel; -1 where there is none.
        names: of all pictures, in the order given.
        used: positions of the pictures that became part of it.
        left_out: names of those that did not.
        projection: `planar` or `cylindrical`, as it came out.
        focal: in pixels, or None on a plane.
        gains: the factor on each used picture's brightness.
        views: where each used picture lies.
    """

    knows = ("mask", "labels", "names", "used", "left_out", "projection", "focal", "gains", "views")
    mask: NDArray[np.bool_]
    labels: NDArray[np.int16]
    names: tuple[str, ...]
    used: tuple[int, ...]
    left_out: tuple[str, ...]
    projection: str
    focal: float | None
    gains: tuple[float, ...]
    views: tuple[View, ...]

    @property
    def image(self) -> Array:
        """The plain picture."""
        return np.asarray(self)

    def warp(self, position: int) -> Warp:
        """The warp that carries picture number `position` (as given) onto the panorama."""
        view = self.views[self.used.index(position)]
        canvas = Size(self.shape[1], self.shape[0])
        if view.matrix is not None:
            x, y = view.origin
            return Warp.of(np.array([[1.0, 0, -x], [0, 1.0, -y], [0, 0, 1.0]]) @ view.matrix, view.size, canvas)
        px, py = view.pull(np.arange(canvas.width) + 0.5, np.arange(canvas.height) + 0.5)
        field = np.stack([px, py], axis=-1)
        far = 4.0 * max(view.size)
        return Warp.bend(np.clip(np.nan_to_num(field, nan=-far), -far, far), view.size)

    @property
    def warps(self) -> tuple[Warp, ...]:
        """One warp for each used picture."""
        return tuple(self.warp(i) for i in self.used)

    def to_dict(self) -> dict[str, Any]:
        """Give size, projection, and where each picture lies."""
        pictures = [
            {"name": self.names[i], "position": i, "gain": gain, "box": list(view.bounds())}
            for i, gain, view in zip(self.used, self.gains, self.views, strict=True)
        ]
        return plain(
            {
                "type": "panorama",
                "width": self.shape[1],
                "height": self.shape[0],
                "projection": self.projection,
                "focal": self.focal,
                "covered": float(self.mask.mean()),
                "pictures": pictures,
                "left_out": self.left_out,
            }
        )

    def draw(self, image: Array) -> Array:
        """Show the panorama with the outline of what is seen of each picture: H W 3 uint8."""
        from opsin.draw import displayable, draw_polygons

        shown = displayable(self.image)
        outlines = []
        for view in self.views:
            w, h = view.size
            t, s = np.linspace(0, w, 33), np.linspace(0, h, 33)
            rim = [np.stack([t, 0 * t], 1), np.stack([0 * s + w, s], 1), np.stack([t[::-1], 0 * t + h], 1)]
            outlines.append(view.push(np.concatenate([*rim, np.stack([0 * s, s[::-1]], 1)])))
        return draw_polygons(shown, outlines, labels=[self.names[i] for i in self.used], strength=0.0)

    def __repr__(self) -> str:
        left = f", without {', '.join(self.left_out)}" if self.left_out else ""
        return f"Panorama({self._size()}, {self.projection}, {len(self.used)} pictures{left})"
