"""The files of a data set: listed in one order everywhere, joined below one root, read through the doors."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from pathlib import Path

from opsin.errors import DatasetError, DecodeError, refusal
from opsin.io import LOCAL, Limits, read_bytes
from opsin.io.readdoor import is_address, read_range

__all__ = ["IMAGE_SUFFIXES", "Tree", "is_picture", "read_data", "read_part", "read_text", "size_of", "source_tree"]

_JPEG = (".jpg", ".jpeg", ".jpe", ".jfif")
_OTHER = (".png", ".apng", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".avif", ".npy")
_PNM = (".pbm", ".pgm", ".ppm", ".pnm", ".pam", ".pfm")
IMAGE_SUFFIXES = frozenset([*_JPEG, *_OTHER, *_PNM])
TEXT_LIMITS = Limits(bytes=4 << 30)


def is_picture(name: str) -> bool:
    """Say whether a file name looks like a picture's; hidden files (`.name`, `._name`) do not."""
    base = posixpath.basename(name)
    return not base.startswith(".") and posixpath.splitext(base)[1].lower() in IMAGE_SUFFIXES


def join_address(root: str, name: str) -> str:
    """Give the address of a name below an address; `zip://inner::outer.zip` is joined at its first part."""
    first, *rest = root.split("::")
    joined = f"{first}{name}" if first.endswith("://") else f"{first.rstrip('/')}/{name}"
    return "::".join([joined if name else first, *rest])


def read_data(path: str, limits: Limits = LOCAL) -> bytes:
    """Read a file, or what an address names.

    Raises: DecodeError whose `kind` says why.
    """
    if is_address(path):
        from opsin.datasets.remote import fetch

        return fetch(path, limits=limits)
    return read_bytes(path, limits=limits).data


def read_part(path: str, start: int, length: int, limits: Limits = LOCAL) -> bytes:
    """Read a part of a file, or of what an address names; fewer bytes come back only at its end.

    Raises: DecodeError whose `kind` says why.
    """
    if is_address(path):
        from opsin.datasets.remote import fetch

        return fetch(path, start, length, limits=limits)
    return read_range(path, start, length, limits=limits)


def size_of(path: str) -> int:
    """Give the length of a file in bytes.

    Raises: DecodeError `unreadable`.
    """
    if is_address(path):
        from opsin.datasets.remote import size_at

        return size_at(path)
    try:
        return os.stat(path).st_size
    except OSError as error:
        raise DecodeError("unreadable", f"{error.strerror or error}.", path) from error


def read_text(path: str, limits: Limits = LOCAL) -> str:
    """Read a text file as UTF-8 (with or without a mark), or as Latin-1 where it is not UTF-8.

    Raises: DatasetError when it cannot be read.
    """
    try:
        data = read_data(path, limits)
    except DecodeError as error:
        raise DatasetError(str(error)) from error
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


