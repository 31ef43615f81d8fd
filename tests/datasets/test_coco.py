"""COCO as people have it: every kind of annotation, gaps, oddities, and what is broken by rule."""

from __future__ import annotations

import json
import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dataset_help import blob, coco_data, coco_folder, picture, table_of

from opsin.datasets import DataSet, convert, detect, open_dataset
from opsin.errors import DatasetError


def made(root: Path, change: Any = None) -> DataSet:
    data = coco_data()
    if change is not None:
        change(data)
    return open_dataset(coco_folder(root, data))


def test_reads_everything(tmp_path: Path) -> None:
    data = made(tmp_path)
    assert detect(tmp_path) == "coco" and data.findings == ()
    assert data.class_names == ("person", "dog", "brush") and data.facts.class_ids == (1, 18, 90)
    assert data.skeleton is not None and data.skeleton.mirror == ((1, 2),)
    sample = data.load("0.png")
    assert np.allclose(sample.instances.boxes, [[1.5, 2.25, 11.6, 14.45], [3, 4, 23, 25]])
    assert [r.class_name for r in sample.instances] == ["dog", "person"]
    assert [len(p) for p in sample.instances.polygons] == [2, 1]
    assert sample.instances.keypoints[1].tolist() == [[5, 6, 2], [7.5, 8, 1], [0, 0, 0]]
    crowd = data.load("1.png").instances
    assert np.array_equal(crowd.masks[0], blob()) and np.array_equal(crowd.masks[1], blob())
    assert crowd.attributes[0]["iscrowd"] == 1 and "iscrowd" not in crowd.attributes[1]
    assert len(data.load("3.png").instances) == 0
    assert pickle.loads(pickle.dumps(data)).load("0.png").instances.boxes.tolist() == sample.instances.boxes.tolist()


def test_round_trip_is_lossless(tmp_path: Path) -> None:
    data = made(tmp_path / "a")
    result = convert(data, "coco", tmp_path / "b")
    assert result.lossless and result.pictures == 4 and result.objects == 5
    again = open_dataset(tmp_path / "b")
    assert table_of(again) == table_of(data)
    before, after = json.loads((tmp_path / "a/annotations.json").read_text()), None
    after = json.loads((tmp_path / "b/annotations.json").read_text())
    assert after["categories"] == before["categories"]
    assert after["info"] == before["info"] and after["licenses"] == before["licenses"]
    assert after["images"] == before["images"]
    ids = {a["id"]: a for a in after["annotations"]}
    for note in before["annotations"]:
        other = ids[note["id"]]
        assert {k: v for k, v in note.items() if k != "segmentation"} == {
            k: v for k, v in other.items() if k != "segmentation"
        }
        if not isinstance(note["segmentation"], dict):
            assert note["segmentation"] == other["segmentation"]


def test_written_file_is_read_by_pycocotools(tmp_path: Path) -> None:
    coco = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed")
    convert(made(tmp_path / "a"), "coco", tmp_path / "b")
    api = coco.COCO(str(tmp_path / "b/annotations.json"))
    notes = {a["id"]: a for a in api.loadAnns(api.getAnnIds())}
    assert sorted(api.getCatIds()) == [1, 18, 90]
    for i in (900100000012, 14):
        assert np.array_equal(api.annToMask(notes[i]).astype(bool), blob())


@pytest.mark.parametrize(
    "layout",
    [
        ("annotations/instances_val2017.json", "val2017/"),
        ("_annotations.coco.json", ""),
        ("annotations.json", "images/"),
        ("annotations/all.json", "images/"),
        ("result.json", "data/"),
    ],
)
def test_pictures_are_found(tmp_path: Path, layout: tuple[str, str]) -> None:
    file, folder = layout
    data = coco_data()
    for i, row in enumerate(data["images"]):
        picture(tmp_path / folder / row["file_name"], seed=i)
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(json.dumps(data))
    for source in (tmp_path, tmp_path / file):
        opened = open_dataset(source)
        assert len(opened) == 4 and opened.findings == ()
        assert opened.splits == (("val",) if "val" in file else ())


