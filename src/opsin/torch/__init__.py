"""Data sets and pipelines in PyTorch's training loops.

    Dataset           map-style: `len(d)`, `d[i]`, `set_epoch(n)`
    IterableDataset   a stream with an addressed order, shards for workers and ranks, and a resumable state
    Sampler           an addressed order for map-style data sets; tells the data set the epoch
    DataModule        for Lightning
    collate           batches of pictures with any number of objects, without a copy

The module can be imported without torch: `Dataset` then gives NumPy arrays; the others say what to install.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opsin.torch.collate import collate
from opsin.torch.dataset import Dataset, default_target, picture_of

if TYPE_CHECKING:
    # made when first asked for, because their bases come from torch and Lightning
    DataModule: Any
    IterableDataset: Any
    Sampler: Any

__all__ = ["DataModule", "Dataset", "IterableDataset", "Sampler", "collate", "default_target", "picture_of"]


def __getattr__(name: str) -> Any:
    if name == "IterableDataset":
        from opsin.torch.iterable import make
    elif name == "Sampler":
        from opsin.torch.sampler import make
    elif name == "DataModule":
        from opsin.torch.lightning import make
    else:
        raise AttributeError(f"module 'opsin.torch' has no attribute {name!r}")
    made = make()
    globals()[name] = made
    return made
