"""Map a picture or a mask through a warp: the only file that knows the half pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin.arrays import from_unit, full_scale
from opsin.geometry import Stage, Warp, fold
from opsin.kernels import native, use_core
from opsin.kernels.resize import resize
from opsin.types import Array, Border, Fill

__all__ = ["exact", "fill_values", "gather_nearest", "pad", "permutation", "resample"]

_BLOCK = 1 << 18  # pixels worked on at a time, so that the coordinates of a large picture never stand in memory
_NUMPY_PAD: dict[Border, Any] = {
    "constant": "constant",
    "reflect": "reflect",
    "symmetric": "symmetric",
    "replicate": "edge",
    "wrap": "wrap",
}


def resample(image: Array, warp: Warp, *, channels: str = "color") -> Array:
    """Carry a picture through a warp, stage after stage; output dtype = input dtype."""
    alpha = image.ndim == 3 and image.shape[2] == 4 and channels == "color"
    for stage in warp.stages:
        image = _stage(image, stage, alpha)
    return np.ascontiguousarray(image)


def exact(warp: Warp) -> bool:
    """Say whether every stage only moves whole pixels, so that no value changes."""
    return all(stage.kernel == "" and permutation(stage) is not None for stage in warp.stages)


def fill_values(fill: Fill, image: Array, alpha: bool) -> NDArray[Any]:
    """Turn a fill into one value per channel in the picture's dtype; beyond an RGBA picture all is transparent."""
    count = 1 if image.ndim == 2 else image.shape[2]
    if isinstance(fill, tuple):
        values = list(fill) if len(fill) > 1 else list(fill) * count
        if len(values) == 3 and alpha:
            values.append(0.0)
        if len(values) != count:
            from opsin.errors import ParamError, refusal

            raise ParamError(refusal("warp", "fill", f"a number or {count} numbers, one per channel", fill))
    else:
        values = [float(fill)] * count
        if alpha:
            values[3] = 0.0
    return from_unit(np.array(values, dtype=np.float64), image.dtype)


def pad(
    image: Array, left: int, top: int, right: int, bottom: int, border: Border, fill: Fill, *, alpha: bool = False
) -> Array:
    """Add rows and columns around a picture; negative numbers cut instead."""
    h, w = image.shape[:2]
    x0, y0, x1, y1 = max(0, -left), max(0, -top), min(w, w + right), min(h, h + bottom)
    if border != "constant" and (x0 >= x1 or y0 >= y1):
        rows = fold(np.arange(h + top + bottom) - top + 0.5, h, border).astype(np.int64).clip(0, h - 1)
        columns = fold(np.arange(w + left + right) - left + 0.5, w, border).astype(np.int64).clip(0, w - 1)
        return image[rows[:, None], columns[None, :]]
    left, top, right, bottom = max(0, left), max(0, top), max(0, right), max(0, bottom)
    if border != "constant":
        # the border continues the whole picture, so it is added before anything is cut on the other side
        if left or top or right or bottom:
            widths = [(top, bottom), (left, right)] + [(0, 0)] * (image.ndim - 2)
            if border == "reflect" and (h == 1 or w == 1):
                axes = [("edge" if n == 1 else "reflect", i) for i, n in enumerate((h, w))]
                for mode, axis in axes:
                    one = [(0, 0)] * image.ndim
                    one[axis] = widths[axis]
                    image = np.pad(image, one, mode=mode)  # type: ignore[call-overload]
            else:
                image = np.pad(image, widths, mode=_NUMPY_PAD[border])
        return image[y0 : y0 + (y1 - y0) + top + bottom, x0 : x0 + (x1 - x0) + left + right]
    if x0 >= x1 or y0 >= y1:
        out_h, out_w = _beyond(h, y0, y1, top, bottom), _beyond(w, x0, x1, left, right)
        out = np.empty((out_h, out_w, *image.shape[2:]), image.dtype)
        out[...] = fill_values(fill, image, alpha)
        return out
    inner = image[y0:y1, x0:x1]
    if not (left or top or right or bottom):
        return inner
    shape = (inner.shape[0] + top + bottom, inner.shape[1] + left + right, *image.shape[2:])
    out = np.empty(shape, image.dtype)
    values = fill_values(fill, image, alpha)
    high, wide = top + inner.shape[0], left + inner.shape[1]
    out[top:high, left:wide] = inner
    for rim in (out[:top], out[high:], out[top:high, :left], out[top:high, wide:]):
        # one value for all is many times as quick as one for each channel
        rim[...] = values[0] if (values == values[0]).all() else values
    return out


def _beyond(length: int, low: int, high: int, before: int, after: int) -> int:
    return max(1, (high - low) + before + after)


