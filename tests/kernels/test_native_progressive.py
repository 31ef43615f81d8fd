"""Progressive JPEGs in the core against libjpeg-turbo: equal to the bit, whatever the scans, and safe on anything."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from native_help import SAMPLINGS, SIZES, decoded_or_refused, levels, mutate, needs_core, pillow, written
from PIL import Image

import opsin
from opsin import Pipeline, ops, step
from opsin.errors import DecodeError, LimitError
from opsin.kernels import native
from opsin.pipeline.program import program_text

pytestmark = needs_core

SCALES = (1, 1 / 2, 1 / 4, 1 / 8)
# Scans that no encoder writes by itself, as jpegtran reads them: components: from-to, bits before, bits left.
SCRIPTS = {
    "bands alone": "0,1,2: 0-0, 0, 0; 0: 1-63, 0, 0; 1: 1-63, 0, 0; 2: 1-63, 0, 0;",
    "bit after bit": """0: 0-0, 0, 3; 1: 0-0, 0, 1; 2: 0-0, 0, 2; 0: 0-0, 3, 2; 0: 0-0, 2, 1; 1: 0-0, 1, 0;
        2: 0-0, 2, 1; 0: 0-0, 1, 0; 2: 0-0, 1, 0; 0: 1-63, 0, 4; 0: 1-63, 4, 3; 0: 1-63, 3, 2; 0: 1-63, 2, 1;
        0: 1-63, 1, 0; 2: 1-63, 0, 1; 1: 1-63, 0, 2; 1: 1-63, 2, 1; 2: 1-63, 1, 0; 1: 1-63, 1, 0;""",
    "pairs and single bands": """1,2: 0-0, 0, 1; 0: 0-0, 0, 0; 1,2: 0-0, 1, 0; 0: 1-1, 0, 0; 0: 2-2, 0, 1;
        0: 3-62, 0, 2; 0: 63-63, 0, 0; 0: 3-40, 2, 1; 0: 2-2, 1, 0; 0: 3-10, 1, 0; 0: 41-62, 2, 1; 0: 11-62, 1, 0;
        1: 1-5, 0, 0; 1: 6-63, 0, 0; 2: 1-63, 0, 0;""",
    "the last bits never come": """0,1,2: 0-0, 0, 0; 0: 1-9, 0, 0; 0: 10-63, 0, 2; 1: 1-63, 0, 0; 2: 1-9, 0, 0;
        2: 10-40, 0, 1;""",
}
GRAY_SCRIPT = "0: 0-0, 0, 1; 0: 1-5, 0, 2; 0: 6-63, 0, 3; 0: 6-63, 3, 2; 0: 1-63, 2, 1; 0: 0-0, 1, 0; 0: 1-63, 1, 0;"


def transcoded(data: bytes, *options: str) -> bytes:
    """The same coefficients, in other scans."""
    if shutil.which("jpegtran") is None:
        pytest.skip("jpegtran is not installed")
    return subprocess.run(["jpegtran", *options], input=data, capture_output=True, check=True).stdout


def scripted(data: bytes, script: str, folder: Path, *options: str) -> bytes:
    path = folder / "scans.txt"
    path.write_text(script)
    return transcoded(data, "-scans", str(path), *options)


def pieces(data: bytes) -> tuple[bytes, list[bytes], bytes]:
    """What comes before the first scan's tables, every scan with the tables before it, the end marker."""
    at = data.index(b"\xff\xc2")
    at += 2 + struct.unpack_from(">H", data, at + 2)[0]
    head, scans, start = data[:at], [], at
    while data[at : at + 2] != b"\xff\xd9":
        code = data[at + 1]
        at += 2 + struct.unpack_from(">H", data, at + 2)[0]
        if code == 0xDA:
            while data[at] != 0xFF or data[at + 1] == 0 or 0xD0 <= data[at + 1] <= 0xD7:
                at += 1
            scans.append(data[start:at])
            start = at
    return head, scans, data[at:]


