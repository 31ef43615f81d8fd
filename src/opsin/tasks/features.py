"""From a picture to the vector that a classifier learns from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin.arrays import color_count, to_unit
from opsin.errors import ParamError, refusal
from opsin.op import op_of
from opsin.types import Array

__all__ = ["FEATURES", "color_histogram", "vector"]

FEATURES = ("hog", "gabor_bank", "lbp", "color")


def color_histogram(image: Array, *, bins: int = 6, grid: int = 1) -> NDArray[np.float64]:
    """Count how much of each color there is, in bins x bins x bins bins of RGB, per part of a grid; square roots.

    Args:
        image: RGB, RGBA (clear pixels count less) or gray.
        bins: per channel; a pixel is shared between neighboring bins.
        grid: the picture is cut into grid x grid parts.
    """
    if not 2 <= bins <= 32 or not 1 <= grid <= 8:
        raise ParamError(refusal("color", "bins and grid", "2 to 32 and 1 to 8", (bins, grid)))
    values = to_unit(image, np.float64)
    values = values[..., None] if values.ndim == 2 else values
    weight = values[..., 3] if values.shape[2] == 4 and color_count(image) == 3 else np.ones(values.shape[:2])
    color = values[..., :3] if values.shape[2] >= 3 else np.repeat(values[..., :1], 3, axis=2)
    place = np.clip(np.clip(color, 0.0, 1.0) * bins - 0.5, 0.0, bins - 1.0)
    low = np.minimum(place.astype(np.int64), bins - 2)
    share = place - low
    h, w = weight.shape
    part = (np.arange(h) * grid // h)[:, None] * grid + np.arange(w) * grid // w
    out = np.zeros(grid * grid * bins**3)
    for corner in np.ndindex(2, 2, 2):
        amount = weight.copy()
        number = part.copy()
        for channel, high in enumerate(corner):
            amount *= share[..., channel] if high else 1.0 - share[..., channel]
            number = number * bins + low[..., channel] + high
        out += np.bincount(number.ravel(), weights=amount.ravel(), minlength=len(out))
    total = out.reshape(grid * grid, -1).sum(axis=1, keepdims=True)
    return np.sqrt(out.reshape(grid * grid, -1) / np.maximum(total, 1e-12)).ravel()


def vector(kind: str, params: Mapping[str, Any], image: Array) -> NDArray[np.float64]:
    """Describe a picture by one of `FEATURES` with its parameters."""
    if kind == "color":
        return color_histogram(image, **params)
    return np.asarray(op_of(kind).public(image, **params).vector, dtype=np.float64)
