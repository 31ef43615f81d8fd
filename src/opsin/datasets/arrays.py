"""Arrays: pictures of one size stacked in `.npy` shards, or in the `.npz` files that courses hand out."""

from __future__ import annotations

import io
import posixpath
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from opsin.datasets.base import DataSet, Pictures, Reader
from opsin.datasets.coco import split_in_name
from opsin.datasets.entry import Entry, Facts, LabelFile
from opsin.datasets.files import TEXT_LIMITS, Tree, read_data, read_part
from opsin.datasets.neutral import read_annotations, read_facts, read_label, read_size
from opsin.datasets.rules import Report
from opsin.errors import DatasetError, DecodeError, refusal
from opsin.io import Limits, Picture
from opsin.io.npy_header import NpyError, read_npy_header
from opsin.io.parse import parse_json, parse_json_lines, parse_npy
from opsin.io.stored import Stored
from opsin.types import Array

__all__ = ["ArraysReader", "find_arrays"]

_PICTURES = ("images", "image", "x", "data", "arr_0", "imgs")
_LABELS = ("labels", "label", "y", "targets", "target", "arr_1")
_HEAD = 1 << 16
_SMALL = Limits(bytes=1 << 30)
FACTS = "dataset.json"


class Stack(NamedTuple):
    """Pictures of one size in a file: where the first begins, and the shape and type of each."""

    path: str
    name: str
    start: int
    shape: tuple[int, ...]
    dtype: str

    @property
    def step(self) -> int:
        """Bytes of one picture."""
        return int(np.prod(self.shape[1:], dtype=np.int64)) * np.dtype(self.dtype).itemsize


def find_arrays(tree: Tree) -> list[str]:
    """Find files of stacked pictures: `.npz` with pictures, or `.npy` with a stack of them."""
    found = []
    for folder in ("", "data"):
        for name in tree.files(folder, frozenset({".npz", ".npy"})) if not folder or tree.is_folder(folder) else []:
            path = f"{folder}/{name}" if folder else name
            if any(word in name for word in (".labels.", ".segmentation.", "labels.npy", "_y.npy")):
                continue
            if name.endswith(".npz") or _is_stack(tree.full(path)):
                found.append(path)
    return found


def _is_stack(path: str) -> bool:
    try:
        shape = _npy_head(path)[1]
    except (DatasetError, DecodeError):
        return False
    # three axes may be one picture H W C
    return len(shape) == 4 or (len(shape) == 3 and "images" in posixpath.basename(path))


def _npy_head(path: str) -> tuple[int, tuple[int, ...], str]:
    """Read where the numbers of an NPY file begin, their shape and type."""
    head = read_part(path, 0, _HEAD)
    if head[:6] != b"\x93NUMPY":
        raise DatasetError(f"{path}: this is no NPY file.")
    try:
        found = read_npy_header(head)
    except NpyError as error:
        raise DatasetError(f"{path}: {error}") from error
    if found.fortran:
        raise DatasetError(f"{path}: pictures must lie one after the other. Save the array in C order.")
    return found.begin, tuple(found.shape), found.descr


class ArrayPictures(Pictures):
    """Pictures that are rows of arrays.

    Args:
        stacks: by the entry's path.
        planar: whether pictures are C H W.
    """

    def __init__(self, stacks: Mapping[str, Stack], planar: bool) -> None:
        self.stacks, self.planar = dict(stacks), planar
        self._kept: tuple[str, Array] | None = None

    def read(self, data: DataSet, entry: Entry, stored: Stored | None = None) -> Picture:
        """Read one row; of a compressed archive the whole array, which is kept for its other rows."""
        from opsin.io.facts import Facts as PictureFacts

        assert entry.member is not None
        image = self._row(self.stacks[entry.path], entry.member[0])
        if self.planar:
            image = np.moveaxis(image, 0, -1)
        image = _usual(np.ascontiguousarray(image))
        size = (image.shape[1], image.shape[0])
        import hashlib

        facts = PictureFacts(
            format="NPY",
            size=size,
            raw_size=size,
            orientation=1,
            upright=True,
            mode=str(image.dtype),
            frames=1,
            icc="none",
            bytes=image.nbytes,
            digest=hashlib.sha256(image.tobytes()).hexdigest(),
        )
        return Picture(image, facts)

    def labels(self, data: DataSet, entry: Entry) -> Picture:
        """Read one row of the stack of class numbers."""
        assert entry.labels is not None
        begin, shape, dtype = _npy_head(data.full(entry.labels.path))
        stack = Stack(data.full(entry.labels.path), "", begin, shape, dtype)
        numbers = _usual(self._row(stack, entry.labels.start))
        return Picture(np.ascontiguousarray(numbers), self.read(data, entry).facts)

    def stored(self, data: DataSet, entry: Entry) -> None:
        """A row of an array is no picture file."""

    def raw(self, data: DataSet, entry: Entry) -> tuple[bytes, str] | None:
        """A row of an array is no picture file."""
        return None

    def _row(self, stack: Stack, row: int) -> Array:
        if stack.start >= 0:
            raw = read_part(stack.path, stack.start + row * stack.step, stack.step)
            if len(raw) < stack.step:
                raise DecodeError("truncated", f"the array ends within picture {row}.", stack.path)
            return np.frombuffer(raw, stack.dtype).reshape(stack.shape[1:])
        name = f"{stack.path}\0{stack.name}"
        if self._kept is None or self._kept[0] != name:
            self._kept = name, _from_npz(stack.path, stack.name)
        return self._kept[1][row]

    def __getstate__(self) -> dict[str, Any]:
        return {"stacks": self.stacks, "planar": self.planar, "_kept": None}


