"""What a pipeline draws: parameters first, pictures later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from opsin.chance import Distribution, Rng
from opsin.kinds import draws_whole
from opsin.pipeline.steps import Group, Node, Path, Step

__all__ = ["Drawn", "draw_nodes"]


@dataclass(frozen=True)
class Drawn:
    """One step with plain numbers, ready to run."""

    id: str
    step: Step
    params: Mapping[str, Any]
    rng: Rng | None = None

    def plain(self) -> dict[str, Any]:
        """Give step and parameters as plain data, as stored beside a sample."""
        values = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in self.params.items()}
        return {"id": self.id, "op": self.step.op, "params": values}


def draw_nodes(nodes: Sequence[Node], ids: Mapping[Path, str], rng: Rng | None, path: Path = ()) -> list[Drawn]:
    """Draw every step below these nodes that runs; without an address `augment` is left out.

    Args:
        nodes: steps and groups.
        ids: the id of every node, by its place.
        rng: the address of the sample, or None for inference.
        path: where these nodes stand.
    """
    out: list[Drawn] = []
    for position, node in enumerate(nodes):
        out += _draw_node(node, ids, rng, (*path, position))
    return out


def _draw_node(node: Node, ids: Mapping[Path, str], rng: Rng | None, place: Path) -> list[Drawn]:
    name = ids[place]
    if isinstance(node, Group) and node.kind == "augment" and rng is None:
        return []
    if node.p < 1.0 and (rng is None or rng.at(name).unit("p") >= node.p):
        return []
    if isinstance(node, Step):
        return [_draw_step(node, name, rng)]
    if node.kind == "augment":
        return draw_nodes(node.steps, ids, rng, place)
    assert rng is not None
    picked = _pick(node, rng.at(name))
    return [drawn for i in picked for drawn in _draw_node(node.steps[i], ids, rng, (*place, i))]


def _pick(group: Group, rng: Rng) -> list[int]:
    if group.kind == "one_of":
        return [rng.index("pick", group.weights or (1.0,) * len(group.steps))]
    return rng.permutation("pick", len(group.steps))[: group.count]


def _draw_step(step: Step, name: str, rng: Rng | None) -> Drawn:
    spec = step.entry.spec
    here = rng.at(name) if rng is not None else None
    params: dict[str, Any] = {}
    for param in spec.params.values():
        if param.supplied:
            continue
        value = step.params.get(param.name, param.default)
        if isinstance(value, Distribution):
            assert here is not None
            value = value.draw(here, param.name, whole=draws_whole(param.kind))
        params[param.name] = value
    # what a technique draws by itself lives one level below, so that no parameter's name can meet it
    chance = spec.random or any(p.partners for p in spec.params.values())
    return Drawn(name, step, params, here.at("rng") if here is not None and chance else None)
