"""Where a picture looks like a small one."""

from typing import Annotated, Literal

import numpy as np

from opsin.arrays import check_image, color_count, to_unit
from opsin.errors import ParamError, refusal, verbatim
from opsin.geometry import Size, Warp, shift, turn
from opsin.kernels.nms import hulls, suppress
from opsin.kernels.resample import resample
from opsin.kernels.resize import resize
from opsin.kernels.templates import peaks, similarity
from opsin.op import op
from opsin.types import Array, Bound, Fraction, Image, Mask, Unit, Usual
from opsin.values import Boxes

Scale = Annotated[float, Bound(gt=0.0, le=100.0), Usual(0.5, 2.0)]
Angle = Annotated[float, Unit("degrees"), Usual(-180.0, 180.0)]
_MOST = 3000


@op(extra="cv", unit_range=True)
def match_template(
    image: Image,
    /,
    template: Image,
    mask: Mask | None = None,
    *,
    method: Literal["sqdiff", "sqdiff_normed", "ccorr", "ccorr_normed", "ccoeff", "ccoeff_normed"] = "ccoeff_normed",
    threshold: Annotated[float, Usual(0.6, 0.95)] = 0.8,
    scales: tuple[Scale, ...] = (1.0,),
    angles: tuple[Angle, ...] = (0.0,),
    overlap: Fraction = 0.3,
    count: Annotated[int, Bound(ge=1, le=_MOST), Usual(1, 100)] = 1000,
) -> Boxes:
    """Find every place where a picture looks like a small one.

    Use it for things that always look alike: icons, printed marks, parts under one camera. For things seen from other
    sides use `find_homography`. "ccoeff_normed" bears changes of brightness and contrast.

    Args:
        template: what is looked for, with the picture's channels; the alpha of RGBA is its mask.
        mask: h w bool, where the template counts.
        method: the measure; a perfect copy scores 1 by all of them. The normed ones do not exceed 1; "ccorr" and
            "ccoeff" answer brighter places with more; "sqdiff" is 1 less the root mean square difference.
        threshold: the least score.
        scales: sizes of the template that are tried, 1 its own.
        angles: turns of the template that are tried, in degrees anticlockwise.
        overlap: intersection over union above which the lower of two answers goes.
        count: at most so many, the best.

    Returns:
        Boxes, the best first, with scores, scales, angles and corners (N 4 2, the turned template's).

    Raises:
        ParamError: a template larger than the picture at every scale, of other channels, or without anything to match.

    Source:
        Gonzalez and Woods, "Digital image processing", correlation; the six measures of OpenCV's matchTemplate.
    """
    where = "match_template"
    given = check_image(where, template, unit=True, name="template")
    cover = np.ones(given.shape[:2], dtype=np.bool_) if mask is None else mask
    if cover.shape != given.shape[:2]:
        raise ParamError(refusal(where, "mask", "of the template's size", mask))
    if given.ndim == 3 and given.shape[2] == 4:
        cover = cover & (to_unit(given[..., 3]) > 0.5)
    scene, small = _colors(image), _colors(given)
    if scene.shape[2] != small.shape[2]:
        hint = "Use ops.to_gray or ops.to_rgb on one of them."
        raise ParamError(refusal(where, "template", f"of {scene.shape[2]} channels, as the picture", given, hint))
    if not scales or not angles:
        raise ParamError(refusal(where, "scales" if not scales else "angles", "at least one number", verbatim("none")))
    _texture(where, small, cover, method, given)
    found: list[tuple[Array, Array, float, float]] = []
    fits = False
    for scale in scales:
        for angle in angles:
            shown, seen, corners = _pose(small, cover, scale, angle)
            if shown.shape[0] > scene.shape[0] or shown.shape[1] > scene.shape[1] or not seen.any():
                continue
            if method.startswith("ccoeff") and not _spread(shown, seen) > 0.0:
                continue
            fits = True
            score = similarity(where, scene, shown, method, None if seen.all() else seen)
            places, values = peaks(where, score, threshold, _MOST)
            quads = corners[None] + places[:, None, ::-1].astype(np.float64)
            found.append((quads, values, scale, angle))
    if not fits:
        hint = "Use smaller scales."
        raise ParamError(refusal(where, "template", "no larger than the picture", given, hint))
    quads = np.concatenate([f[0] for f in found])
    values = np.concatenate([f[1] for f in found])
    pose = np.concatenate([np.full((len(f[1]), 2), (f[2], f[3])) for f in found])
    order = np.argsort(-values, kind="stable")[:_MOST]
    upright = all(a % 90.0 == 0.0 for a in angles)
    rows = hulls(quads[order]) if upright else quads[order].reshape(-1, 8)
    kept = order[suppress(rows, values[order], overlap=overlap)[0][:count]]
    return Boxes(
        hulls(quads[kept]) if len(kept) else (),
        scores=values[kept],
        scales=pose[kept, 0],
        angles=pose[kept, 1],
        corners=quads[kept],
    )


def _colors(image: Array) -> Array:
    """The channels that count, as floats H W C."""
    values = to_unit(np.ascontiguousarray(image), np.float32)
    values = values[..., None] if values.ndim == 2 else values
    return values[..., : color_count(image)]


def _spread(values: Array, cover: Array) -> float:
    inside = values[cover].astype(np.float64)
    return float(inside.max(axis=0, initial=-1.0).sum() - inside.min(axis=0, initial=2.0).sum()) if len(inside) else 0.0


def _texture(where: str, small: Array, cover: Array, method: str, given: Array) -> None:
    if not cover.any():
        raise ParamError(refusal(where, "mask", "true somewhere", cover))
    if method.startswith("ccoeff") and not _spread(small, cover) > 0.0:
        hint = "Use method='sqdiff' for a flat template."
        raise ParamError(refusal(where, "template", "of more than one value", given, hint))
    if method in ("ccorr", "ccorr_normed", "sqdiff_normed") and not float(small[cover].max()) > 0.0:
        raise ParamError(refusal(where, "template", "not all black", given, "Use method='sqdiff'."))


def _pose(small: Array, cover: Array, scale: float, angle: float) -> tuple[Array, Array, Array]:
    """Bring the template to a size and turn it; gives pixels, which of them are the template's, and its corners."""
    h, w = max(1, round(small.shape[0] * scale)), max(1, round(small.shape[1] * scale))
    if (h, w) != small.shape[:2]:
        small = resize(np.ascontiguousarray(small), w, h)
        cover = resize(cover.astype(np.uint8) * 255, w, h) > 127
    size = Size(w, h)
    frame = np.array([[0.0, 0.0], [w, 0.0], [w, h], [0.0, h]])
    if angle % 360.0 == 0.0:
        return np.ascontiguousarray(small), cover, frame
    matrix = turn(angle)
    canvas = size.around(matrix)
    whole = shift(canvas.width / 2, canvas.height / 2) @ matrix @ shift(-w / 2, -h / 2)
    warp = Warp.of(whole, size, canvas)
    shown = resample(np.ascontiguousarray(small), warp.with_edge("replicate", 0.0))
    seen = resample(np.where(cover, 1.0, 0.0).astype(np.float32), warp) > 0.99
    return shown.reshape(canvas.height, canvas.width, -1), seen, warp.push(frame)
