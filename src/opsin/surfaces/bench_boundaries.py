"""`opsin bench quality`: how well Canny's edges agree with the boundaries that people (or a drawing) mark."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin import ops
from opsin.chance import Rng
from opsin.errors import OpsinError
from opsin.kernels.extras import need

__all__ = ["boundary_folder", "canny_scores", "drawn_scenes", "matched"]

Marks = NDArray[np.bool_]
Case = tuple[NDArray[Any], list[Marks]]
TOLERANCE = 0.0075  # of the diagonal, as in the Berkeley benchmark
SIGMAS = (1.0, 1.5, 2.0, 3.0, 4.0)
HIGHS = (0.03, 0.05, 0.08, 0.12, 0.17, 0.24, 0.34)
_PICTURES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp")


def matched(found: Marks, truth: Marks, reach: float) -> tuple[Marks, Marks]:
    """Pair edge pixels with boundary pixels, each at most once, no further apart than `reach` pixels.

    Returns:
        which pixels of both have a partner; as many pairs as possible are made.
    """
    spatial, graph = need("scipy.spatial", "bench quality"), need("scipy.sparse.csgraph", "bench quality")
    sparse = need("scipy.sparse", "bench quality")
    a, b = np.argwhere(found), np.argwhere(truth)
    out = np.zeros(found.shape, np.bool_), np.zeros(truth.shape, np.bool_)
    if not len(a) or not len(b):
        return out
    near = spatial.cKDTree(a).sparse_distance_matrix(spatial.cKDTree(b), reach + 1e-9, output_type="coo_matrix")
    ones = np.ones(len(near.row), np.int8)
    pairs = sparse.csr_matrix((ones, (near.row, near.col)), shape=(len(a), len(b)))
    partner = graph.maximum_bipartite_matching(pairs, perm_type="column")
    rows = np.flatnonzero(partner >= 0)
    out[0][tuple(a[rows].T)] = True
    out[1][tuple(b[partner[rows]].T)] = True
    return out


def canny_scores(cases: Iterable[Case]) -> dict[str, float]:
    """Canny's best F over sigmas and thresholds (the low one is 0.4 of the high one), one setting for all pictures.

    Precision counts edge pixels that some annotator's boundary explains, recall the boundary pixels of all annotators
    that are found, as in the Berkeley benchmark; F is their harmonic mean.
    """
    counts = {(s, h): np.zeros(4) for s in SIGMAS for h in HIGHS}
    number = 0
    for image, truths in cases:
        number += 1
        reach = TOLERANCE * float(np.hypot(*image.shape[:2]))
        for (sigma, high), count in counts.items():
            found = np.asarray(ops.canny(image, sigma=sigma, low=0.4 * high, high=high))
            good = np.zeros(found.shape, np.bool_)
            for truth in truths:
                edge, boundary = matched(found, truth, reach)
                good |= edge
                count += np.array([0, 0, boundary.sum(), truth.sum()])
            count += np.array([good.sum(), found.sum(), 0, 0])
    if not number:
        raise OpsinError("bench quality: boundaries must be at least one picture with its boundaries; got none.")
    scores = {}
    for setting, count in counts.items():
        right, edges, hit, marked = count.tolist()
        precision, recall = right / max(edges, 1.0), hit / max(marked, 1.0)
        scores[setting] = (2.0 * precision * recall / max(precision + recall, 1e-12), precision, recall)
    best = max(scores, key=lambda key: scores[key][0])
    f, precision, recall = scores[best]
    return {"pictures": number, "F": f, "precision": precision, "recall": recall, "sigma": best[0], "high": best[1]}


def drawn_scenes(count: int = 6, side: int = 240, noise: float = 0.04) -> Iterator[Case]:
    """Scenes of overlapping ellipses and boxes under uneven light, blurred a little, with noise: contours are known."""
    y, x = np.mgrid[:side, :side] + 0.5
    for scene in range(count):
        rng = Rng(scene)
        labels, gray = np.zeros((side, side), np.int32), np.full((side, side), rng.uniform("ground", 0.2, 0.8))
        for k in range(9):
            cx, cy = rng.uniform(f"x{k}", 0.0, side), rng.uniform(f"y{k}", 0.0, side)
            a, b = rng.uniform(f"a{k}", 12.0, 50.0), rng.uniform(f"b{k}", 12.0, 50.0)
            turn = rng.uniform(f"t{k}", 0.0, np.pi)
            u = ((x - cx) * np.cos(turn) + (y - cy) * np.sin(turn)) / a
            v = ((y - cy) * np.cos(turn) - (x - cx) * np.sin(turn)) / b
            inside = np.maximum(abs(u), abs(v)) < 1.0 if k % 2 else u * u + v * v < 1.0
            labels[inside], gray[inside] = k + 1, rng.uniform(f"g{k}", 0.05, 0.95)
        light = 1.0 + 0.15 * (np.cos(x / 60.0 + scene) * np.sin(y / 80.0))
        seen = ops.gaussian_blur(np.clip(gray * light, 0.0, 1.0).astype(np.float32), sigma=0.8)
        seen = np.clip(seen + rng.normal("noise", 0.0, noise, seen.shape), 0.0, 1.0).astype(np.float32)
        edge = np.zeros(labels.shape, np.bool_)
        edge[:, :-1] |= labels[:, :-1] != labels[:, 1:]
        edge[:-1] |= labels[:-1] != labels[1:]
        yield seen, [np.asarray(ops.skeletonize(edge))]


def boundary_folder(folder: str | os.PathLike[str]) -> Iterator[Case]:
    """Pictures and their boundaries in a folder such as BSDS500's: NAME.jpg with NAME.mat, or NAME.png of marks.

    Pictures lie anywhere below a folder `images`, marks anywhere below `groundTruth` (.mat of the Berkeley set, which
    holds several annotators) or `boundaries` (.png, whatever is not black).
    """
    from opsin.io import read, read_bytes

    root = Path(folder)
    marks = {p.stem: p for part in ("groundTruth", "boundaries") for p in sorted((root / part).rglob("*.*"))}
    for path in sorted((root / "images").rglob("*")):
        mark = marks.get(path.stem)
        if mark is None or path.suffix.lower() not in _PICTURES:
            continue
        image = read(path)
        if mark.suffix.lower() == ".mat":
            tree = need("scipy.io", "bench quality").loadmat(io.BytesIO(read_bytes(mark).data))
            truths = [np.asarray(cell["Boundaries"][0, 0]) > 0 for cell in tree["groundTruth"][0]]
        else:
            drawn = read(mark)
            truths = [(drawn if drawn.ndim == 2 else drawn[..., :3].max(axis=2)) > 0]
        for truth in truths:
            if truth.shape != image.shape[:2]:
                raise OpsinError(
                    f"{mark.name}: boundaries must have the picture's size {image.shape[:2]}; got {truth.shape}."
                )
        yield image, truths
