"""What libtiff says on standard error while it decodes: kept away from the terminal, and taken seriously.

libtiff fills the rest of a damaged CCITT strip and only prints a line about it. So the line is caught: for the length
of one call file descriptor 2 points into memory. What others write meanwhile is passed on afterwards.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from opsin.io.quiet import STDERR

__all__ = ["libtiff_messages"]

_LIBTIFF = re.compile(rb"^(Fax|LZW|ZSTD|LZMA|PackBits|TIFF|_TIFF|CCITT|Log|Pixar|JBIG|JPEG|WebP|LERC)\w*: .*$")
_WARNING = b": Warning, "


@contextmanager
def libtiff_messages() -> Iterator[list[str]]:
    """Collect libtiff's error lines (not its warnings) of the calls in the `with` block; the list fills at its end."""
    found: list[str] = []
    if not hasattr(os, "memfd_create"):  # elsewhere the lines reach the terminal, and cannot be read
        yield found
        return
    with STDERR:
        try:
            kept = os.dup(2)
        except OSError:  # a process without standard error
            yield found
            return
        memory = os.memfd_create("opsin-libtiff", os.MFD_CLOEXEC)
        os.dup2(memory, 2)
        try:
            yield found
        finally:
            os.dup2(kept, 2)
            _sort(memory, kept, found)
            os.close(memory)
            os.close(kept)


def _sort(memory: int, kept: int, found: list[str]) -> None:
    size = os.lseek(memory, 0, os.SEEK_END)
    if not size:
        return
    for line in os.pread(memory, min(size, 1 << 20), 0).splitlines(keepends=True):
        if not _LIBTIFF.match(line.strip()):
            with suppress(OSError):
                os.write(kept, line)
        elif _WARNING not in line:
            found.append(line.strip().decode("utf-8", "replace"))
