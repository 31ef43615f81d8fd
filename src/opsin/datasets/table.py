"""Tables: CSV and Parquet with a path, a label, a split, and, if wanted, a box a row."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opsin.datasets.base import Reader
from opsin.datasets.entry import Annotation, Entry, Facts
from opsin.datasets.files import TEXT_LIMITS, Tree, is_picture, read_data, read_text
from opsin.datasets.rules import Checker, Report
from opsin.errors import DatasetError, MissingExtra, refusal
from opsin.io.parse import parse_csv

__all__ = ["TableReader", "find_table"]

_COLUMNS = {
    "path": "path filepath file_path filename file_name file image image_path imagepath img img_path picture",
    "label": "label class class_name classname category target object_label",
    "split": "split subset set partition",
    "image_label": "image_label image_class",
    "x1": "x1 xmin x_min left bbox_x1",
    "y1": "y1 ymin y_min top bbox_y1",
    "x2": "x2 xmax x_max right bbox_x2",
    "y2": "y2 ymax y_max bottom bbox_y2",
    "x": "x bbox_x",
    "y": "y bbox_y",
    "w": "w bbox_w bbox_width box_width",
    "h": "h bbox_h bbox_height box_height",
    "width": "width image_width img_width",
    "height": "height image_height img_height",
    "track_id": "track_id",
    "group": "group group_id patient patient_id",
    "id": "id image_id imageid",
}
_MEANING = {word: name for name, words in _COLUMNS.items() for word in words.split()}
_CORNERS = ("x1", "y1", "x2", "y2")
_SIDES = ("x", "y", "w", "h")


def find_table(tree: Tree) -> str | None:
    """Find the table of a folder: the only CSV, TSV or Parquet file that has a column of paths."""
    found = []
    for name in tree.files("", frozenset({".csv", ".tsv", ".parquet", ".pq"})):
        if name.endswith((".parquet", ".pq")):
            found.append(name)
            continue
        try:
            head = read_text(tree.full(name)).partition("\n")[0]
        except DatasetError:
            continue
        words = {w.strip().strip('"').lower() for w in head.replace(";", ",").replace("\t", ",").split(",")}
        if words & set(_COLUMNS["path"].split()):
            found.append(name)
    return found[0] if len(found) == 1 else None


@dataclass(frozen=True)
class _Row:
    """One record and where it stands."""

    number: int
    values: Mapping[str, Any]


class TableReader(Reader):
    """Reads a CSV or Parquet table; with columns of a box there may be several rows for one picture.

    Args:
        tree: the folder.
        report: where findings go.
        file: the table.
        columns: what the columns are called where the names are unusual, as `{"path": "bild", "label": "art"}`.
        images: the folder of the pictures, when paths are not relative to the table.
        classes: names of the classes, in order; without it the labels found, sorted.
        unit: whether boxes are fractions of the picture; found from the values when not given.
    """

    format = "csv"

    def __init__(
        self,
        tree: Tree,
        report: Report,
        file: str,
        columns: Mapping[str, str] | None = None,
        images: str | None = None,
        classes: Sequence[str] | None = None,
        unit: bool | None = None,
    ) -> None:
        self._file = file
        self._tree = tree.child(images) if images else tree
        super().__init__(self._tree.root, report)
        self._table = tree.full(file)
        parquet = file.lower().endswith((".parquet", ".pq"))
        names, rows = self._parquet() if parquet else self._csv()
        self._rows = rows
        self._use = self._meanings(names, columns or {})
        if "path" not in self._use:
            known = ", ".join(names)
            hint = "Say which with columns={'path': ...}."
            raise DatasetError(refusal("table", "columns", "one with the paths of the pictures", known, hint))
        self._corners = all(c in self._use for c in _CORNERS)
        self._boxed = self._corners or all(c in self._use for c in _SIDES)
        self._unit = unit if unit is not None else self._boxed and self._fractions()
        self._labels(classes)

    # --- the file -------------------------------------------------------------------------------------------------
    def _csv(self) -> tuple[tuple[str, ...], list[_Row]]:
        text = read_text(self._table, TEXT_LIMITS)
        head = text.partition("\n")[0].strip()
        first = head.replace(";", ",").replace("\t", ",").split(",")
        if is_picture(first[0].strip('"')) and not set(w.lower() for w in first) & set(_MEANING):
            known = ["path", "label", "split"] if len(first) <= 3 else ["path", *_CORNERS, "label"]
            if len(first) > len(known):
                text_of = f"a first line with names; without one {', '.join(known)} are expected"
                raise DatasetError(refusal("table", self._file, text_of, head))
            mark = max(",;\t", key=head.count)
            text = mark.join(known[: len(first)]) + "\n" + text
            shift = 1
        else:
            shift = 0
        table = parse_csv(text, source=self._file, max_bytes=TEXT_LIMITS.bytes)
        return table.columns, [_Row(r.line - shift, r.values) for r in table.rows]

    def _parquet(self) -> tuple[tuple[str, ...], list[_Row]]:
        try:
            from pyarrow import parquet
        except ImportError:
            raise MissingExtra("parquet", "pyarrow", "data") from None
        data = read_data(self._table, TEXT_LIMITS)
        try:
            table = parquet.read_table(io.BytesIO(data))
            return tuple(table.column_names), [_Row(i, row) for i, row in enumerate(table.to_pylist(), 1)]
        except Exception as error:  # pyarrow raises its own kinds
            reason = " ".join(str(error).split())
            raise DatasetError(f"{self._file}: this Parquet file cannot be read: {reason}.") from error

    def _meanings(self, names: Sequence[str], given: Mapping[str, str]) -> dict[str, str]:
        out: dict[str, str] = {}
        for meaning, name in given.items():
            if meaning not in _COLUMNS:
                raise DatasetError(refusal("table", "columns", f"among {', '.join(_COLUMNS)}", meaning))
            if name not in names:
                raise DatasetError(refusal("table", "columns", f"names of columns ({', '.join(names)})", name))
            out[meaning] = name
        for name in names:
            word = _MEANING.get(name.strip().lower())
            if word is not None and word not in out and name not in given.values():
                out[word] = name
        if not all(s in out for s in ("w", "h")) and all(s in out for s in ("x", "y", "width", "height")):
            out["w"], out["h"] = out.pop("width"), out.pop("height")  # x, y, width, height are a box
        return out

    def _get(self, row: _Row, meaning: str) -> Any:
        name = self._use.get(meaning)
        value = None if name is None else row.values.get(name)
        if isinstance(value, float) and math.isnan(value) and meaning not in (*_CORNERS, *_SIDES):
            return None
        return None if value is None or value == "" else value

    def _fractions(self) -> bool:
        values = []
        for row in self._rows[:10000]:
            for name in _CORNERS if self._corners else _SIDES:
                try:
                    values.append(float(self._get(row, name)))
                except (TypeError, ValueError):
                    continue
        return bool(values) and max(values) <= 1.0 and any(v != int(v) for v in values)

    def _labels(self, classes: Sequence[str] | None) -> None:
        """Number the labels: text by its sorted names; numbers stay what they are."""
        found: set[Any] = set()
        for row in self._rows:
            for name in ("label", "image_label"):
                value = self._get(row, name)
                if value is not None:
                    found.add(value)
        names: tuple[str, ...] = ()
        if classes is not None:
            names = tuple(classes)
        elif any(_number(v) is None for v in found):
            names = tuple(sorted(str(v) for v in found))
        self._places = {n: i for i, n in enumerate(names)}
        columns = frozenset({"boxes"}) if self._boxed else frozenset[str]()
        self.facts = Facts(format=self.format, class_names=names, columns=columns)

    def _label(self, value: Any, record: str) -> tuple[Any, bool]:
        if value is None:
            return None, True
        if not self._places:
            return _number(value), True
        text = str(value)
        if text in self._places:
            return self._places[text], True
        self.report.add(self._file, record, "class_out_of_range", f"class {text!r} is not in the list.")
        return None, False

    # --- pictures ---------------------------------------------------------------------------------------------------
    def entries(self) -> Iterator[Entry]:
        """Give the entries in order of their first row."""
        groups: dict[str, list[_Row]] = {}
        for row in self._rows:
            value = self._get(row, "path")
            record = f"line {row.number}"
            if value is None:
                self.report.add(self._file, record, "unreadable_record", "it has no path.")
                continue
            path = self._tree.inside(str(value))
            if path is None:
                message = f"{value}: it leads out of the data set's folder."
                self.report.add(self._file, record, "outside_root", message)
            elif not self._exists(path):
                self.report.add(self._file, record, "missing_file", f"{value}: there is no such picture.")
            elif path in groups and not self._boxed:
                self.report.add(self._file, record, "duplicate_path", f"{value} is listed twice.")
                groups[f"{path}\0{row.number}"] = [row]
            else:
                groups.setdefault(path, []).append(row)
        self._rows = []
        for name, rows in groups.items():
            yield self._entry(name.partition("\0")[0], rows)

    def _exists(self, path: str) -> bool:
        return self._tree.exists(path)

    def _entry(self, path: str, rows: list[_Row]) -> Entry:
        first = rows[0]
        record = f"line {first.number}"
        split, group = self._get(first, "split"), self._get(first, "group")
        extra = {}
        number = self._get(first, "id")
        if number is not None:
            extra["id"] = int(number) if str(number).isdecimal() and len(str(number)) < 19 else str(number)
        for row in rows[1:]:
            other = self._get(row, "split")
            if other != split:
                message = f"{path} is in split {split} and in split {other}."
                self.report.add(self._file, f"line {row.number}", "split_overlap", message)
        notes: tuple[Annotation, ...] | None = None
        label = self._get(first, "image_label" if self._boxed else "label")
        if self._boxed:
            canvas = self._canvas(first)
            notes = tuple(a for row in rows if (a := self._object(row, canvas)) is not None)
        else:
            canvas = None
        return Entry(
            key=path,
            path=path,
            label=self._label(label, record)[0],
            split=None if split is None else str(split),
            annotations=notes,
            canvas=canvas,
            unit=self._unit,
            group=None if group is None else str(group),
            extra=extra,
        )

    def _canvas(self, row: _Row) -> tuple[int, int] | None:
        w, h = _number(self._get(row, "width")), _number(self._get(row, "height"))
        if not w or not h or self._unit or w < 1 or h < 1:
            return None
        return int(w), int(h)

    def _object(self, row: _Row, canvas: tuple[int, int] | None) -> Annotation | None:
        record = f"line {row.number}"
        raw = [self._get(row, n) for n in (_CORNERS if self._corners else _SIDES)]
        if all(v is None for v in raw):
            return None  # a picture without objects
        values = [_number(v, True) for v in raw]
        if any(v is None for v in values):
            self.report.add(self._file, record, "not_numbers", "the box is not four numbers.")
            return None
        box = tuple(float(v) for v in values if v is not None)
        if not self._corners:
            if box[2] < 0 or box[3] < 0:
                self.report.add(self._file, record, "box_negative", f"the box is {box[2]:g} x {box[3]:g}.")
                return None
            box = (box[0], box[1], box[0] + box[2], box[1] + box[3])
        label, ok = self._label(self._get(row, "label"), record)
        if not ok:
            return None
        track = self._get(row, "track_id")
        number = _number(track)
        track = number if isinstance(number, int) else None if track is None else str(track)
        a = Annotation(label=label, box=box, track_id=track)
        size = (1.0, 1.0) if self._unit else None if canvas is None else (float(canvas[0]), float(canvas[1]))
        return Checker(self.report).check(a, size, self._file, record, slack=1e-4 if self._unit else 0.01)


def _number(value: Any, any_value: bool = False) -> int | float | None:
    """Read a number; whole ones as int. Text such as `nan` counts only with `any_value`."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    if not math.isfinite(number):
        return number if any_value else None
    text = str(value).strip().lstrip("+-")
    return int(number) if number == int(number) and (isinstance(value, float) or text.isdecimal()) else number
