"""Bending moves: what they compute, and that everything in a sample follows (paint a dot, bend, find it there)."""

import math

import numpy as np
import pytest

import opsin
from opsin import ops
from opsin.geometry import Size
from opsin.kernels.smooth import box_sum, correlate, soft

SIZES = [(160, 120), (97, 131), (240, 240)]
BENDS = [
    ("elastic", {"alpha": 34.0, "sigma": 4.0}),
    ("elastic", {"alpha": 200.0, "sigma": 12.0}),
    ("grid_distort", {"steps": 5, "distortion": 0.5}),
    ("grid_distort", {"steps": 1, "distortion": 0.9}),
    ("lens_distort", {"k1": -0.2, "k2": 0.02}),
    ("lens_distort", {"k1": 0.25}),
    ("thin_plate", {"points": 4, "distortion": 0.2}),
    ("thin_plate", {"points": 2, "distortion": 0.3}),
    ("swirl", {"strength": 2.0, "radius": 100.0}),
    ("swirl", {"strength": -4.0, "radius": 60.0, "x": 0.3, "y": 0.6}),
]


def bend(name, params, target, seed=0):
    words = dict(params)
    if opsin.describe(name).random:
        words["rng"] = opsin.Rng(seed)
    return getattr(ops, name)(target, **words)


def warp_of(name, params, size, seed=0):
    entry = opsin.op_of(name)
    words = dict(params) | ({"rng": opsin.Rng(seed)} if entry.spec.random else {})
    return entry.warp(Size(*size), entry.spec.fill(words))


def dots(size, points, sigma=1.5):
    """One band per point with a soft dot on it."""
    w, h = size
    x, y = np.arange(w) + 0.5, (np.arange(h) + 0.5)[:, None]
    bands = [np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * sigma**2)) for px, py in points]
    return np.stack(bands, axis=-1).astype(np.float32)


def peak(band):
    """The middle of the brightest spot: the centroid around the brightest pixel."""
    i, j = np.unravel_index(int(band.argmax()), band.shape)
    top, left = max(0, i - 1), max(0, j - 1)
    part = band[top : i + 2, left : j + 2].astype(np.float64)
    y, x = np.mgrid[top : top + part.shape[0], left : left + part.shape[1]] + 0.5
    return np.array([(part * x).sum(), (part * y).sum()]) / part.sum()


@pytest.mark.parametrize(("name", "params"), BENDS)
@pytest.mark.parametrize("size", SIZES)
def test_dots_are_found_where_the_points_went(name, params, size):
    rng = np.random.default_rng(len(name) + size[0])
    points = rng.uniform(0.15, 0.85, (8, 2)) * np.array(size)
    sample = opsin.Sample(dots(size, points), keypoints=points[None])
    out = bend(name, params, sample, seed=size[1])
    moved = out.warp.push(points)
    assert np.isfinite(moved).all()
    found = 0
    for i, at in enumerate(moved):
        if (at > 3).all() and (at < np.array(size) - 3).all():
            assert np.hypot(*(peak(out.image[..., i]) - at)) < 1.0
            found += 1
    assert found >= 4


@pytest.mark.parametrize("seed", range(8))
def test_dots_follow_random_compositions_with_rigid_moves(seed):
    rng = np.random.default_rng(seed)
    size = tuple(int(n) for n in rng.integers(120, 220, 2))
    points = rng.uniform(0.25, 0.75, (8, 2)) * np.array(size)
    sample = opsin.Sample(dots(size, points, 2.0), keypoints=points[None])
    for k in range(4):
        if rng.random() < 0.5:
            name, params = BENDS[int(rng.integers(len(BENDS)))]
            sample = bend(name, params, sample, seed=seed * 10 + k)
        elif rng.random() < 0.5:
            sample = ops.rotate(sample, angle=float(rng.uniform(-40, 40)))
        else:
            sample = ops.flip_horizontal(sample)
    moved = sample.warp.push(points)
    ok = (moved > 4).all(1) & (moved < np.array(tuple(sample.size)) - 4).all(1) & sample.warp.kept(points)
    assert ok.sum() >= 3
    for i in np.flatnonzero(ok):
        band = sample.image[..., i]
        x, y = moved[i].astype(int)
        # where a dot has been magnified its top is flat: it must be at its brightest within a pixel of the point
        assert band[y - 1 : y + 2, x - 1 : x + 2].max() > 0.9 * band.max()


