"""Hold back what a decoder in C++ prints on standard error: what matters of it is raised, in one sentence."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["STDERR", "silenced"]

STDERR = threading.Lock()
"""Who points file descriptor 2 elsewhere holds it: two at once would put back each other's descriptor."""


@contextmanager
def silenced() -> Iterator[None]:
    """Send the process's standard error nowhere meanwhile."""
    with STDERR:
        try:
            if sys.stderr is not None:
                sys.stderr.flush()
            kept = os.dup(2)
        except (OSError, ValueError):  # a process without standard error
            yield
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
