"""Chance is addressed, not consumed.

A draw is a pure function of (seed, epoch, sample key, draw number, step, parameter name). There is no generator
whose state could depend on the order of calls, so any number of workers, in any order, after any crash, draw the
same numbers. The words are raw Philox4x64-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011);
what becomes of them is written here in plain IEEE double arithmetic, so that the compiled core agrees to the bit.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from opsin.errors import ParamError, PipelineError, refusal

__all__ = [
    "Choice",
    "Distribution",
    "LogUniform",
    "Normal",
    "Rng",
    "Uniform",
    "as_rng",
    "choice",
    "exp",
    "key_word",
    "log",
    "log_uniform",
    "normal",
    "normal_quantile",
    "uniform",
]

Floats: TypeAlias = NDArray[np.float64]
_MASK = (1 << 64) - 1
_LN2_HIGH = 0.693147180369123816490  # the upper bits of ln 2: k * _LN2_HIGH is exact for the k that occur
_LN2_LOW = 1.90821492927058770002e-10


# --- shared routines: elementary functions by additions and multiplications only -----------------------------------
def log(x: Any) -> Floats:
    """Natural logarithm of positive numbers, the same bits on every machine (error below 2 ulp).

    x = m 2^k with m in [sqrt(1/2), sqrt 2); log m = 2 artanh((m - 1) / (m + 1)) by its series.
    """
    m, k = np.frexp(np.asarray(x, dtype=np.float64))
    low = m < 0.70710678118654752440
    m = np.where(low, m * 2.0, m)
    k = np.where(low, k - 1, k).astype(np.float64)
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    series = np.full_like(z, 1.0 / 23.0)
    for n in (21.0, 19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0):
        series = series * z + 1.0 / n
    return (k * _LN2_LOW + 2.0 * (s + s * (z * series))) + k * _LN2_HIGH


def exp(x: Any) -> Floats:
    """Exponential, the same bits on every machine: x = k ln 2 + r, then the series in r, then a power of two."""
    x = np.asarray(x, dtype=np.float64)
    k = np.floor(x * 1.44269504088896340736 + 0.5)
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    series = np.full_like(r, 1.0)
    for n in (14.0, 13.0, 12.0, 11.0, 10.0, 9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0):
        series = 1.0 + (r / n) * series
    return np.ldexp(series, k.astype(np.int32))


_A: tuple[float, ...] = (3.3871328727963666080, 133.14166789178437745, 1971.5909503065514427, 13731.693765509461125)
_A += (45921.953931549871457, 67265.770927008700853, 33430.575583588128105, 2509.0809287301226727)
_B: tuple[float, ...] = (1.0, 42.313330701600911252, 687.18700749205790830, 5394.1960214247511077)
_B += (21213.794301586595867, 39307.895800092710610, 28729.085735721942674, 5226.4952788528545610)
_C: tuple[float, ...] = (1.42343711074968357734, 4.63033784615654529590, 5.76949722146069140550, 3.64784832476320460504)
_C += (1.27045825245236838258, 0.241780725177450611770, 0.0227238449892691845833, 7.74545014278341407640e-4)
_D: tuple[float, ...] = (1.0, 2.05319162663775882187, 1.67638483018380384940, 0.689767334985100004550)
_D += (0.148103976427480074590, 0.0151986665636164571966, 5.47593808499534494600e-4, 1.05075007164441684324e-9)
_E: tuple[float, ...] = (
    6.65790464350110377720,
    5.46378491116411436990,
    1.78482653991729133580,
    0.296560571828504891230,
)
_E += (0.0265321895265761230930, 0.00124266094738807843860, 2.71155556874348757815e-5, 2.01033439929228813265e-7)
_F: tuple[float, ...] = (1.0, 0.599832206555887937690, 0.136929880922735805310, 0.0148753612908506148525)
_F += (7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15)


def _ratio(top: Sequence[float], bottom: Sequence[float], r: Floats) -> Floats:
    p, q = np.full_like(r, top[-1]), np.full_like(r, bottom[-1])
    for a, b in zip(top[-2::-1], bottom[-2::-1], strict=True):
        p *= r
        p += a
        q *= r
        q += b
    p /= q
    return p


_BLOCK = 1 << 14  # numbers worked on at a time, so that they stay in the cache


def normal_quantile(u: Any) -> Floats:
    """Inverse of the standard normal distribution function.

    Source:
        Wichura, "Algorithm AS 241: the percentage points of the normal distribution", Applied Statistics 1988.
    """
    u = np.asarray(u, dtype=np.float64)
    if u.size <= _BLOCK:
        return _quantile(u)
    flat = u.ravel()
    out = np.empty_like(flat)
    for start in range(0, flat.size, _BLOCK):
        out[start : start + _BLOCK] = _quantile(flat[start : start + _BLOCK])
    return out.reshape(u.shape)


def _quantile(u: Floats) -> Floats:
    q = u - 0.5
    out = q * _ratio(_A, _B, 0.180625 - q * q)
    tail = np.abs(q) > 0.425
    if np.any(tail):
        qt = q[tail]
        r = np.sqrt(-log(np.where(qt < 0.0, u[tail], 1.0 - u[tail])))
        value = np.where(r <= 5.0, _ratio(_C, _D, r - 1.6), _ratio(_E, _F, r - 5.0))
        out = np.array(out)
        out[tail] = np.where(qt < 0.0, -value, value)
    return out


# --- addresses ----------------------------------------------------------------------------------------------------
def key_word(key: int | str) -> int:
    """Turn a sample's key into its 64-bit word; the int 1 and the text "1" differ."""
    if type(key) is int or (isinstance(key, Integral) and not isinstance(key, bool)):
        text = b"i" + str(int(key)).encode()
    elif isinstance(key, str):
        text = b"s" + key.encode("utf-8", "surrogatepass")
    else:
        raise PipelineError(refusal("pipeline", "key", "an int or a str", key))
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def stream_words(seed: int, where: str) -> tuple[int, int]:
    """Turn (seed, step and parameter) into the two key words of Philox."""
    digest = hashlib.blake2b(f"{seed}|{where}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")


