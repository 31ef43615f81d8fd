"""Color channels moved, mixed and weighed against each other."""

import math
from typing import Annotated, Literal

import numpy as np

from opsin.arrays import color_count, from_unit, full_scale, to_unit
from opsin.chance import Rng
from opsin.errors import ParamError, refusal
from opsin.kernels.planes import joined, split
from opsin.kernels.transfer import from_linear, to_linear
from opsin.op import op
from opsin.types import SUPPLIED, Array, Bound, Channels, Fraction, Image, Rgb, Shape, Unit, Usual

Move = Annotated[float, Bound(ge=-1.0, le=1.0), Usual(-0.15, 0.15)]


@op
def channel_shuffle(image: Image, /, *, channels: Channels = "color", rng: Rng = SUPPLIED) -> Image:
    """Put the color channels into a drawn order; all orders are equally likely.

    Use it where a class must not depend on color.

    Args:
        channels: "bands" when a fourth channel is not alpha.
        rng: where chance comes from.

    Returns:
        same shape and dtype; alpha stays where it is. Gray pictures come back unchanged.

    Source:
        Closed form: out[..., c] = in[..., order[c]].
    """
    count = color_count(image, channels)
    if count == 1:
        return np.ascontiguousarray(image)
    order = rng.permutation("order", count)
    return np.ascontiguousarray(image[..., [*order, *range(count, image.shape[2])]])


@op
def channel_drop(
    image: Image,
    /,
    *,
    channel: Annotated[int, Bound(ge=0), Usual(0, 2)],
    fill: Fraction = 0.0,
    channels: Channels = "color",
) -> Image:
    """Replace one color channel by a constant.

    Use it, with `channel=choice(0, 1, 2)`, to keep a model from relying on one color or one sensor.

    Args:
        channel: which one, counted from 0 (red); on a gray picture only 0 exists.
        fill: what stands there instead, a fraction of full scale.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype; alpha is left alone. A gray picture's only channel is left alone too where channel is
        above 0.

    Raises:
        ParamError: a color picture has fewer channels.

    Source:
        Closed form: out[..., channel] = fill.
    """
    count = color_count(image, channels)
    if channel >= count:
        if count == 1:
            return np.ascontiguousarray(image)
        raise ParamError(refusal("channel_drop", "channel", f"below {count}, the number of color channels", channel))
    out = image.copy(order="C")
    value = from_unit(np.array([fill]), image.dtype)[0]
    if out.ndim == 2:
        out[...] = value
    else:
        out[..., channel] = value
    return out


@op(unit_range=True)
def rgb_shift(image: Rgb, /, *, r: Move, g: Move, b: Move) -> Image:
    """Add a constant to each color channel.

    Use it to imitate a color cast; `color_temperature` follows the colors of real light.

    Args:
        r: added to red, a fraction of full scale.
        g: added to green.
        b: added to blue.

    Returns:
        same shape and dtype; clamped; alpha is left alone.

    Source:
        Closed form: out = clamp(in + shift).
    """
    color, alpha = split(image)
    out = np.empty_like(color, order="C")
    for c, shift in enumerate((r, g, b)):
        if color.dtype.kind == "f":
            out[..., c] = np.clip(color[..., c] + np.float32(shift), 0.0, 1.0)
        else:
            top = int(full_scale(color.dtype))
            table = from_unit(np.clip(np.arange(top + 1) / top + shift, 0.0, 1.0), color.dtype)
            out[..., c] = np.take(table, color[..., c])
    return joined(out, alpha)


