"""Train = serve = cluster = laptop: a file gives the same numbers through a call, a batch, a Dataset and the job."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from PIL import Image, ImageCms

from opsin import Pipeline, Sample, augment, ops, step, uniform
from opsin.datasets import convert, open_dataset
from opsin.errors import DecodeError
from opsin.io import Limits, read_bytes, read_with_facts
from opsin.kernels import native
from opsin.run.job import JobOptions, prepare
from opsin.torch import Dataset

needs_core = pytest.mark.skipif(not native.available(), reason="the compiled core is not installed")
DECODES: list[Literal["exact", "fast"]] = ["exact", "fast"]


def scene(width: int, height: int, seed: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    rng = np.random.default_rng(seed)
    waves = [np.sin(x * a + y * b + c) for a, b, c in rng.uniform(-0.2, 0.2, (3, 3))]
    return np.stack([127 + 100 * w for w in waves], axis=-1).astype(np.uint8)


def jpeg(image: np.ndarray, mode: str = "RGB", orientation: int = 0, **options: Any) -> bytes:
    exif, file = Image.Exif(), io.BytesIO()
    if orientation:
        exif[0x0112] = orientation
        options["exif"] = exif
    Image.fromarray(image).convert(mode).save(file, "jpeg", **{"quality": 90, **options})
    return file.getvalue()


def files() -> dict[str, bytes]:
    """Files of every kind that takes a way of its own."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    xyz = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    out = {f"turned{o}.jpg": jpeg(scene(170, 110, o), orientation=o) for o in range(1, 9)}
    out["full.jpg"] = jpeg(scene(133, 150, 20), subsampling=0)
    out["half.jpg"] = jpeg(scene(160, 97, 21), subsampling=1)
    out["progressive.jpg"] = jpeg(scene(140, 120, 22), progressive=True)
    out["gray.jpg"] = jpeg(scene(140, 120, 23), "L")
    out["ink.jpg"] = jpeg(scene(140, 120, 24), "CMYK")
    out["srgb.jpg"] = jpeg(scene(140, 120, 25), icc_profile=srgb)
    out["strange.jpg"] = jpeg(scene(140, 120, 26), icc_profile=xyz)
    out["named.png"] = jpeg(scene(140, 120, 27))
    png = io.BytesIO()
    Image.fromarray(scene(90, 120, 28)).save(png, "png")
    out["lossless.png"] = png.getvalue()
    return out


def folder(root: Path, content: dict[str, bytes]) -> Path:
    (root / "thing").mkdir(parents=True)
    for name, data in content.items():
        (root / "thing" / name).write_bytes(data)
    return root


def pipeline(decode: Literal["exact", "fast"]) -> Pipeline:
    return Pipeline(
        step(ops.resize_shorter, size=64),
        augment(step(ops.rotate, angle=uniform(-10, 10)), step(ops.flip_horizontal).sometimes(0.5)),
        step(ops.center_crop, width=56, height=48),
        augment(step(ops.brightness, factor=uniform(0.8, 1.2))),
        step(ops.to_tensor),
        seed=11,
        decode=decode,
    )


@pytest.mark.parametrize("decode", DECODES)
def test_every_way_into_a_pipeline_gives_the_same_numbers(tmp_path: Path, decode: Literal["exact", "fast"]) -> None:
    content, run = files(), pipeline(decode)
    root = folder(tmp_path / "source", content)
    data = open_dataset(root)
    shards = tmp_path / "shards"
    convert(data, "webdataset", shards)
    own = Dataset(root, run, tensors=False)
    served = Dataset(root, run, mode="infer", tensors=False)
    packed = Dataset(shards, run, mode="infer", tensors=False)
    listed = Dataset([str(root / key) for key in data.keys], run, mode="infer", tensors=False)
    result = prepare(JobOptions(str(root), run, str(tmp_path / "out"), mode="train", epoch=2, workers=1))
    assert result.counts["done"] == len(content)
    own.set_epoch(2)
    assert len(packed) == len(content)
    for i, key in enumerate(data.keys):
        raw = content[key.removeprefix("thing/")]
        trained = run(raw, mode="train", key=key, epoch=2).image
        assert np.array_equal(own[i][0], trained), key
        batch = run.batch([root / key], keys=[key], mode="train", epoch=2)
        assert np.array_equal(batch.images[0], trained), key
        out = run(raw).image
        for dataset in (served, listed):
            image = dataset[i]
            assert np.array_equal(image[0] if isinstance(image, tuple) else image, out), key
        shard = next(k for k in range(len(packed)) if Path(packed.data.keys[k]).stem == Path(key).stem)
        assert np.array_equal(packed[shard][0], out), key
        (written,) = (tmp_path / "out").rglob(f"{Path(key).stem}.npy")
        assert np.array_equal(np.load(written), trained), key


