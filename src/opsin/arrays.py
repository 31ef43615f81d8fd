"""What a legal picture is, and the only conversions between data types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin.errors import ParamError, refusal, verbatim
from opsin.types import Array

__all__ = ["alpha_of", "as_mask", "check_image", "color_count", "from_unit", "full_scale", "to_unit", "unit_range"]

_SCALES: dict[Any, float] = {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0, np.dtype(np.float32): 1.0}
MAX_SIDE = 1 << 20
ROUNDING = 1e-5  # what sums of float32 weights may add to white


def full_scale(dtype: Any) -> float:
    """Give the value that means white: 255, 65535 or 1.0."""
    return _SCALES[np.dtype(dtype)]


def check_image(
    where: str,
    image: object,
    *,
    unit: bool = False,
    name: str = "image",
    ends: Callable[[Array], tuple[float, float]] | None = None,
) -> Array:
    """Return the picture if it is legal, else raise the one sentence.

    Args:
        where: the technique's name, for the sentence.
        image: what was given.
        unit: refuse floats outside 0..1 (tone and color); geometry carries them.
        name: the parameter's name, for the sentence.
        ends: what finds the least and the greatest of C-contiguous values, NaN where one is; else NumPy does.

    Raises:
        ParamError: not an array, a wrong dtype, axis count or size, NaN, infinity, or out of range.
    """
    if not isinstance(image, np.ndarray):
        got = verbatim(type(image).__name__)
        raise ParamError(refusal(where, name, "a NumPy array H W or H W C", got, "opsin.read(path) gives one."))
    if image.dtype not in _SCALES:
        hint = "Use image.astype('float32') with 1.0 = white." if image.dtype.kind == "f" else ""
        if image.dtype == np.bool_:
            hint = "Use image.astype('uint8') * 255."
        raise ParamError(refusal(where, name, "uint8, uint16 or float32", image, hint))
    if image.ndim not in (2, 3):
        hint = "Call it once per picture, or use pipeline.batch." if image.ndim == 4 else ""
        raise ParamError(refusal(where, name, "H W or H W C", image, hint))
    if 0 in image.shape:
        raise ParamError(refusal(where, name, "at least 1 x 1 pixels with at least one channel", image))
    if image.shape[0] > MAX_SIDE or image.shape[1] > MAX_SIDE:
        raise ParamError(refusal(where, name, f"at most {MAX_SIDE} pixels wide and high", image))
    if image.dtype == np.float32:
        if ends is not None and image.flags.c_contiguous:
            low, high = ends(image)
        else:
            low, high = float(image.min()), float(image.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            bad = verbatim("NaN" if np.isnan(low) else "infinity")
            raise ParamError(refusal(where, name, "finite", bad, "Use numpy.nan_to_num first."))
        if unit and (low < -ROUNDING or high > 1.0 + ROUNDING):
            got = verbatim(f"values from {low:.4g} to {high:.4g}")
            raise ParamError(
                refusal(where, name, "within 0..1 (1.0 is white)", got, "Divide by its full scale, or clip it.")
            )
    return image


def as_mask(where: str, image: object) -> NDArray[np.bool_]:
    """Read a mask: a bool array H W, or a picture H W of two levels, one of them 0 (a mask's file).

    Args:
        where: the technique's name, for the sentence.
        image: what was given.

    Raises:
        ParamError: anything else, a picture of more levels included.
    """
    array: Array = image if isinstance(image, np.ndarray) else np.empty(0)
    if array.ndim == 3 and array.shape[2] == 1 and array.dtype != np.bool_:
        array = array[..., 0]
    if array.ndim == 2 and array.size and array.dtype == np.bool_:
        return array
    if array.ndim == 2 and array.size and array.dtype in _SCALES:
        inside = array != 0
        if np.count_nonzero(inside) == np.count_nonzero(array == array.max()) or not inside.any():
            return inside
    hint = "Use ops.threshold first." if array.size else ""
    raise ParamError(refusal(where, "mask", "a bool array H W, or a picture of two levels", image, hint))


def color_count(image: Array, channels: str = "color") -> int:
    """Give the number of channels that carry color or bands: all of them, or three when the fourth is alpha."""
    if image.ndim == 2:
        return 1
    return 3 if image.shape[2] == 4 and channels == "color" else int(image.shape[2])


def alpha_of(image: Array, channels: str = "color") -> Array | None:
    """Give the alpha channel H W of an RGBA picture, or None."""
    return image[..., 3] if image.ndim == 3 and image.shape[2] == 4 and channels == "color" else None


def unit_range(image: Array) -> bool:
    """Say whether a float picture stays within 0..1; integers always do."""
    return image.dtype != np.float32 or (float(image.min()) >= 0.0 and float(image.max()) <= 1.0)


def to_unit(image: Array, dtype: Any = np.float32) -> NDArray[Any]:
    """Turn a picture into floats with 1.0 = white; a float picture is returned as it is when the dtype fits."""
    if image.dtype.kind == "f":
        return image.astype(dtype, copy=False)
    out = image.astype(dtype)
    out /= full_scale(image.dtype)
    return out


def from_unit(values: NDArray[Any], dtype: Any) -> Array:
    """Turn floats with 1.0 = white into a picture of the dtype: clamped, rounded half up; floats are only cast."""
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        return np.ascontiguousarray(values, dtype=dtype)
    scaled = values * full_scale(dtype)
    scaled += 0.5
    np.clip(scaled, 0.0, full_scale(dtype) + 0.5, out=scaled)
    return np.ascontiguousarray(scaled.astype(dtype))
