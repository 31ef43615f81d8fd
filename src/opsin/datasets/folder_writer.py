"""Write folders: one for each class, or pictures alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from opsin.datasets.writer import Writer, _digest
from opsin.io.paths import fold_key, safe_key
from opsin.sample import Sample

__all__ = ["FolderWriter", "PlainWriter"]


class FolderWriter(Writer):
    """Writes a folder for each class: `data/class/picture`, or `data/train/class/picture` with splits."""

    format: ClassVar[str] = "folder"
    holds: ClassVar[frozenset[str]] = frozenset({"label"})

    def _find_clashes(self, keys: Iterable[tuple[str, str | None]]) -> dict[tuple[str, str | None], str]:
        pairs = list(keys)
        out = super()._find_clashes(pairs)
        # `cat/1.jpg` stays where it is, `1.jpg` of the class cat comes beside it
        classes = [safe_key(n) for n in self.facts.class_names]
        taken = {(s, fold_key(self.stem(k, s))) for k, s in pairs}
        for key, split in pairs:
            stem = self.stem(key, split)
            if stem.partition("/")[0] not in classes and any(
                (split, fold_key(f"{c}/{stem}")) in taken for c in classes
            ):
                out.setdefault((key, split), f"{stem}~{_digest(key)}")
        return out

    def name(self, key: str, variant: int, split: str | None, label: Any = None) -> str:
        """Give the name below the split's folder: the class's folder leads."""
        name = super().name(key, variant, split, label)
        folder = "unlabeled" if label is None else safe_key(self.class_name(label))
        return name if name.startswith(f"{folder}/") else f"{folder}/{name}"

    def losses(self) -> list[str]:
        """Say what is lost; classes without pictures leave no folder."""
        out = super().losses()
        if self.facts.class_ids:
            out.append(f"{self.format} holds no numbers of classes: they are numbered by their names in order.")
        if "label" not in self.facts.columns:
            out.append(f"{self.format} wants a class of every picture: all lie in the folder of a class 'unlabeled'.")
        return out


class PlainWriter(Writer):
    """Writes pictures alone: `data/picture`, or `data/train/picture` with splits."""

    format: ClassVar[str] = "plain"

    def path(self, sample: Sample, key: str, variant: int, split: str | None, raw: Any = None) -> str:
        """Give the path of a picture; the class plays no part."""
        return super().path(sample, key, variant, split, raw)

    def losses(self) -> list[str]:
        """Say what is lost: all but the pictures."""
        out = super().losses()
        if self.facts.class_names:
            out.append(f"{self.format} holds no list of classes.")
        return out