class Tree:
    """The folder of a data set.

    Names inside are relative, with `/`, whatever the system; hidden files and folders are not looked at.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = os.fspath(root)
        self._real: str | None = None
        self._seen: dict[str, dict[str, bool]] = {}

    def full(self, name: str) -> str:
        """Give the full path of a name."""
        return os.path.join(self.root, *name.split("/")) if name else self.root

    def names(self, folder: str = "") -> dict[str, bool]:
        """List one folder: name -> whether it is a folder; in order of the names, read once."""
        if folder not in self._seen:
            self._seen[folder] = dict(sorted(self._list(folder).items()))
        return self._seen[folder]

    def _list(self, folder: str) -> dict[str, bool]:
        found: dict[str, bool] = {}
        try:
            with os.scandir(self.full(folder) or ".") as items:
                for item in items:
                    try:
                        found[item.name] = item.is_dir()
                    except OSError:
                        found[item.name] = False
        except OSError:
            return {}
        return found

    def _true(self, folder: str) -> str:
        """Give what a folder is in truth, for telling loops of links."""
        return os.path.realpath(self.full(folder))

    def child(self, folder: str) -> Tree:
        """Give a folder below as a tree of its own."""
        return Tree(self.full(folder)) if folder else self

    def parent(self) -> Tree | None:
        """Give the folder above."""
        return Tree(os.path.dirname(os.path.abspath(self.root)))

    @property
    def name(self) -> str:
        """The folder's own name."""
        return os.path.basename(os.path.abspath(self.root))

    def data(self, name: str, limits: Limits = LOCAL) -> bytes:
        """Read a file of the folder.

        Raises: DecodeError whose `kind` says why.
        """
        return read_data(self.full(name), limits)

    def folders(self, folder: str = "") -> list[str]:
        """List the folders in a folder, without hidden ones."""
        return [n for n, is_dir in self.names(folder).items() if is_dir and not n.startswith(".")]

    def files(self, folder: str = "", suffixes: frozenset[str] | None = None) -> list[str]:
        """List the files in a folder, without hidden ones."""
        return [
            n
            for n, is_dir in self.names(folder).items()
            if not is_dir
            and not n.startswith(".")
            and (suffixes is None or posixpath.splitext(n)[1].lower() in suffixes)
        ]

    def walk(self, folder: str = "", suffixes: frozenset[str] | None = None) -> Iterator[str]:
        """List files below a folder in one order everywhere; links to folders above are not followed."""
        parts = folder.split("/") if folder else []
        above = {self._true("/".join(parts[:i])) for i in range(len(parts))}
        yield from self._walk(folder, suffixes, tuple(above))

    def _walk(self, folder: str, suffixes: frozenset[str] | None, above: tuple[str, ...]) -> Iterator[str]:
        here = self._true(folder)
        if here in above:
            return
        for name in self.files(folder, suffixes):
            yield f"{folder}/{name}" if folder else name
        for name in self.folders(folder):
            yield from self._walk(f"{folder}/{name}" if folder else name, suffixes, (*above, here))
        self._seen.pop(folder, None)  # a large tree is not kept in memory

    def exists(self, name: str) -> bool:
        """Say whether a file of this very name is there; folders are listed once, so asking is cheap."""
        folder, base = posixpath.split(name)
        return self.names(folder).get(base) is False

    def is_folder(self, name: str) -> bool:
        """Say whether a folder is there."""
        return os.path.isdir(self.full(name))

    def inside(self, name: str) -> str | None:
        """Clean a name from a file: `/` between, no `.` parts; None when it leads out of the root.

        Full paths are taken when they lie below the root.
        """
        text = name.replace("\\", "/")
        if "\0" in text or not text.strip("/ "):
            return None
        if posixpath.isabs(text) or (len(text) > 1 and text[1] == ":"):
            if self._real is None:
                self._real = os.path.realpath(self.root)
            for root in (os.path.abspath(self.root), self._real):
                base = root.replace(os.sep, "/").rstrip("/") + "/"
                if text.startswith(base):
                    return self.inside(text[len(base) :])
            return None
        clean = posixpath.normpath(text)
        return None if clean == ".." or clean.startswith("../") or clean == "." else clean


def source_tree(source: object, network: bool = False) -> tuple[Tree, str | None]:
    """Turn what people pass as a source into the folder and, when it is a file, its name in it.

    Args:
        source: a path or an address.
        network: allow addresses that leave this machine.
    """
    if isinstance(source, os.PathLike):
        source = os.fspath(source)
    if not isinstance(source, str) or not source:
        raise DatasetError(refusal("open_dataset", "source", "a folder, a file or an address", source))
    if is_address(source):
        from opsin.datasets.remote import remote_tree

        return remote_tree(source, network)
    path = Path(os.path.expanduser(source))
    if path.is_dir():
        return Tree(path), None
    if path.exists():
        return Tree(path.parent), path.name
    raise DatasetError(f"open_dataset: there is nothing at {source}. Give the folder or the annotation file.")
