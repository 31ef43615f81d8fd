"""What every text parser of the parse door begins with: size, encoding, and the shape of its errors."""

from __future__ import annotations

from opsin.errors import DatasetError, LimitError, OpsinError

__all__ = ["KIB", "MIB", "fail", "to_text"]

KIB, MIB = 1 << 10, 1 << 20


def fail(source: str, reason: str, line: int | None = None, error: type[OpsinError] = DatasetError) -> OpsinError:
    """Make an error that begins with `file:line:`."""
    place = source if line is None else f"{source}:{line}"
    return error(f"{place}: {reason}" if place else reason)


def to_text(
    data: str | bytes | bytearray | memoryview, *, source: str, max_bytes: int, error: type[OpsinError] = DatasetError
) -> str:
    """Decode UTF-8 (UTF-16 with its mark), without the mark; refuse what is too long or no text."""
    size = len(data)
    if size > max_bytes:
        raise fail(source, f"{size:,} bytes is over the limit of {max_bytes:,}.", error=LimitError)
    if isinstance(data, str):
        return data.removeprefix("\ufeff")
    raw = bytes(data)
    try:
        if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return raw.decode("utf-16")
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = raw.count(b"\n", 0, problem.start) + 1
        raise fail(source, "this is not UTF-8 text. Save the file as UTF-8.", line, error) from problem
