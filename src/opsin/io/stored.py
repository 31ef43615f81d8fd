"""A picture file that nobody has decoded yet: its bytes, its head, its facts, its pixels, each when it is asked for."""

from __future__ import annotations

import os
from typing import Any, NamedTuple, Self

from opsin.io.facts import Facts, Picture
from opsin.io.limits import LOCAL, Limits
from opsin.io.readdoor import Blob, read_bytes
from opsin.kernels import native, use_core

__all__ = ["Head", "Stored"]

Source = str | bytes | bytearray | memoryview | os.PathLike[str]


class Head(NamedTuple):
    """What annotations want to know of a file: its size as it is seen and as stored, and its orientation, 1 to 8."""

    size: tuple[int, int]
    raw_size: tuple[int, int]
    orientation: int


class Stored:
    """A picture file, by its path or its bytes.

    Args:
        source: a path, or all bytes of the file.
        name: for messages about bytes; a path is its own name.
        limits: what the file may cost.
    """

    __slots__ = ("_head", "_kept", "limits", "name", "source")

    def __init__(self, source: Source, name: str | None = None, limits: Limits = LOCAL) -> None:
        self.source, self.name, self.limits = source, name, limits
        self._kept: Blob | None = None
        self._head: Head | None = None

    def _blob(self) -> Blob:
        return read_bytes(self.source, limits=self.limits) if self._kept is None else self._kept

    def data(self) -> bytes:
        """Give the file's bytes; what `keep` held is let go, so that many pictures do not fill the memory."""
        if type(self.source) is bytes:
            return self.source
        blob, self._kept = self._blob(), None
        return blob.data

    def keep(self) -> Self:
        """Read the bytes now, and hold them until `data` or `picture` takes them."""
        if type(self.source) is not bytes:
            self._kept = self._blob()
        return self

    def head(self) -> Head | None:
        """Look at the head of a JPEG that the core takes; None for other files.

        Raises: DecodeError: the file cannot be read.
        """
        if self._head is None:
            found = native.jpeg_head(self._blob().data) if use_core() else None
            if found is not None:
                w, h, orientation = found
                self._head = Head((h, w) if orientation >= 5 else (w, h), (w, h), orientation)
        return self._head

    def size(self) -> tuple[int, int]:
        """Width and height as the picture is seen, from the head.

        Raises: DecodeError: the file cannot be read, or is no picture.
        """
        known = self.head()
        if known is not None:
            return known.size
        from opsin.io.headers import header

        return header(self._blob().data, limits=self.limits).size

    def facts(self) -> Facts:
        """Give the facts, from the head where that tells all, else by decoding.

        Raises: DecodeError: as `decode`.
        """
        from opsin.io.decoding import decode, facts_by_head

        blob = self._blob()
        known: dict[str, Any] = {"limits": self.limits, "source": blob.name or self.name, "digest": blob.digest}
        return facts_by_head(blob.data, **known) or decode(blob.data, **known).facts

    def picture(self) -> Picture:
        """Decode the file.

        Raises: DecodeError: as `decode`.
        """
        from opsin.io.decoding import decode

        blob, self._kept = self._blob(), None
        return decode(blob.data, limits=self.limits, source=blob.name or self.name, digest=blob.digest)
