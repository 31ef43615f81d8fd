"""Bright from dark by a threshold that the picture itself suggests."""

import math
from typing import Annotated, Literal

import numpy as np

from opsin import values
from opsin.arrays import full_scale
from opsin.errors import ParamError, refusal, verbatim
from opsin.kernels.brightness import brightness
from opsin.kernels.extras import need
from opsin.kernels.otsu import multi_otsu
from opsin.op import op
from opsin.ops._planes import odd
from opsin.types import Array, Bound, Gray, Unit, Usual

Method = Literal["otsu", "ridler_calvard", "li", "yen", "triangle", "multi_otsu", "adaptive", "sauvola"]
_GLOBAL = {"otsu": "otsu", "ridler_calvard": "isodata", "li": "li", "yen": "yen", "triangle": "triangle"}


@op(extra="cv", quantizes=True)
def threshold(
    image: Gray,
    /,
    *,
    method: Method = "otsu",
    classes: Annotated[int, Bound(ge=2, le=32), Usual(3, 6)] = 3,
    window: Annotated[int, Bound(ge=3, le=9999), Usual(9, 51), Unit("px")] = 15,
    offset: Annotated[float, Bound(ge=-1.0, le=1.0), Usual(-0.1, 0.1)] = 0.0,
    k: Annotated[float, Bound(ge=-10.0, le=10.0), Usual(0.05, 0.5)] = 0.2,
) -> values.Mask:
    """Separate bright from dark with a threshold found in the picture.

    Use "otsu" where two kinds of pixels are about equally many, "li" for dim objects on a dark ground, "triangle" or
    "yen" where objects are few, "multi_otsu" for several kinds; "adaptive" and "sauvola" follow uneven light, the
    latter made for printed text. Color is read as brightness.

    Args:
        method: how the threshold is found. "ridler_calvard" (also known as isodata) is the mean of the two sides'
            means.
        classes: how many kinds of pixels there are; for "multi_otsu" only.
        window: side of the neighborhood in pixels, odd; for "adaptive" and "sauvola" only.
        offset: what is taken off the neighborhood's weighted mean, a fraction of full scale; for "adaptive" only.
        k: how much local contrast moves the threshold; for "sauvola" only.

    Returns:
        H W bool, True where the picture is brighter than the threshold. `.value` is the threshold as a fraction of
        full scale and `.level` the same in the picture's own levels: a number, H W for the local methods, one number
        per border for "multi_otsu", whose mask is True above the lowest of them and whose `.classes` number the kinds
        from 0, the darkest.

    Raises:
        ParamError: an even window, or fewer levels in the picture than classes.

    Source:
        Otsu 1979; Ridler and Calvard 1978; Li and Lee 1993; Yen, Chang and Chang 1995; Zack, Rogers and Latt 1977
        (triangle); Liao, Chen and Chung 2001 (several classes); Sauvola and Pietikainen 2000, with a dynamic range of
        half of full scale; as scikit-image.
    """
    gray = brightness("threshold", image)
    scale = full_scale(gray.dtype)
    if method in ("adaptive", "sauvola"):
        surface = _surface(gray, method, odd("threshold", "window", window), offset * scale, k, 0.5 * scale)
        local = np.multiply(surface, 1.0 / scale, out=np.empty(gray.shape, np.float32), casting="unsafe")
        return values.Mask.of(gray > surface, value=local, level=surface, method=method)
    if method == "multi_otsu":
        return _several(gray, classes, scale)
    first = gray.flat[0]
    if (gray == first).all():
        # one level has no two sides: nothing is brighter than it
        return values.Mask.of(
            np.zeros(gray.shape, dtype=np.bool_), value=float(first) / scale, level=float(first), method=method
        )
    filters = need("skimage.filters", "threshold")
    with np.errstate(divide="ignore", invalid="ignore"):
        level = getattr(filters, f"threshold_{_GLOBAL[method]}")(gray)
    return values.Mask.of(_above(gray, level), value=float(level) / scale, level=float(level), method=method)


def _above(gray: Array, level: float) -> Array:
    """Where a picture is brighter; whole numbers are compared as such, which is quick and the same."""
    return np.asarray(gray > (math.floor(level) if gray.dtype.kind == "u" else level))


def _surface(gray: Array, method: str, window: int, offset: float, k: float, dynamic: float) -> Array:
    filters = need("skimage.filters", "threshold")
    if method == "adaptive":
        out = filters.threshold_local(gray, window, method="gaussian", offset=offset)
    else:
        out = filters.threshold_sauvola(gray, window_size=window, k=k, r=dynamic)
    return np.asarray(out)


def _several(gray: Array, classes: int, scale: float) -> values.Mask:
    levels = multi_otsu(gray, classes)
    if levels is None:
        got = verbatim(f"{classes} for a picture of {len(np.unique(gray))} levels")
        raise ParamError(refusal("threshold", "classes", "at most the picture's number of levels", got))
    kinds = np.zeros(gray.shape, dtype=np.uint8)
    for level in levels:
        kinds += _above(gray, level)
    return values.Mask.of(
        kinds > 0,
        value=tuple(level / scale for level in levels),
        level=levels,
        method="multi_otsu",
        classes=kinds,
    )
