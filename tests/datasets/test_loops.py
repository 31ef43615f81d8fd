"""Training loops: one addressed order behind every framework; the same samples for any workers; resumable anywhere."""

from __future__ import annotations

import importlib.util
import itertools
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dataset_help import class_folder, coco_folder, picture
from test_torch import equal, pipeline

from opsin.datasets import open_dataset
from opsin.datasets.loops import Order, batches, from_hf, hf_transform
from opsin.errors import DatasetError, ParamError
from opsin.torch import Dataset


def many(root: Path, count: int = 23) -> Path:
    for i in range(count):
        picture(root / f"{i % 3}" / f"{i:03}.png", 8, 6, seed=i)
    return root


# --- the order -------------------------------------------------------------------------------------------------------
def test_order() -> None:
    order = Order(1000, seed=3)
    first, second = order.places(0), order.places(1)
    assert sorted(first) == sorted(second) == list(range(1000)) and first != second
    assert order.places(0) == first and Order(1000, seed=4).places(0) != first
    assert Order(5, shuffle=False).places(7) == [0, 1, 2, 3, 4]
    # a shuffle that is fair: over many epochs every sample comes equally often in the first half
    early = np.zeros(50)
    for epoch in range(400):
        early[Order(50, seed=1).places(epoch)[:25]] += 1
    assert abs(early - 200).max() < 5 * 10  # standard deviation 10


@pytest.mark.parametrize("even", ["pad", "drop"])
@pytest.mark.parametrize("world", [1, 2, 3, 7])
def test_ranks_divide_the_data(even: str, world: int) -> None:
    parts = [Order(20, seed=1, rank=r, world=world, even=even).places(4) for r in range(world)]
    assert {len(p) for p in parts} == {len(Order(20, rank=0, world=world, even=even))}
    seen = list(itertools.chain(*parts))
    if even == "pad":
        assert set(seen) == set(range(20)) and len(seen) < 20 + world
    else:
        assert len(set(seen)) == len(seen) > 20 - world


@pytest.mark.parametrize("start", [0, 3, 8, 22])
def test_workers_take_whole_batches_in_turn(start: int) -> None:
    order = Order(23, seed=5)
    want = order.places(2)[start:]
    for workers in (1, 2, 5):
        streams = [iter(order.share(2, 4, w, workers, start)) for w in range(workers)]
        got: list[int] = []
        for turn in itertools.cycle(streams):
            batch = list(itertools.islice(turn, 4))
            if not batch:
                break
            got += batch
        assert got == want


def test_wrong_orders() -> None:
    for wrong in ({"rank": 2, "world": 2}, {"world": 0}, {"even": "x"}):
        with pytest.raises(ParamError):
            Order(10, **wrong)  # type: ignore[arg-type]


# --- NumPy -----------------------------------------------------------------------------------------------------------
def test_numpy_batches(tmp_path: Path) -> None:
    loop = batches(many(tmp_path), pipeline(), 5, seed=2)
    assert len(loop) == 5
    one, two = list(loop), list(loop)
    assert [len(labels) for _, labels in one] == [5, 5, 5, 5, 3] and one[0][0].shape == (5, 3, 24, 32)
    assert not equal(one[0], two[0])
    again = batches(tmp_path, pipeline(), 5, seed=2, threads=1)
    assert all(equal(a, b) for a, b in zip(one, again, strict=True))
    assert all(equal(a, b) for a, b in zip(two, again, strict=True))
    assert [len(labels) for _, labels in batches(tmp_path, None, 5, "infer", drop_last=True)] == [5, 5, 5, 5]


@pytest.mark.parametrize("stop", [0, 1, 3, 5])
def test_numpy_goes_on(tmp_path: Path, stop: int) -> None:
    whole = batches(many(tmp_path), pipeline(), 5, seed=2)
    whole.set_epoch(4)
    want = list(whole)
    loop = batches(tmp_path, pipeline(), 5, seed=2, threads=3)
    loop.set_epoch(4)
    had = list(itertools.islice(loop, stop))
    state = json.loads(json.dumps(loop.state_dict()))
    assert state == {"epoch": 4, "samples": min(5 * stop, 23)}
    fresh = batches(tmp_path, pipeline(), 5, seed=2)
    fresh.load_state_dict(state)
    rest = list(fresh)
    assert all(equal(a, b) for a, b in zip(want, had + rest, strict=True))
    assert fresh.state_dict() == {"epoch": 5, "samples": 0}
    with pytest.raises(ParamError, match="state"):
        fresh.load_state_dict({"x": 1})


# --- torch -----------------------------------------------------------------------------------------------------------
def same(a: Any, b: Any) -> bool:
    return all(np.array_equal(np.asarray(x), np.asarray(y)) for x, y in zip(a, b, strict=True))


