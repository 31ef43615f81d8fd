"""Chance is a pure function of its address."""

import math
import pickle

import numpy as np
import pytest

import opsin
from opsin import Rng
from opsin.chance import Choice, LogUniform, Normal, Uniform, exp, key_word, log, normal_quantile
from opsin.errors import OpsinError

FROZEN = [12266136132120103664, 9440076969903740217, 3993727702885389417]


def test_equal_addresses_equal_numbers_and_nothing_is_used_up() -> None:
    one, other = Rng(7, 3, "cat/12", 1, "rotate"), Rng(7, 3, "cat/12", 1, "rotate")
    first = one.uniform("angle", -1, 1)
    one.normal("noise", size=1000)
    assert one.uniform("angle", -1, 1) == first == other.uniform("angle", -1, 1)
    assert pickle.loads(pickle.dumps(one)) == one


@pytest.mark.parametrize(
    "other",
    [
        Rng(8, 3, "k", 1, "s"),
        Rng(7, 4, "k", 1, "s"),
        Rng(7, 3, "l", 1, "s"),
        Rng(7, 3, "k", 2, "s"),
        Rng(7, 3, "k", 1, "t"),
        Rng(3, 7, "k", 1, "s"),
    ],
)
def test_every_part_of_the_address_counts(other: Rng) -> None:
    assert Rng(7, 3, "k", 1, "s").unit("x", 4).tolist() != other.unit("x", 4).tolist()
    assert other.unit("x", 4).tolist() != other.unit("y", 4).tolist()


def test_seed_zero_key_one_is_not_seed_one_key_zero() -> None:
    assert Rng(0, key=1).unit("x") != Rng(1, key=0).unit("x")
    assert key_word(1) != key_word("1")


def test_words_are_numpys_philox_and_never_change() -> None:
    # frozen: a change here would redraw every augmentation that anyone has ever recorded
    assert [int(w) for w in Rng(7, 3, "cat/12", 1, "rotate").words("angle", 3)] == FROZEN


def test_long_draws_begin_like_short_ones() -> None:
    assert Rng(1).unit("x", 3).tolist() == Rng(1).unit("x", 300)[:3].tolist()


def test_log_and_exp_agree_with_libm() -> None:
    x = np.exp(np.random.default_rng(0).uniform(-600, 600, 20000))
    np.testing.assert_allclose(log(x), np.log(x), rtol=5e-16, atol=2e-16)
    y = np.random.default_rng(1).uniform(-600, 600, 20000)
    np.testing.assert_allclose(exp(y), np.exp(y), rtol=5e-16)
    assert log(1.0) == 0.0
    assert exp(0.0) == 1.0


def test_normal_quantile_agrees_with_scipy() -> None:
    stats = pytest.importorskip("scipy.stats", reason="scipy is not installed")
    u = np.concatenate([np.random.default_rng(0).uniform(0, 1, 20000), [1e-300, 1e-17, 1e-9, 1 - 1e-12]])
    np.testing.assert_allclose(normal_quantile(u), stats.norm.ppf(u), rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize(
    ("draws", "cdf"),
    [
        (Rng(1).uniform("x", -2, 5, 20000), lambda v: (v + 2) / 7),
        (Rng(1).log_uniform("x", 0.5, 8, 20000), lambda v: np.log(v / 0.5) / math.log(16)),
        (Rng(1).normal("x", 1.0, 2.0, 20000), lambda v: np.array([0.5 * math.erfc(-(t - 1) / 2 / 2**0.5) for t in v])),
    ],
)
def test_distributions_by_kolmogorov_smirnov(draws, cdf) -> None:
    values = np.sort(draws)
    steps = np.arange(1, len(values) + 1) / len(values)
    # 1.63 / sqrt(n): the one-percent bound
    assert np.abs(cdf(values) - steps).max() < 1.63 / math.sqrt(len(values))


def test_keys_are_independent() -> None:
    draws = np.array([Rng(5, key=k).unit("x") for k in range(4000)])
    assert abs(np.corrcoef(draws[:-1], draws[1:])[0, 1]) < 0.05
    assert abs(draws.mean() - 0.5) < 0.02


def test_whole_numbers_and_choices_cover_their_ends() -> None:
    drawn = {Uniform(1, 4).draw(Rng(k), "x", whole=True) for k in range(200)}
    assert drawn == {1, 2, 3, 4}
    weighted = [Choice(("a", "b"), (1.0, 9.0)).draw(Rng(k), "x") for k in range(500)]
    assert 0.05 < weighted.count("a") / 500 < 0.16
    assert all(0.7 <= LogUniform(0.7, 1.4).draw(Rng(k), "x") <= 1.4 for k in range(100))
    assert all(-1 <= Normal(0, 5).clipped(-1, 1).draw(Rng(k), "x") <= 1 for k in range(100))
    assert sorted(Rng(1).permutation("x", 9)) == list(range(9))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: opsin.uniform(2, 1), "uniform: low must be at most high"),
        (lambda: opsin.uniform("a", 1), "uniform: low must be a finite number"),
        (lambda: opsin.log_uniform(0, 1), "log_uniform: low must be above 0"),
        (lambda: opsin.normal(0, -1), "normal: std must be at least 0"),
        (lambda: opsin.choice(), "choice: options must be at least one value"),
        (lambda: opsin.choice(1, 2, weights=[1]), "choice: weights must be"),
    ],
)
def test_distributions_refuse_in_one_sentence(make, message: str) -> None:
    with pytest.raises(OpsinError, match=message):
        make()
