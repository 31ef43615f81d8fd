"""Check a prepared folder: every output present and whole, nothing extra, and the identity holds."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from opsin.errors import DatasetError
from opsin.run.journal import Journal
from opsin.run.shards import PARTS, Shards

__all__ = ["Verdict", "verify"]


@dataclass(frozen=True)
class Verdict:
    """What `verify` found: counts, and one sentence for each fault."""

    counts: dict[str, int]
    checked: int
    faults: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Say whether nothing is wrong."""
        return not self.faults


def verify(folder: str | Path, *, repair: bool = False) -> Verdict:
    """Read every output and compare it with the journal.

    Args:
        folder: a folder that `opsin prepare` wrote.
        repair: mark what is damaged, so that the next run of the job makes it anew.

    Raises:
        DatasetError: the folder holds no journal.
    """
    out = Path(folder)
    path = out / ".opsin" / "journal.sqlite"
    if not path.is_file():
        raise DatasetError(f"{out}: holds no journal of a job (.opsin/journal.sqlite).")
    journal = Journal(path)
    try:
        return _verify(journal, out, repair)
    finally:
        journal.close()


def _verify(journal: Journal, out: Path, repair: bool) -> Verdict:
    from opsin.datasets.writer import is_sharded

    faults: list[str] = []
    known: set[str] = set()
    damaged: list[int] = []
    shards = Shards(journal, out)
    noted = shards.noted()
    packed = {i for note in noted.values() for i in note["ids"]}
    recipe = journal.get("recipe")
    sharded = recipe is not None and is_sharded(recipe["to"])
    for shard, note in noted.items():
        bad = [f"{name}: {fault}" for name, *rest in note["files"] if (fault := _fault(out / name, *rest))]
        known |= {name for name, _, _ in note["files"]}
        faults += bad
        if bad and repair:
            damaged += shards.forget(shard)
    for row in journal.rows("done"):
        if row.id in packed:
            continue
        if sharded and journal.get("files"):
            faults.append(f"{row.key}: is in no shard.")
        for name, digest, size in row.outcome["outputs"]:
            name = f"{PARTS}/{name}" if sharded else name
            known.add(name)
            fault = _fault(out / name, digest, size)
            if fault:
                faults.append(f"{name}: {fault}")
                damaged.append(row.id)
    files = journal.get("files") or []
    for name, digest, size in files:
        if name in known:
            continue
        known.add(name)
        fault = _fault(out / name, digest, size)
        if fault:
            faults.append(f"{name}: {fault}")
    counts = journal.counts()
    if counts["pending"]:
        faults.append(f"{counts['pending']} of {sum(counts.values())} inputs are not done; run the same prepare again.")
    elif not files:
        faults.append("the job has not ended; run the same prepare again.")
    faults += _identity(out, counts)
    for extra in sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()):
        if extra not in known and not extra.startswith(".opsin/"):
            faults.append(f"{extra}: does not belong to the job.")
    if repair and damaged:
        journal.reset(sorted(set(damaged)))
    return Verdict(counts, len(known), tuple(faults))


def _identity(out: Path, counts: dict[str, int]) -> list[str]:
    """Compare the three lists that a person sees with each other and with the journal."""
    try:
        summary = json.loads((out / "opsin.json").read_text("utf-8"))["counts"]
        lines = [json.loads(line)["state"] for line in (out / "errors.jsonl").read_text("utf-8").splitlines()]
    except (OSError, ValueError, KeyError, TypeError):
        return []  # missing or damaged: named above already
    faults = []
    if summary["inputs"] != summary["outputs"] + summary["quarantined"] + summary["filtered"]:
        faults.append("opsin.json: inputs are not outputs + quarantined + filtered.")
    for state in ("quarantined", "filtered"):
        if not lines.count(state) == summary[state] == counts[state]:
            listed = lines.count(state)
            faults.append(
                f"errors.jsonl: lists {listed} {state}, opsin.json {summary[state]}, the journal {counts[state]}."
            )
    return faults


def _fault(path: Path, digest: str, size: int) -> str:
    try:
        if path.stat().st_size != size:
            return f"has {path.stat().st_size} bytes, not {size}."
        with path.open("rb") as handle:
            if hashlib.file_digest(handle, "sha256").hexdigest() != digest:
                return "has other bytes than were written."
    except OSError as reason:
        return f"{reason.strerror}."
    return ""
