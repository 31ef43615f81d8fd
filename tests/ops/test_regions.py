"""Watershed and random walker agree with scikit-image and SimpleITK; touching things are counted right."""

import numpy as np
import pytest

import opsin
from opsin import ops

pytest.importorskip("cv2")
pytest.importorskip("skimage")
from scipy import ndimage
from skimage import data, filters, segmentation

ParamError = opsin.errors.ParamError


def disks(seed: int, size: int = 240) -> tuple[np.ndarray, int]:
    """Disks of which some touch and overlap, but no middle lies in another's inner part."""
    rng = np.random.default_rng(seed)
    placed: list[tuple[float, float, float]] = []
    count = int(rng.integers(5, 18))
    while len(placed) < count:
        x, y, r = rng.uniform(22, size - 22), rng.uniform(22, size - 22), rng.uniform(9, 20)
        if all(np.hypot(x - a, y - b) > 0.85 * (r + c) for a, b, c in placed):
            placed.append((x, y, r))
    row, column = np.mgrid[:size, :size] + 0.5
    mask = np.zeros((size, size), bool)
    for x, y, r in placed:
        mask |= (column - x) ** 2 + (row - y) ** 2 < r * r
    return mask, count


def spots(shape: tuple[int, int], step: int = 37) -> np.ndarray:
    markers = np.zeros(shape, np.int32)
    at = markers[10::step, 10::step]
    at[...] = np.arange(1, at.size + 1).reshape(at.shape)
    return markers


# --- watershed ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_coins_are_counted(dtype: str) -> None:
    """24 coins, on a ground of uneven light, in every dtype and at other sizes."""
    coins = (data.coins() * {"uint8": 1.0, "uint16": 257.0, "float32": 1 / 255}[dtype]).astype(dtype)
    found = ops.watershed(coins)
    assert found.count == 24 and found.areas.min() > 900
    assert ops.watershed(np.dstack([coins] * 3)).count == 24
    assert ops.watershed(coins, neck=0.25).count == 24
    for times in (2, 5):
        assert ops.watershed(np.kron(coins, np.ones((times, times), dtype))).count == 24


def test_pictures_of_disks_are_counted_like_their_masks() -> None:
    """Clean, noisy, and on a ground that gets brighter from side to side."""
    rng = np.random.default_rng(4)
    for seed in range(4):
        mask, count = disks(seed)
        clean = 0.2 + 0.5 * mask
        ramp = clean + np.linspace(0, 0.25, mask.shape[1])
        for unit in (clean, clean + rng.normal(0, 0.05, mask.shape), ramp):
            assert ops.watershed((np.clip(unit, 0, 1) * 255).astype(np.uint8)).count == count
    one = np.full((200, 260), 30, np.uint8)
    one[80:120, 100:140] = np.arange(200, 240)
    assert ops.watershed(one).count == 1


def test_touching_disks_are_counted() -> None:
    right = [ops.watershed(mask).count == count for mask, count in map(disks, range(30))]
    assert all(right)


def test_ragged_masks_do_not_fall_apart() -> None:
    """Disks with noisy outlines: the same count."""
    rng = np.random.default_rng(0)
    right = []
    for seed in range(10):
        mask, count = disks(seed)
        edge = mask ^ ndimage.binary_erosion(mask)
        right.append(ops.watershed(mask & ~(edge & (rng.random(mask.shape) < 0.5))).count == count)
    assert np.mean(right) >= 0.9


def test_given_markers_flood_as_in_scikit_image() -> None:
    """The same labels for every source, with and without a mask and lines."""
    for image in (data.coins(), data.camera()[:200, :260], (data.moon() / 255).astype(np.float32)[:150, :170]):
        markers = spots(image.shape)
        mask = image > np.median(image)
        gradient = filters.sobel(image)
        assert np.array_equal(
            ops.watershed(image, markers, source="gradient"), segmentation.watershed(gradient, markers)
        )
        far = -ndimage.distance_transform_edt(mask)
        want = segmentation.watershed(far, markers, mask=mask)
        assert np.array_equal(ops.watershed(image, markers, mask=mask), want)
        assert np.array_equal(ops.watershed(mask, markers), want)
        want = segmentation.watershed(image, markers, mask=mask, watershed_line=True)
        assert np.array_equal(ops.watershed(image, markers, mask=mask, source="image", lines=True), want)


def test_markers_from_low_gradient_find_the_regions_of_a_picture() -> None:
    """Nine patches of different gray under noise."""
    rng = np.random.default_rng(1)
    kinds = np.kron(np.arange(9).reshape(3, 3), np.ones((40, 50), int))
    levels = np.array([40, 120, 200, 90, 220, 20, 180, 60, 140])[kinds]
    image = np.clip(levels + rng.normal(0, 6, levels.shape), 0, 255).astype(np.uint8)
    found = ops.watershed(image, source="gradient", contrast=0.05)
    assert found.count == 9
    for kind in range(9):
        assert np.bincount(found[kinds == kind]).max() / np.sum(kinds == kind) > 0.95


def test_simpleitk_gives_the_same_regions() -> None:
    """Ties aside: over 99 % of the pixels agree, and so does the count."""
    pytest.importorskip("SimpleITK")
    coins = data.coins()
    ours, theirs = ops.watershed(coins), ops.watershed(coins, method="simpleitk")
    assert theirs.count == ours.count == 24
    assert np.mean(np.asarray(ours) == np.asarray(theirs)) > 0.99
    mask, _ = disks(3)
    markers = spots(mask.shape, 50)
    ours = ops.watershed(mask, markers, source="distance")
    theirs = ops.watershed(mask, markers, source="distance", method="simpleitk")
    assert np.array_equal(np.asarray(ours) > 0, np.asarray(theirs) > 0)
    assert np.mean(np.asarray(ours) == np.asarray(theirs)) > 0.98


