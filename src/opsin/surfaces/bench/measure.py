"""Take turns: every contender runs in every round, the order turned round each time; medians and ratios come out."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from opsin.pipeline import Pipeline
from opsin.sample import Sample
from opsin.surfaces.bench.peers import BOXES, PEERS
from opsin.surfaces.bench.pipelines import PIPELINES

__all__ = ["Result", "measure"]

OURS = ("opsin", "opsin, batch", "opsin, batch, 2 threads")


@dataclass
class Result:
    """One pipeline's figures: seconds a picture by contender, and the quality of the fused result."""

    name: str
    seconds: dict[str, float]
    left_out: dict[str, str] = field(default_factory=dict)
    worst_db: float = 0.0
    median_db: float = 0.0

    def ratio(self, to: str, of: str = "opsin, batch") -> float:
        """Say how many times faster Opsin is."""
        return self.seconds[to] / self.seconds[of]

    def to_dict(self) -> dict[str, Any]:
        """Give plain data."""
        ratios = {peer: round(self.ratio(peer), 3) for peer in self.seconds if peer not in OURS}
        return {
            "pipeline": self.name,
            "ms": {k: round(1000 * v, 4) for k, v in self.seconds.items()},
            "times faster": ratios,
            "left out": self.left_out,
            "worst dB": round(self.worst_db, 2),
            "median dB": round(self.median_db, 2),
        }


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
    contenders = _ours(name, pipeline, sources)
    left_out: dict[str, str] = {}
    for peer, make in PEERS.items():
        if only is not None and peer not in only:
            continue
        try:
            work = make(name)
        except ImportError as reason:
            left_out[peer] = str(reason)
            continue
        if work is None:
            left_out[peer] = "cannot express it"
        else:
            contenders[peer] = _over(work, sources)
    for run in contenders.values():
        run()
    times: dict[str, list[float]] = {k: [] for k in contenders}
    order = list(contenders)
    for _ in range(rounds):
        for who in order:
            start = time.perf_counter()
            contenders[who]()
            times[who].append((time.perf_counter() - start) / len(sources))
        order.reverse()
    quality = _quality(pipeline, sources)
    seconds = {k: statistics.median(v) for k, v in times.items()}
    return Result(name, seconds, left_out, min(quality), statistics.median(quality))


def _over(work: Callable[[Any, int], Any], sources: Sequence[Any]) -> Callable[[], None]:
    def run() -> None:
        for key, source in enumerate(sources):
            work(source, key)

    return run


def _ours(name: str, pipeline: Pipeline, sources: Sequence[Any]) -> dict[str, Callable[[], None]]:
    mode: Any = "infer" if name in ("P1", "P5") else "train"
    keys = range(len(sources))

    def given() -> list[Any]:
        if name != "P6":
            return list(sources)
        return [Sample(s, boxes=BOXES) for s in sources]

    def look(sample: Sample) -> None:
        if name == "P6":
            sample.instances  # noqa: B018

    def single() -> None:
        for key, source in zip(keys, given(), strict=True):
            look(pipeline(source, mode=mode, key=key, epoch=0))

    side = 640 if name == "P6" else 224
    shape = (len(sources), 3, *sources[0].shape[:2]) if name == "P4" else (len(sources), 3, side, side)
    out = np.zeros(shape, np.float32)

    def batched(threads: int) -> Callable[[], None]:
        def run() -> None:
            batch = pipeline.batch(given(), keys=keys, epoch=0, mode=mode, threads=threads, out=out)
            for sample in batch.samples:
                if sample is not None:
                    look(sample)

        return run

    return dict(zip(OURS, (single, batched(1), batched(2)), strict=True))


def _quality(pipeline: Pipeline, sources: Sequence[Any]) -> list[float]:
    """PSNR of the fused result against every step by itself on floats that were never rounded."""
    from opsin.arrays import to_unit
    from opsin.io import decode

    slow = pipeline.with_options(fuse=False)
    out = []
    for key, source in list(enumerate(sources))[:12]:
        image = source if isinstance(source, np.ndarray) else decode(source).image
        fused = pipeline(source, mode="train", key=key, epoch=0).image
        truth = slow(to_unit(image), mode="train", key=key, epoch=0).image
        scale = 0.225 if pipeline.ids and any(n == "normalize" for n in pipeline.ids.values()) else 1.0
        error = float((((fused.astype(np.float64) - truth) * scale) ** 2).mean())
        out.append(99.0 if error == 0 else float(-10 * np.log10(error)))
    return out
