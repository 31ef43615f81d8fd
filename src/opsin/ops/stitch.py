"""One picture of several that overlap."""

import os
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import numpy as np

from opsin.arrays import check_image, from_unit, to_unit
from opsin.errors import LimitError, ParamError, refusal, verbatim
from opsin.geometry import Size
from opsin.kernels.blending import Patch, blend, gains, seams
from opsin.kernels.extras import need
from opsin.kernels.keypoints import eight_bit
from opsin.kernels.overlaps import Tick, groups, link_all
from opsin.kernels.views import View, focal_of, on_cylinder, on_plane
from opsin.op import op
from opsin.sample import Sample
from opsin.types import Array, Bound, Role, Unit, Usual
from opsin.values import Panorama

Pictures = Annotated[Any, Role("pictures")]
_LIMIT = 400_000_000  # pixels of the canvas: beyond it an overlap was misread


def _read(where: str, images: Any) -> tuple[list[Array], list[str]]:
    """Read pictures and their names from a list, a mapping by name, samples, one array N H W C, or one picture."""
    named = isinstance(images, Mapping)
    if isinstance(images, np.ndarray):
        items: list[Any] = list(images) if images.ndim == 4 else [images]
    elif isinstance(images, Sample):
        items = [images]
    elif named or isinstance(images, list | tuple):
        items = list(images.values()) if named else list(images)
    else:
        raise ParamError(refusal(where, "images", "a list of pictures, or pictures by name", images))
    if not items:
        raise ParamError(refusal(where, "images", "one or more pictures", verbatim("none")))
    names, pictures = [], []
    for i, item in enumerate(items):
        name = f"picture {i + 1}"
        if named:
            name = str(list(images)[i])
        elif isinstance(item, Sample):
            source = item.source if isinstance(item.source, str | os.PathLike) else item.key
            name = os.path.basename(os.fspath(source)) if isinstance(source, str | os.PathLike) else name
        names.append(name)
        pictures.append(check_image(where, item.image if isinstance(item, Sample) else item, unit=True, name="images"))
    first = pictures[0]
    for name, picture in zip(names, pictures, strict=True):
        if picture.dtype != first.dtype or picture.shape[2:] != first.shape[2:]:
            got = verbatim(f"{name}, {picture.dtype} of shape {picture.shape}, beside {names[0]}, {first.dtype} of "
                           f"shape {first.shape}")  # fmt: skip
            raise ParamError(refusal(where, "images", "of one dtype and one number of channels", got))
    return pictures, names


