"""Semantic segmentation: folders of pictures with, beside each, a picture of class numbers; read and write.

Pairs are found by name: VOC (`JPEGImages`, `SegmentationClass`), ADE20K (`images/training`, `annotations/training`),
Cityscapes (`leftImg8bit`, `gtFine`), `train/images` with `train/masks`, CamVid's `train` with `train_labels`.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from opsin.datasets.base import Reader
from opsin.datasets.coco import split_in_name
from opsin.datasets.entry import Entry, Facts, LabelFile
from opsin.datasets.files import TEXT_LIMITS, Tree, is_picture, read_text
from opsin.datasets.folder import split_folders
from opsin.datasets.neutral import read_facts
from opsin.datasets.rules import Report
from opsin.datasets.writer import OF_WHOLE, Raw, Writer
from opsin.errors import DatasetError, refusal
from opsin.io.parse import parse_json
from opsin.io.parse_csv import parse_csv
from opsin.io.paths import safe_key
from opsin.sample import Sample

__all__ = ["SegmentationReader", "SegmentationWriter", "find_pairs"]

_FACTS = "dataset.json"
_PICTURES = ("images", "image", "imgs", "img", "jpegimages", "leftimg8bit", "pictures", "input", "inputs")
_LABELS = (
    *("segmentationclass", "segmentationclassraw", "gtfine", "masks", "mask", "labels", "label", "annotations"),
    *("annotation", "segmentation", "segmentations", "gt", "groundtruth", "ground_truth", "targets"),
)
_TAILS = ("_labels", "_label", "_masks", "_mask", "annot", "_annot", "_annotations", "_gt")
# what tools hang on the names of the two files of a pair
_PICTURE_END = re.compile(r"(_leftImg8bit|_image|_img|_sat|_rgb)$", re.IGNORECASE)
_LABEL_END = re.compile(
    r"(_gtFine_labelTrainIds|_gtFine_labelIds|_gtCoarse_labelIds|_labelIds|_labels?|_masks?|_seg|_gt|_L)$",
    re.IGNORECASE,
)
_NOT_LABELS = re.compile(r"(_color|_instanceIds|_instances?)$", re.IGNORECASE)


class Pair(NamedTuple):
    """A folder of pictures, the folder of their labels, and their split."""

    pictures: str
    labels: str
    split: str | None


def find_pairs(tree: Tree) -> list[Pair]:
    """Find folders of pictures beside folders of label pictures."""
    tops = split_folders(tree)
    out = [p for top, split in tops.items() for p in _beside(tree, top, split)]
    out = out or _beside(tree, "", None)
    if not out:
        for top, split in tops.items():
            twin = next((f for f in tree.folders() if f.lower() in {top.lower() + t for t in _TAILS}), None)
            if twin is not None and _holds_pictures(tree, twin):
                out.append(Pair(top, twin, split))
    return out


def is_ours(tree: Tree) -> bool:
    """Say whether a folder is as Opsin writes it, though no picture of it may have a label picture."""
    return tree.exists(_FACTS) and tree.is_folder("data") and "images" in tree.folders("data")


def _beside(tree: Tree, top: str, split: str | None) -> list[Pair]:
    found = {name.lower(): posixpath.join(top, name) for name in tree.folders(top)}
    pictures = next((found[n] for n in _PICTURES if n in found), None)
    labels = next((found[n] for n in _LABELS if n in found and _holds_pictures(tree, found[n])), None)
    return [Pair(pictures, labels, split)] if pictures is not None and labels is not None else []


def _holds_pictures(tree: Tree, folder: str) -> bool:
    return any(is_picture(n) for n in tree.walk(folder))


class SegmentationReader(Reader):
    """Reads pictures with label pictures.

    Args:
        tree: the folder.
        report: where findings go.
        images: the folder of the pictures; found when not given, then with `labels`.
        labels: the folder of the label pictures.
        classes: names of the classes, by number.
        colors: for label pictures in color: R, G, B (0 to 255) of each class in order; without it those of
            `labelmap.txt` or `class_dict.csv`. Label pictures with a palette give its indices unless colors are given.
        suffix: which label files count where a picture has several, such as `labelTrainIds`.
    """

    format = "segmentation"

    def __init__(
        self,
        tree: Tree,
        report: Report,
        images: str | None = None,
        labels: str | None = None,
        classes: Sequence[str] | None = None,
        colors: Sequence[Sequence[int]] | None = None,
        suffix: str | None = None,
    ) -> None:
        super().__init__(tree.root, report)
        if (images is None) != (labels is None):
            raise DatasetError(refusal("segmentation", "labels", "given together with images, as folders", labels))
        self._tree, self._suffix = tree, suffix
        own = is_ours(tree)
        away = images is None and "data" in tree.folders() and (own or not find_pairs(tree))
        inner = tree.child("data") if away else tree
        self._prefix = "data" if inner is not tree else ""
        self._inner = inner
        self._pairs = [Pair(images, labels, None)] if images is not None and labels is not None else find_pairs(inner)
        if not self._pairs and own:
            self._pairs = [Pair("images", "labels", None)]
        if not self._pairs:
            hint = "Say which with images= and labels=."
            raise DatasetError(f"{tree.root}: there is no folder of label pictures beside one of pictures. {hint}")
        names, found = _class_list(tree)
        facts = Facts(format=self.format)
        if tree.exists(_FACTS):
            facts = read_facts(_FACTS, parse_json(tree.data(_FACTS, TEXT_LIMITS), source=_FACTS), self.format)
        self._splits = {safe_key(s): s for s in facts.splits}
        table = check_colors(colors) if colors is not None else found
        details = {"colors": table, "colors stated": colors is not None} if table else {}
        chosen = tuple(classes) if classes is not None else facts.class_names or names
        ids = facts.class_ids if chosen == facts.class_names else ()
        details = {k: v for k, v in facts.details.items() if k in OF_WHOLE} | details
        self.facts = Facts(format=self.format, class_names=chosen, class_ids=ids, details=details)

    def entries(self) -> Iterator[Entry]:
        """Give the entries, folder by folder, in order of their names."""
        listed = self._lists()
        for pair in self._pairs:
            labels = self._labels(pair.labels) if self._inner.is_folder(pair.labels) else {}
            labeled = bool(labels)
            for name in self._inner.walk(pair.pictures):
                if not is_picture(name):
                    continue
                below = name[len(pair.pictures) + 1 :]
                stem = _PICTURE_END.sub("", posixpath.splitext(below)[0])
                label = labels.pop(stem, None)
                split = pair.split or self._split_of(below) or listed.get(posixpath.splitext(below)[0])
                if label is None and listed and posixpath.splitext(below)[0] not in listed:
                    continue  # VOC: most pictures have no label picture, and no list names them
                if label is None and labeled:
                    self.report.add(self._full(name), below, "unannotated", "there is no label picture of this name.")
                yield Entry(
                    self._full(name),
                    self._full(name),
                    split=split,
                    labels=None if label is None else LabelFile(self._full(label)),
                )
            for name in labels.values():
                self.report.add(self._full(name), name, "orphan_label", "there is no picture of this name.")

    def _split_of(self, below: str) -> str | None:
        first, slash, _ = below.partition("/")
        return (self._splits.get(first) or split_in_name(first)) if slash else None

    def _full(self, name: str) -> str:
        return f"{self._prefix}/{name}" if self._prefix else name

    def _labels(self, folder: str) -> dict[str, str]:
        out: dict[str, str] = {}
        for name in self._inner.walk(folder):
            root = posixpath.splitext(name[len(folder) + 1 :])[0]
            if not is_picture(name) or (self._suffix is not None and not root.endswith(self._suffix)):
                continue
            if self._suffix is None and _NOT_LABELS.search(root):
                continue
            stem = _LABEL_END.sub("", root[: len(root) - len(self._suffix)].rstrip("_") if self._suffix else root)
            if self._suffix is not None:
                stem = stem.removesuffix("_gtFine").removesuffix("_gtCoarse")
            out.setdefault(stem, name)
        return out

    def _lists(self) -> dict[str, str]:
        """Read VOC's lists of names: which picture belongs to which split."""
        out: dict[str, str] = {}
        for folder in ("ImageSets/Segmentation", "ImageSets"):
            for file in self._inner.files(folder, frozenset({".txt"})):
                split = split_in_name(posixpath.splitext(file)[0])
                if split is None or "trainval" in file.lower():
                    continue
                for line in read_text(self._inner.full(f"{folder}/{file}"), TEXT_LIMITS).splitlines():
                    if line.strip():
                        out.setdefault(line.split()[0], split)
            if out:
                break
        return out


