"""Kinds that plain text can write: numbers, words, flags, lists, and either of several."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np

from opsin.chance import Distribution
from opsin.types import Bound

__all__ = [
    "Either",
    "Flag",
    "Kind",
    "Listing",
    "Mismatch",
    "Nothing",
    "Number",
    "OneOf",
    "Table",
    "Text",
    "Tuple",
    "draws_whole",
]

NO_BOUND = Bound()


def _figure(value: float | None) -> str:
    """Write a bound: whole numbers in full, others short."""
    assert value is not None
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else f"{value:g}"


class Mismatch(Exception):
    """A value is not of the kind; the message is the constraint."""


class Kind:
    """What a parameter's value may be."""

    def accept(self, value: Any) -> Any:
        """Return the value in its plain form (int, float, str, tuple, array), or raise Mismatch."""
        raise Mismatch(self.english())

    def english(self) -> str:
        """Say the constraint: "a number above 0"."""
        raise Mismatch("a value")

    def schema(self) -> dict[str, Any]:
        """Write the constraint as JSON Schema."""
        return {}

    def bad(self) -> Any:
        """Make a value that must be refused."""
        return object()

    def accept_distribution(self, distribution: Distribution) -> None:
        """Check that everything the distribution can draw is of this kind, else raise Mismatch."""
        values = distribution.values()
        if values is None:
            raise Mismatch(self.english())
        for value in values:
            self.accept(value)


@dataclass(frozen=True)
class Number(Kind):
    """A finite number within bounds; `whole` asks for an integer. Bools and text are never numbers."""

    whole: bool = False
    bound: Bound = NO_BOUND

    def accept(self, value: Any) -> Any:
        """Accept Python and NumPy numbers."""
        if isinstance(value, bool | np.bool_) or not isinstance(value, Integral if self.whole else Real):
            raise Mismatch(self.english())
        number = int(value) if self.whole else float(value)  # type: ignore[call-overload]
        if not self.inside(number):
            raise Mismatch(self.english())
        return number

    def inside(self, number: float) -> bool:
        """Say whether a number is finite and within the bounds."""
        b = self.bound
        return (
            math.isfinite(number)
            and (b.ge is None or number >= b.ge)
            and (b.gt is None or number > b.gt)
            and (b.le is None or number <= b.le)
            and (b.lt is None or number < b.lt)
        )

    def english(self) -> str:
        """Say the bounds."""
        b, word = self.bound, "a whole number" if self.whole else "a number"
        if b.ge is not None and b.le is not None:
            return f"{word} from {_figure(b.ge)} to {_figure(b.le)}"
        parts = [
            text
            for text, end in (
                (f"at least {_figure(b.ge)}" if b.ge is not None else "", b.ge),
                (f"above {_figure(b.gt)}" if b.gt is not None else "", b.gt),
                (f"at most {_figure(b.le)}" if b.le is not None else "", b.le),
                (f"below {_figure(b.lt)}" if b.lt is not None else "", b.lt),
            )
            if end is not None
        ]
        return f"{word} {' and '.join(parts)}" if parts else word

    def schema(self) -> dict[str, Any]:
        """Write type and bounds."""
        b = self.bound
        words = {"minimum": b.ge, "exclusiveMinimum": b.gt, "maximum": b.le, "exclusiveMaximum": b.lt}
        return {"type": "integer" if self.whole else "number"} | {k: v for k, v in words.items() if v is not None}

    def bad(self) -> Any:
        """Make a number out of bounds, or NaN."""
        b = self.bound
        if b.ge is not None:
            return (int(b.ge) if self.whole else b.ge) - 1
        if b.gt is not None:
            return int(b.gt) if self.whole else b.gt
        if b.le is not None:
            return b.le + 1
        return math.nan

    def accept_distribution(self, distribution: Distribution) -> None:
        """Check the support against the bounds."""
        if distribution.values() is not None:
            super().accept_distribution(distribution)
            return
        low, high = distribution.support()
        for end in (low, high):
            if math.isinf(end):
                raise Mismatch(f"{self.english()} (say .clipped(low, high))")
            if self.whole and end != int(end):
                raise Mismatch(self.english())
            # a range open at its end, such as `below 1`, may touch it: [low, high) never reaches high
            if not self.inside(end) and not (end == self.bound.lt and low < high):
                raise Mismatch(self.english())


@dataclass(frozen=True)
class Flag(Kind):
    """True or False."""

    def accept(self, value: Any) -> Any:
        """Accept bools only."""
        if not isinstance(value, bool | np.bool_):
            raise Mismatch(self.english())
        return bool(value)

    def english(self) -> str:
        """Say it."""
        return "true or false"

    def schema(self) -> dict[str, Any]:
        """Write it."""
        return {"type": "boolean"}

    def bad(self) -> Any:
        """A word is not a flag."""
        return "maybe"


