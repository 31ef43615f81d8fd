"""Opsin's neutral form of annotations in files: read strictly, because files come from anywhere."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from opsin.datasets.entry import Annotation, Facts, Numbers, Rle
from opsin.datasets.rules import Checker, Report
from opsin.errors import DatasetError, OpsinError

__all__ = ["read_annotation", "read_annotations", "read_facts", "read_size"]


def read_facts(source: str, data: Any, format: str) -> Facts:
    """Read the facts of `dataset.json`.

    Raises: DatasetError when they are not what Opsin writes.
    """
    plain = data.get("facts") if isinstance(data, dict) else None
    try:
        if not isinstance(plain, dict):
            raise ValueError("there are no facts")
        lists = [plain.get("class_names", []), plain.get("columns", []), plain.get("splits", [])]
        if not all(isinstance(v, list) and all(isinstance(n, str) for n in v) for v in lists):
            raise ValueError("names must be lists of text")
        if not all(isinstance(n, int | str) for n in plain.get("class_ids", [])):
            raise ValueError("numbers of classes must be numbers or text")
        if plain.get("class_ids") and len(plain["class_ids"]) != len(plain.get("class_names", [])):
            raise ValueError("there must be as many numbers as names of classes")
        facts = Facts.from_plain(plain | {"format": format})
        places = len(facts.skeleton.names) if facts.skeleton is not None else 0
        if facts.skeleton is not None and not all(isinstance(n, str) for n in facts.skeleton.names):
            raise ValueError("names of key points must be text")
        if facts.parts and len(facts.parts) != len(facts.class_names):
            raise ValueError("there must be as many parts as classes")
        if not all(a >= 0 and n >= 0 and a + n <= places for a, n in facts.parts):
            raise ValueError("parts must lie within the skeleton")
    except (TypeError, ValueError, AttributeError, KeyError, OverflowError, OpsinError) as error:
        raise DatasetError(f"{source}: the facts are not what Opsin writes: {error}.") from error
    return facts


def read_size(value: Any) -> tuple[int, int] | None:
    """Read a canvas: two whole numbers above 0; None for anything else."""
    if isinstance(value, list) and len(value) == 2 and all(type(v) is int and 0 < v < 1 << 31 for v in value):
        return value[0], value[1]
    return None


def read_label(value: Any) -> Any:
    """Read a label: a number or text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_annotations(
    rows: Any, canvas: tuple[int, int] | None, facts: Facts, report: Report, file: str, record: str
) -> tuple[Annotation, ...] | None:
    """Read and check the objects of one picture; None where there is no list of them."""
    return tuple(_checked(rows, canvas, facts, report, file, record)) if isinstance(rows, list) else None


def _checked(
    rows: list[Any], canvas: tuple[int, int] | None, facts: Facts, report: Report, file: str, record: str
) -> Iterator[Annotation]:
    places = len(facts.skeleton.names) if facts.skeleton is not None else None
    checker = Checker(report, len(facts.class_names) or None, places)
    area = None if canvas is None else (float(canvas[0]), float(canvas[1]))
    for i, row in enumerate(rows):
        where = f"{record} object {i}"
        try:
            a = read_annotation(row)
        except ValueError as error:
            report.add(file, where, "unreadable_record", f"it is no object in the neutral form: {error}.")
            continue
        checked = checker.check(a, area, file, where)
        if checked is not None:
            yield checked


def read_annotation(row: Any) -> Annotation:
    """Read one object.

    Raises: ValueError with a short reason.
    """
    if not isinstance(row, Mapping):
        raise ValueError("it is no mapping")
    polygons = row.get("polygons", [])
    if not isinstance(polygons, list):
        raise ValueError("polygons must be a list")
    attributes = row.get("attributes", {})
    track = row.get("track_id")
    if not isinstance(attributes, dict):
        raise ValueError("attributes must be a mapping")
    if track is not None and (isinstance(track, bool) or not isinstance(track, int | str)):
        raise ValueError("track_id must be a number or text")
    keypoints = _numbers(row, "keypoints", None)
    if keypoints is not None and len(keypoints) % 3:
        raise ValueError("keypoints must be x y v each")
    outlines = [_numbers({"polygons": p}, "polygons", None) for p in polygons]
    return Annotation(
        label=read_label(row.get("label")),
        box=_numbers(row, "box", 4),
        corners=_numbers(row, "corners", 8),
        polygons=tuple(p for p in outlines if p is not None),
        rle=_rle(row.get("rle")),
        keypoints=keypoints,
        track_id=track,
        attributes=attributes,
    )


def _numbers(row: Mapping[str, Any], name: str, count: int | None) -> Numbers | None:
    value = row.get(name)
    if value is None:
        return None
    right = isinstance(value, list) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in value)
    if not right or (count is not None and len(value) != count):
        raise ValueError(f"{name} must be {count if count is not None else 'a list of'} numbers")
    try:
        return tuple(map(float, value))
    except OverflowError:
        raise ValueError(f"a number of {name} is too large") from None


def _rle(value: Any) -> Rle | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 3 or read_size(value[:2]) is None:
        raise ValueError("rle must be width, height and packed runs")
    if not isinstance(value[2], str) or not value[2].isascii():
        raise ValueError("packed runs must be text")
    return Rle(value[0], value[1], value[2].encode("ascii"))
