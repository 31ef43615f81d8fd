"""A signature read once into frozen records; every surface is a function of the records."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from opsin.chance import Distribution, Rng, as_rng
from opsin.docstring import Docstring, parse_docstring
from opsin.errors import OpsinError, ParamError, did_you_mean, refusal, verbatim
from opsin.geometry import Warp
from opsin.kinds import (
    Action,
    Address,
    ArrayKind,
    Either,
    Flag,
    Kind,
    Listing,
    Mismatch,
    Nothing,
    Number,
    OneOf,
    Partner,
    Table,
    Text,
    Tuple,
    Typed,
)
from opsin.sample import Sample
from opsin.types import Bound, Role, Shape, Unit, Usual
from opsin.values.base import Value

__all__ = ["REQUIRED", "Carrier", "OpShape", "OpSpec", "Param", "read_spec"]

OpShape = Literal["op", "pointwise", "geometric"]


@dataclass(frozen=True)
class Carrier(Kind):
    """A warp: an opsin.Warp, a matrix 3 x 3, or what `opsin apply register` and `find_homography` write."""

    def accept(self, value: Any) -> Any:
        """Accept a Warp, plain data with matrix, source and target, or a matrix."""
        if isinstance(value, Warp):
            return value
        try:
            if isinstance(value, Mapping):
                return Warp.from_data(value)
            matrix = np.asarray(value, dtype=np.float64)
        except (KeyError, TypeError, ValueError, ParamError):
            raise Mismatch(self.english()) from None
        if matrix.shape != (3, 3) or not np.isfinite(matrix).all():
            raise Mismatch(self.english())
        return matrix

    def english(self) -> str:
        """Say it."""
        return "an opsin.Warp, a matrix 3 x 3, or a result that holds one"

    def schema(self) -> dict[str, Any]:
        """Write as rows of numbers, or as matrix, source and target."""
        rows = {"type": "array", "items": {"type": "array", "items": {"type": "number"}}}
        return {"anyOf": [rows, {"type": "object"}]}


class _Required:
    def __repr__(self) -> str:
        return "required"


REQUIRED: Any = _Required()
PARTNERS = 3
"""How many other samples a pipeline supplies where a technique takes several (a mosaic of four)."""


@dataclass(frozen=True)
class Param:
    """One parameter of a technique."""

    name: str
    kind: Kind
    default: Any = REQUIRED
    usual: tuple[float, float] | None = None
    unit: str = ""
    supplied: bool = False
    partners: int = 0
    array: bool = False
    doc: str = ""

    @property
    def required(self) -> bool:
        """Say whether a call must give it."""
        return self.default is REQUIRED

    def english(self) -> str:
        """Say what it may be, with its unit."""
        return self.kind.english() + (f" in {self.unit}" if self.unit else "")

    def _partner(self, where: str, value: Any) -> Any:
        """Accept another sample, or several: mixing techniques take them, pipelines supply them."""
        several = self.partners > 1
        items = tuple(value) if several and isinstance(value, list | tuple) else (value,)
        if not items or not all(isinstance(item, Sample) for item in items):
            raise ParamError(refusal(where, self.name, self.kind.english(), value, "Use opsin.Sample(image)."))
        return items if several else items[0]

    def accept(self, where: str, value: Any) -> Any:
        """Return the value in its plain form or raise ParamError with the one sentence."""
        if self.partners:
            return self._partner(where, value)
        if self.supplied:
            return None if value is None and not self.required else as_rng(where, value)
        if isinstance(value, Distribution):
            hint = "Use step(...) in a pipeline for chance."
            raise ParamError(refusal(where, self.name, f"{self.english()} in a direct call", value, hint))
        try:
            return self.kind.accept(value)
        except Mismatch as reason:
            unit = f" in {self.unit}" if self.unit else ""
            got = value
            options = getattr(self.kind, "options", ())
            hint = did_you_mean(value, map(str, options)) if isinstance(value, str) and options else ""
            raise ParamError(refusal(where, self.name, f"{reason}{unit}", got, hint)) from None


@dataclass(frozen=True)
class OpSpec:
    """Everything a machine needs to know about a technique, read from its signature and docstring."""

    name: str
    family: str
    shape: OpShape
    params: Mapping[str, Param]
    takes: str
    returns: str
    doc: Docstring
    extra: str = ""
    quantizes: bool = False
    unit_range: bool = False
    rescales: bool = False
    masks: bool = False
    halo: Callable[..., int] | None = field(default=None, compare=False)
    whole: bool = False

    @property
    def summary(self) -> str:
        """The docstring's first line."""
        return self.doc.summary

    @property
    def random(self) -> bool:
        """Say whether it draws by itself."""
        return "rng" in self.params

    def shown(self) -> list[Param]:
        """List the parameters that a person sets."""
        return [p for p in self.params.values() if not p.supplied]

    def fill(self, given: Mapping[str, Any], *, where: str = "") -> dict[str, Any]:
        """Check given parameters, add the defaults, refuse unknown and missing ones."""
        where = where or self.name
        for name in given:
            if name not in self.params:
                self._unknown(where, name)
        out: dict[str, Any] = {}
        for name, param in self.params.items():
            if name in given:
                value = given[name]
                if value is param.default and not param.supplied:
                    out[name] = value
                else:
                    out[name] = param.accept(where, value)
            elif param.default is REQUIRED:
                hint = "Use rng=opsin.Rng(7)." if param.supplied else "It has no default."
                raise ParamError(refusal(where, name, param.english(), verbatim("nothing"), hint))
            else:
                out[name] = param.default
        return out

    def _unknown(self, where: str, name: str) -> None:
        hint = did_you_mean(name, self.params)
        known = ", ".join(p.name for p in self.shown()) or "none"
        raise ParamError(f"{where}: '{name}' is not a parameter; it takes {known}." + (f" {hint}" if hint else ""))

    def to_dict(self) -> dict[str, Any]:
        """Write the spec as plain data."""
        return {
            "name": self.name,
            "family": self.family,
            "summary": self.summary,
            "takes": self.takes,
            "returns": self.returns,
            "extra": self.extra,
            "random": self.random,
            "params": [
                {
                    "name": p.name,
                    "constraint": p.kind.english(),
                    "unit": p.unit,
                    "usual": list(p.usual) if p.usual else None,
                    "required": p.required,
                    "default": None if p.required else _plain(p.default),
                    "doc": p.doc,
                    "schema": p.kind.schema(),
                }
                for p in self.shown()
            ],
            "source": self.doc.source,
        }

    def __repr__(self) -> str:
        words = []
        for p in self.shown():
            default = "" if p.required else f" = {p.default!r}"
            words.append(f"{p.name}: {p.english()}{default}")
        return f"{self.name}({', '.join(words)})"


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


