"""inpaint and seamless_clone against OpenCV, scikit-image, sparse solves and the known picture in the hole."""

import numpy as np
import pytest

import opsin
from opsin import ops
from opsin.errors import ParamError
from opsin.kernels import membrane

pytest.importorskip("cv2", reason="needs the cv extra")
pytest.importorskip("skimage", reason="needs the cv extra")
import cv2
from scipy import ndimage, sparse
from scipy.sparse.linalg import spsolve
from skimage import data, restoration

METHODS = ["telea", "navier_stokes", "tv", "biharmonic", "dictionary"]


def picture(kind="rgb", dtype=np.uint8):
    color = {"gray": data.camera()[90:180, 160:280], "rgb": data.astronaut()[20:110, 160:280]}[kind]
    top = 1 if dtype == np.float32 else np.iinfo(dtype).max
    return (color / 255 * top + (0 if dtype == np.float32 else 0.5)).astype(dtype)


def scratches(shape):
    mask = np.zeros(shape, bool)
    for k in range(6):
        start = opsin.Rng(k).uniform("start", 0, 1, 2) * np.array(shape) * 0.7
        for t in np.linspace(0, 30, 120):
            y, x = (start + t * np.array([np.sin(k), np.cos(k)])).astype(int) % shape
            mask[max(0, y - 1) : y + 2, max(0, x - 1) : x + 1] = True
    return mask


def psnr_inside(a, b, mask):
    return -10 * np.log10(np.mean((a[mask].astype(float) - b[mask].astype(float)) ** 2) / 255**2)


@pytest.mark.parametrize("kind", ["gray", "rgb"])
@pytest.mark.parametrize("method,flag", [("telea", "INPAINT_TELEA"), ("navier_stokes", "INPAINT_NS")])
@pytest.mark.parametrize("radius", [2, 5.0])
def test_equal_to_opencv(kind, method, flag, radius):
    """Reference: cv2.inpaint on bytes, to the bit; 16 bit and floats near it (it rounds as it goes)."""
    image = picture(kind)
    mask = scratches(image.shape[:2])
    want = cv2.inpaint(image, mask.astype(np.uint8), radius, getattr(cv2, flag))
    assert np.array_equal(ops.inpaint(image, mask, method=method, radius=radius), want)
    for dtype, top in ((np.uint16, 65535), (np.float32, 1.0)):
        got = ops.inpaint(picture(kind, dtype), mask, method=method, radius=radius)
        assert got.dtype == dtype
        difference = np.abs(got / top * 255 - want)[mask]
        assert difference.mean() < 2 and np.quantile(difference, 0.99) < 8


def test_biharmonic_equals_scikit_image():
    """Reference: skimage.restoration.inpaint_biharmonic; 1e-5."""
    image = picture("rgb", np.float32)
    mask = scratches(image.shape[:2])
    want = restoration.inpaint_biharmonic(image, mask, channel_axis=-1)
    assert np.abs(ops.inpaint(image, mask, method="biharmonic") - want).max() < 1e-4


def test_tv_is_a_minimum():
    """The filling's total variation is below that of every other method's filling and of small changes to it."""
    image = picture("gray", np.float32)
    mask = np.zeros(image.shape, bool)
    mask[30:42, 50:64] = True

    def variation(u):
        gy, gx = np.diff(u, axis=0)[:, :-1], np.diff(u, axis=1)[:-1]
        return np.hypot(gy, gx).sum()

    best = ops.inpaint(image, mask, method="tv")
    least = variation(best)
    for method in ("telea", "biharmonic", "dictionary"):
        assert variation(ops.inpaint(image, mask, method=method)) >= least - 1e-3
    for k in range(3):
        bump = ndimage.gaussian_filter(opsin.Rng(k).normal("bump", 0, 0.05, image.shape), 1.5)
        assert variation(best + np.where(mask, bump, 0)) >= least


def test_tv_continues_an_edge():
    step = np.zeros((40, 60, 3), np.uint8)
    step[:, 30:] = (200, 150, 90)
    mask = np.zeros((40, 60), bool)
    mask[15:25, 22:38] = True
    assert np.abs(ops.inpaint(step, mask, method="tv").astype(int) - step).max() <= 4


@pytest.mark.parametrize("method", METHODS)
def test_quality_inside_the_hole(method):
    """Reference: the picture before it was scratched; what filling with the mean color gives, and 6 dB more."""
    image = picture()[:64, :80].copy()
    mask = scratches(image.shape[:2])
    broken = image.copy()
    broken[mask] = 255
    got = ops.inpaint(broken, mask, method=method)
    assert np.array_equal(got[~mask], image[~mask])
    flat = np.broadcast_to(image[~mask].mean(axis=0), image.shape)
    assert psnr_inside(got, image, mask) > psnr_inside(flat, image, mask) + 6


