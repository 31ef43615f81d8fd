"""What readers of other libraries' steps share: a step with its verdict, and ranges as parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from opsin.importers.report import Verdict, drawn

__all__ = ["Found", "near", "of_range", "of_whole", "ok"]

Found = tuple[list[dict[str, Any]], Verdict, str]


def ok(op: str, words: Mapping[str, Any] | None = None, says: str = "") -> Found:
    """Give one step that says the same."""
    return [{op: dict(words or {})}], "exact", says


def near(op: str, words: Mapping[str, Any], says: str) -> Found:
    """Give one step that says nearly the same."""
    return [{op: dict(words)}], "close", says


def of_range(op: str, close: str = "", scale: float = 1.0, **names: str) -> Callable[[Mapping[str, Any]], Found]:
    """Map ranges to parameters: `our name="their name"`."""

    def make(item: Mapping[str, Any]) -> Found:
        words = {ours: drawn(item[theirs], scale) for ours, theirs in names.items()}
        return near(op, words, close) if close else ok(op, words)

    return make


def of_whole(op: str, **names: str) -> Callable[[Mapping[str, Any]], Found]:
    """Map ranges of whole numbers to parameters."""

    def make(item: Mapping[str, Any]) -> Found:
        words: dict[str, Any] = {}
        for ours, theirs in names.items():
            low, high = (int(v) for v in item[theirs])
            words[ours] = low if low == high else {"uniform": [low, high]}
        return ok(op, words)

    return make
