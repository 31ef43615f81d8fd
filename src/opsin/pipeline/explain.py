"""Say in words what a pipeline does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opsin.pipeline.plan import describe
from opsin.pipeline.steps import Group, Node, Path, Step, word

if TYPE_CHECKING:
    from opsin.pipeline.pipeline import Pipeline

__all__ = ["explain"]


def explain(pipeline: Pipeline) -> str:
    """Print the steps with their draws, and how they run."""
    lines = [
        f"Pipeline {pipeline.fingerprint[:12]}  seed {pipeline.seed}  decode {pipeline.decode}  "
        f"frames {pipeline.frames}"
    ]
    for position, node in enumerate(pipeline.steps):
        lines += _lines(pipeline, node, (position,), "  ")
    if not pipeline.steps:
        lines.append("  no steps: pictures pass as they are")
    modes = {"serving": pipeline.plan("infer"), "training": pipeline.plan("train")}
    lines += describe(modes)
    if pipeline.rules is not None:
        r = pipeline.rules
        lines.append(
            f"  objects are dropped below {r.min_visible:.0%} visible, {r.min_area:g} px area or {r.min_side:g} px side"
        )
    return "\n".join(lines)


_HEADS = {
    "augment": "in training only:",
    "one_of": "one of:",
    "some_of": "{count} of these, in drawn order:",
}


def _lines(pipeline: Pipeline, node: Node, path: Path, indent: str) -> list[str]:
    name = pipeline.ids[path]
    often = f"  in {node.p:.0%} of the draws" if node.p < 1.0 else ""
    if isinstance(node, Group):
        head = f"{indent}{_HEADS[node.kind].format(count=node.count)}{often}"
        out = [head]
        for position, child in enumerate(node.steps):
            out += _lines(pipeline, child, (*path, position), indent + "  ")
        return out
    return [f"{indent}{_step_line(node, name)}{often}"]


def _step_line(step: Step, name: str) -> str:
    spec = step.entry.spec
    words = []
    for param in spec.shown():
        if param.name in step.params:
            drawn = " (drawn)" if param.name in step.distributions() else ""
            words.append(f"{param.name} {word(step.params[param.name])}{drawn}")
    label = name if name == step.op else f"{name} ({step.op})"
    notes = {"geometric": "moves pixels and annotations", "pointwise": "a table"}.get(spec.shape, "")
    if spec.quantizes:
        notes = "on whole levels"
    if spec.random:
        notes = "draws by itself"
    kept = f"  kept as '{step.keep}'" if step.keep else ""
    return f"{label}: {', '.join(words) or 'no parameters'}" + (f"  [{notes}]" if notes else "") + kept
