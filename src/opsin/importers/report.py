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
    floats: bool = False  # whether a step has made fractions of integers

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


MIDDLES = {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.0}
_FACTORS = {"brightness": "factor", "contrast": "factor", "saturation": "factor", "hue": "shift"}


def jitter(
    ranges: Mapping[str, Sequence[float] | None], hue_says: str = ""
) -> tuple[list[dict[str, Any]], Verdict, str]:
    """Say a color jitter: one technique where its ranges are even, else a step for each range that changes anything.

    Args:
        ranges: (low, high) of each part; None changes nothing.
        hue_says: what is to be said where hue changes.
    """
    ends = {n: (float(v[0]), float(v[1])) for n, v in ranges.items() if v is not None}
    used = {n: e for n, e in ends.items() if e != (MIDDLES[n], MIDDLES[n])}
    says = hue_says if "hue" in used else ""
    # a range is even around what changes nothing, or cut off at a factor of 0
    wide = {n: high - MIDDLES[n] for n, (_, high) in used.items()}
    even = all(
        wide[n] >= 0 and abs(low - (max(0.0, 1.0 - wide[n]) if n != "hue" else -wide[n])) < 1e-9
        for n, (low, _) in used.items()
    )
    if even:
        return [{"color_jitter": wide}], "close" if says else "exact", says
    steps = [{n: {_FACTORS[n]: drawn(e)}} for n, e in used.items()]
    if len(steps) > 1:
        says = "; ".join(
            filter(None, (says, "its ranges are uneven: brightness to hue in this order, not a drawn one"))
        )
    return steps, "close" if says else "exact", says
