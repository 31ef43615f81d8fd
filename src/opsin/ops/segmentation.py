"""Objects and patches cut out: superpixels, GrabCut, skin."""

from typing import Annotated

import numpy as np

from opsin import values
from opsin.arrays import to_unit
from opsin.errors import ParamError, refusal, verbatim
from opsin.kernels.extras import need
from opsin.kernels.palette import Palette
from opsin.op import op
from opsin.ops._planes import color_of
from opsin.ops._skin_model import skin_model
from opsin.types import Array, Bound, Channels, Image, Mask, Rgb, Usual

Corner = Annotated[float, Bound(ge=-1e9, le=1e9)]


@op(extra="cv", quantizes=True)
def slic(
    image: Image,
    /,
    *,
    regions: Annotated[int, Bound(ge=1, le=10**7), Usual(50, 1000)],
    compactness: Annotated[float, Bound(gt=0.0, le=1e6), Usual(1.0, 40.0)],
    sigma: Annotated[float, Bound(ge=0.0, le=100.0), Usual(0.0, 3.0)] = 0.0,
    iterations: Annotated[int, Bound(ge=1, le=1000), Usual(5, 20)] = 10,
    channels: Channels = "color",
) -> values.Labels:
    """Cut a picture into patches of about equal size that follow its edges (superpixels).

    Use it to work on a few hundred patches in place of millions of pixels: graphs, annotation, explanations.

    Args:
        regions: about how many patches.
        compactness: how square they are; small numbers follow edges closely. Usual are 10 to 20 for color (which is
            compared in Lab) and 0.1 to 1 for gray.
        sigma: of the smoothing before, in pixels.
        iterations: of the k-means.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        H W int32 from 1; every patch is connected. Alpha is not looked at.

    Source:
        Achanta et al., "SLIC superpixels compared to state-of-the-art superpixel methods", IEEE PAMI 2012; as
        scikit-image.
    """
    segmentation = need("skimage.segmentation", "slic")
    color = color_of(image, channels)
    flat = color.reshape(color.shape[:2]) if color.ndim == 2 or color.shape[2] == 1 else color
    numbers = segmentation.slic(
        np.array(flat),
        n_segments=min(regions, flat.shape[0] * flat.shape[1]),
        compactness=compactness,
        max_num_iter=iterations,
        sigma=sigma,
        start_label=1,
        channel_axis=None if flat.ndim == 2 else -1,
    )
    return values.Labels.of(np.asarray(numbers, dtype=np.int32), background=None, method="slic")


@op(extra="cv", quantizes=True)
def grabcut(
    image: Image,
    /,
    box: tuple[Corner, Corner, Corner, Corner],
    *,
    iterations: Annotated[int, Bound(ge=1, le=1000), Usual(1, 10)],
    foreground: Mask | None = None,
    background: Mask | None = None,
) -> values.Mask:
    """Cut out the object in a box.

    Use it where a loose box around one object is known. Where it errs, mark a few pixels in `foreground` or
    `background` and call it again.

    Args:
        box: x1, y1, x2, y2 in pixels: the object lies inside, and what is outside is background.
        iterations: how often colors and outline are fitted in turn.
        foreground: H W bool, pixels that certainly belong to the object.
        background: H W bool, pixels that certainly do not.

    Returns:
        H W bool, True on the object. The technique is defined on 8-bit colors: pictures of 16 bit and floats are
        stretched from their darkest to their brightest value first, gray ones are taken as color without hue.

    Raises:
        ParamError: a box that holds no pixel or leaves none outside, or masks of another size.

    Source:
        Rother, Kolmogorov and Blake, "GrabCut: interactive foreground extraction using iterated graph cuts", 2004; as
        OpenCV, with its random numbers begun anew for every call.
    """
    cv2 = need("cv2", "grabcut")
    h, w = image.shape[:2]
    left, top, right, bottom = (
        int(np.clip(np.ceil(edge - 0.5), 0, side)) for edge, side in zip(box, (w, h, w, h), strict=True)
    )
    if right <= left or bottom <= top:
        raise ParamError(refusal("grabcut", "box", f"x1 y1 x2 y2 around a pixel of the {w} x {h} picture", tuple(box)))
    state = np.full((h, w), cv2.GC_BGD, dtype=np.uint8)
    state[top:bottom, left:right] = cv2.GC_PR_FGD
    for mask, name, mark in ((foreground, "foreground", cv2.GC_FGD), (background, "background", cv2.GC_BGD)):
        if mask is None:
            continue
        if mask.shape != (h, w):
            raise ParamError(refusal("grabcut", name, f"{h} x {w}, as the picture", mask))
        state[mask] = mark
    known = state == cv2.GC_BGD
    if known.all() or not known.any():
        what = "object" if known.all() else "background"
        hint = "Leave a margin around the object, or mark pixels in background." if what == "background" else ""
        got = verbatim(f"{tuple(box)}, which leaves no {what}")
        raise ParamError(refusal("grabcut", "box", "smaller than the picture", got, hint))
    cv2.setRNGSeed(0)  # the colors are first grouped at random
    cv2.grabCut(_eight_bit(image), state, None, np.zeros((1, 65)), np.zeros((1, 65)), iterations, cv2.GC_INIT_WITH_MASK)
    return values.Mask.of((state == cv2.GC_FGD) | (state == cv2.GC_PR_FGD), method="grabcut")


def _eight_bit(image: Array) -> Array:
    color = color_of(image)
    if color.ndim == 2 or color.shape[2] == 1:
        color = np.repeat(color.reshape(*color.shape[:2], 1), 3, axis=2)
    if color.shape[2] != 3:
        raise ParamError(refusal("grabcut", "image", "gray, RGB or RGBA", image, "Choose three bands: image[..., :3]."))
    if color.dtype != np.uint8:
        unit = to_unit(color, np.float64)
        low, high = float(unit.min()), float(unit.max())
        color = np.rint((unit - low) * (255.0 / (high - low or 1.0))).astype(np.uint8)
    return np.ascontiguousarray(color)


@op
def skin_segment(
    image: Rgb,
    /,
    *,
    model: str = "default",
    threshold: Annotated[float, Bound(ge=0.0, le=1.0), Usual(0.1, 0.9)] = 0.5,
) -> values.Mask:
    """Find skin by its color: two mixtures of Gaussians say how likely a color is on skin and elsewhere.

    Use it as a first guess of faces and hands in photographs of ordinary light. Wood, sand and some fabrics have the
    same colors; color alone cannot tell them apart.

    Args:
        model: "default", or the path of a JSON file that benchmarks/fit_skin.py wrote for pictures of your own. The
            default was fitted on the Skin Segmentation set of Bhatt and Dhall (UCI, CC BY 4.0).
        threshold: how probable skin must be, both kinds being equally frequent beforehand.

    Returns:
        H W bool, True on skin; `.value` is the threshold. Alpha is not looked at.

    Raises:
        ParamError: a model that cannot be read or is none.

    Source:
        Jones and Rehg, "Statistical color models with application to skin detection", IJCV 2002; fitted by EM
        (Dempster, Laird and Rubin 1977).
    """
    palette = Palette.of(color_of(image))
    found = skin_model("skin_segment", model).likely(palette.colors, threshold)
    return values.Mask.of(palette.spread(found), value=threshold, method="skin_segment")