def test_dictionary_knows_texture():
    """Bricks with a fifth of the pixels gone: patches learned from the rest do better than shading."""
    image = data.brick()[:120, :120].copy()
    mask = opsin.Rng(9).uniform("gone", 0, 1, image.shape) < 0.2
    mask[40:46, 30:90] = True
    broken = np.where(mask, 0, image).astype(np.uint8)
    texture, shade = (ops.inpaint(broken, mask, method=m) for m in ("dictionary", "telea"))
    assert psnr_inside(texture, image, mask) > psnr_inside(shade, image, mask)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_odd_inputs(method, dtype):
    rgba = np.dstack([picture("rgb", dtype), picture("gray", dtype)])[:30, :40]
    mask = np.zeros((30, 40), bool)
    mask[0:6, 0:5] = True  # a corner
    mask[12:14] = True  # across the whole picture
    got = ops.inpaint(rgba, mask, method=method)
    assert got.dtype == dtype and np.array_equal(got[~mask], rgba[~mask]) and np.array_equal(got[..., 3], rgba[..., 3])
    assert np.array_equal(ops.inpaint(rgba, np.zeros((30, 40), bool), method=method), rgba)
    bands = np.dstack([rgba, rgba[..., :1]])
    assert ops.inpaint(bands, mask, method=method).shape == (30, 40, 5)
    lone = np.zeros((1, 3), bool)
    lone[0, 1] = True
    flat = np.full((1, 3), 100 if dtype != np.float32 else 0.4, dtype)
    assert np.allclose(ops.inpaint(flat, lone, method=method), flat, atol=1e-3 if dtype == np.float32 else 1)
    almost = np.ones((9, 11), bool)
    almost[4, 4] = False
    assert np.isfinite(ops.inpaint(rgba[:9, :11], almost, method=method)).all()


def test_poisson_solver_equals_a_direct_solve():
    """Reference: scipy.sparse.linalg.spsolve on the five-point equations over ragged regions; 1e-6."""
    for k, shape in enumerate([(17, 23), (40, 31), (1, 12), (9, 1)]):
        rng = opsin.Rng(k)
        mask = ndimage.gaussian_filter(rng.normal("mask", 0, 1, shape), 1.2) > -0.1
        mask[0, 0] = False
        given, source = rng.normal("given", 0, 1, shape), rng.normal("source", 0, 1, shape)
        labels, count = ndimage.label(mask)
        for n in range(1, count + 1):  # a part without a known neighbor would have no unique solution
            assert (ndimage.binary_dilation(labels == n) & ~mask).any()
        index = np.cumsum(mask.ravel()).reshape(shape) - 1
        rows, columns, entries, right = [], [], [], np.zeros(mask.sum())
        for y, x in zip(*np.nonzero(mask), strict=True):
            i = index[y, x]
            right[i] += source[y, x]
            near = [(y + a, x + b) for a, b in ((0, 1), (1, 0), (0, -1), (-1, 0))]
            near = [(a, b) for a, b in near if 0 <= a < shape[0] and 0 <= b < shape[1]]
            rows.append(i), columns.append(i), entries.append(len(near))
            for a, b in near:
                if mask[a, b]:
                    rows.append(i), columns.append(index[a, b]), entries.append(-1.0)
                else:
                    right[i] += given[a, b]
        want = np.array(given)
        want[mask] = spsolve(sparse.csr_array((entries, (rows, columns))).tocsc(), right)
        assert np.abs(membrane.solve(mask, given, source) - want).max() < 1e-5


def disk(h, w, share=0.44):
    y, x = np.mgrid[:h, :w]
    return ((y - h / 2 + 0.5) / h) ** 2 + ((x - w / 2 + 0.5) / w) ** 2 < share**2


@pytest.mark.parametrize("gradients", ["patch", "mixed"])
def test_clone_solves_the_equation(gradients):
    """Closed form: inside the mask the sums of differences are the guidance's (1e-4); outside nothing changes."""
    image = (data.coffee()[50:200, 100:300] / 255).astype(np.float32)
    patch = (data.chelsea()[80:160, 130:230] / 255).astype(np.float32)
    mask = disk(80, 100)
    got = ops.seamless_clone(image, patch, mask, left=40, top=30, gradients=gradients)
    big = np.zeros(image.shape[:2], bool)
    big[30:110, 40:140] = mask
    assert np.array_equal(got[~big], image[~big])
    f, d, g = got[30:110, 40:140].astype(float), image[30:110, 40:140].astype(float), patch.astype(float)
    rest = np.zeros_like(f)
    for axis in (0, 1):
        for shift in (1, -1):
            df, dd, dg = (v - np.roll(v, shift, axis) for v in (f, d, g))
            rest += df - (np.where(np.abs(dd) > np.abs(dg), dd, dg) if gradients == "mixed" else dg)
    assert np.abs(rest[mask]).max() < 1e-4


