"""Text: where it is, what it says, and pages put straight."""

from typing import Annotated, Any, Literal, NamedTuple

import numpy as np

from opsin.arrays import from_unit, to_unit
from opsin.errors import MissingExtra, ParamError, refusal
from opsin.geometry import Size, Warp, about, turn
from opsin.kernels.brightness import brightness
from opsin.kernels.extras import need
from opsin.kernels.overlap import pairwise_overlap
from opsin.kernels.resample import resample
from opsin.kernels.skew import skew_angle
from opsin.op import op
from opsin.sample import Sample
from opsin.types import Array, Bound, Fill, Fraction, Image, Unit, Usual
from opsin.values import Boxes
from opsin.values.words import Words

_PAGES = {"auto": 3, "column": 4, "block": 6, "line": 7, "word": 8, "sparse": 11}
_PAGE = 48  # pixels: a smaller side is no page, and is read as it is
_DOUBTFUL = 0.75  # the mean confidence below which a page may lie on its side or upside down
_PROGRAM = "the program Tesseract (Debian and Ubuntu: apt-get install tesseract-ocr; macOS: brew install tesseract)"


def _gray8(where: str, image: Array) -> Array:
    """Brightness in 8 bits, as both readers of text want it; what is transparent is white paper."""
    if image.ndim == 3 and image.shape[2] == 4:
        values = to_unit(np.ascontiguousarray(image), np.float32)
        image = values[..., :3] * values[..., 3:] + (1.0 - values[..., 3:])
    gray = brightness(where, np.ascontiguousarray(image))
    if gray.dtype == np.uint8:
        return gray
    return from_unit(np.clip(to_unit(gray, np.float64), 0.0, 1.0), np.uint8)


def _shades(where: str, image: Array) -> Array:
    """Brightness in 0..1, not rounded, so that one picture gives one angle in every depth."""
    values = np.clip(to_unit(np.ascontiguousarray(image), np.float64), 0.0, 1.0)
    if values.ndim == 2 or values.shape[2] == 1:
        return values.reshape(values.shape[:2])
    if values.shape[2] not in (3, 4):
        raise ParamError(refusal(where, "image", "gray, RGB or RGBA", image, "Choose one band: image[..., 0]."))
    return values[..., :3] @ np.array([0.299, 0.587, 0.114])


# --- reading ------------------------------------------------------------------------------------------------------
@op(extra="ocr")
def read_text(
    image: Image,
    /,
    *,
    language: str = "eng",
    page: Literal["auto", "column", "block", "line", "word", "sparse"] = "auto",
    turned: Literal["auto", "no"] = "auto",
    confidence: Fraction = 0.0,
) -> Words:
    """Read printed text: every word with its box and how sure the reader is.

    Use it on scans, screens and labels; text should be 20 to 40 pixels high. `deskew` and `threshold` first help with
    photographs of pages; `detect_text` finds where text is in scenes.

    Args:
        language: Tesseract's name of the language, several joined by plus: "eng+deu".
        page: what the picture holds: a page ("auto"), one "column", "block", "line" or "word" of text, or words here
            and there ("sparse").
        turned: "auto" reads a picture whose words come out doubtful on its sides and upside down as well, and takes the
            surest, if no side is below 48 pixels; "no" reads it as it is.
        confidence: words that are less sure are left out.

    Returns:
        words in the order of reading, boxes in the picture as it was given; `.text` is the page.

    Raises:
        MissingExtra: pytesseract or the program Tesseract is not installed.
        ParamError: a language that is not installed.

    Source:
        Smith, "An overview of the Tesseract OCR engine", 2007.
    """
    where = "read_text"
    tesseract = need("pytesseract", where, extra="ocr")
    if not language or not all(c.isalnum() or c in "+_-/" for c in language):
        raise ParamError(refusal(where, "language", "a name such as eng, or several as eng+deu", language))
    gray = _gray8(where, image)
    best = _read(tesseract, gray, image, language, page, 0)
    if turned == "auto" and best.sure < _DOUBTFUL and min(gray.shape) >= _PAGE:
        # a page upside down gives words as well, but hardly sure ones
        others = (
            _read(tesseract, np.ascontiguousarray(np.rot90(gray, k)), image, language, page, k) for k in (2, 1, 3)
        )
        for other in others:
            if other.mass > best.mass:
                best = other
            if best.sure >= _DOUBTFUL and best.turns:
                break
    table = best.table
    rows = [i for i in best.rows if float(table["conf"][i]) >= 100.0 * confidence]
    paragraphs = _numbered([(table["block_num"][i], table["par_num"][i]) for i in rows])
    lines = _numbered([(table["block_num"][i], table["par_num"][i], table["line_num"][i]) for i in rows])
    corners = [
        np.array([table[name][i] for i in rows], dtype=np.float64) for name in ("left", "top", "width", "height")
    ]
    return Words(
        _back(corners, best.turns, gray.shape[1], gray.shape[0]),
        labels=[str(table["text"][i]).strip() for i in rows],
        scores=np.array([float(table["conf"][i]) / 100.0 for i in rows]),
        line=lines,
        paragraph=paragraphs,
    )


