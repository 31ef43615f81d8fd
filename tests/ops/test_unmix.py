"""ICA against scikit-learn and known mixtures; whitening against NumPy's covariance."""

import json
import pickle

import numpy as np
import pytest

import opsin
from opsin import ops
from opsin.errors import ParamError

pytest.importorskip("sklearn", reason="needs the cv extra")
pytest.importorskip("skimage", reason="needs the cv extra")
from skimage import data
from sklearn.decomposition import FastICA


def pictures():
    return np.stack([data.camera()[::4, ::4], data.text()[:128, :128], data.grass()[::4, ::4]]) / 255.0


def mixed(sources, seed=0):
    n = len(sources)
    weights = opsin.Rng(seed).uniform("weights", 0.2, 1.0, (n, n)) + np.eye(n)
    return weights, np.tensordot(weights / weights.sum(axis=1, keepdims=True), sources, 1)


def match(found, true):
    """The greatest correlation of each true source with any found one, up to sign."""
    table = np.corrcoef(np.vstack([found.reshape(len(found), -1), true.reshape(len(true), -1)]))
    return np.abs(table[: len(found), len(found) :]).max(axis=0)


def test_ica_equals_scikit_learn():
    """Reference: sklearn's FastICA up to sign and order: correlations over 0.9999."""
    _, stack = mixed(pictures())
    model = FastICA(n_components=3, whiten="unit-variance", random_state=3, max_iter=1000, tol=1e-5)
    want = model.fit_transform(stack.reshape(3, -1).T).T
    found = ops.ica(stack, components=3)
    assert (match(found.rows, want) > 0.9999).all()
    assert found.converged and (match(found.rows, pictures().reshape(3, -1)) > 0.98).all()


@pytest.mark.parametrize("seed", [0, 1, 5])
def test_ica_separates_signals(seed):
    """Known sources: a sine, a square, a saw wave and noise come back with correlations over 0.99."""
    t = np.linspace(0, 8, 4000)
    true = np.stack([np.sin(7 * t), np.sign(np.sin(11 * t)), (3 * t) % 1 - 0.5, opsin.Rng(2).uniform("u", -1, 1, 4000)])
    _, signals = mixed(true, seed)
    found = ops.ica(signals, components=4, seed=seed)
    assert (match(found.sources, true) > 0.99).all()
    rebuilt = found.mixing @ found.rows + found.center[:, None]
    assert np.allclose(rebuilt, signals, atol=1e-9)
    assert np.allclose(found.unmixing @ found.mixing, np.eye(4), atol=1e-6)
    assert np.allclose(found.sources.var(axis=1), 1, atol=1e-6)
    assert (found.mixing.sum(axis=0) >= 0).all()
    assert (np.diff(np.linalg.norm(found.mixing, axis=0)) <= 1e-9).all()


def test_ica_layouts_agree():
    """A list, an array N H W, a picture H W N and chosen axes give the same sources, laid out as they came."""
    _, stack = mixed(pictures())
    a = ops.ica(stack, components=3)
    b = ops.ica(list(stack), components=3)
    c = ops.ica(np.moveaxis(stack, 0, 2), components=3)
    d = ops.ica(np.moveaxis(stack, 0, 2).copy(), components=3, mixtures="last")
    assert a.shape == stack.shape and c.shape == (*stack.shape[1:], 3)
    for other in (b, np.moveaxis(np.asarray(c), 2, 0), np.moveaxis(np.asarray(d), 2, 0)):
        assert (match(np.asarray(other), np.asarray(a)) > 0.99999).all()
    bytes_ = ops.ica((stack * 255 + 0.5).astype(np.uint8), components=2)
    assert bytes_.shape == (2, *stack.shape[1:])
    color = ops.ica(np.repeat(stack[..., None], 3, axis=3), components=3)
    assert color.shape == (3, *stack.shape[1:], 3)


