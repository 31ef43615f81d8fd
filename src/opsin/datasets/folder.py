"""Folders of pictures: one folder a class, splits over classes, or pictures without labels."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence

from opsin.datasets.base import Reader
from opsin.datasets.coco import split_in_name
from opsin.datasets.entry import Entry, Facts
from opsin.datasets.files import Tree, is_picture
from opsin.datasets.rules import Report
from opsin.errors import DatasetError, did_you_mean, refusal

__all__ = ["FolderReader", "PlainReader"]

_SPLIT_FOLDERS = {"train", "training", "val", "valid", "validation", "test", "testing"}


def split_folders(tree: Tree) -> dict[str, str]:
    """Find folders named train, val or test, and what each stands for; {} unless all folders with pictures are."""
    out = {}
    for name in tree.folders():
        if name.lower() in _SPLIT_FOLDERS:
            out[name] = split_in_name(name.lower().replace("testing", "test")) or name
    return out


class FolderReader(Reader):
    """Reads a folder of classes: `root/class/picture`, or `root/train/class/picture`.

    Args:
        tree: the folder.
        report: where findings go.
        classes: names of the classes, in order; without it the folders' names, sorted.
    """

    format = "folder"

    def __init__(self, tree: Tree, report: Report, classes: Sequence[str] | None = None) -> None:
        super().__init__(tree.root, report)
        self._tree = tree
        splits = split_folders(tree)
        self._tops: list[tuple[str, str | None]]
        self._tops = [(n, s) for n, s in splits.items()] if splits else [("", None)]
        names: dict[str, None] = {}
        for top, _ in self._tops:
            names |= dict.fromkeys(tree.folders(top))
        found = tuple(sorted(names))
        if classes is not None:
            for name in found:
                if name not in classes:
                    hint = did_you_mean(name, classes) or "Add it to classes."
                    raise DatasetError(refusal("folder", "classes", "the names of all folders", name, hint))
            found = tuple(classes)
        self.facts = Facts(format=self.format, class_names=found)

    def entries(self) -> Iterator[Entry]:
        """Give the entries: splits in order, classes in order, names in order."""
        place = {name: i for i, name in enumerate(self.facts.class_names)}
        for top, split in self._tops:
            for name in self._tree.files(top):
                if is_picture(name):
                    path = f"{top}/{name}" if top else name
                    self.report.add(path, name, "orphan_picture", "it lies in no class's folder.")
            for folder in self._tree.folders(top):
                below = f"{top}/{folder}" if top else folder
                for path in self._tree.walk(below):
                    if is_picture(path):
                        yield Entry(path, path, label=place[folder], split=split)


class PlainReader(Reader):
    """Reads pictures without labels from a folder, with or without folders below; split folders are seen.

    Args:
        tree: the folder.
        report: where findings go.
        file: one picture of the folder, when it is not about the others.
    """

    format = "plain"

    def __init__(self, tree: Tree, report: Report, file: str | None = None) -> None:
        super().__init__(tree.root, report)
        self._tree, self._file = tree, file

    def entries(self) -> Iterator[Entry]:
        """Give the entries in order of their paths."""
        if self._file is not None:
            yield Entry(self._file, self._file)
            return
        splits = split_folders(self._tree)
        for path in self._tree.walk():
            if is_picture(path):
                yield Entry(path, path, split=splits.get(path.split("/")[0]))


def looks_like_classes(tree: Tree) -> bool:
    """Say whether a folder holds classes: no picture at the top, and every folder at that level holds pictures."""
    tops = list(split_folders(tree)) or [""]
    if any(is_picture(n) for top in tops for n in tree.files(top)):
        return False
    folders = [posixpath.join(top, f) for top in tops for f in tree.folders(top)]
    holding = [f for f in folders if any(is_picture(n) for n in tree.files(f))]
    return bool(holding) and not (tops == [""] and {posixpath.basename(f).lower() for f in folders} <= {"images"})
