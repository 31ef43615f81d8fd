"""Which of several pictures overlap, and by which pairs of points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from opsin.kernels.extras import need
from opsin.kernels.keypoints import Found, find, pair
from opsin.kernels.projective import fit_homography, flaw_of

__all__ = ["Link", "Tick", "groups", "link_all", "walk"]

Floats = NDArray[np.float64]
Tick = Callable[[str, int, int], None]
_MOST_PIXELS = 1_500_000
_FEATURES = 3000


class Link(NamedTuple):
    """An overlap: picture `a` to picture `b` by a matrix in continuous pixels, and the pairs that agree with it."""

    a: int
    b: int
    matrix: Floats
    points: Floats
    other_points: Floats


def link_all(where: str, grays: Sequence[NDArray[np.uint8]], tick: Tick) -> tuple[list[Link], list[int]]:
    """Find every overlap among pictures; also gives how many features each picture has.

    Two pictures overlap when more pairs agree with one map than chance would let: 8 + 0.3 of all pairs.

    Source:
        Brown and Lowe, "Automatic panoramic image stitching using invariant features", 2007.
    """
    found = []
    for i, gray in enumerate(grays):
        tick("features", i, len(grays))
        found.append(_features(where, gray))
    count = len(grays)
    links, done, total = [], 0, count * (count - 1) // 2
    for i in range(count):
        for j in range(i + 1, count):
            tick("overlaps", done, total)
            done += 1
            link = _link(where, found, i, j)
            if link is not None:
                links.append(link)
    return links, [len(f.points) for f in found]


def _features(where: str, gray: NDArray[np.uint8]) -> Found:
    h, w = gray.shape
    shrink = min(1.0, (_MOST_PIXELS / (h * w)) ** 0.5)
    if shrink == 1.0:
        return find(where, gray, "sift", _FEATURES)
    cv2 = need("cv2", where)
    size = (max(1, round(w * shrink)), max(1, round(h * shrink)))
    small = find(where, cv2.resize(gray, size, interpolation=cv2.INTER_AREA), "sift", _FEATURES)
    return small._replace(points=small.points * (w / size[0], h / size[1]))


def _link(where: str, found: Sequence[Found], i: int, j: int) -> Link | None:
    a, b = found[i], found[j]
    if len(a.points) < 8 or len(b.points) < 8:
        return None
    pairs, distances = pair(where, a.descriptors, b.descriptors, ratio=0.75, cross_check=False, method="brute_force")
    order = np.argsort(distances, kind="stable")
    _, first = np.unique(pairs[order, 1], return_index=True)
    pairs = pairs[np.sort(order[first])]
    pa, pb = a.points[pairs[:, 0]], b.points[pairs[:, 1]]
    if len(pairs) < 12 or flaw_of(pa) or flaw_of(pb):
        return None
    matrix, good = fit_homography(where, pa, pb, method="ransac", threshold=3.0)
    agree = int(np.count_nonzero(good))
    if matrix is None or agree < max(12.0, 8.0 + 0.3 * len(pairs)) or np.linalg.det(matrix) <= 0.0:
        return None
    # agreeing points in one small spot are a thing that both show, or a watermark, not an overlap
    if flaw_of(pa[good]) or np.ptp(pa[good], axis=0).max() < 16.0:
        return None
    return Link(i, j, matrix, pa[good], pb[good])


def groups(count: int, links: Sequence[Link]) -> list[list[int]]:
    """Part pictures into those that overlap, directly or by others; the largest group first."""
    parent = list(range(count))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for link in links:
        parent[root(link.a)] = root(link.b)
    parts: dict[int, list[int]] = {}
    for i in range(count):
        parts.setdefault(root(i), []).append(i)
    return sorted(parts.values(), key=lambda part: (-len(part), part[0]))


def walk(members: Sequence[int], links: Sequence[Link]) -> tuple[int, list[tuple[int, int, Floats]]]:
    """Reach every picture from the most central one along the strongest overlaps.

    Returns:
        the central picture, and steps (from, to, matrix from -> to) in an order in which `from` is known.
    """
    strength = {(k.a, k.b): len(k.points) for k in links}
    weight: dict[int, int] = dict.fromkeys(members, 0)
    for (a, b), n in strength.items():
        weight[a] += n
        weight[b] += n
    tree: list[Link] = []
    inside = {max(members, key=lambda i: (weight[i], -i))}
    while len(inside) < len(members):
        edge = max((k for k in links if (k.a in inside) != (k.b in inside)), key=lambda k: (len(k.points), -k.a, -k.b))
        tree.append(edge)
        inside |= {edge.a, edge.b}
    near: dict[int, list[tuple[int, Floats]]] = {i: [] for i in members}
    for k in tree:
        near[k.a].append((k.b, k.matrix))
        near[k.b].append((k.a, np.asarray(np.linalg.inv(k.matrix), dtype=np.float64)))

    def reach(start: int) -> tuple[int, list[tuple[int, int, Floats]]]:
        steps: list[tuple[int, int, Floats]] = []
        depth, ahead = {start: 0}, [start]
        while ahead:
            here = ahead.pop(0)
            for there, matrix in near[here]:
                if there not in depth:
                    depth[there] = depth[here] + 1
                    steps.append((here, there, matrix))
                    ahead.append(there)
        return max(depth.values()), steps

    center = min(members, key=lambda i: (reach(i)[0], -weight[i], i))
    return center, reach(center)[1]
