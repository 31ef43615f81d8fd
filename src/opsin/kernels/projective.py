"""Projective maps between point sets: estimate robustly, and say why a set of points does not determine one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from opsin.geometry import project, shift
from opsin.kernels.extras import need

__all__ = ["fit_homography", "flaw_of"]

Floats = NDArray[np.float64]
_FLAT = 1e-3  # spread across over spread along, below which points lie on a line


def flaw_of(points: Floats) -> str:
    """Say why points N 2 cannot determine a projective map, or nothing."""
    distinct = np.unique(np.round(points, 3), axis=0)
    if len(distinct) < 4:
        return f"{len(distinct)} different points"
    spread = np.linalg.svd(distinct - distinct.mean(axis=0), compute_uv=False)
    if spread[1] <= _FLAT * spread[0]:
        return "points on one line"
    if len(distinct) <= 12:
        # all but one on a line leaves the map open too
        for i in range(len(distinct)):
            rest = np.delete(distinct, i, axis=0)
            s = np.linalg.svd(rest - rest.mean(axis=0), compute_uv=False)
            if s[1] <= _FLAT * s[0]:
                return "points of which all but one lie on one line"
    return ""


def fit_homography(
    where: str, source: Floats, target: Floats, *, method: str, threshold: float
) -> tuple[Floats | None, NDArray[np.bool_]]:
    """Estimate the matrix source -> target that most pairs agree with; gives None and nobody where there is none.

    Args:
        where: the technique's name, for the sentence.
        source: N 2.
        target: N 2.
        method: `ransac`, `magsac` or `least_squares` (all pairs, none left out).
        threshold: how far, in pixels of the target, a pair may be off and still agree.

    Source:
        Fischler and Bolles, 1981 (RANSAC); Barath et al., "MAGSAC++, a fast, reliable and accurate robust estimator",
        2020; both by OpenCV, the agreeing pairs refined by least squares of the reprojection error.
    """
    cv2 = need("cv2", where)
    nobody = np.zeros(len(source), dtype=np.bool_)
    # numbers about the middle, so that a large picture costs no precision
    a, b = source.mean(axis=0), target.mean(axis=0)
    s, t = (source - a).astype(np.float64), (target - b).astype(np.float64)
    flags = {"ransac": cv2.RANSAC, "magsac": cv2.USAC_MAGSAC, "least_squares": 0}
    try:
        m, agree = cv2.findHomography(s, t, flags[method], threshold, None, 10_000, 0.9999)
    except cv2.error:
        return None, nobody
    if m is None or not np.isfinite(m).all():
        return None, nobody
    inliers = np.ones(len(s), dtype=np.bool_) if method == "least_squares" else agree.ravel().astype(np.bool_)
    if method != "least_squares":
        for _ in range(4):
            if np.count_nonzero(inliers) < 4:
                return None, nobody
            again, _ = cv2.findHomography(s[inliers], t[inliers], 0)
            if again is None or not np.isfinite(again).all():
                break
            with np.errstate(invalid="ignore"):
                now = np.hypot(*(project(again, s) - t).T) <= threshold
            if np.count_nonzero(now) < np.count_nonzero(inliers):
                break
            m, done = again, bool((now == inliers).all())
            inliers = now
            if done:
                break
    out = shift(b[0], b[1]) @ m @ shift(-a[0], -a[1])
    if abs(out[2, 2]) < 1e-12:
        return None, nobody
    return out / out[2, 2], inliers
