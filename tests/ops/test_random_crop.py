"""Drawn crops: every place alike, and torchvision's distribution of area, proportions and place."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from opsin import Rng, Sample, Size, op_of, ops
from opsin.errors import ParamError


def rectangle(size, seed, **params):
    """Left, top, width, height of the cut, read from the warp."""
    entry = op_of("random_resized_crop")
    given = entry.spec.fill({"width": 32, "height": 32, **params, "rng": Rng(seed)})
    cut, stretched = entry.warp(Size(*size), given).stages
    assert stretched.target == (32, 32) and stretched.kernel == "pillow-bilinear"
    return -int(cut.matrix[0, 2]), -int(cut.matrix[1, 2]), cut.target.width, cut.target.height


def reference(size, rng, area=(0.08, 1.0), ratio=(3 / 4, 4 / 3)):
    """The published rule with another generator."""
    width, height = size
    for _ in range(10):
        target = width * height * rng.uniform(*area)
        aspect = math.exp(rng.uniform(math.log(ratio[0]), math.log(ratio[1])))
        w, h = round(math.sqrt(target * aspect)), round(math.sqrt(target / aspect))
        if 0 < w <= width and 0 < h <= height:
            return rng.integers(0, width - w + 1), rng.integers(0, height - h + 1), w, h
    own = width / height
    w, h = width, height
    if own < min(ratio):
        h = round(w / min(ratio))
    elif own > max(ratio):
        w = round(h * max(ratio))
    return (width - w) // 2, (height - h) // 2, w, h


@pytest.mark.parametrize("size", [(640, 480), (300, 500), (50, 50), (400, 90)])
def test_random_resized_crop_is_distributed_as_torchvisions(size):
    rng = np.random.default_rng(11)
    ours = np.array([rectangle(size, seed) for seed in range(2000)], dtype=float)
    theirs = np.array([reference(size, rng) for _ in range(2000)], dtype=float)
    for quantity in (
        lambda r: r[:, 2] * r[:, 3],
        lambda r: np.log(r[:, 2] / r[:, 3]),
        lambda r: r[:, 0] / np.maximum(1, size[0] - r[:, 2]),
        lambda r: r[:, 1] / np.maximum(1, size[1] - r[:, 3]),
    ):
        assert stats.ks_2samp(quantity(ours), quantity(theirs)).pvalue > 1e-3
    assert (ours[:, 0] + ours[:, 2] <= size[0]).all() and (ours[:, 1] + ours[:, 3] <= size[1]).all()


@pytest.mark.parametrize("size", [(1000, 20), (20, 1000), (1, 300), (5000, 1)])
def test_random_resized_crop_falls_back_to_the_middle(size):
    got = rectangle(size, 5, area=(1.0, 1.0))
    assert got == reference(size, np.random.default_rng(0), area=(1.0, 1.0))


def test_random_resized_crop_pixels():
    photo = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    for seed in range(5):
        left, top, w, h = rectangle((120, 90), seed)
        want = ops.resize(np.ascontiguousarray(photo[top : top + h, left : left + w]), width=32, height=32)
        assert np.array_equal(ops.random_resized_crop(photo, width=32, height=32, rng=Rng(seed)), want)


def test_random_crop_reaches_every_place_alike():
    image = np.arange(12, dtype=np.uint16).reshape(3, 4)
    counts = np.zeros((2, 3), int)
    for seed in range(3000):
        out = ops.random_crop(image, width=2, height=2, rng=Rng(seed))
        top, left = divmod(int(out[0, 0]), 4)
        assert np.array_equal(out, image[top : top + 2, left : left + 2])
        counts[top, left] += 1
    assert stats.chisquare(counts.ravel()).pvalue > 1e-3
    assert np.array_equal(ops.random_crop(image, width=4, height=3, rng=1), image)


def test_addresses_decide():
    image = np.random.default_rng(0).integers(0, 256, (50, 60), dtype=np.uint8)
    for name in ("random_crop", "random_resized_crop"):
        technique = getattr(ops, name)
        one = technique(image, width=20, height=20, rng=Rng(7, epoch=2, key="a"))
        assert np.array_equal(one, technique(Sample(image), width=20, height=20, rng=Rng(7, epoch=2, key="a")).image)
        assert not np.array_equal(one, technique(image, width=20, height=20, rng=Rng(7, epoch=3, key="a")))


def test_refusals():
    image = np.zeros((50, 60), np.uint8)
    with pytest.raises(ParamError, match="random_crop: width must be at most 60, as the picture; got 61"):
        ops.random_crop(image, width=61, height=5, rng=1)
    with pytest.raises(ParamError, match=r"random_resized_crop: area must be .*least, greatest"):
        ops.random_resized_crop(image, width=9, height=5, area=(0.5, 0.2), rng=1)
    with pytest.raises(ParamError, match="random_resized_crop: ratio must be"):
        ops.random_resized_crop(image, width=9, height=5, ratio=(0.0, 1.0), rng=1)
    with pytest.raises(ParamError, match=r"random_crop: rng must be .*Rng"):
        ops.random_crop(image, width=6, height=5)
