"""Block matching and 3-D filtering on arrays: all distances of one shift, all groups of one size, at once.

Planes are float32 on the 0..255 scale of the paper. Reference patches are dealt out to tiles, each of which looks as
far beyond its edge as matching may reach; so tiles change memory, never the result.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin.kernels.extras import need

__all__ = ["bm3d"]

Floats = NDArray[np.float32]
Ints = NDArray[np.intp]

SIDE = 8  # of a patch
REACH = 19  # matching looks this far: the paper's window of 39
STEP = 3  # between reference patches
TILE = 258  # reference area of a tile; a multiple of STEP


@dataclass(frozen=True)
class Stage:
    """What differs between the two passes."""

    forward: Floats  # 64 64: patch to spectrum
    inverse: Floats  # 64 64: spectrum to patch, with the Kaiser window
    window: Floats  # 8 8
    most: int  # patches in a group
    limit: float  # greatest mean squared difference of a match


def _kaiser() -> NDArray[np.float64]:
    line = np.kaiser(SIDE, 2.0)
    return np.outer(line, line)


def _stage(matrix: NDArray[np.float64], most: int, limit: float) -> Stage:
    window = _kaiser()
    forward = np.kron(matrix, matrix)
    back = np.linalg.inv(matrix)
    inverse = np.kron(back, back) * window.ravel()[:, None]
    return Stage(forward.astype(np.float32), inverse.astype(np.float32), window.astype(np.float32), most, limit)


def _dct(n: int) -> NDArray[np.float64]:
    k, x = np.mgrid[:n, :n]
    matrix = np.sqrt(2.0 / n) * np.cos(np.pi * (2 * x + 1) * k / (2 * n))
    matrix[0] = np.sqrt(1.0 / n)
    return np.asarray(matrix)


def _biorthogonal() -> NDArray[np.float64]:
    """The full periodic decomposition by the 1.5 spline wavelet as a matrix whose rows have length 1."""
    pywt = need("pywt", "bm3d", extra="cv")
    columns = []
    for unit in np.eye(SIDE):
        coarse, details = unit, list[NDArray[Any]]()
        while (
            coarse.size > 1
        ):  # level by level: pywt.wavedec warns that the whole signal lies within the filter's reach
            coarse, fine = pywt.dwt(coarse, "bior1.5", mode="periodization")
            details.insert(0, fine)
        columns.append(np.concatenate([coarse, *details]))
    matrix = np.stack(columns, axis=1)
    return np.asarray(matrix / np.linalg.norm(matrix, axis=1, keepdims=True))


def _haar(n: int) -> Floats:
    matrix = np.ones((1, 1))
    while matrix.shape[0] < n:
        m = matrix.shape[0]
        matrix = np.vstack([np.kron(matrix, [1.0, 1.0]), np.kron(np.eye(m), [1.0, -1.0])]) / np.sqrt(2.0)
    return matrix.astype(np.float32)


def bm3d(image: NDArray[Any], sigma: float) -> Floats:
    """Denoise a picture H W C on the scale 0..255 with white Gaussian noise of the given sigma.

    Color planes are made independent by a cosine transform over the channels; the first of them, the sum of all, finds
    the matches for all. About 100 MB beside four float32 copies of the picture are held, whatever its size.

    Source:
        Dabov, Foi, Katkovnik and Egiazarian, "Image denoising by sparse 3-D transform-domain collaborative filtering",
        TIP 2007, with the parameters of its tables; the color form is their C-BM3D (ICIP 2007).
    """
    height, width, count = image.shape
    mix = _dct(count).astype(np.float32)
    planes = np.ascontiguousarray(np.moveaxis(image.astype(np.float32) @ mix.T, 2, 0))
    # a patch must fit, and a picture that is one flat patch has no matches beside itself
    more = [max(0, SIDE - n) for n in (height, width)]
    planes = np.pad(planes, ((0, 0), (0, more[0]), (0, more[1])), mode="symmetric")
    # two noisy looks at one patch differ by 2 sigma^2 already: the limit must stay well above that
    first = _stage(_biorthogonal(), 16, max(3000.0, 10.0 * sigma * sigma))
    basic = _pass(planes, planes[0], None, sigma, first, 2.7)
    second = _stage(_dct(SIDE), 32, 400.0)
    out = _pass(planes, basic[0], basic, sigma, second, 0.0)
    return np.asarray(np.moveaxis(out[:, :height, :width], 0, 2) @ mix)


def _pass(noisy: Floats, guide: Floats, basic: Floats | None, sigma: float, stage: Stage, threshold: float) -> Floats:
    """One pass over the picture: match on the guide, filter groups of noisy patches, add them up."""
    count, height, width = noisy.shape
    total, weight = np.zeros_like(noisy), np.zeros_like(noisy)
    rows, columns = _grid(height), _grid(width)
    for ys, xs in _tiles(rows, columns):
        top, left = max(0, int(ys[0]) - REACH), max(0, int(xs[0]) - REACH)
        bottom = min(height, int(ys[-1]) + REACH + SIDE)
        right = min(width, int(xs[-1]) + REACH + SIDE)
        part = (slice(None), slice(top, bottom), slice(left, right))
        members, sizes = _match(guide[part[1:]], ys - top, xs - left, stage)
        spectra = [_spectra(p, stage.forward) for p in noisy[part]]
        guides = None if basic is None else [_spectra(p, stage.forward) for p in basic[part]]
        for k in range(count):
            sums, weights = _filter(spectra[k], None if guides is None else guides[k], members, sizes, sigma, threshold)
            _overlap(total[k, top:bottom, left:right], weight[k, top:bottom, left:right], sums, weights, stage)
    return np.asarray(total / weight)


def _grid(length: int) -> Ints:
    """Where reference patches begin: every third place and the last one."""
    last = length - SIDE
    places = np.arange(0, last + 1, STEP)
    return places if places[-1] == last else np.append(places, last)


def _tiles(rows: Ints, columns: Ints) -> Iterator[tuple[Ints, Ints]]:
    for y in range(0, int(rows[-1]) + 1, TILE):
        for x in range(0, int(columns[-1]) + 1, TILE):
            ys = rows[(rows >= y) & (rows < y + TILE)]
            xs = columns[(columns >= x) & (columns < x + TILE)]
            if ys.size and xs.size:
                yield ys, xs


def _spectra(plane: Floats, forward: Floats) -> Floats:
    """The transform of the patch at every place: places x 64."""
    windows = np.lib.stride_tricks.sliding_window_view(plane, (SIDE, SIDE))
    return np.asarray(windows.reshape(-1, SIDE * SIDE) @ forward.T)


def _box_sums(square: Floats) -> Floats:
    """Sums over 8 x 8 by three doublings per axis."""
    for by in (1, 2, 4):
        square = square[:-by] + square[by:]
    for by in (1, 2, 4):
        square = square[:, :-by] + square[:, by:]
    return square


def _match(guide: Floats, ys: Ints, xs: Ints, stage: Stage) -> tuple[Ints, Ints]:
    """For each reference patch the places of its nearest patches, nearest first, and how many of them count.

    The distance of p and p + d serves p and p + d alike, so half of the shifts suffice.

    Returns:
        places R M (flat, row by row), sizes R (a power of 2).
    """
    tall, wide = guide.shape[0] - SIDE + 1, guide.shape[1] - SIDE + 1
    reach_y, reach_x = min(REACH, tall - 1), min(REACH, wide - 1)
    shifts = [(dy, dx) for dy in range(-reach_y, reach_y + 1) for dx in range(-reach_x, reach_x + 1)]
    index = {shift: i for i, shift in enumerate(shifts)}
    far = np.full((len(shifts), ys.size, xs.size), np.inf, dtype=np.float32)
    far[index[0, 0]] = -1.0  # the patch itself comes first, also where everything is equal
    for dy in range(reach_y + 1):
        for dx in range(-reach_x, reach_x + 1):
            if dy == 0 and dx <= 0:
                continue
            x0, x1 = max(0, -dx), guide.shape[1] - max(0, dx)
            here = guide[: guide.shape[0] - dy, x0:x1]
            there = guide[dy:, x0 + dx : x1 + dx]
            square = here - there
            np.multiply(square, square, out=square)
            sums = _box_sums(square)
            for sign in (1, -1):
                # the sum at a place p belongs to the pair (p, p + d): reference p looks by +d, reference p + d by -d
                y = ys if sign == 1 else ys - dy
                x = (xs if sign == 1 else xs - dx) - x0
                a, b = np.searchsorted(y, (0, sums.shape[0]))
                c, d = np.searchsorted(x, (0, sums.shape[1]))
                far[index[sign * dy, sign * dx], a:b, c:d] = sums[y[a:b, None], x[None, c:d]]
    return _nearest(far.reshape(len(shifts), -1), shifts, ys, xs, wide, stage)


def _nearest(
    far: Floats, shifts: list[tuple[int, int]], ys: Ints, xs: Ints, wide: int, stage: Stage
) -> tuple[Ints, Ints]:
    most = min(stage.most, 1 << (len(shifts).bit_length() - 1))
    jump = np.array([dy * wide + dx for dy, dx in shifts], dtype=np.intp)
    own = (ys[:, None] * wide + xs[None, :]).ravel()
    members = np.empty((own.size, most), dtype=np.intp)
    sizes = np.empty(own.size, dtype=np.intp)
    for start in range(0, own.size, 2048):
        rows = np.ascontiguousarray(far[:, start : start + 2048].T)
        if most < len(shifts):
            pick = np.argpartition(rows, most - 1, axis=1)[:, :most]
        else:
            pick = np.broadcast_to(np.arange(most), (rows.shape[0], most))
        distance = np.take_along_axis(rows, pick, axis=1)
        order = np.argsort(distance, axis=1, kind="stable")
        pick, distance = np.take_along_axis(pick, order, axis=1), np.take_along_axis(distance, order, axis=1)
        found = np.count_nonzero(distance <= stage.limit * SIDE * SIDE, axis=1)
        members[start : start + 2048] = own[start : start + 2048, None] + jump[pick]
        sizes[start : start + 2048] = 1 << np.frexp(np.maximum(found, 1))[1] - 1
    return members, sizes


def _filter(
    spectra: Floats, guide: Floats | None, members: Ints, sizes: Ints, sigma: float, threshold: float
) -> tuple[Floats, Floats]:
    """Filter every group in its 3-D spectrum and add the weighted spectra up by place.

    The inverse of the 2-D transform is linear, so it is done once per place, after all groups were added.
    """
    sparse = need("scipy.sparse", "bm3d", extra="cv")
    places = spectra.shape[0]
    sums = np.zeros_like(spectra)
    weights = np.zeros(places, dtype=np.float32)
    for n in (1, 2, 4, 8, 16, 32):
        chosen = np.flatnonzero(sizes == n)
        haar = _haar(n)
        chunk = max(1, 65536 // n)
        for start in range(0, chosen.size, chunk):
            place = np.ascontiguousarray(members[chosen[start : start + chunk], :n].T)
            m = place.shape[1]
            cube = (haar @ spectra[place].reshape(n, -1)).reshape(n, m, -1)
            if guide is None:
                keep = np.abs(cube) > np.float32(threshold * sigma)
                cube *= keep
                energy = np.maximum(np.count_nonzero(keep, axis=(0, 2)), 1).astype(np.float32)
            else:
                gain = (haar @ guide[place].reshape(n, -1)).reshape(n, m, -1)
                gain *= gain
                gain /= gain + np.float32(sigma * sigma)
                cube *= gain
                energy = np.maximum(np.einsum("nmk,nmk->m", gain, gain), np.float32(1e-6))
            flat = (haar.T @ cube.reshape(n, -1)).reshape(n * m, -1)
            share = np.tile(1.0 / energy, n)
            adder = sparse.csr_array((share, (place.ravel(), np.arange(n * m))), shape=(places, n * m))
            sums += adder @ flat
            weights += np.bincount(place.ravel(), weights=share, minlength=places).astype(np.float32)
    return sums, weights


def _overlap(total: Floats, weight: Floats, sums: Floats, weights: Floats, stage: Stage) -> None:
    """Bring the summed spectra back to patches and lay them over each other under the Kaiser window."""
    tall, wide = total.shape[0] - SIDE + 1, total.shape[1] - SIDE + 1
    patches = (stage.inverse @ sums.T).reshape(SIDE, SIDE, tall, wide)
    weights = weights.reshape(tall, wide)
    for i in range(SIDE):
        for j in range(SIDE):
            total[i : i + tall, j : j + wide] += patches[i, j]
            weight[i : i + tall, j : j + wide] += weights * stage.window[i, j]
