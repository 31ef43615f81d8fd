"""WebDataset: samples as neighboring members of tar shards; streamed, never extracted; read and write.

A sample is the members whose names agree up to the first dot of the last part: `cat/1.jpg`, `cat/1.cls`,
`cat/1.json`. Labels stand in `.cls`, what is annotated in `.json` in Opsin's neutral form (see the guide); other
people's `.json` and `.txt` are kept as they are.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from opsin.datasets.base import DataSet, Pictures, Reader
from opsin.datasets.coco import split_in_name
from opsin.datasets.entry import Annotation, Entry, Facts, LabelFile
from opsin.datasets.files import Tree, is_picture, read_part
from opsin.datasets.neutral import read_annotations, read_facts, read_label, read_size
from opsin.datasets.rules import Report
from opsin.datasets.tar import END, Member, member_length, members, pack_member
from opsin.datasets.writer import ALL_COLUMNS, OF_WHOLE, Blocks, Packed, Placer, Raw, Writer, shard_name
from opsin.errors import DatasetError, DecodeError
from opsin.io import Limits
from opsin.io.parse import parse_json
from opsin.io.stored import Stored
from opsin.sample import Sample

__all__ = ["WebDatasetReader", "WebDatasetWriter", "find_shards"]

_SMALL = Limits(bytes=64 << 20)
FACTS = "dataset.json"
_LABELS = ("seg.png", "mask.png", "labels.png", "segmentation.png")


def find_shards(tree: Tree) -> list[str]:
    """Find the shards of a folder, or of its split folders."""
    found = tree.files("", frozenset({".tar"}))
    for folder in tree.folders():
        if folder == "data" or split_in_name(folder):
            found += [f"{folder}/{n}" for n in tree.files(folder, frozenset({".tar"}))]
            for inner in tree.folders(folder):
                found += [f"{folder}/{inner}/{n}" for n in tree.files(f"{folder}/{inner}", frozenset({".tar"}))]
    return found


def key_of(name: str) -> tuple[str, str]:
    """Divide a member's name into the sample's key and the kind of content: at the first dot of the last part."""
    folder, slash, base = name.rpartition("/")
    stem, _, kind = base.partition(".")
    return f"{folder}{slash}{stem}", kind.lower()


class TarPictures(Pictures):
    """Pictures that are members of archives."""

    def stored(self, data: DataSet, entry: Entry) -> Stored:
        """Give the member."""
        assert entry.member is not None
        raw = read_part(data.path(entry), *entry.member, data.limits)
        return Stored(raw, f"{entry.path}: {entry.key}", data.limits)

    def raw(self, data: DataSet, entry: Entry) -> tuple[bytes, str] | None:
        """Give the member as it is."""
        assert entry.member is not None
        suffix = posixpath.splitext(entry.key.partition("#")[0])[1].lower()
        return read_part(data.path(entry), *entry.member, data.limits), suffix


class WebDatasetReader(Reader):
    """Reads WebDataset shards.

    Args:
        tree: the folder.
        report: where findings go.
        shards: the archives; found when not given.
        classes: names of the classes, for shards with numbers in `.cls`.
    """

    format = "webdataset"

    def __init__(
        self,
        tree: Tree,
        report: Report,
        shards: Sequence[str] | None = None,
        classes: Sequence[str] | None = None,
    ) -> None:
        super().__init__(tree.root, report)
        self._tree = tree
        self._shards = list(shards) if shards is not None else find_shards(tree)
        if not self._shards:
            raise DatasetError(f"{tree.root}: there are no shards (.tar) here.")
        self.pictures = TarPictures()
        facts = Facts(format=self.format)
        if tree.exists(FACTS):
            facts = read_facts(FACTS, parse_json(tree.data(FACTS, _SMALL), source=FACTS), self.format)
        if classes is not None:
            facts = Facts(format=self.format, class_names=tuple(classes))
        self.facts = facts
        self._names = {n: i for i, n in enumerate(facts.class_names)}

    def entries(self) -> Iterator[Entry]:
        """Give the entries shard by shard, in order of the members."""
        for shard in self._shards:
            path = self._tree.full(shard)
            folder, base = posixpath.split(shard)
            split = split_in_name(base) or split_in_name(folder)
            if split is None and posixpath.basename(folder) not in ("", "data"):
                split = posixpath.basename(folder)
            key, group = "", list[tuple[str, Member]]()
            try:
                for member in members(path):
                    name, kind = key_of(member.name)
                    if not member.plain or self._tree.inside(member.name) is None:
                        rule = "outside_root" if member.plain else "member_skipped"
                        what = "its name leads out of the archive" if member.plain else "it is a link or a device"
                        if member.plain or not member.name.endswith("/"):
                            self.report.add(shard, member.name, rule, f"{what}.")
                        continue
                    if name != key and group:
                        yield from self._sample(shard, path, key, group, split)
                        group = []
                    key = name
                    group.append((kind, member))
            except (DatasetError, DecodeError) as error:
                self.report.add(shard, f"after {key or 'the beginning'}", "unreadable_shard", str(error))
            if group:
                yield from self._sample(shard, path, key, group, split)

    def _sample(
        self, shard: str, path: str, key: str, group: Sequence[tuple[str, Member]], split: str | None
    ) -> Iterator[Entry]:
        parts: dict[str, Member] = {}
        for kind, member in group:
            if kind in parts:
                self.report.add(shard, member.name, "duplicate_path", "the archive holds it twice; the first counts.")
            parts.setdefault(kind, member)
        pictures = [k for k in parts if is_picture(f"a.{k}")]
        first = next((k for k in pictures if "." not in k), pictures[0] if pictures else None)
        if first is None:
            self.report.add(shard, key, "missing_file", "the sample has no picture.")
            return
        label: Any = None
        if "cls" in parts:
            label = self._label(read_part(path, *parts["cls"][1:3], _SMALL).decode("utf-8", "replace").strip())
        extra: dict[str, Any] = {}
        notes, canvas, group_name = None, None, None
        if "json" in parts:
            try:
                data = parse_json(read_part(path, *parts["json"][1:3], _SMALL), source=f"{shard}: {key}.json")
            except (DatasetError, DecodeError) as error:
                self.report.add(shard, f"{key}.json", "unreadable_label", str(error))
                data = {}
            if isinstance(data, dict):
                notes, canvas, label, group_name, extra = self._neutral(data, shard, key, label)
        if "txt" in parts:
            extra["text"] = read_part(path, *parts["txt"][1:3], _SMALL).decode("utf-8", "replace")
        member = parts[first]
        seg = next((parts[k] for k in _LABELS if k in parts and k != first), None)
        yield Entry(
            key=f"{split}/{key}.{first}" if split is not None else f"{key}.{first}",
            path=shard,
            member=(member.start, member.length),
            label=label,
            split=split,
            annotations=notes,
            canvas=canvas,
            group=group_name,
            extra=extra,
            labels=None if seg is None else LabelFile(shard, seg.start, seg.length),
        )

    def _label(self, text: str) -> Any:
        try:
            return int(text)
        except ValueError:
            return self._names.get(text, text)

    def _neutral(
        self, data: Mapping[str, Any], shard: str, key: str, label: Any
    ) -> tuple[tuple[Annotation, ...] | None, tuple[int, int] | None, Any, str | None, dict[str, Any]]:
        """Read Opsin's neutral form; anything else is kept as it is."""
        if data.get("opsin") != 1:
            return None, None, label, None, dict(data)
        canvas = read_size(data.get("size"))
        notes = read_annotations(data.get("objects"), canvas, self.facts, self.report, shard, f"{key}.json")
        group, extra = data.get("group"), data.get("extra")
        own = read_label(data.get("label"))
        return (
            notes,
            canvas,
            label if own is None else own,
            group if isinstance(group, str) else None,
            dict(extra) if isinstance(extra, dict) else {},
        )


