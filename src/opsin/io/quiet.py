"""Hold back what a decoder in C++ prints on standard error: what matters of it is raised, in one sentence."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["silenced"]

_LOCK = threading.Lock()
_INSIDE = [0]
_KEPT = [-1]


@contextmanager
def silenced() -> Iterator[None]:
    """Send the process's standard error nowhere meanwhile; several threads may be inside at once."""
    with _LOCK:
        _INSIDE[0] += 1
        if _INSIDE[0] == 1:
            _KEPT[0] = _divert()
    try:
        yield
    finally:
        with _LOCK:
            _INSIDE[0] -= 1
            if _INSIDE[0] == 0 and _KEPT[0] >= 0:
                os.dup2(_KEPT[0], 2)
                os.close(_KEPT[0])


def _divert() -> int:
    """Give what standard error was, to put it back; -1 where there is none."""
    try:
        if sys.stderr is not None:
            sys.stderr.flush()
        kept = os.dup(2)
        nowhere = os.open(os.devnull, os.O_WRONLY)
    except (OSError, ValueError):
        return -1
    os.dup2(nowhere, 2)
    os.close(nowhere)
    return kept
