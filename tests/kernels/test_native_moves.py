"""What single techniques hand to the core is what the reference gives."""

import numpy as np
import pytest
from native_help import levels, needs_core

from opsin import ops
from opsin.kernels import native, reference_only

pytestmark = needs_core
SHAPES = [(1, 1), (5, 70), (33, 21, 1), (40, 67, 3), (19, 130, 4), (8, 9, 7)]
CALLS = [
    ("flip_horizontal", {}),
    ("flip_vertical", {}),
    ("transpose", {}),
    ("rotate90", {"times": 1}),
    ("rotate90", {"times": 2}),
    ("rotate90", {"times": 3}),
    ("pad", {"left": 3, "top": 2, "right": 1, "bottom": 4, "fill": 0.3}),
    ("pad", {"left": 3, "top": 2, "right": 1, "bottom": 4, "fill": (0.3, 0.5, 0.9)}),
    ("invert", {}),
    ("gamma", {"gamma": 1.7}),
    ("brightness", {"factor": 1.3}),
    ("contrast", {"factor": 1.4}),
    ("posterize", {"bits": 3}),
    ("saturation", {"factor": 0.0}),
    ("saturation", {"factor": 1.6}),
    ("saturation", {"factor": 1000.0}),
    ("hue", {"shift": 0.2}),
    ("to_gray", {}),
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize(("name", "params"), CALLS, ids=[f"{n}-{i}" for i, (n, _) in enumerate(CALLS)])
def test_the_core_gives_what_the_reference_gives(shape, dtype, name, params):
    rng = np.random.default_rng(4)
    image = rng.random(shape, np.float32)
    image = image if dtype == np.float32 else (image * np.iinfo(dtype).max).astype(dtype)
    image = image[:, ::-1]  # not contiguous
    call = getattr(ops, name)
    with reference_only():
        try:
            want = call(image, **params)
        except Exception as reason:
            with pytest.raises(type(reason)):
                call(image, **params)
            return
    for level in levels():
        native.set_simd_level(level)
        got = call(image, **params)
        assert got.dtype == want.dtype and got.shape == want.shape
        assert got.flags.c_contiguous and not np.shares_memory(got, image)
        if name == "hue" and dtype == np.uint8:
            # sums in another order may fall on the other side of a tie
            assert np.abs(got.astype(int) - want).max() <= 1 and (got != want).mean() < 0.01
        else:
            assert np.array_equal(got, want)
    native.set_simd_level()


def test_what_cannot_be_is_refused():
    with pytest.raises(Exception, match="256"):
        native.look_up(np.zeros(3, np.uint8), np.zeros(4, np.uint8))