class _Reading(NamedTuple):
    """What Tesseract said of one turn of the picture: how sure its words are, and how much was read surely."""

    table: Any
    rows: list[int]
    sure: float
    mass: float
    turns: int


def _read(tesseract: Any, gray: Array, image: Array, language: str, page: str, turns: int) -> _Reading:
    where = "read_text"
    try:
        table = tesseract.image_to_data(
            gray, lang=language, config=f"--psm {_PAGES[page]}", output_type=tesseract.Output.DICT
        )
    except tesseract.TesseractNotFoundError as reason:
        raise MissingExtra(where, _PROGRAM + " and pytesseract", "ocr") from reason
    except tesseract.TesseractError as reason:
        if "language" in str(reason) or "traineddata" in str(reason):
            have = ", ".join(tesseract.get_languages())
            hint = f"Installed are {have}; apt-get install tesseract-ocr-{language.partition('+')[0]} brings it."
            raise ParamError(refusal(where, "language", "installed", language, hint)) from reason
        said = str(reason.message).strip().splitlines() or ["it said nothing"]
        raise ParamError(refusal(where, "image", "readable by Tesseract", image, said[-1])) from reason
    rows = [i for i, word in enumerate(table["text"]) if str(word).strip() and float(table["conf"][i]) >= 0.0]
    letters = np.array([len(str(table["text"][i]).strip()) for i in rows], dtype=np.float64)
    shares = np.array([float(table["conf"][i]) / 100.0 for i in rows])
    total = float(letters.sum())
    # squared, so that many doubtful letters do not outweigh fewer sure ones
    sure = float((letters * shares).sum() / total) if total else 0.0
    return _Reading(table, rows, sure, float((letters * shares**2).sum()), turns)


def _back(corners: list[Array], turns: int, width: int, height: int) -> Array:
    """Carry boxes of a picture that was turned by quarters anticlockwise back to the picture of width x height."""
    x1, y1 = corners[0], corners[1]
    x2, y2 = x1 + corners[2], y1 + corners[3]
    if turns == 1:
        x1, y1, x2, y2 = width - y2, x1, width - y1, x2
    elif turns == 2:
        x1, y1, x2, y2 = width - x2, height - y2, width - x1, height - y1
    elif turns == 3:
        x1, y1, x2, y2 = y1, height - x2, y2, height - x1
    return np.stack([x1, y1, x2, y2], axis=1)


def _numbered(places: list[Any]) -> Array:
    """Number places in the order in which they are met."""
    known: dict[Any, int] = {}
    return np.array([known.setdefault(place, len(known)) for place in places], dtype=np.int64)


