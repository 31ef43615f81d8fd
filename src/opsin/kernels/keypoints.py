"""Find points that can be found again, describe them, and pair them: what features, matching and stitching share."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from opsin.arrays import from_unit, to_unit
from opsin.kernels.brightness import brightness
from opsin.kernels.extras import need
from opsin.types import Array

__all__ = ["Found", "describe_brief", "eight_bit", "find", "pair"]


class Found(NamedTuple):
    """Points (x, y) in continuous pixels with what is known about each."""

    points: NDArray[np.float64]
    descriptors: NDArray[Any]
    scores: NDArray[np.float64]
    sizes: NDArray[np.float64]
    angles: NDArray[np.float64]


def eight_bit(where: str, image: Array) -> NDArray[np.uint8]:
    """Brightness in 8 bits, which is what the detectors of OpenCV take: rounded once, from the full precision."""
    gray = brightness(where, image)
    return gray if gray.dtype == np.uint8 else from_unit(to_unit(gray, np.float64), np.uint8)


def find(where: str, gray: NDArray[np.uint8], feature: str, count: int, mask: Array | None = None) -> Found:
    """Find and describe points, the strongest first; no points where there is no texture.

    Args:
        where: the technique's name, for the sentence.
        gray: H W uint8.
        feature: `sift` or `orb`.
        count: at most so many.
        mask: H W bool, where to look.
    """
    cv2 = need("cv2", where)
    width, dtype = (128, np.float32) if feature == "sift" else (32, np.uint8)
    none = Found(np.zeros((0, 2)), np.zeros((0, width), dtype), np.zeros(0), np.zeros(0), np.zeros(0))
    if min(gray.shape) < 8:  # less than one octave; OpenCV's pyramids fail on single rows
        return none
    if feature == "sift":
        # without the precise upscaling every point is a quarter of a pixel off
        detector = cv2.SIFT_create(nfeatures=count, enable_precise_upscale=True)
    else:
        detector = cv2.ORB_create(nfeatures=count)
    cover = None if mask is None else np.where(mask, 255, 0).astype(np.uint8)
    keys, descriptors = detector.detectAndCompute(gray, cover)
    if not keys or descriptors is None:
        return none
    return _table(keys, descriptors, count)


def _table(keys: Any, descriptors: NDArray[Any], count: int) -> Found:
    scores = np.array([k.response for k in keys])
    order = np.argsort(-scores, kind="stable")[:count]
    # OpenCV counts from the middle of the first pixel, Opsin from its corner
    points = np.array([k.pt for k in keys], dtype=np.float64)[order] + 0.5
    sizes = np.array([k.size for k in keys])[order]
    angles = np.array([k.angle for k in keys])[order]
    return Found(points, np.ascontiguousarray(descriptors[order]), scores[order], sizes, angles)


def describe_brief(
    where: str, gray: NDArray[np.uint8], points: NDArray[np.float64], bits: int
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Describe given points by pairs of brightness; gives which points have room for it, and their bits in bytes."""
    cv2 = need("cv2", where)
    maker = cv2.xfeatures2d.BriefDescriptorExtractor_create(bits // 8)
    keys = [cv2.KeyPoint(float(x) - 0.5, float(y) - 0.5, 1.0, -1.0, 0.0, 0, i) for i, (x, y) in enumerate(points)]
    kept, descriptors = maker.compute(gray, keys) if keys else ((), None)
    which = np.array([k.class_id for k in kept], dtype=np.int64)
    if descriptors is None or not len(which):
        return np.zeros(0, np.int64), np.zeros((0, bits // 8), np.uint8)
    return which, descriptors


def pair(
    where: str, a: NDArray[Any], b: NDArray[Any], *, ratio: float, cross_check: bool, method: str
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Pair descriptors N D: nearest neighbors that are clearly nearer than the second nearest.

    Args:
        where: the technique's name, for the sentence.
        a: first set; uint8 is compared by bits that differ, float32 by distance.
        b: second set, like the first.
        ratio: nearest over second nearest must be below it; 1 keeps all.
        cross_check: keep only pairs that are each other's nearest.
        method: `flann` (trees or hashes, approximate) or `brute_force`.

    Returns:
        pairs N 2 in order of `a`, distances N.
    """
    if len(a) == 0 or len(b) == 0:
        return np.zeros((0, 2), np.int64), np.zeros(0)
    near, distance, clear = _nearest(where, a, b, ratio, method)
    keep = clear
    if cross_check:
        back, _, _ = _nearest(where, b, a, 1.0, method)
        keep = keep & (back[near] == np.arange(len(a))) & (near >= 0)
    rows = np.flatnonzero(keep & (near >= 0))
    return np.stack([rows, near[rows]], axis=1).astype(np.int64), distance[rows]


def _nearest(
    where: str, a: NDArray[Any], b: NDArray[Any], ratio: float, method: str
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
    cv2 = need("cv2", where)
    binary = a.dtype == np.uint8
    # trees of a handful of entries find nothing that looking at all of them would not
    if method == "flann" and len(b) >= 16:
        cv2.setRNGSeed(1)  # the same call gives the same pairs
        index = {"algorithm": 6, "table_number": 12, "key_size": 18, "multi_probe_level": 2}
        matcher = cv2.FlannBasedMatcher(index if binary else {"algorithm": 1, "trees": 5}, {"checks": 96})
    else:
        matcher = cv2.BFMatcher(cv2.NORM_HAMMING if binary else cv2.NORM_L2)
    found = matcher.knnMatch(np.ascontiguousarray(a), np.ascontiguousarray(b), k=min(2, len(b)))
    near = np.full(len(a), -1, dtype=np.int64)
    distance = np.full(len(a), np.inf)
    clear = np.zeros(len(a), dtype=np.bool_)
    for row, both in enumerate(found):
        if both:
            near[row], distance[row] = both[0].trainIdx, both[0].distance
            second = both[1].distance if len(both) > 1 else np.inf
            clear[row] = ratio >= 1.0 or both[0].distance < ratio * second
    return near, distance, clear
