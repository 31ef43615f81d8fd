"""One picture turned into another, shape and color alike."""

from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np

from opsin.arrays import check_image, from_unit, to_unit
from opsin.errors import ParamError, refusal, verbatim
from opsin.kernels.extras import need
from opsin.kernels.faces import face_points
from opsin.op import op
from opsin.types import Array, Fraction, Image, Shape, Unit

Places = Annotated[Array, Shape(2, (None, 2)), Unit("px")]


def _points(where: str, name: str, points: Any, width: int, height: int) -> Array:
    p = np.asarray(points, dtype=np.float64)
    if not np.isfinite(p).all():
        raise ParamError(refusal(where, name, "finite", verbatim("NaN or infinity")))
    if (p < 0.0).any() or (p > (width, height)).any():
        bad = p[((p < 0.0) | (p > (width, height))).any(axis=1)][0]
        got = verbatim(f"({bad[0]:g}, {bad[1]:g})")
        raise ParamError(refusal(where, name, f"inside the picture of {width} x {height} pixels", got))
    if len(np.unique(np.round(p, 3), axis=0)) < len(p):
        raise ParamError(refusal(where, name, "different from each other", verbatim("a point twice")))
    return p


def _frame(width: int, height: int) -> Array:
    """Corners and middles of the sides: they hold the rim in place."""
    w, h = float(width), float(height)
    return np.array([[0, 0], [w / 2, 0], [w, 0], [w, h / 2], [w, h], [w / 2, h], [0, h], [0, h / 2]])


def _with_frame(a: Array, b: Array, width: int, height: int) -> tuple[Array, Array]:
    """Add the rim's points where no given pair already holds them."""
    rim = _frame(width, height)
    free = [i for i, p in enumerate(rim) if min(np.hypot(*(a - p).T).min(), np.hypot(*(b - p).T).min()) > 1e-3]
    return np.concatenate([a, rim[free]]), np.concatenate([b, rim[free]])


