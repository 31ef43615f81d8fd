"""The frame against Pillow, OpenCV and NumPy; sizes against the rules of torchvision and of YOLO's letterbox."""

from __future__ import annotations

import io

import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageOps

import opsin
from opsin import Sample, ops
from opsin.errors import ParamError

PILLOW = {"nearest": 0, "lanczos": 1, "pillow-bilinear": 2, "pillow-bicubic": 3, "area": 4}
SIZES = [(30, 20), (97, 64), (200, 301), (256, 17), (13, 250)]


@pytest.fixture(scope="module")
def photo():
    return np.ascontiguousarray(skimage.data.astronaut()[40:240, 100:301])


@pytest.fixture(scope="module")
def checker():
    """The worst case for kernels with negative parts."""
    rng = np.random.default_rng(3)
    return (rng.integers(0, 2, (61, 83, 3)) * 255).astype(np.uint8)


def apart(a, b):
    return np.abs(a.astype(float) - np.asarray(b).astype(float)).max()


# --- orientation ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("value", range(1, 9))
def test_orient_is_pillows_exif_transpose(photo, value):
    tagged = Image.fromarray(photo)
    exif = tagged.getexif()
    exif[0x0112] = value
    data = io.BytesIO()
    tagged.save(data, "PNG", exif=exif)
    want = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data.getvalue()))))
    assert np.array_equal(ops.orient(photo, orientation=value), want)


# --- size -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kernel", PILLOW)
@pytest.mark.parametrize("size", SIZES)
def test_resize_is_pillows(photo, checker, kernel, size):
    for image in (photo, checker, checker[..., 0], np.ascontiguousarray(photo[..., 1:2])):
        squeezed = image[..., 0] if image.ndim == 3 and image.shape[2] == 1 else image
        want = np.asarray(Image.fromarray(squeezed).resize(size, PILLOW[kernel])).reshape(size[1], size[0], -1)
        got = ops.resize(image, width=size[0], height=size[1], kernel=kernel)
        assert got.ndim == image.ndim and apart(got.reshape(want.shape), want) <= 1
        real = ops.resize((image / 255).astype(np.float32), width=size[0], height=size[1], kernel=kernel)
        fine = ops.resize(image.astype(np.uint16) * np.uint16(257), width=size[0], height=size[1], kernel=kernel)
        # Pillow rounds its bytes between the axes, which is up to half a level; our finer pictures do not
        assert np.abs(real.reshape(want.shape) * 255 - want).max() < 1.25
        assert np.abs(fine.reshape(want.shape) / 257 - want).max() < 1.25


@pytest.mark.parametrize("kernel", ["pillow-bilinear", "pillow-bicubic", "area", "lanczos"])
def test_resize_floats_are_pillows_floats(photo, kernel):
    plane = np.ascontiguousarray(photo[..., 0] / np.float32(255)).astype(np.float32) * np.float32(0.6) + np.float32(0.2)
    want = np.asarray(Image.fromarray(plane).resize((90, 77), PILLOW[kernel]))
    assert np.abs(ops.resize(plane, width=90, height=77, kernel=kernel) - np.clip(want, 0, 1)).max() < 1e-6


@pytest.mark.parametrize("size", SIZES)
def test_resize_opencv_linear_is_opencvs(photo, checker, size):
    cv2 = pytest.importorskip("cv2")
    for image in (photo, checker):
        want = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR).astype(float)
        got = ops.resize(image, width=size[0], height=size[1], kernel="opencv-linear")
        assert np.abs(got - want).max() <= 1
        real = (image / 255).astype(np.float32)
        want = cv2.resize(real, size, interpolation=cv2.INTER_LINEAR)
        assert np.abs(ops.resize(real, width=size[0], height=size[1], kernel="opencv-linear") - want).max() < 1e-5


