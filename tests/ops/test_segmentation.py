"""Superpixels, GrabCut and skin agree with their references and with labeled pixels."""

import json
from pathlib import Path

import numpy as np
import pytest

import opsin
from opsin import ops
from opsin.kernels.mixture import Mixture, fit_mixture

pytest.importorskip("cv2")
pytest.importorskip("skimage")
import cv2
from scipy import ndimage
from skimage import data, segmentation

ParamError = opsin.errors.ParamError


# --- superpixels --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("regions", "compactness"), [(40, 10.0), (150, 30.0)])
def test_slic_is_scikit_images(regions: int, compactness: float) -> None:
    image = data.astronaut()[:160, 100:300]
    got = ops.slic(image, regions=regions, compactness=compactness)
    want = segmentation.slic(image, n_segments=regions, compactness=compactness, start_label=1)
    assert np.array_equal(got, want) and got.min() == 1
    assert np.array_equal(ops.slic(np.dstack([image, image[..., 0]]), regions=regions, compactness=compactness), want)
    gray = image[..., 0]
    want = segmentation.slic(gray, regions, compactness / 50, start_label=1, channel_axis=None)
    assert np.array_equal(ops.slic(gray, regions=regions, compactness=compactness / 50), want)
    for patch in got.ids[:20]:
        assert ndimage.label(got.mask_of(patch))[1] == 1


def test_odd_superpixels() -> None:
    rng = np.random.default_rng(0)
    for trial in range(60):
        shape = tuple(rng.integers(1, 9, 2)) + ((), (1,), (3,), (4,), (6,))[trial % 5]
        image = (rng.random(shape) * (trial % 4 > 0)).astype(np.float32)
        got = ops.slic(image, regions=int(rng.integers(1, 200)), compactness=0.5)
        assert got.shape == shape[:2] and got.min() >= 1 and got.dtype == np.int32


# --- GrabCut ------------------------------------------------------------------------------------------------------
def test_grabcut_is_opencvs() -> None:
    image = data.astronaut()[::2, ::2]
    box = (30.0, 2.6, 165.0, 250.0)
    state = np.zeros(image.shape[:2], np.uint8)
    cv2.setRNGSeed(0)
    cv2.grabCut(image, state, (30, 3, 135, 247), np.zeros((1, 65)), np.zeros((1, 65)), 3, cv2.GC_INIT_WITH_RECT)
    got = ops.grabcut(image, box, iterations=3)
    assert np.array_equal(got, (state & 1) == 1)
    assert np.array_equal(got, ops.grabcut(image, box, iterations=3))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_grabcut_finds_a_disk_in_every_dtype(dtype: str) -> None:
    """Also where a 16-bit picture uses a hundredth of its range."""
    rng = np.random.default_rng(0)
    row, column = np.mgrid[:90, :110]
    disk = (column - 55) ** 2 + (row - 45) ** 2 < 25**2
    unit = np.where(disk[..., None], [0.7, 0.4, 0.3], [0.3, 0.5, 0.6]) + rng.normal(0, 0.06, (90, 110, 3))
    image = (np.clip(unit, 0, 1) * {"uint8": 255, "uint16": 700, "float32": 1.0}[dtype]).astype(dtype)
    assert np.mean(np.asarray(ops.grabcut(image, (20, 10, 95, 80), iterations=4)) == disk) > 0.98


def test_marked_pixels_are_obeyed() -> None:
    image = data.coffee()[::4, ::4]
    h, w = image.shape[:2]
    yes, no = np.zeros((h, w), bool), np.zeros((h, w), bool)
    yes[40:45, 60:65] = True
    no[50:55, 70:75] = True
    got = ops.grabcut(image, (20, 10, 130, 90), iterations=2, foreground=yes, background=no)
    assert got[yes].all() and not got[no].any()
    whole = ops.grabcut(image, (0, 0, w, h), iterations=1, background=no)
    assert not whole[no].any()


def test_grabcut_refusals() -> None:
    image = data.coffee()[::8, ::8]
    h, w = image.shape[:2]
    for box, words in (
        ((0, 0, w, h), "box must be smaller than the picture; got .* which leaves no background"),
        ((5, 5, 5.3, 9), f"box must be x1 y1 x2 y2 around a pixel of the {w} x {h} picture"),
        ((9, 9, 3, 3), "around a pixel"),
        ((1, 2, 3), "box must be"),
    ):
        with pytest.raises(ParamError, match=words):
            ops.grabcut(image, box, iterations=1)
    with pytest.raises(ParamError, match="foreground must be"):
        ops.grabcut(image, (2, 2, 9, 9), iterations=1, foreground=np.ones((2, 2), bool))
    with pytest.raises(ParamError, match="image must be gray, RGB or RGBA"):
        ops.grabcut(np.zeros((9, 9, 5), np.uint8), (2, 2, 5, 5), iterations=1)


