"""How well objects were followed: the figures of MOTChallenge.

truth = Tracks.read_mot("gt.txt", truth=True)
found = Tracks.read_mot("result.txt")
print(evaluate(truth, found))
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin.errors import ParamError, refusal
from opsin.kernels.extras import need
from opsin.kernels.overlap import pairwise_overlap
from opsin.values.base import Value, plain
from opsin.values.tracks import Tracks

__all__ = ["MotScores", "combine", "evaluate"]

Floats = NDArray[np.float64]
_ALPHAS = np.arange(0.05, 0.99, 0.05)


@dataclass(frozen=True, eq=True)
class MotScores(Value):
    """The figures of one clip, or of several together.

    Args:
        frames: frames that hold an object or a found box.
        objects: boxes of the truth.
        predictions: boxes that the tracker gave.
        matches: boxes of the truth that were found under the same identity as before, or for the first time.
        switches: boxes that were found under another identity than before (IDs).
        false_positives: found boxes that belong to nothing.
        misses: boxes of the truth that were not found.
        fragmentations: how often an object was lost and found again.
        unique_objects: objects of the truth.
        mostly_tracked: objects found in at least 80 % of their frames (MT).
        partially_tracked: the others that were found in at least 20 % (PT).
        mostly_lost: objects found in less than 20 % (ML).
        distance: the sum of 1 - overlap over matches and switches.
        identity_matches: found boxes under the best single pairing of identities (IDTP).
        hota_parts: for 19 overlaps 0.05 .. 0.95: correct, missed and wrong boxes, and the sum of association scores.
    """

    frames: int
    objects: int
    predictions: int
    matches: int
    switches: int
    false_positives: int
    misses: int
    fragmentations: int
    unique_objects: int
    mostly_tracked: int
    partially_tracked: int
    mostly_lost: int
    distance: float
    identity_matches: int
    hota_parts: tuple[tuple[float, float, float, float], ...]

    @property
    def mota(self) -> float:
        """1 - (misses + false positives + switches) / objects."""
        return 1.0 - _ratio(self.misses + self.switches + self.false_positives, self.objects)

    @property
    def motp(self) -> float:
        """Mean distance (1 - overlap) of what was found: smaller is better."""
        return _ratio(self.distance, self.matches + self.switches)

    @property
    def precision(self) -> float:
        """Share of the found boxes that belong to an object."""
        found = self.matches + self.switches
        return _ratio(found, found + self.false_positives)

    @property
    def recall(self) -> float:
        """Share of the boxes of the truth that were found."""
        return _ratio(self.matches + self.switches, self.objects)

    @property
    def idf1(self) -> float:
        """Share of boxes under the right identity, of truth and prediction together."""
        return _ratio(2.0 * self.identity_matches, self.objects + self.predictions)

    @property
    def idp(self) -> float:
        """Share of the found boxes that are under the right identity."""
        return _ratio(self.identity_matches, self.predictions)

    @property
    def idr(self) -> float:
        """Share of the boxes of the truth that are under the right identity."""
        return _ratio(self.identity_matches, self.objects)

    @property
    def hota(self) -> float:
        """Higher order tracking accuracy: the geometric mean of detection and association, over 19 overlaps."""
        return float(np.mean([np.sqrt(_ratio(c, c + m + w) * a / max(c, 1.0)) for c, m, w, a in self.hota_parts]))

    @property
    def deta(self) -> float:
        """The part of HOTA that says how well boxes were found."""
        return float(np.mean([_ratio(c, c + m + w) for c, m, w, _ in self.hota_parts]))

    @property
    def assa(self) -> float:
        """The part of HOTA that says how well identities were kept."""
        return float(np.mean([a / max(c, 1.0) for c, _, _, a in self.hota_parts]))

    def to_dict(self) -> dict[str, Any]:
        """Give every figure and every count."""
        counts = {name: value for name, value in asdict(self).items() if name != "hota_parts"}
        return plain({"type": "mot", **{name: getattr(self, name) for name in _FIGURES}, **counts})

    def __repr__(self) -> str:
        return (
            f"MotScores(MOTA {self.mota:.1%}, MOTP {self.motp:.3f}, IDF1 {self.idf1:.1%}, HOTA {self.hota:.1%}, "
            f"switches {self.switches}, false positives {self.false_positives}, misses {self.misses}, "
            f"MT {self.mostly_tracked}, ML {self.mostly_lost})"
        )


_FIGURES = ("mota", "motp", "idf1", "idp", "idr", "precision", "recall", "hota", "deta", "assa")


def _ratio(a: float, b: float) -> float:
    return float(a) / float(b) if b else float("nan")


def evaluate(truth: Tracks, found: Tracks, *, overlap: float = 0.5) -> MotScores:
    """Compare what a tracker gave with the truth.

    Use it for one clip; `combine` adds clips up.

    Args:
        truth: the true tracks.
        found: the tracker's.
        overlap: least intersection over union of boxes that may belong together.

    Returns:
        the figures of CLEAR MOT, of identities and HOTA.

    Source:
        Bernardin and Stiefelhagen, "Evaluating multiple object tracking performance: the CLEAR MOT metrics", 2008;
        Ristani et al., "Performance measures and a data set for multi-target, multi-camera tracking", 2016;
        Luiten et al., "HOTA: a higher order metric for evaluating multi-object tracking", 2021.
    """
    if not 0.0 < overlap <= 1.0:
        raise ParamError(refusal("evaluate", "overlap", "above 0 and at most 1", overlap))
    solve = need("scipy.optimize", "evaluate").linear_sum_assignment
    numbers = np.union1d(truth.frames, found.frames)
    names, ids = np.unique(truth.ids), np.unique(found.ids)
    likeness = []
    for frame in numbers:
        a, b = truth.at(int(frame)), found.at(int(frame))
        rows, columns = np.searchsorted(names, a.ids), np.searchsorted(ids, b.ids)
        likeness.append((rows, columns, pairwise_overlap(a.boxes, b.boxes)))
    clear = _clear(likeness, len(names), overlap, solve)
    together = np.zeros((len(names), len(ids)))
    for rows, columns, scores in likeness:
        together[np.ix_(rows, columns)] += 1.0 - scores <= 1.0 - overlap
    pairs = solve(together, maximize=True)
    return MotScores(
        frames=len(numbers),
        objects=len(truth.ids),
        predictions=len(found.ids),
        unique_objects=len(names),
        identity_matches=int(together[pairs].sum()),
        hota_parts=_hota(likeness, len(names), len(ids), solve),
        **clear,
    )


def _clear(likeness: Any, count: int, overlap: float, solve: Any) -> dict[str, Any]:
    """Pair objects and found boxes frame by frame; a pairing of the frame before goes on while it fits."""
    partner = np.full(count, -1)
    states: list[list[bool]] = [[] for _ in range(count)]
    matches = switches = wrong = 0
    distance = 0.0
    for rows, columns, scores in likeness:
        far = 1.0 - scores
        fits = far <= 1.0 - overlap
        taken, used = np.zeros(len(rows), np.bool_), np.zeros(len(columns), np.bool_)
        for i, who in enumerate(rows):
            at = np.nonzero((columns == partner[who]) & ~used)[0]
            if len(at) and fits[i, at[0]]:
                taken[i] = used[at[0]] = True
                matches += 1
                distance += far[i, at[0]]
        free = fits & ~taken[:, None] & ~used[None, :]
        if free.any():
            # a pair that does not fit costs more than all that do
            heavy = 2.0 * min(free.shape) * (far[free].max() + 1.0)
            for i, j in zip(*solve(np.where(free, far, heavy)), strict=True):
                if free[i, j]:
                    who = rows[i]
                    if partner[who] not in (-1, columns[j]):
                        switches += 1
                    else:
                        matches += 1
                    partner[who] = columns[j]
                    distance += far[i, j]
                    taken[i] = used[j] = True
        wrong += int((~used).sum())
        for i, who in enumerate(rows):
            states[who].append(bool(taken[i]))
    shares = [float(np.mean(state)) for state in states]
    return {
        "matches": matches,
        "switches": switches,
        "false_positives": wrong,
        "misses": sum(state.count(False) for state in states),
        "fragmentations": sum(_breaks(state) for state in states),
        "mostly_tracked": sum(share >= 0.8 for share in shares),
        "partially_tracked": sum(0.2 <= share < 0.8 for share in shares),
        "mostly_lost": sum(share < 0.2 for share in shares),
        "distance": float(distance),
    }


def _breaks(state: list[bool]) -> int:
    if True not in state:
        return 0
    first, last = state.index(True), len(state) - state[::-1].index(True)
    span = state[first:last]
    return sum(before and not after for before, after in pairwise(span))


def _hota(likeness: Any, count: int, other: int, solve: Any) -> tuple[tuple[float, float, float, float], ...]:
    potential = np.zeros((count, other))
    truths, founds = np.zeros(count), np.zeros(other)
    for rows, columns, scores in likeness:
        below = scores.sum(axis=0)[None, :] + scores.sum(axis=1)[:, None] - scores
        share = np.divide(scores, below, out=np.zeros_like(scores), where=below > np.finfo(float).eps)
        potential[np.ix_(rows, columns)] += share
        truths[rows] += 1
        founds[columns] += 1
    alike = potential / np.maximum(truths[:, None] + founds[None, :] - potential, 1e-300)
    correct, missed, wrong = np.zeros(len(_ALPHAS)), np.zeros(len(_ALPHAS)), np.zeros(len(_ALPHAS))
    counts = np.zeros((len(_ALPHAS), count, other))
    for rows, columns, scores in likeness:
        weight = alike[np.ix_(rows, columns)] * scores
        i, j = solve(weight, maximize=True)
        for k, alpha in enumerate(_ALPHAS):
            good = scores[i, j] >= alpha - np.finfo(float).eps
            hits = int(good.sum())
            correct[k] += hits
            missed[k] += len(rows) - hits
            wrong[k] += len(columns) - hits
            counts[k, rows[i[good]], columns[j[good]]] += 1
    out = []
    for k in range(len(_ALPHAS)):
        whole = np.maximum(1.0, truths[:, None] + founds[None, :] - counts[k])
        out.append((correct[k], missed[k], wrong[k], float((counts[k] * (counts[k] / whole)).sum())))
    return tuple((float(c), float(m), float(w), a) for c, m, w, a in out)


def combine(scores: Iterable[MotScores]) -> MotScores:
    """Add up the figures of several clips: counts are added, ratios follow from the sums.

    Args:
        scores: what `evaluate` gave for each clip.
    """
    all_ = list(scores)
    if not all_:
        raise ParamError(refusal("combine", "scores", "the figures of at least one clip", all_))
    sums: dict[str, Any] = {}
    for field in fields(MotScores):
        values = [getattr(one, field.name) for one in all_]
        if field.name == "hota_parts":
            sums[field.name] = tuple(tuple(float(x) for x in row) for row in np.sum(values, axis=0))
        else:
            sums[field.name] = sum(values)
    return MotScores(**sums)
