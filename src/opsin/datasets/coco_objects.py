"""The objects of a COCO file: one row to one annotation, checked by the rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from opsin.datasets import rle as runs
from opsin.datasets.entry import Annotation, Facts, Numbers, Rle
from opsin.datasets.rules import Checker, Report

__all__ = ["ObjectReader", "numbers", "record_of"]

_READ = ("image_id", "category_id", "bbox", "segmentation", "keypoints", "num_keypoints", "track_id", "corners")


class ObjectReader:
    """Reads the objects of one data set.

    Args:
        report: where findings go.
        facts: classes and skeleton.
        places: from a category's number to its position.
    """

    def __init__(self, report: Report, facts: Facts, places: Mapping[Any, int]) -> None:
        self.report, self.facts, self._places = report, facts, places

    def read(self, raw: Iterable[dict[str, Any]], canvas: tuple[int, int] | None, file: str) -> Iterator[Annotation]:
        """Give the objects of one picture.

        Args:
            raw: its rows.
            canvas: width and height, when stated.
            file: for findings.
        """
        facts = self.facts
        places = len(facts.skeleton.names) if facts.skeleton is not None else None
        checker = Checker(self.report, len(facts.class_names), places, facts.parts)
        size = None if canvas is None else (float(canvas[0]), float(canvas[1]))
        taken: set[Any] = set()
        kept: set[Any] = set()
        for row in raw:
            record = record_of(row, None)
            a = self._object(row, file, record)
            a = None if a is None else checker.check(a, size, file, record)
            if a is None:
                continue
            attributes = {k: v for k, v in a.attributes.items() if k != "id"}
            what = (a.label, a.box, a.corners, a.polygons, a.rle, a.keypoints, a.track_id, repr(attributes))
            if what in kept:
                self.report.add(file, record, "duplicate_object", "the object is annotated twice.")
                continue
            kept.add(what)
            number = a.attributes.get("id")
            # an id that another object has, or that is none, is not kept: the object gets a new one when written
            known = isinstance(number, int | str) and str(number) not in taken
            taken.add(str(number))
            yield a if known or number is None else a._replace(attributes=attributes)

    def _object(self, row: dict[str, Any], file: str, record: str) -> Annotation | None:
        number = row.get("category_id")
        label = self._places.get(number) if isinstance(number, int | str) else None
        if label is None:
            self.report.add(file, record, "class_out_of_range", f"category {number!r} is not in the list.")
            return None
        box: Numbers | None = None
        if row.get("bbox") not in (None, []):
            values = numbers(row["bbox"])
            if values is None or len(values) != 4:
                self.report.add(file, record, "not_numbers", f"bbox {row['bbox']!r} is not four numbers.")
                return None
            x, y, w, h = values
            if w < 0 or h < 0:
                self.report.add(file, record, "box_negative", f"the box is {w:g} x {h:g}.")
                return None
            box = (x, y, x + w, y + h)
        polygons, mask = self._segmentation(row.get("segmentation"), file, record)
        keypoints = self._keypoints(row.get("keypoints"), label, file, record)
        empty = box is not None and (box[2] <= box[0] or box[3] <= box[1])
        if empty and any(len(p) >= 6 for p in polygons) and self.report.repairs("box_empty"):
            self.report.add(file, record, "box_empty", "the box is empty; the one around the outline stands in.")
            xs = [v for p in polygons for v in p[0::2]]
            ys = [v for p in polygons for v in p[1::2]]
            box = (min(xs), min(ys), max(xs), max(ys))
        attributes = {k: v for k, v in row.items() if k not in _READ}
        if attributes.get("iscrowd") == 0:
            del attributes["iscrowd"]
        track, corners = row.get("track_id"), numbers(row.get("corners"))
        return Annotation(
            label=label,
            box=box,
            corners=corners if corners is not None and len(corners) == 8 else None,
            polygons=polygons,
            rle=mask,
            keypoints=keypoints,
            track_id=track if isinstance(track, int | str) else None,
            attributes=attributes,
        )

    def _segmentation(self, value: Any, file: str, record: str) -> tuple[tuple[Numbers, ...], Rle | None]:
        if value is None or value == [] or value == "":
            return (), None
        if isinstance(value, dict):
            return (), self._mask(value, file, record)
        if isinstance(value, list) and all(isinstance(v, int | float) for v in value):
            value = [value]  # one outline without the list around it
        if not isinstance(value, list):
            self.report.add(file, record, "not_numbers", "the segmentation is neither outlines nor run lengths.")
            return (), None
        out = []
        for outline in value:
            if isinstance(outline, list) and outline and all(isinstance(p, list) and len(p) == 2 for p in outline):
                outline = [v for p in outline for v in p]
            flat = numbers(outline)
            if flat is None:
                self.report.add(file, record, "not_numbers", "an outline is not a list of numbers.")
                continue
            if len(flat) >= 8 and flat[:2] == flat[-2:]:
                flat = flat[:-2]  # closed explicitly
            out.append(flat)
        return tuple(out), None

    def _mask(self, value: dict[str, Any], file: str, record: str) -> Rle | None:
        size = numbers(value.get("size"))
        if size is None or len(size) != 2 or not all(0 <= v < 1 << 31 and v == int(v) for v in size):
            self.report.add(file, record, "rle_invalid", f"the size of its run lengths is {value.get('size')!r}.")
            return None
        try:
            counts = runs.from_coco(value.get("counts"))
        except ValueError as error:
            self.report.add(file, record, "rle_invalid", f"{error}.")
            return None
        return Rle(int(size[1]), int(size[0]), runs.pack(counts))

    def _keypoints(self, value: Any, label: int, file: str, record: str) -> Numbers | None:
        facts = self.facts
        if value is None or value == [] or facts.skeleton is None:
            return None
        whole = len(facts.skeleton.names)
        start, count = facts.parts[label] if facts.parts else (0, whole)
        flat = numbers(value)
        if flat is None:
            self.report.add(file, record, "not_numbers", "the key points are not a list of numbers.")
            return None
        if len(flat) != 3 * count:
            message = f"{len(flat) / 3:g} key points; the class has {count}."
            self.report.add(file, record, "keypoint_count", message)
            return None
        if not any(flat[2::3]):
            return None
        return (0.0,) * (3 * start) + flat + (0.0,) * (3 * (whole - start - count))


def numbers(value: Any) -> Numbers | None:
    """Read a list of numbers (text that spells a number counts); None when it is none."""
    if not isinstance(value, list | tuple):
        return None
    try:
        return tuple(map(float, value))
    except (TypeError, ValueError, OverflowError):
        return None


def record_of(row: dict[str, Any], i: int | None) -> str:
    """Name a row for findings."""
    number = row.get("id")
    return f"annotation {number}" if number is not None else f"annotation at {i if i is not None else '?'}"