_ROLE_AXES = {"mask": 2, "labels": 2, "image": 3, "rgb": 3, "gray": 2, "values": 0}


def kind_of(hint: Any, marks: tuple[Any, ...] = ()) -> tuple[Kind, tuple[Any, ...]]:
    """Read a type hint into a kind and the marks found on the way; unknown types raise TypeError."""
    origin = get_origin(hint)
    if origin is Annotated:
        inner, *found = get_args(hint)
        return kind_of(inner, (*marks, *found))
    if origin in (Union, types.UnionType):
        read = [kind_of(arg, marks) for arg in get_args(hint)]
        inner_marks = tuple(m for _, found in read for m in found)
        return Either(tuple(k for k, _ in read)), inner_marks
    if origin is Literal:
        return OneOf(get_args(hint)), marks
    if origin is tuple:
        args = get_args(hint)
        if len(args) == 2 and args[1] is Ellipsis:
            return Listing(kind_of(args[0])[0]), marks
        return Tuple(tuple(kind_of(a, marks)[0] for a in args)), marks
    if origin is list:
        return Listing(kind_of(get_args(hint)[0])[0]), marks
    bound = next((m for m in marks if isinstance(m, Bound)), Bound())
    if hint is bool:
        return Flag(), marks
    if hint is int:
        return Number(True, bound), marks
    if hint is float:
        return Number(False, bound), marks
    if hint is str:
        return Text(), marks
    if hint is type(None):
        return Nothing(), marks
    if hint is Warp:
        return Carrier(), marks
    if hint is bytes or (isinstance(hint, type) and issubclass(hint, Value) and not issubclass(hint, np.ndarray)):
        return Typed(hint), marks
    if origin is Callable:
        return Action(), marks
    if origin is dict or hint is dict:
        return Table(), marks
    if hint is np.ndarray or origin is np.ndarray:
        role = next((m.name for m in marks if isinstance(m, Role)), "array")
        shape = next((m for m in marks if isinstance(m, Shape)), Shape(_ROLE_AXES.get(role, 2)))
        return ArrayKind(shape, role), marks
    raise TypeError(f"{hint!r} is not a type a parameter may have")


