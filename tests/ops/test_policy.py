"""Policies: what they draw against the papers' tables, what they do against Pillow, and annotations that follow."""

import importlib
from collections import Counter

import numpy as np
import pytest

import opsin
from opsin import ops

policy = importlib.import_module("opsin.ops.policy")


@pytest.fixture
def recorded(monkeypatch):
    """The techniques that a policy calls, with their words; pictures pass unchanged."""
    calls = []

    class Recorder:
        def __init__(self, name):
            self.name = name

        def call(self, target, words):
            calls.append((self.name, dict(words)))
            return target

    monkeypatch.setattr(policy, "op_of", Recorder)
    return calls


IMAGE = np.random.default_rng(0).integers(0, 256, (90, 110, 3), dtype=np.uint8)


def test_rand_augment_draws_evenly_at_its_magnitude(recorded):
    runs = 1400
    for seed in range(runs):
        ops.rand_augment(IMAGE, count=2, magnitude=12, rng=opsin.Rng(seed))
    seen = Counter()
    signs = Counter()
    m = 12 / 30
    for name, words in recorded:
        words.pop("fill", None)
        if name == "shear":
            axis = "x" if "x" in words else "y"
            assert abs(words[axis]) == pytest.approx(np.degrees(np.arctan(0.3 * m)))
            seen[name + axis] += 1
            signs[words[axis] > 0] += 1
        elif name == "translate":
            axis, side = ("x", 110) if words["x"] else ("y", 90)
            assert abs(words[axis]) * side == pytest.approx(int(150 / 331 * side * m))
            seen[name + axis] += 1
        elif name == "rotate":
            assert abs(words["angle"]) == pytest.approx(30 * m)
            seen[name] += 1
        elif name in ("brightness", "saturation", "contrast", "sharpness"):
            assert abs(words["factor"] - 1) == pytest.approx(0.9 * m)
            seen[name] += 1
        else:
            expected = {"posterize": {"bits": 8 - round(12 / 7.5)}, "solarize": {"threshold": 1 - m}}
            assert words == pytest.approx(expected.get(name, {}))
            seen[name] += 1
    assert len(seen) == 13  # the fourteenth does nothing
    expected = 2 * runs / 14
    assert max(abs(n - expected) for n in seen.values()) < 5 * np.sqrt(expected)
    assert abs(signs[True] - signs[False]) < 5 * np.sqrt(sum(signs.values()))
    recorded.clear()
    ops.rand_augment(IMAGE, count=0, rng=1)
    assert not recorded


def test_trivial_augment_draws_one_of_wide_strengths(recorded):
    strengths = []
    for seed in range(900):
        recorded.clear()
        ops.trivial_augment(IMAGE, rng=opsin.Rng(seed))
        assert len(recorded) <= 1
        if recorded and recorded[0][0] == "rotate":
            strengths.append(recorded[0][1]["angle"])
    assert len(strengths) > 35
    steps = np.abs(strengths) / 4.5
    assert np.abs(steps - np.rint(steps)).max() < 1e-9 and 27 < steps.max() <= 30 and steps.min() < 4


def test_auto_augment_follows_the_tables(recorded):
    from opsin.ops._policies import AUTO_AUGMENT

    assert {name: len(pairs) for name, pairs in AUTO_AUGMENT.items()} == {"imagenet": 25, "cifar10": 25, "svhn": 25}
    assert AUTO_AUGMENT["imagenet"][0] == (("posterize", 0.4, 8), ("rotate", 0.6, 9))
    assert AUTO_AUGMENT["cifar10"][3] == (("shear_y", 0.5, 8), ("translate_y", 0.7, 9))
    assert AUTO_AUGMENT["svhn"][22] == (("shear_x", 0.7, 9), ("translate_y", 0.8, 3))
    for name, pairs in AUTO_AUGMENT.items():
        expected = Counter()
        for pair in pairs:
            for technique, probability, _ in pair:
                expected[technique.partition("_")[0].replace("color", "saturation")] += probability / 25
        recorded.clear()
        for seed in range(1500):
            ops.auto_augment(IMAGE, policy=name, rng=opsin.Rng(seed))
        seen = Counter(n for n, _ in recorded)
        for technique, rate in expected.items():
            assert seen[technique] == pytest.approx(1500 * rate, abs=5 * np.sqrt(1500 * rate) + 1)
        assert all(n in expected for n in seen)


def test_techniques_of_policies_are_pillows():
    """Photometric steps against ImageEnhance and ImageOps, 1 level (they round or truncate in between)."""
    from PIL import Image, ImageEnhance, ImageOps

    data = pytest.importorskip("skimage.data")
    image = np.ascontiguousarray(data.coffee()[::4, ::4])
    pillow = Image.fromarray(image)
    cases = [
        ("brightness", 0.4, ImageEnhance.Brightness(pillow).enhance(1.4)),
        ("color", -0.7, ImageEnhance.Color(pillow).enhance(0.3)),
        ("contrast", 0.5, ImageEnhance.Contrast(pillow).enhance(1.5)),
        ("sharpness", -0.6, ImageEnhance.Sharpness(pillow).enhance(0.4)),
        ("posterize", 4.0, ImageOps.posterize(pillow, 4)),
        ("solarize", 128 / 255, ImageOps.solarize(pillow, 128)),
        ("autocontrast", 0.0, ImageOps.autocontrast(pillow)),
        ("equalize", 0.0, ImageOps.equalize(pillow)),
        ("invert", 0.0, ImageOps.invert(pillow)),
    ]
    for name, amount, theirs in cases:
        ours = policy._apply(image, name, amount, 0.0).astype(int)
        assert np.abs(ours - np.asarray(theirs)).max() <= 1, name
    right = policy._apply(image, "translate_x", 20.0, 0.0)
    assert np.array_equal(right[:, 20:], image[:, :-20]) and (right[:, :20] == 0).all()


