"""What a search found: hits with scores and reasons, as data, as a sheet of pictures and as a page."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin.types import Array
from opsin.values.base import Value, plain

__all__ = ["Hit", "Hits"]

_STYLE = """
:root{--ink:#1d2733;--soft:#5c6b7a;--line:#dfe5ea;--ground:#fbfcfd;--card:#fff;--accent:#0b7285;--good:#2b8a3e}
@media(prefers-color-scheme:dark){:root{--ink:#e6ebf0;--soft:#98a6b3;--line:#2c3640;--ground:#12171c;--card:#1a2128;
--accent:#3bc9db;--good:#8ce99a}}
*{box-sizing:border-box}body{margin:0;background:var(--ground);color:var(--ink);
font:15px/1.5 system-ui,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:1120px;margin:0 auto;padding:28px 24px 56px}h1{font-size:26px;margin:0 0 4px}.soft{color:var(--soft)}
.query{display:flex;gap:20px;align-items:center;margin:0 0 24px;padding:0 0 22px;border-bottom:1px solid var(--line)}
.query img{max-width:220px;max-height:180px;border-radius:8px}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(196px,1fr));gap:14px}
figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:10px;padding:10px}
figure div.frame{height:150px;display:flex;align-items:center;justify-content:center}
figure img{max-width:100%;max-height:150px;border-radius:4px}
figcaption{font-size:12.5px;margin-top:8px;overflow-wrap:anywhere;color:var(--soft)}figcaption b{color:var(--ink)}
.bar{height:6px;border-radius:3px;background:var(--line);margin:6px 0 4px}.bar i{display:block;height:6px;
border-radius:3px;background:var(--accent)}.sure .bar i{background:var(--good)}
"""


@dataclass(frozen=True)
class Hit:
    """One picture that was found.

    Args:
        key: its name in the index.
        score: 0..1; above 0.5 the picture shows the same thing, below it looks alike.
        why: `same` (a near-duplicate), `points` (local features lie on each other), `alike`.
        path: its file, when it came from one.
        width, height: of the picture.
        inliers: how many local features agree with one affine map.
        distance: bits in which the perceptual hashes differ, over all turns and mirrorings of the query.
        matrix: 3 x 3 from the query's points to the picture's, where points agree, else None.
        thumb: a small picture as WebP.
    """

    key: str
    score: float
    why: str
    path: str | None
    width: int
    height: int
    inliers: int
    distance: int
    matrix: NDArray[np.float64] | None
    thumb: bytes | None

    def reason(self) -> str:
        """Say why it was found."""
        if self.why == "same":
            same = "the same picture" if self.distance == 0 else f"a near-duplicate, {self.distance} of 64 bits differ"
            return f"{same}, {self.inliers} points agree" if self.inliers else same
        return f"{self.inliers} points agree" if self.why == "points" else "looks alike"

    def to_dict(self) -> dict[str, Any]:
        """Give plain data, without the small picture."""
        out: dict[str, Any] = plain({k: v for k, v in vars(self).items() if k != "thumb"})
        return out


class Hits(Value):
    """What a search found, the best first: `hits[0].key`, `len(hits)`, `for hit in hits`.

    Args:
        items: the hits.
        query: the picture that was searched for.
        seconds: how long it took.
        pictures: how many pictures the index holds.
    """

    def __init__(self, items: tuple[Hit, ...], query: Array, seconds: float, pictures: int) -> None:
        self.items, self.query, self.seconds, self.pictures = items, query, seconds, pictures

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, which: int) -> Hit:
        return self.items[which]

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.items)

    @property
    def keys(self) -> list[str]:
        """The keys, the best first."""
        return [hit.key for hit in self.items]

    def to_dict(self) -> dict[str, Any]:
        """Give plain data."""
        return {"type": "hits", "pictures": self.pictures, "hits": [hit.to_dict() for hit in self.items]}

    def draw(self, image: Array) -> Array:
        """Draw a sheet: the query, then what was found, with scores."""
        from opsin.draw import contact_sheet
        from opsin.io import decode

        blank = np.full((16, 16), 200, np.uint8)
        pictures = [image, *(decode(hit.thumb).image if hit.thumb else blank for hit in self.items)]
        captions = ["query", *(f"{hit.score:.2f}  {hit.key}" for hit in self.items)]
        return contact_sheet(pictures, captions=captions)

    def page(self, name: str = "") -> str:
        """Write an HTML page that stands alone: the query, and every hit with its score and why it was found."""
        cards = []
        for hit in self.items:
            sure = " class='sure'" if hit.score >= 0.5 else ""
            cards.append(
                f"<figure{sure}><div class='frame'>{_image(hit.thumb, hit.key)}</div><figcaption>"
                f"<b>{_text(hit.key)}</b>"
                f"<div class='bar'><i style='width:{100 * hit.score:.1f}%'></i></div>"
                f"<b>{hit.score:.3f}</b> {_text(hit.reason())}<br>{hit.width} x {hit.height}</figcaption></figure>"
            )
        many = f"{self.pictures:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
        found = f"{len(self)} of {many} pictures, {1000 * self.seconds:.0f} ms"
        policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
        return (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
            '<meta name="viewport" content="width=device-width, initial-scale=1"><title>Opsin: picture search</title>'
            f"<style>{_STYLE}</style></head><body><main><h1>Picture search</h1><div class='query'>"
            f"{_image(thumbnail(self.query, 220), 'query')}<div><b>{_text(name or 'query')}</b><br>"
            f"<span class='soft'>{self.query.shape[1]} x {self.query.shape[0]}<br>{found}</span></div></div>"
            f"<div class='grid'>{''.join(cards)}</div></main></body></html>\n"
        )

    def __repr__(self) -> str:
        best = ", ".join(f"{hit.key} {hit.score:.2f}" for hit in self.items[:3])
        return f"Hits({len(self)} of {self.pictures}{': ' + best if best else ''})"


def thumbnail(image: Array, side: int = 160) -> bytes:
    """Make a small WebP for sheets and pages."""
    from opsin.canvas import displayable
    from opsin.draw import fitted
    from opsin.io import encode

    shown = displayable(image)
    return encode(fitted(shown, side, side) if max(shown.shape[:2]) > side else shown, "webp", quality=75, effort=1)


def _text(value: object) -> str:
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(value))
    return html.escape(shown.encode("utf-8", "replace").decode())


def _image(data: bytes | None, alt: str) -> str:
    if data is None:
        return "<span class='soft'>no picture</span>"
    return f'<img alt="{_text(alt)}" src="data:image/webp;base64,{base64.b64encode(data).decode()}">'