@pytest.mark.parametrize(("name", "params"), BENDS)
def test_boxes_polygons_and_masks_follow(name, params):
    size = (180, 150)
    outline = np.array([[60.0, 40.0], [120.0, 50.0], [130.0, 100.0], [90.0, 110.0], [55.0, 80.0]])
    from opsin.carry import rasterize

    mask = rasterize([outline], Size(*size))
    image = mask.astype(np.float32)
    hull = [*outline.min(0), *outline.max(0)]
    sample = opsin.Sample(image, boxes=[hull], polygons=[outline], masks=mask[None])
    out = bend(name, params, sample, seed=4)
    assert len(out.instances) == 1
    seen = out.image > 0.5
    ys, xs = np.nonzero(seen)
    box = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
    assert np.abs(out.instances.boxes[0] - box).max() < 2.0
    carried = rasterize(out.instances.polygons[0], Size(*size))
    for other in (carried, out.instances.masks[0]):
        assert (other & seen).sum() / (other | seen).sum() > 0.97
    # every corner of the outline is a corner of the carried outline
    corners = out.warp.push(outline)
    vertices = np.concatenate(out.instances.polygons[0])
    assert max(np.hypot(*(vertices - c).T).min() for c in corners) < 1e-6


@pytest.mark.parametrize(("name", "params"), BENDS)
def test_points_come_back(name, params):
    size = (200, 160)
    warp = warp_of(name, params, size)
    points = np.random.default_rng(1).uniform(0.1, 0.9, (200, 2)) * np.array(size)
    there = warp.push(points)
    ok = np.isfinite(there).all(axis=1)
    assert ok.mean() > 0.99
    assert np.abs(warp.pull(there[ok]) - points[ok]).max() < 0.01


def test_every_picture_type_and_determinism():
    rng = np.random.default_rng(0)
    for dtype, top in ((np.uint8, 256), (np.uint16, 65536), (np.float32, 0)):
        for shape in ((40, 50), (40, 50, 1), (40, 50, 3), (40, 50, 4), (1, 1, 3)):
            image = rng.random(shape, np.float32) if top == 0 else rng.integers(0, top, shape).astype(dtype)
            for name, params in BENDS:
                out = bend(name, params, image, seed=5)
                assert out.shape == image.shape and out.dtype == image.dtype and out.flags.c_contiguous
                assert np.array_equal(out, bend(name, params, image, seed=5))


def test_elastic_is_smoothed_noise():
    """The field against SciPy's Gaussian filter of the same noise (float64), tolerance of float32."""
    ndimage = pytest.importorskip("scipy.ndimage")
    size = (140, 90)
    for alpha, sigma in ((34.0, 4.0), (100.0, 9.5)):
        field = warp_of("elastic", {"alpha": alpha, "sigma": sigma}, size, 11).stages[0].field
        for axis, name in enumerate(("dx", "dy")):
            noise = opsin.Rng(11).uniform(name, -1.0, 1.0, (90, 140))
            middle = (np.arange(140) if axis == 0 else np.arange(90)[:, None]) + 0.5
            expected = alpha * ndimage.gaussian_filter(noise, sigma, mode="mirror", truncate=4.0)
            assert np.abs(field[..., axis] - middle - expected).max() < 1e-4


def test_elastic_spread_follows_the_closed_form():
    """Noise of variance 1/3 keeps 1 / (4 pi sigma^2) of it after smoothing."""
    field = warp_of("elastic", {"alpha": 50.0, "sigma": 3.0}, (600, 600), 2).stages[0].field
    shift = field[..., 0] - (np.arange(600) + 0.5)
    assert abs(shift.mean()) < 0.2
    assert shift.std() == pytest.approx(50.0 * math.sqrt(1 / 3) / (2 * math.sqrt(math.pi) * 3.0), rel=0.06)


def test_grid_distort_keeps_edges_and_order():
    warp = warp_of("grid_distort", {"steps": 7, "distortion": 0.9}, (210, 140), 3)
    corners = Size(210, 140).corners
    assert np.abs(warp.push(corners) - corners).max() < 1.0
    field = warp.stages[0].field
    assert (np.diff(field[..., 0], axis=1) > 0).all() and (np.diff(field[..., 1], axis=0) > 0).all()
    # cells are evenly drawn: over many draws the first of two cells lies evenly in (1 - d) / 2 .. (1 + d) / 2
    first = [opsin.Rng(s).uniform("x", -0.5, 0.5, 2) for s in range(300)]
    shares = np.array([(1 + a) / (2 + a + b) for a, b in first])
    assert shares.min() > 0.25 and shares.max() < 0.75 and abs(shares.mean() - 0.5) < 0.02


