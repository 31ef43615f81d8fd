"""The job's memory: one SQLite file that says what is done, so that any instant is a good one to stop."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from opsin.errors import DatasetError

__all__ = ["Journal", "Outcome", "Row", "State"]

State = Literal["pending", "done", "quarantined", "filtered"]
_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS items (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    variant INTEGER NOT NULL,
    split TEXT,
    entry TEXT NOT NULL,
    shown INTEGER NOT NULL DEFAULT 0,
    strikes INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'pending',
    outcome TEXT,
    before BLOB,
    after BLOB,
    UNIQUE (key, variant)
);
CREATE INDEX IF NOT EXISTS items_state ON items (state, id);
"""


def plain_text(key: str) -> str:
    """Write a key so that it can be stored: bytes of a file name that are no UTF-8 become visible."""
    return key.encode("utf-8", "backslashreplace").decode()


@dataclass
class Outcome:
    """How one item ended; plain data, so that it can be written down.

    Args:
        state: done, quarantined or filtered.
        outputs: (path within the output folder, sha256, bytes) of each file written.
        record: what the writer wants to know at the end.
        facts: sizes, classes, drops and channel sums for the report.
        stage: where it failed: read, decode, annotate, pipeline, write.
        kind: what went wrong: a decode kind, crashed, oom, timeout, or the error's name.
        message: one sentence.
        timings: seconds by step; kept apart from everything that must be the same in every run.
        before, after: small pictures for the report.
    """

    state: State
    outputs: list[tuple[str, str, int]] = field(default_factory=list)
    record: Any = None
    facts: dict[str, Any] = field(default_factory=dict)
    stage: str = ""
    kind: str = ""
    message: str = ""
    timings: dict[str, float] = field(default_factory=dict)
    before: bytes | None = None
    after: bytes | None = None

    def text(self) -> str:
        """Write as JSON, without pictures and timings."""
        names = ("outputs", "record", "facts", "stage", "kind", "message")
        return json.dumps({n: getattr(self, n) for n in names})


@dataclass(frozen=True)
class Row:
    """One finished item as it stands in the journal."""

    id: int
    key: str
    variant: int
    split: str | None
    state: State
    outcome: Mapping[str, Any]
    before: bytes | None = None
    after: bytes | None = None


