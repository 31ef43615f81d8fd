"""Pascal VOC, LabelMe, CVAT, DOTA: read as their tools write them; what is broken by rule."""

from __future__ import annotations

import base64
import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dataset_help import picture

from opsin.datasets import convert, detect, open_dataset
from opsin.errors import DatasetError
from opsin.io import encode

# --- Pascal VOC ------------------------------------------------------------------------------------------------------
VOC = """<annotation><folder>JPEGImages</folder><filename>{name}.png</filename>
<size><width>40</width><height>30</height><depth>3</depth></size><segmented>0</segmented>{objects}</annotation>"""
DOG = "<object><name>dog</name><pose>Left</pose><truncated>1</truncated><difficult>0</difficult>{box}</object>"
BOX = "<bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox>"


def voc(root: Path, objects: dict[str, str], splits: dict[str, str] | None = None) -> Path:
    for i, (name, inner) in enumerate(objects.items()):
        picture(root / "JPEGImages" / f"{name}.png", seed=i)
        (root / "Annotations").mkdir(exist_ok=True)
        (root / "Annotations" / f"{name}.xml").write_text(VOC.format(name=name, objects=inner))
    for split, names in (splits or {}).items():
        (root / "ImageSets/Main").mkdir(parents=True, exist_ok=True)
        (root / f"ImageSets/Main/{split}.txt").write_text(names)
    return root


def test_voc(tmp_path: Path) -> None:
    splits = {"train": "a\n", "val": "b\n", "trainval": "a\nb\n", "dog_train": "a  1\n"}
    root = voc(tmp_path / "VOC2012", {"a": DOG.format(box=BOX.format(1, 2, 10, 12)), "b": ""}, splits)
    assert detect(root) == "voc"
    for source in (root, tmp_path):
        data = open_dataset(source, "voc")
        assert data.splits == ("train", "val") and data.class_names == ("dog",) and data.findings == ()
        table = data.load(0).instances
        assert table.boxes.tolist() == [[0, 1, 10, 12]], "pixels 1..10 are the edges 0..10"
        assert table.attributes[0] == {"pose": "Left", "truncated": 1, "difficult": 0}
        assert len(data.load(1).instances) == 0


def test_voc_from_tools_that_count_from_zero(tmp_path: Path) -> None:
    root = voc(tmp_path, {"a": DOG.format(box=BOX.format(0, 2, 10, 12))})
    assert open_dataset(root).load(0).instances.boxes.tolist() == [[0, 2, 10, 12]]
    told = open_dataset(root, origin=1)
    assert [(f.rule, f.repaired) for f in told.findings] == [("box_over_edge", True)]
    assert told.load(0).instances.boxes.tolist() == [[0, 1, 10, 12]]


def test_voc_extras_of_newer_tools(tmp_path: Path) -> None:
    outline = "<polygon><x1>1</x1><y1>2</y1><x2>9</x2><y2>2</y2><x3>9</x3><y3>8</y3></polygon>"
    turned = f"<robndbox><cx>20</cx><cy>15</cy><w>10</w><h>4</h><angle>{math.pi / 2}</angle></robndbox>"
    inner = DOG.format(box=BOX.format(2, 3, 9, 8) + outline) + f"<object><name>cat</name>{turned}</object>"
    table = open_dataset(voc(tmp_path, {"a": inner})).load(0).instances
    assert table.polygons[0][0].tolist() == [[1, 2], [9, 2], [9, 8]]
    corners = table.corners[1]
    assert np.allclose([corners.min(axis=0), corners.max(axis=0)], [[18, 10], [22, 20]])


def test_voc_faults(tmp_path: Path) -> None:
    good = DOG.format(box=BOX.format(1, 2, 10, 12))
    inner = [
        (good, None),
        (good, "duplicate_object"),
        (DOG.format(box=BOX.format(10, 2, 5, 12)), "box_swapped"),
        (DOG.format(box=BOX.format(11, 2, 10, 12)), "box_degenerate"),
        (DOG.format(box=BOX.format(30, 2, 50, 12)), "box_over_edge"),
        (DOG.format(box=BOX.format(60, 2, 70, 12)), "box_outside"),
        (DOG.format(box=BOX.format("nan", 2, 70, 12)), "not_finite"),
        (DOG.format(box=BOX.format("x", 2, 70, 12)), "not_numbers"),
        (DOG.format(box=""), "no_shape"),
        ("<object>" + BOX.format(1, 2, 3, 4) + "</object>", "class_out_of_range"),
    ]
    root = voc(tmp_path, {"a": "\n".join(i for i, _ in inner), "b": "", "c": ""}, {"train": "a\nnone\n", "val": "a\n"})
    (root / "Annotations/b.xml").write_text('<!DOCTYPE a [<!ENTITY x "y">]><annotation>&x;</annotation>')
    (root / "Annotations/c.xml").unlink()
    (root / "Annotations/ghost.xml").write_text(VOC.format(name="ghost", objects=""))
    data = open_dataset(root, origin=1)
    more = ["unreadable_label", "unannotated", "orphan_label", "split_overlap", "missing_file"]
    assert Counter(f.rule for f in data.findings) == Counter([r for _, r in inner if r] + more)
    assert len(data) == 3 and len(data.load(0).instances) == 3


