"""Thresholds agree with scikit-image and mahotas."""

import json

import numpy as np
import pytest

import opsin
from opsin import ops

pytest.importorskip("skimage")
from skimage import data, filters

SCALES = {"uint8": 255.0, "uint16": 65535.0, "float32": 1.0}
NAMES = {"otsu": "otsu", "ridler_calvard": "isodata", "li": "li", "yen": "yen", "triangle": "triangle"}
METHODS = [*NAMES, "multi_otsu", "adaptive", "sauvola"]
SOURCES = ("camera", "coins", "page", "moon", "text")


def gray(name: str, dtype: str = "uint8") -> np.ndarray:
    image = getattr(data, name)()
    return image if dtype == "uint8" else (image / 255.0 * SCALES[dtype]).astype(dtype)


@pytest.mark.parametrize("dtype", SCALES)
@pytest.mark.parametrize("method", NAMES)
def test_global_methods_are_scikit_images(method: str, dtype: str) -> None:
    """The same number and the same mask."""
    for source in SOURCES:
        image = gray(source, dtype)
        want = getattr(filters, f"threshold_{NAMES[method]}")(image)
        got = ops.threshold(image, method=method)
        assert got.level == pytest.approx(float(want), rel=1e-6)
        assert got.value == pytest.approx(float(want) / SCALES[dtype], rel=1e-6)
        assert got.dtype == np.bool_ and np.array_equal(got, image > want)


@pytest.mark.parametrize("source", SOURCES)
def test_otsu_and_ridler_calvard_are_mahotas(source: str) -> None:
    """Within one level of 255: mahotas does not round the same way."""
    mahotas = pytest.importorskip("mahotas")
    image = gray(source)
    assert abs(ops.threshold(image).level - mahotas.otsu(image)) <= 1
    assert abs(ops.threshold(image, method="ridler_calvard").level - mahotas.rc(image)) <= 1


