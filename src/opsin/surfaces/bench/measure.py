"""Take turns: every contender runs in every round, the order turned round each time; medians and ratios come out."""

from __future__ import annotations

import contextlib
import os
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

from opsin.pipeline import Pipeline
from opsin.sample import Sample
from opsin.surfaces.bench.aims import SHARED, THREADS, aim, met
from opsin.surfaces.bench.folder import dataset_of
from opsin.surfaces.bench.gates import Gate, gate
from opsin.surfaces.bench.peers import BOXES, PEERS, Peer, Together
from opsin.surfaces.bench.pipelines import PIPELINES

__all__ = [
    "BATCH",
    "BATCHED",
    "BY_HAND",
    "DATASET",
    "ITEMS",
    "OPEN",
    "SINGLE",
    "TWO",
    "Result",
    "interleaved",
    "measure",
    "ours",
    "processors",
    "theirs",
]

BATCH = 16
SINGLE, BATCHED, TWO, OPEN = "opsin", "opsin, batch", "opsin, batch, 2 threads", "opsin, batch, frames open"
DATASET, ITEMS = "opsin.torch.Dataset, batches", "opsin.torch.Dataset, sample by sample"  # files on disk
EXPERT = "OpenCV, hand-written"
BY_HAND = f"{EXPERT}, in a data set of its own"  # which reads files and boxes as well
SIDE = "opsin, batch, two runs side by side"  # what this machine has in it: nothing is shared, nobody waits
Run = Callable[[], object]


@dataclass
class Result:
    """One pipeline's figures: seconds a picture by contender, and the quality of the fused result.

    Args:
        name: P1 to P6.
        seconds: medians over the rounds, a picture.
        left_out: peers that did not run, and why.
        gate: the quality that was measured beside the speed.
        share: the part of the one-thread time in which this process had the processor; 1 on an idle machine.
    """

    name: str
    seconds: dict[str, float]
    left_out: dict[str, str] = field(default_factory=dict)
    gate: Gate | None = None
    share: float = 1.0

    def ratio(self, to: str, of: str = BATCHED) -> float:
        """Say how many times faster Opsin is."""
        return self.seconds[to] / self.seconds[of]

    def best(self, *kinds: str) -> str | None:
        """Name the fastest peer of these kinds."""
        there = [p for p, peer in PEERS.items() if peer.kind in kinds and p in self.seconds]
        return min(there, key=lambda p: self.seconds[p]) if there else None

    def verdicts(self) -> dict[str, str]:
        """Say of each figure that is asked for what it is and whether it is as asked."""
        from opsin.kernels import native

        asked, out = aim(self.name, native.simd_level() if native.available() else ""), {}

        def say(what: str, peer: str | None, must: float, goal: float | None, way: str = BATCHED) -> None:
            if peer is not None and peer in self.seconds and way in self.seconds:
                ratio = self.ratio(peer, way)
                out[what] = f"{ratio:.2f} x {peer} ({met(ratio, must, goal)})"

        say("best peer", self.best("hand-written", "library"), asked.must, asked.goal)
        peer = self.best("hand-written", "library")
        say("best peer, single calls", peer, asked.must, None, SINGLE)
        for way, what in ((DATASET, "torch.Dataset, batches"), (ITEMS, "torch.Dataset, sample by sample")):
            say(what, BY_HAND, asked.must, None, way)
        library = self.best("library")
        if library is not None and asked.library is None:
            out["best library"] = f"{self.ratio(library):.2f} x {library}"
        elif asked.library is not None:
            say("best library", library, *asked.library)
        if asked.torchvision is not None:
            say("torchvision", "torchvision v2, tensors", *asked.torchvision)
        floor = self.best("floor")
        if floor is not None:
            ratio = self.ratio(floor)
            out["decode + one write"] = (
                f"{ratio:.2f} x (goal {asked.floor:g}: {'met' if ratio >= asked.floor else 'NOT met'})"
            )
        if TWO in self.seconds:
            gain, apart = self.seconds[BATCHED] / self.seconds[TWO], self.seconds[BATCHED] / self.seconds[SIDE]
            says = met(gain, *THREADS)
            if SHARED * apart <= gain < THREADS[0]:
                says = f"must {THREADS[0]:g}: cannot be said here, the machine did not have two processors to give"
            out["two threads"] = f"{gain:.2f} x one ({says})"
            out["two runs side by side"] = f"{apart:.2f} x one alone"
        if OPEN in self.seconds:
            out["frames open"] = f"{self.ratio(BATCHED, OPEN):.2f} x frames kept"
        if self.gate is not None:
            out["quality"] = self.gate.says
        return out

    def to_dict(self) -> dict[str, Any]:
        """Give plain data."""
        own = (SINGLE, BATCHED, DATASET, ITEMS, BY_HAND, TWO, SIDE, OPEN)
        notes = {p: PEERS[p].notes[self.name] for p in self.seconds if p in PEERS and self.name in PEERS[p].notes}
        return {
            "pipeline": self.name,
            "ms": {k: round(1000 * v, 4) for k, v in self.seconds.items()},
            "times faster": {p: round(self.ratio(p), 3) for p in self.seconds if p not in own},
            "kinds": {p: PEERS[p].kind for p in self.seconds if p in PEERS},
            "notes": notes,
            "left out": self.left_out,
            "verdicts": self.verdicts(),
            "quality": {} if self.gate is None else self.gate.values,
            "processor share": round(self.share, 3),
        }


