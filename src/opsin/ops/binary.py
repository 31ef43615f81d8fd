"""Masks: how far, which pieces, which pattern, which skeleton."""

from typing import Annotated, Any, Literal

import numpy as np

from opsin import values
from opsin.errors import ParamError, refusal, verbatim
from opsin.kernels.distance import distances
from opsin.kernels.extras import need
from opsin.op import op
from opsin.types import Array, Mask, Shape

Pattern = Annotated[Array, Shape(2)]


@op(extra="cv")
def distance_transform(
    mask: Mask, /, *, metric: Literal["euclidean", "taxicab", "chessboard"] = "euclidean"
) -> values.Distances:
    """Measure how far each pixel of a mask is from the nearest pixel outside it.

    Use it to find the middles of touching things (its peaks), the thickness of strokes, or a margin of given width.

    Args:
        metric: "euclidean" (exact), "taxicab" (steps along rows and columns) or "chessboard" (diagonal steps too).

    Returns:
        H W float64 in pixels, 0 outside the mask; what lies beyond the picture is not outside.

    Raises:
        ParamError: a mask that is True everywhere, from which nothing is any distance away.

    Source:
        Felzenszwalb and Huttenlocher, "Distance transforms of sampled functions", 2012; the same numbers as SciPy's
        distance_transform_edt and distance_transform_cdt.
    """
    if mask.all():
        hint = "Pad it with False to measure from the picture's edge."
        raise ParamError(refusal("distance_transform", "mask", "False somewhere", verbatim("True everywhere"), hint))
    return values.Distances.of(distances("distance_transform", mask, metric), metric=metric)


@op(extra="cv")
def label_regions(mask: Mask, /, *, connectivity: Literal[1, 2] = 2) -> values.Labels:
    """Number the pieces of a mask and measure them.

    Use it to count separate things; where they touch, use `watershed`. The result knows the area, the middle and the
    box of every piece.

    Args:
        connectivity: 2 joins pixels that touch at a corner, 1 only those that share a side.

    Returns:
        H W int32, 0 outside the mask and 1, 2, ... in the order in which rows meet the pieces.

    Source:
        Rosenfeld and Pfaltz, "Sequential operations in digital picture processing", 1966; as SciPy and scikit-image.
    """
    ndimage = need("scipy.ndimage", "label_regions")
    numbered, _ = ndimage.label(mask, ndimage.generate_binary_structure(2, connectivity))
    return values.Labels.of(numbered, background=0, method="label_regions")


def _even(shape: tuple[int, ...]) -> tuple[int, ...]:
    """How far the middle of a turned pattern has moved: sides of even length have no pixel in the middle."""
    return tuple(-1 if side % 2 == 0 else 0 for side in shape)


def _pattern_halo(**params: Any) -> int:
    return max(max(np.shape(params["hit"])), max(np.shape(params["miss"])))


@op(extra="cv", halo=_pattern_halo)
def hit_or_miss(mask: Mask, /, *, hit: Pattern, miss: Pattern) -> values.Mask:
    """Find every place where a pattern of True and False pixels occurs.

    Use it for corners, line ends, junctions and isolated pixels of masks and skeletons.

    Args:
        hit: K L, nonzero where the mask must be True.
        miss: K L, nonzero where the mask must be False; what is 0 in both may be anything.

    Returns:
        H W bool, True where the pattern's middle (K // 2, L // 2) fits; what lies beyond the picture counts as False.
        (OpenCV's MORPH_HITMISS lets it fit anything, and so differs along the edge unless the mask is padded.)

    Raises:
        ParamError: patterns that ask for nothing, or for True and False at one place.

    Source:
        Serra, "Image Analysis and Mathematical Morphology", 1982; as SciPy's binary_hit_or_miss.
    """
    ndimage = need("scipy.ndimage", "hit_or_miss")
    wanted, unwanted = hit != 0, miss != 0
    if not wanted.any() and not unwanted.any():
        raise ParamError(refusal("hit_or_miss", "hit", "nonzero somewhere, or miss", verbatim("only zeros in both")))
    if wanted.shape == unwanted.shape and (wanted & unwanted).any():
        row, column = np.argwhere(wanted & unwanted)[0]
        got = verbatim(f"True and False asked for at row {row}, column {column}")
        raise ParamError(refusal("hit_or_miss", "miss", "0 where hit is not", got))
    found = np.ones(mask.shape, dtype=np.bool_)
    if wanted.any():
        found &= ndimage.binary_erosion(mask, wanted)
    if unwanted.any():
        found &= ~ndimage.binary_dilation(mask, unwanted[::-1, ::-1], origin=_even(unwanted.shape))
    return values.Mask.of(found, method="hit_or_miss")


@op(extra="cv")
def skeletonize(mask: Mask, /, *, method: Literal["zhang", "lee"] = "zhang") -> values.Mask:
    """Thin a mask to lines one pixel wide in the middle of its parts.

    Use it to measure lengths, to follow strokes, roads or vessels; line ends and junctions are found by `hit_or_miss`.

    Args:
        method: "zhang" is quick; "lee" leaves fewer spurs.

    Returns:
        H W bool; pieces stay connected as they were.

    Source:
        Zhang and Suen, "A fast parallel algorithm for thinning digital patterns", 1984; Lee, Kashyap and Chu,
        "Building skeleton models via 3-D medial surface/axis thinning algorithms", 1994; as scikit-image.
    """
    morphology = need("skimage.morphology", "skeletonize")
    thin = morphology.skeletonize(np.array(mask), method=method)  # it asks for memory it may write
    return values.Mask.of(np.asarray(thin) != 0, method=f"skeletonize {method}")
