"""What light and a dirty lens put over a picture: flares, shadows, splashes."""

import math
from typing import Literal

import numpy as np

from opsin.arrays import from_unit, to_unit
from opsin.chance import Rng
from opsin.kernels.gaussian import gaussian
from opsin.kernels.planes import joined, split
from opsin.kernels.scatter import clouds, laid_over, splat, tinted
from opsin.kernels.smooth import soft
from opsin.op import Covered, op
from opsin.types import SUPPLIED, Array, Channels, Fraction, Image


def _grid(image: Array) -> tuple[Array, Array]:
    height, width = image.shape[:2]
    return np.arange(width, dtype=np.float32) + np.float32(0.5), np.arange(height, dtype=np.float32)[:, None] + 0.5


@op(unit_range=True)
def sun_flare(image: Image, /, *, amount: Fraction, channels: Channels = "color", rng: Rng = SUPPLIED) -> Image:
    """Let the sun shine into the lens: a glowing disk in the upper half, rays, and ghosts across the picture.

    Use it for outdoor cameras; objects count as hidden where the glare leaves less than a quarter of them.

    Args:
        amount: 0 changes nothing, 0.3 is a low sun through haze, 1 blinds.
        channels: "bands" when a fourth channel is not alpha.
        rng: where chance comes from: the sun's place, rays, and ghosts.

    Returns:
        same shape and dtype; alpha is left alone.

    Source:
        Hullin et al., "Physically-based real-time lens flare rendering", SIGGRAPH 2011, for what a flare consists of;
        here drawn, not traced, and added as light: out = 1 - (1 - in)(1 - flare).
    """
    if amount == 0.0:
        return np.ascontiguousarray(image)
    height, width = image.shape[:2]
    reach = float(min(height, width))
    x, y = _grid(image)
    sx, sy = rng.uniform("x", 0.05, 0.95) * width, rng.uniform("y", 0.0, 0.5) * height
    dx, dy = x - np.float32(sx), y - np.float32(sy)
    away = np.sqrt(dx * dx + dy * dy) / np.float32(reach)
    # the sun itself, its bloom, and the haze it lights
    core = np.float32(0.02 + 0.05 * amount)
    glow = np.exp(-np.square(away / core)) * 1.4
    glow += np.float32(0.75 * amount) * np.exp(-away / np.float32(0.05 + 0.12 * amount))
    glow += np.float32(0.4 * amount) * np.exp(-away / np.float32(0.5))
    # rays of the aperture: a few directions, sharp near the sun
    blades = rng.integers("blades", 5, 9)
    turn = rng.uniform("turn", 0.0, math.pi)
    angle = np.arctan2(dy, dx)
    rays = np.abs(np.cos(np.float32(blades / 2.0) * (angle - np.float32(turn)))) ** 60
    rays += 0.5 * np.abs(np.cos(np.float32(blades) * (angle - np.float32(turn + 0.21)))) ** 90
    glow += np.float32(0.5 * amount) * rays * np.exp(-away / np.float32(0.1 + 0.15 * amount))
    light = np.empty((height, width, 3), np.float32)
    for c, warm in enumerate((1.0, 0.94, 0.82)):
        light[..., c] = glow * np.float32(warm)
    _ghosts(light, rng, x, y, (sx, sy), reach, amount)
    np.clip(light, 0.0, 1.0, out=light)
    pixels, alpha = split(image, channels)
    values = to_unit(pixels)
    planes = values if values.ndim == 3 else values[..., None]
    shade = light if planes.shape[2] == 3 else light.mean(axis=2, keepdims=True)
    out = 1.0 - (1.0 - planes) * (1.0 - shade)
    mask = light.min(axis=2) >= 0.75
    return Covered(  # type: ignore[return-value]
        joined(from_unit(np.clip(out, 0.0, 1.0).reshape(values.shape), image.dtype), alpha), mask
    )


