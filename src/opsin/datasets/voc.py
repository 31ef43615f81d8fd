"""Pascal VOC: one XML file a picture; boxes, and rotated boxes and outlines as newer tools write them.

Source: Everingham and Winn, "The PASCAL VOC challenge 2012 development kit": the top-left pixel is (1, 1), and a box
includes the pixels xmax and ymax. So a box covers [xmin - 1, xmax] x [ymin - 1, ymax].
"""

from __future__ import annotations

import math
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from opsin.datasets.base import Reader
from opsin.datasets.coco import split_in_name
from opsin.datasets.entry import Annotation, Entry, Facts, Numbers
from opsin.datasets.files import Tree, is_picture, read_data, read_part, read_text
from opsin.datasets.rules import Checker, Report
from opsin.errors import DatasetError, DecodeError, refusal
from opsin.instances import to_corners
from opsin.io.parse import XmlNode, parse_xml

__all__ = ["VocReader", "find_voc"]

_FLAGS = ("truncated", "difficult", "occluded")
_SIDES = ("xmin", "ymin", "xmax", "ymax")
_PICTURES = ("JPEGImages", "images", "Images", "data")


def _xml_folder(tree: Tree) -> str | None:
    for folder in ("Annotations", "annotations", "xml", "labels", ""):
        if folder and folder not in tree.folders():
            continue
        names = tree.files(folder, frozenset({".xml"}))
        if not names and folder:  # keys with folders in them
            names = [
                n[len(folder) + 1 :] for _, n in zip(range(1), tree.walk(folder, frozenset({".xml"})), strict=False)
            ]
        if names and _root_tag(tree.full(posixpath.join(folder, names[0]))) == "annotation":
            return folder
    return None


def _root_tag(path: str) -> str | None:
    try:
        node = parse_xml(read_data(path), source=path)
    except (DatasetError, DecodeError):
        return "annotation" if b"<annotation" in _head(path) else None
    return node.tag if node.tag != "annotation" or node.find("filename") or node.find("object") else None


def _head(path: str) -> bytes:
    try:
        return read_part(path, 0, 400)
    except DecodeError:
        return b""


def find_voc(tree: Tree) -> str | None:
    """Find the folder of VOC's XML files; "" where they lie beside the pictures."""
    return _xml_folder(tree)


