"""Rigid moves against NumPy (exact ones) and against SciPy's sampling with matrices written out here."""

from __future__ import annotations

import math

import numpy as np
import pytest
import skimage.data
from scipy import ndimage

from opsin import Rng, Sample, Size, Skeleton, op_of, ops
from opsin.errors import ParamError

SCIPY = {
    "constant": "grid-constant",
    "reflect": "mirror",
    "symmetric": "reflect",
    "replicate": "nearest",
    "wrap": "grid-wrap",
}


@pytest.fixture(scope="module")
def photo():
    return np.ascontiguousarray(skimage.data.chelsea()[50:147, 100:221])


def at_center(size, m):
    """A 2 x 2 matrix about the middle of the canvas, as 3 x 3."""
    cx, cy = size[0] / 2, size[1] / 2
    out = np.eye(3)
    out[:2, :2] = m
    out[:2, 2] = np.array([cx, cy]) - np.array(m) @ [cx, cy]
    return out


def scipy_warp(image, matrix, target, border, fill=0.0):
    """Pull each target pixel's middle back through the matrix and interpolate in float64."""
    back = np.linalg.inv(matrix)
    j, i = np.meshgrid(np.arange(target[0]) + 0.5, np.arange(target[1]) + 0.5)
    xyw = back @ np.stack([j.ravel(), i.ravel(), np.ones(j.size)])
    x, y = (xyw[:2] / xyw[2]).reshape(2, target[1], target[0]) - 0.5
    planes = np.atleast_3d(image).astype(np.float64)
    out = [
        ndimage.map_coordinates(planes[..., c], [y, x], order=1, mode=SCIPY[border], cval=fill)
        for c in range(planes.shape[2])
    ]
    return np.stack(out, axis=-1).reshape(target[1], target[0], *image.shape[2:])


def rotation(degrees):
    t = math.radians(degrees)
    return np.array([[math.cos(t), math.sin(t)], [-math.sin(t), math.cos(t)]])


def slants(x, y):
    return np.array([[1, 0], [-math.tan(math.radians(y)), 1]]) @ np.array([[1, math.tan(math.radians(x))], [0, 1]])


MOVES = [
    ("rotate", {"angle": 23.0}, lambda s: at_center(s, rotation(23.0))),
    ("rotate", {"angle": -111.0}, lambda s: at_center(s, rotation(-111.0))),
    (
        "translate",
        {"x": 0.21, "y": -0.133},
        lambda s: np.array([[1, 0, 0.21 * s[0]], [0, 1, -0.133 * s[1]], [0, 0, 1]]),
    ),
    ("shear", {"x": 20.0}, lambda s: at_center(s, slants(20.0, 0.0))),
    ("shear", {"x": -7.0, "y": 31.0}, lambda s: at_center(s, slants(-7.0, 31.0))),
    (
        "affine",
        {"angle": 40.0, "scale": 1.3, "shear": 12.0, "shear_y": -9.0, "x": 0.1, "y": -0.05},
        lambda s: (
            np.array([[1, 0, 0.1 * s[0]], [0, 1, -0.05 * s[1]], [0, 0, 1]])
            @ at_center(s, 1.3 * rotation(40.0) @ slants(12.0, -9.0))
        ),
    ),
]


# --- exact moves ------------------------------------------------------------------------------------------------------
def test_flips_and_turns_are_numpys(photo):
    for image in (
        photo,
        photo[..., 0],
        photo[..., :1],
        photo.astype(np.uint16) * 257,
        (photo / 255).astype(np.float32),
    ):
        assert np.array_equal(ops.flip_horizontal(image), image[:, ::-1])
        assert np.array_equal(ops.flip_vertical(image), image[::-1])
        assert np.array_equal(ops.transpose(image), image.swapaxes(0, 1))
        for times in range(-5, 6):
            assert np.array_equal(ops.rotate90(image, times=times), np.rot90(image, times))
            assert np.array_equal(ops.rotate(image, angle=90.0 * times, keep="all"), np.rot90(image, times))


def test_mirrors_swap_names():
    skeleton = Skeleton(("left", "right"), mirror=((0, 1),))
    sample = Sample(np.zeros((10, 20), np.uint8), keypoints=[[[2, 3, 2], [9, 4, 2]]], skeleton=skeleton)
    assert np.allclose(ops.flip_horizontal(sample).instances.keypoints[0, :, 0], [11, 18])
    assert np.allclose(ops.flip_vertical(sample).instances.keypoints[0, :, 1], [6, 7])
    assert np.allclose(ops.transpose(sample).instances.keypoints[0, :, :2], [[4, 9], [3, 2]])
    assert np.allclose(ops.rotate90(sample, times=2).instances.keypoints[0, :, :2], [[18, 7], [11, 6]])


