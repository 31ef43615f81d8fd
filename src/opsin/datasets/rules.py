"""What can be wrong with annotations, and what is done about it: one table, and the check that applies it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from opsin.datasets import rle as runs
from opsin.datasets.entry import Annotation, Finding, Numbers, Rle
from opsin.errors import DatasetError, did_you_mean, refusal

__all__ = ["RULES", "Checker", "Report", "Rule", "crosses_itself"]

_FAR = float(1 << 31)
Action = Literal["drop", "keep", "repair"]


@dataclass(frozen=True)
class Rule:
    """One rule.

    Args:
        name: the word in findings.
        meaning: what is wrong.
        action: what is done: `drop` leaves out `what`, `keep` only reports, `repair` puts it right.
        what: what is left out or put right, and how.
        on_request: a repair that is made only when asked for by name.
    """

    name: str
    meaning: str
    action: Action
    what: str
    on_request: str = ""


_TABLE = (
    # shapes
    Rule("not_finite", "a coordinate is NaN, infinite or beyond any picture", "drop", "the object"),
    Rule("not_numbers", "coordinates are missing, too many or not numbers", "drop", "the object"),
    Rule("box_swapped", "a corner box has its corners swapped", "repair", "the corners are put in order"),
    Rule("box_negative", "a box has a negative width or height", "drop", "the object"),
    Rule("box_degenerate", "a box has no width or no height", "drop", "the object"),
    Rule("box_empty", "a box is empty, and the object has an outline", "repair", "the box around it stands in"),
    Rule("box_outside", "a box lies wholly outside the canvas", "drop", "the object"),
    Rule("box_over_edge", "a box reaches beyond the canvas", "repair", "it is cut at the edge"),
    Rule("polygon_short", "an outline has fewer than three points", "drop", "the outline"),
    Rule("polygon_odd", "an outline has an odd count of coordinates", "drop", "the outline"),
    Rule("polygon_outside", "an outline lies wholly outside the canvas", "drop", "the outline"),
    Rule("polygon_crossing", "an outline crosses itself", "keep", ""),
    Rule("rle_length", "run lengths do not fill their canvas", "drop", "the mask"),
    Rule("rle_invalid", "run lengths cannot be read", "drop", "the mask"),
    Rule("rle_canvas", "a mask has another canvas than its picture", "drop", "the mask"),
    Rule("keypoint_count", "an object has another number of key points than its class", "drop", "the key points"),
    Rule("keypoint_visibility", "a visibility is none of 0, 1, 2", "repair", "it becomes 2 if above 0, else 0"),
    Rule("keypoint_outside", "a labeled key point lies outside the canvas", "keep", ""),
    Rule("shape_unknown", "a shape is none that has an area or key points", "drop", "the shape"),
    Rule("no_shape", "an object has nothing left that says where it is", "drop", "the object"),
    # classes and records
    Rule("class_out_of_range", "a class is not in the list of classes", "drop", "the object"),
    Rule("class_duplicate", "two classes have one number or one name", "drop", "the second one's entry in the list"),
    Rule("class_count", "the stated number of classes is not that of the names", "keep", ""),
    Rule("duplicate_object_id", "two objects have one id", "repair", "the second gets a new id when written"),
    Rule("duplicate_object", "an object is annotated twice, in every detail", "repair", "one is kept"),
    Rule("duplicate_image_id", "two pictures have one id", "drop", "the second picture"),
    Rule("duplicate_path", "a picture is listed twice", "keep", ""),
    Rule("unreadable_record", "a line or a record cannot be read", "drop", "the record"),
    Rule("unreadable_label", "an annotation file cannot be read", "drop", "the file; its picture stays, unannotated"),
    Rule("color_unknown", "a label picture has a color of no class", "drop", "those pixels: they become 255"),
    Rule("missing_file", "a picture that is listed is not there", "drop", "the entry"),
    Rule("outside_root", "a name leads out of the data set's folder", "drop", "the entry"),
    Rule("unreadable_shard", "an archive cannot be read to its end", "drop", "what follows in it"),
    Rule("member_skipped", "a member of an archive is a link or a device", "drop", "the member"),
    Rule("orphan_annotation", "an object belongs to a picture that is not listed", "drop", "the object"),
    Rule("unannotated", "a picture has no annotation file where the others have one", "keep", ""),
    Rule("orphan_picture", "a picture lies in no class's folder", "drop", "the picture"),
    Rule("split_overlap", "one picture is in two splits", "keep", ""),
    Rule("orphan_label", "an annotation file belongs to no picture", "drop", "the file"),
    Rule("skeleton_invalid", "a skeleton's lines lead to key points that do not exist", "drop", "those lines"),
    # canvases
    Rule("canvas_unrotated", "annotated on the picture before its orientation was applied", "repair", "turned with it"),
    Rule(
        "canvas_mismatch",
        "annotated on a canvas of another size than the picture",
        "drop",
        "the picture's objects",
        on_request="scaled to the picture",
    ),
    Rule("canvas_invalid", "the stated size of a picture is not two whole numbers above 0", "repair", "it is ignored"),
)

RULES: dict[str, Rule] = {rule.name: rule for rule in _TABLE}


class Report:
    """Collects findings; `repair` says which rules may put things right.

    Args:
        repair: `default` (what the table says), `none` (what would be repaired is left out), `all`, or names of
            rules to be repaired on request.
    """

    def __init__(self, repair: str | Iterable[str] = "default") -> None:
        self.findings: list[Finding] = []
        names = frozenset([repair] if isinstance(repair, str) else repair)
        for name in names - {"default", "none", "all"} - set(RULES):
            hint = did_you_mean(name, RULES)
            raise DatasetError(refusal("open_dataset", "repair", "default, none, all or names of rules", name, hint))
        self.names = names

    def repairs(self, rule: str) -> bool:
        """Say whether a rule puts things right here."""
        r = RULES[rule]
        if r.on_request:
            return "all" in self.names or rule in self.names
        return r.action == "repair" and "none" not in self.names

    def add(self, file: str, record: str, rule: str, message: str) -> bool:
        """Note a finding; say whether it is repaired."""
        repaired = self.repairs(rule)
        self.findings.append(Finding(file, record, rule, message, repaired))
        return repaired

    def anew(self) -> Report:
        """Give an empty report under the same rules."""
        out = object.__new__(Report)
        out.findings, out.names = [], self.names
        return out

    def take(self) -> tuple[Finding, ...]:
        """Hand over what was found so far."""
        out = tuple(self.findings)
        self.findings.clear()
        return out


class Checker:
    """Checks objects against the table, one canvas at a time.

    Args:
        report: where findings go.
        classes: how many classes there are; None when any label is right.
        places: key points of the whole skeleton; None when any number is right.
        parts: see `Facts.parts`.
    """

    def __init__(
        self,
        report: Report,
        classes: int | None = None,
        places: int | None = None,
        parts: Sequence[tuple[int, int]] = (),
    ) -> None:
        self.report = report
        self.classes = classes
        self.places = places
        self.parts = parts

    def check(
        self, a: Annotation, canvas: tuple[float, float] | None, file: str, record: str, slack: float = 0.01
    ) -> Annotation | None:
        """Check one object; give it back, repaired where the table says so, or None when it is left out.

        Args:
            a: the object, on the canvas.
            canvas: width and height; None skips what needs it.
            file: for findings.
            record: for findings.
            slack: how far beyond the edge still counts as rounding.
        """
        if self.classes is not None and not self._class_ok(a.label, file, record):
            return None
        if not self._finite(a, file, record):
            return None
        had = a.shaped
        changed: dict[str, Any] = {}
        box = a.box
        if box is not None:
            found = self._box(box, canvas, file, record, slack)
            if found is None:
                return None
            if found != box:
                changed["box"] = found
        if a.corners is not None and not self._corners_ok(a.corners, canvas, file, record):
            return None
        if a.polygons:
            outlines = self._outlines(a.polygons, canvas, file, record, slack)
            if len(outlines) != len(a.polygons):
                changed["polygons"] = outlines
        if a.rle is not None and not self._mask_ok(a.rle, canvas, file, record):
            changed["rle"] = None
        if a.keypoints is not None:
            points = self._keypoints(a, canvas, file, record, slack)
            if points != a.keypoints:
                changed["keypoints"] = points
        if changed:
            a = a._replace(**changed)
            if had and not a.shaped:
                self.report.add(file, record, "no_shape", "nothing is left that says where the object is.")
                return None
        return a

    def _class_ok(self, label: Any, file: str, record: str) -> bool:
        if isinstance(label, int) and 0 <= label < (self.classes or 0):
            return True
        last = (self.classes or 0) - 1
        hint = " Numbers begin at 0; these seem to begin at 1." if label == self.classes else ""
        self.report.add(file, record, "class_out_of_range", f"class {label} is not in 0..{last}.{hint}")
        return False

    def _finite(self, a: Annotation, file: str, record: str) -> bool:
        parts = [part for part in (a.box, a.corners, a.keypoints, *a.polygons) if part]
        if all(sum(map(abs, part)) < _FAR for part in parts):  # NaN is not below anything
            return True
        values = [v for part in parts for v in part]
        if all(-_FAR < v < _FAR for v in values):
            return True
        beyond = all(map(math.isfinite, values))
        what = "beyond any picture" if beyond else "NaN or infinite"
        self.report.add(file, record, "not_finite", f"a coordinate is {what}.")
        return False

    def _box(
        self, box: Numbers, canvas: tuple[float, float] | None, file: str, record: str, slack: float
    ) -> Numbers | None:
        x1, y1, x2, y2 = box
        if x2 <= x1 or y2 <= y1:
            swapped = x2 < x1 or y2 < y1
            rule = "box_swapped" if swapped else "box_degenerate"
            text = "its second corner lies before its first" if swapped else "it has no width or no height"
            if not self.report.add(file, record, rule, f"box {_show(box)}: {text}."):
                return None
            x1, y1, x2, y2 = box = (min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
            if x2 <= x1 or y2 <= y1:
                self.report.add(file, record, "box_degenerate", f"box {_show(box)}: it has no width or no height.")
                return None
        if canvas is not None:
            w, h = canvas
            if x2 <= 0 or y2 <= 0 or x1 >= w or y1 >= h:
                self.report.add(file, record, "box_outside", f"box {_show(box)} lies outside {_size(canvas)}.")
                return None
            if x1 < -slack or y1 < -slack or x2 > w + slack or y2 > h + slack:
                message = f"box {_show(box)} reaches beyond {_size(canvas)}."
                if not self.report.add(file, record, "box_over_edge", message):
                    return None
                box = (max(x1, 0.0), max(y1, 0.0), min(x2, w), min(y2, h))
        return box

    def _corners_ok(self, corners: Numbers, canvas: tuple[float, float] | None, file: str, record: str) -> bool:
        """Check a rotated box: it must have an area, and some of it on the canvas. It is never cut."""
        x, y = corners[0::2], corners[1::2]
        area = abs(sum(x[i - 1] * y[i] - x[i] * y[i - 1] for i in range(4))) / 2
        if area <= 1e-12 * max(1.0, *map(abs, corners)) ** 2:
            self.report.add(file, record, "box_degenerate", f"rotated box {_show(corners)}: it has no area.")
            return False
        if canvas is not None and (max(x) <= 0 or max(y) <= 0 or min(x) >= canvas[0] or min(y) >= canvas[1]):
            message = f"rotated box {_show(corners)} lies outside {_size(canvas)}."
            self.report.add(file, record, "box_outside", message)
            return False
        return True

    def _outlines(
        self,
        polygons: tuple[Numbers, ...],
        canvas: tuple[float, float] | None,
        file: str,
        record: str,
        slack: float,
    ) -> tuple[Numbers, ...]:
        out = []
        for p in polygons:
            if len(p) % 2:
                self.report.add(file, record, "polygon_odd", f"an outline has {len(p)} coordinates, an odd count.")
            elif len(p) < 6:
                self.report.add(file, record, "polygon_short", f"an outline has {len(p) // 2} points; it needs 3.")
            elif canvas is not None and (
                max(p[0::2]) <= 0 or max(p[1::2]) <= 0 or min(p[0::2]) >= canvas[0] or min(p[1::2]) >= canvas[1]
            ):
                self.report.add(file, record, "polygon_outside", f"an outline lies outside {_size(canvas)}.")
            else:
                if crosses_itself(p):
                    self.report.add(file, record, "polygon_crossing", "an outline crosses itself.")
                out.append(p)
        return tuple(out)

    def _mask_ok(self, rle: Rle, canvas: tuple[float, float] | None, file: str, record: str) -> bool:
        try:
            counts = runs.unpack(rle.runs)
        except ValueError as error:
            self.report.add(file, record, "rle_invalid", f"{error}.")
            return False
        total = rle.width * rle.height
        if (counts < 0).any() or (counts > total).any() or int(counts.sum()) != total:
            message = f"run lengths cover {int(counts.sum())} pixels of a mask of {total}."
            self.report.add(file, record, "rle_length", message)
            return False
        if canvas is not None and (rle.width, rle.height) != tuple(canvas):
            message = f"the mask is {rle.width} x {rle.height}, the picture {_size(canvas)}."
            self.report.add(file, record, "rle_canvas", message)
            return False
        return True

    def _keypoints(
        self, a: Annotation, canvas: tuple[float, float] | None, file: str, record: str, slack: float
    ) -> Numbers | None:
        assert a.keypoints is not None
        points = a.keypoints
        wanted = self.places
        if wanted is not None and len(points) != 3 * wanted:
            message = f"{len(points) / 3:g} key points; the class has {self._own(a.label)}."
            self.report.add(file, record, "keypoint_count", message)
            return None
        seen = points[2::3]
        if any(v not in (0, 1, 2) for v in seen):
            wrong = next(v for v in seen if v not in (0, 1, 2))
            if not self.report.add(file, record, "keypoint_visibility", f"a visibility of {wrong:g}."):
                return None
            fixed = list(points)
            fixed[2::3] = [v if v in (0, 1, 2) else 2.0 if v > 0 else 0.0 for v in seen]
            points = tuple(fixed)
        if canvas is not None:
            w, h = canvas
            triples = zip(points[0::3], points[1::3], points[2::3], strict=True)
            out = [
                (x, y) for x, y, v in triples if v > 0 and not (-slack <= x <= w + slack and -slack <= y <= h + slack)
            ]
            if out:
                message = f"a labeled key point at {_show(out[0])} lies outside {_size(canvas)}."
                self.report.add(file, record, "keypoint_outside", message)
        return points

    def _own(self, label: Any) -> int:
        if self.parts and isinstance(label, int) and 0 <= label < len(self.parts):
            return self.parts[label][1]
        return self.places or 0


def crosses_itself(flat: Sequence[float] | NDArray[np.float64]) -> bool:
    """Say whether an outline (x y x y ...) crosses itself: two edges that are no neighbors share an inner point."""
    p = np.asarray(flat, dtype=np.float64).reshape(-1, 2)
    n = len(p)
    if n < 4:
        return False
    after = _following(n)
    x, y = p[:, 0], p[:, 1]
    dx, dy = x[after] - x, y[after] - y
    block = max(1, (1 << 22) // n)
    for start in range(0, n, block):
        i = slice(start, start + block)
        # which side of edge i every point lies on; an edge splits another when its ends lie on different sides
        side = dx[i, None] * (y - y[i, None]) - dy[i, None] * (x - x[i, None])
        left, right = side > 0, side < 0
        split = (left & right[:, after]) | (right & left[:, after])
        if block >= n:
            return bool((split & split.T).any())  # two edges cross when each splits the other
        a, b = np.nonzero(split)
        a += start
        one = dx[b] * (y[a] - y[b]) - dy[b] * (x[a] - x[b])
        two = dx[b] * (y[after[a]] - y[b]) - dy[b] * (x[after[a]] - x[b])
        if (((one > 0) & (two < 0)) | ((one < 0) & (two > 0))).any():
            return True
    return False


@lru_cache(maxsize=256)
def _following(n: int) -> NDArray[np.int64]:
    """The position after each of n, the last being followed by the first."""
    return np.concatenate([np.arange(1, n), [0]])


def _show(values: Iterable[float]) -> str:
    return "(" + ", ".join(f"{v:.6g}" for v in values) + ")"


def _size(canvas: tuple[float, float]) -> str:
    return f"{canvas[0]:g} x {canvas[1]:g}"
