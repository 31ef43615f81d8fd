"""The numbers that a network sees: ranges, means, deviations and the tensor layout."""

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from opsin.arrays import to_unit
from opsin.errors import ParamError, refusal, verbatim
from opsin.kernels import native, use_core
from opsin.kernels.channel_figures import DEVIATIONS, MEANS
from opsin.kernels.planes import joined, split
from opsin.op import op
from opsin.types import Array, Bound, Channels, Image, Usual

Level = Annotated[float, Usual(0.0, 1.0)]
End = Annotated[float, Usual(-1.0, 1.0)]
Ends = Annotated[tuple[float, float], Usual(0.0, 1.0)]
Deviation = Annotated[float, Bound(gt=0.0), Usual(0.1, 0.5)]
Named = Literal["imagenet", "clip", "half"]
Scope = Literal["image", "dataset"]


@op(rescales=True)
def rescale_intensity(
    image: Image,
    /,
    *,
    low: End = 0.0,
    high: End = 1.0,
    in_range: Literal["dtype", "image"] | Ends = "dtype",
    channels: Channels = "color",
) -> Image:
    """Map a range of values to another one, as floats.

    Use it to bring pictures to 0..1 or -1..1, or with "image" to stretch each picture from its least to its greatest
    value.

    Args:
        low: where the lower end of the range goes.
        high: where the upper end goes.
        in_range: "dtype" is black to white of the dtype, "image" the least to the greatest value of all channels, or
            two numbers as fractions of full scale. What lies outside is set to the end.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape, float32; alpha becomes 0..1. A picture with one value only gives that value, cut to low..high.

    Raises:
        ParamError: high is not above low, or in_range is empty.

    Source:
        skimage.exposure.rescale_intensity; "dtype" means 0..1 for floats too.
    """
    if not high > low:
        raise ParamError(refusal("rescale_intensity", "high", f"above low ({low:g})", high))
    color, alpha = split(image, channels)
    values = to_unit(color)
    if in_range == "image":
        first, last = float(values.min()), float(values.max())
    elif in_range == "dtype":
        first, last = 0.0, 1.0
    else:
        first, last = float(in_range[0]), float(in_range[1])
        if not last > first:
            raise ParamError(refusal("rescale_intensity", "in_range", "(least, greatest)", in_range))
    if last > first:
        gain = (high - low) / (last - first)
        out = (np.clip(values, first, last) - np.float32(first)) * np.float32(gain) + np.float32(low)
    else:
        out = values
    return _with_alpha(np.clip(out, np.float32(low), np.float32(high)), alpha)


@op(rescales=True)
def center(
    image: Image,
    /,
    *,
    scope: Scope = "image",
    mean: Level | tuple[Level, ...] | None = None,
    per_channel: bool = True,
    channels: Channels = "color",
) -> Image:
    """Subtract the mean, so that values lie around zero.

    Use it in front of networks and methods that expect centered data.

    Args:
        scope: "image" takes the picture's own mean; "dataset" the one given.
        mean: the data set's mean as a fraction of full scale, or one per channel; `opsin stats` finds it.
        per_channel: whether each channel has its own mean.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape, float32; integers become 0..1 first; alpha becomes 0..1 and is left alone.

    Raises:
        ParamError: scope "dataset" without mean, or "image" with one, or a wrong number of means.

    Source:
        Closed form: out = in - mean.
    """
    color, alpha = split(image, channels)
    values = to_unit(color)
    if scope == "image":
        _absent("center", mean=mean)
        middle = _moments(values, per_channel)[0]
    else:
        middle = _given("center", "mean", mean, values)
    return _with_alpha(_affine(values, np.ones(1), middle), alpha)


@op(rescales=True)
def standardize(
    image: Image,
    /,
    *,
    scope: Scope = "image",
    mean: Level | tuple[Level, ...] | None = None,
    std: Deviation | tuple[Deviation, ...] | None = None,
    per_channel: bool = True,
    eps: Annotated[float, Bound(ge=0.0), Usual(1e-7, 1e-3)] = 1e-7,
    channels: Channels = "color",
) -> Image:
    """Subtract the mean and divide by the standard deviation.

    Use it to make pictures of different exposure comparable; for a pretrained network use `normalize` with its figures.

    Args:
        scope: "image" takes the picture's own figures; "dataset" those given.
        mean: the data set's mean as a fraction of full scale, or one per channel; `opsin stats` finds it.
        std: the data set's standard deviation, likewise.
        per_channel: whether each channel has its own figures.
        eps: added to the deviation, so that a picture with one value only gives zeros.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape, float32; integers become 0..1 first; alpha becomes 0..1 and is left alone.

    Raises:
        ParamError: scope "dataset" without mean and std, or "image" with them, or a wrong number of them.

    Source:
        Closed form: out = (in - mean) / (std + eps), with the deviation of the whole population.
    """
    color, alpha = split(image, channels)
    values = to_unit(color)
    if scope == "image":
        _absent("standardize", mean=mean, std=std)
        middle, spread = _moments(values, per_channel)
    else:
        middle = _given("standardize", "mean", mean, values)
        spread = _given("standardize", "std", std, values)
    wide = spread + eps
    return _with_alpha(_affine(values, 1.0 / np.where(wide > 0.0, wide, 1.0), middle), alpha)


