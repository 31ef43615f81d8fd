"""Points that can be found again in another picture of the same thing."""

from typing import Annotated, Literal

import numpy as np

from opsin.arrays import to_unit
from opsin.errors import ParamError, refusal, verbatim
from opsin.kernels.brightness import brightness
from opsin.kernels.extras import need
from opsin.kernels.keypoints import describe_brief, eight_bit, find
from opsin.op import op
from opsin.types import Array, Bound, Fraction, Image, Mask, Shape, Unit, Usual
from opsin.values import Points

Count = Annotated[int, Bound(ge=1, le=1_000_000), Usual(50, 2000)]
Places = Annotated[Array, Shape(2, (None, 2), empty=True), Unit("px")]


def _cover(where: str, mask: Array | None, image: Array) -> Array | None:
    if mask is not None and mask.shape != image.shape[:2]:
        h, w = image.shape[:2]
        raise ParamError(refusal(where, "mask", f"{h} x {w}, as the picture", mask))
    return mask


def _features(where: str, image: Array, kind: str, count: int, mask: Array | None) -> Points:
    found = find(where, eight_bit(where, image), kind, count, _cover(where, mask, image))
    return Points(
        found.points, scores=found.scores, sizes=found.sizes, angles=found.angles, descriptors=found.descriptors
    )


@op(extra="cv", unit_range=True)
def harris(
    image: Image,
    /,
    *,
    sigma: Annotated[float, Bound(gt=0.0, le=100.0), Unit("px"), Usual(0.8, 3.0)] = 1.5,
    k: Annotated[float, Bound(gt=0.0, lt=0.25), Usual(0.04, 0.06)] = 0.05,
    count: Count = 500,
    quality: Fraction = 0.01,
    distance: Annotated[int, Bound(ge=1, le=10_000), Unit("px"), Usual(1, 20)] = 5,
    mask: Mask | None = None,
) -> Points:
    """Find corners, where the brightness changes in two directions.

    Use it for calibration boards, buildings and other man-made things, and to feed `brief` or a tracker. Corners are
    placed between pixels, by a parabola through the response.

    Args:
        sigma: how far around a pixel changes are gathered, in pixels.
        k: weight of the trace; larger finds fewer edges that are no corners.
        count: at most so many, the strongest.
        quality: a corner's response must be above this fraction of the strongest one's.
        distance: at most one corner within so many pixels.
        mask: H W bool, where to look.

    Returns:
        Points N 2 with scores (the response), the strongest first; none in a flat picture.

    Raises:
        ParamError: a mask of another size.

    Source:
        Harris and Stephens, "A combined corner and edge detector", 1988; the response is that of scikit-image's
        corner_harris on edges replicated at the border.
    """
    where = "harris"
    ndimage = need("scipy.ndimage", where)
    peaks_of = need("skimage.feature", where).peak_local_max
    inside = _cover(where, mask, image)
    gray = to_unit(brightness(where, image), np.float64)
    gx, gy = ndimage.sobel(gray, axis=1, mode="nearest"), ndimage.sobel(gray, axis=0, mode="nearest")
    xx, xy, yy = (ndimage.gaussian_filter(p, sigma, mode="nearest") for p in (gx * gx, gx * gy, gy * gy))
    response = xx * yy - xy * xy - k * (xx + yy) ** 2
    # the least change of an 8-bit picture is 1 / 255: anything far below its response is rounding
    if float(response.max()) <= 1e-12:
        return Points(np.zeros((0, 2)), scores=np.zeros(0))
    shown = response if inside is None else np.where(inside, response, -np.inf)
    if not np.isfinite(shown).any() or float(shown.max()) <= 0.0:
        return Points(np.zeros((0, 2)), scores=np.zeros(0))
    level = max(quality * float(shown.max()), 1e-12)
    peaks = peaks_of(shown, min_distance=distance, threshold_abs=level, num_peaks=count, exclude_border=False)
    return Points(_between(response, peaks), scores=response[tuple(peaks.T)])


