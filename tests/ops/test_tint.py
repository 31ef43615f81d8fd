"""Color channels against closed forms in double, and the draws against their distributions."""

import math

import numpy as np
import pytest

import opsin
from opsin import ops

DTYPES = (np.uint8, np.uint16, np.float32)


def picture(dtype, channels=3, seed=0, size=(37, 41)):
    values = np.random.default_rng(seed).random((*size, channels))
    return values.astype(np.float32) if dtype == np.float32 else (values * np.iinfo(dtype).max).astype(dtype)


def top(dtype):
    return 1.0 if dtype == np.float32 else float(np.iinfo(dtype).max)


def tolerance(dtype):
    return 2e-6 if dtype == np.float32 else 0.51 if dtype == np.uint8 else 0.6


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [3, 4])
def test_matrices_in_double(dtype, channels):
    image = picture(dtype, channels)
    rgb = image[..., :3].astype(np.float64) / top(dtype)
    mixer = np.array([[0.2, 0.5, 0.9, -0.1], [1.0, -0.4, 0.1, 0.05], [0.0, 0.3, 0.3, 0.2]])
    brown = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]])
    cases = [
        (ops.color_matrix(image, matrix=mixer), rgb @ mixer[:, :3].T + mixer[:, 3]),
        (ops.color_matrix(image, matrix=mixer[:, :3]), rgb @ mixer[:, :3].T),
        (ops.sepia(image), rgb @ brown.T),
        (ops.sepia(image, amount=0.3), 0.7 * rgb + 0.3 * (rgb @ brown.T)),
        (ops.rgb_shift(image, r=0.1, g=-0.2, b=0.017), rgb + np.array([0.1, -0.2, 0.017])),
    ]
    for ours, exact in cases:
        assert ours.dtype == dtype and ours.shape == image.shape
        assert np.abs(ours[..., :3] - np.clip(exact, 0, 1) * top(dtype)).max() <= tolerance(dtype)
        if channels == 4:
            assert np.array_equal(ours[..., 3], image[..., 3])
    assert np.array_equal(ops.sepia(image, amount=0.0), image)
    assert np.array_equal(ops.color_matrix(image, matrix=np.eye(3)), image)


def test_color_matrix_refuses_other_shapes():
    with pytest.raises(opsin.errors.ParamError, match="color_matrix: matrix must be 3 x 3 or 3 x 4"):
        ops.color_matrix(picture(np.uint8), matrix=np.ones((3, 5)))
    with pytest.raises(opsin.errors.ParamError, match="color_matrix: matrix must be"):
        ops.color_matrix(picture(np.uint8), matrix=np.ones((4, 4)))
    with pytest.raises(opsin.errors.ParamError, match="sepia: image must be RGB"):
        ops.sepia(picture(np.uint8)[..., 0])


def test_channel_shuffle_is_a_permutation_and_every_order_comes():
    image = picture(np.uint16, 4)
    seen = {}
    for seed in range(240):
        out = ops.channel_shuffle(image, rng=opsin.Rng(seed))
        assert np.array_equal(out[..., 3], image[..., 3])
        order = tuple(int(c) for i in range(3) for c in range(3) if np.array_equal(out[..., i], image[..., c]))
        assert sorted(order) == [0, 1, 2]
        seen[order] = seen.get(order, 0) + 1
    assert len(seen) == 6 and min(seen.values()) > 20  # 40 expected each
    gray = image[..., 0].copy()
    assert np.array_equal(ops.channel_shuffle(gray, rng=1), gray)
    bands = {tuple(ops.channel_shuffle(image, channels="bands", rng=s)[0, 0]) for s in range(200)}
    assert len(bands) == 24


def test_channel_drop():
    image = picture(np.uint16, 4)
    out = ops.channel_drop(image, channel=1, fill=0.5)
    assert (out[..., 1] == 32768).all() and np.array_equal(out[..., [0, 2, 3]], image[..., [0, 2, 3]])
    assert (ops.channel_drop(image[..., 0].copy(), channel=0) == 0).all()
    with pytest.raises(opsin.errors.ParamError, match="channel_drop: channel must be below 3"):
        ops.channel_drop(image, channel=3)
    assert (ops.channel_drop(image, channel=3, channels="bands")[..., 3] == 0).all()


# --- color temperature -----------------------------------------------------------------------------------------------
def bell(x, mean, low, high):
    return np.exp(-0.5 * ((x - mean) * np.where(x < mean, low, high)) ** 2)