def _ghosts(light: Array, rng: Rng, x: Array, y: Array, sun: tuple[float, float], reach: float, amount: float) -> None:
    """Add the reflections between lenses: pale disks and rings on the line from the sun through the middle."""
    height, width = light.shape[:2]
    tints = ((0.9, 0.6, 0.3), (0.4, 0.8, 0.5), (0.4, 0.6, 1.0), (0.8, 0.4, 0.9), (1.0, 0.9, 0.6))
    for k in range(7):
        along = rng.uniform(f"along{k}", 0.35, 2.1)
        radius = np.float32(reach * rng.uniform(f"radius{k}", 0.012, 0.075) * (0.6 + 0.6 * abs(along - 1.0)))
        gx, gy = sun[0] + (width / 2 - sun[0]) * along, sun[1] + (height / 2 - sun[1]) * along
        left, right = max(0, int(gx - radius * 1.4)), min(width, int(gx + radius * 1.4) + 2)
        top, bottom = max(0, int(gy - radius * 1.4)), min(height, int(gy + radius * 1.4) + 2)
        if left >= right or top >= bottom:
            continue
        away = np.hypot(x[left:right] - np.float32(gx), y[top:bottom] - np.float32(gy)) / radius
        edge = np.clip((1.0 - away) * np.maximum(radius * 0.25, 1.0) + 0.5, 0.0, 1.0)
        disk = edge * (0.35 + 0.65 * np.clip(away, 0.0, 1.0) ** 6)
        tint = tints[rng.integers(f"tint{k}", 0, len(tints))]
        strength = amount * rng.uniform(f"strength{k}", 0.12, 0.38)
        light[top:bottom, left:right] += (disk * np.float32(strength))[..., None] * np.array(tint, np.float32)


@op(unit_range=True)
def shadow(image: Image, /, *, amount: Fraction, channels: Channels = "color", rng: Rng = SUPPLIED) -> Image:
    """Cast a shadow over part of the picture, with a soft edge and the blue of the sky in it.

    Use it for outdoor cameras and documents on desks. Nothing counts as hidden.

    Args:
        amount: part of the light that is taken away, in the middle of the shadow; 0 changes nothing, 1 leaves a tenth.
        channels: "bands" when a fourth channel is not alpha.
        rng: where chance comes from: the shadow's outline and softness.

    Returns:
        same shape and dtype; alpha is left alone.

    Source:
        Closed form: light times 1 - 0.9 amount inside a quadrilateral across the picture, its edge smoothed as a
        penumbra; encoded by the exponent 1 / 2.2.
    """
    if amount == 0.0:
        return np.ascontiguousarray(image)
    height, width = image.shape[:2]
    across = rng.index("across", (1.0, 1.0))
    starts, widths = rng.uniform("start", -0.1, 0.75, 2), rng.uniform("width", 0.2, 0.7, 2)
    # the shadow's two edges run from one side of the picture to the other
    x, y = _grid(image)
    u, v = (
        (x / np.float32(width), y / np.float32(height)) if across else (y / np.float32(height), x / np.float32(width))
    )
    bow = rng.uniform("bow", -0.12, 0.12, 2)
    first = starts[0] + (starts[1] - starts[0]) * v + bow[0] * np.sin(v * np.float32(math.pi))
    second = first + widths[0] + (widths[1] - widths[0]) * v + bow[1] * np.sin(v * np.float32(math.pi))
    inside = ((u >= first) & (u <= second)).astype(np.float32)
    softness = min(height, width) * rng.uniform("softness", 0.004, 0.03)
    if softness > 0.3:
        inside = soft(inside, softness, "replicate")
    pixels, alpha = split(image, channels)
    values = to_unit(pixels)
    planes = values if values.ndim == 3 else values[..., None]
    out = np.empty_like(planes)
    # sky light fills a shadow: blue loses least
    for c, share in enumerate(tinted((1.0, 0.97, 0.9), planes.shape[2])):
        factor = np.power(1.0 - np.float32(0.9 * amount * share) * inside, np.float32(1.0 / 2.2))
        out[..., c] = planes[..., c] * factor
    return joined(from_unit(np.clip(out, 0.0, 1.0).reshape(values.shape), image.dtype), alpha)


