"""Local features for search: described, given a word and 64 bits each, matched, and checked by geometry."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from opsin.arrays import from_unit, to_unit
from opsin.chance import Rng
from opsin.kernels.brightness import brightness
from opsin.kernels.extras import need
from opsin.kernels.palette import nearest
from opsin.kernels.resize import resize
from opsin.types import Array

__all__ = ["Agreement", "Raw", "Vocabulary", "agree", "describe", "describe_query", "train"]

_BITS = 64
_ALIKE, _CLOSE = 7.0, 1.0  # bits and pixels of the working picture at which a pair counts a third
_PLACE = 32.0  # places are kept in 1/32 of a pixel of the working picture


class Raw(NamedTuple):
    """Features of one picture: places (x, y) in pixels of the working picture, and descriptors as 128 bytes."""

    places: NDArray[np.uint16]
    descriptors: NDArray[np.uint8]


class Vocabulary(NamedTuple):
    """Words in two levels, and what splits the features of a word into bits.

    Args:
        tops: B 128, the first level.
        leaves: B B 128, the second level.
        medians: B*B 64, the middle of each projection among a word's features.
    """

    tops: NDArray[np.float32]
    leaves: NDArray[np.float32]
    medians: NDArray[np.float32]

    @property
    def size(self) -> int:
        """How many words there are."""
        return len(self.medians)

    def words(self, values: NDArray[np.float32], several: int = 1) -> NDArray[np.int64]:
        """Give the nearest words N several, the nearest first; among the leaves of the nearest tops."""
        branch, width = self.leaves.shape[:2]
        tops = min(branch, 1 if several == 1 else 3)
        out = np.empty((len(values), several), dtype=np.int64)
        for start in range(0, len(values), 4096):
            part = values[start : start + 4096]
            gap = _squared(part, self.tops)
            first = np.argpartition(gap, tops - 1, axis=1)[:, :tops] if tops < branch else np.argsort(gap, axis=1)
            found = np.full((len(part), tops * width), np.inf, dtype=np.float32)
            for top in range(branch):
                rows, slots = np.nonzero(first[:, :tops] == top)
                if len(rows):
                    near = _squared(part[rows], self.leaves[top])
                    for slot in range(tops):
                        chosen = slots == slot
                        found[rows[chosen], slot * width : (slot + 1) * width] = near[chosen]
            best = np.argsort(found, axis=1, kind="stable")[:, :several]
            top_of = np.take_along_axis(first, best // width, axis=1)
            out[start : start + len(part), : best.shape[1]] = top_of * width + best % width
            if best.shape[1] < several:
                out[start : start + len(part), best.shape[1] :] = out[start : start + len(part), :1]
        return out

    def bits(self, values: NDArray[np.float32], words: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Give 64 bits per feature: on which side of its word's middle each projection is."""
        sides = values @ _projection() > self.medians[words]
        return np.packbits(sides, axis=1).view(np.uint64).ravel()


class Agreement(NamedTuple):
    """How the query's points and a picture's points lie on each other.

    `weight` is the number of points that agree, each counting the less the more it differs and the farther it is off:
    of pictures that show the same thing the very one that the query was cut from comes first.
    """

    inliers: int
    pairs: int
    matrix: NDArray[np.float64]
    weight: float


