"""The job: scan, plan, work, report. Interrupted at any instant, the same command goes on to the same bytes."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from opsin.errors import DatasetError, OpsinError, PipelineError, refusal
from opsin.pipeline import Pipeline
from opsin.run.finish import drop_duplicates, finish
from opsin.run.journal import Journal, Outcome
from opsin.run.lock import FolderLock
from opsin.run.shards import Shards, length
from opsin.run.supervisor import Supervisor
from opsin.run.worker import Setup, Task

if TYPE_CHECKING:
    from opsin.datasets import DataSet
    from opsin.datasets.writer import Writer

__all__ = ["JobOptions", "JobResult", "JobStop", "prepare"]

EXIT_BAD, EXIT_TOO_MANY, EXIT_OUTPUT, EXIT_DISK, EXIT_BUSY, EXIT_STOPPED = 3, 4, 73, 74, 75, 130
SHOWN = 24
_BREAKER_FROM = 200
_COMMIT_SECONDS = 0.5
_ROUNDS = 3


class JobStop(OpsinError):
    """The job cannot begin or go on; `code` is the exit code of the command."""

    def __init__(self, code: int, message: str) -> None:
        self.code = code
        super().__init__(message)


@dataclass(frozen=True)
class JobOptions:
    """What a job is asked to do.

    Args:
        source: the data set: a folder, an annotation file.
        pipeline: what to run on every picture.
        out: the output folder.
        source_format: its format, or None to look.
        target_format: the format to write; None keeps the source's.
        mode: `infer`, or `train` (on the train part only, where there are splits).
        variants: draws of each training picture.
        split: parts of a split by name, drawn by key; None keeps what the source says.
        epoch: which pass over the data.
        workers: processes.
        on_error: `quarantine` (exit 3), `skip` (exit 0) or `raise` (stop at the first).
        max_bad: the part of bad inputs at which the job gives up, checked after 200.
        limit: only the first pictures.
        shard: the most samples a shard, for formats of shards.
        seconds: how long one picture may take.
        memory: bytes a worker may use, 0 for no limit.
    """

    source: str
    pipeline: Pipeline
    out: str
    source_format: str | None = None
    target_format: str | None = None
    mode: Literal["infer", "train"] = "infer"
    variants: int = 1
    split: tuple[tuple[str, float], ...] | None = None
    epoch: int = 0
    workers: int = 1
    on_error: Literal["quarantine", "skip", "raise"] = "quarantine"
    max_bad: float = 0.05
    limit: int | None = None
    shard: int | None = None
    seconds: float = 30.0
    memory: int = 4 << 30

    def __post_init__(self) -> None:
        for name, low in (("variants", 1), ("workers", 1), ("epoch", 0), ("memory", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < low:
                raise PipelineError(refusal("prepare", name, f"a whole number of at least {low}", value))
        for name in ("limit", "shard"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise PipelineError(refusal("prepare", name, "a whole number of at least 1", getattr(self, name)))
        if not 0.0 <= self.max_bad <= 1.0:
            raise PipelineError(refusal("prepare", "max-bad", "a part from 0 % to 100 %", self.max_bad))
        if self.seconds <= 0:
            raise PipelineError(refusal("prepare", "timeout", "more than 0 seconds", self.seconds))
        if self.variants > 1 and self.mode != "train":
            hint = "Say --mode train: without it all variants are alike."
            raise PipelineError(refusal("prepare", "variants", "1 in mode infer", self.variants, hint))


@dataclass(frozen=True)
class JobResult:
    """How a job ended."""

    out: Path
    counts: dict[str, int]
    code: int
    seconds: float
    timings: dict[str, float] = field(default_factory=dict)
    resumed: int = 0
    losses: tuple[str, ...] = ()

    @property
    def report(self) -> Path:
        """Where the report lies."""
        return self.out / "report.html"


Progress = Callable[[int, int, dict[str, int]], None]


def prepare(
    options: JobOptions, *, progress: Progress | None = None, stop: Callable[[], bool] | None = None
) -> JobResult:
    """Run a job, or go on with an interrupted one.

    Args:
        options: what to do.
        progress: called with (finished, all, counts by state).
        stop: asked often; True ends the job so that it can be gone on with.

    Raises:
        JobStop: with the exit code; FolderBusy: another run holds the folder.
    """
    started = time.monotonic()
    out = Path(options.out)
    _check_folder(options, out)
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = FolderLock(out)
        with lock:
            return _Job(options, out, progress or (lambda *_: None), stop or (lambda: False), started).run()
    except (PermissionError, NotADirectoryError, FileExistsError) as reason:
        raise JobStop(EXIT_OUTPUT, f"{out}: the output cannot be written ({reason.strerror}).") from None
    except OSError as reason:
        raise JobStop(EXIT_DISK, f"{reason}. Make room and run the same command again to go on.") from None


def _check_folder(options: JobOptions, out: Path) -> None:
    source = Path(options.source).resolve() if "://" not in options.source else None
    if source is not None and not source.exists():
        raise DatasetError(f"{options.source}: there is no such file or folder.")
    here = out.resolve()
    if source is not None and source.is_dir() and (here == source or source in here.parents):
        raise JobStop(EXIT_OUTPUT, f"{out}: lies inside the source {options.source}. Choose another --out.")
    if source is not None and here in source.parents:
        raise JobStop(EXIT_OUTPUT, f"{out}: holds the source {options.source}. Choose another --out.")
    if out.exists() and not out.is_dir():
        raise JobStop(EXIT_OUTPUT, f"{out}: is a file. Choose another --out.")
    if out.is_dir() and not (out / ".opsin" / "journal.sqlite").exists():
        others = [p.name for p in out.iterdir() if p.name != ".opsin"]
        if others:
            raise JobStop(EXIT_OUTPUT, f"{out}: is not empty and holds no earlier run. Choose another --out.")


class _Job:
    """One run of a job in a locked folder."""

    def __init__(
        self, options: JobOptions, out: Path, progress: Progress, stop: Callable[[], bool], started: float
    ) -> None:
        self.options, self.out, self.progress, self.stop, self.started = options, out, progress, stop, started
        self.journal = Journal(out / ".opsin" / "journal.sqlite")
        self.timings: dict[str, float] = self.journal.get("timings") or {}
        self.shards = Shards(self.journal, out)
        self.folder = out  # where workers write

    def run(self) -> JobResult:
        try:
            return self._run()
        finally:
            self.journal.close()

    def _run(self) -> JobResult:
        from opsin.datasets import open_dataset, writer_for
        from opsin.io import sweep

        options = self.options
        data = open_dataset(options.source, options.source_format)
        if len(data) == 0:
            raise DatasetError(f"{options.source}: holds no pictures that Opsin can read.")
        if options.limit is not None:
            data = data.only(keys=data.keys[: options.limit])
        if options.split is not None:
            data = data.split(dict(options.split), options.pipeline.seed)
        target = options.target_format or data.format
        keys = ((entry.key, entry.split) for entry in data.entries())
        writer = writer_for(target, data.facts, keys, "prepare", variants=options.variants, **self._sharding(target))
        self.folder = self.shards.parts if writer.sharded else self.out
        self._plan(data, target)
        resumed = self._forget_missing()
        parts = self.shards.parts
        inner = {p for p in self.out.rglob("*") if p.is_dir() and ".opsin" not in p.relative_to(self.out).parts}
        for folder in {self.out, *inner, *(p for p in (parts, *parts.rglob("*")) if p.is_dir())}:
            sweep(folder)
        packed = self._finish_work(data, writer)
        counts = finish(self.journal, self.out, writer, data, options, target, packed)
        self._save_timings()
        bad = counts["quarantined"]
        code = EXIT_BAD if bad and options.on_error == "quarantine" else 0
        return JobResult(
            self.out,
            counts,
            code,
            time.monotonic() - self.started,
            self.timings,
            resumed,
            tuple(writer.losses()),
        )

    def _sharding(self, target: str) -> dict[str, int]:
        from opsin.datasets.opening import format_of
        from opsin.datasets.writer import is_sharded

        shard = self.options.shard
        if shard is None:
            return {}
        format_of(target, "prepare", writing=True)
        if not is_sharded(target):
            hint = "Say --to webdataset or --to arrays, or leave it out."
            raise PipelineError(refusal("prepare", "shard", f"left out for {target}, which has no shards", shard, hint))
        return {"shard_samples": shard}

    # --- plan -----------------------------------------------------------------------------------------------------
    def _train_splits(self, data: DataSet) -> tuple[str, ...]:
        if self.options.mode == "infer":
            return ()
        return ("train",) if "train" in data.splits else ("*",)

    def recipe(self, data: DataSet, target: str) -> dict[str, Any]:
        """Give everything that decides the output, and nothing else."""
        from opsin import __version__
        from opsin.kernels import core_name

        options = self.options
        keys = hashlib.sha256()
        for key in data.keys:
            keys.update(key.encode("utf-8", "surrogatepass") + b"\0")
        return {
            "pipeline": options.pipeline.to_data(),
            "from": data.format,
            "to": target,
            "mode": options.mode,
            "variants": options.variants,
            "split": [list(part) for part in options.split] if options.split else None,
            "epoch": options.epoch,
            "shard": options.shard,
            "on_error": options.on_error,
            "inputs": len(data),
            "keys": keys.hexdigest(),
            "core": core_name(),
            "opsin": __version__,
        }

    def _plan(self, data: DataSet, target: str) -> None:
        recipe = self.recipe(data, target)
        before = self.journal.get("recipe")
        if before is not None:
            _same_recipe(self.out, before, recipe)
            return
        from opsin.datasets.entry import entry_to_plain

        trained = self._train_splits(data)

        def items() -> Iterator[tuple[str, int, str | None, str, bool]]:
            for entry in data.entries():
                training = "*" in trained or entry.split in trained
                for variant in range(self.options.variants if training else 1):
                    plain = json.dumps(entry_to_plain(entry))
                    yield entry.key, variant, entry.split, plain, entry.key in shown and variant == 0

        shown = _chosen(data.keys)
        meta = {
            "recipe": recipe,
            "findings": [[f.file, f.record, f.rule, f.message, f.repaired] for f in data.findings],
            "facts": data.facts.plain(),
        }
        self.journal.fill(items(), meta)

    def _forget_missing(self) -> int:
        """Set items whose files are gone or of another length back to pending; give how many stand."""
        stand, lost = 0, []
        packed = self.shards.standing()
        for row in self.journal.rows("done"):
            outputs = row.outcome["outputs"]
            if row.id in packed or all(length(self.folder / name) == size for name, _, size in outputs):
                stand += 1
            else:
                lost.append(row.id)
        self.journal.reset(lost)
        counts = self.journal.counts()
        return stand + counts["quarantined"] + counts["filtered"]

    def _finish_work(self, data: DataSet, writer: Writer) -> list[list[Any]]:
        """Do all items; for formats of shards go on until every shard has its parts, then pack them."""
        for _ in range(_ROUNDS):
            counts = self._work(data, writer)
            if counts["pending"]:
                raise JobStop(
                    EXIT_STOPPED,
                    f"Stopped with {counts['pending']} of {sum(counts.values())} to do. "
                    "Run the same command again to go on.",
                )
            drop_duplicates(self.journal, self.folder)
            if not writer.sharded:
                return []
            lost = self.shards.lost(writer)
            if not lost:
                return self.shards.pack(writer)
            self.journal.reset(lost)
        raise JobStop(EXIT_DISK, f"{self.shards.parts}: files vanish while the job runs. Run the same command again.")

    # --- work -----------------------------------------------------------------------------------------------------
    def _work(self, data: DataSet, writer: Writer) -> dict[str, int]:
        options, journal = self.options, self.journal
        counts = journal.counts()
        total = sum(counts.values())
        self.progress(total - counts["pending"], total, counts)
        if not counts["pending"]:
            return counts
        setup = Setup(
            data=data.only(keys=[]),
            writer=writer,
            pipeline=options.pipeline,
            out=self.folder,
            epoch=options.epoch,
            train_splits=self._train_splits(data),
            memory=options.memory,
            partners=self._partners(data),
        )
        supervisor = Supervisor(setup, min(options.workers, counts["pending"]), options.seconds, journal.strike)
        last = time.monotonic()
        self._first = next((row.outcome["record"] for row in journal.rows("done")), None)
        for task, outcome in supervisor.run(self._tasks(), self.stop):
            if outcome.state == "pending":
                supervisor.close()
                raise JobStop(EXIT_DISK, f"{outcome.message}. Make room and run the same command again to go on.")
            if outcome.record is not None:
                self._first = self._first or outcome.record
                writer.agree(self._first, outcome.record)
            journal.finish(task.id, outcome)
            self._count(outcome)
            counts[outcome.state] += 1
            counts["pending"] -= 1
            if time.monotonic() - last > _COMMIT_SECONDS:
                journal.commit()
                last = time.monotonic()
            self.progress(total - counts["pending"], total, counts)
            if outcome.state == "quarantined":
                self._check_bad(outcome, counts, total)
        journal.commit()
        self._save_timings()
        return journal.counts()

    def _tasks(self) -> Iterator[Task]:
        from opsin.datasets.entry import entry_from_plain

        for id_, variant, split, text, shown, _ in self.journal.pending():
            entry = entry_from_plain(json.loads(text))
            yield Task(id_, entry.key, variant, split, entry, shown)

    def _partners(self, data: DataSet) -> DataSet | None:
        if not self.options.pipeline.mixes or self.options.mode != "train":
            return None
        return data.only("train") if "train" in data.splits else data

    def _check_bad(self, outcome: Outcome, counts: dict[str, int], total: int) -> None:
        if self.options.on_error == "raise":
            self.journal.commit()
            raise JobStop(EXIT_TOO_MANY, f"{outcome.message} (stopped at the first, as asked)")
        finished = total - counts["pending"]
        bad = counts["quarantined"]
        # the same pictures are judged whatever the order of completion: give up only when no order could pass
        if finished >= _BREAKER_FROM and bad > self.options.max_bad * total:
            self.journal.commit()
            raise JobStop(
                EXIT_TOO_MANY,
                f"{bad} of {finished} inputs are bad, more than {self.options.max_bad:.0%} of all; the last: "
                f"{outcome.message} Raise --max-bad to go on.",
            )

    def _count(self, outcome: Outcome) -> None:
        for name, seconds in outcome.timings.items():
            self.timings[name] = self.timings.get(name, 0.0) + seconds

    def _save_timings(self) -> None:
        self.journal.put("timings", self.timings)


def _same_recipe(out: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    for name in now:
        if before.get(name) == now[name]:
            continue
        if name in ("keys", "inputs"):
            what = f"the list of inputs has changed ({before.get('inputs')} then, {now['inputs']} now)"
        elif name == "pipeline":
            what = "the pipeline is another one"
        else:
            what = f"{name} was {json.dumps(before.get(name))} and is {json.dumps(now[name])}"
        raise JobStop(EXIT_OUTPUT, f"{out}: belongs to another job: {what}. Choose another --out.")


def _chosen(keys: tuple[str, ...]) -> frozenset[str]:
    """Choose the pictures for the report: those with the least digests, so that every run chooses the same."""
    ranked = sorted(keys, key=lambda k: hashlib.blake2b(k.encode("utf-8", "surrogatepass"), digest_size=8).digest())
    return frozenset(ranked[:SHOWN])


def with_seed(pipeline: Pipeline, seed: int | None) -> Pipeline:
    """Give the pipeline with another seed, when one is asked for."""
    return pipeline if seed is None else pipeline.with_options(seed=seed)
