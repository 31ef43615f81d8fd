"""What belongs together in two pictures, and the projective map between them."""

from typing import Annotated, Literal

import numpy as np

from opsin.arrays import check_image
from opsin.errors import ParamError, refusal, verbatim
from opsin.geometry import Size, Warp, project
from opsin.kernels.extras import need
from opsin.kernels.keypoints import Found, eight_bit, find, pair
from opsin.kernels.projective import fit_homography, flaw_of
from opsin.kernels.resample import resample
from opsin.op import op
from opsin.types import Array, Bound, Image, Role, Shape, Unit, Usual
from opsin.values import Homography, Matches, Points

Described = Annotated[Points | Annotated[Array, Shape(2)], Role("descriptors")]
Ratio = Annotated[float, Bound(gt=0.0, le=1.0), Usual(0.6, 0.9)]
Places = Annotated[Array, Shape(2, (None, 2)), Unit("px")]


def _described(where: str, name: str, given: object) -> tuple[Array, Array | None]:
    """Read descriptors N D, and where they are: of Points, or a bare array."""
    if isinstance(given, Points):
        if "descriptors" not in given.columns:
            hint = "Use ops.sift, ops.orb or ops.brief."
            raise ParamError(refusal(where, name, "Points with descriptors", given, hint))
        return np.asarray(given.columns["descriptors"]), given.points
    array = np.asarray(given)
    if array.ndim != 2 or array.dtype.kind not in "uif" or not len(array) or not array.shape[1]:
        raise ParamError(refusal(where, name, "Points with descriptors, or an array N x D", given))
    if array.dtype != np.uint8:
        array = array.astype(np.float32)
        if not np.isfinite(array).all():
            raise ParamError(refusal(where, name, "finite", verbatim("NaN or infinity")))
    return array, None


@op(extra="cv")
def match_features(
    a: Described,
    /,
    b: Points | Annotated[Array, Shape(2), Role("descriptors")],
    *,
    ratio: Ratio = 0.75,
    cross_check: bool = False,
    method: Literal["flann", "brute_force"] = "flann",
) -> Matches:
    """Pair described points of two pictures: nearest neighbors that are clearly nearer than the second nearest.

    Use it on what `sift`, `orb` or `brief` found in each picture; `find_homography` does it by itself. "brute_force"
    looks at every pair and is exact; "flann" is quicker for thousands of points and may miss a few.

    Args:
        a: Points with descriptors, or descriptors N D: float32 are compared by distance, uint8 by bits that differ.
        b: the same of the other picture.
        ratio: nearest over second nearest distance must be below it; 1 keeps every point.
        cross_check: keep only pairs that are each other's nearest.
        method: "flann" (trees for floats, hashes for bits) or "brute_force".

    Returns:
        Matches in order of a: `.pairs` N 2, `.distances`, and where they are when Points were given; may be empty.

    Raises:
        ParamError: descriptors of two kinds or lengths.

    Source:
        Ratio test: Lowe, 2004. Muja and Lowe, "Fast approximate nearest neighbors with automatic algorithm
        configuration", 2009, by OpenCV.
    """
    where = "match_features"
    da, pa = _described(where, "a", a)
    db, pb = _described(where, "b", b)
    if da.shape[1] != db.shape[1] or da.dtype != db.dtype:
        hint = "Describe both pictures by the same technique."
        raise ParamError(refusal(where, "b", f"{da.dtype} descriptors of {da.shape[1]} numbers, as a", db, hint))
    pairs, distances = pair(where, da, db, ratio=ratio, cross_check=cross_check, method=method)
    return Matches(
        pairs,
        distances,
        points=None if pa is None else pa[pairs[:, 0]],
        other_points=None if pb is None else pb[pairs[:, 1]],
        method=method,
    )


