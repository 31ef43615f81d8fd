"""A `tf.data.Dataset` of processed samples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from opsin.datasets.loops.order import Order
from opsin.errors import DatasetError, MissingExtra

__all__ = ["to_tf"]


def to_tf(
    source: Any,
    pipeline: Any = None,
    mode: Any = "train",
    *,
    shuffle: bool = True,
    seed: int = 0,
    epochs: int | None = 1,
    **options: Any,
) -> Any:
    """Give a `tf.data.Dataset` of (picture H W C, target), to be batched and prefetched as usual.

        opsin.datasets.loops.to_tf("photos", pipeline).batch(32).prefetch(2)

    Args:
        source: as for `opsin.torch.Dataset`.
        pipeline: as there; it must give pictures of one number of axes and one dtype.
        mode: `train` or `infer`.
        shuffle: False keeps the order of the data set.
        seed: of the order.
        epochs: how many passes, each with its own draws; None for no end.
        options: of `opsin.torch.Dataset`.

    Returns:
        a data set; sizes that differ between samples have None in the shape. Targets are a class number, or a dict of
        boxes, labels and so on with ragged first axes.
    """
    try:
        import tensorflow as tf
    except ImportError:
        raise MissingExtra("to_tf", "tensorflow", "tensorflow") from None
    from opsin.torch.dataset import Dataset

    data = source if isinstance(source, Dataset) else Dataset(source, pipeline, mode, tensors=False, **options)
    if len(data) == 0:
        raise DatasetError("to_tf: source must hold at least one picture.")
    order = Order(len(data), shuffle, seed)

    def samples() -> Iterator[Any]:
        epoch = 0
        while epochs is None or epoch < epochs:
            data.set_epoch(epoch)
            for place in order.places(epoch):
                yield _last(data[place])
            epoch += 1

    signature = _signature(tf, [_last(data[i]) for i in range(min(len(data), 8))])
    return tf.data.Dataset.from_generator(samples, output_signature=signature)


def _last(sample: Any) -> Any:
    """Bring the channels to the end, as TensorFlow has them."""
    image, target = sample if isinstance(sample, tuple) else (sample, None)
    image = np.ascontiguousarray(np.moveaxis(image, 0, -1))
    if target is None:
        return image
    return image, {k: v for k, v in target.items() if isinstance(v, np.ndarray)} if isinstance(target, dict) else target


def _signature(tf: Any, samples: list[Any]) -> Any:
    """Describe samples: axes on which a few of them differ, and first axes of objects, are open."""
    first = samples[0]
    if isinstance(first, tuple):
        return tuple(_signature(tf, [s[i] for s in samples]) for i in range(len(first)))
    if isinstance(first, dict):
        return {
            k: tf.TensorSpec((None, *([None] * (v.ndim - 1) if v.ndim > 2 else v.shape[1:])), v.dtype)
            for k, v in first.items()
        }
    if isinstance(first, np.ndarray):
        shapes = {s.shape for s in samples}
        same = tuple(n.pop() if len(n := set(axis)) == 1 else None for axis in zip(*shapes, strict=True))
        return tf.TensorSpec(same, first.dtype)
    if isinstance(first, str):
        return tf.TensorSpec((), tf.string)
    return tf.TensorSpec((), tf.int64 if isinstance(first, int) else tf.float32)
