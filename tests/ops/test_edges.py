"""Edges agree with scikit-image, SciPy and PyWavelets, and with closed forms."""

import numpy as np
import pytest

import opsin
from opsin import ops

pytest.importorskip("skimage")
pytest.importorskip("cv2")
from scipy import ndimage
from skimage import data, feature, filters

SCALES = {"uint8": 255.0, "uint16": 65535.0, "float32": 1.0}


def picture(dtype: str, name: str = "camera") -> np.ndarray:
    gray = getattr(data, name)()[100:230, 60:261]
    if gray.ndim == 3:
        gray = gray[..., 1]
    rng = np.random.default_rng(3)
    values = gray / 255.0 * 0.9 + rng.random(gray.shape) * 0.1
    return (values * SCALES[dtype]).astype(dtype)


@pytest.mark.parametrize("dtype", SCALES)
@pytest.mark.parametrize("name", ["sobel", "scharr"])
def test_gradients_equal_scikit_image(name: str, dtype: str) -> None:
    """scikit-image's filter on float64; half a level for integers, float32 rounding else."""
    for source in ("camera", "coins", "cat"):
        image = picture(dtype, source)
        want = getattr(filters, name)(image.astype(np.float64) / SCALES[dtype])
        got = getattr(ops, name)(image)
        assert got.dtype == image.dtype
        assert np.abs(got / SCALES[dtype] - want).max() <= 0.5 / SCALES[dtype] + 1e-6 if dtype != "float32" else 2e-6


def test_gradients_treat_channels_alone_and_keep_alpha() -> None:
    rgba = np.random.default_rng(0).integers(0, 256, (40, 30, 4), dtype=np.uint8)
    for name in ("sobel", "scharr", "wavelet_edges"):
        out = getattr(ops, name)(rgba)
        assert np.array_equal(out[..., 3], rgba[..., 3])
        bands = getattr(ops, name)(rgba, channels="bands")
        for k in range(4):
            assert np.array_equal(bands[..., k], getattr(ops, name)(rgba[..., k].copy()))
            if k < 3:
                assert np.array_equal(out[..., k], bands[..., k])
    seven = np.random.default_rng(0).random((20, 30, 7)).astype(np.float32)
    assert np.array_equal(ops.sobel(seven)[..., 6], ops.sobel(seven[..., 6].copy()))


@pytest.mark.parametrize("dtype", SCALES)
@pytest.mark.parametrize(("sigma", "low", "high"), [(1.0, 0.1, 0.2), (2.3, 0.02, 0.08), (0.6, 0.3, 0.3)])
def test_canny_equals_scikit_image(dtype: str, sigma: float, low: float, high: float) -> None:
    """The same mask as skimage.feature.canny on the same floats."""
    image = picture(dtype)
    unit = (image / SCALES[dtype]).astype(np.float32)
    got = ops.canny(image, sigma=sigma, low=low, high=high)
    assert got.dtype == np.bool_
    assert np.array_equal(got, feature.canny(unit, sigma, low_threshold=low, high_threshold=high))
    assert got.value == (low, high)


def test_canny_finds_the_outline_of_a_disk() -> None:
    """Closed form: every edge pixel lies within 1.5 px of the circle and every direction of it is met."""
    y, x = np.mgrid[:120, :150]
    away = np.hypot(x + 0.5 - 80, y + 0.5 - 60)
    disk = np.where(away < 40, 200, 50).astype(np.uint8)
    rows, columns = np.nonzero(ops.canny(disk, sigma=2.0))
    assert np.abs(np.hypot(columns + 0.5 - 80, rows + 0.5 - 60) - 40).max() < 1.5
    degrees = np.degrees(np.arctan2(rows + 0.5 - 60, columns + 0.5 - 80))
    assert np.histogram(degrees, 72, (-180, 180))[0].min() > 0


def test_canny_refuses_high_below_low() -> None:
    with pytest.raises(opsin.errors.ParamError, match=r"canny: high must be at least low \(0\.3\); got 0\.2"):
        ops.canny(picture("uint8"), low=0.3, high=0.2)


