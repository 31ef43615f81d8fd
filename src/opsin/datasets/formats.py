"""How each format is recognized and opened; readers are imported when they are needed."""

from __future__ import annotations

from typing import Any

from opsin.datasets.base import Reader
from opsin.datasets.files import Tree, is_picture
from opsin.datasets.rules import Report
from opsin.errors import DatasetError, refusal

__all__: list[str] = []


def need_folder(name: str, file: str | None) -> None:
    """Refuse a file where a format is a folder."""
    if file is not None:
        raise DatasetError(refusal(name, "source", "a folder", file))


# --- COCO ------------------------------------------------------------------------------------------------------------
def find_coco(tree: Tree, file: str | None) -> bool:
    """Say whether a folder or a file is COCO."""
    from opsin.datasets import coco

    return bool(coco.find_coco(tree)) if file is None else file.endswith(".json") and coco.looks_like_coco(tree, file)


def open_coco(tree: Tree, file: str | None, report: Report, **options: Any) -> Reader:
    """Open COCO."""
    from opsin.datasets.coco import CocoReader

    if file is not None:
        options.setdefault("annotations", file)
    return CocoReader(tree, report, **options)


# --- YOLO ------------------------------------------------------------------------------------------------------------
def find_yolo(tree: Tree, file: str | None) -> bool:
    """Say whether a folder or a file is YOLO."""
    from opsin.datasets import yolo

    if file is None:
        return yolo.find_yolo(tree) is not None
    return file.endswith((".yaml", ".yml")) and yolo.is_data_file(tree.full(file))


def open_yolo(tree: Tree, file: str | None, report: Report, **options: Any) -> Reader:
    """Open YOLO."""
    from opsin.datasets import yolo

    return yolo.YoloReader(tree, report, file if file is not None else yolo.find_yolo(tree) or "", **options)


# --- XML, JSON and text beside each picture ---------------------------------------------------------------------------
def find_voc(tree: Tree, file: str | None) -> bool:
    """Say whether a folder is Pascal VOC."""
    from opsin.datasets import voc

    if file is not None:
        return False
    inner = [tree, below(tree)]
    return any(voc.find_voc(t) is not None for t in inner)


def open_voc(tree: Tree, file: str | None, report: Report, **options: Any) -> Reader:
    """Open Pascal VOC."""
    from opsin.datasets.voc import VocReader

    need_folder("voc", file)
    return VocReader(below(tree), report, **options)


def find_cvat(tree: Tree, file: str | None) -> bool:
    """Say whether a folder holds CVAT's XML, or a file is one."""
    from opsin.datasets import cvat

    if file is not None:
        return file.lower().endswith(".xml") and cvat.is_cvat(tree.full(file))
    return cvat.find_cvat(tree) is not None


def open_cvat(tree: Tree, file: str | None, report: Report, **options: Any) -> Reader:
    """Open CVAT's XML."""
    from opsin.datasets import cvat

    name = file if file is not None else cvat.find_cvat(tree)
    if name is None:
        raise DatasetError(f"cvat: {tree.root} holds no XML file of CVAT.")
    return cvat.CvatReader(tree, report, name, **options)


def find_labelme(tree: Tree, file: str | None) -> bool:
    """Say whether a folder holds LabelMe files, or a file is one."""
    from opsin.datasets import labelme
    from opsin.datasets.files import TEXT_LIMITS, read_text

    if file is None:
        return labelme.find_labelme(tree)
    return file.lower().endswith(".json") and labelme.is_labelme(read_text(tree.full(file), TEXT_LIMITS))


def open_labelme(tree: Tree, file: str | None, report: Report, **options: Any) -> Reader:
    """Open LabelMe files."""
    from opsin.datasets.labelme import LabelMeReader

    return LabelMeReader(tree, report, file=file, **options)


def find_dota(tree: Tree, file: str | None) -> bool:
    """Say whether a folder is DOTA."""
    from opsin.datasets import dota

    return file is None and dota.find_dota(tree)


