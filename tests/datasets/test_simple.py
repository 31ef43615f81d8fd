"""Folders, tables, splits, detection, names of outputs."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from dataset_help import class_folder, coco_folder, picture, table_of

from opsin.datasets import DataSet, Facts, convert, detect, open_dataset, split_of, writer_for
from opsin.errors import DatasetError, DecodeError
from opsin.sample import Sample


# --- folders ---------------------------------------------------------------------------------------------------------
def test_folder_of_classes(tmp_path: Path) -> None:
    data = open_dataset(class_folder(tmp_path))
    assert data.format == "folder" and data.class_names == ("Ente groß", "cat", "dog") and data.splits == ()
    assert data.keys[0] == "Ente groß/0.png" and [e.label for e in data.entries()] == [0, 0, 1, 1, 2, 2]
    sample = data.load("cat/1.png")
    assert sample.label == 1 and sample.class_names == data.class_names and sample.image.shape == (30, 40, 3)
    assert open_dataset(tmp_path, classes=["dog", "cat", "Ente groß"]).entry("dog/0.png").label == 0
    with pytest.raises(DatasetError, match="classes"):
        open_dataset(tmp_path, classes=["dog", "cat"])


def test_splits_over_classes_and_stray_files(tmp_path: Path) -> None:
    class_folder(tmp_path, ("train", "valid"))
    picture(tmp_path / "train" / "stray.png")
    (tmp_path / "train" / "cat" / "notes.txt").write_text("x")
    (tmp_path / "train" / "cat" / ".hidden.png").write_bytes(b"")
    data = open_dataset(tmp_path, "folder")
    assert data.splits == ("train", "val") and len(data) == 12
    assert [(f.rule, f.file) for f in data.findings] == [("orphan_picture", "train/stray.png")]


def test_plain_folder_and_single_picture(tmp_path: Path) -> None:
    for i in range(3):
        picture(tmp_path / f"IMG {i}.PNG", seed=i)
    data = open_dataset(tmp_path)
    assert data.format == "plain" and len(data) == 3 and data.load(0).label is None
    assert open_dataset(tmp_path / "IMG 1.PNG").keys == ("IMG 1.PNG",)


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    class_folder(tmp_path)
    os.symlink(tmp_path, tmp_path / "cat" / "loop", target_is_directory=True)
    assert len(open_dataset(tmp_path)) == 6


def test_broken_picture_is_told_when_read(tmp_path: Path) -> None:
    class_folder(tmp_path)
    (tmp_path / "cat" / "0.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    data = open_dataset(tmp_path)
    assert len(data) == 6
    with pytest.raises(DecodeError):
        data.load("cat/0.png")


# --- tables ----------------------------------------------------------------------------------------------------------
def table(root: Path, text: str, names: str = "abc") -> DataSet:
    for i, name in enumerate(names):
        picture(root / "p" / f"{name}.png", 40, 20, seed=i)
    (root / "t.csv").write_text(text, encoding="utf-8")
    return open_dataset(root / "t.csv")


@pytest.mark.parametrize(
    "text",
    [
        "path,label,split\np/a.png,cat,train\np/b.png,dog,val\n",
        "Image_Path;Class;Subset\r\np/a.png;cat;train\r\np/b.png;dog;val\r\n",
        "\ufefffilename\tlabel\tsplit\np\\a.png\tcat\ttrain\np/b.png\tdog\tval\n",
        "p/a.png,cat,train\np/b.png,dog,val\n",
    ],
)
def test_tables_as_people_write_them(tmp_path: Path, text: str) -> None:
    data = table(tmp_path, text)
    assert data.class_names == ("cat", "dog") and data.splits == ("train", "val")
    assert [(e.key, e.label, e.split) for e in data.entries()] == [("p/a.png", 0, "train"), ("p/b.png", 1, "val")]
    assert data.findings == ()


def test_numbers_stay_numbers(tmp_path: Path) -> None:
    data = table(tmp_path, "path,label\np/a.png,3\np/b.png,0\np/c.png,2.5\n")
    assert [e.label for e in data.entries()] == [3, 0, 2.5] and data.class_names == ()


def test_columns_by_name(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("bild,art\np/a.png,x\n")
    picture(tmp_path / "p/a.png")
    with pytest.raises(DatasetError, match="columns="):
        open_dataset(tmp_path / "t.csv")
    data = open_dataset(tmp_path / "t.csv", columns={"path": "bild", "label": "art"})
    assert data.class_names == ("x",)


def test_boxes_in_rows(tmp_path: Path) -> None:
    text = "filename,width,height,class,xmin,ymin,xmax,ymax\np/a.png,40,20,cat,1,2,11,12\np/a.png,40,20,dog,3,4,9,9\n"
    data = table(tmp_path, text + "p/b.png,40,20,,,,,\n")
    assert [len(s.instances) for s in data] == [2, 0]
    assert data.load(0).instances.boxes.tolist() == [[1, 2, 11, 12], [3, 4, 9, 9]]
    text = "path,label,x,y,width,height\np/a.png,cat,0.25,0.5,0.5,0.25\n"
    assert table(tmp_path, text).load(0).instances.boxes.tolist() == [[10, 10, 30, 15]]


def test_table_faults(tmp_path: Path) -> None:
    rows = [
        ("p/a.png,train,cat,1,2,11,12", None),
        ("p/a.png,train,cat,11,12,1,2", "box_swapped"),
        ("p/a.png,train,cat,1,2,1,12", "box_degenerate"),
        ("p/a.png,train,cat,90,2,99,12", "box_outside"),
        ("p/a.png,train,cat,30,2,99,12", "box_over_edge"),
        ("p/a.png,train,cat,x,2,11,12", "not_numbers"),
        ("p/a.png,train,cat,nan,2,11,12", "not_finite"),
        ("p/a.png,val,cat,2,2,11,12", "split_overlap"),
        ("p/none.png,train,cat,1,2,11,12", "missing_file"),
        ("../../x.png,train,cat,1,2,11,12", "outside_root"),
        (",train,cat,1,2,11,12", "unreadable_record"),
    ]
    data = table(tmp_path, "path,split,label,x1,y1,x2,y2\n" + "\n".join(r for r, _ in rows) + "\n")
    planted = {f"line {i + 2}": rule for i, (_, rule) in enumerate(rows) if rule}
    late = {"box_outside", "box_over_edge"}  # the table states no canvas: the picture shows these
    assert {f.record: f.rule for f in data.findings} == {r: n for r, n in planted.items() if n not in late}
    _, found = data.load_checked(0)
    assert {f.rule for f in found} == late
    assert Counter(f.rule for f in data.check()) == Counter(planted.values())


def test_parquet(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    data = table(tmp_path / "a", "path,label,split,x1,y1,x2,y2\np/a.png,cat,train,1,2,11.5,12\np/b.png,,train,,,,\n")
    result = convert(data, "csv", tmp_path / "b", table="parquet")
    assert result.files == ["annotations.parquet"]
    assert table_of(open_dataset(tmp_path / "b")) == table_of(data)


@pytest.mark.parametrize("text", ["", "\n", "a,b\n1\n", 'path,label\n"p/a.png,x\n', "path,path\na,b\n", "path\n\0\n"])
def test_what_is_no_table_is_one_sentence(tmp_path: Path, text: str) -> None:
    with pytest.raises(DatasetError) as error:
        table(tmp_path, text)
    assert "t.csv" in str(error.value) and "\n" not in str(error.value)


# --- splits ----------------------------------------------------------------------------------------------------------
def test_splits_are_addressed() -> None:
    parts = {"train": 0.8, "val": 0.15, "test": 0.05}
    keys = [f"folder/{i}.jpg" for i in range(20_000)]
    drawn = {k: split_of(k, parts, 7) for k in keys}
    counts = Counter(drawn.values())
    for name, part in parts.items():
        spread = (part * (1 - part) / len(keys)) ** 0.5
        assert abs(counts[name] / len(keys) - part) < 4 * spread
    assert {k: split_of(k, parts, 7) for k in reversed(keys)} == drawn
    more = {"train": 0.9, "val": 0.05, "test": 0.05}
    assert all(split_of(k, more, 7) == "train" for k in keys if drawn[k] == "train")
    assert sum(split_of(k, parts, 8) != drawn[k] for k in keys) > 4000


@pytest.mark.parametrize(
    "parts", [{}, {"train": 0.5}, {"train": 1.5, "val": -0.5}, {"a/b": 1.0}, {"train": True}, {"": 1.0}, "train"]
)
def test_wrong_parts(parts: object) -> None:
    with pytest.raises(DatasetError, match="split"):
        split_of("k", parts)  # type: ignore[arg-type]


def test_existing_splits_and_groups_stay(tmp_path: Path) -> None:
    rows = "".join(f"p/a{i}.png,x,{'test' if i == 0 else ''},g{i // 5}\n" for i in range(20))
    for i in range(20):
        picture(tmp_path / "p" / f"a{i}.png", 4, 4)
    (tmp_path / "t.csv").write_text("path,label,split,group\n" + rows)
    data = open_dataset(tmp_path, split={"train": 0.5, "val": 0.5}, seed=3)
    assert data.entry(0).split == "test"
    for g in range(4):
        assert len({e.split for e in data.entries() if e.group == f"g{g}" and e.split != "test"}) == 1
    assert {e.split for e in data.only("train").entries()} <= {"train"}
    with pytest.raises(DatasetError, match="split"):
        data.only("tset")


# --- detection -------------------------------------------------------------------------------------------------------
def test_nothing_is_told_apart_from_nothing(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="nothing at"):
        open_dataset(tmp_path / "none")
    with pytest.raises(DatasetError, match="neither pictures nor annotations"):
        open_dataset(tmp_path)
    with pytest.raises(DatasetError, match="Did you mean 'coco'"):
        open_dataset(tmp_path, "cocoo")
    with pytest.raises(DatasetError, match="annotations"):
        open_dataset(coco_folder(tmp_path), annotation="x")


def test_content_decides_not_the_name(tmp_path: Path) -> None:
    coco_folder(tmp_path, file="export.json")
    (tmp_path / "settings.json").write_text('{"theme": "dark"}')
    (tmp_path / "notes.csv").write_text("a,b\n1,2\n")
    (tmp_path / "config.yaml").write_text("lr: 0.1\n")
    assert detect(tmp_path) == "coco" and len(open_dataset(tmp_path)) == 4


# --- names -----------------------------------------------------------------------------------------------------------
def test_no_two_names_meet() -> None:
    keys = ["a.png", "a.jpg", "A.png", "b/a.png", "b\\a.png", "x y.png", "-rf.png", "é.png", "e\u0301.png", "con.png"]
    keys += ["../../up.png", "a.png#2", "long" * 100 + ".png", "a-v1.png"]
    for form in ("plain", "folder", "coco", "yolo", "csv"):
        writer = writer_for(form, Facts(), [(k, None) for k in keys], variants=2)
        sample = Sample(np.zeros((2, 3, 3), np.uint8))
        paths = {}
        for key in keys:
            for variant in (0, 1):
                path = writer.path(sample, key, variant, None)
                assert path.startswith("data/") and ".." not in path.split("/") and len(path.rsplit("/")[-1]) < 255
                paths[path.casefold()] = key
        assert len(paths) == 2 * len(keys)
        again = writer_for(form, Facts(), [(k, None) for k in reversed(keys)], variants=2)
        assert all(again.path(sample, k, 0, None) == writer.path(sample, k, 0, None) for k in keys)


@pytest.mark.parametrize(
    ("image", "suffix"),
    [
        (np.zeros((4, 5, 3), np.uint8), ".png"),
        (np.zeros((4, 5), np.uint16), ".png"),
        (np.zeros((4, 5, 4), np.uint8), ".png"),
        (np.zeros((4, 5, 3), np.float32), ".npy"),
        (np.zeros((4, 5, 7), np.uint8), ".npy"),
        (np.zeros((3, 224, 224), np.float32), ".npy"),
    ],
)
def test_pictures_find_a_file_that_holds_them(tmp_path: Path, image: np.ndarray, suffix: str) -> None:
    writer = writer_for("plain", Facts())
    ((path, data),) = writer.encode(Sample(image), "k.jpg")
    assert path == f"data/k{suffix}"
    from opsin.io import decode

    if suffix == ".png":
        assert np.array_equal(decode(data).image, image)
    with pytest.raises(DatasetError, match="picture"):
        writer_for("plain", Facts(), picture="pngg")
    with pytest.raises(DatasetError):
        writer_for("plain", Facts(), nothing=1)


def test_converting_into_a_full_folder_is_refused(tmp_path: Path) -> None:
    class_folder(tmp_path / "a")
    with pytest.raises(DatasetError, match="empty"):
        convert(tmp_path / "a", "coco", tmp_path / "a")


@pytest.mark.parametrize("number", ["²", "٣", "9" * 5000])
def test_odd_digits_in_ids_are_text_or_numbers_never_a_crash(tmp_path: Path, number: str) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "t.csv").write_text(f"path,id,label\na.png,{number},cat\n", encoding="utf-8")
    found = open_dataset(tmp_path).entry(0).extra["id"]
    assert found == (3 if number == "٣" else number)
