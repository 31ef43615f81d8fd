"""Cut, changed and oversized input: an error of ours or the right pixels; never a crash, a warning, invented pixels."""

from __future__ import annotations

import io
import os
import random
import struct
import subprocess
import sys
import time
import tracemalloc
import warnings
import zlib
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from io_seeds import chunk, picture, pil, png, seeds
from PIL import Image

from opsin.errors import DecodeError, ParamError
from opsin.io import LOCAL, SERVER, Limits, decode, header

CUTS = 60
KINDS = {"truncated", "corrupt", "unsupported", "too_large"}


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def cut_points(data: bytes, count: int) -> list[int]:
    """The ends, where markers stand, and points spread over all of the file."""
    near = [0, 1, 2, 3, 4, 8, 12, 20, *(len(data) - back for back in range(1, 17))]
    spread = [round(i * len(data) / count) for i in range(count)]
    return sorted({point for point in near + spread if 0 <= point < len(data)})


@pytest.mark.parametrize("name", sorted(seeds()))
def test_a_cut_file_is_an_error_or_the_same_picture(name: str) -> None:
    data = seeds()[name]
    whole = decode(data).image
    refused = 0
    for point in cut_points(data, CUTS):
        try:
            part = decode(data[:point]).image
        except DecodeError as error:
            assert error.kind in ("truncated", "corrupt", "unsupported"), (point, error)
            refused += 1
        else:
            assert np.array_equal(part, whole), f"{name} cut at {point} of {len(data)} gave other pixels"
    assert refused >= 10


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_a_cut_photograph_is_an_error_or_the_same_picture(format: str) -> None:
    image = picture(3, height=211, width=307)
    data = pil(image, format, "P" if format == "GIF" else None)
    whole = decode(data).image
    for point in cut_points(data, CUTS):
        try:
            part = decode(data[:point]).image
        except DecodeError as error:
            assert error.kind in ("truncated", "corrupt", "unsupported"), (point, error)
        else:
            assert np.array_equal(part, whole), f"{format} cut at {point} of {len(data)} gave other pixels"


def test_a_cut_is_called_truncated() -> None:
    for name in ("jpeg-baseline", "jpeg-progressive", "png-rgb8", "webp-lossless", "bmp-24", "pnm-p6", "npy-rgb"):
        data = seeds()[name]
        with pytest.raises(DecodeError) as caught:
            decode(data[: len(data) * 2 // 3], source="photo")
        assert caught.value.kind == "truncated", name
        assert str(caught.value).startswith("photo: ")


def mutants(data: bytes, seed: int, count: int, other: bytes) -> list[bytes]:
    """Flip bits, set, delete, insert and splice bytes; in PNG, half of the mutants get right check sums again."""
    rng = random.Random(seed)
    made = []
    for _ in range(count):
        raw = bytearray(data)
        for _ in range(rng.choice((1, 1, 1, 2, 4, 8))):
            at = rng.randrange(len(raw))
            kind = rng.randrange(6)
            if kind == 0:
                raw[at] ^= 1 << rng.randrange(8)
            elif kind == 1:
                raw[at] = rng.choice((0, 1, 127, 128, 254, 255))
            elif kind == 2 and len(raw) > 16:
                del raw[at : at + rng.randrange(1, 9)]
            elif kind == 3:
                raw[at:at] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 9)))
            elif kind == 4:
                start = rng.randrange(len(other))
                raw[at : at + 16] = other[start : start + 16]
            else:
                width = rng.choice((2, 4))
                raw[at : at + width] = rng.choice((0, 1, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)).to_bytes(
                    8, "big"
                )[-width:]
            if not raw:
                raw = bytearray(b"\x00")
        if data[:4] == b"\x89PNG" and rng.random() < 0.5:
            raw = repair(raw)
        made.append(bytes(raw))
    return made


def repair(raw: bytearray) -> bytearray:
    at = 8
    while at + 12 <= len(raw):
        (length,) = struct.unpack_from(">I", raw, at)
        if at + 12 + length > len(raw):
            break
        struct.pack_into(">I", raw, at + 8 + length, zlib.crc32(raw[at + 4 : at + 8 + length]))
        at += 12 + length
    return raw


def survive(data: bytes) -> bool:
    """Decode; True when it gives a picture. Anything but a DecodeError fails the test."""
    begin = time.perf_counter()
    try:
        made = decode(data, limits=replace(LOCAL, pixels=4_000_000, decoded_bytes=64 << 20))
    except DecodeError as error:
        assert error.kind in KINDS
        assert "\n" not in error.message and error.message[-1] in ".)", error.message
        return False
    finally:
        assert time.perf_counter() - begin < 5.0
    assert made.image.flags.c_contiguous and made.image.ndim in (2, 3) and made.image.size
    assert made.image.dtype in (np.uint8, np.uint16, np.float32)
    return True


