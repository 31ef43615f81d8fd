"""Memory of earlier batches that nobody looks at any more: new pages cost as much as the work that fills them."""

from __future__ import annotations

import os
import sys
import threading
from math import prod
from typing import Any

import numpy as np

from opsin.types import Array

__all__ = ["fresh"]

_LEAST = 1 << 20  # smaller arrays come out of the allocator's own store
_MOST = 1 << 29  # bytes that are kept in all
_LINE = 64  # vectors that begin where a cache line does are written in half the time
_KEPT: list[Array] = []
_LOCK = threading.Lock()
_COUNTS = getattr(sys, "_is_gil_enabled", lambda: True)()  # without the GIL reference counts are estimates


def _start_anew() -> None:
    """A child process begins without its parent's arrays, and with a lock that nobody holds."""
    global _LOCK
    _LOCK = threading.Lock()
    _KEPT.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)


def fresh(shape: tuple[int, ...], dtype: Any) -> Array:
    """Give an array that nobody else holds, with anything in it.

    An array that was given out before is given out again once its last view is gone.
    """
    dtype = np.dtype(dtype)
    size = prod(shape) * dtype.itemsize
    if not _LEAST <= size <= _MOST // 2 or not _COUNTS:
        return _placed(np.empty(size + _LINE, np.uint8), shape, dtype)
    with _LOCK:
        base: Array | None = _idle(size + _LINE)
        if base is None:
            base = np.empty(size + _LINE, np.uint8)
            _KEPT.append(base)
            while sum(b.nbytes for b in _KEPT) > _MOST:
                _KEPT.pop(0)
        # a view of its own: whoever holds it, or a view of it, holds the base
        return _placed(base, shape, dtype)


def _placed(base: Array, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    skip = -base.__array_interface__["data"][0] % _LINE
    return base[skip : skip + base.nbytes - _LINE].view(dtype).reshape(shape)


def _idle(size: int) -> Array | None:
    for i in range(len(_KEPT)):
        # two references: the list's and the one that asks
        if _KEPT[i].nbytes == size and sys.getrefcount(_KEPT[i]) == 2:
            return _KEPT[i]
    return None
