"""Take pictures into an index: look at them on threads, write them in batches that count only when they are whole."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from opsin.arrays import check_image
from opsin.errors import OpsinError, ParamError, refusal, verbatim
from opsin.io import decode, read_bytes
from opsin.io.parse_npy import parse_npy
from opsin.sample import Sample
from opsin.search import segment as files
from opsin.search.embedding import Model
from opsin.search.hashes import perceptual_hash
from opsin.search.hits import thumbnail
from opsin.search.local import Vocabulary, describe, train
from opsin.search.looks import look
from opsin.search.segment import Entry
from opsin.search.store import Store

__all__ = ["Added", "Intake", "Job", "job_of"]

_BATCH = 512
_AT_ONCE = 64  # pictures in memory, where they come as arrays
_LEARN = 250_000  # descriptors that the vocabulary is learned from
_NONE = np.zeros(0, dtype=np.float32)


@dataclass
class Added:
    """What became of pictures that were to be indexed.

    Args:
        added: keys that came in.
        same: keys that were there, unchanged.
        removed: keys that went (`add_folder`).
        failed: (key, message) of pictures that cannot be read.
    """

    added: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)


class Job(NamedTuple):
    """A picture that is to be looked at."""

    key: str
    source: Any
    path: str | None
    stamp: tuple[int, int] | None


class Made(NamedTuple):
    """A picture that has been looked at, not yet written."""

    job: Job
    digest: str
    width: int
    height: int
    factor: float
    entry: Entry
    thumb: bytes


class Intake:
    """What writes into an index.

    Args:
        store: the names.
        folder: of the index.
        features, side: as the index was made.
        model: gives embeddings, or None.
        has_model: whether the index was made with one.
    """

    def __init__(
        self, store: Store, folder: str, features: int, side: int, model: Model | None, has_model: bool
    ) -> None:
        self.store, self.folder, self.features, self.side = store, folder, features, side
        self.model, self.has_model = model, has_model
        self.words: Vocabulary | None = None

    def take(
        self,
        jobs: Iterator[Job],
        workers: int,
        progress: Callable[[int], None] | None,
        out: Added,
        anew: bool = False,
    ) -> Added:
        """Look at pictures on threads and write them batch by batch; the words are learned from the first ones."""
        with self.store.writing(), ThreadPoolExecutor(max(1, workers)) as pool:
            self.sweep()
            vocabulary = None if anew else self.vocabulary()
            waiting: list[Made] = []
            while batch := list(islice(jobs, min(_AT_ONCE, _BATCH))):
                for job, made in zip(batch, pool.map(self._look, batch), strict=True):
                    if isinstance(made, str):
                        out.failed.append((job.key, made))
                    else:
                        waiting.append(made)
                    if progress is not None:
                        progress(1)
                enough = sum(len(m.entry.raw.places) for m in waiting) >= _LEARN
                if vocabulary is None and enough:
                    vocabulary = self._learn(waiting)
                if vocabulary is not None and len(waiting) >= _BATCH:
                    out.added += self._write(waiting, vocabulary)
                    waiting = []
            if waiting:
                vocabulary = vocabulary or self._learn(waiting)
                out.added += self._write(waiting, vocabulary)
        return out

    def _look(self, job: Job) -> Made | str:
        """Look at one picture; a text says why it cannot be."""
        try:
            if isinstance(job.source, np.ndarray):
                image = check_image("Index.add", job.source)
                digest = hashlib.sha256(np.ascontiguousarray(image).tobytes()).hexdigest()
            else:
                blob = read_bytes(job.source)
                image, digest = decode(blob.data, source=blob.name).image, blob.digest
            raw, factor = describe("Index.add", image, self.side, self.features)
            embed = self.model(image) if self.model is not None else _NONE
            if self.has_model and self.model is None:
                raise ParamError(refusal("Index", "model", "given, as when the index was made", verbatim("nothing")))
            entry = Entry(0, perceptual_hash(image), look(image), embed, raw)
            return Made(job, digest, image.shape[1], image.shape[0], factor, entry, thumbnail(image))
        except ParamError as reason:
            if str(reason).startswith("Index: model"):
                raise
            return str(reason)
        except OpsinError as reason:
            return str(reason)

    def _learn(self, made: list[Made]) -> Vocabulary:
        found = np.concatenate([m.entry.raw.descriptors for m in made])
        some = np.linspace(0, len(found) - 1, min(len(found), _LEARN)).astype(np.int64)
        vocabulary = train(found[some])
        name = f"vocabulary-{files.new_name()}"
        folder = os.path.join(self.folder, "segments", name)
        os.makedirs(folder)
        for part, array in vocabulary._asdict().items():
            files.write_array(os.path.join(folder, f"{part}.npy"), array)
        with self.store.transaction():
            self.store.set("vocabulary", name)
            self.store.set("learned", len(made))
        self.words = vocabulary
        return vocabulary

    def vocabulary(self) -> Vocabulary | None:
        """Give the words, if there are any by now."""
        name = self.store.get("vocabulary")
        if name is None:
            return None
        if self.words is None:
            folder = os.path.join(self.folder, "segments", name)
            parts = (os.path.join(folder, f"{part}.npy") for part in Vocabulary._fields)
            self.words = Vocabulary(*(parse_npy(read_bytes(p).data, source=p) for p in parts))
        return self.words

    def _write(self, made: list[Made], vocabulary: Vocabulary) -> list[str]:
        """Write a batch: arrays first, then the names in one transaction; what is not named does not count."""
        name = files.new_name()
        start = int(self.store.db.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence").fetchone()[0])
        last = {m.job.key: m for m in made}  # of two pictures with one key the later stays
        made = list(last.values())
        entries = [m.entry._replace(id=start + 1 + i) for i, m in enumerate(made)]
        files.write_segment(os.path.join(self.folder, "segments", name), entries, vocabulary)
        with self.store.transaction() as db:
            for m, entry in zip(made, entries, strict=True):
                db.execute("DELETE FROM pictures WHERE key = ?", (m.job.key,))
                size, changed = m.job.stamp or (None, None)
                row = (entry.id, m.job.key, m.job.path, m.digest, size, changed, m.width, m.height, m.factor, name)
                db.execute("INSERT INTO pictures VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (*row, m.thumb))
            db.execute("INSERT INTO segments VALUES (?, ?)", (name, len(made)))
        return [m.job.key for m in made]

    def sweep(self) -> None:
        """Remove what a killed process left: folders that nothing names. Only for who holds the lock."""
        named = {*self.store.segments(), self.store.get("vocabulary")}
        base = os.path.join(self.folder, "segments")
        for name in os.listdir(base):
            if name not in named:
                files.remove(os.path.join(base, name))


def job_of(item: Any, number: int) -> Job:
    """Read what a caller gave as one picture."""
    key: str | None = None
    if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str):
        key, item = item
    if isinstance(item, Sample):
        key = key if key is not None else None if item.key is None else str(item.key)
        item = item.image
    if isinstance(item, np.ndarray):
        if key is None:
            raise ParamError(
                refusal("Index.add", "keys", "a name for every array", verbatim(f"none for number {number}"))
            )
        return Job(key, item, None, None)
    if isinstance(item, str | os.PathLike):
        path = os.fspath(item)
        try:
            status = os.stat(path)
            stamp = status.st_size, status.st_mtime_ns
        except OSError:
            stamp = (0, 0)
        return Job(key if key is not None else path, path, os.path.abspath(path), stamp)
    if isinstance(item, bytes) and key is not None:
        return Job(key, item, None, None)
    raise ParamError(refusal("Index.add", "pictures", "paths, arrays, samples or (key, picture) pairs", item))
