"""CVAT's own XML, "CVAT for images": boxes (rotated too), polygons, masks, points, skeletons; read only.

Source: docs.cvat.ai, "CVAT for images" annotation format 1.1.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Any

import numpy as np

from opsin.datasets import rle as runs
from opsin.datasets.base import Reader
from opsin.datasets.coco import split_in_name
from opsin.datasets.entry import Annotation, Entry, Facts, Numbers, Rle
from opsin.datasets.files import TEXT_LIMITS, Tree, read_part
from opsin.datasets.rules import Checker, Report
from opsin.datasets.skeletons import merge_skeletons, mirror_pairs
from opsin.errors import DatasetError, DecodeError
from opsin.instances import Skeleton, to_corners
from opsin.io.parse import XmlNode, parse_xml

__all__ = ["CvatReader", "find_cvat", "is_cvat"]

_MOST_BYTES = 1 << 28


def is_cvat(path: str) -> bool:
    """Say whether a file is CVAT's XML."""
    try:
        head = read_part(path, 0, 4096)
    except DecodeError:
        return False
    return b"<annotations" in head and (b"<version" in head or b"<image" in head or b"<meta" in head)


def find_cvat(tree: Tree) -> str | None:
    """Find the CVAT file of a folder."""
    return next((n for n in tree.files("", frozenset({".xml"})) if is_cvat(tree.full(n))), None)


