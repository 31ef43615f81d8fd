"""Which sample comes when: an order that depends on the seed and the epoch, never on who asks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from opsin.chance import Rng
from opsin.errors import ParamError, refusal

__all__ = ["Order"]


@dataclass(frozen=True)
class Order:
    """The order of one data set's samples.

    Args:
        count: how many samples.
        shuffle: by addressed draw, another order each epoch; False keeps the data set's order.
        seed: of the order.
        rank: which of several processes that train together this is.
        world: how many there are; all get equally many samples.
        even: how they get equally many: `pad` repeats the first samples, `drop` leaves out the last.
    """

    count: int
    shuffle: bool = True
    seed: int = 0
    rank: int = 0
    world: int = 1
    even: str = "pad"

    def __post_init__(self) -> None:
        if self.even not in ("pad", "drop"):
            raise ParamError(refusal("Order", "even", "pad or drop", self.even))
        if self.world < 1 or not 0 <= self.rank < self.world:
            raise ParamError(refusal("Order", "rank", f"from 0 to {self.world - 1}", self.rank))

    def __len__(self) -> int:
        """How many samples this rank gets."""
        return -(-self.count // self.world) if self.even == "pad" else self.count // self.world

    def places(self, epoch: int) -> list[int]:
        """Give the positions of this rank's samples in one pass."""
        order = Rng(self.seed, epoch, key="order")
        whole = order.permutation("order", self.count) if self.shuffle else range(self.count)
        if self.world == 1:
            return list(whole)
        total = len(self) * self.world
        padded = [*whole, *(whole[i % self.count] for i in range(total - self.count))] if self.count else []
        return padded[self.rank : total : self.world]

    def share(self, epoch: int, batch: int, worker: int, workers: int, start: int = 0) -> Iterator[int]:
        """Give one worker's samples: whole batches in turn, so that batches come out in order for any workers.

        Args:
            epoch: which pass.
            batch: samples a batch.
            worker: which worker.
            workers: how many.
            start: how many samples of this rank were given before.
        """
        rest = self.places(epoch)[start:]
        for begin in range(worker * batch, len(rest), workers * batch):
            yield from rest[begin : begin + batch]


def whole_number(where: str, name: str, value: Any, least: int) -> int:
    """Check a count."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ParamError(refusal(where, name, f"a whole number of at least {least}", value))
    return value
