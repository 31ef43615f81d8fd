"""Hugging Face `datasets`: read as samples, written with the `Image` feature, a pipeline in `with_transform`."""

from __future__ import annotations

import hashlib
from collections import abc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from opsin.errors import DatasetError, MissingExtra, refusal
from opsin.sample import Sample

__all__ = ["from_hf", "hf_transform", "to_hf"]

_IMAGES = ("image", "img", "picture", "pixel_values")
_LABELS = ("label", "labels", "fine_label", "target", "class")


def hf_transform(
    pipeline: Any,
    mode: Any = "train",
    *,
    image: str = "image",
    output: str = "pixel_values",
    objects: str | None = None,
    key: str | None = None,
    epoch: int | Callable[[], int] = 0,
) -> Callable[[dict[str, list[Any]]], dict[str, list[Any]]]:
    """Give a function for `dataset.with_transform(...)`.

        dataset.with_transform(hf_transform(pipeline, epoch=lambda: trainer.state.epoch))

    Args:
        pipeline: what is done to each picture.
        mode: `train` or `infer`.
        image: the column of pictures.
        output: the column of processed pictures; C H W after `to_tensor`.
        objects: a column of dicts with `bbox` (x y width height) and `category`, as detection sets have it.
        key: the column that addresses the draws; without it the picture's own content does, so that the order, the
            split and the number of workers do not matter.
        epoch: which pass, or a function that tells.
    """

    def transform(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        now = epoch() if callable(epoch) else epoch
        out = {name: list(values) for name, values in batch.items() if name != image}
        done = []
        for i, value in enumerate(batch[image]):
            sample = _sample(value, batch[objects][i] if objects is not None else None)
            name = batch[key][i] if key is not None else _digest(sample.image)
            if mode == "train":
                done.append(pipeline(sample, mode="train", key=name, epoch=int(now)))
            else:
                done.append(pipeline(sample, key=name))
        out[output] = [s.image for s in done]
        if objects is not None:
            out[objects] = [_objects(s, batch[objects][i]) for i, s in enumerate(done)]
        return out

    return transform


def _array(value: Any) -> Any:
    """Read a picture as the `Image` feature gives it: a Pillow picture, an array, or bytes or a path in a dict."""
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, dict):
        from opsin.io import read

        return read(value["bytes"] if value.get("bytes") is not None else value["path"])
    from opsin.io import from_pillow

    return from_pillow(value)


def _digest(image: Any) -> str:
    return hashlib.sha256(repr((image.shape, image.dtype.str)).encode() + image.tobytes()).hexdigest()[:32]


def _sample(value: Any, objects: Any) -> Sample:
    if objects is None:
        return Sample(_array(value))
    labels = objects.get("category", objects.get("categories", objects.get("label")))
    rest = {k: v for k, v in objects.items() if k not in ("bbox", "category", "categories", "label")}
    rows = range(len(objects["bbox"]))
    return Sample(
        _array(value),
        boxes=objects["bbox"],
        box_format="xywh",
        labels=list(labels) if labels is not None else None,
        attributes=[{k: v[i] for k, v in rest.items()} for i in rows],
    )


def _objects(sample: Sample, before: dict[str, Any]) -> dict[str, Any]:
    """Write the objects that are left in the columns they came in."""
    table = sample.instances
    assert table.boxes is not None and table.attributes is not None
    boxes = np.concatenate([table.boxes[:, :2], table.boxes[:, 2:] - table.boxes[:, :2]], axis=1)
    out: dict[str, Any] = {"bbox": boxes.tolist()}
    for name in before:
        if name == "bbox":
            continue
        if name in ("category", "categories", "label"):
            out[name] = [] if table.labels is None else table.labels.tolist()
        else:
            out[name] = [a[name] for a in table.attributes]
    return out