def run_mutants(name: str, count: int, seed: int) -> None:
    names = sorted(seeds())
    other = seeds()[names[(names.index(name) + 1) % len(names)]]
    for mutant in mutants(seeds()[name], seed, count, other):
        try:
            survive(mutant)
        except BaseException:
            print(f"replay: {name} seed {seed}: {mutant.hex()}")
            raise


@pytest.mark.parametrize("name", sorted(seeds()))
def test_mutants_raise_nothing_but_decode_errors(name: str) -> None:
    run_mutants(name, 120, 20261120)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(seeds()))
def test_many_mutants_raise_nothing_but_decode_errors(name: str) -> None:
    for seed in range(10):
        run_mutants(name, 1000, seed)


def test_changed_jpeg_markers_never_reach_the_codec_with_another_size() -> None:
    """The walk and libjpeg must see the same frame: sizes are rewritten, frames added, markers padded."""
    data = seeds()["jpeg-baseline"]
    at = next(i for i in range(len(data)) if data[i : i + 2] == b"\xff\xc0")
    frame = data[at : at + 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]]
    small = frame[:5] + struct.pack(">HH", 8, 8) + frame[9:]
    tricks = [
        data[:at] + small + data[at:],
        data[:at] + b"\xff" * 5 + small + data[at:],
        data[:at] + b"\x12\x34\x56" + small + data[at:],
        data[:at] + b"\xff\xd8" + small + data[at:],
        data[:at] + b"\xff\xd9\xff\xd8" + small + data[at:],
        data[:at] + b"\xff\xe5\x00\x02" + small + data[at + len(frame) :],
        data[:at] + b"\xff\x01" + small + data[at:],
        data[:at] + b"\xff\xd0" + small + data[at:],
        data[:at] + b"\xff\x02\x00\x04ab" + data[at:],
    ]
    for trick in tricks:
        survive(trick)


