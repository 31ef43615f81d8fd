"""Is a clip as long as its container says? Decoders end quietly where a file was cut; its structure tells."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["is_cut"]

Range = Callable[[int, int], bytes]
"""Gives `count` bytes from an offset; fewer at the end of the file."""
_UNKNOWN = 1 << 62


def is_cut(read: Range, size: int) -> bool:
    """Say whether a file ends before its container does: AVI and WebM or Matroska by their heads, MP4 by its boxes.

    Args:
        read: gives bytes from an offset.
        size: of the file in bytes.
    """
    head = read(0, 64)
    if head[:4] == b"RIFF":
        length = int.from_bytes(head[4:8], "little")
        return 0 < length < 0xFFFFFFFF and 8 + length > size + 1  # a last odd byte may go without its padding
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return _boxes_cut(read, size)
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return _segment_cut(head, size)
    return False


def _boxes_cut(read: Range, size: int) -> bool:
    """Walk the outermost boxes of an MP4 or QuickTime file."""
    at, seen = 0, set()
    for _ in range(10_000):
        if at + 8 > size:
            break
        head = read(at, 16)
        length, kind = int.from_bytes(head[:4], "big"), head[4:8]
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length == 0:  # to the end of the file
            seen.add(kind)
            break
        if length < 8 or not kind.strip().isalnum():
            break  # what follows is no box
        seen.add(kind)
        if at + length > size:
            return True
        at += length
    return b"mdat" in seen and b"moov" not in seen and b"moof" not in seen


def _segment_cut(head: bytes, size: int) -> bool:
    """Read where a Matroska file's segment ends."""
    length, used = _number(head, 4)
    at = 4 + used + length
    if length >= _UNKNOWN or head[at : at + 4] != b"\x18\x53\x80\x67":
        return False
    length, used = _number(head, at + 4)
    return length < _UNKNOWN and at + 4 + used + length > size


def _number(data: bytes, at: int) -> tuple[int, int]:
    """Read a number of variable length; all ones means that it is not known."""
    first = data[at] if at < len(data) else 0
    width = 9 - first.bit_length()
    if not 1 <= width <= 8 or at + width > len(data):
        return _UNKNOWN, 0
    value = int.from_bytes(data[at : at + width], "big") & ((1 << (7 * width)) - 1)
    return (_UNKNOWN, width) if value == (1 << (7 * width)) - 1 else (value, width)
