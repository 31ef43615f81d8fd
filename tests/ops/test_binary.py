"""Distances, regions, patterns and skeletons are identical to SciPy and scikit-image."""

import json

import numpy as np
import pytest

import opsin
from opsin import ops

pytest.importorskip("cv2")
pytest.importorskip("skimage")
from scipy import ndimage
from skimage import data, measure, morphology


def masks(count: int, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    shares = [0.02, 0.3, 0.7, 0.95, 0.995]
    made = [rng.random(rng.integers(1, 45, 2)) < shares[i % 5] for i in range(count)]
    return [*made, data.horse() < 0.5 if data.horse().dtype != bool else ~data.horse(), data.coins() > 110]


@pytest.mark.parametrize("metric", ["euclidean", "taxicab", "chessboard"])
def test_distances_are_scipys(metric: str) -> None:
    """The same float64 numbers, to the bit."""
    for mask in masks(60):
        if mask.all():
            continue
        want = (
            ndimage.distance_transform_edt(mask)
            if metric == "euclidean"
            else ndimage.distance_transform_cdt(mask, metric)
        )
        got = ops.distance_transform(mask, metric=metric)
        assert got.dtype == np.float64 and np.array_equal(got, want)


@pytest.mark.slow
def test_far_distances_are_scipys() -> None:
    """Beyond the range in which the quick way is exact."""
    wide = np.ones((2000, 1800), bool)
    wide[0, 0] = False
    long = np.ones((20000, 30), bool)
    long[0, 0] = False
    assert np.array_equal(ops.distance_transform(wide), ndimage.distance_transform_edt(wide))
    for metric in ("taxicab", "chessboard"):
        assert np.array_equal(ops.distance_transform(long, metric=metric), ndimage.distance_transform_cdt(long, metric))


def test_distance_transform_refuses_a_full_mask_and_takes_an_empty_one() -> None:
    with pytest.raises(opsin.errors.ParamError, match="mask must be False somewhere; got True everywhere"):
        ops.distance_transform(np.ones((4, 5), bool))
    assert not ops.distance_transform(np.zeros((4, 5), bool)).any()


@pytest.mark.parametrize("connectivity", [1, 2])
def test_regions_are_scikit_images(connectivity: int) -> None:
    """Numbers as skimage.measure.label; areas, middles and boxes as its regionprops."""
    for mask in masks(60, seed=1):
        got = ops.label_regions(mask, connectivity=connectivity)
        want = measure.label(mask, connectivity=connectivity)
        assert np.array_equal(got, want)
        properties = measure.regionprops(want)
        assert got.count == len(properties) == len(got.regions)
        if not properties:
            continue
        assert np.array_equal(got.areas, [p.area for p in properties])
        # scikit-image counts pixel middles as whole numbers, row first
        assert np.allclose(got.centroids, np.array([p.centroid for p in properties])[:, ::-1] + 0.5, atol=1e-9)
        assert np.array_equal(got.boxes, np.array([p.bbox for p in properties])[:, [1, 0, 3, 2]])


def test_hit_or_miss_is_scipys() -> None:
    rng = np.random.default_rng(2)
    done = 0
    for trial in range(400):
        mask = rng.random(rng.integers(1, 14, 2)) < rng.choice([0.1, 0.5, 0.8])
        side = tuple(rng.integers(1, 6, 2))
        other = side if trial % 2 else tuple(rng.integers(1, 6, 2))
        hit, miss = rng.random(side) < 0.3, rng.random(other) < 0.3
        if side == other:
            miss &= ~hit
        if hit.any() and miss.any():
            done += 1
            assert np.array_equal(
                ops.hit_or_miss(mask, hit=hit, miss=miss), ndimage.binary_hit_or_miss(mask, hit, miss)
            )
    assert done > 150


def test_hit_or_miss_is_opencvs_but_for_what_lies_beyond_the_edge() -> None:
    cv2 = pytest.importorskip("cv2")
    rng = np.random.default_rng(5)
    for _ in range(100):
        mask = rng.random(rng.integers(8, 30, 2)) < 0.6
        shape = tuple(rng.choice([1, 3, 5], 2))
        hit = rng.random(shape) < 0.3
        miss = (rng.random(shape) < 0.3) & ~hit
        if not (hit.any() and miss.any()):
            continue
        pattern = hit.astype(np.int32) - miss
        want = cv2.morphologyEx(np.pad(mask, 5).astype(np.uint8), cv2.MORPH_HITMISS, pattern)[5:-5, 5:-5] > 0
        assert np.array_equal(ops.hit_or_miss(mask, hit=hit, miss=miss), want)


def test_hit_or_miss_finds_corners_and_takes_lists() -> None:
    mask = np.zeros((8, 9), bool)
    mask[2:6, 3:8] = True
    corner = ops.hit_or_miss(mask, hit=[[0, 0, 0], [0, 1, 1], [0, 1, 0]], miss=[[0, 1, 0], [1, 0, 0], [0, 0, 0]])
    assert np.argwhere(corner).tolist() == [[2, 3]]
    only = ops.hit_or_miss(mask, hit=np.zeros((3, 3)), miss=np.ones((3, 3)))
    assert np.array_equal(only, ~ndimage.binary_dilation(mask, np.ones((3, 3))))
    with pytest.raises(opsin.errors.ParamError, match="miss must be 0 where hit is not; got True and False asked for"):
        ops.hit_or_miss(mask, hit=[[1]], miss=[[1]])
    with pytest.raises(opsin.errors.ParamError, match="only zeros in both"):
        ops.hit_or_miss(mask, hit=[[0]], miss=[[0]])


@pytest.mark.parametrize("method", ["zhang", "lee"])
def test_skeleton_is_scikit_images(method: str) -> None:
    for mask in masks(25, seed=3):
        got = ops.skeletonize(mask, method=method)
        assert got.dtype == np.bool_
        assert np.array_equal(got, morphology.skeletonize(mask, method=method))


def test_what_is_no_mask_is_refused_with_the_way_to_one() -> None:
    for name in ("distance_transform", "label_regions", "skeletonize"):
        with pytest.raises(opsin.errors.ParamError, match=f"{name}: mask must be a bool array H W; got uint8"):
            getattr(ops, name)(np.zeros((4, 4), np.uint8))


def test_a_sample_of_two_levels_is_a_mask() -> None:
    mask = data.coins() > 110
    sample = ops.label_regions(opsin.Sample(mask.astype(np.uint8) * 255))
    assert sample.results["label_regions"].count == ops.label_regions(mask).count
    with pytest.raises(opsin.errors.ParamError, match=r"Use ops\.threshold first"):
        ops.label_regions(opsin.Sample(data.coins()))


def test_results_describe_themselves() -> None:
    mask = np.zeros((6, 8), bool)
    mask[1:3, 1:4] = True
    mask[4, 6] = True
    labels = ops.label_regions(mask)
    assert repr(labels) == "Labels(8 x 6, 2 regions, label_regions)"
    plain = json.loads(json.dumps(labels.to_dict()))
    assert plain["regions"][0] == {"label": 1, "area": 6, "centroid": [2.5, 2.0], "box": [1.0, 1.0, 4.0, 3.0]}
    far = ops.distance_transform(mask)
    assert json.loads(json.dumps(far.to_dict()))["max"] == 1.0 and "up to 1 px" in repr(far)
    image = np.full((6, 8, 3), 90, np.uint8)
    for value in (labels, far, ops.skeletonize(mask)):
        drawn = value.draw(image)
        assert drawn.shape == (6, 8, 3) and drawn.dtype == np.uint8 and not np.array_equal(drawn, image)
        with pytest.raises(opsin.errors.ParamError, match="as the result"):
            value.draw(image[:5])
