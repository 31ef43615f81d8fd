"""Everything Opsin refuses, and the one sentence it refuses with.

OpsinError
├── ParamError      a parameter of a technique is not what it may be        (also a ValueError)
├── PipelineError   a pipeline, its text or its use is wrong                (also a ValueError)
├── DecodeError     bytes that do not become a picture; `.kind` says why    (also a ValueError)
├── DatasetError    a data set or an annotation file that cannot be used    (also a ValueError)
├── MissingExtra    a library that is not installed; the message brings it  (also an ImportError)
└── LimitError      a stated limit (bytes, pixels, seconds ...) was met     (also a ValueError)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

__all__ = [
    "DatasetError",
    "DecodeError",
    "DecodeKind",
    "LimitError",
    "MissingExtra",
    "OpsinError",
    "ParamError",
    "PipelineError",
    "did_you_mean",
    "refusal",
    "show",
    "verbatim",
]

DecodeKind = Literal["truncated", "corrupt", "unsupported", "too_large", "not_a_file", "unreadable", "timeout"]


class OpsinError(Exception):
    """The root of every error that Opsin raises on purpose."""


class ParamError(OpsinError, ValueError):
    """A parameter or an input of a technique is not what it may be."""


class PipelineError(OpsinError, ValueError):
    """A pipeline, its text or the way it is called is wrong."""


class DatasetError(OpsinError, ValueError):
    """A data set or an annotation file that cannot be used as asked."""


class LimitError(OpsinError, ValueError):
    """A stated limit was met before the work was done."""


class DecodeError(OpsinError, ValueError):
    """Bytes that do not become a picture.

    Args:
        kind: one of `truncated`, `corrupt`, `unsupported`, `too_large`, `not_a_file`, `unreadable`, `timeout`.
        message: one sentence.
        source: the file's name, when there is one; it leads the sentence.
    """

    def __init__(self, kind: DecodeKind, message: str, source: str | None = None) -> None:
        if kind not in get_args(DecodeKind):
            raise ValueError(f"unknown decode error kind {kind!r}")
        self.kind: DecodeKind = kind
        self.message = message
        self.source = source
        super().__init__(kind, message, source)

    def __str__(self) -> str:
        return f"{self.source}: {self.message}" if self.source else self.message


class MissingExtra(OpsinError, ImportError):
    """A technique needs a library that is not installed."""

    def __init__(self, what: str, library: str, extra: str) -> None:
        self.extra = extra
        super().__init__(f"{what} needs {library}; pip install 'opsin[{extra}]'")
        self._args = (what, library, extra)

    def __reduce__(self) -> tuple[type[MissingExtra], tuple[str, str, str]]:
        return MissingExtra, self._args


def show(value: object, limit: int = 80) -> str:
    """Write a value for a message: short, one line, arrays by shape and dtype."""
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if shape is not None and dtype is not None:
        if shape == ():
            return str(value)
        return f"{dtype} array of shape {tuple(shape)}"
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def refusal(where: str, param: str, constraint: str, got: object, hint: str = "") -> str:
    """Write the one sentence of every refusal: `<op>: <param> must be <constraint>; got <value>. <what to do>`."""
    got_text = got if isinstance(got, _Verbatim) else show(got)
    return f"{where}: {param} must be {constraint}; got {got_text}." + (f" {hint}" if hint else "")


class _Verbatim(str):
    """Text that a refusal prints as it stands, without quotes."""


def verbatim(text: str) -> str:
    """Mark text so that `refusal` prints it as it stands."""
    return _Verbatim(text)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Name the nearest known word, or nothing when none is near."""
    import difflib  # only errors need it

    near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.6)
    return f"Did you mean '{near[0]}'?" if near else ""