def check_colors(colors: Any) -> list[list[int]]:
    """Check a list of colors.

    Raises: DatasetError.
    """
    rows = [list(c) for c in colors] if isinstance(colors, Sequence) and not isinstance(colors, str) else []
    good = all(len(c) == 3 and all(isinstance(v, int) and 0 <= v <= 255 for v in c) for c in rows)
    if not rows or not good or len({tuple(c) for c in rows}) != len(rows):
        raise DatasetError(refusal("segmentation", "colors", "a list of R, G, B from 0 to 255, each once", colors))
    return rows


def _class_list(tree: Tree) -> tuple[tuple[str, ...], list[list[int]]]:
    """Read names and colors of classes where the data set brings them."""
    rows: list[tuple[str, list[int]]] = []
    if tree.exists("labelmap.txt"):
        for line in read_text(tree.full("labelmap.txt"), TEXT_LIMITS).splitlines():
            fields = line.split(":")
            if line.strip() and not line.startswith("#") and len(fields) > 1:
                rows.append((fields[0], _numbers(fields[1].split(","))))
    file = next((f for f in ("class_dict.csv", "_classes.csv") if tree.exists(f)), None)
    if not rows and file is not None:
        for record in parse_csv(tree.data(file, TEXT_LIMITS), source=file).rows:
            fields = list(record.values.values())
            if len(fields) >= 4 and _numbers(fields[1:4]):
                rows.append((fields[0], _numbers(fields[1:4])))
    colors = [c for _, c in rows]
    usable = rows and all(colors) and len({tuple(c) for c in colors}) == len(colors)
    return tuple(n for n, _ in rows), colors if usable else []