def _place(view: View, image: Array, color: int, cv2: Any) -> tuple[Patch, Array | None]:
    """Carry one picture onto the canvas: its color and where it counts, and its alpha."""
    x1, y1, x2, y2 = view.bounds()
    left, top = int(np.floor(x1 + 0.02)), int(np.floor(y1 + 0.02))
    width, height = max(1, int(np.ceil(x2 - 0.02)) - left), max(1, int(np.ceil(y2 - 0.02)) - top)
    px, py = view.pull(np.arange(left, left + width) + 0.5, np.arange(top, top + height) + 0.5)
    w, h = view.size
    room = 0.02  # a hundredth of a pixel beyond the edge is rounding
    with np.errstate(invalid="ignore"):
        valid = (px >= 0.5 - room) & (px <= w - 0.5 + room) & (py >= 0.5 - room) & (py <= h - 0.5 + room)
    mx, my = np.where(valid, px - 0.5, 0.0).astype(np.float32), np.where(valid, py - 0.5, 0.0).astype(np.float32)
    values = to_unit(image if image.ndim == 3 else image[..., None], np.float32)
    whole = valid.any() and np.abs(mx - np.round(mx)).max() < 1e-3 and np.abs(my - np.round(my)).max() < 1e-3
    if whole:
        moved = values[np.clip(np.round(my).astype(np.intp), 0, h - 1), np.clip(np.round(mx).astype(np.intp), 0, w - 1)]
    else:
        parts = [
            cv2.remap(np.ascontiguousarray(values[..., c]), mx, my, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
            for c in range(values.shape[2])
        ]
        moved = np.clip(np.stack(parts, axis=2), 0.0, 1.0)
    moved = np.where(valid[..., None], moved, np.float32(0.0)).astype(np.float32)
    alpha = moved[..., 3] if values.shape[2] == 4 else None
    return Patch(np.ascontiguousarray(moved[..., :color]), valid, left, top), alpha


@op(extra="cv")
def panorama(
    images: Pictures,
    /,
    *,
    projection: Literal["cylindrical", "planar"] = "cylindrical",
    focal: Annotated[float, Bound(gt=0.0), Unit("px"), Usual(300.0, 3000.0)] | None = None,
    strangers: Literal["refuse", "leave_out"] = "refuse",
    exposure: bool = True,
    seam: Literal["graph_cut", "middle"] = "graph_cut",
    bands: Annotated[int, Bound(ge=0, le=12), Usual(0, 6)] = 5,
    progress: Callable[[str, int, int], None] | None = None,
) -> Panorama:
    """Make one picture of several that overlap, in any number and order.

    Use "cylindrical" for a camera that turned on the spot, "planar" for flat things: pages, walls, pictures from the
    air, pieces of one photograph. Where the pictures were only shifted, both give a plane.

    Args:
        projection: what the pictures are laid on.
        focal: focal length in pixels for the cylinder; None estimates it from the overlaps.
        strangers: what to do with pictures that overlap with none of the largest group: "refuse" says their names,
            "leave_out" goes on without them (`.left_out`).
        exposure: bring the pictures to one brightness before they are blended.
        seam: "graph_cut" lets seams run where pictures differ least, "middle" as far from edges as possible.
        bands: octaves that are blended across seams; 0 leaves them hard.
        progress: called with what is being done, how much of it is done, and how much there is.

    Returns:
        Panorama: the picture H W (C) in the pictures' dtype, black (RGBA: transparent) where there is none; `.mask`,
        `.warp(i)` from each picture to the canvas, `.left_out`.

    Raises:
        ParamError: pictures of several dtypes or channel counts, and pictures that do not belong, by name.
        LimitError: a canvas of more than 400 million pixels.

    Source:
        Brown and Lowe, "Automatic panoramic image stitching using invariant features", 2007; Szeliski, "Image alignment
        and stitching: a tutorial", 2006; Burt and Adelson, 1983.
    """
    where = "panorama"
    pictures, names = _read(where, images)
    tick: Tick = progress or (lambda what, done, total: None)
    sizes = [Size(p.shape[1], p.shape[0]) for p in pictures]
    if len(pictures) == 1:
        return _alone(pictures[0], names)
    links, counts = link_all(where, [eight_bit(where, p) for p in pictures], tick)
    parts = groups(len(pictures), links)
    members = parts[0]
    out = [i for i in range(len(pictures)) if i not in members]
    if len(members) == 1:
        plain = [names[i] for i in out + members if counts[i] < 8]
        got = verbatim("pictures of which no two overlap" + (f"; without texture: {', '.join(plain)}" if plain else ""))
        raise ParamError(refusal(where, "images", "pictures that overlap by a quarter or more", got))
    if out and strangers == "refuse":
        told = ", ".join(f"{names[i]}{' (without texture)' if counts[i] < 8 else ''}" for i in sorted(out))
        hint = "Leave it out, or use strangers='leave_out'." if len(out) == 1 else "Use strangers='leave_out'."
        got = verbatim(f"{told}, which overlap{'s' if len(out) == 1 else ''} with none of the other {len(members)}")
        raise ParamError(refusal(where, "images", "pictures that all overlap", got, hint))
    links = [k for k in links if k.a in members]
    tick("placing", 0, 1)
    length = (focal or focal_of(sizes, links)) if projection == "cylindrical" else None
    if length is None:
        views = on_plane(where, sizes, members, links)
    else:
        views = on_cylinder(where, sizes, members, links, length, fixed=focal is not None)
    return _compose(where, pictures, names, views, exposure, seam, bands, tick)


def _alone(image: Array, names: list[str]) -> Panorama:
    h, w = image.shape[:2]
    view = View(Size(w, h), matrix=np.eye(3))
    return Panorama.of(
        np.ascontiguousarray(image),
        mask=np.ones((h, w), np.bool_),
        labels=np.zeros((h, w), np.int16),
        names=tuple(names),
        used=(0,),
        left_out=(),
        projection="planar",
        focal=None,
        gains=(1.0,),
        views=(view,),
    )


def _compose(
    where: str,
    pictures: list[Array],
    names: list[str],
    views: dict[int, View],
    exposure: bool,
    seam: str,
    bands: int,
    tick: Tick,
) -> Panorama:
    """Carry all pictures onto one canvas and blend them."""
    cv2 = need("cv2", where)
    used = sorted(views)
    boxes = np.array([views[i].bounds() for i in used])
    x, y = np.floor(boxes[:, :2].min(axis=0) + 0.02)
    width, height = (np.ceil(boxes[:, 2:].max(axis=0) - 0.02) - (x, y)).astype(np.int64).tolist()
    most = 50 * sum(v.size.width * v.size.height for v in views.values())
    if not np.isfinite(boxes).all() or width * height > min(_LIMIT, most):
        raise LimitError(
            f"{where}: the canvas would be {width} x {height} pixels, more than {min(_LIMIT, most)}. "
            "Use projection='cylindrical' for a camera that turned far."
        )
    views = {i: v.moved(float(x), float(y)) for i, v in views.items()}
    first = pictures[0]
    color = 1 if first.ndim == 2 else 3 if first.shape[2] == 4 else first.shape[2]
    patches, alphas = [], []
    for n, i in enumerate(used):
        tick("carrying", n, len(used))
        patch, alpha = _place(views[i], pictures[i], color, cv2)
        right, bottom = min(patch.valid.shape[1], width - patch.left), min(patch.valid.shape[0], height - patch.top)
        patches.append(patch._replace(values=patch.values[:bottom, :right], valid=patch.valid[:bottom, :right]))
        alphas.append(None if alpha is None else alpha[:bottom, :right])
    factors = gains(patches) if exposure else np.ones(len(patches))
    patches = [
        p if g == 1.0 else p._replace(values=np.clip(p.values * np.float32(g), 0.0, 1.0))
        for p, g in zip(patches, factors, strict=True)
    ]
    tick("seams", 0, 1)
    labels = seams(where, patches, width, height, cut=seam == "graph_cut")
    values = blend(where, patches, labels, bands, lambda done, total: tick("blending", done, total))
    if first.ndim == 3 and first.shape[2] == 4:
        cover = np.zeros((height, width, 1), np.float32)
        for n, (patch, alpha) in enumerate(zip(patches, alphas, strict=True)):
            assert alpha is not None
            h, w = patch.valid.shape
            mine = labels[patch.top : patch.top + h, patch.left : patch.left + w] == n
            cover[patch.top : patch.top + h, patch.left : patch.left + w, 0][mine] = alpha[mine]
        values = np.concatenate([values, cover], axis=2)
    tick("done", 1, 1)
    lengths = [v.focal for v in views.values() if v.matrix is None]
    return Panorama.of(
        from_unit(np.clip(values, 0.0, 1.0).reshape((height, width, *first.shape[2:])), first.dtype),
        mask=labels >= 0,
        labels=labels,
        names=tuple(names),
        used=tuple(used),
        left_out=tuple(names[i] for i in range(len(names)) if i not in views),
        projection="cylindrical" if lengths else "planar",
        focal=lengths[0] if lengths else None,
        gains=tuple(float(g) for g in factors),
        views=tuple(views[i] for i in used),
    )
