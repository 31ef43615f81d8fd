"""Results that are not pictures: typed values that describe themselves, draw themselves and save themselves."""

from __future__ import annotations

from typing import Any

from opsin.types import Array

__all__ = ["Value"]


class Value:
    """What a technique returns when it is not a picture.

    Every surface can show a value: `to_dict` gives plain data for JSON, `draw` puts it on the picture it came from.
    """

    def to_dict(self) -> dict[str, Any]:
        """Give plain data: numbers, text, lists and dicts only."""
        raise TypeError(f"{type(self).__name__} does not say what it holds")

    def draw(self, image: Array) -> Array:
        """Draw on a picture: H W 3 uint8."""
        raise TypeError(f"{type(self).__name__} cannot be drawn")