def start_of_band(scan: bytes) -> int:
    at = 0
    while scan[at + 1] != 0xDA:
        at += 2 + struct.unpack_from(">H", scan, at + 2)[0]
    return scan[at + 5 + 2 * scan[at + 4]]


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_equals_libjpeg_turbo_at_every_size_quality_and_restart(sampling: str) -> None:
    for k, size in enumerate(SIZES):
        for quality in (20, 75, 93, 100):
            restart = (0, 1, 3, 7)[k % 4]
            data = written(k % 4, size, sampling, quality=quality, progressive=True, restart_marker_blocks=restart)
            assert b"\xff\xc2" in data
            assert np.array_equal(native.decode_jpeg(data), pillow(data)), (size, quality)


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_reduced_sizes_equal_libjpegs(sampling: str) -> None:
    compared = 0
    for k, size in enumerate(SIZES):
        data = written(k % 4, size, sampling, quality=80, progressive=True)
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
    rng = np.random.default_rng(5)
    data = written(1, (301, 203), sampling, quality=85, progressive=True, restart_marker_blocks=restart)
    for scale in SCALES:
        whole = native.decode_jpeg(data, scale=scale)
        for _ in range(12):
            x, y = int(rng.integers(0, 300)), int(rng.integers(0, 202))
            w, h = int(rng.integers(1, 302 - x)), int(rng.integers(1, 204 - y))
            part = native.decode_jpeg(data, scale=scale, region=(x, y, w, h))
            x0, y0 = int(x * scale), int(y * scale)
            assert np.array_equal(part, whole[y0 : y0 + part.shape[0], x0 : x0 + part.shape[1]])


def test_every_instruction_set_gives_the_same_bytes() -> None:
    files = [written(k % 4, (221, 163), s, quality=90, progressive=True) for k, s in enumerate(SAMPLINGS)]
    try:
        for data in files:
            got = []
            for level in levels():
                native.set_simd_level(level)
                got.append([native.decode_jpeg(data, scale=s) for s in SCALES])
            for other in got[1:]:
                assert all(np.array_equal(a, b) for a, b in zip(got[0], other, strict=True))
    finally:
        native.set_simd_level()


