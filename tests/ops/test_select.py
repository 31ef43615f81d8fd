"""What keep_if lets through, with its reasons; sharpness against OpenCV."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data

from opsin import Pipeline, Sample, ops, step
from opsin.errors import ParamError
from opsin.kernels.sharpness import laplacian_variance


@pytest.fixture(scope="module")
def photo():
    return np.ascontiguousarray(skimage.data.chelsea()[50:200, 60:300])


def test_everything_is_kept_by_default(photo):
    sample = Sample(photo)
    assert ops.keep_if(sample).filtered is None and ops.keep_if(sample).results == {}
    assert (
        ops.keep_if(sample, min_width=240, min_height=150, min_sharpness=0.0, max_dark=1.0, max_bright=1.0).filtered
        is None
    )


def test_size(photo):
    assert ops.keep_if(Sample(photo), min_width=241).filtered == "min_width: 240 is below 241"
    assert ops.keep_if(Sample(photo), min_height=151).filtered == "min_height: 150 is below 151"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_sharpness_is_the_variance_of_opencvs_laplacian(photo, dtype):
    cv2 = pytest.importorskip("cv2")
    gray = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    want = cv2.Laplacian(gray, cv2.CV_64F).var()
    image = {
        np.uint8: photo,
        np.uint16: photo.astype(np.uint16) * np.uint16(257),
        np.float32: (photo / 255).astype(np.float32),
    }[dtype]
    # OpenCV's gray is rounded to whole levels, which adds a little to the variance
    assert ops.keep_if(Sample(image), min_sharpness=want * 0.97).filtered is None
    assert "min_sharpness" in (ops.keep_if(Sample(image), min_sharpness=want * 1.03).filtered or "")
    exact = photo @ np.array([0.299, 0.587, 0.114])
    assert abs(laplacian_variance(exact) / cv2.Laplacian(exact, cv2.CV_64F).var() - 1) < 1e-9
    blurred = ops.gaussian_blur(image, sigma=3.0)
    assert ops.keep_if(Sample(blurred), min_sharpness=want * 0.5).filtered.startswith("min_sharpness: ")


def test_dark_and_bright(photo):
    half = np.zeros((10, 20), np.uint8)
    half[:, 10:] = 255
    assert ops.keep_if(Sample(half), max_dark=0.5, max_bright=0.5).filtered is None
    assert ops.keep_if(Sample(half), max_dark=0.4).filtered.startswith(
        "max_dark: 0.5 of the pixels are darker than 0.05"
    )
    assert ops.keep_if(Sample(half), max_bright=0.4).filtered.startswith("max_bright: 0.5 of the pixels are brighter")
    gray = photo @ [0.299, 0.587, 0.114] / 255
    for level in (0.2, 0.4):
        share = (gray < level).mean()
        assert ops.keep_if(Sample(photo), max_dark=share + 0.01, dark=level).filtered is None
        assert ops.keep_if(Sample(photo), max_dark=share - 0.01, dark=level).filtered is not None


def test_classes(photo):
    assert ops.keep_if(Sample(photo, label="cat"), classes=("dog", "cat")).filtered is None
    assert ops.keep_if(Sample(photo, label="cow"), classes=("dog",)).filtered == "classes: cow is not among dog"
    assert ops.keep_if(Sample(photo), classes=("dog",)).filtered == "classes: no class is not among dog"
    boxes = [[0, 0, 9, 9], [5, 5, 20, 20]]
    named = Sample(photo, boxes=boxes, labels=[0, 2], class_names=["cat", "dog", "cow"])
    assert ops.keep_if(named, classes=("cow",)).filtered is None
    assert ops.keep_if(named, classes=[2]).filtered is None
    assert ops.keep_if(named, classes=("dog",)).filtered is not None
    assert ops.keep_if(Sample(photo, label=1, class_names=["cat", "dog"]), classes=("dog",)).filtered is None


def test_unique_gives_the_digest_of_the_pixels(photo):
    one = ops.keep_if(Sample(photo), unique=True).results["digest"]
    same = ops.keep_if(Sample(np.asfortranarray(photo)), unique=True).results["digest"]
    touched = photo.copy()
    touched[3, 4, 1] ^= 1
    assert one == same and len(one) == 32
    assert one != ops.keep_if(Sample(touched), unique=True).results["digest"]
    assert one != ops.keep_if(Sample(photo[..., 0]), unique=True).results["digest"]
    assert one != ops.keep_if(Sample(photo.reshape(240, 150, 3)), unique=True).results["digest"]


def test_in_a_pipeline(photo):
    pipeline = Pipeline(step(ops.keep_if, min_width=300), step(ops.resize, width=10, height=10))
    out = pipeline(photo)
    assert out.filtered == "min_width: 240 is below 300" and out.image.shape == photo.shape
    assert Pipeline.from_yaml(pipeline.to_yaml()).fingerprint == pipeline.fingerprint


def test_refusals(photo):
    with pytest.raises(ParamError, match=r"keep_if: sample must be an opsin.Sample; got .*Use opsin.Sample\(image\)"):
        ops.keep_if(photo, min_width=5)
    with pytest.raises(ParamError, match="keep_if: min_width must be a whole number"):
        ops.keep_if(Sample(photo), min_width=0)
    with pytest.raises(ParamError, match="keep_if: max_dark must be a number from 0 to 1"):
        ops.keep_if(Sample(photo), max_dark=1.5)
    with pytest.raises(ParamError, match="keep_if: classes must be a list"):
        ops.keep_if(Sample(photo), classes="cat")
