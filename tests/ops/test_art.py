"""Looks against scikit-image, OpenCV's recipe step by step, the papers' formulas and NumPy."""

import gc
import tracemalloc

import numpy as np
import pytest

import opsin
from opsin import ops
from opsin.errors import DecodeError, ParamError

pytest.importorskip("cv2", reason="needs the cv extra")
pytest.importorskip("skimage", reason="needs the cv extra")
pytest.importorskip("scipy", reason="needs the cv extra")
import cv2
from scipy import ndimage
from skimage import data, exposure

DTYPES = [np.uint8, np.uint16, np.float32]


def cast(image, dtype):
    top = 1 if dtype == np.float32 else np.iinfo(dtype).max
    return (image / 255 * top + (0 if dtype == np.float32 else 0.5)).astype(dtype)


def rgb(dtype=np.uint8):
    return cast(data.astronaut()[20:131, 150:290], dtype)


def gray(dtype=np.uint8):
    return cast(data.camera()[90:201, 150:290], dtype)


def top_of(dtype):
    return 1.0 if dtype == np.float32 else float(np.iinfo(dtype).max)


# --- match_histogram ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", DTYPES)
def test_match_histogram_equals_scikit_image(dtype):
    """Reference: skimage.exposure.match_histograms; 1 level (it cuts, we round), floats 1e-6."""
    other = data.coffee()[:200, :250]
    one = (gray(dtype), cast(other[..., 1], dtype), None)
    for image, reference, axis in ((rgb(dtype), cast(other, dtype), -1), one):
        want = exposure.match_histograms(image, reference, channel_axis=axis)
        got = ops.match_histogram(image, reference)
        assert got.dtype == dtype
        assert np.abs(got.astype(float) - want).max() <= (1e-6 if dtype == np.float32 else 1.0)


def test_match_histogram_across_depths_and_channels():
    image, reference = rgb(), data.coffee()
    want = ops.match_histogram(image, reference).astype(int)
    assert np.abs(ops.match_histogram(image, cast(reference, np.uint16)) - want).max() <= 1
    assert np.abs(ops.match_histogram(image, cast(reference, np.float32)) - want).max() <= 1
    rgba = np.dstack([image, gray()])
    assert np.array_equal(ops.match_histogram(rgba, reference)[..., 3], gray())
    assert np.array_equal(ops.match_histogram(rgba, reference)[..., :3], want)
    same = ops.match_histogram(image, gray())  # gray serves for color
    assert np.array_equal(same[..., 1], ops.match_histogram(image[..., 1].copy(), gray()))
    assert np.array_equal(ops.match_histogram(image, image), image)
    with pytest.raises(ParamError, match="match_histogram: reference must be a picture of 1 color channel"):
        ops.match_histogram(gray(), reference)


# --- cartoon -----------------------------------------------------------------------------------------------------
def recipe(image, levels=2, edge=9, passes=7):
    """The published recipe with OpenCV's functions."""
    small = image
    for _ in range(levels):
        small = cv2.pyrDown(small)
    for _ in range(passes):
        small = cv2.bilateralFilter(small, 9, 25.5, 7)
    for _ in range(levels):
        small = cv2.pyrUp(small)
    small = cv2.resize(small, image.shape[1::-1])
    lines = cv2.medianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), 7)
    lines = cv2.adaptiveThreshold(lines, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, edge, 2)
    return cv2.bitwise_and(small, cv2.cvtColor(lines, cv2.COLOR_GRAY2RGB)), lines


@pytest.mark.parametrize("levels,edge", [(2, 9), (0, 5), (1, 15)])
def test_cartoon_is_the_recipe(levels, edge):
    """Reference: OpenCV step by step on bytes; brightness may round otherwise, which moves under 1 % of the ink."""
    image = data.astronaut()[:240, 100:356].copy()
    want, lines = recipe(image, levels, edge)
    got = ops.cartoon(image, levels=levels, edge=edge)
    ink = (got == 0).all(axis=2)
    assert np.mean(ink != (lines == 0)) < 0.01
    both = ~ink & (lines > 0)
    assert np.abs(got[both].astype(int) - want[both]).max() <= 1


def test_cartoon_dtypes():
    base = ops.cartoon(rgb())
    for dtype in (np.uint16, np.float32):
        got = ops.cartoon(rgb(dtype))
        assert got.dtype == dtype
        assert np.mean(np.abs(got / top_of(dtype) * 255 - base) > 3) < 0.05  # ink at the limit
    rgba = np.dstack([rgb(), gray()])
    assert np.array_equal(ops.cartoon(rgba)[..., :3], base) and np.array_equal(ops.cartoon(rgba)[..., 3], gray())
    bands = np.dstack([rgb(), gray(), gray()])
    assert ops.cartoon(bands).shape == bands.shape
    for shape in ((1, 1), (1, 7, 3), (2, 3), (5, 5, 1)):
        assert ops.cartoon(np.full(shape, 90, np.uint8)).shape == shape
    with pytest.raises(ParamError, match=r"cartoon: edge must be odd; got 8\. Use 9\."):
        ops.cartoon(rgb(), edge=8)


