"""Giving one set of values the distribution of another."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin.arrays import from_unit

__all__ = ["match"]


def _counts(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The distinct values, rising, and the share of values that are at most as large."""
    if values.dtype.kind == "u":
        numbers = np.bincount(values.ravel())
        distinct = np.flatnonzero(numbers)
        numbers = numbers[distinct]
    else:
        distinct, numbers = np.unique(values, return_counts=True)
    return distinct, np.cumsum(numbers) / values.size


def match(values: NDArray[Any], reference: NDArray[Any], reference_scale: float) -> NDArray[Any]:
    """Map values so that their cumulative distribution becomes the reference's; dtype and shape are the values'.

    Args:
        values: any shape, unsigned integers or floats.
        reference: any shape, of any such dtype.
        reference_scale: what white is in reference.

    Source:
        Gonzalez and Woods, "Digital Image Processing", 4th ed., 3.3; between steps the inverse is linear, as in
        scikit-image's `match_histograms`.
    """
    own, own_share = _counts(values)
    other, other_share = _counts(reference)
    new = np.interp(own_share, other_share, other.astype(np.float64) / reference_scale)
    if values.dtype.kind == "u":
        table = np.zeros(int(own[-1]) + 1)
        table[own] = new
        return np.take(from_unit(table, values.dtype), values)
    return new.astype(values.dtype)[np.searchsorted(own, values)]
