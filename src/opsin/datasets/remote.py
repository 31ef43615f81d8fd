"""Data sets at addresses that fsspec knows: `s3://`, `gs://`, `memory://`, `zip://...::file.zip` and so on."""

from __future__ import annotations

import posixpath
from functools import lru_cache
from typing import Any

from opsin.datasets.files import Tree, join_address
from opsin.errors import DatasetError, DecodeError, MissingExtra, refusal
from opsin.io import LOCAL, Limits

__all__ = ["RemoteTree", "fetch", "remote_tree", "size_at"]

_HERE = ("memory", "file", "local", "zip", "tar", "libarchive", "blockcache", "simplecache")


def _protocols(address: str) -> list[str]:
    """List the protocols of an address; `zip://a::s3://b` has two."""
    return [part.partition("://")[0] for part in address.split("::") if "://" in part]


@lru_cache(maxsize=16)
def _system(address: str) -> tuple[Any, str]:
    """Give the file system and the path on it."""
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise MissingExtra(f"an address ({_protocols(address)[0]}://)", "fsspec", "data") from None
    try:
        fs, path = url_to_fs(address)
    except ImportError as error:
        raise DatasetError(f"{address}: {error}.") from error
    except Exception as error:  # each file system raises its own kinds
        raise DatasetError(f"{address}: it cannot be opened: {error}.") from error
    return fs, str(path)


class RemoteTree(Tree):
    """A folder at an address."""

    def __init__(self, address: str) -> None:
        first, *rest = address.split("::")
        self._first = first if first.endswith("://") else first.rstrip("/")
        self._chain = "".join(f"::{r}" for r in rest)
        super().__init__(self._first + self._chain)

    def full(self, name: str) -> str:
        """Give the full address of a name."""
        return join_address(self.root, name)

    def _list(self, folder: str) -> dict[str, bool]:
        fs, path = _system(self.full(folder))
        try:
            items = fs.ls(path, detail=True)
        except Exception:  # a folder that is not there, whatever its file system calls that
            return {}
        out = {}
        for item in items:
            name = posixpath.basename(str(item["name"]).rstrip("/"))
            if name and str(item["name"]).rstrip("/") != path.rstrip("/"):
                out[name] = item["type"] == "directory"
        return out

    def _true(self, folder: str) -> str:
        return folder

    def is_folder(self, name: str) -> bool:
        """Say whether a folder is there."""
        folder, base = posixpath.split(name)
        return self.names(folder).get(base) is True if base else bool(self.names(folder))

    def child(self, folder: str) -> Tree:
        """Give a folder below as a tree of its own."""
        return RemoteTree(self.full(folder)) if folder else self

    def parent(self) -> Tree | None:
        """Give the folder above, as long as it has a name."""
        scheme, _, path = self._first.partition("://")
        above = posixpath.dirname(path.rstrip("/"))
        return RemoteTree(f"{scheme}://{above}{self._chain}") if above.strip("/") else None

    @property
    def name(self) -> str:
        """The folder's own name."""
        return posixpath.basename(self._first.rstrip("/"))

    def inside(self, name: str) -> str | None:
        """Clean a name; full addresses count when they lie below the root."""
        return super().inside(name[len(self._first) + 1 :] if name.startswith(f"{self._first}/") else name)


def remote_tree(address: str, network: bool) -> tuple[Tree, str | None]:
    """Open an address as a tree; for a file the folder and its name.

    Raises: DatasetError when it needs the network and that was not allowed, or nothing is there.
    """
    away = [p for p in _protocols(address) if p not in _HERE]
    if away and not network:
        hint = "Nothing is fetched unless asked: pass network=True."
        raise DatasetError(refusal("open_dataset", "source", "a folder or a file on this machine", address, hint))
    fs, path = _system(address)
    try:
        if fs.isfile(path):
            first, *rest = address.split("::")
            folder, slash, name = first.rpartition("/")
            folder = folder + slash if folder.endswith(":/") else folder
            return RemoteTree("::".join([folder, *rest])), name
        if fs.isdir(path):
            return RemoteTree(address), None
    except Exception as error:  # no right to look, no connection, ...
        raise DatasetError(f"{address}: it cannot be reached: {error}.") from error
    raise DatasetError(f"open_dataset: there is nothing at {address}. Give the folder or the annotation file.")


def fetch(address: str, start: int = 0, length: int | None = None, *, limits: Limits = LOCAL) -> bytes:
    """Read what an address names, or a part of it.

    Raises: DecodeError `unreadable` or `too_large`.
    """
    fs, path = _system(address)
    try:
        size = length if length is not None else int(fs.size(path) or 0)
        if size > limits.bytes:
            raise DecodeError("too_large", f"{size:,} bytes is over the limit of {limits.bytes:,}.", address)
        data: bytes = fs.cat_file(path, start, start + size) if start or length is not None else fs.cat_file(path)
    except DecodeError:
        raise
    except FileNotFoundError as error:
        raise DecodeError("unreadable", "there is no such file.", address) from error
    except Exception as error:  # each file system raises its own kinds
        raise DecodeError("unreadable", f"reading failed: {error}.", address) from error
    if len(data) > limits.bytes:
        raise DecodeError("too_large", f"{len(data):,} bytes is over the limit of {limits.bytes:,}.", address)
    return data


def size_at(address: str) -> int:
    """Give the length of what an address names.

    Raises: DecodeError `unreadable`.
    """
    fs, path = _system(address)
    try:
        return int(fs.size(path))
    except Exception as error:  # each file system raises its own kinds
        raise DecodeError("unreadable", f"{error}.", address) from error
