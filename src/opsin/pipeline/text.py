"""Pipelines as text: YAML and plain data to steps and back.

Both forms build the same frozen steps. A refusal names file, line, step and parameter.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from opsin.chance import Choice, Distribution, LogUniform, Normal, Uniform
from opsin.errors import OpsinError, PipelineError, did_you_mean, refusal
from opsin.geometry import Warp
from opsin.instances import Rules
from opsin.kinds import ArrayKind, Either, Text
from opsin.op import load_plugins, operations
from opsin.pipeline.steps import Group, Node, Step, augment, make_step, one_of, some_of

if TYPE_CHECKING:
    from opsin.pipeline.pipeline import Pipeline
    from opsin.spec import Param

__all__ = ["from_data", "from_yaml", "to_data", "to_yaml"]

VERSION = 1
_TOP = ("opsin", "seed", "decode", "frames", "fuse", "without", "rules", "steps")
_WORDS = ("p", "id", "into")
_GROUPS = ("augment", "one_of", "some_of")
_DISTRIBUTIONS = ("uniform", "log_uniform", "normal", "choice")


# --- to data ------------------------------------------------------------------------------------------------------
def to_data(pipeline: Pipeline) -> dict[str, Any]:
    """Write a pipeline as plain data: dicts, lists, numbers and text."""
    out: dict[str, Any] = {"opsin": VERSION, "seed": pipeline.seed}
    if pipeline.decode != "exact":
        out["decode"] = pipeline.decode
    if pipeline.frames != "keep":
        out["frames"] = pipeline.frames
    if not pipeline.fuse:
        out["fuse"] = False
    if pipeline.without:
        out["without"] = list(pipeline.without)
    if pipeline.rules is not None:
        r = pipeline.rules
        out["rules"] = {"min_visible": r.min_visible, "min_area": r.min_area, "min_side": r.min_side}
        if r.text:
            out["rules"]["text"] = list(r.text)
        if r.swap:
            out["rules"]["swap"] = [list(pair) for pair in r.swap]
        if r.void:
            out["rules"]["void"] = r.void
    out["steps"] = [_node_data(node) for node in pipeline.steps]
    return out


def _node_data(node: Node) -> dict[str, Any]:
    if isinstance(node, Step):
        out: dict[str, Any] = {node.op: {name: _value_data(value) for name, value in node.params.items()}}
    else:
        inner: Any = [_node_data(child) for child in node.steps]
        if node.kind == "some_of":
            inner = {"count": node.count, "steps": inner}
        elif node.weights is not None:
            inner = {"weights": list(node.weights), "steps": inner}
        out = {node.kind: inner}
    if node.p < 1.0:
        out["p"] = node.p
    if node.id:
        out["id"] = node.id
    if isinstance(node, Step) and node.keep:
        out["into"] = node.keep
    return out


def _value_data(value: Any) -> Any:
    if isinstance(value, Distribution):
        return value.plain()
    if isinstance(value, Warp):
        return value.to_data()
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "f" and value.dtype == np.float64:
            return value.tolist()
        return {"array": value.tolist(), "dtype": value.dtype.str}
    return list(value) if isinstance(value, tuple) else value


def to_yaml(pipeline: Pipeline) -> str:
    """Write a pipeline as YAML: one line a step."""
    import yaml

    data = to_data(pipeline)
    steps = data.pop("steps")
    lines = [f"{name}: {_flow(yaml, value)}" for name, value in data.items()]
    lines.append("steps:" if steps else "steps: []")
    for step in steps:
        lines += _step_lines(yaml, step, "  ")
    return "\n".join(lines) + "\n"


def _flow(yaml: Any, value: Any) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10**9, sort_keys=False, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...").strip()


def _step_lines(yaml: Any, step: Mapping[str, Any], indent: str) -> list[str]:
    (name, body), *words = step.items()
    if name not in _GROUPS:
        lines = [f"{indent}- {name}: {_flow(yaml, body)}"]
    else:
        children, extra = (body, {}) if isinstance(body, list) else (body["steps"], body)
        lines = [f"{indent}- {name}:"]
        inner = indent + "    "
        for key, value in extra.items():
            if key != "steps":
                lines.append(f"{inner}{key}: {_flow(yaml, value)}")
        if extra:
            lines.append(f"{inner}steps:")
            inner += "  "
        for child in children:
            lines += _step_lines(yaml, child, inner if extra else indent + "    ")
    return lines + [f"{indent}  {word}: {_flow(yaml, value)}" for word, value in words]


# --- from data ----------------------------------------------------------------------------------------------------
class _Marks:
    """Where each part of a text stands, so that a refusal can say it; empty for plain data."""

    def __init__(self, name: str = "", lines: Mapping[tuple[Any, ...], int] | None = None, folder: str = "") -> None:
        self.name, self.lines, self.folder = name, lines or {}, folder

    def at(self, place: tuple[Any, ...], reason: object) -> PipelineError:
        """Make the error of a place: the nearest enclosing line that is known."""
        probe = place
        while probe and probe not in self.lines:
            probe = probe[:-1]
        line = self.lines.get(probe)
        prefix = f"{self.name}:{line}: " if line is not None else ""
        steps = ".".join(f"{p}" if isinstance(p, str) else f"[{p + 1}]" for p in place).replace(".[", "[")
        return PipelineError(f"{prefix}{steps}: {reason}" if steps and not prefix else f"{prefix}{reason}")


def from_data(data: Mapping[str, Any]) -> Pipeline:
    """Build a pipeline from plain data, as `to_data` wrote it."""
    return _build(data, _Marks())


def from_yaml(source: str | os.PathLike[str]) -> Pipeline:
    """Read a pipeline from a YAML file, or from text when it has more than one line.

    Raises:
        PipelineError: with file, line, step and parameter.
    """
    from opsin.io import read_bytes
    from opsin.io.parse import parse_yaml

    name, folder = "pipeline", ""
    if isinstance(source, os.PathLike) or ("\n" not in source and not source.lstrip().startswith("{")):
        name = os.fspath(source)
        if not Path(name).exists():
            hint = "" if name.endswith((".yaml", ".yml")) else " Text needs more than one line."
            raise PipelineError(f"{name}: no such file.{hint}")
        text, folder = read_bytes(source).data.decode("utf-8", "replace"), os.path.dirname(name)
    else:
        text = source
    try:
        tree = parse_yaml(text, source=name)
    except OpsinError as reason:
        raise PipelineError(str(reason)) from None
    return _build(tree.value, _Marks(name, {place: mark[0] for place, mark in tree.marks.items()}, folder))


def _build(data: Any, marks: _Marks) -> Pipeline:
    from opsin.pipeline.pipeline import Pipeline

    if not isinstance(data, Mapping):
        raise marks.at((), refusal("pipeline", "text", "named values with opsin: 1 and steps: [...]", data))
    for word in data:
        if word not in _TOP:
            raise marks.at((word,), f"'{word}' is not a word of a pipeline. {did_you_mean(str(word), _TOP)}".strip())
    if data.get("opsin") != VERSION:
        hint = "Write opsin: 1 on the first line."
        raise marks.at(("opsin",), refusal("pipeline", "opsin", f"{VERSION}", data.get("opsin"), hint))
    steps = data.get("steps")
    if not isinstance(steps, list | tuple):
        raise marks.at(("steps",), refusal("pipeline", "steps", "a list of steps", steps))
    nodes = [_node(item, marks, ("steps", i)) for i, item in enumerate(steps)]
    options: dict[str, Any] = {k: data[k] for k in ("seed", "decode", "frames", "fuse", "without") if k in data}
    if data.get("rules") is not None:
        options["rules"] = _rules(data["rules"], marks)
    if not isinstance(options.get("without", []), list | tuple):
        raise marks.at(("without",), refusal("pipeline", "without", "a list of rules", options["without"]))
    if not isinstance(options.get("fuse", True), bool):
        raise marks.at(("fuse",), refusal("pipeline", "fuse", "true or false", options["fuse"]))
    try:
        return Pipeline(*nodes, **options)
    except PipelineError as reason:
        word = next((w for w in ("seed", "decode", "frames", "without") if f": {w} must be" in str(reason)), "steps")
        raise marks.at((word,), reason) from None


def _rules(data: Any, marks: _Marks) -> Rules:
    known = ("min_visible", "min_area", "min_side", "text", "swap", "void")
    if not isinstance(data, Mapping):
        raise marks.at(("rules",), refusal("pipeline", "rules", "named numbers", data))
    for word, value in data.items():
        if word not in known:
            raise marks.at(("rules", word), f"'{word}' is not a rule. {did_you_mean(str(word), known)}".strip())
        if word in ("text", "swap"):
            if not isinstance(value, list | tuple):
                raise marks.at(("rules", word), refusal("rules", word, "a list of classes", value))
        elif isinstance(value, bool) or not isinstance(value, int | float):
            raise marks.at(("rules", word), refusal("rules", word, "a number", value))
    try:
        return Rules(**data)
    except OpsinError as reason:
        raise marks.at(("rules",), reason) from None


def _node(data: Any, marks: _Marks, place: tuple[Any, ...]) -> Node:
    if isinstance(data, str):
        data = {data: {}}
    if not isinstance(data, Mapping) or not data:
        hint = "Write - rotate: {angle: 10}."
        raise marks.at(place, refusal("pipeline", "a step", "one technique with its parameters", data, hint))
    names = [word for word in data if word not in _WORDS]
    if len(names) != 1:
        got = ", ".join(map(str, names)) or "none"
        hint = " Start every step with '- '." if len(names) > 1 else ""
        raise marks.at(place, f"a step must name one technique; got {got}.{hint}")
    name = names[0]
    here = (*place, name)
    body = data[name]
    try:
        if name in _GROUPS:
            node: Node = _group(name, body, marks, here)
        else:
            node = _step(name, body, marks, here)
        return _words(node, data, marks, place)
    except PipelineError:
        raise
    except OpsinError as reason:
        raise marks.at(here, reason) from None


def _words(node: Node, data: Mapping[str, Any], marks: _Marks, place: tuple[Any, ...]) -> Node:
    for word in _WORDS:
        if word not in data:
            continue
        try:
            if word == "p":
                node = node.sometimes(data["p"])
            elif word == "id":
                node = node.named(data["id"])
            elif isinstance(node, Group):
                raise PipelineError("into: belongs to a step, not to a group.")
            else:
                node = node.into(data["into"])
        except PipelineError as reason:
            raise marks.at((*place, word), reason) from None
    return node


def _group(name: str, body: Any, marks: _Marks, place: tuple[Any, ...]) -> Group:
    options: dict[str, Any] = {}
    inner = place
    if isinstance(body, Mapping):
        allowed = {"augment": (), "one_of": ("weights",), "some_of": ("count",)}[name]
        for word in body:
            if word not in ("steps", *allowed):
                hint = did_you_mean(str(word), ("steps", *allowed))
                raise marks.at((*place, word), f"'{word}' is not a word of {name}. {hint}".strip())
        options = {word: body[word] for word in allowed if word in body}
        body, inner = body.get("steps"), (*place, "steps")
    if not isinstance(body, list | tuple):
        raise marks.at(place, refusal(name, "steps", "a list of steps", body))
    if name == "some_of" and "count" not in options:
        raise marks.at(place, "some_of: count must be given; write some_of: {count: 2, steps: [...]}.")
    nodes = [_node(item, marks, (*inner, i)) for i, item in enumerate(body)]
    try:
        if name == "augment":
            return augment(*nodes)
        if name == "one_of":
            return one_of(*nodes, **options)
        return some_of(*nodes, **options)
    except PipelineError as reason:
        raise marks.at(place, reason) from None


def _step(name: Any, body: Any, marks: _Marks, place: tuple[Any, ...]) -> Step:
    known = operations()
    if name not in known:
        load_plugins()
    if name not in known:
        hint = did_you_mean(str(name), [*known, *_GROUPS])
        raise marks.at(place, f"'{name}' is not a technique. {hint or 'See opsin ops.'}".strip())
    if body is None:
        body = {}
    if not isinstance(body, Mapping):
        raise marks.at(place, refusal(str(name), "parameters", "named values such as {angle: 10}", body))
    params: dict[str, Any] = {}
    for word, value in body.items():
        at = (*place, word)
        try:
            params[word] = _named(known[name].spec.params.get(word), _value(value), marks.folder)
            # one at a time, so that the line is that of the parameter
            if word not in known[name].spec.params:
                known[name].spec.fill({word: value})
        except OpsinError as reason:
            raise marks.at(at, reason) from None
    try:
        return make_step(name, params)
    except PipelineError as reason:
        guilty = next((w for w in params if str(reason).startswith(f"{name}: {w} must be")), None)
        raise marks.at((*place, guilty) if guilty else place, reason) from None


def _named(param: Param | None, value: Any, folder: str) -> Any:
    """A text that stands for an array: a file beside the pipeline's own, or a blur's name."""
    if param is None or not isinstance(value, str):
        return value
    kinds = param.kind.kinds if isinstance(param.kind, Either) else (param.kind,)
    array = next((kind for kind in kinds if isinstance(kind, ArrayKind)), None)
    if array is None or any(isinstance(kind, Text) for kind in kinds):
        return value
    from opsin.io.named import named_array

    return named_array(array.role, value, folder)


def _value(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return tuple(_value(v) for v in value) if isinstance(value, list) and not _nested(value) else value
    words = set(value)
    if "array" in words:
        try:
            array = np.array(value["array"], dtype=np.dtype(str(value.get("dtype", "<f8"))))
        except (TypeError, ValueError, OverflowError):
            raise PipelineError(
                refusal("array", "values", "numbers in rows of one length, with a dtype", value)
            ) from None
        return array
    if {"matrix", "source", "target"} <= words:  # a warp
        return dict(value)
    named = [w for w in _DISTRIBUTIONS if w in words]
    if len(named) != 1:
        near = did_you_mean(str(next(iter(words), "")), _DISTRIBUTIONS)
        listed = ", ".join(_DISTRIBUTIONS)
        got = ", ".join(map(str, value)) or "nothing"
        raise PipelineError(f"a drawn value must be one of {listed}; got {got}. {near}".strip())
    name = named[0]
    rest = words - {name}
    allowed = {"normal": {"clipped"}, "choice": {"weights"}}.get(name, set())
    if rest - allowed:
        odd = next(iter(rest - allowed))
        raise PipelineError(f"{name}: '{odd}' is not a word of it. {did_you_mean(str(odd), allowed)}".strip())
    numbers = value[name]
    if not isinstance(numbers, list | tuple):
        raise PipelineError(refusal(name, "values", "a list", numbers))
    if name == "choice":
        weights = value.get("weights")
        options = tuple(tuple(o) if isinstance(o, list) else o for o in numbers)
        return Choice(options, tuple(weights) if weights is not None else None)
    if len(numbers) != 2:
        raise PipelineError(refusal(name, "values", "two numbers", list(numbers)))
    if name == "uniform":
        return Uniform(*numbers)
    if name == "log_uniform":
        return LogUniform(*numbers)
    drawn = Normal(*numbers)
    if "clipped" not in value:
        return drawn
    ends = value["clipped"]
    if not isinstance(ends, list | tuple) or len(ends) != 2:
        raise PipelineError(refusal("normal", "clipped", "two numbers", ends))
    return drawn.clipped(*ends)


def _nested(value: list[Any]) -> bool:
    return any(isinstance(v, list | tuple) for v in value)
