"""Weighing red, green and blue into one brightness, for every pixel and for the mean of a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin.kernels import native, use_core
from opsin.types import Array

__all__ = ["LUMA", "luma", "mean_luma"]

# shares of red, green and blue
LUMA = {
    "bt601": (0.299, 0.587, 0.114),
    "bt709": (0.2126, 0.7152, 0.0722),
    "bt2020": (0.2627, 0.6780, 0.0593),
    "average": (1 / 3, 1 / 3, 1 / 3),
}


def luma(values: NDArray[Any], weights: tuple[float, float, float] = LUMA["bt601"]) -> NDArray[Any]:
    """Weigh three channels of floats (... 3) into one (...)."""
    dtype = values.dtype.type
    red, green, blue = (dtype(w) for w in weights)
    out = values[..., 0] * red
    out += values[..., 1] * green
    out += values[..., 2] * blue
    return np.asarray(out)


def mean_luma(color: Array) -> float:
    """Mean brightness in the picture's own scale: BT.601 of three channels, the plain mean of any other number.

    Integers are summed exactly and floats in double precision, so the rounding of single pixels has no part in it.
    """
    if color.dtype == np.uint8 and use_core():
        sums: list[Any] = native.channel_sums(color)
    else:
        kind = np.float64 if color.dtype.kind == "f" else np.uint64
        planes = [color] if color.ndim == 2 else [color[..., c] for c in range(color.shape[2])]
        sums = [plane.sum(dtype=kind) for plane in planes]
    weights = LUMA["bt601"] if len(sums) == 3 else (1.0 / len(sums),) * len(sums)
    total = sum(w * float(s) for w, s in zip(weights, sums, strict=True))
    return total / (color.shape[0] * color.shape[1])
