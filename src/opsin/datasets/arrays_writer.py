"""Write arrays: stacks of pictures of one size in `.npy` shards."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from opsin.datasets.arrays import FACTS
from opsin.datasets.entry import Entry, Facts
from opsin.datasets.writer import Raw, Writer
from opsin.errors import DatasetError
from opsin.sample import Sample

__all__ = ["ArraysWriter"]


class ArraysWriter(Writer):
    """Writes stacks: `data/train-000000.images.npy`, labels beside, `annotations.jsonl` and `dataset.json`.

    All pictures must have one size and type: end the pipeline with `resize`, `letterbox` or `to_tensor`.

    Args:
        facts: see `Writer`.
        keys: see `Writer`.
        shard_samples: pictures a shard.
        options: see `Writer`.
    """

    format: ClassVar[str] = "arrays"
    sharded: ClassVar[bool] = True
    holds: ClassVar[frozenset[str]] = frozenset(
        ("boxes", "corners", "polygons", "masks", "keypoints", "track_ids", "attributes", "label")
    )

    def __init__(
        self, facts: Facts, keys: Iterable[tuple[str, str | None]] = (), *, shard_samples: int = 4096, **options: Any
    ) -> None:
        super().__init__(facts, keys, **(options | {"picture": "npy"}))
        self.shard_samples = shard_samples

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
        return super().encode(sample, key, variant, split, entry=entry)

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

    def places(self, records: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, int, Mapping[str, Any]]]:
        """Say in which shard and row each record stands."""
        counts: dict[Any, int] = {}
        for r in records:
            n = counts.get(r["split"], 0)
            counts[r["split"]] = n + 1
            name = "shard" if r["split"] is None else r["split"]
            yield f"{name}-{n // self.shard_samples:06}.images.npy", n % self.shard_samples, r

    def pack(
        self, items: Iterable[tuple[Mapping[str, Any], Sequence[tuple[str, bytes]]]]
    ) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Make the shards of all samples, in order: give (path, blocks).

        Args:
            items: record and files of every sample, in order of split, key and variant.
        """
        shard: list[tuple[Mapping[str, Any], bytes]] = []
        first: Mapping[str, Any] | None = None
        name = ""

        def placed() -> Iterator[tuple[str, Mapping[str, Any], bytes]]:
            counts: dict[Any, int] = {}
            for record, files in items:
                n = counts.get(record["split"], 0)
                counts[record["split"]] = n + 1
                base = "shard" if record["split"] is None else record["split"]
                yield f"{base}-{n // self.shard_samples:06}", record, files[0][1]

        for where, record, data in placed():
            if first is None:
                first = record
            if (record["shape"], record["dtype"]) != (first["shape"], first["dtype"]):
                got = f"{first['shape']} {first['dtype']} and {record['shape']} {record['dtype']} ({record['key']})"
                hint = "End the pipeline with resize, letterbox or to_tensor."
                raise DatasetError(f"arrays: pictures must be of one size and type; got {got}. {hint}")
            if where != name and shard:
                yield from self._shard(name, shard)
                shard = []
            name = where
            shard.append((record, data))
        if shard:
            yield from self._shard(name, shard)

    @staticmethod
    def _shard(name: str, rows: Sequence[tuple[Mapping[str, Any], bytes]]) -> Iterator[tuple[str, Iterator[bytes]]]:
        record = rows[0][0]
        shape = (len(rows), *record["shape"])
        head = _npy_header(shape, record["dtype"])
        size = int(np.prod(record["shape"], dtype=np.int64)) * np.dtype(record["dtype"]).itemsize
        yield f"data/{name}.images.npy", iter([head, *(data[len(data) - size :] for _, data in rows)])
        labels = [r.get("label") for r, _ in rows]
        if all(isinstance(v, int | float) for v in labels):
            array = np.array(labels)
            yield f"data/{name}.labels.npy", iter([_npy_header(array.shape, array.dtype.str), array.tobytes()])

    def finish(self, records: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, bytes]]:
        """Give `annotations.jsonl` and `dataset.json`."""
        lines = []
        planar = False
        kept = ("key", "variant", "split", "size", "label", "objects", "extra", "group")
        for shard, row, r in self.places(records):
            data = {"shard": shard, "row": row} | {k: r[k] for k in kept if r.get(k) is not None}
            lines.append(json.dumps(data, allow_nan=False))
            w, h = r["size"]
            planar = len(r["shape"]) == 3 and r["shape"][1:] == [h, w] and r["shape"][:2] != [h, w]
        yield "annotations.jsonl", "".join(f"{line}\n" for line in lines).encode()
        facts = {"opsin": 1, "planar": planar, "facts": self.facts.plain()}
        yield FACTS, (json.dumps(facts, indent=1, allow_nan=False) + "\n").encode()

    def losses(self) -> list[str]:
        """Say what is lost: files become numbers."""
        return [*super().losses(), "arrays hold numbers, not files: pictures are decoded, upright and in sRGB."]


def _npy_header(shape: tuple[int, ...], dtype: str) -> bytes:
    out = io.BytesIO()
    data = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(out, data)
    return out.getvalue()
