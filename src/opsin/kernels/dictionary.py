"""Sparse coding of patches over a learned dictionary, for many patches at once.

Orthogonal matching pursuit keeps the residual itself and the directions taken so far: each step is one matrix product
for all patches, and what is explained is the patch minus its residual.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["cosine_atoms", "cosine_matrix", "denoise_plane", "explain", "fill_plane", "learn", "train"]

Floats = NDArray[np.float32]
Ints = NDArray[np.intp]

CHUNK = 8192  # patches coded at once: about 20 MB


def cosine_atoms(patch: int, atoms: int) -> Floats:
    """An overcomplete cosine dictionary: atoms x patch^2, unit length, without the flat atom's mean."""
    side = int(np.ceil(np.sqrt(atoms)))
    line = np.cos(np.outer(np.arange(patch) + 0.5, np.arange(side)) * np.pi / max(side, patch))
    line[:, 1:] -= line[:, 1:].mean(axis=0)
    both = np.kron(line, line).T
    # low frequencies first, so that a shorter dictionary keeps the useful half
    order = np.argsort(np.add.outer(np.arange(side), np.arange(side)).ravel(), kind="stable")[:atoms]
    chosen = both[order]
    return (chosen / np.maximum(np.linalg.norm(chosen, axis=1, keepdims=True), 1e-12)).astype(np.float32)


def cosine_matrix(n: int) -> Floats:
    """The orthonormal cosine transform over n channels: the first row sums them, the others compare them."""
    k, x = np.mgrid[:n, :n]
    matrix = np.sqrt(2.0 / n) * np.cos(np.pi * (2 * x + 1) * k / (2 * n))
    matrix[0] = np.sqrt(1.0 / n)
    return np.asarray(matrix, dtype=np.float32)


def explain(signals: Floats, atoms: Floats, goal: float, most: int) -> tuple[Floats, Ints, Ints]:
    """Pursue: add atoms to each signal until the squared rest is below the goal per entry, or `most` are used.

    Args:
        signals: N D.
        atoms: K D, of length 1.
        goal: the squared rest per entry at which to stop.
        most: atoms per signal.

    Returns:
        the rests N D, the atoms chosen N most (-1: none), the counts N.

    Source:
        Pati, Rezaiifar and Krishnaprasad, "Orthogonal matching pursuit", 1993.
    """
    n, d = signals.shape
    rest = np.array(signals)
    chosen = np.full((n, most), -1, dtype=np.intp)
    counts = np.zeros(n, dtype=np.intp)
    taken = np.zeros((most, n, d), dtype=np.float32)
    active = np.arange(n)
    for step in range(most):
        r = rest[active]
        more = np.einsum("nd,nd->n", r, r) > max(goal * d, 1e-12)
        active, r = active[more], r[more]
        if not active.size:
            break
        match = np.abs(r @ atoms.T)
        if step:
            np.put_along_axis(match, chosen[active, :step], -1.0, axis=1)
        pick = np.argmax(match, axis=1)
        direction = atoms[pick]
        for earlier in taken[:step]:
            q = earlier[active]
            direction = direction - q * np.einsum("nd,nd->n", q, direction)[:, None]
        length = np.sqrt(np.einsum("nd,nd->n", direction, direction))
        good = length > 1e-4  # an atom that is nearly in the span of the others explains nothing new
        active, r, direction = active[good], r[good], direction[good] / length[good, None]
        rest[active] = r - direction * np.einsum("nd,nd->n", direction, r)[:, None]
        taken[step, active] = direction
        chosen[active, step] = pick[good]
        counts[active] = step + 1
    return rest, chosen, counts


def _weights(signals: Floats, atoms: Floats, chosen: Ints, counts: Ints) -> Floats:
    """The least-squares weights of the chosen atoms: N most, 0 where none was chosen."""
    out = np.zeros(chosen.shape, dtype=np.float32)
    for count in np.unique(counts):
        if count == 0:
            continue
        rows = np.flatnonzero(counts == count)
        picked = atoms[chosen[rows, :count]].astype(np.float64)
        target = signals[rows].astype(np.float64)
        gram = picked @ picked.transpose(0, 2, 1) + 1e-9 * np.eye(int(count))
        out[rows, :count] = np.linalg.solve(gram, picked @ target[:, :, None])[..., 0]
    return out


def learn(signals: Floats, atoms: Floats, goal: float, most: int, sweeps: int) -> Floats:
    """Fit a dictionary to signals: code them, then renew each atom from the signals that use it.

    Source:
        Aharon, Elad and Bruckstein, "K-SVD", TSP 2006; one power step per atom as in Rubinstein, Zibulevsky and Elad,
        "Efficient implementation of the K-SVD algorithm", 2008.
    """
    atoms = np.array(atoms)
    for _ in range(sweeps):
        rest, chosen, counts = explain(signals, atoms, goal, most)
        weights = _weights(signals, atoms, chosen, counts)
        used = chosen >= 0
        rows, slots = np.nonzero(used)
        order = np.argsort(chosen[rows, slots], kind="stable")
        rows, slots = rows[order], slots[order]
        edges = np.searchsorted(chosen[rows, slots], np.arange(atoms.shape[0] + 1))
        worst = np.argsort(-np.einsum("nd,nd->n", rest, rest), kind="stable")
        spare = 0
        for k in range(atoms.shape[0]):
            mine, slot = rows[edges[k] : edges[k + 1]], slots[edges[k] : edges[k + 1]]
            if mine.size == 0:
                if spare < worst.size and counts[worst[spare]] > 0:
                    fresh = signals[worst[spare]]
                    atoms[k] = fresh / max(float(np.linalg.norm(fresh)), 1e-6)
                    spare += 1
                continue
            w = weights[mine, slot]
            share = rest[mine] + w[:, None] * atoms[k]
            renewed = w @ share
            length = float(np.linalg.norm(renewed))
            if length < 1e-6:
                continue
            atoms[k] = renewed / length
            w = share @ atoms[k]
            rest[mine] = share - w[:, None] * atoms[k]
            weights[mine, slot] = w
    return atoms


