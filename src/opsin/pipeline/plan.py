"""The plan: whether the compiled core runs a pipeline as one program, and how its results become samples."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from opsin.chance import Rng, key_word
from opsin.errors import OpsinError
from opsin.geometry import Size, Stage, Warp
from opsin.kernels import native, use_core
from opsin.pipeline.buffers import fresh
from opsin.pipeline.program import NotForTheCore, program_text
from opsin.pipeline.rules import RULES, applied
from opsin.pipeline.steps import Group, Step
from opsin.sample import Sample
from opsin.types import Array

if TYPE_CHECKING:
    from opsin.pipeline.pipeline import Pipeline

__all__ = ["Plan", "make_plan"]

_MASK = (1 << 64) - 1
Address = tuple[int, int, int]


@dataclass(frozen=True)
class Plan:
    """How a pipeline runs in one mode.

    Args:
        program: the core's program, or None where Python runs the steps.
        why: why Python runs them.
        notes: (rule, what it does) of the core's program.
        planar: whether the channels end in front.
    """

    program: Any
    why: str
    notes: tuple[tuple[str, str], ...] = ()
    planar: bool = False


def make_plan(pipeline: Pipeline, training: bool) -> Plan:
    """Make the plan of one mode: the core where it knows every step, else Python."""
    if not pipeline.fuse:
        return Plan(None, "fuse is off")
    if not use_core():
        return Plan(None, "the compiled core is not installed")
    options: dict[str, Any] = {"frames": pipeline.frames, "decode": pipeline.decode}
    for rule in RULES:
        if rule.option and rule.name in pipeline.without:
            options[rule.option] = rule.off
    try:
        text = program_text(pipeline.steps, pipeline.ids, pipeline.seed, training=training, options=options)
        program = native.Program(text)
    except NotForTheCore as reason:
        return Plan(None, str(reason))
    except OpsinError as reason:
        return Plan(None, str(reason).removeprefix("program: "))
    nodes = pipeline.steps if training else _inference(pipeline)
    planar = any(isinstance(n, Step) and n.op == "to_tensor" for n in nodes)
    return Plan(program, "", tuple(applied(nodes, pipeline.decode, pipeline.without)), planar)


def _inference(pipeline: Pipeline) -> list[Any]:
    return [n for n in pipeline.steps if not (isinstance(n, Group) and n.kind == "augment")]


# --- what the core can take -----------------------------------------------------------------------------------------
def core_source(sample: Sample) -> Any:
    """Give what the core reads of a sample: the bytes of a JPEG, or an array; None where Python must run the steps."""
    image = sample.decoded
    if image is None:
        data = _jpeg_bytes(sample)
        if data is not None:
            return data
        image = sample.image
    plain = image.dtype in (np.uint8, np.float32) and (image.ndim == 2 or image.shape[2] in (1, 3))
    if not plain or 0 in image.shape:
        return None
    if image.dtype == np.float32 and not _in_unit(image):
        return None
    return np.ascontiguousarray(image)


def _in_unit(image: Array) -> bool:
    low, high = float(image.min()), float(image.max())
    return low >= 0.0 and high <= 1.0


def _jpeg_bytes(sample: Sample) -> bytes | None:
    source = sample.source
    if isinstance(source, str | os.PathLike):
        from opsin.io import read_bytes

        source = read_bytes(source).data
    return _for_the_core(bytes(source)) if isinstance(source, bytes | bytearray | memoryview) else None


def _for_the_core(data: bytes) -> bytes | None:
    """Give a file if it is one that the core decodes."""
    if data[:3] != b"\xff\xd8\xff":
        return None
    # a color profile is the ordinary decoder's work, unless it changes nothing
    return None if native.jpeg_has_profile(data) and not _plain_profile(data) else data


def _plain_profile(data: bytes) -> bool:
    from opsin.io import header
    from opsin.io.color import is_srgb

    try:
        found = header(data)
    except OpsinError:
        return False
    return found.icc is not None and found.mode.startswith(("YCbCr", "RGB")) and is_srgb(found.icc, "RGB")


def address(rng: Rng | None) -> Address:
    """Give the counter of a sample's draws, as the core takes it: draw, epoch, key."""
    if rng is None:
        return 0, 0, 0
    return rng.draw & _MASK, rng.epoch & _MASK, key_word(rng.key)


# --- one sample -----------------------------------------------------------------------------------------------------
def run_one(plan: Plan, sample: Sample, rng: Rng | None, draws: Callable[[], dict[str, Any]]) -> Sample | None:
    """Run a sample through the core; None where Python must do it (or must say what is wrong with it)."""
    at = address(rng)
    for source in _attempts(sample):
        done = _attempt(plan, sample, source, at, draws)
        if done is not None:
            return done
    return None


