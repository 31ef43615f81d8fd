"""Tar archives as streams of members: headers are walked, contents are read where they lie, nothing is extracted.

Source: POSIX.1-2001 ustar and pax, and GNU long names, as the standard library's `tarfile` documents them.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from opsin.datasets.files import read_part, size_of
from opsin.errors import DatasetError

__all__ = ["END", "Member", "member_length", "members", "pack_member"]

_BLOCK = 512
_LONGEST_NAME = 1 << 16
_AHEAD = 1 << 16  # one read holds several small members
END = b"\0" * (2 * _BLOCK)


class Member(NamedTuple):
    """A file within an archive: its name, where its bytes begin, how many there are, and whether it is a plain file."""

    name: str
    start: int
    length: int
    plain: bool


def members(path: str) -> Iterator[Member]:
    """Walk an archive's headers.

    Raises: DatasetError for what is no tar archive, is compressed, or ends early; DecodeError when it cannot be read.
    """
    total = size_of(path)
    window = _Window(path, total)
    at = 0
    name, size = None, None
    while at < total:
        header = window.read(at, _BLOCK)
        if header == b"\0" * len(header):
            return
        info = _header(path, header, at)
        body = at + _BLOCK
        length = size if size is not None and info.type in tarfile.REGULAR_TYPES else info.size
        if length < 0 or body + length > total:
            raise DatasetError(f"{path}: the archive ends within the member {name or info.name}.")
        following = body + -(-length // _BLOCK) * _BLOCK
        if info.type in (tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE):
            if length > _LONGEST_NAME:
                raise DatasetError(f"{path}: a header of {length:,} bytes is too long.")
            text = window.read(body, length)
            if info.type == tarfile.GNUTYPE_LONGNAME:
                name = text.split(b"\0")[0].decode("utf-8", "surrogateescape")
            else:
                fields = _pax(text)
                name = fields.get("path", name)
                size = int(fields["size"]) if fields.get("size", "").isdecimal() and len(fields["size"]) < 19 else size
            at = following
            continue
        if info.type in (tarfile.XGLTYPE, tarfile.GNUTYPE_LONGLINK):
            at = following
            continue
        yield Member(name or info.name, body, length, info.type in (tarfile.REGTYPE, tarfile.AREGTYPE))
        # links and folders have no body, whatever their header says
        at = following if info.type in tarfile.REGULAR_TYPES else body
        name = size = None


class _Window:
    """Reads ahead, so that headers close together cost one read."""

    def __init__(self, path: str, total: int) -> None:
        self.path, self.total = path, total
        self._start, self._data = 0, b""

    def read(self, at: int, length: int) -> bytes:
        end = at + length
        if not self._start <= at <= end <= self._start + len(self._data):
            self._start = at
            self._data = read_part(self.path, at, min(max(length, _AHEAD), self.total - at))
        return self._data[at - self._start : end - self._start]


def _header(path: str, block: bytes, at: int) -> tarfile.TarInfo:
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.TarError as error:
        if at == 0 and block[:2] == b"\x1f\x8b":
            hint = "Unpack it with gunzip: members of a compressed archive cannot be read where they lie."
            raise DatasetError(f"{path}: this archive is compressed. {hint}") from error
        what = "this is no tar archive" if at == 0 else f"there is no tar header at byte {at}"
        raise DatasetError(f"{path}: {what} ({error}).") from error


def _pax(text: bytes) -> dict[str, str]:
    """Read pax records: `length key=value` and a line feed each."""
    out = {}
    while text:
        head, _, _ = text.partition(b" ")
        if not head.isdigit() or not 0 < int(head) <= len(text):
            break
        record, text = text[: int(head)], text[int(head) :]
        key, _, value = record[len(head) + 1 :].rstrip(b"\n").partition(b"=")
        out[key.decode("utf-8", "replace")] = value.decode("utf-8", "surrogateescape")
    return out


def pack_member(name: str, data: bytes) -> Iterable[bytes]:
    """Give a member's blocks: equal names and bytes give equal blocks, whoever writes them and when."""
    yield _head(name, len(data))
    yield data
    if len(data) % _BLOCK:
        yield b"\0" * (_BLOCK - len(data) % _BLOCK)


def member_length(name: str, size: int) -> int:
    """Say how many bytes `pack_member` gives for a name and a number of bytes."""
    return len(_head(name, size)) + -(-size // _BLOCK) * _BLOCK


def _head(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = size
    info.mode = 0o644
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
