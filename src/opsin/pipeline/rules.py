"""The rules by which a pipeline runs faster than step by step, as data: each has a name and can be switched off.

A rule never changes what a pipeline means beyond the stated tolerance; `explain()` says which rule did what.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from opsin.pipeline.steps import Group, Node, Step, walk

__all__ = ["RULES", "Rule", "applied"]


@dataclass(frozen=True)
class Rule:
    """One way to run faster.

    Args:
        name: what it is switched off by.
        option: what it sets in the core's program.
        on: the option's value while the rule holds.
        off: its value when it is switched off.
        says: what it did to these nodes, one sentence each; nothing where it does not apply.
    """

    name: str
    option: str
    on: bool | str
    off: bool | str
    says: Callable[[Sequence[Node], str], list[str]]


def _runs(nodes: Sequence[Node], shape: Callable[[Step], bool]) -> list[list[str]]:
    """Find neighbors of a kind, groups opened, in the order of the text."""
    runs: list[list[str]] = [[]]
    for _, node, _ in walk(nodes):
        if isinstance(node, Group):
            continue
        if shape(node):
            runs[-1].append(node.op)
        elif runs[-1]:
            runs.append([])
    return [r for r in runs if len(r) > 1]


def _moves(step: Step) -> bool:
    return step.entry.spec.shape == "geometric"


def _join_moves(nodes: Sequence[Node], decode: str) -> list[str]:
    return [f"{', '.join(run)}: sampled once, canvases between them kept" for run in _runs(nodes, _moves)]


def _supersample(nodes: Sequence[Node], decode: str) -> list[str]:
    joined = _runs(nodes, _moves)
    return ["where joined moves shrink, several samples are averaged for each pixel"] if joined else []


def _one_pass(nodes: Sequence[Node], decode: str) -> list[str]:
    return [f"{', '.join(run)}: one pass over rows in cache" for run in _runs(nodes, lambda s: not _moves(s))]


def _planes(nodes: Sequence[Node], decode: str) -> list[str]:
    if decode != "fast":
        return []
    return ["JPEG: only the blocks that are needed, at 1, 1/2, 1/4 or 1/8, straight from the Y, Cb and Cr planes"]


def _fine_levels(nodes: Sequence[Node], decode: str) -> list[str]:
    if decode != "fast":
        return []
    return ["JPEG: warped and colored in 16-bit words of 64 steps to a level; a step adds less than a tenth of a level"]


RULES = (
    Rule("join moves", "merge", True, False, _join_moves),
    Rule("supersample", "supersample", True, False, _supersample),
    Rule("one pass", "", True, False, _one_pass),
    Rule("planes", "decode", "fast", "exact", _planes),
    Rule("fine levels", "fine", True, False, _fine_levels),
)


def applied(nodes: Sequence[Node], decode: str, without: Sequence[str]) -> list[tuple[str, str]]:
    """Say which rule does what to a pipeline: (name, sentence) pairs."""
    return [(rule.name, text) for rule in RULES if rule.name not in without for text in rule.says(nodes, decode)]
