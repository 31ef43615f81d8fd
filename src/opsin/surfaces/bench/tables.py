"""The figures as Markdown tables and as a plot (SVG), from the plain data that `opsin bench --out` writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from opsin.surfaces.bench.measure import DATASET, ITEMS, SINGLE
from opsin.surfaces.bench.pipelines import TITLES

__all__ = ["plot", "ratios", "single_table", "verdict_table"]

Row = Mapping[str, Any]
_INK, _PALE, _OURS, _HAND, _LIBRARY = "#222222", "#cccccc", "#ff5220", "#4678ff", "#8a8f98"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def ratios(results: Sequence[Row]) -> str:
    """Write how many times faster Opsin's batches are than each peer, one column a pipeline."""
    names = [r["pipeline"] for r in results]
    peers = list(dict.fromkeys(p for r in results for p in r["times faster"]))
    lines = [_line(["", *names]), "|---|" + "---:|" * len(names)]
    lines.append(_line(["**Opsin, ms a picture**", *(f"**{r['ms']['opsin, batch']:.3f}**" for r in results)]))
    ways = {"one call a picture": SINGLE, "torch.Dataset, batches": DATASET, "torch.Dataset, one by one": ITEMS}
    for name, way in ways.items():
        lines.append(_line([f"{name}, ms", *(f"{r['ms'][way]:.3f}" if way in r["ms"] else "" for r in results)]))
    for peer in peers:
        cells = []
        for r in results:
            value = r["times faster"].get(peer)
            mark = "\\*" if peer in r["notes"] else ""
            cells.append("" if value is None else f"{value:.2f}{mark}")
        lines.append(_line([peer, *cells]))
    notes = [f"{p}, {r['pipeline']}: {why}" for r in results for p, why in r["notes"].items()]
    return "\n".join(lines) + ("\n\n\\* not quite the same work. " + "; ".join(notes) + "." if notes else "")


def verdict_table(results: Sequence[Row]) -> str:
    """Write what is asked of each pipeline and whether it is met."""
    lines = ["| | figure | measured |", "|---|---|---|"]
    for r in results:
        for i, (what, says) in enumerate(r["verdicts"].items()):
            lines.append(_line([r["pipeline"] if i == 0 else "", what, says]))
    return "\n".join(lines)


def single_table(rows: Sequence[Row]) -> str:
    """Write single techniques against OpenCV's calls, a row a technique, a column a size."""
    sizes = list(dict.fromkeys(r["size"] for r in rows))
    lines = [_line(["technique", *sizes]), "|---|" + "---:|" * len(sizes)]
    for name in dict.fromkeys(r["technique"] for r in rows):
        cells = []
        for size in sizes:
            row = next(r for r in rows if r["technique"] == name and r["size"] == size)
            cells.append(f"**{row['ratio']:.2f}**" if row["slower"] else f"{row['ratio']:.2f}")
        lines.append(_line([name, *cells]))
    return "\n".join(lines)


def plot(results: Sequence[Row]) -> str:
    """Draw a bar for each peer in each pipeline: how many times faster Opsin is, up to a limit; SVG."""
    limit, width, left, bar = 8.0, 860, 230, 16
    scale = (width - left - 70) / limit
    parts, y = [], 34
    for r in results:
        parts.append(_text(8, y, f"{r['pipeline']}: {TITLES[r['pipeline']]}", 13, bold=True))
        y += 12
        first = y
        for peer, value in sorted(r["times faster"].items(), key=lambda item: item[1]):
            kind = r["kinds"].get(peer, "library")
            color = {"floor": _PALE, "hand-written": _HAND}.get(kind, _LIBRARY)
            shown = min(value, limit)
            parts.append(f'<rect x="{left}" y="{y}" width="{shown * scale:.1f}" height="{bar - 4}" fill="{color}"/>')
            parts.append(_text(left - 6, y + 10, peer, 11, anchor="end"))
            end = max(shown, 1.0) if shown * scale + 30 > scale else shown  # behind the line, not across it
            parts.append(_text(left + end * scale + 5, y + 10, f"{value:.2f}" + (" ..." if value > limit else ""), 11))
            y += bar
        where = f'x1="{left + scale:.1f}" x2="{left + scale:.1f}" y1="{first - 2}" y2="{y}"'
        parts.append(f'<line {where} stroke="{_OURS}" stroke-width="2"/>')
        y += 26
    height = y + 4
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">'
    back = f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
    title = _text(8, 14, "How many times faster Opsin is than each, one thread; the orange line is Opsin itself.", 12)
    return "\n".join([head, back, title, *parts, "</svg>", ""])


def _text(x: float, y: float, words: str, size: int, *, bold: bool = False, anchor: str = "start") -> str:
    weight = ' font-weight="bold"' if bold else ""
    where = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{_INK}"'
    return f"<text {where}{weight}>{escape(words)}</text>"