def test_resize_rgba_does_not_bleed(photo):
    rng = np.random.default_rng(0)
    soft = np.repeat(np.repeat(rng.integers(0, 256, (20, 21), dtype=np.uint8), 10, 0), 10, 1)[:200, :201]
    rgba = np.dstack([photo, soft])
    want = np.asarray(Image.fromarray(rgba).resize((90, 80), Image.Resampling.BILINEAR)).astype(int)
    got = ops.resize(rgba, width=90, height=80).astype(int)
    assert np.abs(got - want)[..., 3].max() <= 1
    assert np.abs(got - want)[want[..., 3] > 100].max() <= 3  # Pillow rounds the weighted color to 8 bits
    hidden = rgba.copy()
    hidden[soft < 20, :3] = 255 - hidden[soft < 20, :3]
    hidden[..., 3] = np.where(soft < 20, 0, 255)
    same = rgba.copy()
    same[..., 3] = hidden[..., 3]
    assert np.array_equal(ops.resize(hidden, width=90, height=80), ops.resize(same, width=90, height=80))


def test_resize_sides():
    for width, height in [(640, 480), (480, 640), (333, 777), (1000, 3), (5, 5), (641, 427)]:
        image = np.zeros((height, width), np.uint8)
        for size in (1, 7, 224, 256):
            short, long = min(width, height), max(width, height)
            other = int(size * long / short)  # torchvision's rule
            want = (size, other) if width >= height else (other, size)
            assert ops.resize_shorter(image, size=size).shape == want
            other = max(1, int(size * short / long))
            want = (other, size) if width >= height else (size, other)
            assert ops.resize_longer(image, size=size).shape == want


@pytest.mark.parametrize("factor", [0.1, 0.5, 0.77, 1.0, 1.5, 2.0])
def test_scale(photo, factor):
    want = (int(np.floor(201 * factor + 0.5)), int(np.floor(200 * factor + 0.5)))
    got = ops.scale(photo, factor=factor)
    assert apart(got, Image.fromarray(photo).resize(want, Image.Resampling.BILINEAR)) <= 1


@pytest.mark.parametrize("canvas", [(320, 320), (100, 300), (301, 100), (64, 64), (201, 200), (203, 200)])
@pytest.mark.parametrize("enlarge", [True, False])
def test_letterbox_is_yolos(photo, canvas, enlarge):
    width, height = canvas
    h, w = photo.shape[:2]
    ratio = min(height / h, width / w)
    ratio = ratio if enlarge else min(ratio, 1.0)
    inner = round(w * ratio), round(h * ratio)
    # the published recipe: half the room on each side, where an odd pixel goes right and down
    left, top = round((width - inner[0]) / 2 - 0.1), round((height - inner[1]) / 2 - 0.1)
    want = Image.new("RGB", canvas, (114, 114, 114))
    want.paste(Image.fromarray(photo).resize(inner, Image.Resampling.BILINEAR), (left, top))
    assert apart(ops.letterbox(photo, width=width, height=height, enlarge=enlarge), want) <= 1


def test_letterbox_places_and_comes_back(photo):
    wide = np.ascontiguousarray(photo[:100])
    for x, y, top in [(0.0, 0.0, 0), (1.0, 1.0, 101), (0.5, 0.25, 25)]:
        out = ops.letterbox(
            Sample(wide, boxes=[[10, 20, 60, 70]]), width=201, height=201, x=x, y=y, fill=(1.0, 0.0, 0.5)
        )
        assert np.array_equal(out.image[top : top + 100], wide)
        assert np.allclose(out.instances.boxes, [[10, 20 + top, 60, 70 + top]])
        assert np.allclose(out.to_original(boxes=out.instances.boxes), [[10, 20, 60, 70]])
        others = np.delete(out.image, np.s_[top : top + 100], axis=0)
        assert (others == [255, 0, 128]).all()
    rgba = np.dstack([wide, np.full(wide.shape[:2], 255, np.uint8)])
    assert (ops.letterbox(rgba, width=201, height=301)[:90, :, 3] == 0).all()


