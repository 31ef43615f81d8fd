"""Color against Pillow and scikit-image; color_jitter against its own parts, one by one."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
import skimage.color
import skimage.data
from PIL import Image, ImageEnhance
from scipy import stats

from opsin import Rng, ops
from opsin.errors import ParamError


@pytest.fixture(scope="module", params=["astronaut", "cat", "all"])
def photo(request):
    if request.param == "all":  # every corner of the cube, and grays
        axis = np.linspace(0, 255, 18).round().astype(np.uint8)
        return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(18 * 9, 36, 3)
    image = skimage.data.astronaut() if request.param == "astronaut" else skimage.data.chelsea()
    return np.ascontiguousarray(image[20:170, 50:260])


@pytest.mark.parametrize("factor", [0.0, 0.5, 1.0, 1.8, 4.0])
def test_saturation(photo, factor):
    v = photo / 255.0
    gray = (v @ [0.299, 0.587, 0.114])[..., None]
    want = np.clip(gray + factor * (v - gray), 0, 1)
    assert np.abs(ops.saturation(photo, factor=factor) - want * 255).max() <= 0.5 + 1e-3
    real = ops.saturation(v.astype(np.float32), factor=factor)
    assert np.abs(real - want).max() < 4e-6
    pillow = np.asarray(ImageEnhance.Color(Image.fromarray(photo)).enhance(factor)).astype(int)
    # Pillow rounds gray to a whole level, which |1 - factor| multiplies, and cuts off the fraction
    assert np.abs(ops.saturation(photo, factor=factor) - pillow).max() <= 1 + abs(1 - factor) / 2


@pytest.mark.parametrize("shift", [-0.5, -0.13, 0.0, 0.02, 1 / 3, 0.5, 1.0])
def test_hue(photo, shift):
    hsv = skimage.color.rgb2hsv(photo / 255.0)
    hsv[..., 0] = (hsv[..., 0] + shift) % 1.0
    want = skimage.color.hsv2rgb(hsv)
    assert np.abs(ops.hue(photo, shift=shift) - want * 255).max() <= 0.5 + 1e-2
    deep = ops.hue(photo.astype(np.uint16) * np.uint16(257), shift=shift)
    assert np.abs(deep / 65535 - want).max() < 1e-4
    real = ops.hue((photo / 255).astype(np.float32), shift=shift)
    assert np.abs(real - want).max() < 5e-6 and real.min() >= 0 and real.max() <= 1


def test_hue_of_single_colors_is_colorsys():
    rng = np.random.default_rng(0)
    for rgb in rng.random((60, 3)).astype(np.float32):
        h, s, v = colorsys.rgb_to_hsv(*map(float, rgb))
        want = colorsys.hsv_to_rgb((h + 0.21) % 1.0, s, v)
        assert np.abs(ops.hue(rgb.reshape(1, 1, 3), shift=0.21).ravel() - want).max() < 2e-6


def test_gray_pictures_and_alpha_stay():
    photo = skimage.data.chelsea()[:60, :70]
    rgba = np.dstack([photo, photo[..., 0]])
    for technique, words in ((ops.saturation, {"factor": 1.7}), (ops.hue, {"shift": 0.2})):
        for gray in (photo[..., 0], photo[..., :1]):
            assert np.array_equal(technique(gray, **words), gray)
        assert np.array_equal(technique(rgba, **words)[..., 3], rgba[..., 3])
        assert np.array_equal(technique(rgba, **words)[..., :3], technique(photo, **words))
        with pytest.raises(ParamError, match="image must be gray, RGB or RGBA"):
            technique(np.dstack([photo, photo]), **words)


# --- color_jitter -------------------------------------------------------------------------------------
PARTS = {
    "brightness": ("factor", 1.0),
    "contrast": ("factor", 1.0),
    "saturation": ("factor", 1.0),
    "hue": ("shift", 0.0),
}


def drawn(seed, spreads):
    """The amounts and their order, from the address alone."""
    rng = Rng(seed)
    amounts = {}
    for name, spread in spreads.items():
        middle = PARTS[name][1]
        low, high = spread if isinstance(spread, tuple) else (middle - spread, middle + spread)
        amounts[name] = rng.uniform(name, max(0.0, low) if middle else low, high)
    names = list(PARTS)
    return [(names[i], amounts[names[i]]) for i in rng.permutation("order", 4)]


@pytest.mark.parametrize("seed", range(12))
def test_color_jitter_is_its_parts_in_the_drawn_order(seed):
    photo = skimage.data.astronaut()[:80, 100:220]
    spreads = {"brightness": 0.4, "contrast": (0.5, 1.5), "saturation": 0.8, "hue": 0.3}
    want = (photo / 255).astype(np.float32)
    for name, amount in drawn(seed, spreads):
        want = getattr(ops, name)(want, **{PARTS[name][0]: amount})
    got = ops.color_jitter((photo / 255).astype(np.float32), **spreads, rng=Rng(seed))
    assert np.abs(got - want).max() < 1e-5
    assert np.abs(ops.color_jitter(photo, **spreads, rng=Rng(seed)) - want * 255).max() <= 0.5 + 1e-2


def test_color_jitter_draws():
    white = np.full((1, 1, 3), 0.25, np.float32)
    factors = [float(ops.color_jitter(white, brightness=0.6, rng=s)[0, 0, 0]) / 0.25 for s in range(1500)]
    assert stats.kstest(factors, stats.uniform(0.4, 1.2).cdf).pvalue > 1e-3
    low = [float(ops.color_jitter(white, brightness=3.0, rng=s)[0, 0, 0]) for s in range(300)]
    assert min(low) < 0.02 and max(low) > 0.9  # the factor is never below 0
    orders = {tuple(n for n, _ in drawn(s, dict.fromkeys(PARTS, 0.1))) for s in range(400)}
    assert len(orders) == 24
    photo = skimage.data.chelsea()[:40, :50]
    assert np.array_equal(ops.color_jitter(photo, rng=3), photo)
    gray = photo[..., 0]
    assert np.array_equal(ops.color_jitter(gray, saturation=0.9, hue=0.4, rng=3), gray)


@pytest.mark.parametrize(
    ("name", "params", "sentence"),
    [
        ("hue", {"shift": 1.5}, "hue: shift must be a number from -1 to 1"),
        ("saturation", {"factor": -1.0}, "saturation: factor must be"),
        ("color_jitter", {"hue": 0.7, "rng": 1}, "color_jitter: hue must be"),
        ("color_jitter", {"contrast": (1.5, 0.5), "rng": 1}, "color_jitter: contrast must be .least, greatest"),
        ("color_jitter", {"contrast": 0.5}, "color_jitter: rng must be"),
    ],
)
def test_refusals(name, params, sentence):
    with pytest.raises(ParamError, match=sentence):
        getattr(ops, name)(np.zeros((5, 5, 3), np.uint8), **params)