class Journal:
    """The journal of one output folder.

    Args:
        path: the SQLite file; made when it is not there.

    Raises:
        DatasetError: the file is not a journal.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        try:
            self._db = sqlite3.connect(path, isolation_level=None)
            # WAL with NORMAL loses at most the last results on a power cut, never the file; lost results are redone
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(_SCHEMA)
        except sqlite3.DatabaseError as reason:
            hint = "Remove the output folder to begin anew."
            raise DatasetError(f"{path}: the journal cannot be read ({reason}). {hint}") from None
        self._open = False

    # --- meta ---------------------------------------------------------------------------------------------------
    def get(self, name: str) -> Any:
        """Read a named value, or None."""
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def put(self, name: str, value: Any) -> None:
        """Write a named value."""
        text = json.dumps(value, sort_keys=True)
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, text))

    def group(self, name: str) -> dict[str, Any]:
        """Read the values whose names begin with `name` and a blank, by what follows."""
        rows = self._db.execute(
            "SELECT name, value FROM meta WHERE substr(name, 1, ?) = ?", (len(name) + 1, f"{name} ")
        )
        return {key[len(name) + 1 :]: json.loads(value) for key, value in rows}

    def drop(self, name: str) -> None:
        """Forget a named value."""
        self._db.execute("DELETE FROM meta WHERE name = ?", (name,))

    # --- items --------------------------------------------------------------------------------------------------
    def fill(self, items: Iterator[tuple[str, int, str | None, str, bool]], meta: Mapping[str, Any]) -> int:
        """Write all items and the plan's meta in one transaction; a half-written plan cannot exist."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.execute("DELETE FROM items")
            rows = ((plain_text(key), *rest) for key, *rest in items)
            self._db.executemany("INSERT INTO items (key, variant, split, entry, shown) VALUES (?, ?, ?, ?, ?)", rows)
            for name, value in meta.items():
                self.put(name, value)
            count: int = self._db.execute("SELECT COUNT(*) FROM items").fetchone()[0]
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        return count

    def pending(self) -> Iterator[tuple[int, int, str | None, str, bool, int]]:
        """Give what is still to do, page by page so that memory stays flat.

        Returns:
            id, variant, split, entry, shown and strikes of each item.
        """
        last = 0
        while True:
            rows = self._db.execute(
                "SELECT id, variant, split, entry, shown, strikes FROM items"
                " WHERE state = 'pending' AND id > ? ORDER BY id LIMIT 256",
                (last,),
            ).fetchall()
            if not rows:
                return
            for row in rows:
                last = row[0]
                yield row[0], row[1], row[2], row[3], bool(row[4]), row[5]

    def outcome(self, id_: int) -> Mapping[str, Any]:
        """Give how an item ended."""
        text = self._db.execute("SELECT outcome FROM items WHERE id = ?", (id_,)).fetchone()[0]
        return dict(json.loads(text or "{}"))

    def item(self, id_: int) -> tuple[str, int]:
        """Give key and variant of an item."""
        row = self._db.execute("SELECT key, variant FROM items WHERE id = ?", (id_,)).fetchone()
        return row[0], row[1]

    def finish(self, id_: int, outcome: Outcome) -> None:
        """Write how an item ended; `commit` makes it last."""
        if not self._open:
            self._db.execute("BEGIN")
            self._open = True
        self._db.execute(
            "UPDATE items SET state = ?, outcome = ?, before = ?, after = ? WHERE id = ?",
            (outcome.state, outcome.text(), outcome.before, outcome.after, id_),
        )

    def strike(self, id_: int) -> int:
        """Count a crash or time-out against an item, at once; give the new count."""
        self.commit()
        self._db.execute("UPDATE items SET strikes = strikes + 1 WHERE id = ?", (id_,))
        count: int = self._db.execute("SELECT strikes FROM items WHERE id = ?", (id_,)).fetchone()[0]
        return count

    def reset(self, ids: list[int]) -> None:
        """Set items back to pending."""
        self.commit()
        sql = (
            "UPDATE items SET state = 'pending', outcome = NULL, before = NULL, after = NULL, strikes = 0 WHERE id = ?"
        )
        self._db.executemany(sql, [(i,) for i in ids])

    def amend(self, id_: int, state: State, outcome: Mapping[str, Any]) -> None:
        """Change how an item ended, when only all of them together show it (duplicates)."""
        text = json.dumps(dict(outcome))
        self._db.execute("UPDATE items SET state = ?, outcome = ? WHERE id = ?", (state, text, id_))

    def commit(self) -> None:
        """Make everything written so far last."""
        if self._open:
            self._db.execute("COMMIT")
            self._open = False

    def counts(self) -> dict[str, int]:
        """Count the items by state."""
        out = {"pending": 0, "done": 0, "quarantined": 0, "filtered": 0}
        out.update(self._db.execute("SELECT state, COUNT(*) FROM items GROUP BY state").fetchall())
        return out

    def rows(self, *states: State, pictures: bool = False, by_split: bool = False) -> Iterator[Row]:
        """Give finished items in the order of their keys, or of their splits and keys."""
        columns = "id, key, variant, split, state, outcome" + (", before, after" if pictures else "")
        marks = ", ".join("?" for _ in states)
        where = f"state IN ({marks})" + (" AND shown = 1" if pictures else "")
        order = "coalesce(split, ''), key, variant" if by_split else "key, variant"
        cursor = self._db.execute(f"SELECT {columns} FROM items WHERE {where} ORDER BY {order}", states)
        for row in cursor:
            yield Row(row[0], row[1], row[2], row[3], row[4], json.loads(row[5] or "{}"), *row[6:])

    def thumbnails(self, state: State, limit: int) -> Iterator[Row]:
        """Give the first items of a state that have a small picture."""
        cursor = self._db.execute(
            "SELECT id, key, variant, split, state, outcome, before, after FROM items"
            " WHERE state = ? AND before IS NOT NULL ORDER BY key, variant LIMIT ?",
            (state, limit),
        )
        for row in cursor:
            yield Row(row[0], row[1], row[2], row[3], row[4], json.loads(row[5] or "{}"), row[6], row[7])

    def close(self) -> None:
        """Commit and close."""
        self.commit()
        self._db.close()
