"""YOLO: data files as people write them, four tasks, and what is broken by rule."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dataset_help import picture, table_of, yolo_folder

from opsin.datasets import convert, detect, open_dataset
from opsin.errors import DatasetError

GOOD = {"train/a": "0 0.5 0.5 0.5 0.5\n1 0.25 0.25 0.5 0.5\n", "train/b": None, "val/c": "1 0.5 0.5 1 1\n", "val/d": ""}


def test_detection(tmp_path: Path) -> None:
    data = open_dataset(yolo_folder(tmp_path, GOOD))
    assert detect(tmp_path) == "yolo" == data.format and data.findings == ()
    assert data.class_names == ("ball", "bat") and data.splits == ("train", "val")
    assert data.load("images/train/a.png").instances.boxes.tolist() == [[10, 5, 30, 15], [0, 0, 20, 10]]
    assert [len(s.instances) for s in data] == [2, 0, 1, 0], "pictures without a label file are background"
    assert data.entry(0).split == "train" and data.entry(3).split == "val"


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        (["a", "b"], ("a", "b")),
        ({0: "a", 1: "b"}, ("a", "b")),
        ({"1": "b", "0": "a"}, ("a", "b")),
        ({0: "a", 1: "b", 7: "c"}, ("a", "b", "c")),
    ],
)
def test_names(tmp_path: Path, names: Any, classes: tuple[str, ...]) -> None:
    data = open_dataset(yolo_folder(tmp_path, {"train/a": "1 0.5 0.5 0.5 0.5\n", "val/b": ""}, names))
    assert data.class_names == classes
    assert data.load(0).instances.class_name(0) == "b"


def test_gaps_in_the_numbers(tmp_path: Path) -> None:
    text = "7 0.5 0.5 0.5 0.5\n2 0.5 0.5 0.5 0.5\n3 0.5 0.5 0.5 0.5\n"
    data = open_dataset(yolo_folder(tmp_path, {"train/a": text, "val/b": ""}, {0: "a", 3: "b", 7: "c"}))
    assert [r.class_name for r in data.load(0).instances] == ["c", "b"]
    assert [f.rule for f in data.findings] == ["class_out_of_range"]


@pytest.mark.parametrize(
    "yaml",
    [
        "train: ../train/images\nval: ../valid/images\n",  # as Roboflow writes it
        "path: .\ntrain: train/images\nval: valid/images\n",
        "path: /nowhere/at/all\ntrain: train/images\nval: [valid/images]\n",
        "path: .\ntrain: train.txt\nval: valid/images/c.png\n",
    ],
)
def test_paths_of_data_files(tmp_path: Path, yaml: str) -> None:
    for split, name in (("train", "a"), ("train", "b"), ("valid", "c")):
        picture(tmp_path / split / "images" / f"{name}.png", 40, 20)
        (tmp_path / split / "labels").mkdir(exist_ok=True)
        (tmp_path / split / "labels" / f"{name}.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    (tmp_path / "train.txt").write_text(f"./train/images/a.png\n{tmp_path}/train/images/b.png\n")
    (tmp_path / "data.yaml").write_text(yaml + "nc: 1\nnames: [ball]\n")
    data = open_dataset(tmp_path)
    assert data.keys == ("train/images/a.png", "train/images/b.png", "valid/images/c.png")
    assert [e.split for e in data.entries()] == ["train", "train", "val"]
    assert [len(s.instances) for s in data] == [1, 1, 1] and data.findings == ()


def test_without_data_file(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.png", 40, 20)
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("2 0.5 0.5 0.5 0.5\n")
    data = open_dataset(tmp_path)
    assert data.format == "yolo" and data.class_names == ("0", "1", "2") and len(data.load(0).instances) == 1
    (tmp_path / "classes.txt").write_text("x\ny\nz\n")
    assert open_dataset(tmp_path).class_names == ("x", "y", "z")


def test_segmentation_and_oriented_boxes(tmp_path: Path) -> None:
    square = "0 0.1 0.1 0.5 0.1 0.5 0.5 0.1 0.5\n"
    data = open_dataset(yolo_folder(tmp_path / "s", {"train/a": square + "1 0.1 0.1 0.5 0.1 0.5 0.5\n", "val/b": ""}))
    assert data.facts.details["task"] == "segment"
    assert data.load(0).instances.polygons[1][0].tolist() == [[4, 2], [20, 2], [20, 10]]
    data = open_dataset(yolo_folder(tmp_path / "o", {"train/a": square, "val/b": ""}))
    assert data.facts.details["task"] == "obb"
    assert data.load(0).instances.corners[0].tolist() == [[4, 2], [20, 2], [20, 10], [4, 10]]
    data = open_dataset(tmp_path / "o", task="segment")
    assert len(data.load(0).instances.polygons[0][0]) == 4


@pytest.mark.parametrize(("shape", "tail"), [("[2, 3]", "0.5 0.5 2 0.25 0.5 1"), ("[2, 2]", "0.5 0.5 0 0")])
def test_pose(tmp_path: Path, shape: str, tail: str) -> None:
    extra = f"kpt_shape: {shape}\nflip_idx: [1, 0]\n"
    labels = {"train/a": f"0 0.5 0.5 0.5 0.5 {tail}\n", "val/b": ""}
    data = open_dataset(yolo_folder(tmp_path, labels, extra=extra))
    assert data.skeleton is not None and data.skeleton.mirror == ((0, 1),)
    points = data.load(0).instances.keypoints[0]
    assert points[0].tolist() == [20, 10, 2]
    assert points[1].tolist() == ([10, 10, 1] if "3" in shape else [0, 0, 0])


FAULTS = [
    ("class_out_of_range", False, 0, "1000000000 0.5 0.5 0.1 0.1"),
    ("class_out_of_range", False, 0, "2 0.5 0.5 0.1 0.1"),
    ("class_out_of_range", False, 0, "-1 0.5 0.5 0.1 0.1"),
    ("class_out_of_range", False, 0, "0.5 0.5 0.5 0.1 0.1"),
    ("box_negative", False, 0, "0 0.5 0.5 -0.1 0.1"),
    ("box_degenerate", False, 0, "0 0.5 0.5 0 0.1"),
    ("box_outside", False, 0, "0 1.5 1.5 0.1 0.1"),
    ("box_outside", False, 0, "0 20 30 10 10"),
    ("box_over_edge", True, 1, "0 1 0.5 0.2 0.1"),
    ("not_finite", False, 0, "0 nan 0.5 0.2 0.1"),
    ("unreadable_record", False, 0, "0 0.5 0.5 0.2"),
    ("unreadable_record", False, 0, "ball 0.5 0.5 0.2 0.2"),
    ("unreadable_record", False, 0, "0"),
    ("duplicate_object", True, 0, "0 0.5 0.5 0.5 0.5"),
]


def test_counts_are_those_planted(tmp_path: Path) -> None:
    lines = ["0 0.5 0.5 0.5 0.5", *(f[3] for f in FAULTS)]
    data = open_dataset(yolo_folder(tmp_path, {"train/a": "\n".join(lines) + "\n", "val/b": ""}), task="detect")
    assert Counter((f.rule, f.repaired) for f in data.findings) == Counter((f[0], f[1]) for f in FAULTS)
    assert {f.record for f in data.findings} == {f"line {i + 2}" for i in range(len(FAULTS))}
    assert len(data.load(0).instances) == 1 + sum(f[2] for f in FAULTS)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    root = yolo_folder(tmp_path, GOOD, extra="nc: 5\n")
    (root / "labels/train/ghost.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    (root / "labels/train/b.txt").write_bytes(b"\x00\xff\xfe")
    (root / "list.txt").write_text("images/val/c.png\nimages/val/none.png\n../../outside.png\n")
    (root / "data.yaml").write_text((root / "data.yaml").read_text().replace("images/val", "list.txt"))
    data = open_dataset(root)
    rules = sorted((f.file, f.record, f.rule) for f in data.findings)
    assert rules == [
        ("data.yaml", "nc", "class_count"),
        ("labels/train/b.txt", "line 1", "unreadable_record"),
        ("labels/train/ghost.txt", "ghost.txt", "orphan_label"),
        ("list.txt", "line 2", "missing_file"),
        ("list.txt", "line 3", "outside_root"),
    ]
    assert len(data) == 3


@pytest.mark.parametrize(
    "text",
    [
        "names: 3\ntrain: images\n",
        "names: [a]\ntrain: images\nkpt_shape: [99999999999, 3]\n",
        "names: [a]\n",
        "names: [a]\ntrain: 4\n",
        "- a\n",
        "names: [a\n",
        "a: &x 1\nb: *x\n",
    ],
)
def test_data_file_that_is_none_is_one_sentence(tmp_path: Path, text: str) -> None:
    picture(tmp_path / "images/a.png")
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(DatasetError) as error:
        open_dataset(tmp_path / "data.yaml", "yolo")
    assert "data.yaml" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("task", ["detect", "segment", "pose", "obb"])
def test_round_trip_of_each_task(tmp_path: Path, task: str) -> None:
    rng = np.random.default_rng(1)
    rows = []
    for _ in range(5):
        x, y = rng.uniform(0.2, 0.4, 2)
        w, h = rng.uniform(0.1, 0.3, 2)
        box = [x + w / 2, y + h / 2, w, h]
        ring = [x, y, x + w, y + h / 3, x + w / 2, y + h, x, y + h / 2]
        points = [x, y, 2, x + w / 3, y, 1, 0, 0, 0]
        values = {"detect": box, "segment": [*ring, x, y + h / 3], "pose": box + points, "obb": ring}[task]
        rows.append(" ".join(["1", *(repr(float(v)) for v in values)]))
    extra = "kpt_shape: [3, 3]\nflip_idx: [0, 2, 1]\nskeleton: [[0, 1]]\n" if task == "pose" else ""
    root = yolo_folder(tmp_path / "a", {"train/a": "\n".join(rows), "val/b": ""}, extra=extra)
    data = open_dataset(root, task=task)
    assert data.findings == () and len(data.load(0).instances) == 5
    result = convert(data, "yolo", tmp_path / "b")
    lost = [s for s in result.losses if "joined" not in s and "boxes become" not in s]
    assert lost == []
    again = open_dataset(tmp_path / "b")
    assert again.facts.details["task"] == task and again.skeleton == data.skeleton
    for one, two in zip(data, again, strict=True):
        assert np.array_equal(one.image, two.image)
        for a, b in zip(one.instances, two.instances, strict=True):
            for name in ("box", "rotated_box", "keypoints"):
                if getattr(a, name) is not None:
                    assert np.allclose(getattr(a, name), getattr(b, name), atol=1e-6)
            assert all(np.allclose(p, q, atol=1e-8) for p, q in zip(a.polygons, b.polygons, strict=True))


def test_written_without_splits_comes_back_without(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("path,label,x1,y1,x2,y2\np.png,cat,1,2,11,12\nq.png,,,,,\n")
    for name in "pq":
        picture(tmp_path / f"{name}.png", 40, 20)
    data = open_dataset(tmp_path)
    convert(data, "yolo", tmp_path / "out")
    again = open_dataset(tmp_path / "out")
    assert again.splits == () and table_of(again) == [
        ("p.png", None, None, [("cat", (1.0, 2.0, 11.0, 12.0), (), None, None, {})]),
        ("q.png", None, None, []),
    ]


def test_oriented_boxes_are_checked(tmp_path: Path) -> None:
    rows = [
        "0 0.1 0.1 0.5 0.1 0.5 0.5 0.1 0.5",
        "0 0.1 0.1 0.5 0.1 0.5 0.1 0.1 0.1",
        "0 2.1 2.1 2.5 2.1 2.5 2.5 2.1 2.5",
        "0 -0.1 -0.1 0.5 0.1 0.5 0.5 0.1 0.5",
    ]
    data = open_dataset(yolo_folder(tmp_path, {"train/a": "\n".join(rows), "val/b": ""}), task="obb")
    assert [(f.rule, f.record) for f in data.findings] == [("box_degenerate", "line 2"), ("box_outside", "line 3")]
    assert len(data.load(0).instances) == 2


def test_an_absurd_count_of_key_points_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "data.yaml").write_text("path: .\ntrain: images\nnames: [a]\nkpt_shape: [299999999999999999999, 3]\n")
    with pytest.raises(DatasetError, match="kpt_shape must be"):
        open_dataset(tmp_path, "yolo")