@pytest.mark.parametrize("gradients,flag", [("patch", "NORMAL_CLONE"), ("mixed", "MIXED_CLONE")])
def test_clone_agrees_with_opencv(gradients, flag):
    """Reference: cv2.seamlessClone, which meets the picture about four pixels further in (it erodes the mask) and lets
    its correction leak through the mask's bounding box; on a calm background 4 levels on average."""
    y, x = np.mgrid[:160, :200]
    image = np.dstack([60 + 0.5 * x, 90 + 0.3 * y, 140 - 0.2 * x + 0.1 * y]).astype(np.uint8)
    patch = np.full((90, 110, 3), 180, np.uint8)
    patch[25:65, 30:80] = data.chelsea()[100:140, 150:200]
    patch = cv2.GaussianBlur(patch, (0, 0), 1.0)
    mask = np.zeros((90, 110), bool)
    mask[5:85, 5:105] = True
    want = cv2.seamlessClone(patch, image, mask.astype(np.uint8) * 255, (40 + 55, 30 + 45), getattr(cv2, flag))
    got = ops.seamless_clone(image, patch, mask, left=40, top=30, gradients=gradients)
    difference = np.abs(got.astype(int) - want)[30:120, 40:150]
    assert difference.mean() < 4 and np.abs(got.astype(int) - want)[:30].max() == 0


def test_clone_of_a_constant_shift_is_the_picture():
    """Closed form: a patch that is the picture, darker everywhere, changes nothing."""
    image = data.astronaut()[:90, 100:220]
    patch = (image[20:70, 30:90] * 1.0 - 20).clip(0, 255)
    patch[patch <= 0] = 0
    floats = (image / 255).astype(np.float32)
    got = ops.seamless_clone(floats, floats[20:70, 30:90] - 0.2, disk(50, 60), left=30, top=20)
    assert np.abs(got - floats).max() < 1e-5


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_clone_dtypes_alpha_edges(dtype):
    rgba = np.dstack([picture("rgb", dtype), picture("gray", dtype)])
    patch = data.coffee()[100:150, 200:260]
    mask = np.ones((50, 60), bool)  # up to the picture's corner: no neighbor there
    got = ops.seamless_clone(rgba, patch, mask, left=60, top=40)
    assert got.dtype == dtype and np.array_equal(got[..., 3], rgba[..., 3])
    assert np.array_equal(got[:40], rgba[:40]) and not np.array_equal(got[40:, 60:], rgba[40:, 60:])
    gray = ops.seamless_clone(rgba[..., 0].copy(), patch[..., 0].copy(), mask, left=0, top=0)
    assert gray.shape == rgba.shape[:2]
    color = ops.seamless_clone(rgba, patch[..., 0].copy(), mask, left=0, top=0)
    assert color.shape == rgba.shape


def test_refusals():
    image = picture()
    mask = np.zeros(image.shape[:2], bool)
    for call, text in [
        (lambda: ops.inpaint(image, mask[:5]), "inpaint: mask must be 90 x 120, the picture's height and width"),
        (lambda: ops.inpaint(image, ~mask), "inpaint: mask must be False somewhere; got True everywhere"),
        (lambda: ops.inpaint(image, mask.astype(np.uint8)), "inpaint: mask must be a bool array H W"),
        (lambda: ops.inpaint(image, mask, method="magic"), "inpaint: method must be one of"),
        (lambda: ops.seamless_clone(image, image[:9, :9], mask, left=0, top=0), "mask must be 9 x 9, the patch's"),
        (
            lambda: ops.seamless_clone(image, image[:9, :9], ~mask[:9, :9], left=115, top=0),
            "seamless_clone: left must be at most 111, so that the patch fits; got 115",
        ),
        (lambda: ops.seamless_clone(image, image, ~mask, left=0, top=0), "mask must be smaller than the picture"),
        (
            lambda: ops.seamless_clone(image[..., 0].copy(), image, ~mask, left=0, top=0),
            "seamless_clone: patch must be a picture of 1 color channel",
        ),
    ]:
        with pytest.raises(ParamError, match=text):
            call()