def _numbers(fields: Sequence[str]) -> list[int]:
    try:
        out = [int(f) for f in fields]
    except ValueError:
        return []
    return out if len(out) == 3 and all(0 <= v <= 255 for v in out) else []


class SegmentationWriter(Writer):
    """Writes `data/images/train/1.jpg` and `data/labels/train/1.png`, the class numbers in gray, and `dataset.json`."""

    format: ClassVar[str] = "segmentation"
    holds: ClassVar[frozenset[str]] = frozenset({"segmentation"})
    details: ClassVar[frozenset[str]] = OF_WHOLE

    def folder(self, split: str | None) -> str:
        """Give the folder of a split's pictures."""
        return "data/images" if split is None else f"data/images/{safe_key(split)}"

    def encode(
        self,
        sample: Sample,
        key: str,
        variant: int = 0,
        split: str | None = None,
        *,
        entry: Entry | None = None,
        raw: Raw | None = None,
    ) -> list[tuple[str, bytes]]:
        """Give the picture and its label picture; one that was never annotated has none."""
        files = super().encode(sample, key, variant, split, entry=entry, raw=raw)
        data = self.label_bytes(sample)
        if data is not None:
            root = posixpath.splitext(files[0][0])[0].removeprefix("data/images/")
            files.append((f"data/labels/{root}.png", data))
        return files

    def finish(self, records: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, bytes]]:
        """Give `dataset.json`: the names of the classes."""
        data = {"opsin": 1, "facts": self.facts.plain()}
        yield _FACTS, (json.dumps(data, indent=1, allow_nan=False) + "\n").encode()

    def losses(self) -> list[str]:
        """Say what is lost: files of the labels are written anew, as numbers."""
        out = super().losses()
        if self.facts.details.get("colors"):
            out.append("segmentation holds numbers of classes, not their colors.")
        return out