@pytest.mark.parametrize("sigma", [1.0, 2.7])
@pytest.mark.parametrize("dtype", SCALES)
def test_marr_hildreth_marks_sign_changes_of_the_laplacian(dtype: str, sigma: float) -> None:
    """SciPy's gaussian_laplace in float64: marked pixels touch a change of sign, every strong change is marked."""
    image = picture(dtype)
    bend = ndimage.gaussian_laplace(image / SCALES[dtype], sigma) * sigma**2
    for threshold in (0.0, 0.05):
        got = np.asarray(ops.marr_hildreth(image, sigma=sigma, threshold=threshold))
        for axis in (0, 1):
            a, b = (bend[:-1], bend[1:]) if axis == 0 else (bend[:, :-1], bend[:, 1:])
            first, second = (got[:-1], got[1:]) if axis == 0 else (got[:, :-1], got[:, 1:])
            change = (np.sign(a) * np.sign(b) < 0) & (np.abs(a - b) > max(threshold, 1e-6))
            assert (first | second)[change].all()
        grown = np.pad(bend, 1, mode="edge")
        around = np.stack([grown[:-2, 1:-1], grown[2:, 1:-1], grown[1:-1, :-2], grown[1:-1, 2:]])
        assert ((around * bend < 0).any(axis=0) | (bend == 0))[got].all()


def test_marr_hildreth_is_silent_on_flat_pictures() -> None:
    for value in (0.0, 0.3, 1.0):
        assert not ops.marr_hildreth(np.full((40, 50), value, np.float32), sigma=2.0).any()


@pytest.mark.parametrize("dtype", SCALES)
@pytest.mark.parametrize(("sigma", "ratio"), [(1.0, 1.6), (3.4, 2.5)])
def test_difference_of_gaussians_equals_scikit_image(dtype: str, sigma: float, ratio: float) -> None:
    """skimage.filters.difference_of_gaussians in float64; float32 rounding."""
    image = picture(dtype)
    want = filters.difference_of_gaussians(image / SCALES[dtype], sigma, sigma * ratio)
    got = ops.difference_of_gaussians(image, sigma=sigma, ratio=ratio)
    assert got.dtype == np.float32
    assert np.abs(np.asarray(got) - want).max() < 1e-5
    color = np.stack([image] * 3, axis=2)
    assert np.abs(np.asarray(ops.difference_of_gaussians(color, sigma=sigma, ratio=ratio))[..., 2] - want).max() < 1e-5


@pytest.mark.parametrize("wavelet", ["haar", "db2", "sym4"])
def test_wavelet_edges_at_one_level_is_the_modulus_of_the_stationary_transform(wavelet: str) -> None:
    """pywt.swt2 on a picture of even size whose ends meet (periodic there, symmetric here: the middle is compared)."""
    pywt = pytest.importorskip("pywt")
    image = picture("float32")[:128, :200]
    _, (across, along, _) = pywt.swt2(image, wavelet, 1)[0]
    modulus = np.hypot(across, along)
    got = ops.wavelet_edges(image, wavelet=wavelet, levels=1)
    step = np.zeros((64, 64), np.float32)
    step[:, 32:] = 1.0
    _, (_, step_along, _) = pywt.swt2(step, wavelet, 1)[0]
    # the step's own response is at most 1 away from where ours is, and says by how much to divide
    want = modulus / np.abs(step_along[:, 16:48]).max()
    best = min(
        np.abs(np.roll(want, (dy, dy), (0, 1))[24:-24, 24:-24] - got[24:-24, 24:-24]).max() for dy in range(-4, 5)
    )
    assert best < 1e-5


