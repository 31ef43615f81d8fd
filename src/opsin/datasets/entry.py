"""The neutral form of every data set: annotations, entries, findings and the facts that hold for all pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple, TypeAlias

from opsin.instances import Skeleton

__all__ = [
    "Annotation",
    "Entry",
    "Facts",
    "Finding",
    "LabelFile",
    "Rle",
    "entry_from_plain",
    "entry_to_plain",
]

Label: TypeAlias = int | float | str | None
Numbers: TypeAlias = tuple[float, ...]


class Rle(NamedTuple):
    """A mask in COCO's packed run lengths."""

    width: int
    height: int
    runs: bytes


_NOTHING: Mapping[str, Any] = {}


class Annotation(NamedTuple):
    """What is annotated about one object; coordinates are those of the entry's canvas.

    Args:
        label: a position in the class names, or text.
        box: x1 y1 x2 y2.
        corners: a rotated box as x y of its four corners, in order.
        polygons: outlines, each flat: x y x y ...
        rle: a mask.
        keypoints: flat x y v, v being 0 (not labeled), 1 (hidden) or 2 (seen).
        track_id: which object this is across pictures.
        attributes: everything else, as plain data.
    """

    label: Label = None
    box: Numbers | None = None
    corners: Numbers | None = None
    polygons: tuple[Numbers, ...] = ()
    rle: Rle | None = None
    keypoints: Numbers | None = None
    track_id: int | str | None = None
    attributes: Mapping[str, Any] = _NOTHING

    @property
    def shaped(self) -> bool:
        """Say whether anything says where the object is."""
        return bool(self.box or self.corners or self.polygons or self.rle or self.keypoints)


class LabelFile(NamedTuple):
    """Where the picture of class numbers lies: a file, a part of an archive, or a row of an array."""

    path: str
    start: int = 0
    length: int = -1


