"""A warp laid out for pictures of one shape and dtype: what depends on them is found once, and pixels alone remain.

What comes out of a layout is always an array of its own, C-contiguous, and equal to what `resample` gives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin.geometry import Stage, Warp
from opsin.kernels import native
from opsin.kernels.resample import fill_values, permutation, resample
from opsin.kernels.resize import by_core
from opsin.types import Array

__all__ = ["laid_out"]

Layout = Callable[[Array], Array]


def laid_out(warp: Warp, image: Array, channels: str = "color") -> Layout:
    """Lay a warp out for the core, for pictures of the shape and dtype of one."""
    alpha = image.ndim == 3 and image.shape[2] == 4 and channels == "color"
    if len(warp.stages) == 1:
        layout = _stage(warp.stages[0], image, alpha)
        if layout is not None:
            return layout

    def general(picture: Array) -> Array:
        out = resample(picture, warp, channels=channels)
        return out.copy() if np.may_share_memory(out, picture) else out

    return general


def _stage(stage: Stage, image: Array, alpha: bool) -> Layout | None:
    width, height = stage.target
    same = (height, width) == image.shape[:2]
    if stage.kernel:
        if same:
            return lambda picture: np.array(picture, order="C")
        return native.resizer(image, width, height, stage.kernel) if by_core(image, stage.kernel, alpha) else None
    moved = permutation(stage)
    if moved is not None:
        return _move(moved, stage, image, alpha)
    if alpha or stage.field is not None:
        return None
    return native.warper(image, stage.back, width, height, stage.border, fill_values(stage.fill, image, alpha).tolist())


def _move(m: NDArray[Any], stage: Stage, image: Array, alpha: bool) -> Layout | None:
    swap = bool(m[0, 0] == 0)
    x_sign, y_sign = (m[0, 1], m[1, 0]) if swap else (m[0, 0], m[1, 1])
    h, w = image.shape[1::-1] if swap else image.shape[:2]
    left = int(m[0, 2]) - (w if x_sign < 0 else 0)
    top = int(m[1, 2]) - (h if y_sign < 0 else 0)
    tw, th = stage.target
    stays = left == 0 and top == 0 and (tw, th) == (w, h)
    turned = swap or x_sign < 0 or y_sign < 0
    if stays and turned:
        return native.mover(image, swap=swap, flip_x=bool(x_sign < 0), flip_y=bool(y_sign < 0))
    if turned:
        return None
    if left <= 0 and top <= 0 and left + w >= tw and top + h >= th:
        rows, columns = slice(-top, th - top), slice(-left, tw - left)
        # `copy` of a part is C-contiguous
        return lambda picture: picture[rows, columns].copy()
    if stage.border != "constant":
        return None
    return native.framer(image, left, top, tw, th, fill_values(stage.fill, image, alpha))