def permutation(stage: Stage) -> NDArray[Any] | None:
    """Give the matrix as integers when it only moves whole pixels, else None."""
    if stage.matrix is None:
        return None
    # plain numbers: nine of them cost less than one call of NumPy
    m = stage.matrix.ravel().tolist()
    if m[6] != 0.0 or m[7] != 0.0 or not all(abs(v - round(v)) <= 1e-9 for v in m):
        return None
    whole = [round(v) for v in m]
    if [abs(v) for v in whole[:2] + whole[3:5]] not in ([1, 0, 0, 1], [0, 1, 1, 0]):
        return None
    return np.array(whole, dtype=np.int64).reshape(3, 3)


def _stage(image: Array, stage: Stage, alpha: bool) -> Array:
    if stage.kernel:
        return resize(image, stage.target.width, stage.target.height, stage.kernel, alpha=alpha)
    moved = permutation(stage)
    if moved is not None:
        return _move(image, moved, stage, alpha)
    return _bilinear(image, stage, alpha)


def _move(image: Array, m: NDArray[Any], stage: Stage, alpha: bool) -> Array:
    """Flip, transpose and shift by slicing."""
    swap = bool(m[0, 0] == 0)
    x_sign, y_sign = (m[0, 1], m[1, 0]) if swap else (m[0, 0], m[1, 1])
    if use_core() and (swap or x_sign < 0):
        image = native.moved(image, swap=swap, flip_x=bool(x_sign < 0), flip_y=bool(y_sign < 0))
    else:
        image = image.swapaxes(0, 1) if swap else image
        image = image[:, ::-1] if x_sign < 0 else image
        image = image[::-1] if y_sign < 0 else image
    h, w = image.shape[:2]
    left = int(m[0, 2]) - (w if x_sign < 0 else 0)
    top = int(m[1, 2]) - (h if y_sign < 0 else 0)
    tw, th = stage.target
    if left == 0 and top == 0 and (tw, th) == (w, h):
        return image
    right, bottom = tw - w - left, th - h - top
    if stage.border == "constant" and (left >= tw or top >= th or left + w <= 0 or top + h <= 0):
        out = np.empty((th, tw, *image.shape[2:]), image.dtype)
        out[...] = fill_values(stage.fill, image, alpha)
        return out
    return pad(image, left, top, right, bottom, stage.border, stage.fill, alpha=alpha)


def _bilinear(image: Array, stage: Stage, alpha: bool) -> Array:
    """Four-tap interpolation at exact coordinates."""
    if use_core() and not alpha:
        edge = [float(v) for v in fill_values(stage.fill, image, alpha)]
        if stage.field is not None:
            return native.warp_map(image, stage.field, stage.border, edge)
        return native.warp(image, stage.back, stage.target.width, stage.target.height, stage.border, edge)
    return _by_blocks(image, stage, alpha)