def test_stream_is_the_same_for_any_workers(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from opsin.torch import IterableDataset

    many(tmp_path)
    want = None
    for workers in (0, 1, 3):
        stream = IterableDataset(tmp_path, pipeline(), batch_size=4, seed=9)
        stream.set_epoch(2)
        loader = torch.utils.data.DataLoader(stream, batch_size=4, num_workers=workers)
        got = list(loader)
        want = want or got
        assert len(got) == 6 and all(same(a, b) for a, b in zip(want, got, strict=True))
    assert isinstance(pickle.loads(pickle.dumps(stream)), IterableDataset)


@pytest.mark.parametrize("before", [0, 2])
@pytest.mark.parametrize("after", [0, 1, 3])
def test_stream_goes_on_with_other_workers(tmp_path: Path, before: int, after: int) -> None:
    pytest.importorskip("torch")
    from opsin.torch import IterableDataset

    many(tmp_path)
    stream = IterableDataset(tmp_path, pipeline(), batch_size=4, seed=9)
    stream.set_epoch(1)
    want = list(stream.loader())
    stream = IterableDataset(tmp_path, pipeline(), batch_size=4, seed=9)
    stream.set_epoch(1)
    loader = stream.loader(num_workers=before)
    had = list(itertools.islice(loader, 2))
    state = json.loads(json.dumps(loader.state_dict()))
    fresh = IterableDataset(tmp_path, pipeline(), batch_size=4, seed=9)
    loader = fresh.loader(num_workers=after)
    loader.load_state_dict(state)
    rest = list(loader)
    assert all(same(a, b) for a, b in zip(want, had + rest, strict=True))
    fresh.set_epoch(2)
    assert len(list(loader)) == 6 == len(loader)


def test_stream_alone_goes_on_at_the_next_sample(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from opsin.torch import IterableDataset

    many(tmp_path)
    want = list(IterableDataset(tmp_path, pipeline(), seed=9))
    stream = IterableDataset(tmp_path, pipeline(), seed=9)
    had = list(itertools.islice(stream, 7))
    fresh = IterableDataset(tmp_path, pipeline(), seed=9)
    fresh.load_state_dict(stream.state_dict())
    assert all(same(a, b) for a, b in zip(want, had + list(fresh), strict=True))
    for rank in range(3):
        part = IterableDataset(tmp_path, pipeline(), seed=9, rank=rank, world=3)
        assert len(list(part)) == 8 == len(part)


@pytest.mark.parametrize("workers", [0, 2])
def test_torchdata_asks_every_worker(tmp_path: Path, workers: int) -> None:
    stateful = pytest.importorskip("torchdata.stateful_dataloader")
    from opsin.torch import IterableDataset

    many(tmp_path)

    def loader() -> Any:
        stream = IterableDataset(tmp_path, pipeline(), batch_size=4, seed=9)
        return stateful.StatefulDataLoader(stream, batch_size=4, num_workers=workers)

    want = list(loader())
    first = loader()
    had = list(itertools.islice(first, 3))
    second = loader()
    second.load_state_dict(first.state_dict())
    assert all(same(a, b) for a, b in zip(want, had + list(second), strict=True))


def test_sampler_tells_the_epoch(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from opsin.torch import Sampler

    data = Dataset(many(tmp_path), pipeline())
    sampler = Sampler(data, seed=4)
    loader = torch.utils.data.DataLoader(data, sampler=sampler, batch_size=23, num_workers=2, persistent_workers=True)
    passes = []
    for epoch in (0, 1, 0):
        sampler.set_epoch(epoch)
        passes.append(next(iter(loader)))
    assert same(passes[0], passes[2]) and not same(passes[0], passes[1])


def test_lightning(tmp_path: Path) -> None:
    lightning = pytest.importorskip("lightning.pytorch")
    torch = pytest.importorskip("torch")
    from opsin.torch import DataModule

    class Model(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(3 * 24 * 32, 3)
            self.seen: list[Any] = []

        def training_step(self, batch: Any, index: int) -> Any:
            images, labels = batch
            self.seen.append((self.current_epoch, images.clone(), labels))
            return torch.nn.functional.cross_entropy(self.layer(images.flatten(1)), labels)

        def validation_step(self, batch: Any, index: int) -> None:
            self.seen.append(("val", batch[0].clone(), batch[1]))

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.0)

    def fit(workers: int) -> list[Any]:
        module = DataModule(tmp_path, pipeline(), 4, workers, split={"train": 0.6, "val": 0.4}, seed=2)
        model = Model()
        trainer = lightning.Trainer(
            max_epochs=2,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            accelerator="cpu",
            default_root_dir=tmp_path.parent,
            num_sanity_val_steps=0,
        )
        trainer.fit(model, datamodule=module)
        return model.seen

    many(tmp_path)
    one, two = fit(0), fit(2)
    assert len(one) == len(two) and {e for e, _, _ in one} == {0, 1, "val"}
    assert all(same(a[1:], b[1:]) for a, b in zip(one, two, strict=True))
    vals = [s[1:] for s in one if s[0] == "val"]
    half = len(vals) // 2
    assert all(same(a, b) for a, b in zip(vals[:half], vals[half:], strict=True)), "no augmentation in validation"
    with pytest.raises(DatasetError, match="split"):
        DataModule(tmp_path, None).train_dataloader()


# --- TensorFlow and Hugging Face -------------------------------------------------------------------------------------
def test_tensorflow(tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow")
    from opsin.datasets.loops import to_tf

    many(tmp_path / "a")
    got = list(to_tf(tmp_path / "a", pipeline(), seed=3).batch(5).as_numpy_iterator())
    want = list(batches(tmp_path / "a", pipeline(), 5, seed=3))
    for (images, labels), (planar, others) in zip(got, want, strict=True):
        assert np.array_equal(np.moveaxis(planar, 1, -1), images) and labels.tolist() == others.tolist()
    objects = to_tf(coco_folder(tmp_path / "b"), mode="infer", shuffle=False)
    assert [int(t["labels"].shape[0]) for _, t in objects] == [2, 2, 1, 0]
    assert objects.element_spec[1]["boxes"] == tf.TensorSpec((None, 4), tf.float32)


class FakeHub:
    """The little of `datasets.Dataset` that reading needs, so that the mapping is tested without it."""

    def __init__(self, rows: list[dict[str, Any]], names: list[str]) -> None:
        self.rows, self.column_names = rows, list(rows[0])
        self.features = {"image": None, "label": type("ClassLabel", (), {"names": names})()}

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> dict[str, Any]:
        return self.rows[i]


def test_hub_rows_are_samples() -> None:
    from PIL import Image

    arrays = [np.random.default_rng(i).integers(0, 255, (8, 9, 3), dtype=np.uint8) for i in range(4)]
    hub = FakeHub([{"image": Image.fromarray(a), "label": i % 2} for i, a in enumerate(arrays)], ["cat", "dog"])
    rows = from_hf(hub)
    assert len(rows) == 4 and np.array_equal(rows[2].image, arrays[2]) and rows[3].label == 1
    assert rows[0].class_names == ("cat", "dog")
    data = Dataset(rows, pipeline(), tensors=False)
    assert len(data) == 4 and data.class_names == ("cat", "dog") and data[1][1] == 1
    with pytest.raises(DatasetError, match="image"):
        from_hf(hub, image="foto")


def test_transform_is_addressed_by_content() -> None:
    arrays = [np.random.default_rng(i).integers(0, 255, (8, 9, 3), dtype=np.uint8) for i in range(3)]
    objects = [{"bbox": [[1.0, 1.0, 4.0, 4.0]], "category": [i], "id": [7]} for i in range(3)]
    apply = hf_transform(pipeline(), objects="objects", epoch=2)
    one = apply({"image": arrays, "objects": objects})
    two = apply({"image": arrays[::-1], "objects": objects[::-1]})
    assert set(one) == {"pixel_values", "objects"} and one["pixel_values"][0].shape == (3, 24, 32)
    assert all(np.array_equal(a, b) for a, b in zip(one["pixel_values"], two["pixel_values"][::-1], strict=True))
    assert set(one["objects"][0]) == {"bbox", "category", "id"} and one["objects"][0]["id"] == [7]
    other = hf_transform(pipeline(), epoch=lambda: 3)({"image": arrays})
    assert not np.array_equal(other["pixel_values"][0], one["pixel_values"][0])


def test_hugging_face_round_trip(tmp_path: Path) -> None:
    if importlib.util.find_spec("huggingface_hub") is None:
        pytest.skip("Hugging Face datasets is not installed")  # this folder too is called datasets
    hub = pytest.importorskip("datasets.features")
    from opsin.datasets.loops import to_hf

    made = to_hf(class_folder(tmp_path / "a"))
    assert isinstance(made.features["image"], hub.Image) and made.features["label"].names == ["Ente groß", "cat", "dog"]
    back = from_hf(made, key="key")
    for sample, row in zip(open_dataset(tmp_path / "a"), back, strict=True):
        assert np.array_equal(sample.image, row.image) and sample.label == row.label and row.key == sample.key
    boxed = to_hf(coco_folder(tmp_path / "b")).with_transform(hf_transform(pipeline(), "infer", objects="objects"))
    assert boxed[0]["pixel_values"].shape == (3, 24, 32)
    x, y, w, h = boxed[0]["objects"]["bbox"][0]
    assert np.allclose([x, y, w, h], [1.2, 1.8, 8.08, 9.76], atol=1e-3)  # 40 x 30 became 32 x 24
