"""Make one picture of overlapping ones: gains, seams, and blending band by band."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from opsin.kernels.extras import need

__all__ = ["Patch", "blend", "gains", "seams"]

Single = NDArray[np.float32]


class Patch(NamedTuple):
    """A picture already on the canvas: its values H W C (1.0 = white), where they count, and its corner."""

    values: Single
    valid: NDArray[np.bool_]
    left: int
    top: int


def _both(a: Patch, b: Patch) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
    """The slices of two patches that lie on each other."""
    left, top = max(a.left, b.left), max(a.top, b.top)
    right = min(a.left + a.valid.shape[1], b.left + b.valid.shape[1])
    bottom = min(a.top + a.valid.shape[0], b.top + b.valid.shape[0])
    if right <= left or bottom <= top:
        return None
    return (
        (slice(top - a.top, bottom - a.top), slice(left - a.left, right - a.left)),
        (slice(top - b.top, bottom - b.top), slice(left - b.left, right - b.left)),
    )


def gains(patches: Sequence[Patch]) -> NDArray[np.float64]:
    """Give the factor for each picture that makes overlaps equally bright.

    Source:
        Brown and Lowe, "Automatic panoramic image stitching using invariant features", 2007, section 6: least
        squares, here with deviations of 4 levels for brightness and 1 for the factors, which only holds their mean.
    """
    n = len(patches)
    left, right = np.zeros((n, n)), np.zeros(n)
    noise, spread = 4.0 / 255.0, 1.0
    for i in range(n):
        for j in range(i + 1, n):
            common = _both(patches[i], patches[j])
            if common is None:
                continue
            a, b = common
            here = patches[i].valid[a] & patches[j].valid[b]
            count = int(np.count_nonzero(here))
            if count < 16:
                continue
            mean_i = float(patches[i].values[a][here].mean())
            mean_j = float(patches[j].values[b][here].mean())
            left[i, i] += count * (mean_i**2 / noise**2 + 1 / spread**2)
            left[j, j] += count * (mean_j**2 / noise**2 + 1 / spread**2)
            left[i, j] -= count * mean_i * mean_j / noise**2
            left[j, i] -= count * mean_i * mean_j / noise**2
            right[i] += count / spread**2
            right[j] += count / spread**2
    alone = np.diag(left) == 0.0
    left[alone, alone] = right[alone] = 1.0
    out = np.linalg.solve(left, right)
    # equal exposures stay untouched to the bit
    return np.ones(n) if float(np.abs(out - 1.0).max()) < 0.004 else np.clip(out, 0.2, 5.0)


def seams(where: str, patches: Sequence[Patch], width: int, height: int, *, cut: bool) -> NDArray[np.int16]:
    """Say for each pixel of the canvas which patch is seen there; -1 where there is none.

    Args:
        where: the technique's name, for the sentence.
        patches: the pictures on the canvas.
        width: of the canvas.
        height: of the canvas.
        cut: let seams run where the pictures differ least (graph cut, on a small copy); else each pixel is taken from
            the picture whose edge is farthest.
    """
    cv2 = need("cv2", where)
    best = np.zeros((height, width), dtype=np.float32)
    out = np.full((height, width), -1, dtype=np.int16)
    chosen = _cut(where, patches, width, height) if cut and len(patches) > 1 else None
    for i, patch in enumerate(patches):
        h, w = patch.valid.shape
        rim = np.pad(patch.valid, 1).astype(np.uint8)
        inner = cv2.distanceTransform(rim, cv2.DIST_L2, 3)[1:-1, 1:-1]
        score = inner / max(1.0, float(inner.max()))
        if chosen is not None:
            score = score + 4.0 * _grown(cv2, chosen == i, patch, width, height)
        score = np.where(patch.valid, score + np.float32(1e-3), np.float32(0.0))
        region = (slice(patch.top, patch.top + h), slice(patch.left, patch.left + w))
        wins = score > best[region]
        best[region] = np.where(wins, score, best[region])
        out[region][wins] = i
    return out


def _grown(cv2: Any, mask: NDArray[np.bool_], patch: Patch, width: int, height: int) -> Single:
    """Bring a mask of the small canvas to a patch's own pixels, with soft edges between."""
    h, w = patch.valid.shape
    fx, fy = mask.shape[1] / width, mask.shape[0] / height
    move = np.array([[fx, 0, (patch.left + 0.5) * fx - 0.5], [0, fy, (patch.top + 0.5) * fy - 0.5]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(mask.astype(np.float32), move, (w, h), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    )


def _cut(where: str, patches: Sequence[Patch], width: int, height: int) -> NDArray[np.int16]:
    """Find seams on a copy small enough to be quick: pictures come one after the other, each along a least cut.

    A step from one picture to the other costs how much they differ on both sides of it, so that the seam of least
    cost goes around what moved and along what is alike.

    Source:
        Kwatra et al., "Graphcut textures: image and video synthesis using graph cuts", 2003.
    """
    cv2 = need("cv2", where)
    shrink = max(1.0, (width * height / 120_000) ** 0.5)
    w, h = max(2, int(np.ceil(width / shrink))), max(2, int(np.ceil(height / shrink)))
    out = np.full((h, w), -1, dtype=np.int16)
    shown = np.zeros((h, w, patches[0].values.shape[2]), dtype=np.float32)
    fx, fy = width / w, height / h
    for n, p in enumerate(patches):
        # this picture on the small canvas, each small pixel the mean of what it covers
        move = np.array([[1 / fx, 0, (p.left + 0.5) / fx - 0.5], [0, 1 / fy, (p.top + 0.5) / fy - 0.5]])
        blur = max(0.0, 0.5 * shrink - 0.25)
        soft = cv2.GaussianBlur(p.values, (0, 0), blur) if blur > 0.3 else p.values
        small = cv2.warpAffine(soft, move, (w, h), flags=cv2.INTER_LINEAR).reshape(shown.shape)
        inside = cv2.warpAffine(p.valid.astype(np.uint8), move, (w, h), flags=cv2.INTER_NEAREST) > 0
        both = inside & (out >= 0)
        take = inside & (out < 0)
        if both.any():
            take |= both & _newer(where, np.abs(small - shown).sum(axis=2), inside, out >= 0)
        out[take] = n
        shown[take] = small[take]
    return out


def _newer(where: str, cost: Single, new: NDArray[np.bool_], old: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Say where, of two pictures that cover each other, the newer one is seen: the side of the least cut."""
    cv2, sparse = need("cv2", where), need("scipy.sparse", where)
    flow = need("scipy.sparse.csgraph", where).maximum_flow
    reach = need("scipy.sparse.csgraph", where).breadth_first_order
    both = new & old
    far_new = cv2.distanceTransform(np.pad(new, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    far_old = cv2.distanceTransform(np.pad(old, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    # the rim of each picture belongs to the other, where that is well inside
    to_old, to_new = both & (far_new <= 1.5) & (far_old > 1.5), both & (far_old <= 1.5) & (far_new > 1.5)
    middle = both & (far_new > far_old)
    if not to_old.any() or not to_new.any():
        return middle
    number = np.full(both.shape, -1, dtype=np.int32)
    count = int(np.count_nonzero(both))
    number[both] = np.arange(count)
    rows, columns, weights = [], [], []
    for a, b in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        edge = both[a] & both[b]
        price = (1000.0 * (cost[a] + cost[b])[edge] + 2.0).astype(np.int32)
        i, j = number[a][edge], number[b][edge]
        rows += [i, j]
        columns += [j, i]
        weights += [price, price]
    source, sink, firm = count, count + 1, np.int32(1 << 28)
    old_side, new_side = number[to_old], number[to_new]
    rows += [np.full(len(old_side), source), new_side]
    columns += [old_side, np.full(len(new_side), sink)]
    weights += [np.full(len(old_side), firm), np.full(len(new_side), firm)]
    shape = (count + 2, count + 2)
    graph = sparse.csr_matrix(
        (np.concatenate(weights).astype(np.int32), (np.concatenate(rows), np.concatenate(columns))), shape=shape
    )
    left = graph - flow(graph, source, sink).flow
    left.data[left.data < 0] = 0
    left.eliminate_zeros()
    seen = reach(left, source, directed=True, return_predecessors=False)
    out = np.ones(count + 2, dtype=np.bool_)
    out[seen] = False
    answer = np.zeros(both.shape, dtype=np.bool_)
    answer[both] = out[:count]
    return answer


def blend(
    where: str,
    patches: Sequence[Patch],
    labels: NDArray[np.int16],
    bands: int,
    tick: Callable[[int, int], None],
) -> Single:
    """Blend patches along their seams: fine detail over few pixels, brightness over many.

    Args:
        where: the technique's name, for the sentence.
        patches: the pictures on the canvas.
        labels: H W, which patch is seen where.
        bands: number of octaves that are blended; 0 leaves seams hard.
        tick: called with patches done and patches in all.

    Source:
        Burt and Adelson, "A multiresolution spline with application to image mosaics", 1983.
    """
    cv2 = need("cv2", where)
    height, width = labels.shape
    channels = patches[0].values.shape[2]
    hard = np.zeros((height, width, channels), dtype=np.float32)
    for i, p in enumerate(patches):
        h, w = p.valid.shape
        region = hard[p.top : p.top + h, p.left : p.left + w]
        mine = labels[p.top : p.top + h, p.left : p.left + w] == i
        region[mine] = p.values[mine]
    bands = min(bands, max(0, int(np.log2(max(2, min(height, width)))) - 2))
    if bands == 0 or len(patches) == 1:
        return hard
    whole = 1 << bands
    full_h, full_w = -(-height // whole) * whole, -(-width // whole) * whole
    ground = _continued(cv2, hard, labels < 0)
    ground = cv2.copyMakeBorder(ground, 0, full_h - height, 0, full_w - width, cv2.BORDER_REPLICATE)
    ground = ground.reshape(full_h, full_w, channels)
    shapes = [(full_h >> k, full_w >> k) for k in range(bands + 1)]
    total = [np.zeros((*s, channels), dtype=np.float32) for s in shapes]
    weights = [np.zeros(s, dtype=np.float32) for s in shapes]
    reach = 4 * whole
    for i, p in enumerate(patches):
        tick(i, len(patches))
        h, w = p.valid.shape
        # a window on the pyramid's grid with room for what the coarsest band spreads
        y0, x0 = max(0, p.top - reach) // whole * whole, max(0, p.left - reach) // whole * whole
        y1 = min(full_h, -(-(p.top + h + reach) // whole) * whole)
        x1 = min(full_w, -(-(p.left + w + reach) // whole) * whole)
        values = ground[y0:y1, x0:x1].copy()
        inside = values[p.top - y0 : p.top - y0 + h, p.left - x0 : p.left - x0 + w]
        inside[p.valid] = p.values[p.valid]
        mask = np.zeros((y1 - y0, x1 - x0), dtype=np.float32)
        mask[: height - y0, : width - x0] = labels[y0:y1, x0:x1] == i
        for k in range(bands + 1):
            if k < bands:
                small = cv2.pyrDown(values).reshape(values.shape[0] // 2, values.shape[1] // 2, channels)
                band = values - cv2.pyrUp(small).reshape(values.shape)
            else:
                small = band = values
            spot = (slice(y0 >> k, y1 >> k), slice(x0 >> k, x1 >> k))
            total[k][spot] += band * mask[..., None]
            weights[k][spot] += mask
            if k < bands:
                values, mask = small, cv2.pyrDown(mask)
    out = total[bands] / np.maximum(weights[bands], 1e-6)[..., None]
    for k in range(bands - 1, -1, -1):
        out = cv2.pyrUp(out).reshape(total[k].shape) + total[k] / np.maximum(weights[k], 1e-6)[..., None]
    out = out[:height, :width]
    out[labels < 0] = 0.0
    return np.ascontiguousarray(out)


def _continued(cv2: Any, values: Single, empty: NDArray[np.bool_]) -> Single:
    """Fill what no picture covers with the nearest covered pixel, so that blending sees no black."""
    if not empty.any():
        return values
    _, nearest = cv2.distanceTransformWithLabels(empty.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    covered = ~empty
    table = np.zeros((int(nearest.max()) + 1, values.shape[2]), dtype=np.float32)
    table[nearest[covered]] = values[covered]
    return np.where(empty[..., None], table[nearest], values)
