"""Run drawn steps on a sample, under the one rule of rounding.

Integer pictures are rounded after every step until the first resample; from there they are carried as float32,
clamped to 0..1, until the end or until a step whose meaning depends on levels (posterize, solarize, equalize).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from opsin.arrays import check_image, from_unit, to_unit
from opsin.errors import OpsinError, PipelineError
from opsin.geometry import Size
from opsin.kernels.resample import exact, resample
from opsin.pipeline.draws import Drawn
from opsin.sample import Sample
from opsin.types import Array

__all__ = ["Trace", "run_steps"]

Partner = Callable[[int, Drawn], Any]


@dataclass(frozen=True)
class Trace:
    """One step as it went: the sample after it, and the seconds it took."""

    id: str
    op: str
    params: dict[str, Any]
    sample: Sample
    seconds: float

    @property
    def range(self) -> tuple[float, float]:
        """Least and greatest value of the picture."""
        return float(self.sample.image.min()), float(self.sample.image.max())


class _Carried:
    """A sample on its way: its picture as integers, or loose as float32 between resample and end."""

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        self.dtype = sample.image.dtype
        self.loose = False

    def loosen(self) -> None:
        if not self.loose and self.dtype.kind != "f":
            self.sample = self.sample.with_image(to_unit(self.sample.image))
            self.loose = True

    def settle(self) -> None:
        if self.loose:
            self.sample = self.sample.with_image(from_unit(self.sample.image, self.dtype))
            self.loose = False

    def finished(self) -> Sample:
        """Give the sample as it would be if the pipeline ended here."""
        return self.sample.with_image(from_unit(self.sample.image, self.dtype)) if self.loose else self.sample


def run_steps(
    sample: Sample,
    steps: Sequence[Drawn],
    *,
    partner: Partner | None = None,
    traces: list[Trace] | None = None,
    timings: dict[str, float] | None = None,
) -> Sample:
    """Run drawn steps one after another; stop where a step filters the sample.

    Args:
        sample: where to begin.
        steps: what to run.
        partner: gives the other samples of a mixing step.
        traces: collects every intermediate sample.
        timings: collects the seconds of every step by its id.
    """
    check_image("pipeline", sample.image)
    state = _Carried(sample)
    for position, drawn in enumerate(steps):
        start = time.perf_counter()
        try:
            _one(state, drawn, position, partner)
        except OpsinError as reason:
            if drawn.id == drawn.step.op or type(reason) is not PipelineError:
                raise
            raise PipelineError(f"step '{drawn.id}': {reason}") from None
        seconds = time.perf_counter() - start
        if timings is not None:
            timings[drawn.id] = seconds
        if traces is not None:
            traces.append(Trace(drawn.id, drawn.step.op, dict(drawn.params), state.finished(), seconds))
        if state.sample.filtered is not None:
            break
    return state.finished()


def _one(state: _Carried, drawn: Drawn, position: int, partner: Partner | None) -> None:
    entry, spec = drawn.step.entry, drawn.step.entry.spec
    params: dict[str, Any] = dict(drawn.params)
    for param in spec.params.values():
        if not param.supplied:
            continue
        if param.name == "rng":
            if drawn.rng is not None:
                params["rng"] = drawn.rng
        else:
            if partner is None:
                raise PipelineError(
                    f"{spec.name}: partners must be given; got nothing. Call pipeline(sample, ..., partners=samples)."
                )
            params[param.name] = partner(position, drawn)
    if spec.shape == "geometric":
        _move(state, entry, params)
        return
    if spec.quantizes or spec.takes in ("sample", "mask"):
        state.settle()
    image = state.sample.image
    if spec.takes in ("image", "rgb", "gray"):
        entry.check(state.sample)
    out = entry.run(state.sample, params, name=drawn.step.keep or drawn.id)
    if not isinstance(out, Sample):
        raise PipelineError(f"{spec.name}: returns {type(out).__name__}, which a sample cannot hold.")
    state.sample = out
    if out.image is image:
        return
    if spec.rescales:
        # from here on the numbers are no longer a picture in 0..1; nothing rounds or clamps them again
        state.loose = False
        state.dtype = out.image.dtype
    elif state.loose:
        state.sample = out.with_image(_clamped(out.image))
    else:
        state.dtype = out.image.dtype


def _move(state: _Carried, entry: Any, params: dict[str, Any]) -> None:
    image = state.sample.image
    check_image(entry.name, image)
    warp = entry.warp(Size(image.shape[1], image.shape[0]), params)
    if not exact(warp):
        state.loosen()
    moved = resample(state.sample.image, warp, channels=params.get("channels", "color"))
    state.sample = state.sample.moved(warp, _clamped(moved) if state.loose else moved)


def _clamped(image: Array) -> Array:
    return np.clip(image, np.float32(0.0), np.float32(1.0)) if image.dtype.kind == "f" else image
