"""Plain NumPy batches, read ahead by threads; for JAX, scikit-learn, or a loop of one's own."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from opsin.datasets.loops.order import Order, whole_number
from opsin.errors import ParamError, refusal

if TYPE_CHECKING:
    from opsin.torch.dataset import Dataset

__all__ = ["Batches", "batches"]


def batches(
    source: Any,
    pipeline: Any = None,
    batch_size: int = 32,
    mode: Any = "train",
    *,
    shuffle: bool = True,
    seed: int = 0,
    threads: int = 4,
    drop_last: bool = False,
    rank: int = 0,
    world: int = 1,
    **options: Any,
) -> Batches:
    """Iterate over a data set in NumPy batches.

        for images, targets in opsin.datasets.loops.batches("photos", pipeline, 32): ...

    Each `for` is one pass; the epoch counts up by itself. `state_dict` and `load_state_dict` go on after a stop.

    Args:
        source: as for `opsin.torch.Dataset`.
        pipeline: as there.
        batch_size: samples a batch.
        mode: `train` or `infer`.
        shuffle: False keeps the order of the data set.
        seed: of the order.
        threads: how many samples are worked on at once; Opsin leaves Python's lock while it computes.
        drop_last: leave out a last batch that is not full.
        rank: which of several processes that train together this is.
        world: how many there are.
        options: of `opsin.torch.Dataset`.

    Returns:
        an iterable of (images N C H W, targets), or of images where there are no targets; pictures of several sizes
        come as a list; targets are an array of class numbers or a list of dicts.
    """
    from opsin.torch.dataset import Dataset

    data = source if isinstance(source, Dataset) else Dataset(source, pipeline, mode, tensors=False, **options)
    order = Order(len(data), shuffle, seed, rank, world)
    return Batches(data, order, batch_size, threads, drop_last)


class Batches:
    """See `batches`."""

    def __init__(self, data: Dataset, order: Order, batch_size: int, threads: int, drop_last: bool) -> None:
        self.data, self.order = data, order
        self.batch_size = whole_number("batches", "batch_size", batch_size, 1)
        self.threads = whole_number("batches", "threads", threads, 1)
        self.drop_last = drop_last
        self._next: int | None = None
        self._start = self._given = 0

    def set_epoch(self, epoch: int) -> None:
        """Say which pass comes next, from its beginning."""
        self.data.set_epoch(epoch)
        self._next, self._start, self._given = epoch, 0, 0

    def __len__(self) -> int:
        n = len(self.order)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        epoch = self.data.epoch if self._next is None else self._next
        self.data.set_epoch(epoch)
        self._next, self._given = epoch, 0
        places = self.order.places(epoch)[self._start :]
        with ThreadPoolExecutor(self.threads) as pool:
            ahead: deque[Future[Any]] = deque()
            rest = iter(places)
            batch: list[Any] = []
            try:
                for _ in range(self.threads + self.batch_size):
                    self._hand_out(pool, ahead, rest)
                while ahead:
                    batch.append(ahead.popleft().result())
                    self._hand_out(pool, ahead, rest)
                    if len(batch) == self.batch_size:
                        yield self._whole(batch)
                        batch = []
                if batch and not self.drop_last:
                    yield self._whole(batch)
            finally:
                for future in ahead:
                    future.cancel()
        self._next, self._start, self._given = epoch + 1, 0, 0

    def _hand_out(self, pool: ThreadPoolExecutor, ahead: deque[Future[Any]], rest: Iterator[int]) -> None:
        place = next(rest, None)
        if place is not None:
            ahead.append(pool.submit(self.data.__getitem__, place))

    def _whole(self, batch: list[Any]) -> Any:
        self._given += len(batch)
        return stack(batch)

    def state_dict(self) -> dict[str, int]:
        """Say how far the loop is."""
        epoch = self.data.epoch if self._next is None else self._next
        return {"epoch": epoch, "samples": self._start + self._given}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Go on where a state was taken."""
        if set(state) != {"epoch", "samples"}:
            raise ParamError(refusal("load_state_dict", "state", "what state_dict gave", dict(state)))
        self._next, self._start, self._given = int(state["epoch"]), int(state["samples"]), 0
        self.data.set_epoch(self._next)


def stack(samples: list[Any]) -> Any:
    """Make a batch of NumPy samples; what cannot be stacked stays a list."""
    if not isinstance(samples[0], tuple):
        return _images(samples)
    images, targets = zip(*samples, strict=True)
    plain = all(isinstance(t, int | float | np.number) for t in targets)
    return _images(images), np.array(targets) if plain else list(targets)


def _images(images: Any) -> Any:
    return np.stack(images) if len({i.shape for i in images}) == 1 else list(images)
