"""How right the fused result is, measured beside its speed: against the same steps unrounded, and against the truth."""

from __future__ import annotations

import io
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin.arrays import to_unit
from opsin.pipeline import Pipeline
from opsin.sample import Sample
from opsin.surfaces.bench.peers import BOXES
from opsin.surfaces.bench.peers.common import MEAN, STD
from opsin.surfaces.bench.truth import sampled, stages_of, true_pictures

__all__ = ["Gate", "gate"]

Floats = NDArray[np.float64]
_FILES = 24


@dataclass(frozen=True)
class Gate:
    """A measured quality.

    Args:
        values: the figures by name.
        says: them in words, with what is asked.
        met: whether they are as asked.
    """

    values: dict[str, float]
    says: str
    met: bool


def gate(name: str, pipeline: Pipeline, sources: Sequence[Any]) -> Gate:
    """Measure what is asked of a pipeline's quality."""
    ways = {"P3": _truth, "P4": _ties, "P5": _draft, "P6": _boxed}
    return ways.get(name, _unfused)(pipeline, list(sources)[:_FILES])


def decibels(a: Any, b: Any) -> float:
    """Give the PSNR of two pictures of 0..1."""
    error = float(np.mean((np.asarray(a, np.float64) - b) ** 2))
    return 99.0 if error == 0 else float(-10 * np.log10(error))


def _flat(image: Any) -> Floats:
    """Undo normalizing: a picture of 0..1, H W C."""
    out: Floats = np.asarray(image, np.float64).transpose(1, 2, 0) * STD + MEAN
    return out


def _word(met: bool) -> str:
    return "met" if met else "NOT met"


def _against_unfused(pipeline: Pipeline, sources: Sequence[Any]) -> list[float]:
    """Compare with every step by itself on fractions that are never rounded, decoded by libjpeg-turbo in full."""
    from opsin.io import decode

    slow, out = pipeline.with_options(fuse=False, decode="exact"), []
    for key, source in enumerate(sources):
        fused = pipeline(source, mode="train", key=key, epoch=0).image
        truth = slow(to_unit(decode(source).image), mode="train", key=key, epoch=0).image
        out.append(decibels(_flat(fused), _flat(truth)))
    return out


def _unfused(pipeline: Pipeline, sources: Sequence[Any]) -> Gate:
    found = _against_unfused(pipeline, sources)
    worst, median = min(found), statistics.median(found)
    met = worst >= 50.0
    says = f"{worst:.1f} dB in the worst file, {median:.1f} in the median (must 50: {_word(met)})"
    return Gate({"worst dB": worst, "median dB": median}, says, met)


def _draft(pipeline: Pipeline, sources: Sequence[Any]) -> Gate:
    """P5: beside Pillow, which reads the file at 1/8 as well (its draft mode)."""
    from PIL import Image

    from opsin.io import decode
    from opsin.surfaces.bench.peers.pillow import shorter_window

    slow, own, theirs = pipeline.with_options(fuse=False, decode="exact"), [], []
    for source in dict.fromkeys(sources):
        truth = _flat(slow(to_unit(decode(source).image)).image)
        own.append(decibels(_flat(pipeline(source).image), truth))
        image = Image.open(io.BytesIO(source))
        image.draft("RGB", (256, 256))
        theirs.append(decibels(np.asarray(shorter_window(image.convert("RGB"))) / 255, truth))
    met = min(a - b for a, b in zip(own, theirs, strict=True)) >= 0 or (
        min(own) >= min(theirs) and statistics.median(own) >= statistics.median(theirs)
    )
    values = {
        "worst dB": min(own),
        "median dB": statistics.median(own),
        "Pillow's draft mode, worst dB": min(theirs),
        "Pillow's draft mode, median dB": statistics.median(theirs),
    }
    says = (
        f"{min(own):.1f} dB in the worst file, {statistics.median(own):.1f} in the median; Pillow's draft mode "
        f"{min(theirs):.1f} and {statistics.median(theirs):.1f} (must be at least that: {_word(met)})"
    )
    return Gate(values, says, met)