def _bent(image: Array, x: Array, y: Array, cv2: Any) -> Array:
    values = to_unit(image if image.ndim == 3 else image[..., None], np.float32)
    mx, my = (x - 0.5).astype(np.float32), (y - 0.5).astype(np.float32)
    if values.shape[2] == 4:  # colors weighted by how much they cover
        values = np.concatenate([values[..., :3] * values[..., 3:], values[..., 3:]], axis=2)
    parts = [
        cv2.remap(np.ascontiguousarray(values[..., c]), mx, my, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for c in range(values.shape[2])
    ]
    return np.stack(parts, axis=2)


@op(extra="cv")
def morph(
    image: Image,
    /,
    other: Image,
    points: Places | None = None,
    other_points: Places | None = None,
    *,
    fraction: Fraction,
    model: str | None = None,
) -> Image:
    """Show a state between two pictures: shapes meet halfway, and colors blend.

    Use it between two faces, two leaves, two slices; give points that belong together, such as the corners of eyes and
    mouth. Without points the largest face of each picture is looked for with dlib ([faces]). The corners of the
    pictures and the middles of their sides belong together by themselves. `opsin.video.morph` gives the frames of a
    clip, and so does `opsin apply morph` where --out names one.

    Args:
        other: the other picture, of the same size, dtype and channels.
        points: N 2 in the first picture; None takes the landmarks of its face, with other_points.
        other_points: N 2 in the other picture, in the same order.
        fraction: 0 is the first picture, 1 the other one, both unchanged.
        model: path of dlib's shape predictor, of 5 or of 68 points, for faces; None as `align_face`.

    Returns:
        same shape and dtype; points of the two pictures meet at (1 - fraction) * points + fraction * other_points.

    Raises:
        ParamError: pictures of different kinds, points of different number, outside the picture, twice or NaN, and
            pictures without a face where no points are given.
        MissingExtra: landmarks are to be found and dlib is not installed.

    Source:
        Wolberg, "Image morphing: a survey", 1998, mesh warping; on Delaunay triangles of the halfway shape, bilinear.
    """
    where = "morph"
    check_image(where, other, name="other")
    if other.shape != image.shape or other.dtype != image.dtype:
        hint = "Use ops.resize first." if other.shape[:2] != image.shape[:2] else ""
        wanted = f"{image.dtype} of shape {image.shape}, as the picture"
        raise ParamError(refusal(where, "other", wanted, other, hint))
    h, w = image.shape[:2]
    if (points is None) != (other_points is None):
        missing = "points" if points is None else "other_points"
        raise ParamError(refusal(where, missing, "given with its counterpart", verbatim("nothing")))
    if points is None:
        points, other_points = face_pair(image, other, model)
    a, b = _points(where, "points", points, w, h), _points(where, "other_points", other_points, w, h)
    if len(a) != len(b):
        raise ParamError(refusal(where, "other_points", f"{len(a)} points, as points", b))
    if fraction in (0.0, 1.0):
        return np.array(image if fraction == 0.0 else other, order="C")
    cv2, spatial = need("cv2", where), need("scipy.spatial", where)
    a, b = _with_frame(a, b, w, h)
    # one mesh for all fractions, made where neither picture is favored
    triangles = spatial.Delaunay((a + b) / 2.0).simplices
    now = (1.0 - fraction) * a + fraction * b
    ax, ay, bx, by = _carry(now, a, b, triangles, w, h)
    left, right = _bent(image, ax, ay, cv2), _bent(other, bx, by, cv2)
    mixed = left + (right - left) * np.float32(fraction)
    if mixed.shape[2] == 4 and image.shape[2] == 4:
        mixed[..., :3] /= np.maximum(mixed[..., 3:], 1e-6)
    if image.dtype != np.float32:
        mixed = np.clip(mixed, 0.0, 1.0)
    return from_unit(mixed.reshape(image.shape), image.dtype)


def _carry(now: Array, a: Array, b: Array, triangles: Array, w: int, h: int) -> tuple[Array, Array, Array, Array]:
    """Say for the middle of each pixel which points of both pictures are seen there."""
    maps = [np.tile(np.arange(w) + 0.5, (h, 1)), np.repeat(np.arange(h) + 0.5, w).reshape(h, w)] * 2
    maps = [m.copy() for m in maps]
    for corners in triangles:
        p = now[corners]
        x0, y0 = np.maximum(np.floor(p.min(axis=0) - 0.5).astype(int), 0)
        x1, y1 = np.minimum(np.ceil(p.max(axis=0) + 0.5).astype(int), (w, h))
        if x1 <= x0 or y1 <= y0:
            continue
        edge = np.array([p[1] - p[0], p[2] - p[0]]).T
        if abs(float(np.linalg.det(edge))) < 1e-9:
            continue
        back = np.linalg.inv(edge)
        dx, dy = (np.arange(x0, x1) + 0.5 - p[0, 0])[None, :], (np.arange(y0, y1) + 0.5 - p[0, 1])[:, None]
        s, t = back[0, 0] * dx + back[0, 1] * dy, back[1, 0] * dx + back[1, 1] * dy
        inside = (s >= -1e-9) & (t >= -1e-9) & (s + t <= 1.0 + 1e-9)
        s, t = s[inside], t[inside]
        for k, shape in enumerate((a, b)):
            q = shape[corners]
            for axis in (0, 1):
                seen = q[0, axis] + s * (q[1, axis] - q[0, axis]) + t * (q[2, axis] - q[0, axis])
                maps[2 * k + axis][y0:y1, x0:x1][inside] = seen
    return maps[0], maps[1], maps[2], maps[3]


def face_pair(image: Array, other: Array, model: str | None = None) -> tuple[Array, Array]:
    """Find points that belong together in the largest face of each of two pictures.

    Args:
        image: H W or H W C.
        other: of the same size.
        model: path of dlib's shape predictor; None takes the 5-point one.

    Raises:
        MissingExtra: dlib is not installed.
        ParamError: no face in one of them, by name.
    """
    found = []
    for name, picture in (("image", image), ("other", other)):
        p = face_points("morph", picture, model, name)
        h, w = picture.shape[:2]
        found.append((p, (p > 0.0).all(axis=1) & (p < (w, h)).all(axis=1)))
    both = found[0][1] & found[1][1]
    return found[0][0][both], found[1][0][both]


def frames(
    image: Array,
    other: Array,
    points: Any = None,
    other_points: Any = None,
    *,
    count: int,
    model: str | None = None,
) -> Iterator[Array]:
    """Give the frames of a morph one after the other, the first and the last being the two pictures.

    Args:
        image: H W or H W C.
        other: of the same size, dtype and channels.
        points: N 2 in the first picture; None takes the landmarks of its face, with other_points.
        other_points: N 2 in the other picture.
        count: how many frames, at least 2.
        model: path of dlib's shape predictor, for faces.

    Raises:
        ParamError: as `morph`, and fewer than 2 frames.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 2:
        raise ParamError(refusal("morph", "count", "a whole number at least 2", count))
    morph(image, other, points, other_points, fraction=0.0, model=model)  # whatever is wrong is said here
    if points is None:
        points, other_points = face_pair(image, other, model)
    a, b = np.asarray(points, dtype=np.float64), np.asarray(other_points, dtype=np.float64)
    return (morph(image, other, a, b, fraction=i / (count - 1)) for i in range(count))
