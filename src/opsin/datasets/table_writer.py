"""Write a table: `annotations.csv` or `annotations.parquet`, one row a picture, or one row a box."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from opsin.datasets.entry import Facts
from opsin.datasets.writer import Writer, read_record, shape_box, tidy
from opsin.errors import DatasetError, MissingExtra, refusal

__all__ = ["TableWriter"]


class TableWriter(Writer):
    """Writes a table with the columns path, label, split; with objects also x1, y1, x2, y2 and, if need be, more.

    Args:
        facts: see `Writer`.
        keys: see `Writer`.
        table: `csv` or `parquet`.
        options: see `Writer`.
    """

    format: ClassVar[str] = "csv"
    holds: ClassVar[frozenset[str]] = frozenset({"boxes", "label", "track_ids"})

    def __init__(
        self, facts: Facts, keys: Iterable[tuple[str, str | None]] = (), *, table: str = "csv", **options: Any
    ) -> None:
        if table not in ("csv", "parquet"):
            raise DatasetError(refusal("csv", "table", "csv or parquet", table))
        super().__init__(facts, keys, **options)
        self.table = table

    def finish(self, records: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, bytes]]:
        """Give the table."""
        rows: list[dict[str, Any]] = []
        boxed = bool(self.facts.columns & {"boxes", "corners", "polygons", "masks", "keypoints"})
        for data in records:
            r = read_record(data)
            base: dict[str, Any] = {"path": r.path}
            if r.split is not None:
                base["split"] = r.split
            if r.extra.get("group") is not None:
                base["group"] = r.extra["group"]
            label = None if r.label is None else self._text(r.label)
            if not boxed and r.annotations is None:
                rows.append(base | ({} if label is None else {"label": label}))
                continue
            if label is not None:
                base["image_label"] = label
            base |= {"width": r.width, "height": r.height}
            if not r.annotations:
                rows.append(base)
            for a in r.annotations or ():
                row = dict(base)
                box = a.box or shape_box(a)
                if a.label is not None:
                    row["label"] = self._text(a.label)
                if box is not None:
                    row |= {n: tidy(v) for n, v in zip(("x1", "y1", "x2", "y2"), box, strict=True)}
                if a.track_id is not None:
                    row["track_id"] = a.track_id
                rows.append(row)
        order = ["path", "split", "group", "image_label", "label", "x1", "y1", "x2", "y2", "track_id"]
        order += ["width", "height"]
        used = {n for row in rows for n in row} | {"path"} | ({"label", "x1", "y1", "x2", "y2"} if boxed else set())
        columns = [n for n in order if n in used]
        write = self._parquet if self.table == "parquet" else self._csv
        yield f"annotations.{self.table}", write(rows, columns)

    def _text(self, label: Any) -> Any:
        name = self.facts.class_name(label)
        return name if name is not None else label

    @staticmethod
    def _csv(rows: list[dict[str, Any]], columns: list[str]) -> bytes:
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue().encode("utf-8", "surrogateescape")

    @staticmethod
    def _parquet(rows: list[dict[str, Any]], columns: list[str]) -> bytes:
        try:
            import pyarrow
            from pyarrow import parquet
        except ImportError:
            raise MissingExtra("parquet", "pyarrow", "data") from None
        numbers = {"x1", "y1", "x2", "y2"}
        content: dict[str, Any] = {}
        for name in columns:
            values = [row.get(name) for row in rows]
            if name in numbers:
                values = [None if v is None else float(v) for v in values]
            elif any(isinstance(v, str) for v in values):
                values = [None if v is None else str(v) for v in values]
            content[name] = values
        out = io.BytesIO()
        parquet.write_table(pyarrow.table(content), out, compression="zstd")
        return out.getvalue()

    def losses(self) -> list[str]:
        """Say what is lost, and what becomes a box."""
        out = super().losses()
        if self.facts.columns & {"polygons", "masks", "corners"} and "boxes" not in self.facts.columns:
            out.append(f"{self.format} holds boxes only: the box around each shape is written.")
        if self.facts.class_ids:
            out.append(f"{self.format} holds names of classes, not their numbers.")
        return out
