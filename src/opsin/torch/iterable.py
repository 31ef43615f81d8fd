"""A stream of samples for `DataLoader`: the same batches for any number of workers, resumable at any batch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from opsin.datasets.loops.order import Order, whole_number
from opsin.errors import MissingExtra, ParamError, refusal
from opsin.torch.dataset import Dataset
from opsin.torch.sampler import _public

__all__ = ["make"]


def make() -> Any:
    """Make the class `opsin.torch.IterableDataset`; its base comes from torch."""
    try:
        import torch
        from torch.utils.data import IterableDataset as Base
    except ImportError:
        raise MissingExtra("opsin.torch.IterableDataset", "torch", "torch") from None

    class IterableDataset(Base):  # type: ignore[misc]
        """A data set with a pipeline as a stream.

        The order is drawn from the seed and the epoch. Workers take whole batches in turn, so 0, 1 or 8 workers give
        the same batches in the same order. `state_dict` says how far the stream is; after `load_state_dict` it goes on
        at the very next sample, with any number of workers.

            stream = IterableDataset("photos", pipeline, batch_size=32)
            for epoch in range(10):
                stream.set_epoch(epoch)
                for images, targets in stream.loader(num_workers=4): ...

        Args:
            source: as for `Dataset`.
            pipeline: as for `Dataset`.
            mode: as for `Dataset`.
            batch_size: the `batch_size` of the `DataLoader` that will be used.
            shuffle: False keeps the order of the data set.
            seed: of the order.
            rank: which of several processes that train together this is; from `torch.distributed` when not given.
            world: how many there are; from `torch.distributed` when not given.
            even: `pad` or `drop`, see `opsin.datasets.loops.Order`.
            options: of `Dataset`.
        """

        def __init__(
            self,
            source: Any,
            pipeline: Any = None,
            mode: Any = "train",
            *,
            batch_size: int = 1,
            shuffle: bool = True,
            seed: int = 0,
            rank: int | None = None,
            world: int | None = None,
            even: str = "pad",
            **options: Any,
        ) -> None:
            self.dataset = source if isinstance(source, Dataset) else Dataset(source, pipeline, mode, **options)
            self.batch_size = whole_number("IterableDataset", "batch_size", batch_size, 1)
            if world is None and torch.distributed.is_available() and torch.distributed.is_initialized():
                rank, world = torch.distributed.get_rank(), torch.distributed.get_world_size()
            self.order = Order(len(self.dataset), shuffle, seed, rank or 0, world or 1, even)
            # in shared memory: workers that live on between passes learn where to begin
            self._start = torch.zeros(1, dtype=torch.int64).share_memory_()
            self._skip = self._taken = 0

        @property
        def epoch(self) -> int:
            """Which pass over the data."""
            return self.dataset.epoch

        def set_epoch(self, epoch: int) -> None:
            """Say which pass comes now, from its beginning; setting the present one again changes nothing."""
            if epoch != self.dataset.epoch:
                self._start[0] = self._skip = self._taken = 0
            self.dataset.set_epoch(epoch)

        def __len__(self) -> int:
            return len(self.order)

        def __iter__(self) -> Iterator[Any]:
            info = torch.utils.data.get_worker_info()
            worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
            self._taken, self._skip = self._skip, 0
            mine = self.order.share(self.epoch, self.batch_size, worker, workers, int(self._start[0]))
            places = islice(mine, self._taken, None)
            while chunk := list(islice(places, self.batch_size)):
                for sample in self.dataset.__getitems__(chunk):
                    self._taken += 1
                    yield sample
            if info is None:
                self._start[0] = self._taken = 0

        # --- going on after a stop ------------------------------------------------------------------------------
        def state_dict(self) -> dict[str, int]:
            """Say how far the stream is in this process: what was left out at first, and what was given since.

            Workers read ahead, so the stream in the main process knows its place only without workers: with workers
            ask the loader (`loader()`, or torchdata's `StatefulDataLoader`, which asks every worker).
            """
            return {"epoch": self.epoch, "samples": int(self._start[0]), "taken": self._taken}

        def load_state_dict(self, state: Mapping[str, int]) -> None:
            """Go on where a state was taken."""
            if set(state) != {"epoch", "samples", "taken"}:
                raise ParamError(refusal("load_state_dict", "state", "what state_dict gave", dict(state)))
            self.dataset.set_epoch(state["epoch"])
            self._start[0] = whole_number("load_state_dict", "samples", state["samples"], 0)
            self._skip = self._taken = whole_number("load_state_dict", "taken", state["taken"], 0)

        def loader(self, **options: Any) -> _Loader:
            """Give a loader over the stream that knows its place; options are those of `DataLoader`."""
            return _Loader(self, options)

    class _Loader:
        """A `DataLoader` that counts what the loop has had."""

        def __init__(self, stream: IterableDataset, options: dict[str, Any]) -> None:
            self.stream = stream
            self.loader = torch.utils.data.DataLoader(stream, batch_size=stream.batch_size, **options)
            self._batches = 0

        def __len__(self) -> int:
            return math.ceil(len(self.stream) / self.stream.batch_size)

        def __iter__(self) -> Iterator[Any]:
            stream = self.stream
            # what one process had taken is left out by all from now on
            stream._start[0] += stream._skip
            stream._skip = self._batches = 0
            for batch in self.loader:
                self._batches += 1
                yield batch
            stream._start[0] = self._batches = 0

        def state_dict(self) -> dict[str, int]:
            """Say how far the loop is; with this state any number of workers can go on."""
            done = int(self.stream._start[0]) + self._batches * self.stream.batch_size
            return {"epoch": self.stream.epoch, "samples": min(done, len(self.stream)), "taken": 0}

        def load_state_dict(self, state: Mapping[str, int]) -> None:
            """Go on where a state was taken."""
            self.stream.load_state_dict(state)

    return _public(IterableDataset)