@op(unit_range=True)
def color_temperature(
    image: Rgb, /, *, kelvin: Annotated[float, Bound(ge=1667.0, le=25000.0), Unit("K"), Usual(3000.0, 12000.0)]
) -> Image:
    """Light the scene by a hot body of another temperature: low is warm (candles, bulbs), high is cold (blue sky).

    Use it to vary the white balance as it varies in the field: the camera is balanced for 6500 K, the light is not.

    Args:
        kelvin: temperature of the light; 6500 changes nothing.

    Returns:
        same shape and dtype; clamped; alpha is left alone. Light is multiplied channel by channel, brightness of white
        is kept.

    Source:
        Kang et al., "Design of advanced color temperature control system for HDTV applications", 2002 (chromaticity of
        black bodies); IEC 61966-2-1 (sRGB).
    """
    if kelvin == 6500.0:
        return np.ascontiguousarray(image)
    gains: Array = _planck(kelvin) / _planck(6500.0)
    gains /= float(gains @ np.array(_LUMINANCE))
    color, alpha = split(image)
    out = np.empty_like(color, order="C")
    for c in range(3):
        gain = float(gains[c])
        if color.dtype.kind == "f":
            bright = to_linear(np.ascontiguousarray(color[..., c])) * np.float32(gain)
            out[..., c] = from_linear(np.clip(bright, 0.0, 1.0))
        else:
            top = int(full_scale(color.dtype))
            light = to_linear(np.arange(top + 1) / top) * gain
            out[..., c] = np.take(from_unit(from_linear(np.clip(light, 0.0, 1.0)), color.dtype), color[..., c])
    return joined(out, alpha)


_LUMINANCE = (0.2126729, 0.7151522, 0.0721750)
_TO_RGB = (
    (3.2404542, -1.5371385, -0.4985314),
    (-0.9692660, 1.8760108, 0.0415560),
    (0.0556434, -0.2040259, 1.0572252),
)


def _planck(kelvin: float) -> Array:
    """The light of a black body as linear sRGB of luminance 1; what lies outside sRGB is set to 0."""
    t = 1000.0 / kelvin
    if kelvin <= 4000.0:
        x = ((-0.2661239 * t - 0.2343589) * t + 0.8776956) * t + 0.179910
    else:
        x = ((-3.0258469 * t + 2.1070379) * t + 0.2226347) * t + 0.240390
    if kelvin <= 2222.0:
        y = ((-1.1063814 * x - 1.34811020) * x + 2.18555832) * x - 0.20219683
    elif kelvin <= 4000.0:
        y = ((-0.9549476 * x - 1.37418593) * x + 2.09137015) * x - 0.16748867
    else:
        y = ((3.0817580 * x - 5.87338670) * x + 3.75112997) * x - 0.37001483
    xyz = (x / y, 1.0, (1.0 - x - y) / y)
    return np.array([max(0.0, math.fsum(m * v for m, v in zip(row, xyz, strict=True))) for row in _TO_RGB])


@op(unit_range=True)
def pca_jitter(
    image: Rgb,
    /,
    *,
    std: Annotated[float, Bound(ge=0.0, le=10.0), Usual(0.05, 0.5)],
    basis: Literal["imagenet", "image"] = "imagenet",
    rng: Rng = SUPPLIED,
) -> Image:
    """Shift color along the directions in which color varies: mostly brightness, a little warm against cold.

    Use it as AlexNet did, with std 0.1, against a model's reliance on the color and strength of the light.

    Args:
        std: standard deviation of the amount along each direction, in multiples of its variance.
        basis: "imagenet" takes directions and variances of ImageNet's training set, "image" those of the picture.
        rng: where chance comes from.

    Returns:
        same shape and dtype; clamped; alpha is left alone.

    Source:
        Krizhevsky, Sutskever and Hinton, "ImageNet classification with deep convolutional neural networks", 2012, 4.1;
        ImageNet's figures as published with fb.resnet.torch.
    """
    color, alpha = split(image)
    values = to_unit(color)
    variances, directions = _IMAGENET if basis == "imagenet" else _axes(_covariance(values))
    amounts = rng.normal("amount", 0.0, std, 3)
    shift = [math.fsum(directions[c][k] * float(amounts[k]) * variances[k] for k in range(3)) for c in range(3)]
    out = np.clip(values + np.array(shift, np.float32), 0.0, 1.0)
    return joined(from_unit(out, image.dtype), alpha)


Rows = tuple[tuple[float, ...], ...]
_IMAGENET: tuple[tuple[float, ...], Rows] = (
    (0.2175, 0.0188, 0.0045),
    ((-0.5675, 0.7192, 0.4009), (-0.5808, -0.0045, -0.8140), (-0.5836, -0.6948, 0.4203)),
)


