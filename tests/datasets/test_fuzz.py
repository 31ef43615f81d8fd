"""Annotation files changed at random: findings or one sentence, never anything else."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest
from dataset_help import coco_folder, picture, yolo_folder
from test_more_formats import BOX, CVAT, DOG, SHAPES, labelme, shape, voc

from opsin.datasets import convert, open_dataset
from opsin.errors import DatasetError, OpsinError

VALUES: list[Any] = [None, True, "", -1, 0, 1e308, 10**20, "x", [], {}, [[]], [None], {"a": 1}, float("nan")]
VALUES += [float("inf"), "../x", "\0", 1.5, [1, 2], "1e999", ["a", "b"], "\udcff"]
WORDS = [
    "nan",
    "inf",
    "-1",
    "1e400",
    "",
    "0",
    "x",
    "9" * 20,
    "../..",
    "\0",
    "é",
    "[",
    "{",
    ":",
    "<",
    ">",
    "&",
    ",",
    "\t",
]
OUTLINE = "<polygon><x1>1</x1><y1>2</y1><x2>9</x2><y2>2</y2><x3>9</x3><y3>8</y3></polygon>"


def make(kind: str, root: Path) -> tuple[Path, list[str], str]:
    """A data set of a kind: its folder, the files to be changed, and its format."""
    if kind == "coco":
        return coco_folder(root), ["annotations.json"], "coco"
    if kind == "yolo":
        row = "1 0.25 0.25 0.5 0.5 0.5 0.5 2 0.1 0.1 1\n0 0.5 0.5 0.5 0.5 0 0 0 0.1 0.2 2\n"
        extra = "kpt_shape: [2, 3]\nflip_idx: [1, 0]\nskeleton: [[0, 1]]\n"
        return (
            yolo_folder(root, {"train/a": row, "val/b": ""}, extra=extra),
            ["data.yaml", "labels/train/a.txt"],
            "yolo",
        )
    if kind == "voc":
        inner = DOG.format(box=BOX.format(1, 2, 10, 12) + OUTLINE)
        return voc(root, {"a": inner}, {"train": "a\n"}), ["Annotations/a.xml", "ImageSets/Main/train.txt"], "voc"
    if kind == "labelme":
        shapes = [shape("polygon", [[1, 2], [9, 2], [5, 9.5]]), shape("circle", [[20, 15], [25, 15]])]
        return labelme(root, [*shapes, shape("rectangle", [[20, 20], [10, 5]], "cat")]), ["a.json"], "labelme"
    if kind == "cvat":
        picture(root / "a.png")
        (root / "annotations.xml").write_text(CVAT.format(shapes="".join(SHAPES)))
        return root, ["annotations.xml"], "cvat"
    if kind == "csv":
        picture(root / "a.png")
        rows = "a.png,train,cat,1,2,11.5,12,3,7\na.png,train,dog,3,4,9,9,,\n"
        (root / "t.csv").write_text("path,split,label,x1,y1,x2,y2,track_id,id\n" + rows)
        return root, ["t.csv"], "csv"
    coco_folder(root / "in")
    convert(root / "in", kind, root / "out")
    files = {
        "webdataset": ["data/shard-000000.tar", "dataset.json"],
        "arrays": ["annotations.jsonl", "dataset.json", "data/shard-000000.images.npy"],
        "dota": ["data/labelTxt/0.txt", "data/classes.txt"],
    }
    return root / "out", files[kind], kind


def changed_tree(tree: Any, chance: random.Random) -> bytes:
    tree = copy.deepcopy(tree)
    for _ in range(chance.randint(1, 3)):
        paths: list[tuple[Any, Any]] = []
        stack = [tree]
        while stack:
            top = stack.pop()
            for key, value in top.items() if isinstance(top, dict) else enumerate(top):
                paths.append((top, key))
                if isinstance(value, dict | list):
                    stack.append(value)
        if paths:
            holder, key = chance.choice(paths)
            if chance.random() < 0.2 and isinstance(holder, dict):
                del holder[key]
            else:
                holder[key] = copy.deepcopy(chance.choice(VALUES))
    return json.dumps(tree).encode()


def changed_text(text: bytes, chance: random.Random) -> bytes:
    out = bytearray(text)
    for _ in range(chance.randint(1, 4)):
        at, how = chance.randrange(len(out) + 1), chance.random()
        if how < 0.3 and out:
            out[min(at, len(out) - 1)] = chance.randrange(256)
        elif how < 0.6:
            out[at:at] = chance.choice(WORDS).encode()
        elif how < 0.8:
            del out[at : at + chance.randint(1, 20)]
        else:
            out[at : at + 3] = chance.choice(WORDS).encode()
    return bytes(out)


def campaign(root: Path, kind: str, rounds: int) -> int:
    folder, files, form = make(kind, root)
    chance = random.Random(f"{kind}{rounds}")
    refused = 0
    for _ in range(rounds):
        path = folder / chance.choice(files)
        old = path.read_bytes()
        tree = path.suffix == ".json" and chance.random() < 0.7
        path.write_bytes(changed_tree(json.loads(old), chance) if tree else changed_text(old, chance))
        try:
            data = open_dataset(folder, form)
        except DatasetError as error:
            assert "\n" not in str(error) and "cannot be read as" not in str(error), f"{path.name}: {error}"
            refused += 1
        else:
            assert all(f.file and f.record and f.message.endswith(".") for f in data.findings)
            for entry in data.entries():
                try:
                    data.load_checked(entry)
                except OpsinError as error:
                    assert "\n" not in str(error)
        finally:
            path.write_bytes(old)
    assert open_dataset(folder, form).findings == ()
    return refused


KINDS = ["coco", "yolo", "voc", "labelme", "cvat", "csv", "webdataset", "arrays", "dota"]


@pytest.mark.parametrize("kind", KINDS)
def test_changed_at_random(tmp_path: Path, kind: str) -> None:
    assert campaign(tmp_path, kind, 60) < 60


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_changed_at_random_for_long(tmp_path: Path, kind: str) -> None:
    assert campaign(tmp_path, kind, 5000) < 5000
