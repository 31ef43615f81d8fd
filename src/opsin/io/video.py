"""Clips: frames come out of a file one at a time, and go into one; memory does not grow with the length.

PyAV decodes and encodes. It never sees a path: bytes come through the read door, and leave through the write door.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin.errors import DecodeError, ParamError, refusal, verbatim
from opsin.io.clip_heads import is_cut
from opsin.io.facts import Array
from opsin.io.limits import LOCAL, Limits
from opsin.io.readdoor import Source, read_bytes, read_range
from opsin.io.writing import AtomicFile
from opsin.kernels.extras import need

__all__ = ["ClipFacts", "Frame", "Video", "write_frames"]

_BLOCK = 1 << 20
_CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame: H W 3 uint8 RGB, upright; its number from 0; its time in seconds from the clip's first frame."""

    image: Array
    index: int
    time: float


@dataclass(frozen=True)
class ClipFacts:
    """What is known of a clip before a frame is decoded.

    Args:
        format: the container, as `mp4`.
        codec: how frames are stored, as `h264`.
        size: width and height, upright.
        rate: frames a second, on average.
        duration: seconds, where the file says it.
        orientation: 1 to 8 as in EXIF: how stored frames are turned to be upright.
        name: of the file, where there is one.
    """

    format: str
    codec: str
    size: tuple[int, int]
    rate: float
    duration: float | None
    orientation: int
    name: str | None


class _File:
    """What the demuxer reads from: a file behind the read door, of which only one block is held."""

    def __init__(self, path: str, limits: Limits) -> None:
        self.path, self.limits, self.at = path, limits, 0
        read_range(path, 0, 1, limits=limits)  # a folder, a pipe or a missing file is told here
        self.size = os.path.getsize(path)
        self._start, self._block = 0, b""

    def read(self, count: int = -1) -> bytes:
        count = self.size - self.at if count < 0 else min(count, max(0, self.size - self.at))
        inner = self.at - self._start
        if inner < 0 or inner + count > len(self._block):
            self._block = read_range(self.path, self.at, max(count, _BLOCK), limits=self.limits)
            self._start, inner = self.at, 0
        out = self._block[inner : inner + count]
        self.at += len(out)
        return out

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = offset + (0, self.at, self.size)[whence]
        return self.at

    def tell(self) -> int:
        return self.at


class _Memory(_File):
    """The same for bytes that are in memory already."""

    def __init__(self, data: bytes) -> None:
        self.at, self.size, self._start, self._block = 0, len(data), 0, data


class _Sink(AtomicFile):
    """The write door's private file, in which the muxer goes back to fill in what it learns last."""

    def seek(self, offset: int, whence: int = 0) -> int:
        return os.lseek(self._descriptor, offset, whence)

    def tell(self) -> int:
        return os.lseek(self._descriptor, 0, os.SEEK_CUR)