def test_splits_in_files_and_in_folders(tmp_path: Path) -> None:
    for split, name in (("train", "train"), ("valid", "val")):
        coco_folder(tmp_path / split, coco_data(), "_annotations.coco.json")
        del name
    data = open_dataset(tmp_path)
    assert data.splits == ("train", "val") and len(data) == 8
    assert data.only("val").keys == tuple(f"valid/{i}.png" for i in range(4))
    convert(data, "coco", tmp_path / "out")
    again = open_dataset(tmp_path / "out")
    assert again.splits == ("train", "val") and len(again) == 8 and again.findings == ()


def test_downloaded_coco_prefers_instances(tmp_path: Path) -> None:
    for name in ("instances_train2017", "person_keypoints_train2017", "captions_train2017"):
        coco_folder(tmp_path / "train2017", coco_data(), f"../annotations/{name}.json")
    data = open_dataset(tmp_path)
    assert len(data) == 4 and data.splits == ("train",)


def test_two_files_for_one_split_are_refused(tmp_path: Path) -> None:
    coco_folder(tmp_path, coco_data(), "a.json")
    coco_folder(tmp_path, coco_data(), "b.json")
    with pytest.raises(DatasetError, match="one file, or one for each split"):
        open_dataset(tmp_path)
    assert open_dataset(tmp_path, annotations={"x": "a.json", "y": "b.json"}).splits == ("x", "y")


# --- what is broken -------------------------------------------------------------------------------------------------
def plant(data: dict[str, Any], image: int = 37, **row: Any) -> None:
    base: dict[str, Any] = {"id": len(data["annotations"]) + 1000, "image_id": image, "category_id": 18}
    data["annotations"].append(base | {"bbox": [1, 1, 5, 5], "iscrowd": 0} | row)


FAULTS: list[tuple[str, bool, int, Any]] = [
    # rule, repaired, objects that stay of the one planted, what is planted
    ("box_outside", False, 0, lambda d: plant(d, bbox=[100, 100, 5, 5])),
    ("box_over_edge", True, 1, lambda d: plant(d, bbox=[30, 20, 15, 15])),
    ("box_negative", False, 0, lambda d: plant(d, bbox=[5, 5, -3, 4])),
    ("box_degenerate", False, 0, lambda d: plant(d, bbox=[5, 5, 0, 4])),
    ("box_empty", True, 1, lambda d: plant(d, bbox=[0, 0, 0, 0], segmentation=[[1, 1, 5, 1, 5, 5]])),
    ("not_finite", False, 0, lambda d: plant(d, bbox=[float("nan"), 1, 2, 3])),
    ("not_finite", False, 0, lambda d: plant(d, bbox=[float("inf"), 1, 2, 3])),
    ("not_numbers", False, 0, lambda d: plant(d, bbox=[1, 2, 3])),
    ("not_numbers", False, 0, lambda d: plant(d, bbox=["a", 2, 3, 4])),
    ("polygon_short", False, 1, lambda d: plant(d, segmentation=[[1, 1, 5, 5]])),
    ("polygon_odd", False, 1, lambda d: plant(d, segmentation=[[1, 1, 5, 5, 1, 5, 9]])),
    ("polygon_crossing", False, 1, lambda d: plant(d, segmentation=[[0, 0, 10, 10, 10, 0, 0, 10]])),
    ("polygon_outside", False, 1, lambda d: plant(d, segmentation=[[50, 50, 60, 50, 60, 60]])),
    ("rle_length", False, 1, lambda d: plant(d, segmentation={"size": [30, 40], "counts": [5, 5]})),
    ("rle_length", False, 1, lambda d: plant(d, segmentation={"size": [30, 40], "counts": [1201, -1]})),
    ("rle_invalid", False, 1, lambda d: plant(d, segmentation={"size": [30, 40], "counts": "~~"})),
    ("rle_canvas", False, 1, lambda d: plant(d, segmentation={"size": [40, 30], "counts": [1000, 200]})),
    ("keypoint_count", False, 1, lambda d: plant(d, category_id=1, keypoints=[1, 2, 2])),
    ("keypoint_visibility", True, 1, lambda d: plant(d, category_id=1, keypoints=[1, 2, 7, 0, 0, 0, 0, 0, 0])),
    ("keypoint_outside", False, 1, lambda d: plant(d, category_id=1, keypoints=[99, 2, 2, 0, 0, 0, 0, 0, 0])),
    ("class_out_of_range", False, 0, lambda d: plant(d, category_id=1_000_000_000)),
    ("class_out_of_range", False, 0, lambda d: plant(d, category_id=None)),
    ("orphan_annotation", False, 0, lambda d: plant(d, image=123456)),
    ("duplicate_object_id", True, 1, lambda d: plant(d, id=11)),
    ("unreadable_record", False, 0, lambda d: d["annotations"].append("text")),
    ("duplicate_object", True, 0, lambda d: d["annotations"].append(d["annotations"][4] | {"id": 5000})),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f[0])