def _role(hint: Any) -> str:
    if _whole(hint):
        return "image"
    if get_origin(hint) is Annotated:
        for mark in get_args(hint)[1:]:
            if isinstance(mark, Role):
                return mark.name
    return getattr(hint, "__name__", "value").lower()


def _whole(hint: Any) -> bool:
    """Say whether a technique takes a picture or, where there is one, the whole sample: `Image | Sample`."""
    return get_origin(hint) in (Union, types.UnionType) and Sample in get_args(hint)


def read_spec(
    fn: Callable[..., Any],
    shape: OpShape,
    *,
    extra: str = "",
    quantizes: bool = False,
    unit_range: bool = False,
    rescales: bool = False,
    masks: bool = False,
    halo: Callable[..., int] | None = None,
) -> OpSpec:
    """Read a function's signature and docstring into its spec; what it may not have is refused here.

    Raises:
        OpsinError: an unknown type, a mutable default, `*args`, or a docstring that does not match.
    """
    name, doc = fn.__name__, parse_docstring(fn.__doc__)
    hints = get_type_hints(fn, include_extras=True)
    signature = list(inspect.signature(fn).parameters.values())
    if not signature:
        raise OpsinError(f"{name}: a technique takes at least one input.")
    params: dict[str, Param] = {}
    for item in signature[1:]:
        if item.kind in (item.VAR_POSITIONAL, item.VAR_KEYWORD):
            raise OpsinError(f"{name}: *{item.name} is not allowed; name every parameter.")
        default = REQUIRED if item.default is item.empty else item.default
        if isinstance(default, list | dict | set):
            raise OpsinError(f"{name}: the default of {item.name} is mutable; use a tuple or None.")
        hint = hints[item.name]
        bare = [a for a in get_args(hint) if a is not type(None)] if get_origin(hint) is not Annotated else []
        if hint is Rng or bare == [Rng]:
            # a plain Rng must be given in direct calls (its default only lets step(...) type-check)
            default = REQUIRED if hint is Rng else None
            kind: Kind = Address()
            params[item.name] = Param(item.name, kind, default, supplied=True, doc=doc.args.get(item.name, ""))
            continue
        if hint is Sample or hint == tuple[Sample, ...]:
            count = 1 if hint is Sample else PARTNERS
            params[item.name] = Param(
                item.name, Partner(count), supplied=True, partners=count, doc=doc.args.get(item.name, "")
            )
            continue
        try:
            kind, marks = kind_of(hint)
        except TypeError as reason:
            raise OpsinError(f"{name}: parameter {item.name}: {reason}.") from None
        usual = next((m for m in reversed(marks) if isinstance(m, Usual)), None)
        unit = next((m.name for m in reversed(marks) if isinstance(m, Unit)), "")
        params[item.name] = Param(
            item.name,
            kind,
            default,
            (usual.low, usual.high) if usual else None,
            unit,
            array=any(isinstance(k, ArrayKind) for k in (kind.kinds if isinstance(kind, Either) else (kind,))),
            doc=doc.args.get(item.name, ""),
        )
    returns = "warp" if shape == "geometric" else "image" if shape == "pointwise" else _role(hints["return"])
    takes = "image" if shape != "op" else _role(hints[signature[0].name])
    family = fn.__module__.rpartition(".")[2]
    whole = shape == "op" and _whole(hints[signature[0].name])
    traits = (extra, quantizes, unit_range, rescales, masks, halo, whole)
    return OpSpec(name, family, shape, params, takes, returns, doc, *traits)
