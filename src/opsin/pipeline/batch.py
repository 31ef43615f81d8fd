"""Run a pipeline on several sources at once and stack the pictures."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from opsin.errors import OpsinError, PipelineError, did_you_mean, refusal, verbatim
from opsin.pipeline.plan import address, finished, run_many
from opsin.sample import Sample
from opsin.types import Array

if TYPE_CHECKING:
    from opsin.pipeline.pipeline import Batch, Mode, Pipeline

__all__ = ["run_batch", "shared_keys"]


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
    from opsin.pipeline.pipeline import Batch

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

    def one(i: int) -> Sample | OpsinError:
        try:
            key = keys[i] if keys is not None else None
            return pipeline(sources[i], mode=mode, key=key, epoch=epoch, partners=partners)
        except PipelineError:
            raise
        except OpsinError as reason:
            return reason

    if workers == 1:
        done = [one(i) for i in range(count)]
    else:
        with ThreadPoolExecutor(workers) as pool:
            done = list(pool.map(one, range(count)))
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
    from opsin.pipeline.pipeline import Batch

    given = [pipeline.as_sample(s) for s in sources]
    rngs = [pipeline.address(mode, keys[i] if keys is not None else s.key, epoch, 0) for i, s in enumerate(given)]
    images, records, left = run_many(pipeline.plan(mode), given, [address(r) for r in rngs], threads, out)
    samples: list[Sample | None] = [None] * len(given)
    if images is not None:
        for i, record in enumerate(records):
            if record is not None:
                done = finished(given[i], images[i], record, pipeline.later_draws(rngs[i]))
                if given[i].rules.text:
                    done.instances  # noqa: B018 - mirrored text is refused here
                samples[i] = done
    errors: list[tuple[int, OpsinError]] = []
    for i in left:
        try:
            samples[i] = pipeline.one(given[i], mode, rngs[i])
        except PipelineError:
            raise
        except OpsinError as reason:
            errors.append((i, reason))
            samples[i] = None
    if images is None:
        return Batch(_stack(samples, out), tuple(samples), tuple(errors))
    for i in left:
        sample = samples[i]
        if sample is None:
            images[i] = 0
            continue
        if sample.image.shape != images.shape[1:] or sample.image.dtype != images.dtype:
            return Batch(_stack(samples, None), tuple(samples), tuple(errors))
        images[i] = sample.image
    return Batch(images, tuple(samples), tuple(errors))


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
