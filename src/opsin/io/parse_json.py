"""JSON: unique keys, finite numbers, bounded depth; JSON lines."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from opsin.errors import DatasetError, OpsinError
from opsin.io.parse_text import MIB, fail, to_text

__all__ = ["parse_json", "parse_json_lines"]

# A number that may leave the range of a double or of 64 bits: only then are numbers checked one by one.
_SUSPECT = re.compile(r"\d[eE]\+?\d{3}|\d{19}")
_LARGEST = 2**63


class _Refused(ValueError):
    pass


def parse_json(
    data: str | bytes | bytearray | memoryview,
    *,
    source: str = "",
    max_bytes: int = 4096 * MIB,
    max_depth: int = 64,
    error: type[OpsinError] = DatasetError,
    duplicates: Callable[[str], None] | None = None,
) -> Any:
    """Parse a JSON text.

    Args:
        data: the text, or its bytes in UTF-8.
        source: the file's name, for messages.
        max_bytes: the longest text.
        max_depth: the deepest nesting.
        error: the class of error to raise.
        duplicates: called with a key that stands twice in one object, and the last value is kept; without it that is
            an error.
    Returns: plain Python values.
    Raises: `error`, with file and line; LimitError for a text that is too long or too deep.
    """
    text = to_text(data, source=source, max_bytes=max_bytes, error=error)

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(items)
        if len(made) != len(items):
            seen: set[str] = set()
            for key, _ in items:
                if key in seen:
                    if duplicates is None:
                        raise _Refused(f"the key {key!r} stands twice in one object.")
                    duplicates(key)
                seen.add(key)
        return made

    def constant(word: str) -> float:
        raise _Refused(f"{word} is not JSON. Write a finite number or null.")

    def real(word: str) -> float:
        value = float(word)
        if value in (float("inf"), float("-inf")):
            raise _Refused(f"the number {word[:40]} is too large.")
        return value

    def whole(word: str) -> int:
        if len(word) > 20 or not -_LARGEST <= int(word) < 2 * _LARGEST:
            raise _Refused(f"the whole number {word[:40]} has more than 64 bits.")
        return int(word)

    options: dict[str, Any] = {"parse_float": real, "parse_int": whole} if _SUSPECT.search(text) else {}
    try:
        tree = json.loads(text, object_pairs_hook=pairs, parse_constant=constant, **options)
    except json.JSONDecodeError as problem:
        raise fail(source, f"this is not JSON: {problem.msg}, column {problem.colno}.", problem.lineno, error) from None
    except _Refused as problem:
        raise fail(source, str(problem), error=error) from None
    except RecursionError:
        raise fail(source, f"the JSON is nested deeper than {max_depth}.", error=error) from None
    if _deeper_than(tree, max_depth):
        raise fail(source, f"the JSON is nested deeper than {max_depth}.", error=error)
    return tree


def _deeper_than(tree: Any, limit: int) -> bool:
    """Walk level by level, without recursion."""
    level = [tree] if isinstance(tree, (dict, list)) else []
    for _ in range(limit):
        below: list[Any] = []
        for node in level:
            values = node.values() if type(node) is dict else node
            below += [value for value in values if type(value) is list or type(value) is dict]
        if not below:
            return False
        level = below
    return bool(level)


def parse_json_lines(
    data: str | bytes | bytearray | memoryview,
    *,
    source: str = "",
    max_bytes: int = 4096 * MIB,
    max_depth: int = 64,
    error: type[OpsinError] = DatasetError,
) -> Iterator[tuple[int, Any]]:
    """Parse one JSON value a line.

    Returns: pairs of line number (from 1) and value; empty lines are skipped.
    Raises: as `parse_json`, naming the line.
    """
    text = to_text(data, source=source, max_bytes=max_bytes, error=error)
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, parse_json(line, source=f"{source}:{number}", max_depth=max_depth, error=error)