@dataclass(frozen=True, slots=True)
class Entry:
    """One picture of a data set and what is annotated on it; small, picklable, without pixels.

    Args:
        key: names the picture within the data set, and addresses chance.
        path: where the picture lies: relative to the data set's root, or a full address.
        member: start and length in bytes within `path` when that is an archive; row when it is an array.
        label: the picture's class: a position in the class names, a number, or text.
        split: `train`, `val`, `test` or any other name; None when the data set has none.
        annotations: one per object; None where objects were not annotated, empty where there are none.
        canvas: width and height of the picture as it was annotated; None when the data set does not say.
        unit: whether coordinates are fractions of the canvas.
        group: pictures of one group are never divided between splits.
        extra: what the source says about the picture besides, as plain data.
        labels: where the picture of class numbers lies, one number per pixel.
    """

    key: str
    path: str
    member: tuple[int, int] | None = None
    label: Label = None
    split: str | None = None
    annotations: Sequence[Annotation] | None = None
    canvas: tuple[int, int] | None = None
    unit: bool = False
    group: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    labels: LabelFile | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong in a data set.

    Args:
        file: where it stands, relative to the data set's root.
        record: which record of the file: a line, an id, a key.
        rule: one of `opsin.datasets.rules.RULES`.
        message: one sentence.
        repaired: whether it was put right; if not, what could not be used was left out.
    """

    file: str
    record: str
    rule: str
    message: str
    repaired: bool = False

    def __str__(self) -> str:
        state = "repaired" if self.repaired else "found"
        return f"{self.file}, {self.record}: {self.message} [{self.rule}, {state}]"


@dataclass(frozen=True)
class Facts:
    """What holds for all pictures of a data set; writers are made from it.

    Args:
        format: the format that it was read from.
        class_names: names of the classes; labels are positions in this.
        class_ids: the numbers that the classes have in the files; empty when they are 0, 1, 2 ...
        skeleton: of the key points of all classes, one after the other where classes differ.
        parts: for each class where its key points begin in the skeleton and how many there are; empty when all
            classes have the whole skeleton.
        columns: which annotations occur: `boxes corners polygons masks keypoints track_ids attributes label
            segmentation`, and `extra` for what is said about pictures (such as id, license, date).
        splits: names of the splits, in order of appearance.
        details: what else the source says about the whole, as plain data.
    """

    format: str = ""
    class_names: tuple[str, ...] = ()
    class_ids: tuple[int | str, ...] = ()
    skeleton: Skeleton | None = None
    parts: tuple[tuple[int, int], ...] = ()
    columns: frozenset[str] = frozenset()
    splits: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    def class_id(self, label: int) -> int | str:
        """Give the number that a class has in the files."""
        return self.class_ids[label] if self.class_ids else label

    def class_name(self, label: Label) -> str | None:
        """Give the name of a label, when there is one."""
        if isinstance(label, str):
            return label
        if isinstance(label, int) and 0 <= label < len(self.class_names):
            return self.class_names[label]
        return None

    def plain(self) -> dict[str, Any]:
        """Write as plain data."""
        out = asdict(self)
        out["columns"] = sorted(self.columns)
        out["skeleton"] = None if self.skeleton is None else asdict(self.skeleton)
        return out

    @staticmethod
    def from_plain(data: Mapping[str, Any]) -> Facts:
        """Read what `plain` wrote."""
        skeleton = data.get("skeleton")
        return Facts(
            format=data.get("format", ""),
            class_names=tuple(data.get("class_names", ())),
            class_ids=tuple(data.get("class_ids", ())),
            skeleton=None if skeleton is None else Skeleton(**skeleton),
            parts=tuple((int(a), int(b)) for a, b in data.get("parts", ())),
            columns=frozenset(data.get("columns", ())),
            splits=tuple(data.get("splits", ())),
            details=dict(data.get("details", {})),
        )

    def seen(self, entries: Iterable[Entry]) -> Facts:
        """Add the columns and splits that occur in entries."""
        columns, splits = set(self.columns), list(self.splits)
        for entry in entries:
            note_columns(entry, columns, splits)
        return replace(self, columns=frozenset(columns), splits=tuple(splits))


def note_columns(entry: Entry, columns: set[str], splits: list[str]) -> None:
    """Note which annotations and which split an entry brings."""
    if entry.split is not None and entry.split not in splits:
        splits.append(entry.split)
    if entry.label is not None:
        columns.add("label")
    if entry.labels is not None:
        columns.add("segmentation")
    if entry.extra:
        columns.add("extra")
    for a in entry.annotations or ():
        if a.box:
            columns.add("boxes")
        if a.corners:
            columns.add("corners")
        if a.polygons:
            columns.add("polygons")
        if a.rle:
            columns.add("masks")
        if a.keypoints:
            columns.add("keypoints")
        if a.track_id is not None:
            columns.add("track_ids")
        if a.attributes:
            columns.add("attributes")


# --- plain data: what is kept in journals and in JSON -----------------------------------------------------------------
def annotation_to_plain(a: Annotation) -> dict[str, Any]:
    """Write one annotation as data that JSON can hold; empty fields are left out."""
    out: dict[str, Any] = {}
    for name in a._fields:
        value = getattr(a, name)
        if value is None or value == () or value == {}:
            continue
        if name == "rle":
            value = [value.width, value.height, value.runs.decode("ascii")]
        elif name == "polygons":
            value = [list(p) for p in value]
        elif isinstance(value, tuple):
            value = list(value)
        elif name == "attributes":
            value = dict(value)
        out[name] = value
    return out


def annotation_from_plain(data: Mapping[str, Any]) -> Annotation:
    """Read what `annotation_to_plain` wrote."""
    rle = data.get("rle")
    return Annotation(
        label=data.get("label"),
        box=_numbers(data.get("box")),
        corners=_numbers(data.get("corners")),
        polygons=tuple(tuple(p) for p in data.get("polygons", ())),
        rle=None if rle is None else Rle(int(rle[0]), int(rle[1]), rle[2].encode("ascii")),
        keypoints=_numbers(data.get("keypoints")),
        track_id=data.get("track_id"),
        attributes=data.get("attributes", {}),
    )


def _numbers(values: Any) -> Numbers | None:
    return None if values is None else tuple(values)


def entry_to_plain(entry: Entry) -> list[Any]:
    """Write an entry as plain data."""
    notes = entry.annotations
    return [
        entry.key,
        entry.path,
        None if entry.member is None else list(entry.member),
        entry.label,
        entry.split,
        None if notes is None else [annotation_to_plain(a) for a in notes],
        None if entry.canvas is None else list(entry.canvas),
        entry.unit,
        entry.group,
        dict(entry.extra),
        None if entry.labels is None else list(entry.labels),
    ]


def entry_from_plain(data: list[Any]) -> Entry:
    """Read what `entry_to_plain` wrote."""
    key, path, member, label, split, notes, canvas, unit, group, extra, labels = data
    return Entry(
        key=key,
        path=path,
        member=None if member is None else (member[0], member[1]),
        label=label,
        split=split,
        annotations=None if notes is None else tuple(annotation_from_plain(a) for a in notes),
        canvas=None if canvas is None else (canvas[0], canvas[1]),
        unit=unit,
        group=group,
        extra=extra,
        labels=None if labels is None else LabelFile(*labels),
    )
