"""Write COCO: `annotations.json`, or one file for each split in `annotations/`."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from opsin.datasets import rle as runs
from opsin.datasets.entry import Annotation
from opsin.datasets.writer import OF_WHOLE, Record, Writer, read_record, shape_box, tidy
from opsin.instances import Skeleton
from opsin.polygons import polygon_area

__all__ = ["CocoWriter"]


class CocoWriter(Writer):
    """Writes COCO.

    Category numbers of the source are kept, gaps and all; classes without numbers get 1, 2, 3 ... What COCO has no
    word for stands in extra keys that other readers pass over: `corners` (rotated boxes), `track_id`, `label` (the
    class of a picture), `split` and `group`.
    """

    format: ClassVar[str] = "coco"
    holds: ClassVar[frozenset[str]] = frozenset(
        ("boxes", "corners", "polygons", "masks", "keypoints", "track_ids", "attributes", "label", "extra")
    )
    details: ClassVar[frozenset[str]] = OF_WHOLE

    def finish(self, records: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, bytes]]:
        """Give the annotation files."""
        rows = [dict(r) for r in records]
        splits = {r["split"] for r in rows}
        if None in splits or not splits:
            groups: dict[str, list[dict[str, Any]]] = {"annotations.json": rows}
        else:
            groups = {f"annotations/{s}.json": [r for r in rows if r["split"] == s] for s in sorted(splits)}
        names = self._categories(rows)
        image_ids = _kept_ids([r.get("extra", {}).get("id") for r in rows])
        every = [o.get("attributes", {}).get("id") for r in rows for o in r.get("objects") or ()]
        object_ids = _kept_ids(every)
        counters = {"image": 0, "object": 0}
        mixed = None in splits and len(splits) > 1
        for file, part in groups.items():
            yield file, self._file(part, names, image_ids, object_ids, counters, mixed)

    # --- categories ---------------------------------------------------------------------------------------------
    def _categories(self, rows: list[dict[str, Any]]) -> dict[Any, tuple[int | str, str]]:
        """Give number and name for every label; labels without a list of names are collected from the records."""
        facts = self.facts
        out: dict[Any, tuple[int | str, str]] = {
            i: (facts.class_ids[i] if facts.class_ids else i + 1, name) for i, name in enumerate(facts.class_names)
        }
        loose = {o.get("label") for r in rows for o in r.get("objects") or ()}
        loose |= {r["label"] for r in rows if isinstance(r.get("label"), str)}
        taken = {number for number, _ in out.values()}
        names = {name for _, name in out.values()}
        following = max((n for n in taken if isinstance(n, int)), default=0) + 1
        for label in sorted((v for v in loose if v is not None and v not in out), key=lambda v: (str(type(v)), str(v))):
            if str(label) in names:
                continue
            if not isinstance(label, int) or label in taken or label < 0:
                number: int | str = following
                following += 1
            else:
                number = label
            taken.add(number)
            out[label] = (number, str(label))
        by_name = {name: (number, name) for number, name in out.values()}
        out.update({v: by_name[str(v)] for v in loose if v is not None and v not in out})
        return out

    def _category_rows(self, names: Mapping[Any, tuple[int | str, str]]) -> list[dict[str, Any]]:
        parents = self.facts.details.get("supercategories") or []
        out: list[dict[str, Any]] = []
        for number, (label, (wanted, name)) in enumerate(names.items()):
            if any(r["id"] == wanted for r in out):
                continue
            row: dict[str, Any] = {"id": wanted, "name": name}
            if number < len(parents) and parents[number] is not None:
                row["supercategory"] = parents[number]
            part = self._part(label)
            if part is not None and part.names:
                row["keypoints"] = list(part.names)
                row["skeleton"] = [[a + 1, b + 1] for a, b in part.edges]
            out.append(row)
        return out

    def _part(self, label: Any) -> Skeleton | None:
        """Cut a class's own skeleton out of the common one."""
        facts = self.facts
        if facts.skeleton is None or not isinstance(label, int):
            return None
        start, count = facts.parts[label] if facts.parts else (0, len(facts.skeleton.names))
        inside = range(start, start + count)
        edges = [(a - start, b - start) for a, b in facts.skeleton.edges if a in inside and b in inside]
        return Skeleton(facts.skeleton.names[start : start + count], tuple(edges))

    # --- one file -------------------------------------------------------------------------------------------------
    def _file(
        self,
        part: list[dict[str, Any]],
        names: Mapping[Any, tuple[int | str, str]],
        image_ids: bool,
        object_ids: bool,
        counters: dict[str, int],
        mixed: bool,
    ) -> bytes:
        images, notes = [], []
        for data in part:
            record = read_record(data)
            counters["image"] += 1
            number = record.extra["id"] if image_ids else counters["image"]
            images.append(self._image(record, number, mixed))
            for a in record.annotations or ():
                counters["object"] += 1
                own = a.attributes["id"] if object_ids else counters["object"]
                notes.append(self._object(a, record, number, own, names))
        top: dict[str, Any] = {}
        for key in ("info", "licenses"):
            if key in self.facts.details:
                top[key] = self.facts.details[key]
        lines = [f'"{key}": {_json(value)}' for key, value in top.items()]
        lines.append(_rows("images", images))
        lines.append(_rows("annotations", notes))
        lines.append(_rows("categories", self._category_rows(names)))
        return ("{\n" + ",\n".join(lines) + "\n}\n").encode("utf-8", "surrogatepass")

    def _image(self, record: Record, number: Any, mixed: bool) -> dict[str, Any]:
        row: dict[str, Any] = {
            "id": number,
            "file_name": posixpath.relpath(record.path, "data"),
            "width": record.width,
            "height": record.height,
        }
        if record.label is not None:
            row["label"] = self.class_name(record.label) if not isinstance(record.label, float) else record.label
        if mixed and record.split is not None:
            row["split"] = record.split
        row |= {k: v for k, v in record.extra.items() if k not in row}
        return row

    def _object(
        self,
        a: Annotation,
        record: Record,
        image: Any,
        number: Any,
        names: Mapping[Any, tuple[int | str, str]],
    ) -> dict[str, Any]:
        row: dict[str, Any] = {"id": number, "image_id": image}
        if a.label is not None:
            row["category_id"] = names[a.label][0]
        box = a.box or shape_box(a)
        if box is not None:
            x1, y1, x2, y2 = box
            row["bbox"] = [tidy(x1), tidy(y1), tidy(x2 - x1), tidy(y2 - y1)]
        if a.polygons:
            row["segmentation"] = [[tidy(v) for v in p] for p in a.polygons]
        elif a.rle is not None:
            row["segmentation"] = {"size": [a.rle.height, a.rle.width], "counts": a.rle.runs.decode("ascii")}
        if a.corners is not None:
            row["corners"] = [tidy(v) for v in a.corners]
        if a.keypoints is not None:
            row |= self._keypoints(a.keypoints, a.label)
        elif self.facts.skeleton is not None and "keypoints" in self.facts.columns:
            # COCO's evaluation asks every object of a class with key points how many it has
            part = self._part(a.label)
            if part is not None and part.names:
                row |= {"keypoints": [0] * (3 * len(part.names)), "num_keypoints": 0}
        row |= {k: v for k, v in a.attributes.items() if k not in row and not (k == "area" and record.moved)}
        row.setdefault("area", tidy(_area(a, box)))
        row.setdefault("iscrowd", 0)
        if a.track_id is not None:
            row["track_id"] = a.track_id
        return row

    def _keypoints(self, flat: Sequence[float], label: Any) -> dict[str, Any]:
        if self.facts.parts and isinstance(label, int):
            start, count = self.facts.parts[label]
            flat = flat[3 * start : 3 * (start + count)]
        return {"keypoints": [tidy(v) for v in flat], "num_keypoints": sum(1 for v in flat[2::3] if v > 0)}


def _area(a: Annotation, box: tuple[float, ...] | None) -> float:
    if a.polygons:
        return sum(polygon_area(p) for p in a.polygons)
    if a.rle is not None:
        return runs.area(runs.unpack(a.rle.runs))
    if a.corners is not None:
        return polygon_area(a.corners)
    return 0.0 if box is None else (box[2] - box[0]) * (box[3] - box[1])


def _kept_ids(ids: list[Any]) -> bool:
    """Say whether the ids of the source can stay: every row has one, and no two are alike."""
    return bool(ids) and all(isinstance(i, int | str) for i in ids) and len({str(i) for i in ids}) == len(ids)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, allow_nan=False)


def _rows(name: str, rows: list[dict[str, Any]]) -> str:
    def lines() -> Iterator[str]:
        for row in rows:
            yield _json(row)

    return f'"{name}": [\n' + ",\n".join(lines()) + "\n]" if rows else f'"{name}": []'
