"""Classic classifiers: what they reach, what they store, and that the same comes out after loading."""

import json
import subprocess
import sys

import numpy as np
import pytest

from opsin import Pipeline, Rng, Sample, ops, step, write
from opsin.errors import DatasetError, OpsinError, ParamError

pytest.importorskip("skimage", reason="could not import 'skimage'")
datasets = pytest.importorskip("sklearn.datasets", reason="could not import 'sklearn.datasets'")

from opsin.tasks import Classifier, Evaluation, color_classifier, hog_classifier, load, texture_classifier  # noqa: E402
from opsin.tasks.models import folds_of, resampled, weights_of  # noqa: E402


@pytest.fixture(scope="module")
def digits():
    data = datasets.load_digits()
    return [(a * 255 / 16).astype(np.uint8) for a in data.images], data.target


def texture(kind: str, number: int, side: int = 48) -> np.ndarray:
    """Waves, checks or noise of changing strength and place."""
    rng = np.random.default_rng(number)
    y, x = np.mgrid[:side, :side] + rng.uniform(0, 20, (2, 1, 1))
    base = {"across": np.sin(x * 0.9), "down": np.sin(y * 0.9), "check": np.sin(x * 0.5) * np.sin(y * 0.5)}[kind]
    values = 0.5 + 0.25 * rng.uniform(0.5, 1) * base + 0.05 * rng.normal(size=(side, side))
    return (np.clip(values, 0, 1) * 255).astype(np.uint8)


KINDS = ("across", "down", "check")
TEXTURES = [(texture(k, 31 * i + j), k) for j, k in enumerate(KINDS) for i in range(10)]


@pytest.mark.slow
def test_digits_reach_what_is_asked(digits):
    judged = hog_classifier(side=32).cross_validate(*digits, folds=5)
    assert judged.accuracy >= 0.95 and min(judged.folds) >= 0.95


def test_half_of_the_digits_reach_it_too(digits):
    images, target = digits
    task = hog_classifier(side=32).fit(images[:400], target[:400])
    judged = task.evaluate(images[900:1200], target[900:1200])
    assert judged.accuracy >= 0.9
    assert task.predict(images[0]).label == "0" and task.classes == tuple("0123456789")


def test_logistic_regression_is_scikit_learns(digits):
    from sklearn.linear_model import LogisticRegression

    images, target = digits
    task = hog_classifier(side=32).fit(images[:200], target[:200])
    vectors = np.stack([np.asarray(ops.hog(ops.resize(a, width=32, height=32))) for a in images[:260]])
    mean, spread = vectors[:200].mean(0), vectors[:200].std(0)
    values = (vectors - mean) / np.where(spread > 1e-9, spread, 1)
    model = LogisticRegression(C=10.0 / values.shape[1], max_iter=2000).fit(values[:200], target[:200])
    got = np.stack([p.probabilities for p in task.predict_all(images[200:260])])
    np.testing.assert_allclose(got, model.predict_proba(values[200:]), atol=1e-6)
    two = [i for i in range(200) if target[i] < 2]
    task = hog_classifier(side=32).fit([images[i] for i in two], target[two])
    mean, spread = vectors[two].mean(0), vectors[two].std(0)
    values = (vectors - mean) / np.where(spread > 1e-9, spread, 1)
    model = LogisticRegression(C=10.0 / values.shape[1], max_iter=2000).fit(values[two], target[two])
    got = np.stack([p.probabilities for p in task.predict_all(images[200:220])])
    np.testing.assert_allclose(got, model.predict_proba(values[200:220]), atol=1e-6)


@pytest.mark.parametrize("model", ["neighbors", "logistic"])
def test_textures(model):
    judged = texture_classifier(model).cross_validate([t for t, _ in TEXTURES], [k for _, k in TEXTURES], folds=5)
    assert judged.accuracy >= 0.9


def test_neighbors_are_scikit_learns():
    from sklearn.neighbors import KNeighborsClassifier

    task = Classifier("lbp", "neighbors", params={"method": "uniform"}, neighbors=3)
    vectors, names = task.vectors([t for t, _ in TEXTURES], [k for _, k in TEXTURES])
    task.fit_vectors(vectors[::2], names[::2])
    spread = vectors[::2].std(0)
    values = (vectors - vectors[::2].mean(0)) / np.where(spread > 1e-9, spread, 1)
    model = KNeighborsClassifier(3, weights="distance").fit(values[::2], names[::2])
    got = [p.label for p in task.predict_all([t for t, _ in TEXTURES][1::2])]
    assert got == list(model.predict(values[1::2]))


