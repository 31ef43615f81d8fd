"""Decoding agrees with independent decoders, mode by mode."""

from __future__ import annotations

import io
import struct
import warnings
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from io_seeds import H, W, chunk, picture, pil, png, seeds, tiff
from PIL import Image, ImageOps

from opsin.errors import DecodeError
from opsin.io import decode, encode, header, read_with_facts, sniff


def reference(data: bytes) -> np.ndarray:
    """Pillow's answer, brought to gray, RGB or RGBA."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = Image.open(io.BytesIO(data))
        image.load()
    if image.mode in ("P", "PA", "LA") or "transparency" in image.info:
        alpha = image.mode in ("PA", "LA") or "transparency" in image.info
        image = image.convert("RGBA" if alpha else "RGB")
    elif image.mode == "1":
        image = image.convert("L")
    elif image.mode == "CMYK":
        image = image.convert("RGB")
    return np.array(image)


def unchanged(data: bytes) -> np.ndarray:
    """OpenCV's answer with all bits, in RGB order."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image.ndim == 3 and image.shape[2] >= 3:
        image = image[..., [2, 1, 0, 3][: image.shape[2]]]
    return image


def is_ours(image: np.ndarray) -> bool:
    return image.flags.c_contiguous and image.flags.writeable and image.dtype.isnative


# --- one file of each kind, against the arrays they were made from or against Pillow ---------------------------------
@pytest.mark.parametrize("name", sorted(seeds()))
def test_every_seed_is_decoded(name: str) -> None:
    data = seeds()[name]
    made = decode(data, source="x.bin")
    assert is_ours(made.image)
    assert made.facts.format.lower() == name.split("-")[0]
    assert made.facts.size == (made.image.shape[1], made.image.shape[0])
    assert made.facts.bytes == len(data)
    found = header(data)
    assert (found.width, found.height) == made.facts.raw_size
    assert found.channels == (1 if made.image.ndim == 2 else made.image.shape[2])
    made.image[...] = 0
    assert not np.array_equal(decode(data).image, made.image), "a second decode must not see the first one's memory"


SAME_AS_PILLOW = [
    name
    for name in sorted(seeds())
    if not name.startswith(
        ("npy", "pnm-p3", "pnm-p6", "pnm-p7", "pnm-pfm", "tiff-float", "tiff-planar16", "bmp-8", "gif-gray")
    )
    and "16" not in name
    and name != "png-gray2"
]


@pytest.mark.parametrize("name", SAME_AS_PILLOW)
def test_eight_bits_equal_pillow(name: str) -> None:
    ours, theirs = decode(seeds()[name]).image, reference(seeds()[name])
    assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
    assert np.array_equal(ours, theirs)


def test_sixteen_bits_are_all_there() -> None:
    for channels in (1, 3, 4):
        image = picture(channels, "uint16")
        for interlaced in (False, True):
            assert np.array_equal(decode(png(image, depth=16, interlaced=interlaced)).image, image)
    both = picture(2, "uint16")
    assert np.array_equal(decode(png(both, depth=16)).image, both[..., [0, 0, 0, 1]])