@dataclass(frozen=True)
class Rng:
    """The address of draws; every method is a pure function of the address and a name.

    `Rng(7)` is enough for direct calls: `ops.gaussian_noise(image, std=0.1, rng=opsin.Rng(7))`. Equal addresses
    give equal numbers; nothing is used up.

    Args:
        seed: the pipeline's seed.
        epoch: which pass over the data.
        key: the sample's key.
        draw: which variant of the sample.
        step: the id of the step that draws.
    """

    seed: int = 0
    epoch: int = 0
    key: int | str = 0
    draw: int = 0
    step: str = ""

    def at(self, step: str) -> Rng:
        """Give the address of a step below this one."""
        return replace(self, step=f"{self.step}/{step}" if self.step else step)

    def words(self, name: str, count: int) -> NDArray[np.uint64]:
        """Give the first raw 64-bit words at this address; numpy's Philox steps its counter before the first block."""
        counter = np.array([0, self.draw & _MASK, self.epoch & _MASK, key_word(self.key)], dtype=np.uint64)
        key = np.array(stream_words(self.seed, f"{self.step}/{name}"), dtype=np.uint64)
        return np.random.Philox(key=key, counter=counter).random_raw(count)

    def unit(self, name: str, size: int | tuple[int, ...] | None = None) -> Any:
        """Numbers in [0, 1): the top 53 bits of each word."""
        shape = (1,) if size is None else (size,) if isinstance(size, int) else size
        raw = self.words(name, math.prod(shape)) >> np.uint64(11)
        out = raw.astype(np.float64) * (1.0 / (1 << 53))
        return float(out[0]) if size is None else out.reshape(shape)

    def uniform(self, name: str, low: float, high: float, size: int | tuple[int, ...] | None = None) -> Any:
        """Numbers evenly spread over [low, high)."""
        return low + (high - low) * self.unit(name, size)

    def log_uniform(self, name: str, low: float, high: float, size: int | tuple[int, ...] | None = None) -> Any:
        """Numbers whose logarithm is evenly spread."""
        a, b = float(log(low)), float(log(high))
        out = np.clip(exp(a + (b - a) * np.asarray(self.unit(name, size))), low, high)
        return float(out) if size is None else out

    def normal(self, name: str, mean: float = 0.0, std: float = 1.0, size: int | tuple[int, ...] | None = None) -> Any:
        """Numbers with a bell-shaped distribution, by its inverse; half a step is added so that 0 cannot occur."""
        u = np.asarray(self.unit(name, 1 if size is None else size)) + 1.0 / (1 << 54)
        out = mean + std * normal_quantile(u)
        return float(out[0]) if size is None else out

    def integers(self, name: str, low: int, high: int, size: int | tuple[int, ...] | None = None) -> Any:
        """Whole numbers from low to high - 1."""
        out = np.floor(np.asarray(self.unit(name, size)) * (high - low)).astype(np.int64) + low
        return int(out) if size is None else out

    def index(self, name: str, weights: Sequence[float]) -> int:
        """A position, chosen with the given weights."""
        edges = np.cumsum(np.asarray(weights, dtype=np.float64))
        return min(int(np.searchsorted(edges, self.unit(name) * edges[-1], side="right")), len(edges) - 1)

    def permutation(self, name: str, count: int) -> list[int]:
        """The numbers 0 .. count - 1 in a drawn order."""
        return [int(i) for i in np.argsort(self.words(name, count), kind="stable")]