def test_colors():
    rng = np.random.default_rng(1)
    tints = {"red": (200, 40, 40), "green": (40, 180, 60), "blue": (50, 60, 190)}
    rows = [(np.clip(rng.normal(c, 40, (20, 20, 3)), 0, 255).astype(np.uint8), n) for n, c in tints.items()
            for _ in range(8)]  # fmt: skip
    judged = color_classifier().cross_validate([a for a, _ in rows], [n for _, n in rows], folds=4)
    assert judged.accuracy == 1.0
    from opsin.tasks.features import color_histogram

    flat = color_histogram(np.full((4, 4, 3), 0.25, np.float32), bins=2)
    assert (flat**2).sum() == pytest.approx(1.0) and flat[0] == pytest.approx(1.0)
    np.testing.assert_allclose(color_histogram(rows[0][0]), color_histogram(rows[0][0].astype(np.uint16) * 257))


@pytest.mark.parametrize(
    "task",
    [
        hog_classifier(side=32, cell=8, weights="balanced"),
        texture_classifier(resample="over", params={"frequencies": (0.15, 0.3), "orientations": 4}),
        color_classifier(weights={"across": 2.0}, params={"grid": 2}),
    ],
    ids=["hog", "texture", "color"],
)
def test_what_is_saved_is_what_is_loaded(task, tmp_path):
    pictures, names = [t for t, _ in TEXTURES], [k for _, k in TEXTURES]
    task.fit(pictures[::2], names[::2])
    task.save(tmp_path / "model")
    task.save(tmp_path / "model")
    again = load(tmp_path / "model")
    assert again.pipeline == task.pipeline and again.classes == task.classes and again.params == task.params
    for a, b in zip(task.predict_all(pictures[1::2]), again.predict_all(pictures[1::2]), strict=True):
        np.testing.assert_array_equal(a.probabilities, b.probabilities)
    files = sorted(p.suffix for p in (tmp_path / "model").iterdir())
    assert set(files) == {".json", ".npy"} and files.count(".json") == 1
    assert all(b"pickle" not in p.read_bytes() for p in (tmp_path / "model").iterdir())
    [array] = (tmp_path / "model").glob("mean-*.npy")
    data = array.read_bytes()
    array.write_bytes(data[:-1] + bytes([data[-1] ^ 255]))
    with pytest.raises(DatasetError, match="not what was saved"):
        load(tmp_path / "model")


def test_weights_and_resampling_help_the_rare_class():
    truth = np.array([0] * 90 + [1] * 10)
    np.testing.assert_allclose(weights_of("t", "balanced", ["a", "b"], truth), [100 / 180, 5.0])
    over, under = resampled("over", truth, Rng(0)), resampled("under", truth, Rng(0))
    assert list(np.bincount(truth[over])) == [90, 90] and set(over) == set(range(100))
    assert list(np.bincount(truth[under])) == [10, 10]
    rng = np.random.default_rng(0)
    rare = np.concatenate([rng.normal(0, 1, (90, 3)), rng.normal(1.2, 1, (10, 3))])
    names = ["a"] * 90 + ["b"] * 10
    recall = {}
    for words in ({}, {"weights": "balanced"}, {"resample": "over"}, {"resample": "under"}):
        judged = color_classifier(**words).cross_validate_vectors(rare, names, folds=5)
        recall[str(words)] = judged.recall[1]
    assert all(r > recall["{}"] for words, r in recall.items() if words != "{}"), recall


def test_folds_spread_every_class():
    truth = np.repeat(np.arange(3), [7, 12, 31])
    fold = folds_of(truth, 5, Rng(1))
    for number in range(3):
        counts = np.bincount(fold[truth == number], minlength=5)
        assert counts.max() - counts.min() <= 1
    assert np.ptp(np.bincount(fold)) <= 1


def test_figures_are_scikit_learns():
    from sklearn import metrics

    rng = np.random.default_rng(2)
    truth, given = rng.integers(0, 4, 200), rng.integers(0, 4, 200)
    given[:120] = truth[:120]
    judged = Evaluation("abcd", truth, given)
    p, r, f, _ = metrics.precision_recall_fscore_support(truth, given)
    np.testing.assert_allclose([judged.precision, judged.recall, judged.f1], [p, r, f])
    np.testing.assert_array_equal(judged.confusion, metrics.confusion_matrix(truth, given))
    assert judged.balanced_accuracy == pytest.approx(metrics.balanced_accuracy_score(truth, given))
    json.dumps(judged.to_dict())
    assert judged.draw().dtype == np.uint8


