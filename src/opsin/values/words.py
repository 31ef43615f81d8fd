"""Text that was read: words with their places, in the order of reading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opsin.types import Array
from opsin.values.boxes import Boxes

if TYPE_CHECKING:
    from opsin.sample import Sample

__all__ = ["Words"]


class Words(Boxes):
    """Words in the order of reading: `.labels` are the texts, `.scores` how sure (0..1), `.text` the page.

    The columns `line` and `paragraph` number the lines and paragraphs that words stand in.
    """

    @property
    def text(self) -> str:
        """The text: words apart by spaces, lines by line ends, paragraphs by an empty line."""
        out: list[str] = []
        before: tuple[int, ...] = (-1, -1)
        for row, word in enumerate(self.labels or ()):
            place = tuple(int(self.columns[name][row]) if name in self.columns else 0 for name in ("paragraph", "line"))
            if out:
                out.append(" " if place == before else "\n" if place[0] == before[0] else "\n\n")
            out.append(word)
            before = place
        return "".join(out)

    def to_dict(self) -> dict[str, Any]:
        """Give words, boxes and scores as lists, and the text."""
        return {**super().to_dict(), "text": self.text}

    def draw(self, image: Array) -> Array:
        """Draw a box and the text of each word."""
        from opsin.draw import draw_boxes

        return draw_boxes(image, self.boxes, labels=self.labels)

    def to_sample(self, image: Any) -> Sample:
        """Make a sample whose table holds the words: geometry then moves them with the page."""
        from opsin.sample import Sample

        attributes = [{"text": word} for word in self.labels or ()]
        return Sample(image, boxes=self.boxes, labels=["word"] * len(self), attributes=attributes)
