"""What an index knows by name: one SQLite file says which segments count, so that any instant is a good one to stop."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from opsin.errors import DatasetError

__all__ = ["Store"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS segments (name TEXT PRIMARY KEY, pictures INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pictures (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    path TEXT,
    digest TEXT NOT NULL,
    size INTEGER,
    changed INTEGER,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    factor REAL NOT NULL,
    segment TEXT NOT NULL,
    thumb BLOB
);
CREATE INDEX IF NOT EXISTS pictures_digest ON pictures (digest);
"""
FORMAT = 1


class Store:
    """The names, segments and settings of an index."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.path = os.path.join(folder, "index.db")
        self._lock: sqlite3.Connection | None = None
        try:
            self.db = sqlite3.connect(self.path, timeout=30.0, isolation_level=None, check_same_thread=False)
            self.db.execute("PRAGMA journal_mode = WAL")
            self.db.execute("PRAGMA synchronous = FULL")
            self.db.executescript(_SCHEMA)
            found = self.get("format")
        except sqlite3.DatabaseError as reason:
            raise DatasetError(f"{self.path}: this is no index of Opsin: {reason}. Name another folder.") from None
        if found not in (None, FORMAT):
            raise DatasetError(f"{self.path}: index format {found} is not {FORMAT}; build the index anew.")

    def close(self) -> None:
        """Close the file."""
        self.db.close()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    # --- writing --------------------------------------------------------------------------------------------------
    @contextmanager
    def writing(self) -> Iterator[None]:
        """Be the only writer; the lock goes with the process, however it ends."""
        if self._lock is not None:
            yield
            return
        lock = sqlite3.connect(os.path.join(self.folder, "lock.db"), timeout=0.2, isolation_level=None)
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            lock.close()
            raise DatasetError(f"{self.folder}: another process is writing into this index. Wait for it.") from None
        self._lock = lock
        try:
            yield
        finally:
            self._lock = None
            lock.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield self.db
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    def set(self, name: str, value: Any) -> None:
        """Keep a setting."""
        self.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, json.dumps(value)))

    def get(self, name: str, default: Any = None) -> Any:
        """Give a setting."""
        row = self.db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return default if row is None else json.loads(row[0])

    # --- reading --------------------------------------------------------------------------------------------------
    def count(self) -> int:
        """How many pictures there are."""
        return int(self.db.execute("SELECT count(*) FROM pictures").fetchone()[0])

    def segments(self) -> list[str]:
        """The names of the segments that count."""
        return [row[0] for row in self.db.execute("SELECT name FROM segments ORDER BY name")]

    def ids(self) -> list[int]:
        """The numbers of all pictures."""
        return [row[0] for row in self.db.execute("SELECT id FROM pictures ORDER BY id")]

    def keys(self) -> list[str]:
        """The keys of all pictures."""
        return [row[0] for row in self.db.execute("SELECT key FROM pictures ORDER BY key")]

    def by_ids(self, ids: Iterable[int]) -> dict[int, dict[str, Any]]:
        """What is known of pictures, by number."""
        out: dict[int, dict[str, Any]] = {}
        for number in ids:
            row = self._row("id = ?", number)
            if row is not None:
                out[number] = row
        return out

    def by_key(self, key: str) -> dict[str, Any] | None:
        """What is known of a picture, by key."""
        return self._row("key = ?", key)

    def by_digest(self, digest: str) -> list[int]:
        """The numbers of pictures whose file has a digest."""
        return [row[0] for row in self.db.execute("SELECT id FROM pictures WHERE digest = ? ORDER BY id", (digest,))]

    def _row(self, where: str, value: Any) -> dict[str, Any] | None:
        names = ("id", "key", "path", "digest", "size", "changed", "width", "height", "factor", "segment", "thumb")
        row = self.db.execute(f"SELECT {', '.join(names)} FROM pictures WHERE {where}", (value,)).fetchone()
        return None if row is None else dict(zip(names, row, strict=True))

    def files(self) -> dict[str, tuple[int, int]]:
        """Size and time of change of every picture that came from a file, by key."""
        rows = self.db.execute("SELECT key, size, changed FROM pictures WHERE path IS NOT NULL")
        return {key: (size, changed) for key, size, changed in rows}