def _usual(image: Array) -> Array:
    """Bring numbers to a type that pictures have: float64 and float16 become float32, bool and others stay."""
    if image.dtype in (np.uint8, np.uint16, np.float32):
        return image.astype(image.dtype.newbyteorder("="))
    if image.dtype.kind == "f":
        return image.astype(np.float32)
    if image.dtype.kind == "b":
        return image.astype(np.uint8) * np.uint8(255)
    if image.dtype.kind in "iu" and image.min(initial=0) >= 0 and image.max(initial=0) <= 255:
        return image.astype(np.uint8)
    if image.dtype.kind in "iu" and image.min(initial=0) >= 0 and image.max(initial=0) <= 65535:
        return image.astype(np.uint16)
    raise DecodeError("unsupported", f"numbers of type {image.dtype} beyond 0..65535 are no picture.")


def _npz(path: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(read_data(path, TEXT_LIMITS)))
    except (zipfile.BadZipFile, DecodeError) as error:
        raise DatasetError(f"{path}: this is no NPZ file ({error}).") from error


def _from_npz(path: str, name: str) -> Array:
    archive = _npz(path)
    info = archive.getinfo(f"{name}.npy")
    if info.file_size > TEXT_LIMITS.bytes:
        raise DecodeError("too_large", f"{info.file_size:,} bytes is over the limit.", path)
    try:
        return parse_npy(archive.read(info), source=f"{path}: {name}")
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise DecodeError("corrupt", f"{error}.", path) from error