def _patches(plane: Any, patch: int) -> Any:
    """Every patch of a plane: rows x columns x patch^2, a view where possible."""
    windows = np.lib.stride_tricks.sliding_window_view(plane, (patch, patch))
    return windows


def _sample(plane: Floats, patch: int, most: int, whole: NDArray[np.bool_] | None = None) -> Floats:
    """Patches spread evenly over a plane, without their means; `whole` says which places may be used."""
    windows = _patches(plane, patch)
    rows, columns = windows.shape[:2]
    places = np.arange(rows * columns) if whole is None else np.flatnonzero(whole.ravel())
    if places.size > most:
        # a golden-ratio walk over the places: even, without a grid that could beat with the texture
        steps = np.arange(most) * 0.6180339887498949 % 1.0
        places = places[np.unique((steps * places.size).astype(np.intp))]
    chosen = windows[places // columns, places % columns].reshape(places.size, patch * patch)
    return np.asarray(chosen - chosen.mean(axis=1, keepdims=True), dtype=np.float32)


def train(
    plane: Floats, patch: int, atoms: int, goal: float, whole: Any = None, *, sweeps: int = 15, most: int = 16384
) -> Floats:
    """Learn a dictionary from a plane's own patches, at most so many, in so many sweeps."""
    start = cosine_atoms(patch, atoms)
    signals = _sample(plane, patch, most, whole)
    busy = np.einsum("nd,nd->n", signals, signals) > goal * signals.shape[1]
    signals = signals[busy]
    if signals.shape[0] < 4 * atoms:
        return start  # too little to learn from: cosines are the better dictionary
    return learn(signals, start, goal, max(2, patch * patch // 6), sweeps)


def denoise_plane(plane: Floats, sigma: float, atoms: Floats, patch: int) -> Floats:
    """Explain every patch to within the noise and average what overlaps.

    Source:
        Elad and Aharon, "Image denoising via sparse and redundant representations over learned dictionaries", TIP 2006.
    """
    height, width = plane.shape
    goal = (1.15 * sigma) ** 2
    rows, columns = height - patch + 1, width - patch + 1
    total = np.zeros((height, width), dtype=np.float32)
    strip = max(1, CHUNK // columns)
    for top in range(0, rows, strip):
        count = min(strip, rows - top)
        signals = _patches(plane[top : top + count + patch - 1], patch).reshape(-1, patch * patch)
        means = signals.mean(axis=1, keepdims=True)
        rest, _, _ = explain(signals - means, atoms, goal, patch * patch // 2)
        clean = np.ascontiguousarray((signals - rest).T).reshape(patch, patch, count, columns)
        for i in range(patch):
            for j in range(patch):
                total[top + i : top + i + count, j : j + columns] += clean[i, j]
    return np.asarray(total / _cover(height, width, patch))


def _cover(height: int, width: int, patch: int) -> Floats:
    """How many patches lie over each pixel."""
    lines = []
    for length in (height, width):
        x = np.arange(length)
        lines.append(np.minimum(np.minimum(x, length - 1 - x) + 1, min(patch, length - patch + 1)))
    return np.outer(lines[0], lines[1]).astype(np.float32)


def fill_plane(plane: Floats, hole: NDArray[np.bool_], atoms: Floats, patch: int) -> Floats:
    """Improve a first guess inside a hole: what the dictionary explains of it is kept, ever more exactly.

    Args:
        plane: H W, with a first guess in the hole.
        hole: H W, True where values are guesses.
        atoms: K patch^2.
        patch: side of a patch.

    Source:
        Elad, Starck, Querre and Donoho, "Simultaneous cartoon and texture image inpainting using morphological
        component analysis", 2005: a falling threshold; with learned atoms as in Mairal, Elad and Sapiro, TIP 2008.
    """
    out = np.array(plane)
    ys, xs = np.nonzero(_patches(hole, patch).any(axis=(2, 3)))
    dy, dx = (offset.ravel() for offset in np.mgrid[:patch, :patch])
    for rest_allowed in np.geomspace(0.1, 0.01, 20):
        total = np.zeros(out.size)
        weight = np.zeros(out.size)
        for start in range(0, ys.size, CHUNK):
            y, x = ys[start : start + CHUNK], xs[start : start + CHUNK]
            signals = _patches(out, patch)[y, x].reshape(y.size, patch * patch)
            rest, _, _ = explain(
                signals - signals.mean(axis=1, keepdims=True), atoms, float(rest_allowed) ** 2, patch * patch // 6
            )
            place = ((y[:, None] + dy) * out.shape[1] + x[:, None] + dx).ravel()
            total += np.bincount(place, (signals - rest).ravel(), out.size)
            weight += np.bincount(place, minlength=out.size)
        guess = (total / np.maximum(weight, 1.0)).reshape(out.shape)
        np.copyto(out, guess, where=hole, casting="same_kind")
    return out
