"""Picture search: index photographs, ask with a crop that was turned and compressed, write a page of what was found.

    python examples/picture_search.py OUT

Photographs come with scikit-image. Writes OUT/photos, OUT/hits.html, OUT/sheet.png (the same as a picture) and
OUT/where.png, which shows where the crop was.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import skimage

from opsin import draw, io, ops
from opsin.search import Index

NAMES = ("astronaut", "camera", "cat", "coffee", "coins", "moon", "page", "rocket", "brick", "grass")


def main(out: Path) -> str:
    photos = out / "photos"
    photos.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        io.write(getattr(skimage.data, name)(), photos / f"{name}.png")

    # a part of one photograph, turned by 20 degrees, smaller, and saved as a poor JPEG
    part = skimage.data.coffee()[60:340, 140:520]
    query = ops.resize(ops.rotate(np.ascontiguousarray(part), angle=20.0, keep="inside"), width=220, height=150)
    io.write(query, out / "query.jpg", quality=60)

    with Index(out / "photos.index") as index:
        index.add_folder(photos)
        hits = index.search(out / "query.jpg", count=6)
    io.write(hits.draw(query), out / "sheet.png", compression=9)
    io.write_bytes(out / "hits.html", hits.page("query.jpg").encode())

    best = hits[0]
    h, w = query.shape[:2]
    corners = np.array([[0, 0, 1], [w, 0, 1], [w, h, 1], [0, h, 1]]) @ best.matrix.T
    found = io.read(photos / best.key)
    io.write(
        draw.draw_polygons(found, [corners[:, :2]], labels=[f"the query, {best.inliers} points"]), out / "where.png"
    )
    for hit in hits:
        sys.stdout.write(f"{hit.score:.3f}  {hit.key}  {hit.reason()}\n")
    return best.key


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "picture-search"))
