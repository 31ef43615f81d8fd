"""LabelMe: one JSON file a picture, shapes with points; read only.

Source: the LabelMe JSON as its documentation describes it: shape types polygon, rectangle, circle, line, linestrip,
point, points, mask and rotation.
"""

from __future__ import annotations

import base64
import math
import posixpath
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from opsin.datasets import rle as runs
from opsin.datasets.base import Reader
from opsin.datasets.coco_objects import numbers
from opsin.datasets.entry import Annotation, Entry, Facts, Rle
from opsin.datasets.files import TEXT_LIMITS, Tree, is_picture, read_text
from opsin.datasets.folder import split_folders
from opsin.datasets.json_rows import load
from opsin.datasets.rules import Checker, Report
from opsin.errors import DatasetError, DecodeError
from opsin.io import decode

__all__ = ["LabelMeReader", "find_labelme"]

_CIRCLE = 64  # corners that a circle becomes; its area is right to 0.2 %


def is_labelme(text: str) -> bool:
    """Say whether a JSON text looks like LabelMe's."""
    return '"shapes"' in text and ('"imagePath"' in text or '"imageHeight"' in text)


def find_labelme(tree: Tree) -> bool:
    """Say whether a folder holds LabelMe files."""
    for count, name in enumerate(tree.walk("", frozenset({".json"}))):
        try:
            if is_labelme(read_text(tree.full(name), TEXT_LIMITS)):
                return True
        except DatasetError:
            continue
        if count > 16:
            break
    return False