def _truth(pipeline: Pipeline, sources: Sequence[Any]) -> Gate:
    """P3: against the picture of four times the size, moved by the same drawn geometry with dense samples."""
    steps, fused, apart = pipeline.with_options(fuse=False), [], []
    for key, large in enumerate(large for large in true_pictures() for _ in range(3)):
        given = np.rint(large.reshape(375, 4, 500, 4, 3).mean((1, 3))).astype(np.uint8)
        truth = sampled(large / 255, stages_of(pipeline, key, (500, 375)), dense=5)
        fused.append(decibels(_flat(pipeline(given, mode="train", key=key, epoch=0).image), truth))
        apart.append(decibels(_flat(steps(given, mode="train", key=key, epoch=0).image), truth))
    gains = [a - b for a, b in zip(fused, apart, strict=True)]
    gain = statistics.median(gains)
    met = gain >= 6.0
    values = {
        "median gain dB": gain,
        "worst gain dB": min(gains),
        "fused dB": statistics.median(fused),
        "four steps dB": statistics.median(apart),
    }
    says = (
        f"{gain:.1f} dB nearer to the truth than four steps, in the median (must 6: {_word(met)}; worst file "
        f"{min(gains):.1f}; {statistics.median(fused):.1f} against {statistics.median(apart):.1f} dB)"
    )
    return Gate(values, says, met)


def _ties(pipeline: Pipeline, sources: Sequence[Any]) -> Gate:
    """P4: against the same steps one by one on bytes; a difference is more than half a level."""
    steps, different, count, most = pipeline.with_options(fuse=False), 0, 0, 0.0
    for key, source in enumerate(sources):
        fused = _flat(pipeline(source, mode="train", key=key, epoch=0).image)
        apart = _flat(steps(source, mode="train", key=key, epoch=0).image)
        gap = 255 * np.abs(fused - apart)
        different += int((gap > 0.5).sum())
        count += gap.size
        most = max(most, float(gap.max()))
    met = different <= count / 100_000
    says = f"{different} of {count} values differ from the steps one by one (must be rounding ties only: {_word(met)})"
    return Gate({"values that differ": different, "values": count, "most levels": round(most, 3)}, says, met)


def _boxed(pipeline: Pipeline, sources: Sequence[Any]) -> Gate:
    """P6: against one composed bilinear sampling in float64 and the color steps on it, and boxes by the matrix."""
    from opsin import ops
    from opsin.io import decode

    found, apart = [], 0.0
    for key, source in enumerate(sources):
        image = decode(source).image
        h, w = image.shape[:2]
        done = pipeline(Sample(source, boxes=BOXES), mode="train", key=key, epoch=0)
        stages = stages_of(pipeline, key, (w, h))
        moved: Any = sampled(image / 255, stages).astype(np.float32)
        params = {d["op"]: d["params"] for d in pipeline.draw(key=key, epoch=0)}
        moved = ops.hue(moved, shift=params["hue"]["shift"])
        moved = ops.saturation(moved, factor=params["saturation"]["factor"])
        moved = ops.brightness(moved, factor=params["brightness"]["factor"])
        found.append(decibels(done.image.transpose(1, 2, 0), moved))
        apart = max(apart, _box_error(done, stages))
    worst, median = min(found), statistics.median(found)
    met = worst >= 42.0 and apart <= 0.01
    says = (
        f"{worst:.1f} dB in the worst file, {median:.1f} in the median (must 42), boxes to {apart:.4f} px "
        f"(must 0.01): {_word(met)}"
    )
    return Gate({"worst dB": worst, "median dB": median, "boxes, px": apart}, says, met)


def _box_error(done: Sample, stages: Sequence[Any]) -> float:
    """Carry each box's outline by the matrices, cut at every canvas, and compare."""
    table = done.instances
    if table.boxes is None or table.rows is None or not len(table):
        return 0.0
    worst = 0.0
    for row, box in zip(table.rows, table.boxes, strict=True):
        x1, y1, x2, y2 = BOXES[row]
        outline = np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], np.float64)
        for stage in stages:
            outline = _cut(stage.push(outline), *stage.target)
        expected = [*outline.min(0), *outline.max(0)]
        worst = max(worst, float(np.abs(np.array(expected) - box).max()))
    return worst


def _cut(outline: Floats, width: float, height: float) -> Floats:
    """Cut an outline at a canvas, edge by edge (Sutherland and Hodgman)."""
    for axis, limit, sign in ((0, 0.0, 1.0), (0, width, -1.0), (1, 0.0, 1.0), (1, height, -1.0)):
        depth = sign * (outline[:, axis] - limit)
        points = []
        for i in range(len(outline)):
            a, b = depth[i - 1], depth[i]
            if (a < 0) != (b < 0):
                points.append(outline[i - 1] + (outline[i] - outline[i - 1]) * (a / (a - b)))
            if b >= 0:
                points.append(outline[i])
        if not points:
            return outline[:1] * 0
        outline = np.array(points)
    return outline
