"""Blurs and sharpening against SciPy, OpenCV, Pillow, scikit-image and sums written out in double."""

import math

import numpy as np
import pytest

import opsin
from opsin import ops, psf

DTYPES = (np.uint8, np.uint16, np.float32)
SCIPY = {"reflect": "mirror", "symmetric": "reflect", "replicate": "nearest", "wrap": "wrap", "constant": "constant"}


def picture(dtype, shape=(61, 83, 3), seed=0):
    values = np.random.default_rng(seed).random(shape)
    return values.astype(np.float32) if dtype == np.float32 else (values * np.iinfo(dtype).max).astype(dtype)


def close(ours, exact, dtype):
    """Half a level for the rounding, a little for float32; exact is in the picture's own scale."""
    return np.abs(ours - exact).max() <= {np.uint8: 0.502, np.uint16: 0.55, np.float32: 3e-6}[dtype]


def filtered(image, kernel, border):
    ndimage = pytest.importorskip("scipy.ndimage")
    planes = image.reshape(*image.shape[:2], -1).astype(np.float64)
    out = [ndimage.correlate(planes[..., c], kernel, mode=SCIPY[border]) for c in range(planes.shape[2])]
    return np.stack(out, axis=-1).reshape(image.shape)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("border", list(SCIPY))
def test_linear_blurs_are_correlations_in_double(dtype, border):
    for shape in ((61, 83, 3), (40, 52), (33, 47, 5)):
        image = picture(dtype, shape)
        cases = [
            (ops.box_blur(image, radius=3, border=border), np.full((7, 7), 1 / 49)),
            (ops.motion_blur(image, length=11.5, angle=33.0, border=border), psf.motion(11.5, 33.0)),
            (ops.motion_blur(image, length=24.0, angle=-70.0, border=border), psf.motion(24.0, -70.0)),
            (ops.defocus_blur(image, radius=3.3, border=border), psf.disk(3.3)),
            (ops.defocus_blur(image, radius=9.0, border=border), psf.disk(9.0)),
        ]
        for ours, kernel in cases:
            assert ours.dtype == dtype and ours.shape == shape and ours.flags.c_contiguous
            assert close(ours, filtered(image, kernel, border), dtype)


