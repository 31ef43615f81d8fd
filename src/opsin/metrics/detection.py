"""How well objects were found: average precision as PASCAL VOC and COCO define it.

scores = average_precision(truth, found)             # lists of Boxes, one per picture
scores = coco(truth, found)                          # mAP@[.5:.95], by size, and recalls
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from opsin.errors import ParamError, refusal, verbatim
from opsin.kernels.overlap import areas, pairwise_overlap
from opsin.types import Array
from opsin.values.base import Value, plain
from opsin.values.boxes import Boxes

__all__ = ["ClassScores", "CocoScores", "DetectionScores", "average_precision", "coco"]

Floats = NDArray[np.float64]
Points = Literal["every", "11", "101"]
_SIZES = {"all": (0.0, 1e10), "small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
_RECALLS = np.linspace(0.0, 1.0, 101)
_OVERLAPS = np.linspace(0.5, 0.95, 10)


@dataclass(frozen=True, eq=False)
class ClassScores:
    """The figures of one class: its curve, from the surest found box to the least sure."""

    ap: float
    objects: int
    true_positives: int
    false_positives: int
    precision: Floats
    recall: Floats
    scores: Floats


class DetectionScores(Value):
    """Average precision per class and their mean; `draw` gives the curves of precision over recall."""

    def __init__(self, classes: Mapping[str, ClassScores], overlap: float, points: str) -> None:
        self.classes = dict(classes)
        self.overlap = overlap
        self.points = points

    @property
    def mean(self) -> float:
        """The mean over classes that have objects (mAP)."""
        values = [one.ap for one in self.classes.values() if one.objects]
        return float(np.mean(values)) if values else float("nan")

    def to_dict(self) -> dict[str, Any]:
        """Give the figures and curves."""
        out = {
            name: {
                "ap": one.ap,
                "objects": one.objects,
                "true_positives": one.true_positives,
                "false_positives": one.false_positives,
                "precision": one.precision,
                "recall": one.recall,
            }
            for name, one in self.classes.items()
        }
        return plain(
            {"type": "detection", "mean": self.mean, "overlap": self.overlap, "points": self.points, "classes": out}
        )

    def draw(self, image: Array | None = None) -> Array:
        """Draw precision (up) over recall (right), one curve per class; the picture is not looked at."""
        from opsin.canvas import Canvas, color_of

        side, edge = 420, 36.0
        canvas = Canvas(np.full((side, side, 3), 255, np.uint8))
        room = side - 2 * edge
        canvas.path([(edge, edge), (edge, side - edge), (side - edge, side - edge)], (90, 90, 90), closed=False)
        for number, (name, one) in enumerate(self.classes.items()):
            at = np.stack([edge + one.recall * room, side - edge - one.precision * room], axis=1)
            if len(at) > 1:
                canvas.path(at, color_of(name), closed=False)
            y = edge + 18.0 * number
            canvas.tag(side - edge - 140, y, side - edge, y, f"{name} {one.ap:.1%}", color_of(name))
        return canvas.finish()

    def __repr__(self) -> str:
        return f"DetectionScores(mAP {self.mean:.2%} at overlap {self.overlap:g}, {len(self.classes)} classes)"


@dataclass(frozen=True)
class CocoScores(Value):
    """The twelve figures of COCO's table; a figure without any object of its kind is NaN."""

    ap: float
    ap50: float
    ap75: float
    ap_small: float
    ap_medium: float
    ap_large: float
    ar1: float
    ar10: float
    ar100: float
    ar_small: float
    ar_medium: float
    ar_large: float
    classes: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Give the figures, and AP per class."""
        return plain({"type": "coco", **{name: getattr(self, name) for name in self.__dataclass_fields__}})

    def __repr__(self) -> str:
        return f"CocoScores(AP {self.ap:.1%}, AP50 {self.ap50:.1%}, AP75 {self.ap75:.1%}, AR100 {self.ar100:.1%})"


def _checked(where: str, truth: Sequence[Boxes], found: Sequence[Boxes]) -> list[str]:
    if len(truth) != len(found):
        got = verbatim(f"{len(found)} for {len(truth)} pictures")
        raise ParamError(refusal(where, "found", "one Boxes per picture, empty where nothing was found", got))
    for number, boxes in enumerate(found):
        if len(boxes) and boxes.scores is None:
            raise ParamError(refusal(where, "found", "boxes with scores", verbatim(f"none in picture {number}")))
    labels = {name for boxes in (*truth, *found) for name in (boxes.labels or ("",) * len(boxes))}
    return sorted(labels)


def _of_class(boxes: Boxes, name: str) -> Boxes:
    return boxes[[i for i, label in enumerate(boxes.labels or ("",) * len(boxes)) if label == name]]


def average_precision(
    truth: Sequence[Boxes],
    found: Sequence[Boxes],
    *,
    overlap: float = 0.5,
    points: Points = "every",
    pixels: Literal["inside", "continuous"] = "continuous",
) -> DetectionScores:
    """Measure average precision per class as PASCAL VOC does.

    Use it to compare detectors at one overlap; `coco` averages over ten overlaps. A found box goes to the object that
    it covers best; if that one is taken by a surer box, it is wrong.

    Args:
        truth: per picture the true boxes with labels; a column `difficult` (True) leaves objects out of the count.
        found: per picture the found boxes with labels and scores, in the same order of pictures.
        overlap: least intersection over union.
        points: "every" takes the area under the curve (VOC from 2010), "11" the mean at eleven recalls (VOC 2007),
            "101" COCO's.
        pixels: "inside" counts a box's last row and column of pixels as inside, as VOC's integer boxes mean it.

    Returns:
        per class AP, counts and the curve; `.mean` is the mAP.

    Source:
        Everingham et al., "The PASCAL Visual Object Classes challenge", 2010.
    """
    where = "average_precision"
    if not 0.0 < overlap <= 1.0:
        raise ParamError(refusal(where, "overlap", "above 0 and at most 1", overlap))
    if points not in ("every", "11", "101"):
        raise ParamError(refusal(where, "points", "one of every, 11, 101", points))
    edge = 1.0 if pixels == "inside" else 0.0
    out = {name: _one_class(truth, found, name, overlap, points, edge) for name in _checked(where, truth, found)}
    return DetectionScores(out, overlap, points)


def _one_class(
    truth: Sequence[Boxes], found: Sequence[Boxes], name: str, overlap: float, points: str, edge: float
) -> ClassScores:
    scores: list[float] = []
    verdicts: list[int] = []
    objects = 0
    for true, given in zip(truth, found, strict=True):
        t, g = _of_class(true, name), _of_class(given, name)
        skip = np.asarray(t.columns.get("difficult", np.zeros(len(t))), dtype=np.bool_)
        objects += int((~skip).sum())
        cover = pairwise_overlap(g.boxes, t.boxes, edge=edge)
        taken = np.zeros(len(t), np.bool_)
        sure = np.zeros(len(g)) if g.scores is None else g.scores
        for i in np.argsort(-sure, kind="stable"):
            best = int(np.argmax(cover[i])) if len(t) else -1
            scores.append(float(sure[i]))
            if best < 0 or cover[i, best] < overlap:
                verdicts.append(0)
            elif skip[best]:
                verdicts.append(-1)
            else:
                verdicts.append(int(not taken[best]))
                taken[best] = True
    order = np.argsort(-np.array(scores), kind="stable")
    verdict, sure = np.array(verdicts, dtype=np.int64)[order], np.array(scores, dtype=np.float64)[order]
    verdict, sure = verdict[verdict >= 0], sure[verdict >= 0]
    right, wrong = np.cumsum(verdict == 1), np.cumsum(verdict == 0)
    recall = right / objects if objects else np.zeros(len(verdict))
    precision = right / np.maximum(right + wrong, 1)
    return ClassScores(
        ap=_area(recall, precision, points) if objects else float("nan"),
        objects=objects,
        true_positives=int(right[-1]) if len(right) else 0,
        false_positives=int(wrong[-1]) if len(wrong) else 0,
        precision=precision,
        recall=recall,
        scores=sure,
    )


def _area(recall: Floats, precision: Floats, points: str) -> float:
    """The area under the curve after every precision was raised to the best at its recall or beyond."""
    if len(recall) == 0:
        return 0.0
    best = np.maximum.accumulate(precision[::-1])[::-1]
    if points == "every":
        return float(np.sum(np.diff(recall, prepend=0.0) * best))
    at = np.linspace(0.0, 1.0, int(points))
    first = np.searchsorted(recall, at, side="left")
    return float(np.mean(np.where(first < len(best), best[np.minimum(first, len(best) - 1)], 0.0)))


def coco(truth: Sequence[Boxes], found: Sequence[Boxes]) -> CocoScores:
    """Measure the twelve figures of COCO's table for boxes.

    Use it to compare with published tables. A found box goes to the best object that is still free.

    Args:
        truth: per picture the true boxes with labels; columns `crowd` (True for groups) and `areas` (of the outline,
            for the sizes; by default the box's own) are used where they exist.
        found: per picture the found boxes with labels and scores, in the same order of pictures.

    Returns:
        AP (mean over overlaps 0.5, 0.55 .. 0.95), AP50, AP75, AP by size, and recalls with 1, 10 and 100 boxes.

    Source:
        Lin et al., "Microsoft COCO: common objects in context", 2014, and the evaluation published with it.
    """
    names = _checked("coco", truth, found)
    precision: dict[tuple[str, str], Floats] = {}
    recall: dict[tuple[str, str, int], Floats] = {}
    for name in names:
        pairs = [(_of_class(t, name), _of_class(g, name)) for t, g in zip(truth, found, strict=True)]
        for size, limits in _SIZES.items():
            for most in (1, 10, 100) if size == "all" else (100,):
                p, r = _accumulate([_match(t, g, limits, most) for t, g in pairs])
                recall[name, size, most] = r
                if most == 100:
                    precision[name, size] = p

    def mean(values: list[Floats]) -> float:
        flat = np.concatenate([v.ravel() for v in values]) if values else np.array([])
        flat = flat[~np.isnan(flat)]
        return float(flat.mean()) if len(flat) else float("nan")

    def ap(size: str, rows: slice = slice(None)) -> float:
        return mean([precision[name, size][rows] for name in names])

    def ar(size: str, most: int) -> float:
        return mean([recall[name, size, most] for name in names])

    return CocoScores(
        ap=ap("all"),
        ap50=ap("all", slice(0, 1)),
        ap75=ap("all", slice(5, 6)),
        ap_small=ap("small"),
        ap_medium=ap("medium"),
        ap_large=ap("large"),
        ar1=ar("all", 1),
        ar10=ar("all", 10),
        ar100=ar("all", 100),
        ar_small=ar("small", 100),
        ar_medium=ar("medium", 100),
        ar_large=ar("large", 100),
        classes={name: mean([precision[name, "all"]]) for name in names},
    )


def _match(truth: Boxes, found: Boxes, limits: tuple[float, float], most: int) -> tuple[Any, ...]:
    """Pair the boxes of one picture at ten overlaps: scores, matched T D, ignored T D, objects that count."""
    crowd = np.asarray(truth.columns.get("crowd", np.zeros(len(truth))), dtype=np.bool_)
    size = np.asarray(truth.columns.get("areas", areas(truth.boxes)), dtype=np.float64)
    ignored = crowd | (size < limits[0]) | (size > limits[1])
    order = np.argsort(ignored, kind="stable")
    crowd, ignored, boxes = crowd[order], ignored[order], truth.boxes[order]
    sure = np.zeros(len(found)) if found.scores is None else found.scores
    chosen = np.argsort(-sure, kind="stable")[:most]
    given = found.boxes[chosen]
    cover = pairwise_overlap(given, boxes, crowd=crowd)
    matched = np.zeros((len(_OVERLAPS), len(given)), np.bool_)
    passed = np.zeros((len(_OVERLAPS), len(given)), np.bool_)
    for k, least in enumerate(_OVERLAPS):
        free = np.ones(len(boxes), np.bool_)
        for d in range(len(given)):
            best, at = min(least, 1.0 - 1e-10), -1
            for g in range(len(boxes)):
                if not free[g] and not crowd[g]:
                    continue
                if at >= 0 and not ignored[at] and ignored[g]:
                    break  # what counts is never given up for what does not
                if cover[d, g] >= best:
                    best, at = cover[d, g], g
            if at >= 0:
                matched[k, d], passed[k, d], free[at] = True, ignored[at], False
    area = areas(given)
    outside = (area < limits[0]) | (area > limits[1])
    return sure[chosen], matched, passed | (~matched & outside[None, :]), int((~ignored).sum())


def _accumulate(parts: list[tuple[Any, ...]]) -> tuple[Floats, Floats]:
    """Join pictures: precision T 101 and recall T, NaN where no object counts."""
    count = sum(part[3] for part in parts)
    precision, recall = np.full((len(_OVERLAPS), 101), np.nan), np.full(len(_OVERLAPS), np.nan)
    if count == 0:
        return precision, recall
    order = np.argsort(-np.concatenate([part[0] for part in parts]), kind="stable")
    matched = np.concatenate([part[1] for part in parts], axis=1)[:, order]
    passed = np.concatenate([part[2] for part in parts], axis=1)[:, order]
    for k in range(len(_OVERLAPS)):
        right = np.cumsum(matched[k] & ~passed[k])
        wrong = np.cumsum(~matched[k] & ~passed[k])
        shares = right / count
        recall[k] = shares[-1] if len(shares) else 0.0
        best = right / (right + wrong + np.spacing(1))
        best = np.maximum.accumulate(best[::-1])[::-1]
        first = np.searchsorted(shares, _RECALLS, side="left")
        precision[k] = np.where(first < len(best), np.append(best, 0.0)[np.minimum(first, len(best))], 0.0)
    return precision, recall
