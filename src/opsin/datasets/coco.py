"""COCO: one JSON file for all pictures; boxes, outlines, run lengths, key points, crowds, any category numbers.

Source: the COCO data format, cocodataset.org/#format-data.
"""

from __future__ import annotations

import os
import posixpath
import re
from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opsin.datasets.base import Reader
from opsin.datasets.coco_objects import ObjectReader, record_of
from opsin.datasets.entry import Entry, Facts
from opsin.datasets.files import TEXT_LIMITS, Tree, read_text
from opsin.datasets.json_rows import Rows, scan
from opsin.datasets.rules import Report
from opsin.datasets.skeletons import merge_skeletons, mirror_pairs
from opsin.errors import DatasetError, refusal
from opsin.instances import Skeleton
from opsin.io.readdoor import is_address

__all__ = ["CocoReader", "find_coco", "is_coco", "split_in_name"]

_SPLITS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


def split_in_name(name: str) -> str | None:
    """Find the word train, val, valid, validation or test in a file or folder name."""
    for word in reversed(re.split(r"[^a-z]+", name.lower())):
        if word in _SPLITS:
            return _SPLITS[word]
    return None


def is_coco(text: str) -> bool:
    """Say whether the beginning or the whole of a JSON text looks like COCO."""
    head = text.lstrip()
    return head.startswith("{") and '"images"' in text and ('"annotations"' in text or '"categories"' in text)


def find_coco(tree: Tree) -> list[str]:
    """Find the COCO files of a folder: beside the pictures, in `annotations`, or one in each split's folder."""
    candidates: list[str] = []
    folders = ["", *(f for f in tree.folders() if f.lower() in ("annotations", "labels") or f.lower() in _SPLITS)]
    for folder in folders:
        for name in tree.files(folder, frozenset({".json"})):
            path = f"{folder}/{name}" if folder else name
            if name != "opsin.json":
                candidates.append(path)
    # the COCO download holds the same pictures three times over: objects, key points and captions
    first = [p for p in candidates if "instances" in posixpath.basename(p).lower()]
    rest = [p for p in candidates if not re.search("caption|stuff|panoptic", posixpath.basename(p).lower())]
    for group in (first, rest):
        found = [p for p in group if looks_like_coco(tree, p)]
        if found:
            return found
    return []


def looks_like_coco(tree: Tree, path: str) -> bool:
    """Say whether a JSON file of a folder is COCO."""
    try:
        return is_coco(read_text(tree.full(path), TEXT_LIMITS))
    except DatasetError:
        return False


@dataclass(frozen=True)
class _Part:
    """One annotation file: its name, its split, its content and its folder of pictures."""

    file: str
    split: str | None
    content: dict[str, Any]
    tree: Tree


