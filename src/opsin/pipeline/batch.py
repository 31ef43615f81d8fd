"""Run a pipeline on several sources at once and stack the pictures."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from opsin.chance import Rng, key_word
from opsin.errors import OpsinError, PipelineError, did_you_mean, refusal, verbatim
from opsin.kernels import native
from opsin.pipeline.plan import MASK, Ran, finished, is_plain, run_many
from opsin.sample import Sample
from opsin.types import Array

if TYPE_CHECKING:
    from opsin.pipeline.pipeline import Mode, Pipeline

__all__ = ["Batch", "run_batch", "shared_keys"]


class Batch:
    """Several pictures in one array.

    Args:
        images: N C H W or N H W C; the rows of failed pictures are 0.
        samples: one per source, None where it failed; or what makes them, when somebody asks for them.
        errors: (position, error) of every failed source.
    """

    def __init__(
        self,
        images: Array,
        samples: Sequence[Sample | None] | Callable[[], Sequence[Sample | None]],
        errors: Sequence[tuple[int, OpsinError]] = (),
    ) -> None:
        self.images = images
        self.errors = tuple(errors)
        self._samples = samples

    @property
    def samples(self) -> tuple[Sample | None, ...]:
        """One per source, None where it failed."""
        if callable(self._samples):
            self._samples = self._samples()
        self._samples = tuple(self._samples)
        return self._samples

    def __reduce__(self) -> tuple[Any, ...]:
        return Batch, (self.images, self.samples, self.errors)

    def __repr__(self) -> str:
        return f"Batch({self.images.dtype} {self.images.shape}, {len(self.errors)} failed)"


def shared_keys(sources: Sequence[Any], keys: Sequence[int | str] | None, scope: str) -> Sequence[int | str] | None:
    """Give the keys whose draws are used: each source's own, or the first one's for all."""
    if scope == "sample":
        return keys
    if scope not in ("batch", "clip"):
        options = ("sample", "batch", "clip")
        hint = did_you_mean(str(scope), options)
        raise PipelineError(refusal("batch", "scope", "one of " + ", ".join(options), scope, hint))
    first = keys[0] if keys is not None and len(keys) else getattr(sources[0], "key", None) if len(sources) else None
    return None if first is None else [first] * len(sources)


def run_batch(
    pipeline: Pipeline,
    sources: Sequence[Any],
    keys: Sequence[int | str] | None,
    epoch: int,
    mode: Mode,
    threads: int | None,
    out: Array | None,
    partners: Any,
) -> Batch:
    """Run on every source; what fails is reported with its position, the rest goes on."""
    count = len(sources)
    if count == 0:
        raise PipelineError(refusal("batch", "sources", "at least one source", verbatim("none")))
    if keys is not None and len(keys) != count:
        raise PipelineError(refusal("batch", "keys", f"{count}, one per source", verbatim(str(len(keys)))))
    if threads is not None and (isinstance(threads, bool) or not isinstance(threads, int) or threads < 1):
        raise PipelineError(refusal("batch", "threads", "a whole number of at least 1", threads))

    workers = min(threads or os.cpu_count() or 1, count)
    if (partners is None or not pipeline.mixes) and pipeline.plan(mode).program is not None:
        return _by_core(pipeline, sources, keys, epoch, mode, workers, out)

    def one(i: int) -> Sample:
        key = keys[i] if keys is not None else None
        return pipeline(sources[i], mode=mode, key=key, epoch=epoch, partners=partners)

    if workers == 1:
        done = [_done(one, i) for i in range(count)]
    else:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(workers) as pool:
            done = list(pool.map(lambda i: _done(one, i), range(count)))
    samples = tuple(d if isinstance(d, Sample) else None for d in done)
    errors = tuple((i, d) for i, d in enumerate(done) if isinstance(d, OpsinError))
    return Batch(_stack(samples, out), samples, errors)


def _by_core(
    pipeline: Pipeline,
    sources: Sequence[Any],
    keys: Sequence[int | str] | None,
    epoch: int,
    mode: Mode,
    threads: int,
    out: Array | None,
) -> Batch:
    """Run in the core; what it cannot take goes through Python, one by one, into the same array."""
    # files and plain arrays need no sample to be worked on
    given = [s if type(s) is bytes or is_plain(s) else pipeline.as_sample(s) for s in sources]
    own: list[Any] = [getattr(s, "key", None) for s in given] if keys is None else list(keys)
    ran = run_many(pipeline.plan(mode), given, _addresses(pipeline, mode, own, epoch), threads, out)
    work = _Work(pipeline, given, own, mode, epoch, ran)
    # a source that is no sample yet has no rules of its own, and no objects
    watched = [i for i in ran.places if isinstance(given[i], Sample) and given[i].rules.text]
    if ran.images is not None and not ran.left and not watched:
        return Batch(ran.images, work.samples)
    return work.finished(watched, out)


@dataclass
class _Work:
    """A batch after the core has done its part."""

    pipeline: Pipeline
    given: list[Any]
    keys: list[Any]
    mode: Mode
    epoch: int
    ran: Ran
    made: dict[int, Sample | OpsinError] = field(default_factory=dict)

    def finished(self, watched: list[int], out: Array | None) -> Batch:
        """Do the rest in Python, and look at the objects of those that may be refused for them."""
        images, left = self.ran.images, self.ran.left
        self.made = {i: _done(self.by_python, i) for i in left}
        self.made |= {i: _done(lambda i: self.by_core(i).checked(), i) for i in watched}
        errors = tuple((i, done) for i, done in sorted(self.made.items()) if isinstance(done, OpsinError))
        if images is None:
            return Batch(_stack(self.samples(), out), self.samples(), errors)
        for i, done in self.made.items():
            if isinstance(done, OpsinError):
                images[i] = 0
            elif done.image.shape != images.shape[1:] or done.image.dtype != images.dtype:
                return Batch(_stack(self.samples(), None), self.samples(), errors)
            elif i in left:
                images[i] = done.image
        return Batch(images, self.samples, errors)

    def samples(self) -> tuple[Sample | None, ...]:
        """Give the sample of every source, None where it failed."""
        every = (self.made[i] if i in self.made else self.by_core(i) for i in range(len(self.given)))
        return tuple(s if isinstance(s, Sample) else None for s in every)

    def by_core(self, i: int) -> Sample:
        """Give the sample whose picture the core has made."""
        assert self.ran.images is not None
        sample, place = self.pipeline.as_sample(self.given[i]), self.ran.places[i]
        return finished(sample, self.ran.images[i], self.ran.records, place, partial(self.draws, i))

    def by_python(self, i: int) -> Sample:
        """Run one source step by step."""
        return self.pipeline.one(self.pipeline.as_sample(self.given[i]), self.mode, self.address(i))

    def draws(self, i: int) -> dict[str, Any]:
        """Give the parameters of every step that ran on a source."""
        return self.pipeline.later_draws(self.address(i))()

    def address(self, i: int) -> Rng | None:
        """Give the address of a source's draws."""
        return self.pipeline.address(self.mode, self.keys[i], self.epoch, 0)


