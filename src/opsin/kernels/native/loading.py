"""The compiled core as it is found, or not."""

from __future__ import annotations

from typing import Any, NoReturn

from opsin.errors import DecodeError, LimitError, ParamError

_core: Any = None
WHY_NOT: str | None = None
try:
    from opsin.kernels import _native

    _core = _native
except ImportError as _error:  # no toolchain built it, or it was built for another interpreter
    WHY_NOT = str(_error)

__all__ = ["WHY_NOT", "available", "need", "refuse", "set_simd_level", "simd_level", "version"]


def available() -> bool:
    """Say whether the compiled core is installed."""
    return _core is not None


def version() -> str | None:
    """Give the core's version, or None where there is no core."""
    return None if _core is None else str(_core.__version__)


def simd_level() -> str:
    """Give the instruction set in use: `base`, `avx2` or `avx512`; `none` where there is no core."""
    return "none" if _core is None else str(_core.simd_level())


def set_simd_level(name: str | None = None) -> str:
    """Force an instruction set for tests; None goes back to the best one. Results never depend on it."""
    return str(need().set_simd_level(name))


def need() -> Any:
    """Give the core's module, for the other files of this package."""
    if _core is None:
        raise RuntimeError(f"opsin.kernels.native: the compiled core is not installed ({WHY_NOT}).")
    return _core


def refuse(error: Exception, source: str | None = None) -> NoReturn:
    """Raise what the core says in the words of this package."""
    kind, message = error.args
    if kind == "invalid":
        raise ParamError(message) from None
    if kind == "too_large":
        raise LimitError(f"{source}: {message}" if source else message) from None
    raise DecodeError(kind, message, source) from None
