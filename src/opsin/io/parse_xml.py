"""XML: elements, attributes and text with line numbers; no document type, no entity, no other file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from opsin.errors import DatasetError, LimitError, OpsinError
from opsin.io.parse_text import MIB, fail

__all__ = ["XmlNode", "parse_xml"]


@dataclass(slots=True)
class XmlNode:
    """One element: its tag, attributes, own text (stripped), children, and the line it begins on."""

    tag: str
    attributes: dict[str, str]
    line: int
    text: str = ""
    children: list[XmlNode] = field(default_factory=list)

    def find(self, tag: str) -> XmlNode | None:
        """Find the first child with a tag."""
        return next((child for child in self.children if child.tag == tag), None)

    def all(self, tag: str) -> Iterator[XmlNode]:
        """Iterate over the children with a tag."""
        return (child for child in self.children if child.tag == tag)

    def text_of(self, tag: str, default: str | None = None) -> str | None:
        """Give the text of the first child with a tag."""
        child = self.find(tag)
        return default if child is None else child.text


class _Stop(Exception):
    def __init__(self, reason: str, kind: type[OpsinError] | None = None) -> None:
        self.reason = reason
        self.kind = kind


def parse_xml(
    data: str | bytes | bytearray | memoryview,
    *,
    source: str = "",
    max_bytes: int = 16 * MIB,
    max_depth: int = 64,
    max_nodes: int = 2_000_000,
    error: type[OpsinError] = DatasetError,
) -> XmlNode:
    """Parse an XML document.

    Args:
        data: the text, or its bytes in the encoding that they declare.
        source: the file's name, for messages.
        max_bytes: the longest text.
        max_depth: the deepest nesting.
        max_nodes: the most elements.
        error: the class of error to raise.
    Returns: the root element.
    Raises: `error`, with file and line; a DOCTYPE is refused whatever is in it. LimitError for what is too long.
    """
    if len(data) > max_bytes:
        raise fail(source, f"{len(data):,} bytes is over the limit of {max_bytes:,}.", error=LimitError)
    parser = expat.ParserCreate("utf-8" if isinstance(data, str) else None)
    parser.buffer_text = True
    roots: list[XmlNode] = []
    stack: list[XmlNode] = []
    count = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if count > max_nodes:
            raise _Stop(f"there are more than {max_nodes:,} elements.", LimitError)
        if len(stack) >= max_depth:
            raise _Stop(f"the elements are nested deeper than {max_depth}.")
        node = XmlNode(tag, attributes, parser.CurrentLineNumber)
        (stack[-1].children if stack else roots).append(node)
        stack.append(node)

    def end(tag: str) -> None:
        node = stack.pop()
        node.text = node.text.strip()

    def text(piece: str) -> None:
        if stack:
            stack[-1].text += piece

    def refuse(*_: object) -> None:
        raise _Stop("a document type (DOCTYPE) is not allowed. Remove that line.")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data.encode("utf-8") if isinstance(data, str) else bytes(data), True)
    except _Stop as stop:
        raise fail(source, stop.reason, parser.CurrentLineNumber, stop.kind or error) from None
    except expat.ExpatError as problem:
        reason = expat.ErrorString(problem.code)
        raise fail(source, f"this is not XML: {reason}.", problem.lineno, error) from None
    except (LookupError, ValueError) as problem:
        raise fail(source, f"this is not XML: {problem}.", error=error) from None
    return roots[0]
