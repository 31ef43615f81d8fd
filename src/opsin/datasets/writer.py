"""What writes a data set: names, encoded files and records of one sample, and the files at the end.

A writer divides its work so that a job can be stopped at any instant and done by several processes: `encode` and
`record` are pure functions of one sample, and `finish` makes the common files from all records in order of their keys.
"""

from __future__ import annotations

import os
import posixpath
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, ClassVar, NamedTuple

import numpy as np

from opsin.datasets.coco import split_in_name
from opsin.datasets.columns import annotations_of
from opsin.datasets.entry import Annotation, Entry, Facts, annotation_from_plain, annotation_to_plain
from opsin.errors import DatasetError, ParamError, refusal
from opsin.io import encode, write_bytes
from opsin.io.paths import fold_key, safe_key
from opsin.sample import Sample
from opsin.types import Array

__all__ = ["PICTURES", "Raw", "Record", "Writer", "writer_for"]

PICTURES = {"png": ".png", "jpeg": ".jpg", "webp": ".webp", "tiff": ".tif", "bmp": ".bmp", "npy": ".npy"}
_LAYOUT = ("data", "images", "JPEGImages")
_LOSSLESS = {"webp": {"lossless": True}}


Packed = tuple[Mapping[str, Any], Sequence[tuple[str, bytes]]]
Blocks = Iterator[bytes]
Placer = Callable[[Mapping[str, Any], Sequence[tuple[str, int]]], str]


class Raw(NamedTuple):
    """A picture's file as it is, to be copied instead of encoded."""

    data: bytes
    suffix: str


class Record(NamedTuple):
    """One written picture, as `finish` sees it."""

    key: str
    variant: int
    split: str | None
    path: str
    width: int
    height: int
    label: Any
    annotations: tuple[Annotation, ...] | None
    moved: bool
    extra: Mapping[str, Any]


