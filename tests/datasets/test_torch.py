"""`opsin.torch.Dataset`: the same samples whatever the number of workers; NumPy without torch."""

from __future__ import annotations

import multiprocessing
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dataset_help import class_folder, coco_folder, picture

from opsin import Pipeline, Sample, augment, ops, step, uniform
from opsin.datasets import open_dataset
from opsin.errors import DecodeError, MissingExtra, ParamError
from opsin.io import write
from opsin.kernels import native
from opsin.torch import Dataset, collate


def pipeline(seed: int = 7) -> Pipeline:
    return Pipeline(
        step(ops.resize, width=32, height=24),
        augment(step(ops.rotate, angle=uniform(-10, 10)), step(ops.brightness, factor=uniform(0.8, 1.2))),
        step(ops.to_tensor),
        seed=seed,
    )


def equal(a: Any, b: Any) -> bool:
    if isinstance(a, dict):
        return set(a) == set(b) and all(equal(a[k], b[k]) for k in a)
    if isinstance(a, tuple):
        return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b, strict=True))
    return bool(np.array_equal(np.asarray(a), np.asarray(b)))


def fetch(job: tuple[Dataset, int]) -> Any:
    return job[0][job[1]]


def test_numpy(tmp_path: Path) -> None:
    d = Dataset(class_folder(tmp_path), pipeline(), tensors=False)
    assert len(d) == 6 and d.class_names == ("Ente groß", "cat", "dog")
    image, label = d[4]
    assert image.shape == (3, 24, 32) and image.dtype == np.float32 and image.flags.c_contiguous and label == 2
    assert equal(d[-1], d[5]) and not equal(d[0][0], d[1][0])
    with pytest.raises(IndexError):
        d[6]