@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("width", [1, 2, 3, 7, 8, 9, 33])
def test_few_bits_are_spread_over_the_full_scale(depth: int, interlaced: bool, width: int) -> None:
    values = picture(1, width=width, height=9) % (1 << depth)
    made = decode(png(values, depth=depth, interlaced=interlaced)).image
    assert np.array_equal(made, values.astype(np.uint16) * 255 // ((1 << depth) - 1))
    labels = decode(png(values, depth=depth, interlaced=interlaced), labels=True).image
    assert np.array_equal(labels, values)


@pytest.mark.parametrize("depth", [2, 8, 16])
def test_a_transparent_gray_becomes_alpha(depth: int) -> None:
    values = picture(1, "uint16").astype(int) % (1 << depth)
    key = int(values[3, 4])
    made = decode(png(values, depth=depth, extra=chunk(b"tRNS", struct.pack(">H", key)))).image
    full = 65535 if depth == 16 else 255
    assert made.shape == (H, W, 4)
    assert np.array_equal(made[..., 3] == 0, values == key)
    assert set(np.unique(made[..., 3])) <= {0, full}
    assert np.array_equal(made[..., 0], values * full // ((1 << depth) - 1))


@pytest.mark.parametrize("depth", [8, 16])
def test_a_transparent_color_becomes_alpha(depth: int) -> None:
    image = picture(3, "uint16" if depth == 16 else "uint8")
    key = image[5, 6]
    extra = chunk(b"tRNS", struct.pack(">3H", *(int(v) for v in key)))
    made = decode(png(image, depth=depth, extra=extra)).image
    assert np.array_equal(made[..., :3], image)
    assert np.array_equal(made[..., 3] == 0, (image == key).all(axis=2))


def test_a_palette_with_alpha_and_its_labels() -> None:
    values = picture(1) % 5
    colors = np.array([[10, 20, 30], [40, 50, 60], [70, 80, 90], [1, 2, 3], [200, 100, 0]], np.uint8)
    extra = chunk(b"PLTE", colors.tobytes()) + chunk(b"tRNS", bytes([0, 128]))
    data = png(values, color=3, extra=extra)
    made = decode(data).image
    assert np.array_equal(made[..., :3], colors[values])
    assert np.array_equal(made[..., 3], np.array([0, 128, 255, 255, 255], np.uint8)[values])
    assert np.array_equal(decode(data, labels=True).image, values)
    with pytest.raises(DecodeError, match="palette of 5 colors") as caught:
        decode(png(picture(1) % 6, color=3, extra=extra))
    assert caught.value.kind == "corrupt"


# --- the corpora -----------------------------------------------------------------------------------------------------
def test_png_suite(opsin_data) -> None:
    files = sorted((opsin_data / "odd_images" / "pngsuite").glob("*.png"))
    assert len(files) > 150
    for path in files:
        data = path.read_bytes()
        if path.name.startswith("x"):
            with pytest.raises(DecodeError) as caught:
                decode(data)
            assert caught.value.kind in ("corrupt", "truncated"), path.name
            continue
        made = decode(data)
        theirs = unchanged(data)
        ours = made.image
        if made.facts.mode.startswith("gray+alpha") or (ours.ndim == 3 and theirs.ndim == 2):
            theirs = np.dstack([theirs] * 3) if theirs.ndim == 2 else theirs
        if ours.dtype == np.uint16:
            assert theirs.dtype == np.uint16, path.name
        if "tRNS" in made.facts.mode and theirs.shape[2] == 3:  # OpenCV drops the key of gray pictures
            key_alpha = np.asarray(Image.open(path).convert("RGBA"))[..., 3]
            if path.name not in ("tbbn0g04.png", "tbwn0g16.png"):  # Pillow scales these two keys wrongly
                assert np.array_equal(ours[..., 3] > 0, key_alpha > 0), path.name
            assert (ours[..., 3] == 0).any(), path.name
            ours = ours[..., :3]
        visible = ours[..., 3] > 0 if ours.ndim == 3 and ours.shape[2] == 4 else np.ones(ours.shape[:2], bool)
        assert np.array_equal(ours[visible], theirs[visible]), path.name
        if ours.shape[-1:] == (4,):
            assert np.array_equal(ours[..., 3], theirs[..., 3]), path.name


def test_exif_orientations(opsin_data) -> None:
    files = sorted((opsin_data / "exif_orientation").glob("*.jpg"))
    assert len(files) == 18
    for path in files:
        made = read_with_facts(path)
        number = int(path.stem.split("_")[1])
        assert made.facts.orientation == max(number, 1)
        theirs = ImageOps.exif_transpose(Image.open(path))
        assert made.facts.size == theirs.size
        assert np.array_equal(made.image, np.asarray(theirs)), path.name
        stored = read_with_facts(path, upright=False)
        assert stored.image.shape[1::-1] == stored.facts.raw_size == Image.open(path).size
        assert not stored.facts.upright


def exif(number: int, order: str = "<", kind: int = 3) -> bytes:
    mark = b"II*\x00" if order == "<" else b"MM\x00*"
    value = struct.pack(order + ("HH" if kind == 3 else "I"), *((number, 0) if kind == 3 else (number,)))
    return mark + struct.pack(order + "IHHHI", 8, 1, 0x0112, kind, 1) + value + b"\x00" * 4


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_orientation_in_every_format_that_has_one(format: str, number: int, order: str) -> None:
    image = picture(3)
    if format == "TIFF":
        data = tiff(image, extratags=[(274, "H", 1, number, True)], byteorder=order)
    else:
        options = {"lossless": True} if format == "WEBP" else {}
        data = pil(image, format, exif=b"Exif\x00\x00" + exif(number, order), **options)
    made = decode(data)
    assert made.facts.orientation == number
    raw = decode(data, upright=False).image
    expected = {
        1: raw,
        2: raw[:, ::-1],
        3: raw[::-1, ::-1],
        4: raw[::-1],
        5: raw.swapaxes(0, 1),
        6: np.rot90(raw, -1),
        7: np.rot90(raw, 2).swapaxes(0, 1),
        8: np.rot90(raw, 1),
    }[number]
    assert np.array_equal(made.image, expected)
    assert made.facts.size == header(data).size == expected.shape[1::-1]
    theirs = Image.open(io.BytesIO(data))
    theirs.load()
    assert np.array_equal(made.image, np.asarray(ImageOps.exif_transpose(theirs)))


@pytest.mark.parametrize(
    "block",
    [b"", b"garbage", exif(6)[:13], exif(0), exif(9), exif(6, kind=4)[:20], b"II*\x00\xff\xff\xff\xff"],
    ids=range(7),
)
def test_a_bad_exif_is_a_note_never_an_error(block: bytes) -> None:
    plain = pil(picture(3), "JPEG")
    segment = b"Exif\x00\x00" + block
    data = plain[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + plain[2:]
    made = decode(data)
    assert made.facts.orientation == 1
    assert [note.code for note in made.facts.notes] == ["bad_exif"]
    assert np.array_equal(made.image, decode(plain).image)


def test_exif_as_image_magick_hides_it_in_png() -> None:
    block = b"Exif\x00\x00" + exif(6)
    text = b"\nexif\n%8d\n" % len(block) + block.hex().encode() + b"\n"
    packed = b"Raw profile type exif\x00\x00" + zlib.compress(text)
    made = decode(png(picture(3), extra=chunk(b"zTXt", packed)))
    assert made.facts.orientation == 6 and made.facts.size == (H, W)


# --- JPEG ------------------------------------------------------------------------------------------------------------
def sof(data: bytes) -> int:
    """Where the frame header's marker stands."""
    return next(i for i in range(len(data)) if data[i] == 0xFF and data[i + 1] in (0xC0, 0xC1, 0xC2))


def test_what_jpeg_is_refused_and_how() -> None:
    plain = pil(picture(3), "JPEG")
    at = sof(plain)
    twelve = plain[: at + 4] + b"\x0c" + plain[at + 5 :]
    with pytest.raises(DecodeError, match="12-bit JPEG is not decoded") as caught:
        decode(twelve)
    assert caught.value.kind == "unsupported"
    for code, word in ((0xC3, "lossless"), (0xC9, "arithmetic"), (0xC5, "hierarchical"), (0xF7, "JPEG-LS")):
        with pytest.raises(DecodeError, match=word) as caught:
            decode(plain[: at + 1] + bytes([code]) + plain[at + 2 :])
        assert caught.value.kind == "unsupported"
    doubled = plain[:at] + plain[at : at + 2 + struct.unpack(">H", plain[at + 2 : at + 4])[0]] + plain[at:]
    with pytest.raises(DecodeError, match="two frame headers"):
        decode(doubled)


def test_jpeg_rgb_with_adobe_marker_is_not_taken_for_ycbcr() -> None:
    data = pil(picture(3), "JPEG", quality=100, subsampling=0, keep_rgb=True)
    made = decode(data)
    assert made.facts.mode == "RGB 8"
    assert np.abs(made.image.astype(int) - picture(3)).max() <= 3


def test_cmyk_and_ycck_against_the_plain_formula() -> None:
    ink = picture(4)
    out = io.BytesIO()
    Image.fromarray(ink, "CMYK").save(out, "JPEG", quality=100, subsampling=0)
    made = decode(out.getvalue())
    assert made.facts.mode == "CMYK 8"
    light = 1 - ink.astype(float) / 255
    expected = light[..., :3] * light[..., 3:] * 255
    assert np.abs(made.image - expected).max() <= 4  # JPEG at quality 100
    # YCCK: the same stored numbers, announced as transform 2
    adobe = out.getvalue().index(b"Adobe")
    raw = bytearray(out.getvalue())
    raw[adobe + 11] = 2
    ycck = decode(bytes(raw))
    assert ycck.facts.mode == "YCCK 8"
    assert np.array_equal(ycck.image, reference(bytes(raw)))


def test_ycck_file(opsin_data) -> None:
    folder = opsin_data / "odd_images" / "jpeg_decoder" / "reftest" / "images"
    for path in sorted(folder.glob("ycck*.jpg")) + sorted(folder.glob("cmyk*.jpg")):
        data = path.read_bytes()
        made = decode(data)
        if made.facts.icc == "none":
            assert np.array_equal(made.image, reference(data)), path.name


def test_mpo_is_its_first_jpeg(opsin_data) -> None:
    data = (opsin_data / "odd_images" / "pillow" / "frame_size.mpo").read_bytes()
    made = decode(data)
    assert made.facts.format == "JPEG" and made.facts.frames == 1


def test_jpeg_junk_around_the_picture() -> None:
    plain = pil(picture(3), "JPEG")
    expected = decode(plain).image
    assert np.array_equal(decode(plain + b"PK\x03\x04 a polyglot").image, expected)
    filled = plain[:2] + b"\xff\xff\xff" + plain[3:]
    assert np.array_equal(decode(filled).image, expected)
    comment = plain[:2] + b"\xff\xfe\x00\x08\xff\xd9\xff\xda12"[:10] + plain[2:]
    assert np.array_equal(decode(comment).image, expected)


# --- TIFF ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "packbits", "lzma"])
@pytest.mark.parametrize("layout", ["strips", "one strip", "tiles", "planes", "planar tiles"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_tiff_layouts(compression: str | None, layout: str, dtype: str) -> None:
    image = picture(3, dtype)
    options: dict[str, object] = {"photometric": "rgb", "compression": compression}
    if layout == "strips":
        options["rowsperstrip"] = 5
    if "tiles" in layout:
        options["tile"] = (16, 16)
    stored = image
    if layout.startswith("plan"):
        options["planarconfig"] = "separate"
        stored = np.ascontiguousarray(np.moveaxis(image, 2, 0))
    for order in "<>":
        made = decode(tiff(stored, byteorder=order, **options)).image
        assert made.dtype == image.dtype
        assert np.array_equal(made, image)


@pytest.mark.parametrize("predictor", [2, 3])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("tile", [None, (16, 32)])
def test_tiff_predictors(predictor: int, dtype: str, tile: tuple[int, int] | None) -> None:
    if (predictor == 3) != (dtype == "float32"):
        predictor = 2 if dtype != "float32" else 3
    for channels in (1, 3, 4):
        image = picture(channels, dtype)
        for compression in ("zlib", "lzw"):
            photometric = "rgb" if channels > 1 else "minisblack"
            options = {"compression": compression, "predictor": predictor, "tile": tile, "photometric": photometric}
            data = tiff(image, extrasamples=["unassalpha"] if channels == 4 else None, **options)
            assert np.array_equal(decode(data).image, image)


def test_tiff_modes() -> None:
    gray, bits = picture(1), picture(1) > 128
    assert np.array_equal(decode(tiff(gray, photometric="miniswhite")).image, 255 - gray)
    assert np.array_equal(decode(tiff(bits, photometric="minisblack")).image, bits * np.uint8(255))
    for compression in ("group3", "group4", "tiff_ccitt"):
        assert np.array_equal(decode(pil(bits, "TIFF", compression=compression)).image, bits * np.uint8(255))
    assert decode(tiff(picture(7), photometric="minisblack", planarconfig="contig")).image.shape == (H, W, 7)
    assert np.array_equal(decode(tiff(gray, bigtiff=True)).image, gray)
    colors = np.random.default_rng(1).integers(0, 65536, (3, 256)).astype(np.uint16)
    made = decode(tiff(gray, photometric="palette", colormap=colors))
    assert np.array_equal(made.image, (colors >> 8).T.astype(np.uint8)[gray])
    assert np.array_equal(decode(tiff(gray, photometric="palette", colormap=colors), labels=True).image, gray)
    both = picture(2)
    assert np.array_equal(decode(tiff(both, extrasamples=["unassalpha"])).image, both[..., [0, 0, 0, 1]])
    assert np.array_equal(decode(tiff(both, photometric="minisblack", extrasamples=["unspecified"])).image, both)
    half = decode(tiff(picture(1, "float32").astype(np.float16)))
    assert half.image.dtype == np.float32
    wide = decode(tiff(picture(1, "float32").astype(np.float64)))
    assert [note.code for note in wide.facts.notes] == ["precision"]
    pages = decode(seeds()["tiff-pages"])
    assert pages.facts.frames == 3 and [n.code for n in pages.facts.notes] == ["first_frame_only"]
    assert np.array_equal(pages.image, picture(3, seed=0))


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15])
def test_tiff_odd_depths(bits: int) -> None:
    values = picture(1, "uint16") >> (16 - bits)
    rows = ["".join(format(int(v), f"0{bits}b") for v in row) for row in values]
    rows = [row + "0" * (-len(row) % 8) for row in rows]
    body = b"".join(int(row, 2).to_bytes(len(row) // 8, "big") for row in rows)
    from opsin.io.formats.tiff_writer import assemble

    data = assemble({256: W, 257: H, 258: bits, 259: 1, 262: 1, 277: 1, 278: H}, [body])
    top, full = (1 << bits) - 1, 255 if bits < 8 else 65535
    expected = np.floor(values.astype(float) * full / top + 0.5)
    assert np.array_equal(decode(data).image, expected)


def test_tiff_premultiplied_color_is_divided() -> None:
    straight = picture(4)
    straight[..., 3] = np.maximum(straight[..., 3], 1)
    alpha = straight[..., 3:].astype(float) / 255
    stored = straight.copy()
    stored[..., :3] = np.round(straight[..., :3] * alpha)
    made = decode(tiff(stored, photometric="rgb", extrasamples=["assocalpha"]))
    assert "premultiplied" in [note.code for note in made.facts.notes]
    assert np.array_equal(made.image[..., 3], straight[..., 3])
    sure = straight[..., 3] > 100
    assert np.abs(made.image[sure].astype(int) - straight[sure]).max() <= 2


def test_tiff_refusals() -> None:
    for array, word in (
        (picture(1).astype(np.int16), "signed integers of 16 bits"),
        (picture(1).astype(np.uint32), "unsigned integers of 32 bits"),
        (picture(1).astype(np.complex64), "complex"),
    ):
        with pytest.raises(DecodeError, match=word) as caught:
            decode(tiff(array))
        assert caught.value.kind == "unsupported"


def test_tiff_corpus_equals_tifffile(opsin_data) -> None:
    checked = 0
    for path in sorted((opsin_data / "odd_images" / "pillow").glob("*.tif*")):
        try:
            made = decode(path.read_bytes())
        except DecodeError:
            continue
        if made.facts.icc == "converted" or made.facts.orientation > 1:
            continue
        try:
            with warnings.catch_warnings(), tifffile.TiffFile(path) as opened:
                warnings.simplefilter("ignore")
                page = opened.pages[0]
                if (
                    page.photometric not in (0, 1, 2)
                    or page.compression in (7, 50001)
                    or page.bitspersample not in (8, 16)
                ):
                    continue
                if page.extrasamples and int(page.extrasamples[0]) == 1:
                    continue
                stored = page.asarray()
        except Exception:
            continue
        if page.planarconfig == 2 and stored.ndim == 3:
            stored = np.moveaxis(stored, 0, 2)
        if page.photometric == 0:
            stored = np.iinfo(stored.dtype).max - stored
        if stored.ndim == 3 and stored.shape[2] == 2:
            stored = stored[..., [0, 0, 0, 1]]
        assert np.array_equal(made.image, stored), path.name
        checked += 1
    assert checked >= 20


# --- the rest --------------------------------------------------------------------------------------------------------
def test_bmp_suite_good_files_show_one_picture(opsin_data) -> None:
    good = opsin_data / "odd_images" / "pillow" / "bmp" / "g"
    shown = opsin_data / "odd_images" / "pillow" / "bmp" / "html"
    for path in sorted(good.glob("*.bmp")):
        made = decode(path.read_bytes()).image
        wanted = shown / f"{path.stem}.png"
        if not wanted.exists():
            continue
        expected = np.asarray(Image.open(wanted).convert("RGB" if made.ndim == 3 else "L"))
        tolerance = 1  # the pictures to compare with were rounded once more
        assert made.shape == expected.shape, path.name
        assert np.abs(made.astype(int) - expected).max() <= tolerance, path.name


def test_gif_frame_smaller_than_its_canvas_leaves_the_rest_transparent() -> None:
    data = bytearray(pil(picture(1) % 7, "GIF"))
    data[6:10] = struct.pack("<HH", W + 4, H + 2)
    made = decode(bytes(data))
    assert made.image.shape == (H + 2, W + 4, 4)
    assert (made.image[:H, :W, 3] == 255).all()
    assert not made.image[H:].any() and not made.image[:, W:].any()


@pytest.mark.parametrize("name", ["bmp-8", "gif-gray"])
def test_a_palette_of_grays_is_gray(name: str) -> None:
    assert np.array_equal(decode(seeds()[name]).image, picture(1))


def test_frames_are_counted_and_the_first_is_given() -> None:
    for name in ("gif-animated", "webp-animated", "tiff-pages"):
        made = decode(seeds()[name])
        assert made.facts.frames == 3, name
        assert "first_frame_only" in [note.code for note in made.facts.notes]


def test_pnm_maximum_is_spread() -> None:
    made = decode(b"P5\n3 1\n100\n" + bytes([0, 50, 100])).image
    assert made.tolist() == [[0, 128, 255]]  # 127.5 rounds up
    wide = decode(b"P5\n2 1\n1000\n" + struct.pack(">HH", 0, 1000)).image
    assert wide.dtype == np.uint16 and wide.tolist() == [[0, 65535]]
    with pytest.raises(DecodeError, match="above the header's maximum"):
        decode(b"P5\n1 1\n100\n\x65")


def test_pfm_rows_go_upwards() -> None:
    values = np.arange(6, dtype="<f4").reshape(2, 3)
    made = decode(b"Pf\n3 2\n-1.0\n" + values.tobytes()).image
    assert np.array_equal(made, values[::-1])
    big = decode(b"Pf\n3 2\n1.0\n" + values.astype(">f4").tobytes()).image
    assert np.array_equal(big, values[::-1]) and big.dtype == np.float32


def test_npy_without_pickle() -> None:
    out = io.BytesIO()
    np.save(out, np.array([[{"a": 1}]], dtype=object), allow_pickle=True)
    with pytest.raises(DecodeError) as caught:
        decode(out.getvalue())
    assert caught.value.kind == "unsupported"
    for array in (np.asfortranarray(picture(3)), picture(1, "uint16").astype(">u2"), picture(1) > 9):
        out = io.BytesIO()
        np.save(out, array)
        expected = array * np.uint8(255) if array.dtype == bool else array
        made = decode(out.getvalue()).image
        assert np.array_equal(made, expected) and is_ours(made)


@pytest.mark.parametrize(
    ("head", "word"),
    [
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "PostScript"),
        (b"%PDF-1.7\n", "PDF"),
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\xd7\xcd\xc6\x9a" + bytes(40), "WMF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(40), "FPX"),
        (b"\x00\x00\x01\x00\x01\x00" + bytes(40), "ICO"),
        (b"8BPS\x00\x01" + bytes(40), "PSD"),
        (b"\x00\x00\x00\x18ftypheic" + bytes(40), "HEIC"),
        (b"\x00\x00\x00\x18ftypisom" + bytes(40), "video"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        (bytes(128) + b"DICM" + bytes(40), "DICOM"),
        (b"qoif" + bytes(20), "QOI"),
        (b"just some text", "none of JPEG"),
    ],
)
def test_everything_else_is_named_and_refused(head: bytes, word: str) -> None:
    with pytest.raises(DecodeError, match=word) as caught:
        sniff(head)
    assert caught.value.kind == "unsupported"
    with pytest.raises(DecodeError):
        decode(head, source="photo.jpg")


def test_content_decides_and_the_mismatch_is_noted(tmp_path) -> None:
    for name in ("jpeg-baseline", "png-rgb8", "bmp-24", "webp-lossless", "tiff-none"):
        for extension in (".jpg", ".png", ".bmp", ".webp", ".tif", ".gif", ""):
            path = tmp_path / f"picture{extension}"
            path.write_bytes(seeds()[name])
            made = read_with_facts(path)
            right = {"jpeg": ".jpg", "png": ".png", "bmp": ".bmp", "webp": ".webp", "tiff": ".tif"}[name.split("-")[0]]
            codes = [note.code for note in made.facts.notes]
            assert codes == ([] if extension in (right, "") else ["extension_mismatch"])
            assert np.array_equal(made.image, decode(seeds()[name]).image)


def test_avif_turns_and_mirrors() -> None:
    image = picture(3, height=16, width=24)
    for number in range(1, 9):
        data = pil(image, "AVIF", quality=100, subsampling="4:4:4", exif=b"Exif\x00\x00" + exif(number))
        made = decode(data)
        assert made.facts.orientation == number
        theirs = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
        assert np.array_equal(made.image, theirs)


def test_no_state_of_pillow_is_touched() -> None:
    from PIL import ImageFile

    before = (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS)
    for data in seeds().values():
        decode(data)
    encode(picture(3), "png")
    assert before == (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS)


def test_a_careless_setting_of_pillow_changes_nothing(monkeypatch) -> None:
    from PIL import ImageFile

    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    for name in ("jpeg-baseline", "png-rgb8", "gif-palette", "tiff-lzw", "bmp-24", "webp-lossless"):
        data = seeds()[name]
        with pytest.raises(DecodeError):
            decode(data[: len(data) * 3 // 4])


# --- two JPEG decoders, one picture ----------------------------------------------------------------------------------
def test_core_and_pillow_give_the_same_bits(opsin_data) -> None:
    from opsin.io.formats import jpeg
    from opsin.io.limits import LOCAL
    from opsin.kernels import native

    if not native.available():
        pytest.skip("the compiled core is not installed")
    both = 0
    for path in sorted(opsin_data.rglob("*.jp*g")):
        data = path.read_bytes()
        try:
            found = header(data)
        except DecodeError:
            continue
        if found.format != "JPEG":
            continue
        try:
            ours = jpeg._by_core(data, found, LOCAL)
        except DecodeError:
            continue
        if ours is not None:
            assert np.array_equal(ours.array, jpeg._by_pillow(data, found, LOCAL).array), path.name
            both += 1
    assert both > 80


def test_a_scan_that_stops_early_is_an_error_also_with_an_end_marker() -> None:
    from opsin.kernels import native

    if not native.available():
        pytest.skip("the compiled core is not installed")
    data = pil(picture(3, height=120, width=160), "JPEG", quality=90)
    for share in (0.4, 0.7, 0.95):
        with pytest.raises(DecodeError, match="the JPEG is damaged") as caught:
            decode(data[: int(len(data) * share)] + b"\xff\xd9")
        assert caught.value.kind == "corrupt"
