"""`Pipeline`: named steps that prepare, augment, serve and explain themselves.

Calling one is a pure function of the sample, the seed, the key, the epoch and the draw number.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from opsin.chance import Rng
from opsin.errors import ParamError, PipelineError, did_you_mean, refusal, verbatim
from opsin.geometry import Size
from opsin.instances import Rules
from opsin.pipeline.batch import Batch, run_batch, shared_keys
from opsin.pipeline.draws import Drawn, draw_nodes
from opsin.pipeline.naming import canonical, check_chance, name_nodes
from opsin.pipeline.plan import Plan, make_plan, run_one
from opsin.pipeline.rules import RULES
from opsin.pipeline.run import Trace, run_steps
from opsin.pipeline.steps import Group, Node, Path, Step, walk
from opsin.sample import Sample
from opsin.types import Array

__all__ = ["Batch", "Mode", "Pipeline", "Scope"]

Mode = Literal["infer", "train"]
Scope = Literal["sample", "batch", "clip"]
_RULE_NAMES = tuple(rule.name for rule in RULES)
_OPTIONS = {"decode": ("exact", "fast"), "frames": ("keep", "open")}


class Pipeline:
    """A list of steps with a seed: one definition for preparing, training and serving.

    Args:
        steps: steps and groups; distributions and random techniques only inside `augment(...)`.
        seed: what all draws are addressed by.
        decode: `exact`, or `fast` (planes, region and scale chosen by need).
        frames: `keep` (what a crop removed stays removed) or `open`.
        fuse: False runs every step by itself; the values are the same within the stated tolerance.
        rules: when objects are dropped after geometry.
        without: names of plan rules that are switched off, as `explain` prints them.

    Raises:
        PipelineError: chance outside `augment(...)`, two steps of one id, an unknown option.
    """

    def __init__(
        self,
        *steps: Node,
        seed: int = 0,
        decode: str = "exact",
        frames: str = "keep",
        fuse: bool = True,
        rules: Rules | None = None,
        without: Sequence[str] = (),
    ) -> None:
        for node in steps:
            if not isinstance(node, Step | Group):
                hint = "Wrap a technique in step(...)." if hasattr(node, "__opsin__") else ""
                raise PipelineError(refusal("Pipeline", "every item", "a step", node, hint))
        if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
            raise PipelineError(refusal("Pipeline", "seed", "a whole number", seed))
        for name, value in (("decode", decode), ("frames", frames)):
            if value not in _OPTIONS[name]:
                hint = did_you_mean(str(value), _OPTIONS[name])
                raise PipelineError(refusal("Pipeline", name, "one of " + ", ".join(_OPTIONS[name]), value, hint))
        self._steps = tuple(steps)
        self._seed = int(seed)
        self._decode, self._frames, self._fuse = decode, frames, bool(fuse)
        self._rules = rules
        for name in without:
            if name not in _RULE_NAMES:
                hint = did_you_mean(str(name), _RULE_NAMES)
                raise PipelineError(refusal("Pipeline", "without", "names of " + ", ".join(_RULE_NAMES), name, hint))
        self._without = tuple(without)
        self._plans: dict[bool, Plan] = {}
        self._ids = name_nodes(self._steps)
        check_chance(self._steps, self._ids)

    # --- what it is ---------------------------------------------------------------------------------------------
    @property
    def steps(self) -> tuple[Node, ...]:
        """The steps and groups, as given."""
        return self._steps

    @property
    def seed(self) -> int:
        """What all draws are addressed by."""
        return self._seed

    @property
    def decode(self) -> str:
        """How files are decoded: exact or fast."""
        return self._decode

    @property
    def frames(self) -> str:
        """Whether canvases between steps cut: keep or open."""
        return self._frames

    @property
    def fuse(self) -> bool:
        """Whether steps may be joined."""
        return self._fuse

    @property
    def mixes(self) -> bool:
        """Whether a step needs other samples."""
        steps = (node for _, node, _ in walk(self._steps) if isinstance(node, Step))
        return any(p.partners for step in steps for p in step.entry.spec.params.values())

    @property
    def without(self) -> tuple[str, ...]:
        """The plan rules that are switched off."""
        return self._without

    def plan(self, mode: Mode = "infer") -> Plan:
        """Say how the pipeline runs in a mode; made once, when it is first needed."""
        training = mode == "train"
        if training not in self._plans:
            self._plans[training] = make_plan(self, training)
        return self._plans[training]

    @property
    def rules(self) -> Rules | None:
        """When objects are dropped, where the pipeline says so."""
        return self._rules

    @property
    def ids(self) -> Mapping[Path, str]:
        """The id of every node by its place: its own, or its technique's name with a number."""
        return self._ids

    def with_options(self, **changes: Any) -> Pipeline:
        """Give the same steps with another seed, decode, frames, fuse or rules."""
        options = {"seed": self._seed, "decode": self._decode, "frames": self._frames, "fuse": self._fuse}
        more = {"rules": self._rules, "without": self._without}
        return Pipeline(*self._steps, **{**options, **more, **changes})

    @property
    def fingerprint(self) -> str:
        """A digest of everything that decides the result: equal definitions have equal fingerprints."""
        data = self.to_data()
        for word in ("fuse", "without"):
            data.pop(word, None)
        text = json.dumps(canonical(data), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def to_data(self) -> dict[str, Any]:
        """Write the pipeline as plain data."""
        from opsin.pipeline.text import to_data

        return to_data(self)

    def to_yaml(self) -> str:
        """Write the pipeline as YAML text that builds an equal one."""
        from opsin.pipeline.text import to_yaml

        return to_yaml(self)

    @staticmethod
    def from_yaml(source: str | os.PathLike[str]) -> Pipeline:
        """Read a pipeline from a YAML file or from text; errors name file, line, step and parameter."""
        from opsin.pipeline.text import from_yaml

        return from_yaml(source)

    @staticmethod
    def from_data(data: Mapping[str, Any]) -> Pipeline:
        """Build a pipeline from plain data, as `to_data` wrote it."""
        from opsin.pipeline.text import from_data

        return from_data(data)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pipeline) and self.to_data() == other.to_data()

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __reduce__(self) -> tuple[Any, ...]:
        return Pipeline.from_data, (self.to_data(),)

    def __repr__(self) -> str:
        lines = [f"    {node!r}," for node in self._steps]
        return "\n".join(["Pipeline(", *lines, f"    seed={self._seed},", ")"])

    # --- running ------------------------------------------------------------------------------------------------
    def __call__(
        self,
        sample: Sample | Array | str | bytes | os.PathLike[str],
        *,
        mode: Mode = "infer",
        key: int | str | None = None,
        epoch: int | None = None,
        draw: int = 0,
        partners: Any = None,
    ) -> Sample:
        """Run on a sample, an array, a path or bytes.

        Args:
            sample: the picture, with or without annotations.
            mode: `infer` leaves `augment(...)` out; `train` runs it and needs key and epoch.
            key: the sample's name in the data set; with the epoch it addresses the draws.
            epoch: which pass over the data.
            draw: which variant of the sample in this epoch.
            partners: the samples that mixing techniques draw from: a sequence, or a data set.

        Returns:
            a new sample: `out.image`, `out.instances`, `out.dropped`, `out.results`, `out.to_original(...)`.

        Raises:
            PipelineError: training without key or epoch, or a step that does not fit the picture.
        """
        return self.run(sample, mode=mode, key=key, epoch=epoch, draw=draw, partners=partners)

    def draw(
        self,
        *,
        key: int | str,
        epoch: int,
        size: tuple[int, int] | None = None,
        mode: Mode = "train",
        draw: int = 0,
    ) -> list[dict[str, Any]]:
        """Give what would be done to a sample: steps with plain numbers, without touching a picture.

        Args:
            key: the sample's key.
            epoch: which pass over the data.
            size: (width, height) of the picture; with it the matrices of geometric steps are given too.
            mode: `train` or `infer`.
            draw: which variant.
        """
        out = []
        canvas = Size(*size) if size is not None else None
        for drawn in self._draw(mode, key, epoch, draw):
            plain = drawn.plain()
            entry = drawn.step.entry
            if canvas is not None and entry.spec.shape == "geometric":
                params = dict(drawn.params) | ({"rng": drawn.rng} if drawn.rng is not None else {})
                warp = entry.warp(canvas, params)
                matrix = warp.matrix
                plain["matrix"] = None if matrix is None else matrix.tolist()
                canvas = warp.target
                plain["size"] = list(canvas)
            out.append(plain)
        return out

    def trace(
        self,
        sample: Any,
        *,
        mode: Mode = "infer",
        key: int | str | None = None,
        epoch: int | None = None,
        draw: int = 0,
        partners: Any = None,
    ) -> list[Trace]:
        """Run step by step and give every intermediate sample with its value range and time."""
        traces: list[Trace] = []
        self.run(sample, traces=traces, mode=mode, key=key, epoch=epoch, draw=draw, partners=partners)
        return traces

    def run(
        self,
        sample: Any,
        *,
        mode: Mode = "infer",
        key: int | str | None = None,
        epoch: int | None = None,
        draw: int = 0,
        partners: Any = None,
        traces: list[Trace] | None = None,
        timings: dict[str, float] | None = None,
    ) -> Sample:
        """Run as a call does, and collect every intermediate sample or the seconds of every step on the way."""
        given = self.as_sample(sample)
        rng = self.address(mode, key if key is not None else given.key, epoch, draw)
        partner = None
        if partners is not None and self.mixes:
            from opsin.pipeline.partners import Partners

            partner = Partners(self, partners, rng)
        return self.one(given, mode, rng, partner=partner, traces=traces, timings=timings)

    def later_draws(self, rng: Rng | None) -> Callable[[], dict[str, Any]]:
        """Draw the parameters of a sample when they are asked for."""
        return lambda: {d.id: d.plain()["params"] for d in draw_nodes(self._steps, self._ids, rng)}

    def explain(self) -> str:
        """Print steps, draws and plan as text."""
        from opsin.pipeline.explain import explain

        return explain(self)

    def batch(
        self,
        sources: Sequence[Any],
        *,
        keys: Sequence[int | str] | None = None,
        epoch: int = 0,
        mode: Mode = "infer",
        threads: int | None = None,
        out: Array | None = None,
        partners: Any = None,
        scope: Scope = "sample",
    ) -> Batch:
        """Run on several sources and stack the pictures into one array.

        Args:
            sources: samples, arrays, paths or bytes.
            keys: one per source; required for training unless the samples carry their own.
            epoch: which pass over the data.
            mode: `infer` or `train`.
            threads: how many work at once; None is one per core.
            out: an array to write into, N x the picture's shape.
            partners: see the call.
            scope: who shares a draw: `sample` (each its own), `batch` or `clip` (all that of the first key).

        Raises:
            PipelineError: pictures of differing size or dtype, or an `out` that does not fit.
        """
        return run_batch(self, sources, shared_keys(sources, keys, scope), epoch, mode, threads, out, partners)

    def one(
        self,
        sample: Sample,
        mode: Mode,
        rng: Rng | None,
        *,
        partner: Any = None,
        traces: list[Trace] | None = None,
        timings: dict[str, float] | None = None,
    ) -> Sample:
        """Run one sample at an address: in the core where the plan says so and nobody looks on, else step by step."""
        if partner is None and traces is None:
            plan = self.plan(mode)
            done = None if plan.program is None else run_one(plan, sample, rng, self.later_draws(rng))
            if done is not None:
                return done.checked() if sample.rules.text else done
        steps = draw_nodes(self._steps, self._ids, rng)
        out = run_steps(sample, steps, partner=partner, traces=traces, timings=timings)
        out = out.with_image(out.image) if out is sample else out
        out.draws = {d.id: d.plain()["params"] for d in steps}
        return out

    def as_sample(self, sample: Any) -> Sample:
        """Take a sample, an array, a path or bytes as a sample under this pipeline's rules."""
        if not isinstance(sample, Sample):
            try:
                sample = Sample(sample)
            except ParamError:
                constraint = "a Sample, an array, a path or bytes"
                raise PipelineError(refusal("pipeline", "sample", constraint, sample)) from None
        return sample if self._rules is None else sample.with_rules(self._rules)

    def address(self, mode: str, key: int | str | None, epoch: int | None, draw: int) -> Rng | None:
        """Give the address of a sample's draws; None for inference."""
        if mode not in ("infer", "train"):
            raise PipelineError(
                refusal("pipeline", "mode", "'infer' or 'train'", mode, did_you_mean(str(mode), ("infer", "train")))
            )
        if mode == "infer":
            return None
        if key is None or epoch is None:
            missing = "key and epoch" if key is None and epoch is None else "key" if key is None else "epoch"
            hint = "Without them every pass would repeat one augmentation."
            raise PipelineError(refusal("pipeline", missing, "given in training", verbatim("nothing"), hint))
        for name, value in (("epoch", epoch), ("draw", draw)):
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
                raise PipelineError(refusal("pipeline", name, "a whole number of at least 0", value))
        if isinstance(key, np.integer):
            key = int(key)
        return Rng(self._seed, int(epoch), key, int(draw))

    def _draw(self, mode: str, key: int | str | None, epoch: int | None, draw: int) -> list[Drawn]:
        return draw_nodes(self._steps, self._ids, self.address(mode, key, epoch, draw))
