"""The benchmark's pictures as a data set on disk, and `opsin.torch.Dataset` over it."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from opsin.io import header, write_bytes
from opsin.pipeline import Pipeline
from opsin.surfaces.bench.peers import BOXES, Work
from opsin.torch import Dataset

__all__ = ["OnDisk", "dataset_of"]


class OnDisk:
    """Pictures on disk, and the data set over them.

    Args:
        dataset: with the pipeline.
        paths: of the pictures; none where they are arrays in memory.
        boxes: of every picture, where they have any.
        place: what removes the files when it is let go.
    """

    def __init__(
        self, dataset: Dataset, paths: Sequence[str] = (), boxes: Sequence[Any] = (), place: Any = None
    ) -> None:
        self.dataset, self.paths, self.boxes, self._place = dataset, paths, boxes, place

    def one_by_one(self) -> None:
        """Pass over the data set, with draws of its own, a sample at a time."""
        self.dataset.set_epoch(self.dataset.epoch + 1)
        for i in range(len(self.dataset)):
            self.dataset[i]

    def batches(self, size: int) -> None:
        """Pass over the data set as torch's loaders do, on one thread."""
        self.dataset.set_epoch(self.dataset.epoch + 1)
        count, self.dataset.threads = len(self.dataset), 1
        for k in range(0, count, size):
            self.dataset.__getitems__(range(k, min(k + size, count)))

    def by_hand(self, work: Work) -> Callable[[], None]:
        """Give a pass over the data set that one writes around a function: read, work, make what a loop wants."""
        epochs = count()
        tensor = _tensors() if self.dataset.tensors else np.asarray

        def run() -> None:
            first = next(epochs) * len(self.paths)
            for i, path in enumerate(self.paths):
                with open(path, "rb") as file:
                    data = file.read()
                tensor(work(data, first + i))
                if self.boxes:
                    boxes = self.boxes[i].astype(np.float32)
                    sides = boxes[:, 2:] - boxes[:, :2]
                    target = {"boxes": tensor(boxes), "area": tensor(sides[:, 0] * sides[:, 1])}
                    target["labels"] = tensor(np.zeros(len(boxes), np.int64))
                    target["iscrowd"] = tensor(np.zeros(len(boxes), np.int64))

        return run


def _tensors() -> Callable[[Any], Any]:
    import torch

    return torch.as_tensor


def dataset_of(name: str, pipeline: Pipeline, sources: Sequence[Any]) -> OnDisk:
    """Give a pipeline over pictures as a training loop has it: a folder of a class, for P6 a COCO file with boxes.

    Args:
        name: P1 to P6; the pictures of P4 are arrays, and stay in memory.
        pipeline: what is done to them.
        sources: files, or arrays.
    """
    mode: Any = "infer" if name in ("P1", "P5") else "train"
    if name == "P4":
        return OnDisk(Dataset(list(sources), pipeline, mode))
    place = tempfile.TemporaryDirectory()
    folder = Path(place.name) / ("images" if name == "P6" else "photographs")
    os.makedirs(folder)
    paths = [str(folder / f"{i:04d}.jpg") for i in range(len(sources))]
    for path, data in zip(paths, sources, strict=True):
        write_bytes(path, data, durable=False)
    if name == "P6":
        text = json.dumps(_coco(sources))
        write_bytes(Path(place.name) / "annotations.json", text.encode(), durable=False)
    boxes = [BOXES.copy() for _ in sources] if name == "P6" else []
    return OnDisk(Dataset(place.name, pipeline, mode), paths, boxes, place)


def _coco(sources: Sequence[bytes]) -> dict[str, Any]:
    images: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    for i, data in enumerate(sources):
        width, height = header(data).size
        images.append({"id": i, "file_name": f"{i:04d}.jpg", "width": width, "height": height})
        for x1, y1, x2, y2 in BOXES.tolist():
            box = {"bbox": [x1, y1, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1), "iscrowd": 0}
            notes.append({"id": len(notes) + 1, "image_id": i, "category_id": 1, **box})
    return {"images": images, "annotations": notes, "categories": [{"id": 1, "name": "thing"}]}
