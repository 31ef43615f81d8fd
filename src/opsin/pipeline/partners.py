"""Choose the other samples of a mixing technique by addressed draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opsin.chance import Rng
from opsin.errors import PipelineError, refusal, verbatim
from opsin.pipeline.draws import Drawn, draw_nodes
from opsin.pipeline.run import run_steps
from opsin.sample import Sample

if TYPE_CHECKING:
    from opsin.pipeline.pipeline import Pipeline

__all__ = ["Partners"]


class Partners:
    """Where mixing techniques take their other samples from.

    A partner is chosen by a draw at the step's address and brought through the steps before it with its own key, so
    that both sides of a mix have had the same treatment.
    """

    def __init__(self, pipeline: Pipeline, source: Any, rng: Rng | None) -> None:
        if not hasattr(source, "__len__") or not hasattr(source, "__getitem__"):
            raise PipelineError(refusal("pipeline", "partners", "a sequence of samples or a data set", source))
        if len(source) == 0:
            raise PipelineError(refusal("pipeline", "partners", "at least one sample", verbatim("none")))
        self.pipeline, self.source, self.rng = pipeline, source, rng

    def __call__(self, position: int, drawn: Drawn) -> Any:
        """Give the partner or partners of the step at a position."""
        if self.rng is None or drawn.rng is None:
            raise PipelineError(f"{drawn.step.op}: mixes samples by chance; put it inside augment(...).")
        counts = [p.partners for p in drawn.step.entry.spec.params.values() if p.supplied and p.name != "rng"]
        count = counts[0]
        here = drawn.rng.at("partner")
        chosen = [here.integers(f"{i}", 0, len(self.source)) for i in range(count)]
        samples = [self._prepared(i, drawn.id) for i in chosen]
        return samples[0] if count == 1 else tuple(samples)

    def _prepared(self, index: int, until: str) -> Sample:
        assert self.rng is not None
        item = self.source[index]
        sample = item if isinstance(item, Sample) else Sample(item)
        key = sample.key if sample.key is not None else index
        rng = Rng(self.rng.seed, self.rng.epoch, key, self.rng.draw)
        steps = draw_nodes(self.pipeline.steps, self.pipeline.ids, rng)
        before = []
        for step in steps:
            if step.id == until:
                break
            before.append(step)
        else:
            # the partner's own draws may leave the step out; what stands before it in the text still applies
            order = list(self.pipeline.ids.values())
            before = [s for s in steps if order.index(s.id) < order.index(until)]
        return run_steps(sample, before, partner=Partners(self.pipeline, self.source, rng))
