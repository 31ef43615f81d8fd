"""Perceptual hashes: 64 bits that hardly change when a picture is scaled, compressed or brightened."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from opsin.arrays import check_image, to_unit
from opsin.kernels.brightness import brightness
from opsin.kernels.resize import resize
from opsin.types import Array

__all__ = ["dihedral_hashes", "hash_distance", "hash_of_gray", "perceptual_hash"]

_SIDE = 32


def _cosines() -> NDArray[np.float64]:
    k, n = np.mgrid[:8, :_SIDE]
    out: NDArray[np.float64] = np.cos(math.pi * (n + 0.5) * k / _SIDE)
    return out


def small_gray(image: Array) -> NDArray[np.float64]:
    """Brightness 32 x 32 in fractions of full scale; pictures of other channel counts by the mean of their channels."""
    if image.ndim == 3 and image.shape[2] not in (1, 3, 4):
        gray = to_unit(image).mean(axis=2)
    else:
        gray = to_unit(brightness("perceptual_hash", image), np.float32)
    out: NDArray[np.float64] = resize(np.ascontiguousarray(gray, dtype=np.float32), _SIDE, _SIDE).astype(np.float64)
    return out


def hash_of_gray(gray: NDArray[np.float64]) -> int:
    """Hash a picture 32 x 32: which of the 64 lowest waves are above their median."""
    waves = _cosines()
    low = waves @ gray @ waves.T
    low[0, 0] = 0.0  # the mean brightness says nothing
    # what is nearly flat has no waves: its rounding must not look like a pattern
    low[np.abs(low) < 1e-3 * _SIDE] = 0.0
    bits = (low > np.median(low)).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def perceptual_hash(image: Array) -> int:
    """Give 64 bits that say what a picture looks like from far away.

    Use it to find copies: scaled, compressed, brightened ones differ in a few bits, other pictures in about 32. A
    crop or a turn changes it; `Index.search` tries turns and mirrorings of the query, and local features for crops.

    Args:
        image: H W or H W C.

    Returns:
        a whole number of 64 bits.

    Source:
        Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010: the discrete cosine
        transform of 32 x 32 values, the 8 x 8 lowest waves against their median.
    """
    return hash_of_gray(small_gray(check_image("perceptual_hash", image)))


def dihedral_hashes(image: Array) -> NDArray[np.uint64]:
    """Hash a picture, its quarter turns, and the mirrored ones: 8 hashes."""
    gray = small_gray(image)
    views = [np.rot90(g, k) for g in (gray, gray[:, ::-1]) for k in range(4)]
    return np.array([hash_of_gray(np.ascontiguousarray(v)) for v in views], dtype=np.uint64)


def hash_distance(a: int, b: int) -> int:
    """Count the bits in which two hashes differ: 0 to 64; 8 and fewer are near-duplicates.

    Args:
        a: of `perceptual_hash`.
        b: of `perceptual_hash`.
    """
    return (a ^ b).bit_count()
