"""Picture search in figures: time to build, time to ask, memory and disk.

    python benchmarks/search.py --make 20000 --folder photos     # pictures of 320 x 240, each different
    python benchmarks/search.py --folder photos --index photos.index

Pictures are cut from the photographs that come with scikit-image and scikit-learn (and from the folders named by
--more): one, two or four of them side by side, each from its own place, at its own size, sheared, mirrored and tinted.
The second command indexes what is not there yet, so that it can be stopped and started again, and then asks for 50
pictures of the index as they are, cropped to 60 % of each side, turned by 25 degrees, and at half size. The figure
"first" says how many came first.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import skimage
from sklearn.datasets import load_sample_images

from opsin import Rng, ops, read, write
from opsin.search import Index

NAMES = ("astronaut", "camera", "cat", "coffee", "coins", "moon", "page", "rocket", "brick", "grass", "gravel",
         "retina", "hubble_deep_field", "immunohistochemistry", "clock", "text", "cell")  # fmt: skip
LAYOUTS = {"one": [(0, 0, 320, 240)], "two": [(0, 0, 160, 240), (160, 0, 160, 240)],
           "four": [(0, 0, 160, 120), (160, 0, 160, 120), (0, 120, 160, 120), (160, 120, 160, 120)]}  # fmt: skip


def photographs(more: list[str]) -> list[np.ndarray]:
    found = [getattr(skimage.data, name)() for name in NAMES] + list(load_sample_images().images)
    for folder in more:
        names = sorted(p for p in Path(folder).iterdir() if p.suffix.lower() in (".jpg", ".png", ".bmp"))
        found += [read(path) for path in names]
    found = [a if a.ndim == 3 else np.repeat(a[..., None], 3, axis=2) for a in found if min(a.shape[:2]) >= 240]
    return [ops.resize_longer(np.ascontiguousarray(a[..., :3]), size=min(1600, max(a.shape))) for a in found]


def part(source: np.ndarray, width: int, height: int, rng: Rng) -> np.ndarray:
    """A piece of a photograph from its own place, at its own size, sheared, mirrored and tinted."""
    h, w = source.shape[:2]
    high = int(min(h, w * height / width) * rng.uniform("size", 0.25, 0.8))
    wide = min(w, int(high * width / height))
    top, left = rng.integers("top", 0, h - high + 1), rng.integers("left", 0, w - wide + 1)
    piece = np.ascontiguousarray(source[top : top + high, left : left + wide])
    piece = ops.resize(piece, width=width, height=height)
    shear = {"shear": rng.uniform("shear", -12, 12), "shear_y": rng.uniform("shear_y", -8, 8)}
    piece = ops.affine(piece, angle=rng.uniform("turn", -8, 8), border="reflect", **shear)
    if rng.unit("mirror") < 0.5:
        piece = piece[:, ::-1]
    tint = 0.6 + 0.55 * np.array([rng.unit(f"tint {c}") for c in "rgb"])
    return np.clip(piece * tint, 0, 255).astype(np.uint8)


def make(count: int, folder: Path, more: list[str]) -> None:
    sources = photographs(more)
    for number in range(count):
        rng = Rng(0).at(f"picture {number}")
        chance = rng.unit("layout")
        out = np.empty((240, 320, 3), np.uint8)
        for i, (x, y, w, h) in enumerate(LAYOUTS["one" if chance < 0.4 else "two" if chance < 0.7 else "four"]):
            source = sources[rng.integers(f"source {i}", 0, len(sources))]
            out[y : y + h, x : x + w] = part(source, w, h, rng.at(f"part {i}"))
        path = folder / f"{number // 1000:02d}" / f"{number:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        write(out, path, quality=rng.integers("quality", 80, 96))


def views(image: np.ndarray) -> dict[str, np.ndarray]:
    h, w = image.shape[:2]
    return {
        "itself": image,
        "crop": np.ascontiguousarray(image[h // 5 : h // 5 + 3 * h // 5, w // 5 : w // 5 + 3 * w // 5]),
        "turn": ops.rotate(image, angle=25.0, keep="inside"),
        "half": ops.resize(image, width=w // 2, height=h // 2),
    }


def measure(folder: Path, place: Path, workers: int, queries: int) -> dict[str, Any]:
    began = time.perf_counter()
    with Index(place) as index:
        done = index.add_folder(folder, workers=workers)
        build = time.perf_counter() - began
        index.compact()
        stats = index.stats()
    whole = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    asked: dict[str, list[float]] = {}
    first: dict[str, int] = {}
    with Index(place, create=False) as index:
        keys = index.keys()
        began = time.perf_counter()
        index.search(read(folder / keys[0]))
        opened = time.perf_counter() - began
        for key in (keys[int(i)] for i in np.linspace(0, len(keys) - 1, queries)):
            for name, view in views(read(folder / key)).items():
                hits = index.search(view)
                asked.setdefault(name, []).append(1000 * hits.seconds)
                first[name] = first.get(name, 0) + int(hits[0].key == key)
    return {
        "pictures": stats["pictures"],
        "added_now": len(done.added),
        "seconds_adding": round(build, 1),
        "seconds_with_joining": round(whole, 1),
        "peak_mb_building": round(peak),
        "disk_mb": round(stats["bytes"] / 1e6, 1),
        "kb_per_picture": round(stats["bytes"] / 1e3 / max(1, stats["pictures"]), 1),
        "features": stats["features"],
        "words": stats["words"],
        "first_query_ms": round(1000 * opened),
        "query_ms_median": {k: round(float(np.median(v))) for k, v in asked.items()},
        "query_ms_worst": {k: round(float(np.max(v))) for k, v in asked.items()},
        f"first_of_{queries}": first,
        "peak_mb_asking": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "workers": workers,
        "cores": len(os.sched_getaffinity(0)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--index", type=Path)
    parser.add_argument("--make", type=int, default=0)
    parser.add_argument("--more", nargs="*", default=[])
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--queries", type=int, default=50)
    words = parser.parse_args()
    if words.make:
        make(words.make, words.folder, words.more)
    if words.index:
        figures = measure(words.folder, words.index, words.workers, words.queries)
        sys.stdout.write(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
