"""k-means and self-organising maps: as good as OpenCV's and minisom's, and the same on every machine."""

import numpy as np
import pytest

import opsin
from opsin import ops
from opsin.kernels.palette import Palette, nearest

pytest.importorskip("skimage")
from skimage import data

PHOTOS = {
    "astronaut": data.astronaut()[::6, ::6],
    "coffee": data.coffee()[::6, ::6],
    "chelsea": data.chelsea()[::5, ::5],
}


def gaps(image: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """The distance of every pixel to its nearest center, in float64."""
    points = image.reshape(-1, image.shape[-1]) / 255.0
    return np.sqrt(((points[:, None, :] - centers[None]) ** 2).sum(axis=2).min(axis=1))


def test_nearest_is_the_nearest() -> None:
    rng = np.random.default_rng(0)
    for count, dims in ((1, 1), (7, 3), (300, 5)):
        points = (rng.random((1000, dims)) + 50).astype(np.float32)  # far from zero, where float32 is coarse
        centers = rng.random((count, dims)) + 50
        number, distance = nearest(points, centers)
        exact = ((points[:, None].astype(float) - centers.astype(np.float32)[None]) ** 2).sum(axis=2)
        assert np.allclose(exact[np.arange(1000), number], exact.min(axis=1), atol=1e-4)
        assert np.allclose(distance, exact.min(axis=1), atol=1e-4)


def test_a_palette_counts_colors() -> None:
    image = data.astronaut()[:50, :60]
    palette = Palette.of(image)
    assert palette.weights.sum() == image.shape[0] * image.shape[1]
    back = palette.colors[palette.spread(np.arange(len(palette.colors)))]
    assert np.array_equal(np.rint(back * 255).astype(np.uint8), image)
    some, weights = palette.some(500, opsin.Rng(3))
    assert len(some) <= 500 and weights.sum() == 500
    # the sample's mean is the picture's
    assert np.allclose(weights @ some / 500, palette.weights @ palette.colors / palette.weights.sum(), atol=0.02)


@pytest.mark.parametrize("clusters", [3, 8, 16])
def test_kmeans_is_as_good_as_opencvs(clusters: int) -> None:
    """Mean squared distance within 1 % of OpenCV's best of ten."""
    cv2 = pytest.importorskip("cv2")
    for image in PHOTOS.values():
        points = (image.reshape(-1, 3) / 255).astype(np.float32)
        cv2.setRNGSeed(1)
        criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_COUNT, 100, 1e-5)
        theirs = cv2.kmeans(points, clusters, None, criteria, 10, cv2.KMEANS_PP_CENTERS)[0] / len(points)
        found = ops.kmeans_segment(image, clusters=clusters)
        assert (gaps(image, found.centers) ** 2).mean() <= theirs * 1.01
        own = found.centers[np.asarray(found)] - image / 255.0
        assert np.allclose((own**2).sum(axis=2).mean(), (gaps(image, found.centers) ** 2).mean(), rtol=1e-4)


def test_kinds_run_from_dark_to_bright_and_do_not_depend_on_dtype() -> None:
    image = PHOTOS["coffee"]
    found = ops.kmeans_segment(image, clusters=5)
    assert (np.diff(found.centers.sum(axis=1)) > 0).all() and found.background is None
    for other in (image.astype(np.uint16) * 257, (image / 255).astype(np.float32)):
        assert np.mean(np.asarray(ops.kmeans_segment(other, clusters=5)) == np.asarray(found)) > 0.99
    gray = ops.kmeans_segment(image[..., 0], clusters=3)
    assert gray.centers.shape == (3, 1) and gray.shape == image.shape[:2]
    rgba = np.dstack([image, image[..., 0]])
    assert np.array_equal(ops.kmeans_segment(rgba, clusters=5), found)
    assert ops.kmeans_segment(rgba, clusters=5, channels="bands").centers.shape == (5, 4)


@pytest.mark.parametrize(("rows", "columns"), [(1, 2), (1, 3), (2, 3), (1, 8), (1, 16), (3, 3), (4, 4)])
def test_maps_are_as_good_as_minisoms(rows: int, columns: int) -> None:
    """Quantisation error (mean distance) no worse than a map trained color by color for 10,000 steps."""
    minisom = pytest.importorskip("minisom")
    for image in PHOTOS.values():
        points = image.reshape(-1, 3) / 255.0
        theirs = minisom.MiniSom(rows, columns, 3, sigma=1.0, learning_rate=0.5, random_seed=0)
        theirs.random_weights_init(points)
        theirs.train(points, 10_000, random_order=True)
        ours = ops.som_segment(image, rows=rows, columns=columns)
        assert gaps(image, ours.centers).mean() <= theirs.quantization_error(points)


