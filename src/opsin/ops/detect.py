"""Where things are: copies of a template, people, faces with eyes and smiles; and which of many boxes stay."""

import math
import os
import threading
from typing import Annotated, Any, Literal

import numpy as np

from opsin.arrays import check_image, color_count, from_unit, to_unit
from opsin.errors import ParamError, refusal, verbatim
from opsin.geometry import Size, Warp, shift, turn
from opsin.kernels.brightness import brightness
from opsin.kernels.cascades import cascade as load_cascade
from opsin.kernels.extras import need
from opsin.kernels.nms import corners_of, hulls, merge_similar, suppress
from opsin.kernels.resample import resample
from opsin.kernels.resize import resize
from opsin.kernels.templates import peaks, similarity
from opsin.op import op
from opsin.types import Array, Bound, Fraction, Image, Mask, Role, Shape, Unit, Usual
from opsin.values import Boxes
from opsin.values.kept import Kept

Scale = Annotated[float, Bound(gt=0.0, le=100.0), Usual(0.5, 2.0)]
Angle = Annotated[float, Unit("degrees"), Usual(-180.0, 180.0)]
Step = Annotated[float, Bound(ge=1.01, le=4.0), Usual(1.05, 1.3)]
_MOST = 3000
_BEST = threading.local()


# --- boxes that overlap -------------------------------------------------------------------------------------------
@op
def non_max_suppression(
    boxes: Annotated[Boxes | Annotated[Array, Shape(2)], Role("boxes")],
    /,
    scores: Annotated[Array, Shape(1, empty=True)] | None = None,
    *,
    overlap: Fraction = 0.5,
    labels: Annotated[Array, Shape(1, empty=True)] | tuple[str, ...] | None = None,
    method: Literal["greedy", "soft", "soft_linear"] = "greedy",
    sigma: Annotated[float, Bound(gt=0.0), Usual(0.1, 1.0)] = 0.5,
    least: Annotated[float, Bound(ge=0.0), Usual(0.0, 0.1)] = 0.001,
) -> Kept:
    """Choose among boxes that overlap: the best stays, those that share too much with it go.

    Use it behind any detector that answers several times for one object. "soft" lowers scores instead of taking boxes
    away, which finds objects that stand in front of each other; cut at a score afterwards.

    Args:
        boxes: Boxes, or an array: N 4 (x1 y1 x2 y2), N 5 turned (center x y, width, height, degrees anticlockwise), or
            N 8 (four corners, convex).
        scores: N; may be left out when Boxes have them.
        overlap: intersection over union above which a box goes or is lowered ("soft" lowers all that overlap).
        labels: N numbers or texts; boxes of different labels do not touch each other. Boxes bring their own.
        method: "greedy", "soft" (by exp(-overlap^2 / sigma)) or "soft_linear" (by 1 - overlap).
        sigma: of "soft".
        least: soft methods drop boxes whose score falls below it.

    Returns:
        the rows that stay, by falling score: whole numbers, usable as an index; `.scores`, `.boxes`.

    Raises:
        ParamError: columns of different lengths, boxes turned inside out, or no scores.

    Source:
        The rule of torchvision.ops.nms and batched_nms; Bodla, Singh, Chellappa and Davis, "Soft-NMS", 2017.
    """
    where = "non_max_suppression"
    words = boxes.labels if isinstance(boxes, Boxes) and labels is None else labels
    if isinstance(boxes, Boxes) and scores is None:
        scores = boxes.scores
    rows = _rows(where, boxes)
    if rows.size == 0:
        rows = rows.reshape(0, rows.shape[1] if rows.ndim == 2 and rows.shape[1] in (4, 5, 8) else 4)
    if rows.ndim != 2 or rows.shape[1] not in (4, 5, 8) or not np.isfinite(rows).all():
        raise ParamError(refusal(where, "boxes", "finite numbers N x 4, N x 5 or N x 8", rows))
    if rows.shape[1] == 4 and len(rows) and (rows[:, 2:] < rows[:, :2]).any():
        bad = int(np.flatnonzero((rows[:, 2:] < rows[:, :2]).any(axis=1))[0])
        raise ParamError(refusal(where, "boxes", "x1 y1 x2 y2 with x1 <= x2 and y1 <= y2", rows[bad].tolist()))
    if rows.shape[1] == 5 and (rows[:, 2:4] < 0.0).any():
        raise ParamError(refusal(where, "boxes", "turned boxes of no negative size", rows[:, 2:4].min()))
    if scores is None:
        raise ParamError(refusal(where, "scores", "one number for each box", verbatim("nothing")))
    numbers = np.asarray(scores, dtype=np.float64)
    for name, column in (("scores", numbers), ("labels", words)):
        if column is not None and len(column) != len(rows):
            got = verbatim(f"{len(column)}")
            raise ParamError(refusal(where, name, f"one for each of {len(rows)} boxes", got))
    groups = None if words is None else np.asarray(words)
    if rows.shape[1] == 4 or not len(rows):
        quads = rows
    else:
        quads = corners_of(rows).reshape(-1, 8)
        if rows.shape[1] == 8 and not _convex(quads.reshape(-1, 4, 2)):
            raise ParamError(refusal(where, "boxes", "convex with corners in order", rows))
    kept, values = suppress(quads, numbers, overlap=overlap, groups=groups, method=method, sigma=sigma, least=least)
    named = None if groups is None else [_word(groups[i]) for i in kept]
    corners = corners_of(rows[kept]) if len(kept) else np.zeros((0, 4, 2))
    return Kept.of(kept, scores=values, corners=corners, labels=named)