# --- cuts and rims ----------------------------------------------------------------------------------------------------
def test_crops_are_slices(photo):
    for dtype in (np.uint8, np.uint16, np.float32):
        for image in (photo.astype(dtype) / (255 if dtype is np.float32 else 1), photo[..., 0], photo[..., :2]):
            image = image.astype(dtype)
            got = ops.crop(image, left=11, top=5, width=60, height=33)
            assert np.array_equal(got, image[5:38, 11:71]) and got.flags.c_contiguous and got.dtype == dtype
            got = ops.crop_at(image, width=101, height=50, x=1.0, y=0.0)
            assert np.array_equal(got, image[:50, 100:])
            assert np.array_equal(ops.center_crop(image, width=101, height=50), image[75:125, 50:151])
    assert np.array_equal(ops.center_crop(photo, height=100), photo[50:150])
    assert np.array_equal(ops.center_crop(photo[:, :200], fraction=0.7), photo[30:170, 30:170])


@pytest.mark.parametrize("side", [10, 11, 12, 13])
def test_center_crop_rounds_as_torchvision(side):
    image = np.arange(side * side, dtype=np.uint16).reshape(side, side)
    for length in range(1, side + 1):
        start = round((side - length) / 2.0)
        got = ops.center_crop(image, width=length, height=length)
        assert np.array_equal(got, image[start : start + length, start : start + length])
        assert np.array_equal(ops.crop_at(image, width=length, height=length), got)


@pytest.mark.parametrize(
    ("border", "mode"),
    [
        ("constant", "constant"),
        ("reflect", "reflect"),
        ("symmetric", "symmetric"),
        ("replicate", "edge"),
        ("wrap", "wrap"),
    ],
)
@pytest.mark.parametrize("sides", [(3, 0, 9, 4), (0, 50, 0, 70), (45, 2, 100, 0)])
def test_pad_is_numpys(border, mode, sides):
    left, top, right, bottom = sides
    rng = np.random.default_rng(1)
    for shape in ((21, 30), (21, 30, 1), (21, 30, 3), (21, 30, 5)):
        image = rng.integers(0, 256, shape, dtype=np.uint8)
        widths = [(top, bottom), (left, right)] + [(0, 0)] * (len(shape) - 2)
        want = np.pad(image, widths, mode=mode, **({"constant_values": 102} if mode == "constant" else {}))
        got = ops.pad(image, left=left, top=top, right=right, bottom=bottom, border=border, fill=0.4)
        assert np.array_equal(got, want)


@pytest.mark.parametrize(
    ("name", "params", "sentence"),
    [
        ("crop", {"left": 10, "top": 0, "width": 90, "height": 3}, "crop: width must be at most 70, .*; got 90"),
        ("crop", {"left": 0, "top": 60, "width": 9, "height": 3}, "crop: top must be below 60, .*; got 60"),
        ("crop", {"left": 0, "top": 0, "width": 9, "height": 61}, "crop: height must be at most 60, .*; got 61"),
        ("center_crop", {"width": 81}, "center_crop: width must be at most 80, .*; got 81"),
        ("center_crop", {}, "center_crop: width must be given"),
        ("center_crop", {"width": 8, "fraction": 0.5}, "center_crop: fraction must be given without"),
        ("crop_at", {"width": 8, "height": 100}, "crop_at: height must be at most 60"),
        ("resize", {"width": 0, "height": 5}, "resize: width must be a whole number from 1 .*; got 0"),
        ("resize", {"width": 5, "height": 5, "kernel": "bilinear"}, "resize: kernel must be one of .*Did you mean"),
        ("resize_shorter", {"size": 1 << 20}, "resize_shorter: the result must be at most"),
        ("orient", {"orientation": 9}, "orient: orientation must be one of 1, 2"),
        ("scale", {"factor": 0.0}, "scale: factor must be a number above 0"),
    ],
)
def test_refusals(name, params, sentence):
    with pytest.raises(ParamError, match=sentence):
        getattr(ops, name)(np.zeros((60, 80), np.uint8), **params)


def test_pipeline_of_crop_and_pad_keeps_every_canvas(photo):
    sample = Sample(photo, boxes=[[0, 0, 50, 50]])
    out = ops.pad(ops.crop(sample, left=20, top=30, width=100, height=100), left=20, top=30, fill=0.0)
    assert np.allclose(out.instances.boxes, [[20, 30, 50, 50]])
    assert (out.image[:30] == 0).all() and isinstance(opsin.describe("crop").params["left"].unit, str)
