"""Numbers for networks, against NumPy in float64 and scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
import skimage.exposure

from opsin import Pipeline, Sample, ops, step
from opsin.errors import ParamError


@pytest.fixture(scope="module")
def photo():
    return np.ascontiguousarray(skimage.data.coffee()[50:180, 100:331])


def variants(photo):
    """The same picture in every dtype and with other channels, beside its values in float64."""
    for image in (photo, photo[..., 0], photo[..., :1], np.dstack([photo, photo[..., :2]])):
        yield image, image / 255.0
        yield image.astype(np.uint16) * np.uint16(250), image * 250.0 / 65535
        yield (image / 255).astype(np.float32), image / 255.0


# --- rescale_intensity -------------------------------------------------------------------------------------
@pytest.mark.parametrize("ends", [(0.0, 1.0), (-1.0, 1.0), (10.0, 20.0)])
def test_rescale_intensity(photo, ends):
    low, high = ends
    for image, v in variants(photo // 2 + 40):
        got = ops.rescale_intensity(image, low=low, high=high)
        assert got.dtype == np.float32 and got.shape == image.shape
        assert np.abs(got - (low + v * (high - low))).max() < 3e-6 * max(1, high)
        for in_range in ("image", (0.3, 0.5)):
            want = skimage.exposure.rescale_intensity(v, in_range=in_range, out_range=ends)
            got = ops.rescale_intensity(image, low=low, high=high, in_range=in_range)
            assert np.abs(got - want).max() < 3e-5 * max(1, high - low)
            assert got.min() >= low and got.max() <= high
    flat = np.full((5, 6), 51, np.uint8)
    assert np.allclose(ops.rescale_intensity(flat, in_range="image"), 0.2)


# --- center, standardize -------------------------------------------------------------------------------------
@pytest.mark.parametrize("per_channel", [True, False])
def test_center_and_standardize_by_the_picture(photo, per_channel):
    for image, v in variants(photo):
        axes = (0, 1) if per_channel else None
        got = ops.center(image, per_channel=per_channel)
        assert got.dtype == np.float32 and np.abs(got - (v - v.mean(axis=axes))).max() < 1e-6
        want = (v - v.mean(axis=axes)) / (v.std(axis=axes) + 1e-7)
        assert np.abs(ops.standardize(image, per_channel=per_channel) - want).max() < 2e-5


def test_standardize_of_flat_and_of_any_numbers():
    assert (ops.standardize(np.full((5, 6, 3), 90, np.uint8)) == 0).all()
    assert (ops.standardize(np.full((5, 6), 0.3, np.float32), eps=0.0) == 0).all()
    scan = np.random.default_rng(0).normal(-300, 900, (60, 70)).astype(np.float32)
    want = (scan.astype(float) - scan.mean(dtype=float)) / scan.std(dtype=float)
    assert np.abs(ops.standardize(scan) - want).max() < 1e-4


def test_center_and_standardize_by_the_data_set(photo):
    mean, std = (0.4, 0.35, 0.3), (0.2, 0.21, 0.25)
    v = photo / 255.0
    assert np.abs(ops.center(photo, scope="dataset", mean=mean) - (v - mean)).max() < 1e-6
    assert np.abs(ops.center(photo, scope="dataset", mean=0.4) - (v - 0.4)).max() < 1e-6
    got = ops.standardize(photo, scope="dataset", mean=np.array(mean), std=list(std))
    assert np.abs(got - (v - mean) / (np.array(std) + 1e-7)).max() < 5e-6
    rgba = np.dstack([photo, photo[..., 0]])
    assert np.array_equal(ops.standardize(rgba, scope="dataset", mean=mean, std=std)[..., :3], got)
    assert np.allclose(ops.standardize(rgba)[..., 3], photo[..., 0] / 255)


# --- normalize -------------------------------------------------------------------------------------
FIGURES = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "clip": ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    "half": (0.5, 0.5),
}


@pytest.mark.parametrize("name", FIGURES)
def test_normalize_by_name(photo, name):
    mean, std = FIGURES[name]
    for image, v in list(variants(photo))[:3]:
        got = ops.normalize(image, mean=name, std=name)
        assert got.dtype == np.float32 and got.flags.c_contiguous
        assert np.abs(got - (v - mean) / std).max() < 2e-6
        assert np.array_equal(got, ops.normalize(image, mean=mean, std=std))
    gray = ops.normalize(photo[..., 0], mean=0.4, std=(0.2,))
    assert np.abs(gray - (photo[..., 0] / 255 - 0.4) / 0.2).max() < 2e-6


def test_normalize_refuses_what_is_normalized(photo):
    for name in FIGURES:
        once = ops.normalize(photo, mean=name, std=name)
        with pytest.raises(ParamError, match=r"normalize: image must be within 0..1 .*normalized already"):
            ops.normalize(once, mean=name, std=name)
    with pytest.raises(ParamError, match=r"values from 0 to 255\. Divide it by its full scale first"):
        ops.normalize(np.linspace(0, 255, 100, dtype=np.float32).reshape(10, 10), mean=0.5, std=0.5)
    twice = Pipeline(step(ops.normalize, mean="half", std="half"), step(ops.normalize, mean="half", std="half"))
    with pytest.raises(ParamError, match="normalized already"):
        twice(photo)


# --- to_tensor -------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_to_tensor(photo, dtype):
    for image, v in variants(photo):
        planes = v[None] if v.ndim == 2 else v.transpose(2, 0, 1)
        got = ops.to_tensor(image, dtype=dtype)
        assert got.shape == planes.shape and got.dtype == dtype and got.flags.c_contiguous
        assert np.abs(got - planes).max() < (1e-7 if dtype == "float32" else 5e-4)


def test_to_tensor_is_the_end_of_a_pipeline(photo):
    pipeline = Pipeline(
        step(ops.resize_shorter, size=64),
        step(ops.center_crop, width=64, height=64),
        step(ops.normalize, mean="imagenet", std="imagenet"),
        step(ops.to_tensor),
    )
    out = pipeline(Sample(photo, boxes=[[80, 30, 150, 100]]))
    assert out.image.shape == (3, 64, 64) and out.image.dtype == np.float32
    small = ops.center_crop(ops.resize_shorter((photo / 255).astype(np.float32), size=64), width=64, height=64)
    want = (small - FIGURES["imagenet"][0]) / FIGURES["imagenet"][1]
    assert np.abs(out.image - want.transpose(2, 0, 1)).max() < 2e-5
    assert out.size == (64, 64) and np.allclose(out.to_original(boxes=out.instances.boxes), [[80, 30, 150, 100]])


def test_to_tensor_keeps_the_canvas_of_a_sample_that_never_moved(photo):
    out = ops.to_tensor(Sample(photo, boxes=[[1, 2, 30, 40]]))
    assert out.image.shape == (3, *photo.shape[:2])
    assert out.size == (photo.shape[1], photo.shape[0])
    mask = np.zeros(photo.shape[:2], np.uint8)
    assert out.to_original(mask=mask).shape == mask.shape


@pytest.mark.parametrize(
    ("name", "params", "sentence"),
    [
        ("rescale_intensity", {"low": 1.0, "high": 1.0}, r"rescale_intensity: high must be above low \(1\); got 1"),
        ("rescale_intensity", {"in_range": (0.5, 0.5)}, "rescale_intensity: in_range must be"),
        ("center", {"scope": "dataset"}, 'center: mean must be given where scope is "dataset"'),
        ("center", {"mean": 0.5}, 'center: mean must be left out where scope is "image"'),
        ("standardize", {"scope": "dataset", "mean": 0.5}, "standardize: std must be given"),
        ("standardize", {"scope": "dataset", "mean": (0.5, 0.5), "std": 0.2}, "mean must be one number, or 3 for 3"),
        ("normalize", {"mean": "imagenets", "std": "imagenet"}, "normalize: mean must be one of .*; got 'imagenets'"),
        ("normalize", {"mean": 0.5, "std": 0.0}, "normalize: std must be"),
        ("normalize", {"mean": 0.5}, "normalize: std must be .*; got nothing"),
        ("to_tensor", {"dtype": "float64"}, "to_tensor: dtype must be one of 'float32', 'float16'"),
    ],
)
def test_refusals(photo, name, params, sentence):
    with pytest.raises(ParamError, match=sentence):
        getattr(ops, name)(photo, **params)
    with pytest.raises(ParamError, match=r"normalize: mean must be one number for one channel.*to_rgb"):
        ops.normalize(photo[..., 0], mean="imagenet", std="imagenet")
