"""Looks: another picture's light, cartoons, pencils, long exposures, large pixels."""

import math
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any, Literal

import numpy as np

from opsin.arrays import check_image, from_unit, full_scale, to_unit
from opsin.errors import ParamError, refusal, verbatim
from opsin.kernels import exposure, histogram
from opsin.kernels.bilateral import bilateral
from opsin.kernels.diffusion import conduction, perona_malik
from opsin.kernels.extras import need
from opsin.kernels.gaussian import gaussian
from opsin.kernels.luma import luma
from opsin.kernels.median import median
from opsin.kernels.planes import split
from opsin.op import op
from opsin.ops._planes import color_of, odd, rejoin, second_picture, with_color
from opsin.types import Array, Bound, Channels, Frames, Image, Unit, Usual


@op
def match_histogram(image: Image, /, reference: Image, *, channels: Channels = "color") -> Image:
    """Give a picture the light and the colors of another one, channel by channel.

    Use it to turn day into night, to make scans of one series alike, or to bring a data set to one look.

    Args:
        reference: the picture whose distribution is taken; any size, any depth; gray serves for color.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype; alpha is untouched.

    Raises:
        ParamError: a reference with another number of color channels.

    Source:
        Gonzalez and Woods, "Digital Image Processing", 4th ed., 3.3; scikit-image's `match_histograms`.
    """
    color = color_of(image, channels)
    other = second_picture("match_histogram", "reference", reference, color)
    white = full_scale(other.dtype)
    if color.ndim == 2:
        return with_color(image, histogram.match(color, other, white), channels)
    out = np.empty(color.shape, dtype=image.dtype)
    for k in range(color.shape[2]):
        out[..., k] = histogram.match(np.ascontiguousarray(color[..., k]), other[..., k], white)
    return with_color(image, out, channels)


def _brightness(values: Array) -> Array:
    """Floats H W (C) to brightness H W: BT.601 of three channels, the mean of any other number."""
    if values.ndim == 2:
        return values
    return luma(values) if values.shape[2] == 3 else np.asarray(values.mean(axis=2, dtype=values.dtype))


@op(extra="cv")
def cartoon(
    image: Image,
    /,
    *,
    levels: Annotated[int, Bound(ge=0, le=8), Usual(0, 3)] = 2,
    edge: Annotated[int, Bound(ge=3, le=255), Unit("px"), Usual(5, 21)] = 9,
    passes: Annotated[int, Bound(ge=1, le=50), Usual(2, 10)] = 7,
    sigma_color: Annotated[float, Bound(gt=0.0, le=10.0), Usual(0.02, 0.3)] = 0.1,
    median_radius: Annotated[int, Bound(ge=1, le=10), Unit("px"), Usual(1, 4)] = 3,
    offset: Annotated[float, Bound(ge=0.0, le=1.0), Usual(0.0, 0.05)] = 2 / 255,
    channels: Channels = "color",
) -> Image:
    """Flatten the colors and ink the outlines.

    Use it on portraits and scenes with clear shapes. Color: halve the picture `levels` times, smooth it with `passes`
    bilateral filters, enlarge it again. Ink: brightness, median, then black where a pixel is darker than the mean of
    its neighborhood by more than `offset`.

    Args:
        levels: how often the picture is halved before smoothing; more gives larger flat areas.
        edge: side of the neighborhood for the outlines, odd, in pixels; larger draws thicker lines.
        passes: number of bilateral filters (radius 4, sigma 7 pixels).
        sigma_color: how different colors may be to melt, a fraction of full scale.
        median_radius: of the median before the outlines, in pixels; larger leaves fewer lines.
        offset: how much darker than around counts as ink, a fraction of full scale.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype.

    Raises:
        ParamError: an even edge.

    Source:
        The usual recipe (Joshi, "OpenCV with Python by Example", 2015): bilateral filter, median, adaptive threshold,
        bitwise and.
    """
    odd("cartoon", "edge", edge)
    cv2 = need("cv2", "cartoon", extra="cv")
    color = color_of(image, channels)
    smooth = color.reshape(*color.shape[:2], -1)
    if smooth.shape[2] not in (1, 3):
        planes = [_flatten(cv2, smooth[..., k], levels, passes, sigma_color) for k in range(smooth.shape[2])]
        smooth = np.stack(planes, axis=2)
    else:
        smooth = _flatten(cv2, smooth, levels, passes, sigma_color)
    ink = _ink(cv2, color, edge, median_radius, offset)
    out = smooth.reshape(color.shape) * ~ink.reshape(ink.shape + (1,) * (color.ndim - 2))
    return with_color(image, out.astype(image.dtype, copy=False), channels)


