"""A pipeline as the compiled core runs it: the same steps, with the address of every draw, as JSON.

The core draws by itself, from the same words: what it is handed are the key words of each draw, so that parameters are
equal to the bit. A step that the core does not know keeps the whole pipeline in Python.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from opsin.chance import Choice, Distribution, Normal, stream_words
from opsin.geometry import Warp
from opsin.kernels.channel_figures import DEVIATIONS, MEANS
from opsin.kinds import Kind, draws_whole
from opsin.pipeline.steps import Group, Node, Path, Step

__all__ = ["NotForTheCore", "program_text"]

# what each random technique of the core draws by itself, by the names it gives the draws
_OWN_DRAWS = {
    "perspective": ("corners",),
    "random_crop": ("left", "top"),
    "random_resized_crop": ("area", "ratio", "left", "top"),
    "color_jitter": ("order", "brightness", "contrast", "saturation", "hue"),
}


class NotForTheCore(Exception):
    """A pipeline, or a step of it, that only Python can run; the message says why."""


def program_text(
    steps: Sequence[Node], ids: Mapping[Path, str], seed: int, *, training: bool, options: Mapping[str, Any]
) -> str:
    """Write a pipeline for the core.

    Args:
        steps: the pipeline's nodes.
        ids: the id of every node by its place.
        seed: the pipeline's seed.
        training: with or without `augment(...)`.
        options: how to run: decode, fine, frames, merge, supersample.

    Raises:
        NotForTheCore: with the reason.
    """
    writer = _Writer(ids, seed, training)
    return json.dumps({"version": 1, **options, "steps": writer.nodes(steps, ())})


class _Writer:
    def __init__(self, ids: Mapping[Path, str], seed: int, training: bool) -> None:
        self.ids, self.seed, self.training = ids, seed, training

    def nodes(self, nodes: Sequence[Node], path: Path) -> list[dict[str, Any]]:
        out = []
        for position, node in enumerate(nodes):
            place = (*path, position)
            if isinstance(node, Group) and node.kind == "augment" and not self.training:
                continue
            out.append(self._node(node, place))
        return out

    def _key(self, where: str) -> list[int]:
        return list(stream_words(self.seed, where))

    def _node(self, node: Node, place: Path) -> dict[str, Any]:
        name = self.ids[place]
        out = self._group(node, name, place) if isinstance(node, Group) else self._step(node, name)
        if node.p < 1.0:
            out["p"] = {"below": node.p, "key": self._key(f"{name}/p")}
        return out

    def _group(self, group: Group, name: str, place: Path) -> dict[str, Any]:
        out: dict[str, Any] = {"group": group.kind, "steps": self.nodes(group.steps, place)}
        if group.kind != "augment":
            out["key"] = self._key(f"{name}/pick")
        if group.kind == "some_of":
            out["count"] = group.count
        if group.weights is not None:
            out["weights"] = list(group.weights)
        return out

    def _step(self, step: Step, name: str) -> dict[str, Any]:
        spec = step.entry.spec
        if step.keep:
            raise NotForTheCore(f"{name} keeps its result")
        out: dict[str, Any] = {"op": step.op}
        for param in spec.params.values():
            if param.supplied:
                continue
            value = step.params.get(param.name, param.default)
            if param.name == "channels" and value == "bands":
                raise NotForTheCore(f"{name} takes bands")
            out[param.name] = self._value(name, param.name, param.kind, value)
        if spec.random and step.op in _OWN_DRAWS:
            out["keys"] = {own: self._key(f"{name}/rng/{own}") for own in _OWN_DRAWS[step.op]}
        if step.op == "normalize":
            out["mean"] = _named(out["mean"], MEANS)
            out["std"] = _named(out["std"], DEVIATIONS)
        return out

    def _value(self, name: str, param: str, kind: Kind, value: Any) -> Any:
        if isinstance(value, Distribution):
            return self._drawn(name, param, kind, value)
        if isinstance(value, Warp):
            raise NotForTheCore(f"{name} takes a warp")
        if isinstance(value, np.ndarray):
            return value.ravel().tolist()
        if isinstance(value, tuple):
            flat = [v for item in value for v in (item if isinstance(item, tuple) else (item,))]
            return flat
        return value

    def _drawn(self, name: str, param: str, kind: Kind, value: Distribution) -> dict[str, Any]:
        out: dict[str, Any] = {**value.plain(), "key": self._key(f"{name}/{param}")}
        if isinstance(value, Choice):
            if not all(isinstance(o, int | float) and not isinstance(o, bool) for o in value.options):
                raise NotForTheCore(f"{name} draws {param} from words")
            out["choice"] = list(value.options)
        if isinstance(value, Normal) and "clipped" not in out:
            raise NotForTheCore(f"{name} draws {param} without bounds")
        if draws_whole(kind):
            out["whole"] = True
        return out


def _named(value: Any, figures: Mapping[str, tuple[float, ...]]) -> Any:
    return list(figures[value]) if isinstance(value, str) else value