# --- LabelMe ---------------------------------------------------------------------------------------------------------
def shape(kind: str, points: list[Any], label: str = "dog", **more: Any) -> dict[str, Any]:
    return {"label": label, "points": points, "group_id": None, "shape_type": kind, "flags": {}} | more


def labelme(root: Path, shapes: list[Any], name: str = "a", **more: Any) -> Path:
    picture(root / f"{name}.png")
    data = {"version": "5.4.1", "flags": {}, "shapes": shapes, "imagePath": f"{name}.png", "imageData": None}
    (root / f"{name}.json").write_text(json.dumps(data | {"imageHeight": 30, "imageWidth": 40} | more))
    return root


def test_labelme(tmp_path: Path) -> None:
    part = np.zeros((5, 6), np.uint8)
    part[1:4, 2:5] = 255
    mask = base64.b64encode(encode(part, "png")).decode()
    root = labelme(
        tmp_path,
        [
            shape("polygon", [[1, 2], [9, 2], [5, 9.5]]),
            shape("rectangle", [[20, 20], [10, 5]], "cat"),
            shape("circle", [[20, 15], [25, 15]]),
            shape("polygon", [[1, 20], [4, 20], [4, 25]], group_id=3),
            shape("polygon", [[6, 20], [9, 20], [9, 25]], group_id=3),
            shape("mask", [[10, 10], [15, 14]], mask=mask),
        ],
    )
    assert detect(root) == "labelme"
    data = open_dataset(root)
    assert data.class_names == ("cat", "dog") and data.findings == ()
    table = data.load(0).instances
    assert [table.class_name(i) for i in range(5)] == ["dog", "cat", "dog", "dog", "dog"]
    assert table.boxes[1].tolist() == [10, 5, 20, 20] and len(table.polygons[3]) == 2
    assert np.allclose(table.boxes[2], [15, 10, 25, 20], atol=0.02)
    ys, xs = np.nonzero(table.masks[4])
    assert (xs.min(), xs.max(), ys.min(), ys.max()) == (12, 14, 11, 13)


def test_labelme_faults(tmp_path: Path) -> None:
    faults: list[tuple[Any, str]] = [
        (shape("line", [[1, 1], [2, 2]]), "shape_unknown"),
        (shape("polygon", [[1, 1], [2, 2]]), "polygon_short"),
        (shape("polygon", [[1, 1], [2, "x"], [3, 4]]), "not_numbers"),
        (shape("polygon", [[0, 0], [10, 10], [10, 0], [0, 10]]), "polygon_crossing"),
        (shape("rectangle", [[5, 5], [5, 9]]), "box_degenerate"),
        ("text", "unreadable_record"),
        (shape("mask", [[1, 1], [5, 5]], mask="?"), "rle_invalid"),
    ]
    root = labelme(tmp_path, [s for s, _ in faults])
    labelme(root, [], "gone")
    (root / "gone.png").unlink()
    (root / "broken.json").write_text('{"shapes": [')
    rules = Counter(f.rule for f in open_dataset(root, "labelme").findings)
    # what has lost its only outline has nothing left that says where it is
    assert rules == Counter([r for _, r in faults] + ["missing_file", "unreadable_label", "no_shape"])


