"""COCO's run lengths: masks as the lengths of runs down the columns, as a list of numbers or packed into text.

Source: the COCO API's description of RLE (Lin et al., "Microsoft COCO: common objects in context", 2014) and its
packed form: five bits a character, the lowest first, bit 6 set while more follow, each run from the fourth on
written as the difference to the run before the last.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["area", "decode", "encode", "pack", "unpack"]

Runs: TypeAlias = NDArray[np.int64]
_GROUPS = 11  # five bits each: more than any run of a 64-bit count of pixels needs


def encode(mask: NDArray[np.bool_]) -> Runs:
    """Turn a mask H W into the lengths of its runs, column by column, beginning with a run of background."""
    flat = np.asarray(mask, dtype=np.bool_).ravel(order="F")
    if flat.size == 0:
        return np.zeros(1, np.int64)
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff(np.concatenate([[0], edges, [flat.size]]))
    return np.concatenate([[0], runs]) if flat[0] else runs


def decode(runs: ArrayLike, height: int, width: int) -> NDArray[np.bool_]:
    """Turn run lengths into a mask H W.

    Raises: ValueError with a short reason when a run is negative or the runs do not fill the canvas.
    """
    counts = np.asarray(runs, dtype=np.int64).ravel()
    if (counts < 0).any():
        raise ValueError("a run is negative")
    if counts.max(initial=0) > height * width or int(counts.sum()) != height * width:
        raise ValueError(f"the runs cover {int(counts.sum())} pixels of a canvas of {height * width}")
    values = np.arange(counts.size) % 2 == 1
    return np.ascontiguousarray(np.repeat(values, counts).reshape((height, width), order="F"))


def area(runs: ArrayLike) -> int:
    """Count the pixels of the object."""
    return int(np.asarray(runs, dtype=np.int64).ravel()[1::2].sum())


def pack(runs: ArrayLike) -> bytes:
    """Write run lengths in the packed form."""
    counts = np.asarray(runs, dtype=np.int64).ravel()
    if counts.size == 0:
        return b""
    x = counts.copy()
    x[3:] -= counts[1:-2]
    groups = np.ones(x.shape, np.int64)
    for g in range(1, _GROUPS):
        limit = np.int64(1) << np.int64(5 * g - 1)
        groups[(x < -limit) | (x >= limit)] = g + 1
    columns = np.arange(int(groups.max()))
    bits = (x[:, None] >> (5 * columns)) & 0x1F
    bits |= np.where(columns < groups[:, None] - 1, 0x20, 0)
    return (bits + 48).astype(np.uint8)[columns < groups[:, None]].tobytes()


def unpack(text: bytes | str) -> Runs:
    """Read run lengths from the packed form.

    Raises: ValueError with a short reason when the text is no packed run lengths.
    """
    raw = text.encode("latin-1", "replace") if isinstance(text, str) else bytes(text)
    c = np.frombuffer(raw, np.uint8).astype(np.int64) - 48
    if c.size == 0:
        return np.zeros(0, np.int64)
    if (c < 0).any() or (c > 63).any():
        raise ValueError("the packed runs hold a character outside '0' to 'o'")
    last = (c & 0x20) == 0
    if not last[-1]:
        raise ValueError("the packed runs end within a number")
    ends = np.flatnonzero(last)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > _GROUPS:
        raise ValueError("a packed run is longer than any picture")
    place = np.arange(c.size) - np.repeat(starts, lengths)
    x = np.add.reduceat((c & 0x1F) << (5 * place), starts)
    negative = (c[ends] & 0x10) != 0
    x = np.where(negative, x - (np.int64(1) << (5 * lengths)), x)
    x[1::2] = np.cumsum(x[1::2])
    x[2::2] = np.cumsum(x[2::2])
    return x


def from_coco(counts: Any) -> Runs:
    """Read the `counts` of a COCO segmentation: a list of numbers or packed text.

    Raises: ValueError with a short reason.
    """
    if isinstance(counts, str | bytes):
        return unpack(counts)
    if isinstance(counts, list):
        if not all(isinstance(n, int) or (isinstance(n, float) and n.is_integer()) for n in counts):
            raise ValueError("the runs are not whole numbers")
        try:
            return np.array(counts, dtype=np.int64)
        except OverflowError:
            raise ValueError("a run is longer than any picture") from None
    raise ValueError("the runs are neither a list nor text")