def test_odd_watersheds() -> None:
    rng = np.random.default_rng(2)
    for trial in range(60):
        shape = tuple(rng.integers(1, 12, 2))
        z = rng.random(shape)
        image = [z, z * 0, z * 0 + 1, (z > 0.5) * 1.0, np.round(z * 3) / 3][trial % 5].astype(np.float32)
        for source in ("gradient", "image"):
            found = ops.watershed(image, source=source)
            assert found.shape == shape and found.min() >= 1 and found.count == found.max()
        for given in (image, z > 0.7):
            try:
                found = ops.watershed(given)
            except ParamError as reason:
                assert "watershed: mask must be False somewhere; got True everywhere" in str(reason)
                continue
            assert found.dtype == np.int32 and found.shape == shape
            if given.dtype == bool:
                assert np.array_equal(np.asarray(found) > 0, given)
    empty = ops.watershed(np.zeros((5, 6), bool))
    assert empty.count == 0 and not empty.any() and empty.to_dict()["regions"] == []


def test_watershed_refusals() -> None:
    coins = data.coins()
    for markers, words in (
        (np.zeros((3, 3), int), "markers must be 303 x 384, as the picture"),
        (np.zeros(coins.shape, int), "markers must be above 0 somewhere; got no pixel that is marked"),
        (np.ones(coins.shape), "markers must be whole numbers"),
        (np.ones(coins.shape, bool), r"Use ops\.label_regions first"),
        (-spots(coins.shape), "markers must be from 0 to"),
    ):
        with pytest.raises(ParamError, match=words):
            ops.watershed(coins, markers)
    with pytest.raises(ParamError, match="mask must be 303 x 384, as the picture"):
        ops.watershed(coins, mask=np.ones((3, 3), bool))
    with pytest.raises(ParamError, match="mask must be a bool array"):
        ops.watershed(coins, mask=coins)


# --- random walker ------------------------------------------------------------------------------------------------
def seeded(image: np.ndarray) -> np.ndarray:
    seeds = np.zeros(image.shape[:2], np.int32)
    level = image if image.ndim == 2 else image[..., 1]
    seeds[level < np.quantile(level, 0.1)] = 1
    seeds[level > np.quantile(level, 0.9)] = 2
    return seeds


@pytest.mark.filterwarnings("ignore:The probability range")
@pytest.mark.parametrize("beta", [10.0, 130.0])
def test_random_walker_is_scikit_images(beta: float) -> None:
    """The same labels, on gray and on color."""
    for image in (data.coins()[:90, :100], data.astronaut()[50:120, 150:240], data.cell()[::8, ::8]):
        seeds = seeded(image)
        axis = -1 if image.ndim == 3 else None
        want = segmentation.random_walker(image, seeds, beta=beta, mode="cg_j", channel_axis=axis)
        got = ops.random_walker(image, seeds, beta=beta)
        assert np.mean(np.asarray(got) == want) > 0.999
        wide = image.astype(np.uint16) * 257
        assert np.mean(np.asarray(ops.random_walker(wide, seeds, beta=beta)) == want) > 0.999


def test_random_walker_crosses_noise_that_a_threshold_cannot() -> None:
    rng = np.random.default_rng(0)
    row, column = np.mgrid[:80, :100]
    truth = (column - 50) ** 2 + (row - 40) ** 2 < 25**2
    image = np.clip(0.35 + 0.3 * truth + rng.normal(0, 0.15, truth.shape), 0, 1).astype(np.float32)
    seeds = np.zeros(truth.shape, int)
    seeds[35:46, 45:56] = 2
    seeds[3, :] = seeds[-3, :] = seeds[:, 3] = seeds[:, -3] = 1
    got = np.asarray(ops.random_walker(image, seeds, beta=800)) == 2
    assert np.mean(got == truth) > 0.96 > 0.9 > np.mean(np.asarray(ops.threshold(image)) == truth)


def test_seeds_keep_their_numbers() -> None:
    image = data.coins()[:60, :70]
    seeds = seeded(image)
    plain = np.asarray(ops.random_walker(image, seeds))
    other = np.asarray(ops.random_walker(image, seeds * 40 + (seeds > 0)))
    assert np.array_equal(other, np.array([0, 41, 81])[plain])
    full = np.where(plain == 1, 7, 9)
    assert np.array_equal(ops.random_walker(image, full), full)


def test_odd_walks() -> None:
    rng = np.random.default_rng(3)
    for trial in range(60):
        shape = tuple(rng.integers(1, 9, 2))
        image = rng.random(shape + ((), (3,), (4,), (1,))[trial % 4]).astype(np.float32) * (trial % 5 > 0)
        seeds = rng.choice([-1, 0, 0, 0, 1, 2, 5], shape)
        if seeds.max() < 1:
            with pytest.raises(ParamError, match="random_walker: seeds must be above 0 somewhere"):
                ops.random_walker(image, seeds)
            continue
        got = np.asarray(ops.random_walker(image, seeds))
        assert set(np.unique(got)) <= {0, *np.unique(seeds[seeds > 0])}
        assert np.array_equal(got[seeds > 0], seeds[seeds > 0]) and not got[seeds < 0].any()
        pieces, _ = ndimage.label(seeds >= 0)
        for piece in np.unique(pieces[seeds > 0]):
            assert (got[pieces == piece] > 0).all()
    with pytest.raises(ParamError, match="seeds must be 5 x 6, as the picture"):
        ops.random_walker(np.zeros((5, 6), np.uint8), np.ones((6, 5), int))