@op(rescales=True)
def normalize(
    image: Image,
    /,
    *,
    mean: Named | Level | tuple[Level, ...],
    std: Named | Deviation | tuple[Deviation, ...],
    channels: Channels = "color",
) -> Image:
    """Subtract a mean and divide by a deviation: the figures a network was trained with.

    Use it as the last step but `to_tensor` in front of a pretrained network.

    Args:
        mean: "imagenet", "clip", "half" (0.5), a number, or one per channel, as fractions of full scale.
        std: likewise.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape, float32; integers become 0..1 first; alpha becomes 0..1 and is left alone.

    Raises:
        ParamError: a wrong number of figures, or a picture that is normalized already.

    Source:
        torchvision.transforms.Normalize; the figures of torchvision's models and of OpenAI's CLIP.
    """
    if image.dtype.kind == "f":
        least, greatest = float(image.min()), float(image.max())
        if least < -0.01 or greatest > 1.01:
            got = verbatim(f"values from {least:.4g} to {greatest:.4g}")
            hint = "It is normalized already." if least < -0.01 else "Divide it by its full scale first."
            raise ParamError(refusal("normalize", "image", "within 0..1 (1.0 is white)", got, hint))
    color, alpha = split(image, channels)
    middle = _given("normalize", "mean", MEANS[mean] if isinstance(mean, str) else mean, color)
    spread = _given("normalize", "std", DEVIATIONS[std] if isinstance(std, str) else std, color)
    if color.dtype == np.uint8 and use_core():
        count = 1 if color.ndim == 2 else color.shape[2]
        figures = [np.broadcast_to(f, count).astype(np.float32).tolist() for f in (middle, 1.0 / spread)]
        return _with_alpha(native.normalized(color, *figures), alpha)
    return _with_alpha(_affine(to_unit(color), 1.0 / spread, middle), alpha)


@op(rescales=True)
def to_tensor(image: Image, /, *, dtype: Literal["float32", "float16"] = "float32") -> Image:
    """Bring the channels to the front, as torch and ONNX want them.

    Use it as the last step of a pipeline; nothing in Opsin takes the result as a picture again.

    Args:
        dtype: of the result; float16 halves the memory and keeps three digits.

    Returns:
        C H W, contiguous NumPy; integers become 0..1 first, floats keep their values; a gray picture H W gives 1 H W.

    Source:
        torchvision.transforms.ToTensor.
    """
    if image.ndim == 3 and dtype == "float32" and image.dtype == np.float32 and use_core():
        return native.planes(image)
    planes = image[None] if image.ndim == 2 else np.moveaxis(image, 2, 0)
    return np.ascontiguousarray(to_unit(np.ascontiguousarray(planes)).astype(dtype, copy=False))


def _affine(values: NDArray[np.float32], gain: NDArray[np.float64], middle: NDArray[np.float64]) -> Array:
    """(values - middle) * gain with one figure or one per channel, along whole rows for speed."""
    height, width = values.shape[:2]
    count = 1 if values.ndim == 2 else values.shape[2]
    rows = values.reshape(height, -1)
    out = rows - np.tile(np.broadcast_to(middle, count).astype(np.float32), width)
    out *= np.tile(np.broadcast_to(gain, count).astype(np.float32), width)
    return out.reshape(values.shape)


def _moments(values: NDArray[np.float32], per_channel: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation in double precision, per channel or of everything."""
    planes = [values] if values.ndim == 2 or not per_channel else [values[..., c] for c in range(values.shape[2])]
    means, spreads = [], []
    for plane in planes:
        exact = plane.astype(np.float64)
        means.append(exact.mean())
        exact -= means[-1]
        np.square(exact, out=exact)
        spreads.append(np.sqrt(exact.mean()))
    return np.array(means), np.array(spreads)


def _given(name: str, param: str, figures: float | tuple[float, ...] | None, values: Array) -> NDArray[np.float64]:
    """Check that there is one figure, or one per channel."""
    count = 1 if values.ndim == 2 else values.shape[2]
    if figures is None:
        hint = "`opsin stats` finds it."
        raise ParamError(refusal(name, param, 'given where scope is "dataset"', verbatim("nothing"), hint))
    out = np.atleast_1d(np.asarray(figures, np.float64))
    if len(out) not in (1, count):
        hint = "Use to_rgb first." if count == 1 and len(out) == 3 else ""
        want = f"one number, or {count} for {count} channels" if count > 1 else "one number for one channel"
        raise ParamError(refusal(name, param, want, figures, hint))
    return out


def _absent(name: str, **figures: object) -> None:
    for param, value in figures.items():
        if value is not None:
            hint = 'Use scope="dataset" to apply it.'
            raise ParamError(refusal(name, param, 'left out where scope is "image"', value, hint))


def _with_alpha(color: Array, alpha: Array | None) -> Array:
    return joined(color.astype(np.float32, copy=False), None if alpha is None else to_unit(alpha))
