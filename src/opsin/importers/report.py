"""What an importer gives: a pipeline, and one note for every step that it read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from opsin.pipeline import Pipeline

__all__ = ["Built", "Imported", "Note", "axis", "drawn"]

Verdict = Literal["exact", "close", "left out"]


@dataclass(frozen=True)
class Note:
    """What became of one step: `exact` (the same picture within a level, or the same draws), `close`, `left out`."""

    step: str
    verdict: Verdict
    says: str = ""

    def __str__(self) -> str:
        return f"{self.step}: {self.verdict}" + (f", {self.says}" if self.says else "")


@dataclass(frozen=True)
class Imported:
    """A pipeline from another library, and what could not be said exactly."""

    pipeline: Pipeline
    notes: tuple[Note, ...]

    @property
    def exact(self) -> bool:
        """Say whether every step came over exactly."""
        return all(note.verdict == "exact" for note in self.notes)

    def __str__(self) -> str:
        return "\n".join([self.pipeline.to_yaml(), *(f"# {note}" for note in self.notes)])


@dataclass
class Built:
    """Steps on their way: fixed ones serve too, drawn ones stand in `augment`."""

    notes: list[Note] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)

    def add(self, data: Mapping[str, Any], *, training: bool) -> None:
        """Add a step; neighbors in training share one `augment`."""
        if not training:
            self.steps.append(dict(data))
        elif self.steps and "augment" in self.steps[-1]:
            self.steps[-1]["augment"].append(dict(data))
        else:
            self.steps.append({"augment": [dict(data)]})

    def note(self, step: str, verdict: Verdict, says: str = "") -> None:
        """Say what became of a step."""
        self.notes.append(Note(step, verdict, says))

    def finish(self, seed: int = 0) -> Imported:
        """Build the pipeline."""
        return Imported(Pipeline.from_data({"opsin": 1, "seed": seed, "steps": self.steps}), tuple(self.notes))


def drawn(ends: Any, scale: float = 1.0, shift: float = 0.0) -> Any:
    """Turn a range into a number or a uniform distribution: value * scale + shift."""
    if not isinstance(ends, Sequence):
        return ends * scale + shift
    low, high = sorted(float(e) * scale + shift for e in ends)
    return low if low == high else {"uniform": [low, high]}


def axis(values: Any, name: str) -> Any:
    """Take one axis of a range that may be given for x and y apart."""
    return values.get(name) if isinstance(values, Mapping) else values
