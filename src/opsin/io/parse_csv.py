"""CSV: a header line, rows with line numbers, the separator found from the header."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import NamedTuple

from opsin.errors import DatasetError, LimitError, OpsinError, did_you_mean
from opsin.io.parse_text import MIB, fail, to_text

__all__ = ["CsvRow", "CsvTable", "parse_csv"]


class CsvRow(NamedTuple):
    """One record: the line it begins on (from 1), and its values by column."""

    line: int
    values: dict[str, str]


class CsvTable(NamedTuple):
    """Columns in their order, and rows."""

    columns: tuple[str, ...]
    rows: list[CsvRow]


def parse_csv(
    data: str | bytes | bytearray | memoryview,
    *,
    source: str = "",
    required: Sequence[str] = (),
    max_bytes: int = 1024 * MIB,
    max_rows: int = 100_000_000,
    error: type[OpsinError] = DatasetError,
) -> CsvTable:
    """Parse a CSV text with a header line; comma, semicolon or tab.

    Args:
        data: the text, or its bytes in UTF-8.
        source: the file's name, for messages.
        required: columns that must be there.
        max_bytes: the longest text.
        max_rows: the most rows.
        error: the class of error to raise.
    Returns: a `CsvTable`; values are text, stripped of white space around them, empty rows left out.
    Raises: `error`, with file and line, for a row that is too long or too short, a repeated or missing column, an
        open quote; LimitError for a text that is too long.
    """
    text = to_text(data, source=source, max_bytes=max_bytes, error=error)
    if "\x00" in text:
        line = text.count("\n", 0, text.index("\x00")) + 1
        raise fail(source, "the text holds a zero byte; this is no CSV.", line, error)
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter, strict=True)
    columns: tuple[str, ...] = ()
    rows: list[CsvRow] = []
    begin = 1
    try:
        for record in reader:
            line, begin = begin, reader.line_num + 1
            if not any(value.strip() for value in record):
                continue
            if not columns:
                columns = tuple(name.strip() for name in record)
                _check_columns(columns, required, source, line, error)
                continue
            if len(record) != len(columns):
                raise fail(source, f"{len(record)} values for {len(columns)} columns.", line, error)
            if len(rows) >= max_rows:
                raise fail(source, f"there are more than {max_rows:,} rows.", line, LimitError)
            rows.append(CsvRow(line, dict(zip(columns, (value.strip() for value in record), strict=True))))
    except csv.Error as problem:
        raise fail(source, f"this is not CSV: {problem}.", begin, error) from None
    if not columns:
        raise fail(source, "the file is empty: the first line must name the columns.", error=error)
    return CsvTable(columns, rows)


def _check_columns(
    columns: tuple[str, ...], required: Sequence[str], source: str, line: int, error: type[OpsinError]
) -> None:
    for name in columns:
        if columns.count(name) > 1:
            raise fail(source, f"the column {name!r} stands twice.", line, error)
    for name in required:
        if name not in columns:
            hint = did_you_mean(name, columns)
            reason = f"the column {name!r} is missing; there are {', '.join(columns)}. {hint}".strip()
            raise fail(source, reason, line, error)
