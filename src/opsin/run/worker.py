"""What one worker does with one item: read, run the pipeline, encode, write, and say how it went."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from opsin.errors import DecodeError, OpsinError
from opsin.run.journal import Outcome

if TYPE_CHECKING:
    from opsin.datasets import DataSet
    from opsin.datasets.writer import Writer
    from opsin.pipeline import Pipeline
    from opsin.pipeline.pipeline import Mode
    from opsin.sample import Sample

__all__ = ["Setup", "Task", "do", "work"]

THUMB = 240


@dataclass(frozen=True)
class Setup:
    """What every worker is told once.

    Args:
        data: the data set without its entries: enough to load one.
        writer: encodes samples in the target format.
        pipeline: what to run.
        out: the output folder.
        epoch: which pass over the data.
        train_splits: splits that run in training mode; None where no split does, ("*",) where all do.
        memory: bytes of address space a worker may use, 0 for no limit.
        partners: the whole data set, where the pipeline mixes samples.
    """

    data: DataSet
    writer: Writer
    pipeline: Pipeline
    out: Path
    epoch: int
    train_splits: tuple[str, ...]
    memory: int
    partners: DataSet | None = None


@dataclass(frozen=True)
class Task:
    """One item: an entry of the data set and which draw of it."""

    id: int
    key: str
    variant: int
    split: str | None
    entry: Any
    shown: bool


def work(setup: Setup, pipe: Any) -> None:
    """Serve tasks from a pipe until it closes; runs in a process of its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _die_with_parent()
    _limit(setup.memory)
    with contextlib.suppress(EOFError, OSError):
        pipe.send("ready")
        while True:
            task: Task = pipe.recv()
            pipe.send(do(setup, task))


