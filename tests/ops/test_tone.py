"""Tone against Pillow's definitions, and against closed forms in float64 where Pillow has none or rounds."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageEnhance, ImageOps

from opsin import ops
from opsin.errors import ParamError

PHOTOS = {
    "astronaut": lambda: np.ascontiguousarray(skimage.data.astronaut()[:211, :190]),
    "cat": lambda: np.ascontiguousarray(skimage.data.chelsea()[30:200, 60:300]),
    "dark": lambda: (skimage.data.coffee()[:150, :201] // 4 + 20).astype(np.uint8),
}
DTYPES = (np.uint8, np.uint16, np.float32)
SCALE = {np.uint8: 255.0, np.uint16: 65535.0, np.float32: 1.0}


@pytest.fixture(scope="module", params=sorted(PHOTOS))
def photo(request):
    return PHOTOS[request.param]()


def as_dtype(image, dtype):
    if dtype is np.uint8:
        return image
    return image.astype(np.uint16) * np.uint16(257) if dtype is np.uint16 else (image / 255).astype(np.float32)


def check(technique, photo, closed, **params):
    """Compare with a closed form on 0..1 in every dtype: half a level of the dtype for rounding."""
    for dtype in DTYPES:
        for image in (as_dtype(photo, dtype), as_dtype(photo[..., 1], dtype), as_dtype(photo[..., :1], dtype)):
            got = technique(image, **params)
            assert got.dtype == dtype and got.shape == image.shape
            want = np.clip(closed(image.astype(np.float64) / SCALE[dtype]), 0, 1) * SCALE[dtype]
            room = 2e-6 if dtype is np.float32 else 0.5 + 1e-6
            assert np.abs(got - want).max() <= room


# --- closed forms -------------------------------------------------------------------------------------
@pytest.mark.parametrize("factor", [0.0, 0.37, 1.0, 1.7, 5.0])
def test_brightness(photo, factor):
    check(ops.brightness, photo, lambda v: v * factor, factor=factor)
    want = np.asarray(ImageEnhance.Brightness(Image.fromarray(photo)).enhance(factor)).astype(int)
    assert np.abs(ops.brightness(photo, factor=factor) - want).max() <= 1


@pytest.mark.parametrize("factor", [0.0, 0.4, 1.0, 1.6, 3.0])
def test_contrast(photo, factor):
    def closed(v):
        gray = v @ [0.299, 0.587, 0.114] if v.ndim == 3 and v.shape[2] == 3 else v
        return gray.mean() + factor * (v - gray.mean())

    check(ops.contrast, photo, closed, factor=factor)
    want = np.asarray(ImageEnhance.Contrast(Image.fromarray(photo)).enhance(factor)).astype(int)
    # Pillow rounds the mean to a whole level, which |1 - factor| multiplies
    assert np.abs(ops.contrast(photo, factor=factor) - want).max() <= 1 + abs(1 - factor) / 2


@pytest.mark.parametrize("gamma", [0.3, 1.0, 2.2])
def test_gamma(photo, gamma):
    check(ops.gamma, photo, lambda v: v**gamma, gamma=gamma)


@pytest.mark.parametrize("stops", [-3.0, -0.5, 0.0, 1.0, 2.5])
def test_exposure(photo, stops):
    def closed(v):
        light = np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)
        light = np.clip(light * 2.0**stops, 0, 1)
        return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)

    check(ops.exposure, photo, closed, stops=stops)


def test_invert(photo):
    check(ops.invert, photo, lambda v: 1 - v)
    assert np.array_equal(ops.invert(photo), np.asarray(ImageOps.invert(Image.fromarray(photo))))
    assert np.array_equal(ops.invert(ops.invert(photo)), photo)


# --- Pillow's ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("level", [0, 1, 77, 128, 255])
def test_solarize(photo, level):
    want = np.asarray(ImageOps.solarize(Image.fromarray(photo), level))
    assert np.array_equal(ops.solarize(photo, threshold=level / 255), want)
    for dtype in (np.uint16, np.float32):
        got = ops.solarize(as_dtype(photo, dtype), threshold=level / 255)
        assert np.abs(got / SCALE[dtype] * 255 - want).max() < 1e-3


@pytest.mark.parametrize("bits", range(1, 9))
def test_posterize(photo, bits):
    want = np.asarray(ImageOps.posterize(Image.fromarray(photo), bits))
    assert np.array_equal(ops.posterize(photo, bits=bits), want)
    for dtype in (np.uint16, np.float32):
        got = ops.posterize(as_dtype(photo, dtype), bits=bits)
        assert np.abs(got / SCALE[dtype] * 255 - want).max() < 1e-3
        assert len(np.unique(got)) <= 2**bits


@pytest.mark.parametrize("percent", [0, 1, 5, 20])
def test_autocontrast(photo, percent):
    want = np.asarray(ImageOps.autocontrast(Image.fromarray(photo), cutoff=percent)).astype(int)
    got = ops.autocontrast(photo, cutoff=percent / 100)
    assert np.abs(got - want).max() <= 1
    for dtype in (np.uint16, np.float32):
        finer = ops.autocontrast(as_dtype(photo, dtype), cutoff=percent / 100)
        assert np.abs(finer / SCALE[dtype] * 255 - want).max() <= 1.01
    gray = np.asarray(ImageOps.autocontrast(Image.fromarray(photo[..., 2]), cutoff=percent)).astype(int)
    assert np.abs(ops.autocontrast(photo[..., 2], cutoff=percent / 100) - gray).max() <= 1


def test_equalize(photo):
    assert np.array_equal(ops.equalize(photo), np.asarray(ImageOps.equalize(Image.fromarray(photo))))
    assert np.array_equal(ops.equalize(photo[..., 0]), np.asarray(ImageOps.equalize(Image.fromarray(photo[..., 0]))))
    want = ops.equalize(photo).astype(int)
    for dtype in (np.uint16, np.float32):
        assert np.abs(ops.equalize(as_dtype(photo, dtype)) / SCALE[dtype] * 255 - want).max() <= 1.01


def test_equalize_uses_all_sixteen_bits():
    rng = np.random.default_rng(0)
    deep = (rng.beta(2, 9, (300, 300)) * 65535).astype(np.uint16)
    got = np.sort(ops.equalize(deep).ravel() / 65535)
    assert np.abs(got - np.linspace(0, 1, got.size)).max() < 0.01 and len(np.unique(got)) > 5000


def test_flat_pictures_stay():
    for dtype in DTYPES:
        flat = np.full((40, 50, 3), SCALE[dtype] * 0.4).astype(dtype)
        assert np.array_equal(ops.equalize(flat), flat) and np.array_equal(ops.autocontrast(flat), flat)


# --- channels -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("brightness", {"factor": 0.6}),
        ("contrast", {"factor": 1.5}),
        ("exposure", {"stops": 0.7}),
        ("invert", {}),
        ("solarize", {"threshold": 0.1}),
        ("posterize", {"bits": 2}),
        ("autocontrast", {"cutoff": 0.01}),
        ("equalize", {}),
    ],
)
def test_alpha_is_left_alone_and_bands_are_not(photo, name, params):
    technique = getattr(ops, name)
    alpha = photo[..., :1] // 2 + 30
    rgba = np.dstack([photo, alpha])
    got = technique(rgba, **params)
    assert np.array_equal(got[..., 3], rgba[..., 3]) and np.array_equal(got[..., :3], technique(photo, **params))
    bands = technique(rgba, **params, channels="bands")
    assert not np.array_equal(bands[..., 3], rgba[..., 3])
    five = np.dstack([photo, photo[..., :2]])
    assert technique(five, **params).shape == five.shape


@pytest.mark.parametrize(
    ("name", "params", "sentence"),
    [
        ("brightness", {"factor": -0.1}, "brightness: factor must be a number from 0 to 1000; got -0.1"),
        ("posterize", {"bits": 9}, "posterize: bits must be a whole number from 1 to 8; got 9"),
        ("solarize", {"threshold": 128}, "solarize: threshold must be a number from 0 to 1; got 128"),
        ("autocontrast", {"cutoff": 0.5}, "autocontrast: cutoff must be a number at least 0 and below 0.5"),
        ("gamma", {"gamma": 0.0}, "gamma: gamma must be a number above 0"),
    ],
)
def test_refusals(name, params, sentence):
    with pytest.raises(ParamError, match=sentence):
        getattr(ops, name)(np.zeros((5, 5), np.uint8), **params)
    with pytest.raises(ParamError, match=f"{name}: image must be within 0..1"):
        getattr(ops, name)(np.full((5, 5), 1.5, np.float32), **{k: 0.4 if k != "bits" else 4 for k in params})
