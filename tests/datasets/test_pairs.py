"""Every format to every format: what the target holds arrives, what it cannot hold is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dataset_help import class_folder, coco_folder, picture, yolo_folder

from opsin.datasets import DataSet, convert, open_dataset
from opsin.datasets.opening import FORMATS
from opsin.instances import Instance
from opsin.io import write
from opsin.polygons import hull_box

TARGETS = [n for n, f in FORMATS.items() if f.writer]


def make(kind: str, root: Path) -> DataSet:
    """A small data set of every kind, in two splits where the format knows splits."""
    if kind == "coco":
        return open_dataset(coco_folder(root), split={"train": 0.5, "val": 0.5}, seed=1)
    if kind == "folder":
        return open_dataset(class_folder(root, ("train", "val")))
    if kind == "plain":
        for i in range(3):
            picture(root / f"{i}.png", seed=i)
        return open_dataset(root)
    if kind == "yolo":
        labels = {"train/a": "0 0.5 0.5 0.5 0.5\n1 0.25 0.25 0.5 0.5\n", "train/b": None, "val/c": "1 0.5 0.5 1 1\n"}
        return open_dataset(yolo_folder(root, labels))
    if kind == "csv":
        rows = "a.png,train,cat,1,2,11.5,12\na.png,train,dog,3,4,9,9\nb.png,val,,,,,\n"
        for i, name in enumerate("ab"):
            picture(root / f"{name}.png", seed=i)
        (root / "t.csv").write_text("path,split,label,x1,y1,x2,y2\n" + rows)
        return open_dataset(root)
    if kind == "segmentation":
        for i in range(3):
            name = f"{'train' if i else 'val'}/{i}.png"
            picture(root / "images" / name, seed=i)
            numbers = np.random.default_rng(i).integers(0, 4, (30, 40), np.uint8)
            (root / "masks" / name).parent.mkdir(parents=True, exist_ok=True)
            write(numbers, root / "masks" / name)
        return open_dataset(root, classes=["sky", "road", "tree", "wall"])
    # the rest is written by ourselves first: what is read then has come through that format
    first = make("coco", root / "first")
    options = {"picture": "png"} if kind == "webdataset" else {}
    convert(first, kind, root / "second", **options)
    return open_dataset(root / "second")


def rough(row: Instance) -> Any:
    """The class and the box around an object: what every format with objects holds."""
    box = row.box
    if box is None and row.rotated_box is not None:
        raise AssertionError("boxes are always given")
    return str(row.class_name), tuple(np.round(box, 4).tolist())


def around(data: DataSet, sample: Any) -> list[Any]:
    out = []
    for i, row in enumerate(sample.instances):
        if row.box is None:
            assert sample.instances.corners is not None
            box = hull_box(sample.instances.corners[i])
            out.append((str(row.class_name), tuple(np.round(box, 4).tolist())))
        else:
            out.append(rough(row))
    return sorted(out)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("kind", TARGETS)
def test_pair(tmp_path: Path, kind: str, target: str) -> None:
    data = make(kind, tmp_path / "in")
    assert data.format == kind
    result = convert(data, target, tmp_path / "out")
    assert result.failed == [] and result.pictures == len(data)
    # folders look like classes, and label files that are not there like nothing: only then the format must be named
    named = target in ("plain", "folder") or (target in ("voc", "dota") and kind in ("plain", "folder", "segmentation"))
    again = open_dataset(tmp_path / "out", target if named else None)
    assert again.format == target and len(again) == len(data)
    assert [f for f in again.findings if f.rule != "unannotated"] == []
    assert set(again.splits) == set(data.splits)

    def find(sample: Any) -> Any:
        return next(s for s in again if np.array_equal(s.image, sample.image))

    said = " ".join(result.losses)
    held = FORMATS[target].name
    for entry in data.entries():
        sample = data.load(entry)
        other = find(sample)
        other_entry = again.entry(str(other.key))
        assert other_entry.split == entry.split
        # classes of pictures
        if entry.label is not None:
            if "class of the whole picture" in said:
                assert other.label is None or target == "folder"
            else:
                assert again.facts.class_name(other.label) == data.facts.class_name(entry.label)
        # label pictures
        if entry.labels is not None and other.segmentation is None:
            assert "label pictures" in said
        elif entry.labels is not None:
            assert np.array_equal(sample.segmentation, other.segmentation)
        # objects
        if held in ("folder", "plain", "segmentation"):
            assert other_entry.annotations is None
        elif entry.annotations is not None and data.class_names:
            mine, theirs = around(data, sample), around(again, other)
            if "boxes become those around the outlines" in said:
                assert [c for c, _ in mine] == [c for c, _ in theirs]
            else:
                assert mine == theirs
        compare_shapes(data, again, sample, other, said, target)


def compare_shapes(data: DataSet, again: DataSet, sample: Any, other: Any, said: str, target: str) -> None:
    columns = data.facts.columns
    if target in ("coco", "webdataset", "arrays"):
        assert not [s for s in said.split(". ") if s and "arrays hold numbers" not in s and "label pictures" not in s]
        for name in ("polygons", "corners", "masks", "keypoints", "attributes"):
            mine, theirs = getattr(sample.instances, name), getattr(other.instances, name)
            if mine is None or (name == "attributes" and target == "coco"):
                continue
            if name in ("polygons", "attributes"):
                assert str(mine) == str(theirs)
            else:
                assert np.array_equal(mine, theirs)
    for name, words in (
        ("masks", "masks"),
        ("keypoints", "key points"),
        ("polygons", "outlines"),
        ("attributes", "attributes"),
    ):
        if name in columns and name not in again.facts.columns:
            assert words in said, f"{target} lost {name} without a word"


def test_loss_is_said_for_each_column() -> None:
    from opsin.datasets import Facts, writer_for
    from opsin.instances import Skeleton

    columns = frozenset(("boxes", "corners", "polygons", "masks", "keypoints", "track_ids", "attributes", "label"))
    facts = Facts(class_names=("a b",), class_ids=(7,), columns=columns, skeleton=Skeleton(("x",)))
    for target in TARGETS:
        losses = writer_for(target, facts).losses()
        assert all(s.endswith(".") and s[0].islower() for s in losses)
        if target in ("coco", "webdataset"):
            assert losses == []
        else:
            assert losses


def test_real_photographs_with_outlines(opsin_data: Path, tmp_path: Path) -> None:
    """A real picture, its masks as run lengths and as YOLO outlines: every pixel of every mask comes back."""
    source = next((opsin_data / "opencv_samples").glob("fruits.jpg"))
    from opsin.datasets import rle
    from opsin.io import read

    image = read(source)
    h, w = image.shape[:2]
    gray = image.astype(np.float64).mean(axis=2)
    (tmp_path / "in").mkdir()
    (tmp_path / "in/fruits.jpg").write_bytes(source.read_bytes())
    notes = []
    for i, low in enumerate((40, 90, 140, 190)):
        mask = (gray > low) & (gray < low + 30)
        mask = np.kron(mask[::8, ::8], np.ones((8, 8), bool))[:h, :w]
        ys, xs = np.nonzero(mask)
        box = [int(xs.min()), int(ys.min()), int(np.ptp(xs)) + 1, int(np.ptp(ys)) + 1]
        runs = {"size": [h, w], "counts": rle.pack(rle.encode(mask)).decode()}
        notes.append({"id": i, "image_id": 1, "category_id": 1, "bbox": box, "segmentation": runs})
    data = {"images": [{"id": 1, "file_name": "fruits.jpg", "width": w, "height": h}], "annotations": notes}
    (tmp_path / "in/a.json").write_text(json.dumps(data | {"categories": [{"id": 1, "name": "tone"}]}))
    before = open_dataset(tmp_path / "in").load(0)
    result = convert(tmp_path / "in", "yolo", tmp_path / "yolo")
    assert any("outlines along their pixels" in s for s in result.losses)
    convert(tmp_path / "yolo", "coco", tmp_path / "coco")
    after = open_dataset(tmp_path / "coco").load(0)
    from opsin.carry import rasterize

    for i in range(4):
        painted = rasterize(after.instances.polygons[i], after.size)
        assert np.array_equal(painted, before.instances.masks[i])
    assert (tmp_path / "yolo/data/images/fruits.jpg").read_bytes() == source.read_bytes()