def _attempts(sample: Sample) -> Iterator[Any]:
    """Give what the core may read: first the file, and if it is not for the core (CMYK, 12 bit), its pixels."""
    source = core_source(sample)
    if source is not None:
        yield source
    if isinstance(source, bytes):
        sample.image  # noqa: B018
        source = core_source(sample)
        if source is not None:
            yield source


def _attempt(
    plan: Plan, sample: Sample, source: Any, at: Address, draws: Callable[[], dict[str, Any]]
) -> Sample | None:
    try:
        shape, dtype = output_shape(plan, source, at)
        out = fresh((1, *shape), dtype)
        errors, records = plan.program.run([source], [at], out)
    except OpsinError:
        return None  # Python says what is wrong, in its own words
    return None if errors else finished(sample, out[0], partial(records.__getitem__, 0), draws)


def output_shape(plan: Plan, source: Any, at: Address) -> tuple[tuple[int, ...], Any]:
    """Give shape and dtype of what comes out of a source: gray pictures have two axes, unless they came with three."""
    outcome = plan.program.outcome(source, at)
    shape: tuple[int, ...] = outcome.shape
    if not plan.planar and shape[-1] == 1 and not _has_gray_axis(source):
        shape = shape[:2]
    return shape, outcome.dtype


def _has_gray_axis(source: Any) -> bool:
    return isinstance(source, np.ndarray) and source.ndim == 3 and source.shape[2] == 1


def finished(sample: Sample, image: Array, record: Callable[[], Any], draws: Callable[[], dict[str, Any]]) -> Sample:
    """Make the sample of a picture that the core computed; where its pixels went is worked out when asked."""
    return sample.done_elsewhere(image, lambda: warp_of(record()), draws)


def warp_of(record: Any) -> Warp:
    """Build the warp that the core went by."""
    source, stages, _ = record
    here = Size(*source)
    built = []
    at = here
    for matrix, width, height, border, fill, resized in stages:
        target = Size(width, height)
        values = tuple(fill) if len(fill) > 1 else fill[0] if fill else 0.0
        kernel = "pillow-bilinear" if resized else ""
        built.append(Stage(at, target, matrix, None, border, values, kernel))
        at = target
    return Warp(here, tuple(built))


# --- many samples ---------------------------------------------------------------------------------------------------
def run_many(
    plan: Plan, sources: Sequence[Any], addresses: Sequence[Address], threads: int, out: Array | None
) -> tuple[Array | None, Mapping[int, Callable[[], Any]], list[int]]:
    """Run samples, or files as bytes, through the core into one array.

    The first source says what shape comes out; the core leaves alone what comes out in another.

    Returns:
        the array (None where the core could take nothing), how to get the record of every position that it did, and
        the positions that Python must do.
    """
    every = list(range(len(sources)))
    taken = {i: given for i, source in enumerate(sources) if (given := _readable(source)) is not None}
    shape, dtype = _first_shape(plan, taken, addresses)
    if dtype is None:
        return None, {}, every
    if len(shape) == 2 or shape[-1] == 1:
        taken = {i: given for i, given in taken.items() if plan.planar or _has_gray_axis(given) == (len(shape) == 3)}
    if out is None:
        out = fresh((len(sources), *shape), dtype)
    elif out.shape != (len(sources), *shape) or out.dtype != dtype or not out.flags["C_CONTIGUOUS"]:
        return None, {}, every
    whole = len(taken) == len(sources)
    rows = out if whole else np.empty((len(taken), *shape), dtype)
    good = list(taken)
    errors, records = plan.program.run(list(taken.values()), [addresses[i] for i in good], rows, threads=threads)
    if not whole:
        out[good] = rows
    failed = {good[k] for k, _, _ in errors}
    done = {i: partial(records.__getitem__, k) for k, i in enumerate(good) if i not in failed}
    return out, done, [i for i in every if i not in done]


def _first_shape(plan: Plan, taken: Mapping[int, Any], addresses: Sequence[Address]) -> tuple[tuple[int, ...], Any]:
    for i, given in taken.items():
        try:
            return output_shape(plan, given, addresses[i])
        except OpsinError:
            continue
    return (), None


def _readable(source: Sample | bytes) -> Any:
    """Give what the core reads of a source; what cannot be read is left to Python, which says why."""
    try:
        return _for_the_core(source) if isinstance(source, bytes) else core_source(source)
    except OpsinError:
        return None


def describe(plans: Mapping[str, Plan]) -> list[str]:
    """Say how each mode runs, for `explain`."""
    lines = []
    for mode, plan in plans.items():
        if plan.program is None:
            lines.append(f"plan, {mode}: step by step ({plan.why})")
            continue
        lines.append(f"plan, {mode}: one program of the core")
        lines += [f"  {name}: {text}" for name, text in plan.notes]
    return lines