# --- sampled moves ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("border", SCIPY)
@pytest.mark.parametrize(("name", "params", "matrix"), MOVES, ids=[f"{m[0]}{i}" for i, m in enumerate(MOVES)])
def test_sampling_is_scipys(photo, name, params, matrix, border):
    size = (photo.shape[1], photo.shape[0])
    want = scipy_warp(photo, matrix(size), size, border, fill=0.2 * 255)
    got = getattr(ops, name)(photo, **params, border=border, fill=0.2)
    assert np.abs(got - want).max() <= 1.0
    real = (photo / 255).astype(np.float32)
    got = getattr(ops, name)(real, **params, border=border, fill=0.2)
    assert np.abs(got - want / 255).max() < 2e-4


@pytest.mark.parametrize("border", ["constant", "replicate"])
def test_perspective_is_opencvs_matrix(photo, border):
    cv2 = pytest.importorskip("cv2")
    width, height = photo.shape[1], photo.shape[0]
    corners = np.array([[9.5, 3.0], [110.0, 14.0], [118.0, 90.0], [-6.0, 80.0]])
    square = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(square, corners.astype(np.float32))
    want = scipy_warp(photo, matrix, (width, height), border)
    assert np.abs(ops.perspective(photo, corners=corners, border=border) - want).max() <= 1.0
    warp = op_of("perspective").warp(Size(width, height), op_of("perspective").spec.fill({"corners": corners}))
    assert np.abs(warp.push(square) - corners).max() < 1e-9


def test_perspective_draws_stay_inside(photo):
    entry = op_of("perspective")
    for distortion in (0.0, 0.3, 1.0):
        seen = []
        for seed in range(200):
            warp = entry.warp(Size(200, 100), entry.spec.fill({"distortion": distortion, "rng": Rng(seed)}))
            moved = (warp.push(Size(200, 100).corners) - Size(200, 100).corners) * [[1, 1], [-1, 1], [-1, -1], [1, -1]]
            assert (moved >= -1e-6).all() and (moved <= np.array([100, 50]) * distortion + 1e-6).all()
            seen.append(moved / [100, 50])
        assert distortion == 0.0 or abs(np.mean(seen) - distortion / 2) < 0.06
    assert np.array_equal(ops.perspective(photo, distortion=0.0, rng=1), photo)


@pytest.mark.parametrize("angle", [3.0, -20.0, 45.0, 60.0, 89.0, 135.0, 200.0])
@pytest.mark.parametrize("size", [(120, 80), (50, 150), (77, 77)])
def test_rotate_keeps_all_or_stays_inside(angle, size):
    white = np.ones((size[1], size[0]), np.float32)
    inside = ops.rotate(white, angle=angle, keep="inside")
    assert inside.min() > 1 - 1e-5, "no empty corner"
    everything = ops.rotate(white, angle=angle, keep="all")
    w, h = (np.abs(rotation(angle)) @ size).tolist()
    assert everything.shape == (math.ceil(h - 1e-6), math.ceil(w - 1e-6))
    assert abs(everything.sum() / white.sum() - 1) < 0.01
    s, c = abs(math.sin(math.radians(angle))), abs(math.cos(math.radians(angle)))
    # no rectangle of the same shape that is two pixels larger fits: its corners leave the turned picture
    larger = np.array([inside.shape[1] + 2, inside.shape[0] + 2]) / 2
    x, y = larger[0] * c + larger[1] * s, larger[0] * s + larger[1] * c
    assert x > size[0] / 2 or y > size[1] / 2


def test_angles_are_anticlockwise():
    image = np.zeros((41, 41), np.uint8)
    image[20, 35] = 255  # to the right of the middle
    assert np.argwhere(ops.rotate(image, angle=90.0))[0].tolist() == [5, 20]  # now above
    bar = np.zeros((41, 41), np.float32)
    bar[:, 20] = 1.0
    slanted = ops.shear(bar, x=30.0)
    assert slanted[5].argmax() < 20 < slanted[35].argmax()  # an upright line turns anticlockwise: its top goes left
    slanted = ops.shear(np.ascontiguousarray(bar.T), y=30.0)
    assert slanted[:, 35].argmax() < 20 < slanted[:, 5].argmax()  # a level line: its right end goes up


@pytest.mark.parametrize(
    ("name", "params", "sentence"),
    [
        ("perspective", {}, "perspective: rng must be given without corners; got nothing"),
        ("perspective", {"corners": [[0, 0], [9, 0], [3, 3], [0, 9]]}, "perspective: corners must be a convex quad"),
        ("perspective", {"corners": [[0, 0], [9, 0], [9, 9]]}, "perspective: corners must be .*4 x 2"),
        ("rotate90", {"times": 1.5}, "rotate90: times must be a whole number"),
        ("shear", {"x": 90.0}, "shear: x must be a number above -89 and below 89"),
        ("affine", {"scale": 0.0}, "affine: scale must be a number above 0"),
        ("translate", {"x": 0.1}, "translate: y must be .*; got nothing"),
        ("rotate", {"angle": 10.0, "fill": (0.1, 0.2)}, "warp: fill must be a number or 3 numbers"),
    ],
)
def test_refusals(photo, name, params, sentence):
    with pytest.raises(ParamError, match=sentence):
        getattr(ops, name)(photo, **params)