# --- finding ------------------------------------------------------------------------------------------------------
@op(extra="cv")
def detect_text(
    image: Image,
    /,
    *,
    method: Literal["mser", "morphology"] = "mser",
    level: Literal["words", "lines"] = "words",
    min_height: Annotated[int, Bound(ge=4, le=10_000), Unit("px"), Usual(6, 40)] = 8,
    max_height: Annotated[float, Bound(gt=0.0, le=1.0), Usual(0.05, 1.0)] = 0.5,
) -> Boxes:
    """Find where text is, without a network.

    Use it to crop labels and signs before `read_text`, or to cover text. Letters must stand in rows; things that look
    like rows of letters (fences, windows) are found too.

    Args:
        method: how letters are found: "mser" looks for pieces of even brightness, dark and bright;
            "morphology" for thin strokes on an even ground (top hat or black hat), which is quicker on pages.
        level: boxes around words, or around lines.
        min_height: of a letter in pixels.
        max_height: of a letter, a fraction of the picture's height.

    Returns:
        Boxes from top to bottom, labels "text".

    Source:
        Matas et al., "Robust wide baseline stereo from maximally stable extremal regions", 2002; Chen et al., "Robust
        text detection in natural images with edge-enhanced MSER", 2011.
    """
    where = "detect_text"
    cv2 = need("cv2", where)
    gray = _gray8(where, image)
    tallest = max_height * gray.shape[0]
    if min(gray.shape) < 3:
        found = np.zeros((0, 4))
    else:
        letters = _letters if method == "mser" else _strokes
        found = _rows_of_letters(letters(cv2, gray, min_height, tallest), level)
    order = np.lexsort((found[:, 0], found[:, 1]))
    return Boxes(found[order], labels=["text"] * len(found))


