"""Frames one after the other: of a folder in the order of its names, or of a clip; one frame is held at a time."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from opsin.errors import DecodeError
from opsin.io.facts import Array
from opsin.io.limits import LOCAL, Limits
from opsin.io.reading import read

__all__ = ["frames"]

_PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif", ".avif", ".ppm", ".pgm", ".pnm", ".npy")


def frames(path: str | os.PathLike[str], *, limits: Limits = LOCAL) -> Iterator[Array]:
    """Give the frames of a folder (its pictures, sorted as people count: 2 before 10) or of a clip.

    Args:
        path: a folder or a clip.
        limits: what one picture of a folder, or the clip, may cost.
    Returns: an iterator of H W 3 uint8 for clips, of whatever the files hold for folders.
    Raises: DecodeError; MissingExtra for a clip without PyAV.
    """
    if os.path.isdir(path):
        return _folder(os.fspath(path), limits)
    if not os.path.exists(path):
        raise DecodeError("not_a_file", "there is no such file.", os.fspath(path))  # before any library is asked for
    return _clip(path, limits)


def _clip(path: str | os.PathLike[str], limits: Limits) -> Iterator[Array]:
    from opsin.io.video import Video

    return (frame.image for frame in Video(path, limits=limits))


def _natural(name: str) -> list[tuple[int, int, str]]:
    return [
        (0, int(part), "") if part.isdecimal() else (1, 0, part.lower()) for part in re.split(r"(\d+)", name) if part
    ]


def _folder(path: str, limits: Limits) -> Iterator[Array]:
    names = sorted((n for n in os.listdir(path) if n.lower().endswith(_PICTURES)), key=_natural)
    if not names:
        raise DecodeError("not_a_file", "the folder holds no picture.", path)
    for name in names:
        yield read(os.path.join(path, name), limits=limits)