@op(unit_range=True)
def spatter(
    image: Image,
    /,
    *,
    amount: Fraction,
    kind: Literal["water", "mud"] = "water",
    channels: Channels = "color",
    rng: Rng = SUPPLIED,
) -> Image:
    """Splash drops on the lens: water bends what lies behind it, mud hides it.

    Use it for cameras outdoors and on vehicles; objects count as hidden where mud lets less than half through.

    Args:
        amount: 0 changes nothing, 0.3 is a few drops, 1 covers much of the picture.
        kind: "water" for clear drops, "mud" for brown ones.
        channels: "bands" when a fourth channel is not alpha.
        rng: where chance comes from: places and sizes of the drops.

    Returns:
        same shape and dtype; alpha is left alone.

    Source:
        After Hendrycks and Dietterich, "Benchmarking neural network robustness to common corruptions and
        perturbations", 2019; drops are level sets of summed bells, so that near drops run together.
    """
    if amount == 0.0:
        return np.ascontiguousarray(image)
    height, width = image.shape[:2]
    unit = min(height, width) / 512.0
    field = np.zeros((height, width), np.float32)
    # density and radius of the drops, from spray to splashes
    for k, (density, radius) in enumerate(((600.0, 1.6), (220.0, 4.0), (80.0, 9.0), (26.0, 20.0))):
        sigma = max(0.5, radius * unit)
        count = max(1, round(density * (0.04 + 0.96 * amount) * width * height / (512.0 * unit) ** 2))
        drawn = rng.unit(f"drops{k}", (count, 3))
        points = splat(height, width, drawn[:, 0] * width, drawn[:, 1] * height, 0.35 + 1.1 * drawn[:, 2] ** 2)
        field += soft(points, sigma, "constant") * np.float32(2.0 * math.pi * sigma * sigma)
    field *= 0.75 + 0.5 * clouds(rng, "rough", height, width, max(3.0, 24.0 * unit), 3)
    wet = np.clip((field - 0.42) * np.float32(6.0), 0.0, 1.0)
    wet = wet * wet * (3.0 - 2.0 * wet)
    height_map = np.sqrt(np.clip(field - np.float32(0.4), 0.0, 1.2))
    slope_x, slope_y = _slopes(gaussian(height_map, max(0.6, 1.2 * unit), "replicate"))
    if kind == "mud":
        grit = clouds(rng, "grit", height, width, max(2.0, 6.0 * unit), 3)
        relief = np.clip(1.0 + (slope_x + slope_y) * np.float32(1.5 * unit), 0.6, 1.4) * (0.7 + 0.6 * grit)
        pixels, alpha = split(image, channels)
        values = to_unit(pixels)
        planes = values if values.ndim == 3 else values[..., None]
        opacity = wet * np.float32(0.94)
        out = np.empty_like(planes)
        for c, value in enumerate(tinted((0.31, 0.23, 0.15), planes.shape[2])):
            out[..., c] = planes[..., c] * (1.0 - opacity) + opacity * value * relief
        hiding = joined(from_unit(np.clip(out, 0.0, 1.0).reshape(values.shape), image.dtype), alpha)
        return Covered(hiding, opacity >= 0.5)  # type: ignore[return-value]
    color, alpha = split(image, channels)
    bent = joined(_refracted(color, slope_x, slope_y, wet, 26.0 * unit), alpha)
    # light from above left: a bright rim towards it, a dark one away from it
    shine = (slope_x + slope_y) * np.float32(-4.0 * unit) * wet
    lit = laid_over(bent, np.clip(shine, 0.0, 0.75), (1.0, 1.0, 1.0), channels)
    out = laid_over(lit, np.clip(-shine * 0.6, 0.0, 0.5), (0.05, 0.06, 0.08), channels)
    return Covered(out, np.zeros((height, width), np.bool_))  # type: ignore[return-value]


def _slopes(surface: Array) -> tuple[Array, Array]:
    """Rise per pixel along x and y, by central differences."""
    wide = np.pad(surface, 1, mode="edge")
    return (wide[1:-1, 2:] - wide[1:-1, :-2]) * 0.5, (wide[2:, 1:-1] - wide[:-2, 1:-1]) * 0.5


def _refracted(image: Array, slope_x: Array, slope_y: Array, wet: Array, reach: float) -> Array:
    """Show, inside drops, what lies some way down the slope."""
    height, width = image.shape[:2]
    x = np.arange(width) - np.rint(slope_x * wet * np.float32(reach * 6.0))
    y = np.arange(height)[:, None] - np.rint(slope_y * wet * np.float32(reach * 6.0))
    return image[np.clip(y, 0, height - 1).astype(np.int64), np.clip(x, 0, width - 1).astype(np.int64)]