def same_planes(data: bytes, other: bytes) -> None:
    """Both files hold the same coefficients: whatever is asked of them must be equal."""
    info = native.jpeg_info(data)
    middle = (info.width // 3, info.height // 3, max(1, info.width // 4), max(1, info.height // 4))
    for scale in SCALES:
        for fast in (False, True):
            for region in (None, middle):
                a, all_of_a = native.decode_planes(data, scale=scale, fast=fast, region=region)
                b, all_of_b = native.decode_planes(other, scale=scale, fast=fast, region=region)
                assert all_of_a == all_of_b
                for p, q in zip(a, b, strict=True):
                    assert (p.origin, p.full, p.scale) == (q.origin, q.full, q.scale)
                    assert np.array_equal(p.samples, q.samples), (scale, fast, region)


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("options", ([], ["-restart", "1"], ["-restart", "7B"]), ids=("plain", "rows", "blocks"))
def test_planes_are_those_of_the_baseline_file(sampling: str, options: list[str]) -> None:
    for k, size in enumerate(((219, 145), (17, 90), (8, 8))):
        plain = written(k, size, sampling, quality=88)
        same_planes(transcoded(plain, "-progressive", *options), plain)


@pytest.mark.parametrize("decode", ("fast", "exact"))
@pytest.mark.parametrize("size", (40, 130, 300))
def test_pipelines_give_what_the_baseline_file_gives(decode: Any, size: int) -> None:
    plain = [written(k, (611, 433), sampling, quality=90) for k, sampling in enumerate(("4:2:0", "4:4:4", "4:2:2"))]
    files = [transcoded(data, "-progressive") for data in plain]
    straight = (step(ops.resize_shorter, size=size), step(ops.center_crop, width=size - 9, height=size - 9))
    turned = (step(ops.rotate, angle=11), step(ops.center_crop, width=size, height=size))
    for steps in (straight, turned):
        pipeline = Pipeline(*steps, decode=decode)
        options = {"decode": decode, "frames": pipeline.frames}
        text = program_text(pipeline.steps, pipeline.ids, pipeline.seed, training=False, options=options)
        core = native.Program(text)
        side = size - 9 if steps is straight else size
        found = []
        for group in (plain, files):
            out = np.zeros((3, side, side, 3), np.uint8)
            errors, _ = core.run(group, [(0, 0, 0)] * 3, out, threads=2)
            assert not errors
            found.append(out)
        assert np.array_equal(*found)
        assert np.array_equal(pipeline(files[0]).image, found[1][0])


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("sampling", ("4:4:4", "4:2:2", "4:2:0", "4:4:0"))
def test_scans_of_every_kind(name: str, sampling: str, tmp_path: Path) -> None:
    for k, size in enumerate(((203, 131), (9, 40))):
        plain = written(k + 1, size, sampling, quality=96 - 20 * k)
        for options in ((), ("-restart", "5B")):
            data = scripted(plain, SCRIPTS[name], tmp_path, *options)
            assert np.array_equal(native.decode_jpeg(data), pillow(data)), (name, size)
            if name != "the last bits never come":
                same_planes(data, plain)


def test_scans_of_a_gray_file(tmp_path: Path) -> None:
    plain = written(2, (150, 97), "gray", quality=95)
    data = scripted(plain, GRAY_SCRIPT, tmp_path)
    assert np.array_equal(native.decode_jpeg(data), pillow(data))
    same_planes(data, plain)


def test_scans_in_another_order() -> None:
    data = written(0, (161, 119), "4:2:0", quality=92, progressive=True)
    head, scans, end = pieces(data)
    assert len(scans) > 8 and head + b"".join(scans) + end == data
    want = native.decode_jpeg(data)
    # Coefficients before their means; refinements stay behind what they refine.
    bands = [k for k, scan in enumerate(scans) if start_of_band(scan) > 0]
    moved = [scans[k] for k in bands]
    means = [scan for k, scan in enumerate(scans) if k not in bands]
    other = head + b"".join(moved) + b"".join(means) + end
    assert other != data and np.array_equal(pillow(other), want)
    assert np.array_equal(native.decode_jpeg(other), want)


@pytest.mark.parametrize("sampling", ("4:2:0", "gray"))
@pytest.mark.parametrize("restart", (0, 4))
def test_truncation_is_always_found(sampling: str, restart: int) -> None:
    data = written(2, (160, 120), sampling, quality=70, progressive=True, restart_marker_blocks=restart)
    assert data.endswith(b"\xff\xd9")
    for end in [*range(2, len(data), 97), len(data) - 2, len(data) - 1]:
        for scale, region in ((1, None), (1, (0, 0, 16, 16)), (1 / 8, None)):
            with pytest.raises(DecodeError) as caught:
                native.decode_jpeg(data[:end], scale=scale, region=region)
            assert caught.value.kind == "truncated", end
        with pytest.raises(DecodeError):
            opsin.read(data[:end])


def test_scans_that_stop_early() -> None:
    data = written(3, (161, 119), "4:2:0", quality=92, progressive=True)
    head, scans, end = pieces(data)
    for count in range(1, len(scans)):
        early = head + b"".join(scans[:count]) + end
        # libjpeg smooths what is not exact yet: the ordinary decoder does that.
        with pytest.raises(DecodeError) as caught:
            native.decode_jpeg(early)
        assert caught.value.kind == "unsupported", count
        assert np.array_equal(opsin.read(early), pillow(early))
    bands = b"".join(scan for scan in scans if start_of_band(scan) > 0)
    # without any means libjpeg takes them as gray
    with pytest.raises(DecodeError, match="without the means"):
        native.decode_jpeg(head + bands + end)
    assert np.array_equal(opsin.read(head + bands + end), pillow(head + bands + end))


def test_what_does_not_follow_is_left_to_the_ordinary_decoder() -> None:
    data = written(0, (64, 48), "4:2:0", quality=80, progressive=True)
    head, scans, end = pieces(data)
    for scans_of_it in (scans + scans[-1:], scans + scans[-1:] * 200, [scans[0], *scans], scans[::-1]):
        with pytest.raises(DecodeError) as caught:
            native.decode_jpeg(head + b"".join(scans_of_it) + end)
        assert caught.value.kind == "unsupported"


def test_a_lost_marker_or_extra_data_is_corruption() -> None:
    data = written(0, (160, 120), "4:2:0", quality=70, progressive=True, restart_marker_blocks=4)
    at = data.index(b"\xff\xd1")
    for broken in (data[:at] + data[at + 2 :], data[: at + 1] + b"\xd3" + data[at + 2 :]):
        with pytest.raises(DecodeError) as caught:
            native.decode_jpeg(broken)
        assert caught.value.kind == "corrupt"
    plain = written(0, (160, 120), "4:2:0", quality=70, progressive=True)
    for broken in (plain[:-2] + bytes(range(1, 60)) + plain[-2:], plain[:-60] + plain[-2:]):
        with pytest.raises(DecodeError) as caught:
            native.decode_jpeg(broken)
        assert caught.value.kind == "corrupt"
        with pytest.raises(DecodeError, match="the JPEG is damaged"):
            opsin.read(broken)
    assert np.array_equal(native.decode_jpeg(plain + b"behind the end marker"), pillow(plain))


def test_a_header_that_promises_too_much_takes_no_memory() -> None:
    data = written(0, (64, 48), "4:4:4", progressive=True)
    with pytest.raises(LimitError, match="64 x 48 pixels"):
        native.decode_jpeg(data, max_pixels=64 * 48 - 1)
    bomb = bytearray(data)
    at = bomb.index(b"\xff\xc2")
    bomb[at + 5 : at + 9] = struct.pack(">HH", 65535, 4000)
    with pytest.raises(DecodeError, match="ends too early"):
        native.decode_jpeg(bytes(bomb))


def test_files_of_other_encoders(opsin_data: Path) -> None:
    seen = 0
    for path in sorted((opsin_data / "odd_images").rglob("*.jp*g")):
        data = path.read_bytes()
        try:
            if b"\xff\xc2" not in data or Image.open(io.BytesIO(data)).info.get("progressive") is None:
                continue
            got = native.decode_jpeg(data)
        except (OSError, DecodeError, LimitError):
            continue
        seen += 1
        assert np.array_equal(got, pillow(data)), path.name
    assert seen > 2


MUTANTS = 20_000


def survive(count: int, seed: int) -> tuple[int, int]:
    """Decode mutants: an array of the promised shape or a DecodeError, never anything else."""
    rng = np.random.default_rng(seed)
    seeds = [
        written(k, size, sampling, quality=35 + 20 * k, progressive=True, restart_marker_blocks=(0, 3, 0)[k])
        for k, size in enumerate(((64, 48), (33, 17), (48, 40)))
        for sampling in SAMPLINGS
    ]
    return decoded_or_refused((mutate(rng, seeds[k % len(seeds)]) for k in range(count)), planes=True)


def test_mutants_are_decoded_or_refused() -> None:
    sound, refused = survive(MUTANTS, 12)
    assert sound > MUTANTS // 50 and refused > MUTANTS // 4


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_half_a_million_mutants() -> None:
    for seed in range(50):
        sound, refused = survive(10_000, 2000 + seed)
        assert sound + refused == 10_000
