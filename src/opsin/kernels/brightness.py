"""Brightness of a picture: what a technique looks at that has no use for color."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from opsin.errors import ParamError, refusal
from opsin.kernels import native, use_core
from opsin.types import Array

__all__ = ["brightness"]


def brightness(where: str, image: Array) -> Array:
    """Turn a picture into its brightness H W of the same dtype, by the weights of BT.601; alpha is not looked at.

    Args:
        where: the technique's name, for the sentence.
        image: H W, or H W C with 1, 3 or 4 channels.

    Raises:
        ParamError: another number of channels, of which nobody can say how bright they are.

    Source:
        ITU-R BT.601; for uint8 Pillow's whole-number form, (19595 R + 38470 G + 7471 B + 32768) >> 16.
    """
    if image.ndim == 2:
        return np.ascontiguousarray(image)
    if image.shape[2] == 1:
        return np.ascontiguousarray(image[..., 0])
    if image.shape[2] not in (3, 4):
        raise ParamError(refusal(where, "image", "gray, RGB or RGBA", image, "Choose one band: image[..., 0]."))
    r, g, b = image[..., 0], image[..., 1], image[..., 2]
    if image.dtype == np.uint8:
        if use_core():
            return native.gray(image[..., :3])
        from PIL import Image

        return np.asarray(Image.fromarray(np.ascontiguousarray(image[..., :3])).convert("L"))
    if image.dtype == np.uint16:
        parts = [plane.astype(np.uint64) * np.uint64(w) for plane, w in ((r, 19595), (g, 38470), (b, 7471))]
        wide: NDArray[np.uint64] = np.asarray(parts[0] + parts[1] + parts[2] + np.uint64(32768), dtype=np.uint64)
        return (wide >> np.uint64(16)).astype(np.uint16)
    return np.ascontiguousarray(r * np.float32(0.299) + g * np.float32(0.587) + b * np.float32(0.114))
