"""Our docstring form read into its parts: summary, body, args, returns, raises, source."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field

__all__ = ["Docstring", "parse_docstring"]

_SECTIONS = ("Args", "Returns", "Raises", "Source", "Example", "Note")


@dataclass(frozen=True)
class Docstring:
    """The parts of one docstring."""

    summary: str = ""
    body: str = ""
    args: dict[str, str] = field(default_factory=dict)
    returns: str = ""
    raises: dict[str, str] = field(default_factory=dict)
    source: str = ""
    example: str = ""
    note: str = ""


def parse_docstring(text: str | None) -> Docstring:
    """Read a docstring: a summary line, text, then `Args:`, `Returns:`, `Raises:`, `Source:` with indented bodies."""
    if not text:
        return Docstring()
    lines = inspect.cleandoc(text).splitlines()
    parts: dict[str, list[str]] = {"": []}
    current = ""
    for line in lines[1:]:
        head = re.fullmatch(r"(\w+):", line)
        if head and head[1] in _SECTIONS:
            current = head[1]
            parts[current] = []
        else:
            parts[current].append(line)
    joined = {name: inspect.cleandoc("\n".join(body)) if body else "" for name, body in parts.items()}
    return Docstring(
        summary=lines[0].strip(),
        body=joined[""].strip(),
        args=_items(joined.get("Args", "")),
        returns=joined.get("Returns", ""),
        raises=_items(joined.get("Raises", "")),
        source=joined.get("Source", ""),
        example=joined.get("Example", ""),
        note=joined.get("Note", ""),
    )


def _items(text: str) -> dict[str, str]:
    """Read `name: sentence` items; deeper lines continue the item above."""
    items: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        head = re.match(r"(\w+(?:, \w+)*): ?(.*)", line)
        if head and not line.startswith(" "):
            names = head[1].split(", ")
            for name in names:
                items[name] = head[2].strip()
        elif name:
            for each in [n for n in items if items[n] == items[name]]:
                items[each] = f"{items[each]} {line.strip()}".strip()
    return items