def test_fault_is_found(tmp_path: Path, fault: tuple[str, bool, int, Any]) -> None:
    rule, repaired, stays, change = fault
    data = made(tmp_path, change)
    assert [(f.rule, f.repaired) for f in data.findings] == [(rule, repaired)]
    finding = data.findings[0]
    assert finding.file == "annotations.json" and finding.record and rule in str(finding)
    assert sum(len(s.instances) for s in data) == 5 + stays, "pictures and other objects stay"
    assert len(data) == 4


def test_counts_are_those_planted(tmp_path: Path) -> None:
    """Every fault at once, several times over: the counts by rule and repair are exactly those planted."""
    data = coco_data()
    rng = np.random.default_rng(3)
    planted: Counter[tuple[str, bool]] = Counter()
    stay = 0
    for i in rng.permutation(np.repeat(np.arange(len(FAULTS)), 3)):
        rule, repaired, stays, change = FAULTS[i]
        before = len(data["annotations"])
        change(data)
        row = data["annotations"][before]
        if isinstance(row, dict) and rule not in ("duplicate_object_id", "duplicate_object"):
            row["mark"] = before  # so that no two planted objects are alike
        if rule == "duplicate_object":
            row["id"] = 5000 + before
        if rule == "duplicate_object_id":
            row["bbox"] = [1, 1, 5, 5 + before / 100]
        planted[rule, repaired] += 1
        stay += stays
    opened = open_dataset(coco_folder(tmp_path, data))
    assert Counter((f.rule, f.repaired) for f in opened.findings) == planted
    assert sum(len(s.instances) for s in opened) == 5 + stay


def test_strict_leaves_out_what_would_be_repaired(tmp_path: Path) -> None:
    data = coco_data()
    plant(data, bbox=[30, 20, 15, 15])
    root = coco_folder(tmp_path, data)
    strict = open_dataset(root, repair="none")
    assert [(f.rule, f.repaired) for f in strict.findings] == [("box_over_edge", False)]
    assert sum(len(s.instances) for s in strict) == 5
    with pytest.raises(DatasetError, match="repair"):
        open_dataset(root, repair="box_over_the_edge")


def test_broken_pictures(tmp_path: Path) -> None:
    data = coco_data()
    root = coco_folder(tmp_path, data)
    data["images"] += [
        {"id": 1, "file_name": "gone.png", "width": 4, "height": 4},
        {"id": 7, "file_name": "0.png", "width": 40, "height": 30},
        {"id": 2, "file_name": "../../etc/passwd", "width": 40, "height": 30},
        {"id": 3, "file_name": "/etc/passwd", "width": 40, "height": 30},
        {"file_name": "0.png"},
        {"id": 5, "file_name": "1.png", "width": 40, "height": "x"},
    ]
    (root / "annotations.json").write_text(json.dumps(data))
    opened = open_dataset(root)
    rules = ["canvas_invalid", "duplicate_image_id", "duplicate_path", "missing_file"]
    rules += ["outside_root", "outside_root", "unreadable_record"]
    assert sorted(f.rule for f in opened.findings) == rules
    assert len(opened) == 5 and opened.keys[-1] == "1.png#2"


