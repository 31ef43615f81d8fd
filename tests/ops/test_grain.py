"""Noise by its distribution: SciPy's Poisson, exact shares, moments; and the same bits for the same address."""

import colorsys

import numpy as np
import pytest

import opsin
from opsin import ops
from opsin.kernels.poisson import poisson_quantile

DTYPES = (np.uint8, np.uint16, np.float32)


def flat(value, dtype, shape=(200, 300)):
    if dtype == np.float32:
        return np.full(shape, value, np.float32)
    return np.full(shape, round(value * np.iinfo(dtype).max), dtype)


def unit(image):
    return image.astype(np.float64) / (1.0 if image.dtype == np.float32 else np.iinfo(image.dtype).max)


def test_poisson_quantile_is_scipys():
    stats = pytest.importorskip("scipy.stats")
    u = np.random.default_rng(0).random(20000)
    for mean in (0.0, 0.01, 0.7, 3.0, 11.9):
        exact = np.maximum(stats.poisson.ppf(np.nextafter(u, 1), mean), 0)
        assert np.array_equal(poisson_quantile(u, mean), exact)
    for mean in (12.0, 30.0, 250.0, 1e4, 1e6):
        exact = stats.poisson.ppf(u, mean)
        ours = poisson_quantile(u, mean)
        assert np.abs(ours - exact).max() <= 1 and (ours != exact).mean() < 0.005


def test_poisson_quantile_tails():
    """Nothing ends in infinity or a loop, however small or near 1 the drawn number is."""
    ends = np.array([0.0, 2.0**-53, 1 - 2.0**-53])
    for mean in (0.0, 1e-9, 5.0, 11.99, 12.0, 1e7):
        counts = poisson_quantile(ends, mean)
        assert np.isfinite(counts).all() and (counts >= 0).all() and (np.diff(counts) >= 0).all()
        assert counts[-1] <= mean + 12 * np.sqrt(mean) + 40


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("value", "photons"), [(0.5, 20.0), (0.2, 400.0), (0.05, 60.0)])
def test_shot_noise_has_poissons_moments(dtype, value, photons):
    image = flat(value, dtype)
    exact = unit(image)[0, 0]
    out = unit(ops.shot_noise(image, photons=photons, rng=opsin.Rng(3)))
    n = out.size
    mean, variance = exact, exact / photons
    assert abs(out.mean() - mean) < 5 * np.sqrt(variance / n) + (1e-3 if dtype == np.uint8 else 1e-5)
    assert out.var() == pytest.approx(variance, rel=0.03, abs=1e-5)
    skew = ((out - mean) ** 3).mean() / variance**1.5
    assert skew == pytest.approx(1 / np.sqrt(exact * photons), abs=0.06)


def test_shot_noise_counts_are_whole_photons():
    stats = pytest.importorskip("scipy.stats")
    out = ops.shot_noise(flat(0.25, np.float32), photons=16.0, rng=9).astype(np.float64) * 16
    counts = np.rint(out)
    assert np.abs(out - counts).max() < 1e-5
    seen = np.bincount(np.minimum(counts.astype(int).ravel(), 12), minlength=13)
    expected = stats.poisson.pmf(np.arange(13), 4.0)
    expected[12] = stats.poisson.sf(11, 4.0)
    assert stats.chisquare(seen, expected / expected.sum() * seen.sum()).pvalue > 1e-4


@pytest.mark.parametrize("dtype", DTYPES)
def test_salt_pepper_shares(dtype):
    image = flat(0.4, dtype, (300, 400, 4))
    out = ops.salt_pepper(image, amount=0.1, salt=0.3, rng=1)
    color = unit(out)[..., :3]
    white, black = (color == 1).all(axis=2), (color == 0).all(axis=2)
    assert white.mean() == pytest.approx(0.03, abs=0.003) and black.mean() == pytest.approx(0.07, abs=0.004)
    rest = ~(white | black)
    assert np.array_equal(out[rest], image[rest]) and np.array_equal(out[..., 3], image[..., 3])
    each = unit(ops.salt_pepper(image, amount=0.1, each_channel=True, rng=1))[..., :3]
    assert (each == 1).mean() == pytest.approx(0.05, abs=0.003)
    assert ((each == 1).all(axis=2)).mean() < 0.002
    assert np.array_equal(ops.salt_pepper(image, amount=0.0, rng=1), image)


