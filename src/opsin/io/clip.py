"""Frames one after the other: of a folder in the order of its names, or of a clip; one frame is held at a time."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from typing import Any

from opsin.errors import DecodeError
from opsin.io.facts import Array
from opsin.io.limits import LOCAL, Limits
from opsin.io.readdoor import read_range
from opsin.io.reading import read
from opsin.kernels.extras import need

__all__ = ["frames"]

_PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif", ".avif", ".ppm", ".pgm", ".pnm", ".npy")


def frames(path: str | os.PathLike[str], *, where: str = "frames", limits: Limits = LOCAL) -> Iterator[Array]:
    """Give the frames of a folder (its pictures, sorted as people count: 2 before 10) or of a clip.

    Args:
        path: a folder or a clip.
        where: the technique's name, for messages.
        limits: what one picture of a folder may cost.
    Returns: an iterator of H W 3 uint8 for clips, of whatever the files hold for folders.
    Raises: DecodeError; MissingExtra for a clip without PyAV.
    """
    name = os.fspath(path)
    if os.path.isdir(name):
        return _folder(name, limits)
    return _clip(name, where)


def _natural(name: str) -> list[tuple[int, int | str]]:
    return [(0, int(part)) if part.isdigit() else (1, part.lower()) for part in re.split(r"(\d+)", name) if part]


def _folder(path: str, limits: Limits) -> Iterator[Array]:
    names = sorted((n for n in os.listdir(path) if n.lower().endswith(_PICTURES)), key=_natural)
    if not names:
        raise DecodeError("not_a_file", "the folder holds no picture.", path)
    for name in names:
        yield read(os.path.join(path, name), limits=limits)


class _Ranges(io.RawIOBase):
    """A file that is read through the read door, piece by piece."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.size = os.stat(path).st_size
        self.place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self.place, os.SEEK_END: self.size}[whence]
        self.place = max(0, start + offset)
        return self.place

    def tell(self) -> int:
        return self.place

    def readinto(self, buffer: Any) -> int:
        data = read_range(self.path, self.place, len(buffer))
        buffer[: len(data)] = data
        self.place += len(data)
        return len(data)


def _clip(path: str, where: str) -> Iterator[Array]:
    av = need("av", where, extra="video")
    read_range(path, 0, 16)  # what is no file is told here, in one sentence
    source = io.BufferedReader(_Ranges(path), 1 << 20)
    try:
        with av.open(source, mode="r") as container:
            if not container.streams.video:
                raise DecodeError("unsupported", "the file holds no moving picture.", path)
            for frame in container.decode(video=0):
                yield frame.to_ndarray(format="rgb24")
    except av.error.FFmpegError as reason:
        raise DecodeError("corrupt", f"the clip cannot be decoded: {reason.strerror or reason}.", path) from reason
