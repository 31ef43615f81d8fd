"""Which channels a picture has: gray, RGB, RGBA, and other color spaces."""

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from opsin.arrays import check_image, from_unit, full_scale, to_unit
from opsin.errors import ParamError, refusal
from opsin.kernels.brightness import brightness
from opsin.kernels.colorspace import convert
from opsin.kernels.luma import LUMA, luma
from opsin.kernels.planes import joined
from opsin.op import op
from opsin.types import Array, Bound, Fraction, Gray, Image, Rgb, Usual

Share = Annotated[float, Bound(ge=0.0, le=1.0), Usual(0.0, 1.0)]
Space = Literal["rgb", "hsv", "hsl", "lab", "lch", "luv", "xyz", "ycbcr", "yuv", "cmyk", "hed"]


@op
def to_gray(
    image: Image,
    /,
    *,
    channels: Literal[1, 3, 4] = 1,
    weights: Literal["bt601", "bt709", "bt2020", "average", "max", "lightness"] | tuple[Share, Share, Share] = "bt601",
) -> Gray:
    """Reduce color to brightness.

    Use it where color carries nothing, or with three channels as augmentation in front of a network that wants RGB.

    Args:
        channels: 1 gives H W, 3 the same value three times, 4 also keeps alpha (opaque where there was none).
        weights: shares of red, green and blue by name or as numbers; "max" takes the largest channel, "lightness" the
            middle between the largest and the least.

    Returns:
        H W, H W 3 or H W 4; same dtype. A gray picture keeps its values, and with one channel its shape; alpha is left
        out unless channels is 4.

    Raises:
        ParamError: the picture is neither gray nor RGB nor RGBA.

    Source:
        ITU-R BT.601, BT.709, BT.2020; Pillow's convert("L") for bt601.
    """
    color, alpha = _color("to_gray", image)
    if color.ndim == 2 and channels == 1:
        return np.ascontiguousarray(image)
    gray = color if color.ndim == 2 else _gray(color, weights)
    if channels == 1:
        return np.ascontiguousarray(gray)
    out = np.empty((*gray.shape, channels), image.dtype)
    out[..., :3] = gray[..., None]
    if channels == 4:
        out[..., 3] = full_scale(image.dtype) if alpha is None else alpha
    return out


def _gray(color: Array, weights: str | tuple[float, float, float]) -> Array:
    if weights == "bt601":
        return brightness("to_gray", color)
    if weights == "max":
        return color.max(axis=2)
    values = to_unit(color)
    if weights == "lightness":
        return from_unit((values.max(axis=2) + values.min(axis=2)) * np.float32(0.5), color.dtype)
    shares = LUMA[weights] if isinstance(weights, str) else weights
    if sum(shares) > 1.0 + 1e-6:
        raise ParamError(refusal("to_gray", "weights", "numbers with a sum of at most 1", shares))
    return from_unit(luma(values, shares), color.dtype)


@op
def to_rgb(
    image: Image,
    /,
    *,
    background: Fraction | tuple[Fraction, Fraction, Fraction] | None = 1.0,
) -> Rgb:
    """Make it three channels, whatever it was.

    Use it first in a pipeline whose pictures may be gray or transparent. A transparent picture is laid on a background.

    Args:
        background: fraction of full scale, or one for each of red, green and blue: what shows through (1.0 is white);
            nothing (None) drops alpha and shows the color that transparent pixels hold, as Pillow's convert does.

    Returns:
        H W 3; same dtype.

    Raises:
        ParamError: the picture is neither gray nor RGB nor RGBA.

    Source:
        Porter and Duff, "Compositing digital images", 1984 (over); skimage.color.rgba2rgb.
    """
    color, alpha = _color("to_rgb", image)
    if color.ndim == 2:
        return np.repeat(color[..., None], 3, axis=2)
    if alpha is None or background is None:
        return np.ascontiguousarray(color)
    ground = np.broadcast_to(np.asarray(background, np.float32), 3)
    cover = to_unit(alpha)[..., None]
    out = to_unit(color) - ground
    out *= cover
    out += ground
    return from_unit(out, image.dtype)


@op
def to_rgba(image: Image, /, *, alpha: Fraction = 1.0) -> Rgb:
    """Make it four channels: color and alpha.

    Use it before pictures are laid over each other, and where corners shall be transparent after a rotation.

    Args:
        alpha: opacity of a picture that has none yet; 1 is opaque. An RGBA picture keeps its own.

    Returns:
        H W 4, straight alpha; same dtype.

    Raises:
        ParamError: the picture is neither gray nor RGB nor RGBA.

    Source:
        Porter and Duff, "Compositing digital images", 1984; alpha is not multiplied into the color.
    """
    color, own = _color("to_rgba", image)
    out = np.empty((*image.shape[:2], 4), image.dtype)
    out[..., :3] = color[..., None] if color.ndim == 2 else color
    out[..., 3] = from_unit(np.array([alpha]), image.dtype)[0] if own is None else own
    return out


@op(rescales=True)
def convert_color(image: Image, /, *, to: Space, source: Space = "rgb") -> Image:
    """Convert between color spaces.

    Use it where a model or a threshold works in another space: skin in YCbCr, differences in Lab, stains in HED.
    Ranges are scikit-image's: HSV 0..1; Lab L 0..100, a and b about -128..127; LCh with h in radians 0..2 pi; Luv;
    XYZ of D65; YCbCr 16..235; YUV Y 0..1; HED 0..1 of the darkest. HSL and CMYK are 0..1.

    Args:
        to: the space wanted.
        source: the space the picture is in; other spaces than RGB are float32 in the same ranges.

    Returns:
        H W 3 (CMYK: H W 4) float32; alpha of an RGBA picture follows as the last channel, 0..1. RGB comes back cut
        to 0..1.

    Raises:
        ParamError: a number of channels that the source space does not have, or RGB floats outside 0..1.

    Source:
        IEC 61966-2-1; CIE 15; ITU-R BT.601; Smith 1978 (HSV); Ruifrok and Johnston 2001 (HED).
    """
    if source == "rgb":
        check_image("convert_color", image, unit=True)
        color, alpha = _color("convert_color", image)
        color = np.repeat(color[..., None], 3, axis=2) if color.ndim == 2 else color
        values: NDArray[np.float32] = to_unit(color)
        cover = None if alpha is None else to_unit(alpha)
    else:
        count = 4 if source == "cmyk" else 3
        if image.ndim != 3 or image.shape[2] not in (count, count + 1) or image.dtype != np.float32:
            constraint = f"float32 H W {count} (alpha may follow), as {source} is"
            raise ParamError(refusal("convert_color", "image", constraint, image))
        values = image[..., :count]
        cover = image[..., count] if image.shape[2] == count + 1 else None
    out = values.astype(np.float32) if source == to else convert(values, source, to)
    return joined(out, cover)


def _color(name: str, image: Array) -> tuple[Array, Array | None]:
    """Give gray H W or color H W 3, and alpha H W where there is one."""
    if image.ndim == 2:
        return image, None
    if image.shape[2] == 1:
        return image[..., 0], None
    if image.shape[2] in (3, 4):
        return image[..., :3], image[..., 3] if image.shape[2] == 4 else None
    raise ParamError(refusal(name, "image", "gray, RGB or RGBA", image, "Pick the channels first."))