def _rows(where: str, boxes: Any) -> Array:
    if isinstance(boxes, Boxes | np.ndarray | list | tuple):
        try:
            return np.asarray(boxes, dtype=np.float64)
        except (TypeError, ValueError):
            pass
    raise ParamError(refusal(where, "boxes", "Boxes or numbers N x 4, N x 5 or N x 8", boxes))


def _word(label: Any) -> str:
    return str(label) if isinstance(label, str) else f"{float(label):g}"


def _convex(quads: Array) -> bool:
    sides = np.roll(quads, -1, axis=1) - quads
    after = np.roll(sides, -1, axis=1)
    bends = sides[..., 0] * after[..., 1] - sides[..., 1] * after[..., 0]
    room = 1e-9 * np.abs(sides).max(initial=1.0) ** 2
    return bool(((bends >= -room).all(axis=1) | (bends <= room).all(axis=1)).all())


# --- templates ----------------------------------------------------------------------------------------------------
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


# --- people -------------------------------------------------------------------------------------------------------
@op(extra="cv", unit_range=True)
def detect_people(
    image: Image,
    /,
    *,
    score: Annotated[float, Bound(ge=-1.0), Usual(0.0, 1.5)] = 0.5,
    overlap: Fraction = 0.3,
    step: Step = 1.05,
    stride: Literal[4, 8, 16] = 8,
    enlarge: Annotated[float, Bound(ge=1.0, le=8.0), Usual(1.0, 2.0)] = 1.0,
) -> Boxes:
    """Find people who stand or walk, seen whole, by histograms of gradients and a linear classifier.

    Use it where no network may run: cameras over streets and halls. People must be about 100 pixels high or more, and
    so must the picture, else nothing is found; `enlarge` finds smaller ones.

    Args:
        score: least distance from the classifier's border; 0 finds more people and more that are none.
        overlap: intersection over union above which the lower of two answers goes.
        step: factor between the sizes that are looked at.
        stride: pixels between places that are looked at.
        enlarge: factor by which the picture is enlarged first.

    Returns:
        Boxes around the people (the classifier's window less its margin), labels "person", scores.

    Source:
        Dalal and Triggs, "Histograms of oriented gradients for human detection", 2005; OpenCV's HOGDescriptor with
        its people detector.
    """
    where = "detect_people"
    cv2 = need("cv2", where)
    color = image[..., :3] if image.ndim == 3 and image.shape[2] in (3, 4) else brightness(where, image)
    pixels = np.ascontiguousarray(from_unit(to_unit(np.ascontiguousarray(color), np.float64), np.uint8))
    h, w = pixels.shape[:2]
    factor = enlarge
    if factor > 1.0:
        pixels = resize(pixels, max(1, round(w * factor)), max(1, round(h * factor)))
    if pixels.shape[0] < 96 or pixels.shape[1] < 32:  # OpenCV reads beyond pictures that its window does not fit into
        return Boxes((), scores=(), labels=())
    # the channel with the strongest gradient counts, so the order of channels has no effect
    finder = cv2.HOGDescriptor()
    finder.setSVMDetector(cv2.HOGDescriptor_getDefaultPeopleDetector())
    rows, weights = finder.detectMultiScale(
        pixels, hitThreshold=score, winStride=(stride, stride), padding=(16, 16), scale=step, groupThreshold=0
    )
    if not len(rows):
        return Boxes((), scores=(), labels=())
    found = np.asarray(rows, dtype=np.float64).reshape(-1, 4)
    values = np.asarray(weights, dtype=np.float64).reshape(-1)
    kept, values = suppress(_corners(found), values, overlap=overlap)
    found = found[kept]
    # a person fills the middle of the window that the classifier learned from
    found[:, 0] += 0.1 * found[:, 2]
    found[:, 1] += 0.07 * found[:, 3]
    found[:, 2] *= 0.8
    found[:, 3] *= 0.83
    boxes = _corners(found) / np.array([pixels.shape[1] / w, pixels.shape[0] / h] * 2)
    return Boxes(_within(boxes, w, h), scores=values, labels=["person"] * len(kept))