def test_box_blur_is_the_same_with_and_without_opencv():
    cv2 = pytest.importorskip("cv2")
    from opsin.kernels.smooth import box_sum

    flags = {"reflect": cv2.BORDER_REFLECT_101, "symmetric": cv2.BORDER_REFLECT, "replicate": cv2.BORDER_REPLICATE}
    for dtype in (np.uint8, np.uint16):
        for radius in (1, 2, 3, 5, 7, 8, 13, 20, 31):
            for border, flag in flags.items():
                image = picture(dtype, (90, 77, 3), radius)
                if radius % 2:
                    image[image < image.max() // 2] = 0
                side = 2 * radius + 1
                exact = (box_sum(image, radius, border) + side * side // 2) // (side * side)
                if dtype == np.uint8 and radius <= 22:
                    assert np.array_equal(cv2.blur(image, (side, side), borderType=flag), exact)
                assert np.array_equal(ops.box_blur(image, radius=radius, border=border), exact)


@pytest.mark.parametrize("dtype", DTYPES)
def test_median_blur_is_scipys(dtype, monkeypatch):
    ndimage = pytest.importorskip("scipy.ndimage")
    import builtins

    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "cv2":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    for shape, radius in (
        ((40, 53, 3), 1),
        ((31, 22), 2),
        ((26, 35, 2), 4),
        ((3, 5), 3),
        ((1, 1), 1),
        ((18, 21, 3), 9),
    ):
        image = picture(dtype, shape)
        size = (2 * radius + 1,) * 2 + (1,) * (len(shape) - 2)
        theirs = ndimage.median_filter(image, size, mode="nearest")
        assert np.array_equal(ops.median_blur(image, radius=radius), theirs)
        with monkeypatch.context() as patch:
            patch.setattr(builtins, "__import__", without)
            assert np.array_equal(ops.median_blur(image, radius=radius), theirs)


def test_blurs_weigh_color_by_alpha():
    image = np.zeros((31, 31, 4), np.float32)
    image[:, :15] = (1.0, 0.0, 0.0, 1.0)
    image[:, 15:] = (0.0, 1.0, 0.0, 0.0)  # green that nobody may see
    for out in (
        ops.box_blur(image, radius=4),
        ops.motion_blur(image, length=9.0, angle=0.0),
        ops.defocus_blur(image, radius=4.0),
        ops.zoom_blur(image, amount=0.4),
        ops.glass_blur(image, sigma=1.0, radius=3, rng=1),
    ):
        seen = out[..., 3] > 1e-3
        assert seen[:, :14].all() and out[..., 3].max() <= 1 + 1e-6
        assert np.abs(out[..., 0][seen] - 1).max() < 1e-4 and np.abs(out[..., 1][seen]).max() < 1e-4
    levels = (image * 255).astype(np.uint8)
    assert ops.box_blur(levels, radius=4)[..., 1].max() == 0


def test_zoom_blur_is_the_mean_of_zooms():
    """Against every zoom computed from the original in double, bilinear; repeated interpolation softens noise a little,
    so a smooth picture is compared (0.4 % of full scale) and a point that must spread along its ray."""
    h, w, amount = 70, 90, 0.2
    y, x = np.mgrid[:h, :w] + 0.5
    smooth = (0.5 + 0.5 * np.sin(x / 5) * np.cos(y / 6)).astype(np.float32)
    ndimage = pytest.importorskip("scipy.ndimage")
    count = 2 ** math.ceil(math.log2(math.hypot(h / 2, w / 2) * amount / (1 + amount) + 1))
    total = np.zeros((h, w))
    for k in range(count):
        z = (1 + amount) ** (k / (count - 1))
        at = [h / 2 + (y - h / 2) / z - 0.5, w / 2 + (x - w / 2) / z - 0.5]
        total += ndimage.map_coordinates(smooth.astype(float), at, order=1, mode="nearest")
    assert np.abs(ops.zoom_blur(smooth, amount=amount) - total / count).max() < 0.004
    point = np.zeros((81, 81), np.float32)
    point[40, 60] = 1.0
    out = ops.zoom_blur(point, amount=0.5)
    assert out[40, 60:72].min() > 0.01 and out[36].max() < 0.002 and out[40, :58].max() < 0.002
    image = picture(np.uint8)
    assert np.array_equal(ops.zoom_blur(image, amount=0.0), image)
    assert np.array_equal(ops.zoom_blur(np.full((20, 30, 3), 77, np.uint8), amount=0.3), np.full((20, 30, 3), 77))


def test_glass_blur_draws_neighbors_evenly():
    h = w = 300
    places = np.zeros((h, w, 2), np.float32)
    places[..., 0], places[..., 1] = np.arange(w), np.arange(h)[:, None]
    out = ops.glass_blur(places, sigma=0.0, radius=2, rng=5)
    away = (out - places)[5:-5, 5:-5].astype(int)
    assert set(np.unique(away)) == {-2, -1, 0, 1, 2}
    counts = np.array(
        [[((away[..., 0] == i) & (away[..., 1] == j)).mean() for i in range(-2, 3)] for j in range(-2, 3)]
    )
    assert np.abs(counts - 1 / 25).max() < 0.003  # 84,100 draws: five standard deviations
    noise = picture(np.uint8)
    assert np.array_equal(
        ops.glass_blur(noise, sigma=0.7, radius=3, rng=2), ops.glass_blur(noise, sigma=0.7, radius=3, rng=2)
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_sharpen_is_scikit_images_unsharp_mask(dtype):
    """Inside the edge, where borders do not count."""
    filters = pytest.importorskip("skimage.filters")
    image = picture(dtype)
    scale = 1.0 if dtype == np.float32 else np.iinfo(dtype).max
    for amount, sigma in ((0.7, 1.0), (2.0, 2.5)):
        planes = [filters.unsharp_mask(image[..., c] / scale, radius=sigma, amount=amount) for c in range(3)]
        theirs = np.stack(planes, axis=-1) * scale
        ours = ops.sharpen(image, amount=amount, sigma=sigma)
        assert np.abs(ours[12:-12, 12:-12] - theirs[12:-12, 12:-12]).max() <= max(0.6, 2e-5 * scale)
    rgba = picture(dtype, (20, 20, 4))
    assert np.array_equal(ops.sharpen(rgba, amount=1.0)[..., 3], rgba[..., 3])


def test_sharpness_is_pillows():
    from PIL import Image, ImageEnhance

    image = picture(np.uint8)
    for factor in (0.0, 0.4, 1.0, 1.9, 3.0):
        theirs = np.asarray(ImageEnhance.Sharpness(Image.fromarray(image)).enhance(factor)).astype(int)
        assert np.abs(ops.sharpness(image, factor=factor) - theirs).max() <= max(1.0, abs(1 - factor))
    assert np.array_equal(ops.sharpness(image, factor=1.0), image)
    tiny = picture(np.uint16, (2, 9, 3))
    assert np.array_equal(ops.sharpness(tiny, factor=2.0), tiny)


def test_floats_outside_the_range_are_carried():
    image = picture(np.float32) * 5 - 2
    assert ops.sharpen(image, amount=1.0).min() < image.min()
    assert ops.box_blur(image, radius=1).max() > 1.5
    with pytest.raises(opsin.errors.ParamError, match="motion_blur: length must be"):
        ops.motion_blur(image, length=0, angle=0)
