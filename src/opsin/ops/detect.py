"""Where people and faces are, with eyes and smiles."""

import math
import os
import threading
from typing import Annotated, Literal

import numpy as np

from opsin.arrays import from_unit, to_unit
from opsin.errors import ParamError, refusal, verbatim
from opsin.kernels.brightness import brightness
from opsin.kernels.cascades import cascade as load_cascade
from opsin.kernels.extras import need
from opsin.kernels.nms import merge_similar, suppress
from opsin.kernels.resize import resize
from opsin.op import op
from opsin.types import Array, Bound, Fraction, Image, Unit, Usual
from opsin.values import Boxes

Step = Annotated[float, Bound(ge=1.01, le=4.0), Usual(1.05, 1.3)]
_LOADED = threading.local()


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
    finder = getattr(_LOADED, "lbp", None)
    if finder is None:
        finder = _LOADED.lbp = feature.Cascade(data.lbp_frontal_face_cascade_filename())
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
    told = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)  # it warns of settings that nobody made
    try:
        finder = cv2.FaceDetectorYN.create(model, "", (w, h), max(score, 1e-3), max(overlap, 1e-3), 5000)
        _, rows = finder.detect(np.ascontiguousarray(pixels[..., ::-1]))
    except cv2.error:
        raise ParamError(refusal(where, "model", "an ONNX file of YuNet that OpenCV can run", model, hint)) from None
    finally:
        cv2.utils.logging.setLogLevel(told)
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