@op(extra="cv", unit_range=True)
def find_homography(
    image: Image,
    /,
    other: Image,
    points: Places | None = None,
    other_points: Places | None = None,
    *,
    feature: Literal["sift", "orb"] = "sift",
    threshold: Annotated[float, Bound(gt=0.0, le=1000.0), Unit("px"), Usual(1.0, 5.0)] = 3.0,
    method: Literal["ransac", "magsac", "least_squares"] = "ransac",
    ratio: Ratio = 0.75,
    count: Annotated[int, Bound(ge=4, le=1_000_000), Usual(500, 10_000)] = 5000,
    least: Annotated[int, Bound(ge=4, le=1_000_000), Usual(6, 30)] = 10,
    passes: Annotated[int, Bound(ge=0, le=20), Usual(0, 5)] = 4,
) -> Homography:
    """Find the projective map from one picture to another picture of the same flat thing, or from the same place.

    Use it to find a logo, page or poster in a scene, to straighten it, and to lay views of a plane on each other.
    "magsac" is surer than "ransac" where few pairs are right. Pairs of points may be given instead.

    Args:
        other: the other picture, of any size.
        points: N 2 in the first picture, with other_points; None finds and matches features.
        other_points: N 2 in the other picture.
        feature: what is matched.
        threshold: how far, in pixels of the other picture, a pair may be off and still agree.
        method: "ransac", "magsac", or "least_squares", which trusts every pair.
        ratio: nearest over second nearest descriptor must be below it.
        count: at most so many features in each picture.
        least: fewer agreeing pairs than this are taken for chance; pairs that are given need only 4.
        passes: how often the first picture is carried onto the other and matched again there, where the two look
            alike: more pairs, and places that perspective does not shift. It ends early when nothing moves.

    Returns:
        Homography: `.matrix` maps the first picture's points to the other's, `.inliers`, `.error` in pixels, `.warp`.

    Raises:
        ParamError: too few features, pairs or agreeing pairs; points on a line; a map that mirrors or tears the
            picture: with the reason.

    Source:
        Hartley and Zisserman, "Multiple view geometry", 2004, ch. 4; RANSAC 1981; MAGSAC++ 2020; by OpenCV.
    """
    where = "find_homography"
    check_image(where, other, name="other", unit=True)
    if (points is None) != (other_points is None):
        missing = "points" if points is None else "other_points"
        raise ParamError(refusal(where, missing, "given with its counterpart", verbatim("nothing")))
    if points is not None and other_points is not None:
        matches = _given(where, points, other_points)
        least = 4
    else:
        matches = _matched(where, image, other, feature, ratio, count, least)
    assert matches.points is not None and matches.other_points is not None
    name = "points" if points is not None else "image"
    for which, place in (("image", matches.points), ("other", matches.other_points)):
        flaw = flaw_of(place)
        if flaw:
            which = which if name == "image" else {"image": "points", "other": "other_points"}[which]
            raise ParamError(refusal(where, which, "matched at 4 points, no 3 on a line", verbatim(flaw)))
    matrix, inliers = fit_homography(where, matches.points, matches.other_points, method=method, threshold=threshold)
    agree = int(np.count_nonzero(inliers))
    flaw = flaw_of(matches.points[inliers]) or flaw_of(matches.other_points[inliers]) if agree >= 4 else ""
    if matrix is None or agree < least or flaw:
        got = verbatim(flaw or f"{agree} of {len(matches)} pairs that agree")
        raise ParamError(refusal(where, name, f"related to other by at least {least} pairs in general position", got))
    size, target = Size(image.shape[1], image.shape[0]), Size(other.shape[1], other.shape[0])
    _sane(where, matrix, matches.points[inliers])
    passes = passes if points is None else 0
    gray, seen = eight_bit(where, image), None
    for _ in range(passes):
        seen = seen or find(where, eight_bit(where, other), feature, count)
        better = _again(where, gray, seen, Warp.of(matrix, size, target), feature, count, threshold)
        if better is None or int(np.count_nonzero(better[2])) < max(least, int(np.count_nonzero(inliers)) // 2):
            break
        moved = np.hypot(*(project(better[0], size.corners) - project(matrix, size.corners)).T)
        matrix, matches, inliers = better
        if float(np.nan_to_num(moved, nan=np.inf).max()) < 0.05:
            break
    assert matches.points is not None and matches.other_points is not None
    there = project(matrix, matches.points[inliers])
    error = float(np.hypot(*(there - matches.other_points[inliers]).T).mean())
    warp = Warp.of(matrix, size, target)
    return Homography(warp, matches=matches, inliers=inliers, error=error, method=method)


def _given(where: str, points: Array, other_points: Array) -> Matches:
    a, b = np.asarray(points, dtype=np.float64), np.asarray(other_points, dtype=np.float64)
    if len(a) != len(b):
        raise ParamError(refusal(where, "other_points", f"{len(a)} points, as points", b))
    if len(a) < 4:
        raise ParamError(refusal(where, "points", "at least 4 pairs", verbatim(f"{len(a)}")))
    index = np.arange(len(a))
    return Matches(np.stack([index, index], axis=1), np.zeros(len(a)), points=a, other_points=b, method="given")


def _matched(where: str, image: Array, other: Array, feature: str, ratio: float, count: int, least: int) -> Matches:
    found = []
    for name, picture in (("image", image), ("other", other)):
        one = find(where, eight_bit(where, picture), feature, count)
        if len(one.points) < least:
            got = verbatim(f"{len(one.points)} in {picture.shape[1]} x {picture.shape[0]} pixels")
            hint = "A picture without texture, or too small, cannot be matched."
            raise ParamError(refusal(where, name, f"a picture with at least {least} {feature} features", got, hint))
        found.append(one)
    a, b = found
    pairs, distances = pair(where, a.descriptors, b.descriptors, ratio=ratio, cross_check=False, method="flann")
    # many points that claim one place in the other picture are a repeated texture: the best of them stays
    order = np.argsort(distances, kind="stable")
    _, first = np.unique(pairs[order, 1], return_index=True)
    keep = np.sort(order[first])
    pairs, distances = pairs[keep], distances[keep]
    if len(pairs) < least:
        got = verbatim(f"{len(pairs)} of {len(a.points)} and {len(b.points)} features that match")
        hint = "The pictures may not show the same thing; a higher ratio keeps more."
        raise ParamError(refusal(where, "other", f"matched at no fewer than {least} features", got, hint))
    pa, pb = a.points[pairs[:, 0]], b.points[pairs[:, 1]]
    return Matches(pairs, distances, points=pa, other_points=pb, method=f"{feature}, flann")


def _again(
    where: str, gray: Array, b: Found, warp: Warp, feature: str, count: int, threshold: float
) -> tuple[Array, Matches, Array] | None:
    """Match once more with the first picture carried onto the other; None where that gives no map."""
    moved = resample(gray, warp)
    # points near the carried edge would describe the emptiness beside it
    inside = need("scipy.ndimage", where).binary_erosion(
        resample(np.full_like(gray, 255), warp) == 255, np.ones((9, 9)), border_value=1
    )
    a = find(where, moved, feature, count, inside)
    if len(a.points) < 4 or len(b.points) < 4:
        return None
    # only points near each other are compared: at most 12 neighbors within reach
    reach = max(4.0, threshold)
    tree = need("scipy.spatial", where).cKDTree(b.points)
    apart, index = tree.query(a.points, k=min(12, len(b.points)), distance_upper_bound=reach)
    near = np.where(np.isfinite(apart), index, 0)
    if a.descriptors.dtype == np.uint8:
        unlike = np.bitwise_count(a.descriptors[:, None] ^ b.descriptors[near]).sum(axis=2).astype(np.float64)
    else:
        unlike = np.sqrt(((a.descriptors[:, None] - b.descriptors[near]) ** 2).sum(axis=2, dtype=np.float64))
    unlike[~np.isfinite(apart)] = np.inf
    row = np.arange(len(unlike))
    best = unlike.argmin(axis=1)
    distance, chosen = unlike[row, best], near[row, best]
    # a quarter of the bits, or a distance at which SIFT's are rarely of one place
    keep = distance < (64.0 if a.descriptors.dtype == np.uint8 else 300.0)
    order = np.argsort(distance[keep], kind="stable")
    rows = row[keep][order]
    _, first = np.unique(chosen[rows], return_index=True)
    rows = np.sort(rows[first])
    pa, pb = warp.pull(a.points[rows]), b.points[chosen[rows]]
    if len(rows) < 4 or flaw_of(pa) or flaw_of(pb):
        return None
    out, inliers = fit_homography(where, pa, pb, method="ransac", threshold=min(threshold, 2.0))
    if out is None or np.linalg.det(out) <= 0.0 or flaw_of(pa[inliers]) or flaw_of(pb[inliers]):
        return None
    pairs = np.stack([rows, chosen[rows]], axis=1)
    return out, Matches(pairs, distance[rows], points=pa, other_points=pb, method=f"{feature}, near"), inliers


def _sane(where: str, matrix: Array, points: Array) -> None:
    """Refuse a map that mirrors the picture or carries agreeing points through the horizon."""
    w = points @ matrix[2, :2] + matrix[2, 2]
    if np.linalg.det(matrix) <= 0.0 or (w <= 0.0).any():
        got = verbatim("one that mirrors it" if (w > 0.0).all() else "one whose horizon runs through its points")
        raise ParamError(refusal(where, "image", "related to other by a map that a camera can make", got))