def black_body(kelvin):
    """Planck's law times the CIE 1931 observer (the analytic fit of Wyman, Sloan and Shirley, 2013), in linear sRGB."""
    nm = np.arange(360.0, 831.0)
    power = nm**-5 / (np.exp(1.4387769e7 / (nm * kelvin)) - 1.0)
    x = 0.362 * bell(nm, 442.0, 0.0624, 0.0374) + 1.056 * bell(nm, 599.8, 0.0264, 0.0323)
    x += -0.065 * bell(nm, 501.1, 0.0490, 0.0382)
    y = 0.821 * bell(nm, 568.8, 0.0213, 0.0247) + 0.286 * bell(nm, 530.9, 0.0613, 0.0322)
    z = 1.217 * bell(nm, 437.0, 0.0845, 0.0278) + 0.681 * bell(nm, 459.0, 0.0385, 0.0725)
    xyz = np.array([(power * c).sum() for c in (x, y, z)])
    matrix = np.array(
        [[3.2404542, -1.5371385, -0.4985314], [-0.969266, 1.8760108, 0.041556], [0.0556434, -0.2040259, 1.0572252]]
    )
    return matrix @ (xyz / xyz[1])


@pytest.mark.parametrize("kelvin", [2500, 3200, 4000, 5000, 8000, 12000, 20000])
def test_color_temperature_follows_planck(kelvin):
    """Gains of a mid-gray picture in linear light, within 3 % of Planck's law seen by the standard observer."""
    gray = np.full((4, 4, 3), 0.3, np.float32)
    out = ops.color_temperature(gray, kelvin=float(kelvin))[0, 0].astype(np.float64)

    def light(v):
        return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)

    gains = light(out) / light(np.full(3, 0.3, np.float32).astype(float))
    expected = black_body(kelvin) / black_body(6500.0)
    expected /= expected @ [0.2126729, 0.7151522, 0.0721750]
    assert np.abs(gains / expected - 1).max() < 0.03
    assert gains @ [0.2126729, 0.7151522, 0.0721750] == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("dtype", DTYPES)
def test_color_temperature_is_warm_below_and_cold_above(dtype):
    image = picture(dtype, 4)
    assert np.array_equal(ops.color_temperature(image, kelvin=6500.0), image)
    warm, cold = ops.color_temperature(image, kelvin=3000.0), ops.color_temperature(image, kelvin=12000.0)
    assert warm[..., 0].mean() > image[..., 0].mean() > cold[..., 0].mean()
    assert warm[..., 2].mean() < image[..., 2].mean() < cold[..., 2].mean()
    assert np.array_equal(warm[..., 3], image[..., 3])


# --- pca_jitter ------------------------------------------------------------------------------------------------------
def test_pca_jitter_spreads_along_the_axes():
    """The shift's covariance over many draws is std^2 P diag(variance^2) P', within sampling error."""
    gray = np.full((1, 1, 3), 0.5, np.float32)
    shifts = np.array([ops.pca_jitter(gray, std=0.1, rng=opsin.Rng(s))[0, 0] - 0.5 for s in range(3000)], np.float64)
    p = np.array([[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]])
    expected = 0.01 * p @ np.diag(np.array([0.2175, 0.0188, 0.0045]) ** 2) @ p.T
    assert np.abs(np.cov(shifts.T) - expected).max() < 0.08 * expected.max()
    assert np.abs(shifts.mean(axis=0)).max() < 0.002


def test_pca_jitter_of_the_picture_uses_its_own_axes():
    from opsin.ops.tint import _axes, _covariance

    data = pytest.importorskip("skimage.data")
    values = (data.astronaut()[::5, ::5] / 255).astype(np.float32)
    variances, directions = _axes(_covariance(values))
    exact, vectors = np.linalg.eigh(np.cov(values.reshape(-1, 3).T.astype(float), bias=True))
    assert np.allclose(variances, exact[::-1], rtol=1e-6)
    assert np.allclose(np.abs(np.array(directions)), np.abs(vectors[:, ::-1]), atol=1e-6)
    image = data.astronaut()[:50, :60]
    out = ops.pca_jitter(image, std=0.5, basis="image", rng=3)
    assert out.shape == image.shape and not np.array_equal(out, image)
    amounts = opsin.Rng(3).normal("amount", 0.0, 0.5, 3)
    variances, directions = _axes(_covariance((image / 255).astype(np.float32)))
    shift = np.array([math.fsum(directions[c][k] * amounts[k] * variances[k] for k in range(3)) for c in range(3)])
    assert np.abs(out - np.clip(image + shift * 255, 0, 255)).max() <= 0.51
