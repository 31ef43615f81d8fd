"""What a picture or its texture looks like, in numbers that classifiers take."""

import math
import warnings
from typing import Annotated, Literal

import numpy as np

from opsin.arrays import to_unit
from opsin.errors import ParamError, refusal
from opsin.kernels.brightness import brightness
from opsin.kernels.extras import need
from opsin.op import op
from opsin.types import Array, Bound, Image, Unit, Usual
from opsin.values import FilterBank, GradientHistograms, TextureCodes

Wave = Annotated[float, Bound(gt=0.0, le=0.5), Usual(0.05, 0.4)]


@op(extra="cv", unit_range=True)
def hog(
    image: Image,
    /,
    *,
    cell: Annotated[int, Bound(ge=2, le=4096), Unit("px"), Usual(4, 16)] = 8,
    block: Annotated[int, Bound(ge=1, le=64), Usual(1, 3)] = 2,
    bins: Annotated[int, Bound(ge=2, le=360), Usual(6, 12)] = 9,
    norm: Literal["l2-hys", "l2", "l1", "l1-sqrt"] = "l2-hys",
) -> GradientHistograms:
    """Count in each cell of a grid the directions in which the brightness changes.

    Use it to tell shapes apart: people, digits, signs. Bring pictures to one size first, as the length of the vector
    depends on it. In color the channel with the strongest change counts.

    Args:
        cell: side of a cell in pixels.
        block: side, in cells, of the overlapping blocks in which counts are brought to one scale.
        bins: directions between 0 and 180 degrees.
        norm: how a block is brought to one scale; "l2-hys" cuts at 0.2 and does it again.

    Returns:
        a vector of (blocks down) * (blocks across) * block * block * bins numbers; `.grid` has the axes apart.

    Raises:
        ParamError: a picture that is smaller than one block.

    Source:
        Dalal and Triggs, "Histograms of oriented gradients for human detection", 2005; scikit-image.
    """
    where = "hog"
    h, w = image.shape[:2]
    side = cell * block
    if min(h, w) < side:
        hint = "Use smaller cells or ops.resize."
        raise ParamError(refusal(where, "image", f"at least one block of {side} x {side} pixels", image, hint))
    color = image[..., :3] if image.ndim == 3 and image.shape[2] == 4 else image
    values = to_unit(np.ascontiguousarray(color), np.float64)
    values = values[..., 0] if values.ndim == 3 and values.shape[2] == 1 else values
    names = {"l2-hys": "L2-Hys", "l2": "L2", "l1": "L1", "l1-sqrt": "L1-sqrt"}
    grid = need("skimage.feature", where).hog(
        values,
        orientations=bins,
        pixels_per_cell=(cell, cell),
        cells_per_block=(block, block),
        block_norm=names[norm],
        feature_vector=False,
        channel_axis=2 if values.ndim == 3 else None,
    )
    return GradientHistograms.of(grid.ravel(), grid=grid, cell=cell, canvas=(w, h))


@op(extra="cv")
def lbp(
    image: Image,
    /,
    *,
    points: Annotated[int, Bound(ge=1, le=24), Usual(4, 16)] = 8,
    radius: Annotated[float, Bound(gt=0.0, le=1000.0), Unit("px"), Usual(1.0, 4.0)] = 1,
    method: Literal["default", "ror", "uniform", "nri_uniform"] = "default",
) -> TextureCodes:
    """Number every pixel by which of its neighbors on a circle are at least as bright.

    Use it for textures and faces under changing light: no order-keeping change of brightness alters it. Classifiers
    take the histogram, `.vector`; method "uniform" has few codes and does not change when the picture is turned.

    Args:
        points: neighbors on the circle.
        radius: of the circle in pixels; neighbors between pixels are interpolated.
        method: "default" gives each pattern its own code, "ror" one code to patterns that are turns of each other,
            "uniform" one code per number of bright neighbors and one for irregular patterns, "nri_uniform" keeps the
            turns of regular patterns apart.

    Returns:
        H W codes; `.vector` is their histogram in fractions.

    Source:
        Ojala, Pietikainen and Maenpaa, "Multiresolution gray-scale and rotation invariant texture classification with
        local binary patterns", 2002; scikit-image.
    """
    where = "lbp"
    gray = brightness(where, image).astype(np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-image would rather see whole numbers; equal values stay equal here
        codes = need("skimage.feature", where).local_binary_pattern(gray, points, radius, method)
    counts = {"uniform": points + 2, "nri_uniform": points * (points - 1) + 3}
    whole = codes.astype(np.int32)
    return TextureCodes.of(whole, count=counts.get(method, 1 << points), method=method)


@op(extra="cv")
def gabor_bank(
    image: Image,
    /,
    *,
    frequencies: tuple[Wave, ...] = (0.1, 0.2, 0.3, 0.4),
    orientations: Annotated[int, Bound(ge=1, le=180), Usual(2, 8)] = 6,
    bandwidth: Annotated[float, Bound(ge=0.1, le=10.0), Usual(0.5, 2.0)] = 1.0,
) -> FilterBank:
    """Measure how strongly waves of several lengths and directions answer at each pixel.

    Use it for textures: cloth, wood, rock, finger prints. Classifiers take `.vector`, the mean and standard deviation
    of each filter's answer.

    Args:
        frequencies: waves per pixel, at most 0.5.
        orientations: directions, evenly spread over 180 degrees, beginning with waves that follow each other from
            left to right.
        bandwidth: of each filter in octaves.

    Returns:
        H W K float32, magnitudes: all directions of the first frequency, then of the second, ...

    Source:
        Jain and Farrokhnia, "Unsupervised texture segmentation using Gabor filters", 1991; kernels as scikit-image's
        gabor_kernel, edges mirrored with the edge repeated.
    """
    where = "gabor_bank"
    cv2, filters = need("cv2", where), need("skimage.filters", where)
    gray = to_unit(brightness(where, image), np.float64)
    h, w = gray.shape
    out = np.empty((h, w, len(frequencies) * orientations), dtype=np.float32)
    angles: list[float] = []
    for i, frequency in enumerate(frequencies):
        for j in range(orientations):
            theta = math.pi * j / orientations
            kernel = filters.gabor_kernel(frequency, theta=theta, bandwidth=bandwidth)
            out[..., i * orientations + j] = np.abs(_convolve(cv2, gray, kernel))
            angles.append(-math.degrees(theta) % 180.0)  # rows count downwards, angles are as seen
    waves = tuple(f for f in frequencies for _ in range(orientations))
    return FilterBank.of(out, frequencies=waves, angles=tuple(angles))


def _convolve(cv2: object, gray: Array, kernel: Array) -> Array:
    """Convolve with a complex kernel, the picture mirrored beyond its edges as often as the kernel reaches."""
    y, x = kernel.shape[0] // 2, kernel.shape[1] // 2
    wide = np.pad(gray, ((y, y), (x, x)), mode="symmetric")
    flipped = kernel[::-1, ::-1]
    run = cv2.filter2D  # type: ignore[attr-defined]
    real = run(wide, -1, np.ascontiguousarray(flipped.real))
    imaginary = run(wide, -1, np.ascontiguousarray(flipped.imag))
    h, w = gray.shape
    return (real + 1j * imaginary)[y : y + h, x : x + w]
