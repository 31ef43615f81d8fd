"""Write arrays: stacks of pictures of one size in `.npy` shards."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from opsin.datasets.arrays import FACTS
from opsin.datasets.entry import Entry, Facts
from opsin.datasets.label_numbers import VOID
from opsin.datasets.writer import ALL_COLUMNS, OF_WHOLE, Blocks, Packed, Placer, Raw, Writer, npy_bytes, shard_name
from opsin.errors import DatasetError, refusal
from opsin.sample import Sample

__all__ = ["ArraysWriter"]


class ArraysWriter(Writer):
    """Writes stacks: `data/train-000000.images.npy`, labels and label pictures, `annotations.jsonl`, `dataset.json`.

    All pictures must have one size and type: end the pipeline with `resize`, `letterbox` or `to_tensor`.

    Args:
        facts: see `Writer`.
        keys: see `Writer`.
        shard_samples: the most pictures a shard.
        shard_bytes: the most bytes a shard.
        options: see `Writer`.
    """

    format: ClassVar[str] = "arrays"
    sharded: ClassVar[bool] = True
    holds: ClassVar[frozenset[str]] = ALL_COLUMNS
    details: ClassVar[frozenset[str]] = OF_WHOLE

    def __init__(
        self,
        facts: Facts,
        keys: Iterable[tuple[str, str | None]] = (),
        *,
        shard_samples: int = 4096,
        shard_bytes: int = 1 << 30,
        **options: Any,
    ) -> None:
        super().__init__(facts, keys, **(options | {"picture": "npy"}))
        self.shard_samples, self.shard_bytes = shard_samples, shard_bytes

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
        """Give the picture as NPY; files are not copied, arrays hold numbers."""
        files = super().encode(sample, key, variant, split, entry=entry)
        if "segmentation" in self.facts.columns:
            numbers = sample.segmentation
            if numbers is None:  # a row of a stack cannot be left out
                numbers = np.full((sample.size[1], sample.size[0]), VOID, np.uint16)
            files.append((f"{files[0][0]}.segmentation.npy", npy_bytes(numbers.astype(np.uint16))))
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
        """Give what `finish` needs, with the array's shape and type."""
        out = super().record(sample, key, variant, split, entry=entry)
        out["shape"], out["dtype"] = list(sample.image.shape), sample.image.dtype.str
        return out

    def placer(self) -> Placer:
        """Begin a stack with each split, and when the last one is full by number or by bytes."""
        counts: dict[Any, int] = {}

        def place(record: Mapping[str, Any], files: Sequence[tuple[str, int]]) -> str:
            split = record["split"]
            n = counts.get(split, 0)
            counts[split] = n + 1
            return f"{shard_name(split)}-{n // self._rows(record):06}"

        return place

    def _rows(self, record: Mapping[str, Any]) -> int:
        """Say how many pictures of this kind a stack holds."""
        return max(1, min(self.shard_samples, self.shard_bytes // max(1, _picture_bytes(record))))

    def agree(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> None:
        """Refuse pictures of two sizes, channels or types."""
        if (one["shape"], one["dtype"]) != (other["shape"], other["dtype"]):
            names = [f"{r['shape']} {np.dtype(r['dtype'])} ({r['key']})" for r in (one, other)]
            hint = "Bring all to one kind in the pipeline: resize or letterbox, to_rgb or to_gray."
            raise DatasetError(refusal("arrays", "pictures", "of one size and type", " and ".join(names), hint))

    def shard(self, name: str, items: Iterable[Packed], count: int | None = None) -> Iterator[tuple[str, Blocks]]:
        """Make one stack and, where every picture has a number as its label, the stack of labels."""
        if count is None:
            items = list(items)
            count = len(items)
        feed = iter(items)
        record, files = next(feed)
        first, labels = record, [record.get("label")]
        numbers: list[bytes] = []
        w, h = first["size"]

        def blocks() -> Iterator[bytes]:
            size = _picture_bytes(first)
            yield _npy_header((count, *first["shape"]), first["dtype"])
            yield files[0][1][-size:] if size else b""
            numbers.extend(data[-2 * w * h :] for _, data in files[1:])
            for record, other in feed:
                self.agree(first, record)
                labels.append(record.get("label"))
                numbers.extend(data[-2 * w * h :] for _, data in other[1:])
                yield other[0][1][-size:] if size else b""

        yield f"data/{name}.images.npy", blocks()
        if numbers:
            yield f"data/{name}.segmentation.npy", iter([_npy_header((count, h, w), "<u2"), *numbers])
        if all(isinstance(v, int | float) and not isinstance(v, bool) for v in labels):
            array = np.array(labels)
            yield f"data/{name}.labels.npy", iter([_npy_header(array.shape, array.dtype.str), array.tobytes()])

    def finish(self, records: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, bytes]]:
        """Give `annotations.jsonl` and `dataset.json`."""
        lines = []
        planar = False
        kept = ("key", "variant", "split", "size", "label", "objects", "extra", "group")
        place, rows = self.placer(), dict[str, int]()
        for r in records:
            name = place(r, ())
            row = rows[name] = rows.get(name, -1) + 1
            data = {"shard": f"{name}.images.npy", "row": row} | {k: r[k] for k in kept if r.get(k) is not None}
            lines.append(json.dumps(data, allow_nan=False))
            w, h = r["size"]
            planar = len(r["shape"]) == 3 and r["shape"][1:] == [h, w] and r["shape"][:2] != [h, w]
        yield "annotations.jsonl", "".join(f"{line}\n" for line in lines).encode()
        facts = {"opsin": 1, "planar": planar, "facts": self.facts.plain()}
        yield FACTS, (json.dumps(facts, indent=1, allow_nan=False) + "\n").encode()

    def losses(self) -> list[str]:
        """Say what is lost: files become numbers."""
        return [*super().losses(), "arrays hold numbers, not files: pictures are decoded, upright and in sRGB."]


def _picture_bytes(record: Mapping[str, Any]) -> int:
    return int(np.prod(record["shape"], dtype=np.int64)) * np.dtype(record["dtype"]).itemsize


def _npy_header(shape: tuple[int, ...], dtype: str) -> bytes:
    out = io.BytesIO()
    data = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(out, data)
    return out.getvalue()