def as_rng(where: str, rng: object) -> Rng:
    """Accept what people have at hand: an `Rng`, a seed, or a NumPy generator (which gives up one number)."""
    if isinstance(rng, Rng):
        return rng
    if isinstance(rng, Integral) and not isinstance(rng, bool):
        return Rng(int(rng))
    if isinstance(rng, np.random.Generator):
        return Rng(int(rng.integers(0, 1 << 63)))
    raise ParamError(refusal(where, "rng", "an opsin.Rng or a seed", rng, "Use rng=opsin.Rng(7)."))


# --- distributions: any parameter may be one ------------------------------------------------------------------------
class Distribution:
    """A named distribution of one parameter; `support` is checked against the parameter's bounds."""

    name: str = ""

    def support(self) -> tuple[float, float]:
        """Give the least and the greatest value that can be drawn."""
        raise PipelineError(f"{self.name}: has no numeric support.")

    def values(self) -> tuple[Any, ...] | None:
        """Give all values that can be drawn when they can be listed."""
        return None

    def draw(self, rng: Rng, name: str, whole: bool = False) -> Any:
        """Draw one value at the address; `whole` asks for an integer."""
        raise PipelineError(f"{self.name}: cannot be drawn.")

    def plain(self) -> dict[str, Any]:
        """Write the distribution as plain data, as it stands in YAML."""
        raise PipelineError(f"{self.name}: cannot be written.")


def _finite(where: str, **numbers: Any) -> None:
    for name, value in numbers.items():
        if not isinstance(value, Real) or isinstance(value, bool) or not math.isfinite(float(value)):
            raise PipelineError(refusal(where, name, "a finite number", value))


@dataclass(frozen=True)
class Uniform(Distribution):
    """Evenly spread over [low, high); whole numbers include both ends."""

    low: float
    high: float
    name = "uniform"

    def __post_init__(self) -> None:
        _finite("uniform", low=self.low, high=self.high)
        if self.low > self.high:
            raise PipelineError(refusal("uniform", "low", f"at most high ({self.high})", self.low))

    def support(self) -> tuple[float, float]:
        """Give the ends."""
        return self.low, self.high

    def draw(self, rng: Rng, name: str, whole: bool = False) -> Any:
        """Draw one value."""
        if whole:
            return rng.integers(name, int(self.low), int(self.high) + 1)
        return rng.uniform(name, self.low, self.high)

    def plain(self) -> dict[str, Any]:
        """Write as data."""
        return {"uniform": [self.low, self.high]}