class CvatReader(Reader):
    """Reads "CVAT for images".

    Args:
        tree: the folder.
        report: where findings go.
        file: the XML file.
        images: the folder of the pictures, when they are not beside the file or in `images`.
    """

    format = "cvat"

    def __init__(self, tree: Tree, report: Report, file: str, images: str | None = None) -> None:
        super().__init__(tree.root, report)
        self._tree, self._file = tree, file
        self._places_of_pictures = [images] if images else ["", "images", "data", "images/default", "images/train"]
        data = tree.data(file, TEXT_LIMITS)
        self._root = parse_xml(data, source=file, max_bytes=_MOST_BYTES, max_nodes=20_000_000)
        if self._root.tag != "annotations":
            raise DatasetError(f"{file}: CVAT's XML begins with <annotations>; this begins with <{self._root.tag}>.")
        self._classes()

    def _classes(self) -> None:
        names: dict[str, None] = {}
        parts: dict[str, list[str]] = {}
        for labels in _all_below(self._root.find("meta"), "labels"):
            for label in labels.all("label"):
                name, parent = label.text_of("name") or "", label.text_of("parent")
                if parent:
                    parts.setdefault(parent, []).append(name)
                elif name:
                    names[name] = None
        columns = {"boxes"}
        for image in self._root.all("image"):
            for shape in image.children:
                name = shape.attributes.get("label", "")
                if name and shape.tag != "tag":
                    names.setdefault(name)
                columns |= {"polygon": {"polygons"}, "mask": {"masks"}}.get(shape.tag, set())
                if shape.tag == "box" and shape.attributes.get("rotation", "0").strip("0.") != "":
                    columns.add("corners")
                if shape.tag == "skeleton" and name and name not in parts:
                    parts[name] = [p.attributes.get("label", "") for p in shape.all("points")]
        skeletons = [Skeleton(tuple(parts[n]), (), mirror_pairs(parts[n])) if n in parts else None for n in names]
        skeleton, places = merge_skeletons(skeletons)
        self._index = {n: i for i, n in enumerate(names)}
        self.facts = Facts(
            format=self.format,
            class_names=tuple(names),
            skeleton=skeleton,
            parts=places,
            columns=frozenset(columns),
        )

    def entries(self) -> Iterator[Entry]:
        """Give the entries in order of the file."""
        for image in self._root.all("image"):
            name = image.attributes.get("name", "")
            record = f"image {image.attributes.get('id', name)}"
            path = self._find(name, record)
            if path is None:
                continue
            canvas = self._canvas(image, record)
            tags = [t.attributes.get("label") for t in image.all("tag")]
            subset = image.attributes.get("subset")
            split = (split_in_name(subset) or subset) if subset and subset.lower() != "default" else None
            notes = tuple(self._objects(image, canvas))
            extra: dict[str, Any] = {}
            if (number := image.attributes.get("id", "")).isdecimal() and len(number) < 19:
                extra["id"] = int(number)
            label = self._index.get(tags[0], tags[0]) if tags and tags[0] else None
            yield Entry(path, path, label=label, split=split, annotations=notes, canvas=canvas, extra=extra)
        self._root = XmlNode("annotations", {}, 0)

    def _find(self, name: str, record: str) -> str | None:
        clean = self._tree.inside(name)
        if clean is None:
            self.report.add(self._file, record, "outside_root", f"{name}: it leads out of the data set's folder.")
            return None
        for place in self._places_of_pictures:
            for tail in (clean, posixpath.basename(clean)):
                path = posixpath.join(place, tail) if place else tail
                if self._tree.exists(path):
                    return path
        self.report.add(self._file, record, "missing_file", f"{name}: there is no such picture.")
        return None

    def _canvas(self, image: XmlNode, record: str) -> tuple[int, int] | None:
        w, h = image.attributes.get("width", ""), image.attributes.get("height", "")
        if w.isdecimal() and h.isdecimal() and max(len(w), len(h)) < 11 and int(w) and int(h):
            return int(w), int(h)
        self.report.add(self._file, record, "canvas_invalid", f"the stated size is {w} x {h}.")
        return None

    # --- shapes ----------------------------------------------------------------------------------------------------
    def _objects(self, image: XmlNode, canvas: tuple[int, int] | None) -> Iterator[Annotation]:
        places = len(self.facts.skeleton.names) if self.facts.skeleton is not None else None
        checker = Checker(self.report, len(self.facts.class_names), places)
        size = None if canvas is None else (float(canvas[0]), float(canvas[1]))
        for shape in image.children:
            if shape.tag == "tag":
                continue
            record = f"line {shape.line}"
            try:
                a = self._shape(shape, canvas, record)
            except ValueError as error:
                self.report.add(self._file, record, "not_numbers", f"{error}.")
                continue
            a = None if a is None else checker.check(a, size, self._file, record)
            if a is not None:
                yield a

    def _shape(self, shape: XmlNode, canvas: tuple[int, int] | None, record: str) -> Annotation | None:
        given = shape.attributes
        label = self._index.get(given.get("label", ""))
        if label is None:
            self.report.add(self._file, record, "class_out_of_range", f"class {given.get('label')!r} is not listed.")
            return None
        attributes = self._attributes(shape)
        if shape.tag == "box":
            x1, y1, x2, y2 = (float(given.get(k, "")) for k in ("xtl", "ytl", "xbr", "ybr"))
            angle = float(given.get("rotation") or 0)
            if not angle:
                return Annotation(label=label, box=(x1, y1, x2, y2), attributes=attributes)
            rotated = [[(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1, -angle]]  # CVAT turns clockwise
            flat: Numbers = tuple(to_corners(rotated)[0].ravel().tolist())
            return Annotation(label=label, corners=flat, attributes=attributes)
        if shape.tag == "polygon":
            return Annotation(label=label, polygons=(_points(given),), attributes=attributes)
        if shape.tag == "mask":
            return Annotation(label=label, rle=_mask(given, canvas), attributes=attributes)
        if shape.tag == "ellipse":
            cx, cy, rx, ry = (float(given.get(k, "")) for k in ("cx", "cy", "rx", "ry"))
            t = np.linspace(0, 2 * np.pi, 64, endpoint=False)
            ring = np.stack([cx + rx * np.cos(t), cy + ry * np.sin(t)], axis=1)
            return Annotation(label=label, polygons=(tuple(ring.ravel().tolist()),), attributes=attributes)
        if shape.tag == "skeleton" and self.facts.skeleton is not None:
            return Annotation(label=label, keypoints=self._skeleton(shape, label), attributes=attributes)
        self.report.add(self._file, record, "shape_unknown", f"a shape {shape.tag} is no area.")
        return None

    def _attributes(self, shape: XmlNode) -> dict[str, Any]:
        out: dict[str, Any] = {a.attributes.get("name", ""): a.text for a in shape.all("attribute")}
        if shape.attributes.get("occluded") == "1":
            out["occluded"] = 1
        return out

    def _skeleton(self, shape: XmlNode, label: int) -> Numbers:
        assert self.facts.skeleton is not None
        names = self.facts.skeleton.names
        start, count = self.facts.parts[label] if self.facts.parts else (0, len(names))
        out = [0.0] * (3 * len(names))
        for point in shape.all("points"):
            name = point.attributes.get("label", "")
            if name not in names[start : start + count]:
                continue
            i = names.index(name, start)
            x, y = _points(point.attributes)[:2]
            seen = 0.0 if point.attributes.get("outside") == "1" else 1 + (point.attributes.get("occluded") != "1")
            out[3 * i : 3 * i + 3] = [x, y, float(seen)]
        return tuple(out)


def _points(given: dict[str, str]) -> Numbers:
    return tuple(float(v) for pair in given.get("points", "").split(";") for v in pair.split(",") if v.strip())


def _mask(given: dict[str, str], canvas: tuple[int, int] | None) -> Rle | None:
    """Read a mask: run lengths along the rows of its own rectangle, beginning with background."""
    left, top, width, height = (int(given.get(k, "")) for k in ("left", "top", "width", "height"))
    counts = [int(v) for v in given.get("rle", "").split(",")]
    if canvas is None or sum(counts) != width * height or min(counts) < 0 or min(left, top, width, height) < 0:
        raise ValueError("the mask's run lengths do not fill its rectangle")
    if left + width > canvas[0] or top + height > canvas[1]:
        raise ValueError("the mask reaches beyond the picture")
    flat = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    whole = np.zeros((canvas[1], canvas[0]), np.bool_)
    whole[top : top + height, left : left + width] = flat.reshape(height, width)
    return Rle(canvas[0], canvas[1], runs.pack(runs.encode(whole)))


def _all_below(node: XmlNode | None, tag: str) -> Iterator[XmlNode]:
    """Find elements of a tag at any depth."""
    stack: list[XmlNode] = [node] if node is not None else []
    while stack:
        top = stack.pop()
        if top.tag == tag:
            yield top
        stack += reversed(top.children)
