"""What single techniques hand to the core is what the reference gives."""

import numpy as np
import pytest
from native_help import in_turn, needs_core

from opsin import ops
from opsin.errors import ParamError
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
    ("pad", {"left": 70, "border": "reflect"}),
    ("center_crop", {"fraction": 0.6}),
    ("scale", {"factor": 0.4, "kernel": "nearest"}),
    ("scale", {"factor": 1.7, "kernel": "nearest"}),
    ("resize", {"width": 61, "height": 29, "kernel": "nearest"}),
    ("normalize", {"mean": 0.4, "std": 0.3}),
    ("to_tensor", {}),
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
    for _ in in_turn():
        got = call(image, **params)
        assert got.dtype == want.dtype and got.shape == want.shape
        assert got.flags.c_contiguous and not np.shares_memory(got, image)
        if name == "hue" and dtype == np.uint8:
            # sums in another order may fall on the other side of a tie
            assert np.abs(got.astype(int) - want).max() <= 1 and (got != want).mean() < 0.01
        else:
            assert np.array_equal(got, want)


def test_what_was_laid_out_once_does_not_let_other_calls_pass():
    image = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    turned = ops.rotate90(image, times=1)
    assert np.array_equal(ops.rotate90(image, times=1), turned)
    for wrong in (True, 1.5, "1"):
        with pytest.raises(ParamError):
            ops.rotate90(image, times=wrong)
    with pytest.raises(ParamError):
        ops.rotate90(image.astype(np.float64), times=1)
    first = ops.resize(image, width=5, height=4)
    first[:] = 0
    again = ops.resize(image, width=5, height=4)
    assert np.array_equal(again, image) and not np.shares_memory(again, image)
    assert np.array_equal(ops.pad(image, left=1, fill=1.0)[:, 0], np.full((4, 3), 255))
    assert np.array_equal(ops.pad(image, left=1, fill=(0.0, 1.0, 0.0))[0, 0], [0, 255, 0])


@pytest.mark.parametrize("shape", [(64, 80, 3), (50, 40), (96, 130, 4), (40, 66, 2), (8, 10, 3), (34, 900, 3)])
@pytest.mark.parametrize("kernel", ["opencv-linear", "area", "pillow-bilinear"])
@pytest.mark.parametrize("scale", [(0.5, 0.5), (1.5, 1.3), (0.7, 0.9), (0.55, 2.0), (0.3, 0.4)])
def test_resized_bytes_are_the_same_at_every_level(shape, kernel, scale):
    image = np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8)
    width, height = round(shape[1] * scale[0]), round(shape[0] * scale[1])
    found = [native.resize(image, width, height, kernel) for _ in in_turn()]
    assert all(np.array_equal(f, found[0]) for f in found)
    # floats go the general way, strip by strip, and are rounded here
    exact = native.resize(image.astype(np.float32), width, height, kernel)
    assert np.array_equal(found[0], (np.clip(exact, 0, 255) + np.float32(0.5)).astype(np.uint8))


def test_planes_too_large_for_the_caches():
    values = np.random.default_rng(5).random((1024, 1025, 3), np.float32)
    for part in (values, values[:, 1:]):
        assert np.array_equal(ops.to_tensor(part), np.moveaxis(part, 2, 0))
    held = ops.to_tensor(values)
    assert not np.shares_memory(ops.to_tensor(values), held)


def test_what_cannot_be_is_refused():
    with pytest.raises(Exception, match="256"):
        native.look_up(np.zeros(3, np.uint8), np.zeros(4, np.uint8))