@pytest.mark.parametrize(("k1", "k2"), [(-0.2, 0.0), (0.3, 0.1), (-0.1, -0.05), (-0.3, 0.2)])
def test_lens_moves_points_by_browns_formula(k1, k2):
    size = Size(320, 240)
    warp = warp_of("lens_distort", {"k1": k1, "k2": k2}, size)
    points = np.random.default_rng(0).uniform(0.05, 0.95, (100, 2)) * np.array(size)
    away = points - np.array(size.center)
    r = np.hypot(*away.T) / math.hypot(160, 120)
    expected = np.array(size.center) + away * (1 + k1 * r**2 + k2 * r**4)[:, None]
    inside = (expected > 1).all(1) & (expected < np.array(size) - 1).all(1)
    assert np.abs(warp.push(points)[inside] - expected[inside]).max() < 0.01


def test_lens_refuses_what_folds():
    with pytest.raises(opsin.errors.ParamError, match="lens_distort: 1 \\+ 3 k1"):
        ops.lens_distort(np.zeros((9, 9), np.uint8), k1=-0.3, k2=-0.1)


def test_thin_plate_passes_through_its_points():
    size = (200, 150)
    warp = warp_of("thin_plate", {"points": 4, "distortion": 0.3}, size, 6)
    gap = np.array(size) / 3
    grid = np.stack(np.meshgrid(np.arange(4), np.arange(4)), axis=-1).reshape(-1, 2) * gap
    goal = grid + opsin.Rng(6).uniform("points", -0.3, 0.3, (16, 2)) * gap
    assert np.abs(warp.pull(grid) - goal).max() < 0.35  # linear between nodes a few pixels apart
    interpolate = pytest.importorskip("scipy.interpolate")
    spline = interpolate.RBFInterpolator(grid, goal, kernel="thin_plate_spline", degree=1)
    field = warp.stages[0].field[::7, ::7].reshape(-1, 2)
    x, y = np.meshgrid(np.arange(0, 200, 7) + 0.5, np.arange(0, 150, 7) + 0.5)
    assert np.abs(field - spline(np.stack([x.ravel(), y.ravel()], 1))).max() < 0.1


def test_swirl_is_scikit_images():
    """Against skimage.transform.swirl with the true middle as center; bilinear, 1 level of 255."""
    transform = pytest.importorskip("skimage.transform")
    data = pytest.importorskip("skimage.data")
    for image, strength, radius in ((data.astronaut()[:200, :260], 3.0, 120.0), (data.coffee()[:180, :180], -2.0, 200)):
        h, w = image.shape[:2]
        middle = (w / 2 - 0.5, h / 2 - 0.5)
        ours = ops.swirl(image, strength=strength, radius=radius, border="constant")
        theirs = transform.swirl(
            image, center=middle, strength=strength, radius=radius, order=1, mode="constant", preserve_range=True
        )
        inner = (slice(2, -2), slice(2, -2))
        difference = np.abs(ours[inner].astype(float) - theirs[inner])
        assert np.quantile(difference, 0.999) <= 1.0


def test_smoothing_kernels_against_scipy():
    ndimage = pytest.importorskip("scipy.ndimage")
    rng = np.random.default_rng(3)
    modes = {
        "reflect": "mirror",
        "symmetric": "reflect",
        "replicate": "nearest",
        "wrap": "wrap",
        "constant": "constant",
    }
    values = rng.random((37, 53, 3))
    kernel = rng.random((5, 7)) * (rng.random((5, 7)) > 0.4)
    for border, mode in modes.items():
        ours = soft(values, 2.3, border)
        assert np.abs(ours - ndimage.gaussian_filter(values, (2.3, 2.3, 0), mode=mode)).max() < 1e-12
        theirs = np.stack([ndimage.correlate(values[..., c], kernel, mode=mode) for c in range(3)], axis=-1)
        assert np.abs(correlate(values, kernel, border) - theirs).max() < 1e-12
        levels = rng.integers(0, 65536, (29, 41)).astype(np.uint16)
        theirs = ndimage.uniform_filter(levels.astype(np.float64), 7, mode=mode) * 49
        assert np.abs(box_sum(levels, 3, border) - theirs).max() < 1e-3
    wide = rng.uniform(-1, 1, (300, 400))
    for sigma in (21.0, 40.0, 60.0):
        theirs = ndimage.gaussian_filter(wide, sigma, mode="mirror")
        assert np.abs(soft(wide, sigma) - theirs).max() < 0.01 * theirs.std()
