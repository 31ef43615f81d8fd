"""YAML: values only, by the core rules of YAML 1.2, with the line and column of every value."""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

from opsin.errors import DatasetError, OpsinError
from opsin.io.parse_text import MIB, fail, to_text

__all__ = ["YamlTree", "parse_yaml"]

_INTEGER = re.compile(r"[-+]?[0-9]+")
_OCTAL, _HEX = re.compile(r"0o[0-7]+"), re.compile(r"0x[0-9a-fA-F]+")
_REAL = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS: dict[str, bool | None] = {
    word: value for value in (True, False) for word in (str(value), str(value).lower(), str(value).upper())
}
_WORDS |= dict.fromkeys(("", "~", "null", "Null", "NULL"))
_MOST_NODES = 200_000

Place = tuple[str | int, ...]


class YamlTree(NamedTuple):
    """Plain values, and where each one stands.

    Args:
        value: dict, list, str, int, float, bool or None.
        marks: from the path of a value (`("steps", 2, "rotate", "angle")`) to its line and column, both from 1.
            For a value in a mapping that is the place of its key.
    """

    value: Any
    marks: dict[Place, tuple[int, int]]


class _Open(NamedTuple):
    """A mapping or sequence that is not closed yet."""

    value: Any
    place: Place
    key: list[Any]  # one waiting key, or none


def parse_yaml(
    data: str | bytes | bytearray | memoryview,
    *,
    source: str = "",
    max_bytes: int = MIB,
    max_depth: int = 32,
    error: type[OpsinError] = DatasetError,
) -> YamlTree:
    """Parse one YAML document.

    `yes`, `no`, `on`, `off`, dates and `12:30` are text, `1e-3` is a number, as in YAML 1.2. Aliases, anchors, tags,
    repeated keys, infinities and NaN are refused.

    Args:
        data: the text, or its bytes in UTF-8.
        source: the file's name, for messages.
        max_bytes: the longest text.
        max_depth: the deepest nesting.
        error: the class of error to raise.
    Returns: a `YamlTree`.
    Raises: `error`, with file and line; LimitError for a text that is too long.
    """
    import yaml

    text = to_text(data, source=source, max_bytes=max_bytes, error=error)
    loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        return _build(yaml.parse(text, Loader=loader), source, max_depth, error)
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        reason = " ".join(str(problem.problem or problem.context or "it cannot be read").split())
        line = None if mark is None else mark.line + 1
        raise fail(source, f"this is not YAML: {reason}.", line, error) from None
    except yaml.YAMLError as problem:
        reason = " ".join(str(problem).split())
        raise fail(source, f"this is not YAML: {reason}.", error=error) from None


def _build(events: Any, source: str, max_depth: int, error: type[OpsinError]) -> YamlTree:
    import yaml

    marks: dict[Place, tuple[int, int]] = {}
    root: list[Any] = []
    stack: list[_Open] = []
    documents = 0

    def put(value: Any, where: tuple[int, int]) -> Place:
        """Hang a value into the innermost open container; return its path."""
        if len(marks) > _MOST_NODES:
            raise fail(source, f"there are more than {_MOST_NODES:,} values.", where[0], error)
        if not stack:
            root.append(value)
            marks[()] = where
            return ()
        top = stack[-1]
        if isinstance(top.value, list):
            place: Place = (*top.place, len(top.value))
            top.value.append(value)
            marks[place] = where
            return place
        key = top.key.pop()
        top.value[key] = value
        return (*top.place, key)

    for event in events:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise fail(source, "anchors and aliases (& and *) are not allowed. Write the value out.", line, error)
        if getattr(event, "tag", None) not in (None, "!"):
            raise fail(source, f"tags ({event.tag}) are not allowed. Write a plain value.", line, error)
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise fail(source, "the file holds more than one document (---).", line, error)
            continue
        if isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            stack.pop()
            continue
        awaits_key = bool(stack) and isinstance(stack[-1].value, dict) and not stack[-1].key
        if isinstance(event, yaml.ScalarEvent):
            value = _scalar(event, source, line, error)
            if not awaits_key:
                put(value, (line, column))
                continue
            key = event.value
            if key in stack[-1].value:
                raise fail(source, f"the key {key!r} stands twice.", line, error)
            marks[(*stack[-1].place, key)] = (line, column)
            stack[-1].key.append(key)
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            if awaits_key:
                raise fail(source, "a key must be a plain word.", line, error)
            if len(stack) >= max_depth:
                raise fail(source, f"the values are nested deeper than {max_depth}.", line, error)
            made: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
            stack.append(_Open(made, put(made, (line, column)), []))
    return YamlTree(root[0] if root else None, marks)


def _scalar(event: Any, source: str, line: int, error: type[OpsinError]) -> Any:
    """Read a scalar by the core schema of YAML 1.2; quoted text stays text."""
    text: str = event.value
    if not event.implicit[0] or event.style in ("'", '"', "|", ">"):
        return text
    if text in _WORDS:
        return _WORDS[text]
    if len(text) > 400 or text[:1] not in "+-.0123456789":
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _OCTAL.fullmatch(text):
        return int(text[2:], 8)
    if _HEX.fullmatch(text):
        return int(text[2:], 16)
    if _NO_NUMBER.fullmatch(text) or (_REAL.fullmatch(text) and not math.isfinite(float(text))):
        raise fail(source, f"{text} is not allowed: numbers must be finite.", line, error)
    return float(text) if _REAL.fullmatch(text) else text
