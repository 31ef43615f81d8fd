"""What people can see: any array as a picture, colors that can be told apart, and the canvas that shapes go on."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from opsin.errors import ParamError, refusal

__all__ = ["PALETTE", "Canvas", "Color", "Picture", "color_of", "displayable", "fitting", "inks"]

Color: TypeAlias = tuple[int, int, int]
Picture: TypeAlias = NDArray[np.uint8]

PALETTE: tuple[Color, ...] = (
    (255, 82, 32), (0, 200, 255), (140, 230, 0), (255, 0, 200), (255, 200, 0), (70, 120, 255), (0, 220, 150),
    (190, 90, 255), (255, 60, 110), (0, 150, 90), (255, 150, 120), (120, 220, 255), (200, 140, 60), (160, 170, 255),
    (225, 235, 130), (0, 160, 180), (255, 150, 230), (150, 110, 90), (90, 255, 120), (180, 180, 180),
)  # fmt: skip
_NOT_A_NUMBER: Color = (255, 0, 255)
_LEAST_FOR_TEXT = 80  # below this many pixels a tag would hide the picture and still not be read


def color_of(key: Any) -> Color:
    """Give the color of a class, a track or a row: numbers count through the palette, text always finds its own."""
    if isinstance(key, str):
        digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=4).digest()
        key = int.from_bytes(digest, "little") % 10
    return PALETTE[int(key) % len(PALETTE)]


# --- any array as a picture ---------------------------------------------------------------------------------------
def displayable(image: Any) -> Picture:
    """Turn any array or tensor into a picture for a screen.

    Integers of 8 and 16 bit are full scale, floats within 0..1 are taken as they are, everything else is stretched
    from its least to its greatest value. Transparent pictures lie on a checkerboard; NaN and infinity show magenta.

    Args:
        image: H W, H W C, C H W (C of 1, 3 or 4), or one of them with a leading axis of 1; any dtype; an array or a
            tensor. Two channels show as red and green, more than four by their first, middle and last.

    Returns:
        H W 3 uint8, C-contiguous, never the array that was given.

    Raises:
        ParamError: not an array of numbers, empty, or another number of axes.
    """
    a = _as_array(image)
    if a.ndim == 2:
        a = a[..., None]
    elif a.shape[2] not in (1, 2, 3, 4) and a.shape[0] in (1, 3, 4):
        a = np.moveaxis(a, 0, 2)
    count = a.shape[2]
    if count == 1:
        a = np.repeat(a, 3, axis=2)
    elif count == 2:
        a = np.concatenate([a, np.zeros_like(a[..., :1])], axis=2)
    elif count > 4:
        a = a[..., [0, count // 2, count - 1]]
    values = _bytes(a)
    if values.shape[2] == 4:
        return _on_checkerboard(values)
    return np.array(values, dtype=np.uint8, order="C", copy=True)


def _as_array(image: Any) -> NDArray[Any]:
    if hasattr(image, "detach") and hasattr(image, "cpu"):  # a torch tensor, wherever it lies
        image = image.detach().cpu()
        image = image.float() if str(image.dtype) == "torch.bfloat16" else image
    try:
        a = np.asarray(image)
    except (TypeError, ValueError):
        a = np.empty(0, dtype=object)
    while a.ndim > 3 and a.shape[0] == 1:
        a = a[0]
    if a.dtype.kind not in "buif" or a.ndim not in (2, 3) or a.size == 0:
        got = a if a.dtype.kind in "buif" else image
        raise ParamError(refusal("displayable", "image", "numbers H W, H W C or C H W, not empty", got))
    return a


def _bytes(a: NDArray[Any]) -> NDArray[np.uint8]:
    if a.dtype == np.uint8:
        return a
    if a.dtype == np.bool_:
        return a.astype(np.uint8) * np.uint8(255)
    if a.dtype == np.uint16:
        return ((a.astype(np.uint32) + 128) // 257).astype(np.uint8)
    f = a.astype(np.float64)
    good = np.isfinite(f)
    low, high = (float(f[good].min()), float(f[good].max())) if good.any() else (0.0, 1.0)
    if a.dtype.kind != "f" or low < 0.0 or high > 1.0:
        f = (f - low) / (high - low) if high > low else np.full_like(f, 0.5)
    out = (np.clip(np.where(good, f, 0.0), 0.0, 1.0) * 255 + 0.5).astype(np.uint8)
    if not good.all():
        lost = ~good.all(axis=2)
        out[lost, :3] = _NOT_A_NUMBER
        out[lost, 3:] = 255
    return out


def _on_checkerboard(rgba: NDArray[np.uint8]) -> Picture:
    h, w = rgba.shape[:2]
    side = max(2, min(h, w) // 32)
    light = ((np.arange(h)[:, None] // side + np.arange(w)[None, :] // side) % 2).astype(np.float32)
    ground = (205.0 + 45.0 * light)[..., None]
    alpha = rgba[..., 3:].astype(np.float32) / 255.0
    mixed = rgba[..., :3] * alpha + ground * (1.0 - alpha)
    return np.ascontiguousarray((mixed + 0.5).astype(np.uint8))


# --- the canvas: shapes are drawn finer than the picture and averaged down, text on the picture itself -----------
class Canvas:
    """A picture under construction: shapes, tints, dots and tags, put together by `finish`."""

    def __init__(self, image: Any, size: float | None = None) -> None:
        from PIL import Image, ImageDraw

        self.base: Picture = displayable(image)
        h, w = self.base.shape[:2]
        self.width, self.height = w, h
        self.fine = 3 if h * w <= 500_000 else 2 if h * w <= 4_000_000 else 1
        self.line = max(1.0, math.sqrt(h * w) / 240.0) if size is None else size
        self.text = max(10.0, min(0.036 * math.sqrt(h * w), 0.25 * min(h, w)))
        self.overlay = Image.new("RGBA", (w * self.fine, h * self.fine), (0, 0, 0, 0))
        self.pen = ImageDraw.Draw(self.overlay)
        self.words: list[tuple[tuple[float, float], str, Color, Any]] = []
        self.tags: list[tuple[float, float, float, float]] = []

    def at(self, points: ArrayLike) -> list[tuple[float, float]]:
        """Continuous picture coordinates as places on the overlay; far beyond the picture is cut to a safe number."""
        p = np.clip(np.asarray(points, dtype=np.float64).reshape(-1, 2), -1e5, 1e5) * self.fine - 0.5
        return [(float(x), float(y)) for x, y in p]

    def path(self, points: ArrayLike, color: Color, *, closed: bool = True, width: float | None = None) -> None:
        """A line with a dark rim, so that it is seen on any ground."""
        p = np.asarray(points, dtype=np.float64).reshape(-1, 2)
        p = p[np.isfinite(p).all(axis=1)]
        if len(p) < 2:
            return
        line = self.line if width is None else width
        places = self.at(np.concatenate([p, p[:2]]) if closed else p)
        for ink, extra in (((0, 0, 0, 110), min(1.2, 0.6 * line)), ((*color, 255), 0.0)):
            self.pen.line(places, fill=ink, width=max(1, round((line + extra) * self.fine)), joint="curve")

    def area(self, outlines: Sequence[ArrayLike], color: Color, strength: float) -> None:
        """Tint the inside of outlines (even-odd per outline) on the picture itself."""
        from PIL import Image, ImageDraw

        cover = Image.new("L", (self.width, self.height), 0)
        pen = ImageDraw.Draw(cover)
        for outline in outlines:
            p = np.asarray(outline, dtype=np.float64).reshape(-1, 2)
            if len(p) >= 3 and np.isfinite(p).all():
                pen.polygon([(float(x), float(y)) for x, y in np.clip(p, -1e5, 1e5) - 0.5], fill=255)
        self.tint(np.asarray(cover) > 127, color, strength)

    def tint(self, mask: NDArray[np.bool_], color: Color, strength: float) -> None:
        """Blend a color into the picture where the mask is true."""
        ink = np.array(color, dtype=np.float32) * strength
        self.base[mask] = (self.base[mask] * np.float32(1.0 - strength) + ink + 0.5).astype(np.uint8)

    def dot(self, x: float, y: float, color: Color, radius: float, *, hollow: bool = False) -> None:
        """A disk with a light and a dark rim; hollow for a point that is hidden."""
        if not (math.isfinite(x) and math.isfinite(y)):
            return
        for ink, r in (((0, 0, 0, 120), 1.5 * radius + 0.4), ((255, 255, 255, 255), 1.32 * radius)):
            self.pen.ellipse(self._round(x, y, r), fill=ink)
        self.pen.ellipse(self._round(x, y, radius), fill=(*color, 255))
        if hollow:
            self.pen.ellipse(self._round(x, y, radius * 0.55), fill=(255, 255, 255, 255))

    def skeleton(self, points: NDArray[np.float64], edges: Sequence[tuple[int, int]], colors: Any = None) -> None:
        """Key points K 2 or K 3 joined by edges; an edge takes the color of its second point."""
        ink, reach = inks(len(points), colors), max(1.4, self.line * 1.7)
        there: NDArray[np.bool_] = np.asarray(np.isfinite(points[:, :2]).all(axis=1))
        if points.shape[1] == 3:
            there &= points[:, 2] > 0
        for a, b in edges:
            if there[a] and there[b]:
                self.path(points[[a, b], :2], ink[b], closed=False, width=reach * 0.7)
        for i in np.flatnonzero(there):
            hidden = points.shape[1] == 3 and points[i, 2] == 1
            self.dot(float(points[i, 0]), float(points[i, 1]), ink[i], reach, hollow=bool(hidden))

    def mask(self, mask: NDArray[np.bool_], color: Color, strength: float) -> None:
        """A tint with a stronger rim."""
        self.tint(mask, color, strength)
        inner: Any = mask
        for _ in range(max(1, round(self.line * 0.7))):
            g = np.pad(inner, 1, mode="edge")
            inner = inner & g[:-2, 1:-1] & g[2:, 1:-1] & g[1:-1, :-2] & g[1:-1, 2:]
        self.tint(mask & ~inner, color, 0.95)

    def classes(self, numbers: NDArray[Any], strength: float) -> None:
        """A map of class numbers: 0 stays clear, each number has its color, borders between numbers are drawn."""
        inside = numbers > 0
        edge = np.zeros(numbers.shape, dtype=np.bool_)
        edge[:, 1:] |= numbers[:, 1:] != numbers[:, :-1]
        edge[1:] |= numbers[1:] != numbers[:-1]
        table, which = np.array(PALETTE, dtype=np.float32), numbers.astype(np.int64) % len(PALETTE)
        for part, share in ((inside & ~edge, strength), (inside & edge, 0.95)):
            mixed = self.base[part] * np.float32(1.0 - share) + table[which[part]] * np.float32(share)
            self.base[part] = (mixed + 0.5).astype(np.uint8)

    def _round(self, x: float, y: float, radius: float) -> list[tuple[float, float]]:
        return self.at([[x - radius, y - radius], [x + radius, y + radius]])

    def tag(self, x1: float, y1: float, x2: float, y2: float, text: str, color: Color) -> None:
        """A label beside a box: where it fits, and where it covers the least of the other labels."""
        if min(self.width, self.height) < _LEAST_FOR_TEXT or not text:
            return
        font, text = fitting(text, self.text, self.width - 4.0)
        left, _, right, _ = font.getbbox(text)
        pad = max(2.0, self.text * 0.2)
        w, h = right - left + 2 * pad, self.text * 1.15 + pad
        places = [(x1, y1 - h), (x1, y1), (x1, y2), (x2 - w, y1 - h), (x2 - w, y2 - h), (x1, y2 - h)]
        inside = [(min(max(x, 0.0), max(0.0, self.width - w)), y) for x, y in places]
        legal = [(x, y) for x, y in inside if 0.0 <= y <= self.height - h]
        legal = legal or [(inside[0][0], min(max(y1, 0.0), max(0.0, self.height - h)))]
        x, y = min(legal, key=lambda place: round(self._crowd(place[0], place[1], w, h)))
        self.tags.append((x, y, x + w, y + h))
        box = self.at([[x, y], [x + w, y + h]])
        self.pen.rounded_rectangle(box, radius=round(0.22 * h * self.fine), fill=(*color, 235))
        self.words.append(((x + pad - left, y + h / 2), text, _ink_on(color), font))

    def _crowd(self, x: float, y: float, w: float, h: float) -> float:
        return sum(
            max(0.0, min(x + w, right) - max(x, left)) * max(0.0, min(y + h, bottom) - max(y, top))
            for left, top, right, bottom in self.tags
        )

    def finish(self) -> Picture:
        """Put shapes and words on the picture."""
        from PIL import Image, ImageDraw

        shapes = self.overlay
        if self.fine > 1:  # averaged with colors weighted by how much they cover, so that rims do not darken
            shapes = shapes.convert("RGBa").reduce(self.fine).convert("RGBA")
        picture = Image.fromarray(self.base).convert("RGBA")
        picture = Image.alpha_composite(picture, shapes).convert("RGB")
        pen = ImageDraw.Draw(picture)
        for place, text, ink, font in self.words:
            pen.text(place, text, fill=ink, font=font, anchor="lm")
        return np.array(picture, dtype=np.uint8)


def _ink_on(color: Color) -> Color:
    """Black or white, whichever is read better on a color (WCAG relative luminance)."""
    linear = [(c / 255.0 / 12.92) if c <= 10 else ((c / 255.0 + 0.055) / 1.055) ** 2.4 for c in color]
    return (0, 0, 0) if 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] > 0.179 else (255, 255, 255)


def _font(size: float) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size=max(6.0, round(size * 2) / 2))


def fitting(text: str, size: float, room: float) -> tuple[Any, str]:
    """A font, and the text cut with an ellipsis so that it fits the room."""
    text = " ".join(text.split())
    font = _font(size)
    for _ in range(3):
        if font.getlength(text) <= room or size <= 9.0:
            break
        size = max(9.0, size * 0.85)
        font = _font(size)
    if font.getlength(text) > room:
        while len(text) > 1 and font.getlength(text + "…") > room:
            text = text[:-1]
        text += "…"
    return font, text


def inks(count: int, colors: Any) -> list[Color]:
    """Read one color, or one for each of `count` things, or give each its own."""
    if colors is None:
        return [color_of(i) for i in range(count)]
    if isinstance(colors, tuple) and len(colors) == 3 and np.ndim(colors[0]) == 0:
        return [(int(colors[0]), int(colors[1]), int(colors[2]))] * count
    given = [(int(r), int(g), int(b)) for r, g, b in colors]
    if len(given) != count:
        raise ParamError(refusal("draw", "colors", f"one color or {count} colors", colors))
    return given
