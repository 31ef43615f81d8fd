"""The bilateral filter for every dtype and any number of bands, as OpenCV defines it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin.arrays import from_unit, to_unit
from opsin.kernels.extras import need

__all__ = ["bilateral"]


def bilateral(color: NDArray[Any], reach: int, sigma_color: float, sigma_space: float, where: str) -> NDArray[Any]:
    """Smooth H W or H W C; its dtype and shape come back.

    Bytes and floats with one or three channels go to OpenCV as they are, 16 bit goes as floats; other numbers of
    channels are summed up here.

    Args:
        color: without alpha.
        reach: radius of the neighborhood in pixels.
        sigma_color: a fraction of full scale.
        sigma_space: in pixels.
        where: the technique's name, for the sentence when OpenCV is missing.
    """
    cv2 = need("cv2", where, extra="cv")
    few = color.ndim == 2 or color.shape[2] in (1, 3)
    if color.dtype == np.uint8 and few:
        out = cv2.bilateralFilter(np.ascontiguousarray(color), 2 * reach + 1, sigma_color * 255.0, sigma_space)
        return np.asarray(out.reshape(color.shape))
    values = np.ascontiguousarray(to_unit(color))
    if few:
        smooth = cv2.bilateralFilter(values, 2 * reach + 1, sigma_color, sigma_space)
    else:
        smooth = _bands(values, reach, sigma_color, sigma_space)
    return from_unit(smooth.reshape(color.shape), color.dtype)


def _bands(values: NDArray[Any], reach: int, sigma_color: float, sigma_space: float) -> NDArray[Any]:
    """OpenCV's definition for any number of bands: a sum over the offsets of a disk."""
    height, width = values.shape[:2]
    padded = np.pad(values, ((reach, reach), (reach, reach), (0, 0)), mode="reflect")
    total = np.zeros_like(values)
    weights = np.zeros((height, width), dtype=np.float32)
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            if dy * dy + dx * dx > reach * reach:
                continue
            near = padded[reach + dy : reach + dy + height, reach + dx : reach + dx + width]
            distance = np.abs(near - values).sum(axis=2)
            exponent = distance * distance * np.float32(-0.5 / sigma_color**2)
            weight = np.exp(exponent + np.float32(-0.5 * (dy * dy + dx * dx) / sigma_space**2))
            total += near * weight[..., None]
            weights += weight
    return np.asarray(total / weights[..., None])