# --- limits ----------------------------------------------------------------------------------------------------------
def bomb_png(side: int = 50_000) -> bytes:
    """A picture of side x side bits, all zero: one or two MB that would be 2.5 GB."""
    packer = zlib.compressobj(1)
    row = b"\x00" * (1 + side // 8)
    block = row * 500
    body = b"".join(packer.compress(block) for _ in range(side // 500)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@lru_cache(maxsize=1)
def huge_headers() -> dict[str, bytes]:
    jpeg = bytearray(seeds()["jpeg-baseline"])
    at = next(i for i in range(len(jpeg)) if jpeg[i : i + 2] == b"\xff\xc0")
    jpeg[at + 5 : at + 9] = struct.pack(">HH", 65500, 65500)
    bmp = bytearray(seeds()["bmp-24"])
    bmp[18:26] = struct.pack("<ii", 60_000, 60_000)
    gif = bytearray(seeds()["gif-palette"])
    gif[6:10] = struct.pack("<HH", 65_535, 65_535)
    webp = bytearray(seeds()["webp-animated"])
    webp[24:30] = b"\xff\xff\xff" * 2
    npy = io.BytesIO()
    np.lib.format.write_array_header_1_0(npy, {"descr": "|u1", "fortran_order": False, "shape": (60_000, 60_000, 3)})
    tiff = seeds()["tiff-none"]
    (ifd,) = struct.unpack_from("<I", tiff, 4)
    big = bytearray(tiff)
    for i in range(struct.unpack_from("<H", tiff, ifd)[0]):
        if struct.unpack_from("<H", tiff, ifd + 2 + 12 * i)[0] in (256, 257):
            struct.pack_into("<HII", big, ifd + 4 + 12 * i, 4, 1, 60_000)
    avif = seeds()["avif-444"]
    place = avif.index(b"ispe") + 8
    return {
        "PNG": bomb_png(),
        "PNG header only": png(picture(3))[:16] + struct.pack(">II", 60_000, 60_000) + png(picture(3))[24:],
        "JPEG": bytes(jpeg),
        "BMP": bytes(bmp),
        "GIF": bytes(gif),
        "WEBP": bytes(webp),
        "NPY": npy.getvalue(),
        "TIFF": bytes(big),
        "AVIF": avif[:place] + struct.pack(">II", 60_000, 60_000) + avif[place + 8 :],
        "PNM": b"P6\n60000 60000\n255\n" + bytes(100),
        "PNM bits": b"P4\n65535 65535\n" + bytes(100),
    }


BOMBS = ["AVIF", "BMP", "GIF", "JPEG", "NPY", "PNG", "PNG header only", "PNM", "PNM bits", "TIFF", "WEBP"]


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_from_its_header(name: str) -> None:
    data = huge_headers()[name]
    with pytest.raises(DecodeError):
        decode(data)  # imports and first-time costs
    tracemalloc.start()
    begin = time.perf_counter()
    with pytest.raises(DecodeError) as caught:
        decode(data)
    took = time.perf_counter() - begin
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert caught.value.kind == "too_large"
    assert took < 0.05, f"{took * 1000:.0f} ms"
    assert peak < 32 << 20


def test_sixteen_bit_rgba_counts_bytes_not_only_pixels() -> None:
    limits = replace(LOCAL, decoded_bytes=1000)
    decode(png(picture(1, height=10, width=10)), limits=limits)
    with pytest.raises(DecodeError, match="bytes once decoded") as caught:
        decode(png(picture(4, "uint16", height=12, width=12), depth=16), limits=limits)
    assert caught.value.kind == "too_large"


def test_scans_frames_and_directories_are_counted() -> None:
    progressive = seeds()["jpeg-progressive"]
    assert header(progressive).scans > 3
    with pytest.raises(DecodeError, match="more scans"):
        decode(progressive, limits=replace(LOCAL, scans=3))
    for name in ("gif-animated", "webp-animated", "tiff-pages"):
        with pytest.raises(DecodeError, match=r"more (frames|directories)") as caught:
            decode(seeds()[name], limits=SERVER)
        assert caught.value.kind == "too_large"
    repeated = many_scans(200)
    begin = time.perf_counter()
    with pytest.raises(DecodeError, match="more scans"):
        decode(repeated)
    assert time.perf_counter() - begin < 0.5


def many_scans(count: int) -> bytes:
    """The time bomb: the last refinement scan of a progressive file, again and again."""
    data = seeds()["jpeg-progressive"]
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * count + b"\xff\xd9"


def test_tiff_with_a_circle_of_directories_ends() -> None:
    data = bytearray(seeds()["tiff-none"])
    (ifd,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, ifd)
    struct.pack_into("<I", data, ifd + 2 + 12 * count, ifd)
    made = decode(bytes(data))
    assert np.array_equal(made.image, picture(3))
    assert "no_end_marker" in [note.code for note in made.facts.notes]


def test_metadata_is_left_out_when_it_is_too_long_and_the_picture_stays() -> None:
    plain = png(picture(3))
    profile = zlib.compress(b"\x00" * (64 << 20), 9)
    bomb = png(picture(3), extra=chunk(b"iCCP", b"bomb\x00\x00" + profile))
    made = decode(bomb)
    assert np.array_equal(made.image, decode(plain).image)
    assert "bad_icc" in [note.code for note in made.facts.notes]
    segment = b"ICC_PROFILE\x00\x01\xc8" + b"x" * 60_000
    jpeg = seeds()["jpeg-baseline"]
    heavy = jpeg[:2] + (b"\xff\xe2" + struct.pack(">H", len(segment) + 2) + segment) * 200 + jpeg[2:]
    made = decode(heavy)
    assert np.array_equal(made.image, decode(jpeg).image)
    assert "metadata_dropped" in [note.code for note in made.facts.notes]
    text = png(picture(3), extra=chunk(b"zTXt", b"Comment\x00\x00" + profile) * 50)
    assert np.array_equal(decode(text).image, picture(3))


def test_many_small_chunks_cost_little() -> None:
    data = png(picture(3), extra=chunk(b"tEXt", b"k\x00v") * 100_000)
    begin = time.perf_counter()
    assert np.array_equal(decode(data).image, picture(3))
    assert time.perf_counter() - begin < 2.0


def test_extreme_sizes() -> None:
    for height, width in ((1, 1), (1, 5000), (5000, 1)):
        image = picture(3, height=height, width=width)
        for format in ("PNG", "BMP", "TIFF"):
            assert np.array_equal(decode(pil(image, format)).image, image)
    for size in (b"0 5", b"5 0", b"0 0"):
        with pytest.raises(DecodeError, match="no picture"):
            decode(b"P5\n" + size + b"\n255\n")
    zero = bytearray(png(picture(3)))
    zero[16:20] = bytes(4)
    with pytest.raises(DecodeError):
        decode(bytes(zero))


def test_limits_can_be_raised_but_not_removed() -> None:
    for bad in (None, 0, -1, 2.5, True, float("inf")):
        with pytest.raises(ParamError, match="A limit can be raised, not removed"):
            Limits(pixels=bad)  # type: ignore[arg-type]
    with pytest.raises(ParamError):
        replace(LOCAL, seconds=None)
    assert Limits(seconds=0.5).seconds == 0.5
    with pytest.raises(DecodeError, match="over the limit of 10") as caught:
        decode(seeds()["bmp-24"], limits=replace(LOCAL, bytes=10))
    assert caught.value.kind == "too_large"


# --- the corpora -----------------------------------------------------------------------------------------------------
def test_every_odd_image_is_decoded_or_refused(opsin_data) -> None:
    files = [path for path in sorted((opsin_data / "odd_images").rglob("*")) if path.is_file()]
    assert len(files) > 700
    decoded = 0
    slowest = 0.0
    for path in files:
        begin = time.perf_counter()
        try:
            made = decode(path.read_bytes(), source=path.name)
        except DecodeError as error:
            assert error.kind in KINDS and error.source == path.name
        else:
            decoded += 1
            assert made.image.size and made.image.flags.c_contiguous
        slowest = max(slowest, time.perf_counter() - begin)
    assert decoded > 550
    assert slowest < 5.0


def test_hostile_files_leave_nothing_on_the_python_side_of_stderr(opsin_data, tmp_path) -> None:
    """Every crash file of the corpus in one fresh process, with warnings as errors: it ends well."""
    code = (
        "import sys, pathlib, warnings; warnings.simplefilter('error')\n"
        "from opsin.errors import DecodeError\nfrom opsin.io import decode\n"
        "for p in sorted(pathlib.Path(sys.argv[1]).rglob('crash*')):\n"
        "    if p.is_file():\n"
        "        try: decode(p.read_bytes())\n"
        "        except DecodeError: pass\n"
        "print('alive')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(opsin_data / "odd_images")],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0 and done.stdout.strip() == "alive", done.stderr[-500:]
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_many_cuts_of_many_sizes() -> None:
    for height, width in ((16, 16), (97, 131), (480, 640)):
        for format, mode in (
            ("JPEG", None),
            ("PNG", None),
            ("WEBP", None),
            ("GIF", "P"),
            ("TIFF", None),
            ("AVIF", None),
        ):
            for options in ({}, {"progressive": True} if format == "JPEG" else {}):
                data = pil(picture(3, height=height, width=width), format, mode, **options)
                whole = decode(data).image
                for point in cut_points(data, 100):
                    with suppress(DecodeError):
                        assert np.array_equal(decode(data[:point]).image, whole)


def test_pillow_image_open_is_not_used_by_the_decoder(monkeypatch) -> None:
    """Plug-in discovery would widen the allow-list: it must not happen."""

    def never(*_: object, **__: object) -> None:
        raise AssertionError("Image.open was called")

    monkeypatch.setattr(Image, "open", never)
    for data in seeds().values():
        decode(data)


# --- libtiff, which only prints what it finds ------------------------------------------------------------------------
def damaged_fax() -> bytes:
    """A Group 4 strip with a hole in the middle: libtiff decodes it to something and prints a line."""
    bits = picture(1, height=200, width=300) > 128
    data = bytearray(pil(bits, "TIFF", compression="group4"))
    for at in range(len(data) // 2, len(data) // 2 + 12):
        data[at] = 0
    return bytes(data)


def test_what_libtiff_prints_is_an_error_and_is_not_printed(capfd) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(damaged_fax())
    assert caught.value.kind == "corrupt" and "Fax4Decode" in str(caught.value)
    assert capfd.readouterr().err == ""


def test_what_others_print_meanwhile_arrives(capfd) -> None:
    from opsin.io.formats._messages import libtiff_messages

    with libtiff_messages() as found:
        os.write(
            2, b"someone else's line\nFax4Decode: Bad code word at line 1.\nTIFFx: Warning, never mind.\nno newline"
        )
        assert found == []
    assert found == ["Fax4Decode: Bad code word at line 1."]
    assert capfd.readouterr().err == "someone else's line\nno newline"
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        with suppress(DecodeError):
            decode(damaged_fax())
    assert len(os.listdir("/proc/self/fd")) == before
    assert os.fstat(2)


def test_hostile_corpus_prints_nothing(opsin_data, capfd) -> None:
    for path in sorted((opsin_data / "odd_images").rglob("*.tif*")):
        with suppress(DecodeError):
            decode(path.read_bytes())
    assert capfd.readouterr().err == ""
