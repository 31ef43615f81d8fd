"""clahe against OpenCV (1 level, gray) and the lightness route for color; tone_curve against SciPy's PCHIP."""

import numpy as np
import pytest

import opsin
from opsin import ops


def pictures():
    data = pytest.importorskip("skimage.data")
    rng = np.random.default_rng(0)
    return [data.camera()[:300, :410], data.moon()[:256, :256], rng.integers(0, 256, (97, 131), dtype=np.uint8)]


@pytest.mark.parametrize(("clip_limit", "tiles"), [(2.0, 8), (4.0, 5), (0.0, 3), (40.0, 1), (1.0, 12)])
def test_clahe_is_opencvs_on_gray_pictures(clip_limit, tiles):
    cv2 = pytest.importorskip("cv2")
    for image in pictures():
        for dtype in (np.uint8, np.uint16):
            levels = image if dtype == np.uint8 else (image.astype(np.uint16) * 257 ^ (image.astype(np.uint16) // 3))
            theirs = cv2.createCLAHE(clip_limit, (tiles, tiles)).apply(levels)
            ours = ops.clahe(levels, clip_limit=clip_limit, tiles=tiles)
            assert ours.dtype == dtype
            assert np.abs(ours.astype(int) - theirs).max() <= 1
            floats = ops.clahe((levels / np.iinfo(dtype).max).astype(np.float32), clip_limit=clip_limit, tiles=tiles)
            if dtype == np.uint16:
                assert np.abs(floats * 65535 - theirs).max() <= 1.5


def test_clahe_of_color_changes_lightness_only():
    """Against OpenCV's CLAHE of the L* that scikit-image computes in double; 2 levels for 99 % of all values."""
    color, cv2 = pytest.importorskip("skimage.color"), pytest.importorskip("cv2")
    data = pytest.importorskip("skimage.data")
    for image in (data.astronaut()[:200, :256], data.coffee()[:160, :160]):
        lab = color.rgb2lab(image)
        levels = np.clip(np.rint(lab[..., 0] * 2.55), 0, 255).astype(np.uint8)
        lab[..., 0] = cv2.createCLAHE(2.0, (8, 8)).apply(levels) / 2.55
        theirs = np.clip(color.lab2rgb(lab), 0, 1) * 255
        ours = ops.clahe(image)
        assert np.quantile(np.abs(ours - theirs), 0.99) <= 2.0
        rgba = np.dstack([image, image[..., 0]])
        assert np.array_equal(ops.clahe(rgba)[..., :3], ours) and np.array_equal(ops.clahe(rgba)[..., 3], rgba[..., 3])


def test_lightness_is_scikit_images_and_comes_back():
    color = pytest.importorskip("skimage.color")
    from opsin.kernels.lightness import join_lightness, split_lightness

    rgb = np.random.default_rng(2).random((50, 60, 3))
    lab = color.rgb2lab(rgb)
    lightness, a, b = split_lightness(rgb)
    assert np.abs(lightness * 100 - lab[..., 0]).max() < 0.01
    assert np.abs(a * 500 - lab[..., 1]).max() < 0.05 and np.abs(b * 200 - lab[..., 2]).max() < 0.05
    assert np.abs(join_lightness(lightness, a, b) - rgb).max() < 1e-6


def test_clahe_bands_and_small_pictures():
    rng = np.random.default_rng(1)
    for shape in ((1, 1), (3, 2), (5, 7, 1), (9, 4, 5), (8, 8, 4)):
        image = rng.integers(0, 65536, shape).astype(np.uint16)
        out = ops.clahe(image, tiles=8, channels="bands")
        assert out.shape == shape and out.dtype == np.uint16
    bands = rng.integers(0, 256, (40, 40, 5), dtype=np.uint8)
    assert np.array_equal(ops.clahe(bands)[..., 3], ops.clahe(np.ascontiguousarray(bands[..., 3])))


CURVES = [
    [(0, 0), (0.25, 0.15), (0.75, 0.85), (1, 1)],
    [(0, 0.1), (0.3, 0.6), (0.5, 0.2), (1, 0.9)],
    [(0, 1), (1, 0)],
    [(0, 0), (0.1, 0.5), (0.2, 0.5), (0.9, 0.55), (1, 1)],
]


@pytest.mark.parametrize("points", CURVES)
def test_tone_curve_is_scipys_pchip(points):
    interpolate = pytest.importorskip("scipy.interpolate")
    curve = interpolate.PchipInterpolator(*zip(*points, strict=True))
    floats = np.linspace(0, 1, 5001, dtype=np.float32).reshape(1, -1)
    assert np.abs(ops.tone_curve(floats, points=points) - curve(floats.astype(float))).max() < 1e-6
    for dtype in (np.uint8, np.uint16):
        top = np.iinfo(dtype).max
        levels = np.arange(top + 1, dtype=dtype).reshape(1, -1)
        assert np.abs(ops.tone_curve(levels, points=points) - curve(levels / top) * top).max() <= 0.5 + 1e-6


def test_tone_curve_adds_black_and_white_and_sorts():
    levels = np.arange(256, dtype=np.uint8)[None]
    full = ops.tone_curve(levels, points=[(0, 0), (0.3, 0.5), (0.7, 0.6), (1, 1)])
    assert np.array_equal(full, ops.tone_curve(levels, points=[(0.7, 0.6), (0.3, 0.5)]))
    assert np.array_equal(ops.tone_curve(levels, points=[(0.5, 0.5)]), levels)
    with pytest.raises(opsin.errors.ParamError, match="tone_curve: points must be at different places"):
        ops.tone_curve(levels, points=[(0.5, 0.5), (0.5, 0.6)])
    with pytest.raises(opsin.errors.ParamError, match="tone_curve: points must be"):
        ops.tone_curve(levels, points=[(0.5, 1.5)])