# --- sketch ------------------------------------------------------------------------------------------------------
def formula(method, b, sigma):
    def g(s):
        return ndimage.gaussian_filter(b, s, mode="mirror", truncate=4)

    if method == "dodge":
        inverted = ndimage.gaussian_filter(1 - b, sigma, mode="mirror", truncate=4)
        return np.minimum(1, b / np.maximum(1 - inverted, 1e-9))
    if method == "dog":
        d = g(sigma) - 0.98 * g(1.6 * sigma)
        return np.where(d >= 0, 1, 1 + np.tanh(200 * d))
    if method == "xdog":
        d = 21 * g(sigma) - 20 * g(1.6 * sigma) - 0.5
        return np.where(d >= 0, 1, 1 + np.tanh(10 * d))
    for _ in range(max(1, round(sigma**2 / 2 / 0.2))):
        p = np.pad(b, 1, mode="edge")
        sides = [p[:-2, 1:-1] - b, p[2:, 1:-1] - b, p[1:-1, :-2] - b, p[1:-1, 2:] - b]
        b = b + 0.2 * sum(np.exp(-((d / 0.06) ** 2)) * d for d in sides)
    gy, gx = np.gradient(np.pad(b, 1, mode="edge"))
    return np.exp(-((gx**2 + gy**2)[1:-1, 1:-1] / 0.06**2))


PENCILS = [("dodge", 7), ("dodge", 2.5), ("dog", 1), ("xdog", 0.8), ("xdog", 2), ("diffusion", 2)]


@pytest.mark.parametrize("method,sigma", PENCILS)
def test_sketch_is_the_formula(method, sigma):
    """Reference: the papers' formulas with SciPy's Gaussian in float64; 2e-3 (dog multiplies rounding by 200)."""
    image = rgb(np.float32)
    b = image.astype(float) @ [0.299, 0.587, 0.114]
    want = formula(method, b, sigma)
    got = ops.sketch(image, method=method, sigma=sigma)
    assert np.abs(got - np.clip(want, 0, 1)[..., None]).max() < 2e-3
    assert want.std() > 0.03
    for dtype in (np.uint8, np.uint16):
        small = ops.sketch(rgb(dtype), method=method, sigma=sigma)
        assert small.dtype == dtype and np.abs(small / top_of(dtype) - got).max() < 1.1 / 255


@pytest.mark.parametrize("method", ["dodge", "dog", "xdog", "diffusion"])
def test_sketch_on_odd_pictures(method):
    rgba = np.dstack([rgb(), gray()])
    got = ops.sketch(rgba, method=method)
    assert np.array_equal(got[..., 3], gray()) and np.array_equal(got[..., 0], got[..., 2])
    assert np.array_equal(got[..., :3], ops.sketch(rgb(), method=method))
    for shape in ((1, 1), (1, 7, 3), (2, 3), (5, 5, 1), (4, 4, 5)):
        assert ops.sketch(np.zeros(shape, np.uint8), method=method).shape == shape
    assert (ops.sketch(np.full((20, 20), 200, np.uint8), method=method) == 255).all()


