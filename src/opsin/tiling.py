"""Large pictures in tiles: cut with their annotations, predictions brought together, techniques run tile by tile."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from opsin.errors import ParamError, refusal, verbatim
from opsin.geometry import Size, Warp, shift
from opsin.kernels.nms import suppress
from opsin.kernels.resample import resample
from opsin.op import Op, op_of
from opsin.sample import Sample
from opsin.types import Array
from opsin.values import ArrayValue

__all__ = ["Merged", "Tile", "cut", "halo_of", "merge_boxes", "merge_masks", "run_tiled"]

Floats: TypeAlias = NDArray[np.float64]
_GRID = 64  # tiles begin at multiples of it: vector units then take the same pixels together as in the whole picture


@dataclass(frozen=True)
class Tile:
    """One tile: its place in the grid, its corner in the picture, and its sample."""

    row: int
    column: int
    left: int
    top: int
    sample: Sample


def cut(
    sample: Sample,
    *,
    width: int,
    height: int,
    overlap: float = 0.2,
    min_visible: float = 0.3,
    keep_empty: bool = True,
) -> Iterator[Tile]:
    """Cut a sample into tiles of one size that overlap; the last ones are moved inwards, never padded.

    Use it where objects are small in large pictures. Annotations are clipped; an object is in a tile when enough of it
    is visible there.

    Args:
        sample: the picture with its annotations.
        width: pixels across of a tile; a narrower picture gives narrower tiles.
        height: pixels down of a tile.
        overlap: the part of a tile that its neighbor sees too, 0 to below 1.
        min_visible: the part of an object that must be visible for it to belong to a tile.
        keep_empty: give tiles without objects too, where the sample has any.

    Raises:
        ParamError: sizes below 1, or an overlap out of range.
    """
    for name, value in (("width", width), ("height", height)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ParamError(refusal("tiling.cut", name, "a whole number of at least 1", value))
    if not 0.0 <= overlap < 1.0:
        raise ParamError(refusal("tiling.cut", "overlap", "a number from 0 to below 1", overlap))
    size = Size(*sample.size)
    tile = Size(min(width, size.width), min(height, size.height))
    rules = replace(sample.rules, min_visible=min_visible)
    annotated = len(sample.original_instances) > 0
    for i, top in enumerate(_starts(size.height, tile.height, overlap)):
        for j, left in enumerate(_starts(size.width, tile.width, overlap)):
            warp = Warp.of(shift(-left, -top), size, tile)
            part = sample.with_rules(rules).moved(warp, resample(sample.image, warp))
            part.key = f"{sample.key}/{i}-{j}" if sample.key is not None else f"{i}-{j}"
            if annotated and not keep_empty and not len(part.instances):
                continue
            yield Tile(i, j, left, top, part)


def _starts(length: int, tile: int, overlap: float) -> list[int]:
    """Where tiles begin: evenly spread, the first at the edge, the last at the other edge."""
    if length <= tile:
        return [0]
    step = max(1, int(tile * (1.0 - overlap)))
    count = 1 + -(-(length - tile) // step)
    return [round(k * (length - tile) / (count - 1)) for k in range(count)]


@dataclass(frozen=True)
class Merged:
    """Boxes of a whole picture, put together from its tiles."""

    boxes: Floats
    scores: Floats
    labels: NDArray[Any]


def merge_boxes(
    tiles: Sequence[Tile],
    boxes: Sequence[ArrayLike],
    scores: Sequence[ArrayLike],
    labels: Sequence[ArrayLike] | None = None,
    *,
    overlap: float = 0.5,
) -> Merged:
    """Bring boxes found on tiles back onto the picture; what several tiles saw is kept once.

    Where two tiles overlap, boxes that agree there are one object: the tile that saw it whole has the word, and where
    none did, the parts that tile edges cut off are joined.

    Args:
        tiles: as `cut` gave them.
        boxes: per tile N 4.
        scores: per tile N.
        labels: per tile N; boxes of different classes do not suppress each other.
        overlap: intersection over union above which two boxes are one object; for boxes of two tiles it is measured
            where both tiles see.
    """
    if not len(tiles) == len(boxes) == len(scores):
        raise ParamError(refusal("merge_boxes", "boxes and scores", f"{len(tiles)}, one per tile", len(boxes)))
    parts = [
        np.asarray(b, dtype=np.float64).reshape(-1, 4) + np.array([t.left, t.top, t.left, t.top])
        for t, b in zip(tiles, boxes, strict=True)
    ]
    whole = np.concatenate([*parts, np.zeros((0, 4))])
    ranks = np.concatenate([*(np.asarray(s, dtype=np.float64).ravel() for s in scores), np.zeros(0)])
    if labels is None:
        kinds: NDArray[Any] = np.zeros(len(whole), np.int64)
    else:
        kinds = np.concatenate([np.asarray(k).ravel() for k in labels])
    whole, ranks, kinds = _joined(tiles, [len(p) for p in parts], whole, ranks, kinds, overlap)
    keep = np.asarray(suppress(whole, ranks, overlap=overlap, groups=kinds)[0], dtype=np.int64)
    return Merged(whole[keep], ranks[keep], kinds[keep])


def _joined(
    tiles: Sequence[Tile], counts: Sequence[int], boxes: Floats, scores: Floats, kinds: NDArray[Any], overlap: float
) -> tuple[Floats, Floats, NDArray[Any]]:
    """Leave out parts of what another tile saw whole, and join parts that no tile saw whole."""
    rects = np.array([(t.left, t.top, t.left + t.sample.size[0], t.top + t.sample.size[1]) for t in tiles], np.float64)
    if len(boxes) == 0:
        return boxes, scores, kinds
    home = np.repeat(np.arange(len(tiles)), counts)
    picture = np.concatenate([rects[:, :2].min(axis=0), rects[:, 2:].max(axis=0)])
    edge = rects[home]
    # a box that comes within a pixel of an edge of its tile, where the picture goes on, may be a part
    part = ((np.abs(boxes - edge) <= 1.0) & (edge != picture)).any(axis=1)
    begin = np.concatenate([[0], np.cumsum(counts)])
    group = np.arange(len(boxes))
    gone = np.zeros(len(boxes), np.bool_)

    def root(i: int) -> int:
        while group[i] != i:
            group[i] = group[group[i]]
            i = int(group[i])
        return i

    for a in range(len(tiles)):
        for b in range(a + 1, len(tiles)):
            low, high = np.maximum(rects[a, :2], rects[b, :2]), np.minimum(rects[a, 2:], rects[b, 2:])
            if (high <= low).any():
                continue
            mine, theirs = slice(begin[a], begin[a + 1]), slice(begin[b], begin[b + 1])
            alike = _agreement(boxes[mine], boxes[theirs], low, high) > overlap
            alike &= kinds[mine][:, None] == kinds[theirs][None]
            for i, j in np.argwhere(alike) + np.array([begin[a], begin[b]]):
                if part[i] and part[j]:
                    group[root(int(i))] = root(int(j))
                elif part[i] or part[j]:
                    gone[i if part[i] else j] = True
    roots = np.array([root(i) for i in range(len(boxes))])
    out = [np.flatnonzero(roots == r) for r in np.unique(roots)]
    # where one part of a group is known whole elsewhere, the whole stands for all of them
    out = [m for m in out if not gone[m].any()]
    joined = [np.concatenate([boxes[m, :2].min(axis=0), boxes[m, 2:].max(axis=0)]) for m in out]
    best = [m[np.argmax(scores[m])] for m in out]
    return np.array(joined, np.float64).reshape(-1, 4), scores[best], kinds[best]


def _agreement(a: Floats, b: Floats, low: Floats, high: Floats) -> Floats:
    """Intersection over union of each of `a` with each of `b`, within a rectangle."""
    p = np.concatenate([np.clip(a[:, :2], low, high), np.clip(a[:, 2:], low, high)], axis=1)[:, None]
    q = np.concatenate([np.clip(b[:, :2], low, high), np.clip(b[:, 2:], low, high)], axis=1)[None]
    common = np.prod(np.maximum(np.minimum(p[..., 2:], q[..., 2:]) - np.maximum(p[..., :2], q[..., :2]), 0.0), axis=-1)
    areas = np.prod(p[..., 2:] - p[..., :2], axis=-1) + np.prod(q[..., 2:] - q[..., :2], axis=-1)
    out: Floats = common / np.maximum(areas - common, 1e-12)
    return out


def merge_masks(tiles: Sequence[Tile], masks: Sequence[NDArray[Any]], size: tuple[int, int]) -> NDArray[Any]:
    """Bring masks or class scores of tiles back onto the picture: masks are united, scores averaged in overlaps.

    Args:
        tiles: as `cut` gave them.
        masks: per tile H W bool, or H W (C) numbers.
        size: width and height of the picture.
    """
    first = masks[0]
    width, height = size
    if first.dtype == np.bool_:
        out: NDArray[Any] = np.zeros((height, width), np.bool_)
        for tile, mask in zip(tiles, masks, strict=True):
            h, w = mask.shape
            out[tile.top : tile.top + h, tile.left : tile.left + w] |= mask
        return out
    total = np.zeros((height, width, *first.shape[2:]), np.float64)
    seen = np.zeros((height, width), np.float64)
    for tile, mask in zip(tiles, masks, strict=True):
        h, w = mask.shape[:2]
        total[tile.top : tile.top + h, tile.left : tile.left + w] += mask
        seen[tile.top : tile.top + h, tile.left : tile.left + w] += 1.0
    return total / np.maximum(seen, 1.0).reshape(height, width, *(1,) * (first.ndim - 2))


def halo_of(op: str | Callable[..., Any], **params: Any) -> int | None:
    """Say how many pixels around a pixel a technique looks at with these parameters; None where there is no limit.

    Args:
        op: the technique or its name.
        params: its parameters.
    """
    return _halo(op_of(op), op_of(op).spec.fill(params))


def _halo(entry: Op, params: Mapping[str, Any]) -> int | None:
    if entry.spec.shape == "pointwise":
        return 0
    halo = entry.spec.halo
    if halo is None or entry.spec.random:
        return None
    wanted = inspect.signature(halo).parameters
    takes_all = any(p.kind is p.VAR_KEYWORD for p in wanted.values())
    return int(halo(**{k: v for k, v in params.items() if takes_all or k in wanted}))


def run_tiled(op: str | Callable[..., Any], image: Array, /, *, tile: int = 2048, **params: Any) -> Any:
    """Run a technique on a large picture tile by tile: the same result in a fraction of the memory.

    Use it for scans, maps and slides of 100 megapixels and more; a memory-mapped array is read tile by tile. It works
    for techniques that map each value by itself and for those that say how far they look (`halo_of`): blurs,
    filters, morphology, gradients, sketches. Integers come out exactly as from the whole picture; where a library goes
    through Fourier space (`convolve` with 130 weights or more) a value may round to the next level, and floats may
    differ in their last digits.

    Args:
        op: the technique or its name.
        image: the picture, or the mask, as the technique takes it.
        tile: greatest side of a tile in pixels, without the rim that is looked at beside it.
        params: the technique's parameters.

    Returns:
        what the technique returns for the whole picture.

    Raises:
        ParamError: a technique that looks at the whole picture, or a tile below 1.
    """
    entry = op_of(op)
    if isinstance(tile, bool) or not isinstance(tile, int) or tile < 1:
        raise ParamError(refusal("run_tiled", "tile", "a whole number of at least 1", tile))
    given = entry.spec.fill(params)
    halo = _halo(entry, given)
    if halo is None:
        got = verbatim(f"'{entry.name}', which may look at the whole picture")
        raise ParamError(refusal("run_tiled", "op", "a technique that looks at a neighborhood", got, "Run it whole."))
    whole = entry.check(image)
    if not isinstance(whole, np.ndarray):
        raise ParamError(refusal("run_tiled", "image", "an array", image, "Use sample.image."))
    height, width = whole.shape[:2]
    wraps = given.get("border") == "wrap"
    extremes = None if whole.dtype in (np.uint8, np.bool_) else (whole.min(), whole.max())
    out: Array | None = None
    part: Any = None
    for top, bottom in pairwise(_even(height, tile)):
        for left, right in pairwise(_even(width, tile)):
            # how far the tile reaches: its halo, and on to the next multiple of the grid
            y0, x0 = top - halo, (left - halo) // _GRID * _GRID
            y1, x1 = bottom + halo, -(-(right + halo) // _GRID) * _GRID
            if wraps and (tile < height or tile < width):
                rows, columns = np.arange(y0, y1), np.arange(x0, x1)
                piece = whole.take(rows, axis=0, mode="wrap").take(columns, axis=1, mode="wrap")
                ends_at = (False, False, False, False)
            else:
                y0, x0, y1, x1 = max(0, y0), max(0, x0), min(height, y1), min(width, x1)
                piece = np.ascontiguousarray(whole[y0:y1, x0:x1])
                ends_at = (y0 == 0, x0 == 0, y1 == height, x1 == width)
            if extremes is not None and not all(ends_at):
                piece, dy, dx = _with_extremes(piece, extremes, ends_at)
                y0, x0 = y0 - dy, x0 - dx
            part = entry.run(piece, given)
            if out is None:
                out = np.empty((height, width, *part.shape[2:]), part.dtype)
            inner = (slice(top - y0, bottom - y0), slice(left - x0, right - x0))
            out[top:bottom, left:right] = np.asarray(part)[inner]
    assert out is not None
    if isinstance(part, ArrayValue):
        return type(part).of(out, **{name: getattr(part, name) for name in part.knows})
    return out


def _even(length: int, tile: int) -> list[int]:
    """Where tiles begin and the last one ends: as few as the size allows, all of nearly the same length."""
    count = -(-length // tile)
    return [k * length // count for k in range(count + 1)]


def _with_extremes(
    piece: Array, extremes: tuple[Any, Any], ends_at: tuple[bool, bool, bool, bool]
) -> tuple[Array, int, int]:
    """Show a tile the least and the greatest value of the whole picture, in a strip beyond all that is looked at.

    Some libraries lay out their tables, and some techniques decide whether to clamp, by the range of the picture that
    they are given. The strip goes to a side where the picture goes on (`ends_at` says top, left, bottom, right). Gives
    the tile, and how many rows and columns it begins earlier.
    """
    top, _, bottom, right = ends_at
    axis = 1 if top and bottom else 0
    sides = list(piece.shape)
    sides[axis] = 2 * _GRID if axis else 2
    strip = np.empty(sides, piece.dtype)
    for half, value in zip(np.array_split(strip, 2, axis=axis), extremes, strict=True):
        half[...] = value
    if not (right if axis else bottom):
        return np.concatenate([piece, strip], axis=axis), 0, 0
    return np.concatenate([strip, piece], axis=axis), sides[0] * (1 - axis), sides[1] * axis