def processors() -> int:
    """Say how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def interleaved(contenders: dict[str, Run], rounds: int) -> tuple[dict[str, float], dict[str, float]]:
    """Run everybody once to warm up and then in turns.

    Returns:
        median seconds of one run, and the part of the wall time in which this process was given a processor.
    """
    for run in contenders.values():
        run()
    times: dict[str, list[tuple[float, float]]] = {k: [] for k in contenders}
    order = list(contenders)
    for _ in range(rounds):
        for who in order:
            start, used = time.perf_counter(), time.process_time()
            contenders[who]()
            times[who].append((time.perf_counter() - start, time.process_time() - used))
        order.reverse()
    wall = {k: statistics.median(t for t, _ in v) for k, v in times.items()}
    share = {k: statistics.median(u / t for t, u in v) for k, v in times.items()}
    return wall, share


def measure(name: str, files: Sequence[bytes], rounds: int = 7, only: Sequence[str] | None = None) -> Result:
    """Measure one pipeline on some files.

    Args:
        name: P1 to P6.
        files: JPEGs.
        rounds: how often each contender runs over all files.
        only: names of peers; all by default.
    """
    from opsin.io import decode

    pipeline = PIPELINES[name]
    sources: list[Any] = [decode(f).image for f in files] if name == "P4" else list(files)
    contenders = ours(name, pipeline, sources)
    found, left_out = theirs(name, sources, only)
    wall, share = interleaved({**contenders, **found}, rounds)
    seconds = {k: v / len(sources) / (2 if k == SIDE else 1) for k, v in wall.items()}
    return Result(name, seconds, left_out, gate(name, pipeline, sources), min(1.0, share[BATCHED]))


def theirs(
    name: str, sources: Sequence[Any], only: Sequence[str] | None = None
) -> tuple[dict[str, Run], dict[str, str]]:
    """Give the peers that can run a pipeline here, and why the others cannot."""
    found: dict[str, Run] = {}
    left_out: dict[str, str] = {}
    for title, peer in PEERS.items():
        if only is not None and title not in only:
            continue
        try:
            run = _over(peer, name, sources)
        except (ImportError, OSError) as reason:  # OSError: a library that is there, without what it loads
            left_out[title] = str(reason).splitlines()[0]
            continue
        if run is None:
            left_out[title] = "cannot express it, or nobody would write it so"
        else:
            found[title] = run
    return found, left_out


def _over(peer: Peer, name: str, sources: Sequence[Any]) -> Run | None:
    work = peer.make(name)
    if work is None:
        return None
    if isinstance(work, Together):
        whole = work.run
        return lambda: whole(sources)
    one, epochs = work, count()

    def run() -> None:
        for key, source in enumerate(sources, next(epochs) * len(sources)):
            one(source, key)

    return run


def ours(name: str, pipeline: Pipeline, sources: Sequence[Any]) -> dict[str, Run]:
    """Give Opsin's own ways: calls, batches of 16, a Dataset, two threads; and without canvases in between.

    Every run is a new epoch, as peers have new draws in every run: how long a picture takes depends on what is drawn.
    """
    mode: Any = "infer" if name in ("P1", "P5") else "train"

    def given(part: Sequence[Any]) -> list[Any]:
        return [Sample(s, boxes=BOXES) for s in part] if name == "P6" else list(part)

    def look(sample: Sample | None) -> None:
        if name == "P6" and sample is not None:
            sample.instances  # noqa: B018

    calls = count()

    def single() -> None:
        epoch = next(calls)
        for key, source in enumerate(given(sources)):
            look(pipeline(source, mode=mode, key=key, epoch=epoch))

    def batched(threads: int, by: Pipeline = pipeline) -> Run:
        epochs = count()

        def run() -> None:
            epoch = next(epochs)
            for k in range(0, len(sources), BATCH):
                part = given(sources[k : k + BATCH])
                batch = by.batch(part, keys=range(k, k + len(part)), epoch=epoch, mode=mode, threads=threads)
                for sample in batch.samples:
                    look(sample)

        return run

    disk = dataset_of(name, pipeline, sources)
    out: dict[str, Run] = {SINGLE: single, BATCHED: batched(1)}
    out |= {DATASET: partial(disk.batches, BATCH), ITEMS: disk.one_by_one}
    with contextlib.suppress(ImportError):
        expert = PEERS[EXPERT].make(name) if disk.paths else None
        if expert is not None and not isinstance(expert, Together):
            out[BY_HAND] = disk.by_hand(expert)
    if processors() > 1:
        out[TWO] = batched(2)
        out[SIDE] = _side_by_side(batched(1))
    if name in ("P3", "P6"):
        out[OPEN] = batched(1, pipeline.with_options(frames="open"))
    return out


def _side_by_side(run: Run) -> Run:
    pool = ThreadPoolExecutor(2)

    def both() -> None:
        for done in [pool.submit(run) for _ in range(2)]:
            done.result()

    return both
