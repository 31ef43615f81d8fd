"""The small pieces that the report is made of: tiles, tables, bars, pictures; every text is escaped here."""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["bars", "figure_pair", "figure_single", "number", "scatter", "section", "table", "text", "tile"]


def text(value: object) -> str:
    """Escape a text; control characters become visible."""
    shown = "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in str(value))
    return html.escape(shown.encode("utf-8", "replace").decode())


def number(value: float) -> str:
    """Write a count with thin spaces, or a figure with four significant digits."""
    if float(value).is_integer():
        return f"{int(value):,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    return f"{value:.4g}"


def tile(label: str, value: float, mood: str = "") -> str:
    """One big number with its name."""
    return f'<div class="tile {mood}"><b>{number(value)}</b>{text(label)}</div>'


def section(title: str, body: str, lead: str = "") -> str:
    """A titled part of the page; nothing when there is nothing to say."""
    if not body:
        return ""
    intro = f'<p class="soft">{text(lead)}</p>' if lead else ""
    return f"<section><h2>{text(title)}</h2>{intro}{body}</section>"


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table; numbers stand to the right."""
    lines = []
    for row in rows:
        cells = [
            f'<td class="number">{number(c)}</td>' if isinstance(c, int | float) else f"<td>{text(c)}</td>" for c in row
        ]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    if not lines:
        return ""
    heads = "".join(f"<th>{text(h)}</th>" for h in head)
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def bars(counts: Mapping[str, int], limit: int = 40) -> str:
    """Horizontal bars, longest first, the rest in one line."""
    if not counts:
        return ""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    most = ordered[0][1] or 1
    lines = [
        f'<span>{text(name)}</span><i style="width:{100 * count / most:.2f}%"></i><b>{number(count)}</b>'
        for name, count in ordered[:limit]
    ]
    rest = ordered[limit:]
    note = f'<p class="soft">and {len(rest)} more, {number(sum(c for _, c in rest))} in all</p>' if rest else ""
    return f'<div class="bars">{"".join(lines)}</div>{note}'


def scatter(points: Mapping[tuple[int, int], int]) -> str:
    """Widths against heights as circles whose area is the count."""
    if not points:
        return ""
    width, height, left, right, bottom = 420, 260, 46, 20, 30
    most_w, most_h = max(w for w, _ in points), max(h for _, h in points)
    top_w, top_h = _round_up(most_w), _round_up(most_h)
    most = max(points.values())
    parts = [f'<svg viewBox="0 0 {width} {height}" width="{width}" role="img" aria-label="sizes of the inputs">']
    for k in range(5):
        x = left + (width - left - right) * k / 4
        y = 8 + (height - bottom - 8) * (1 - k / 4)
        parts.append(f'<line class="axis" x1="{x:.1f}" y1="8" x2="{x:.1f}" y2="{height - bottom}"/>')
        parts.append(f'<line class="axis" x1="{left}" y1="{y:.1f}" x2="{width - right}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{x:.1f}" y="{height - 12}" text-anchor="middle">{top_w * k // 4}</text>')
        parts.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{top_h * k // 4}</text>')
    for (w, h), count in sorted(points.items())[:2000]:
        x = left + (width - left - right) * w / top_w
        y = 8 + (height - bottom - 8) * (1 - h / top_h)
        radius = 2.5 + 9.0 * math.sqrt(count / most)
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"><title>{w} x {h}: {count}</title></circle>')
    return "".join(parts) + "</svg>"


def _round_up(value: int) -> int:
    step = 10 ** max(0, int(math.log10(max(value, 1))) - 1) * 4
    return max(4, math.ceil(value / step) * step)


def _image(data: bytes | None, alt: str) -> str:
    if data is None:
        return '<span class="soft">no picture</span>'
    return f'<img alt="{text(alt)}" src="data:image/webp;base64,{base64.b64encode(data).decode()}">'


def figure_pair(before: bytes | None, after: bytes | None, name: str, note: str) -> str:
    """A picture before and after."""
    inner = f"{_image(before, 'before')}<span>\N{RIGHTWARDS ARROW}</span>{_image(after, 'after')}"
    return f'<figure class="pair"><div>{inner}</div><figcaption><b>{text(name)}</b> {text(note)}</figcaption></figure>'


def figure_single(data: bytes | None, name: str, note: str) -> str:
    """One picture with its reason."""
    caption = f"<figcaption><b>{text(name)}</b><br>{text(note)}</figcaption>"
    return f'<figure class="single">{_image(data, name)}{caption}</figure>'
