"""Small data sets on disk for the tests of data sets."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np

from opsin.datasets import rle
from opsin.io import write


def picture(path: Path, width: int = 40, height: int = 30, seed: int = 0) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    write(image, path)
    return image


def class_folder(root: Path, splits: tuple[str, ...] = ()) -> Path:
    number = 0
    for split in splits or ("",):
        for name in ("cat", "dog", "Ente groß"):
            for i in range(2):
                picture(root / split / name / f"{i}.png", seed=number)
                number += 1
    return root


PERSON = {
    "id": 1,
    "name": "person",
    "supercategory": "being",
    "keypoints": ["nose", "left_eye", "right_eye"],
    "skeleton": [[1, 2], [1, 3]],
}
CATEGORIES = [PERSON, {"id": 18, "name": "dog", "supercategory": "animal"}, {"id": 90, "name": "brush"}]


def blob(width: int = 40, height: int = 30) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    mask[4:20, 6:25] = True
    mask[8:12, 10:15] = False
    mask[22:26, 30:38] = True
    return mask


def coco_data(folder: str = "", pictures: int = 4) -> dict[str, Any]:
    """Boxes with fractions, outlines in two parts, run lengths both ways, a crowd, key points, gaps in the ids."""
    images = [
        {"id": 10 * i + 7, "file_name": f"{folder}{i}.png", "width": 40, "height": 30, "license": 1}
        for i in range(pictures)
    ]
    counts = rle.encode(blob())
    notes: list[dict[str, Any]] = [
        {
            "id": 11,
            "image_id": 7,
            "category_id": 18,
            "bbox": [1.5, 2.25, 10.1, 12.2],
            "area": 61.61,
            "iscrowd": 0,
            "segmentation": [[1.5, 2.25, 11.6, 2.25, 11.6, 14.45, 1.5, 14.45], [20, 3, 30, 3, 25, 9.5]],
        },
        {
            "id": 13,
            "image_id": 7,
            "category_id": 1,
            "bbox": [3, 4, 20, 21],
            "area": 420,
            "iscrowd": 0,
            "segmentation": [[3, 4, 23, 4, 23, 25, 3, 25]],
            "keypoints": [5, 6, 2, 7.5, 8, 1, 0, 0, 0],
            "num_keypoints": 2,
        },
        {
            "id": 900100000012,
            "image_id": 17,
            "category_id": 90,
            "bbox": [6, 4, 32, 22],
            "area": int(blob().sum()),
            "iscrowd": 1,
            "segmentation": {"size": [30, 40], "counts": counts.tolist()},
        },
        {
            "id": 14,
            "image_id": 17,
            "category_id": 18,
            "bbox": [6, 4, 32, 22],
            "area": int(blob().sum()),
            "iscrowd": 0,
            "segmentation": {"size": [30, 40], "counts": rle.pack(counts).decode()},
        },
        {
            "id": 15,
            "image_id": 27,
            "category_id": 18,
            "bbox": [0, 0, 40, 30],
            "area": 1200,
            "iscrowd": 0,
            "segmentation": [[0, 0, 40, 0, 40, 30, 0, 30]],
            "score": 0.5,
        },
    ]
    return {
        "info": {"description": "test", "year": 2026},
        "licenses": [{"id": 1, "name": "CC0"}],
        "images": images,
        "annotations": notes,
        "categories": deepcopy(CATEGORIES),
    }


def coco_folder(root: Path, data: dict[str, Any] | None = None, file: str = "annotations.json") -> Path:
    data = coco_data() if data is None else data
    for i, row in enumerate(data["images"]):
        picture(root / row["file_name"], row["width"], row["height"], seed=i)
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_text(json.dumps(data))
    return root


def yolo_folder(root: Path, labels: dict[str, str], names: Any = None, extra: str = "") -> Path:
    """Pictures train/a .. with label texts; a text of None means no label file."""
    for i, (name, text) in enumerate(labels.items()):
        picture(root / "images" / f"{name}.png", 40, 20, seed=i)
        if text is not None:
            path = root / "labels" / f"{name}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    names = json.dumps(names if names is not None else ["ball", "bat"])
    (root / "data.yaml").write_text(f"path: .\ntrain: images/train\nval: images/val\nnames: {names}\n{extra}")
    return root


def table_of(data: Any) -> list[Any]:
    """Everything annotated in a data set, by file name, rounded to a billionth of a pixel."""
    out = []
    for entry in data.entries():
        sample = data.load(entry)
        rows = []
        for row in sample.instances:
            mask = None if row.mask is None or not row.mask.any() else rle.pack(rle.encode(row.mask))
            seen = row.keypoints is not None and bool((row.keypoints[:, 2] > 0).any())
            rows.append(
                (
                    row.class_name or row.label,
                    None if row.box is None else tuple(np.round(row.box, 7).tolist()),
                    tuple(tuple(np.round(p, 7).ravel().tolist()) for p in row.polygons),
                    mask,
                    tuple(np.round(row.keypoints, 7).ravel().tolist()) if seen else None,
                    dict(row.attributes or {}),
                )
            )
        label = data.facts.class_name(entry.label) or entry.label
        out.append((Path(entry.path).name, label, entry.split, rows))
    return sorted(out, key=lambda r: (r[0], str(r[2])))
