"""Clips as samples: read lazily, with one draw for all frames, and write.

for sample in samples("clip.mp4", every=5):              # sample.facts.index, sample.facts.time
    ...
frames = apply(pipeline, samples("clip.mp4"), key="clip", mode="train", epoch=0)
write("out.mp4", frames, rate=25)
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from opsin.io.limits import LOCAL, Limits
from opsin.io.readdoor import Source
from opsin.io.video import ClipFacts, Frame, Video, write_frames
from opsin.pipeline import Pipeline
from opsin.sample import Sample
from opsin.types import Array

__all__ = ["ClipFacts", "Frame", "Moment", "Video", "apply", "morph", "samples", "write"]


@dataclass(frozen=True)
class Moment:
    """Where a frame comes from.

    Args:
        index: the frame's number in the clip, from 0.
        time: seconds from the clip's first frame.
        clip: what is known of the clip.
    """

    index: int
    time: float
    clip: ClipFacts


def samples(
    source: Source | Video,
    *,
    start: float = 0.0,
    stop: float | None = None,
    every: int = 1,
    period: float | None = None,
    limits: Limits = LOCAL,
) -> Iterator[Sample]:
    """Read the frames of a clip one by one.

    Use it to prepare clips, to label every n-th frame, or to run a technique on a video; memory does not grow.

    Args:
        source: a path, bytes, a file object, or an opened `Video`.
        start: time of the first frame in seconds.
        stop: time before which the last one lies.
        every: give every n-th frame only.
        period: or give frames at steps of so many seconds.
        limits: what a frame may cost.

    Returns:
        samples with key (the frame's number), picture, and `facts` (a `Moment`: number, time, the clip).

    Raises:
        DecodeError: this is no clip, or it is broken from some frame on.
    """
    video = source if isinstance(source, Video) else Video(source, limits=limits)
    return _samples(video, video.frames(start=start, stop=stop, every=every, period=period))


def _samples(video: Video, frames: Iterator[Frame]) -> Iterator[Sample]:
    for frame in frames:
        sample = Sample(frame.image, key=frame.index)
        sample.facts = Moment(frame.index, frame.time, video.facts)
        yield sample


def apply(
    pipeline: Pipeline,
    frames: Iterable[Sample],
    *,
    key: int | str | None = None,
    mode: Literal["infer", "train"] = "infer",
    epoch: int | None = None,
    draw: int = 0,
) -> Iterator[Sample]:
    """Run a pipeline on the frames of a clip with one draw for all of them.

    Use it for training on clips: every frame is turned by the same angle and cropped at the same place, so that motion
    stays what it was.

    Args:
        pipeline: what to run.
        frames: samples of one size, such as `samples(...)` gives.
        key: the clip's name; it addresses the draws in place of the frames' own keys.
        mode: `infer` or `train`.
        epoch: which pass over the data.
        draw: which variant of the clip.

    Returns:
        the frames' samples, made one by one.
    """
    for sample in frames:
        yield pipeline(sample, mode=mode, key=key, epoch=epoch, draw=draw)


def write(
    path: str | os.PathLike[str], frames: Iterable[object], *, rate: float, quality: int = 20, speed: str = "medium"
) -> int:
    """Write samples or pictures as an H.264 clip that appears whole or not at all.

    Args:
        path: where to; `.mp4`, `.m4v`, `.mov` or `.mkv`.
        frames: samples, or pictures of any kind, of one size.
        rate: frames a second.
        quality: 0 (without loss) to 51 (worst).
        speed: the encoder's preset, from `ultrafast` to `veryslow`.

    Returns:
        how many frames were written.
    """
    pictures = (frame.image if isinstance(frame, Sample) else frame for frame in frames)
    return write_frames(pictures, path, rate=rate, quality=quality, speed=speed)


def morph(
    image: Array,
    other: Array,
    points: Any = None,
    other_points: Any = None,
    *,
    count: int = 60,
    model: str | None = None,
) -> Iterator[Array]:
    """Give the frames in which one picture turns into another, for `write`.

    Use it as `write("morph.mp4", morph(a, b), rate=25)`; frames are made one by one.

    Args:
        image: H W or H W C, the first frame.
        other: of the same size, dtype and channels, the last frame.
        points: N 2 in the first picture; None takes the landmarks of its face ([faces]), with other_points.
        other_points: N 2 in the other picture, in the same order.
        count: how many frames, at least 2.
        model: path of dlib's shape predictor, for faces; None takes the 5-point model.

    Raises:
        ParamError: as `ops.morph`, before the first frame.
    """
    from opsin.ops.morph import frames

    return frames(image, other, points, other_points, count=count, model=model)