def test_speckle_grows_with_the_signal():
    for value in (0.1, 0.4):
        out = unit(ops.speckle(flat(value, np.float32), std=0.2, rng=4))
        assert out.mean() == pytest.approx(value, abs=0.002) and out.std() == pytest.approx(0.2 * value, rel=0.02)
    assert (ops.speckle(flat(0.0, np.uint8), std=0.5, rng=4) == 0).all()


def test_iso_noise_is_zero_at_zero_and_keeps_brightness():
    data = pytest.importorskip("skimage.data")
    image = data.astronaut()[:256, :300]
    for dtype, picture in (
        (np.uint8, image),
        (np.uint16, image.astype(np.uint16) * 257),
        (np.float32, (image / 255).astype(np.float32)),
    ):
        same = ops.iso_noise(picture, intensity=0.0, color_shift=0.05, rng=1)
        assert np.abs(unit(same) - unit(picture)).max() < (1e-6 if dtype == np.float32 else 1e-9)
        noisy = ops.iso_noise(picture, intensity=0.5, color_shift=0.05, rng=1)
        assert noisy.dtype == dtype and abs(unit(noisy).mean() - unit(picture).mean()) < 0.01
        assert np.abs(unit(noisy) - unit(picture)).mean() > 0.005
    gray = ops.iso_noise(np.ascontiguousarray(image[..., 0]), intensity=0.5, color_shift=0.5, rng=1)
    assert gray.shape == image.shape[:2]


def test_iso_noise_moves_hue_and_lightness_as_stated():
    """One pixel color everywhere but two halves of different lightness; measured with the standard library's HLS."""
    image = np.empty((120, 200, 3), np.float32)
    image[:, :100], image[:, 100:] = (0.6, 0.3, 0.2), (0.3, 0.15, 0.1)
    out = ops.iso_noise(image, intensity=0.5, color_shift=0.04, rng=7)
    hls = np.array([[colorsys.rgb_to_hls(*p) for p in row] for row in out[:, :100:4].astype(float)])
    before = colorsys.rgb_to_hls(0.6, 0.3, 0.2)
    hue = (hls[..., 0] - before[0] + 0.5) % 1 - 0.5
    assert abs(hue.mean()) < 0.002 and hue.std() == pytest.approx(0.04 * 0.5, rel=0.08)
    spread = (out.max(axis=2) + out.min(axis=2)) / 2
    lightness = (image.max(axis=2) + image.min(axis=2)) / 2
    mean = 0.5 * 255 * lightness.std()
    assert abs((spread - lightness).mean()) < 0.001
    assert (spread - lightness)[:, :100].std() == pytest.approx(np.sqrt(mean) / 255 * (1 - before[1]), rel=0.05)
    assert np.abs(hls[..., 2] - before[2]).max() < 1e-4


def test_downscale_is_two_resizes():
    from PIL import Image

    data = pytest.importorskip("skimage.data")
    image = data.coffee()[:201, :301]
    small = Image.fromarray(image).resize((75, 50), Image.Resampling.BILINEAR)
    theirs = np.asarray(small.resize((301, 201), Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(ops.downscale(image, factor=0.25) - theirs).max() <= 2  # a level for each of the two
    blocks = ops.downscale(image, factor=0.1, kernel="area", back="nearest")
    assert len(np.unique(blocks.reshape(-1, 3), axis=0)) <= 30 * 20
    assert np.array_equal(ops.downscale(image, factor=1.0), image)


@pytest.mark.parametrize("dtype", DTYPES)
def test_addresses_decide(dtype):
    image = flat(0.5, dtype, (20, 30, 3))
    calls = [
        lambda r: ops.shot_noise(image, photons=50.0, rng=r),
        lambda r: ops.salt_pepper(image, amount=0.2, rng=r),
        lambda r: ops.speckle(image, std=0.3, rng=r),
    ]
    for call in calls:
        one = call(opsin.Rng(1, key="a"))
        assert np.array_equal(one, call(opsin.Rng(1, key="a"))) and not np.array_equal(one, call(opsin.Rng(1, key="b")))
        assert one.dtype == dtype
