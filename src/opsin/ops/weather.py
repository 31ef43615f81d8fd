"""Weather in front of the camera: rain, snow and fog."""

import math

import numpy as np

from opsin import psf
from opsin.arrays import to_unit
from opsin.chance import Rng
from opsin.kernels.gaussian import gaussian
from opsin.kernels.planes import split
from opsin.kernels.scatter import clouds, laid_over, splat
from opsin.kernels.smooth import correlate
from opsin.op import Covered, op
from opsin.types import SUPPLIED, Array, Channels, Fraction, Image


def _unit_length(image: Array) -> float:
    """The length that is one pixel on a picture 512 pixels high or wide: weather looks alike at every size."""
    return min(image.shape[:2]) / 512.0


def _points(rng: Rng, name: str, image: Array, density: float, rim: float) -> tuple[Array, Array, Array]:
    """Draw points, `density` of them per picture of 512 x 512 units, and a number 0..1 for each."""
    height, width = image.shape[:2]
    unit = _unit_length(image)
    wide, high = width + 2 * rim, height + 2 * rim
    count = min(200_000, max(1, round(density * wide * high / (512.0 * unit) ** 2)))
    drawn = rng.unit(name, (count, 3))
    return drawn[:, 0] * wide - rim, drawn[:, 1] * high - rim, drawn[:, 2]


@op(unit_range=True)
def rain(image: Image, /, *, amount: Fraction, channels: Channels = "color", rng: Rng = SUPPLIED) -> Image:
    """Let it rain: slanted streaks, near and far, under a gray sky.

    Use it for outdoor cameras; objects count as hidden where a streak lets less than half through.

    Args:
        amount: 0 changes nothing, 0.3 is a shower, 1 a downpour.
        channels: "bands" when a fourth channel is not alpha.
        rng: where chance comes from: slant, places, lengths and brightness of the drops.

    Returns:
        same shape and dtype; alpha is left alone.

    Source:
        Garg and Nayar, "Photorealistic rendering of rain streaks", 2006, for what streaks do: drops are brighter than
        what they cover and smeared by the exposure. Layers of points, smeared along one direction.
    """
    if amount == 0.0:
        return np.ascontiguousarray(image)
    unit = _unit_length(image)
    slant = rng.uniform("slant", -25.0, 25.0)
    opacity: Array = np.zeros(image.shape[:2], np.float32)
    # density, length, thickness and strength of the far, middle and near drops
    for k, (density, length, thick, strength) in enumerate(
        ((3200.0, 14.0, 0.45, 0.26), (900.0, 30.0, 0.7, 0.38), (110.0, 64.0, 1.1, 0.55))
    ):
        way = max(2.0, length * unit * rng.uniform(f"length{k}", 0.8, 1.2))
        angle = 90.0 + slant + rng.uniform(f"slant{k}", -2.0, 2.0)
        x, y, vary = _points(rng, f"drops{k}", image, density * (0.15 + 0.85 * amount), way)
        drops: Array = splat(image.shape[0], image.shape[1], x, y, 0.4 + 0.6 * vary)
        sigma = max(0.35, thick * unit)
        drops = gaussian(drops, sigma, "constant") if sigma > 0.4 else drops
        streaks = correlate(drops, psf.motion(way, angle), "constant")
        # one streak of full weight reaches `strength`: its light is spread over its length and thickness
        peak = 1.0 / (way * max(1.0, sigma * math.sqrt(2.0 * math.pi)))
        opacity = 1.0 - (1.0 - opacity) * (1.0 - np.clip(streaks * np.float32(strength / peak), 0.0, 0.85))
    veil = np.float32(0.28 * amount)
    gray = laid_over(image, np.full_like(opacity, veil), (0.56, 0.58, 0.61), channels)
    out = laid_over(gray, opacity, (0.83, 0.85, 0.88), channels)
    return Covered(out, opacity >= 0.5)  # type: ignore[return-value]