def _flatten(cv2: Any, color: Array, levels: int, passes: int, sigma_color: float) -> Array:
    sizes = []
    small = np.ascontiguousarray(color)
    for _ in range(levels):
        if min(small.shape[:2]) < 2:
            break
        sizes.append(small.shape[1::-1])
        small = cv2.pyrDown(small).reshape((small.shape[0] + 1) // 2, (small.shape[1] + 1) // 2, *color.shape[2:])
    for _ in range(passes):
        small = bilateral(small, 4, sigma_color, 7.0, "cartoon")
    for size in reversed(sizes):
        small = cv2.pyrUp(small, dstsize=size).reshape(size[1], size[0], *color.shape[2:])
    return np.asarray(small)


def _ink(cv2: Any, color: Array, edge: int, radius: int, offset: float) -> Array:
    """Where a pixel is darker than the mean around it; bytes are rounded at every step, as the recipe does."""
    gray = _brightness(to_unit(color))
    if color.dtype == np.uint8:
        calm = median(from_unit(gray, np.uint8), radius)
        words = (255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, edge, offset * 255.0)
        return np.asarray(cv2.adaptiveThreshold(calm, *words).reshape(gray.shape) == 0)
    calm = median(np.ascontiguousarray(gray), radius)
    around = cv2.blur(calm, (edge, edge), borderType=cv2.BORDER_REPLICATE).reshape(gray.shape)
    return np.asarray(calm <= around - np.float32(offset))


_PENCILS = {"dodge": 7.0, "dog": 1.0, "xdog": 0.8, "diffusion": 2.0}  # usual widths in pixels


def _sketch_halo(**params: Any) -> int:
    method = params.get("method", "dodge")
    sigma = params.get("sigma") or _PENCILS[method]
    if method == "diffusion":
        return _time(sigma) + 1
    return math.floor(4.0 * (sigma if method == "dodge" else 1.6 * sigma) + 0.5)


def _time(sigma: float) -> int:
    """The number of diffusion steps of 0.2 that smooth as far as a Gaussian of this sigma."""
    return max(1, round(sigma * sigma / 2.0 / 0.2))


@op(halo=_sketch_halo)
def sketch(
    image: Image,
    /,
    *,
    method: Literal["dodge", "dog", "xdog", "diffusion"] = "dodge",
    sigma: Annotated[float, Bound(gt=0.0, le=200.0), Unit("px"), Usual(0.5, 12.0)] | None = None,
    sharpness: Annotated[float, Bound(ge=0.0, le=1000.0), Usual(5.0, 40.0)] = 20.0,
    threshold: Annotated[float, Bound(ge=0.0, le=1.0), Usual(0.3, 0.8)] = 0.5,
    softness: Annotated[float, Bound(gt=0.0, le=10000.0), Usual(5.0, 300.0)] | None = None,
    kappa: Annotated[float, Bound(gt=0.0, le=10.0), Usual(0.02, 0.2)] = 0.06,
    channels: Channels = "color",
) -> Image:
    """Draw a picture with a pencil: light paper, dark lines.

    Use "dodge" for soft shading, "dog" for thin lines, "xdog" for ink with filled shadows, "diffusion" for the
    outlines of large shapes only. With B the brightness and G(s) its Gaussian blur:
    dodge: B / (1 - blur of (1 - B)); dog: D = G(s) - 0.98 G(1.6 s), line where D < 0;
    xdog: D = (1 + p) G(s) - p G(1.6 s) with p the sharpness, line where D < threshold;
    both white above and 1 + tanh(softness (D - threshold)) below;
    diffusion: exp(-(slope / kappa)^2) of the picture after Perona and Malik's diffusion for the time sigma^2 / 2.

    Args:
        method: how to draw.
        sigma: width of the pencil in pixels; None is 7 for dodge, 1 for dog, 0.8 for xdog, 2 for diffusion.
        sharpness: of xdog: how strongly edges count against tone.
        threshold: of xdog: brightness above which paper stays white.
        softness: of dog and xdog: how steeply lines turn black; None is 200 for dog, 10 for xdog.
        kappa: of diffusion: the slope that counts as an edge, a fraction of full scale per pixel.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype; color pictures get the same gray in every channel, alpha is untouched.

    Source:
        Winnemoller, Olsen and Gooch, "Real-time video abstraction", SIGGRAPH 2006; Winnemoller, Kyprianidis and Olsen,
        "XDoG", Computers and Graphics 2012; Perona and Malik, PAMI 1990; the color dodge of drawing programs.
    """
    color = color_of(image, channels)
    gray = np.ascontiguousarray(_brightness(to_unit(color)))
    width = sigma or _PENCILS[method]
    run: Callable[[], Array] = {
        "dodge": lambda: _dodge(gray, width),
        "dog": lambda: _lines(gray, width, -0.98, 1.0, 0.0, softness or 200.0),
        "xdog": lambda: _lines(gray, width, -sharpness, 1.0 + sharpness, threshold, softness or 10.0),
        "diffusion": lambda: _outlines(gray, width, kappa),
    }[method]
    drawn = np.clip(run(), 0.0, 1.0)
    return rejoin(image, np.broadcast_to(drawn.reshape(gray.shape + (1,) * (color.ndim - 2)), color.shape), channels)


def _dodge(gray: Array, sigma: float) -> Array:
    below = gaussian(gray, sigma)  # 1 - blur of (1 - gray)
    return np.divide(gray, below, out=np.ones_like(gray), where=below > 1e-6)


def _lines(gray: Array, sigma: float, wide: float, narrow: float, threshold: float, softness: float) -> Array:
    """The thresholded difference of two Gaussians: white above the threshold, a soft step to black below."""
    difference = narrow * gaussian(gray, sigma) + wide * gaussian(gray, 1.6 * sigma) - threshold
    return np.where(difference >= 0.0, np.float32(1.0), 1.0 + np.tanh(softness * np.minimum(difference, 0.0)))


def _outlines(gray: Array, sigma: float, kappa: float) -> Array:
    calm = perona_malik(gray, _time(sigma), kappa, 0.2, 1)
    padded = np.pad(calm, 1, mode="edge")
    slope = np.hypot(padded[1:-1, 2:] - padded[1:-1, :-2], padded[2:, 1:-1] - padded[:-2, 1:-1]) * np.float32(0.5)
    return conduction(slope, kappa, 1)


@op
def pixelate(
    image: Image,
    /,
    *,
    size: Annotated[int, Bound(ge=1, le=1 << 20), Unit("px"), Usual(2, 32)],
    channels: Channels = "color",
) -> Image:
    """Turn a picture into large square pixels.

    Use it to hide faces and number plates (it is no protection: what is known of the scene can be matched), or for an
    old look. The picture is shrunk linearly to width // size by height // size and enlarged by the nearest pixel.

    Args:
        size: side of the new pixels; the last row and column may be larger.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype; alpha is shrunk too and weighs the color.

    Source:
        Closed form: OpenCV's INTER_LINEAR down, INTER_NEAREST up.
    """
    height, width = image.shape[:2]
    rows, columns = max(1, height // size), max(1, width // size)
    y0, y1, fy = _between(rows, height)
    x0, x1, fx = _between(columns, width)
    extra = (1,) * (image.ndim - 2)
    fy, fx = fy.reshape(-1, 1, *extra), fx.reshape(1, -1, *extra)
    transparent = split(image, channels)[1] is not None

    def at(y: Array, x: Array) -> Array:
        seen = to_unit(image[y[:, None], x])
        if transparent:
            seen[..., :3] *= seen[..., 3:]
        return seen

    upper = at(y0, x0) * (1 - fx) + at(y0, x1) * fx
    lower = at(y1, x0) * (1 - fx) + at(y1, x1) * fx
    values = upper * (1 - fy) + lower * fy
    if transparent:
        weight = values[..., 3:]
        values[..., :3] = np.divide(values[..., :3], weight, out=np.zeros_like(values[..., :3]), where=weight > 1e-6)
    small = from_unit(values, image.dtype)
    up_y, up_x = np.arange(height) * rows // height, np.arange(width) * columns // width
    return np.ascontiguousarray(small.take(up_x, axis=1).take(up_y, axis=0))


def _between(count: int, length: int) -> tuple[Array, Array, Array]:
    """For each new pixel the two old ones beside its middle and the share of the second."""
    middle = np.clip((np.arange(count) + 0.5) * (length / count) - 0.5, 0.0, length - 1.0)
    low = np.floor(middle).astype(np.intp)
    return low, np.minimum(low + 1, length - 1), (middle - low).astype(np.float32)


@op
def long_exposure(frames: Frames, /, *, method: Literal["mean", "max", "min", "median"] = "mean") -> Image:
    """Lay the frames of a clip over each other as a long exposure would.

    Use "mean" for silky water, "max" for trails of light at night, "min" to keep what is always dark, "median" to
    remove people who walk by. Frames are read one by one and never kept, whatever their number; "median" goes through
    a folder or a clip once per bit (8 times for uint8), and keeps what a generator gives in a temporary file.

    Args:
        method: what becomes of the values of one pixel.

    Returns:
        one picture, shape and dtype of the frames.

    Raises:
        ParamError: no frames, or frames of different shape or dtype.

    Source:
        Closed form: NumPy's mean, max, min and median over the frames, integers rounded.
    """
    stream = _Stream(frames)
    if method == "mean":
        out = exposure.mean(stream)
    elif method == "median":
        # what is in memory already may as well be sorted there
        at_hand = isinstance(frames, np.ndarray | list | tuple) and not any(
            isinstance(f, str | os.PathLike) for f in frames
        )
        pictures = list(stream) if at_hand else []
        out = (
            exposure.sorted_median(pictures)
            if at_hand
            else exposure.median(stream if stream.again else exposure.Spooled(stream))
        )
    else:
        return (exposure.greatest if method == "max" else exposure.least)(stream)
    assert stream.kind is not None
    return from_unit(out / full_scale(stream.kind[1]), stream.kind[1])


class _Stream:
    """Frames from wherever they come, checked one by one."""

    def __init__(self, frames: Any) -> None:
        self.frames = frames
        self.kind: tuple[tuple[int, ...], Any] | None = None
        self.again = True  # whether the frames can be gone through more than once
        if isinstance(frames, np.ndarray):
            if frames.ndim not in (3, 4) or not len(frames):
                hint = "One picture is no clip: use image[None]."
                raise ParamError(refusal("long_exposure", "frames", "N H W or N H W C with N at least 1", frames, hint))
        elif isinstance(frames, Iterator):
            self.again = False
        elif not isinstance(frames, str | os.PathLike | Iterable):
            hint = "Give an array N H W (C), a list, an iterator, a folder or a clip."
            raise ParamError(refusal("long_exposure", "frames", "pictures of one size", frames, hint))

    def __iter__(self) -> Iterator[Array]:
        number = 0
        for number, frame in enumerate(self._frames(), 1):
            image = self._read(frame)
            kind = (image.shape, image.dtype)
            if self.kind is None:
                self.kind = kind
            elif kind != self.kind:
                wanted = f"all {self.kind[1]} of shape {self.kind[0]}, as the first one"
                got = verbatim(f"{image.dtype} of shape {image.shape} as number {number}")
                raise ParamError(refusal("long_exposure", "frames", wanted, got, "Resize them first."))
            yield image
        if not number:
            raise ParamError(refusal("long_exposure", "frames", "at least one picture", verbatim("none")))

    def _frames(self) -> Iterable[Any]:
        if isinstance(self.frames, str | os.PathLike):
            from opsin.io.clip import frames

            return frames(self.frames)
        return self.frames

    @staticmethod
    def _read(frame: Any) -> Array:
        if isinstance(frame, str | os.PathLike):
            from opsin.io.reading import read

            return read(frame)
        return check_image("long_exposure", frame, name="frames")