def test_oddities_that_are_no_faults(tmp_path: Path) -> None:
    def odd(d: dict[str, Any]) -> None:
        for row in d["annotations"]:
            row["image_id"] = str(row["image_id"])  # ids as text
        for row in d["images"]:
            row["file_name"] = "C:\\export\\" + row["file_name"]
        d["annotations"][4]["segmentation"] = [0, 0, 40, 0, 40, 30, 0, 30, 0, 0]  # flat, closed
        d["annotations"][1]["segmentation"] = []
        d["annotations"][1]["attributes"] = {"occluded": True}
        del d["annotations"][0]["iscrowd"]
        del d["info"], d["licenses"]

    root = coco_folder(tmp_path)
    data = coco_data()
    odd(data)
    (root / "annotations.json").write_text(json.dumps(data))
    # a full path of another machine cannot be placed safely: it is named, not guessed
    opened = open_dataset(root)
    assert {f.rule for f in opened.findings} == {"outside_root"} and len(opened) == 0
    for row in data["images"]:
        row["file_name"] = "export\\" + row["file_name"].rpartition("\\")[2]
    (root / "annotations.json").write_text(json.dumps(data))
    opened = open_dataset(root)
    assert opened.findings == () and len(opened) == 4
    assert len(opened.load("2.png").instances.polygons[0][0]) == 4
    assert opened.load("0.png").instances.attributes[1]["attributes"] == {"occluded": True}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"images": 3}',
        '{"images": [',
        '{"images": [{}], "images": []}',
        "[" * 100_000,
        '{"images": [1e',
        "\0",
    ],
)
def test_what_is_no_coco_is_one_sentence(tmp_path: Path, text: str) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(DatasetError) as error:
        open_dataset(tmp_path / "x.json", "coco")
    assert "x.json" in str(error.value) and "\n" not in str(error.value)


def test_canvas_of_another_size(tmp_path: Path) -> None:
    root = coco_folder(tmp_path)
    data = coco_data()
    for row in data["images"]:
        row["width"], row["height"] = 80, 60
    data["annotations"] = data["annotations"][:1]
    (root / "annotations.json").write_text(json.dumps(data))
    opened = open_dataset(root)
    assert opened.findings == ()  # only the pictures can show it
    sample, found = opened.load_checked("0.png")
    assert [f.rule for f in found] == ["canvas_mismatch"] and len(sample.instances) == 0
    assert [f.rule for f in opened.check()] == ["canvas_mismatch"]
    sample, found = open_dataset(root, repair=["default", "canvas_mismatch"]).load_checked("0.png")
    assert found[0].repaired and np.allclose(sample.instances.boxes, [[0.75, 1.125, 5.8, 7.225]])


def test_skeletons_that_differ_stand_one_after_the_other(tmp_path: Path) -> None:
    def two(d: dict[str, Any]) -> None:
        d["categories"][1] |= {"keypoints": ["left_ear", "right_ear"], "skeleton": [[1, 2], [1, 9]]}
        d["annotations"][0] |= {"keypoints": [1, 2, 2, 3, 4, 1]}

    data = made(tmp_path / "a", two)
    assert [f.rule for f in data.findings] == ["skeleton_invalid"]
    assert data.skeleton is not None
    assert data.skeleton.names == ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
    assert data.skeleton.mirror == ((1, 2), (3, 4)) and data.facts.parts == ((0, 3), (3, 2), (0, 0))
    points = data.load("0.png").instances.keypoints
    assert points[0, 3:].tolist() == [[1, 2, 2], [3, 4, 1]] and not points[0, :3].any()
    convert(data, "coco", tmp_path / "b")
    again = open_dataset(tmp_path / "b")
    assert table_of(again) == table_of(data) and again.skeleton == data.skeleton


@pytest.mark.slow
def test_a_hundred_thousand_pictures(tmp_path: Path) -> None:
    """Index 100,000 pictures and 700,000 objects in bounded memory, and give entries at once."""
    import resource

    rng = np.random.default_rng(0)
    (tmp_path / "i").mkdir()
    images, notes = [], []
    for i in range(100_000):
        (tmp_path / "i" / f"{i:06}.jpg").touch()
        images.append({"id": i, "file_name": f"{i:06}.jpg", "width": 640, "height": 480})
    xy = rng.integers(0, 300, (700_000, 2))
    for i in range(700_000):
        x, y = (int(v) for v in xy[i])
        outline = [x, y, x + 20, y, x + 30, y + 15, x + 20, y + 30, x, y + 30]
        row = {"id": i, "image_id": i % 100_000, "category_id": 1, "bbox": [x, y, 30, 30], "area": 700, "iscrowd": 0}
        notes.append(row | {"segmentation": [outline]})
    text = json.dumps({"images": images, "annotations": notes, "categories": [{"id": 1, "name": "a"}]})
    (tmp_path / "instances.json").write_text(text)
    size = len(text)
    del images, notes, text
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    data = open_dataset(tmp_path / "instances.json", images="i")
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert len(data) == 100_000 and len(data.entry(99_999).annotations or ()) == 7
    assert grown < 6 * size
