"""One segment of an index: arrays of some pictures, written once and mapped into memory when read."""

from __future__ import annotations

import io as memory
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from opsin.errors import DatasetError
from opsin.io import atomic
from opsin.io.npy_header import NpyError, read_npy_header
from opsin.io.readdoor import read_range
from opsin.search.local import Raw, Vocabulary, rooted

__all__ = ["Entry", "Segment", "join", "new_name", "remove", "write_segment"]

_NAMES = ("ids", "hashes", "looks", "embeds", "first", "places", "words", "bits", "owners", "order", "starts")


class Entry(NamedTuple):
    """What is kept of one picture: its number, hash, look, embedding (length 0 without a model) and features."""

    id: int
    hash: int
    look: NDArray[np.float32]
    embed: NDArray[np.float32]
    raw: Raw


class Segment(NamedTuple):
    """The arrays of a segment.

    Args:
        ids: N, numbers of the pictures.
        hashes: N, 64 bits each.
        looks: N 724 float16.
        embeds: N E float16.
        first: N + 1, where each picture's features begin.
        places: F 2 uint16, in 1/32 of a pixel of the working picture.
        words: F uint32.
        bits: F uint64.
        owners: F uint32, which row of `ids` a feature belongs to.
        order: F uint32, features sorted by their words.
        starts: W + 1, where each word's features begin in `order`.
    """

    ids: NDArray[np.int64]
    hashes: NDArray[np.uint64]
    looks: NDArray[np.float16]
    embeds: NDArray[np.float16]
    first: NDArray[np.int64]
    places: NDArray[np.uint16]
    words: NDArray[np.uint32]
    bits: NDArray[np.uint64]
    owners: NDArray[np.uint32]
    order: NDArray[np.uint32]
    starts: NDArray[np.int64]

    @staticmethod
    def mapped(folder: str) -> Segment:
        """Map a segment; every file is as long as its head says, or it is refused."""
        return Segment(*(_map(os.path.join(folder, f"{name}.npy")) for name in _NAMES))

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(int(array.nbytes) for array in self)


def _map(path: str) -> NDArray[Any]:
    try:
        size = os.path.getsize(path)
        head = read_npy_header(read_range(path, 0, min(size, 4096)))
    except (OSError, NpyError) as reason:
        raise DatasetError(f"{path}: this file of the index cannot be read: {reason}. Build the index anew.") from None
    if head.begin + head.nbytes != size:
        raise DatasetError(f"{path}: this file of the index is not as long as its head says. Build the index anew.")
    if head.nbytes == 0:
        return np.zeros(head.shape, np.dtype(head.descr))
    return np.memmap(path, np.dtype(head.descr), "r", head.begin, head.shape)


def new_name() -> str:
    """Name a segment; no two ever share a name, so that a reader's files never change under it."""
    return secrets.token_hex(8)


def write_segment(folder: str, entries: Sequence[Entry], vocabulary: Vocabulary) -> None:
    """Write pictures as a segment, every file durable before anybody hears of it."""
    counts = [len(e.raw.places) for e in entries]
    descriptors = np.concatenate([e.raw.descriptors for e in entries])
    values = rooted(descriptors)
    words = vocabulary.words(values)[:, 0]
    arrays: dict[str, NDArray[Any]] = {
        "ids": np.array([e.id for e in entries], dtype=np.int64),
        "hashes": np.array([e.hash for e in entries], dtype=np.uint64),
        "looks": np.stack([e.look for e in entries]).astype(np.float16),
        "embeds": np.stack([e.embed for e in entries]).astype(np.float16),
        "places": np.concatenate([e.raw.places for e in entries]),
        "words": words.astype(np.uint32),
        "bits": vocabulary.bits(values, words),
    }
    _write(folder, arrays, np.array(counts, dtype=np.int64), vocabulary.size)


def join(folder: str, segments: Sequence[Segment], alive: Sequence[NDArray[np.bool_]], words: int) -> None:
    """Write several segments as one, without the rows that are not alive."""
    kept = [np.repeat(rows, np.diff(s.first)) for s, rows in zip(segments, alive, strict=True)]
    arrays: dict[str, NDArray[Any]] = {}
    for name in ("ids", "hashes", "looks", "embeds"):
        arrays[name] = np.concatenate([getattr(s, name)[rows] for s, rows in zip(segments, alive, strict=True)])
    for name in ("places", "words", "bits"):
        arrays[name] = np.concatenate([getattr(s, name)[rows] for s, rows in zip(segments, kept, strict=True)])
    counts = np.concatenate([np.diff(s.first)[rows] for s, rows in zip(segments, alive, strict=True)])
    _write(folder, arrays, counts, words)


def _write(folder: str, arrays: dict[str, NDArray[Any]], counts: NDArray[np.int64], words: int) -> None:
    arrays["first"] = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    arrays["owners"] = np.repeat(np.arange(len(counts)), counts).astype(np.uint32)
    arrays["order"] = np.argsort(arrays["words"], kind="stable").astype(np.uint32)
    arrays["starts"] = np.searchsorted(arrays["words"][arrays["order"]], np.arange(words + 1)).astype(np.int64)
    os.makedirs(folder)
    for name in _NAMES:
        write_array(os.path.join(folder, f"{name}.npy"), arrays[name])


def write_array(path: str, array: NDArray[Any]) -> None:
    """Write one array as NPY through the write door, in pieces."""
    array = np.ascontiguousarray(array)
    head = memory.BytesIO()
    np.lib.format.write_array_header_1_0(head, np.lib.format.header_data_from_array_1_0(array))
    with atomic(path) as out:
        out.write(head.getvalue())
        for piece in _pieces(array):
            out.write(piece)


def _pieces(array: NDArray[Any]) -> Iterator[memoryview]:
    flat = array.reshape(-1).view(np.uint8) if array.size else np.zeros(0, np.uint8)
    for start in range(0, len(flat), 1 << 24):
        yield memoryview(flat[start : start + (1 << 24)].data)


def remove(folder: str) -> None:
    """Remove a segment; what is mapped stays readable for who has it."""
    shutil.rmtree(folder, ignore_errors=True)
