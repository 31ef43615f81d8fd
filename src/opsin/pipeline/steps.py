"""The frozen steps of a pipeline, and the words that build them.

A step is one technique with its parameters, any of which may be a distribution; `augment`, `one_of` and `some_of`
hold steps. Everything is checked when it is built, so that a pipeline that exists can run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Concatenate, Literal, ParamSpec, Self, TypeAlias

import numpy as np

from opsin.chance import Choice, Distribution, Normal
from opsin.errors import OpsinError, ParamError, PipelineError, refusal, verbatim
from opsin.kinds import Mismatch
from opsin.op import Op, op_of
from opsin.spec import Param

__all__ = ["Group", "GroupKind", "Node", "Path", "Step", "augment", "one_of", "some_of", "step", "walk"]

P = ParamSpec("P")
GroupKind = Literal["augment", "one_of", "some_of"]


@dataclass(frozen=True)
class _Common:
    """What every node of a pipeline has."""

    p: float = 1.0
    id: str = ""

    def sometimes(self, p: float) -> Self:
        """Run only in this share of the draws."""
        if isinstance(p, bool) or not isinstance(p, int | float) or not 0.0 <= p <= 1.0:
            raise PipelineError(refusal("sometimes", "p", "a number from 0 to 1", p))
        return replace(self, p=float(p))

    def named(self, id: str) -> Self:
        """Give an id: it addresses the draws and names the results."""
        if not isinstance(id, str) or not id or any(c in id for c in "/\n\r|"):
            raise PipelineError(refusal("named", "id", "text without / and |", id))
        return replace(self, id=id)


@dataclass(frozen=True)
class Step(_Common):
    """One technique with its parameters; built by `step(...)`."""

    op: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    keep: str = ""

    def into(self, name: str) -> Step:
        """Keep the result under another name than the step's id."""
        if not isinstance(name, str) or not name:
            raise PipelineError(refusal("into", "name", "text", name))
        return replace(self, keep=name)

    @property
    def entry(self) -> Op:
        """The technique."""
        return op_of(self.op)

    def distributions(self) -> dict[str, Distribution]:
        """List the parameters that are drawn."""
        return {name: value for name, value in self.params.items() if isinstance(value, Distribution)}

    def chance(self) -> str:
        """Say why this step depends on chance, or nothing when it does not."""
        drawn = self.distributions()
        if drawn:
            return f"{next(iter(drawn))} is drawn"
        if self.p < 1.0:
            return "it runs only sometimes"
        supplied = [p for p in self.entry.spec.params.values() if p.supplied and p.required]
        return "it draws by itself" if supplied else ""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Step):
            return NotImplemented
        mine, theirs = (self.op, self.p, self.id, self.keep), (other.op, other.p, other.id, other.keep)
        return mine == theirs and _same(self.params, other.params)

    def __hash__(self) -> int:
        return hash((self.op, self.p, self.id, tuple(self.params)))

    def __repr__(self) -> str:
        words = ", ".join([f"ops.{self.op}", *(f"{k}={word(v)}" for k, v in self.params.items())])
        return f"step({words})" + _tail(self) + (f".into({self.keep!r})" if self.keep else "")

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_step, (self.op, dict(self.params), self.p, self.id, self.keep)


@dataclass(frozen=True)
class Group(_Common):
    """Several steps under one word: `augment` (all, in training only), `one_of`, `some_of`."""

    kind: GroupKind = "augment"
    steps: tuple[Node, ...] = ()
    weights: tuple[float, ...] | None = None
    count: int = 1

    def __repr__(self) -> str:
        words = [repr(s) for s in self.steps]
        if self.kind == "some_of":
            words.append(f"count={self.count}")
        if self.weights is not None:
            words.append(f"weights={list(self.weights)}")
        return f"{self.kind}({', '.join(words)})" + _tail(self)


Node: TypeAlias = Step | Group
Path: TypeAlias = tuple[int, ...]
"""Where a node stands: positions from the outermost list inwards."""


def _tail(node: Node) -> str:
    return (f".sometimes({node.p:g})" if node.p < 1.0 else "") + (f".named({node.id!r})" if node.id else "")


def word(value: Any) -> str:
    if isinstance(value, Distribution):
        plain = value.plain()
        (name, numbers), *rest = plain.items()
        text = f"{name}({', '.join(repr(n) for n in numbers)}"
        if isinstance(value, Choice) and value.weights:
            text += f", weights={list(value.weights)}"
        clipped = f".clipped({value.low!r}, {value.high!r})" if isinstance(value, Normal) and rest else ""
        return text + ")" + clipped
    if isinstance(value, np.ndarray):
        return "x".join(map(str, value.shape)) + " array"
    return repr(value)


