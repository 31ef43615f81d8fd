"""Linear shift-invariant blur and its inverses in Fourier space; planes H W in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin.kernels.extras import need

__all__ = ["NUMPY_BORDERS", "blur", "continued", "cut", "damped_inverse", "extend", "richardson_lucy", "transfer"]

Floats = NDArray[np.float64]

NUMPY_BORDERS = {
    "constant": "constant",
    "reflect": "reflect",
    "symmetric": "symmetric",
    "replicate": "edge",
    "wrap": "wrap",
}
_LAPLACIAN = np.array([[0.0, -1.0, 0.0], [-1.0, 4.0, -1.0], [0.0, -1.0, 0.0]])


def _fft(where: str) -> Any:
    return need("scipy.fft", where, extra="cv")


def extend(plane: NDArray[Any], rows: tuple[int, int], columns: tuple[int, int], border: str) -> NDArray[Any]:
    """Add rows above and below, columns left and right, by a border's name; a single pixel is repeated."""
    mode: Any = NUMPY_BORDERS[border]
    return np.pad(plane, (rows, columns), mode=mode)


def cut(plane: NDArray[Any], top: int, left: int, height: int, width: int) -> NDArray[Any]:
    """The part of a plane at a place."""
    return plane[top : top + height, left : left + width]


