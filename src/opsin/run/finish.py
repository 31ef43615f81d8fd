"""The end of a job: duplicates, annotations, opsin.json, errors.jsonl, the report, and the identity that must hold."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opsin.errors import OpsinError
from opsin.run.figures import Figures
from opsin.run.journal import Journal

if TYPE_CHECKING:
    from opsin.datasets import DataSet
    from opsin.datasets.writer import Writer
    from opsin.run.job import JobOptions

__all__ = ["drop_duplicates", "finish"]


def finish(
    journal: Journal,
    out: Path,
    writer: Writer,
    data: DataSet,
    options: JobOptions,
    target: str,
    shards: list[list[Any]],
) -> dict[str, int]:
    """Write everything that is about all items; what stands already is written again, to the same bytes.

    Args:
        journal: of the job; nothing is pending.
        out: the output folder.
        writer: of the target format.
        data: the source.
        options: of the job.
        target: the format's name.
        shards: (path, sha256, bytes) of the shards, for formats that have them.

    Raises:
        OpsinError: the identity inputs = outputs + quarantined + filtered does not hold.
    """
    from opsin.io import write_bytes

    files = list(shards)

    def put(name: str, content: bytes) -> None:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        write_bytes(out / name, content)
        files.append([name, hashlib.sha256(content).hexdigest(), len(content)])

    for name, content in writer.finish(_records(journal, writer.sharded)):
        put(name, content)
    put("errors.jsonl", "".join(_error_lines(journal)).encode("utf-8", "backslashreplace"))
    figures = Figures.of((row.outcome["facts"] for row in journal.rows("done")), data.class_names)
    counts = journal.counts()
    summary = _summary(journal, figures, counts, options, target, data)
    put("opsin.json", (json.dumps(summary, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace"))
    from opsin.run.report import build_report

    put("report.html", build_report(journal, figures, summary, data).encode("utf-8", "replace"))
    journal.put("files", files)
    timings = journal.get("timings") or {}
    text = json.dumps({k: round(v, 6) for k, v in sorted(timings.items())}, indent=2) + "\n"
    write_bytes(out / ".opsin" / "timings.json", text.encode())
    _check_identity(journal, counts)
    return counts


def _records(journal: Journal, by_split: bool) -> Iterator[Any]:
    for row in journal.rows("done", by_split=by_split):
        yield row.outcome["record"]


def drop_duplicates(journal: Journal, out: Path) -> None:
    """Filter all but the first, by key, of the pictures that `keep_if: {unique: true}` found equal."""
    first: dict[str, str] = {}
    for row in list(journal.rows("done")):
        digest = row.outcome["facts"].get("unique")
        if digest is None:
            continue
        if first.setdefault(digest, row.key) == row.key:
            continue
        outcome = dict(row.outcome)
        for name, _, _ in outcome["outputs"]:
            (out / name).unlink(missing_ok=True)
        message = f"{row.key}: the same picture as {first[digest]}."
        outcome |= {"outputs": [], "record": None, "stage": "pipeline", "kind": "filtered", "message": message}
        journal.amend(row.id, "filtered", outcome)


def _error_lines(journal: Journal) -> Iterator[str]:
    for row in journal.rows("quarantined", "filtered"):
        line: dict[str, Any] = {"key": row.key}
        if row.variant:
            line["variant"] = row.variant
        line |= {"state": row.state, **{n: row.outcome[n] for n in ("stage", "kind", "message")}}
        yield json.dumps(line, ensure_ascii=False) + "\n"


def _summary(
    journal: Journal, figures: Figures, counts: dict[str, int], options: JobOptions, target: str, data: DataSet
) -> dict[str, Any]:
    recipe = journal.get("recipe")
    digests = hashlib.sha256()
    for row in journal.rows("done", "quarantined", "filtered"):
        digest = row.outcome["facts"].get("digest", "")
        digests.update(f"{row.key}\0{digest}\n".encode("utf-8", "surrogatepass"))
    findings = journal.get("findings") or []
    late = [f for row in journal.rows("done", "filtered") for f in row.outcome["facts"].get("findings", ())]
    rules: dict[str, dict[str, int]] = {}
    for _, _, rule, _, repaired in [*findings, *late]:
        rules.setdefault(rule, {"repaired": 0, "left out": 0})["repaired" if repaired else "left out"] += 1
    return {
        "opsin": recipe["opsin"],
        "core": recipe["core"],
        "pipeline": options.pipeline.to_yaml(),
        "fingerprint": options.pipeline.fingerprint,
        "seed": options.pipeline.seed,
        "mode": options.mode,
        "epoch": options.epoch,
        "variants": options.variants,
        "from": recipe["from"],
        "to": target,
        "counts": {
            "inputs": sum(counts.values()),
            "outputs": counts["done"],
            "quarantined": counts["quarantined"],
            "filtered": counts["filtered"],
        },
        "decoded": {"whole": figures.pictures - figures.in_part, "in part": figures.in_part},
        "splits": _split_counts(journal),
        "classes": list(data.class_names),
        "objects": {
            "in": figures.objects_in,
            "out": figures.objects_out,
            "dropped": dict(sorted(figures.dropped.items())),
        },
        "findings": {rule: rules[rule] for rule in sorted(rules)},
        "channels": figures.channels(),
        "inputs digest": digests.hexdigest(),
    }


def _split_counts(journal: Journal) -> dict[str, int]:
    out: dict[str, int] = {}
    for row in journal.rows("done"):
        if row.split is not None:
            out[row.split] = out.get(row.split, 0) + 1
    return dict(sorted(out.items()))


def _check_identity(journal: Journal, counts: dict[str, int]) -> None:
    inputs = sum(counts.values())
    ended = counts["done"] + counts["quarantined"] + counts["filtered"]
    if ended != inputs or counts["pending"]:
        raise OpsinError(f"prepare: {inputs} inputs, but {ended} outputs, quarantined and filtered together.")
