"""The header of an NPY file, read without NumPy's evaluator and without pickle."""

from __future__ import annotations

import ast
import re
import struct
from math import prod
from typing import Literal, NamedTuple

__all__ = ["NpyError", "NpyHeader", "read_npy_header"]

_PLAIN = re.compile(r"[<>|][biuf](1|2|4|8)")
_LONGEST = 64 << 10


class NpyError(ValueError):
    """What is wrong with an NPY header; `kind` is a DecodeError kind."""

    def __init__(self, kind: Literal["truncated", "corrupt", "unsupported"], message: str) -> None:
        self.kind = kind
        super().__init__(message)


class NpyHeader(NamedTuple):
    """Shape, dtype text, order, and where the values begin."""

    shape: tuple[int, ...]
    descr: str
    fortran: bool
    begin: int
    nbytes: int


def read_npy_header(data: bytes) -> NpyHeader:
    """Read an NPY header; only plain numbers and bools are accepted.

    Raises: NpyError.
    Source: NEP 1.
    """
    if len(data) < 10:
        raise NpyError("truncated", "the NPY header ends early.")
    major = data[6]
    if major not in (1, 2, 3):
        raise NpyError("unsupported", f"NPY version {major} is not known.")
    layout, begin = ("<H", 10) if major == 1 else ("<I", 12)
    if len(data) < begin:
        raise NpyError("truncated", "the NPY header ends early.")
    (length,) = struct.unpack_from(layout, data, 8)
    if length > _LONGEST:
        raise NpyError("corrupt", f"the NPY header claims {length} bytes.")
    text = data[begin : begin + length]
    if len(text) < length:
        raise NpyError("truncated", "the NPY header ends early.")
    try:
        fields = ast.literal_eval(text.decode("utf-8" if major == 3 else "latin-1").strip())
    except (SyntaxError, ValueError, MemoryError, RecursionError, TypeError):
        raise NpyError("corrupt", "the NPY header is no dictionary.") from None
    if not isinstance(fields, dict) or set(fields) != {"descr", "fortran_order", "shape"}:
        raise NpyError("corrupt", "the NPY header must hold descr, fortran_order and shape.")
    shape, descr, fortran = fields["shape"], fields["descr"], fields["fortran_order"]
    if not isinstance(shape, tuple) or not all(type(side) is int and 0 <= side < 1 << 40 for side in shape):
        raise NpyError("corrupt", "the NPY header's shape is no tuple of whole numbers.")
    if not isinstance(fortran, bool):
        raise NpyError("corrupt", "the NPY header's fortran_order is neither True nor False.")
    if not isinstance(descr, str) or not _PLAIN.fullmatch(descr):
        raise NpyError("unsupported", f"an NPY file of dtype {str(descr)[:40]!r} is not read: only plain numbers are.")
    return NpyHeader(shape, descr, fortran, begin + length, prod(shape) * int(descr[2:]))
