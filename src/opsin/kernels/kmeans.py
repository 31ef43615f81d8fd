"""k-means of weighted points."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin.chance import Rng
from opsin.kernels.palette import Floats, nearest

__all__ = ["kmeans", "lloyd"]

Centers = NDArray[np.float64]


def kmeans(points: Floats, weights: NDArray[np.float64], count: int, rng: Rng, restarts: int = 4) -> Centers:
    """Find centers that make the weighted sum of squared distances small.

    Args:
        points: N C.
        weights: N, how often each occurs.
        count: of centers; fewer come out where there are fewer different points.
        rng: the address of the first guesses.
        restarts: how many first guesses are followed; the best outcome stays.

    Returns:
        K C float64.

    Source:
        Lloyd, "Least squares quantization in PCM", 1982; Arthur and Vassilvitskii, "k-means++: the advantages of
        careful seeding", 2007.
    """
    best: tuple[float, Centers] | None = None
    for attempt in range(restarts):
        centers = _seeds(points, weights, count, rng.at(f"restart {attempt}"))
        error, centers = lloyd(points, weights, centers)
        if best is None or error < best[0]:
            best = error, centers
        if len(centers) < count:
            break  # every different point has a center of its own
    assert best is not None
    return best[1]


def _seeds(points: Floats, weights: NDArray[np.float64], count: int, rng: Rng) -> Centers:
    """First guesses far from each other: each is drawn by its distance from those before."""
    first = _draw(weights, rng.unit("0"))
    chosen = [first]
    gap = points - points[first]
    far = np.einsum("nc,nc->n", gap, gap).astype(np.float64)
    for number in range(1, count):
        chance = far * weights
        if not chance.sum() > 0.0:
            break
        at = _draw(chance, rng.unit(str(number)))
        chosen.append(at)
        gap = points - points[at]
        far = np.minimum(far, np.einsum("nc,nc->n", gap, gap))
    return points[chosen].astype(np.float64)


def _draw(weights: NDArray[np.float64], unit: float) -> int:
    ends = np.cumsum(weights)
    at = int(np.searchsorted(ends, unit * ends[-1], side="right"))
    # a point of weight 0 shares its end with the one before and is never met
    return min(at, int(np.flatnonzero(weights)[-1]))


def lloyd(
    points: Floats, weights: NDArray[np.float64], centers: Centers, rounds: int = 100, close: float = 1e-4
) -> tuple[float, Centers]:
    """Move each center to the mean of its points until they stay where they are.

    A center without points is moved to the point that is farthest from its own.

    Returns:
        the mean squared distance, and the centers.
    """
    centers = centers.astype(np.float64)
    error = np.inf
    for _ in range(rounds):
        number, distance = nearest(points, centers)
        share = np.bincount(number, weights=weights, minlength=len(centers))
        moved = means(points, weights, number, len(centers))
        error = float(distance @ weights / weights.sum())
        empty = np.flatnonzero(share == 0.0)
        if len(empty):
            worst = np.argsort(-(distance * weights), kind="stable")[: len(empty)]
            moved[empty[: len(worst)]] = points[worst]
        still = float(np.abs(moved - centers).max()) < close and not len(empty)
        centers = moved
        if still:
            break
    return error, centers


def means(points: Floats, weights: NDArray[np.float64], number: NDArray[Any], count: int) -> Centers:
    """The weighted mean of each group; 0 where a group is empty."""
    share = np.bincount(number, weights=weights, minlength=count)
    sums = np.stack(
        [np.bincount(number, weights=weights * points[:, c], minlength=count) for c in range(points.shape[1])], axis=1
    )
    out: Centers = sums / np.maximum(share, 1e-300)[:, None]
    return out
