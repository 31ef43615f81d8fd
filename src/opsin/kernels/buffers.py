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

_LEAST = 1 << 18  # smaller arrays come out of the allocator's own store
_LOOKED_AT = 16  # whoever holds a thousand results does not wait until all of them were asked about
_LINE = 64  # vectors that begin where a cache line does are written in half the time
_COUNTS = getattr(sys, "_is_gil_enabled", lambda: True)()  # without the GIL reference counts are estimates
_STORES: list[Store] = []  # they live as long as the process


class Store:
    """Arrays that are given out, and given out again once nobody holds them."""

    def __init__(self, most: int, count: int) -> None:
        self._most, self._count = most, count  # bytes and arrays that are kept in all
        self._kept: list[_Kept] = []
        self._bytes = self._last = 0  # of all that is kept; where an array was given out last
        self._lock = threading.Lock()
        _STORES.append(self)

    def start_anew(self) -> None:
        """Begin without a parent's arrays, and with a lock that nobody holds: what a child process does first."""
        self._lock = threading.Lock()
        self._kept.clear()
        self._bytes = self._last = 0

    def fresh(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """Give an array that nobody else holds, with anything in it.

        An array that was given out before is given out again once its last view is gone.
        """
        size = prod(shape) * np.dtype(dtype).itemsize
        if not _LEAST <= size <= self._most // 2 or not _COUNTS:
            return _Kept(size, shape, dtype).ready
        with self._lock:
            every = self._kept
            # the same one for the same step of a loop, where there are few
            first = self._last if len(every) > _LOOKED_AT else 0
            for place in range(first, first + min(len(every), _LOOKED_AT)):
                kept = every[place % len(every)]
                if kept.size == size and sys.getrefcount(kept.base) == _UNHELD:
                    self._last = place % len(every)
                    return kept.given(shape, dtype)
            kept = _Kept(size, shape, dtype)
            every.append(kept)
            self._bytes += size
            while len(every) > self._count or self._bytes > self._most:
                self._bytes -= every.pop(0).size
            self._last = len(every) - 1
            return kept.given(shape, dtype)


class _Kept:
    """Memory, and the array of the last shape that it was given out in."""

    def __init__(self, size: int, shape: tuple[int, ...], dtype: Any) -> None:
        self.size = size
        self.base = np.empty(size + _LINE, np.uint8)
        self._skip = -self.base.__array_interface__["data"][0] % _LINE
        self.ready = self._placed(shape, dtype)

    def _placed(self, shape: tuple[int, ...], dtype: Any) -> Array:
        return self.base[self._skip : self._skip + self.size].view(dtype).reshape(shape)

    def given(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """Give a view of its own: whoever holds it, or a view of it, holds the memory."""
        if self.ready.shape != shape or self.ready.dtype != dtype:
            self.ready = self._placed(shape, dtype)
        return self.ready.view()


def _unheld() -> int:
    """Count who refers to memory that nobody holds: its keeper, the array kept ready, and the one who asks."""
    kept = _Kept(1, (1,), np.uint8)
    return sys.getrefcount(kept.base)


_UNHELD = _unheld()


def _start_anew() -> None:
    for store in _STORES:
        store.start_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)