def _corners(rows: Array) -> Array:
    """From x y width height to x1 y1 x2 y2."""
    return np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4]], axis=1)


def _within(boxes: Array, width: int, height: int) -> Array:
    return np.clip(boxes, 0.0, [width, height, width, height])


# --- faces --------------------------------------------------------------------------------------------------------
@op(extra="cv", unit_range=True)
def detect_faces(
    image: Image,
    /,
    *,
    method: Literal["haar", "lbp", "yunet"] = "haar",
    parts: tuple[Literal["eyes", "smile"], ...] = (),
    score: Fraction = 0.5,
    overlap: Fraction = 0.3,
    smallest: Annotated[int, Bound(ge=8), Unit("px"), Usual(24, 120)] = 30,
    step: Step = 1.1,
    cascade: str | None = None,
    model: str | None = None,
) -> Boxes:
    """Find faces seen from the front, and eyes and smiles in them.

    Use "haar" or "lbp" where no network may run; "yunet" also finds turned and partly hidden faces, and gives five
    points of each, from a model file that you bring. "lbp" needs no further file.

    Args:
        method: "haar" (OpenCV's frontalface_default cascade), "lbp" (scikit-image's cascade) or "yunet" (ONNX).
        parts: "eyes" looks for eyes in the upper part of each face, "smile" for a smile in the lower part.
        score: least score: of cascades n / (n + 4) when n neighboring places agree (lbp: n / (n + 10)), of yunet its
            confidence.
        overlap: intersection over union above which the lower of two faces goes.
        smallest: side of the smallest face in pixels.
        step: factor between the sizes that cascades look at.
        cascade: a cascade file of OpenCV or a folder of them; None looks beside OpenCV 4 and in the system's folders.
        model: the ONNX file of YuNet, for "yunet".

    Returns:
        Boxes, the best face first, its parts behind it: labels "face", "eye", "smile"; scores; face (the number of the
        face that a part belongs to); landmarks (N 5 2 of "yunet": right eye, left eye, nose, right and left corner of
        the mouth as the person has them; NaN elsewhere).

    Raises:
        ParamError: a cascade or model that is missing, with the command that brings it.

    Source:
        Viola and Jones, "Rapid object detection using a boosted cascade of simple features", 2001; Liao et al.,
        "Learning multi-scale block local binary patterns for face recognition", 2007; Wu, Peng and Yu, "YuNet: a tiny
        millisecond-level face detector", 2023.
    """
    where = "detect_faces"
    gray = _gray8(where, image)
    h, w = gray.shape
    points: Array | None = None
    if method == "yunet":
        found, values, points = _yunet(where, image, score, overlap, model)
        large = np.minimum(found[:, 2] - found[:, 0], found[:, 3] - found[:, 1]) >= smallest
        found, values, points = found[large], values[large], points[large]
    elif method == "lbp":
        found, values = _lbp(where, gray, score, smallest, step)
    else:
        found, values = _haar(where, gray, "haarcascade_frontalface_default.xml", cascade, score, smallest, step)
    kept, values = suppress(found, values, overlap=overlap)
    faces = _within(found[kept], w, h)
    marks = np.full((len(kept), 5, 2), np.nan) if points is None else points[kept]
    rows: list[Array] = []
    scores: list[float] = []
    labels: list[str] = []
    owner: list[int] = []
    places: list[Array] = []
    for number, face in enumerate(faces):
        inside = [(face, float(values[number]), "face")]
        for part in dict.fromkeys(parts):
            inside += _parts(where, gray, face, part, cascade, score)
        for box, value, label in inside:
            rows.append(box)
            scores.append(value)
            labels.append(label)
            owner.append(number)
            places.append(marks[number] if label == "face" else np.full((5, 2), np.nan))
    return Boxes(
        np.array(rows).reshape(-1, 4),
        scores=np.array(scores),
        labels=labels,
        face=np.array(owner, dtype=np.int64),
        landmarks=np.array(places).reshape(-1, 5, 2),
    )


def _gray8(where: str, image: Array) -> Array:
    gray = brightness(where, image)
    return gray if gray.dtype == np.uint8 else from_unit(to_unit(gray, np.float64), np.uint8)


