"""Running figures over a stream of equal frames: mean, greatest, least, median."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Spooled", "greatest", "least", "mean", "median"]

Array = NDArray[Any]


def mean(frames: Iterable[Array]) -> NDArray[np.float64]:
    """The mean of the frames in their own units: sums are exact for integers."""
    total: NDArray[np.float64] | None = None
    count = 0
    for frame in frames:
        total = frame.astype(np.float64) if total is None else np.add(total, frame, out=total)
        count += 1
    assert total is not None
    total /= count
    return total


def _fold(frames: Iterable[Array], pick: Any) -> Array:
    out: Array | None = None
    for frame in frames:
        out = np.array(frame) if out is None else pick(out, frame, out=out)
    assert out is not None
    return out


def greatest(frames: Iterable[Array]) -> Array:
    """The greatest value of every pixel."""
    return _fold(frames, np.maximum)


def least(frames: Iterable[Array]) -> Array:
    """The least value of every pixel."""
    return _fold(frames, np.minimum)


def median(frames: Iterable[Array]) -> NDArray[np.float64]:
    """The exact median of every pixel by halving: the frames are gone through once per bit of their values.

    Memory does not depend on the number of frames: two guesses and two counts are kept. Floats are searched in the
    order of their bits, which is their own order once the negative ones are turned round.

    Args:
        frames: gives a fresh iterator over the same frames each time.
    """
    count, first = 0, None
    for frame in frames:
        first = frame if first is None else first
        count += 1
    assert first is not None
    kind = {np.dtype(np.uint8): np.uint8, np.dtype(np.uint16): np.uint16}.get(first.dtype, np.uint32)
    ranks = sorted({(count - 1) // 2, count // 2})
    found = [np.zeros(first.shape, dtype=kind) for _ in ranks]
    for bit in reversed(range(np.dtype(kind).itemsize * 8)):
        guesses = [low | kind(1 << bit) for low in found]
        below = [np.zeros(first.shape, dtype=np.int64) for _ in ranks]
        for frame in frames:
            keys = _ordered(frame)
            for guess, number in zip(guesses, below, strict=True):
                number += keys < guess
        # the value of rank r is at least the guess where no more than r values lie below it
        found = [
            np.where(number <= rank, guess, low)
            for low, guess, number, rank in zip(found, guesses, below, ranks, strict=True)
        ]
    values = [_unordered(key, first.dtype).astype(np.float64) for key in found]
    return np.asarray(sum(values) / len(values))


def _ordered(frame: Array) -> Array:
    """Unsigned integers in the order of the values."""
    if frame.dtype != np.float32:
        return frame
    bits = np.ascontiguousarray(frame).view(np.uint32)
    sign = np.uint32(1 << 31)
    return np.asarray(np.where(bits & sign, ~bits, bits | sign))


def _unordered(keys: Array, dtype: Any) -> Array:
    if dtype != np.float32:
        return keys
    sign = np.uint32(1 << 31)
    return np.ascontiguousarray(np.where(keys & sign, keys ^ sign, ~keys)).view(np.float32)


class Spooled:
    """A stream that can be gone through only once, kept in a temporary file so that it can be gone through again."""

    def __init__(self, frames: Iterable[Array]) -> None:
        self.file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as this object
        for frame in frames:
            self.shape, self.dtype, self.size = frame.shape, frame.dtype, frame.nbytes
            self.file.write(np.ascontiguousarray(frame).data)

    def __iter__(self) -> Iterator[Array]:
        self.file.seek(0)
        while block := self.file.read(self.size):
            yield np.frombuffer(block, dtype=self.dtype).reshape(self.shape)
