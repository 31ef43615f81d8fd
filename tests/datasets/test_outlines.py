"""Traced outlines paint their mask again, exactly; joined ones too."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from opsin.carry import rasterize
from opsin.datasets.outlines import join, trace
from opsin.datasets.rules import crosses_itself
from opsin.geometry import Size


def area(p: np.ndarray) -> float:
    q = np.roll(p, -1, axis=0)
    return float((p[:, 0] * q[:, 1] - q[:, 0] * p[:, 1]).sum() / 2)


@given(st.integers(0, 10**6))
def test_mask_is_painted_again(seed: int) -> None:
    rng = np.random.default_rng(seed)
    h, w = (int(v) for v in rng.integers(1, 40, 2))
    mask = rng.random((h, w)) < rng.random()
    mask[rng.integers(h), rng.integers(w)] = True
    outlines = trace(mask)
    assert sum(area(p) for p in outlines) == mask.sum()
    assert np.array_equal(rasterize([join(outlines)], Size(w, h)), mask)
    for p in outlines:
        turns = np.abs(np.diff(np.concatenate([p, p[:1]]), axis=0))
        assert ((turns > 0).sum(axis=1) == 1).all(), "every side runs along pixels"
        assert (turns[:, 0] > 0).tolist() != (np.roll(turns[:, 0], 1) > 0).tolist() or len(p) == 0


def test_hole_and_two_parts_keep_their_places() -> None:
    mask = np.zeros((12, 16), bool)
    mask[1:8, 1:8] = True
    mask[3:5, 3:6] = False
    mask[9:11, 10:15] = True
    outlines = trace(mask)
    assert len(outlines) == 3
    assert sorted(area(p) for p in outlines) == [-6.0, 10.0, 49.0]


def test_crossing() -> None:
    assert not crosses_itself([0, 0, 10, 0, 10, 10, 0, 10])
    assert crosses_itself([0, 0, 10, 10, 10, 0, 0, 10])
    assert not crosses_itself([0, 0, 5, 0, 5, 0, 10, 10])  # a repeated point is no crossing
    star = [(np.cos(a) * 10, np.sin(a) * 10) for a in np.arange(5) * 4 * np.pi / 5]
    assert crosses_itself(np.array(star).ravel())
    circle = [(np.cos(a) * 10, np.sin(a) * 10) for a in np.linspace(0, 6.28, 3000, endpoint=False)]
    assert not crosses_itself(np.array(circle).ravel())
