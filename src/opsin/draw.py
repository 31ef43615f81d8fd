"""Annotations drawn on any picture, readable at any size, and contact sheets.

Every function takes anything `displayable` takes and gives a new H W 3 uint8 picture; nothing is drawn in place.
Coordinates are continuous pixels, as everywhere: (0, 0) is the top-left corner of the first pixel.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from opsin.canvas import PALETTE, Canvas, Color, Picture, color_of, displayable, fitting, inks
from opsin.errors import ParamError, refusal
from opsin.values import Value

if TYPE_CHECKING:
    from opsin.sample import Sample

__all__ = [
    "PALETTE",
    "color_of",
    "contact_sheet",
    "displayable",
    "draw_boxes",
    "draw_labels",
    "draw_mask",
    "draw_points",
    "draw_polygons",
    "draw_sample",
    "draw_text",
    "enlarged",
    "fitted",
]


# --- one kind of thing on a picture -------------------------------------------------------------------------------
def draw_boxes(
    image: Any, boxes: ArrayLike, *, labels: Sequence[str] | None = None, colors: Any = None, width: float | None = None
) -> Picture:
    """Draw boxes N 4 (x1 y1 x2 y2) or rotated boxes N 4 2 (corners), with a label each.

    Args:
        image: anything `displayable` takes.
        boxes: N 4 or N 4 2, in pixels.
        labels: one text per box.
        colors: one (r, g, b) or one per box, 0..255; by default each box has its own.
        width: of the lines in pixels; by default it suits the picture's size.
    """
    canvas = Canvas(image, width)
    for corners, color, text in _with_words(_corners(boxes), labels, colors):
        canvas.path(corners, color)
        canvas.tag(*_hull(corners), text, color)
    return canvas.finish()


def draw_polygons(
    image: Any,
    polygons: Sequence[Any],
    *,
    labels: Sequence[str] | None = None,
    colors: Any = None,
    strength: float = 0.3,
    width: float | None = None,
) -> Picture:
    """Draw outlines with a tinted inside; an entry is one K 2 outline, or a list of them for an object of parts.

    Args:
        image: anything `displayable` takes.
        polygons: outlines in pixels.
        labels: one text per entry.
        colors: one (r, g, b) or one per entry.
        strength: of the tint, 0..1.
        width: of the lines in pixels.
    """
    canvas = Canvas(image, width)
    parts = [[np.asarray(p, dtype=np.float64)] if np.ndim(p[0]) == 1 else [np.asarray(q) for q in p] for p in polygons]
    for outlines, color, text in _with_words(parts, labels, colors):
        canvas.area(outlines, color, strength)
        for outline in outlines:
            canvas.path(outline, color)
        canvas.tag(*_hull(np.concatenate(outlines)), text, color)
    return canvas.finish()


def draw_points(
    image: Any,
    points: ArrayLike,
    *,
    edges: Sequence[tuple[int, int]] = (),
    labels: Sequence[str] | None = None,
    colors: Any = None,
    width: float | None = None,
) -> Picture:
    """Draw points N 2, or N 3 with visibility (0 not drawn, 1 hollow, 2 solid), joined by edges.

    Args:
        image: anything `displayable` takes.
        points: (x, y) or (x, y, visibility), in pixels.
        edges: pairs of positions to join.
        labels: one text per point.
        colors: one (r, g, b) or one per point.
        width: of the lines in pixels, and a measure for the disks; by default it suits the picture's size.
    """
    canvas = Canvas(image, width)
    p = np.asarray(points, dtype=np.float64)
    p = p.reshape(-1, p.shape[-1] if p.ndim > 1 else 2)
    canvas.skeleton(p, edges, colors)
    for point, color, text in _with_words(list(p), labels, colors):
        reach = canvas.line * 1.6 + 2.0
        if np.isfinite(point[:2]).all() and (len(point) < 3 or point[2] > 0):
            x, y = float(point[0]), float(point[1])
            canvas.tag(x + reach, y, x + reach, y, text, color)
    return canvas.finish()


def draw_mask(image: Any, mask: NDArray[Any], *, color: Any = None, strength: float = 0.45) -> Picture:
    """Tint where a mask is true, with its outline; a map of integers tints each number above 0 in its own color.

    Args:
        image: anything `displayable` takes.
        mask: H W, bool or integers.
        color: (r, g, b) of a bool mask.
        strength: of the tint, 0..1.

    Raises:
        ParamError: the mask is not as large as the picture.
    """
    canvas = Canvas(image)
    m = np.asarray(mask)
    if m.shape != (canvas.height, canvas.width) or m.dtype.kind not in "bui":
        raise ParamError(refusal("draw_mask", "mask", f"bool or integers {canvas.height} x {canvas.width}", m))
    if m.dtype == np.bool_:
        canvas.mask(m, color or PALETTE[0], strength)
    else:
        canvas.classes(m, strength)
    return canvas.finish()


def draw_labels(image: Any, texts: Sequence[str], boxes: ArrayLike, *, colors: Any = None) -> Picture:
    """Write one label beside each box N 4 (x1 y1 x2 y2), without drawing the box."""
    canvas = Canvas(image)
    for corners, color, text in _with_words(_corners(boxes), texts, colors):
        canvas.tag(*_hull(corners), text, color)
    return canvas.finish()


def draw_text(
    image: Any,
    text: str,
    *,
    x: float = 0.0,
    y: float = 0.0,
    size: float | None = None,
    color: Color = (255, 255, 255),
    ground: Color | None = (0, 0, 0),
) -> Picture:
    """Write text with its top-left corner at (x, y); lines are kept, too long ones are cut.

    Args:
        image: anything `displayable` takes.
        text: what to write.
        x: left edge in pixels.
        y: top edge in pixels.
        size: height of the letters in pixels; by default it suits the picture's size.
        color: of the letters.
        ground: of the plate behind them, or None.
    """
    from PIL import Image, ImageDraw

    canvas = Canvas(image)
    height = canvas.text if size is None else size
    picture = Image.fromarray(canvas.base)
    pen = ImageDraw.Draw(picture)
    for line in text.split("\n"):
        font, words = fitting(line, height, canvas.width - x)
        if ground is not None and words:
            pen.rectangle([(x, y), (x + font.getlength(words) + 0.4 * height, y + 1.3 * height)], fill=ground)
        pen.text((x + 0.2 * height, y + 0.65 * height), words, fill=color, font=font, anchor="lm")
        y += 1.3 * height
    return np.array(picture, dtype=np.uint8)


# --- everything that is known about a picture -----------------------------------------------------------------------
def draw_sample(sample: Sample, *, least_side: int = 0, results: bool = True) -> Picture:
    """Draw a sample's annotations on its picture: segmentation, masks, polygons, boxes, key points, labels.

    Objects of a track or a class share a color; key points are colored by their position, so that a mirrored pair
    shows its swap; hidden key points are hollow.

    Args:
        sample: the sample.
        least_side: enlarge small pictures by a whole factor until their shorter side is at least this long.
        results: also let results that can draw themselves do so (they belong to the canvas they were found on).

    Returns:
        H W 3 uint8.
    """
    picture, factor = enlarged(sample.image, least_side)
    canvas = Canvas(picture)
    if sample.segmentation is not None:
        canvas.classes(_blown_up(sample.segmentation, factor), 0.45)
    table = sample.instances
    for row in table:
        color = _row_color(row)
        outlines: list[NDArray[np.float64]] = []
        if row.mask is not None:
            canvas.mask(_blown_up(row.mask, factor), color, 0.4)
        if row.polygons:
            outlines = [p * factor for p in row.polygons]
            canvas.area(outlines, color, 0.12 if row.mask is not None else 0.3)
            for outline in outlines:
                canvas.path(outline, color)
    named: list[tuple[NDArray[np.float64], str, Color]] = []
    for place, row in enumerate(table):
        color = _row_color(row)
        shapes: list[NDArray[np.float64]] = [p * factor for p in row.polygons]
        if row.box is not None:
            x1, y1, x2, y2 = row.box * factor
            corners = np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]])
            canvas.path(corners, color, width=canvas.line * (0.6 if row.polygons else 1.0))
            shapes = [corners]
        if table.corners is not None:
            corners = table.corners[place] * factor
            canvas.path(corners, color)
            shapes = shapes or [corners]
        if row.keypoints is not None and len(row.keypoints):
            points = row.keypoints.copy()
            points[:, :2] *= factor
            canvas.skeleton(points, table.skeleton.edges if table.skeleton else ())
            seen = points[(points[:, 2] > 0) if points.shape[1] == 3 else slice(None), :2]
            shapes = shapes or ([seen] if len(seen) else [])
        if row.mask is not None and not shapes and row.mask.any():
            ys, xs = np.nonzero(row.mask)
            shapes = [np.array([[xs.min(), ys.min()], [xs.max() + 1, ys.max() + 1]], dtype=np.float64) * factor]
        if shapes:
            named.append((np.concatenate(shapes), _row_name(row), color))
    for points, text, color in named:
        canvas.tag(*_hull(points), text, color)
    if sample.label is not None:
        canvas.tag(0.0, 0.0, 0.0, 0.0, _class_name(sample.label, sample.class_names), (32, 32, 32))
    out = canvas.finish()
    if results and factor == 1:
        for value in sample.results.values():
            if isinstance(value, Value) and type(value).draw is not Value.draw:
                out = displayable(value.draw(out))
    return out


def enlarged(image: Any, least_side: int) -> tuple[Picture, int]:
    """Enlarge a small picture by a whole factor, pixels staying squares; gives the picture and the factor."""
    picture = displayable(image)
    factor = max(1, math.ceil(least_side / min(picture.shape[:2])))
    return (np.repeat(np.repeat(picture, factor, axis=0), factor, axis=1) if factor > 1 else picture), factor


def _blown_up(values: NDArray[Any], factor: int) -> NDArray[Any]:
    return np.repeat(np.repeat(values, factor, axis=0), factor, axis=1) if factor > 1 else values


def _row_color(row: Any) -> Color:
    if row.track_id is not None:
        return color_of(row.track_id if isinstance(row.track_id, str) else int(row.track_id))
    if row.label is not None:
        return color_of(str(row.label) if isinstance(row.label, str) else int(row.label))
    return color_of(row.row)


def _row_name(row: Any) -> str:
    name = row.class_name if row.class_name is not None else "" if row.label is None else str(row.label)
    return f"{name} #{row.track_id}".strip() if row.track_id is not None else name


def _class_name(label: Any, names: Sequence[str] | None) -> str:
    if isinstance(label, Mapping):  # a mixture: shares by class
        parts = sorted(label.items(), key=lambda item: -float(item[1]))
        return ", ".join(f"{_class_name(c, names)} {float(share):.0%}" for c, share in parts if share > 0)
    known = isinstance(label, int | np.integer) and names is not None and 0 <= int(label) < len(names)
    return names[int(label)] if known and names is not None else str(label)


# --- shared strokes -------------------------------------------------------------------------------------------------
def _with_words(items: Sequence[Any], labels: Sequence[str] | None, colors: Any) -> Iterator[tuple[Any, Color, str]]:
    if labels is not None and len(labels) != len(items):
        raise ParamError(refusal("draw", "labels", f"{len(items)} texts, one each", labels))
    ink = inks(len(items), colors)
    for i, item in enumerate(items):
        yield item, ink[i], str(labels[i]) if labels is not None else ""


def _corners(boxes: ArrayLike) -> list[NDArray[np.float64]]:
    b = np.asarray(boxes, dtype=np.float64)
    if b.ndim == 3 and b.shape[1:] == (4, 2):
        return list(b)
    b = b.reshape(0, 4) if b.size == 0 else b
    if b.ndim != 2 or b.shape[1] != 4:
        raise ParamError(refusal("draw", "boxes", "N x 4 or N x 4 x 2", b))
    return list(b[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2))


def _hull(points: NDArray[np.float64]) -> tuple[float, float, float, float]:
    good = points[np.isfinite(points).all(axis=1)]
    good = good if len(good) else np.zeros((1, 2))
    (x1, y1), (x2, y2) = good.min(axis=0), good.max(axis=0)
    return float(x1), float(y1), float(x2), float(y2)


# --- contact sheets ------------------------------------------------------------------------------------------------
def contact_sheet(
    images: Sequence[Any],
    columns: int | None = None,
    captions: Sequence[str] | None = None,
    cell: tuple[int, int] = (192, 144),
    *,
    gap: int = 8,
    ground: Color = (250, 250, 250),
) -> Picture:
    """Lay pictures out in a grid, each fitted into its cell with a caption below.

    Args:
        images: anything `displayable` takes, of any sizes; or samples, drawn with their annotations.
        columns: pictures in a row; by default the sheet comes out about as wide as high.
        captions: one text per picture.
        cell: width and height in pixels that a picture is fitted into; small pictures grow by whole factors.
        gap: pixels between cells.
        ground: color of the paper.

    Returns:
        H W 3 uint8.

    Raises:
        ParamError: no pictures, or captions that do not fit them.
    """
    from PIL import Image, ImageDraw

    if len(images) == 0 or (captions is not None and len(captions) != len(images)):
        got = f"{len(images)} pictures and {'no' if captions is None else len(captions)} captions"
        raise ParamError(refusal("contact_sheet", "images", "one or more, with a caption each or none at all", got))
    width, height = int(cell[0]), int(cell[1])
    if columns is None:
        columns = max(1, round(math.sqrt(len(images) * (height + gap) / (width + gap))))
    columns = max(1, min(int(columns), len(images)))
    letters = max(10.0, min(16.0, width / 14.0))
    below = round(letters * 1.7) if captions is not None else 0
    rows = math.ceil(len(images) / columns)
    sheet = Image.new("RGB", (gap + columns * (width + gap), gap + rows * (height + below + gap)), ground)
    pen = ImageDraw.Draw(sheet)
    for i, image in enumerate(images):
        left, top = gap + (i % columns) * (width + gap), gap + (i // columns) * (height + below + gap)
        picture = Image.fromarray(fitted(image, width, height))
        sheet.paste(picture, (left + (width - picture.width) // 2, top + (height - picture.height) // 2))
        if captions is not None:
            font, words = fitting(captions[i], letters, float(width))
            dark = sum(ground) < 384
            place = (left + width / 2, top + height + below / 2)
            pen.text(place, words, fill=(235, 235, 235) if dark else (40, 40, 40), font=font, anchor="mm")
    return np.array(sheet, dtype=np.uint8)


def fitted(image: Any, width: int, height: int) -> Picture:
    """Fit a picture into a frame: large ones are averaged down, small ones grow by a whole factor."""
    from PIL import Image

    is_sample = hasattr(image, "instances") and hasattr(image, "image")
    picture = draw_sample(image) if is_sample else displayable(image)
    h, w = picture.shape[:2]
    factor = min(width / w, height / h)
    if factor >= 1.0:
        whole = int(factor)
        return _blown_up(picture, whole)
    size = (max(1, round(w * factor)), max(1, round(h * factor)))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))
