"""DOTA: oriented boxes of aerial pictures, eight coordinates a line; read and write.

Source: captain-whu.github.io/DOTA: `x1 y1 x2 y2 x3 y3 x4 y4 category difficult`, corners clockwise from the object's
top-left one, in pixels; two leading lines `imagesource:` and `gsd:` may stand above.
"""

from __future__ import annotations

import math
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from opsin.datasets.base import Reader
from opsin.datasets.columns import annotations_of
from opsin.datasets.entry import Annotation, Entry, Facts
from opsin.datasets.files import Tree, is_picture, read_text
from opsin.datasets.folder import split_folders
from opsin.datasets.rules import Checker, Report
from opsin.datasets.writer import Raw, Writer, shape_box, tidy
from opsin.errors import DatasetError
from opsin.sample import Sample

__all__ = ["DotaReader", "DotaWriter", "find_dota"]

_LABELS = ("labelTxt", "labelTxt-v1.0", "labelTxt-v1.5", "labels", "annfiles", "")
_PICTURES = ("images", "")


def find_dota(tree: Tree) -> bool:
    """Say whether a folder holds DOTA's text files."""
    tops = ["", *split_folders(tree), *(f"data/{s}" for s in split_folders(tree.child("data")))]
    for top in tops:
        for folder in _LABELS:
            place = posixpath.join(top, folder) if folder else top
            for name in tree.files(place, frozenset({".txt"}))[:4]:
                if _looks_like_dota(tree.full(posixpath.join(place, name))):
                    return True
    return False


def _looks_like_dota(path: str) -> bool:
    try:
        rows = [r.split() for r in read_text(path).splitlines() if r.strip()]
    except DatasetError:
        return False
    rows = [r for r in rows if not r[0].startswith(("imagesource", "gsd"))]
    try:
        return bool(rows) and all(
            len(r) in (9, 10) and _is_text(r[8]) and all(math.isfinite(float(v)) for v in r[:8]) for r in rows[:8]
        )
    except ValueError:
        return False


