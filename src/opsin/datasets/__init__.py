"""Data sets: open what people have, check it, divide it, write it in another format.

data = opsin.datasets.open_dataset("photos")       # folder of classes, COCO, YOLO, CSV ...: told by content
data.findings                                      # what was wrong, with file, record and rule
for sample in data: ...                            # pictures are read one at a time
opsin.datasets.convert("photos", "coco", "out")    # says what the target cannot hold
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opsin.datasets.base import DataSet as DataSet
    from opsin.datasets.converting import convert as convert
    from opsin.datasets.entry import Annotation as Annotation
    from opsin.datasets.entry import Entry as Entry
    from opsin.datasets.entry import Facts as Facts
    from opsin.datasets.entry import Finding as Finding
    from opsin.datasets.opening import FORMATS as FORMATS
    from opsin.datasets.opening import detect as detect
    from opsin.datasets.opening import open_dataset as open_dataset
    from opsin.datasets.rules import RULES as RULES
    from opsin.datasets.split import split_of as split_of
    from opsin.datasets.writer import Writer as Writer
    from opsin.datasets.writer import writer_for as writer_for

_HOME = {
    "Annotation": "entry",
    "DataSet": "base",
    "Entry": "entry",
    "FORMATS": "opening",
    "Facts": "entry",
    "Finding": "entry",
    "RULES": "rules",
    "Writer": "writer",
    "convert": "converting",
    "detect": "opening",
    "open_dataset": "opening",
    "split_of": "split",
    "writer_for": "writer",
}

__all__ = [
    "FORMATS",
    "RULES",
    "Annotation",
    "DataSet",
    "Entry",
    "Facts",
    "Finding",
    "Writer",
    "convert",
    "detect",
    "open_dataset",
    "split_of",
    "writer_for",
]


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'opsin.datasets' has no attribute {name!r}")
    value = getattr(import_module(f"opsin.datasets.{home}"), name)
    globals()[name] = value
    return value