def _covariance(values: Array) -> list[list[float]]:
    flat = [values[..., c].astype(np.float64).ravel() for c in range(3)]
    flat = [f - f.mean() for f in flat]
    return [[float((a * b).mean()) for b in flat] for a in flat]


def _axes(a: list[list[float]]) -> tuple[tuple[float, ...], Rows]:
    """Variances and directions (columns) of a symmetric 3 x 3 matrix, by Jacobi's turns: the same on any machine."""
    v = [[1.0 if i == j else 0.0 for j in range(3)] for i in range(3)]
    for _ in range(16):
        for p, q in ((0, 1), (0, 2), (1, 2)):
            if abs(a[p][q]) < 1e-300:
                continue
            theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q])
            t = math.copysign(1.0, theta) / (abs(theta) + math.sqrt(theta * theta + 1.0))
            c = 1.0 / math.sqrt(t * t + 1.0)
            s = t * c
            for m, columns in ((a, True), (a, False), (v, True)):
                for k in range(3):
                    x, y = (m[k][p], m[k][q]) if columns else (m[p][k], m[q][k])
                    new = (c * x - s * y, s * x + c * y)
                    if columns:
                        m[k][p], m[k][q] = new
                    else:
                        m[p][k], m[q][k] = new
    order = sorted(range(3), key=lambda k: -a[k][k])
    return tuple(max(0.0, a[k][k]) for k in order), tuple(tuple(v[c][k] for k in order) for c in range(3))


_SEPIA = ((0.393, 0.769, 0.189), (0.349, 0.686, 0.168), (0.272, 0.534, 0.131))


@op(unit_range=True)
def sepia(image: Rgb, /, *, amount: Fraction = 1.0) -> Image:
    """Tone a picture brown, as old prints are.

    Use it for the look, and to make a model robust against faded color.

    Args:
        amount: 0 changes nothing, 1 is the full tone.

    Returns:
        same shape and dtype; clamped; alpha is left alone.

    Source:
        The sepia matrix that Microsoft published in 2004, blended with the identity.
    """
    matrix = np.eye(3) * (1.0 - amount) + np.array(_SEPIA) * amount
    return _mixed(image, np.concatenate([matrix, np.zeros((3, 1))], axis=1))


@op(unit_range=True)
def color_matrix(image: Rgb, /, *, matrix: Annotated[Array, Shape(2, (3, None))]) -> Image:
    """Mix the color channels by a matrix.

    Use it for camera color correction, channel mixers, color blindness, and casts of any kind.

    Args:
        matrix: 3 x 3, out = matrix times (r, g, b); or 3 x 4 with a constant in the fourth column, a fraction of full
            scale.

    Returns:
        same shape and dtype; clamped; alpha is left alone.

    Raises:
        ParamError: neither 3 x 3 nor 3 x 4.

    Source:
        Closed form: out = clamp(M in + c).
    """
    if matrix.shape[1] not in (3, 4):
        raise ParamError(refusal("color_matrix", "matrix", "3 x 3 or 3 x 4", matrix))
    return _mixed(image, matrix if matrix.shape[1] == 4 else np.concatenate([matrix, np.zeros((3, 1))], axis=1))


_BLOCK = 1 << 16


def _mixed(image: Array, matrix: Array) -> Array:
    """Apply 3 x 4 in blocks; the constant comes last."""
    color, alpha = split(image)
    h, w = color.shape[:2]
    out = np.empty((h, w, 3), color.dtype)
    rows = max(1, _BLOCK // w)
    weights = matrix.astype(np.float32)
    for top in range(0, h, rows):
        part = to_unit(color[top : top + rows])
        planes = [np.ascontiguousarray(part[..., c]) for c in range(3)]
        for c in range(3):
            mixed = planes[0] * weights[c, 0]
            mixed += planes[1] * weights[c, 1]
            mixed += planes[2] * weights[c, 2]
            mixed += weights[c, 3]
            out[top : top + rows, :, c] = from_unit(np.clip(mixed, 0.0, 1.0, out=mixed), color.dtype)
    return joined(out, alpha)
