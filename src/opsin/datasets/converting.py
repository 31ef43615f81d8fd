"""From one format to another: picture files are copied as they are, annotations are rewritten."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from opsin.datasets.base import DataSet
from opsin.datasets.entry import Entry, Finding
from opsin.datasets.opening import open_dataset
from opsin.datasets.writer import Raw, Writer, write_file, writer_for
from opsin.errors import DatasetError, DecodeError, refusal
from opsin.io import atomic

__all__ = ["Conversion", "convert"]


@dataclass
class Conversion:
    """What a conversion did.

    Args:
        format: what was written.
        pictures: how many.
        objects: how many.
        losses: what the target cannot hold, one sentence each.
        findings: what was wrong with the source, pictures included.
        failed: pictures that could not be read: key and sentence.
        files: the common files that were written.
    """

    format: str
    pictures: int = 0
    objects: int = 0
    losses: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    @property
    def lossless(self) -> bool:
        """Say whether everything arrived."""
        return not self.losses and not self.failed


def convert(
    source: str | os.PathLike[str] | DataSet,
    to: str,
    out: str | os.PathLike[str],
    *,
    format: str | None = None,
    split: Mapping[str, float] | None = None,
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
    options: Mapping[str, Any] | None = None,
    **writing: Any,
) -> Conversion:
    """Write a data set in another format.

    Pictures are copied byte for byte where the target keeps files; annotations of unrotated pictures are turned, so
    that they fit the picture as every reader that heeds the orientation sees it.

    Args:
        source: a folder, an annotation file, or an open data set.
        to: the target format.
        out: the output folder; must be empty or not exist.
        format: the source's format; told by the content when not given.
        split: divide what has no split.
        seed: of that division.
        on_progress: called with pictures done and pictures in all.
        options: of the source's format.
        writing: of the target's format.

    Returns:
        what was written, and what the target could not hold.

    Raises:
        DatasetError: a source that cannot be read, or an output folder that is not empty.
    """
    data = open_dataset(source, format, split=split, seed=seed, **dict(options or {}))
    target = os.fspath(out)
    if os.path.isdir(target) and os.listdir(target):
        raise DatasetError(refusal("convert", "out", "an empty folder, or a new one", target))
    order = sorted(range(len(data)), key=lambda i: (data._splits[i] or "", data.keys[i]))
    writer = writer_for(to, data.facts, [(data.keys[i], data._splits[i]) for i in order], **writing)
    result = Conversion(to, losses=writer.losses(), findings=list(data.findings))
    os.makedirs(target, exist_ok=True)
    records: list[dict[str, Any]] = []
    items = _items(data, order, writer, result, records, on_progress)
    if writer.sharded:
        for name, blocks in writer.pack(items):
            path = os.path.join(target, *name.split("/"))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with atomic(path) as shard:
                for block in blocks:
                    shard.write(block)
            result.files.append(name)
    else:
        for _, files in items:
            for name, content in files:
                write_file(target, name, content, durable=False)
    for name, content in writer.finish(records):
        write_file(target, name, content)
        result.files.append(name)
    return result


def _items(
    data: DataSet,
    order: list[int],
    writer: Writer,
    result: Conversion,
    records: list[dict[str, Any]],
    on_progress: Callable[[int, int], None] | None,
) -> Iterator[tuple[dict[str, Any], list[tuple[str, bytes]]]]:
    """Read, and give record and files, one sample at a time."""
    for done, i in enumerate(order, 1):
        entry = data.entry(i)
        try:
            sample, found = data.load_checked(entry)
            raw = raw_of(data, entry)
        except DecodeError as error:
            result.failed.append((entry.key, str(error)))
            continue
        result.findings += found
        files = writer.encode(sample, entry.key, 0, entry.split, entry=entry, raw=raw)
        record = writer.record(sample, entry.key, 0, entry.split, entry=entry, raw=raw)
        result.pictures += 1
        result.objects += len(record.get("objects") or ())
        records.append(record)
        yield record, files
        if on_progress is not None:
            on_progress(done, len(order))


def raw_of(data: DataSet, entry: Entry) -> Raw | None:
    """Give a picture's file as it is; None where it is no file of its own."""
    raw = data.raw(entry)
    return None if raw is None else Raw(*raw)
