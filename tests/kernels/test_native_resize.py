"""The core's resampler against Pillow: within one level for bytes, to float precision for floats."""

from __future__ import annotations

import numpy as np
import pytest
from native_help import levels, needs_core, photographs
from PIL import Image

from opsin.errors import ParamError
from opsin.kernels import native

pytestmark = needs_core

PILLOW = {
    "pillow-bilinear": Image.Resampling.BILINEAR,
    "pillow-bicubic": Image.Resampling.BICUBIC,
    "area": Image.Resampling.BOX,
    "lanczos": Image.Resampling.LANCZOS,
}


def cases(count: int, seed: int) -> list[tuple[np.ndarray, int, int, tuple[float, float, float, float]]]:
    rng = np.random.default_rng(seed)
    chelsea, astronaut = photographs()[1], photographs()[0]
    sources = [astronaut, chelsea, astronaut[..., 0], chelsea[:7, :9], chelsea[:1, :50], chelsea[:, :3]]
    out = []
    for k in range(count):
        source = np.ascontiguousarray(sources[k % len(sources)])
        h, w = source.shape[:2]
        width, height = int(rng.integers(1, 500)), int(rng.integers(1, 500))
        box = (0.0, 0.0, float(w), float(h))
        if k % 2 and w > 4 and h > 4:
            x, y = np.sort(rng.uniform(0, w, 2)), np.sort(rng.uniform(0, h, 2))
            if np.diff(x) > 1 and np.diff(y) > 1:
                box = (float(x[0]), float(y[0]), float(x[1]), float(y[1]))
        out.append((source, width, height, box))
    return out


@pytest.mark.parametrize("kernel", PILLOW)
def test_bytes_are_within_one_level_of_pillow(kernel: str) -> None:
    for source, width, height, box in cases(36, 5):
        got = native.resize(source, width, height, kernel, box=box)
        want = np.asarray(Image.fromarray(source).resize((width, height), PILLOW[kernel], box=box))
        off = np.abs(got.astype(int) - want)
        assert off.max() <= 1, (source.shape, width, height, box)
        assert off.mean() < 0.5


def stepwise(
    values: np.ndarray, width: int, height: int, kernel: str, box: tuple[float, float, float, float]
) -> np.ndarray:
    """Pillow's float mode axis after axis; what was inside 0..1 is kept inside, in Pillow's own order of the axes."""
    h, w = values.shape
    low, high = min(0.0, float(values.min())), max(1.0, float(values.max()))
    if h - height > 0 and h - height > 2 * (w - width):
        steps = [((w, height), (0, box[1], w, box[3])), ((width, height), (box[0], 0, box[2], height))]
    else:
        steps = [((width, h), (box[0], 0, box[2], h)), ((width, height), (0, box[1], width, box[3]))]
    for size, part in steps:
        values = np.asarray(Image.fromarray(values).resize(size, PILLOW[kernel], box=part))
        if kernel in ("pillow-bicubic", "lanczos"):
            values = np.clip(values, low, high)
    return values


@pytest.mark.parametrize("kernel", PILLOW)
def test_floats_and_words_follow_pillows_float_mode(kernel: str) -> None:
    for source, width, height, box in cases(18, 6):
        unit = (source if source.ndim == 2 else source[..., 1]).astype(np.float32) / 255
        want = stepwise(unit, width, height, kernel, box)
        assert np.abs(native.resize(unit, width, height, kernel, box=box) - want).max() < 2e-5
        words = np.round(unit * 65535).astype(np.uint16)
        want = stepwise(words.astype(np.float32) / 65535, width, height, kernel, box) * 65535.0
        assert np.abs(native.resize(words, width, height, kernel, box=box) - want).max() <= 1.6


def test_channels_are_independent_and_flips_are_exact() -> None:
    source = np.random.default_rng(0).integers(0, 256, (61, 83, 7), dtype=np.uint8)
    got = native.resize(source, 40, 33)
    for c in range(7):
        assert np.array_equal(got[..., c], native.resize(np.ascontiguousarray(source[..., c]), 40, 33))
    assert np.array_equal(native.resize(source, 40, 33, flip=True), got[:, ::-1])
    assert np.array_equal(native.resize(source, 83, 61), source)
    assert np.array_equal(native.resize(source, 83, 61, "nearest", flip=True), source[:, ::-1])


def test_nearest_and_linear_follow_their_formulas() -> None:
    source = np.random.default_rng(1).integers(0, 256, (37, 53, 3), dtype=np.uint8)
    for width, height in ((20, 11), (53, 37), (140, 90), (1, 1)):
        rows = ((np.arange(height) + 0.5) * (37 / height)).astype(int)
        columns = ((np.arange(width) + 0.5) * (53 / width)).astype(int)
        assert np.array_equal(native.resize(source, width, height, "nearest"), source[rows[:, None], columns])
        y = np.clip((np.arange(height) + 0.5) * (37 / height) - 0.5, 0, 36)
        x = np.clip((np.arange(width) + 0.5) * (53 / width) - 0.5, 0, 52)
        i, j = np.minimum(y.astype(int), 35), np.minimum(x.astype(int), 51)
        fy, fx = (y - i)[:, None, None], (x - j)[:, None]
        unit = source.astype(float)
        top = unit[i[:, None], j] * (1 - fx) + unit[i[:, None], j + 1] * fx
        bottom = unit[i[:, None] + 1, j] * (1 - fx) + unit[i[:, None] + 1, j + 1] * fx
        want = top * (1 - fy) + bottom * fy
        assert np.abs(native.resize(source, width, height, "opencv-linear") - want).max() <= 0.51


def test_every_instruction_set_gives_the_same_bytes() -> None:
    try:
        for source, width, height, box in cases(10, 7):
            for kernel in (*PILLOW, "opencv-linear"):
                for picture in (source, source.astype(np.float32) / 255, source.astype(np.uint16) * 257):
                    got = []
                    for level in levels():
                        native.set_simd_level(level)
                        got.append(native.resize(picture, width, height, kernel, box=box))
                    assert all(np.array_equal(got[0], g) for g in got[1:])
    finally:
        native.set_simd_level()


def test_a_box_outside_is_refused() -> None:
    source = np.zeros((10, 20, 3), np.uint8)
    for box in ((0, 0, 21, 10), (-1, 0, 5, 5), (5, 5, 5, 9), (0, 0, float("nan"), 5)):
        with pytest.raises(ParamError, match="box must lie inside"):
            native.resize(source, 4, 4, box=box)
    with pytest.raises(ParamError):
        native.resize(source, 0, 4)
