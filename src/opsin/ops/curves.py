"""Curves of brightness that somebody draws, or that every neighborhood draws for itself."""

from typing import Annotated

import numpy as np

from opsin.arrays import from_unit, to_unit
from opsin.errors import ParamError, refusal
from opsin.geometry import fold
from opsin.kernels.lightness import join_lightness, split_lightness
from opsin.kernels.planes import joined, split
from opsin.op import op, pointwise
from opsin.types import Array, Bound, Channels, Fraction, Image, Usual, Values

_BLOCK = 1 << 17  # pixels interpolated at a time


@op(quantizes=True, unit_range=True)
def clahe(
    image: Image,
    /,
    *,
    clip_limit: Annotated[float, Bound(ge=0.0, le=10000.0), Usual(1.0, 8.0)] = 2.0,
    tiles: Annotated[int, Bound(ge=1, le=256), Usual(2, 16)] = 8,
    channels: Channels = "color",
) -> Image:
    """Equalize every neighborhood by itself, but never raise contrast beyond a limit.

    Use it for x-rays, fundus pictures, fog and dim light: it brings out local detail without blowing up noise. Color
    pictures are equalized in their lightness (CIE L*), so that colors keep their hue.

    Args:
        clip_limit: the steepest slope of a tile's curve, counted in slopes of the identity; 0 sets no limit.
        tiles: number of tiles along each side; curves are interpolated between tile middles.
        channels: "bands" when a fourth channel is not alpha; every band is then equalized by itself.

    Returns:
        same shape and dtype; alpha is left alone. Pictures of 16 bits and floats are worked on in 65,536 levels.

    Source:
        Zuiderveld, "Contrast limited adaptive histogram equalization", Graphics Gems IV, 1994; OpenCV's createCLAHE.
    """
    color, alpha = split(image, channels)
    if color.ndim == 2:
        return _clahe(color, clip_limit, tiles)
    if color.shape[2] != 3 or channels == "bands":
        planes = [_clahe(np.ascontiguousarray(color[..., c]), clip_limit, tiles) for c in range(color.shape[2])]
        return joined(np.stack(planes, axis=-1), alpha)
    lightness, a, b = split_lightness(to_unit(color))
    levels = from_unit(np.clip(lightness, 0.0, 1.0), image.dtype)
    return joined(from_unit(join_lightness(to_unit(_clahe(levels, clip_limit, tiles)), a, b), image.dtype), alpha)


