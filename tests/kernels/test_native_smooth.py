"""Smoothing in the core against the NumPy reference and SciPy."""

from typing import get_args

import numpy as np
import pytest
import scipy.ndimage
from native_help import levels, needs_core

from opsin import ops
from opsin.kernels import native, reference_only
from opsin.kernels.gaussian import gaussian, gaussian_taps
from opsin.kernels.smooth import box_sum
from opsin.types import Border

pytestmark = needs_core

SHAPES = [(1, 1), (1, 9), (7, 1, 3), (40, 33), (65, 130, 3), (31, 200, 4), (12, 17, 7)]
SCIPY = {"reflect": "mirror", "symmetric": "reflect", "replicate": "nearest", "wrap": "wrap", "constant": "constant"}


@pytest.mark.parametrize("border", get_args(Border))
@pytest.mark.parametrize("shape", SHAPES)
def test_floats_are_the_references_to_the_bit(shape, border):
    rng = np.random.default_rng(7)
    values = rng.random(shape, np.float32)
    for sigma in (0.3, 1.0, 2.7, 9.0):
        with reference_only():
            want = gaussian(values, sigma, border, 0.25)
        for level in levels():
            assert np.array_equal(gaussian(values, sigma, border, 0.25), want), (sigma, level)


@pytest.mark.parametrize("border", get_args(Border))
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_levels_are_scipys_rounded(dtype, border):
    rng = np.random.default_rng(8)
    image = rng.integers(0, np.iinfo(dtype).max, (53, 71, 3), dtype, endpoint=True)
    for sigma in (0.8, 3.0):
        want = scipy.ndimage.gaussian_filter(image.astype(np.float64), (sigma, sigma, 0), mode=SCIPY[border])
        got = ops.gaussian_blur(image, sigma=sigma, border=border)
        # half a level of rounding, and float32 sums
        assert np.abs(got - want).max() <= 0.5 + np.iinfo(dtype).max * 2e-6


@pytest.mark.parametrize("border", get_args(Border))
@pytest.mark.parametrize("shape", [*SHAPES, (9, 512), (21, 171, 3), (40, 700, 3), (17, 333, 4)])
def test_bytes_are_the_floats_rounded_at_every_level(shape, border):
    rng = np.random.default_rng(10)
    image = rng.integers(0, 256, shape, np.uint8)
    for sigma in (0.3, 1.5, 2.0, 3.1):  # up to 8 taps on one side, and more
        with reference_only():
            want = np.floor(gaussian(image.astype(np.float32), sigma, border, 30.0).clip(0, 255) + np.float32(0.5))
        for level in levels():
            assert np.array_equal(gaussian(image, sigma, border, 30.0), want), (sigma, level)


@pytest.mark.parametrize("border", get_args(Border))
@pytest.mark.parametrize("shape", [*SHAPES, (40, 700, 3)])
def test_means_of_squares_are_exact_at_every_level(shape, border):
    rng = np.random.default_rng(11)
    for image in (rng.integers(0, 256, shape, np.uint8), np.full(shape, 255, np.uint8)):
        for radius in range(1, native.BOX + 1):
            area = (2 * radius + 1) ** 2
            want = (box_sum(image, radius, border) + area // 2) // area
            for level in levels():
                assert np.array_equal(native.box_mean(image, radius, border), want), (radius, level)


@pytest.mark.parametrize("shape", [*SHAPES, (40, 700, 3), (3, 64)])
def test_medians_are_scipys_wherever_they_are_made(shape):
    rng = np.random.default_rng(12)
    size = (5, 5) + (1,) * (len(shape) - 2)
    for most in (2, 256):
        image = rng.integers(0, most, shape, np.uint8)
        want = scipy.ndimage.median_filter(image, size, mode="nearest")
        for level in levels():
            made = native.median(image)
            assert made is None or np.array_equal(made, want), level
            assert np.array_equal(ops.median_blur(image, radius=2), want), level


def test_alpha_strides_and_read_only_pictures():
    rng = np.random.default_rng(9)
    image = rng.integers(0, 255, (30, 40, 4), np.uint8)
    image.flags.writeable = False
    out = ops.gaussian_blur(image[::-1, ::2], sigma=1.5)
    assert np.array_equal(out[..., 3], image[::-1, ::2, 3])
    assert np.array_equal(out[..., :3], ops.gaussian_blur(image[::-1, ::2, :3].copy(), sigma=1.5))


def test_what_cannot_be_is_refused():
    with pytest.raises(Exception, match="smooth"):
        native.smooth(np.zeros((4, 4), np.uint8), [], "reflect")
    for radius in (0, native.BOX + 1):
        with pytest.raises(Exception, match="radius"):
            native.box_mean(np.zeros((4, 4), np.uint8), radius)
    assert gaussian_taps(1.0).sum() * 2 - gaussian_taps(1.0)[0] == pytest.approx(1.0)
