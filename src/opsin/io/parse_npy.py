"""NPY: plain arrays, without pickle."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin.errors import DatasetError, LimitError, OpsinError
from opsin.io.npy_header import NpyError, read_npy_header
from opsin.io.parse_text import MIB, fail

__all__ = ["parse_npy"]


def parse_npy(
    data: bytes,
    *,
    source: str = "",
    max_bytes: int = 4096 * MIB,
    error: type[OpsinError] = DatasetError,
) -> NDArray[Any]:
    """Read an NPY file of plain numbers or bools.

    Args:
        data: all bytes of the file.
        source: the file's name, for messages.
        max_bytes: the largest array, in bytes.
        error: the class of error to raise.
    Returns: an array of its own, in native byte order, C-contiguous.
    Raises: `error` for a pickle, a structure or a cut file; LimitError for an array that is too large.
    """
    if data[:6] != b"\x93NUMPY":
        raise fail(source, "this is no NPY file.", error=error)
    try:
        head = read_npy_header(data)
    except NpyError as problem:
        raise fail(source, str(problem), error=error) from None
    if head.nbytes > max_bytes:
        raise fail(source, f"{head.nbytes:,} bytes is over the limit of {max_bytes:,}.", error=LimitError)
    if head.begin + head.nbytes > len(data):
        raise fail(source, "the NPY file was cut before the end of its values.", error=error)
    dtype = np.dtype(head.descr)
    flat = np.frombuffer(data, dtype, head.nbytes // dtype.itemsize, head.begin)
    if dtype == np.bool_ and flat.size and int(flat.view(np.uint8).max()) > 1:
        raise fail(source, "a bool array holds a byte that is neither 0 nor 1.", error=error)
    shaped = flat.reshape(head.shape, order="F" if head.fortran else "C")
    return np.array(shaped, dtype=dtype.newbyteorder("="), order="C")
