"""Holes: shares, places and shapes by their distribution; what is behind them counts as less visible."""

import math

import numpy as np
import pytest

import opsin
from opsin import ops

DTYPES = (np.uint8, np.uint16, np.float32)


def white(dtype, shape):
    return np.full(shape, 1.0 if dtype == np.float32 else np.iinfo(dtype).max, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [None, 1, 3, 4])
def test_holes_are_filled_and_nothing_else(dtype, channels):
    shape = (60, 80) if channels is None else (60, 80, channels)
    image = white(dtype, shape)
    for out in (
        ops.grid_dropout(image, ratio=0.5, cell=10, rng=1),
        ops.pixel_dropout(image, amount=0.3, rng=1),
        ops.random_erase(image, area=(0.1, 0.2), ratio=(0.5, 2.0), rng=1),
        ops.random_erase(image, area=(0.1, 0.2), ratio=(0.5, 2.0), fill="noise", rng=1),
        ops.pixel_dropout(image, amount=0.3, each_channel=True, rng=1),
    ):
        assert out.shape == shape and out.dtype == dtype and out.flags.c_contiguous
        assert 0.05 < (out != image).mean() < 0.5
        if channels == 4:
            assert (out[..., 3] == image[..., 3]).all()
    assert (white(dtype, shape) == image).all()


def test_fill_by_channel_and_opaque_alpha():
    image = np.zeros((40, 40, 4), np.uint8)
    out = ops.grid_dropout(image, ratio=0.5, cell=8, fill=(1.0, 0.5, 0.0), rng=2)
    hole = out[..., 0] == 255
    assert hole.mean() == pytest.approx(0.25, abs=0.1) and (out[hole] == [255, 128, 0, 255]).all()


def test_grid_dropout_covers_ratio_squared_and_every_origin_comes():
    image = white(np.uint8, (120, 120))
    origins = set()
    for seed in range(120):
        out = ops.grid_dropout(image, ratio=0.4, cell=5, rng=opsin.Rng(seed))
        assert (out == 0).mean() == pytest.approx(0.16, abs=0.001)
        origins.add((int(np.argmax((out == 0).any(axis=0))), int(np.argmax((out == 0).any(axis=1)))))
    assert len(origins) >= 9


def test_pixel_dropout_share():
    out = ops.pixel_dropout(white(np.uint8, (400, 500)), amount=0.07, rng=3)
    assert (out == 0).mean() == pytest.approx(0.07, abs=5 * math.sqrt(0.07 * 0.93 / 200000))


def test_random_erase_has_torchvisions_distribution():
    """Area even in its range, log of the ratio even, places anywhere: means over 600 draws on a large canvas."""
    image = white(np.uint8, (200, 200))
    areas, logs, tops = [], [], []
    for seed in range(600):
        gone = ops.random_erase(image, area=(0.02, 0.2), ratio=(0.5, 2.0), rng=opsin.Rng(seed)) == 0
        rows, columns = np.flatnonzero(gone.any(axis=1)), np.flatnonzero(gone.any(axis=0))
        assert gone.sum() == len(rows) * len(columns)
        areas.append(gone.mean())
        logs.append(math.log(len(rows) / len(columns)))
        tops.append(rows[0] / (200 - len(rows)))
    assert np.mean(areas) == pytest.approx(0.11, abs=0.008) and min(areas) > 0.018 and max(areas) < 0.203
    assert np.std(areas) == pytest.approx(0.18 / math.sqrt(12), rel=0.08)
    assert abs(np.mean(logs)) < 0.06 and np.std(logs) == pytest.approx(2 * math.log(2) / math.sqrt(12), rel=0.08)
    assert np.mean(tops) == pytest.approx(0.5, abs=0.05)


def test_random_erase_that_does_not_fit_changes_nothing():
    image = white(np.uint8, (10, 400))
    out = ops.random_erase(image, area=(0.9, 1.0), ratio=(1.0, 1.0), rng=1)
    assert np.array_equal(out, image)
    with pytest.raises(opsin.errors.ParamError, match="random_erase: area must be"):
        ops.random_erase(image, area=(0.5, 0.1), ratio=(1.0, 1.0), rng=1)


def test_noise_is_even():
    image = white(np.float32, (300, 300))
    out = ops.random_erase(image, area=(0.3, 0.3), ratio=(1.0, 1.0), fill="noise", rng=8)
    values = out[out != 1.0]
    assert len(values) > 20000
    assert values.mean() == pytest.approx(0.5, abs=0.01) and values.std() == pytest.approx(1 / math.sqrt(12), abs=0.01)


def test_objects_behind_holes_are_less_visible():
    sample = opsin.Sample(white(np.uint8, (100, 100)), boxes=[[10, 10, 90, 90]], labels=[1])
    out = ops.grid_dropout(sample, ratio=0.5, cell=20, rng=4)
    assert out.instances.visible[0] == pytest.approx(0.75, abs=0.01)
    out = ops.pixel_dropout(sample, amount=0.2, rng=4)
    gone = (out.image == 0)[10:90, 10:90].mean()
    assert out.instances.visible[0] == pytest.approx(1 - gone, abs=1e-9)
