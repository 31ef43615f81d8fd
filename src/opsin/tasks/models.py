"""What learns from vectors: logistic regression and nearest neighbors. Fitted by scikit-learn or kept; applied here."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin.chance import Rng
from opsin.errors import ParamError, refusal, verbatim
from opsin.kernels.extras import need

__all__ = ["Arrays", "apply", "folds_of", "learn", "resampled", "weights_of"]

Arrays = dict[str, NDArray[Any]]


def weights_of(where: str, rule: Any, classes: list[str], truth: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give one weight per class: 1, `balanced` (the rarer the heavier), or what is given by name.

    Source:
        King and Zeng, "Logistic regression in rare events data", 2001; scikit-learn's balanced rule.
    """
    if rule is None:
        return np.ones(len(classes))
    if rule == "balanced":
        counts = np.bincount(truth, minlength=len(classes))
        return len(truth) / (len(classes) * np.maximum(counts, 1).astype(np.float64))
    if isinstance(rule, Mapping) and set(rule) <= set(classes) and all(float(v) > 0 for v in rule.values()):
        return np.array([float(rule.get(c, 1.0)) for c in classes])
    raise ParamError(refusal(where, "weights", "None, 'balanced' or positive numbers by class", rule))


def resampled(rule: str | None, truth: NDArray[np.int64], rng: Rng) -> NDArray[np.int64]:
    """Give the rows to learn from: all; `over` repeats rows of rare classes; `under` leaves out of frequent ones."""
    rows = np.arange(len(truth))
    if rule is None:
        return rows
    counts = np.bincount(truth)
    goal = int(counts.max()) if rule == "over" else int(counts[counts > 0].min())
    out = []
    for number in np.flatnonzero(counts):
        mine = rows[truth == number]
        order = mine[np.array(rng.permutation(f"class {number}", len(mine)))]
        # every row once before any row twice
        out.append(np.resize(order, goal))
    return np.sort(np.concatenate(out))


def folds_of(truth: NDArray[np.int64], count: int, rng: Rng) -> NDArray[np.int64]:
    """Give each row its fold; every class is spread evenly over the folds."""
    fold = np.empty(len(truth), dtype=np.int64)
    start = 0
    for number in np.unique(truth):
        mine = np.flatnonzero(truth == number)
        order = mine[np.array(rng.permutation(f"class {number}", len(mine)))]
        fold[order] = (np.arange(len(mine)) + start) % count
        start += len(mine)
    return fold


def learn(
    where: str,
    kind: str,
    vectors: NDArray[np.float64],
    truth: NDArray[np.int64],
    count: int,
    weights: NDArray[np.float64],
    strength: float,
) -> Arrays:
    """Fit a model; gives its arrays.

    Args:
        where: the task's name, for sentences.
        kind: `logistic` or `neighbors`.
        vectors: N D.
        truth: N, class numbers 0..count-1, each at least once.
        count: of classes.
        weights: per class.
        strength: C of logistic regression: larger trusts the pictures more.
    """
    mean = vectors.mean(axis=0)
    spread = vectors.std(axis=0)
    # what never changes must not be blown up
    scale = np.where(spread > 1e-9, spread, 1.0)
    values = (vectors - mean) / scale
    if kind == "neighbors":
        return {
            "mean": mean,
            "scale": scale,
            "vectors": values.astype(np.float32),
            "truth": truth.astype(np.int64),
            "weights": weights,
        }
    model = need("sklearn.linear_model", where).LogisticRegression(C=strength / values.shape[1], max_iter=2000)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        model.fit(values, truth, sample_weight=weights[truth])
    if any("converge" in str(w.message) for w in said):
        got = verbatim("no end after 2,000 rounds")
        raise ParamError(refusal(where, "strength", "small enough that fitting ends", got, "Use a tenth of it."))
    slope, offset = np.asarray(model.coef_, np.float64), np.asarray(model.intercept_, np.float64)
    if count == 2:
        # one row says how much the second class is ahead
        slope, offset = np.concatenate([-slope, slope]) / 2.0, np.concatenate([-offset, offset]) / 2.0
    return {"mean": mean, "scale": scale, "slope": slope, "offset": offset}


def apply(kind: str, arrays: Arrays, vectors: NDArray[np.float64], count: int, near: int) -> NDArray[np.float64]:
    """Give the probability of each class: N count."""
    values = (vectors - arrays["mean"]) / arrays["scale"]
    if kind == "logistic":
        lead = values @ arrays["slope"].T + arrays["offset"]
        lead -= lead.max(axis=1, keepdims=True)
        power = np.exp(lead)
        out: NDArray[np.float64] = power / power.sum(axis=1, keepdims=True)
        return out
    known, truth = arrays["vectors"].astype(np.float64), arrays["truth"]
    votes = np.zeros((len(values), count))
    length = (known * known).sum(axis=1)
    for start in range(0, len(values), 512):
        part = values[start : start + 512]
        gap = np.maximum((part * part).sum(axis=1)[:, None] + length - 2.0 * part @ known.T, 0.0)
        order = np.argsort(gap, axis=1, kind="stable")[:, :near]
        # nearer ones count more, so that ties are rare; a picture that was learned is certain
        pull = 1.0 / (np.sqrt(np.take_along_axis(gap, order, axis=1)) + 1e-6)
        pull *= arrays["weights"][truth[order]]
        for column in range(order.shape[1]):
            np.add.at(votes, (np.arange(start, start + len(part)), truth[order[:, column]]), pull[:, column])
    return votes / votes.sum(axis=1, keepdims=True)