def _clahe(plane: Array, clip_limit: float, tiles: int) -> Array:
    """Equalize one channel H W."""
    levels = from_unit(plane, np.uint16) if plane.dtype.kind == "f" else plane
    count = 256 if levels.dtype == np.uint8 else 65536
    h, w = levels.shape
    if h % tiles or w % tiles:
        # OpenCV fills up both sides as soon as one does not divide
        rows, columns = h + tiles - h % tiles, w + tiles - w % tiles
        y = np.floor(fold(np.arange(rows) + 0.5, h, "reflect")).astype(np.int64)
        x = np.floor(fold(np.arange(columns) + 0.5, w, "reflect")).astype(np.int64)
        full = levels[y[:, None], x]
    else:
        full = levels
    tall, wide = full.shape[0] // tiles, full.shape[1] // tiles
    curves = np.empty((tiles * tiles, count), np.float32)
    scale = np.float32((count - 1) / (tall * wide))
    for k in range(tiles * tiles):
        top, left = (k // tiles) * tall, (k % tiles) * wide
        tile = full[top : top + tall, left : left + wide]
        counts = np.bincount(tile.ravel(), minlength=count)
        curves[k] = np.cumsum(_clipped(counts, clip_limit, tall * wide)) * scale
    if plane.dtype.kind != "f":
        np.rint(curves, out=curves)
        np.clip(curves, 0, count - 1, out=curves)
    out = _interpolated(levels, curves.ravel(), count, tiles, tall, wide)
    if plane.dtype.kind == "f":
        return np.clip(out * np.float32(1.0 / (count - 1)), 0.0, 1.0)
    return np.clip(np.rint(out), 0, count - 1).astype(plane.dtype)


def _clipped(counts: Array, clip_limit: float, area: int) -> Array:
    """Cut a histogram off at the limit and hand what was cut to all levels alike; the total stays."""
    if clip_limit <= 0.0:
        return counts
    n = len(counts)
    limit = max(int(clip_limit * area / n), 1)
    cut = int(np.maximum(counts - limit, 0).sum())
    out = np.minimum(counts, limit) + cut // n
    rest = cut % n
    if rest:
        step = max(n // rest, 1)
        out[: rest * step : step] += 1
    return out


def _interpolated(levels: Array, curves: Array, count: int, tiles: int, tall: int, wide: int) -> Array:
    """Look every pixel up in the curves of the four tiles around it and interpolate."""
    h, w = levels.shape

    def around(n: int, length: int) -> tuple[Array, Array, Array]:
        at = np.arange(n, dtype=np.float32) * np.float32(1.0 / length) - np.float32(0.5)
        low = np.floor(at)
        part = at - low
        first = low.astype(np.int64)
        return np.clip(first, 0, tiles - 1), np.clip(first + 1, 0, tiles - 1), part

    x0, x1, fx = around(w, wide)
    y0, y1, fy = around(h, tall)
    gx, one = np.float32(1.0) - fx, np.float32(1.0)
    out = np.empty((h, w), np.float32)
    rows = max(1, _BLOCK // w)
    for top in range(0, h, rows):
        part = slice(top, top + rows)
        level = levels[part].astype(np.int64)
        up, down = (y0[part] * tiles)[:, None], (y1[part] * tiles)[:, None]
        fade = fy[part][:, None]
        upper = curves[(up + x0) * count + level] * gx + curves[(up + x1) * count + level] * fx
        lower = curves[(down + x0) * count + level] * gx + curves[(down + x1) * count + level] * fx
        out[part] = upper * (one - fade) + lower * fade
    return out


@pointwise
def tone_curve(
    values: Values, /, *, points: tuple[tuple[Fraction, Fraction], ...], channels: Channels = "color"
) -> Values:
    """Map brightness by a smooth curve through given points, as the curve tools of photo programs do.

    Use it for a stated look, or with `choice(...)` of several curves as augmentation. The curve never overshoots:
    between two points it stays between their heights.

    Args:
        points: pairs (in, out), fractions of full scale, in any order; black (0, 0) and white (1, 1) are added where
            no point is given for them.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype.

    Raises:
        ParamError: two points with the same "in".

    Source:
        Fritsch and Butland, "A method for constructing local monotone piecewise cubic interpolants", 1984; SciPy's
        PchipInterpolator.
    """
    given = sorted(points)
    if given[0][0] > 0.0:
        given = [(0.0, 0.0), *given]
    if given[-1][0] < 1.0:
        given = [*given, (1.0, 1.0)]
    x, y = np.array(given).T
    gaps = np.diff(x)
    if (gaps <= 0.0).any():
        raise ParamError(refusal("tone_curve", "points", "at different places", tuple(points), "Drop one of a pair."))
    slopes = _slopes(gaps, np.diff(y) / gaps)
    k = np.clip(np.searchsorted(x, values, side="right") - 1, 0, len(gaps) - 1)
    t = (values - x[k]) / gaps[k]
    rise, fall = slopes[k] * gaps[k], slopes[k + 1] * gaps[k]
    step = y[k + 1] - y[k]
    # the cubic through both ends with both slopes
    out = y[k] + t * (rise + t * ((3.0 * step - 2.0 * rise - fall) + t * (rise + fall - 2.0 * step)))
    return out.astype(values.dtype, copy=False)


def _slopes(gaps: Array, secants: Array) -> Array:
    """The slope at each point: a weighted harmonic mean of the secants beside it, 0 at a peak."""
    n = len(gaps) + 1
    out = np.zeros(n)
    if n == 2:
        out[:] = secants[0]
        return out
    before, after = secants[:-1], secants[1:]
    w1, w2 = 2.0 * gaps[1:] + gaps[:-1], gaps[1:] + 2.0 * gaps[:-1]
    same = before * after > 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        out[1:-1] = np.where(same, (w1 + w2) / (w1 / before + w2 / after), 0.0)
    for end, (h0, h1, m0, m1) in (
        (0, (gaps[0], gaps[1], secants[0], secants[1])),
        (-1, (gaps[-1], gaps[-2], secants[-1], secants[-2])),
    ):
        slope = ((2.0 * h0 + h1) * m0 - h0 * m1) / (h0 + h1)
        if slope * m0 <= 0.0:
            slope = 0.0
        elif m0 * m1 <= 0.0 and abs(slope) > 3.0 * abs(m0):
            slope = 3.0 * m0
        out[end] = slope
    return out
