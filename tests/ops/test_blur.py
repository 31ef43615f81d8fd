"""The Gaussian blur against SciPy in float64, and OpenCV in float."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
from scipy import ndimage

from opsin import ops
from opsin.errors import ParamError

SCIPY = {"constant": "constant", "reflect": "mirror", "symmetric": "reflect", "replicate": "nearest", "wrap": "wrap"}


@pytest.fixture(scope="module", params=["photo", "noise", "small"])
def picture(request):
    if request.param == "photo":
        return np.ascontiguousarray(skimage.data.coffee()[100:221, 200:350])
    return np.random.default_rng(5).integers(
        0, 256, (90, 77, 3) if request.param == "noise" else (7, 9, 3), dtype=np.uint8
    )


@pytest.mark.parametrize("border", SCIPY)
@pytest.mark.parametrize("sigma", [0.1, 0.6, 1.0, 2.7, 9.0])
def test_gaussian_blur_is_scipys(picture, sigma, border):
    for image in (picture, picture[..., 0], picture[..., :1], np.dstack([picture, picture[..., :2]])):
        v = image / 255.0
        want = ndimage.gaussian_filter(v, (sigma, sigma, 0)[: v.ndim], mode=SCIPY[border], truncate=4.0)
        got = ops.gaussian_blur(image, sigma=sigma, border=border)
        assert got.dtype == np.uint8 and np.abs(got - want * 255).max() <= 0.5 + 2e-3
        deep = ops.gaussian_blur(image.astype(np.uint16) * np.uint16(257), sigma=sigma, border=border)
        assert np.abs(deep / 65535 - want).max() < 2e-5
        assert np.abs(ops.gaussian_blur(v.astype(np.float32), sigma=sigma, border=border) - want).max() < 3e-6


@pytest.mark.parametrize("sigma", [0.8, 3.3])
def test_gaussian_blur_is_opencvs(sigma):
    cv2 = pytest.importorskip("cv2")
    real = (skimage.data.coffee()[100:221, 200:350] / 255).astype(np.float32)
    radius = int(4 * sigma + 0.5)
    want = cv2.GaussianBlur(real, (2 * radius + 1, 2 * radius + 1), sigma, borderType=cv2.BORDER_REFLECT_101)
    assert np.abs(ops.gaussian_blur(real, sigma=sigma) - want).max() < 2e-6


def test_means_and_edges_of_meaning():
    photo = skimage.data.chelsea()[:90, :101]
    assert np.array_equal(ops.gaussian_blur(photo, sigma=0.0), photo)
    flat = np.full((20, 30), 77, np.uint8)
    assert np.array_equal(ops.gaussian_blur(flat, sigma=40.0), flat)
    rgba = np.dstack([photo, photo[..., 0]])
    got = ops.gaussian_blur(rgba, sigma=2.0)
    assert np.array_equal(got[..., 3], rgba[..., 3])
    assert np.array_equal(got[..., :3], ops.gaussian_blur(photo, sigma=2.0))
    assert not np.array_equal(ops.gaussian_blur(rgba, sigma=2.0, channels="bands")[..., 3], rgba[..., 3])
    signed = np.random.default_rng(0).normal(0, 5, (40, 40)).astype(np.float32)  # any numbers, not only 0..1
    want = ndimage.gaussian_filter(signed.astype(float), 1.5, mode="mirror")
    assert np.abs(ops.gaussian_blur(signed, sigma=1.5) - want).max() < 1e-5
    with pytest.raises(ParamError, match="gaussian_blur: sigma must be a number from 0 to 1000 in px; got -1"):
        ops.gaussian_blur(photo, sigma=-1)