def transfer(psf: Floats, shape: tuple[int, int], where: str) -> NDArray[np.complex128]:
    """The half spectrum of a PSF whose middle (size // 2) stands for the point itself."""
    field = np.zeros(shape)
    field[: psf.shape[0], : psf.shape[1]] = psf
    field = np.roll(field, (-(psf.shape[0] // 2), -(psf.shape[1] // 2)), axis=(0, 1))
    out: NDArray[np.complex128] = _fft(where).rfft2(field)
    return out


def blur(plane: Floats, psf: Floats, border: str, where: str) -> Floats:
    """Convolve with a PSF; what lies beyond the edge is named by the border.

    Small kernels by sums of shifted planes are slower than the transform from about 5 x 5 on, so it is always the
    transform; it is exact to about 1e-15 of the largest value.
    """
    fft = _fft(where)
    above, left = psf.shape[0] // 2, psf.shape[1] // 2
    below, right = psf.shape[0] - 1 - above, psf.shape[1] - 1 - left
    # convolution looks the other way: the pixels below the middle of the PSF come from above
    padded = extend(plane, (below, above), (right, left), border)
    shape = tuple(fft.next_fast_len(n, real=True) for n in padded.shape)
    spectrum = fft.rfft2(padded, shape) * fft.rfft2(psf, shape)
    full = fft.irfft2(spectrum, shape)
    top, start = psf.shape[0] - 1, psf.shape[1] - 1
    return np.asarray(cut(full, top, start, *plane.shape), dtype=np.float64)


def continued(plane: Floats, psf: Floats, border: str, where: str, balance: float = 0.01) -> tuple[Floats, int, int]:
    """Lay two PSF widths around a picture so that the whole is periodic and explained by one blurred scene.

    What lies beyond the edge was blurred into the picture, and no mirror image of the picture is it: the transform
    would answer with waves across the whole picture. So the margin starts as a blend of the border's two sides and is
    then, eight times, replaced by what the scene estimated so far looks like there when it is blurred.

    Returns:
        the larger picture, and the row and column at which the given one begins.

    Source:
        Reeves, "Fast image restoration without boundary artifacts", TIP 2005: unknown pixels beyond the edge are
        estimated together with the scene.
    """
    top, left = 2 * psf.shape[0], 2 * psf.shape[1]
    height, width = plane.shape
    if border == "constant":
        return extend(plane, (top, top), (left, left), border), top, left
    out = _faded(_faded(plane, top, border).T, left, border).T
    known = (slice(top, top + height), slice(left, left + width))
    damping = 0.1
    for _ in range(8):
        scene = _divided(out, psf, damping, where)
        spectrum = _fft(where).rfft2(scene)
        spectrum *= transfer(psf, (out.shape[0], out.shape[1]), where)
        out = _fft(where).irfft2(spectrum, out.shape)
        out[known] = plane
        damping = max(balance, 0.01)
    return out, top, left


def _faded(plane: Floats, margin: int, border: str) -> Floats:
    """Lengthen along axis 0 on both sides; the end runs smoothly into the beginning."""
    mode: Any = NUMPY_BORDERS[border]
    rows = plane.shape[0]
    after = np.pad(plane, ((0, 2 * margin), (0, 0)), mode=mode)[rows:]
    before = np.pad(plane, ((2 * margin, 0), (0, 0)), mode=mode)[: 2 * margin]
    t = ((np.arange(2 * margin) + 0.5) / (2 * margin))[:, None]
    blend = after + (before - after) * (t * t * (3.0 - 2.0 * t))
    return np.concatenate([blend[margin:], plane, blend[:margin]])


def damped_inverse(plane: Floats, psf: Floats, balance: float, border: str, where: str) -> Floats:
    """Divide by the blur, damped by the Laplacian: conj(H) G / (|H|^2 + balance |P|^2).

    This is both the Wiener filter with a Laplacian prior and constrained least squares. `wrap` is the plain closed
    form; for any other border the picture is continued first (see `continued`).
    """
    height, width = plane.shape
    top = left = 0
    if border != "wrap":
        plane, top, left = continued(plane, psf, border, where, balance)
    return cut(_divided(plane, psf, balance, where), top, left, height, width)


def _divided(plane: Floats, psf: Floats, balance: float, where: str) -> Floats:
    fft = _fft(where)
    shape = plane.shape
    grid = (max(shape[0], psf.shape[0], 3), max(shape[1], psf.shape[1], 3))
    if grid != shape:
        # a picture smaller than the PSF or the Laplacian repeats until it is not
        plane = np.pad(plane, ((0, grid[0] - shape[0]), (0, grid[1] - shape[1])), mode="wrap")
    h = transfer(psf, grid, where)
    p = transfer(_LAPLACIAN, grid, where).real
    spectrum = fft.rfft2(plane)
    spectrum *= np.conj(h)
    bottom = h.real**2 + h.imag**2 + balance * p**2
    np.divide(spectrum, bottom, out=spectrum, where=bottom > 0.0)
    return np.asarray(cut(fft.irfft2(spectrum, grid), 0, 0, shape[0], shape[1]), dtype=np.float64)


def richardson_lucy(plane: Floats, psf: Floats, iterations: int, border: str, where: str) -> Floats:
    """Multiply the estimate by the back-projected ratio of picture and blurred estimate, again and again.

    `constant` sees black beyond the edge, as scikit-image does. Any other border adds a margin of the PSF's size in
    which the scene is estimated but nothing was seen: each estimate counts what pixels in the picture say about it.

    Source:
        Bertero and Boccacci, "A simple method for the reduction of boundary effects in the Richardson-Lucy approach to
        image deconvolution", Astronomy and Astrophysics 2005.
    """
    fft = _fft(where)
    height, width = plane.shape
    top = left = 0
    if border != "constant":
        top, left = psf.shape
        plane = extend(plane, (top, top), (left, left), border)
    rows, columns = plane.shape
    shape = (
        fft.next_fast_len(rows + psf.shape[0] - 1, real=True),
        fft.next_fast_len(columns + psf.shape[1] - 1, real=True),
    )
    there = fft.rfft2(psf, shape)
    back = fft.rfft2(psf[::-1, ::-1], shape)
    y, x = (psf.shape[0] - 1) // 2, (psf.shape[1] - 1) // 2

    def through(field: Floats, spectrum: Any) -> Floats:
        product = fft.rfft2(field, shape)
        product *= spectrum
        return cut(fft.irfft2(product, shape), y, x, rows, columns)

    seen: Any = 1.0
    said: Any = 1.0
    estimate = np.full(plane.shape, 0.5)
    if border != "constant":
        seen = np.zeros(plane.shape)
        seen[top : top + height, left : left + width] = 1.0
        said = through(seen, back)
        some = said > 0.01 * psf.sum()
        said = np.where(some, said, 1.0)
        estimate *= some
        seen *= through(some.astype(np.float64), there) > 0.0
    for _ in range(iterations):
        blurred = through(estimate, there) + 1e-12
        # transforms leave specks of -1e-17 where nothing is seen; there the ratio says nothing
        ratio = np.divide(plane, blurred, out=np.zeros_like(plane), where=blurred > 1e-13)
        ratio *= seen
        estimate *= through(ratio, back) / said
    return np.asarray(cut(estimate, top, left, height, width), dtype=np.float64)
