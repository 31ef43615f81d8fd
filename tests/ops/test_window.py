"""Windows of scans, against the formulas of DICOM PS3.3 C.11.2 evaluated one value at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest

from opsin import ops
from opsin.errors import ParamError


def one(x: float, c: float, w: float, curve: str) -> float:
    if curve == "sigmoid":
        return 1 / (1 + math.exp(min(700, -4 * (x - c) / w)))
    if curve == "linear_exact":
        return 0.0 if x <= c - w / 2 else 1.0 if x > c + w / 2 else (x - c) / w + 0.5
    if x <= c - 0.5 - (w - 1) / 2:
        return 0.0
    return 1.0 if x > c - 0.5 + (w - 1) / 2 else (x - (c - 0.5)) / (w - 1) + 0.5


@pytest.mark.parametrize("curve", ["linear", "linear_exact", "sigmoid"])
@pytest.mark.parametrize(("center", "width"), [(40, 400), (-600, 1500), (0.5, 1), (2048, 4096)])
def test_as_the_standard(curve, center, width):
    values = np.linspace(-1100, 3100, 211, dtype=np.float32)[None]
    want = np.array([[one(float(x), center, width, curve) for x in values[0]]])
    got = ops.window_intensity(values, center=center, width=width, curve=curve)
    assert got.dtype == np.float32 and np.allclose(got, want, atol=1e-6)
    turned = ops.window_intensity(values, center=center, width=width, curve=curve, invert=True)
    assert np.allclose(turned, 1 - want, atol=1e-6)


@pytest.mark.parametrize(("dtype", "top"), [(np.uint8, 255), (np.uint16, 65535)])
def test_integers_fill_their_scale(dtype, top):
    values = np.arange(0, 200, dtype=dtype)[None]
    got = ops.window_intensity(values, center=100, width=81)
    want = [[round(one(float(x), 100, 81, "linear") * top) for x in values[0]]]
    assert got.dtype == dtype and np.abs(got.astype(int) - want).max() <= 1 and got.min() == 0 and got.max() == top


def test_a_window_has_a_width():
    with pytest.raises(ParamError, match="width must be"):
        ops.window_intensity(np.zeros((2, 2), np.float32), center=0, width=0)
