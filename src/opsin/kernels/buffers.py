"""Memory of earlier results that nobody looks at any more: new pages cost as much as the work that fills them."""

from __future__ import annotations

import os
import sys
import threading
from math import prod
from typing import Any

import numpy as np

from opsin.types import Array

__all__ = ["Store"]

_LEAST = 1 << 20  # smaller arrays come out of the allocator's own store
_LINE = 64  # vectors that begin where a cache line does are written in half the time
_COUNTS = getattr(sys, "_is_gil_enabled", lambda: True)()  # without the GIL reference counts are estimates
_STORES: list[Store] = []  # they live as long as the process


class Store:
    """Arrays that are given out, and given out again once nobody holds them."""

    def __init__(self, most: int, count: int) -> None:
        self._most, self._count = most, count  # bytes and arrays that are kept in all
        self._kept: list[Array] = []
        self._lock = threading.Lock()
        _STORES.append(self)

    def start_anew(self) -> None:
        """Begin without a parent's arrays, and with a lock that nobody holds: what a child process does first."""
        self._lock = threading.Lock()
        self._kept.clear()

    def fresh(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """Give an array that nobody else holds, with anything in it.

        An array that was given out before is given out again once its last view is gone.
        """
        dtype = np.dtype(dtype)
        size = prod(shape) * dtype.itemsize
        if not _LEAST <= size <= self._most // 2 or not _COUNTS:
            return _placed(np.empty(size + _LINE, np.uint8), shape, dtype)
        with self._lock:
            base: Array | None = self._idle(size + _LINE)
            if base is None:
                base = np.empty(size + _LINE, np.uint8)
                self._kept.append(base)
                while len(self._kept) > self._count or sum(b.nbytes for b in self._kept) > self._most:
                    self._kept.pop(0)
            # a view of its own: whoever holds it, or a view of it, holds the base
            return _placed(base, shape, dtype)

    def _idle(self, size: int) -> Array | None:
        for i in range(len(self._kept)):
            # two references: the list's and the one that asks
            if self._kept[i].nbytes == size and sys.getrefcount(self._kept[i]) == 2:
                return self._kept[i]
        return None


def _placed(base: Array, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    skip = -base.__array_interface__["data"][0] % _LINE
    return base[skip : skip + base.nbytes - _LINE].view(dtype).reshape(shape)


def _start_anew() -> None:
    for store in _STORES:
        store.start_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)
