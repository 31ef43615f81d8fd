"""Several places of a scan read at a time: the samples, and the refusals, are those of reading it from start to end.

Three ways read the same file from start to end: restart markers, which leave no stretch long enough for lanes, chroma
that is wanted whole, which lanes do not keep, and rows that are wanted at full size.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from native_help import encode, in_turn, mutate, needs_core, photographs
from numpy.typing import NDArray
from PIL import Image

from opsin.errors import OpsinError
from opsin.kernels import native

pytestmark = needs_core


def picture(width: int, height: int, grain: float, seed: int = 0) -> NDArray[np.uint8]:
    """A photograph with grain below its middle: lanes of one length in bytes have many MCUs above and few below."""
    rng = np.random.default_rng(seed)
    base = np.asarray(Image.fromarray(photographs()[seed % 4]).resize((width, height)), np.float64)
    noise = rng.normal(0, grain, base.shape) * (np.arange(height) > height // 2)[:, None, None]
    return np.clip(base + noise, 0, 255).astype(np.uint8)


def planes(data: bytes, **options: Any) -> list[NDArray[np.uint8]] | str:
    """What is decoded, or the sentence that says why not."""
    try:
        return [plane.samples for plane in native.decode_planes(data, **options)[0]]
    except OpsinError as reason:
        return str(reason)


def decode(data: bytes, **options: Any) -> list[NDArray[np.uint8]]:
    """Decode so often that tables which the file brings are worth their making."""
    for _ in range(3):
        got = planes(data, **options)
    assert not isinstance(got, str), got
    return got


@pytest.mark.parametrize("sampling", ["4:4:4", "4:2:2", "4:2:0", "4:4:0", "gray"])
@pytest.mark.parametrize("optimize", [False, True])
@pytest.mark.parametrize(("size", "grain"), [((700, 520), 20.0), ((1600, 1203), 12.0), ((2050, 333), 0.0)])
def test_lanes_read_what_one_reads(sampling: str, optimize: bool, size: tuple[int, int], grain: float) -> None:
    pixels = picture(*size, grain)
    options = {"quality": 95} if sampling == "gray" else {"quality": 95, "subsampling": sampling}
    pixels = np.asarray(Image.fromarray(pixels).convert("L")) if sampling == "gray" else pixels
    whole = encode(pixels, optimize=optimize, **options)
    cut = encode(pixels, optimize=optimize, restart_marker_blocks=size[0] // 16, **options)
    assert len(whole) > 40_000
    for _ in in_turn():
        for region in (None, (size[0] // 3, size[1] // 2, 200, 100), (0, size[1] - 40, size[0], 40)):
            for scale in (1, 1 / 2, 1 / 8):
                got = decode(whole, scale=scale, region=region, fast=True)
                want = decode(cut, scale=scale, region=region, fast=True)
                for a, b in zip(got, want, strict=True):
                    np.testing.assert_array_equal(a, b)


def damaged(rng: np.random.Generator, data: bytes) -> bytes:
    """A file with a few bits of its scan flipped, or changed in any other way."""
    if rng.random() < 0.3:
        return mutate(rng, data)
    out = bytearray(data)
    for at in rng.integers(700, len(data), int(rng.integers(1, 4))):
        out[at] ^= 1 << int(rng.integers(0, 8))
    return bytes(out)


def same(a: list[NDArray[np.uint8]] | str, b: list[NDArray[np.uint8]] | str, rows: int = 0) -> bool:
    """Whether both are refused for one reason, or have the same luma from a row of the second one on."""
    if isinstance(a, str) or isinstance(b, str):
        return isinstance(a, str) and a == b
    return np.array_equal(a[0], b[0][rows:])


@pytest.mark.parametrize("optimize", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_damage_is_found_where_it_is(optimize: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    data = encode(picture(320, 256, 60.0, seed), quality=92, subsampling="4:2:0", optimize=optimize)
    assert len(data) > 30_000
    for _ in range(3):
        planes(data, scale=1 / 8, fast=True)
    decoded = 0
    for _ in range(80):
        some, y = damaged(rng, data), 16 * int(rng.integers(1, 15))
        few, every = planes(some, scale=1 / 8, fast=True), planes(some, scale=1 / 8)
        assert same(few, every)
        decoded += not isinstance(few, str)
        assert same(planes(some, region=(0, y, 320, 16)), planes(some, region=(0, 0, 320, y + 16)), y)
    assert decoded > 5
