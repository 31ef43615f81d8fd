"""The write door: encode in memory, write beside the target, sync, rename. A good old file outlives any failure."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any

from opsin.errors import ParamError, refusal
from opsin.io.encoding import encode, format_for
from opsin.io.facts import Array
from opsin.io.faults import call

__all__ = ["AtomicFile", "atomic", "sweep", "write", "write_bytes"]

_PREFIX, _SUFFIX = ".opsin-", ".tmp"
Path = str | bytes | os.PathLike[str] | os.PathLike[bytes]


def write(image: Array, path: Path, **options: Any) -> None:
    """Write a picture; the extension names the format.

    Use `encode` for bytes in memory. The file appears whole or not at all, and carries pixels only: no EXIF, no GPS, no
    profile is ever copied into it.

    Args:
        image: H W or H W C; see `encode` for what each format holds.
        path: where to; the folder must exist.
        options: of the format, as `quality=95` (JPEG), `lossless=True` (WebP), `compression=6` (PNG).
    Raises: ParamError for a picture that the format cannot hold; OSError when the disk says no.
    """
    if not isinstance(path, (str, bytes, os.PathLike)):
        raise ParamError(refusal("write", "path", "a path", path, "For bytes in memory use opsin.io.encode."))
    name = os.fsdecode(os.fspath(path))
    write_bytes(path, encode(image, format_for(name), **options))


def write_bytes(path: Path, data: bytes | bytearray | memoryview, *, durable: bool = True) -> None:
    """Write bytes to a file so that it is whole, old or new, at any instant.

    Args:
        path: where to; the folder must exist.
        data: what to.
        durable: wait until the disk has it. False still renames, for many small files with one `sync` at the end.
    Raises: OSError with the path, and with the free space when the disk is full.
    """
    with AtomicFile(path, durable=durable) as out:
        out.write(data)


@contextmanager
def atomic(path: Path, *, durable: bool = True) -> Iterator[AtomicFile]:
    """Open a file to be written in pieces; it takes its name when the `with` block ends well, else it is gone.

    Args:
        path: where to; the folder must exist.
        durable: wait until the disk has it.
    """
    with AtomicFile(path, durable=durable) as out:
        yield out


class AtomicFile:
    """A file that has a private name until it is whole. Every system call goes through `faults.call`."""

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        name = os.fspath(path)
        self.path = name
        self.durable = durable
        self.size = 0
        self._folder = os.path.dirname(os.fsdecode(name)) or "."
        self._private = os.path.join(self._folder, f"{_PREFIX}{os.getpid()}-{os.urandom(8).hex()}{_SUFFIX}")
        self._descriptor = -1

    def __enter__(self) -> AtomicFile:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        try:
            self._descriptor = call("open", os.open, self._private, flags | getattr(os, "O_NOFOLLOW", 0), 0o666)
        except OSError as error:
            raise self._explain(error) from error
        return self

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Append all of the data."""
        rest = memoryview(data).cast("B")
        length = len(rest)
        try:
            while rest:
                written = call("write", os.write, self._descriptor, rest)
                if written <= 0:
                    raise OSError(errno.EIO, "the disk takes nothing")
                self.size += written
                rest = rest[written:]
        except OSError as error:
            raise self._explain(error, len(rest)) from error
        return length

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._abandon()
            return
        try:
            if self.durable:
                call("fsync", os.fsync, self._descriptor)
            descriptor, self._descriptor = self._descriptor, -1
            call("close", os.close, descriptor)
            call("rename", os.replace, self._private, self.path)
        except OSError as problem:
            self._abandon()
            raise self._explain(problem) from problem
        except BaseException:
            self._abandon()
            raise
        if self.durable:
            try:
                sync_folder(self._folder)
            except OSError as problem:
                raise self._explain(problem) from problem

    def _abandon(self) -> None:
        if self._descriptor >= 0:
            with suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = -1
        with suppress(OSError):
            os.unlink(self._private)

    def _explain(self, error: OSError, missing: int = 0) -> OSError:
        name = os.fsdecode(self.path)
        reason = error.strerror or str(error)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            free = 0
            with suppress(OSError):
                import shutil  # slow to import, and only a full disk needs it

                free = shutil.disk_usage(self._folder).free
            reason = f"{reason} ({missing:,} bytes still to write, {free:,} free)"
        elif error.errno == errno.ENOENT:
            reason = f"{reason} (make the folder {self._folder!r} first)"
        return OSError(error.errno, f"cannot write: {reason}", name)


def sync_folder(folder: str) -> None:
    """Make the names in a folder durable. Where folders cannot be opened (Windows) there is nothing to do."""
    if os.name == "nt":
        return
    descriptor = call("open-folder", os.open, folder, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    try:
        call("fsync-folder", os.fsync, descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems cannot
            raise
    finally:
        os.close(descriptor)


def sweep(folder: Path) -> int:
    """Remove the private files that a killed writer left in a folder. Only for who holds the folder's lock.

    Returns: how many were removed.
    """
    base = os.fsdecode(os.fspath(folder))
    if not os.path.isdir(base):
        raise ParamError(refusal("sweep", "folder", "an existing folder", base))
    gone = 0
    for entry in os.scandir(base):
        if entry.name.startswith(_PREFIX) and entry.name.endswith(_SUFFIX) and entry.is_file(follow_symlinks=False):
            os.unlink(entry.path)
            gone += 1
    return gone
