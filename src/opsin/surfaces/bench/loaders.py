"""Two threads of Opsin against two processes of a library's usual loader, torch's DataLoader."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from opsin.errors import MissingExtra, OpsinError
from opsin.surfaces.bench.aims import LOADERS, met
from opsin.surfaces.bench.folder import dataset_of
from opsin.surfaces.bench.measure import BATCH, TWO, ours, processors
from opsin.surfaces.bench.peers import PEERS, Together, Work
from opsin.surfaces.bench.pipelines import PIPELINES
from opsin.torch import collate

__all__ = ["measure_loaders"]

_DATASET = "opsin.torch.Dataset in torch's DataLoader"  # two threads as well, files on disk
_BY_HAND = "Pillow, draft mode"  # has to be asked for, file by file, as no loader does; shown, and not what is asked of
_EPOCH, _LARGE = 192, 32  # pictures in a pass over the small files, over the large ones: enough to get going


class _Files:
    """A map-style data set that does a peer's work in the worker process, where it is made as well."""

    def __init__(self, title: str, name: str, sources: Sequence[Any], length: int) -> None:
        self.title, self.name, self.sources, self.length = title, name, sources, length
        self.work: Work | None = None

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, i: int) -> Any:
        import torch

        if self.work is None:
            made = PEERS[self.title].make(self.name)
            assert made is not None and not isinstance(made, Together)
            self.work = made
        return torch.as_tensor(self.work(self.sources[i % len(self.sources)], i))


def _loader(files: Any, length: int, **options: Any) -> Callable[[], object]:
    """Give a pass of torch's DataLoader over a map-style data set."""
    from torch.utils.data import DataLoader

    loader: Any = DataLoader(files, batch_size=min(BATCH, max(1, length // 4)), **options)

    def run() -> int:
        return sum(len(part[0] if isinstance(part, tuple) else part) for part in loader)

    return run


def measure_loaders(
    name: str, files: Sequence[bytes], rounds: int = 5, only: Sequence[str] | None = None
) -> dict[str, Any]:
    """Measure one pipeline as training loops load it: batches of 16, everybody in turns.

    Args:
        name: P1 to P6.
        files: JPEGs.
        rounds: how often each contender makes a pass.
        only: names of peers; all libraries by default.

    Returns:
        plain data: pictures a second by contender, and how many times the best library's loader Opsin is.

    Raises:
        MissingExtra: torch is not installed.
        OpsinError: there is one processor.
    """
    try:
        import torch
    except ImportError as reason:
        raise MissingExtra("bench loaders:", "torch", "torch") from reason
    from opsin.io import decode

    torch.set_num_threads(1)
    sources: list[Any] = [decode(f).image for f in files] if name == "P4" else list(files)
    passes = max(1, (_LARGE if name == "P5" else _EPOCH) // len(sources))
    length = passes * len(sources)
    if processors() < 2:
        raise OpsinError("bench loaders: it compares two threads with two processes and needs two processors.")
    own = ours(name, PIPELINES[name], sources * passes)[TWO]
    disk = dataset_of(name, PIPELINES[name], sources * passes)
    contenders: dict[str, Callable[[], object]] = {"opsin, two threads": own}
    contenders[_DATASET] = _loader(disk.dataset, length, collate_fn=collate)
    left_out: dict[str, str] = {}
    for title, peer in PEERS.items():
        if peer.kind == "floor" or (only is not None and title not in only):
            continue
        try:
            work = peer.make(name)
        except (ImportError, OSError) as missing:
            left_out[title] = str(missing).splitlines()[0]
            continue
        if work is None or isinstance(work, Together):
            left_out[title] = "cannot express it" if work is None else "has a loader of its own"
            continue
        processes = {"num_workers": 2, "persistent_workers": True, "multiprocessing_context": "fork"}
        contenders[title] = _loader(_Files(title, name, sources, length), length, **processes)
    seconds = _turns(contenders, rounds)
    speeds = {k: length / v for k, v in seconds.items()}
    libraries = {k: v for k, v in speeds.items() if k in PEERS and PEERS[k].kind == "library" and k != _BY_HAND}
    out: dict[str, Any] = {
        "pipeline": name,
        "pictures a second": {k: round(v, 1) for k, v in speeds.items()},
        "left out": left_out,
    }
    if libraries:
        best = max(libraries, key=lambda k: libraries[k])
        ratio = speeds["opsin, two threads"] / libraries[best]
        out["best library"] = best
        out["times faster"] = round(ratio, 3)
        out["says"] = f"{ratio:.2f} x two processes of {best} ({met(ratio, LOADERS[name])})"
        if _BY_HAND in speeds:
            out["says"] += f"; {speeds['opsin, two threads'] / speeds[_BY_HAND]:.2f} x {_BY_HAND}"
        out["says"] += f"; {_DATASET} {speeds[_DATASET] / libraries[best]:.2f} x"
    return out


def _turns(contenders: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    for run in contenders.values():
        run()
    times: dict[str, list[float]] = {k: [] for k in contenders}
    order = list(contenders)
    for _ in range(rounds):
        for who in order:
            start = time.perf_counter()
            contenders[who]()
            times[who].append(time.perf_counter() - start)
        order.reverse()
    return {k: statistics.median(v) for k, v in times.items()}