def from_hf(dataset: Any, *, image: str | None = None, label: str | None = None, key: str | None = None) -> HubRows:
    """Give a Hugging Face data set as samples, read when asked for; for `opsin.torch.Dataset` and `batches`.

    Args:
        dataset: a `datasets.Dataset` with an `Image` feature.
        image: the column of pictures; found when not given.
        label: the column of labels; found when not given.
        key: the column that addresses the draws; without it the position.
    """
    names = list(dataset.column_names)
    image = image or next((n for n in _IMAGES if n in names), None)
    if image is None or image not in names:
        raise DatasetError(refusal("from_hf", "image", f"one of the columns {', '.join(names)}", image))
    label = label or next((n for n in _LABELS if n in names), None)
    feature = dataset.features[label] if label is not None else None
    return HubRows(dataset, image, label, key, tuple(getattr(feature, "names", None) or ()))


class HubRows:
    """Samples of a Hugging Face data set, made when asked for; stands in for a data set."""

    def __init__(
        self, dataset: Any, image: str, label: str | None, key: str | None, class_names: abc.Sequence[str]
    ) -> None:
        self.dataset, self.columns, self.class_names = dataset, (image, label, key), tuple(class_names)
        self.keys: abc.Sequence[int | str] = range(len(dataset)) if key is None else list(dataset[key])

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Sample:
        row = self.dataset[int(index)]
        image, label, _ = self.columns
        return Sample(
            _array(row[image]),
            label=None if label is None else row[label],
            class_names=self.class_names or None,
            key=self.keys[index],
        )

    def __iter__(self) -> Iterator[Sample]:
        return (self[i] for i in range(len(self)))


def to_hf(source: Any, split: str | None = None, **options: Any) -> Any:
    """Give a `datasets.Dataset` with the `Image` feature: picture files as they are, labels as `ClassLabel`.

    Objects stand in `objects`: `bbox` (x y width height), `category`, `area`, `iscrowd`.

    Args:
        source: a folder, an annotation file, or an open data set.
        split: only this split.
        options: of `opsin.datasets.open_dataset`.
    """
    try:
        from datasets import ClassLabel, Dataset, Features, Image, Sequence, Value
    except ImportError:
        raise MissingExtra("to_hf", "datasets", "huggingface") from None
    from opsin.datasets import open_dataset

    data = open_dataset(source, **options)
    data = data if split is None else data.only(split)
    labeled = "label" in data.facts.columns
    boxed = bool(data.facts.columns & {"boxes", "polygons", "masks", "corners"})
    kind = ClassLabel(names=list(data.class_names)) if data.class_names else Value("int64")
    columns: dict[str, Any] = {"image": Image(), "key": Value("string")}
    if labeled:
        columns["label"] = kind
    if boxed:
        row = {"bbox": Sequence(Value("float32"), length=4), "category": kind}
        row |= {"area": Value("float32"), "iscrowd": Value("int64")}
        # a list of dicts, as in the detection sets on the hub, comes out as a dict of lists
        columns["objects"] = Sequence(row)

    def rows() -> Iterator[dict[str, Any]]:
        for entry in data.entries():
            raw = data.raw(entry)
            sample = data.load(entry) if boxed or raw is None else None
            if raw is None:
                from opsin.io import encode

                assert sample is not None
                raw = encode(sample.image, "png"), ".png"
            out: dict[str, Any] = {"image": {"bytes": raw[0], "path": None}, "key": entry.key}
            if labeled:
                out["label"] = entry.label
            if boxed:
                assert sample is not None
                out["objects"] = _table(sample)
            yield out

    return Dataset.from_generator(rows, features=Features(columns))


def _table(sample: Sample) -> dict[str, list[Any]]:
    from opsin.datasets.columns import _box, annotations_of

    notes = annotations_of(sample) or ()
    boxes = [_box(a) for a in notes]
    areas = [(x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in boxes]
    return {
        "bbox": [[x1, y1, x2 - x1, y2 - y1] for x1, y1, x2, y2 in boxes],
        "category": [a.label for a in notes],
        "area": [float(a.attributes.get("area", area)) for a, area in zip(notes, areas, strict=True)],
        "iscrowd": [int(a.attributes.get("iscrowd", 0)) for a in notes],
    }
