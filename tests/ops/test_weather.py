"""Weather, light and dirt: the laws they follow, what they hide, and that every picture type sees the same weather."""

import numpy as np
import pytest

import opsin
from opsin import ops

CALLS = [
    ("rain", {}),
    ("snow", {}),
    ("fog", {}),
    ("sun_flare", {}),
    ("shadow", {}),
    ("spatter", {"kind": "water"}),
    ("spatter", {"kind": "mud"}),
]


def scene(height=150, width=200):
    y, x = np.mgrid[:height, :width]
    color = np.stack(
        [0.3 + 0.4 * x / width, 0.5 - 0.3 * y / height, 0.4 + 0.2 * np.sin(x / 9) * np.cos(y / 7)], axis=-1
    )
    return (color * 255).astype(np.uint8)


def run(name, image, amount, seed=3, **words):
    return getattr(ops, name)(image, amount=amount, rng=opsin.Rng(seed), **words)


@pytest.mark.parametrize(("name", "words"), CALLS)
def test_amount_is_strength_and_zero_is_nothing(name, words):
    image = scene()
    assert np.array_equal(run(name, image, 0.0, **words), image)
    changes = [np.abs(run(name, image, a, **words) - image.astype(float)).mean() for a in (0.1, 0.4, 1.0)]
    assert 0.05 < changes[0] < changes[1] < changes[2]


@pytest.mark.parametrize(("name", "words"), CALLS)
def test_every_dtype_and_channel_count_sees_the_same_weather(name, words):
    image = scene()
    out = run(name, image, 0.6, **words).astype(float)
    wide = run(name, image.astype(np.uint16) * 257, 0.6, **words) / 257.0
    floats = run(name, (image / 255).astype(np.float32), 0.6, **words) * 255.0
    assert np.abs(wide - out).max() <= 1.0 and np.abs(floats - out).max() <= 1.0
    rgba = np.dstack([image, image[..., 0]])
    covered = run(name, rgba, 0.6, **words)
    assert np.array_equal(covered[..., :3], out.astype(np.uint8))
    assert np.array_equal(covered[..., 3], rgba[..., 3])
    for shape in ((1, 1), (2, 3, 3), (9, 4, 1), (12, 15, 5)):
        tiny = np.random.default_rng(1).random(shape).astype(np.float32)
        got = run(name, tiny, 0.8, **words)
        assert got.shape == shape and got.dtype == np.float32 and got.min() >= 0 and got.max() <= 1
    again = run(name, image, 0.6, **words)
    assert np.array_equal(again, out) and not np.array_equal(run(name, image, 0.6, seed=4, **words), out)


def test_fog_is_koschmieders_law():
    """Two pictures in the same fog differ by t times their difference; t falls towards the top and with the amount."""
    rng = np.random.default_rng(0)
    a = rng.random((160, 200, 3)).astype(np.float32) * 0.5
    b = a + np.float32(0.25) * (rng.random(a.shape) > 0.5)
    a[:12], b[:12] = 0.9, 0.9  # the same bright parts: the air is equally bright
    means = []
    for amount in (0.2, 0.6, 1.0):
        difference = run("fog", b, amount).astype(float) - run("fog", a, amount)
        changed = np.abs(b - a) > 0.1
        t = difference[changed] / (b - a)[changed]
        assert t.min() > 0 and t.max() < 1
        means.append(t.mean())
        rows = np.nonzero(changed)[0]
        assert t[rows < 50].mean() < t[rows > 110].mean()
    assert means[0] > 0.55 > means[1] > means[2] and means[2] == pytest.approx(0.1, abs=0.06)


def test_rain_streaks_run_down_the_picture():
    image = np.full((300, 300), 60, np.uint8)
    for seed in range(4):
        out = run("rain", image, 0.6, seed=seed).astype(float)
        across, along = np.abs(np.diff(out, axis=1)).mean(), np.abs(np.diff(out, axis=0)).mean()
        assert across > 1.5 * along and out.mean() > 60


def test_snow_brightens_and_flakes_are_white():
    out = run("snow", scene(), 0.5)
    assert out.mean() > scene().mean() + 10 and out.max() >= 235


def test_flare_shines_from_the_upper_half():
    image = np.full((200, 240, 3), 40, np.uint8)
    for seed in range(6):
        out = run("sun_flare", image, 0.7, seed=seed)
        row = np.unravel_index(int(out.sum(axis=2, dtype=int).argmax()), (200, 240))[0]
        assert out.min() >= 40 and out.max() == 255 and row <= 110


def test_shadow_takes_the_stated_part_of_the_light():
    image = np.full((200, 240, 3), 200, np.uint8)
    for seed in range(6):
        out = run("shadow", image, 0.5, seed=seed)
        darkest = out.min(axis=(0, 1)) / 200.0
        assert darkest[0] == pytest.approx((1 - 0.45) ** (1 / 2.2), abs=0.01)
        assert darkest[2] > darkest[0] and out.max() == 200
        assert 0.05 < (out[..., 0] < 190).mean() < 0.95


@pytest.mark.parametrize(("name", "words", "least"), [("snow", {}, 0.01), ("spatter", {"kind": "mud"}, 0.02)])
def test_what_hides_makes_objects_less_visible(name, words, least):
    image = scene()
    sample = opsin.Sample(image, boxes=[[10, 10, 190, 140]], labels=[2])
    out = run(name, sample, 0.8, **words)
    assert least < 1.0 - out.instances.visible[0] < 0.9
    assert len(out.instances) == 1 and out.instances.labels[0] == 2


@pytest.mark.parametrize("name", ["fog", "shadow"])
def test_what_only_dims_hides_nothing(name):
    sample = opsin.Sample(scene(), boxes=[[10, 10, 190, 140]])
    assert run(name, sample, 1.0).instances.visible[0] == 1.0


def test_clouds_are_even_and_smooth():
    from opsin.kernels.scatter import clouds, splat

    noise = clouds(opsin.Rng(2), "n", 300, 400, 40.0)
    assert abs(noise.mean() - 0.5) < 0.05 and 0.05 < noise.std() < 0.25
    assert np.abs(np.diff(noise, axis=1)).mean() < 0.1 * noise.std() * 2
    plane = splat(20, 30, np.array([3.2, 29.9, 50.0]), np.array([4.7, 0.1, 3.0]), np.array([1.0, 2.0, 5.0]))
    y, x = np.mgrid[:20, :30] + 0.5
    near = plane[:, :10].astype(float)
    assert near.sum() == pytest.approx(1.0, abs=1e-6)
    assert (near * x[:, :10]).sum() == pytest.approx(3.2, abs=1e-5)
    assert (near * y[:, :10]).sum() == pytest.approx(4.7, abs=1e-5)