def _die_with_parent() -> None:
    """Ask the kernel to end this process when its parent dies (Linux); elsewhere the closed pipe does it."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _limit(memory: int) -> None:
    import resource

    if memory:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def do(setup: Setup, task: Task) -> Outcome:
    """Run one item to its end; every failure becomes an outcome, only a full disk stops the job."""
    clock = _Clock()
    progress = _Progress()
    try:
        return _do(setup, task, clock, progress)
    except DecodeError as reason:
        stage = "read" if reason.kind in ("not_a_file", "unreadable") else "decode"
        # the message without the machine's path, so that every machine writes the same line
        return _failed(progress, stage, reason.kind, f"{task.entry.path}: {reason.message}")
    except MemoryError:
        return _failed(progress, progress.stage, "oom", f"{task.key}: needed more memory than a worker may use.")
    except OpsinError as reason:
        kind = type(reason).__name__.removesuffix("Error").lower()
        return _failed(progress, progress.stage, kind, f"{task.key}: {reason}")
    except OSError as reason:
        if progress.stage == "write":
            return Outcome("pending", stage="write", kind="disk", message=str(reason))
        return _failed(progress, progress.stage, "unreadable", f"{task.key}: {reason.strerror or reason}.")
    except Exception as reason:
        return _failed(progress, progress.stage, "error", f"{task.key}: {type(reason).__name__}: {reason}")


class _Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self._last
        self._last = now


class _Progress:
    """How far an item came, so that a failure names its stage and shows the picture where there is one."""

    def __init__(self) -> None:
        self.stage = "read"
        self.sample: Sample | None = None


def _failed(progress: _Progress, stage: str, kind: str, message: str) -> Outcome:
    before = None
    if progress.sample is not None:
        with contextlib.suppress(Exception):
            before = thumbnail(progress.sample)
    return Outcome("quarantined", stage=stage, kind=kind, message=" ".join(message.split()), before=before)


def _do(setup: Setup, task: Task, clock: _Clock, progress: _Progress) -> Outcome:
    # Files are decoded whole, unless the pipeline says that parts will do: then it decodes them as it does in training
    # and in serving. The facts are looked at before, so that they are those of the very bytes that it gets.
    fast = setup.pipeline.decode == "fast"
    sample, findings = setup.data.unread_checked(task.entry) if fast else setup.data.load_checked(task.entry)
    sample.facts  # noqa: B018
    progress.sample, progress.stage = sample, "pipeline"
    later = sample.unread is not None
    clock.lap("read" if later else "read and decode")
    mode: Mode = "train" if "*" in setup.train_splits or task.split in setup.train_splits else "infer"
    steps: dict[str, float] = {}
    out = setup.pipeline.run(
        sample,
        mode=mode,
        key=task.key,
        epoch=setup.epoch,
        draw=task.variant,
        partners=setup.partners,
        timings=steps,
    )
    clock.lap("decode and pipeline" if later else "pipeline")
    facts = facts_of(sample, out, findings)
    before = _before(sample) if task.shown or out.filtered is not None else None
    timings = {f"step {name}": seconds for name, seconds in steps.items()}
    if out.filtered is not None:
        clock.lap("report pictures")
        return Outcome(
            "filtered",
            facts=facts,
            stage="pipeline",
            kind="filtered",
            message=f"{task.key}: {out.filtered}",
            before=before,
            timings=clock.seconds | timings,
        )
    after = thumbnail(out) if task.shown else None
    clock.lap("report pictures")
    progress.stage = "write"
    outputs = []
    for name, data in setup.writer.encode(out, task.key, task.variant, task.split, entry=task.entry):
        clock.lap("encode")
        _write(setup.out / name, data)
        outputs.append((name, hashlib.sha256(data).hexdigest(), len(data)))
        clock.lap("write")
    record = setup.writer.record(out, task.key, task.variant, task.split, entry=task.entry)
    clock.lap("encode")
    return Outcome(
        "done", outputs=outputs, record=record, facts=facts, before=before, after=after, timings=clock.seconds | timings
    )


def _write(path: Path, data: bytes) -> None:
    from opsin.io import write_bytes

    try:
        write_bytes(path, data)
    except FileNotFoundError:
        os.makedirs(path.parent, exist_ok=True)
        write_bytes(path, data)


def _before(sample: Sample) -> bytes | None:
    """Draw a sample as it came; a file that was decoded in part may be damaged elsewhere, and then there is none."""
    with contextlib.suppress(DecodeError):
        return thumbnail(sample)
    return None


def facts_of(before: Sample, after: Sample, findings: Any) -> dict[str, Any]:
    """Collect what the report and opsin.json want to know of one item."""
    from opsin.run.figures import channel_sums

    source = before.facts
    facts: dict[str, Any] = {
        "in": [before.size.width, before.size.height],
        "out": list(after.image.shape),
        "dtype": str(after.image.dtype),
    }
    if source is not None:
        facts["digest"] = source.digest
        facts["format"] = source.format
        facts["bytes"] = source.bytes
        facts["turned"] = source.orientation != 1
        if not after.whole:
            facts["in part"] = True
        notes = [[note.code, note.message] for note in source.notes]
        if notes:
            facts["notes"] = notes
    if findings:
        facts["findings"] = [[f.file, f.record, f.rule, f.message, f.repaired] for f in findings]
    if after.label is not None:
        facts["label"] = after.label if isinstance(after.label, int | str | float) else str(after.label)
    table = after.instances
    if len(after.original_instances):
        facts["objects"] = [len(after.original_instances), len(table)]
        names = (
            [table.class_name(i) or str(table.labels[i]) for i in range(len(table))] if table.labels is not None else []
        )
        facts["classes"] = {name: names.count(name) for name in dict.fromkeys(names)}
        dropped = [d.reason for d in after.dropped]
        if dropped:
            facts["dropped"] = {reason: dropped.count(reason) for reason in sorted(set(dropped))}
        if table.boxes is not None:
            facts["sides"] = [[round(float(b[2] - b[0]), 3), round(float(b[3] - b[1]), 3)] for b in table.boxes]
    if "digest" in after.results:
        facts["unique"] = str(after.results["digest"])
    facts["sums"] = channel_sums(after.image)
    return facts


def thumbnail(sample: Sample) -> bytes:
    """Draw a sample with its annotations, small, as WebP; it is shrunk first, so that words stay readable."""
    from opsin.draw import displayable
    from opsin.geometry import Size, Warp, stretch
    from opsin.io import encode
    from opsin.kernels.resize import resize

    w, h = sample.size
    scale = min(1.0, THUMB / max(h, w))
    size = Size(max(1, round(w * scale)), max(1, round(h * scale)))
    picture = displayable(sample.image)
    small = resize(picture, size.width, size.height)
    if (picture.shape[1], picture.shape[0]) == (w, h) and scale < 1.0:
        matrix = stretch(size.width / w, size.height / h)
        sample = sample.moved(Warp.of(matrix, Size(w, h), size, kernel="pillow-bilinear"), small)
    # effort 2: half the time of the usual 4 for pictures that are hardly larger
    return encode(np.ascontiguousarray(sample.show()), "webp", quality=82, effort=2)
