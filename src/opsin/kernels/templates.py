"""How alike a template and each place of a picture are, by six measures, with or without a mask."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin.kernels.extras import need

__all__ = ["MEASURES", "peaks", "similarity"]

MEASURES = ("sqdiff", "sqdiff_normed", "ccorr", "ccorr_normed", "ccoeff", "ccoeff_normed")
Floats = NDArray[Any]


class _Sums:
    """Sums over the window at each place, of the picture's values times weights."""

    def __init__(self, where: str, image: Floats, mask: NDArray[np.bool_] | None, shape: tuple[int, int]) -> None:
        self.cv2 = need("cv2", where)
        self.image, self.mask, self.shape = image, mask, shape

    def times(self, values: Floats, weights: Floats) -> Floats:
        """Sum of values times weights (H W C both)."""
        one = np.ascontiguousarray(values, dtype=np.float32)
        out = self.cv2.matchTemplate(one, np.ascontiguousarray(weights, dtype=np.float32), self.cv2.TM_CCORR)
        return np.asarray(out, dtype=np.float64)

    def window(self, values: Floats) -> Floats:
        """Sum of one channel's values (H W) in the window, within the mask."""
        if self.mask is not None:
            return self.times(values, self.mask)
        h, w = self.shape
        total = np.asarray(self.cv2.integral(np.ascontiguousarray(values, dtype=np.float64)))
        return total[h:, w:] - total[:-h, w:] - total[h:, :-w] + total[:-h, :-w]


def similarity(
    where: str, image: Floats, template: Floats, method: str, mask: NDArray[np.bool_] | None = None
) -> Floats:
    """Score every place of a template in a picture; a perfect copy scores 1 by every measure.

    Args:
        where: the technique's name, for the sentence about OpenCV.
        image: H W C, floats with 1.0 = white.
        template: h w C, no larger than the picture.
        method: one of `MEASURES`. With sums over the window: `sqdiff` 1 - the root of the mean of (I - T)^2;
            `sqdiff_normed` 1 - sum (I - T)^2 / sqrt(sum I^2 sum T^2), at least 0; `ccorr` sum I T / sum T^2;
            `ccorr_normed` sum I T / sqrt(sum I^2 sum T^2); `ccoeff` and `ccoeff_normed` the same of values
            less their mean.
        mask: h w, where the template counts.

    Returns:
        (H - h + 1) (W - w + 1) float64; 0 where a normed measure is not defined.
    """
    h, w, channels = template.shape
    level = image.reshape(-1, channels).mean(axis=0)
    # with the mean taken away float32 keeps its digits for what differs
    centered = image.astype(np.float64) - level
    weights = np.ones((h, w)) if mask is None else mask.astype(np.float64)
    count = float(weights.sum())
    t = template.astype(np.float64)
    sums = _Sums(where, centered, mask, (h, w))
    squares = [sums.window(centered[..., c] ** 2) for c in range(channels)]
    firsts = [sums.window(centered[..., c]) for c in range(channels)]
    if method.startswith("ccoeff"):
        t = (t - (t * weights[..., None]).sum(axis=(0, 1)) / count) * weights[..., None]
        shared = sums.times(centered, t)
        own = float((t * t).sum())
        if method == "ccoeff":
            return shared / own
        spread = sum(s - f * f / count for s, f in zip(squares, firsts, strict=True))
        # below this a window is flat, and its quotient is rounding
        floor = count * channels * (1e-9 if mask is None else 1e-6)
        return _quotient(shared, spread, own, floor)
    if method == "sqdiff":
        low = (t - level) * weights[..., None]
        apart = sum(squares) - 2.0 * sums.times(centered, low) + float((low * low).sum())
        return 1.0 - np.sqrt(np.clip(apart, 0.0, None) / (count * channels))
    t = t * weights[..., None]
    own = float((t * t).sum())
    shared = sums.times(centered, t) + float((t.sum(axis=(0, 1)) * level).sum())
    if method == "ccorr":
        return shared / own
    power = sum(s + 2.0 * m * f + m * m * count for s, f, m in zip(squares, firsts, level, strict=True))
    if method == "ccorr_normed":
        return _quotient(shared, power, own, count * channels * 1e-6)
    apart = np.clip(power - 2.0 * shared + own, 0.0, None)
    root = np.sqrt(np.clip(power, 0.0, None) * own)
    return np.where(root > 1e-9, np.clip(1.0 - apart / np.maximum(root, 1e-9), 0.0, 1.0), 0.0)


def _quotient(shared: Floats, spread: Any, own: float, floor: float) -> Floats:
    known = spread > floor
    return np.where(known, np.clip(shared / np.sqrt(np.where(known, spread, 1.0) * own), -1.0, 1.0), 0.0)


def peaks(where: str, score: Floats, threshold: float, most: int) -> tuple[NDArray[np.int64], Floats]:
    """Find the places N 2 (row, column) that are no lower than their eight neighbors, best first, and their scores."""
    cv2 = need("cv2", where)
    single = score.astype(np.float32)
    top = cv2.dilate(single, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_REPLICATE)
    rows, columns = np.nonzero((single >= top) & (score >= threshold))
    values = score[rows, columns]
    order = np.argsort(-values, kind="stable")[:most]
    return np.stack([rows[order], columns[order]], axis=1).astype(np.int64), values[order]
