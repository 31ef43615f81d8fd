"""Running figures over a stream of equal frames: mean, greatest, least, median."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Spooled", "greatest", "least", "mean", "median", "sorted_median"]

Array = NDArray[Any]


# how many frames a smaller integer can add up before it must be emptied into the long sum
_ROOM: dict[Any, tuple[Any, int]] = {np.dtype(np.uint8): (np.uint16, 257), np.dtype(np.uint16): (np.uint32, 65537)}


def mean(frames: Iterable[Array]) -> NDArray[np.float64]:
    """The mean of the frames in their own units: sums are exact for integers."""
    total: Any = None
    part: Any = None
    count = 0
    for frame in frames:
        if total is None:
            kind, room = _ROOM.get(frame.dtype, (np.float64, 0))
            total = np.zeros(frame.shape, dtype=np.float64)
            part = np.zeros(frame.shape, dtype=kind) if room else total
        np.add(part, frame, out=part)
        count += 1
        if room and count % room == 0:
            total += part
            part[...] = 0
    assert total is not None
    if room:
        total += part
    return np.asarray(total / count)


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


def sorted_median(frames: Sequence[Array]) -> NDArray[np.float64]:
    """The median of frames that are all in memory, a few rows at a time."""
    rows = max(1, (1 << 24) // max(1, len(frames) * frames[0].nbytes // len(frames[0])))
    out: NDArray[np.float64] = np.empty(frames[0].shape, dtype=np.float64)
    low, high = (len(frames) - 1) // 2, len(frames) // 2
    for top in range(0, len(out), rows):
        part = np.partition(np.stack([frame[top : top + rows] for frame in frames]), (low, high), axis=0)
        out[top : top + rows] = (part[low].astype(np.float64) + part[high]) / 2.0
    return out


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
        import tempfile  # slow to import, and seldom needed

        self.file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as this object
        for frame in frames:
            self.shape, self.dtype, self.size = frame.shape, frame.dtype, frame.nbytes
            self.file.write(np.ascontiguousarray(frame).data)

    def __iter__(self) -> Iterator[Array]:
        self.file.seek(0)
        while block := self.file.read(self.size):
            yield np.frombuffer(block, dtype=self.dtype).reshape(self.shape)
