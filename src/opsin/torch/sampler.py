"""The order of a map-style data set, told to the data set as well."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from opsin.datasets.loops.order import Order
from opsin.errors import MissingExtra
from opsin.torch.dataset import Dataset

__all__ = ["make"]


def make() -> Any:
    """Make the class `opsin.torch.Sampler`; its base comes from torch."""
    try:
        from torch.utils.data import Sampler as Base
    except ImportError:
        raise MissingExtra("opsin.torch.Sampler", "torch", "torch") from None

    class Sampler(Base):  # type: ignore[misc]
        """An order by addressed draws, another each epoch, which also tells the data set the epoch.

        `DataLoader(dataset, sampler=Sampler(dataset))`: call `set_epoch(n)` on either; Lightning does it by itself.

        Args:
            dataset: the `opsin.torch.Dataset`.
            shuffle: False keeps the order of the data set.
            seed: of the order.
            rank: which of several processes that train together this is.
            world: how many there are.
            even: `pad` or `drop`, see `opsin.datasets.loops.Order`.
            epoch_of: asked for the epoch at the beginning of each pass, instead of `set_epoch`.
        """

        def __init__(
            self,
            dataset: Dataset,
            shuffle: bool = True,
            seed: int = 0,
            rank: int = 0,
            world: int = 1,
            even: str = "pad",
            epoch_of: Callable[[], int] | None = None,
        ) -> None:
            self.dataset, self.epoch_of = dataset, epoch_of
            self.order = Order(len(dataset), shuffle, seed, rank, world, even)

        def set_epoch(self, epoch: int) -> None:
            """Say which pass comes now."""
            self.dataset.set_epoch(epoch)

        def __len__(self) -> int:
            return len(self.order)

        def __iter__(self) -> Iterator[int]:
            if self.epoch_of is not None:
                self.dataset.set_epoch(self.epoch_of())
            return iter(self.order.places(self.dataset.epoch))

    return _public(Sampler)


def _public(made: Any) -> Any:
    """Let a class be found, and pickled, as `opsin.torch.Name`."""
    made.__module__, made.__qualname__ = "opsin.torch", made.__name__
    return made
