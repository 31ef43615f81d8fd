"""Holes: where they are, what they hide, and that objects behind them know it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from opsin import Rng, Rules, Sample, ops
from opsin.errors import ParamError


@pytest.mark.parametrize(("dtype", "value"), [(np.uint8, 64), (np.uint16, 16384), (np.float32, 0.25)])
@pytest.mark.parametrize("shape", [(60, 80), (60, 80, 1), (60, 80, 3), (60, 80, 6)])
def test_cutout_covers_rectangles(dtype, value, shape):
    full = np.full(shape, 200).astype(dtype) if dtype is not np.float32 else np.full(shape, 0.8, np.float32)
    before = full.copy()
    out = ops.cutout(full, fraction=0.3, fill=0.25, rng=Rng(3))
    assert np.array_equal(full, before) and out.dtype == dtype
    hole = (out == np.array(value, dtype)).reshape(60, 80, -1).all(axis=2)
    rows, columns = np.flatnonzero(hole.any(axis=1)), np.flatnonzero(hole.any(axis=0))
    assert hole[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all() and hole.sum() == len(rows) * len(columns)
    assert len(rows) <= 18 and len(columns) <= 24
    assert np.array_equal(out[~hole], full[~hole])


def test_cutout_middles_are_anywhere():
    white = np.ones((40, 50), np.float32)
    middles = []
    for seed in range(600):
        hole = ops.cutout(white, fraction=1e-6, rng=Rng(seed)) == 0
        assert hole.sum() == 1  # at least one pixel
        middles.append(np.argwhere(hole)[0])
    y, x = np.array(middles).T
    assert (
        stats.kstest((x + 0.5) / 50, "uniform").pvalue > 1e-3 and stats.kstest((y + 0.5) / 40, "uniform").pvalue > 1e-3
    )
    inside = [int((ops.cutout(white, fraction=0.2, rng=Rng(s)) == 0).sum()) for s in range(200)]
    assert max(inside) == 8 * 10 and min(inside) < 80  # whole in the middle, cut off at the edge
    many = (ops.cutout(white, holes=8, fraction=0.1, rng=Rng(1)) == 0).mean()
    assert 0.03 < many <= 8 * 0.01


def test_cutout_hides_objects():
    image = np.ones((100, 100), np.float32)
    boxes = [[x, y, x + 20, y + 20] for x in (0, 40, 80) for y in (0, 40, 80)]
    for seed in range(20):
        out = ops.cutout(Sample(image, boxes=boxes, rules=Rules(min_visible=0.0)), fraction=0.35, rng=Rng(seed))
        hole = out.image == 0
        for instance in out.instances:
            x1, y1, x2, y2 = (int(v) for v in boxes[instance.row])
            assert abs(instance.visible - (1 - hole[y1:y2, x1:x2].mean())) < 0.02
        gone = {d.row for d in out.dropped}
        for row, (x1, y1, x2, y2) in enumerate(boxes):
            assert (row in gone) == bool(hole[y1:y2, x1:x2].all())
        assert all(d.reason == "occluded" for d in out.dropped)


def test_cutout_fill_and_alpha():
    rgba = np.full((30, 30, 4), 100, np.uint8)
    out = ops.cutout(rgba, fraction=0.5, fill=(1.0, 0.0, 0.5), rng=2)
    hole = out[..., 0] == 255
    assert hole.any() and (out[hole] == [255, 0, 128, 255]).all() and (out[~hole] == 100).all()
    glass = ops.cutout(rgba, fraction=0.5, fill=(1.0, 0.0, 0.5, 0.2), rng=2)
    assert (glass[hole] == [255, 0, 128, 51]).all()
    with pytest.raises(ParamError, match="fill must be a number or 4 numbers"):
        ops.cutout(rgba, fill=(0.5, 0.5), rng=2)
    with pytest.raises(ParamError, match="cutout: fraction must be a number above 0 and at most 1"):
        ops.cutout(rgba, fraction=0.0, rng=2)
    with pytest.raises(ParamError, match="cutout: holes must be a whole number from 1"):
        ops.cutout(rgba, holes=0, rng=2)
