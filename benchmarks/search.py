"""Picture search in figures: time to build, time to ask, memory and disk, for so many synthetic pictures.

    python benchmarks/search.py 2000

Pictures are patchworks of crops, turned and scaled, of the photographs that come with scikit-image, each different.
Queries are crops and turns of pictures that are in the index; the figure "found" says how many came first.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator

import numpy as np
import skimage

from opsin import Rng, ops
from opsin.search import Index

NAMES = ("astronaut", "camera", "cat", "coffee", "coins", "moon", "page", "rocket", "brick", "grass", "gravel")


def photographs() -> list[np.ndarray]:
    found = [getattr(skimage.data, name)() for name in NAMES]
    return [a if a.ndim == 3 else np.repeat(a[..., None], 3, axis=2) for a in found]


def picture(sources: list[np.ndarray], number: int) -> np.ndarray:
    """Nine patches of 160 x 120 pixels, each from its own place, size and turn: 480 x 360."""
    rng = Rng(0).at(f"picture {number}")
    out = np.empty((360, 480, 3), np.uint8)
    for i in range(9):
        source = sources[rng.integers(f"source {i}", 0, len(sources))]
        scale = rng.uniform(f"scale {i}", 0.35, 0.6)
        h, w = source.shape[:2]
        high = int(h * scale)
        wide = min(w, int(high * 4 / 3))
        top, left = rng.integers(f"top {i}", 0, h - high + 1), rng.integers(f"left {i}", 0, w - wide + 1)
        part = np.ascontiguousarray(source[top : top + high, left : left + wide])
        if rng.unit(f"flip {i}") < 0.5:
            part = np.ascontiguousarray(part[:, ::-1])
        part = ops.resize(part, width=160, height=120)
        gain = rng.uniform(f"gain {i}", 0.6, 1.0)
        row, column = divmod(i, 3)
        out[120 * row : 120 * row + 120, 160 * column : 160 * column + 160] = (part * gain).astype(np.uint8)
    return out


def main(count: int) -> None:
    sources = photographs()

    def rows() -> Iterator[tuple[str, np.ndarray]]:
        for number in range(count):
            yield f"{number}", picture(sources, number)

    began = time.perf_counter()
    for _ in zip(range(min(count, 200)), rows(), strict=False):
        pass
    making = (time.perf_counter() - began) / min(count, 200) * count
    with tempfile.TemporaryDirectory() as place:
        began = time.perf_counter()
        with Index(os.path.join(place, "index")) as index:
            index.add(rows(), workers=os.cpu_count() or 1)
            index.compact()
            build = time.perf_counter() - began - making
            stats = index.stats()
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        with Index(os.path.join(place, "index"), create=False) as index:
            asked: dict[str, list[float]] = {"itself": [], "crop": [], "turn": []}
            right = dict.fromkeys(asked, 0)
            numbers = np.linspace(0, count - 1, 30).astype(int)
            for number in numbers:
                image = picture(sources, int(number))
                views = {
                    "itself": image,
                    "crop": np.ascontiguousarray(image[60:300, 80:400]),
                    "turn": ops.rotate(image, angle=25.0, keep="inside"),
                }
                for name, view in views.items():
                    hits = index.search(view)
                    asked[name].append(hits.seconds)
                    right[name] += hits[0].key == str(number)
        figures = {
            "pictures": count,
            "build_s": round(build, 1),
            "pictures_per_s": round(count / build, 1),
            "peak_rss_mb_build": round(peak),
            "disk_mb": round(stats["bytes"] / 1e6, 1),
            "kb_per_picture": round(stats["bytes"] / 1e3 / count, 1),
            "features": stats["features"],
            "words": stats["words"],
            "query_ms_median": {k: round(1000 * float(np.median(v))) for k, v in asked.items()},
            "found_first_of_30": right,
            "cores": os.cpu_count(),
        }
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
