"""Make batches of samples for training, without copying pictures that lie side by side already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from opsin.types import Array

__all__ = ["Together", "collate"]


class Together(list[Any]):
    """Samples of one batch, and the array in which all their pictures lie, where there is one."""

    def __init__(self, samples: Iterable[Any], images: Array | None = None) -> None:
        super().__init__(samples)
        self.images = images


def collate(samples: Sequence[Any]) -> Any:
    """Make a batch: for torch's `DataLoader(dataset, collate_fn=opsin.torch.collate)`.

    Unlike torch's own it takes pictures with different numbers of objects, and it does not copy pictures that
    `opsin.torch.Dataset` gave as a batch.

    Args:
        samples: of `opsin.torch.Dataset`: pictures, or (picture, target).

    Returns:
        pictures N C H W (a list where sizes differ), and where samples have targets a pair with them: class numbers as
        one tensor, everything else as a list. Arrays instead of tensors where the samples are arrays.
    """
    paired = isinstance(samples[0], tuple)
    images = [s[0] for s in samples] if paired else list(samples)
    tensors = not isinstance(images[0], np.ndarray)
    whole: Any
    if isinstance(samples, Together) and samples.images is not None:
        whole = _tensor(samples.images) if tensors else samples.images
    elif len({tuple(i.shape) for i in images}) > 1:
        whole = images
    else:
        whole = _stack(images, tensors)
    if not paired:
        return whole
    targets = [s[1] for s in samples]
    if all(isinstance(t, int | float | np.number) for t in targets):
        return whole, _tensor(np.array(targets)) if tensors else np.array(targets)
    return whole, targets


def _tensor(array: Array) -> Any:
    import torch

    return torch.from_numpy(array)


def _stack(images: list[Any], tensors: bool) -> Any:
    if not tensors:
        return np.stack(images)
    import torch

    return torch.stack(images)