def _same(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    if a.keys() != b.keys():
        return False
    return all(
        np.array_equal(a[k], b[k]) if isinstance(a[k], np.ndarray) or isinstance(b[k], np.ndarray) else a[k] == b[k]
        for k in a
    )


def _rebuild_step(op: str, params: dict[str, Any], p: float, id: str, keep: str) -> Step:
    return Step(op=op, params=MappingProxyType(params), p=p, id=id, keep=keep)


def make_step(op: Any, params: Mapping[str, Any]) -> Step:
    """Build a checked step from a technique (or its name) and parameters.

    Raises:
        PipelineError: an unknown technique or parameter, a value or a distribution's support out of bounds.
    """
    try:
        entry = op_of(op)
        spec = entry.spec
        plain: dict[str, Any] = {}
        for name, value in params.items():
            if name not in spec.params:
                spec.fill({name: value})
            param = spec.params[name]
            if param.supplied:
                text = f"{spec.name}: {name} is supplied by the pipeline; leave it out."
                raise PipelineError(text)
            plain[name] = _accept(spec.name, param, value)
        for param in spec.params.values():
            if param.required and not param.supplied and param.name not in plain:
                spec.fill(plain)
    except ParamError as reason:
        raise PipelineError(str(reason)) from None
    return Step(op=spec.name, params=MappingProxyType(plain))


def _accept(where: str, param: Param, value: Any) -> Any:
    if not isinstance(value, Distribution):
        return param.default if value is param.default and value is None else param.accept(where, value)
    try:
        param.kind.accept_distribution(value)
    except Mismatch as reason:
        unit = f" in {param.unit}" if param.unit else ""
        got = verbatim(word(value))
        raise PipelineError(refusal(where, param.name, f"{reason}{unit}", got)) from None
    return value


def step(fn: Callable[Concatenate[Any, P], Any], /, *args: P.args, **kwargs: P.kwargs) -> Step:
    """Make a step of a technique: `step(ops.rotate, angle=uniform(-10, 10))`.

    Args:
        fn: a technique of `opsin.ops`.
        args: further pictures or masks of the technique.
        kwargs: its parameters; any of them may be a distribution inside `augment(...)`.

    Raises:
        PipelineError: what does not fit the technique's signature.
    """
    try:
        entry = op_of(fn)
    except OpsinError as reason:
        raise PipelineError(str(reason)) from None
    named: dict[str, Any] = dict(kwargs)
    if args:
        arrays = [n for n, p in entry.spec.params.items() if p.array]
        if len(args) > len(arrays):
            raise PipelineError(f"{entry.name}: parameters go by keyword in step(...).")
        named = {**dict(zip(arrays, args, strict=False)), **named}
    return make_step(entry.name, named)


def _nodes(where: str, steps: Sequence[Any]) -> tuple[Node, ...]:
    for node in steps:
        if not isinstance(node, Step | Group):
            hint = "Wrap a technique in step(...)." if hasattr(node, "__opsin__") else ""
            raise PipelineError(refusal(where, "every item", "a step", node, hint))
    return tuple(steps)


def augment(*steps: Node) -> Group:
    """Hold steps that belong to training only; here parameters may be drawn."""
    if not steps:
        raise PipelineError(refusal("augment", "steps", "at least one step", verbatim("nothing")))
    nodes = _nodes("augment", steps)
    for _, node, _ in walk(nodes):
        if isinstance(node, Group) and node.kind == "augment":
            raise PipelineError("augment: stands inside another augment; one is enough.")
    return Group(kind="augment", steps=nodes)


def one_of(*steps: Node, weights: Sequence[float] | None = None) -> Group:
    """Hold steps of which each draw runs one, all alike or by weight."""
    nodes = _nodes("one_of", steps)
    if not nodes:
        raise PipelineError(refusal("one_of", "steps", "at least one step", verbatim("nothing")))
    frozen = None
    if weights is not None:
        frozen = Choice(tuple(range(len(weights))), tuple(weights)).weights
        if len(weights) != len(nodes):
            raise PipelineError(refusal("one_of", "weights", f"{len(nodes)} numbers, one per step", list(weights)))
    return Group(kind="one_of", steps=nodes, weights=frozen)


def some_of(*steps: Node, count: int) -> Group:
    """Hold steps of which each draw runs `count` different ones, in drawn order."""
    nodes = _nodes("some_of", steps)
    if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= len(nodes):
        raise PipelineError(refusal("some_of", "count", f"a whole number from 0 to {len(nodes)}", count))
    return Group(kind="some_of", steps=nodes, count=count)


def walk(nodes: Sequence[Node], training: bool = False, path: Path = ()) -> Iterator[tuple[Path, Node, bool]]:
    """Visit every node in the order of the text: its place, itself, and whether it stands inside `augment`."""
    for position, node in enumerate(nodes):
        place = (*path, position)
        inside = training or (isinstance(node, Group) and node.kind == "augment")
        yield place, node, inside
        if isinstance(node, Group):
            yield from walk(node.steps, inside, place)