@dataclass(frozen=True)
class LogUniform(Distribution):
    """Evenly spread on a logarithmic scale: doubling is as likely as halving."""

    low: float
    high: float
    name = "log_uniform"

    def __post_init__(self) -> None:
        _finite("log_uniform", low=self.low, high=self.high)
        if not 0 < self.low <= self.high:
            raise PipelineError(refusal("log_uniform", "low", f"above 0 and at most high ({self.high})", self.low))

    def support(self) -> tuple[float, float]:
        """Give the ends."""
        return self.low, self.high

    def draw(self, rng: Rng, name: str, whole: bool = False) -> Any:
        """Draw one value."""
        value = rng.log_uniform(name, self.low, self.high)
        return math.floor(value + 0.5) if whole else value

    def plain(self) -> dict[str, Any]:
        """Write as data."""
        return {"log_uniform": [self.low, self.high]}


@dataclass(frozen=True)
class Normal(Distribution):
    """Bell-shaped; say `.clipped(low, high)` before it can be a parameter."""

    mean: float
    std: float
    low: float = -math.inf
    high: float = math.inf
    name = "normal"

    def __post_init__(self) -> None:
        _finite("normal", mean=self.mean, std=self.std)
        if self.std < 0:
            raise PipelineError(refusal("normal", "std", "at least 0", self.std))

    def clipped(self, low: float, high: float) -> Normal:
        """Set values beyond the ends to the ends."""
        _finite("normal.clipped", low=low, high=high)
        if low > high:
            raise PipelineError(refusal("normal.clipped", "low", f"at most high ({high})", low))
        return replace(self, low=low, high=high)

    def support(self) -> tuple[float, float]:
        """Give the ends; they are infinite until clipped."""
        return self.low, self.high

    def draw(self, rng: Rng, name: str, whole: bool = False) -> Any:
        """Draw one value."""
        value = min(max(rng.normal(name, self.mean, self.std), self.low), self.high)
        return math.floor(value + 0.5) if whole else value

    def plain(self) -> dict[str, Any]:
        """Write as data."""
        if math.isinf(self.low) or math.isinf(self.high):
            return {"normal": [self.mean, self.std]}
        return {"normal": [self.mean, self.std], "clipped": [self.low, self.high]}


@dataclass(frozen=True)
class Choice(Distribution):
    """One of the listed values, all alike or by weight."""

    options: tuple[Any, ...]
    weights: tuple[float, ...] | None = None
    name = "choice"

    def __post_init__(self) -> None:
        if not self.options:
            raise PipelineError(refusal("choice", "options", "at least one value", self.options))
        if self.weights is not None:
            _finite("choice", **{f"weights[{i}]": w for i, w in enumerate(self.weights)})
            if len(self.weights) != len(self.options) or min(self.weights) < 0 or sum(self.weights) <= 0:
                raise PipelineError(
                    refusal("choice", "weights", "one number of at least 0 per option, not all 0", self.weights)
                )

    def values(self) -> tuple[Any, ...]:
        """Give the options."""
        return self.options

    def draw(self, rng: Rng, name: str, whole: bool = False) -> Any:
        """Draw one option."""
        return self.options[rng.index(name, self.weights or (1.0,) * len(self.options))]

    def plain(self) -> dict[str, Any]:
        """Write as data."""
        options = [list(o) if isinstance(o, tuple) else o for o in self.options]
        return {"choice": options} | ({"weights": list(self.weights)} if self.weights else {})


# The factories are typed Any, as pydantic's Field is: a distribution may stand wherever its values may.
def uniform(low: float, high: float) -> Any:
    """Any number from low to high, all alike; for a whole-number parameter both ends are included."""
    return Uniform(low, high)


def log_uniform(low: float, high: float) -> Any:
    """Any number from low to high, evenly on a logarithmic scale: right for factors such as gamma."""
    return LogUniform(low, high)


def normal(mean: float, std: float) -> Any:
    """Bell-shaped around the mean; `.clipped(low, high)` is required before use."""
    return Normal(mean, std)


def choice(*options: Any, weights: Sequence[float] | None = None) -> Any:
    """One of the values: `choice(90, 180)`, or `choice([90, 180])`; with weights if wanted."""
    if len(options) == 1 and isinstance(options[0], list | tuple):
        options = tuple(options[0])
    frozen = tuple(tuple(o) if isinstance(o, list) else o for o in options)
    return Choice(frozen, None if weights is None else tuple(weights))