def _done(make: Callable[[int], Sample], i: int) -> Sample | OpsinError:
    try:
        return make(i)
    except PipelineError:
        raise
    except OpsinError as reason:
        return reason


def _addresses(pipeline: Pipeline, mode: Mode, keys: list[int | str | None], epoch: int) -> list[tuple[int, int, int]]:
    """Give the addresses of a batch's draws; they differ in their keys alone."""
    if mode == "infer":
        return [(0, 0, 0)] * len(keys)
    if type(epoch) is not int or epoch < 0 or None in keys:
        pipeline.address(mode, None if None in keys else keys[0], epoch, 0)  # which says what is wrong or missing
    at = int(epoch) & MASK
    return [(0, at, word) for word in native.key_words(keys, key_word)]


def _stack(samples: Sequence[Sample | None], out: Array | None) -> Array:
    good = [s.image for s in samples if s is not None]
    if not good:
        return np.zeros((len(samples), 0), np.float32) if out is None else out
    kinds = {(g.shape, g.dtype.str) for g in good}
    if len(kinds) > 1:
        got = verbatim(", ".join(sorted("x".join(map(str, shape)) for shape, _ in kinds)))
        raise PipelineError(refusal("batch", "pictures", "of one size and dtype", got, "End with resize or letterbox."))
    shape, dtype = (len(samples), *good[0].shape), good[0].dtype
    if out is None:
        out = np.zeros(shape, dtype)
    elif out.shape != shape or out.dtype != dtype:
        raise PipelineError(refusal("batch", "out", f"{dtype} array of shape {shape}", out))
    for i, sample in enumerate(samples):
        out[i] = 0 if sample is None else sample.image
    return out
