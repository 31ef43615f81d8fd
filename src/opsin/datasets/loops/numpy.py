"""Plain NumPy batches, read ahead by threads; for JAX, scikit-learn, or a loop of one's own."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from copy import copy
from typing import TYPE_CHECKING, Any

from opsin.datasets.loops.order import Order, whole_number
from opsin.errors import ParamError, refusal
from opsin.torch.collate import collate

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

    if not isinstance(source, Dataset):
        workers = whole_number("batches", "threads", threads, 1)
        source = Dataset(source, pipeline, mode, tensors=False, threads=workers, **options)
    data = copy(source)
    data.tensors = False
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
        whole = len(places) - len(places) % self.batch_size if self.drop_last else len(places)
        chunks = [places[k : min(k + self.batch_size, whole)] for k in range(0, whole, self.batch_size)]
        for batch in self._ahead(chunks):
            self._given += len(batch)
            yield collate(batch)
        self._next, self._start, self._given = epoch + 1, 0, 0

    def _ahead(self, chunks: Sequence[Sequence[int]]) -> Iterator[Sequence[Any]]:
        """Give the samples of every batch while the next ones are worked on."""
        # a batch that is worked on at once has threads of its own
        at_once, threads = self.data.at_once, self.threads
        with ThreadPoolExecutor(1 if at_once else threads) as pool:
            ahead: deque[list[Future[Any]]] = deque()
            rest = iter(chunks)
            try:
                while True:
                    while len(ahead) < 2 or (not at_once and sum(map(len, ahead)) < threads + self.batch_size):
                        chunk = next(rest, None)
                        if chunk is None:
                            break
                        work = (
                            [(self.data.__getitems__, chunk)]
                            if at_once
                            else [(self.data.__getitem__, p) for p in chunk]
                        )
                        ahead.append([pool.submit(*job) for job in work])
                    if not ahead:
                        return
                    done = [future.result() for future in ahead.popleft()]
                    yield done[0] if at_once else done
            finally:
                for future in [f for futures in ahead for f in futures]:
                    future.cancel()

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