class ArraysReader(Reader):
    """Reads stacked pictures.

    `.npz`: arrays such as `images` and `labels`, `x` and `y`, or `x_train y_train x_test y_test`. `.npy`: a stack N H W
    (C), with labels in `name.labels.npy` beside `name.images.npy`. Annotations in `annotations.jsonl`, as Opsin writes.

    Args:
        tree: the folder.
        report: where findings go.
        files: the files; found when not given.
        planar: whether pictures are C H W; told by the shape when not given.
        classes: names of the classes.
    """

    format = "arrays"

    def __init__(
        self,
        tree: Tree,
        report: Report,
        files: Sequence[str] | None = None,
        planar: bool | None = None,
        classes: Sequence[str] | None = None,
    ) -> None:
        super().__init__(tree.root, report)
        self._tree = tree
        self._parts: list[tuple[Stack, str | None, Any]] = []
        for file in files if files is not None else find_arrays(tree):
            self._parts += self._npz_parts(file) if file.endswith(".npz") else self._npy_part(file)
        if not self._parts:
            raise DatasetError(f"{tree.root}: there are no arrays of pictures here (.npy, .npz).")
        facts = Facts(format=self.format)
        if tree.exists(FACTS):
            data = parse_json(tree.data(FACTS, _SMALL), source=FACTS)
            facts = read_facts(FACTS, data, self.format)
            planar = data["planar"] if isinstance(data.get("planar"), bool) else planar
        if classes is not None:
            facts = Facts(format=self.format, class_names=tuple(classes))
        self.facts = facts
        shapes = {s.shape[1:] for s, _, _ in self._parts}
        told = all(len(s) == 3 and s[0] in (1, 3) and s[2] not in (1, 2, 3, 4) for s in shapes)
        self.pictures = ArrayPictures(
            {self._label(s): s for s, _, _ in self._parts}, told if planar is None else planar
        )

    @staticmethod
    def _label(stack: Stack) -> str:
        return f"{stack.path}#{stack.name}" if stack.name else stack.path

    def _npz_parts(self, file: str) -> list[tuple[Stack, str | None, Any]]:
        path = self._tree.full(file)
        archive = _npz(path)
        names = {n[:-4]: n for n in archive.namelist() if n.endswith(".npy")}
        out: list[tuple[Stack, str | None, Any]] = []
        for name in names:
            base, split = name, split_in_name(name)
            for word in ("_train", "_test", "_val", "train_", "test_", "val_"):
                base = base.replace(word, "")
            if base.lower() not in _PICTURES and not (len(names) == 1 and len(names) == len(archive.namelist())):
                continue
            array = _from_npz(path, name)
            if array.ndim not in (3, 4):
                text = "a stack N H W or N H W C"
                raise DatasetError(refusal("arrays", f"{file}: {name}", text, array))
            labels = None
            for other in names:
                twin = other
                for word in ("_train", "_test", "_val", "train_", "test_", "val_"):
                    twin = twin.replace(word, "")
                if twin.lower() in _LABELS and split_in_name(other) == split:
                    labels = _from_npz(path, other).reshape(-1)
            out.append((Stack(path, name, -1, array.shape, array.dtype.str), split, self._checked(labels, array, file)))
        return out

    def _npy_part(self, file: str) -> list[tuple[Stack, str | None, Any]]:
        start, shape, dtype = _npy_head(self._tree.full(file))
        if len(shape) not in (3, 4):
            raise DatasetError(refusal("arrays", file, "a stack N H W or N H W C", shape))
        split = split_in_name(posixpath.basename(file))
        labels = None
        for twin in (file.replace(".images.", ".labels."), file.replace("images", "labels"), file.replace("_x", "_y")):
            if twin != file and self._tree.exists(twin):
                labels = parse_npy(self._tree.data(twin, _SMALL), source=twin).reshape(-1)
                break
        stack = Stack(self._tree.full(file), "", start, shape, dtype)
        return [(stack, split, self._checked(labels, np.empty(shape[:1]), file))]

    def _checked(self, labels: Any, stack: Any, file: str) -> Any:
        if labels is not None and len(labels) != len(stack):
            message = f"{len(labels)} labels for {len(stack)} pictures."
            self.report.add(file, "labels", "unreadable_label", message)
            return None
        return labels

    def entries(self) -> Iterator[Entry]:
        """Give the entries in order of the rows."""
        notes = self._notes()
        for stack, split, labels in self._parts:
            base = posixpath.splitext(posixpath.basename(stack.path))[0]
            twin: str | None = stack.path.replace(".images.", ".segmentation.")
            if stack.name or twin == stack.path or not self._tree.exists(self._below(str(twin))):
                twin = None
            for row in range(stack.shape[0]):
                known = notes.get((posixpath.basename(stack.path), row), {})
                label = None if labels is None else labels[row].item()
                own = read_label(known.get("label"))
                key, at, group = known.get("key"), known.get("split", split), known.get("group")
                if isinstance(key, str) and isinstance(known.get("variant"), int) and known["variant"] > 0:
                    root, suffix = posixpath.splitext(key)
                    key = f"{root}-v{known['variant']}{suffix}"
                name = f"{base}{'/' + stack.name if stack.name else ''}/{row}"
                canvas = read_size(known.get("size"))
                rows = known.get("objects")
                yield Entry(
                    key=key if isinstance(key, str) and key else name,
                    path=self._label(stack),
                    member=(row, 1),
                    label=label if own is None else own,
                    split=at if isinstance(at, str) else split,
                    annotations=read_annotations(rows, canvas, self.facts, self.report, "annotations.jsonl", name),
                    canvas=canvas,
                    group=group if isinstance(group, str) else None,
                    extra=known["extra"] if isinstance(known.get("extra"), dict) else {},
                    labels=None if twin is None else LabelFile(twin, row, 1),
                )

    def _below(self, path: str) -> str:
        """Give a full path as a name in the folder."""
        root = self._tree.full("").rstrip("/")
        return path[len(root) + 1 :].replace("\\", "/") if path.startswith(root) else path

    def _notes(self) -> dict[tuple[str, int], dict[str, Any]]:
        if not self._tree.exists("annotations.jsonl"):
            return {}
        data = self._tree.data("annotations.jsonl", TEXT_LIMITS)
        out = {}
        for number, row in parse_json_lines(data, source="annotations.jsonl"):
            if isinstance(row, dict) and isinstance(row.get("shard"), str) and isinstance(row.get("row"), int):
                out[row["shard"], row["row"]] = row
            else:
                self.report.add(
                    "annotations.jsonl", f"line {number}", "unreadable_record", "it names no shard and row."
                )
        return out
