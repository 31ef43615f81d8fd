"""Write Pascal VOC below `data`: JPEGImages, Annotations, ImageSets/Main, labelmap.txt."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar
from xml.sax.saxutils import escape

from opsin.datasets.columns import annotations_of
from opsin.datasets.entry import Annotation, Entry
from opsin.datasets.writer import Raw, Writer, shape_box, tidy
from opsin.instances import least_rectangle
from opsin.sample import Sample

__all__ = ["VocWriter"]

_KEPT = ("pose", "truncated", "difficult", "occluded")


class VocWriter(Writer):
    """Writes Pascal VOC: boxes from pixel (1, 1) on; rotated boxes as `robndbox`, a single outline as `polygon`."""

    format: ClassVar[str] = "voc"
    holds: ClassVar[frozenset[str]] = frozenset({"boxes", "corners", "polygons"})

    def folder(self, split: str | None) -> str:
        """Give the folder of the pictures; splits are lists of names in ImageSets."""
        return "data/JPEGImages"

    def _find_clashes(self, keys: Iterable[tuple[str, str | None]]) -> dict[tuple[str, str | None], str]:
        pairs = list(keys)  # one folder for all splits, so names must differ across them
        out = super()._find_clashes([(k, None) for k, _ in pairs])
        return {(k, s): out[k, None] for k, s in pairs if (k, None) in out}

    def stem(self, key: str, split: str | None, label: Any = None) -> str:
        """Give the stem; the split's folder stays part of it."""
        return super().stem(key, None, label)

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
        """Give the picture and its XML file."""
        files = super().encode(sample, key, variant, split, entry=entry, raw=raw)
        notes = annotations_of(sample)
        if notes is not None:
            name = files[0][0].removeprefix("data/JPEGImages/")
            path = f"data/Annotations/{posixpath.splitext(name)[0]}.xml"
            files.append((path, self._xml(sample, notes, name)))
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
        """Give what `finish` needs: the name."""
        out = super().record(sample, key, variant, split, entry=entry, raw=raw)
        out["objects"] = [{} for _ in out.get("objects", ())]
        return out

    def _xml(self, sample: Sample, notes: Iterable[Annotation], name: str) -> bytes:
        w, h = sample.size
        depth = 1 if sample.image.ndim == 2 else sample.image.shape[2]
        lines = [
            "<annotation>",
            "  <folder>JPEGImages</folder>",
            f"  <filename>{_text(name)}</filename>",
            f"  <size><width>{w}</width><height>{h}</height><depth>{depth}</depth></size>",
            "  <segmented>0</segmented>",
        ]
        for a in notes:
            lines += ["  <object>", f"    <name>{_text(self.class_name(a.label))}</name>"]
            lines += [f"    <{k}>{_text(str(a.attributes[k]))}</{k}>" for k in _KEPT if k in a.attributes]
            box = a.box or shape_box(a)
            if box is not None:
                x1, y1, x2, y2 = box
                sides = {"xmin": x1 + 1, "ymin": y1 + 1, "xmax": x2, "ymax": y2}
                lines.append("    <bndbox>" + "".join(f"<{k}>{tidy(v)}</{k}>" for k, v in sides.items()) + "</bndbox>")
            if a.corners is not None:
                cx, cy, bw, bh, angle = least_rectangle(a.corners)
                sides = {"cx": cx, "cy": cy, "w": bw, "h": bh}
                text = "".join(f"<{k}>{tidy(v)}</{k}>" for k, v in sides.items())
                lines.append(f"    <robndbox>{text}<angle>{_radians(angle)!r}</angle></robndbox>")
            for outline in a.polygons:
                points = zip(outline[0::2], outline[1::2], strict=True)
                pairs = "".join(f"<x{i}>{tidy(x)}</x{i}><y{i}>{tidy(y)}</y{i}>" for i, (x, y) in enumerate(points, 1))
                lines.append(f"    <polygon>{pairs}</polygon>")
            lines.append("  </object>")
        lines.append("</annotation>")
        return ("\n".join(lines) + "\n").encode("utf-8", "replace")

    def finish(self, records: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, bytes]]:
        """Give the lists of the splits and of the classes."""
        lists: dict[str | None, list[str]] = {}
        for r in records:
            name = posixpath.splitext(r["path"].removeprefix("data/JPEGImages/"))[0]
            lists.setdefault(r["split"], []).append(name)
        for split, names in sorted((s, n) for s, n in lists.items() if s is not None):
            yield f"data/ImageSets/Main/{split}.txt", "".join(f"{n}\n" for n in names).encode("utf-8", "replace")
        if self.facts.class_names:
            rows = "# label:color_rgb:parts:actions\n" + "".join(f"{n}:::\n" for n in self.facts.class_names)
            yield "data/labelmap.txt", rows.encode()

    def losses(self) -> list[str]:
        """Say what is lost."""
        out = [s for s in super().losses() if "attributes" not in s]
        if "attributes" in self.facts.columns:
            out.append(f"voc holds of the attributes only {', '.join(_KEPT)}: others are left out.")
        if self.facts.class_ids:
            out.append("voc holds names of classes, not their numbers.")
        if any(":" in n or n != n.strip() for n in self.facts.class_names):
            out.append("voc writes names of classes without colons and without spaces around them.")
        return out


def _radians(degrees: float) -> float:
    import math

    return -math.radians(degrees)


def _text(value: str) -> str:
    # XML 1.0 knows no control characters; they would make the file unreadable
    return escape("".join(c for c in value if c >= " " or c in "\t"))