class LabelMeReader(Reader):
    """Reads LabelMe.

    Shapes of one label and one `group_id` are one object; a rectangle gives a box, a circle an outline, a point a key
    point named by its label, lines are left out. `flags` that are set become the label of a picture without shapes.

    Args:
        tree: the folder.
        report: where findings go.
        classes: names of the classes, in order; without it those found, sorted.
        file: one file of the folder, when it is not about the others.
    """

    format = "labelme"

    def __init__(
        self, tree: Tree, report: Report, classes: Sequence[str] | None = None, file: str | None = None
    ) -> None:
        super().__init__(tree.root, report)
        self._tree, self._file = tree, file
        names: set[str] = set()
        columns: set[str] = {"boxes"}
        for _, data in self._files(quiet=True):
            for shape in data.get("shapes") or []:
                if isinstance(shape, dict):
                    names.add(str(shape.get("label")))
                    kind = shape.get("shape_type")
                    columns |= {"corners"} if kind == "rotation" else {"masks"} if kind == "mask" else set()
                    columns |= {"polygons"} if kind in ("polygon", "circle", None) else set()
        chosen = tuple(classes) if classes is not None else tuple(sorted(names))
        self._places = {n: i for i, n in enumerate(chosen)}
        self.facts = Facts(format=self.format, class_names=chosen, columns=frozenset(columns))

    def _files(self, quiet: bool = False) -> Iterator[tuple[str, dict[str, Any]]]:
        for name in [self._file] if self._file is not None else self._tree.walk("", frozenset({".json"})):
            try:
                text = read_text(self._tree.full(name), TEXT_LIMITS)
                data = load(name, text) if is_labelme(text) or '"shapes"' in text else None
            except DatasetError as error:
                if not quiet:
                    self.report.add(name, "file", "unreadable_label", str(error))
                continue
            if isinstance(data, dict) and isinstance(data.get("shapes"), list):
                yield name, data

    def entries(self) -> Iterator[Entry]:
        """Give the entries in order of the files."""
        splits = split_folders(self._tree)
        for name, data in self._files():
            picture = self._picture(name, data)
            if picture is None:
                continue
            canvas = self._canvas(data, name)
            notes = tuple(self._objects(data["shapes"], canvas, name))
            flags = data.get("flags")
            label = next((k for k, v in flags.items() if v is True), None) if isinstance(flags, dict) else None
            split = splits.get(name.split("/")[0])
            yield Entry(picture, picture, label=label, split=split, annotations=notes, canvas=canvas)

    def _picture(self, name: str, data: dict[str, Any]) -> str | None:
        stem, folder = posixpath.splitext(name)[0], posixpath.dirname(name)
        stated = data.get("imagePath")
        if isinstance(stated, str):
            text = stated.replace("\\", "/")
            for place in (posixpath.join(folder, text), posixpath.join(folder, posixpath.basename(text))):
                clean = self._tree.inside(place)
                if clean is not None and self._tree.exists(clean):
                    return clean
        for other in self._tree.files(folder):
            if is_picture(other) and posixpath.splitext(other)[0] == posixpath.basename(stem):
                return posixpath.join(folder, other) if folder else other
        self.report.add(name, "imagePath", "missing_file", f"{stated}: there is no such picture.")
        return None

    def _canvas(self, data: dict[str, Any], file: str) -> tuple[int, int] | None:
        w, h = data.get("imageWidth"), data.get("imageHeight")
        if w is None and h is None:
            return None
        if all(isinstance(v, int) and not isinstance(v, bool) and v > 0 for v in (w, h)):
            return int(w or 0), int(h or 0)
        self.report.add(file, "imageWidth", "canvas_invalid", f"the stated size is {w!r} x {h!r}.")
        return None

    def _objects(self, shapes: list[Any], canvas: tuple[int, int] | None, file: str) -> Iterator[Annotation]:
        checker = Checker(self.report)
        size = None if canvas is None else (float(canvas[0]), float(canvas[1]))
        groups: dict[Any, list[Annotation]] = {}
        for i, shape in enumerate(shapes):
            record = f"shape {i}"
            a = self._shape(shape, canvas, file, record)
            a = None if a is None else checker.check(a, size, file, record)
            if a is not None:
                group = shape.get("group_id")
                group = group if isinstance(group, int | str) else None
                groups.setdefault((group, a.label) if group is not None else ("", i), []).append(a)
        for rows in groups.values():
            yield rows[0] if len(rows) == 1 else _join(rows)

    def _shape(self, shape: Any, canvas: tuple[int, int] | None, file: str, record: str) -> Annotation | None:
        if not isinstance(shape, dict) or not isinstance(shape.get("points"), list):
            self.report.add(file, record, "unreadable_record", "it has no points.")
            return None
        name = str(shape.get("label"))
        if name not in self._places:
            self.report.add(file, record, "class_out_of_range", f"class {name!r} is not in the list.")
            return None
        pairs = [numbers(p) for p in shape["points"]]
        if any(p is None or len(p) != 2 for p in pairs):
            self.report.add(file, record, "not_numbers", "a point is not two numbers.")
            return None
        points = [p for p in pairs if p is not None]
        flat = tuple(v for p in points for v in p)
        attributes = {k: v for k, v in shape.items() if k in ("group_id", "description", "flags") and v}
        label, kind = self._places[name], shape.get("shape_type") or "polygon"
        if kind == "polygon":
            return Annotation(label=label, polygons=(flat,), attributes=attributes)
        if kind == "rotation" and len(flat) == 8:
            return Annotation(label=label, corners=flat, attributes=attributes)
        if kind in ("rectangle", "mask") and len(points) == 2:
            (xa, ya), (xb, yb) = points
            box = (min(xa, xb), min(ya, yb), max(xa, xb), max(ya, yb))  # drawn from any corner
            mask = self._mask(shape, box, canvas, file, record) if kind == "mask" else None
            return Annotation(label=label, box=box, rle=mask, attributes=attributes)
        if kind == "circle" and len(points) == 2:
            radius = math.dist(points[0], points[1])
            turns = [2 * math.pi * i / _CIRCLE for i in range(_CIRCLE)]
            ring = (v for t in turns for v in (math.cos(t) * radius, math.sin(t) * radius))
            flat = tuple(v + points[0][i % 2] for i, v in enumerate(ring))
            return Annotation(label=label, polygons=(flat,), attributes=attributes)
        message = f"a shape of type {kind} with {len(points)} points is no area."
        self.report.add(file, record, "shape_unknown", message)
        return None

    def _mask(
        self, shape: dict[str, Any], box: tuple[float, ...], canvas: tuple[int, int] | None, file: str, record: str
    ) -> Rle | None:
        """Read a mask: a PNG in base64 whose place is the box."""
        try:
            part = decode(base64.b64decode(str(shape.get("mask")), validate=True)).image
        except (DecodeError, ValueError) as error:
            self.report.add(file, record, "rle_invalid", f"the mask cannot be read: {error}.")
            return None
        if canvas is None:
            return None
        part = part if part.ndim == 2 else part[..., 0]
        whole = np.zeros((canvas[1], canvas[0]), np.bool_)
        x, y = int(box[0]), int(box[1])
        room = whole[max(y, 0) : y + part.shape[0], max(x, 0) : x + part.shape[1]]
        room[:] = part[: room.shape[0], : room.shape[1]] > 0
        return Rle(canvas[0], canvas[1], runs.pack(runs.encode(whole)))


def _join(rows: list[Annotation]) -> Annotation:
    """Make one object of the shapes of a group."""
    polygons = tuple(p for a in rows for p in a.polygons)
    boxes = [a.box for a in rows if a.box is not None]
    box = None
    if boxes and not polygons:
        x1, y1, x2, y2 = zip(*boxes, strict=True)
        box = (min(x1), min(y1), max(x2), max(y2))
    rle = next((a.rle for a in rows if a.rle is not None), None)
    corners = next((a.corners for a in rows if a.corners is not None), None)
    return Annotation(rows[0].label, box, corners, polygons, rle, attributes=rows[0].attributes)