class WebDatasetWriter(Writer):
    """Writes WebDataset shards: `data/train-000000.tar` and so on, and `dataset.json` beside them.

    Args:
        facts: see `Writer`.
        keys: see `Writer`.
        shard_samples: the most samples a shard.
        shard_bytes: the most bytes a shard.
        options: see `Writer`.
    """

    format: ClassVar[str] = "webdataset"
    sharded: ClassVar[bool] = True
    holds: ClassVar[frozenset[str]] = ALL_COLUMNS
    details: ClassVar[frozenset[str]] = OF_WHOLE

    def __init__(
        self,
        facts: Facts,
        keys: Iterable[tuple[str, str | None]] = (),
        *,
        shard_samples: int = 10_000,
        shard_bytes: int = 1 << 30,
        **options: Any,
    ) -> None:
        super().__init__(facts, keys, **options)
        self.shard_samples, self.shard_bytes = shard_samples, shard_bytes

    def stem(self, key: str, split: str | None, label: Any = None) -> str:
        """Give the stem without dots: a sample's name ends at the first one."""
        folder, slash, base = super().stem(key, split, label).rpartition("/")
        return f"{folder}{slash}{base.replace('.', '-')}"

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
        """Give the members of one sample, named as if they were files of their own."""
        files = super().encode(sample, key, variant, split, entry=entry, raw=raw)
        stem = posixpath.splitext(files[0][0])[0]
        labels = self.label_bytes(sample)
        if labels is not None:
            files.append((f"{stem}.seg.png", labels))
        record = self.record(sample, key, variant, split, entry=entry, raw=raw)
        if isinstance(record.get("label"), int | str):
            files.append((f"{stem}.cls", str(record["label"]).encode()))
        if "objects" in record or record.get("extra") or record.get("group") or isinstance(record.get("label"), float):
            kept = ("size", "label", "objects", "extra", "group")
            data = {"opsin": 1} | {k: record[k] for k in kept if k in record}
            files.append((f"{stem}.json", json.dumps(data, allow_nan=False).encode()))
        return files

    def placer(self) -> Placer:
        """Begin a shard with each split, and when the last one is full by number or by bytes."""
        none = object()
        split: Any = none
        number = samples = size = 0

        def place(record: Mapping[str, Any], files: Sequence[tuple[str, int]]) -> str:
            nonlocal split, number, samples, size
            here = record["split"]
            length = sum(member_length(self._member(n, here), n_bytes) for n, n_bytes in files)
            if split is none or here != split:
                split, number, samples, size = here, 0, 0, 0
            elif samples >= self.shard_samples or size + length > self.shard_bytes:
                number, samples, size = number + 1, 0, 0
            samples, size = samples + 1, size + length
            return f"{shard_name(here)}-{number:06}"

        return place

    def _member(self, name: str, split: str | None) -> str:
        return name.removeprefix(self.folder(split) + "/")

    def shard(self, name: str, items: Iterable[Packed], count: int | None = None) -> Iterator[tuple[str, Blocks]]:
        """Make one archive; it is streamed, no sample is kept."""

        def blocks() -> Iterator[bytes]:
            for record, files in items:
                for file, data in files:
                    yield from pack_member(self._member(file, record["split"]), data)
            yield END

        yield f"data/{name}.tar", blocks()

    def finish(self, records: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, bytes]]:
        """Give `dataset.json`: classes, skeleton and what else holds for all."""
        data = {"opsin": 1, "facts": self.facts.plain()}
        yield FACTS, (json.dumps(data, indent=1, allow_nan=False) + "\n").encode()
