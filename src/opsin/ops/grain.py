"""Noise with a cause: counted light, dead pixels, coherent waves, high gain, too few pixels."""

from typing import Annotated

import numpy as np

from opsin.arrays import from_unit, to_unit
from opsin.chance import Rng
from opsin.kernels.hue import hue_of
from opsin.kernels.planes import joined, split
from opsin.kernels.poisson import poisson_quantile
from opsin.kernels.resize import resize
from opsin.op import op
from opsin.types import SUPPLIED, Array, Bound, Channels, Fraction, Image, ResizeKernel, Usual


@op(unit_range=True)
def shot_noise(
    image: Image,
    /,
    *,
    photons: Annotated[float, Bound(gt=0.0, le=1e7), Usual(20.0, 2000.0)],
    channels: Channels = "color",
    rng: Rng = SUPPLIED,
) -> Image:
    """Count photons instead of measuring light: the darker the scene or the shorter the exposure, the noisier.

    Use it for dim light, astronomy, microscopy and x-rays, where noise grows with the square root of the signal.

    Args:
        photons: how many photons a white value collects on average; 20 is very noisy, 2000 hardly.
        channels: "bands" when a fourth channel is not alpha.
        rng: where chance comes from.

    Returns:
        same shape and dtype; clamped; alpha is left alone. A value v becomes Poisson(v photons) / photons.

    Source:
        Hasinoff, "Photon, Poisson noise", Computer Vision: A Reference Guide, 2014. Counts are drawn by inverse
        transform, exactly below a mean of 12 and by Giles' expansion (2016) from there on.
    """
    color, alpha = split(image, channels)
    values = to_unit(color, np.float64)
    counts = poisson_quantile(rng.unit("count", color.shape), values * photons)
    counts /= photons
    return joined(from_unit(np.clip(counts, 0.0, 1.0, out=counts), image.dtype), alpha)


@op
def salt_pepper(
    image: Image,
    /,
    *,
    amount: Annotated[float, Bound(ge=0.0, le=1.0), Usual(0.005, 0.2)],
    salt: Fraction = 0.5,
    each_channel: bool = False,
    channels: Channels = "color",
    rng: Rng = SUPPLIED,
) -> Image:
    """Turn single pixels white (salt) or black (pepper).

    Use it for dead pixels, faulty transmission and dust.

    Args:
        amount: part of the pixels that changes; each pixel is drawn by itself.
        salt: part of the changed pixels that turns white.
        each_channel: draw every channel by itself, which gives colored specks.
        channels: "bands" when a fourth channel is not alpha.
        rng: where chance comes from.

    Returns:
        same shape and dtype; alpha is left alone.

    Source:
        Gonzalez and Woods, "Digital Image Processing", 4th ed., 5.2.
    """
    color, alpha = split(image, channels)
    drawn = rng.unit("pixel", color.shape if each_channel else color.shape[:2])
    out = color.copy(order="C")
    out[drawn < amount] = from_unit(np.zeros(1), image.dtype)[0]
    out[drawn < amount * salt] = from_unit(np.ones(1), image.dtype)[0]
    return joined(out, alpha)


@op(unit_range=True)
def speckle(
    image: Image,
    /,
    *,
    std: Annotated[float, Bound(ge=0.0, le=100.0), Usual(0.05, 0.5)],
    channels: Channels = "color",
    rng: Rng = SUPPLIED,
) -> Image:
    """Multiply every value by a drawn number around 1.

    Use it for ultrasound, radar and laser pictures, where noise grows with the signal.

    Args:
        std: standard deviation of the factor.
        channels: "bands" when a fourth channel is not alpha.
        rng: where chance comes from.

    Returns:
        same shape and dtype; clamped; alpha is left alone.

    Source:
        scikit-image's random_noise, mode speckle: out = in + in * n.
    """
    color, alpha = split(image, channels)
    values = to_unit(color)
    out = values + values * rng.normal("noise", 0.0, std, color.shape).astype(np.float32)
    return joined(from_unit(np.clip(out, 0.0, 1.0, out=out), image.dtype), alpha)


