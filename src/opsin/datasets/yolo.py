"""YOLO: `data.yaml` and one text file a picture; boxes, outlines, key points and oriented boxes.

Source: docs.ultralytics.com/datasets (detect, segment, pose, obb), read as a description of the format.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

from opsin.datasets.base import Reader
from opsin.datasets.entry import Annotation, Entry, Facts
from opsin.datasets.files import Tree, is_picture, read_data, read_text
from opsin.datasets.rules import Checker, Report
from opsin.datasets.skeletons import mirror_pairs, swap_to_mirror
from opsin.errors import DatasetError, DecodeError, refusal
from opsin.instances import Skeleton
from opsin.io.parse import parse_yaml
from opsin.io.readdoor import is_address

__all__ = ["TASKS", "YoloReader", "find_yolo"]

_MOST_POINTS = 10_000
TASKS = ("detect", "segment", "pose", "obb")
_SPLITS = ("train", "val", "test")
_SLACK = 1e-4  # labels are written with six digits, so an edge may come out a little beyond the picture


def find_yolo(tree: Tree) -> str | None:
    """Find a YOLO data file in a folder; "" where there is none but pictures and label files lie side by side."""
    for name in tree.files("", frozenset({".yaml", ".yml"})):
        if is_data_file(tree.full(name)):
            return name
    if "images" in tree.folders() and "labels" in tree.folders():
        first = next(iter(tree.walk("labels")), "")
        return "" if first.endswith(".txt") else None
    names = tree.files()
    stems = {posixpath.splitext(n)[0] for n in names if is_picture(n)}
    texts = [n for n in names if n.endswith(".txt") and n[:-4] in stems]
    return "" if texts and any(_looks_like_labels(tree.full(n)) for n in texts[:8]) else None


def is_data_file(path: str) -> bool:
    """Say whether a YAML file is a YOLO data file: it has names and at least one split."""
    data = _yaml(path)
    return isinstance(data, dict) and "names" in data and any(k in data for k in _SPLITS)


def label_of(picture: str) -> str:
    """Give the label file of a picture: the last `images` of its folders becomes `labels`."""
    parts = posixpath.splitext(picture)[0].split("/")
    for i in range(len(parts) - 2, -1, -1):
        if parts[i] == "images":
            return "/".join([*parts[:i], "labels", *parts[i + 1 :]]) + ".txt"
    return "/".join(parts) + ".txt"


def _looks_like_labels(path: str) -> bool:
    try:
        rows = [r.split() for r in read_text(path).splitlines() if r.strip()]
        return bool(rows) and all(len(r) >= 5 and len([float(v) for v in r]) for r in rows)
    except (DatasetError, ValueError):
        return False


def _yaml(path: str) -> Any:
    try:
        return parse_yaml(read_data(path), source=path).value
    except (DatasetError, DecodeError):
        return None


class YoloReader(Reader):
    """Reads YOLO.

    Args:
        tree: the folder.
        report: where findings go.
        file: the data file; "" for folders without one.
        task: `detect`, `segment`, `pose` or `obb`; from the data file or the rows when not given.
    """

    format = "yolo"

    def __init__(self, tree: Tree, report: Report, file: str = "data.yaml", task: str | None = None) -> None:
        super().__init__(tree.root, report)
        self._file = file
        data: dict[str, Any] = {}
        if file:
            value = parse_yaml(tree.data(file), source=file).value
            if not isinstance(value, dict):
                raise DatasetError(f"{file}: a YOLO data file begins with keys such as names and train.")
            data = value
            tree = self._base(tree, data)
        self._tree = tree
        self.root = tree.root
        self._parts = self._listed(data) if file else self._sides()
        names, ids = self._names(data)
        self._places = {n: i for i, n in enumerate(ids)} if ids else {i: i for i in range(len(names))}
        self._kpt = self._shape(data)
        task = task or data.get("task") or ("pose" if self._kpt else None) or self._infer()
        if task not in TASKS:
            raise DatasetError(refusal("yolo", "task", f"one of {', '.join(TASKS)}", task))
        if task == "pose" and self._kpt is None:
            raise DatasetError(f"{file or 'yolo'}: kpt_shape must be given for task pose. Add kpt_shape: [17, 3].")
        self.task = str(task)
        column = {"detect": "boxes", "segment": "polygons", "pose": "keypoints", "obb": "corners"}[self.task]
        skeleton = self._skeleton(data) if self.task == "pose" else None
        details: dict[str, Any] = {"task": self.task}
        if not names:
            names = self._numbered()
        self.facts = Facts(
            format=self.format,
            class_names=names,
            class_ids=ids,
            skeleton=skeleton,
            columns=frozenset({column} | ({"boxes"} if self.task in ("detect", "pose") else set())),
            details=details,
        )

    # --- the data file --------------------------------------------------------------------------------------------
    @staticmethod
    def _base(tree: Tree, data: Mapping[str, Any]) -> Tree:
        """Find the root: `path` as given, below the data file, or, where it leads nowhere here, the file's folder."""
        path = data.get("path")
        if isinstance(path, str) and is_address(tree.root):
            clean = tree.inside(path) if path.strip("./") else ""
            return tree.child(clean) if clean and tree.is_folder(clean) else tree
        if isinstance(path, str) and path:
            for place in (path if os.path.isabs(path) else tree.full(path), os.path.abspath(path)):
                if os.path.isdir(place) and not (place == "/" or os.path.samefile(place, os.path.expanduser("~"))):
                    return Tree(os.path.normpath(place))
        return tree

    def _names(self, data: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[int, ...]]:
        names = data.get("names")
        if not self._file:
            for base in ("classes.txt", "labels/classes.txt", "obj.names"):
                if self._tree.exists(base):
                    rows = [r.strip() for r in read_text(self._tree.full(base)).splitlines()]
                    return tuple(r for r in rows if r), ()
            return (), ()
        if isinstance(names, list):
            found = {i: str(n) for i, n in enumerate(names)}
        elif isinstance(names, dict):
            try:
                found = {int(k): str(v) for k, v in names.items()}
            except ValueError:
                text = "a list, or numbers with names"
                raise DatasetError(refusal(self._file, "names", text, list(names)[:4])) from None
        else:
            raise DatasetError(refusal(self._file, "names", "a list, or numbers with names", names))
        stated = data.get("nc")
        if isinstance(stated, int) and stated != len(found):
            self.report.add(self._file, "nc", "class_count", f"nc is {stated}, but there are {len(found)} names.")
        order = sorted(found)
        ids = tuple(order) if order != list(range(len(order))) else ()
        return tuple(found[i] for i in order), ids

    def _numbered(self) -> tuple[str, ...]:
        """Name classes by their numbers where nobody named them."""
        most = -1
        for label in self._label_files():
            for row in self._rows(label):
                if row and row[0].isdecimal() and len(row[0]) < 5:
                    most = max(most, int(row[0]))
        self._places = {i: i for i in range(most + 1)}
        return tuple(str(i) for i in range(most + 1))

    def _shape(self, data: Mapping[str, Any]) -> tuple[int, int] | None:
        shape = data.get("kpt_shape")
        if shape is None:
            return None
        ok = isinstance(shape, list) and len(shape) == 2 and all(isinstance(v, int) for v in shape)
        # each place costs memory in every row: a number with a slip of the finger must not take the machine
        if not ok or not 1 <= shape[0] <= _MOST_POINTS or shape[1] not in (2, 3):
            raise DatasetError(refusal(self._file, "kpt_shape", f"[count up to {_MOST_POINTS}, 2 or 3]", shape))
        return shape[0], shape[1]

    def _skeleton(self, data: Mapping[str, Any]) -> Skeleton:
        assert self._kpt is not None
        count = self._kpt[0]
        given = data.get("kpt_names")
        if isinstance(given, dict):
            given = next(iter(given.values()), None)  # names by class; they share one shape
        ok = isinstance(given, list) and len(given) == count
        names = tuple(str(n) for n in given) if ok and given is not None else tuple(str(i) for i in range(count))
        order = data.get("flip_idx")
        if isinstance(order, list) and sorted(v for v in order if isinstance(v, int)) == list(range(count)):
            mirror = swap_to_mirror(order)
        else:
            mirror = mirror_pairs(names)
            if order is not None:
                message = f"flip_idx is no order of 0..{count - 1}."
                self.report.add(self._file, "flip_idx", "skeleton_invalid", message)
        edges = []
        for pair in data.get("skeleton") or []:
            if isinstance(pair, list) and len(pair) == 2 and all(isinstance(v, int) and 0 <= v < count for v in pair):
                edges.append((pair[0], pair[1]))
            else:
                message = f"the line {pair!r} is no pair of 0..{count - 1}."
                self.report.add(self._file, "skeleton", "skeleton_invalid", message)
        return Skeleton(names, tuple(edges), mirror)

    # --- pictures -------------------------------------------------------------------------------------------------
    def _sides(self) -> list[tuple[str | None, list[str]]]:
        folders = self._tree.folders("images") if "images" in self._tree.folders() else []
        known = [f for f in folders if f in _SPLITS]
        if known:
            order = [s for s in _SPLITS if s in known]
            return [(s, [f"images/{s}"]) for s in order]
        return [(None, ["images" if "images" in self._tree.folders() else ""])]

    def _listed(self, data: Mapping[str, Any]) -> list[tuple[str | None, list[str]]]:
        out: list[tuple[str | None, list[str]]] = []
        for split in _SPLITS:
            value = data.get(split)
            if value in (None, "", []):
                continue
            places = value if isinstance(value, list) else [value]
            if not all(isinstance(p, str) for p in places):
                raise DatasetError(refusal(self._file, split, "a folder, a list file, or several", value))
            out.append((split, [self._resolve(p, split) for p in places]))
        if len(out) > 1 and all(places == out[0][1] for _, places in out):
            return [(None, out[0][1])]  # one folder for all: there are no splits
        if not out:
            raise DatasetError(f"{self._file}: one of train, val and test must be given.")
        return out

    def _resolve(self, place: str, split: str) -> str:
        """Find a folder or list below the root; exporters write ../train/images for what is train/images."""
        text = place.replace("\\", "/")
        tries = [text]
        bare = text
        while bare.startswith("../"):
            bare = bare[3:]
            tries.append(bare)
        for name in tries:
            clean = self._tree.inside(name) if name.strip("./") else ""
            if clean is not None and (self._tree.is_folder(clean) or self._tree.exists(clean)):
                return clean
        message = f"there is no {place} in the data set's folder."
        self.report.add(self._file, split, "missing_file", message)
        return "\0"

    def _pictures(self, places: list[str]) -> Iterator[str]:
        for place in places:
            if place == "\0":
                continue
            if place.endswith(".txt") and self._tree.exists(place):
                yield from self._from_list(place)
            elif is_picture(place) and self._tree.exists(place):
                yield place
            else:
                for name in self._tree.walk(place):
                    if is_picture(name):
                        yield name

    def _from_list(self, place: str) -> Iterator[str]:
        base = posixpath.dirname(place)
        for number, line in enumerate(read_text(self._tree.full(place)).splitlines(), 1):
            text = line.strip().replace("\\", "/")
            if not text:
                continue
            tries = [text, posixpath.join(base, text[2:])] if text.startswith("./") else [text]
            clean = [c for t in tries if (c := self._tree.inside(t)) is not None]
            found = next((c for c in clean if self._tree.exists(c)), None)
            if found is None:
                rule = "missing_file" if clean else "outside_root"
                what = "there is no such picture" if clean else "it leads out of the data set's folder"
                self.report.add(place, f"line {number}", rule, f"{text}: {what}.")
                continue
            yield found

    def _label_of(self, picture: str) -> str:
        """Give the label file of a picture: the last `images` of its folders becomes `labels`."""
        label = label_of(picture)
        if self._tree.name == "images" and "/labels/" not in f"/{label}":  # the root itself is the folder of pictures
            beside = f"../labels/{label}"
            if os.path.isfile(self._tree.full(beside)):
                return beside
        return label

    def _label_files(self) -> Iterator[str]:
        for _, places in self._parts:
            quiet = Report()
            kept, self.report = self.report, quiet
            try:
                for picture in self._pictures(places):
                    label = self._label_of(picture)
                    if self._has(label):
                        yield label
            finally:
                self.report = kept

    def _has(self, label: str) -> bool:
        return os.path.isfile(self._tree.full(label)) if label.startswith("..") else self._tree.exists(label)

    def _rows(self, label: str) -> list[list[str]]:
        try:
            return [r.split() for r in read_text(self._tree.full(label)).splitlines() if r.strip()]
        except DatasetError:
            return []

    def _infer(self) -> str:
        """Tell boxes, outlines and oriented boxes apart by the number of values in the rows.

        Nine values are an oriented box or an outline of four points: oriented boxes, when all rows have nine.
        """
        counts: set[int] = set()
        for number, label in enumerate(self._label_files()):
            counts |= {len(r) for r in self._rows(label)}
            if any(c > 5 and c != 9 for c in counts) or number > 2000:
                break
        if counts == {9}:
            return "obb"
        return "segment" if any(c > 5 for c in counts) else "detect"

    def entries(self) -> Iterator[Entry]:
        """Give the entries: train, val, test, names in order."""
        used: set[str] = set()
        for split, places in self._parts:
            for picture in self._pictures(places):
                label = self._label_of(picture)
                used.add(label)
                notes = tuple(self._objects(label)) if self._has(label) else ()
                yield Entry(picture, picture, split=split, annotations=notes, unit=True)
        folders = {posixpath.dirname(u) for u in used}
        for folder in sorted(folders):
            for name in self._tree.files(folder, frozenset({".txt"})):
                path = f"{folder}/{name}" if folder else name
                listed = any(p == path for _, places in self._parts for p in places)
                known = path in used or listed or name == "classes.txt"
                if not known and _looks_like_labels(self._tree.full(path)):
                    self.report.add(path, name, "orphan_label", "it belongs to no picture.")

    # --- rows ------------------------------------------------------------------------------------------------------
    def _objects(self, label: str) -> Iterator[Annotation]:
        places = self._kpt[0] if self.task == "pose" and self._kpt else None
        checker = Checker(self.report, len(self.facts.class_names), places)
        try:
            text = read_text(self._tree.full(label))
        except DatasetError as error:
            self.report.add(label, "file", "unreadable_label", str(error))
            return
        seen: set[str] = set()
        for number, line in enumerate(text.splitlines(), 1):
            words = line.split()
            if not words:
                continue
            record = f"line {number}"
            if " ".join(words) in seen:
                self.report.add(label, record, "duplicate_object", "the same row stands above.")
                continue
            seen.add(" ".join(words))
            a = self._object(words, label, record)
            a = None if a is None else checker.check(a, (1.0, 1.0), label, record, slack=_SLACK)
            if a is not None:
                yield a

    def _object(self, words: list[str], file: str, record: str) -> Annotation | None:
        try:
            values = tuple(float(w) for w in words)
        except ValueError:
            self.report.add(file, record, "unreadable_record", "a value is not a number.")
            return None
        number = values[0]
        whole = number == number and abs(number) < 1e12 and number == int(number)
        label = self._places.get(int(number), int(number)) if whole else None
        if label is None:
            self.report.add(file, record, "class_out_of_range", f"class {words[0]} is not a whole number.")
            return None
        if self._places and whole and int(number) not in self._places:
            label = -1 if self.facts.class_ids and int(number) < len(self.facts.class_names) else int(number)
        rest = values[1:]
        if not rest:
            self.report.add(file, record, "unreadable_record", "there is nothing after the class.")
            return None
        if self.task == "segment" and len(rest) != 4:
            return Annotation(label=label, polygons=(rest,))
        if self.task == "obb":
            if len(rest) != 8:
                message = f"{len(rest)} values after the class; an oriented box has 8."
                self.report.add(file, record, "unreadable_record", message)
                return None
            return Annotation(label=label, corners=rest)
        wanted = 4 + (self._kpt[0] * self._kpt[1] if self.task == "pose" and self._kpt else 0)
        if len(rest) == 4 or len(rest) == wanted:
            return self._box(label, rest, file, record)
        rule = "keypoint_count" if self.task == "pose" and len(rest) > 4 else "unreadable_record"
        message = f"{len(rest)} values after the class; {wanted} were expected."
        self.report.add(file, record, rule, message)
        return self._box(label, rest[:4], file, record) if rule == "keypoint_count" else None

    def _box(self, label: int, rest: tuple[float, ...], file: str, record: str) -> Annotation | None:
        cx, cy, w, h = rest[:4]
        if w < 0 or h < 0:
            self.report.add(file, record, "box_negative", f"the box is {w:g} x {h:g}.")
            return None
        keypoints = None
        if len(rest) > 4:
            assert self._kpt is not None
            keypoints = _visible(rest[4:], self._kpt[1])
        box = (cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2)
        return Annotation(label=label, box=box, keypoints=keypoints)


def _visible(flat: tuple[float, ...], columns: int) -> tuple[float, ...] | None:
    """Read key points as x y v; without a third column a point at 0 0 is one that was not labeled."""
    if columns == 2:
        pairs = zip(flat[0::2], flat[1::2], strict=True)
        flat = tuple(v for x, y in pairs for v in (x, y, 2.0 if (x, y) != (0.0, 0.0) else 0.0))
    return flat if any(flat[2::3]) else None
