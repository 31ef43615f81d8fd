"""Large JSON files row by row: the text is held once, its rows are decoded one at a time and not kept."""

from __future__ import annotations

import json
import re
from array import array
from typing import Any

from opsin.errors import DatasetError

__all__ = ["Rows", "load", "scan"]

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


class Rows:
    """The elements of an array within a JSON text, decoded when asked for."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self._text = text
        self._starts: array[int] = array("q")

    def add(self, start: int) -> None:
        """Note where one more element begins."""
        self._starts.append(start)

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, index: int) -> Any:
        return _value(self.name, self._text, self._starts[index])[0]


def load(name: str, text: str) -> Any:
    """Decode a whole text.

    Raises: DatasetError naming the file and the place.
    """
    start = _skip(text, 0)
    value, end = _value(name, text, start)
    end = _skip(text, end)
    if end != len(text):
        raise _wrong(name, text, end, "there is more after the end of the value")
    return value


def scan(name: str, text: str, rows: tuple[str, ...]) -> dict[str, Any]:
    """Read an object at the top; the arrays named come as `Rows`, the rest decoded.

    Args:
        name: of the file, for messages.
        text: of the file.
        rows: keys whose arrays are not to be held decoded.
    Raises: DatasetError naming the file and the place.
    """
    out: dict[str, Any] = {}
    at = _skip(text, 0)
    if text[at : at + 1] != "{":
        raise _wrong(name, text, at, "an object { } was expected")
    at = _skip(text, at + 1)
    if text[at : at + 1] == "}":
        return out
    while True:
        if text[at : at + 1] != '"':
            raise _wrong(name, text, at, "a key in quotes was expected")
        key, at = _value(name, text, at)
        at = _expect(name, text, _skip(text, at), ":")
        at = _skip(text, at)
        if key in out:
            raise _wrong(name, text, at, f"the key {key!r} occurs twice")
        if key in rows and text[at : at + 1] == "[":
            out[key], at = _rows(name, text, at)
        else:
            out[key], at = _value(name, text, at)
        at = _skip(text, at)
        if text[at : at + 1] == "}":
            break
        at = _skip(text, _expect(name, text, at, ","))
    if _skip(text, at + 1) != len(text):
        raise _wrong(name, text, at + 1, "there is more after the end of the object")
    return out


def _rows(name: str, text: str, at: int) -> tuple[Rows, int]:
    rows = Rows(name, text)
    at = _skip(text, at + 1)
    if text[at : at + 1] == "]":
        return rows, at + 1
    while True:
        rows.add(at)
        at = _skip(text, _value(name, text, at)[1])
        if text[at : at + 1] == "]":
            return rows, at + 1
        at = _skip(text, _expect(name, text, at, ","))


def _value(name: str, text: str, at: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, at)
    except json.JSONDecodeError as error:
        raise _wrong(name, text, error.pos, error.msg[:1].lower() + error.msg[1:]) from None
    except RecursionError:
        raise _wrong(name, text, at, "it is nested too deeply") from None
    except ValueError as error:  # a number of more digits than Python reads
        raise _wrong(name, text, at, str(error)) from None


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _expect(name: str, text: str, at: int, what: str) -> int:
    if text[at : at + 1] != what:
        raise _wrong(name, text, at, f"'{what}' was expected" if at < len(text) else "the file ends early")
    return at + 1


def _wrong(name: str, text: str, at: int, what: str) -> DatasetError:
    line = text.count("\n", 0, at) + 1
    column = at - (text.rfind("\n", 0, at) + 1) + 1
    return DatasetError(f"{name}, line {line}, column {column}: {what}. This is no JSON that can be read.")
