"""`DataSet`: an index of entries with what holds for all of them; pictures are read one at a time, when asked for."""

from __future__ import annotations

import os
import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from opsin.datasets.canvas import fit
from opsin.datasets.columns import columns_of, table_of
from opsin.datasets.entry import Annotation, Entry, Facts, Finding, note_columns
from opsin.datasets.files import join_address, read_data, read_part
from opsin.datasets.label_numbers import numbers_on
from opsin.datasets.packed import Packed
from opsin.datasets.rules import Checker, Report
from opsin.datasets.split import check_weights, split_of
from opsin.errors import DatasetError, refusal
from opsin.instances import Skeleton
from opsin.io import LOCAL, Limits, Picture, decode
from opsin.io import Facts as PictureFacts
from opsin.io.readdoor import is_address
from opsin.io.stored import Head, Stored
from opsin.sample import Sample
from opsin.types import Array

__all__ = ["DataSet", "Reader"]

Seen = Head | PictureFacts


class Pictures:
    """Where pictures come from: files, one for each entry. Small, and pickled with the data set."""

    def stored(self, data: DataSet, entry: Entry) -> Stored | None:
        """Give an entry's file, to be decoded by whoever needs pixels; None where the picture is no file."""
        path = data.path(entry)
        fetched = read_data(path, data.limits) if is_address(path) else path
        return Stored(fetched, path, data.limits)

    def read(self, data: DataSet, entry: Entry, stored: Stored | None = None) -> Picture:
        """Read an entry's picture, from its file where that is at hand already."""
        stored = stored or self.stored(data, entry)
        assert stored is not None
        return channels_last(stored.picture(), entry.canvas)

    def labels(self, data: DataSet, entry: Entry) -> Picture:
        """Read an entry's picture of class numbers, in numbers or in colors."""
        assert entry.labels is not None
        path, start, length = data.full(entry.labels.path), *entry.labels[1:]
        content = read_data(path, data.limits) if length < 0 else read_part(path, start, length, data.limits)
        numbers = "colors stated" not in data.facts.details or not data.facts.details["colors stated"]
        return decode(content, limits=data.limits, source=entry.labels.path, labels=numbers)

    def raw(self, data: DataSet, entry: Entry) -> tuple[bytes, str] | None:
        """Give an entry's file as it is, and its suffix; None where there is no picture file."""
        suffix = posixpath.splitext(entry.path)[1].lower()
        return (read_data(data.path(entry), data.limits), suffix) if suffix else None


def channels_last(picture: Picture, canvas: tuple[int, int] | None) -> Picture:
    """Give an NPY picture C H W, as `to_tensor` leaves it, as H W C; the canvas decides, without one the shape does."""
    image = picture.image
    if picture.facts.format != "NPY" or image.ndim != 3:
        return picture
    c, h, w = image.shape
    planar = c in (1, 3, 4) and w not in (1, 2, 3, 4) if canvas is None else canvas == (w, h) != (h, c)
    if not planar:
        return picture
    facts = replace(picture.facts, size=(w, h), raw_size=(w, h))
    return Picture(np.ascontiguousarray(np.moveaxis(image, 0, -1)), facts)


class Reader:
    """What a format's reader gives: facts that it knows by now, and entries one after the other.

    Readers fill in `facts` while or before `entries` is consumed.
    """

    format = ""

    def __init__(self, root: str, report: Report) -> None:
        self.root = root
        self.report = report
        self.facts = Facts(format=self.format)
        self.pictures = Pictures()

    def entries(self) -> Iterator[Entry]:
        """Give the entries in order."""
        raise NotImplementedError