def _by_blocks(image: Array, stage: Stage, alpha: bool) -> Array:
    """The reference: block by block, so that coordinates of a large picture never stand in memory."""
    tw, th = stage.target
    h, w = image.shape[:2]
    values = image.reshape(h, w, -1).astype(np.float32)
    scale = np.float32(full_scale(image.dtype))
    edge = fill_values(stage.fill, image, alpha).astype(np.float32)
    if alpha:
        values[..., :3] *= values[..., 3:] / scale
        edge = edge.copy()
        edge[:3] *= edge[3] / scale
    out = np.empty((th, tw, values.shape[2]), image.dtype)
    step = max(1, _BLOCK // tw)
    for top in range(0, th, step):
        rows = min(step, th - top)
        x, y = _coordinates(stage, top, rows)
        block = _taps(values, x, y, stage.border, edge)
        if alpha:
            a = block[..., 3:]
            block[..., :3] = np.divide(
                block[..., :3] * scale, a, out=np.zeros_like(block[..., :3]), where=a > scale * 1e-6
            )
        if image.dtype.kind != "f":
            block += 0.5
            np.clip(block, 0.0, scale, out=block)
        out[top : top + rows] = block.reshape(rows, tw, -1)
    return out.reshape(th, tw, *image.shape[2:])


def _coordinates(stage: Stage, top: int, rows: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Source coordinates, in pixel indices, of the middles of a block of target rows."""
    tw = stage.target.width
    if stage.field is not None:
        block = stage.field[top : top + rows].reshape(-1, 2)
        return block[:, 0].astype(np.float64) - 0.5, block[:, 1].astype(np.float64) - 0.5
    m = stage.back
    j, i = np.arange(tw) + 0.5, (np.arange(top, top + rows) + 0.5)[:, None]
    x, y = m[0, 0] * j + (m[0, 1] * i + m[0, 2]), m[1, 0] * j + (m[1, 1] * i + m[1, 2])
    if m[2, 0] != 0.0 or m[2, 1] != 0.0 or m[2, 2] != 1.0:
        w = m[2, 0] * j + (m[2, 1] * i + m[2, 2])
        with np.errstate(divide="ignore", invalid="ignore"):
            x, y = np.where(w > 1e-9, x / w, -1e9), np.where(w > 1e-9, y / w, -1e9)
    return x.ravel() - 0.5, y.ravel() - 0.5


def _taps(values: NDArray[Any], x: NDArray[Any], y: NDArray[Any], border: Border, edge: NDArray[Any]) -> NDArray[Any]:
    h, w = values.shape[:2]
    if border != "constant":
        x, y = _into(x, w, border), _into(y, h, border)
    x, y = np.clip(x, -2.0, w + 1.0), np.clip(y, -2.0, h + 1.0)
    x0, y0 = np.floor(x).astype(np.int32), np.floor(y).astype(np.int32)
    fx, fy = (x - x0).astype(np.float32)[:, None], (y - y0).astype(np.float32)[:, None]

    def tap(i: NDArray[Any], j: NDArray[Any]) -> NDArray[Any]:
        if border != "constant":
            return values[_fold_index(i, h, border), _fold_index(j, w, border)]
        ok = (i >= 0) & (i < h) & (j >= 0) & (j < w)
        got = values[np.clip(i, 0, h - 1), np.clip(j, 0, w - 1)]
        if not ok.all():
            got[~ok] = edge
        return got

    top = tap(y0, x0)
    top += (tap(y0, x0 + 1) - top) * fx
    bottom = tap(y0 + 1, x0)
    bottom += (tap(y0 + 1, x0 + 1) - bottom) * fx
    top += (bottom - top) * fy
    return top


def _into(at: NDArray[Any], length: int, border: Border) -> NDArray[Any]:
    if border == "replicate":
        return np.clip(at, 0.0, length - 1.0)
    return fold(at + 0.5, length, border) - 0.5


def _fold_index(i: NDArray[Any], length: int, border: Border) -> NDArray[Any]:
    if border == "wrap":
        return np.mod(i, length)
    return np.clip(i, 0, length - 1)  # after folding a tap lies at most one pixel out, where all three repeat the edge


def gather_nearest(mask: Array, warp: Warp, fill: Any = 0) -> Array:
    """Carry a mask or label picture (H W) through the composed warp in one nearest-pixel step."""
    if not warp.stages:
        return mask.copy()
    tw, th = warp.target
    if exact(warp) and all(s.border == "constant" for s in warp.stages):
        for stage in warp.stages:
            m = permutation(stage)
            assert m is not None
            mask = _move_mask(mask, m, stage, fill)
        return np.ascontiguousarray(mask)
    out = np.full((th, tw), fill, mask.dtype)
    step = max(1, _BLOCK // tw)
    h, w = mask.shape
    for top in range(0, th, step):
        rows = min(step, th - top)
        grid = np.stack(np.meshgrid(np.arange(tw) + 0.5, np.arange(top, top + rows) + 0.5), axis=-1).reshape(-1, 2)
        points, inside = warp.seen(grid)
        at = np.floor(np.where(inside[:, None], points, 0.0) + 1e-9).astype(np.int64)
        got = mask[np.clip(at[:, 1], 0, h - 1), np.clip(at[:, 0], 0, w - 1)]
        out[top : top + rows] = np.where(inside, got, fill).reshape(rows, tw)
    return out


def _move_mask(mask: Array, m: NDArray[Any], stage: Stage, fill: Any) -> Array:
    plain = Stage(stage.source, stage.target, stage.matrix)
    if mask.dtype == np.bool_:
        return _move(mask.view(np.uint8), m, plain, False).view(np.bool_)
    if fill == 0:
        return _move_any(mask, m, plain)
    return _move_any(mask - fill, m, plain) + fill


def _move_any(mask: Array, m: NDArray[Any], stage: Stage) -> Array:
    """Move integers of any width by moving their index."""
    h, w = mask.shape
    out = np.zeros((stage.target.height, stage.target.width), mask.dtype)
    grid_y, grid_x = np.mgrid[0:h, 0:w]
    x = np.floor(m[0, 0] * (grid_x + 0.5) + m[0, 1] * (grid_y + 0.5) + m[0, 2]).astype(np.int64)
    y = np.floor(m[1, 0] * (grid_x + 0.5) + m[1, 1] * (grid_y + 0.5) + m[1, 2]).astype(np.int64)
    ok = (x >= 0) & (y >= 0) & (x < out.shape[1]) & (y < out.shape[0])
    out[y[ok], x[ok]] = mask[ok]
    return out
