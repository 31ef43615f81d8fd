"""Color apart from alpha, as floats: what the neighborhood techniques work on."""

from collections.abc import Callable
from typing import Any

import numpy as np

from opsin.arrays import check_image, color_count, from_unit, to_unit
from opsin.errors import ParamError, refusal
from opsin.types import Array

__all__ = ["color_of", "each_plane", "jointly", "odd", "rejoin", "second_picture", "with_color"]

Step = Callable[[Array], Array]


def color_of(image: Array, channels: str = "color") -> Array:
    """The channels that carry color or bands: H W, or H W C without alpha."""
    return image if image.ndim == 2 else image[..., : color_count(image, channels)]


def with_color(image: Array, color: Array, channels: str = "color") -> Array:
    """Put color of the picture's own dtype back beside the alpha it had."""
    if image.ndim == 3 and color_count(image, channels) != image.shape[2]:
        out = np.empty_like(image, order="C")
        out[..., :3] = color
        out[..., 3] = image[..., 3]
        return out
    return np.ascontiguousarray(color.reshape(image.shape))


def rejoin(image: Array, values: Array, channels: str = "color") -> Array:
    """Turn floats (1.0 = white) into the picture's dtype and put them beside the alpha it had."""
    return with_color(image, from_unit(values, image.dtype), channels)


def jointly(image: Array, fn: Step, channels: str = "color", dtype: Any = np.float32) -> Array:
    """Run on all color channels at once: the function gets and gives H W C floats."""
    color = to_unit(color_of(image, channels), dtype)
    out = fn(np.ascontiguousarray(color if color.ndim == 3 else color[..., None]))
    return rejoin(image, out.reshape(color.shape), channels)


def each_plane(image: Array, fn: Step, channels: str = "color", dtype: Any = np.float32) -> Array:
    """Run on one color channel after the other: the function gets and gives H W floats."""
    color = color_of(image, channels)
    if color.ndim == 2:
        return rejoin(image, fn(np.ascontiguousarray(to_unit(color, dtype))), channels)
    out = np.empty(color.shape, dtype=image.dtype)
    for k in range(color.shape[2]):
        plane = np.ascontiguousarray(to_unit(color[..., k], dtype))
        out[..., k] = from_unit(fn(plane), image.dtype)
    return with_color(image, out, channels)


def odd(where: str, name: str, value: int) -> int:
    """Refuse an even side, which has no middle pixel."""
    if value % 2 == 0:
        raise ParamError(refusal(where, name, "odd", value, f"Use {value + 1}."))
    return value


def second_picture(where: str, name: str, other: Any, image: Array) -> Array:
    """Check a further picture and bring it to the first one's color channels, without alpha.

    A gray picture serves for every channel; other counts are refused.
    """
    color, wanted = color_of(check_image(where, other, name=name)), color_of(image)
    have, want = color_count(color), color_count(wanted)
    if have == want:
        return color.reshape(color.shape[:2] + wanted.shape[2:])
    if have == 1:
        return np.repeat(color.reshape(color.shape[0], color.shape[1], 1), want, axis=2)
    raise ParamError(
        refusal(where, name, f"a picture of {want} color channels, or gray", other, "Use ops.to_gray first.")
    )
