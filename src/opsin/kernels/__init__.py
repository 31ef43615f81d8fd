"""Numbers only: arrays in, arrays out.

The compiled core (`native`) computes where it is installed; the NumPy and Pillow kernels beside it say what is right,
and serve, with one warning, where it is not.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from opsin.kernels import native

__all__ = ["core_name", "reference_only", "use_core"]

_state = {"core": native.available(), "warned": native.available()}


def use_core() -> bool:
    """Say whether the compiled core computes; warn once where it is missing."""
    if not _state["warned"]:
        _state["warned"] = True
        text = "opsin: the compiled core is not installed, the slower NumPy kernels serve; see `opsin doctor`."
        warnings.warn(text, RuntimeWarning, stacklevel=3)
    return _state["core"]


def core_name() -> str:
    """Name what computes: a job records it, and refuses to go on under another."""
    return f"native {native.version()}" if _state["core"] else "reference"


@contextmanager
def reference_only() -> Iterator[None]:
    """Compute with the reference kernels inside a `with` block; for tests and comparisons."""
    before = dict(_state)
    _state.update(core=False, warned=True)
    try:
        yield
    finally:
        _state.update(before)