@pytest.mark.parametrize("classes", [2, 3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_multi_otsu_is_scikit_images(classes: int, dtype: str) -> None:
    for source in SOURCES:
        image = gray(source, dtype)[:200]
        got = ops.threshold(image, method="multi_otsu", classes=classes)
        want = filters.threshold_multiotsu(image, classes)
        assert np.allclose(got.value, np.asarray(want) / SCALES[dtype], atol=1.01 / 255)  # they sum in float32
        assert between(image, got.level) >= between(image, want) - 1e-9
        assert np.array_equal(got.classes, np.digitize(image, got.level, right=True))
        assert np.array_equal(got, np.asarray(got.classes) > 0)


def between(image: np.ndarray, levels: np.ndarray) -> float:
    """What Otsu's method makes as large as it can: the variance between the classes' means."""
    kinds = np.digitize(image, levels, right=True)
    parts = [image[kinds == kind] for kind in np.unique(kinds)]
    return sum(part.size / image.size * (part.mean(dtype=float) - image.mean(dtype=float)) ** 2 for part in parts)


def test_multi_otsu_takes_many_classes_and_wide_pictures() -> None:
    """Eight levels with noise: eight classes find the seven borders between them, in 8 and in 16 bit."""
    rng = np.random.default_rng(0)
    kinds = rng.integers(0, 8, (120, 130))
    levels = 0.06 + 0.125 * kinds + rng.normal(0, 0.008, kinds.shape)
    for dtype in ("uint8", "uint16", "float32"):
        image = (levels * SCALES[dtype]).astype(dtype)
        got = ops.threshold(image, method="multi_otsu", classes=8)
        # floats are cut at the middle of one of 256 bins, so that a class may lose a few of its own
        assert np.mean(got.classes == kinds) >= (0.99 if dtype == "float32" else 1.0), dtype


@pytest.mark.parametrize("dtype", SCALES)
@pytest.mark.parametrize("window", [9, 35])
def test_local_methods_are_scikit_images(window: int, dtype: str) -> None:
    """Sauvola's dynamic range is half of full scale for every dtype (scikit-image: for whole numbers)."""
    scale = SCALES[dtype]
    for source in ("page", "coins"):
        image = gray(source, dtype)
        want = filters.threshold_local(image, window, offset=0.02 * scale)
        got = ops.threshold(image, method="adaptive", window=window, offset=0.02)
        assert np.array_equal(got, image > want)
        assert np.allclose(got.value, want / scale, atol=1e-6)
        want = filters.threshold_sauvola(image, window, k=0.15, r=scale / 2)
        got = ops.threshold(image, method="sauvola", window=window, k=0.15)
        assert np.array_equal(got, image > want)


def test_sauvola_reads_uneven_text_where_otsu_cannot() -> None:
    page = data.page()
    ink = {m: ~np.asarray(ops.threshold(page, method=m, window=25)) for m in ("otsu", "sauvola")}
    lower = (slice(100, None), slice(None, 120))  # the shadowed corner
    assert ink["otsu"][lower].mean() > 0.3 > 0.25 > ink["sauvola"][lower].mean() > 0.03


@pytest.mark.parametrize("method", METHODS)
def test_odd_pictures(method: str) -> None:
    rng = np.random.default_rng(7)
    for trial in range(60):
        dtype = list(SCALES)[trial % 3]
        shape = tuple(rng.integers(1, 9, 2))
        z = rng.random(shape)
        z = [z, np.full(shape, z.flat[0]), (z > 0.5) * 1.0, (z > 0.9) * 0.3 + 0.2, np.zeros(shape)][trial % 5]
        image = (z * SCALES[dtype]).astype(dtype)
        try:
            got = ops.threshold(image, method=method)
        except opsin.errors.ParamError as reason:
            assert method == "multi_otsu" and len(np.unique(image)) < 3
            assert "threshold: classes must be at most the picture's number of levels; got 3 for" in str(reason)
            continue
        assert got.shape == shape and got.dtype == np.bool_ and np.isfinite(got.value).all()
        if len(np.unique(image)) == 1 and method in NAMES:
            assert not got.any() and got.level == image.flat[0]


def test_color_is_read_as_brightness() -> None:
    rgb = data.astronaut()
    from PIL import Image

    assert np.array_equal(ops.threshold(rgb), ops.threshold(np.asarray(Image.fromarray(rgb).convert("L"))))


def test_refusals() -> None:
    image = gray("coins")
    with pytest.raises(opsin.errors.ParamError, match=r"threshold: window must be odd; got 10\. Use 11\."):
        ops.threshold(image, method="sauvola", window=10)
    with pytest.raises(opsin.errors.ParamError, match="Did you mean 'otsu'"):
        ops.threshold(image, method="otzu")
    with pytest.raises(opsin.errors.ParamError, match="must be finite"):
        ops.threshold(np.full((3, 3), np.nan, np.float32))


def test_the_result_is_a_mask_that_knows_its_threshold() -> None:
    image = gray("coins")
    got = ops.threshold(image)
    assert repr(got) == f"Mask(384 x 303, {got.fraction:.1%} true, otsu, value 0.4196)"
    assert np.asarray(got).dtype == np.bool_ and type(np.asarray(got)) is np.ndarray
    assert image[got].min() > got.level >= image[~got].max()
    plain = json.loads(json.dumps(got.to_dict()))
    assert plain["value"] == pytest.approx(107 / 255) and sum(plain["rle"]["counts"]) == image.size
    flat = np.zeros(image.size, bool)
    ends = np.cumsum(plain["rle"]["counts"])
    for start, end in zip(ends[::2], ends[1::2], strict=False):
        flat[start:end] = True
    assert np.array_equal(flat.reshape(image.shape[::-1]).T, got)
    for method in ("multi_otsu", "sauvola"):
        other = ops.threshold(image, method=method)
        json.dumps(other.to_dict())
        assert other.draw(image).shape == (*image.shape, 3)
    sample = ops.threshold(opsin.Sample(image))
    assert np.array_equal(sample.results["threshold"], got)
