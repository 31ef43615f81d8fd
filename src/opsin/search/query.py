"""Rank the pictures of an index for a query: by words, by geometry, by hashes, by looks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from opsin.search.local import Raw, Vocabulary, agree, rooted
from opsin.search.segment import Segment

__all__ = ["Query", "Ranked", "file_first", "rank"]

_REACH = 22  # bits of 64 in which features of one thing may differ
_SOFT = 16.0
_NEAR = 8  # bits of 64 in which hashes of near-duplicates differ at most
_SURE = 7  # points that must agree, and a twentieth of all pairs


class Query(NamedTuple):
    """What is known of the query: features, the hashes of its eight views, its look, its embedding."""

    raw: Raw
    views: NDArray[np.uint64]
    look: NDArray[np.float32]
    embed: NDArray[np.float32] | None


class Ranked(NamedTuple):
    """One picture by number: score, why, how many points agree and by which map, bits that differ."""

    id: int
    score: float
    why: str
    inliers: int
    distance: int
    matrix: NDArray[np.float64] | None


class _Pairs(NamedTuple):
    rows: NDArray[np.int64]
    asked: NDArray[np.int64]
    found: NDArray[np.int64]
    apart: NDArray[np.int64]


def _pairs(
    part: Segment,
    words: NDArray[np.int64],
    bits: NDArray[np.uint64],
    weights: NDArray[np.float64],
    alive: NDArray[np.bool_],
) -> tuple[_Pairs, NDArray[np.float64]]:
    """Find the features that share a word with the query's and differ in few bits; and each picture's score."""
    asked, slot = np.nonzero(words >= 0)
    word = words[asked, slot]
    begin, end = part.starts[word], part.starts[word + 1]
    lengths = (end - begin).astype(np.int64)
    total = int(lengths.sum())
    query = np.repeat(asked, lengths)
    offset = np.arange(total) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    found = part.order[np.repeat(begin, lengths) + offset].astype(np.int64)
    view = bits[asked, slot]
    apart = np.bitwise_count(part.bits[found] ^ np.repeat(view, lengths)).astype(np.int64)
    near = apart <= _REACH
    query, found, apart = query[near], found[near], apart[near]
    weight = np.repeat(weights[word], lengths)[near] * np.exp(-((apart / _SOFT) ** 2))
    rows = part.owners[found].astype(np.int64)
    # one feature of the query that meets many of a picture (a brick wall) counts once: its best
    order = np.lexsort((-weight, rows, query))
    first = np.ones(len(order), dtype=np.bool_)
    first[1:] = (np.diff(query[order]) != 0) | (np.diff(rows[order]) != 0)
    keep = order[first]
    keep = keep[alive[rows[keep]]]
    score = np.bincount(rows[keep], weights=weight[keep], minlength=len(part.ids)).astype(np.float64)
    length = np.sqrt(np.maximum(np.diff(part.first), 1))
    return _Pairs(rows[keep], query[keep], found[keep], apart[keep]), np.divide(score, length)


def rank(
    query: Query,
    parts: Sequence[Segment],
    alive: Sequence[NDArray[np.bool_]],
    vocabulary: Vocabulary,
    method: str,
    count: int,
    verify: int,
) -> list[Ranked]:
    """Give the best pictures, the best first; every figure is computed over all segments."""
    ids = np.concatenate([p.ids for p in parts])
    living = np.concatenate(list(alive))
    edges = np.concatenate([[0], np.cumsum([len(p.ids) for p in parts])])
    pairs: list[_Pairs] = []
    shared = np.zeros(len(ids))
    if len(query.raw.places) and method in ("auto", "points"):
        pairs, shared = _by_words(query, parts, alive, vocabulary)
    distance = np.full(len(ids), 64, dtype=np.int64)
    if len(query.views):
        hashes = np.concatenate([p.hashes for p in parts])
        for view in query.views:
            distance = np.minimum(distance, np.bitwise_count(hashes ^ view).astype(np.int64))
    alike = np.zeros(len(ids))
    if method in ("auto", "looks", "hash"):
        alike = np.concatenate([p.looks.astype(np.float32) @ query.look for p in parts]).astype(np.float64)
    if query.embed is not None:
        close = np.concatenate([p.embeds.astype(np.float32) @ query.embed for p in parts]).astype(np.float64)
        alike = close if method == "embedding" else 0.75 * close + 0.25 * alike
    base = _base(method, shared, alike)
    base[~living] = -1.0
    chosen = set(np.argsort(-base, kind="stable")[: max(count, 20)].tolist())
    if pairs:
        chosen |= set(np.argsort(-np.where(living, shared, -1.0), kind="stable")[:verify].tolist())
    if method in ("auto", "hash"):
        near = np.flatnonzero((distance <= _NEAR) & living)
        chosen |= set(near[np.argsort(distance[near], kind="stable")][: 4 * count].tolist())
    out = [
        _judge(int(row), ids, base, alike, distance, pairs, parts, edges, query, method)
        for row in sorted(chosen)
        if living[row]
    ]
    if method == "hash":
        out = [r for r in out if r.why == "same"]
    elif method == "points":
        out = [r for r in out if r.score > 0.0]
    place = {int(number): row for row, number in enumerate(ids)}
    out.sort(key=lambda r: (-r.score, -float(alike[place[r.id]]), r.id))
    return out[:count]


def _by_words(
    query: Query, parts: Sequence[Segment], alive: Sequence[NDArray[np.bool_]], vocabulary: Vocabulary
) -> tuple[list[_Pairs], NDArray[np.float64]]:
    values = rooted(query.raw.descriptors)
    words = vocabulary.words(values, several=min(3, vocabulary.size))
    bits = np.stack([vocabulary.bits(values, words[:, k]) for k in range(words.shape[1])], axis=1)
    # a word that stands twice would count twice
    for k in range(1, words.shape[1]):
        words[(words[:, :k] == words[:, k : k + 1]).any(axis=1), k] = -1
    total = sum(len(p.words) for p in parts)
    often = sum(np.diff(p.starts) for p in parts)
    weights = np.log1p(max(total, 1) / np.maximum(np.asarray(often, dtype=np.float64), 1.0)) ** 2
    found = [_pairs(p, words, bits, weights, a) for p, a in zip(parts, alive, strict=True)]
    return [f[0] for f in found], np.concatenate([f[1] for f in found])


def _base(method: str, shared: NDArray[np.float64], alike: NDArray[np.float64]) -> NDArray[np.float64]:
    """The score, below one half, of pictures that are not proved to show the same thing."""
    words = shared / max(float(shared.max(initial=0.0)), 1e-12) if float(shared.max(initial=0.0)) > 0.0 else shared
    looks = np.clip(alike, 0.0, 1.0)
    if method == "points":
        return 0.49 * words
    if method in ("looks", "hash", "embedding"):
        return 0.49 * looks
    return 0.49 * (0.8 * looks + 0.2 * words)


def _judge(
    row: int,
    ids: NDArray[np.int64],
    base: NDArray[np.float64],
    alike: NDArray[np.float64],
    distance: NDArray[np.int64],
    pairs: list[_Pairs],
    parts: Sequence[Segment],
    edges: NDArray[np.int64],
    query: Query,
    method: str,
) -> Ranked:
    """Check one picture: do its points lie on the query's, is it a near-duplicate?"""
    score, why, inliers, matrix = float(base[row]), "alike", 0, None
    if pairs:
        number = int(np.searchsorted(edges, row, side="right")) - 1
        mine = pairs[number]
        rows = np.flatnonzero(mine.rows == row - edges[number])
        if len(rows) >= 4:
            place = query.raw.places[mine.asked[rows]]
            found = agree("Index.search", place, parts[number].places[mine.found[rows]], mine.apart[rows])
            if found is not None and found.inliers >= _SURE + 0.05 * found.pairs:
                inliers, matrix, why = found.inliers, found.matrix, "points"
                score = 0.5 + 0.5 * (1.0 - math.exp(-(0.15 * found.inliers + found.weight) / 25.0))
    bits = int(distance[row])
    # nearly flat pictures share hashes: colors must agree as well, or points
    if bits <= _NEAR and method in ("auto", "hash") and (inliers or alike[row] > 0.85 or _turned(alike[row], bits)):
        score, why = max(score, 1.0 - bits / 64.0 if alike[row] > 0.98 else 0.99 - bits / 64.0), "same"
    return Ranked(int(ids[row]), score, why, inliers, bits, matrix)


def _turned(alike: float, bits: int) -> bool:
    """Say whether a copy that was turned or mirrored is likely: its look differs in shapes, not in colors."""
    return bits <= _NEAR // 2 and alike > 0.55


def file_first(ranked: list[Ranked], ids: list[int]) -> list[Ranked]:
    """Put pictures whose file is the query's byte for byte in front: nothing is more alike."""
    known = {r.id: r for r in ranked}
    same = [known.get(i, Ranked(i, 1.0, "same", 0, 0, None))._replace(score=1.0, why="same") for i in ids]
    return same + [r for r in ranked if r.id not in set(ids)]