@pytest.mark.parametrize("levels", [1, 2, 3, 5])
def test_wavelet_edges_of_a_step_are_full_scale_beside_it(levels: int) -> None:
    """Closed form for the Haar wavelet: the strongest coefficient of a unit step is where the step is."""
    for combine in ("product", "mean"):
        for axis in (0, 1):
            step = np.zeros((48, 48), np.float32)
            step[:, 21:] = 1.0
            out = ops.wavelet_edges(step if axis else step.T.copy(), levels=levels, combine=combine)
            out = out if axis else out.T
            assert np.allclose(out[:, 20].max(), 1.0, atol=1e-5) and out[10, :20].max() < 1.0
            if combine == "product":
                assert np.allclose(np.delete(out, 20, axis=1), 0.0, atol=1e-6)


def test_wavelet_edges_tell_an_edge_from_noise_better_with_more_scales() -> None:
    rng = np.random.default_rng(5)
    step = np.where(np.arange(128) < 64, 0.3, 0.7) * np.ones((96, 1))
    noisy = np.clip(step + rng.normal(0, 0.1, step.shape), 0, 1).astype(np.float32)
    contrast = []
    for levels in (1, 2, 3):
        out = ops.wavelet_edges(noisy, levels=levels)
        contrast.append(out[:, 63].mean() / np.delete(out, range(56, 72), axis=1).mean())
    assert contrast[0] < contrast[1] < contrast[2]


def test_wavelet_edges_refuses_what_is_no_wavelet() -> None:
    with pytest.raises(opsin.errors.ParamError, match="Did you mean 'haar'"):
        ops.wavelet_edges(picture("uint8"), wavelet="harr")


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (6, 1), (2, 2), (3, 3), (2, 9, 3), (1, 1, 4), (5, 4, 1)])
@pytest.mark.parametrize("dtype", SCALES)
def test_tiny_and_flat_pictures(shape: tuple[int, ...], dtype: str) -> None:
    rng = np.random.default_rng(1)
    for image in ((rng.random(shape) * SCALES[dtype]).astype(dtype), np.full(shape, SCALES[dtype] / 2).astype(dtype)):
        before = image.copy()
        for name, words in (("sobel", {}), ("scharr", {}), ("wavelet_edges", {"levels": 3, "wavelet": "db4"})):
            out = getattr(ops, name)(image, **words)
            assert out.shape == image.shape and out.dtype == image.dtype and out.flags.c_contiguous
        for name, words in (("canny", {}), ("marr_hildreth", {"sigma": 1.5})):
            assert getattr(ops, name)(image, **words).shape == image.shape[:2]
        assert np.isfinite(ops.difference_of_gaussians(image, sigma=1.0)).all()
        assert np.array_equal(image, before)


def test_color_is_read_as_brightness_and_other_bands_are_refused() -> None:
    rgb = data.astronaut()[:90, :120]
    from PIL import Image

    gray = np.asarray(Image.fromarray(rgb).convert("L"))
    assert np.array_equal(ops.canny(rgb), ops.canny(gray))
    assert np.array_equal(ops.canny(np.dstack([rgb, rgb[..., :1]])), ops.canny(gray))
    for count in (2, 5):
        with pytest.raises(opsin.errors.ParamError, match="image must be gray, RGB or RGBA"):
            ops.canny(np.zeros((9, 9, count), np.uint8))


def test_halo_is_enough_for_tiles() -> None:
    """A tile with its halo gives the same numbers as the whole picture."""
    image = picture("float32")
    for name, words in (
        ("sobel", {}),
        ("scharr", {}),
        ("difference_of_gaussians", {"sigma": 1.7}),
        ("marr_hildreth", {"sigma": 1.3}),
        ("wavelet_edges", {"wavelet": "db2", "levels": 2}),
    ):
        entry = opsin.op_of(name)
        halo = entry.spec.halo(**entry.spec.fill(words))
        whole = np.asarray(getattr(ops, name)(image, **words))
        top, left, side = 45, 70, 30
        cut = image[top - halo : top + side + halo, left - halo : left + side + halo]
        tile = np.asarray(getattr(ops, name)(np.ascontiguousarray(cut), **words))
        assert np.allclose(tile[halo:-halo, halo:-halo], whole[top : top + side, left : left + side], atol=1e-6), name
