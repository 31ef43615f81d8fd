"""Noise by its distribution, JPEG artifacts against Pillow's codec."""

from __future__ import annotations

import io

import numpy as np
import pytest
import skimage.data
from PIL import Image
from scipy import stats

from opsin import Rng, ops
from opsin.errors import ParamError
from opsin.kernels.jpeg_model import quantization


@pytest.fixture(scope="module")
def photo():
    return np.ascontiguousarray(skimage.data.astronaut()[:237, 100:331])


# --- gaussian_noise -------------------------------------------------------------------------------------
@pytest.mark.parametrize("std", [0.02, 0.1])
def test_gaussian_noise_is_normal(std):
    gray = np.full((220, 200, 3), 0.5, np.float32)
    noise = (ops.gaussian_noise(gray, std=std, rng=Rng(4)) - gray).astype(np.float64)
    assert stats.kstest(noise.ravel() / std, "norm").pvalue > 1e-3
    assert abs(noise.mean()) < 4 * std / np.sqrt(noise.size) and abs(noise.std() / std - 1) < 0.01
    for a, b in ((noise[1:], noise[:-1]), (noise[:, 1:], noise[:, :-1]), (noise[..., 0], noise[..., 1])):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.02
    for dtype, top in ((np.uint8, 255), (np.uint16, 65535)):
        image = np.full((220, 200, 3), top // 2, dtype)
        got = ops.gaussian_noise(image, std=std, rng=Rng(4)).astype(float)
        assert np.abs(got - top // 2 - noise * top).max() <= 0.51 + 1e-5 * top


def test_gaussian_noise_is_addressed(photo):
    a = ops.gaussian_noise(photo, std=0.1, rng=Rng(1))
    assert np.array_equal(a, ops.gaussian_noise(photo, std=0.1, rng=1))
    assert not np.array_equal(a, ops.gaussian_noise(photo, std=0.1, rng=Rng(1, epoch=1)))
    assert np.array_equal(ops.gaussian_noise(photo, std=0.0, rng=1), photo)
    rgba = np.dstack([photo, photo[..., 0]])
    assert np.array_equal(ops.gaussian_noise(rgba, std=0.1, rng=1)[..., 3], rgba[..., 3])
    assert not np.array_equal(ops.gaussian_noise(rgba, std=0.1, rng=1, channels="bands")[..., 3], rgba[..., 3])
    white = ops.gaussian_noise(np.ones((50, 50), np.float32), std=0.2, rng=1)
    assert white.max() == 1.0 and abs((white < 1).mean() - 0.5) < 0.05


# --- jpeg_artifacts -------------------------------------------------------------------------------------
def through_pillow(image, quality):
    data = io.BytesIO()
    Image.fromarray(image).save(data, "JPEG", quality=quality)
    return np.asarray(Image.open(io.BytesIO(data.getvalue())))


@pytest.mark.parametrize("quality", [1, 10, 40, 75, 95, 100])
def test_jpeg_artifacts_are_pillows(photo, quality):
    for image in (photo, photo[..., 0]):
        want = through_pillow(image, quality)
        assert np.array_equal(ops.jpeg_artifacts(image, quality=quality), want)
        for finer, top in ((image.astype(np.uint16) * np.uint16(257), 65535), ((image / 255).astype(np.float32), 1)):
            got = ops.jpeg_artifacts(finer, quality=quality)
            assert got.dtype == finer.dtype and got.shape == finer.shape
            # libjpeg's cosines are whole numbers: now and then a coefficient falls to the other side of a tie
            off = np.abs(got / top * 255 - want)
            assert off.mean() < 0.6 and (off > 1.01).mean() < 0.12


def test_jpeg_artifacts_of_finer_pictures():
    """At the best quality a finer picture comes back within the rounding of a file, and is not rounded again."""
    x, y = np.meshgrid(np.linspace(0, 3, 256), np.linspace(0, 2, 64))
    waves = np.stack([0.5 + 0.3 * np.sin(x * x + k * y) for k in range(3)], axis=-1).astype(np.float32)
    got = ops.jpeg_artifacts(waves, quality=100)
    assert len(np.unique(got)) > 300 and np.sqrt(np.mean((got - waves) ** 2)) < 2 / 255


@pytest.mark.parametrize("quality", [1, 17, 50, 90, 100])
def test_tables_are_pillows(quality):
    data = io.BytesIO()
    Image.new("RGB", (16, 16)).save(data, "JPEG", quality=quality)
    tables = Image.open(io.BytesIO(data.getvalue())).quantization
    for number, color in ((0, False), (1, True)):
        assert np.array_equal(quantization(quality, color).ravel(), tables[number])


def test_jpeg_artifacts_of_other_channels(photo):
    rgba = np.dstack([photo, photo[..., 0]])
    got = ops.jpeg_artifacts(rgba, quality=20)
    assert np.array_equal(got[..., 3], rgba[..., 3])
    assert np.array_equal(got[..., :3], ops.jpeg_artifacts(photo, quality=20))
    two = ops.jpeg_artifacts(np.ascontiguousarray(photo[..., :2]), quality=20)
    assert np.array_equal(two[..., 1], ops.jpeg_artifacts(np.ascontiguousarray(photo[..., 1]), quality=20))
    one = np.full((1, 1, 1), 200, np.uint8)
    assert ops.jpeg_artifacts(one, quality=50).shape == (1, 1, 1)
    for quality in (0, 101, 50.5):
        with pytest.raises(ParamError, match="jpeg_artifacts: quality must be a whole number from 1 to 100"):
            ops.jpeg_artifacts(photo, quality=quality)
