"""The index: pictures in, pictures found; on disk, whole at any instant."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from opsin.arrays import check_image
from opsin.datasets.files import Tree, is_picture
from opsin.errors import DatasetError, OpsinError, ParamError, refusal, verbatim
from opsin.io import decode, read_bytes
from opsin.sample import Sample
from opsin.search import segment as files
from opsin.search.adding import Added, Intake, Job, job_of
from opsin.search.embedding import Model
from opsin.search.hashes import dihedral_hashes
from opsin.search.hits import Hit, Hits
from opsin.search.local import Raw, describe_query
from opsin.search.looks import look
from opsin.search.query import Query, file_first, rank
from opsin.search.segment import Segment
from opsin.search.store import FORMAT, Store
from opsin.types import Array

__all__ = ["Added", "Index"]

Method = Literal["auto", "points", "looks", "hash", "embedding"]
_SEGMENTS = 12


class Index:
    """Pictures that can be searched by picture, in a folder of their own.

    Use it to find where a picture, a crop or a turn of it comes from, copies that differ in size or compression, and
    pictures that look alike. Local features are kept as words and 64 bits each with their places (about 8 kB a
    picture), found by an inverted file and checked by geometry; perceptual hashes find copies; colors,
    shapes and texture, or the embedding of a model, rank what is alike.

    One process writes at a time, any number read. A process that is killed leaves the last whole state.

    Args:
        folder: where the index is; made when it does not exist.
        create: False refuses a folder that holds no index.
        features: at most so many local features a picture; taken when the index is made.
        side: longest side in pixels at which pictures are looked at; taken when the index is made.
        model: an ONNX file whose embeddings rank what is alike; must be the same every time.

    Raises:
        DatasetError: a folder that holds something else, or a damaged index.
        ParamError: another model than the index was made with.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        create: bool = True,
        features: int = 300,
        side: int = 512,
        model: str | os.PathLike[str] | None = None,
    ) -> None:
        self.folder = os.path.abspath(os.fspath(folder))
        if not 20 <= features <= 5000:
            raise ParamError(refusal("Index", "features", "20 to 5000", features))
        if not 128 <= side <= 1500:
            raise ParamError(refusal("Index", "side", "128 to 1500 pixels", side))
        known = os.path.isfile(os.path.join(self.folder, "index.db"))
        if not known:
            if os.path.isdir(self.folder) and os.listdir(self.folder):
                raise DatasetError(f"{self.folder}: this folder holds no index but other things. Name another one.")
            if not create:
                raise DatasetError(f"{self.folder}: there is no index here. Make one with: opsin index DIR.")
            os.makedirs(os.path.join(self.folder, "segments"), exist_ok=True)
        self._store = Store(self.folder)
        self._model = None if model is None else Model(os.fspath(model))
        if self._store.get("format") is None:
            with self._store.transaction():
                self._store.set("features", features)
                self._store.set("side", side)
                self._store.set("model", None if self._model is None else self._model.digest)
                self._store.set("format", FORMAT)
        self._features: int = self._store.get("features")
        self._side: int = self._store.get("side")
        digest = self._store.get("model")
        if self._model is not None and digest != self._model.digest:
            got = verbatim(f"{model}" + ("" if digest else "; the index was made without one"))
            raise ParamError(refusal("Index", "model", "the one that the index was made with", got))
        self._has_model = digest is not None
        self._seen: Any = None
        self._parts: list[Segment] = []
        self._alive: list[NDArray[np.bool_]] = []
        self._intake = Intake(self._store, self.folder, self._features, self._side, self._model, self._has_model)

    def __enter__(self) -> Index:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the files."""
        self._parts, self._alive = [], []
        self._store.close()

    # --- what it holds ----------------------------------------------------------------------------------------------
    def __len__(self) -> int:
        return self._store.count()

    def __contains__(self, key: str) -> bool:
        return self._store.by_key(key) is not None

    def keys(self) -> list[str]:
        """The keys of all pictures, in order."""
        return self._store.keys()

    def stats(self) -> dict[str, Any]:
        """Give counts and sizes: pictures, features, words, segments, bytes on disk, and advice where there is some."""
        self._read()
        features = sum(len(p.words) for p in self._parts)
        disk = sum(
            os.path.getsize(os.path.join(base, name)) for base, _, names in os.walk(self.folder) for name in names
        )
        learned = self._store.get("learned", 0)
        out: dict[str, Any] = {
            "pictures": len(self),
            "features": features,
            "words": 0 if self._intake.words is None else self._intake.words.size,
            "segments": len(self._parts),
            "bytes": disk,
            "model": self._has_model,
        }
        if learned and len(self) > 16 * learned:
            out["advice"] = f"its words were learned from {learned} pictures; rebuild() learns them anew and is quicker"
        return out

    def __repr__(self) -> str:
        return f"Index({self.folder!r}, {len(self)} pictures)"

    # --- writing ----------------------------------------------------------------------------------------------------
    def add(
        self,
        pictures: Iterable[Any],
        *,
        keys: Sequence[str] | None = None,
        workers: int = 2,
        progress: Callable[[int], None] | None = None,
    ) -> Added:
        """Take pictures in. What is written is durable batch by batch; a key that is there already is replaced.

        Args:
            pictures: paths, arrays, samples, or (key, picture) pairs; an iterator is read as it goes.
            keys: one name per picture; paths and samples have their own.
            workers: threads that look at pictures.
            progress: called with the number of pictures done since the last call.

        Returns:
            what came in, what was there, and what cannot be read.
        """
        if keys is not None:
            pictures = zip(keys, pictures, strict=True)
        return self._take((job_of(p, i) for i, p in enumerate(pictures)), workers, progress, Added())

    def add_folder(
        self,
        folder: str | os.PathLike[str],
        *,
        workers: int = 2,
        progress: Callable[[int], None] | None = None,
        total: Callable[[int], None] | None = None,
    ) -> Added:
        """Bring the index in step with a folder: new and changed files come in, files that are gone go.

        Args:
            folder: it and the folders below it are walked; names in it become keys.
            workers: threads that look at pictures.
            progress: called with the number of pictures done since the last call.
            total: called once with the number of pictures to look at.

        Returns:
            what came in, what was there, what went, and what cannot be read.

        Raises:
            DatasetError: no such folder, or no picture in it.
        """
        base = os.path.abspath(os.fspath(folder))
        if not os.path.isdir(base):
            raise DatasetError(f"{base}: there is no such folder.")
        inside = os.path.relpath(self.folder, base).replace(os.sep, "/")
        names = [n for n in Tree(base).walk() if is_picture(n) and not n.startswith(inside + "/")]
        there = self._store.files()
        if not names and not there:
            raise DatasetError(f"{base}: there are no pictures in this folder.")
        out, jobs = Added(), []
        for name in names:
            path = os.path.join(base, *name.split("/"))
            try:
                status = os.stat(path)
            except OSError as reason:
                out.failed.append((name, f"{reason.strerror}"))
                continue
            stamp = status.st_size, status.st_mtime_ns
            if there.get(name) == stamp:
                out.same.append(name)
            else:
                jobs.append(Job(name, path, path, stamp))
        if total is not None:
            total(len(jobs))
        gone = sorted(set(there) - set(names))
        if gone:
            out.removed = gone
            self.remove(gone)
        return self._take(iter(jobs), workers, progress, out) if jobs else out

    def remove(self, keys: Iterable[str]) -> int:
        """Take pictures out; their room on disk is given back by and by. Gives how many there were."""
        with self._store.writing():
            with self._store.transaction() as db:
                count = 0
                for key in keys:
                    count += db.execute("DELETE FROM pictures WHERE key = ?", (key,)).rowcount
            self._read()
            rows = sum(len(p.ids) for p in self._parts)
            if rows > 64 and len(self) < rows // 2:
                self._join()
        return count

    def compact(self) -> None:
        """Join all segments into one and give room back: quickest to search."""
        with self._store.writing():
            self._join()

    def rebuild(self, *, workers: int = 2, progress: Callable[[int], None] | None = None) -> Added:
        """Learn the words anew from the pictures there are, and look at every file again.

        Raises:
            DatasetError: a picture that came without a file.
        """
        rows = [self._store.by_key(key) for key in self.keys()]
        bare = [r["key"] for r in rows if r is not None and r["path"] is None]
        if bare:
            raise DatasetError(f"{self.folder}: {bare[0]!r} came without a file; add those pictures to a new index.")
        jobs = [Job(r["key"], r["path"], r["path"], (r["size"], r["changed"])) for r in rows if r is not None]
        with self._store.writing():
            self._intake.words = None
            self._store.set("vocabulary", None)
            return self._take(iter(jobs), workers, progress, Added(), anew=True)

    def _take(
        self,
        jobs: Iterator[Job],
        workers: int,
        progress: Callable[[int], None] | None,
        out: Added,
        anew: bool = False,
    ) -> Added:
        with self._store.writing():
            self._intake.take(jobs, workers, progress, out, anew)
            if len(self._store.segments()) > _SEGMENTS or anew:
                self._join(everything=anew)
        return out

    def _join(self, everything: bool = True) -> None:
        """Write all that is alive as one segment, or only the small segments, so that adding stays cheap."""
        self._read()
        names = self._store.segments()
        if self._intake.words is None or (len(names) <= 1 and all(a.all() for a in self._alive)):
            return
        order = sorted(range(len(names)), key=lambda i: len(self._parts[i].ids))
        some: list[int] = []
        joined = 0
        for i in order:
            size = len(self._parts[i].ids)
            if everything or not some or size <= max(2 * joined, 512):
                some.append(i)
                joined += size
        if len(some) < 2 and not everything:
            return  # each is more than twice as large as all smaller ones: there are few
        name = files.new_name()
        parts, living = [self._parts[i] for i in some], [self._alive[i] for i in some]
        alive = sum(int(a.sum()) for a in living)
        if alive:
            files.join(os.path.join(self.folder, "segments", name), parts, living, self._intake.words.size)
        with self._store.transaction() as db:
            for i in some:
                db.execute("DELETE FROM segments WHERE name = ?", (names[i],))
                db.execute("UPDATE pictures SET segment = ? WHERE segment = ?", (name, names[i]))
            if alive:
                db.execute("INSERT INTO segments VALUES (?, ?)", (name, alive))
        self._intake.sweep()
        self._seen = None

    # --- reading ----------------------------------------------------------------------------------------------------
    def _read(self) -> None:
        """Bring the mapped arrays in step with what the file says, which another process may have changed."""
        for attempt in range(3):
            names = self._store.segments()
            ids = np.array(self._store.ids(), dtype=np.int64)
            seen = (tuple(names), self._store.get("vocabulary"), len(ids), hash(ids.tobytes()))
            if seen == self._seen:
                return
            try:
                base = os.path.join(self.folder, "segments")
                self._parts = [Segment.mapped(os.path.join(base, name)) for name in names]
                if self._seen is not None and self._seen[1] != seen[1]:
                    self._intake.words = None
                self._intake.vocabulary()
            except (DatasetError, OpsinError):
                if attempt == 2:
                    raise
                continue  # a writer joined the segments in between
            self._alive = [np.isin(part.ids, ids, assume_unique=True) for part in self._parts]
            self._seen = seen
            return

    def search(
        self, picture: Any, *, count: int = 10, method: Method = "auto", verify: int = 60, least: float = 0.0
    ) -> Hits:
        """Find pictures.

        Args:
            picture: an array, a path, the bytes of a file, or a sample.
            count: at most so many.
            method: "auto" (all of it), "points" (local features only), "looks" (colors, shapes, texture), "hash"
                (near-duplicates only) or "embedding" (the model's).
            verify: how many of the best by words are checked by geometry.
            least: the least score.

        Returns:
            Hits, the best first.

        Raises:
            ParamError: "embedding" without a model, or an unknown method.
        """
        began = time.perf_counter()
        if method not in ("auto", "points", "looks", "hash", "embedding"):
            known = "'auto', 'points', 'looks', 'hash' or 'embedding'"
            raise ParamError(refusal("Index.search", "method", known, method))
        if count < 1:
            raise ParamError(refusal("Index.search", "count", "at least 1", count))
        if method == "embedding" and self._model is None:
            raise ParamError(refusal("Index.search", "method", "another one without a model", method, "Give model=."))
        image, digest = _picture(picture)
        self._read()
        if self._intake.words is None or not self._parts:
            return Hits((), image, time.perf_counter() - began, 0)
        empty = Raw(np.zeros((0, 2), np.uint16), np.zeros((0, 128), np.uint8))
        wants_points = method in ("auto", "points")
        count_of = 2 * self._features
        raw, factor = describe_query("Index.search", image, self._side, count_of) if wants_points else (empty, 1.0)
        embed = self._model(image) if self._model is not None and method in ("auto", "embedding") else None
        views = dihedral_hashes(image) if method in ("auto", "hash") else np.zeros(0, np.uint64)
        query = Query(raw, views, look(image), embed)
        ranked = rank(query, self._parts, self._alive, self._intake.words, method, count, verify)
        if digest and method in ("auto", "hash"):
            ranked = file_first(ranked, self._store.by_digest(digest))
        facts = self._store.by_ids(r.id for r in ranked)
        hits = []
        for r in ranked:
            row = facts.get(r.id)
            if row is None or r.score < least:
                continue
            matrix = None
            if r.matrix is not None:
                # places are in pixels of the working pictures
                whole = np.vstack([r.matrix, [0.0, 0.0, 1.0]])
                matrix = np.diag([1 / row["factor"], 1 / row["factor"], 1.0]) @ whole @ np.diag([factor, factor, 1.0])
            facts_of = (row["path"], row["width"], row["height"], r.inliers, r.distance, matrix, row["thumb"])
            hits.append(Hit(row["key"], r.score, r.why, *facts_of))
        return Hits(tuple(hits[:count]), image, time.perf_counter() - began, len(self))

    def duplicates(self, distance: int = 6) -> list[list[str]]:
        """Group near-duplicates: pictures whose perceptual hashes differ in few bits and that look alike.

        Args:
            distance: at most so many of 64 bits.

        Returns:
            groups of keys, each of two or more; pictures that were turned count as different here.
        """
        if not 0 <= distance <= 32:
            raise ParamError(refusal("Index.duplicates", "distance", "0 to 32 bits", distance))
        self._read()
        rows = [(p, a) for p, a in zip(self._parts, self._alive, strict=True)]
        if not rows:
            return []
        ids = np.concatenate([p.ids[a] for p, a in rows])
        hashes = np.concatenate([p.hashes[a] for p, a in rows])
        looks = np.concatenate([p.looks[a] for p, a in rows])
        group = np.arange(len(ids))
        for i in range(len(ids)):
            near = np.flatnonzero(np.bitwise_count(hashes[i:] ^ hashes[i]) <= distance) + i
            near = near[looks[near].astype(np.float32) @ looks[i].astype(np.float32) > 0.9]
            if len(near) > 1:
                both = np.unique(group[near])
                group[np.isin(group, both)] = both[0]
        known = self._store.by_ids(ids.tolist())
        out = []
        for number in np.unique(group):
            members = sorted(known[i]["key"] for i in ids[group == number].tolist() if i in known)
            if len(members) > 1:
                out.append(members)
        return sorted(out)


def _picture(source: Any) -> tuple[Array, str]:
    """Read the query, and the digest of its bytes where it came as a file."""
    if isinstance(source, np.ndarray):
        return check_image("Index.search", source), ""
    if isinstance(source, Sample):
        return source.image, ""
    blob = read_bytes(source)
    return decode(blob.data, source=blob.name).image, blob.digest