class CocoReader(Reader):
    """Reads COCO.

    Args:
        tree: the folder.
        report: where findings go.
        annotations: the file, several, or `{split: file}`; found when not given.
        images: the folder of the pictures; found when not given.
    """

    format = "coco"

    def __init__(
        self,
        tree: Tree,
        report: Report,
        annotations: str | Sequence[str] | Mapping[str, str] | None = None,
        images: str | None = None,
    ) -> None:
        super().__init__(tree.root, report)
        self._tree = tree
        files: list[tuple[str, str | None]]
        if annotations is None:
            files = [(f, split_in_name(f)) for f in find_coco(tree)]
        elif isinstance(annotations, Mapping):
            files = [(f, s) for s, f in annotations.items()]
        else:
            names = [annotations] if isinstance(annotations, str) else list(annotations)
            files = [(f, split_in_name(posixpath.basename(f)) or split_in_name(f)) for f in names]
        if not files:
            raise DatasetError(f"{tree.root}: there is no COCO file here. Pass annotations='path/to/file.json'.")
        known = [s for _, s in files if s is not None]
        if len(files) > 1 and (len(set(known)) != len(files)):
            names_text = ", ".join(f for f, _ in files)
            hint = "Pass annotations={'train': 'a.json', 'val': 'b.json'}."
            raise DatasetError(refusal("coco", "annotations", "one file, or one for each split", names_text, hint))
        self._parts = [self._open(f, s if len(files) > 1 or s else None, images) for f, s in files]
        self.root = _common([p.tree.root for p in self._parts])
        self._categories()

    def _open(self, file: str, split: str | None, images: str | None) -> _Part:
        home, name = self._tree.child(posixpath.dirname(file)), posixpath.basename(file)
        if os.path.isabs(file):
            home = Tree(os.path.dirname(file))
        content = scan(file, read_text(home.full(name), TEXT_LIMITS), ("images", "annotations"))
        if not isinstance(content.get("images"), Rows):
            raise DatasetError(f"{file}: COCO needs a list 'images' at the top.")
        if "annotations" in content and not isinstance(content["annotations"], Rows):
            raise DatasetError(f"{file}: 'annotations' must be a list.")
        if images is not None:
            pictures = Tree(images) if os.path.isabs(images) else self._tree.child(images)
        else:
            pictures = self._picture_folder(home, name, split, content["images"])
        return _Part(file, split, content, pictures)

    @staticmethod
    def _picture_folder(home: Tree, file: str, split: str | None, rows: Rows) -> Tree:
        """Find where the pictures lie: the place where most of the first names are files."""
        stem = posixpath.splitext(file)[0]
        words = dict.fromkeys(w for w in (stem, stem.split("_")[-1], stem.split("_")[0], split) if w)
        trees = []
        for base in (home, home.parent()):
            for sub in ("", "data", "images", "imgs", "JPEGImages"):
                if base is None or (sub and not base.is_folder(sub)):
                    continue
                inner = base.child(sub)
                trees += [inner, *(inner.child(w) for w in words if inner.is_folder(w))]
        names = [r.get("file_name") for i in range(min(len(rows), 24)) if isinstance(r := rows[i], dict)]

        def score(tree: Tree) -> int:
            clean = [tree.inside(n) for n in names if isinstance(n, str)]
            return sum(1 for n in clean if n is not None and tree.exists(n))

        return max(trees, key=score)

    # --- categories -----------------------------------------------------------------------------------------------
    def _categories(self) -> None:
        names: dict[Any, str] = {}
        skeletons: dict[Any, Skeleton | None] = {}
        parents: dict[Any, str] = {}
        for part in self._parts:
            rows = part.content.get("categories", [])
            seen: set[Any] = set()
            for i, row in enumerate(rows if isinstance(rows, list) else []):
                ok = isinstance(row, dict) and isinstance(row.get("id"), int | str) and row.get("name") is not None
                if not ok or isinstance(row["id"], bool):
                    self.report.add(part.file, f"category {i}", "unreadable_record", "it has no id or no name.")
                    continue
                number, name = row["id"], str(row["name"])
                twice = number in seen or (number in names and names[number] != name)
                if twice or (name in names.values() and number not in names):
                    message = f"number {number!r} or name {name!r} is taken already."
                    self.report.add(part.file, f"category {i}", "class_duplicate", message)
                    continue
                seen.add(number)
                names[number] = name
                if isinstance(row.get("supercategory"), str):
                    parents[number] = row["supercategory"]
                if number not in skeletons or skeletons[number] is None:
                    skeletons[number] = self._skeleton(row, part.file)
        self._places = {number: i for i, number in enumerate(names)}
        self._names: dict[Any, int] = {name: i for i, name in enumerate(names.values())}
        skeleton, parts = merge_skeletons([skeletons[n] for n in names])
        details: dict[str, Any] = {}
        if parents:
            details["supercategories"] = [parents.get(n) for n in names]
        for key in ("info", "licenses"):
            value = self._parts[0].content.get(key)
            if value:
                details[key] = value
        self.facts = Facts(
            format=self.format,
            class_names=tuple(names.values()),
            class_ids=tuple(names),
            skeleton=skeleton,
            parts=parts,
            columns=frozenset({"boxes"}),
            details=details,
        )

    def _skeleton(self, row: dict[str, Any], file: str) -> Skeleton | None:
        points = row.get("keypoints")
        if not isinstance(points, list) or not points:
            return None
        names = tuple(str(p) for p in points)
        raw = row.get("skeleton") or []
        edges = []
        for pair in raw if isinstance(raw, list) else []:
            right = isinstance(pair, list) and len(pair) == 2 and all(isinstance(v, int) for v in pair)
            if right and all(1 <= v <= len(names) for v in pair):
                edges.append((pair[0] - 1, pair[1] - 1))
            else:
                message = f"the line {pair!r} is no pair of 1..{len(names)}."
                self.report.add(file, f"category {row['id']}", "skeleton_invalid", message)
        return Skeleton(names, tuple(edges), mirror_pairs(names))

    # --- pictures ---------------------------------------------------------------------------------------------------
    def entries(self) -> Iterator[Entry]:
        """Give the entries in the order of the files."""
        for part in self._parts:
            yield from self._entries(part)
        self._parts = []

    def _entries(self, part: _Part) -> Iterator[Entry]:
        pictures: Rows = part.content["images"]
        rows: Rows | None = part.content.get("annotations")
        known: dict[Any, int] = {}
        objects: dict[Any, array[int]] = defaultdict(lambda: array("q"))
        ids: list[Any] = []
        for i in range(len(pictures)):
            row = pictures[i]
            number = row.get("id") if isinstance(row, dict) else None
            ids.append(None)
            if not isinstance(number, int | str | float) or not isinstance(row.get("file_name"), str):
                record = f"image {number if number is not None else i}"
                self.report.add(part.file, record, "unreadable_record", "it has no id or no file_name.")
            elif str(number) in known:
                message = f"{row['file_name']} has the id of another picture."
                self.report.add(part.file, f"image {number}", "duplicate_image_id", message)
            else:
                known[str(number)] = i
                ids[i] = str(number)
        seen: set[Any] = set()
        for i in range(len(rows) if rows is not None else 0):
            assert rows is not None
            self._place(rows[i], i, known, objects, seen, part.file)
        tree = part.tree
        prefix = "" if tree.root == self.root else _below(tree.root, self.root)
        for i in range(len(pictures)):
            if ids[i] is None:
                continue
            places = objects.pop(ids[i], ())
            raw = [rows[p] for p in places] if rows is not None else None
            entry = self._entry(pictures[i], raw, part, tree, prefix)
            if entry is not None:
                yield entry

    def _place(
        self, row: Any, i: int, known: dict[Any, int], objects: dict[Any, array[int]], seen: set[Any], file: str
    ) -> None:
        if not isinstance(row, dict) or "image_id" not in row:
            self.report.add(file, f"annotation {i}", "unreadable_record", "it has no image_id.")
            return
        number = row.get("id")
        if str(row["image_id"]) not in known:
            message = f"its picture {row['image_id']!r} is not listed."
            self.report.add(file, record_of(row, i), "orphan_annotation", message)
            return
        if number is not None:
            if str(number) in seen:
                message = "another object has this id."
                if not self.report.add(file, record_of(row, i), "duplicate_object_id", message):
                    return
            seen.add(str(number))
        objects[str(row["image_id"])].append(i)

    def _entry(self, row: dict[str, Any], raw: list[Any] | None, part: _Part, tree: Tree, prefix: str) -> Entry | None:
        name = tree.inside(row["file_name"])
        record = f"image {row['id']}"
        if name is None:
            message = f"the name {row['file_name']!r} leads out of the folder of pictures."
            self.report.add(part.file, record, "outside_root", message)
            return None
        if not tree.exists(name):
            base = posixpath.basename(name)
            if base != name and tree.exists(base):
                name = base  # made elsewhere, with folders that are not here
            else:
                message = f"there is no {row['file_name']} in {part.tree.name or part.tree.root}."
                self.report.add(part.file, record, "missing_file", message)
                return None
        canvas = self._canvas(row, part.file, record)
        reader = ObjectReader(self.report, self.facts, self._places)
        notes = None if raw is None else tuple(reader.read(raw, canvas, part.file))
        split = row.get("split") if isinstance(row.get("split"), str) else part.split
        label = row.get("label")
        group = row.get("group")
        used = ("file_name", "width", "height", "split", "label", "group")
        return Entry(
            key=prefix + name,
            path=prefix + name,
            label=self._names.get(label, label) if isinstance(label, str | int | float) else None,
            split=split,
            annotations=notes,
            canvas=canvas,
            group=group if isinstance(group, str) else None,
            extra={k: v for k, v in row.items() if k not in used},
        )

    def _canvas(self, row: dict[str, Any], file: str, record: str) -> tuple[int, int] | None:
        w, h = row.get("width"), row.get("height")
        if w is None and h is None:
            return None
        size = [v for v in (w, h) if isinstance(v, int | float) and not isinstance(v, bool)]
        if len(size) == 2 and all(0 < v < 1 << 31 and v == int(v) for v in size):
            return int(size[0]), int(size[1])
        self.report.add(file, record, "canvas_invalid", f"the stated size is {w!r} x {h!r}.")
        return None


def _common(roots: list[str]) -> str:
    """Give the folder that holds all of some folders."""
    if len(set(roots)) == 1:
        return roots[0]
    if is_address(roots[0]):
        parts = [r.split("/") for r in roots]
        same = [column[0] for column in zip(*parts, strict=False) if len(set(column)) == 1]
        return "/".join(same)
    return os.path.commonpath([os.path.abspath(r) for r in roots])


def _below(folder: str, root: str) -> str:
    """Give the way from a root to a folder below it, with a slash at its end."""
    if is_address(root):
        return folder[len(root) :].strip("/") + "/"
    way = os.path.relpath(os.path.abspath(folder), root).replace(os.sep, "/")
    return "" if way == "." else way + "/"
