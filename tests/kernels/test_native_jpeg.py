"""The core's JPEG decoder against libjpeg-turbo (through Pillow): equal to the bit, and safe on anything."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from native_help import (
    SAMPLINGS,
    SIZES,
    decoded_or_refused,
    encode,
    levels,
    mutate,
    needs_core,
    photographs,
    pillow,
    written,
)
from PIL import Image

from opsin.errors import DecodeError, LimitError, ParamError
from opsin.io import header
from opsin.kernels import native

pytestmark = needs_core


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_equals_libjpeg_turbo_at_every_size_quality_and_restart(sampling: str) -> None:
    for k, size in enumerate(SIZES):
        for quality in (25, 75, 95, 100):
            data = written(k % 4, size, sampling, quality=quality, restart_marker_blocks=(0, 1, 3, 7)[k % 4])
            assert np.array_equal(native.decode_jpeg(data), pillow(data)), (size, quality)


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_reduced_sizes_equal_libjpegs(sampling: str) -> None:
    compared = 0
    for k, size in enumerate(SIZES):
        data = written(k % 4, size, sampling, quality=80, optimize=bool(k % 2))
        for denominator in (2, 4, 8):
            want = pillow(data, (max(1, size[0] // denominator), max(1, size[1] // denominator)))
            got = native.decode_jpeg(data, scale=1 / denominator)
            assert got.shape[:2] == (-(-size[1] // denominator), -(-size[0] // denominator))
            if got.shape == want.shape:  # Pillow may choose a larger scale for tiny pictures
                compared += 1
                assert np.array_equal(got, want), (size, denominator)
    assert compared > 10


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("restart", (0, 5))
def test_a_region_equals_the_same_part_of_the_whole(sampling: str, restart: int) -> None:
    rng = np.random.default_rng(3)
    data = written(0, (300, 200), sampling, quality=85, restart_marker_blocks=restart)
    for scale in (1, 1 / 2, 1 / 4, 1 / 8):
        whole = native.decode_jpeg(data, scale=scale)
        for _ in range(12):
            x, y = int(rng.integers(0, 299)), int(rng.integers(0, 199))
            w, h = int(rng.integers(1, 301 - x)), int(rng.integers(1, 201 - y))
            part = native.decode_jpeg(data, scale=scale, region=(x, y, w, h))
            x0, y0 = int(x * scale), int(y * scale)
            assert np.array_equal(part, whole[y0 : y0 + part.shape[0], x0 : x0 + part.shape[1]])
            assert part.shape[1] == int(np.ceil((x + w) * scale)) - x0


def test_every_instruction_set_gives_the_same_bytes() -> None:
    files = [written(k % 4, (221, 163), s, quality=q) for k, s in enumerate(SAMPLINGS) for q in (40, 92)]
    try:
        for data in files:
            got = []
            for level in levels():
                native.set_simd_level(level)
                got.append([native.decode_jpeg(data, scale=s) for s in (1, 1 / 2, 1 / 4, 1 / 8)])
            for other in got[1:]:
                assert all(np.array_equal(a, b) for a, b in zip(got[0], other, strict=True))
    finally:
        native.set_simd_level()


def test_planes_are_what_the_file_holds() -> None:
    data = written(1, (250, 170), "4:2:0", quality=90)
    planes, whole = native.decode_planes(data)
    assert whole and [p.samples.shape for p in planes] == [(170, 250), (85, 125), (85, 125)]
    image = Image.open(io.BytesIO(data))
    image.draft("YCbCr", image.size)
    assert np.array_equal(planes[0].samples, np.asarray(image)[..., 0])
    part, whole = native.decode_planes(data, region=(100, 60, 50, 40))
    assert not whole
    for p, q in zip(part, planes, strict=True):
        (x, y), (h, w) = p.origin, p.samples.shape
        assert np.array_equal(p.samples, q.samples[y : y + h, x : x + w])
    # without the coefficients that hardly show, reduced planes stay near
    for scale in (1 / 2, 1 / 4, 1 / 8):
        near, _ = native.decode_planes(data, scale=scale, fast=True)
        exact, _ = native.decode_planes(data, scale=scale)
        for p, q in zip(near, exact, strict=True):
            assert np.abs(p.samples.astype(float) - q.samples).mean() < 1.0


def test_the_header_is_read() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = written(0, (60, 40), "4:2:0", restart_marker_blocks=2, exif=exif.tobytes())
    info = native.jpeg_info(data)
    assert info == native.JpegInfo(60, 40, 3, 6, (2, 2), 2)


@pytest.mark.parametrize("sampling", ("4:2:0", "gray"))
@pytest.mark.parametrize("restart", (0, 4))
def test_truncation_is_always_found(sampling: str, restart: int) -> None:
    data = written(2, (160, 120), sampling, quality=70, restart_marker_blocks=restart)
    assert data.endswith(b"\xff\xd9")
    for end in [*range(2, 700, 13), *range(700, len(data), 211), len(data) - 2, len(data) - 1]:
        for region in (None, (0, 0, 16, 16)):
            with pytest.raises(DecodeError) as caught:
                native.decode_jpeg(data[:end], region=region)
            assert caught.value.kind == "truncated", end


def test_a_lost_marker_or_extra_data_is_corruption() -> None:
    data = written(0, (160, 120), "4:2:0", quality=70, restart_marker_blocks=4)
    at = data.index(b"\xff\xd1")
    for broken in (data[:at] + data[at + 2 :], data[: at + 1] + b"\xd3" + data[at + 2 :]):
        with pytest.raises(DecodeError) as caught:
            native.decode_jpeg(broken)
        assert caught.value.kind == "corrupt"
    plain = written(0, (160, 120), "4:2:0", quality=70)
    with pytest.raises(DecodeError) as caught:
        native.decode_jpeg(plain[:-2] + bytes(range(1, 60)) + plain[-2:])
    assert caught.value.kind == "corrupt"
    assert np.array_equal(native.decode_jpeg(plain + b"behind the end marker"), pillow(plain))


def test_other_kinds_are_left_to_the_ordinary_decoder() -> None:
    rgb = photographs()[0][:64, :64]
    cmyk = io.BytesIO()
    Image.fromarray(rgb).convert("CMYK").save(cmyk, "JPEG")
    png = io.BytesIO()
    Image.fromarray(rgb).save(png, "PNG")
    twelve = bytearray(encode(rgb))
    twelve[twelve.index(b"\xff\xc0") + 4] = 12
    for data in (cmyk.getvalue(), png.getvalue(), bytes(twelve), b"", b"\xff"):
        with pytest.raises(DecodeError) as caught:
            native.decode_jpeg(data)
        assert caught.value.kind == "unsupported"


def test_limits_and_requests() -> None:
    data = written(0, (64, 48), "4:4:4")
    with pytest.raises(LimitError, match="64 x 48 pixels"):
        native.decode_jpeg(data, max_pixels=64 * 48 - 1)
    assert native.decode_jpeg(data, max_pixels=64 * 48).shape == (48, 64, 3)
    with pytest.raises(ParamError, match=r"scale must be 1, 1/2, 1/4 or 1/8; got 0[.]3"):
        native.decode_jpeg(data, scale=0.3)
    for region in ((0, 0, 65, 48), (-1, 0, 5, 5), (0, 0, 0, 5), (60, 0, 5, 5)):
        with pytest.raises(ParamError, match="region must"):
            native.decode_jpeg(data, region=region)
    # a bomb: a header that promises much more than the file holds is refused before any memory is taken
    bomb = bytearray(data)
    at = bomb.index(b"\xff\xc0")
    bomb[at + 5 : at + 9] = struct.pack(">HH", 65535, 65535)
    with pytest.raises(LimitError):
        native.decode_jpeg(bytes(bomb))


MUTANTS = 4000


def survive(count: int, seed: int) -> tuple[int, int]:
    """Decode mutants: an array of the promised shape or a DecodeError, never anything else."""
    rng = np.random.default_rng(seed)
    seeds = [
        written(k % 4, size, sampling, quality=int(rng.integers(20, 98)), restart_marker_blocks=int(rng.integers(0, 4)))
        for k, size in enumerate(((64, 48), (33, 17), (90, 70)))
        for sampling in SAMPLINGS
    ]
    return decoded_or_refused(mutate(rng, seeds[k % len(seeds)]) for k in range(count))


def test_mutants_are_decoded_or_refused() -> None:
    sound, refused = survive(MUTANTS, 11)
    assert sound > MUTANTS // 50 and refused > MUTANTS // 4


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_million_mutants() -> None:
    for seed in range(100):
        sound, refused = survive(10_000, 1000 + seed)
        assert sound + refused == 10_000


def test_damaged_exif_turns_the_picture_as_the_decode_door_does() -> None:
    exif, file = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((32, 48, 3), np.uint8)).save(file, "jpeg", exif=exif)
    whole = file.getvalue()
    start = whole.index(b"Exif\0\0")
    length = int.from_bytes(whole[start - 2 : start], "big")
    rng, seen = np.random.default_rng(0), set()
    for _ in range(4000):
        data = bytearray(whole)
        for at in start + 6 + rng.integers(0, length - 8, rng.integers(1, 4)):
            data[at] = rng.choice([0, 1, 2, 3, 4, 6, 8, 9, 255])
        if rng.random() < 0.3:  # a second block, of which nothing counts
            data[start - 4 : start - 4] = data[start - 4 : start - 2 + length]
        orientation = header(bytes(data)).orientation
        head = native.jpeg_head(bytes(data))
        assert head is not None and head[2] == orientation
        seen.add(orientation)
    assert len(seen) > 4