def test_epochs_and_seeds_address_the_draws(tmp_path: Path) -> None:
    d = Dataset(class_folder(tmp_path), pipeline(), tensors=False)
    first = d[0]
    d.set_epoch(1)
    assert d.epoch == 1 and not equal(first, d[0])
    d.set_epoch(0)
    assert equal(first, d[0])
    assert not equal(first, Dataset(tmp_path, pipeline(8), tensors=False)[0])
    direct = pipeline()(open_dataset(tmp_path).load(0), mode="train", key="Ente groß/0.png", epoch=0)
    assert np.array_equal(direct.image, first[0])
    calm = Dataset(tmp_path, pipeline(), mode="infer", tensors=False)
    assert equal(calm[0], Dataset(tmp_path, pipeline(99), mode="infer", tensors=False)[0])
    for wrong in (-1, 1.5, True):
        with pytest.raises(ParamError, match="epoch"):
            d.set_epoch(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_same_samples_for_any_workers(tmp_path: Path, workers: int, start: str) -> None:
    d = Dataset(coco_folder(tmp_path), pipeline(), tensors=False, variants=2)
    d.set_epoch(3)
    here = [d[i] for i in range(len(d))]
    assert len(here) == 8 and not equal(here[0], here[4])
    with multiprocessing.get_context(start).Pool(workers) as pool:
        there = pool.map(fetch, [(d, i) for i in range(len(d))])
    assert all(equal(a, b) for a, b in zip(here, there, strict=True))


def test_detection_targets(tmp_path: Path) -> None:
    d = Dataset(coco_folder(tmp_path), mode="infer", tensors=False)
    image, target = d[0]
    assert image.shape == (3, 30, 40) and image.dtype == np.uint8
    assert target["boxes"].dtype == np.float32 and target["boxes"].shape == (2, 4)
    assert target["labels"].tolist() == [1, 0] and target["masks"].shape == (2, 30, 40)
    assert target["keypoints"].shape == (2, 3, 3) and target["iscrowd"].tolist() == [0, 0]
    assert d[1][1]["iscrowd"].tolist() == [1, 0]
    empty = d[3][1]
    assert empty["boxes"].shape == (0, 4) and empty["masks"].shape == (0, 30, 40) and empty["labels"].shape == (0,)
    own = Dataset(tmp_path, mode="infer", tensors=False, target=lambda s: len(s.instances))
    assert [own[i][1] for i in range(4)] == [2, 2, 1, 0]


def test_lists_of_pictures(tmp_path: Path) -> None:
    image = picture(tmp_path / "a.png")
    d = Dataset([str(tmp_path / "a.png"), image, Sample(image, label=3), (image, 5)], mode="infer", tensors=False)
    assert isinstance(d[0], np.ndarray) and np.array_equal(d[0], d[1])
    assert d[2][1] == 3 and d[3][1] == 5
    assert [d.key(i) for i in range(4)] == [str(tmp_path / "a.png"), 1, 2, 3]


def test_pictures_that_cannot_be_read(tmp_path: Path) -> None:
    class_folder(tmp_path)
    (tmp_path / "cat" / "0.png").write_bytes(b"no picture")
    with pytest.raises(DecodeError):
        Dataset(tmp_path, tensors=False)[2]
    d = Dataset(tmp_path, tensors=False, on_error="next")
    assert equal(d[2], d[3])


def test_pickles(tmp_path: Path) -> None:
    d = Dataset(class_folder(tmp_path), pipeline(), tensors=False)
    d.set_epoch(2)
    again = pickle.loads(pickle.dumps(d))
    assert again.epoch == 2 and equal(again[1], d[1])


def test_without_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import opsin.torch.dataset as module

    monkeypatch.setattr(module, "find_spec", lambda name: None)
    class_folder(tmp_path)
    assert isinstance(Dataset(tmp_path)[0][0], np.ndarray)
    with pytest.raises(MissingExtra, match="torch"):
        Dataset(tmp_path, tensors=True)


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_data_loader(tmp_path: Path, workers: int) -> None:
    torch = pytest.importorskip("torch")
    d = Dataset(class_folder(tmp_path), pipeline())
    loader = torch.utils.data.DataLoader(d, batch_size=2, num_workers=workers, persistent_workers=workers > 0)
    for epoch in (0, 1):
        d.set_epoch(epoch)
        plain = Dataset(tmp_path, pipeline(), tensors=False)
        plain.set_epoch(epoch)
        images = torch.cat([images for images, _ in loader]).numpy()
        assert np.array_equal(images, np.stack([plain[i][0] for i in range(6)]))


def jpegs(root: Path, count: int = 6) -> Path:
    for i in range(count):
        name = root / "ab"[i % 2] / f"{i}.jpg"
        name.parent.mkdir(parents=True, exist_ok=True)
        write(np.random.default_rng(i).integers(0, 255, (50 + i, 60, 3), np.uint8), name)
    return root


@pytest.mark.parametrize("make", [class_folder, coco_folder, jpegs])
@pytest.mark.parametrize("mode", ["train", "infer"])
def test_a_batch_is_what_its_samples_are(tmp_path: Path, make: Any, mode: Any) -> None:
    d = Dataset(make(tmp_path), pipeline(), mode, tensors=False, threads=2)
    d.set_epoch(1)
    for chosen in ([3, 0, 2], [1], list(range(len(d)))):
        batch = d.__getitems__(chosen)
        assert equal(tuple(batch), tuple(d[i] for i in chosen))
        images, targets = collate(batch)
        assert images.shape == (len(chosen), 3, 24, 32) and equal(tuple(images), tuple(d[i][0] for i in chosen))
        assert len(targets) == len(chosen) and equal(targets[-1], d[chosen[-1]][1])
    # what the core makes as a batch lies side by side, and is not copied
    assert np.shares_memory(collate(batch)[0], batch[0][0]) is native.available()


def test_a_batch_of_what_cannot_be_one_array(tmp_path: Path) -> None:
    jpegs(tmp_path)
    sizes = Dataset(tmp_path, Pipeline(step(ops.flip_horizontal)), "infer", tensors=False)
    images, labels = collate(sizes.__getitems__([0, 1, 2]))
    assert [i.shape for i in images] == [sizes[k][0].shape for k in range(3)] and labels.tolist() == [0, 0, 0]
    assert equal(tuple(images), tuple(sizes[k][0] for k in range(3)))
    several = Dataset(tmp_path, pipeline(), tensors=False, variants=2)
    assert equal(tuple(several.__getitems__([0, 6])), (several[0], several[6])) and not equal(several[0], several[6])
    bare = Dataset(tmp_path, tensors=False)
    assert equal(tuple(bare.__getitems__([0, 4])), (bare[0], bare[4]))


@pytest.mark.parametrize("content", [b"no picture", b"", None])
def test_a_batch_with_a_picture_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    jpegs(tmp_path)
    bad = tmp_path / "a" / "2.jpg"
    d = Dataset(tmp_path, pipeline(), tensors=False)
    keep = Dataset(tmp_path, pipeline(), tensors=False, on_error="next")
    if content is None:
        bad.unlink()
    else:
        bad.write_bytes(content)
    with pytest.raises(DecodeError, match=r"2\.jpg"):
        d.__getitems__([0, 1, 2])
    found = keep.__getitems__([0, 1, 2])
    assert equal(tuple(found), (keep[0], keep[2], keep[2]))
    assert collate(found)[0].shape == (3, 3, 24, 32)


def test_threads_is_a_count(tmp_path: Path) -> None:
    for wrong in (0, 1.5, True):
        with pytest.raises(ParamError, match="threads"):
            Dataset(class_folder(tmp_path), pipeline(), tensors=False, threads=wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_takes_batches_as_they_lie(tmp_path: Path, workers: int) -> None:
    torch = pytest.importorskip("torch")
    d = Dataset(jpegs(tmp_path), pipeline())
    loader = torch.utils.data.DataLoader(d, batch_size=4, num_workers=workers, collate_fn=collate)
    for start, (images, labels) in zip((0, 4), loader, strict=True):
        assert torch.equal(images, torch.stack([d[i][0] for i in range(start, min(start + 4, 6))]))
        assert labels.dtype == torch.int64