@pytest.mark.parametrize("name", ["rand_augment", "trivial_augment", "auto_augment"])
def test_annotations_follow(name):
    """Dots are found where key points went; tone may change a dot's level but not its place."""
    h, w = 120, 150
    points = np.array([[50.5, 40.5], [90.5, 70.5], [70.5, 60.5]])
    image = np.full((h, w), 90, np.uint8)
    for x, y in points.astype(int):
        image[y - 2 : y + 3, x - 2 : x + 3] = 200
    sample = opsin.Sample(np.repeat(image[..., None], 3, axis=2), keypoints=points[None], boxes=[[40, 30, 100, 80]])
    moved = 0
    for seed in range(40):
        out = getattr(ops, name)(sample, rng=opsin.Rng(seed))
        assert np.array_equal(out.image, getattr(ops, name)(sample.image, rng=opsin.Rng(seed)))
        if out.warp.stages:
            moved += 1
            for x, y in out.instances.keypoints[0, :, :2] if len(out.instances) else ():
                if 3 < x < w - 3 and 3 < y < h - 3:
                    dot = int(out.image[int(y), int(x), 0])
                    around = out.image[max(0, int(y) - 8) : int(y) + 9, max(0, int(x) - 8) : int(x) + 9, 0]
                    assert abs(dot - np.median(around)) > 15 or np.ptp(around.astype(int)) < 16
    assert moved >= 3


def test_dtypes_and_bands():
    for name in ("rand_augment", "trivial_augment", "auto_augment", "aug_mix"):
        for shape in ((40, 50), (40, 50, 1), (40, 50, 3), (40, 50, 4), (1, 1), (5, 3, 3)):
            for dtype in (np.uint8, np.uint16, np.float32):
                image = np.random.default_rng(1).random(shape)
                image = image.astype(np.float32) if dtype == np.float32 else (image * np.iinfo(dtype).max).astype(dtype)
                for seed in range(4):
                    out = getattr(ops, name)(image, rng=opsin.Rng(seed))
                    assert out.shape == shape and out.dtype == dtype
        with pytest.raises(opsin.errors.ParamError, match=f"{name}: image must be within"):
            getattr(ops, name)(np.full((4, 4), 2.0, np.float32), rng=1)


def test_aug_mix_weights_sum_to_one(monkeypatch):
    monkeypatch.setattr(policy, "_apply", lambda target, *_: target)
    for seed in range(20):
        out = ops.aug_mix(IMAGE, severity=5, width=4, alpha=0.7, rng=opsin.Rng(seed))
        assert np.abs(out.astype(int) - IMAGE).max() == 0


def test_aug_mix_blends_chains_and_guards_objects():
    changed = [np.abs(ops.aug_mix(IMAGE, severity=8, rng=opsin.Rng(s)).astype(int) - IMAGE).mean() for s in range(12)]
    assert np.mean(changed) > 5 and max(changed) < 90
    sample = opsin.Sample(IMAGE, boxes=[[5, 5, 50, 50]], label=3)
    with pytest.raises(opsin.errors.ParamError, match="aug_mix: geometry must be False"):
        ops.aug_mix(sample, rng=1)
    out = ops.aug_mix(sample, geometry=False, rng=1)
    assert np.array_equal(out.instances.boxes, sample.instances.boxes) and out.label == 3 and not out.warp.stages
    assert isinstance(ops.aug_mix(opsin.Sample(IMAGE, label=3), rng=1), opsin.Sample)
    with pytest.raises(opsin.errors.ParamError, match="aug_mix: depth must be"):
        ops.aug_mix(IMAGE, depth=0, rng=1)


@pytest.mark.parametrize(("a", "b"), [(0.2, 0.2), (1.0, 1.0), (0.5, 3.0), (8.0, 2.0)])
def test_beta_and_dirichlet_draws(a, b):
    stats = pytest.importorskip("scipy.stats")
    from opsin.kernels.gamma import beta_draw, dirichlet_draw, gamma_draw

    drawn = [beta_draw(opsin.Rng(s), "w", a, b) for s in range(1200)]
    assert stats.kstest(drawn, stats.beta(a, b).cdf).pvalue > 1e-4
    assert stats.kstest([gamma_draw(opsin.Rng(s), "g", a) for s in range(1200)], stats.gamma(a).cdf).pvalue > 1e-4
    weights = np.array([dirichlet_draw(opsin.Rng(s), "d", a, 3) for s in range(300)])
    assert np.allclose(weights.sum(axis=1), 1) and np.abs(weights.mean(axis=0) - 1 / 3).max() < 0.09


def test_policies_in_pipelines():
    from opsin import Pipeline, augment, step

    pipeline = Pipeline(
        step(ops.resize, width=64, height=64),
        augment(step(ops.rand_augment, count=3), step(ops.trivial_augment)),
        seed=1,
    )
    sample = opsin.Sample(IMAGE, boxes=[[10, 10, 60, 60]])
    out = pipeline(sample, mode="train", key=1, epoch=2)
    assert out.image.shape == (64, 64, 3) and out.image.dtype == np.uint8
    assert np.array_equal(out.image, pipeline(sample, mode="train", key=1, epoch=2).image)
    again = Pipeline.from_yaml(pipeline.to_yaml())
    assert np.array_equal(out.image, again(sample, mode="train", key=1, epoch=2).image)