def open_dota(tree: Tree, file: str | None, report: Report, **options: Any) -> Reader:
    """Open DOTA."""
    from opsin.datasets.dota import DotaReader

    need_folder("dota", file)
    return DotaReader(tree, report, **options)


# --- label pictures ---------------------------------------------------------------------------------------------------
def find_segmentation(tree: Tree, file: str | None) -> bool:
    """Say whether a folder holds pictures and label pictures."""
    from opsin.datasets.labeled import find_pairs, is_ours

    return file is None and (bool(find_pairs(below(tree))) or is_ours(tree))


def open_segmentation(tree: Tree, file: str | None, report: Report, **options: Any) -> Reader:
    """Open pictures with label pictures."""
    from opsin.datasets.labeled import SegmentationReader

    need_folder("segmentation", file)
    return SegmentationReader(tree, report, **options)


# --- shards ----------------------------------------------------------------------------------------------------------
def find_webdataset(tree: Tree, file: str | None) -> bool:
    """Say whether a folder holds shards, or a file is one."""
    from opsin.datasets import webdataset

    return bool(webdataset.find_shards(tree)) if file is None else file.endswith(".tar")


def open_webdataset(tree: Tree, file: str | None, report: Report, **options: Any) -> Reader:
    """Open WebDataset shards."""
    from opsin.datasets.webdataset import WebDatasetReader

    return WebDatasetReader(tree, report, **(options if file is None else {"shards": [file]} | options))


def find_arrays(tree: Tree, file: str | None) -> bool:
    """Say whether a folder holds stacked pictures, or a file does."""
    from opsin.datasets import arrays

    return bool(arrays.find_arrays(tree)) if file is None else file in arrays.find_arrays(tree)


def open_arrays(tree: Tree, file: str | None, report: Report, **options: Any) -> Reader:
    """Open stacked pictures."""
    from opsin.datasets.arrays import ArraysReader

    return ArraysReader(tree, report, **(options if file is None else {"files": [file]} | options))


# --- tables ----------------------------------------------------------------------------------------------------------
def find_table(tree: Tree, file: str | None) -> bool:
    """Say whether a folder holds one table of pictures, or a file is one."""
    from opsin.datasets import table

    if file is None:
        return table.find_table(tree) is not None
    return file.lower().endswith((".csv", ".tsv", ".parquet", ".pq"))


def open_table(tree: Tree, file: str | None, report: Report, **options: Any) -> Reader:
    """Open a table."""
    from opsin.datasets import table

    name = file if file is not None else table.find_table(tree)
    if name is None:
        raise DatasetError(f"csv: {tree.root} holds no table, or several. Give the file itself.")
    return table.TableReader(tree, report, name, **options)


def below(tree: Tree) -> Tree:
    """Go into `data` where that is all there is, as in what Opsin writes."""
    return tree.child("data") if tree.folders() == ["data"] and not any(map(is_picture, tree.files())) else tree


# --- folders ---------------------------------------------------------------------------------------------------------
def find_folder(tree: Tree, file: str | None) -> bool:
    """Say whether a folder holds classes."""
    from opsin.datasets import folder

    return file is None and folder.looks_like_classes(below(tree))


def open_folder(tree: Tree, file: str | None, report: Report, **options: Any) -> Reader:
    """Open a folder of classes."""
    from opsin.datasets.folder import FolderReader

    need_folder("folder", file)
    return FolderReader(below(tree), report, **options)


def find_plain(tree: Tree, file: str | None) -> bool:
    """Say whether there is a picture anywhere below."""
    if file is not None:
        return is_picture(file)
    return any(is_picture(name) for name in tree.walk())


def open_plain(tree: Tree, file: str | None, report: Report, **options: Any) -> Reader:
    """Open pictures without labels; a single file is a data set of one."""
    from opsin.datasets.folder import PlainReader

    return PlainReader(tree if file else below(tree), report, file, **options)
