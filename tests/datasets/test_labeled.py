"""Label pictures: found in every usual layout, read as numbers, carried nearest, written and read again."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.run.support import Job, tree

from opsin import Pipeline, ops, step, write
from opsin.datasets import convert, open_dataset
from opsin.errors import DatasetError
from opsin.run.verify import verify

COLORS = [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 128]]
LAYOUTS = {
    "voc": ("JPEGImages/{n}.jpg", "SegmentationClass/{n}.png"),
    "ade": ("images/training/{n}.jpg", "annotations/training/{n}.png"),
    "cityscapes": ("leftImg8bit/train/ulm/{n}_leftImg8bit.png", "gtFine/train/ulm/{n}_gtFine_labelIds.png"),
    "split above": ("train/images/{n}.jpg", "train/masks/{n}_mask.png"),
    "camvid": ("train/{n}.png", "train_labels/{n}_L.png"),
    "flat": ("images/{n}.png", "masks/{n}.png"),
}


def numbers(seed: int, shape: tuple[int, int] = (20, 30)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4, shape, np.uint8)


def make(root: Path, layout: str, kind: str = "gray", count: int = 3) -> list[np.ndarray]:
    picture, label = LAYOUTS[layout]
    out = []
    for i in range(count):
        n = f"ulm_{i:06d}"
        for name in (picture, label):
            (root / name.format(n=n)).parent.mkdir(parents=True, exist_ok=True)
        write(np.random.default_rng(i).integers(0, 255, (20, 30, 3), np.uint8), root / picture.format(n=n))
        found = numbers(i)
        out.append(found)
        if kind == "palette":
            image = Image.fromarray(found, "P")
            image.putpalette([v for c in COLORS for v in c])
        else:
            image = Image.fromarray(found if kind == "gray" else np.array(COLORS, np.uint8)[found])
        image.save(root / label.format(n=n))
    return out


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", ["gray", "palette"])
def test_layouts(tmp_path: Path, layout: str, kind: str) -> None:
    expected = make(tmp_path, layout, kind)
    if layout == "voc":
        (tmp_path / "ImageSets" / "Segmentation").mkdir(parents=True)
        (tmp_path / "ImageSets" / "Segmentation" / "train.txt").write_text("ulm_000000\nulm_000001\nulm_000002\n")
    if layout == "cityscapes":
        write(np.zeros((20, 30, 3), np.uint8), tmp_path / "gtFine/train/ulm/ulm_000000_gtFine_color.png")
    data = open_dataset(tmp_path)
    assert data.format == "segmentation" and not data.check() and len(data) == 3
    assert data.splits == (() if layout == "flat" else ("train",))
    for key, want in zip(data.keys, expected, strict=True):
        np.testing.assert_array_equal(data.load(key).segmentation, want)


def test_colors_become_numbers(tmp_path: Path) -> None:
    expected = make(tmp_path, "flat", "color")
    with pytest.raises(DatasetError, match="colors="):
        open_dataset(tmp_path).load(0)
    given = open_dataset(tmp_path, colors=COLORS)
    np.testing.assert_array_equal(given.load(1).segmentation, expected[1])
    rows = [f"{name},{r},{g},{b}" for name, (r, g, b) in zip(("sky", "road", "tree", "wall"), COLORS, strict=True)]
    (tmp_path / "class_dict.csv").write_text("name,r,g,b\n" + "\n".join(rows) + "\n")
    data = open_dataset(tmp_path, "segmentation")
    assert data.class_names == ("sky", "road", "tree", "wall")
    np.testing.assert_array_equal(data.load(2).segmentation, expected[2])
    few = open_dataset(tmp_path, "segmentation", colors=COLORS[:3])
    sample, found = few.load_checked(few.entry(0))
    assert [f.rule for f in found] == ["color_unknown"]
    np.testing.assert_array_equal(sample.segmentation == 255, expected[0] == 3)


def test_zero_and_255_become_two_classes_when_colors_say_so(tmp_path: Path) -> None:
    make(tmp_path, "flat")
    mask = (numbers(0) > 1).astype(np.uint8)
    Image.fromarray(mask * 255).save(tmp_path / "masks" / "ulm_000000.png")
    data = open_dataset(tmp_path, colors=[[0, 0, 0], [255, 255, 255]])
    np.testing.assert_array_equal(data.load(0).segmentation, mask)


def test_what_does_not_fit_is_found(tmp_path: Path) -> None:
    make(tmp_path, "flat")
    Image.fromarray(numbers(0, (10, 30))).save(tmp_path / "masks" / "ulm_000000.png")
    (tmp_path / "masks" / "ulm_000001.png").rename(tmp_path / "masks" / "other.png")
    data = open_dataset(tmp_path)
    assert sorted(f.rule for f in data.check()) == ["canvas_mismatch", "orphan_label", "unannotated"]
    assert data.load(0).segmentation is None and data.load(1).segmentation is None


def test_geometry_carries_numbers_as_an_independent_nearest_does(tmp_path: Path) -> None:
    make(tmp_path, "flat")
    sample = open_dataset(tmp_path).load(0)
    out = Pipeline(step(ops.flip_horizontal), step(ops.rotate90, times=1), step(ops.resize, width=60, height=90))(
        sample
    )
    expected = np.rot90(sample.segmentation[:, ::-1]).repeat(3, axis=0).repeat(3, axis=1)
    np.testing.assert_array_equal(out.segmentation, expected)


@pytest.mark.parametrize("target", ["segmentation", "webdataset", "arrays"])
def test_written_and_read_again(tmp_path: Path, target: str) -> None:
    expected = make(tmp_path / "in", "ade")
    result = convert(tmp_path / "in", target, tmp_path / "out")
    assert not [s for s in result.losses if "label" in s]
    data = open_dataset(tmp_path / "out")
    assert data.format == target and data.splits == ("train",) and not data.check()
    for key, want in zip(data.keys, expected, strict=True):
        np.testing.assert_array_equal(data.load(key).segmentation, want)


@pytest.mark.parametrize("target", ["coco", "yolo", "voc", "csv", "folder", "dota", "plain"])
def test_other_targets_say_that_they_are_lost(tmp_path: Path, target: str) -> None:
    make(tmp_path / "in", "ade", count=1)
    result = convert(tmp_path / "in", target, tmp_path / "out")
    assert [s for s in result.losses if "label pictures" in s]


@pytest.mark.parametrize("target", ["segmentation", "webdataset"])
def test_prepared(tmp_path: Path, target: str) -> None:
    job = Job(tmp_path)
    make(job.source, "ade")
    job.pipeline.write_text("opsin: 1\nsteps:\n  - flip_vertical: {}\n  - to_tensor: {}\n")
    done = job.run(tmp_path / "out", "--to", target)
    assert done.returncode == 0, done.stderr
    assert verify(tmp_path / "out").good
    assert job.run(tmp_path / "again", "--to", target, "--workers", "3").returncode == 0
    assert tree(tmp_path / "out") == tree(tmp_path / "again")
    data = open_dataset(tmp_path / "out")
    for i, key in enumerate(data.keys):
        sample = data.load(key)
        assert sample.image.dtype == np.float32
        np.testing.assert_array_equal(sample.segmentation, numbers(i)[::-1])
