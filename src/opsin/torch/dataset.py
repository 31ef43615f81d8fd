"""A data set and a pipeline for training loops, map-style: `opsin.torch.Dataset`.

torch is imported when tensors are asked for; without it, or with `tensors=False`, everything is NumPy.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from opsin.errors import DecodeError, MissingExtra, ParamError, PipelineError, refusal
from opsin.sample import Sample
from opsin.torch.collate import Together
from opsin.types import Array

if TYPE_CHECKING:
    from opsin.pipeline import Pipeline

__all__ = ["Dataset", "default_target", "picture_of"]

Source = Any
Mode = Literal["train", "infer"]
OnError = Literal["raise", "next"]


class Dataset:
    """A data set with a pipeline, as `torch.utils.data.DataLoader` wants it: `len(d)` and `d[i]`.

    What `d[i]` gives depends on the data set, the pipeline's seed, the epoch and i alone: 0, 1 or 8 workers, in any
    order, give the same samples. Call `set_epoch(n)` before each pass for other draws; it reaches workers that are
    running too.

    torch's `DataLoader` is given whole batches at once, worked on by several threads: with `num_workers=0` by one for
    every processor, without the cost of handing pictures from process to process; in a worker process by one.

    Args:
        source: a folder, an annotation file, an open data set, or a list of pictures or Samples.
        pipeline: what is done to each sample; None for nothing.
        mode: `train` runs `augment(...)`, `infer` leaves it out.
        split: only this split of the data set.
        target: what comes beside the picture: a function of the processed Sample; without it the class number for
            labeled pictures, a dict of boxes, labels, masks and key points for annotated ones, nothing for others.
        tensors: give torch tensors (the default where torch is installed) or NumPy arrays.
        variants: how many draws of each picture make one pass; in mode `train`.
        on_error: `raise`, or `next` to give the next picture that can be read instead of one that cannot.
        threads: how many work on a batch; None is one for every processor, and one in a worker of a loader.
        options: of `opsin.datasets.open_dataset`, such as `format="coco"`.

    Raises:
        DatasetError: the source is no data set.
        MissingExtra: tensors were asked for, and torch is not installed.
    """

    def __init__(
        self,
        source: Source,
        pipeline: Pipeline | None = None,
        mode: Mode = "train",
        *,
        split: str | None = None,
        target: Callable[[Sample], Any] | None = None,
        tensors: bool | None = None,
        variants: int = 1,
        on_error: OnError = "raise",
        threads: int | None = None,
        **options: Any,
    ) -> None:
        if mode not in ("train", "infer"):
            raise ParamError(refusal("Dataset", "mode", "train or infer", mode))
        if on_error not in ("raise", "next"):
            raise ParamError(refusal("Dataset", "on_error", "raise or next", on_error))
        if isinstance(variants, bool) or not isinstance(variants, int) or variants < 1:
            raise ParamError(refusal("Dataset", "variants", "a whole number of at least 1", variants))
        if threads is not None and (isinstance(threads, bool) or not isinstance(threads, int) or threads < 1):
            raise ParamError(refusal("Dataset", "threads", "a whole number of at least 1", threads))
        has_torch = find_spec("torch") is not None
        if tensors and not has_torch:
            raise MissingExtra("Dataset(tensors=True)", "torch", "torch")
        self.tensors = has_torch if tensors is None else tensors
        self.pipeline, self.mode, self.variants, self.on_error = pipeline, mode, variants, on_error
        self.target, self.threads = target, threads
        from opsin.datasets import DataSet, open_dataset

        self.data: Any
        if isinstance(source, list | tuple):
            if options or split is not None:
                raise ParamError(refusal("Dataset", "options", "none for a list of pictures", sorted(options)))
            self.data = _Pictures(source)
        elif hasattr(source, "keys") and hasattr(source, "class_names") and not isinstance(source, DataSet):
            self.data = source  # what stands in for a data set, such as `from_hf` gives
        else:
            data = open_dataset(source, **options)
            self.data = data if split is None else data.only(split)
        self._partners = self.data if pipeline is not None and mode == "train" and _mixes(pipeline) else None
        self._planar = pipeline is not None and _ends_planar(pipeline)
        self._alike = True
        self._epoch: Any = np.zeros(1, np.int64)
        if self.tensors:
            import torch

            # in shared memory, so that set_epoch reaches workers that live on between passes
            self._epoch = torch.zeros(1, dtype=torch.int64).share_memory_()

    # --- passes -------------------------------------------------------------------------------------------------
    @property
    def epoch(self) -> int:
        """Which pass over the data."""
        return int(self._epoch.item())

    def set_epoch(self, epoch: int) -> None:
        """Say which pass over the data comes now; it addresses the draws."""
        if isinstance(epoch, bool) or not isinstance(epoch, int | np.integer) or epoch < 0:
            raise ParamError(refusal("set_epoch", "epoch", "a whole number of at least 0", epoch))
        self._epoch[0] = int(epoch)

    # --- what is in it --------------------------------------------------------------------------------------------
    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.data.class_names

    def __len__(self) -> int:
        return len(self.data) * self.variants

    def key(self, index: int) -> int | str:
        """Give the key of a picture: what its draws are addressed by."""
        return self.data.keys[self._place(index) % len(self.data)]

    def sample(self, index: int) -> Sample:
        """Give the processed Sample itself."""
        return self._sample(self._place(index), self.epoch)

    def _place(self, index: int) -> int:
        n = len(self)
        if not -n <= index < n:
            raise IndexError(f"Dataset: index must be in -{n}..{n - 1}; got {index}.")
        return int(index) % n

    def _sample(self, place: int, epoch: int) -> Sample:
        variant, picture = divmod(place, len(self.data))
        if self.pipeline is None:
            return self.data[picture]
        sample, key = self._unread(picture), self.data.keys[picture]
        if self.mode == "infer":
            return self.pipeline(sample, key=key)
        return self.pipeline(sample, mode="train", key=key, epoch=epoch, draw=variant, partners=self._partners)

    def _unread(self, picture: int) -> Sample:
        """Give a picture as it is in the data set, its file for the pipeline to decode as it needs."""
        # what stands in for a data set reads by itself
        sample: Sample = self.data.unread(picture) if hasattr(self.data, "unread") else self.data[picture]
        return sample

    def __getitem__(self, index: int) -> Any:
        return self._item(self._readable(self._place(index), self.epoch))

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        """Give many samples: what torch's loaders ask for where a data set knows how."""
        samples, images = self._together([self._place(i) for i in indices], self.epoch)
        return Together(map(self._item, samples), images if self._planar else None)

    @property
    def at_once(self) -> bool:
        """Whether the core works on a whole batch at once: one draw of each picture, and no step that needs Python."""
        alone = self.pipeline is None or self._partners is not None or self.variants > 1 or not self._alike
        return not alone and self.pipeline is not None and self.pipeline.plan(self.mode).program is not None

    def _together(self, places: Sequence[int], epoch: int) -> tuple[list[Sample], Array | None]:
        """Give samples that are worked on as a batch where one draw of each is wanted and pictures come out alike.

        Also the array in which all pictures lie, where they do.
        """
        if self.pipeline is not None and self.at_once and len(places) > 1:
            try:
                given = [self._unread(place) for place in places]
                keys = [self.data.keys[place] for place in places]
                threads = self.threads or (1 if _in_worker() else None)
                batch = self.pipeline.batch(given, keys=keys, epoch=epoch, mode=self.mode, threads=threads)
                samples = [s or self._readable(p, epoch) for s, p in zip(batch.samples, places, strict=True)]
                return samples, None if batch.errors else batch.images
            except PipelineError:
                self._alike = False  # of several sizes: they cannot lie in one array
            except DecodeError:
                pass  # a file that cannot be opened: one by one it is told which
        return [self._readable(place, epoch) for place in places], None

    def _item(self, sample: Sample) -> Any:
        image = self._tensor(picture_of(sample, self._planar))
        target = self.target(sample) if self.target is not None else default_target(sample)
        return image if target is None else (image, self._tensor(target))

    def _readable(self, place: int, epoch: int) -> Sample:
        """Give a sample, or the next one that can be read where that is wanted."""
        try:
            return self._sample(place, epoch)
        except DecodeError:
            if self.on_error == "raise":
                raise
            first = place
            while (place := (place + 1) % len(self)) != first:
                with contextlib.suppress(DecodeError):
                    return self._sample(place, epoch)
            raise

    def _tensor(self, value: Any) -> Any:
        """Turn arrays into tensors, inside dicts as well."""
        if not self.tensors:
            return value
        from torch import from_numpy

        def tensor(value: Any) -> Any:
            if type(value) is not np.ndarray or value.dtype.kind not in "biuf":
                return value
            return from_numpy(value if value.flags.c_contiguous else np.ascontiguousarray(value))

        return {name: tensor(v) for name, v in value.items()} if isinstance(value, dict) else tensor(value)

    def __repr__(self) -> str:
        steps = "" if self.pipeline is None else f", {len(self.pipeline.steps)} steps"
        return f"Dataset({len(self)} samples, {self.mode}{steps}, epoch {self.epoch})"

    # Workers begun by `spawn` get the data set pickled; torch carries the epoch over in shared memory.
    def __getstate__(self) -> dict[str, Any]:
        return dict(self.__dict__)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


