"""Similarities between point sets, and where the eyes of a face's landmarks are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from opsin.errors import ParamError, refusal

__all__ = ["eyes_and_mouth", "similarity"]

Floats = NDArray[np.float64]


def similarity(source: Floats, target: Floats) -> Floats:
    """Give the shift, turn and scale (3 x 3) that brings points N 2 closest to others, in the least squares.

    Source:
        Umeyama, "Least-squares estimation of transformation parameters between two point patterns", 1991; in two
        dimensions without mirroring it is one complex division.
    """
    a, b = source.mean(axis=0), target.mean(axis=0)
    s = (source - a) @ np.array([1.0, 1j])
    t = (target - b) @ np.array([1.0, 1j])
    z = np.vdot(s, t) / np.vdot(s, s)
    m = np.array([[z.real, -z.imag, 0.0], [z.imag, z.real, 0.0], [0.0, 0.0, 1.0]])
    m[:2, 2] = b - m[:2, :2] @ a
    return m


def eyes_and_mouth(where: str, points: Floats) -> tuple[Floats, Floats]:
    """Give the middles of the left and right eye as seen, from 2, 5 or 68 landmarks.

    Raises:
        ParamError: another number of landmarks.
    """
    if not np.isfinite(points).all() or len(points) not in (2, 5, 68):
        raise ParamError(refusal(where, "landmarks", "2, 5 or 68 finite points (x, y)", points))
    if len(points) == 68:  # iBUG: 36..41 and 42..47 go round the eyes
        eyes = [points[36:42].mean(axis=0), points[42:48].mean(axis=0)]
    elif len(points) == 5 and _corners_of_eyes(points):
        eyes = [points[0:2].mean(axis=0), points[2:4].mean(axis=0)]
    else:
        eyes = [points[0], points[1]]
    # a face on its side has no left by x alone: the order given is kept unless both say otherwise
    if len(points) == 5 and _corners_of_eyes(points) and eyes[0][0] > eyes[1][0]:
        eyes.reverse()
    return eyes[0], eyes[1]


def _corners_of_eyes(points: Floats) -> bool:
    """Tell dlib's five (two corners of each eye, base of the nose) from two eyes, nose and two corners of the mouth.

    In dlib's order the two pairs are the eyes, short and far from each other along one line; in the other the pairs
    (eye, eye) and (nose, mouth) are not.
    """
    a, b, c, d, nose = points
    first, second = np.hypot(*(a - b)), np.hypot(*(c - d))
    apart = np.hypot(*((a + b) / 2 - (c + d) / 2))
    along = (c + d) / 2 - (a + b) / 2
    off = abs(float(along[0] * (b - a)[1] - along[1] * (b - a)[0])) / max(float(apart * first), 1e-12)
    return bool(max(first, second) < 0.8 * apart and off < 0.7 and np.isfinite(nose).all())
