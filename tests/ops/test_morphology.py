"""Morphology is identical to scikit-image, SciPy and OpenCV."""

import numpy as np
import pytest

import opsin
from opsin import ops

pytest.importorskip("cv2")
pytest.importorskip("skimage")
import cv2
from scipy import ndimage
from skimage import data, morphology

TOP = {"uint8": 255, "uint16": 65535, "float32": 1.0}
REFERENCES = {
    "erode": morphology.erosion,
    "dilate": morphology.dilation,
    "opening": morphology.opening,
    "closing": morphology.closing,
    "top_hat": morphology.white_tophat,
    "black_hat": morphology.black_tophat,
}
FOOTPRINTS = {
    "disk": morphology.disk,
    "diamond": morphology.diamond,
    "square": lambda radius: np.ones((2 * radius + 1, 2 * radius + 1), np.uint8),
}


@pytest.mark.parametrize("dtype", ["bool", *TOP])
@pytest.mark.parametrize("name", REFERENCES)
def test_identical_to_scikit_image(name: str, dtype: str) -> None:
    rng = np.random.default_rng(0)
    for trial in range(12):
        shape = tuple(rng.integers(1, 40, 2))
        image = rng.random(shape) < 0.6 if dtype == "bool" else (rng.random(shape) * TOP[dtype]).astype(dtype)
        footprint = list(FOOTPRINTS)[trial % 3]
        radius = int(rng.integers(1, 6))
        got = getattr(ops, name)(image, footprint=footprint, radius=radius)
        assert got.dtype == image.dtype
        assert np.array_equal(got, REFERENCES[name](image, FOOTPRINTS[footprint](radius))), (shape, footprint, radius)


def test_identical_to_scipy_and_opencv_on_a_photograph() -> None:
    image = data.coins()
    disk = morphology.disk(4)
    assert np.array_equal(ops.erode(image, radius=4), ndimage.grey_erosion(image, footprint=disk))
    assert np.array_equal(ops.dilate(image, radius=4), cv2.dilate(image, disk))
    gradient = ndimage.morphological_gradient(image, footprint=disk)
    assert np.array_equal(ops.morphological_gradient(image, radius=4), gradient)
    mask = image > 110
    assert np.array_equal(ops.erode(mask, radius=4), ndimage.binary_erosion(mask, disk, border_value=1))
    assert np.array_equal(ops.dilate(mask, radius=4), ndimage.binary_dilation(mask, disk))


def test_channels_alpha_and_strides() -> None:
    rng = np.random.default_rng(1)
    rgba = rng.integers(0, 256, (20, 25, 4), dtype=np.uint8)
    out = ops.opening(rgba, radius=2)
    assert np.array_equal(out[..., 3], rgba[..., 3])
    assert np.array_equal(out[..., 1], ops.opening(rgba[..., 1], radius=2))
    nine = rng.random((15, 12, 9)).astype(np.float32)
    assert np.array_equal(ops.dilate(nine)[..., 8], ops.dilate(nine[..., 8]))
    turned = rgba[::-1, ::2]
    assert np.array_equal(ops.erode(turned), ops.erode(np.ascontiguousarray(turned)))


def test_a_result_of_threshold_is_a_mask() -> None:
    mask = ops.threshold(data.coins())
    out = ops.closing(mask, radius=3)
    assert out.dtype == np.bool_ and np.array_equal(out, ops.closing(np.asarray(mask), radius=3))


@pytest.mark.parametrize("name", [*REFERENCES, "morphological_gradient"])
def test_flat_pictures_and_halo(name: str) -> None:
    fn = getattr(ops, name)
    for mask in (np.zeros((1, 1), bool), np.ones((1, 1), bool), np.ones((7, 5), bool), np.zeros((3, 9), bool)):
        out = fn(mask, radius=4)
        flat = name in ("top_hat", "black_hat", "morphological_gradient")
        assert np.array_equal(out, np.zeros_like(mask) if flat else mask)
    image = np.random.default_rng(2).random((90, 90)).astype(np.float32)
    entry = opsin.op_of(name)
    halo = entry.spec.halo(**entry.spec.fill({"radius": 5}))
    tile = fn(image[30 - halo : 60 + halo, 30 - halo : 60 + halo].copy(), radius=5)
    assert np.array_equal(tile[halo:-halo, halo:-halo], fn(image, radius=5)[30:60, 30:60])


def test_refusals() -> None:
    with pytest.raises(opsin.errors.ParamError, match="erode: radius must be a whole number"):
        ops.erode(np.zeros((3, 3), np.uint8), radius=0)
    with pytest.raises(opsin.errors.ParamError, match="Did you mean 'disk'"):
        ops.erode(np.zeros((3, 3), np.uint8), footprint="disc")
    with pytest.raises(opsin.errors.ParamError, match="erode: mask must be a bool array H W"):
        ops.erode(np.zeros((0, 3), bool))