@op(unit_range=True)
def iso_noise(
    image: Image,
    /,
    *,
    intensity: Annotated[float, Bound(ge=0.0, le=10.0), Usual(0.1, 1.0)],
    color_shift: Annotated[float, Bound(ge=0.0, le=1.0), Usual(0.01, 0.1)],
    channels: Channels = "color",
    rng: Rng = SUPPLIED,
) -> Image:
    """Grain of a camera at high ISO: lightness flickers like counted light, and hues wander.

    Use it for pictures taken in the dark with a telephone.

    Args:
        intensity: strength of both; 0 changes nothing.
        color_shift: standard deviation of the hue at intensity 1, a fraction of the circle.
        channels: "bands" when a fourth channel is not alpha; bands get the flicker only.
        rng: where chance comes from.

    Returns:
        same shape and dtype; clamped; alpha is left alone. Gray pictures get the flicker only.

    Source:
        Albumentations' ISONoise as it describes itself: in HLS, lightness plus Poisson noise whose mean is the
        picture's own contrast times intensity, weaker in bright parts; hue plus normal noise. Here the Poisson noise
        is centered, so that the picture keeps its brightness.
    """
    color, alpha = split(image, channels)
    values = to_unit(color)
    height, width = values.shape[:2]
    colored = values.ndim == 3 and values.shape[2] == 3 and channels == "color"
    if not colored:
        flat = values.reshape(height, width, -1)
        mean = intensity * 255.0 * float(flat.std(dtype=np.float64))
        noise = _flicker(rng, height, width, mean)[..., None]
        out = flat + noise * (1.0 - flat)
        return joined(from_unit(np.clip(out, 0.0, 1.0).reshape(values.shape), image.dtype), alpha)
    sixths, top, chroma = hue_of(*(np.ascontiguousarray(values[..., c]) for c in range(3)))
    light = top - chroma * np.float32(0.5)
    mean = intensity * 255.0 * float(light.std(dtype=np.float64))
    room = 1.0 - np.abs(2.0 * light - 1.0)
    vivid = np.divide(chroma, room, out=np.zeros_like(chroma), where=room > 1e-6)
    light = np.clip(light + _flicker(rng, height, width, mean) * (1.0 - light), 0.0, 1.0)
    turn = rng.normal("hue", 0.0, 6.0 * color_shift * intensity, (height, width)).astype(np.float32)
    sixths = np.mod(sixths + turn, np.float32(6.0))
    chroma = vivid * (1.0 - np.abs(2.0 * light - 1.0))
    out = np.empty_like(values)
    for c in range(3):
        # a channel is full over two sixths of the circle and falls off over one on either side
        share = np.clip(2.0 - _around(sixths, 2.0 * c), 0.0, 1.0)
        out[..., c] = light + chroma * (share - np.float32(0.5))
    return joined(from_unit(np.clip(out, 0.0, 1.0, out=out), image.dtype), alpha)


def _around(sixths: Array, place: float) -> Array:
    """Distance on the circle of hues, in sixths."""
    away = np.abs(sixths - np.float32(place))
    return np.minimum(away, np.float32(6.0) - away)


def _flicker(rng: Rng, height: int, width: int, mean: float) -> Array:
    counts = poisson_quantile(rng.unit("light", (height, width)), np.array(mean))
    return ((counts - mean) / 255.0).astype(np.float32)


@op
def downscale(
    image: Image,
    /,
    *,
    factor: Annotated[float, Bound(gt=0.0, le=1.0), Usual(0.1, 0.9)],
    kernel: ResizeKernel = "pillow-bilinear",
    back: ResizeKernel = "pillow-bilinear",
    channels: Channels = "color",
) -> Image:
    """Make the picture smaller and bring it back to its size: the detail in between is lost.

    Use it for cheap cameras, thumbnails and objects far away.

    Args:
        factor: 0.25 goes down to a quarter of each side, rounded, and back.
        kernel: how the picture is made smaller.
        back: how it is enlarged again; "nearest" shows blocks.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype.

    Source:
        `opsin.ops.resize`, twice.
    """
    height, width = image.shape[:2]
    alpha = split(image, channels)[1] is not None
    small = (max(1, round(width * factor)), max(1, round(height * factor)))
    return resize(resize(image, *small, kernel, alpha=alpha), width, height, back, alpha=alpha)
