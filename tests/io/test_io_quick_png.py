"""PNG files of the core hold the same pixels as any other."""

import io

import numpy as np
import pytest
from PIL import Image

from opsin.io import decode, encode
from opsin.kernels import reference_only, use_core

SHAPES = [(1, 1), (7, 13), (64, 200, 1), (31, 17, 2), (50, 41, 3), (3, 5, 4)]


@pytest.mark.skipif(not use_core(), reason="the compiled core is not installed")
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["noise", "flat", "ramp"])
def test_pixels_come_back(shape, kind):
    rng = np.random.default_rng(3)
    image = rng.integers(0, 255, shape, np.uint8, endpoint=True)
    if kind == "flat":
        image[:] = image.flat[0]
    elif kind == "ramp":
        image = np.arange(image.size).reshape(shape).astype(np.uint8)
    data = encode(image, "png")
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))).reshape(shape), image)
    with reference_only():
        slow = encode(image, "png")
    assert np.array_equal(decode(data).image, decode(slow).image)
    assert encode(np.asfortranarray(image), "png") == data, "the same picture gives the same bytes"