def test_neighbors_on_the_map_look_alike() -> None:
    """What makes a map of it: neighbors are nearer to each other than other nodes are."""
    for image in PHOTOS.values():
        nodes = ops.som_segment(image, rows=1, columns=12).centers
        between = np.sqrt(((nodes[:, None] - nodes[None]) ** 2).sum(axis=2))
        assert between[np.arange(11), np.arange(1, 12)].mean() < 0.6 * between[np.triu_indices(12, 1)].mean()
    grid = ops.som_segment(PHOTOS["astronaut"], rows=4, columns=5).centers.reshape(4, 5, 3)
    beside = np.concatenate([np.diff(grid, axis=0).reshape(-1, 3), np.diff(grid, axis=1).reshape(-1, 3)])
    flat = grid.reshape(-1, 3)
    every = np.sqrt(((flat[:, None] - flat[None]) ** 2).sum(axis=2))[np.triu_indices(20, 1)]
    assert np.sqrt((beside**2).sum(axis=1)).mean() < 0.75 * every.mean()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("colors", [1, 2, 7, 32])
def test_quantised_pictures_have_few_colors_and_little_error(colors: int, dtype: str) -> None:
    """Not worse than Pillow's median cut by squared error."""
    from PIL import Image

    photo = PHOTOS["chelsea"]
    scale = {"uint8": 1.0, "uint16": 257.0, "float32": 1 / 255}[dtype]
    image = (photo * scale).astype(dtype)
    out = ops.som_quantize(image, colors=colors)
    assert out.dtype == image.dtype and out.shape == image.shape
    assert len(np.unique(out.reshape(-1, 3), axis=0)) <= colors
    cut = np.asarray(Image.fromarray(photo).quantize(colors, Image.Quantize.MEDIANCUT).convert("RGB"))
    assert ((out / scale - photo) ** 2).mean() <= ((cut * 1.0 - photo) ** 2).mean() * 1.001
    rgba = np.dstack([image, image[..., 1]])
    assert np.array_equal(ops.som_quantize(rgba, colors=colors)[..., 3], rgba[..., 3])


def test_equal_calls_give_equal_results_and_seeds_matter_only_where_they_may() -> None:
    image = np.kron(data.astronaut()[::2, ::2], np.ones((1, 2, 1), np.uint8))  # more colors than are learned from
    noisy = np.clip(image + np.random.default_rng(0).integers(-9, 10, image.shape), 0, 255).astype(np.uint8)
    for name, words in (
        ("kmeans_segment", {"clusters": 6}),
        ("som_segment", {"rows": 2, "columns": 3, "iterations": 5}),
        ("som_quantize", {"colors": 6, "iterations": 5}),
    ):
        fn = getattr(ops, name)
        first = np.asarray(fn(noisy, **words))
        assert np.array_equal(first, fn(noisy, **words))
        assert np.mean(first == np.asarray(fn(noisy, seed=5, **words))) > 0.5


def test_odd_pictures() -> None:
    rng = np.random.default_rng(1)
    for shape in ((1, 1), (2, 1), (3, 4), (1, 1, 3), (2, 3, 4), (2, 2, 6), (4, 4, 1)):
        for dtype, top in (("uint8", 255), ("uint16", 65535), ("float32", 1.0)):
            for image in ((rng.random(shape) * top).astype(dtype), np.zeros(shape, dtype), np.full(shape, top, dtype)):
                found = ops.kmeans_segment(image, clusters=5)
                assert found.shape == shape[:2] and found.max() < 5 and np.isfinite(found.centers).all()
                assert found.count == len(np.unique(found))
                mapped = ops.som_segment(image, rows=2, columns=3)
                assert mapped.centers.shape[0] == 6 and np.isfinite(mapped.centers).all()
                out = ops.som_quantize(image, colors=300, iterations=3)
                assert out.shape == shape and out.dtype == image.dtype
                if len(np.unique(image)) == 1 and dtype != "float32":
                    assert np.array_equal(out, image)
    with pytest.raises(opsin.errors.ParamError, match="kmeans_segment: clusters must be a whole number from 1"):
        ops.kmeans_segment(np.zeros((3, 3), np.uint8), clusters=0)