def test_unmixed_value():
    _, stack = mixed(pictures())
    found = ops.ica(stack, components=3)
    assert repr(found) == "Unmixed(3 sources of shape (3, 128, 128))"
    plain = found.to_dict()
    json.dumps(plain)
    assert np.allclose(plain["mixing"], found.mixing) and plain["shape"] == [3, 128, 128]
    seen = found.pictures()
    assert seen.dtype == np.float32 and seen.min() == 0 and seen.max() == 1
    drawn = found.draw(np.zeros((60, 90, 3), np.uint8))
    assert drawn.shape == (60, 90, 3) and drawn.std() > 10
    again = pickle.loads(pickle.dumps(found))
    assert np.array_equal(again, found) and np.array_equal(again.mixing, found.mixing)


@pytest.mark.parametrize("method", ["zca", "pca"])
def test_whitening_makes_the_covariance_the_identity(method):
    """Closed form: numpy.cov is the identity; 1e-9 for numbers, 1e-4 for pictures (float32)."""
    picture = data.astronaut()[::3, ::3]
    out = ops.whiten(picture, method=method)
    assert out.shape == picture.shape and out.dtype == np.float32
    assert np.abs(np.cov(np.asarray(out).reshape(-1, 3).T) - np.eye(3)).max() < 1e-4
    signals = opsin.Rng(0).normal("s", 0, 1, (4, 500)).cumsum(axis=0)
    white = ops.whiten(signals, method=method)
    assert white.dtype == np.float64 and np.abs(np.cov(np.asarray(white)) - np.eye(4)).max() < 1e-9
    assert np.allclose(white.matrix @ (signals - white.center[:, None]), white)
    if method == "zca":
        assert np.allclose(white.matrix, white.matrix.T)
    else:
        variance = np.linalg.norm(np.linalg.inv(white.matrix), axis=0)
        assert (np.diff(variance) <= 1e-9).all()
    json.dumps(white.to_dict())


def test_refusals():
    stack = pictures()
    for call, text in [
        (lambda: ops.ica(stack, components=4), "ica: components must be at most 3, the number of mixtures; got 4"),
        (
            lambda: ops.ica(stack[[0, 0, 1]], components=3),
            "ica: stack must be mixtures of which at least 3 vary",
        ),
        (lambda: ops.ica(stack * np.nan, components=2), "ica: stack must be finite"),
        (lambda: ops.ica([stack[0], stack[1][1:]], components=2), "items that do not fit together"),
        (lambda: ops.ica(7, components=2), "ica: stack must be an array N H W"),
        (lambda: ops.whiten([]), "whiten: stack must be"),
        (lambda: ops.whiten(np.ones((2, 9))), "whiten: stack must be mixtures of which at least 2 vary independently"),
        (lambda: ops.whiten(np.ones((2, 1))), "got 0 that vary"),
        (lambda: ops.whiten(stack, method="sphere"), "whiten: method must be one of 'zca', 'pca'"),
    ]:
        with pytest.raises(ParamError, match=text):
            call()


def test_ica_does_without_a_first_mixture_that_is_constant():
    rng = np.random.default_rng(4)
    sources = np.stack([rng.laplace(size=3000), np.sign(np.sin(np.arange(3000) / 9.0))])
    mixed = np.array([[0.0, 0.0], [0.7, 0.4], [-0.2, 0.9]]) @ sources + np.array([[0.5], [0.1], [0.2]])
    out = ops.ica(mixed, components=2)
    agreement = np.abs(np.corrcoef(np.asarray(out), sources)[:2, 2:])
    assert agreement.max(axis=0).min() > 0.999
    np.testing.assert_allclose(out.mixing @ np.asarray(out) + out.center[:, None], mixed, atol=1e-6)
    tiny = ops.ica(np.array([[0, 0], [255, 0]], np.uint8), components=1)
    assert np.isfinite(np.asarray(tiny)).all()