class DataSet:
    """A data set: entries with their annotations, the facts that hold for all, and what was found wrong.

    Made by `opsin.datasets.open_dataset`. Iterating gives Samples, one at a time; nothing is kept. It pickles.

    Args:
        reader: gives the entries; it is consumed at once.
        limits: what one picture may cost.
    """

    def __init__(self, reader: Reader, *, limits: Limits = LOCAL) -> None:
        self.root = reader.root
        self.limits = limits
        self._report = reader.report
        self._pictures = reader.pictures
        self._rows = Packed()
        self._at: dict[str, int] = {}
        self._splits: list[str | None] = []
        columns: set[str] = set()
        splits: list[str] = []
        for entry in reader.entries():
            entry = self._unique(entry)
            note_columns(entry, columns, splits)
            self._at[entry.key] = len(self._at)
            self._splits.append(entry.split)
            self._rows.append(entry)
        self._keys = tuple(self._at)
        facts = reader.facts
        order = [s for s in ("train", "val", "test") if s in splits] + [
            s for s in splits if s not in ("train", "val", "test")
        ]
        self.facts = replace(facts, columns=facts.columns | frozenset(columns), splits=tuple(order))
        self._found = self._report.take()

    def _unique(self, entry: Entry) -> Entry:
        if entry.key not in self._at:
            return entry
        count = 2
        while f"{entry.key}#{count}" in self._at:
            count += 1
        message = "the same picture is listed again; its key gets a number."
        self._report.add(entry.path, entry.key, "duplicate_path", message)
        return replace(entry, key=f"{entry.key}#{count}")

    # --- what it is -----------------------------------------------------------------------------------------------
    @property
    def format(self) -> str:
        """The format that it was read from."""
        return self.facts.format

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes; labels are positions in this."""
        return self.facts.class_names

    @property
    def skeleton(self) -> Skeleton | None:
        """The key points, when objects have any."""
        return self.facts.skeleton

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits."""
        return self.facts.splits

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found wrong while reading the annotations; `check` also looks at the pictures."""
        return self._found

    def counts(self) -> dict[str, tuple[int, int]]:
        """Count findings by rule: how many were repaired, how many were not."""
        out: Counter[tuple[str, bool]] = Counter((f.rule, f.repaired) for f in self._found)
        return {r: (out[r, True], out[r, False]) for r in sorted({rule for rule, _ in out})}

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of all pictures, in order."""
        return self._keys

    def __len__(self) -> int:
        return len(self._keys)

    def __repr__(self) -> str:
        parts = [f"{len(self)} pictures"]
        if self.class_names:
            parts.append(f"{len(self.class_names)} classes")
        if self.splits:
            parts.append(", ".join(self.splits))
        if self._found:
            parts.append(f"{len(self._found)} findings")
        return f"DataSet({self.format}: {'; '.join(parts)})"

    # --- entries --------------------------------------------------------------------------------------------------
    def entry(self, which: int | str) -> Entry:
        """Give one entry by position or key."""
        if isinstance(which, str):
            if which not in self._at:
                raise DatasetError(refusal("DataSet", "key", "the key of a picture", which))
            which = self._at[which]
        entry = self._rows[which]
        split = self._splits[which]
        return entry if entry.split == split else replace(entry, split=split)

    def entries(self) -> Iterator[Entry]:
        """Give all entries, one at a time."""
        for i in range(len(self)):
            yield self.entry(i)

    def path(self, entry: Entry) -> str:
        """Give the full path (or address) of an entry's file."""
        return self.full(entry.path)

    def full(self, path: str) -> str:
        """Give the full path (or address) of a name in the data set."""
        if is_address(path) or os.path.isabs(path):
            return path
        if is_address(self.root):
            return join_address(self.root, path)
        return os.path.join(self.root, path if os.sep == "/" else path.replace("/", os.sep))

    def raw(self, entry: Entry) -> tuple[bytes, str] | None:
        """Give an entry's picture file as it is, and its suffix; None where it is no file of its own."""
        return self._pictures.raw(self, entry)

    # --- samples --------------------------------------------------------------------------------------------------
    def load(self, which: Entry | int | str) -> Sample:
        """Read one picture with its annotations.

        Raises:
            DecodeError: the picture cannot be read; its `kind` says why.
        """
        return self.load_checked(which)[0]

    def load_checked(self, which: Entry | int | str) -> tuple[Sample, tuple[Finding, ...]]:
        """Read one picture with its annotations, and say what only the picture could show to be wrong."""
        return self._loaded(which if isinstance(which, Entry) else self.entry(which))

    def _loaded(self, entry: Entry, stored: Stored | None = None) -> tuple[Sample, tuple[Finding, ...]]:
        picture = self._pictures.read(self, entry, stored)
        report = self._report.anew()
        sample = self._sample(entry, picture.image, picture.facts, self.labels(entry, picture, report), report)
        sample.source = self.path(entry) if entry.member is None else None
        sample.facts = picture.facts
        return sample, report.take()

    def unread(self, which: Entry | int | str) -> Sample:
        """Give one picture with its annotations, as `load`, but leave its pixels to whoever needs them.

        A pipeline decodes by itself, and only what it needs. Files that are not for that are read here.

        Raises:
            DecodeError: the file cannot be read; damage shows when the pixels are asked for.
        """
        return self.unread_checked(which)[0]

    def unread_checked(self, which: Entry | int | str) -> tuple[Sample, tuple[Finding, ...]]:
        """Give what `unread` does, and say what only the picture could show to be wrong."""
        entry = which if isinstance(which, Entry) else self.entry(which)
        head = stored = None
        if entry.labels is None and (self.limits is LOCAL or self.limits == LOCAL):
            stored = self._pictures.stored(self, entry)
            if stored is not None:
                head = stored.keep().head()
        if stored is None or head is None:
            return self._loaded(entry, stored)
        report = self._report.anew()
        sample = self._sample(entry, stored, head, None, report)
        sample.source = stored.name if entry.member is None else None
        return sample, report.take()

    def _sample(self, entry: Entry, image: Array | Stored, seen: Seen, labels: Array | None, report: Report) -> Sample:
        notes = self.annotations(entry, seen, report)
        table = table_of(notes, seen.size, self.facts)
        columns: dict[str, Any] = {} if notes is None or table is not None else columns_of(notes, seen.size, self.facts)
        sample = Sample(
            image,
            label=entry.label,
            class_names=self.class_names or None,
            key=entry.key,
            segmentation=labels,
            **columns,
        )
        if table is not None:
            sample._table = table  # nobody has seen the sample yet
        return sample

    def annotations(self, entry: Entry, seen: Seen, report: Report) -> Sequence[Annotation] | None:
        """Give an entry's objects in pixels of its upright picture."""
        if entry.annotations is None:
            return None
        notes = fit(entry, seen.size, (seen.raw_size, seen.orientation), self.skeleton, report)
        if entry.canvas is not None or entry.unit:
            return notes
        checker = Checker(report)
        size = (float(seen.size[0]), float(seen.size[1]))
        checked = [checker.check(a, size, entry.path, f"{entry.key} object {i}") for i, a in enumerate(notes)]
        return tuple(a for a in checked if a is not None)

    def labels(self, entry: Entry, picture: Picture, report: Report) -> Array | None:
        """Give the class number of each pixel of an entry's upright picture, where there are any."""
        if entry.labels is None:
            return None
        found = self._pictures.labels(self, entry)
        return numbers_on(found, picture, self.facts.details.get("colors"), entry, report)

    def __getitem__(self, which: int | str) -> Sample:
        return self.load(which)

    def __iter__(self) -> Iterator[Sample]:
        for i in range(len(self)):
            yield self.load(i)

    def check(self) -> tuple[Finding, ...]:
        """Look at every picture as well: all findings, with those that only the pictures show.

        Pictures that cannot be read are not findings of annotations: `opsin audit` and the job name those.
        """
        from opsin.errors import DecodeError

        out = list(self._found)
        for entry in self.entries():
            try:
                out += self.load_checked(entry)[1]
            except DecodeError:
                continue
        return tuple(out)

    def bare(self) -> DataSet:
        """Give the data set without its entries: enough to `load` entries in another process, and small to send."""
        return self.only(keys=())

    # --- parts ----------------------------------------------------------------------------------------------------
    def split(self, weights: Mapping[str, float], seed: int = 0, keep: bool = True) -> DataSet:
        """Give the data set divided by addressed draws.

        Args:
            weights: such as `{"train": 0.8, "val": 0.2}`.
            seed: another seed draws another division.
            keep: leave pictures where they are that have a split already.
        """
        check_weights(weights)
        out = self._copy()
        for i, entry in enumerate(self.entries()):
            if not (keep and entry.split is not None):
                out._splits[i] = split_of(entry.group or entry.key, weights, seed)
        return out._with_splits()

    def only(self, split: str | None = None, keys: Iterable[str] | None = None) -> DataSet:
        """Give the part of one split, or of some keys."""
        if split is not None and split not in self.splits:
            known = ", ".join(self.splits) or "no splits here"
            raise DatasetError(refusal("DataSet", "split", f"one of {known}", split))
        if keys is not None:
            chosen = [self._at[k] if k in self._at else self._missing(k) for k in keys]
        else:
            chosen = list(range(len(self)))
        chosen = [i for i in chosen if split is None or self._splits[i] == split]
        out = self._copy()
        out._rows = self._rows.only(chosen)
        out._keys = tuple(self._keys[i] for i in chosen)
        out._splits = [self._splits[i] for i in chosen]
        out._at = {k: i for i, k in enumerate(out._keys)}
        return out._with_splits()

    def _missing(self, key: str) -> int:
        raise DatasetError(refusal("DataSet", "keys", "keys of pictures", key))

    def _copy(self) -> DataSet:
        out = object.__new__(DataSet)
        out.__dict__.update(self.__dict__)
        out._splits = list(self._splits)
        return out

    def _with_splits(self) -> DataSet:
        names = dict.fromkeys(s for s in self._splits if s is not None)
        self.facts = replace(self.facts, splits=tuple(names))
        return self

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        state["_at"] = None
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._at = {k: i for i, k in enumerate(self._keys)}
