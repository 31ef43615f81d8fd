"""Channels against Pillow and OpenCV; color spaces against scikit-image and colorsys, there and back."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
import skimage.color
import skimage.data
from PIL import Image

from opsin import Sample, ops
from opsin.errors import ParamError


@pytest.fixture(scope="module")
def photo():
    return np.ascontiguousarray(skimage.data.astronaut()[:150, 80:300])


@pytest.fixture(scope="module")
def cube():
    """Every corner, edge and gray of the cube, and dark colors, where spaces have their bends."""
    axis = np.concatenate([np.linspace(0, 12, 7), np.linspace(20, 255, 14)]).round().astype(np.uint8)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(21 * 21, 21, 3)


def rgba_of(photo):
    return np.dstack([photo, np.roll(photo[..., 1], 17, axis=1)])


# --- gray, RGB, RGBA -------------------------------------------------------------------------------------
def test_to_gray_is_pillows_and_opencvs(photo, cube):
    cv2 = pytest.importorskip("cv2")
    for image in (photo, cube):
        got = ops.to_gray(image)
        assert got.shape == image.shape[:2] and np.array_equal(got, np.asarray(Image.fromarray(image).convert("L")))
        assert np.abs(got.astype(int) - cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)).max() <= 1
        real = (image / 255).astype(np.float32)
        assert np.abs(ops.to_gray(real) - cv2.cvtColor(real, cv2.COLOR_RGB2GRAY)).max() < 1e-6
        deep = image.astype(np.uint16) * np.uint16(257)
        assert np.abs(ops.to_gray(deep).astype(int) - cv2.cvtColor(deep, cv2.COLOR_RGB2GRAY)).max() <= 1


@pytest.mark.parametrize(
    ("weights", "closed"),
    [
        ("bt709", lambda v: v @ [0.2126, 0.7152, 0.0722]),
        ("bt2020", lambda v: v @ [0.2627, 0.6780, 0.0593]),
        ("average", lambda v: v.mean(axis=2)),
        ("max", lambda v: v.max(axis=2)),
        ("lightness", lambda v: (v.max(axis=2) + v.min(axis=2)) / 2),
        ((0.1, 0.2, 0.3), lambda v: v @ [0.1, 0.2, 0.3]),
    ],
)
def test_to_gray_by_other_weights(photo, weights, closed):
    want = closed(photo / 255.0)
    assert np.abs(ops.to_gray(photo, weights=weights) - want * 255).max() <= 0.5 + 1e-3
    assert np.abs(ops.to_gray((photo / 255).astype(np.float32), weights=weights) - want).max() < 1e-6


def test_to_gray_shapes(photo):
    rgba, gray = rgba_of(photo), ops.to_gray(photo)
    assert np.array_equal(ops.to_gray(rgba), gray)
    assert np.array_equal(ops.to_gray(photo, channels=3), np.dstack([gray] * 3))
    assert np.array_equal(ops.to_gray(rgba, channels=4), np.dstack([gray] * 3 + [rgba[..., 3]]))
    assert (ops.to_gray(photo, channels=4)[..., 3] == 255).all()
    assert np.array_equal(ops.to_gray(gray), gray) and np.array_equal(ops.to_gray(gray[..., None]), gray[..., None])


def test_to_rgb_composites_as_scikit_image(photo):
    rgba = rgba_of(photo)
    for background, ground in ((1.0, (1, 1, 1)), (0.0, (0, 0, 0)), ((0.2, 0.6, 0.9), (0.2, 0.6, 0.9))):
        want = skimage.color.rgba2rgb(rgba / 255.0, background=ground)
        assert np.abs(ops.to_rgb(rgba, background=background) - want * 255).max() <= 0.5 + 1e-3
        real = ops.to_rgb((rgba / 255).astype(np.float32), background=background)
        assert np.abs(real - want).max() < 1e-6
    assert np.array_equal(ops.to_rgb(rgba), ops.to_rgb(rgba, background=1.0))
    assert np.array_equal(ops.to_rgb(rgba, background=None), np.asarray(Image.fromarray(rgba).convert("RGB")))
    gray = photo[..., 0]
    assert np.array_equal(ops.to_rgb(gray), np.dstack([gray] * 3))
    assert np.array_equal(ops.to_rgb(gray[..., None]), np.dstack([gray] * 3))
    assert np.array_equal(ops.to_rgb(photo), photo)


def test_to_rgba(photo):
    for dtype, top in ((np.uint8, 255), (np.uint16, 65535), (np.float32, 1.0)):
        image = photo.astype(dtype) if dtype is not np.float32 else (photo / 255).astype(np.float32)
        got = ops.to_rgba(image, alpha=0.4)
        assert got.dtype == dtype and np.array_equal(got[..., :3], image)
        assert np.allclose(got[..., 3], 0.4 * top, atol=0.5 if top > 1 else 1e-7)
        assert (ops.to_rgba(image[..., 0])[..., 3] == top).all()
    rgba = rgba_of(photo)
    assert np.array_equal(ops.to_rgba(rgba, alpha=0.1), rgba)
    assert np.array_equal(ops.to_rgb(ops.to_rgba(photo)), photo)


# --- color spaces -------------------------------------------------------------------------------------
SKIMAGE = {
    "hsv": (skimage.color.rgb2hsv, skimage.color.hsv2rgb),
    "lab": (skimage.color.rgb2lab, skimage.color.lab2rgb),
    "lch": (
        lambda v: skimage.color.lab2lch(skimage.color.rgb2lab(v)),
        lambda v: skimage.color.lab2rgb(skimage.color.lch2lab(v)),
    ),
    "luv": (skimage.color.rgb2luv, skimage.color.luv2rgb),
    "xyz": (skimage.color.rgb2xyz, skimage.color.xyz2rgb),
    "ycbcr": (skimage.color.rgb2ycbcr, skimage.color.ycbcr2rgb),
    "yuv": (skimage.color.rgb2yuv, skimage.color.yuv2rgb),
    "hed": (skimage.color.rgb2hed, skimage.color.hed2rgb),
}


@pytest.mark.parametrize("space", SKIMAGE)
def test_convert_color_is_scikit_images(photo, cube, space):
    there, back = SKIMAGE[space]
    for image in (photo, cube):
        want = there(image / 255.0)
        got = ops.convert_color(image, to=space)
        assert got.dtype == np.float32
        off = np.abs(got - want)
        if space == "lch":  # the angle of a gray has no meaning, and 0 is 2 pi
            off[..., 2] = np.where(want[..., 1] > 0.02, np.minimum(off[..., 2], 2 * np.pi - off[..., 2]), 0.0)
        if space == "hsv":
            off[..., 0] = np.minimum(off[..., 0], 1 - off[..., 0])
        assert off.max() < 1e-3
        if space == "lch":
            assert got[..., 2].min() >= 0 and got[..., 2].max() <= 2 * np.pi + 1e-6
        # both clip or do not; inside the gamut that is the same
        assert np.abs(ops.convert_color(got, to="rgb", source=space) - np.clip(back(want), 0, 1)).max() < 1e-3


@pytest.mark.parametrize("space", [*SKIMAGE, "hsl", "cmyk"])
def test_convert_color_comes_back(photo, cube, space):
    for image in (photo, cube):
        if space == "hed":
            image = np.clip(image, 60, 200)  # stains cannot make every color: HED is cut at 0
            continue
        for v in (image, image.astype(np.uint16) * np.uint16(257), (image / 255).astype(np.float32)):
            back = ops.convert_color(ops.convert_color(v, to=space), to="rgb", source=space)
            assert np.abs(back - image / 255).max() < 1e-3
    stained = ops.convert_color(np.full((2, 2, 3), 0.3, np.float32), to="rgb", source="hed")
    again = ops.convert_color(ops.convert_color(stained, to="hed"), to="rgb", source="hed")
    assert np.abs(again - stained).max() < 1e-5


def test_hsl_is_colorsys_and_cmyk_closed():
    rng = np.random.default_rng(2)
    colors = np.concatenate([rng.random((50, 3)), np.eye(3), 1 - np.eye(3), [[0, 0, 0], [1, 1, 1], [0.4, 0.4, 0.4]]])
    image = colors.astype(np.float32)[None]
    hsl, cmyk = ops.convert_color(image, to="hsl")[0], ops.convert_color(image, to="cmyk")[0]
    for (r, g, b), ours, ink in zip(image[0].astype(float), hsl, cmyk, strict=True):
        h, lightness, s = colorsys.rgb_to_hls(r, g, b)
        assert np.abs(ours - [h, s, lightness]).max() < 1e-5
        k = 1 - max(r, g, b)
        want = [(1 - c - k) / (1 - k) if k < 1 else 0.0 for c in (r, g, b)]
        assert np.abs(ink - [*want, k]).max() < 1e-6


def test_convert_color_between_spaces_and_with_alpha(photo):
    rgba = rgba_of(photo)
    lab = ops.convert_color(rgba, to="lab")
    assert lab.shape == rgba.shape and np.allclose(lab[..., 3], rgba[..., 3] / 255)
    assert np.array_equal(lab[..., :3], ops.convert_color(photo, to="lab"))
    lch = ops.convert_color(lab, to="lch", source="lab")
    assert np.abs(lch[..., :3] - ops.convert_color(photo, to="lch"))[..., :2].max() < 1e-3
    cmyk = ops.convert_color(rgba, to="cmyk")
    assert cmyk.shape[2] == 5
    assert np.abs(ops.convert_color(cmyk, to="rgb", source="cmyk") - rgba / 255).max() < 1e-5
    gray = ops.convert_color(photo[..., 0], to="lab")
    assert np.abs(gray[..., 1:]).max() < 0.02
    assert np.allclose(ops.convert_color(photo, to="rgb"), photo / 255, atol=1e-7)
    out = ops.convert_color(Sample(photo, boxes=[[1, 2, 30, 40]]), to="hsv")
    assert out.image.dtype == np.float32 and len(out.instances) == 1


@pytest.mark.parametrize(
    ("name", "image", "params", "sentence"),
    [
        ("to_gray", np.zeros((4, 4, 2), np.uint8), {}, "to_gray: image must be gray, RGB or RGBA"),
        ("to_rgb", np.zeros((4, 4, 5), np.uint8), {}, "to_rgb: image must be gray, RGB or RGBA"),
        ("to_gray", np.zeros((4, 4, 3), np.uint8), {"weights": "bt602"}, "to_gray: weights must be one of"),
        ("to_gray", np.zeros((4, 4, 3), np.uint8), {"weights": (0.9, 0.9, 0.9)}, "to_gray: weights must be numbers"),
        ("to_rgba", np.zeros((4, 4, 3), np.uint8), {"alpha": 2.0}, "to_rgba: alpha must be a number from 0 to 1"),
        ("convert_color", np.zeros((4, 4, 3), np.uint8), {"to": "hsb"}, "convert_color: to must be one of .*'hsv'"),
        (
            "convert_color",
            np.zeros((4, 4, 3), np.uint8),
            {"to": "rgb", "source": "lab"},
            "convert_color: image must be float32 H W 3",
        ),
        ("convert_color", np.full((4, 4, 3), 2, np.float32), {"to": "lab"}, "convert_color: image must be within 0..1"),
    ],
)
def test_refusals(name, image, params, sentence):
    with pytest.raises(ParamError, match=sentence):
        getattr(ops, name)(image, **params)