class _Pictures:
    """A list of pictures or Samples in the place of a data set."""

    def __init__(self, items: Sequence[Any]) -> None:
        self._items = list(items)
        self.class_names: tuple[str, ...] = next(
            (i.class_names for i in self._items if isinstance(i, Sample) and i.class_names), ()
        )
        self.keys = tuple(self._key(i, item) for i, item in enumerate(self._items))

    @staticmethod
    def _key(i: int, item: Any) -> int | str:
        if isinstance(item, Sample) and item.key is not None:
            return item.key
        return os.fspath(item) if isinstance(item, str | os.PathLike) else i

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> Sample:
        item = self._items[index]
        if isinstance(item, Sample):
            return item
        if isinstance(item, tuple) and len(item) == 2:
            return Sample(item[0], label=item[1], key=self.keys[index])
        return Sample(item, key=self.keys[index])


def _in_worker() -> bool:
    """Say whether this process works for a loader of torch's in another."""
    loaders = sys.modules.get("torch.utils.data")
    return loaders is not None and loaders.get_worker_info() is not None


def _mixes(pipeline: Pipeline) -> bool:
    """Say whether a step mixes several samples."""
    from opsin.pipeline.steps import Step, walk

    steps = (node for _, node, _ in walk(pipeline.steps) if isinstance(node, Step))
    return any(p.partners for step in steps for p in step.entry.spec.params.values())


