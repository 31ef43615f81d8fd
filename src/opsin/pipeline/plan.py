"""The plan: whether the compiled core runs a pipeline as one program, and how its results become samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from opsin.arrays import MAX_SIDE
from opsin.chance import Rng, key_word
from opsin.errors import OpsinError
from opsin.kernels import native, use_core
from opsin.pipeline.buffers import fresh
from opsin.pipeline.program import NotForTheCore, program_text
from opsin.pipeline.rules import RULES, applied
from opsin.pipeline.steps import Group, Step
from opsin.record import Record
from opsin.sample import Sample
from opsin.types import Array

if TYPE_CHECKING:
    from opsin.pipeline.pipeline import Pipeline

__all__ = ["MASK", "Plan", "Ran", "is_plain", "make_plan"]

MASK = (1 << 64) - 1
_BYTES = np.dtype(np.uint8)
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
    unread = sample.unread
    if unread is not None:
        data = _for_the_core(unread.data())
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
    return rng.draw & MASK, rng.epoch & MASK, native.key_words([rng.key], key_word)[0]


# --- one sample -----------------------------------------------------------------------------------------------------
def run_one(plan: Plan, sample: Sample, rng: Rng | None, draws: Callable[[], dict[str, Any]]) -> Sample | None:
    """Run a sample through the core; None where Python must do it (or must say what is wrong with it)."""
    at, source = address(rng), core_source(sample)
    done = _attempt(plan, sample, source, at, draws)
    if done is None and type(source) is bytes:
        # a file that is not for the core (CMYK, 12 bit) is read here, and its pixels may be
        sample.image  # noqa: B018
        done = _attempt(plan, sample, core_source(sample), at, draws)
    return done


def _attempt(
    plan: Plan, sample: Sample, source: Any, at: Address, draws: Callable[[], dict[str, Any]]
) -> Sample | None:
    if source is None:
        return None

    def make(outcome: native.Outcome) -> Array:
        return fresh(_shape(plan, outcome, source), outcome.dtype)

    try:
        image, records = plan.program.run_one(source, at, make)
    except OpsinError:
        return None  # Python says what is wrong, in its own words
    return finished(sample, image, records, 0, draws)


def output_shape(plan: Plan, source: Any, at: Address) -> tuple[tuple[int, ...], Any]:
    """Give shape and dtype of what comes out of a source: gray pictures have two axes, unless they came with three."""
    outcome = plan.program.outcome(source, at)
    return _shape(plan, outcome, source), outcome.dtype


def _shape(plan: Plan, outcome: native.Outcome, source: Any) -> tuple[int, ...]:
    shape = outcome.shape
    return shape[:2] if not plan.planar and shape[-1] == 1 and not _has_gray_axis(source) else shape


def _has_gray_axis(source: Any) -> bool:
    return isinstance(source, np.ndarray) and source.ndim == 3 and source.shape[2] == 1


def finished(sample: Sample, image: Array, records: Any, k: int, draws: Callable[[], dict[str, Any]]) -> Sample:
    """Make the sample of a picture that the core computed; where its pixels went is worked out when asked."""
    return sample.done_elsewhere(image, Record(records, k, draws))


# --- many samples ---------------------------------------------------------------------------------------------------
class Ran(NamedTuple):
    """What the core did of a batch.

    Args:
        images: the array; None where the core could take nothing.
        records: what geometry did, one for each source that the core was given.
        places: for every position that is done, where its record stands; a range where each stands in its own place.
        left: the positions that Python must do.
    """

    images: Array | None
    records: Any
    places: range | dict[int, int]
    left: list[int]


def run_many(plan: Plan, sources: Sequence[Any], addresses: list[Address], threads: int, out: Array | None) -> Ran:
    """Run samples, files as bytes, or arrays as `is_plain` says, through the core into one array.

    The first source says what shape comes out; the core leaves alone what comes out in another.
    """
    count = len(sources)
    given, good, shape, dtype = _looked_at(plan, sources, addresses)
    if dtype is None:
        return _nothing(count)
    if len(shape) == 2 or shape[-1] == 1:
        same = [plan.planar or _has_gray_axis(g) == (len(shape) == 3) for g in given]
        if not all(same):
            given, good = ([v for v, fits in zip(values, same, strict=True) if fits] for values in (given, good))
    if out is None:
        out = fresh((count, *shape), dtype)
    elif out.shape != (count, *shape) or out.dtype != dtype or not out.flags["C_CONTIGUOUS"]:
        return _nothing(count)
    if len(good) == count:
        errors, records = plan.program.run(given, addresses, out, threads=threads)
        if not errors:
            return Ran(out, records, range(count), [])
    else:
        rows = np.empty((len(good), *shape), dtype)
        errors, records = plan.program.run(given, [addresses[i] for i in good], rows, threads=threads)
        out[good] = rows
    failed = {k for k, _, _ in errors}
    places = {i: k for k, i in enumerate(good) if k not in failed}
    return Ran(out, records, places, [i for i in range(count) if i not in places])


def _nothing(count: int) -> Ran:
    return Ran(None, (), {}, list(range(count)))


def _first_shape(plan: Plan, taken: Mapping[int, Any], addresses: Sequence[Address]) -> tuple[tuple[int, ...], Any]:
    for i, given in taken.items():
        try:
            return output_shape(plan, given, addresses[i])
        except OpsinError:
            continue
    return (), None


def is_plain(image: Any) -> bool:
    """Say whether something is an array that the core reads as it stands, and that no check would refuse."""
    return (
        type(image) is np.ndarray
        and image.dtype == _BYTES
        and (len(shape := image.shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3)))
        and min(shape) > 0
        and max(shape) <= MAX_SIDE
        and image.flags.c_contiguous
    )


def _looked_at(
    plan: Plan, sources: Sequence[Any], addresses: list[Address]
) -> tuple[list[Any], Sequence[int], tuple[int, ...], Any]:
    """Give what the core reads of the sources, their positions, and shape and dtype of what comes out.

    Files of the common kind are looked at together.
    """
    files = _files(sources)
    if files is not None:
        odd, outcome = plan.program.look(files, addresses)
        if outcome is not None and not odd:
            return files, range(len(files)), _shape(plan, outcome, None), outcome.dtype
    taken = {i: given for i, source in enumerate(sources) if (given := _readable(source)) is not None}
    return list(taken.values()), list(taken), *_first_shape(plan, taken, addresses)


def _files(sources: Sequence[Any]) -> list[bytes] | None:
    """Give the files of sources that were not read yet; None where one is no file, or cannot be read."""
    files = []
    for source in sources:
        if type(source) is bytes:
            files.append(source)
            continue
        unread = source.unread if type(source) is Sample else None
        if unread is None:
            return None
        try:
            files.append(unread.data())
        except OpsinError:
            return None
    return files


def _readable(source: Any) -> Any:
    """Give what the core reads of a source; what cannot be read is left to Python, which says why."""
    if isinstance(source, np.ndarray):
        return source
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
