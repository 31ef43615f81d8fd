"""Least and greatest values under a footprint: grow, shrink, smooth and find small things, on masks and pictures."""

from typing import Annotated, Any, Literal

import numpy as np

from opsin.kernels.extras import need
from opsin.kernels.footprints import footprint as make_footprint
from opsin.op import op
from opsin.ops._planes import color_of, with_color
from opsin.types import Array, Bound, Channels, Image, Unit, Usual

Footprint = Literal["disk", "square", "diamond"]
Radius = Annotated[int, Bound(ge=1, le=500), Usual(1, 15), Unit("px")]


def _once(**params: Any) -> int:
    return int(params.get("radius", 1))


def _twice(**params: Any) -> int:
    return 2 * int(params.get("radius", 1))


def _run(name: str, image: Array, action: str, footprint: str, radius: int, channels: str) -> Array:
    """Run one of OpenCV's operations; beyond the edge there is nothing that could decide."""
    cv2 = need("cv2", name)
    kernel = make_footprint(footprint, radius)
    code = getattr(cv2, f"MORPH_{action}")
    if image.dtype == np.bool_:
        seen = np.ascontiguousarray(image).view(np.uint8)
        return np.asarray(cv2.morphologyEx(seen, code, kernel)).view(np.bool_)
    color = color_of(image, channels)
    planes = [color] if color.ndim == 2 or color.shape[2] <= 4 else [color[..., k] for k in range(color.shape[2])]
    out = [cv2.morphologyEx(np.ascontiguousarray(plane), code, kernel) for plane in planes]
    return with_color(image, (out[0] if len(out) == 1 else np.stack(out, axis=2)).reshape(color.shape), channels)


@op(extra="cv", halo=_once, masks=True)
def erode(image: Image, /, *, footprint: Footprint = "disk", radius: Radius = 1, channels: Channels = "color") -> Image:
    """Shrink what is bright: each pixel becomes the least value under the footprint.

    Use it on masks to cut thin bridges and remove specks, on pictures to darken fine bright detail.

    Args:
        footprint: "disk", "square" or "diamond".
        radius: of the footprint in pixels; its side is 2 radius + 1.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype, bool for a mask; pixels beyond the edge do not count. Alpha is kept.

    Source:
        Serra, "Image Analysis and Mathematical Morphology", 1982; as OpenCV's erode.
    """
    return _run("erode", image, "ERODE", footprint, radius, channels)


@op(extra="cv", halo=_once, masks=True)
def dilate(
    image: Image, /, *, footprint: Footprint = "disk", radius: Radius = 1, channels: Channels = "color"
) -> Image:
    """Grow what is bright: each pixel becomes the greatest value under the footprint.

    Use it on masks to close small gaps or to add a margin, on pictures to thicken bright detail.

    Args:
        footprint: "disk", "square" or "diamond".
        radius: of the footprint in pixels; its side is 2 radius + 1.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype, bool for a mask; pixels beyond the edge do not count. Alpha is kept.

    Source:
        Serra, "Image Analysis and Mathematical Morphology", 1982; as OpenCV's dilate.
    """
    return _run("dilate", image, "DILATE", footprint, radius, channels)


@op(extra="cv", halo=_twice, masks=True)
def opening(
    image: Image, /, *, footprint: Footprint = "disk", radius: Radius = 1, channels: Channels = "color"
) -> Image:
    """Remove bright things smaller than the footprint: erode, then dilate.

    Use it on masks to drop specks and hairs without moving the outlines of larger things.

    Args:
        footprint: "disk", "square" or "diamond".
        radius: of the footprint in pixels; its side is 2 radius + 1.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype, bool for a mask. Alpha is kept.

    Source:
        Serra, "Image Analysis and Mathematical Morphology", 1982.
    """
    return _run("opening", image, "OPEN", footprint, radius, channels)


@op(extra="cv", halo=_twice, masks=True)
def closing(
    image: Image, /, *, footprint: Footprint = "disk", radius: Radius = 1, channels: Channels = "color"
) -> Image:
    """Fill dark things smaller than the footprint: dilate, then erode.

    Use it on masks to close holes and gaps without moving the outlines of larger things.

    Args:
        footprint: "disk", "square" or "diamond".
        radius: of the footprint in pixels; its side is 2 radius + 1.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype, bool for a mask. Alpha is kept.

    Source:
        Serra, "Image Analysis and Mathematical Morphology", 1982.
    """
    return _run("closing", image, "CLOSE", footprint, radius, channels)


@op(extra="cv", halo=_twice, masks=True)
def top_hat(
    image: Image, /, *, footprint: Footprint = "disk", radius: Radius = 1, channels: Channels = "color"
) -> Image:
    """Keep only bright things smaller than the footprint: the picture minus its opening.

    Use it to level uneven light behind small bright objects before a threshold; choose a radius larger than they are.

    Args:
        footprint: "disk", "square" or "diamond".
        radius: of the footprint in pixels; its side is 2 radius + 1.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype, bool for a mask. Alpha is kept.

    Source:
        Meyer, "Iterative image transformations for an automatic screening of cervical smears", 1979.
    """
    return _run("top_hat", image, "TOPHAT", footprint, radius, channels)


@op(extra="cv", halo=_twice, masks=True)
def black_hat(
    image: Image, /, *, footprint: Footprint = "disk", radius: Radius = 1, channels: Channels = "color"
) -> Image:
    """Keep only dark things smaller than the footprint: the closing minus the picture.

    Use it to find dark lines and spots on an uneven bright ground: ink, hair, cracks.

    Args:
        footprint: "disk", "square" or "diamond".
        radius: of the footprint in pixels; its side is 2 radius + 1.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype, bool for a mask; they come out bright. Alpha is kept.

    Source:
        Meyer, "Iterative image transformations for an automatic screening of cervical smears", 1979.
    """
    return _run("black_hat", image, "BLACKHAT", footprint, radius, channels)


@op(extra="cv", halo=_once, masks=True)
def morphological_gradient(
    image: Image, /, *, footprint: Footprint = "disk", radius: Radius = 1, channels: Channels = "color"
) -> Image:
    """Draw outlines: the dilation minus the erosion.

    Use it for the outlines of masks, and for edges whose strength is the full step, whatever their direction.

    Args:
        footprint: "disk", "square" or "diamond".
        radius: of the footprint in pixels; lines come out about 2 radius wide.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype, bool for a mask. Alpha is kept.

    Source:
        Beucher and Lantuejoul, "Use of watersheds in contour detection", 1979.
    """
    return _run("morphological_gradient", image, "GRADIENT", footprint, radius, channels)