@op(unit_range=True)
def snow(image: Image, /, *, amount: Fraction, channels: Channels = "color", rng: Rng = SUPPLIED) -> Image:
    """Let it snow: flakes of all sizes, the near ones out of focus, in a brightened haze.

    Use it for outdoor cameras; objects count as hidden where a flake lets less than half through.

    Args:
        amount: 0 changes nothing, 0.3 is a light fall, 1 a blizzard.
        channels: "bands" when a fourth channel is not alpha.
        rng: where chance comes from: direction, places, sizes and brightness of the flakes.

    Returns:
        same shape and dtype; alpha is left alone.

    Source:
        After Hendrycks and Dietterich, "Benchmarking neural network robustness to common corruptions and
        perturbations", 2019: layers of flakes, smeared by their fall, over a brightened picture.
    """
    if amount == 0.0:
        return np.ascontiguousarray(image)
    unit = _unit_length(image)
    angle = 90.0 + rng.uniform("slant", -40.0, 40.0)
    opacity: Array = np.zeros(image.shape[:2], np.float32)
    # density, radius, way during the exposure and strength, from far to near
    for k, (density, radius, way, strength) in enumerate(
        ((5200.0, 0.75, 2.0, 0.75), (1300.0, 1.6, 4.0, 0.9), (300.0, 3.2, 7.0, 0.95), (34.0, 8.0, 14.0, 0.8))
    ):
        x, y, vary = _points(rng, f"flakes{k}", image, density * (0.08 + 0.92 * amount), radius * unit * 4)
        flakes = splat(image.shape[0], image.shape[1], x, y, 0.35 + 0.65 * vary)
        sigma = max(0.4, radius * unit * 0.6)
        flakes = gaussian(flakes, sigma, "constant")
        peak = min(1.0, 1.0 / (2.0 * math.pi * sigma * sigma))
        length = way * unit * rng.uniform(f"way{k}", 0.7, 1.3)
        if length > 1.0:
            flakes = correlate(flakes, psf.motion(length, angle), "constant")
            peak *= min(1.0, sigma * math.sqrt(2.0 * math.pi) / length)
        # flat tops with soft rims rather than bells
        bell = np.clip(flakes * np.float32(1.6 / peak), 0.0, 1.0)
        opacity = 1.0 - (1.0 - opacity) * (1.0 - np.float32(strength) * bell * bell * (3.0 - 2.0 * bell))
    haze = np.full_like(opacity, 0.5 * amount)
    out = laid_over(laid_over(image, haze, (0.88, 0.9, 0.93), channels), opacity, (0.97, 0.98, 1.0), channels)
    return Covered(out, opacity >= 0.5)  # type: ignore[return-value]


@op(unit_range=True)
def fog(image: Image, /, *, amount: Fraction, channels: Channels = "color", rng: Rng = SUPPLIED) -> Image:
    """Draw fog over the picture: thicker towards the top, where far things mostly are, and in drifting banks.

    Use it for outdoor cameras. Nothing counts as hidden, for fog dims everything a little and nothing wholly.

    Args:
        amount: 0 changes nothing, 0.3 is a mist, 1 lets a tenth of the light through.
        channels: "bands" when a fourth channel is not alpha.
        rng: where chance comes from: the banks.

    Returns:
        same shape and dtype; alpha is left alone.

    Source:
        Koschmieder's law: out = in * t + air * (1 - t), t = exp(-thickness); the air is as bright as the picture's
        bright parts, so that fog at night is dark.
    """
    if amount == 0.0:
        return np.ascontiguousarray(image)
    height, width = image.shape[:2]
    banks = clouds(rng, "banks", height, width, max(4.0, min(height, width) / 2.5), 5)
    depth = np.linspace(1.25, 0.75, height, dtype=np.float32)[:, None]
    thickness = np.float32(2.4 * amount) * depth * (0.45 + 1.1 * banks)
    pixels = to_unit(split(image, channels)[0])
    bright = float(np.quantile(pixels[:: max(1, height // 128), :: max(1, width // 128)], 0.95))
    air = 0.35 * 0.86 + 0.65 * min(0.95, max(0.12, bright))
    opacity = (1.0 - np.exp(-thickness)).astype(np.float32)
    return laid_over(image, opacity, (air * 0.985, air, min(1.0, air * 1.01)), channels)
