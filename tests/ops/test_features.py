"""Features, descriptors and matches against scikit-image, OpenCV and closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from opsin import ops
from opsin.errors import ParamError
from opsin.values import Points

cv2 = pytest.importorskip("cv2")
skimage = pytest.importorskip("skimage")
data = pytest.importorskip("skimage.data")


def _dtypes(image):
    return image, image.astype(np.uint16) * np.uint16(257), (image / 255.0).astype(np.float32)


def test_harris_finds_scikit_images_corners():
    from skimage.feature import corner_harris, corner_peaks

    image = data.checkerboard()
    got = ops.harris(image, sigma=1.5, k=0.05, count=200, quality=0.1, distance=5)
    response = corner_harris(image / 255.0, k=0.05, sigma=1.5)
    want = corner_peaks(response, min_distance=5, threshold_rel=0.1)[:, ::-1] + 0.5
    inner = ((want > 12) & (want < 188)).all(axis=1)  # scikit-image pads with black, Opsin replicates
    near = np.hypot(*(want[inner][:, None] - got.points[None]).transpose(2, 0, 1)).min(axis=1)
    assert inner.sum() == 49 and near.max() <= 1.0


def test_harris_places_corners_between_pixels():
    """The corners of a checkerboard lie where four squares meet (closed form), to a tenth of a pixel."""
    board = ((np.indices((160, 160)) // 20).sum(axis=0) % 2 * 255).astype(np.uint8)
    got = ops.harris(board, sigma=2.0, quality=0.5).points
    inner = got[((got > 10) & (got < 150)).all(axis=1)]
    assert len(inner) == 49 and np.abs(inner - np.round(inner / 20) * 20).max() < 0.1


@pytest.mark.parametrize("name", ["sift", "orb"])
def test_described_points_are_opencvs(name):
    gray = data.camera()
    made = cv2.SIFT_create(nfeatures=300, enable_precise_upscale=True) if name == "sift" else cv2.ORB_create(300)
    keys, descriptors = made.detectAndCompute(gray, None)
    order = np.argsort([-k.response for k in keys], kind="stable")[:300]
    for image in (*_dtypes(gray), np.stack([gray] * 3, axis=2), np.dstack([gray] * 3 + [gray // 2])):
        got = getattr(ops, name)(image, count=300)
        np.testing.assert_allclose(got.points, np.array([keys[i].pt for i in order]) + 0.5, atol=1e-5)
        assert np.array_equal(got.descriptors, descriptors[order])


def test_sift_has_no_shift():
    """A quarter turn of the picture turns the points: no half or quarter pixel is lost (closed form)."""
    gray = data.camera()
    a, b = ops.sift(gray, count=200), ops.sift(np.ascontiguousarray(gray[::-1, ::-1]), count=200)
    back = np.array([512.0, 512.0]) - b.points
    near = np.hypot(*(a.points[:, None] - back[None]).transpose(2, 0, 1)).min(axis=1)
    assert np.median(near) < 0.02


def test_brief_is_opencvs_and_says_which_points():
    gray = data.camera()
    given = np.array([[5.0, 5.0], [100.5, 200.5], [300.5, 80.5]])
    got = ops.brief(gray, given, bits=256)
    keys, want = cv2.xfeatures2d.BriefDescriptorExtractor_create(32).compute(
        gray, [cv2.KeyPoint(100.0, 200.0, 1), cv2.KeyPoint(300.0, 80.0, 1)]
    )
    assert got.numbers.tolist() == [1, 2] and np.array_equal(got.descriptors, want) and len(keys) == 2


def test_features_stay_inside_the_mask_and_flat_pictures_have_none():
    gray = data.camera()
    mask = np.zeros(gray.shape, np.bool_)
    mask[100:300, 50:250] = True
    for name in ("harris", "sift", "orb"):
        points = getattr(ops, name)(gray, mask=mask).points
        assert len(points) and mask[tuple(np.floor(points[:, ::-1]).astype(int).T)].all()
        for shape in ((64, 64), (1, 1), (1, 90)):
            assert len(getattr(ops, name)(np.full(shape, 77, np.uint8))) == 0
        with pytest.raises(ParamError, match=f"{name}: mask must be 512 x 512"):
            getattr(ops, name)(gray, mask=mask[1:])


@pytest.mark.parametrize(("cell", "block", "bins"), [(8, 2, 9), (16, 3, 6), (7, 1, 12)])
def test_hog_is_scikit_images(cell, block, bins):
    from skimage.feature import hog

    words = {"orientations": bins, "pixels_per_cell": (cell, cell), "cells_per_block": (block, block)}
    for image, axis in ((data.camera()[:100, :130], None), (data.astronaut()[:99, :121], 2)):
        for picture in _dtypes(image):
            got = ops.hog(picture, cell=cell, block=block, bins=bins)
            unit = picture / np.float64({"uint8": 255, "uint16": 65535, "float32": 1}[picture.dtype.name])
            np.testing.assert_allclose(got, hog(unit, channel_axis=axis, **words), atol=1e-9)
    assert ops.hog(data.astronaut()).draw(data.astronaut()).shape == (512, 512, 3)
    with pytest.raises(ParamError, match="hog: image must be at least one block of 16 x 16 pixels"):
        ops.hog(np.zeros((9, 40), np.uint8))


@pytest.mark.parametrize("method", ["default", "ror", "uniform", "nri_uniform"])
def test_lbp_is_scikit_images(method):
    from skimage.feature import local_binary_pattern

    gray = data.brick()[:80, :90]
    for points, radius in ((8, 1), (12, 2.5)):
        got = ops.lbp(gray, points=points, radius=radius, method=method)
        assert np.array_equal(got, local_binary_pattern(gray, points, radius, method))
        assert np.isclose(got.vector.sum(), 1.0) and len(got.vector) == got.count
    brighter = (gray // 2 + 60).astype(np.uint8)  # order is kept where no two levels meet
    even = (gray // 2 * 2).astype(np.uint8)
    assert np.array_equal(ops.lbp(brighter, method=method), ops.lbp(even, method=method))


def test_gabor_bank_is_scikit_images():
    from skimage.filters import gabor

    gray = data.brick()[:70, :81]
    got = ops.gabor_bank(gray, frequencies=(0.1, 0.35), orientations=3)
    for k, (f, j) in enumerate((f, j) for f in (0.1, 0.35) for j in range(3)):
        real, imaginary = gabor(gray / 255.0, f, theta=np.pi * j / 3, mode="reflect")
        np.testing.assert_allclose(got[..., k], np.hypot(real, imaginary), atol=2e-5)
    assert got.vector.shape == (12,)
    waves = (0.5 + 0.5 * np.sin(2 * np.pi * 0.2 * np.arange(120)))[None, :].repeat(90, 0).astype(np.float32)
    bank = ops.gabor_bank(waves, frequencies=(0.1, 0.2, 0.4), orientations=4)
    assert int(bank.vector[:12].argmax()) == 4  # waves from left to right at 0.2: the second frequency's first filter


def test_matches_are_the_nearest_neighbors():
    a, b = ops.sift(data.camera(), count=300), ops.sift(np.roll(data.camera(), 7, axis=1), count=320)
    far = np.sqrt(((a.descriptors[:, None].astype(np.float64) - b.descriptors[None]) ** 2).sum(axis=2))
    two = np.sort(far, axis=1)[:, :2]
    nearest = far.argmin(axis=1)
    keep = two[:, 0] < 0.8 * two[:, 1]
    mutual = keep & (far.argmin(axis=0)[nearest] == np.arange(len(a)))
    for cross, rows in ((False, keep), (True, mutual)):
        got = ops.match_features(a, b, ratio=0.8, cross_check=cross, method="brute_force")
        assert got.pairs.tolist() == np.stack([np.arange(len(a)), nearest], 1)[rows].tolist()
        np.testing.assert_allclose(got.distances, two[rows, 0], rtol=1e-4, atol=1e-3)
        quick = ops.match_features(a.descriptors, b.descriptors, ratio=0.8, cross_check=cross)
        common = {tuple(p) for p in quick.pairs.tolist()} & {tuple(p) for p in got.pairs.tolist()}
        assert len(common) > 0.9 * len(got)
    assert got.draw_pair(data.camera(), data.camera()).shape == (512, 1024, 3)


def test_binary_descriptors_are_compared_by_bits():
    rng = np.random.default_rng(3)
    b = rng.integers(0, 256, (40, 32), dtype=np.uint8)
    a = b[::-1].copy()
    a[:, 0] ^= 1  # one bit
    got = ops.match_features(a, b, method="brute_force")
    assert got.pairs[:, 1].tolist() == list(range(39, -1, -1)) and set(got.distances) <= {1.0}


def test_what_cannot_be_matched_is_said():
    points = ops.sift(data.camera(), count=50)
    with pytest.raises(ParamError, match="match_features: b must be float32 descriptors of 128 numbers"):
        ops.match_features(points, ops.orb(data.camera(), count=50))
    with pytest.raises(ParamError, match="match_features: a must be Points with descriptors"):
        ops.match_features(Points([[1.0, 2.0]]), points)
    flat = ops.sift(np.zeros((50, 50), np.uint8))
    assert len(ops.match_features(flat, points)) == 0 and len(ops.match_features(points, flat)) == 0
