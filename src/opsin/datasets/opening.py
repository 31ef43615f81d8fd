"""Open a data set: by its content, not by its name; the registry of formats."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from opsin.datasets.base import DataSet, Reader
from opsin.datasets.files import Tree, source_tree
from opsin.datasets.rules import Report
from opsin.errors import DatasetError, LimitError, OpsinError, did_you_mean, refusal
from opsin.io import LOCAL, Limits

__all__ = ["FORMATS", "Format", "detect", "open_dataset"]


@dataclass(frozen=True)
class Format:
    """One format: how it is called, what it is, and where its reader and writer are.

    Args:
        name: the word in `format=`, `--from` and `--to`.
        summary: one line for people.
        find: `module:function` that says whether a folder or a file in it is of this format.
        reader: `module:function` that opens it.
        writer: `module:class`, empty where a format is only read.
        options: what the reader takes.
    """

    name: str
    summary: str
    find: str
    reader: str
    writer: str = ""
    options: tuple[str, ...] = ()


# In the order of detection: the most telling first.
_TABLE = (
    Format(
        "coco",
        "COCO JSON: boxes, outlines, run lengths, key points",
        "formats:find_coco",
        "formats:open_coco",
        "coco_writer:CocoWriter",
        ("annotations", "images"),
    ),
    Format(
        "dota",
        "DOTA: oriented boxes of aerial pictures in text files",
        "formats:find_dota",
        "formats:open_dota",
        "dota:DotaWriter",
        ("classes",),
    ),
    Format(
        "yolo",
        "YOLO: data.yaml and label files; boxes, outlines, key points, oriented boxes",
        "formats:find_yolo",
        "formats:open_yolo",
        "yolo_writer:YoloWriter",
        ("task",),
    ),
    Format(
        "voc",
        "Pascal VOC: an XML file for each picture; boxes, rotated boxes, outlines",
        "formats:find_voc",
        "formats:open_voc",
        "voc_writer:VocWriter",
        ("classes", "origin", "difficult"),
    ),
    Format("cvat", "CVAT for images: one XML file", "formats:find_cvat", "formats:open_cvat", "", ("images",)),
    Format(
        "labelme",
        "LabelMe: a JSON file for each picture",
        "formats:find_labelme",
        "formats:open_labelme",
        "",
        ("classes",),
    ),
    Format(
        "segmentation",
        "pictures with label pictures: the class number of each pixel",
        "formats:find_segmentation",
        "formats:open_segmentation",
        "labeled:SegmentationWriter",
        ("images", "labels", "classes", "colors", "suffix"),
    ),
    Format(
        "webdataset",
        "WebDataset: tar shards, streamed",
        "formats:find_webdataset",
        "formats:open_webdataset",
        "webdataset:WebDatasetWriter",
        ("shards", "classes"),
    ),
    Format(
        "arrays",
        "stacked pictures in .npy shards or .npz files",
        "formats:find_arrays",
        "formats:open_arrays",
        "arrays_writer:ArraysWriter",
        ("files", "planar", "classes"),
    ),
    Format(
        "csv",
        "a CSV or Parquet table: path, label, split, boxes",
        "formats:find_table",
        "formats:open_table",
        "table_writer:TableWriter",
        ("columns", "images", "classes", "unit"),
    ),
    Format(
        "folder",
        "a folder for each class, below train, val and test or not",
        "formats:find_folder",
        "formats:open_folder",
        "folder_writer:FolderWriter",
        ("classes",),
    ),
    Format(
        "plain",
        "pictures without labels",
        "formats:find_plain",
        "formats:open_plain",
        "folder_writer:PlainWriter",
    ),
)

FORMATS: dict[str, Format] = {f.name: f for f in _TABLE}


def resolve(where: str) -> Any:
    """Import what `module:name` within this package names."""
    module, _, name = where.partition(":")
    return getattr(import_module(f"opsin.datasets.{module}"), name)


def format_of(name: str, where: str = "open_dataset", writing: bool = False) -> Format:
    """Look a format up.

    Raises: DatasetError with the nearest name.
    """
    known = [n for n, f in FORMATS.items() if f.writer or not writing]
    if name not in known:
        hint = did_you_mean(name, known) if isinstance(name, str) else ""
        raise DatasetError(refusal(where, "format", f"one of {', '.join(known)}", name, hint))
    return FORMATS[name]


def detect(source: str | os.PathLike[str], *, network: bool = False) -> str:
    """Tell the format of a data set by its content.

    Args:
        source: a folder, or the annotation file; a path or an address that fsspec knows.
        network: allow addresses that leave this machine.

    Returns:
        a name in `FORMATS`.

    Raises:
        DatasetError: there is nothing there, or nothing that looks like a data set.
    """
    tree, file = source_tree(source, network)
    for form in FORMATS.values():
        find: Callable[[Tree, str | None], bool] = resolve(form.find)
        if find(tree, file):
            return form.name
    what = "no data set that Opsin reads" if file else "neither pictures nor annotations"
    raise DatasetError(f"open_dataset: {os.fspath(source)} holds {what}. Say which with format=...")


def open_dataset(
    source: str | os.PathLike[str] | DataSet,
    format: str | None = None,
    *,
    repair: str | Iterable[str] = "default",
    split: Mapping[str, float] | None = None,
    seed: int = 0,
    limits: Limits = LOCAL,
    network: bool = False,
    **options: Any,
) -> DataSet:
    """Open a data set: index its entries, check its annotations, read no picture yet.

    Args:
        source: a folder, or the annotation file; a path, or an address that fsspec knows (`s3://bucket/set`).
        format: one of `FORMATS`; told by the content when not given.
        repair: `default`, `none`, `all` or names of rules; see `opsin.datasets.rules.RULES`.
        split: divide what has no split, such as `{"train": 0.8, "val": 0.2}`.
        seed: of that division.
        limits: what one picture may cost.
        network: allow addresses that leave this machine.
        options: of the format, such as `annotations=` (COCO), `task=` (YOLO), `columns=` (tables).

    Returns:
        the data set; `findings` says what was wrong with it.

    Raises:
        DatasetError: not a data set of that format; file and line where there is one.
    """
    if isinstance(source, DataSet):
        return source if split is None else source.split(split, seed)
    form = format_of(format if format is not None else detect(source, network=network))
    for name in options:
        if name not in form.options:
            known = ", ".join(form.options) or "no options"
            hint = did_you_mean(name, form.options)
            raise DatasetError(refusal(form.name, "options", f"among {known}", name, hint))
    tree, file = source_tree(source, network)
    reader: Callable[..., Reader] = resolve(form.reader)
    try:
        data = DataSet(reader(tree, file, Report(repair), **options), limits=limits)
    except LimitError as error:
        raise DatasetError(str(error)) from error
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        # a shape of file that no rule foresaw must still be told as the file's fault, with a place to look
        name = type(error).__name__
        raise DatasetError(f"{os.fspath(source)}: it cannot be read as {form.name} ({name}: {error}).") from error
    except OpsinError:
        raise
    return data if split is None else data.split(split, seed)
