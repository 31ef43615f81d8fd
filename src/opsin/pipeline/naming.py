"""Names for the steps of a pipeline, and the check that chance stands where it may."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opsin.errors import ParamError, PipelineError
from opsin.geometry import Size
from opsin.pipeline.steps import Group, Node, Path, Step, walk

__all__ = ["canonical", "check_chance", "name_nodes"]


def canonical(value: Any) -> Any:
    """Write 2.0 as 2, so that equal numbers give equal fingerprints."""
    if isinstance(value, dict):
        return {k: canonical(v) for k, v in value.items()}
    if isinstance(value, list):
        return [canonical(v) for v in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def name_nodes(steps: Sequence[Node]) -> dict[Path, str]:
    """Give every node an id; the n-th unnamed use of a technique is `name#n`."""
    ids: dict[Path, str] = {}
    taken: set[str] = set()
    counts: dict[str, int] = {}
    nodes = [(path, node) for path, node, _ in walk(steps)]
    for _, node in nodes:
        if node.id:
            if node.id in taken:
                raise PipelineError(f"pipeline: two steps have the id '{node.id}'; give each its own.")
            taken.add(node.id)
    for path, node in nodes:
        name = node.op if isinstance(node, Step) else node.kind
        if not node.id:
            counts[name] = counts.get(name, 0) + 1
            label = name if counts[name] == 1 else f"{name}#{counts[name]}"
            if label in taken:
                raise PipelineError(f"pipeline: the id '{label}' is taken; give the steps of {name} other ids.")
            ids[path] = label
        else:
            ids[path] = node.id
    return ids


def check_chance(steps: Sequence[Node], ids: Mapping[Path, str]) -> None:
    """Refuse chance outside `augment(...)`.

    Raises:
        PipelineError: with the step's id and why it depends on chance.
    """
    for path, node, training in walk(steps):
        if training:
            continue
        if isinstance(node, Group):
            if node.kind != "augment":
                raise PipelineError(f"{node.kind}: depends on chance; put it inside augment(...).")
            continue
        reason = node.chance()
        if reason:
            raise PipelineError(f"{ids[path]}: {reason}; put it inside augment(...).")
        spec = node.entry.spec
        if spec.shape == "geometric" and spec.random:
            # chance is optional here: the technique itself knows whether it needs it
            try:
                node.entry.fn(Size(64, 64), **{**spec.fill(node.params)})
            except ParamError as refused:
                if "rng" in str(refused):
                    raise PipelineError(f"{ids[path]}: it draws by itself; put it inside augment(...).") from None