class VocReader(Reader):
    """Reads Pascal VOC.

    Args:
        tree: the folder.
        report: where findings go.
        classes: names of the classes, in order; without it those of `labelmap.txt`, or those found, sorted.
        origin: 1 where boxes are pixels from 1 on, as VOC says; 0 where they are edges from 0 on, as some tools write;
            without it 0 if a coordinate below 1 occurs, else 1.
        difficult: False leaves out objects marked as difficult.
    """

    format = "voc"

    def __init__(
        self,
        tree: Tree,
        report: Report,
        classes: Sequence[str] | None = None,
        origin: int | None = None,
        difficult: bool = True,
    ) -> None:
        if origin not in (None, 0, 1):
            raise DatasetError(refusal("voc", "origin", "0 or 1", origin))
        if _xml_folder(tree) is None:  # VOCdevkit/VOC2012
            inner = [tree.child(f) for f in tree.folders()]
            inner += [t.child(f) for t in inner for f in t.folders()]
            tree = next((t for t in inner if _xml_folder(t) is not None), tree)
        folder = _xml_folder(tree)
        if folder is None and "JPEGImages" in tree.folders():
            folder = "Annotations"  # a set whose pictures nobody has annotated
        if folder is None:
            raise DatasetError(f"{tree.root}: there are no VOC files here. They are XML, in a folder Annotations.")
        super().__init__(tree.root, report)
        self._tree, self._folder, self._difficult = tree, folder, difficult
        self._pictures_in = next((f for f in _PICTURES if f in tree.folders()), folder if folder == "" else "")
        names, lowest, columns = self._survey()
        self._origin = origin if origin is not None else int(lowest >= 1)
        chosen = tuple(classes) if classes is not None else self._labelmap() or tuple(sorted(names))
        self._places = {n: i for i, n in enumerate(chosen)}
        self.facts = Facts(format=self.format, class_names=chosen, columns=frozenset({"boxes"} | columns))

    def _labelmap(self) -> tuple[str, ...]:
        if not self._tree.exists("labelmap.txt"):
            return ()
        rows = read_text(self._tree.full("labelmap.txt")).splitlines()
        return tuple(r.split(":")[0] for r in rows if r.strip() and not r.startswith("#"))

    def _files(self) -> Iterator[str]:
        yield from self._tree.walk(self._folder, frozenset({".xml"}))

    def _survey(self) -> tuple[set[str], float, set[str]]:
        """Look once through all files: names of classes, the least coordinate, which annotations occur."""
        names: set[str] = set()
        columns: set[str] = set()
        lowest = math.inf
        for path in self._files():
            root = self._parse(path, quiet=True)
            for node in root.all("object") if root is not None else ():
                names.add(node.text_of("name") or "")
                box = node.find("bndbox")
                values = [_number(box.text_of(s)) for s in _SIDES] if box is not None else []
                lowest = min([lowest, *(v for v in values[:2] if v is not None and not math.isnan(v))])
                columns |= {"corners"} if node.find("robndbox") is not None else set()
                columns |= {"polygons"} if node.find("polygon") is not None else set()
        names.discard("")
        return names, lowest, columns

    def _parse(self, path: str, quiet: bool = False) -> XmlNode | None:
        try:
            root = parse_xml(self._tree.data(path), source=path)
        except (DatasetError, DecodeError) as error:
            if not quiet:
                self.report.add(path, "file", "unreadable_label", str(error))
            return None
        return root if root.tag == "annotation" else None

    # --- pictures -------------------------------------------------------------------------------------------------
    def _splits(self, stems: Mapping[str, str]) -> dict[str, str]:
        """Read `ImageSets/Main`: picture -> split; lists of one class (`cat_train.txt`) are passed over."""
        out: dict[str, str] = {}
        for folder in ("ImageSets/Main", "ImageSets"):
            for name in self._tree.files(folder, frozenset({".txt"})):
                split = split_in_name(name[:-4]) if name[:-4].lower() in ("train", "val", "test") else None
                if name[:-4] in ("trainval", "all") or (split is None and "_" in name):
                    continue
                for number, line in enumerate(read_text(self._tree.full(f"{folder}/{name}")).splitlines(), 1):
                    whole = line.strip()  # a name may hold spaces; a list of one class has a number behind it
                    key = whole if whole in stems or not whole else whole.split()[0]
                    if key in out and out[key] != (split or name[:-4]):
                        message = f"{key} is in split {out[key]} as well."
                        self.report.add(f"{folder}/{name}", f"line {number}", "split_overlap", message)
                    elif key:
                        out[key] = split or name[:-4]
            if out:
                break
        return out

    def entries(self) -> Iterator[Entry]:
        """Give the entries in order of their pictures' names."""
        inside = f"{self._pictures_in}/" if self._pictures_in else ""
        stems = {
            posixpath.splitext(n[len(inside) :])[0]: n for n in self._tree.walk(self._pictures_in) if is_picture(n)
        }
        splits = self._splits(stems)
        folder = f"{self._folder}/" if self._folder else ""
        labels = {posixpath.splitext(n[len(folder) :])[0]: n for n in self._files()}
        for stem, picture in stems.items():
            label = labels.pop(stem, None)
            root = self._parse(label) if label is not None else None
            if root is None or label is None:
                if label is None:
                    self.report.add(picture, stem, "unannotated", "it has no XML file.")
                yield Entry(picture, picture, split=splits.get(stem))
                continue
            canvas = self._canvas(root, label)
            notes = tuple(self._objects(root, label, canvas))
            yield Entry(picture, picture, split=splits.get(stem), annotations=notes, canvas=canvas)
        for stem, label in labels.items():
            self.report.add(label, stem, "orphan_label", "it belongs to no picture.")
        for key in splits:
            if key not in stems:
                self.report.add("ImageSets", key, "missing_file", f"{key}: there is no such picture.")

    def _canvas(self, root: XmlNode, file: str) -> tuple[int, int] | None:
        size = root.find("size")
        if size is None:
            return None
        w, h = _number(size.text_of("width")), _number(size.text_of("height"))
        if w is not None and h is not None and w >= 1 and h >= 1 and w == int(w) and h == int(h):
            return int(w), int(h)
        message = f"the stated size is {size.text_of('width')} x {size.text_of('height')}."
        self.report.add(file, f"line {size.line}", "canvas_invalid", message)
        return None

    # --- objects ---------------------------------------------------------------------------------------------------
    def _objects(self, root: XmlNode, file: str, canvas: tuple[int, int] | None) -> Iterator[Annotation]:
        checker = Checker(self.report)
        size = None if canvas is None else (float(canvas[0]), float(canvas[1]))
        kept: set[str] = set()
        for node in root.all("object"):
            record = f"line {node.line}"
            a = self._object(node, file, record)
            a = None if a is None else checker.check(a, size, file, record)
            if a is None or (not self._difficult and a.attributes.get("difficult")):
                continue
            if repr(a) in kept:
                self.report.add(file, record, "duplicate_object", "the same object stands above.")
                continue
            kept.add(repr(a))
            yield a

    def _object(self, node: XmlNode, file: str, record: str) -> Annotation | None:
        name = node.text_of("name") or ""
        if name not in self._places:
            self.report.add(file, record, "class_out_of_range", f"class {name!r} is not in the list.")
            return None
        box = self._box(node, file, record)
        if box == ():
            return None
        corners = self._rotated(node, file, record)
        polygons = tuple(p for n in node.all("polygon") if (p := self._outline(n, file, record)) is not None)
        attributes: dict[str, Any] = {}
        if node.text_of("pose") not in (None, ""):
            attributes["pose"] = node.text_of("pose")
        for flag in _FLAGS:
            text = node.text_of(flag)
            if text not in (None, ""):
                attributes[flag] = int(text) if text in ("0", "1") else text
        if box is None and corners is None and not polygons:
            self.report.add(file, record, "no_shape", "it has neither box nor outline.")
            return None
        return Annotation(label=self._places[name], box=box, corners=corners, polygons=polygons, attributes=attributes)

    def _box(self, node: XmlNode, file: str, record: str) -> Numbers | None:
        """Read the box; None where there is none, () where it is no box."""
        found = node.find("bndbox")
        if found is None:
            return None
        values = [_number(found.text_of(s)) for s in _SIDES]
        numbers = [v for v in values if v is not None]
        if len(numbers) < 4:
            self.report.add(file, record, "not_numbers", "the box is not four numbers.")
            return ()
        x1, y1, x2, y2 = numbers
        return x1 - self._origin, y1 - self._origin, x2, y2

    def _rotated(self, node: XmlNode, file: str, record: str) -> Numbers | None:
        """Read a rotated box: center, sides, and an angle in radians, clockwise as seen."""
        found = node.find("robndbox")
        if found is None:
            return None
        values = [_number(found.text_of(n)) for n in ("cx", "cy", "w", "h", "angle")]
        numbers = [v for v in values if v is not None and math.isfinite(v)]
        if len(numbers) < 5:
            self.report.add(file, record, "not_numbers", "the rotated box is not five numbers.")
            return None
        cx, cy, w, h, angle = numbers
        flat: Numbers = tuple(to_corners([[cx, cy, w, h, -math.degrees(angle)]])[0].ravel().tolist())
        return flat

    def _outline(self, node: XmlNode, file: str, record: str) -> Numbers | None:
        """Read an outline: x1 y1 x2 y2 ..., or pt elements with x and y."""
        pairs = [(p.text_of("x"), p.text_of("y")) for p in node.all("pt")]
        if not pairs:
            count = sum(1 for c in node.children if c.tag.startswith("x"))
            pairs = [(node.text_of(f"x{i}"), node.text_of(f"y{i}")) for i in range(1, count + 1)]
        values = [_number(v) for pair in pairs for v in pair]
        if any(v is None for v in values):
            self.report.add(file, record, "not_numbers", "the outline is not a list of numbers.")
            return None
        return tuple(v for v in values if v is not None)


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