class Writer:
    """Writes a data set of one format; made once, pickled to workers.

    Args:
        facts: of the data set that is written.
        keys: key and split of everything that will be written, so that no two names meet on any file system.
        variants: how many variants of each picture will be written.
        picture: `auto` (PNG, or NPY for what PNG cannot hold) or one of `PICTURES`.
        quality: for JPEG and lossy WebP, 1 to 100.
    """

    format: ClassVar[str] = ""
    sharded: ClassVar[bool] = False
    holds: ClassVar[frozenset[str]] = frozenset()
    details: ClassVar[frozenset[str]] = frozenset()

    def __init__(
        self,
        facts: Facts,
        keys: Iterable[tuple[str, str | None]] = (),
        *,
        variants: int = 1,
        picture: str = "auto",
        quality: int | None = None,
    ) -> None:
        if picture != "auto" and picture not in PICTURES:
            raise DatasetError(refusal(self.format, "picture", f"auto or one of {', '.join(PICTURES)}", picture))
        self.facts = facts
        self.variants = variants
        self.picture = picture
        self.quality = quality
        self._clashes = self._find_clashes(keys)

    # --- names ----------------------------------------------------------------------------------------------------
    def stem(self, key: str, split: str | None, label: Any = None) -> str:
        """Give the part of an output's name that tells the picture apart: below the split's folder, no extension."""
        name = key.split("://", 1)[-1].replace("\\", "/")
        while True:  # folders that only say how the source was laid out
            first, _, rest = name.partition("/")
            named = split is not None and split in (first, split_in_name(first))
            if not rest or not (named or first in _LAYOUT):
                break
            name = rest
        base, hash_mark, number = name.rpartition("#")
        root, suffix = posixpath.splitext(base if hash_mark and number.isdecimal() else name)
        name = root if suffix else name
        return safe_key(f"{name}#{number}" if suffix and hash_mark and number.isdecimal() else name, max_bytes=200)

    def _find_clashes(self, keys: Iterable[tuple[str, str | None]]) -> dict[tuple[str, str | None], str]:
        groups: dict[tuple[str | None, str], list[str]] = defaultdict(list)
        for key, split in keys:
            groups[split, fold_key(self.stem(key, split))].append(key)
        out = {}
        for (split, _), names in groups.items():
            for name in names if len(names) > 1 else ():
                out[name, split] = f"{self.stem(name, split)}~{_digest(name)}"
        return out

    def name(self, key: str, variant: int, split: str | None, label: Any = None) -> str:
        """Give the name of a picture's outputs below the split's folder, without extension: a pure function."""
        stem = self._clashes.get((key, split)) or self.stem(key, split, label)
        return f"{stem}-v{variant}" if self.variants > 1 or variant else stem

    def folder(self, split: str | None) -> str:
        """Give the folder of a split's pictures."""
        return "data" if split is None else f"data/{safe_key(split)}"

    def path(self, sample: Sample, key: str, variant: int, split: str | None, raw: Raw | None = None) -> str:
        """Give the path of a picture below the output folder."""
        suffix = raw.suffix if raw is not None else PICTURES[self._kind(sample.image)]
        return f"{self.folder(split)}/{self.name(key, variant, split, sample.label)}{suffix}"

    # --- pictures -------------------------------------------------------------------------------------------------
    def _kind(self, image: Array) -> str:
        if self.picture != "auto":
            return self.picture
        usual = image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (1, 2, 3, 4))
        return "png" if usual and image.dtype in (np.bool_, np.uint8, np.uint16) else "npy"

    def picture_bytes(self, image: Array) -> bytes:
        """Encode a picture."""
        kind = self._kind(image)
        if kind == "npy":
            return npy_bytes(image)
        options: dict[str, Any] = {}
        if kind in ("jpeg", "webp") and self.quality is not None:
            options["quality"] = self.quality
        elif kind in _LOSSLESS:
            options |= _LOSSLESS[kind]
        try:
            return encode(np.ascontiguousarray(image), kind, **options)
        except ParamError as error:
            raise DatasetError(f"{error} Say picture='auto' to write such pictures as NPY.") from error

    def label_bytes(self, sample: Sample) -> bytes | None:
        """Encode the picture of class numbers as gray PNG; None where there is none."""
        numbers = sample.segmentation
        if numbers is None:
            return None
        most = int(numbers.max(initial=0))
        if most > 65535 or int(numbers.min(initial=0)) < 0:
            raise DatasetError(refusal(self.format, "segmentation", "class numbers from 0 to 65535", most))
        return encode(np.ascontiguousarray(numbers, np.uint8 if most < 256 else np.uint16), "png")

    # --- one sample -----------------------------------------------------------------------------------------------
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
        """Give the files of one sample: (path below the output folder, bytes).

        Args:
            sample: what to write.
            key: of the picture.
            variant: which draw of it.
            split: where it goes.
            entry: where it came from, for what a Sample does not hold.
            raw: the picture's file as it is, to be copied.
        """
        data = raw.data if raw is not None else self.picture_bytes(sample.image)
        return [(self.path(sample, key, variant, split, raw), data)]

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
        """Give what `finish` needs to know of one sample, as plain data. The arguments are those of `encode`."""
        notes = annotations_of(sample)
        label = sample.label.item() if isinstance(sample.label, np.generic) else sample.label
        out: dict[str, Any] = {
            "key": key,
            "variant": variant,
            "split": split,
            "path": self.path(sample, key, variant, split, raw),
            "size": [int(sample.size[0]), int(sample.size[1])],
        }
        if label is not None:
            out["label"] = label
        if notes is not None:
            out["objects"] = [annotation_to_plain(a) for a in notes]
        if sample.warp.stages:
            out["moved"] = True
        if entry is not None and entry.extra:
            out["extra"] = dict(entry.extra)
        if entry is not None and entry.group is not None:
            out["group"] = entry.group
        return out

    # --- shards ---------------------------------------------------------------------------------------------------
    def placer(self) -> Placer:
        """Give what says, for one sample after the other, in which shard each goes: from records and lengths alone.

        It is called in order of split, key and variant, so that a job can plan its shards before it writes them.
        """
        raise NotImplementedError

    def shard(self, name: str, items: Iterable[Packed], count: int | None = None) -> Iterator[tuple[str, Blocks]]:
        """Make the files of one shard: (path, blocks), each to be consumed before the next.

        Args:
            name: as the placer gave it.
            items: record and files of its samples, in order.
            count: how many, where that is known; without it some formats collect them first.
        """
        raise NotImplementedError

    def agree(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> None:
        """Refuse two records that one data set of this format cannot hold together.

        Raises: DatasetError with both.
        """

    def pack(self, items: Iterable[Packed]) -> Iterator[tuple[str, Blocks]]:
        """Make the shards of a `sharded` format: (path, blocks), each to be consumed before the next.

        Args:
            items: the record and the files of every sample, in order of split, key and variant.
        """
        place = self.placer()
        named = ((place(r, [(n, len(d)) for n, d in files]), r, files) for r, files in items)
        for name, rows in groupby(named, lambda row: row[0]):
            yield from self.shard(name, ((r, files) for _, r, files in rows))

    # --- the end --------------------------------------------------------------------------------------------------
    def finish(self, records: Iterable[Mapping[str, Any]]) -> Iterable[tuple[str, bytes]]:
        """Give the common files, made of all records in order of key and variant: (path below the output, bytes).

        Equal records give equal bytes.
        """
        return ()

    def losses(self) -> list[str]:
        """Say what this format cannot hold of the data set, one sentence each; empty when nothing is lost."""
        out = [_LOST[c].format(name=self.format) for c in sorted(self.facts.columns - self.holds) if c in _LOST]
        return out + self.losses_of_whole()

    def losses_of_whole(self) -> list[str]:
        """Say what is lost of what the source says about the whole."""
        lost = sorted(set(self.facts.details) - self.details - _OWN_DETAILS)
        return [f"{self.format} holds no {', '.join(lost)} of the whole: left out."] if lost else []

    def class_name(self, label: Any) -> str:
        """Give the text of a label: its class's name, or itself."""
        name = self.facts.class_name(label)
        return name if name is not None else str(label)


_LOST = {
    "boxes": "{name} holds no boxes: they are left out.",
    "corners": "{name} holds no rotated boxes: they are left out.",
    "polygons": "{name} holds no outlines: they are left out.",
    "masks": "{name} holds no masks: they are left out.",
    "keypoints": "{name} holds no key points: they are left out.",
    "track_ids": "{name} holds no track ids: they are left out.",
    "attributes": "{name} holds no attributes of objects (such as crowd, area, id): they are left out.",
    "label": "{name} holds no class of the whole picture: it is left out.",
    "segmentation": "{name} holds no label pictures: they are left out.",
    "extra": "{name} holds nothing more about pictures (such as id, license, date): it is left out.",
}
ALL_COLUMNS = frozenset(_LOST)
# what a format says about itself is no loss in another
_OWN_DETAILS = frozenset({"task", "colors", "colors stated"})
OF_WHOLE = frozenset({"info", "licenses", "supercategories"})


def _digest(key: str) -> str:
    import hashlib

    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def npy_bytes(image: Array) -> bytes:
    """Write an array as NPY."""
    import io

    out = io.BytesIO()
    np.save(out, np.ascontiguousarray(image), allow_pickle=False)
    return out.getvalue()


def read_record(data: Mapping[str, Any]) -> Record:
    """Read what `Writer.record` gave."""
    objects = data.get("objects")
    extra = dict(data.get("extra", {}))
    if data.get("group") is not None:
        extra["group"] = data["group"]
    return Record(
        key=data["key"],
        variant=data["variant"],
        split=data["split"],
        path=data["path"],
        width=int(data["size"][0]),
        height=int(data["size"][1]),
        label=data.get("label"),
        annotations=None if objects is None else tuple(annotation_from_plain(o) for o in objects),
        moved=bool(data.get("moved", False)),
        extra=extra,
    )


def write_file(out: str | os.PathLike[str], name: str, data: bytes, *, durable: bool = True) -> None:
    """Write a file below the output folder, making folders on the way."""
    path = os.path.join(os.fspath(out), *name.split("/"))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    write_bytes(path, data, durable=durable)


def tidy(value: float, digits: int = 9) -> int | float:
    """Write a coordinate without the dust of arithmetic; whole numbers as int."""
    out = round(float(value), digits)
    return int(out) if out == int(out) and abs(out) < 2**53 else out


def shape_box(a: Annotation) -> tuple[float, ...] | None:
    """Give an object's box, or the box around its shape."""
    from opsin.datasets.columns import _box

    return _box(a) if a.shaped else None


def writer_for(
    format: str, facts: Facts, keys: Iterable[tuple[str, str | None]] = (), where: str = "convert", **options: Any
) -> Writer:
    """Make the writer of a format.

    Raises: DatasetError for an unknown format, or options that it does not take.
    """
    from opsin.datasets.opening import format_of, resolve

    made = resolve(format_of(format, where, writing=True).writer)
    try:
        return made(facts, keys, **options)
    except TypeError as error:
        raise DatasetError(f"{format}: {error}.") from error


def splits_of(records: Sequence[Record]) -> list[str | None]:
    """Give the splits that occur: train, val, test first."""
    names = dict.fromkeys(r.split for r in records)
    return [s for s in ("train", "val", "test") if s in names] + [s for s in names if s not in ("train", "val", "test")]


def shard_name(split: str | None) -> str:
    """Give what the names of a split's shards begin with."""
    return "shard" if split is None else safe_key(str(split)).replace("/", "-")


def is_sharded(format: str) -> bool:
    """Say whether a format's samples lie in shards."""
    from opsin.datasets.opening import FORMATS, resolve

    return bool(resolve(FORMATS[format].writer).sharded)
