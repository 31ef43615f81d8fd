"""Mixtures of Gaussians: fitted by EM, written as JSON, and asked how likely a color is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from opsin.chance import Rng
from opsin.kernels.kmeans import kmeans
from opsin.kernels.palette import nearest

__all__ = ["Mixture", "SkinModel", "fit_mixture"]

Floats: TypeAlias = NDArray[np.float64]
_CHUNK = 1 << 15
_FLOOR = 1e-5  # least variance: a fiftieth of a level of 255, squared, keeps every Gaussian a bell


@dataclass(frozen=True, eq=False)
class Mixture:
    """Gaussians with full covariance.

    Args:
        weights: K, summing to 1.
        means: K C.
        covariances: K C C.
    """

    weights: Floats
    means: Floats
    covariances: Floats

    def quadratic(self) -> tuple[Floats, Floats]:
        """Write each component's logarithm as a sum over 1, x_i and x_i x_j: one matrix product gives them all.

        Returns:
            (1 + C + C (C + 1) / 2) K coefficients, and the middle that is taken off the points first.
        """
        middle = self.weights @ self.means
        dims = self.means.shape[1]
        precision = np.linalg.inv(self.covariances)
        off = self.means - middle
        pull = np.einsum("kij,kj->ki", precision, off)
        log_norm = -0.5 * (dims * math.log(2.0 * math.pi) + np.linalg.slogdet(self.covariances)[1])
        constant = np.log(self.weights) + log_norm - 0.5 * np.einsum("ki,ki->k", off, pull)
        i, j = np.triu_indices(dims)
        squares = -0.5 * precision[:, i, j] * np.where(i == j, 1.0, 2.0)
        return np.concatenate([constant[:, None], pull, squares], axis=1).T, middle

    def log_parts(self, points: NDArray[Any]) -> Floats:
        """Give the logarithm of weight times density of each component: N K."""
        table, middle = self.quadratic()
        return np.asarray(features(points.astype(np.float64) - middle) @ table)

    def log_density(self, points: NDArray[Any]) -> Floats:
        """Give the logarithm of the density at each point: N."""
        return log_sum(self.log_parts(points))

    def to_dict(self) -> dict[str, Any]:
        """Write as plain lists."""
        return {
            "weights": self.weights.tolist(),
            "means": self.means.tolist(),
            "covariances": self.covariances.tolist(),
        }

    @staticmethod
    def from_dict(data: Any) -> Mixture:
        """Read plain lists.

        Raises:
            ValueError: missing, of wrong shape, or no mixture.
        """
        try:
            parts = (np.asarray(data[name], dtype=np.float64) for name in ("weights", "means", "covariances"))
            weights, means, covariances = parts
        except (KeyError, TypeError) as reason:
            raise ValueError(f"no {reason}") from None
        k, dims = means.shape if means.ndim == 2 else (0, 0)
        if k < 1 or weights.shape != (k,) or covariances.shape != (k, dims, dims):
            raise ValueError("weights, means and covariances do not fit each other")
        if not (np.isfinite(means).all() and np.isfinite(covariances).all() and (weights > 0).all()):
            raise ValueError("weights must be above 0 and all numbers finite")
        if abs(weights.sum() - 1.0) > 1e-6 or (np.linalg.eigvalsh(covariances) <= 0).any():
            raise ValueError("weights must sum to 1 and covariances be positive definite")
        return Mixture(weights, means, covariances)


def features(points: NDArray[Any]) -> NDArray[Any]:
    """Give 1, every x_i, and every x_i x_j with i <= j."""
    dims = points.shape[1]
    i, j = np.triu_indices(dims)
    out = np.empty((len(points), 1 + dims + len(i)), dtype=points.dtype)
    out[:, 0] = 1.0
    out[:, 1 : 1 + dims] = points
    np.multiply(points[:, i], points[:, j], out=out[:, 1 + dims :])
    return out


def log_sum(parts: NDArray[Any]) -> NDArray[Any]:
    """Add numbers given by their logarithms, along the last axis."""
    top = parts.max(axis=1)
    return np.asarray(top + np.log(np.exp(parts - top[:, None]).sum(axis=1)))


def fit_mixture(
    points: NDArray[Any], components: int, *, seed: int = 0, rounds: int = 200, close: float = 1e-5
) -> Mixture:
    """Fit a mixture of Gaussians by expectation and maximisation.

    Args:
        points: N C, in fractions of full scale.
        components: how many Gaussians.
        seed: of the first guess (k-means).
        rounds: at most how many.
        close: stop when the mean log-likelihood rises by less.

    Source:
        Dempster, Laird and Rubin, "Maximum likelihood from incomplete data via the EM algorithm", 1977.
    """
    data = np.asarray(points, dtype=np.float64)
    light = data.astype(np.float32)
    centers = kmeans(light, np.ones(len(light)), components, Rng(seed).at("mixture"), restarts=2)
    share = np.eye(len(centers))[nearest(light, centers)[0]]
    dims, before = data.shape[1], -np.inf
    mixture = _maximum(data, share, dims)
    for _ in range(rounds):
        parts = mixture.log_parts(data)
        total = log_sum(parts)
        mixture = _maximum(data, np.exp(parts - total[:, None]), dims)
        mean = float(total.mean())
        if mean - before < close:
            break
        before = mean
    return mixture


def _maximum(data: Floats, share: Floats, dims: int) -> Mixture:
    size = share.sum(axis=0) + 1e-12
    means = (share.T @ data) / size[:, None]
    off = [data - mean for mean in means]
    covariances = np.stack([(o * share[:, k : k + 1]).T @ o / size[k] for k, o in enumerate(off)])
    return Mixture(size / size.sum(), means, covariances + _FLOOR * np.eye(dims))


@dataclass(frozen=True, eq=False)
class SkinModel:
    """How likely a color is on skin and elsewhere."""

    skin: Mixture
    other: Mixture

    def likely(self, points: NDArray[Any], threshold: float) -> NDArray[np.bool_]:
        """Say which colors are skin with at least the given probability: N.

        Args:
            points: N 3 in fractions of full scale.
            threshold: 0..1; 0 is everywhere, and 1 only where nothing else is possible.
        """
        (skin, skin_middle), (other, other_middle) = self.skin.quadratic(), self.other.quadratic()
        # p >= t is the same as log skin - log other >= log(t / (1 - t)): no division, and no limit of precision
        least = -np.inf if threshold <= 0.0 else np.inf if threshold >= 1.0 else math.log(threshold / (1.0 - threshold))
        out = np.empty(len(points), dtype=np.bool_)
        for start in range(0, len(points), _CHUNK):
            part = points[start : start + _CHUNK].astype(np.float64)
            margin = log_sum(features(part - skin_middle) @ skin) - log_sum(features(part - other_middle) @ other)
            out[start : start + _CHUNK] = margin >= least
        return out

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return {"skin": self.skin.to_dict(), "other": self.other.to_dict()}

    @staticmethod
    def from_dict(data: Any) -> SkinModel:
        """Read plain data.

        Raises:
            ValueError: no two mixtures of colors of three channels.
        """
        if not isinstance(data, dict) or not {"skin", "other"} <= data.keys():
            raise ValueError("it has no mixtures 'skin' and 'other'")
        model = SkinModel(Mixture.from_dict(data["skin"]), Mixture.from_dict(data["other"]))
        if model.skin.means.shape[1] != 3 or model.other.means.shape[1] != 3:
            raise ValueError("the colors do not have three channels")
        return model
