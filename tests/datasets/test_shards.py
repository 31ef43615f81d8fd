"""Tar shards, arrays and addresses: streamed, never extracted; hostile archives name what is wrong."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
from dataset_help import class_folder, coco_folder, picture, table_of

from opsin.datasets import convert, open_dataset, writer_for
from opsin.datasets.tar import members
from opsin.errors import DatasetError
from opsin.io import encode


# --- WebDataset ------------------------------------------------------------------------------------------------------
def shard(path: Path, files: list[tuple[str, bytes]], form: int = tarfile.PAX_FORMAT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=form) as out:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            out.addfile(info, io.BytesIO(data))
    return path


def png(seed: int = 0) -> bytes:
    return encode(np.random.default_rng(seed).integers(0, 255, (8, 9, 3), dtype=np.uint8), "png")


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_shards_of_other_people(tmp_path: Path, form: int) -> None:
    long = "deep/" * 20 + "x" * 60 + ("" if form == tarfile.USTAR_FORMAT else "ö" * 90)
    shard(
        tmp_path / "train-000.tar",
        [
            ("0001.png", png(1)),
            ("0001.cls", b"3"),
            ("0001.txt", b"a caption"),
            ("b/0002.seg.png", png(9)),
            ("b/0002.png", png(2)),
            ("b/0002.json", b'{"width": 9, "url": "x"}'),
            (f"{long}.png", png(3)),
        ],
        form,
    )
    shard(tmp_path / "val-000.tar", [("0001.png", png(4)), ("0001.cls", b"cat")], form)
    data = open_dataset(tmp_path)
    assert data.format == "webdataset" and data.splits == ("train", "val") and len(data) == 4
    assert [e.label for e in data.entries()] == [3, None, None, "cat"]
    assert data.entry(0).extra == {"text": "a caption"} and data.entry(1).extra == {"width": 9, "url": "x"}
    assert data.keys[:2] == ("train/0001.png", "train/b/0002.png") and data.keys[3] == "val/0001.png"
    from opsin.io import decode

    assert all(np.array_equal(data[i].image, decode(png(i + 1)).image) for i in range(4))
    # a member in colors that nobody explains is said, and the picture stays
    assert data[1].segmentation is None and [f.rule for f in data.check()] == ["unreadable_label"]
    assert sorted(os.listdir(tmp_path)) == ["train-000.tar", "val-000.tar"], "nothing was extracted"


def test_round_trip_in_several_shards(tmp_path: Path) -> None:
    data = open_dataset(coco_folder(tmp_path / "a"), split={"train": 0.5, "val": 0.5}, seed=1)
    result = convert(data, "webdataset", tmp_path / "b", shard_samples=1)
    names = [f for f in result.files if f.endswith(".tar")]
    assert len(names) == 4 and result.lossless
    again = open_dataset(tmp_path / "b")
    assert again.class_names == data.class_names and again.skeleton == data.skeleton
    assert again.facts.class_ids == data.facts.class_ids
    assert table_of(again) != [] and again.findings == ()
    convert(again, "coco", tmp_path / "c")
    third = open_dataset(tmp_path / "c")
    assert [r[2:] for r in table_of(third)] == [r[2:] for r in table_of(data)]
    with tarfile.open(tmp_path / "b" / names[0]) as tar:  # an independent reader agrees
        assert all(m.isfile() and m.mtime == 0 for m in tar.getmembers())
    convert(data, "webdataset", tmp_path / "d", shard_samples=1)
    for name in result.files:
        assert (tmp_path / "b" / name).read_bytes() == (tmp_path / "d" / name).read_bytes()


def test_shards_are_cut_by_size(tmp_path: Path) -> None:
    data = open_dataset(class_folder(tmp_path / "a"))
    result = convert(data, "webdataset", tmp_path / "b", shard_bytes=12_000)
    sizes = [(tmp_path / "b" / f).stat().st_size for f in result.files if f.endswith(".tar")]
    assert len(sizes) > 1 and all(s <= 12_000 + 1024 for s in sizes)
    assert len(open_dataset(tmp_path / "b")) == 6


def test_hostile_archives(tmp_path: Path) -> None:
    path = tmp_path / "train.tar"
    with tarfile.open(path, "w") as out:
        for name, kind in (("link.png", tarfile.SYMTYPE), ("hard.png", tarfile.LNKTYPE), ("dev.png", tarfile.CHRTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            out.addfile(info)
        for name in ("../../up.png", "/etc/cron.d/x.png", "good.png", "good.png"):
            info = tarfile.TarInfo(name)
            info.size = len(png())
            out.addfile(info, io.BytesIO(png()))
    data = open_dataset(tmp_path)
    rules = ["duplicate_path", "member_skipped", "member_skipped", "member_skipped", "outside_root", "outside_root"]
    assert sorted(f.rule for f in data.findings) == rules
    assert data.keys == ("train/good.png",) and os.listdir(tmp_path) == ["train.tar"]


@pytest.mark.parametrize("cut", [1, 511, 513, 700, 1100])
def test_cut_archive_gives_what_is_whole(tmp_path: Path, cut: int) -> None:
    whole = shard(tmp_path / "w" / "a.tar", [("a.png", png(1)), ("b.png", png(2))]).read_bytes()
    first = 512 + -(-len(png(1)) // 512) * 512
    (tmp_path / "a.tar").write_bytes(whole[: first + cut] if cut != 1 else whole[: first + 512 + 10])
    data = open_dataset(tmp_path / "a.tar")
    assert data.keys[:1] == ("a.png",)
    if len(data) == 1:
        assert [f.rule for f in data.findings] == ["unreadable_shard"]


def test_what_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(os.urandom(4096))
    data = open_dataset(tmp_path / "a.tar")
    assert len(data) == 0 and [f.rule for f in data.findings] == ["unreadable_shard"]
    import gzip

    (tmp_path / "a.tar").write_bytes(gzip.compress(shard(tmp_path / "b.tar", [("a.png", png())]).read_bytes()))
    assert "gunzip" in open_dataset(tmp_path / "a.tar").findings[0].message


def test_headers_that_lie(tmp_path: Path) -> None:
    base = shard(tmp_path / "a.tar", [("a.png", png())]).read_bytes()
    info = tarfile.TarInfo("x.png")
    info.size = 1 << 62
    head = info.tobuf(tarfile.GNU_FORMAT)
    (tmp_path / "b.tar").write_bytes(head + base)
    with pytest.raises(DatasetError, match="ends within"):
        list(members(str(tmp_path / "b.tar")))
    info.size, info.type = 1 << 20, tarfile.XHDTYPE
    (tmp_path / "b.tar").write_bytes(info.tobuf(tarfile.USTAR_FORMAT) + b"9" * (1 << 20) + base)
    with pytest.raises(DatasetError, match="too long"):
        list(members(str(tmp_path / "b.tar")))


# --- arrays ----------------------------------------------------------------------------------------------------------
def test_npz_of_courses(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 255, (7, 28, 28), dtype=np.uint8)
    y = rng.integers(0, 10, 7)
    np.savez_compressed(tmp_path / "mnist.npz", x_train=x, y_train=y, x_test=x[:3], y_test=y[:3])
    data = open_dataset(tmp_path)
    assert data.format == "arrays" and data.splits == ("train", "test") and len(data) == 10
    assert [e.label for e in data.entries()] == [*y.tolist(), *y[:3].tolist()]
    assert np.array_equal(data[4].image, x[4]) and np.array_equal(data[8].image, x[1])
    convert(data, "folder", tmp_path / "out")
    assert len(open_dataset(tmp_path / "out")) == 10


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64", ">u2", "int64", "bool"])
def test_npy_stack_is_read_row_by_row(tmp_path: Path, dtype: str) -> None:
    x = np.random.default_rng(0).integers(0, 2 if dtype == "bool" else 200, (5, 6, 7, 3)).astype(dtype)
    np.save(tmp_path / "train.images.npy", x)
    np.save(tmp_path / "train.labels.npy", np.arange(5))
    data = open_dataset(tmp_path)
    assert [e.label for e in data.entries()] == [0, 1, 2, 3, 4] and data.splits == ("train",)
    want = x[3].astype(np.uint8) * 255 if dtype == "bool" else x[3]
    assert np.array_equal(data[3].image, want)


def test_planar_arrays(tmp_path: Path) -> None:
    x = np.random.default_rng(0).random((4, 3, 16, 20)).astype(np.float32)
    np.save(tmp_path / "a.npy", x)
    assert np.array_equal(open_dataset(tmp_path)[1].image, np.moveaxis(x[1], 0, -1))
    assert open_dataset(tmp_path, planar=False)[1].image.shape == (3, 16, 20)


def test_pictures_of_two_sizes_are_refused(tmp_path: Path) -> None:
    picture(tmp_path / "a/x/0.png", 10, 10)
    picture(tmp_path / "a/x/1.png", 11, 10)
    with pytest.raises(DatasetError, match="one size"):
        convert(tmp_path / "a", "arrays", tmp_path / "b")


def test_wrong_arrays(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((3, 4, 5, 3), np.uint8))
    data = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(data[:-70])
    opened = open_dataset(tmp_path / "a.npy", "arrays")
    assert opened[0].image.shape == (4, 5, 3)
    from opsin.errors import DecodeError

    with pytest.raises(DecodeError, match="ends within"):
        opened[2]
    np.save(tmp_path / "b.npy", np.asfortranarray(np.zeros((3, 4, 5, 3))))
    with pytest.raises(DatasetError, match="C order"):
        open_dataset(tmp_path / "b.npy", "arrays")
    (tmp_path / "c.npz").write_bytes(b"PK\x03\x04 no")
    with pytest.raises(DatasetError, match="NPZ"):
        open_dataset(tmp_path / "c.npz", "arrays")


# --- addresses -------------------------------------------------------------------------------------------------------
def test_addresses(tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")
    memory = fsspec.filesystem("memory")
    made = {
        "folder": class_folder(tmp_path / "folder"),
        "coco": coco_folder(tmp_path / "coco", file="annotations/instances_train.json"),
    }
    convert(made["coco"], "yolo", tmp_path / "yolo", task="detect")
    convert(made["coco"], "voc", tmp_path / "voc")
    convert(made["coco"], "webdataset", tmp_path / "webdataset")
    convert(made["coco"], "csv", tmp_path / "csv")
    for kind in ("folder", "coco", "yolo", "voc", "webdataset", "csv"):
        memory.put(str(tmp_path / kind), f"/bucket/{kind}", recursive=True)
        here = open_dataset(tmp_path / kind)
        there = open_dataset(f"memory://bucket/{kind}")
        assert (there.format, there.keys, there.splits) == (here.format, here.keys, here.splits)
        assert table_of(there) == table_of(here)
    convert("memory://bucket/coco", "coco", tmp_path / "back")
    one = open_dataset("memory://bucket/coco/annotations/instances_train.json")
    assert table_of(one) == table_of(open_dataset(tmp_path / "coco"))


def test_a_zip_is_read_where_it_lies(tmp_path: Path) -> None:
    pytest.importorskip("fsspec", reason="fsspec is not installed")
    import shutil

    shutil.make_archive(str(tmp_path / "set"), "zip", class_folder(tmp_path / "in"))
    data = open_dataset(f"zip://::{tmp_path}/set.zip")
    assert data.format == "folder" and table_of(data) == table_of(open_dataset(tmp_path / "in"))


def test_nothing_is_fetched_unless_asked() -> None:
    with pytest.raises(DatasetError, match="network=True"):
        open_dataset("s3://bucket/set")
    with pytest.raises(DatasetError, match="network=True"):
        open_dataset("zip://::https://example.com/a.zip")
    pytest.importorskip("fsspec", reason="fsspec is not installed")
    with pytest.raises(DatasetError, match="nothing at"):
        open_dataset("memory://nothing/here")
    with pytest.raises(DatasetError):
        open_dataset("nosuch://a/b", network=True)


def test_sharded_writers_say_so() -> None:
    from opsin.datasets import Facts

    assert writer_for("webdataset", Facts()).sharded and not writer_for("coco", Facts()).sharded
    assert json.loads(dict(writer_for("webdataset", Facts()).finish([]))["dataset.json"])["opsin"] == 1