def _between(response: Array, peaks: Array) -> Array:
    """Place each peak between the pixels: the top of a parabola along each axis, at most half a pixel away."""
    out = peaks[:, ::-1].astype(np.float64) + 0.5
    for axis in (0, 1):
        at = peaks[:, axis]
        ok = (at > 0) & (at < response.shape[axis] - 1)
        step = np.zeros((1, 2), dtype=np.int64)
        step[0, axis] = 1
        p = peaks[ok]
        low, here, high = (response[tuple((p + d * step).T)] for d in (-1, 0, 1))
        bend = low - 2.0 * here + high
        move = np.where(bend < 0.0, 0.5 * (low - high) / np.where(bend == 0.0, 1.0, bend), 0.0)
        out[ok, 1 - axis] += np.clip(move, -0.5, 0.5)
    return out


@op(extra="cv", unit_range=True)
def sift(image: Image, /, *, count: Count = 2000, mask: Mask | None = None) -> Points:
    """Find and describe points that survive turning, scaling and changes of light.

    Use it first when pictures are to be matched, laid on each other or searched; `orb` is quicker and less sure.

    Args:
        count: at most so many, the strongest.
        mask: H W bool, where to look.

    Returns:
        Points N 2 with scores, sizes (diameter in pixels), angles (degrees clockwise as seen) and descriptors
        (N 128 float32), the strongest first; none in a flat picture.

    Raises:
        ParamError: a mask of another size.

    Source:
        Lowe, "Distinctive image features from scale-invariant keypoints", 2004; OpenCV with precise upscaling, on
        brightness rounded to 8 bits.
    """
    return _features("sift", image, "sift", count, mask)


@op(extra="cv", unit_range=True)
def orb(image: Image, /, *, count: Count = 2000, mask: Mask | None = None) -> Points:
    """Find and describe points quickly, in bits.

    Use it where time counts: video, small machines; it survives turning and some scaling. It finds nothing within 31
    pixels of the edge, so that small pictures have no points.

    Args:
        count: at most so many, the strongest.
        mask: H W bool, where to look.

    Returns:
        Points N 2 with scores, sizes (diameter in pixels), angles (degrees clockwise as seen) and descriptors
        (N 32 uint8, 256 bits), the strongest first; none in a flat picture.

    Raises:
        ParamError: a mask of another size.

    Source:
        Rublee, Rabaud, Konolige and Bradski, "ORB: an efficient alternative to SIFT or SURF", 2011; OpenCV, on
        brightness rounded to 8 bits.
    """
    return _features("orb", image, "orb", count, mask)


@op(extra="cv", unit_range=True)
def brief(image: Image, /, points: Points | Places, *, bits: Literal[128, 256, 512] = 256) -> Points:
    """Describe given points by comparing the brightness of pairs of places around them.

    Use it on corners of `harris` where pictures are neither turned nor scaled against each other: frames of a video,
    stereo pairs. Points within 28 pixels of the edge are left out, as there is no room for the pairs.

    Args:
        points: Points, or N 2 (x, y) in pixels.
        bits: how many pairs are compared.

    Returns:
        Points N 2 with numbers (which of the given points they are) and descriptors (N bits/8 uint8).

    Raises:
        ParamError: points that are no N 2 array.

    Source:
        Calonder, Lepetit, Strecha and Fua, "BRIEF: binary robust independent elementary features", 2010; OpenCV.
    """
    where = "brief"
    given = np.asarray(points, dtype=np.float64)
    if not np.isfinite(given).all():
        raise ParamError(refusal(where, "points", "finite", verbatim("NaN or infinity")))
    gray = eight_bit(where, image)
    if min(gray.shape) < 57:
        rows, descriptors = np.zeros(0, np.int64), np.zeros((0, bits // 8), np.uint8)
    else:
        rows, descriptors = describe_brief(where, gray, given, bits)
    return Points(given[rows], numbers=rows, descriptors=descriptors)
