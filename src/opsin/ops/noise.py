"""Noise and artifacts: what sensors and codecs add."""

from typing import Annotated

import numpy as np

from opsin.arrays import to_unit
from opsin.chance import Rng
from opsin.kernels.jpeg_model import jpeg_roundtrip
from opsin.op import op
from opsin.ops._planes import color_of, rejoin, with_color
from opsin.types import SUPPLIED, Array, Bound, Channels, Image, Usual

_JPEG_SIDE = 65500


@op(unit_range=True)
def gaussian_noise(
    image: Image,
    /,
    *,
    std: Annotated[float, Bound(ge=0.0, le=100.0), Usual(0.01, 0.2)],
    channels: Channels = "color",
    rng: Rng = SUPPLIED,
) -> Image:
    """Add a drawn number to every value, bell-shaped around zero.

    Use it for the noise of sensors in dim light, and to make a model robust against noise of any kind.

    Args:
        std: standard deviation as a fraction of full scale.
        channels: "bands" when a fourth channel is not alpha.
        rng: where chance comes from.

    Returns:
        same shape and dtype; clamped; alpha is left alone.

    Source:
        Gonzalez and Woods, "Digital Image Processing", section 5.2.
    """
    if std == 0.0:
        return np.ascontiguousarray(image)
    color = color_of(image, channels)
    values = to_unit(color) + rng.normal("noise", 0.0, std, color.shape).astype(np.float32)
    return rejoin(image, np.clip(values, 0.0, 1.0, out=values), channels)


@op(quantizes=True, unit_range=True)
def jpeg_artifacts(
    image: Image,
    /,
    *,
    quality: Annotated[int, Bound(ge=1, le=100), Usual(10, 95)],
    channels: Channels = "color",
) -> Image:
    """Compress as a JPEG file and decompress again: blocks, ringing and washed-out color.

    Use it to prepare a model for pictures from the web.

    Args:
        quality: 1 is worst, 100 best, as libjpeg counts; color is halved in both directions (4:2:0).
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype; alpha is left alone. 16-bit and float pictures are rounded only where a JPEG file is.

    Source:
        ITU-T T.81 with the example tables of annex K; T.871 (JFIF) for color; 8-bit pictures go through libjpeg.
    """
    color = color_of(image, channels)
    if image.dtype != np.uint8 or max(image.shape[:2]) > _JPEG_SIDE:
        return with_color(image, jpeg_roundtrip(color, quality), channels)
    if color.ndim == 3 and color.shape[2] != 3:
        return with_color(
            image, np.stack([_through_jpeg(color[..., c], quality) for c in range(color.shape[2])], -1), channels
        )
    return with_color(image, _through_jpeg(color, quality), channels)


def _through_jpeg(picture: Array, quality: int) -> Array:
    """Compress and decompress 8-bit gray or RGB by the codec that all files go through."""
    from opsin.io import decode, encode

    return decode(encode(np.ascontiguousarray(picture), "jpeg", quality=quality)).image
