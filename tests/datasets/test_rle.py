"""Run lengths agree with the COCO API's own codec, and refuse what is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsin.datasets import rle


def masks(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    h, w = (int(v) for v in rng.integers(1, 60, 2))
    mask = rng.random((h, w)) < rng.random()
    return np.kron(mask, np.ones(rng.integers(1, 9, 2), bool)).astype(bool) if seed % 2 else mask


@given(st.integers(0, 10**6))
def test_mask_comes_back(seed: int) -> None:
    mask = masks(seed)
    runs = rle.encode(mask)
    assert runs.sum() == mask.size and (runs[1:] > 0).all()
    assert np.array_equal(rle.decode(runs, *mask.shape), mask)
    assert np.array_equal(rle.unpack(rle.pack(runs)), runs)
    assert rle.area(runs) == mask.sum()


@pytest.mark.parametrize("seed", range(40))
def test_agrees_with_pycocotools(seed: int) -> None:
    coco = pytest.importorskip("pycocotools.mask", reason="pycocotools is not installed")
    mask = masks(seed)
    theirs = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    ours = rle.encode(mask)
    assert rle.pack(ours) == theirs["counts"]
    assert np.array_equal(rle.unpack(theirs["counts"]), ours)
    again = coco.frPyObjects({"size": list(mask.shape), "counts": ours.tolist()}, *mask.shape)
    assert np.array_equal(coco.decode(again).astype(bool), mask)


@given(st.lists(st.integers(-(2**40), 2**40), max_size=20))
def test_any_numbers_survive_packing(values: list[int]) -> None:
    assert rle.unpack(rle.pack(values)).tolist() == values


@pytest.mark.parametrize("text", ["P", "~", "0 1", "zzzz", "p" * 20, "\u00ff"])
def test_what_is_no_packing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="packed run"):
        rle.unpack(text)


@pytest.mark.parametrize("runs", [[3, 4], [3, -1, 4], [0, 7], [2**62, 2**62]])
def test_runs_must_fill_the_canvas(runs: list[int]) -> None:
    with pytest.raises(ValueError, match="run"):
        rle.decode(runs, 2, 3)


def test_empty_mask_and_list_of_floats() -> None:
    assert rle.encode(np.zeros((0, 4), bool)).tolist() == [0]
    assert rle.from_coco([3.0, 3.0]).tolist() == [3, 3]
    for wrong in ([1.5], {"a": 1}, [10**30]):
        with pytest.raises(ValueError, match="run"):
            rle.from_coco(wrong)
