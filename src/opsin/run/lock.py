"""One run at a time in an output folder; the kernel frees the lock when its holder dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType

from opsin.errors import OpsinError

__all__ = ["FolderBusy", "FolderLock"]


class FolderBusy(OpsinError):
    """Another run holds the output folder."""


class FolderLock:
    """Hold an output folder for one run.

    Raises:
        FolderBusy: at once, when another run holds it.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / ".opsin" / "lock"
        self._handle: int | None = None

    def __enter__(self) -> FolderLock:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            folder = self._path.parent.parent
            raise FolderBusy(
                f"{folder}: another run is working in this folder. Wait for it, or choose another --out."
            ) from None
        self._handle = handle
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