class Video:
    """A clip that is read lazily: iterate it, index it by frame number, or ask for times.

    `for frame in video`, `video[17].image`, `len(video)`, `video.frames(start=2.0, period=0.5)`. A video may be
    iterated several times; each pass opens the file anew and holds one frame.

    Args:
        source: a path, bytes, or a file object.
        limits: what a frame may cost.

    Raises:
        MissingExtra: PyAV is not installed.
        DecodeError: this is no clip, or one whose head is broken.
    """

    def __init__(self, source: Source, *, limits: Limits = LOCAL) -> None:
        need("av", "Video", extra="video")
        self.limits = limits
        self._path: str | None = None
        self._data = b""
        if isinstance(source, (str, os.PathLike)) and "://" not in os.fsdecode(source):
            self._path = os.fsdecode(source)
            self.name: str | None = self._path
        else:
            blob = read_bytes(source, limits=limits)
            self._data, self.name = blob.data, blob.name
        self._times: NDArray[np.int64] | None = None
        self._refuse_cut()
        with self._opened() as (container, stream):
            context = stream.codec_context
            limits.check_size(context.width, context.height, 3)
            first = next(self._decoded(container, stream), None)
            if first is None:
                raise DecodeError("corrupt", "the clip holds no frame that can be decoded.", self.name)
            orientation = _orientation(first)
            size = (first.width, first.height) if orientation < 5 else (first.height, first.width)
            seconds = None if stream.duration is None else float(stream.duration * stream.time_base)
            if seconds is None and container.duration is not None:
                seconds = container.duration / 1e6
            rate = float(stream.average_rate or stream.guessed_rate or 25)
            names = container.format.name.split(",")
            self.facts = ClipFacts(
                next((n for n in ("mp4", "matroska") if n in names), names[0]),
                context.name, size, rate, seconds, orientation, self.name,
            )  # fmt: skip

    def __repr__(self) -> str:
        f = self.facts
        length = "" if f.duration is None else f", {f.duration:.2f} s"
        return f"Video({f.size[0]} x {f.size[1]}, {f.rate:g} frames a second{length}, {f.codec})"

    def _refuse_cut(self) -> None:
        source = _Memory(self._data) if self._path is None else _File(self._path, self.limits)

        def part(at: int, count: int) -> bytes:
            source.seek(at)
            return source.read(count)

        if is_cut(part, source.size):
            raise DecodeError("truncated", "the clip is cut off: the file ends before its container does.", self.name)

    # --- inside -------------------------------------------------------------------------------------------------
    @contextmanager
    def _opened(self) -> Iterator[tuple[Any, Any]]:
        av = need("av", "Video", extra="video")
        reader = _Memory(self._data) if self._path is None else _File(self._path, self.limits)
        try:
            container = av.open(reader, mode="r")
        except (av.FFmpegError, ValueError) as reason:
            message = "this is no clip that can be read, or it is cut off."
            raise DecodeError("unsupported", message, self.name) from reason
        try:
            if not container.streams.video:
                raise DecodeError("unsupported", "the file holds no video, only other streams.", self.name)
            yield container, container.streams.video[0]
        except av.FFmpegError as reason:
            raise DecodeError("corrupt", f"the clip is broken: {_reason(reason)}.", self.name) from reason
        finally:
            container.close()

    def _decoded(self, container: Any, stream: Any) -> Iterator[Any]:
        for frame in container.decode(stream):
            self.limits.check_size(frame.width, frame.height, 3)
            yield frame

    def _index(self) -> NDArray[np.int64]:
        """The time stamps of all frames in the order of showing, from the packets alone: nothing is decoded."""
        if self._times is None:
            with self._opened() as (container, stream):
                stamps = [p.pts for p in container.demux(stream) if p.pts is not None and p.size and not p.is_discard]
            self._times = np.unique(np.array(stamps, dtype=np.int64))
        return self._times

    def __len__(self) -> int:
        return len(self._index())

    # --- reading ------------------------------------------------------------------------------------------------
    def __iter__(self) -> Iterator[Frame]:
        return self.frames()

    def __getitem__(self, index: int) -> Frame:
        """Decode one frame, exactly the one that has this number."""
        count = len(self)
        if not isinstance(index, int | np.integer) or not -count <= index < count:
            raise ParamError(refusal("Video", "index", f"a frame number from 0 to {count - 1}", index))
        return next(self._from(int(index) % count))

    def at(self, time: float) -> Frame:
        """Decode the frame that is on the screen at a time in seconds."""
        return self[self._number_at(time)]

    def _number_at(self, time: float) -> int:
        if not np.isfinite(time) or time < 0:
            raise ParamError(refusal("Video", "time", "at least 0 seconds", time))
        stamps = self._index()
        with self._opened() as (_, stream):
            unit = stream.time_base
        seconds = (stamps - stamps[0]) * float(unit)
        return max(0, int(np.searchsorted(seconds, time + 1e-6, side="right")) - 1)

    def frames(
        self, *, start: float = 0.0, stop: float | None = None, every: int = 1, period: float | None = None
    ) -> Iterator[Frame]:
        """Decode frames one after the other.

        Args:
            start: time of the first frame, in seconds from the clip's beginning.
            stop: time before which the last one lies.
            every: give every n-th frame only.
            period: or give frames at steps of so many seconds: each time the first frame that is not earlier.

        Raises:
            DecodeError: the clip is broken from some frame on.
        """
        if every < 1:
            raise ParamError(refusal("Video.frames", "every", "at least 1", every))
        if period is not None and not 0.0 < period < float("inf"):
            raise ParamError(refusal("Video.frames", "period", "above 0 seconds", period))
        if period is not None and every != 1:
            raise ParamError(refusal("Video.frames", "period", "given without every", verbatim("both")))
        if not np.isfinite(start) or start < 0 or (stop is not None and stop < start):
            raise ParamError(refusal("Video.frames", "start and stop", "0 <= start <= stop", (start, stop)))
        first = 0 if start == 0.0 else self._number_at(start)
        due = start
        for position, frame in enumerate(self._from(first, every if period is None else 1)):
            if stop is not None and frame.time >= stop - 1e-9:
                return
            if frame.time < start - 1e-6 and position == 0 and period is None:
                continue  # the frame that was on the screen before the start
            if period is None:
                yield frame
            elif frame.time >= due - 1e-6:
                yield frame
                while due <= frame.time + 1e-6:
                    due += period

    def _from(self, first: int, every: int = 1) -> Iterator[Frame]:
        stamps = self._index() if first else None
        with self._opened() as (container, stream):
            number, begin = 0, None
            if stamps is not None:
                container.seek(int(stamps[first]), stream=stream, backward=True, any_frame=False)
                begin = int(stamps[0])
            for frame in self._decoded(container, stream):
                pts = frame.pts
                if begin is None:
                    begin = pts if pts is not None else 0
                if stamps is not None and pts is not None:
                    if pts < stamps[first]:
                        continue
                    number = int(np.searchsorted(stamps, pts))
                if (number - first) % every == 0:
                    rate = self.facts.rate
                    time = number / rate if pts is None else float((pts - begin) * stream.time_base)
                    yield Frame(_upright(frame), number, time)
                number += 1


