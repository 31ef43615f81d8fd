"""Write YOLO: `data.yaml`, pictures below `data/images`, label files below `data/labels`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from opsin.carry import rasterize
from opsin.datasets import rle as runs
from opsin.datasets.columns import annotations_of
from opsin.datasets.entry import Annotation, Entry, Facts
from opsin.datasets.outlines import join, trace
from opsin.datasets.writer import Raw, Writer, shape_box
from opsin.datasets.yolo import TASKS, label_of
from opsin.errors import DatasetError, refusal
from opsin.geometry import Size
from opsin.io.paths import safe_key
from opsin.sample import Sample

__all__ = ["YoloWriter"]

_HELD = {
    "detect": {"boxes"},
    "segment": {"boxes", "polygons", "masks"},
    "pose": {"boxes", "keypoints"},
    "obb": {"boxes", "corners"},
}


class YoloWriter(Writer):
    """Writes YOLO of one task.

    Args:
        facts: see `Writer`.
        keys: see `Writer`.
        task: `detect`, `segment`, `pose` or `obb`; without it the richest that the annotations allow.
        options: see `Writer`.
    """

    format: ClassVar[str] = "yolo"

    def __init__(
        self, facts: Facts, keys: Iterable[tuple[str, str | None]] = (), *, task: str | None = None, **options: Any
    ) -> None:
        columns = facts.columns
        if task is None:
            stated = facts.details.get("task")
            kinds = (("corners", "obb"), ("keypoints", "pose"), ("polygons", "segment"), ("masks", "segment"))
            task = stated if stated in TASKS else next((t for c, t in kinds if c in columns), "detect")
        if task not in TASKS:
            raise DatasetError(refusal("yolo", "task", f"one of {', '.join(TASKS)}", task))
        if task == "pose" and facts.skeleton is None:
            raise DatasetError("yolo: task must be one that the annotations allow; got 'pose' without a skeleton.")
        self.task = str(task)
        super().__init__(facts, keys, **options)

    def folder(self, split: str | None) -> str:
        """Give the folder of a split's pictures."""
        return "data/images" if split is None else f"data/images/{safe_key(split)}"

    def encode(
        self,
        sample: Sample,
        key: str,
        variant: int = 0,
        split: str | None = None,
        *,
        entry: Entry | None = None,
        raw: Raw | None = None,
    ) -> list[tuple[str, bytes]]:
        """Give the picture and its label file; a picture without objects has none."""
        files = super().encode(sample, key, variant, split, entry=entry, raw=raw)
        notes = annotations_of(sample)
        if notes:
            size = int(sample.size[0]), int(sample.size[1])
            text = "".join(self._row(a, size) + "\n" for a in notes)
            files.append((label_of(files[0][0]), text.encode("ascii")))
        return files

    def record(
        self,
        sample: Sample,
        key: str,
        variant: int = 0,
        split: str | None = None,
        *,
        entry: Entry | None = None,
        raw: Raw | None = None,
    ) -> dict[str, Any]:
        """Give what `finish` needs: the names of classes that the facts do not list."""
        out = super().record(sample, key, variant, split, entry=entry, raw=raw)
        out["objects"] = [{"label": o["label"]} for o in out.get("objects", ()) if o.get("label") is not None]
        return out

    # --- rows -----------------------------------------------------------------------------------------------------
    def _row(self, a: Annotation, size: tuple[int, int]) -> str:
        if not isinstance(a.label, int):
            hint = "Open the data set with a list of classes."
            raise DatasetError(refusal("yolo", "label", "a number that names a class", a.label, hint))
        if self.task == "segment":
            return _line(a.label, self._outline(a, size), size)
        if self.task == "obb":
            return _line(a.label, a.corners or _rectangle(a), size)
        x1, y1, x2, y2 = a.box or shape_box(a) or (0.0, 0.0, 0.0, 0.0)
        values = [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1]
        if self.task == "detect":
            return _line(a.label, values, size)
        assert self.facts.skeleton is not None
        points = a.keypoints or (0.0,) * (3 * len(self.facts.skeleton.names))
        flat: list[str] = []
        for x, y, v in zip(points[0::3], points[1::3], points[2::3], strict=True):
            flat += [_text(x / size[0]), _text(y / size[1]), f"{v:g}"] if v > 0 else ["0", "0", "0"]
        return " ".join([_line(a.label, values, size), *flat])

    @staticmethod
    def _outline(a: Annotation, size: tuple[int, int]) -> Sequence[float]:
        """Give one outline: several are joined by bridges of no width, masks are followed along their pixels."""
        if a.polygons:
            parts = [np.array(p).reshape(-1, 2) for p in a.polygons]
            if len(parts) > 1 and _overlap(parts, size):
                parts = trace(rasterize(parts, Size(*size)))
        elif a.rle is not None:
            parts = trace(runs.decode(runs.unpack(a.rle.runs), a.rle.height, a.rle.width))
        else:
            parts = []
        parts = [p for p in parts if len(p) >= 3]
        if not parts:
            return a.corners or _rectangle(a)
        flat: list[float] = join(parts).ravel().tolist()
        return flat

    # --- the end --------------------------------------------------------------------------------------------------
    def finish(self, records: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, bytes]]:
        """Give data.yaml."""
        import yaml

        splits: set[str | None] = set()
        most = -1
        for r in records:
            splits.add(r["split"])
            most = max([most, *(o["label"] for o in r["objects"] if isinstance(o["label"], int))])
        names = list(self.facts.class_names) + [str(i) for i in range(len(self.facts.class_names), most + 1)]
        data: dict[str, Any] = {"path": "."}
        named = [s for s in ("train", "val", "test") if s in splits]
        for split in named or (["train", "val"] if splits else []):
            data[split] = self.folder(split if named else None)
        data["nc"] = len(names)
        data["names"] = dict(enumerate(names))
        data["task"] = self.task
        skeleton = self.facts.skeleton
        if self.task == "pose" and skeleton is not None:
            data["kpt_shape"] = [len(skeleton.names), 3]
            data["flip_idx"] = skeleton.swap()
            data["kpt_names"] = {0: list(skeleton.names)}
            data["skeleton"] = [list(e) for e in skeleton.edges]
        text: str = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, default_flow_style=None, width=1000)
        yield "data.yaml", text.encode("utf-8")

    def losses(self) -> list[str]:
        """Say what one task of YOLO cannot hold."""
        facts, held = self.facts, _HELD[self.task]
        words = {
            "boxes": "boxes",
            "corners": "rotated boxes",
            "polygons": "outlines",
            "masks": "masks",
            "keypoints": "key points",
            "track_ids": "track ids",
            "attributes": "attributes of objects (such as crowd, area, id)",
            "label": "a class of the whole picture",
            "segmentation": "label pictures",
            "extra": "more about pictures (such as id, license, date)",
        }
        out = [
            f"yolo for task {self.task} holds no {words[c]}: left out." for c in sorted(facts.columns - held - {"task"})
        ]
        if self.task == "segment" and "boxes" in facts.columns:
            out.append("yolo for task segment holds outlines only: boxes become those around the outlines.")
        if self.task == "segment" and "masks" in facts.columns:
            out.append("yolo for task segment holds one outline an object: masks become outlines along their pixels.")
        if self.task == "segment" and "polygons" in facts.columns:
            out.append("yolo for task segment holds one outline an object: several are joined by bridges of no width.")
        if self.task == "obb" and "boxes" in facts.columns:
            out.append("yolo for task obb holds rotated boxes only: upright boxes of their own are left out.")
        if facts.class_ids and facts.class_ids != tuple(range(len(facts.class_ids))):
            out.append(f"yolo numbers classes 0..{len(facts.class_ids) - 1}: their numbers are not kept.")
        if facts.parts:
            out.append("yolo has one skeleton for all classes: those of the classes stand one after the other.")
        out += self.losses_of_whole()
        odd = [s for s in facts.splits if s not in ("train", "val", "test")]
        if odd:
            out.append(f"yolo names no splits but train, val and test: data.yaml does not list {', '.join(odd)}.")
        return out


def _text(value: float) -> str:
    return f"{value:.12g}"


def _line(label: int, values: Sequence[float], size: tuple[int, int]) -> str:
    w, h = size
    return " ".join([str(label), *(_text(v / (h if i % 2 else w)) for i, v in enumerate(values))])


def _rectangle(a: Annotation) -> tuple[float, ...]:
    x1, y1, x2, y2 = a.box or shape_box(a) or (0.0, 0.0, 0.0, 0.0)
    return x1, y1, x2, y1, x2, y2, x1, y2


def _overlap(parts: Sequence[Any], size: tuple[int, int]) -> bool:
    """Say whether outlines of one object cover a pixel twice: joined as they are, it would become a hole."""
    boxes = [(*p.min(axis=0), *p.max(axis=0)) for p in parts]
    near = any(
        a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3] for i, a in enumerate(boxes) for b in boxes[:i]
    )
    if not near:
        return False
    total = sum(int(rasterize([p], Size(*size)).sum()) for p in parts)
    return total != int(rasterize(parts, Size(*size)).sum())
