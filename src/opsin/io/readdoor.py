"""The read door: a path, bytes or a file object to bytes, with a digest. Codecs never see a path."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from typing import IO, Any

from opsin.errors import DecodeError, ParamError, refusal
from opsin.io.limits import LOCAL, Limits

__all__ = ["Blob", "Source", "is_address", "read_bytes", "read_range"]

Source = str | bytes | bytearray | memoryview | os.PathLike[str] | os.PathLike[bytes] | IO[bytes]
_BLOCK = 1 << 20
_MOST = 1 << 30  # one call reads no more than this: systems stop at 2 GB
_FLAGS = os.O_RDONLY
for _name in ("O_NONBLOCK", "O_CLOEXEC", "O_BINARY", "O_NOCTTY"):  # as far as the system has them
    _FLAGS |= getattr(os, _name, 0)


class Blob:
    """Bytes from outside: the data, its SHA-256, and a name for messages (nothing for bytes without one)."""

    __slots__ = ("_digest", "data", "name")

    def __init__(self, data: bytes, name: str | None) -> None:
        self.data, self.name = data, name
        self._digest: str | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of the data, hexadecimal; worked out when it is first asked for."""
        if self._digest is None:
            self._digest = hashlib.sha256(self.data).hexdigest()
        return self._digest


def is_address(source: object) -> bool:
    """Say whether a source is written as an address (`https://...`) rather than as a path."""
    if not isinstance(source, str) or "://" not in source:
        return False
    scheme = source.partition("://")[0]
    return scheme.isascii() and scheme.replace("+", "").isalnum() and scheme[:1].isalpha()


def read_bytes(
    source: Source,
    *,
    limits: Limits = LOCAL,
    network: bool = False,
    follow: bool = True,
    root: str | os.PathLike[str] | None = None,
) -> Blob:
    """Read all bytes of a source.

    Args:
        source: a path (text, or anything with `__fspath__`), bytes, a binary file object, or an address.
        limits: the size limit, and for addresses the time limit.
        network: allow `http://` and `https://` addresses.
        follow: follow a symbolic link at the end of the path.
        root: the folder that a relative path starts from and must not leave, by `..` or by any link: for names that
            come from annotation files or from strangers. Links on the way are refused.
    Returns: a `Blob`.
    Raises: DecodeError `not_a_file` (a folder, a pipe, a device: told at once, never waited for), `unreadable`
        (missing, or no permission), `too_large`; ParamError for an address without `network=True`.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
        _check_size(len(data), limits, None)
        return Blob(data, None)
    if is_address(source):
        if not network:
            hint = "Nothing is fetched unless asked: pass network=True."
            raise ParamError(refusal("read", "source", "a path, bytes or a file object", source, hint))
        from opsin.io.netdoor import fetch

        data = fetch(str(source), limits=limits)
        return Blob(data, str(source))
    if isinstance(source, (str, os.PathLike)):
        return _read_path(os.fspath(source), limits, follow, None if root is None else os.fspath(root))
    reader = getattr(source, "read", None)
    if callable(reader):
        return _read_object(source, limits)
    raise ParamError(refusal("read", "source", "a path, bytes, a binary file object or an address", source))


def _check_size(size: int, limits: Limits, name: str | None) -> None:
    if size > limits.bytes:
        raise DecodeError("too_large", f"{size:,} bytes is over the limit of {limits.bytes:,}.", name)


def _read_path(path: str | bytes, limits: Limits, follow: bool, root: str | None = None) -> Blob:
    name = os.fsdecode(path)
    flags = _FLAGS | (0 if follow else getattr(os, "O_NOFOLLOW", 0))
    try:
        descriptor = os.open(path, flags) if root is None else _open_beneath(root, name, flags)
    except OSError as error:
        raise _cannot_open(error, name) from error
    except ValueError as error:  # a zero byte in the name
        raise DecodeError("unreadable", "the name holds a zero byte.", name) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise DecodeError("not_a_file", f"this is {_kind(status.st_mode)}, not a regular file.", name)
        _check_size(status.st_size, limits, name)
        parts: list[bytes] = []
        total = 0
        while True:
            # one more byte than the file says it holds: where fewer come, that was its end, and nobody has to ask again
            most = min(max(status.st_size - total, 0) or _BLOCK, _MOST) + 1
            block = os.read(descriptor, most)
            if not block:
                break
            total += len(block)
            _check_size(total, limits, name)
            parts.append(block)
            if len(block) < most and total == status.st_size:
                break
        return Blob(parts[0] if len(parts) == 1 else b"".join(parts), name)
    except OSError as error:
        raise DecodeError("unreadable", f"reading failed: {error.strerror or error}.", name) from error
    finally:
        os.close(descriptor)


def _open_beneath(root: str, name: str, flags: int) -> int:
    """Open a file below a folder, one part at a time, through no link: a swap on the way cannot lead outside."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    if not parts or ".." in parts or os.path.isabs(name) or os.path.splitdrive(name)[0]:
        raise DecodeError("unreadable", "the path leaves the folder that it must stay in.", name)
    if os.open not in os.supports_dir_fd:  # Windows: compare real paths instead
        whole, base = os.path.realpath(os.path.join(root, *parts)), os.path.realpath(root)
        if os.path.commonpath([whole, base]) != base:
            raise DecodeError("unreadable", "the path leaves the folder that it must stay in.", name)
        return os.open(whole, flags)
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts[:-1]:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(parts[-1], flags | os.O_NOFOLLOW, dir_fd=folder)
    finally:
        os.close(folder)