def _letters(cv2: Any, gray: Array, min_height: int, tallest: float) -> Array:
    """Boxes of stable pieces that may be letters, each once."""
    area = gray.size
    mser = cv2.MSER_create()
    mser.setDelta(15)
    mser.setMinArea(max(10, min_height * min_height // 6))
    mser.setMaxArea(max(20, int(0.25 * area)))
    # thin strokes lose much of their area from level to level, and those of two-level pictures all at once
    mser.setMaxVariation(0.9)
    _, found = mser.detectRegions(cv2.GaussianBlur(gray, (0, 0), 1.0))
    b = np.asarray(found, dtype=np.float64).reshape(-1, 4)
    w, h = b[:, 2], b[:, 3]
    edge = (b[:, 0] <= 0) & (w >= gray.shape[1] - 1)
    b = b[(h >= min_height) & (h <= tallest) & (w >= 0.08 * h) & (w <= 10.0 * h) & ~edge]
    b = np.unique(np.concatenate([b[:, :2], b[:, :2] + b[:, 2:]], axis=1), axis=0)
    b = b[np.argsort(-((b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])), kind="stable")][:4000]
    if len(b) < 2:
        return b
    same = np.triu(pairwise_overlap(b, b) > 0.6, 1)
    keep = np.ones(len(b), np.bool_)
    for i in range(len(b)):
        if keep[i]:
            keep[same[i]] = False
    b = b[keep]
    # a piece inside another one of about its height is a hole or a part of that letter
    inside = (
        (b[:, None, 0] >= b[None, :, 0] - 1)
        & (b[:, None, 1] >= b[None, :, 1] - 1)
        & (b[:, None, 2] <= b[None, :, 2] + 1)
        & (b[:, None, 3] <= b[None, :, 3] + 1)
        & ~np.eye(len(b), dtype=np.bool_)
    )
    height = b[:, 3] - b[:, 1]
    near = height[:, None] >= 0.25 * height[None, :]
    return b[~(inside & near).any(axis=1)]


def _rows_of_letters(letters: Array, level: str) -> Array:
    """Join letters of like height that stand beside each other; alone they are no text."""
    if len(letters) < 2:
        return np.zeros((0, 4))
    graph = need("scipy.sparse.csgraph", "detect_text")
    x1, y1, x2, y2 = letters.T
    h = y2 - y1
    tall, low = np.maximum(h[:, None], h[None, :]), np.minimum(h[:, None], h[None, :])
    shared = np.minimum(y2[:, None], y2[None, :]) - np.maximum(y1[:, None], y1[None, :])
    gap = np.maximum(x1[:, None], x1[None, :]) - np.minimum(x2[:, None], x2[None, :])
    reach = 0.35 if level == "words" else 1.2
    joined = (tall <= 2.2 * low) & (shared >= 0.5 * low) & (gap <= reach * tall)
    _, groups = graph.connected_components(joined, directed=False)
    out = []
    for number in range(groups.max() + 1):
        some = letters[groups == number]
        box = np.concatenate([some[:, :2].min(axis=0), some[:, 2:].max(axis=0)])
        # letters that touch are one piece, which is then wide
        if box[2] - box[0] >= (0.9 if len(some) > 1 else 1.4) * (box[3] - box[1]):
            out.append(box)
    return np.array(out).reshape(-1, 4)


def _strokes(cv2: Any, gray: Array, min_height: int, tallest: float) -> Array:
    """Boxes of pieces that are thinner than letters are high, and darker or brighter than what is around."""
    side = 2 * max(min_height, 8) + 1
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    # the ground is what most of the picture is: letters are on the other side of it
    dark = float(np.median(gray)) >= (float(gray.min()) + float(gray.max())) / 2.0
    thin = cv2.morphologyEx(gray, cv2.MORPH_BLACKHAT if dark else cv2.MORPH_TOPHAT, around)
    if thin.max() < 24:
        return np.zeros((0, 4))
    _, mask = cv2.threshold(thin, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    x, y, w, h = (stats[1:, i].astype(np.float64) for i in range(4))
    keep = (h >= min_height) & (h <= tallest) & (w >= 0.08 * h) & (w <= 4.0 * h)
    return np.stack([x, y, x + w, y + h], axis=1)[keep][:8000]


# --- pages --------------------------------------------------------------------------------------------------------
@op()
def deskew(
    image: Image | Sample,
    /,
    *,
    max_angle: Annotated[float, Bound(gt=0.0, le=45.0), Unit("degrees"), Usual(2.0, 30.0)] = 15.0,
    keep: Literal["size", "all"] = "size",
    fill: Fill = 1.0,
) -> Image | Sample:
    """Turn a page so that its lines of text are level.

    Use it on scans and photographs of pages before `read_text`. Given a sample, boxes, masks and points turn along;
    a page that is upside down or on its side stays so.

    Args:
        max_angle: the largest tilt to look for, in degrees.
        keep: "size" keeps the canvas, "all" makes it large enough for the whole page.
        fill: what lies beyond the page, a fraction of full scale; white.

    Returns:
        the page, same dtype; unchanged where no lines are found.

    Source:
        Postl, "Detection of linear oblique structures and skew scan in digitized documents", 1986.
    """
    picture = image.image if isinstance(image, Sample) else image
    angle = skew_angle(_shades("deskew", picture), max_angle)
    size = Size(picture.shape[1], picture.shape[0])
    matrix, target = about(size.center, turn(-angle)), size
    if keep == "all" and angle != 0.0:
        t = np.radians(abs(angle))
        target = Size(
            int(np.ceil(size.width * np.cos(t) + size.height * np.sin(t) - 1e-9)),
            int(np.ceil(size.width * np.sin(t) + size.height * np.cos(t) - 1e-9)),
        )
        move = np.eye(3)
        move[:2, 2] = (target.width - size.width) / 2, (target.height - size.height) / 2
        matrix = move @ matrix
    if angle == 0.0:
        return image if isinstance(image, Sample) else picture.copy()
    warp = Warp.of(matrix, size, target).with_edge("constant", fill)
    out = resample(picture, warp)
    return image.moved(warp, out) if isinstance(image, Sample) else out
