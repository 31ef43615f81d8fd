"""The benchmark's pictures as a data set on disk, and `opsin.torch.Dataset` over it."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from opsin.io import header, write_bytes
from opsin.pipeline import Pipeline
from opsin.surfaces.bench.peers import BOXES
from opsin.torch import Dataset

__all__ = ["dataset_of"]


def dataset_of(name: str, pipeline: Pipeline, sources: Sequence[Any]) -> tuple[Dataset, Any]:
    """Give a pipeline over pictures as a training loop has it: a folder of a class, for P6 a COCO file with boxes.

    Args:
        name: P1 to P6; the pictures of P4 are arrays, and stay in memory.
        pipeline: what is done to them.
        sources: files, or arrays.

    Returns:
        the data set, and what removes its files when it is let go.
    """
    mode: Any = "infer" if name in ("P1", "P5") else "train"
    if name == "P4":
        return Dataset(list(sources), pipeline, mode), None
    place = tempfile.TemporaryDirectory()
    folder = Path(place.name) / ("images" if name == "P6" else "photographs")
    os.makedirs(folder)
    for i, data in enumerate(sources):
        write_bytes(folder / f"{i:04d}.jpg", data, durable=False)
    if name == "P6":
        text = json.dumps(_coco(sources))
        write_bytes(Path(place.name) / "annotations.json", text.encode(), durable=False)
    return Dataset(place.name, pipeline, mode), place


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
