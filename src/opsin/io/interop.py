"""Pictures of other libraries: Pillow images, OpenCV arrays (BGR), torch tensors (C H W, 0..1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from opsin.errors import MissingExtra, ParamError, refusal
from opsin.io.facts import Array

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["from_opencv", "from_pillow", "from_torch", "to_opencv", "to_pillow", "to_torch"]


def from_pillow(picture: Image) -> Array:
    """Turn a Pillow image into an Opsin array: gray, RGB or RGBA; palettes are looked up, 16-bit gray stays 16-bit.

    Args:
        picture: of any mode but `I`, `LAB` and `HSV`. Its EXIF orientation is not applied: Pillow's user decides.
    Returns: H W, H W 3 or H W 4; uint8, uint16 or float32.
    """
    mode = picture.mode
    if mode == "1":
        return np.array(picture.convert("L"))
    if mode in ("L", "RGB", "RGBA", "F"):
        return np.array(picture)
    if mode.startswith("I;16"):
        return np.array(picture).astype(np.uint16)
    if mode in ("P", "PA", "LA", "La", "RGBa", "RGBX", "CMYK", "YCbCr"):
        alpha = mode in ("PA", "LA", "La", "RGBa") or "transparency" in picture.info
        return np.array(picture.convert("RGBA" if alpha else "RGB"))
    raise ParamError(refusal("from_pillow", "picture", "gray, RGB, RGBA, palette or CMYK", f"mode {mode}"))


def to_pillow(image: Array) -> Image:
    """Turn an Opsin array into a Pillow image.

    Args:
        image: H W (bool, uint8, uint16, float32) or H W 1 to 4 (uint8). Pillow has no 16-bit or float color.
    """
    from PIL import Image as pillow

    array = np.asarray(image)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    gray = array.ndim == 2 and array.dtype in (np.bool_, np.uint8, np.uint16, np.float32)
    color = array.ndim == 3 and array.shape[2] in (2, 3, 4) and array.dtype == np.uint8
    if not (gray or color):
        hint = "Pillow has no 16-bit or float color: convert it to uint8 first."
        raise ParamError(refusal("to_pillow", "image", "H W, or H W 1 to 4 of uint8", array, hint))
    return pillow.fromarray(np.ascontiguousarray(array))


def from_opencv(image: Array) -> Array:
    """Turn an OpenCV array (BGR or BGRA) into an Opsin array (RGB or RGBA); gray stays gray."""
    return np.ascontiguousarray(_swap(image, "from_opencv"))


def to_opencv(image: Array) -> Array:
    """Turn an Opsin array (RGB or RGBA) into an OpenCV array (BGR or BGRA); gray stays gray."""
    return np.ascontiguousarray(_swap(image, "to_opencv"))


def _swap(image: Array, where: str) -> Array:
    if image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 1):
        return image
    if image.ndim == 3 and image.shape[2] in (3, 4):
        return image[..., [2, 1, 0] if image.shape[2] == 3 else [2, 1, 0, 3]]
    raise ParamError(refusal(where, "image", "H W, or H W of 1, 3 or 4 channels", image))


def from_torch(tensor: Any) -> Array:
    """Turn a torch tensor into an Opsin array.

    Args:
        tensor: C H W or H W, on any device; floats with 1.0 = white, uint8 or uint16 at full scale.
    Returns: H W C or H W; float32, uint8 or uint16.
    """
    array = tensor.detach().cpu().numpy()
    if array.ndim not in (2, 3):
        raise ParamError(refusal("from_torch", "tensor", "C H W or H W", array, "Take one picture of a batch first."))
    if array.dtype.kind == "f":
        array = array.astype(np.float32)
    if array.dtype not in (np.uint8, np.uint16, np.float32):
        raise ParamError(refusal("from_torch", "tensor", "of floats, uint8 or uint16", array))
    return np.array(np.moveaxis(array, 0, -1) if array.ndim == 3 else array, order="C")


def to_torch(image: Array) -> Any:
    """Turn an Opsin array into a torch tensor, C H W, of its own memory; values and dtype stay as they are.

    Use `ops.to_tensor` in a pipeline: it also brings integers to 0..1.

    Args:
        image: H W or H W C.
    """
    try:
        import torch
    except ImportError:
        raise MissingExtra("to_torch", "torch", "torch") from None
    array = image[..., None] if image.ndim == 2 else image
    return torch.from_numpy(np.array(np.moveaxis(array, -1, 0), order="C"))
