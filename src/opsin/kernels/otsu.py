"""Several Otsu thresholds at once, by dynamic programming over the histogram."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["multi_otsu"]

_BINS = 1024  # whole-number pictures of more levels than this are sorted into as many bins
_FLOAT_BINS = 256


def multi_otsu(gray: NDArray[np.generic], classes: int) -> tuple[float, ...] | None:
    """Find the thresholds that make the classes' means differ most.

    Exhaustive search over all sets of thresholds takes bins^(classes - 1) steps; the best split of the levels up to
    a bin builds on the best splits of fewer classes, which takes classes x bins^2.

    Args:
        gray: any number of axes; whole numbers are counted level by level, floats in 256 bins.
        classes: at least 2.

    Returns:
        classes - 1 ascending thresholds in the picture's levels, each the last level of the darker class; None where
        the picture has fewer levels than classes.

    Source:
        Liao, Chen and Chung, "A fast algorithm for multilevel thresholding", 2001 (the criterion).
    """
    low, high = gray.min(), gray.max()
    if gray.dtype.kind in "ui" and int(high) - int(low) < _BINS:
        counts = np.bincount(gray.ravel().astype(np.intp) - int(low))
        centers = np.arange(len(counts), dtype=np.float64) + int(low)
    elif low == high:
        return None
    else:
        bins = _BINS if gray.dtype.kind in "ui" else _FLOAT_BINS
        counts, edges = np.histogram(gray, bins=bins)
        # a whole number is split off with its bin; floats are cut at the bin's middle, as scikit-image does
        centers = np.ceil(edges[1:]) - 1.0 if gray.dtype.kind in "ui" else (edges[:-1] + edges[1:]) / 2.0
    if np.count_nonzero(counts) < classes:
        return None
    n = len(counts)
    share = counts / counts.sum()
    mass = np.concatenate([[0.0], np.cumsum(share)])
    moment = np.concatenate([[0.0], np.cumsum(share * np.arange(n))])
    weight = mass[None, 1:] - mass[:-1, None]
    spread = moment[None, 1:] - moment[:-1, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        between = np.where(weight > 1e-15, spread * spread / weight, 0.0)  # of a class from bin row to bin column
    between[np.tril_indices(n, -1)] = -np.inf
    best = between[0]
    cuts: list[NDArray[np.intp]] = []
    for _ in range(classes - 1):
        options = best[:-1, None] + between[1:, :]
        cut = options.argmax(axis=0)
        best = options[cut, np.arange(n)]
        cuts.append(cut)
    place, found = n - 1, []
    for cut in reversed(cuts):
        place = int(cut[place])
        found.append(place)
    return tuple(float(centers[i]) for i in reversed(found))