def read_range(path: str | os.PathLike[str], start: int, length: int, *, limits: Limits = LOCAL) -> bytes:
    """Read a part of a regular file, such as one member of an archive.

    Args:
        path: the file.
        start: first byte, from 0.
        length: how many bytes; fewer come back only where the file ends.
        limits: the size limit, for the part.
    Returns: the bytes.
    Raises: DecodeError `not_a_file`, `unreadable` or `too_large`.
    """
    name = os.fsdecode(path)
    _check_size(length, limits, name)
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError as error:
        raise _cannot_open(error, name) from error
    except ValueError as error:  # a zero byte in the name
        raise DecodeError("unreadable", "the name holds a zero byte.", name) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise DecodeError("not_a_file", f"this is {_kind(status.st_mode)}, not a regular file.", name)
        os.lseek(descriptor, start, os.SEEK_SET)
        parts: list[bytes] = []
        left = length
        while left > 0:
            block = os.read(descriptor, min(left, 16 * _BLOCK))
            if not block:
                break
            parts.append(block)
            left -= len(block)
        return parts[0] if len(parts) == 1 else b"".join(parts)
    except OSError as error:
        raise DecodeError("unreadable", f"reading failed: {error.strerror or error}.", name) from error
    finally:
        os.close(descriptor)


def _cannot_open(error: OSError, name: str) -> DecodeError:
    reasons = {
        errno.ENOENT: ("unreadable", "there is no such file."),
        errno.EACCES: ("unreadable", "there is no permission to read it."),
        errno.EPERM: ("unreadable", "there is no permission to read it."),
        errno.ELOOP: ("not_a_file", "this is a symbolic link that is not followed, or a loop of links."),
        errno.ENXIO: ("not_a_file", "this is a socket or a device, not a regular file."),
        errno.EISDIR: ("not_a_file", "this is a folder, not a regular file."),
        errno.ENOTDIR: ("unreadable", "a part of the path is no folder."),
        errno.ENAMETOOLONG: ("unreadable", "the name is too long."),
    }
    kind, message = reasons.get(error.errno or 0, ("unreadable", f"it cannot be opened: {error.strerror or error}."))
    return DecodeError(kind, message, name)  # type: ignore[arg-type]


def _kind(mode: int) -> str:
    tests = (
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISFIFO, "a named pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
    )
    return next((text for test, text in tests if test(mode)), "something special")


def _read_object(source: Any, limits: Limits) -> Blob:
    label = getattr(source, "name", None)
    name = os.fsdecode(label) if isinstance(label, (str, bytes)) else None
    parts: list[bytes] = []
    total = 0
    while True:
        try:
            block = source.read(min(_BLOCK, limits.bytes + 1 - total))
        except OSError as error:
            raise DecodeError("unreadable", f"reading failed: {error.strerror or error}.", name) from error
        if not block:
            break
        if not isinstance(block, bytes):
            raise ParamError(refusal("read", "source", "a file opened in binary mode", type(block).__name__))
        total += len(block)
        _check_size(total, limits, name)
        parts.append(block)
    return Blob(b"".join(parts), name)