def _is_text(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return True
    return False


class DotaReader(Reader):
    """Reads DOTA: `images` and `labelTxt`, below split folders or not.

    Args:
        tree: the folder.
        report: where findings go.
        classes: names of the classes, in order; without it those of `classes.txt`, or those found, sorted.
    """

    format = "dota"

    def __init__(self, tree: Tree, report: Report, classes: Sequence[str] | None = None) -> None:
        inner = tree.child("data")
        if not tree.exists("classes.txt") and (split_folders(inner) or "labelTxt" in inner.folders()):
            tree = inner
        super().__init__(tree.root, report)
        self._tree = tree
        splits = split_folders(tree)
        self._tops: list[tuple[str, str | None]] = [(n, s) for n, s in splits.items()] if splits else [("", None)]
        chosen = tuple(classes) if classes is not None else self._listed() or tuple(sorted(self._names()))
        self._places = {n: i for i, n in enumerate(chosen)}
        self.facts = Facts(format=self.format, class_names=chosen, columns=frozenset({"corners"}))

    def _listed(self) -> tuple[str, ...]:
        if not self._tree.exists("classes.txt"):
            return ()
        return tuple(r.strip() for r in read_text(self._tree.full("classes.txt")).splitlines() if r.strip())

    def _folder(self, top: str, names: Sequence[str], test: Any) -> str:
        for name in names:
            place = posixpath.join(top, name) if name else top
            if (not name or name in self._tree.folders(top)) and any(test(n) for n in self._tree.walk(place)):
                return place
        return top

    def _names(self) -> set[str]:
        out = set()
        for top, _ in self._tops:
            for name in self._tree.walk(self._folder(top, _LABELS, lambda n: n.endswith(".txt")), frozenset({".txt"})):
                rows = (r.split() for r in read_text(self._tree.full(name)).splitlines())
                out |= {r[8] for r in rows if len(r) in (9, 10) and _is_text(r[8])}
        return out

    def entries(self) -> Iterator[Entry]:
        """Give the entries in order."""
        for top, split in self._tops:
            pictures = self._folder(top, _PICTURES, is_picture)
            labels = self._folder(top, _LABELS, lambda n: n.endswith(".txt"))
            used = set()
            for path in self._tree.walk(pictures):
                if not is_picture(path):
                    continue
                stem = posixpath.splitext(path[len(pictures) :].lstrip("/"))[0]
                label = posixpath.join(labels, f"{stem}.txt") if labels else f"{stem}.txt"
                used.add(label)
                extra: dict[str, Any] = {}
                notes = tuple(self._objects(label, extra)) if self._tree.exists(label) else None
                if notes is None:
                    self.report.add(path, stem, "unannotated", "it has no label file.")
                yield Entry(path, path, split=split, annotations=notes, extra=extra)
            for label in self._tree.walk(labels, frozenset({".txt"})):
                if label not in used and _looks_like_dota(self._tree.full(label)):
                    self.report.add(label, posixpath.basename(label), "orphan_label", "it belongs to no picture.")

    def _objects(self, label: str, extra: dict[str, Any]) -> Iterator[Annotation]:
        checker = Checker(self.report)
        seen: set[str] = set()
        for number, line in enumerate(read_text(self._tree.full(label)).splitlines(), 1):
            words, record = line.split(), f"line {number}"
            if not words:
                continue
            if words[0].startswith(("imagesource:", "gsd:")):
                name, _, value = line.strip().partition(":")
                extra[name] = value
                continue
            if line.strip() in seen:
                self.report.add(label, record, "duplicate_object", "the same row stands above.")
                continue
            seen.add(line.strip())
            a = self._object(words, label, record)
            a = None if a is None else checker.check(a, None, label, record)
            if a is not None:
                yield a

    def _object(self, words: list[str], file: str, record: str) -> Annotation | None:
        try:
            corners = tuple(float(w) for w in words[:8])
        except ValueError:
            corners = ()
        if len(corners) != 8 or len(words) not in (9, 10):
            self.report.add(file, record, "unreadable_record", "a row is eight numbers, a class and a difficulty.")
            return None
        if words[8] not in self._places:
            self.report.add(file, record, "class_out_of_range", f"class {words[8]!r} is not in the list.")
            return None
        attributes: dict[str, Any] = {}
        if len(words) == 10:
            attributes["difficult"] = int(words[9]) if words[9].isdecimal() and len(words[9]) < 19 else words[9]
        return Annotation(label=self._places[words[8]], corners=corners, attributes=attributes)


class DotaWriter(Writer):
    """Writes DOTA below `data`: `images` and `labelTxt`, in split folders if there are splits."""

    format: ClassVar[str] = "dota"
    holds: ClassVar[frozenset[str]] = frozenset({"corners"})

    def folder(self, split: str | None) -> str:
        """Give the folder of a split's pictures."""
        return f"{super().folder(split)}/images"

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
        """Give the picture and its label file."""
        files = super().encode(sample, key, variant, split, entry=entry, raw=raw)
        notes = annotations_of(sample)
        if notes is not None:
            head, name = self.folder(split), files[0][0][len(self.folder(split)) + 1 :]
            path = f"{head.removesuffix('images')}labelTxt/{posixpath.splitext(name)[0]}.txt"
            lines = [f"{k}:{entry.extra[k]}" for k in ("imagesource", "gsd") if entry is not None and k in entry.extra]
            files.append((path, "".join(f"{row}\n" for row in [*lines, *map(self._row, notes)]).encode()))
        return files

    def _row(self, a: Annotation) -> str:
        x1, y1, x2, y2 = a.box or shape_box(a) or (0.0, 0.0, 0.0, 0.0)
        corners = a.corners or (x1, y1, x2, y1, x2, y2, x1, y2)
        name = "_".join(self.class_name(a.label).split())
        return " ".join([*(str(tidy(v)) for v in corners), name, str(a.attributes.get("difficult", 0))])

    def record(
        self,
        sample: Sample,
        key: str,
        variant: int = 0,
        split: str | None = None,
        *,
        entry: Entry | None = None,
        raw: Raw | None = None,
    ) -> dict[str, Any]:
        """Give what `finish` needs: nothing but the name."""
        out = super().record(sample, key, variant, split, entry=entry, raw=raw)
        out["objects"] = [{} for _ in out.get("objects", ())]
        return out

    def finish(self, records: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, bytes]]:
        """Give the list of classes."""
        if self.facts.class_names:
            yield "data/classes.txt", "".join("_".join(n.split()) + "\n" for n in self.facts.class_names).encode()

    def losses(self) -> list[str]:
        """Say what is lost."""
        out = [s for s in super().losses() if "attributes" not in s and "boxes" not in s]
        if "attributes" in self.facts.columns:
            out.append("dota holds of the attributes only difficult: others are left out.")
        if self.facts.columns & {"boxes", "polygons", "masks"} and "corners" not in self.facts.columns:
            out.append("dota holds rotated boxes only: upright boxes become rotated ones of angle 0.")
        elif "boxes" in self.facts.columns:
            out.append("dota holds rotated boxes only: upright boxes of their own are left out.")
        if any(len(n.split()) != 1 for n in self.facts.class_names):
            out.append("dota writes names of classes without spaces: underscores stand in.")
        if self.facts.class_ids:
            out.append("dota holds names of classes, not their numbers.")
        return out