@dataclass(frozen=True)
class OneOf(Kind):
    """One of a few words or numbers."""

    options: tuple[Any, ...]

    def accept(self, value: Any) -> Any:
        """Accept an option, of its own type."""
        for option in self.options if not isinstance(value, np.ndarray) else ():
            if option == value and isinstance(value, bool) == isinstance(option, bool):
                return option
        raise Mismatch(self.english())

    def english(self) -> str:
        """List the options."""
        return "one of " + ", ".join(repr(o) for o in self.options)

    def schema(self) -> dict[str, Any]:
        """List the options."""
        return {"enum": list(self.options)}

    def bad(self) -> Any:
        """A word that is no option."""
        return "no such option"


@dataclass(frozen=True)
class Text(Kind):
    """Any text."""

    def accept(self, value: Any) -> Any:
        """Accept str."""
        if not isinstance(value, str):
            raise Mismatch(self.english())
        return value

    def english(self) -> str:
        """Say it."""
        return "text"

    def schema(self) -> dict[str, Any]:
        """Write it."""
        return {"type": "string"}


@dataclass(frozen=True)
class Tuple(Kind):
    """A fixed number of values, each of its kind."""

    items: tuple[Kind, ...]

    def accept(self, value: Any) -> Any:
        """Accept tuples, lists and 1-D arrays."""
        if isinstance(value, np.ndarray):
            value = value.tolist()
        if not isinstance(value, list | tuple) or len(value) != len(self.items):
            raise Mismatch(self.english())
        try:
            return tuple(kind.accept(v) for kind, v in zip(self.items, value, strict=True))
        except Mismatch:
            raise Mismatch(self.english()) from None

    def english(self) -> str:
        """Say count and kind."""
        return f"({', '.join(kind.english() for kind in self.items)})"

    def schema(self) -> dict[str, Any]:
        """Write as a fixed array."""
        count = len(self.items)
        items = [kind.schema() for kind in self.items]
        return {"type": "array", "prefixItems": items, "minItems": count, "maxItems": count}


@dataclass(frozen=True)
class Listing(Kind):
    """Any number of values of one kind, at least one."""

    item: Kind

    def accept(self, value: Any) -> Any:
        """Accept tuples, lists and arrays."""
        if isinstance(value, np.ndarray):
            value = value.tolist()
        if not isinstance(value, list | tuple) or not value:
            raise Mismatch(self.english())
        try:
            return tuple(self.item.accept(v) for v in value)
        except Mismatch:
            raise Mismatch(self.english()) from None

    def english(self) -> str:
        """Say it."""
        return f"a list whose items are each {self.item.english()}"

    def schema(self) -> dict[str, Any]:
        """Write as an array."""
        return {"type": "array", "items": self.item.schema(), "minItems": 1}


@dataclass(frozen=True)
class Table(Kind):
    """Named values: text to anything plain."""

    def accept(self, value: Any) -> Any:
        """Accept mappings with text keys."""
        if not isinstance(value, Mapping) or not all(isinstance(k, str) for k in value):
            raise Mismatch(self.english())
        return dict(value)

    def english(self) -> str:
        """Say it."""
        return "named values"

    def schema(self) -> dict[str, Any]:
        """Write as an object."""
        return {"type": "object"}


@dataclass(frozen=True)
class Nothing(Kind):
    """None: the parameter may be left out."""

    def accept(self, value: Any) -> Any:
        """Accept None."""
        if value is not None:
            raise Mismatch(self.english())
        return None

    def english(self) -> str:
        """Say it."""
        return "nothing"

    def schema(self) -> dict[str, Any]:
        """Write as null."""
        return {"type": "null"}


@dataclass(frozen=True)
class Either(Kind):
    """One of several kinds, tried in order."""

    kinds: tuple[Kind, ...]

    def accept(self, value: Any) -> Any:
        """Accept what the first fitting kind accepts."""
        closest = ""
        for kind in self.kinds:
            try:
                return kind.accept(value)
            except Mismatch as reason:
                # of the right kind but with something wrong in it: that says more than all that is possible
                closest = closest or (str(reason) if str(reason) != kind.english() else "")
        raise Mismatch(closest or self.english())

    def english(self) -> str:
        """Join the kinds with "or"."""
        return " or ".join(kind.english() for kind in self.kinds)

    def schema(self) -> dict[str, Any]:
        """Write as anyOf."""
        return {"anyOf": [kind.schema() for kind in self.kinds]}

    def bad(self) -> Any:
        """A value that no kind accepts."""
        for kind in self.kinds:
            value = kind.bad()
            try:
                self.accept(value)
            except Mismatch:
                return value
        return object()

    def accept_distribution(self, distribution: Distribution) -> None:
        """Check against the first kind that fits the whole support."""
        for kind in self.kinds:
            try:
                kind.accept_distribution(distribution)
            except Mismatch:
                continue
            else:
                return
        raise Mismatch(self.english())


def draws_whole(kind: Kind) -> bool:
    """Say whether a parameter of this kind is drawn as an integer."""
    if isinstance(kind, Either):
        numbers = [k for k in kind.kinds if isinstance(k, Number)]
        return bool(numbers) and all(k.whole for k in numbers)
    return isinstance(kind, Number) and kind.whole
