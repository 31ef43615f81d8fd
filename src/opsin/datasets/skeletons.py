"""Skeletons of data sets: one for all classes, mirror pairs from the names of key points."""

from __future__ import annotations

import re
from collections.abc import Sequence

from opsin.instances import Skeleton

__all__ = ["merge_skeletons", "mirror_pairs", "swap_to_mirror"]

_SIDE = re.compile(r"(?<![a-z])(left|right|l|r)(?![a-z])")


def mirror_pairs(names: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Find the key points that swap in a mirror by their names: left_eye and right_eye, l_ear and r_ear, kneeLeft."""
    words = [re.sub(r"(?<=[a-z])(?=[A-Z])", "_", n).lower() for n in names]
    place = {w: i for i, w in reversed(list(enumerate(words)))}
    other = {"left": "right", "l": "r"}
    pairs = []
    for i, word in enumerate(words):
        for found in _SIDE.finditer(word):
            if found.group() not in other:
                continue
            twin = word[: found.start()] + other[found.group()] + word[found.end() :]
            if twin in place and place[twin] != i:
                pairs.append((i, place[twin]))
                break
    return tuple(pairs)


def swap_to_mirror(order: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Turn an order of key points in a mirrored picture (YOLO's `flip_idx`) into the pairs that swap."""
    return tuple((i, j) for i, j in enumerate(order) if i < j and order[j] == i)


def merge_skeletons(
    parts: Sequence[Skeleton | None],
) -> tuple[Skeleton | None, tuple[tuple[int, int], ...]]:
    """Make one skeleton for all classes.

    Args:
        parts: the skeleton of each class, None for a class without key points.

    Returns:
        the skeleton, and for each class where its key points begin in it and how many there are. Equal skeletons are
        not repeated; the second result is empty when every class has the whole skeleton.
    """
    if not any(p is not None and p.names for p in parts):
        return None, ()
    names: list[str] = []
    edges: list[tuple[int, int]] = []
    mirror: list[tuple[int, int]] = []
    begin: dict[Skeleton, int] = {}
    places = []
    for part in parts:
        if part is None or not part.names:
            places.append((0, 0))
            continue
        if part not in begin:
            start = begin[part] = len(names)
            names += part.names
            edges += [(a + start, b + start) for a, b in part.edges]
            mirror += [(a + start, b + start) for a, b in part.mirror]
        places.append((begin[part], len(part.names)))
    whole = all(p == (0, len(names)) for p in places)
    return Skeleton(tuple(names), tuple(edges), tuple(mirror)), () if whole else tuple(places)
