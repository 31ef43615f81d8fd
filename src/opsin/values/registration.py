"""How one picture, or one volume, lies on another."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin.errors import ParamError, refusal
from opsin.geometry import Warp
from opsin.types import Array
from opsin.values.base import Value, check_canvas, plain
from opsin.values.matches import carried

__all__ = ["Registration", "VolumeRegistration", "checkerboard"]


def checkerboard(image: Array, other: Array, squares: int = 8) -> NDArray[np.uint8]:
    """Show two pictures of one size in turn, square by square: edges that go on across squares lie on each other."""
    from opsin.draw import displayable

    a, b = displayable(image), displayable(other)
    if a.shape != b.shape:
        raise ParamError(refusal("checkerboard", "other", f"{a.shape[0]} x {a.shape[1]}, as the first picture", b))
    h, w = a.shape[:2]
    side = max(1, max(h, w) // max(1, squares))
    first = (np.arange(h)[:, None] // side + np.arange(w)[None, :] // side) % 2 == 0
    return np.where(first[..., None], a, b)


class Registration(Value):
    """The warp that lays a picture on a reference.

    Attributes:
        warp: from the picture's canvas to the reference's; moves pictures, and samples with all they hold.
        metric: how well they agree at the end, the larger the better: bits of mutual information, or correlation.
        transform: the kind of movement that was looked for.
        method: what was compared.
        iterations: steps taken, over all levels; 0 where that is not told.
    """

    def __init__(self, warp: Warp, *, metric: float, transform: str, method: str, iterations: int = 0) -> None:
        self.warp, self.metric, self.transform = warp, float(metric), transform
        self.method, self.iterations = method, int(iterations)

    @property
    def matrix(self) -> NDArray[np.float64]:
        """3 x 3, from the picture's points to the reference's (continuous pixels)."""
        matrix = self.warp.matrix
        assert matrix is not None
        return matrix

    def apply(self, target: Any) -> Any:
        """Carry the picture, or a sample with all it holds, onto the reference's canvas."""
        return carried(self.warp, target, "Registration.apply")

    def checkerboard(self, image: Array, reference: Array, squares: int = 8) -> Array:
        """Show the moved picture and the reference in turn, square by square: H W 3 uint8."""
        check_canvas("Registration", reference, self.warp.target.height, self.warp.target.width)
        return checkerboard(self.apply(image), reference, squares)

    def to_dict(self) -> dict[str, Any]:
        """Give matrix, sizes, kind of movement and agreement."""
        return plain(
            {
                "type": "registration",
                "matrix": self.matrix,
                "source": list(self.warp.source),
                "target": list(self.warp.target),
                "transform": self.transform,
                "method": self.method,
                "metric": self.metric,
                "iterations": self.iterations,
            }
        )

    def draw(self, image: Array) -> Array:
        """Draw on the picture where the reference's frame lies in it."""
        from opsin.draw import draw_polygons

        check_canvas("Registration", image, self.warp.source.height, self.warp.source.width)
        return draw_polygons(image, [self.warp.pull(self.warp.target.corners)], strength=0.0)

    def __repr__(self) -> str:
        (w, h), (tw, th) = self.warp.source, self.warp.target
        return f"Registration({w} x {h} to {tw} x {th}, {self.transform}, {self.method} {self.metric:.4g})"


class VolumeRegistration(Value):
    """The matrix that lays a volume on a reference volume.

    Attributes:
        matrix: 4 x 4, from the volume's points (x, y, z) to the reference's, in the unit of the spacing; the middle of
            the first voxel is half a spacing from the origin on every axis.
        spacing: of the volume's voxels (x, y, z).
        reference_spacing: of the reference's voxels (x, y, z).
        shape: of the volume, D H W.
        reference_shape: of the reference, D H W.
        metric: how well they agree at the end, the larger the better.
    """

    def __init__(
        self,
        matrix: NDArray[np.float64],
        *,
        shape: tuple[int, ...],
        reference_shape: tuple[int, ...],
        spacing: tuple[float, ...],
        reference_spacing: tuple[float, ...],
        metric: float,
        transform: str,
        method: str,
    ) -> None:
        self.matrix = np.asarray(matrix, dtype=np.float64)
        self.shape, self.reference_shape = tuple(shape), tuple(reference_shape)
        self.spacing, self.reference_spacing = tuple(spacing), tuple(reference_spacing)
        self.metric, self.transform, self.method = float(metric), transform, method

    def push(self, points: Any) -> NDArray[np.float64]:
        """Carry points N 3 (x, y, z), in the unit of the spacing, from the volume to the reference."""
        p = np.asarray(points, dtype=np.float64).reshape(-1, 3)
        return p @ self.matrix[:3, :3].T + self.matrix[:3, 3]

    def pull(self, points: Any) -> NDArray[np.float64]:
        """Carry points N 3 (x, y, z), in the unit of the spacing, from the reference to the volume."""
        p = np.asarray(points, dtype=np.float64).reshape(-1, 3)
        back = np.linalg.solve(self.matrix[:3, :3], (p - self.matrix[:3, 3]).T).T
        return np.asarray(back, dtype=np.float64)

    def apply(self, volume: Array, *, order: int = 1, fill: float = 0.0) -> Array:
        """Carry a volume D H W onto the reference's grid; order 0 for labels, 1 for densities; same dtype."""
        from opsin.kernels.extras import need

        v = np.asarray(volume)
        if v.shape != self.shape:
            raise ParamError(refusal("VolumeRegistration.apply", "volume", f"of shape {self.shape}", v))
        ndimage = need("scipy.ndimage", "VolumeRegistration.apply")
        # index (z, y, x) of the reference -> its point -> the volume's point -> the volume's index
        to, back = np.array(self.reference_spacing), np.array(self.spacing)
        m = np.linalg.inv(self.matrix)
        linear = (m[:3, :3] * to[None, :]) / back[:, None]
        offset = (m[:3, :3] @ (0.5 * to) + m[:3, 3]) / back - 0.5
        out = ndimage.affine_transform(
            v.astype(np.float64),
            linear[::-1, ::-1],
            offset[::-1],
            output_shape=self.reference_shape,
            order=order,
            cval=fill,
        )
        if v.dtype.kind in "ui":
            info = np.iinfo(v.dtype)
            return np.clip(np.floor(out + 0.5), info.min, info.max).astype(v.dtype)
        return np.asarray(out.astype(v.dtype))

    def to_dict(self) -> dict[str, Any]:
        """Give matrix, grids, kind of movement and agreement."""
        return plain({"type": "volume_registration"} | self.__dict__)

    def __repr__(self) -> str:
        return f"VolumeRegistration({self.shape} to {self.reference_shape}, {self.transform}, {self.metric:.4g})"