# --- skin ---------------------------------------------------------------------------------------------------------
def test_mixtures_recover_what_made_the_points() -> None:
    """Two bells: weights, means and covariances within the noise of 20,000 points."""
    rng = np.random.default_rng(0)
    a = rng.multivariate_normal([0.3, 0.6, 0.5], np.diag([0.002, 0.001, 0.004]), 14_000)
    b = rng.multivariate_normal([0.7, 0.4, 0.5], [[0.004, 0.002, 0], [0.002, 0.003, 0], [0, 0, 0.001]], 6_000)
    found = fit_mixture(np.concatenate([a, b]), 2)
    order = np.argsort(found.means[:, 0])
    assert np.allclose(found.weights[order], [0.7, 0.3], atol=0.01)
    assert np.allclose(found.means[order], [[0.3, 0.6, 0.5], [0.7, 0.4, 0.5]], atol=0.005)
    assert np.allclose(found.covariances[order][1][:2, :2], [[0.004, 0.002], [0.002, 0.003]], atol=3e-4)


def test_density_is_scipys() -> None:
    """scipy.stats.multivariate_normal in float64; the parts are computed as one matrix product."""
    from scipy.stats import multivariate_normal

    rng = np.random.default_rng(1)
    spread = [np.cov(rng.normal(size=(3, 9))) * 0.01 for _ in range(4)]
    mixture = Mixture(np.array([0.1, 0.2, 0.3, 0.4]), rng.random((4, 3)), np.stack(spread))
    points = rng.random((500, 3))
    want = sum(
        w * multivariate_normal(m, c).pdf(points)
        for w, m, c in zip(mixture.weights, mixture.means, mixture.covariances, strict=True)
    )
    assert np.allclose(mixture.log_density(points), np.log(np.maximum(want, 1e-300)), rtol=1e-6, atol=1e-5)


def test_skin_of_the_uci_set(opsin_data: Path) -> None:
    """F1 at least 0.93 on all pixels, and on a picture made of them in every dtype."""
    rows = np.loadtxt(opsin_data / "skin" / "Skin_NonSkin.txt", skiprows=1, dtype=np.int64)[::3]
    colors, skin = rows[:, 2::-1].astype(np.uint8), rows[:, 3] == 1  # the file's columns are B G R
    for image in (colors, colors.astype(np.uint16) * 257, (colors / 255).astype(np.float32)):
        found = np.asarray(ops.skin_segment(image[None])).ravel()
        hits = (found & skin).sum()
        assert 2 * hits / (found.sum() + skin.sum()) > 0.97


def test_a_model_refitted_on_other_colors_is_as_good(opsin_data: Path, tmp_path: Path) -> None:
    """The script's figure, from colors that it did not learn."""
    import runpy
    import sys

    script = Path(__file__).parents[2] / "benchmarks" / "fit_skin.py"
    space = runpy.run_path(str(script))
    colors, skin = space["read"](opsin_data / "skin" / "Skin_NonSkin.txt")
    test = space["held_out"](colors)
    learn = np.flatnonzero(~test)[::8]
    model = space["fit"](colors[learn], skin[learn], (2, 4))
    assert space["scores"](model, colors[test], skin[test])["f1"] > 0.93
    assert 0.15 < test.mean() < 0.25 and "opsin" in sys.modules
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(model.to_dict()))
    image = data.astronaut()
    assert np.array_equal(
        ops.skin_segment(image, model=str(path)), model.likely(image.reshape(-1, 3) / 255, 0.5).reshape(512, 512)
    )


def test_skin_of_a_photograph() -> None:
    """Most of the astronaut's face is skin, and nothing of the sky and the black."""
    image = data.astronaut()
    found = ops.skin_segment(image)
    assert found[110:165, 195:245].mean() > 0.7
    assert found[420:500, 350:480].mean() < 0.01 and found[10:60, 310:380].mean() < 0.02
    assert np.array_equal(ops.skin_segment(np.dstack([image, image[..., 0]])), found)
    assert ops.skin_segment(image, threshold=0.9).sum() < found.sum() < ops.skin_segment(image, threshold=0.1).sum()
    assert ops.skin_segment(image, threshold=0.0).all() and not ops.skin_segment(image, threshold=1.0).any()


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    image = data.astronaut()[:9, :9]
    good = {"weights": [1.0], "means": [[0.5, 0.5, 0.5]], "covariances": [np.eye(3).tolist()]}
    cases = {
        "text": "no json",
        "other": json.dumps({"skin": good}),
        "shape": json.dumps({"skin": good, "other": {**good, "means": [[0.5, 0.5]]}}),
        "sign": json.dumps({"skin": good, "other": {**good, "covariances": [(-np.eye(3)).tolist()]}}),
        "sum": json.dumps({"skin": good, "other": {**good, "weights": [0.5]}}),
        "kind": json.dumps({"skin": good, "other": {**good, "weights": "many"}}),
        "list": "[1, 2]",
    }
    for name, text in cases.items():
        path = tmp_path / f"{name}.json"
        path.write_text(text)
        with pytest.raises(
            ParamError, match=r'skin_segment: model must be "default" or a JSON file of two mixtures; got'
        ):
            ops.skin_segment(image, model=str(path))
    with pytest.raises(ParamError, match="skin_segment: model must be"):
        ops.skin_segment(image, model=str(tmp_path / "missing.json"))
    with pytest.raises(ParamError, match="skin_segment: image must be RGB or RGBA"):
        ops.skin_segment(image[..., 0])
