"""Shards of a job: workers write each sample's files apart, the end packs them; any instant is a good one to stop.

The plan of the shards follows from records and lengths alone, in order of split, key and variant. A shard is written
whole, then noted in the journal with its items, and only then its parts are removed: so the disk holds every sample
once, and one shard twice. A shard that is lost is made again from its own items; the others stand.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opsin.errors import DecodeError, OpsinError
from opsin.run.journal import Journal

if TYPE_CHECKING:
    from opsin.datasets.writer import Packed, Writer

__all__ = ["PARTS", "Shards", "length"]

PARTS = ".opsin/parts"
_NOTE = "shard"


class Shards:
    """The shards of one output folder.

    Args:
        journal: of the job.
        out: the output folder.
    """

    def __init__(self, journal: Journal, out: Path) -> None:
        self.journal, self.out, self.parts = journal, out, out / PARTS

    def noted(self) -> dict[str, dict[str, Any]]:
        """Give the shards that were written, by name: `ids` of their items, `files` with digests and lengths."""
        return self.journal.group(_NOTE)

    def forget(self, name: str) -> list[int]:
        """Forget a shard; give the ids of its items."""
        note = self.noted()[name]
        self.journal.drop(f"{_NOTE} {name}")
        return list(note["ids"])

    def standing(self) -> set[int]:
        """Give the ids of the items in shards that are there with their right lengths; forget the others."""
        out: set[int] = set()
        for name, note in self.noted().items():
            if all(length(self.out / path) == size for path, _, size in note["files"]):
                out.update(note["ids"])
            else:
                self.forget(name)
        return out

    def whole(self, outputs: list[list[Any]]) -> bool:
        """Say whether an item's parts are there."""
        return all(length(self.parts / name) == size for name, _, size in outputs)

    # --- packing --------------------------------------------------------------------------------------------------
    def plan(self, writer: Writer) -> dict[str, list[int]]:
        """Give the ids of the items of each shard, in order."""
        place, out = writer.placer(), dict[str, list[int]]()
        for row in self.journal.rows("done", by_split=True):
            sizes = [(name, size) for name, _, size in row.outcome["outputs"]]
            out.setdefault(place(row.outcome["record"], sizes), []).append(row.id)
        return out

    def lost(self, writer: Writer) -> list[int]:
        """Give the ids of items that must be done again, because their shard is to be written and their parts are gone.

        Shards that are planned otherwise than they were written are forgotten.
        """
        self.standing()
        noted, out = self.noted(), list[int]()
        plan = self.plan(writer)
        for name in noted.keys() - plan.keys():
            self._remove(name, noted[name])
        for name, ids in plan.items():
            if name in noted and noted[name]["ids"] == ids:
                continue
            if name in noted:
                self._remove(name, noted[name])
            out += [i for i in ids if not self.whole(self.journal.outcome(i)["outputs"])]
        return out

    def _remove(self, name: str, note: dict[str, Any]) -> None:
        self.journal.drop(f"{_NOTE} {name}")
        for path, _, _ in note["files"]:
            (self.out / path).unlink(missing_ok=True)

    def pack(self, writer: Writer) -> list[list[Any]]:
        """Write the shards that are not there; give (path, sha256, bytes) of all files of all shards."""
        from opsin.io import atomic

        noted, files = self.noted(), list[list[Any]]()
        for name, ids in self.plan(writer).items():
            if name not in noted:
                made = list[list[Any]]()
                for path, blocks in writer.shard(name, self._items(ids), len(ids)):
                    digest = hashlib.sha256()
                    (self.out / path).parent.mkdir(parents=True, exist_ok=True)
                    with atomic(self.out / path) as file:
                        for block in blocks:
                            digest.update(block)
                            file.write(block)
                    made.append([path, digest.hexdigest(), file.size])
                self.journal.put(f"{_NOTE} {name}", {"ids": ids, "files": made})
                noted[name] = {"files": made}
                for i in ids:
                    for part, _, _ in self.journal.outcome(i)["outputs"]:
                        (self.parts / part).unlink(missing_ok=True)
            files += noted[name]["files"]
        shutil.rmtree(self.parts, ignore_errors=True)
        return files

    def _items(self, ids: list[int]) -> Iterator[Packed]:
        from opsin.io import read_bytes

        for i in ids:
            outcome = self.journal.outcome(i)
            files = []
            for name, digest, _ in outcome["outputs"]:
                try:
                    data = bytes(read_bytes(self.parts / name).data)
                except DecodeError as reason:
                    raise OpsinError(f"{reason} Run the same command again to go on.") from None
                if hashlib.sha256(data).hexdigest() != digest:
                    (self.parts / name).unlink()
                    raise OpsinError(f"{PARTS}/{name}: has other bytes than were written. Run the same command again.")
                files.append((name, data))
            yield outcome["record"], files


def length(path: Path) -> int:
    """Give a file's length, -1 where there is none."""
    try:
        return os.stat(path).st_size
    except OSError:
        return -1
