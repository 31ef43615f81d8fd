"""Gamma, beta and Dirichlet numbers at an address, in plain arithmetic: the same bits on every machine."""

from __future__ import annotations

import math

from opsin.chance import Rng, exp, log

__all__ = ["beta_draw", "dirichlet_draw", "gamma_draw"]

_TRIES = 64  # each fails with a probability below 0.05


def gamma_draw(rng: Rng, name: str, shape: float) -> float:
    """Draw a gamma-distributed number of scale 1.

    Source:
        Marsaglia and Tsang, "A simple method for generating gamma variables", ACM TOMS 2000.
    """
    if shape < 1.0:
        more = gamma_draw(rng, f"{name}+", shape + 1.0)
        return more * float(exp(log(max(rng.unit(f"{name}^"), 2.0**-54)) / shape))
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    for x, u in zip(rng.normal(f"{name}x", size=_TRIES), rng.unit(f"{name}u", _TRIES), strict=True):
        v = (1.0 + c * float(x)) ** 3
        if v > 0.0 and float(log(max(float(u), 2.0**-54))) < 0.5 * float(x) ** 2 + d - d * v + d * float(log(v)):
            return d * v
    return d  # the mode


def beta_draw(rng: Rng, name: str, a: float, b: float) -> float:
    """Draw a beta-distributed number in 0..1."""
    x, y = gamma_draw(rng, f"{name}a", a), gamma_draw(rng, f"{name}b", b)
    return x / (x + y) if x + y > 0.0 else 0.5


def dirichlet_draw(rng: Rng, name: str, shape: float, count: int) -> list[float]:
    """Draw weights that sum to 1, all alike."""
    parts = [gamma_draw(rng, f"{name}{k}", shape) for k in range(count)]
    total = math.fsum(parts)
    return [p / total for p in parts] if total > 0.0 else [1.0 / count] * count