def rooted(descriptors: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Turn stored bytes into vectors of length 1 whose distance compares histograms well (RootSIFT)."""
    values = descriptors.astype(np.float32)
    return np.sqrt(values / np.maximum(values.sum(axis=1, keepdims=True), 1e-9))


def describe_query(where: str, image: Array, side: int, count: int) -> tuple[Raw, float]:
    """Find features in a query: as in pictures of the index and, where a small one grows, at its own size as well.

    A crop is smaller than the picture that it was cut from, which did not grow: at its own size its features are those
    of that picture to the bit.
    """
    raw, factor = describe(where, image, side, count)
    if factor <= 1.0:
        return raw, factor
    own, _ = describe(where, image, side, count, grow=False)
    places = np.clip(np.round(own.places * factor), 0, 65535).astype(np.uint16)
    return Raw(np.concatenate([places, raw.places]), np.concatenate([own.descriptors, raw.descriptors])), factor


def describe(where: str, image: Array, side: int, count: int, grow: bool = True) -> tuple[Raw, float]:
    """Find features in a picture brought to a working size; gives them and the factor of size.

    Args:
        where: the name for messages.
        image: H W or H W C.
        side: longest side of the working picture; small pictures grow to half of it.
        count: at most so many features.
        grow: False leaves small pictures at their size.
    """
    if image.ndim == 3 and image.shape[2] not in (1, 3, 4):
        image = from_unit(to_unit(image).mean(axis=2), np.uint8)
    gray = brightness(where, image)
    gray = gray if gray.dtype == np.uint8 else from_unit(np.clip(to_unit(gray, np.float64), 0.0, 1.0), np.uint8)
    longest = max(gray.shape)
    factor = min(1.0, side / longest) if longest >= side / 2 or not grow else side / 2 / longest
    if factor != 1.0:
        h, w = gray.shape
        gray = resize(gray, max(1, round(w * factor)), max(1, round(h * factor)))
    cv2 = need("cv2", where)
    # smooth pictures have weak features only; of many the strongest stay
    detector = cv2.SIFT_create(nfeatures=count, contrastThreshold=0.01)
    keys, found = detector.detectAndCompute(np.ascontiguousarray(gray), None) if min(gray.shape) >= 8 else ((), None)
    if found is None or not len(keys):
        return Raw(np.zeros((0, 2), np.uint16), np.zeros((0, 128), np.uint8)), factor
    order = np.argsort([-k.response for k in keys], kind="stable")[:count]
    points = np.array([k.pt for k in keys], dtype=np.float64)[order] + 0.5
    places = np.clip(np.round(points * _PLACE), 0, 65535).astype(np.uint16)
    return Raw(places, np.clip(found[order], 0, 255).astype(np.uint8)), factor


def train(descriptors: NDArray[np.uint8], rounds: int = 8) -> Vocabulary:
    """Learn words from a sample of descriptors: k-means in two levels, each with the root of the number of words."""
    # pictures without any texture give no features: one word then stands for what comes later
    values = rooted(descriptors if len(descriptors) else np.zeros((1, 128), np.uint8))
    branch = int(np.clip(round((len(values) / 40.0) ** 0.5), 1, 128))
    rng = Rng(0).at("vocabulary")
    tops = _means(values, branch, rng.at("tops"), rounds)
    owner = nearest(values, tops.astype(np.float64))[0] if len(values) else np.zeros(0, np.int64)
    leaves = np.empty((branch, branch, 128), dtype=np.float32)
    for i in range(branch):
        part = values[owner == i]
        leaves[i] = _means(part if len(part) else tops[i : i + 1], branch, rng.at(f"leaf {i}"), rounds)
    empty = np.zeros((branch * branch, _BITS), dtype=np.float32)
    vocabulary = Vocabulary(tops, leaves, empty)
    sides = values @ _projection()
    common = np.median(sides, axis=0) if len(sides) else np.zeros(_BITS)
    medians = np.tile(common.astype(np.float32), (branch * branch, 1))
    words = vocabulary.words(values)[:, 0]
    order = np.argsort(words, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(words[order])) + 1):
        if len(rows) >= 8:
            medians[words[rows[0]]] = np.median(sides[rows], axis=0)
    return vocabulary._replace(medians=medians)


def _means(values: NDArray[np.float32], count: int, rng: Rng, rounds: int) -> NDArray[np.float32]:
    """A few rounds of k-means from centers drawn among the values."""
    n = len(values)
    if n <= count:
        return np.concatenate([values] * (-(-count // max(1, n))))[:count].astype(np.float32)
    start = np.argsort(rng.unit("start", n), kind="stable")[:count]
    centers = values[start].copy()
    for _ in range(rounds):
        which = nearest(values, centers.astype(np.float64))[0]
        order = np.argsort(which, kind="stable")
        edges = np.searchsorted(which[order], np.arange(count))
        share = np.diff(np.append(edges, n))
        sums = np.add.reduceat(values[order], np.minimum(edges, n - 1), axis=0)
        moved = share > 0
        centers[moved] = sums[moved] / share[moved, None]
    return centers


def _squared(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    out: NDArray[np.float32] = (b * b).sum(axis=1)[None] - 2.0 * (a @ b.T)
    return out


_KEPT: dict[str, NDArray[np.float32]] = {}


def _projection() -> NDArray[np.float32]:
    if "projection" not in _KEPT:
        normal = Rng(0).at("search").normal("projection", 0.0, 1.0, (128, 128))
        _KEPT["projection"] = np.ascontiguousarray(np.linalg.qr(normal)[0][:, :_BITS].astype(np.float32))
    return _KEPT["projection"]


def agree(where: str, query: NDArray[Any], other: NDArray[Any], apart: NDArray[Any]) -> Agreement | None:
    """Fit an affine map to pairs of places (1/32 px); None where too few agree or the map is none of a camera.

    Args:
        where: the name for messages.
        query: N 2, places in the query.
        other: N 2, places in the picture.
        apart: N, how unlike the pairs are: of several pairs with one place the most alike stays.
    """
    order = np.argsort(apart, kind="stable")
    unlike = apart[order].astype(np.float64)
    a, b = query[order].astype(np.float64) / _PLACE, other[order].astype(np.float64) / _PLACE
    for side in (0, 1):
        _, first = np.unique(np.round((a, b)[side], 1), axis=0, return_index=True)
        keep = np.sort(first)
        a, b, unlike = a[keep], b[keep], unlike[keep]
    if len(a) < 4:
        return None
    cv2 = need("cv2", where)
    matrix, good = cv2.estimateAffine2D(
        a, b, method=cv2.RANSAC, ransacReprojThreshold=5.0, maxIters=1000, confidence=0.995
    )
    if matrix is None or good is None:
        return None
    stretch = np.linalg.svd(matrix[:, :2], compute_uv=False)
    if np.linalg.det(matrix[:, :2]) <= 0.0 or stretch[0] > 12.0 or stretch[1] < 1 / 12 or stretch[0] > 3 * stretch[1]:
        return None
    inside = good.ravel().astype(np.bool_)
    off = np.hypot(*(a @ matrix[:, :2].T + matrix[:, 2] - b)[inside].T)
    weight = float((np.exp(-((unlike[inside] / _ALIKE) ** 2)) * np.exp(-((off / _CLOSE) ** 2))).sum())
    return Agreement(int(np.count_nonzero(inside)), len(a), np.asarray(matrix, dtype=np.float64), weight)