# --- pixelate ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("size", [1, 2, 3, 7, 16, 500])
@pytest.mark.parametrize("dtype", DTYPES)
def test_pixelate_equals_opencv(size, dtype):
    """Reference: cv2.resize INTER_LINEAR to W // size x H // size, then INTER_NEAREST; 1 level (3 % at seams)."""
    for image in (rgb(dtype), gray(dtype)[:96, :128].copy()):
        h, w = image.shape[:2]
        small = cv2.resize(image, (max(1, w // size), max(1, h // size)), interpolation=cv2.INTER_LINEAR)
        want = cv2.resize(small, (w, h), interpolation=cv2.INTER_NEAREST)
        got = ops.pixelate(image, size=size)
        wrong = np.abs(got.astype(float) - want) > (1e-5 if dtype == np.float32 else 1)
        # where a seam falls on a pixel's edge, its last bit decides in OpenCV
        assert got.dtype == dtype and (wrong.mean() < 0.03 if min(h, w) % size else not wrong.any())


@pytest.mark.parametrize("dtype", DTYPES)
def test_pixelate_does_not_mix_colors_that_cannot_be_seen(dtype):
    """Reference: the definition on premultiplied color in float64; 1 level."""
    color = rgb(dtype)[:90, :120]
    alpha = np.full(color.shape[:2], top_of(dtype), dtype)
    alpha[20:61, 33:70] = 0
    alpha[61:75, 33:70] = dtype(top_of(dtype) * 0.4)
    image = np.dstack([color, alpha])
    got = ops.pixelate(image, size=6)
    hidden = image.copy()
    hidden[alpha == 0, :3] = 0
    np.testing.assert_array_equal(got, ops.pixelate(hidden, size=6))
    unit = image.astype(float) / top_of(dtype)
    unit[..., :3] *= unit[..., 3:]
    small = cv2.resize(unit, (20, 15), interpolation=cv2.INTER_LINEAR)
    small[..., :3] /= np.maximum(small[..., 3:], 1e-9)
    want = cv2.resize(small, (120, 90), interpolation=cv2.INTER_NEAREST) * top_of(dtype)
    assert np.abs(got - want).max() <= (1e-5 if dtype == np.float32 else 1)
    opaque = np.dstack([color, np.full_like(alpha, top_of(dtype))])
    assert np.abs(ops.pixelate(opaque, size=7)[..., :3].astype(float) - ops.pixelate(color, size=7)).max() <= (
        1e-6 if dtype == np.float32 else 1
    )


# --- long_exposure -----------------------------------------------------------------------------------------------
def clip(dtype, count=7):
    values = opsin.Rng(1).uniform("frames", -0.2 if dtype == np.float32 else 0, 1, (count, 20, 30, 3))
    return (values * top_of(dtype)).astype(dtype)


@pytest.mark.parametrize("count", [1, 2, 7])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("method", ["mean", "max", "min", "median"])
def test_long_exposure_equals_numpy(method, dtype, count):
    """Reference: NumPy over the stacked frames in float64; half a level, floats 1e-6."""
    frames = clip(dtype, count)
    want = getattr(np, method)(frames.astype(float), axis=0)
    for given in (frames, list(frames), iter(frames), (f for f in frames)):
        got = ops.long_exposure(given, method=method)
        assert got.dtype == dtype and got.shape == frames.shape[1:]
        assert np.abs(got - want).max() <= (1e-6 if dtype == np.float32 else 0.5)


@pytest.mark.parametrize("method", ["mean", "max", "median"])
def test_long_exposure_memory_does_not_grow(method):
    def peak(count):
        frames = (np.full((200, 300, 3), k % 251, np.uint8) for k in range(count))
        gc.collect()
        tracemalloc.start()
        ops.long_exposure(frames, method=method)
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    peak(2)
    assert peak(60) < 1.1 * peak(6)


def test_long_exposure_reads_a_folder(tmp_path):
    frames = clip(np.uint8, 11)
    for k, frame in enumerate(frames):
        opsin.write(frame, tmp_path / f"frame{k}.png")
    (tmp_path / "notes.txt").write_text("no picture")
    want = ops.long_exposure(frames)
    assert np.array_equal(ops.long_exposure(tmp_path), want)
    assert np.array_equal(ops.long_exposure(str(tmp_path)), want)
    assert np.array_equal(ops.long_exposure([tmp_path / f"frame{k}.png" for k in range(11)]), want)
    assert np.array_equal(ops.long_exposure(tmp_path, method="median"), ops.long_exposure(frames, method="median"))
    from opsin.io.clip import frames as in_order

    assert np.array_equal(np.stack(list(in_order(tmp_path))), frames)  # 2 before 10
    (tmp_path / "empty").mkdir()
    with pytest.raises(DecodeError, match="the folder holds no picture"):
        ops.long_exposure(tmp_path / "empty")


def test_long_exposure_reads_a_clip(tmp_path):
    av = pytest.importorskip("av")
    path = tmp_path / "clip.mkv"
    y, x = np.mgrid[:64, :96]
    frames = [np.dstack([x * 2, y * 3, np.full_like(x, 20 * k)]).astype(np.uint8) for k in range(9)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "bgr0"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    for method in ("mean", "max", "median"):
        assert np.array_equal(ops.long_exposure(path, method=method), ops.long_exposure(frames, method=method))
    (tmp_path / "broken.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(200))
    with pytest.raises(DecodeError, match=r"broken\.mp4: "):
        ops.long_exposure(tmp_path / "broken.mp4")


def test_long_exposure_refusals(tmp_path):
    image = rgb()
    for given, text in [
        ([], "long_exposure: frames must be at least one picture; got none"),
        (iter([]), "at least one picture"),
        ([image, image[1:]], r"as the first one; got uint8 of shape \(110, 140, 3\) as number 2"),
        ([image, cast(image, np.uint16)], "all uint8 of shape"),
        (gray(), "frames must be N H W or N H W C"),
        (np.zeros((0, 4, 4), np.uint8), "N at least 1"),
        ([[1, 2], [3, 4]], "frames must be a NumPy array H W or H W C"),
        (7, "frames must be pictures of one size; got 7"),
    ]:
        with pytest.raises(ParamError, match=text):
            ops.long_exposure(given)
    with pytest.raises(DecodeError, match="there is no such file"):
        ops.long_exposure(tmp_path / "nothing.mp4")