def _ends_planar(pipeline: Pipeline) -> bool:
    """Say whether the pipeline gives C H W: `to_tensor` is among its steps."""
    return any(getattr(step, "op", None) == "to_tensor" for step in pipeline.steps)


def picture_of(sample: Sample, planar: bool) -> Any:
    """Give a sample's picture as C H W, as networks take it; pixel values and dtype stay.

    Args:
        sample: a processed Sample.
        planar: whether it is C H W already, after `to_tensor`.
    """
    image = sample.image
    if not planar:
        image = image[None] if image.ndim == 2 else np.moveaxis(image, -1, 0)
    return np.ascontiguousarray(image)


def default_target(sample: Sample) -> Any:
    """Give what a network is trained to say of a sample.

    Returns:
        for annotated samples a dict: `boxes` N 4 float32 (x1 y1 x2 y2), `labels` N int64, and where annotated `masks`
        N H W uint8 (painted from outlines where there are no masks), `keypoints` N K 3 float32, `corners` N 4 2
        float32, `iscrowd` N int64, `area` N float32; for samples with a class only, the class; else None.
    """
    annotated = sample._table is not None
    if not annotated and sample.segmentation is None:
        return sample.label
    table = sample.instances
    n = len(table)
    out: dict[str, Any] = {}
    if table.boxes is not None:
        out["boxes"] = boxes = table.boxes.astype(np.float32).reshape(n, 4)
        sides = boxes[:, 2:] - boxes[:, :2]
        out["area"] = sides[:, 0] * sides[:, 1]
    if table.labels is not None:
        numbers = table.labels.dtype.kind in "iu"
        out["labels"] = table.labels.astype(np.int64) if numbers else list(table.labels)
    elif annotated:
        out["labels"] = np.zeros(n, np.int64)
    if table.masks is not None or table.polygons is not None:
        out["masks"] = _masks(sample)
    if table.keypoints is not None:
        k = table.keypoints
        k = k if k.shape[2] == 3 else np.concatenate([k, np.full((*k.shape[:2], 1), 2.0)], axis=2)
        out["keypoints"] = k.astype(np.float32)
    if table.corners is not None:
        out["corners"] = table.corners.astype(np.float32)
    if annotated:
        out["iscrowd"] = np.zeros(n, np.int64)
        for i, a in enumerate(table.attributes or ()):
            if a and "iscrowd" in a:
                out["iscrowd"][i] = int(a["iscrowd"])
    if sample.segmentation is not None:
        out["segmentation"] = sample.segmentation.astype(np.int64)
    if sample.label is not None:
        out["label"] = sample.label
    return out


def _masks(sample: Sample) -> Any:
    from opsin.carry import rasterize

    table = sample.instances
    w, h = sample.size
    out = np.zeros((len(table), h, w), np.uint8)
    for i in range(len(table)):
        if table.polygons is not None and table.polygons[i]:
            out[i] = rasterize(table.polygons[i], sample.size)
        elif table.masks is not None:
            out[i] = table.masks[i]
    return out