def test_samples_and_pipelines():
    rows = [Sample(np.ascontiguousarray(np.repeat(t[..., None], 3, 2)), label=k) for t, k in TEXTURES]
    task = Classifier("hog", pipeline=Pipeline(step(ops.to_gray), step(ops.resize, width=32, height=32)))
    task.fit(rows)
    assert task.predict(rows[0]).label == "across"
    found = task.predict(rows[0].image)
    assert found.draw(rows[0].image).shape == rows[0].image.shape
    assert sum(found.to_dict()["probabilities"].values()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Classifier("hogg"), "features must be"),
        (lambda: Classifier("hog", "forest"), "model must be"),
        (lambda: Classifier("hog", params={"cells": 3}), "'cells' is not a parameter"),
        (lambda: Classifier("hog", neighbors=0), "neighbors must be"),
        (lambda: hog_classifier().fit([TEXTURES[0][0]], ["a"]), "at least two classes"),
        (lambda: hog_classifier().fit([TEXTURES[0][0]], ["a", "b"]), "one for each picture"),
        (lambda: hog_classifier().fit([TEXTURES[0][0]] * 2), "known for every picture"),
        (lambda: Classifier("hog").fit([np.zeros((20, 20), np.uint8), np.zeros((40, 40), np.uint8)], "ab"), "one size"),
        (
            lambda: hog_classifier(weights="some").fit([t for t, _ in TEXTURES], [k for _, k in TEXTURES]),
            "weights must",
        ),
        (lambda: hog_classifier().cross_validate([t for t, _ in TEXTURES], list("ab" * 14 + "cd")), "folds must be"),
        (lambda: hog_classifier().predict(TEXTURES[0][0]), "call fit first"),
        (lambda: load("nowhere"), "there is no classifier here"),
    ],
)
def test_wrong_use_is_said(make, message):
    with pytest.raises(OpsinError, match=message):
        make()


def test_vectors_of_ones_own():
    rng = np.random.default_rng(0)
    vectors = np.concatenate([rng.normal(0, 1, (30, 5)), rng.normal(4, 1, (30, 5))])
    task = Classifier().fit_vectors(vectors, ["low"] * 30 + ["high"] * 30)
    assert [p.label for p in task.predict_vectors(vectors[[0, 59]])] == ["low", "high"]
    assert task.predict_vectors(np.zeros((0, 5))) == []
    with pytest.raises(ParamError, match="an array N x D"):
        task.predict_vectors(vectors[0])


def test_a_class_that_was_not_learned():
    task = color_classifier().fit([t for t, _ in TEXTURES], [k for _, k in TEXTURES])
    with pytest.raises(ParamError, match="classes that were learned"):
        task.evaluate([TEXTURES[0][0]], ["round"])


def test_commands(tmp_path):
    for i, (picture, name) in enumerate(TEXTURES):
        folder = tmp_path / "data" / name
        folder.mkdir(parents=True, exist_ok=True)
        write(picture, folder / f"{i}.png")

    def opsin(*words):
        return subprocess.run([sys.executable, "-m", "opsin", *map(str, words)], capture_output=True, check=False)

    done = opsin("fit", tmp_path / "data", "--features", "gabor_bank", "--out", tmp_path / "m", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["cross_validation"]["accuracy"] >= 0.9
    done = opsin("evaluate", tmp_path / "m", tmp_path / "data", "--out", tmp_path / "c.png", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["accuracy"] >= 0.95, done.stderr
    assert (tmp_path / "c.png").exists()
    done = opsin("predict", tmp_path / "m", tmp_path / "data" / "down" / "10.png", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["label"] == "down", done.stderr
    (tmp_path / "data" / "down" / "broken.png").write_bytes(b"no picture")
    done = opsin("predict", tmp_path / "m", tmp_path / "data" / "down")
    assert done.returncode == 3 and b"broken.png" in done.stderr and done.stdout.count(b"\n") == 10
    done = opsin("predict", tmp_path / "none", "x.png")
    assert done.returncode == 2 and b"there is no classifier here" in done.stderr