def _haar(
    where: str,
    gray: Array,
    name: str,
    given: str | None,
    score: float,
    smallest: int,
    step: float,
    half: float = 4.0,
) -> tuple[Array, Array]:
    """Run a cascade; the score is n / (n + half) when n neighboring places agree."""
    finder = load_cascade(where, name, given)
    need_agree = math.ceil(half * score / (1.0 - score) - 1e-9) if score < 1.0 else 1 << 30
    if min(gray.shape) < smallest or need_agree > 1 << 20:
        return np.zeros((0, 4)), np.zeros(0)
    rows, agree = finder.detectMultiScale2(
        gray, scaleFactor=step, minNeighbors=max(1, need_agree - 1), minSize=(smallest, smallest)
    )
    if not len(rows):
        return np.zeros((0, 4)), np.zeros(0)
    found = _corners(np.asarray(rows, dtype=np.float64).reshape(-1, 4))
    count = np.asarray(agree, dtype=np.float64).reshape(-1)
    order = np.lexsort((found[:, 0], found[:, 1], -count))
    return found[order], (count / (count + half))[order]


def _lbp(where: str, gray: Array, score: float, smallest: int, step: float) -> tuple[Array, Array]:
    feature, data = need("skimage.feature", where), need("skimage.data", where)
    least = max(24, smallest)  # the side of the window that the cascade learned from
    if min(gray.shape) < least:
        return np.zeros((0, 4)), np.zeros(0)
    finder = getattr(_BEST, "lbp", None)
    if finder is None:
        finder = _BEST.lbp = feature.Cascade(data.lbp_frontal_face_cascade_filename())
    top = min(gray.shape)
    # a threshold that no pair reaches: neighbors are joined here, and counted
    raw = finder.detect_multi_scale(
        img=gray,
        scale_factor=step,
        step_ratio=1,
        min_size=(least, least),
        max_size=(top, top),
        min_neighbor_number=0,
        intersection_score_threshold=2.0,
    )
    if not raw:
        return np.zeros((0, 4)), np.zeros(0)
    rows = np.array([[r["c"], r["r"], r["width"], r["height"]] for r in raw], dtype=np.float64)
    found, count = merge_similar(_corners(rows[np.lexsort(rows.T)]))
    values = count / (count + 10.0)
    keep = values >= score
    return found[keep], values[keep]


def _yunet(where: str, image: Array, score: float, overlap: float, model: str | None) -> tuple[Array, Array, Array]:
    hint = "Bring face_detection_yunet (MIT) from the OpenCV zoo."
    if model is None:
        raise ParamError(refusal(where, "model", "the ONNX file of YuNet", verbatim("nothing"), hint))
    cv2 = need("cv2", where)
    color = image[..., :3] if image.ndim == 3 and image.shape[2] in (3, 4) else brightness(where, image)
    pixels = from_unit(to_unit(np.ascontiguousarray(color), np.float64), np.uint8)
    pixels = np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels
    h, w = pixels.shape[:2]
    none = np.zeros((0, 4)), np.zeros(0), np.zeros((0, 5, 2))
    try:
        finder = cv2.FaceDetectorYN.create(model, "", (w, h), max(score, 1e-3), max(overlap, 1e-3), 5000)
        _, rows = finder.detect(np.ascontiguousarray(pixels[..., ::-1]))
    except cv2.error:
        raise ParamError(refusal(where, "model", "an ONNX file of YuNet that OpenCV can run", model, hint)) from None
    if rows is None or not len(rows):
        return none
    rows = np.asarray(rows, dtype=np.float64)
    return _corners(rows[:, :4]), rows[:, 14], rows[:, 4:14].reshape(-1, 5, 2)


def _parts(
    where: str, gray: Array, face: Array, part: str, folder: str | None, score: float
) -> list[tuple[Array, float, str]]:
    """Look for eyes in the upper part of a face, for a smile in the lower one."""
    given = folder if folder is not None and os.path.isdir(folder) else None
    left, top, right, bottom = (int(v) for v in face)
    high, side = bottom - top, right - left
    if part == "eyes":
        top, bottom = top + int(0.12 * high), top + int(0.62 * high)
        name, least, half, most, label = "haarcascade_eye.xml", side // 8, 4.0, 2, "eye"
    else:
        top, bottom = top + int(0.5 * high), top + high
        name, least, half, most, label = "haarcascade_smile.xml", side // 4, 16.0, 1, "smile"
    region = np.ascontiguousarray(gray[top:bottom, left:right])
    found, values = _haar(where, region, name, given, score, max(8, least), 1.05, half)
    kept, values = suppress(found, values, overlap=0.1)
    offset = np.array([left, top, left, top], dtype=np.float64)
    return [(found[i] + offset, float(v), label) for i, v in zip(kept[:most], values[:most], strict=True)]
