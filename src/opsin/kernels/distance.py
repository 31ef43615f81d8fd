"""Distances to the nearest pixel outside a mask, quick and exact."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from opsin.kernels.extras import need

__all__ = ["distances"]

# below this a squared distance is a whole number that float32 still tells apart after its root was taken
_EXACT = 2_000_000.0


def distances(where: str, mask: NDArray[np.bool_], metric: str = "euclidean") -> NDArray[np.float64]:
    """Measure each True pixel's distance to the nearest False one; there must be one.

    Args:
        where: the technique's name, for the sentence when a library is missing.
        mask: H W bool.
        metric: `euclidean`, `taxicab` or `chessboard`.

    Returns:
        H W float64 in pixels.
    """
    cv2 = need("cv2", where)
    seen = np.ascontiguousarray(mask).view(np.uint8)
    if metric == "euclidean":
        near = cv2.distanceTransform(seen, cv2.DIST_L2, cv2.DIST_MASK_PRECISE).reshape(mask.shape)
        squares = near.astype(np.float64)
        squares *= squares
        if squares.max() < _EXACT:
            np.rint(squares, out=squares)
            return np.sqrt(squares, out=squares)
        found: NDArray[np.float64] = need("scipy.ndimage", where).distance_transform_edt(mask)
        return found
    code = cv2.DIST_L1 if metric == "taxicab" else cv2.DIST_C
    steps = cv2.distanceTransform(seen, code, 3).reshape(mask.shape).astype(np.float64)
    if steps.max() >= 8192:  # OpenCV's integer cells end there
        chamfer = need("scipy.ndimage", where).distance_transform_cdt(mask, metric)
        return np.asarray(chamfer, dtype=np.float64)
    return np.asarray(steps)