def test_a_file_that_was_not_read_yet_is_known_as_if_it_were(tmp_path: Path) -> None:
    data = open_dataset(folder(tmp_path, files()))
    for key in data.keys:
        whole, findings = data.load_checked(key)
        later, same = data.unread_checked(key)
        assert later.size == whole.size and later.facts == whole.facts and findings == same
        assert later.facts == read_with_facts(tmp_path / key).facts
        assert np.array_equal(later.image, whole.image) and later.source == whole.source
        assert (later.label, later.key, later.class_names) == (whole.label, whole.key, whole.class_names)
    few = open_dataset(tmp_path, limits=Limits(pixels=9_000))
    with pytest.raises(DecodeError, match="over the limit"):
        few.unread(few.keys[0])


def test_a_file_is_read_once_on_its_way_through_a_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["lossless.png", "full.jpg", "ink.jpg", "named.png"]
    root = folder(tmp_path, {name: files()[name] for name in names})
    d, read = Dataset(root, pipeline("fast"), tensors=False), []

    def counted(source: Any, **options: Any) -> Any:
        read.append(source)
        return read_bytes(source, **options)

    monkeypatch.setattr("opsin.io.stored.read_bytes", counted)
    for i in range(len(d)):
        d[i]
        assert len(read) == i + 1, d.key(i)


@pytest.mark.parametrize("decode", DECODES)
def test_facts_of_what_came_out_are_those_of_the_file(tmp_path: Path, decode: Literal["exact", "fast"]) -> None:
    data = open_dataset(folder(tmp_path, files()))
    for key in data.keys:
        for given in (data.unread(key), Sample(tmp_path / key), tmp_path / key):
            out = pipeline(decode)(given, mode="train", key=key, epoch=0)
            assert out.facts == read_with_facts(tmp_path / key).facts, key


@pytest.mark.parametrize("orientation", [1, 3, 6, 7])
@pytest.mark.parametrize("upright", [True, False])
def test_annotations_do_not_wait_for_pixels(tmp_path: Path, orientation: int, upright: bool) -> None:
    import json

    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").write_bytes(jpeg(scene(80, 50, 1), orientation=orientation))
    w, h = (50, 80) if upright and orientation >= 5 else (80, 50)
    image = {"id": 1, "file_name": "a.jpg", "width": w, "height": h}
    note = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [4, 6, 20, 10], "area": 200, "iscrowd": 0}
    text = {"images": [image], "annotations": [note], "categories": [{"id": 1, "name": "thing"}]}
    (tmp_path / "annotations.json").write_text(json.dumps(text))
    data = open_dataset(tmp_path)
    whole, findings = data.load_checked(0)
    later, same = data.unread_checked(0)
    assert findings == same and (later.decoded is None) is native.available()
    assert np.array_equal(later.instances.boxes, whole.instances.boxes)
    move = Pipeline(step(ops.letterbox, width=64, height=64), step(ops.to_tensor))
    target = Dataset(data, move, mode="infer", tensors=False)[0][1]
    np.testing.assert_allclose(target["boxes"], move(whole).instances.boxes, atol=1e-5)


# --- what nobody looks at --------------------------------------------------------------------------------------------
def damaged() -> bytes:
    """A JPEG whose lower half is nonsense, up to a restart marker and a whole ending."""
    data = bytearray(jpeg(scene(256, 256, 3), restart_marker_rows=1))
    marks = [i for i in range(len(data) - 1) if data[i] == 0xFF and 0xD0 <= data[i + 1] <= 0xD7]
    start, end = marks[11] + 2, marks[12]
    data[start:end] = b"\x55" * (end - start)
    return bytes(data)


@needs_core
def test_the_job_says_what_it_decoded_in_part(tmp_path: Path) -> None:
    content = {"good.jpg": jpeg(scene(256, 256, 4)), "plain.png": files()["lossless.png"], "bad.jpg": damaged()}
    root = folder(tmp_path / "source", content)
    top = step(ops.crop, left=0, top=0, width=64, height=64)
    counts = {}
    for decode in DECODES:
        run = Pipeline(top, step(ops.to_tensor), decode=decode)
        result = prepare(JobOptions(str(root), run, str(tmp_path / decode), workers=1))
        import json

        summary = json.loads((tmp_path / decode / "opsin.json").read_text())
        counts[decode] = (result.counts["done"], result.counts["quarantined"], summary["decoded"])
        page = (tmp_path / decode / "report.html").read_text()
        assert ("decoded in part" in page) is (decode == "fast")
    assert counts["exact"] == (2, 1, {"whole": 2, "in part": 0})
    assert counts["fast"] == (3, 0, {"whole": 1, "in part": 2})


@needs_core
def test_a_sample_says_whether_its_file_was_decoded_whole() -> None:
    data = jpeg(scene(256, 256, 5))
    small = Pipeline(step(ops.resize, width=16, height=16), decode="fast")
    for given, whole in ((data, False), (Sample(data).image, True)):
        assert small(given).whole is whole
        (sample,) = small.batch([given]).samples
        assert sample is not None and sample.whole is whole
    assert Pipeline(step(ops.resize, width=300, height=300))(data).whole
    assert Pipeline(step(ops.flip_horizontal))(small(data)).whole is False
