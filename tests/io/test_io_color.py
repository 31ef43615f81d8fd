"""Profiles to sRGB: against LittleCMS for 8 bits, against closed forms for 16 bits, ink and Lab."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from io_seeds import chunk, picture, pil, png, tiff
from PIL import Image, ImageCms

from opsin.io import decode
from opsin.io.color import to_srgb
from opsin.io.icc_matrix import encode_srgb, matrix_to_srgb, xyz_d50_to_linear

# Colorants under D50 (columns R, G, B), as published in the profiles of Adobe RGB (1998) and Display P3.
ADOBE = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])
P3 = np.array([[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]])


def s15(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """Write a small ICC v2 display profile."""
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\x00" + bytes(78),
        b"cprt": b"text" + bytes(5),
        **tags,
    }
    tags[b"wtpt"] = b"XYZ " + bytes(4) + s15(0.9642) + s15(1.0) + s15(0.8249)
    at = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        table += struct.pack(">4sII", name, at + len(body), len(data))
        body += data
    head = struct.pack(">I4sI4s4s4s", at + len(body), b"lcms", 0x02400000, b"mntr", space, b"XYZ ") + bytes(12)
    head += b"acsp" + bytes(28) + s15(0.9642) + s15(1.0) + s15(0.8249)
    return head.ljust(128, b"\x00") + table + body


def gamma_curve(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))


def srgb_para() -> bytes:
    numbers = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    return b"para" + bytes(4) + struct.pack(">HH", 3, 0) + b"".join(s15(n) for n in numbers)


def rgb_profile(colorants: np.ndarray, curve: bytes) -> bytes:
    tags = {}
    for i, name in enumerate((b"r", b"g", b"b")):
        tags[name + b"XYZ"] = b"XYZ " + bytes(4) + b"".join(s15(v) for v in colorants[:, i])
        tags[name + b"TRC"] = curve
    return profile(b"RGB ", tags)


WIDE = {"Adobe": rgb_profile(ADOBE, gamma_curve(563 / 256)), "P3": rgb_profile(P3, srgb_para())}


def expected16(image: np.ndarray, name: str) -> np.ndarray:
    """The closed form, in double precision."""
    encoded = image.astype(float) / 65535
    if name == "Adobe":
        linear, colorants = encoded ** (563 / 256), ADOBE
    else:
        linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
        colorants = P3
    return encode_srgb(xyz_d50_to_linear(linear @ colorants.T)) * 65535


def lcms(image: np.ndarray, icc: bytes, mode: str) -> np.ndarray:
    source = Image.fromarray(image, mode) if mode == "CMYK" else Image.fromarray(image)
    made = ImageCms.profileToProfile(source, io.BytesIO(icc), ImageCms.createProfile("sRGB"), outputMode="RGB")
    return np.asarray(made)


@pytest.mark.parametrize("name", sorted(WIDE))
@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
def test_eight_bits_as_little_cms_does(name: str, format: str) -> None:
    image = picture(3)
    data = pil(image, format, icc_profile=WIDE[name], **({"lossless": True} if format == "WEBP" else {}))
    made = decode(data)
    assert made.facts.icc == "converted"
    assert np.array_equal(made.image, lcms(image, WIDE[name], "RGB"))
    assert np.abs(made.image.astype(float) - expected16(image.astype(np.uint16) * 257, name) / 257).max() < 1.6
    labels = decode(data, labels=True)
    assert np.array_equal(labels.image, image)


def test_jpeg_profile_in_parts() -> None:
    padded = WIDE["Adobe"] + bytes(100_000)
    data = pil(picture(3), "JPEG", quality=95, icc_profile=padded)
    made = decode(data)
    assert made.facts.icc == "converted"
    assert np.array_equal(made.image, lcms(np.asarray(Image.open(io.BytesIO(data))), padded, "RGB"))
    first = data.index(b"ICC_PROFILE")
    lost = data[: first + 12] + b"\x07" + data[first + 13 :]
    kept = decode(lost)
    assert kept.facts.icc == "none" and "bad_icc" in [note.code for note in kept.facts.notes]


@pytest.mark.parametrize("name", sorted(WIDE))
@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_sixteen_bits_keep_their_bits(name: str, format: str) -> None:
    image = picture(3, "uint16", height=80, width=70)
    if format == "PNG":
        data = png(image, depth=16, extra=chunk(b"iCCP", b"x\x00\x00" + zlib.compress(WIDE[name])))
    else:
        data = tiff(image, photometric="rgb", iccprofile=WIDE[name])
    made = decode(data)
    assert made.facts.icc == "converted" and made.image.dtype == np.uint16
    # the profile holds its colorants in 16 fractional bits, which the slope of sRGB in the shadows (12.92) makes larger
    error = np.abs(made.image.astype(float) - expected16(image, name))
    assert error.max() <= 20 and np.median(error) < 1


def test_alpha_is_left_alone() -> None:
    for depth, dtype in ((8, "uint8"), (16, "uint16")):
        image = picture(4, dtype)
        extra = chunk(b"iCCP", b"x\x00\x00" + zlib.compress(WIDE["P3"]))
        made = decode(png(image, depth=depth, extra=extra)).image
        plain = decode(png(image[..., :3], depth=depth, extra=extra)).image
        assert np.array_equal(made[..., 3], image[..., 3])
        assert np.array_equal(made[..., :3], plain)


def test_srgb_is_recognized_by_what_it_does() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = picture(3)
    made = decode(pil(image, "PNG", icc_profile=srgb))
    assert made.facts.icc == "srgb" and np.array_equal(made.image, image)
    liar = WIDE["P3"].replace(b"test\x00", b"sRGB\x00")
    assert decode(pil(image, "PNG", icc_profile=liar)).facts.icc == "converted"


def test_gray_profiles() -> None:
    icc = profile(b"GRAY", {b"kTRC": gamma_curve(1.0)})
    ramp = np.tile(np.arange(256, dtype=np.uint8), (4, 1))
    made = decode(pil(ramp, "PNG", icc_profile=icc))
    linear = np.arange(256) / 255
    assert made.image.ndim == 2 and made.facts.icc == "converted"
    assert np.abs(made.image[0] - encode_srgb(linear) * 255).max() < 1.5
    wide = np.tile(np.arange(0, 65536, 257, dtype=np.uint16), (4, 1))
    exact = decode(png(wide, depth=16, extra=chunk(b"iCCP", b"x\x00\x00" + zlib.compress(icc))))
    assert np.abs(exact.image[0] - encode_srgb(linear) * 65535).max() <= 1
    wrong = decode(pil(ramp, "PNG", icc_profile=WIDE["P3"]))
    assert wrong.facts.icc == "ignored" and np.array_equal(wrong.image, ramp)
    assert "describes RGB, the picture is GRAY" in wrong.facts.notes[0].message


@pytest.mark.parametrize("icc", [b"", b"garbage", WIDE["P3"][:200], bytes(4000), WIDE["P3"][:128] + b"\xff" * 300])
def test_a_bad_profile_is_a_note_and_the_pixels_stay(icc: bytes) -> None:
    image = picture(3)
    made = decode(png(image, extra=chunk(b"iCCP", b"x\x00\x00" + zlib.compress(icc))))
    assert np.array_equal(made.image, image)
    assert made.facts.icc == "ignored" and [note.code for note in made.facts.notes] == ["bad_icc"]


def test_mutated_profiles_never_stop_a_decode() -> None:
    rng = np.random.default_rng(5)
    image = picture(3, "uint16", height=4, width=4)
    for _ in range(300):
        raw = bytearray(WIDE["Adobe"])
        for _ in range(rng.integers(1, 6)):
            raw[rng.integers(0, len(raw))] = rng.integers(0, 256)
        for depth, array in ((16, image), (8, (image >> 8).astype(np.uint8))):
            extra = chunk(b"iCCP", b"x\x00\x00" + zlib.compress(bytes(raw)))
            assert decode(png(array, depth=depth, extra=extra)).image.shape == image.shape


def test_floats_and_bands_are_carried() -> None:
    image = picture(3, "float32")
    made = decode(tiff(image, photometric="rgb", iccprofile=WIDE["P3"]))
    assert np.array_equal(made.image, image) and made.facts.icc == "ignored"
    bands, state = to_srgb(picture(7), "bands", WIDE["P3"], [])
    assert state == "ignored" and bands.shape[2] == 7


def test_a_table_profile_in_sixteen_bits_agrees_with_eight() -> None:
    """A profile with A2B0 goes through the grid: half a level of 8 bits, plus the error of 33 nodes."""
    from opsin.io.color import _prepare, _through_grid

    image = picture(3, "uint16", height=30, width=40)
    ready = _prepare(WIDE["Adobe"], "RGB")
    through = _through_grid(ready, image).astype(float)
    exact = matrix_to_srgb(WIDE["Adobe"], image)
    assert exact is not None
    error = np.abs(through - exact) / 257
    assert np.median(error) < 0.6 and np.quantile(error, 0.99) < 6


def ink_profile() -> bytes:
    """Write a CMYK output profile: a table of two nodes an axis, to Lab."""
    from skimage import color

    nodes = np.stack(np.meshgrid(*[[0.0, 1.0]] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    light = (1 - nodes[:, :3]) * (1 - nodes[:, 3:])
    lab = color.rgb2lab(light[None], illuminant="D50")[0]
    table = np.stack([lab[:, 0] * 2.55, lab[:, 1] + 128, lab[:, 2] + 128], axis=1).round().clip(0, 255).astype(np.uint8)
    unit = b"".join(s15(float(i == j)) for i in range(3) for j in range(3))
    ramp = bytes(range(256))
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + unit + ramp * 4 + table.tobytes() + ramp * 3
    made = profile(b"CMYK", {b"A2B0": lut})
    return made[:12] + b"prtr" + made[16:20] + b"Lab " + made[24:]


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_ink_by_its_profile(format: str) -> None:
    icc = ink_profile()
    ink = picture(4)
    out = io.BytesIO()
    Image.fromarray(ink, "CMYK").save(out, format, icc_profile=icc, **({"quality": 95} if format == "JPEG" else {}))
    stored = np.asarray(Image.open(io.BytesIO(out.getvalue())))
    made = decode(out.getvalue())
    assert made.facts.icc == "converted"
    assert np.array_equal(made.image, lcms(stored, icc, "CMYK"))
    plain = np.asarray(Image.fromarray(stored, "CMYK").convert("RGB"))
    assert np.abs(made.image.astype(int) - plain).max() > 20, "the profile must make a difference"
    wide = decode(tiff(ink.astype(np.uint16) * 257, photometric="separated", iccprofile=icc))
    assert wide.image.dtype == np.uint16 and "precision" in [note.code for note in wide.facts.notes]
    assert np.array_equal(wide.image // 257, lcms(ink, icc, "CMYK"))


def test_ink_of_tiff_without_profile() -> None:
    for dtype, full in (("uint8", 255), ("uint16", 65535)):
        ink = picture(4, dtype)
        made = decode(tiff(ink, photometric="separated")).image
        light = 1 - ink.astype(float) / full
        assert made.dtype == ink.dtype
        assert np.abs(made - light[..., :3] * light[..., 3:] * full).max() <= 1


def test_lab_of_tiff_is_srgb() -> None:
    """Against scikit-image, whose white is D65: so both are asked for D50."""
    from skimage import color

    rng = np.random.default_rng(2)
    lab = np.stack(
        [rng.integers(30, 220, (20, 20)), rng.integers(-40, 40, (20, 20)), rng.integers(-40, 40, (20, 20))], axis=-1
    )
    stored = lab.astype(np.int8).view(np.uint8)
    stored[..., 0] = lab[..., 0]
    made = decode(tiff(stored, photometric="cielab")).image
    real = lab.astype(float)
    real[..., 0] *= 100 / 255
    xyz = color.lab2xyz(real, illuminant="D50")
    expected = encode_srgb(xyz_d50_to_linear(xyz)) * 255
    assert np.abs(made - expected).max() <= 1
    neutral = np.zeros((1, 3, 3), np.uint8)
    neutral[0, :, 0] = (0, 128, 255)
    gray = decode(tiff(neutral, photometric="cielab")).image[0]
    assert np.ptp(gray.astype(int), axis=1).max() <= 1 and gray[0].max() == 0 and gray[2].min() >= 254