# --- CVAT ------------------------------------------------------------------------------------------------------------
CVAT = """<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version><meta><task><labels>
<label><name>dog</name><type>any</type></label><label><name>man</name><type>skeleton</type></label>
<label><name>left_ear</name><type>points</type><parent>man</parent></label>
<label><name>right_ear</name><type>points</type><parent>man</parent></label></labels></task></meta>
<image id="4" name="a.png" subset="Train" width="40" height="30">{shapes}</image></annotations>"""
SHAPES = [
    '<box label="dog" occluded="1" xtl="1.5" ytl="2" xbr="10" ybr="12"><attribute name="age">3</attribute></box>',
    '<box label="dog" occluded="0" xtl="10" ytl="10" xbr="20" ybr="14" rotation="90.0"></box>',
    '<polygon label="dog" occluded="0" points="1,2;9,2;5,9.5"></polygon>',
    '<mask label="dog" occluded="0" rle="2, 3, 5, 2" left="3" top="4" width="4" height="3"></mask>',
    '<skeleton label="man"><points label="left_ear" occluded="1" outside="0" points="5,6"/>'
    '<points label="right_ear" occluded="0" outside="0" points="7,8"/></skeleton>',
]


def test_cvat(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.png")
    (tmp_path / "annotations.xml").write_text(CVAT.format(shapes="".join(SHAPES)))
    assert detect(tmp_path) == "cvat"
    data = open_dataset(tmp_path)
    assert data.class_names == ("dog", "man") and data.findings == () and data.splits == ("train",)
    assert data.skeleton is not None and data.skeleton.mirror == ((0, 1),)
    table = data.load(0).instances
    assert table.attributes[0] == {"age": "3", "occluded": 1} and table.boxes[0].tolist() == [1.5, 2, 10, 12]
    corners = table.corners[1]
    assert np.allclose([corners.min(axis=0), corners.max(axis=0)], [[13, 7], [17, 17]])
    assert table.polygons[2][0].tolist() == [[1, 2], [9, 2], [5, 9.5]]
    want = np.zeros((30, 40), bool)
    want[4, 5:7] = want[5, 3] = True
    want[6, 5:7] = True
    assert np.array_equal(table.masks[3], want)
    assert table.keypoints[4].tolist() == [[5, 6, 1], [7, 8, 2]]


def test_cvat_faults(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    faults = [
        ('<box label="cow" xtl="1" ytl="2" xbr="3" ybr="4"/>', "class_out_of_range"),
        ('<box label="dog" xtl="x" ytl="2" xbr="3" ybr="4"/>', "not_numbers"),
        ('<box label="dog" xtl="9" ytl="2" xbr="3" ybr="4"/>', "box_swapped"),
        ('<polyline label="dog" points="1,2;3,4"/>', "shape_unknown"),
        ('<mask label="dog" rle="2, 3" left="3" top="4" width="4" height="3"/>', "not_numbers"),
    ]
    text = CVAT.format(shapes="".join(s for s, _ in faults)).replace("<label><name>dog", "<label><name>dog", 1)
    (tmp_path / "annotations.xml").write_text(text.replace('label="cow"', 'label=""'))
    assert Counter(f.rule for f in open_dataset(tmp_path).findings) == Counter(r for _, r in faults)
    for wrong in ("<annotations>", "<x/>", "<!DOCTYPE a><annotations/>"):
        (tmp_path / "annotations.xml").write_text(wrong)
        with pytest.raises(DatasetError, match=r"annotations\.xml"):
            open_dataset(tmp_path / "annotations.xml", "cvat")


# --- DOTA ------------------------------------------------------------------------------------------------------------
def test_dota(tmp_path: Path) -> None:
    for split in ("train", "val"):
        picture(tmp_path / split / "images" / "P1.png")
        (tmp_path / split / "labelTxt").mkdir()
    rows = "imagesource:GoogleEarth\ngsd:0.14\n5 5 15 5 15 9 5 9 large-vehicle 0\n20 10 24 14 20 18 16 14 plane 1\n"
    (tmp_path / "train/labelTxt/P1.txt").write_text(rows)
    (tmp_path / "val/labelTxt/P1.txt").write_text("1 1 2 2 x 0\n1 1 5 1 5 5 1 nan plane 0\n1 1 5 1 5 5 1 5 plane 0\n")
    assert detect(tmp_path) == "dota"
    data = open_dataset(tmp_path)
    assert data.class_names == ("large-vehicle", "plane") and data.splits == ("train", "val")
    assert data.load(0).instances.corners[1].tolist() == [[20, 10], [24, 14], [20, 18], [16, 14]]
    assert [f.rule for f in data.findings] == ["unreadable_record", "not_finite"]
    convert(data.only("train"), "dota", tmp_path / "out")
    text = (tmp_path / "out/data/train/labelTxt/P1.txt").read_text()
    assert text == rows
    again = open_dataset(tmp_path / "out")
    assert again.format == "dota" and again.class_names == data.class_names