def _orientation(frame: Any) -> int:
    """Read the display matrix as one of EXIF's eight orientations."""
    for data in frame.side_data:
        if str(getattr(data.type, "name", data.type)) == "DISPLAYMATRIX":
            a, b, _, c, d = np.frombuffer(bytes(data), dtype=np.int32)[:5]
            if abs(int(a)) + abs(int(d)) >= abs(int(b)) + abs(int(c)):
                return {(1, 1): 1, (-1, 1): 2, (-1, -1): 3, (1, -1): 4}[(_sign(a), _sign(d))]
            return {(1, 1): 5, (-1, 1): 6, (-1, -1): 7, (1, -1): 8}[(_sign(c), _sign(b))]
    return 1


def _sign(value: Any) -> int:
    return -1 if value < 0 else 1


def _upright(frame: Any) -> Array:
    image = frame.to_ndarray(format="rgb24")
    orientation = _orientation(frame)
    if orientation >= 5:
        image = image.transpose(1, 0, 2)
    flip_x = orientation in (2, 3, 6, 7)
    flip_y = orientation in (3, 4, 7, 8)
    return np.ascontiguousarray(image[:: -1 if flip_y else 1, :: -1 if flip_x else 1])


def _reason(error: Any) -> str:
    return str(getattr(error, "strerror", None) or error).rstrip(".").lower()


def write_frames(
    frames: Iterable[Any], path: str | os.PathLike[str], *, rate: float, quality: int = 20, speed: str = "medium"
) -> int:
    """Write pictures as an H.264 clip; memory does not grow with their number.

    The file appears whole or not at all. H.264 stores sides of even length: an odd last row or column is repeated.

    Args:
        frames: pictures of one size (anything `opsin.draw.displayable` shows: gray, RGB, RGBA, any dtype).
        path: where to; `.mp4`, `.m4v`, `.mov` or `.mkv`.
        rate: frames a second.
        quality: 0 (without loss) to 51 (worst); 18 looks like the original.
        speed: the encoder's preset, from `ultrafast` (larger files) to `veryslow`.

    Returns:
        how many frames were written.

    Raises:
        ParamError: no frame, frames of several sizes, an extension that holds no H.264.
    """
    av = need("av", "write_video", extra="video")
    from opsin.canvas import displayable

    suffix = PurePath(os.fsdecode(path)).suffix.lower()
    if suffix not in _CONTAINERS:
        hint = "Use a name that ends in .mp4, .m4v, .mov or .mkv."
        raise ParamError(refusal("write_video", "path", "a clip's name", os.fsdecode(path), hint))
    if not 0.0 < rate <= 1000.0:
        raise ParamError(refusal("write_video", "rate", "above 0 and at most 1000 frames a second", rate))
    if not 0 <= quality <= 51:
        raise ParamError(refusal("write_video", "quality", "from 0 to 51", quality))
    number, size = 0, (0, 0)
    with _Sink(path) as sink:
        container = av.open(sink, mode="w", format=_CONTAINERS[suffix])
        stream: Any = None
        try:
            for picture in frames:
                image = np.ascontiguousarray(displayable(picture))
                if stream is None:
                    size = (image.shape[0], image.shape[1])
                    stream = _stream(container, size, Fraction(rate).limit_denominator(100_000), quality, speed)
                elif image.shape[:2] != size:
                    got = verbatim(f"{image.shape[1]} x {image.shape[0]} at frame {number}")
                    hint = "Bring frames to one size with ops.resize or ops.pad_to."
                    raise ParamError(
                        refusal("write_video", "frames", f"{size[1]} x {size[0]}, as the first", got, hint)
                    )
                container.mux(stream.encode(_yuv(av, image, number)))
                number += 1
            if stream is None:
                raise ParamError(refusal("write_video", "frames", "at least one picture", verbatim("none")))
            container.mux(stream.encode(None))
        finally:
            container.close()
    return number


def _stream(container: Any, size: tuple[int, int], rate: Fraction, quality: int, speed: str) -> Any:
    stream = container.add_stream("libx264", rate=rate, options={"crf": str(quality), "preset": speed})
    stream.width, stream.height = size[1] + size[1] % 2, size[0] + size[0] % 2
    stream.pix_fmt = "yuv420p"
    context = stream.codec_context
    # BT.709, limited range, said in the file: players guess where it is not said, and guess by size
    context.colorspace = context.color_primaries = context.color_trc = 1
    context.color_range = 1
    return stream


def _yuv(av: Any, image: Array, number: int) -> Any:
    odd = ((0, image.shape[0] % 2), (0, image.shape[1] % 2), (0, 0))
    even = np.pad(image, odd, mode="edge") if odd[0][1] or odd[1][1] else image
    frame = av.VideoFrame.from_ndarray(even, format="rgb24")
    frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709", src_color_range="JPEG", dst_color_range="MPEG")
    frame.colorspace, frame.color_range, frame.pts = 1, 1, number
    return frame
