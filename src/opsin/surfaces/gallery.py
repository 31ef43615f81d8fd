"""Every technique in pictures: one self-contained page, drawn from the registry and nothing else.

`build_gallery(folder)` writes `index.html`; `figures(op, side)` gives the pictures themselves, which are also what
the golden-picture tests keep.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from opsin.canvas import Picture, displayable
from opsin.chance import Rng
from opsin.draw import contact_sheet, draw_sample, draw_text, fitted
from opsin.errors import OpsinError, ParamError
from opsin.op import Op, operations
from opsin.sample import Sample
from opsin.spec import Param
from opsin.surfaces.scenes import Scene, scene, smaller
from opsin.surfaces.variations import rows
from opsin.values import Value

__all__ = ["Figure", "build_gallery", "figures"]

SIDE = 288
"""The longer side of the photographs that techniques are shown on, in pixels."""


@dataclass(frozen=True)
class Figure:
    """One picture of a technique: its row, its caption, whether it is an input, and how much larger it is shown."""

    row: str
    caption: str
    picture: Picture
    given: bool = False
    zoom: float = 1.0


# --- pictures -----------------------------------------------------------------------------------------------------
def figures(op: Op, side: int = SIDE) -> list[Figure]:
    """Draw a technique: its inputs, then what comes out over the usual range of its parameters.

    Raises:
        OpsinError: the technique refuses its own example, or needs what is not installed.
    """
    stage, zoom = scene(op, side), 1.0 / smaller(op)
    out = [Figure("", caption, displayable(picture), True, zoom) for caption, picture in stage.inputs]
    refused: ParamError | None = None
    for row in rows(op, side):
        for caption, given in row.calls:
            try:
                result = op.public(stage.target, **{**_all(op, stage), **given})
            except ParamError as reason:  # a usual value may be more than this small example can take
                refused = reason
                continue
            picture, note = _shown(result, stage, side)
            said = "width" in given and "height" in given
            out.append(Figure(row.title, caption if said else caption + note, picture, False, zoom))
    if refused is not None and all(figure.given for figure in out):
        raise refused
    return out


def _all(op: Op, stage: Scene) -> dict[str, Any]:
    """The scene's arguments, and what else a call must have."""
    given = dict(stage.arguments)
    for name, param in op.spec.params.items():
        if name not in given and param.required:
            given[name] = Rng(7) if param.supplied else _middle(param)
    return given


def _middle(param: Param) -> Any:
    from opsin.testing.examples import middle

    return middle(param)


def _shown(result: Any, stage: Scene, side: int) -> tuple[Picture, str]:
    """Draw any result, and say what a picture alone does not."""
    before = stage.inputs[-1][1] if stage.inputs else None
    if isinstance(result, Sample):
        start = stage.target.image if isinstance(stage.target, Sample) else None
        note = _size_note(start, result.image)
        gone = len(result.dropped)
        note += f", {gone} dropped" if gone else ""
        note += f" ({result.filtered})" if result.filtered else ""
        return draw_sample(result), note
    several = result.pictures() if hasattr(result, "pictures") else result
    stack = isinstance(several, np.ndarray) and (
        several.ndim == 4 or (several.ndim == 3 and several.shape[2] not in (1, 3, 4))
    )
    if stack and isinstance(result, Value):
        width = side // min(len(several), 2) - 6
        return contact_sheet(list(several), columns=2, cell=(width, width * 2 // 3), gap=4), ""
    if isinstance(result, Value) and type(result).draw is not Value.draw:
        flat = isinstance(stage.target, np.ndarray) and stage.target.ndim in (2, 3) and stage.target.dtype.kind != "f"
        ground = stage.target if flat else before
        ground = displayable(ground)
        return displayable(result.draw(ground)), ""
    if isinstance(result, np.ndarray) and result.ndim in (2, 3) and result.size:
        start = stage.target if isinstance(stage.target, np.ndarray) and stage.target.ndim < 4 else None
        return displayable(result), _size_note(start, result)
    ground = np.full((side * 2 // 3, side, 3), 245, np.uint8)
    text = _lines(str(result), 40, 8)
    return draw_text(ground, text, x=6, y=6, size=11, color=(30, 30, 30), ground=None), ""


def _size_note(before: Any, after: Any) -> str:
    if before is None or before.shape[:2] == after.shape[:2]:
        return ""
    return f" \u2192 {after.shape[1]} \u00d7 {after.shape[0]}"


def _lines(text: str, width: int, count: int) -> str:
    pieces = [text[i : i + width] for i in range(0, len(text), width)]
    return "\n".join(pieces[:count])


# --- the page -----------------------------------------------------------------------------------------------------
def build_gallery(
    out_dir: str | Path,
    *,
    only: Callable[[Op], bool] | None = None,
    side: int = SIDE,
    progress: Callable[[str, int, int], None] | None = None,
) -> Path:
    """Draw every registered technique on real photographs, as one self-contained page.

    Args:
        out_dir: the folder; made if it is not there.
        only: which techniques; all by default.
        side: longer side of the photographs in pixels.
        progress: called with a technique's name, how many are done, and how many there are.

    Returns:
        the page, `out_dir/index.html`.

    Raises:
        MissingExtra: scikit-image or scikit-learn, whose photographs are shown, is not installed.
    """
    from opsin.io import write_bytes

    chosen = [op for _, op in sorted(operations().items()) if only is None or only(op)]
    families: dict[str, list[str]] = {}
    for done, op in enumerate(chosen):
        if progress is not None:
            progress(op.name, done, len(chosen))
        families.setdefault(op.spec.family, []).append(_card(op, side))
    folder = Path(out_dir)
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "index.html"
    write_bytes(page, _page(families, len(chosen)).encode())
    return page


def _card(op: Op, side: int) -> str:
    spec = op.spec
    try:
        drawn = figures(op, side)
        note = ""
    except OpsinError as reason:
        drawn, note = [], f'<p class="note">No picture: {html.escape(str(reason))}</p>'
    marks = [spec.family.replace("_", " ")]
    marks += [f"[{spec.extra}]"] if spec.extra else []
    marks += ["random"] if spec.random else []
    words = " ".join([spec.name, spec.name.replace("_", " "), spec.summary, *spec.params, *marks]).lower()
    tags = "".join(f'<span class="tag">{html.escape(m)}</span>' for m in marks[1:])
    body = f"<p>{_prose(spec.doc.body)}</p>" if spec.doc.body else ""
    source = f"<p class='soft'>Source: {_prose(spec.doc.source)}</p>" if spec.doc.source else ""
    return (
        f'<article id="{spec.name}" data-words="{html.escape(words, quote=True)}">'
        f'<header><h3><a href="#{spec.name}">{spec.name}</a></h3>{tags}</header>'
        f'<p class="summary">{_prose(spec.summary)}</p>{note}{_sheets(drawn, side)}'
        f"<details><summary>Parameters and code</summary>{body}{_table(spec.shown())}{_snippets(op)}{source}</details>"
        f"</article>"
    )


def _prose(text: str) -> str:
    """Text of a docstring: paragraphs joined, words in backquotes as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def _sheets(drawn: list[Figure], side: int) -> str:
    """Pictures in rows: the inputs lead the first row; all rows of a technique have the same columns."""
    strips: list[list[str]] = [[]]
    current: str | None = None
    for figure in drawn:
        if not figure.given:
            if current is not None and figure.row != current:
                strips.append([])
            current = figure.row
        strips[-1].append(_cell(figure, side))
    longest = max(map(len, strips))
    columns = longest if longest in (5, 6) else 4
    style = f'<div class="strip" style="--n:{columns}">'
    return "".join(f"{style}{''.join(cells)}</div>" for cells in strips if cells)


def _cell(figure: Figure, side: int) -> str:
    small = figure.picture if max(figure.picture.shape) <= 1.6 * side else fitted(figure.picture, side, side)
    h, w = small.shape[:2]
    w, h = round(w * figure.zoom), round(h * figure.zoom)
    marks = [name for name, yes in (("given", figure.given), ("pixels", figure.zoom > 2.5)) if yes]
    kind = f' class="{" ".join(marks)}"' if marks else ""
    caption = html.escape(figure.caption, quote=True)
    return (
        f'<figure{kind}><img loading="lazy" width="{w}" height="{h}" alt="{caption}" src="{_inline(small)}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _inline(picture: Picture) -> str:
    from opsin.io import encode

    return "data:image/webp;base64," + base64.b64encode(encode(picture, "webp", quality=72)).decode()


def _table(params: list[Param]) -> str:
    if not params:
        return "<p class='soft'>No parameters.</p>"
    lines = []
    for p in params:
        default = "required" if p.required else repr(p.default)
        usual = f"{p.usual[0]:g} to {p.usual[1]:g}" if p.usual else ""
        cells = (f"<code>{p.name}</code>", html.escape(p.english()), html.escape(default), usual, _prose(p.doc))
        lines.append("<tr>" + "".join(f"<td>{c}</td>" for c in cells) + "</tr>")
    head = "<tr><th>parameter</th><th>what it may be</th><th>default</th><th>usual</th><th>meaning</th></tr>"
    return f'<div class="wide"><table>{head}{"".join(lines)}</table></div>'


# --- code ---------------------------------------------------------------------------------------------------------
def _plain_arguments(op: Op) -> dict[str, Any]:
    """The parameters a first call would give: what is required, at plain values; arrays by name."""
    from opsin.testing.examples import arguments

    out: dict[str, Any] = {}
    image = np.zeros((256, 384, 3), np.uint8)
    for name, value in arguments(op, image).items():
        param = op.spec.params[name]
        same = not isinstance(value, np.ndarray) and value == param.default
        if param.supplied or (same and not param.required):
            continue
        out[name] = round(value, 3) if isinstance(value, float) else value
    return out


def _text(value: Any) -> str:
    return repr(value)


def _snippets(op: Op) -> str:
    spec, given = op.spec, _plain_arguments(op)
    python = [
        f"{k}={k}" if isinstance(v, np.ndarray | Sample) or _large(v) else f"{k}={_text(v)}" for k, v in given.items()
    ]
    python += [f"{p.name}={p.name}" for p in spec.params.values() if p.partners]
    python += ["rng=opsin.Rng(7)"] if spec.random else []
    first = {"sample": "sample", "mask": "mask", "frames": "frames"}.get(spec.takes, "image")
    blocks = [("Python", f"out = ops.{spec.name}({', '.join([first, *python])})")]
    small = {k: v for k, v in given.items() if not isinstance(v, np.ndarray | Sample) and not _large(v)}
    if len(small) == len(given):
        words = ", ".join(f"{k}: {_yaml(v)}" for k, v in small.items())
        line = f"{spec.name}: {{{words}}}"
        blocks.append(("YAML", f"- augment:\n    - {line}" if spec.random else f"- {line}"))
    kept = {k: f"{k}.{'png' if getattr(v, 'dtype', None) != np.float64 else 'npy'}" for k, v in given.items()}
    if not any(p.partners for p in spec.params.values()) and spec.takes != "frames":
        options = [f"--{k.replace('_', '-')} {_shell(small[k]) if k in small else kept[k]}" for k in given]
        blocks.append(("Shell", " ".join([f"opsin apply {spec.name} photo.jpg --out out.png", *options])))
    return "".join(
        f"<div class='code'><b>{name}</b><pre><code>{html.escape(code)}</code></pre></div>" for name, code in blocks
    )


def _large(value: Any) -> bool:
    return isinstance(value, list | tuple) and np.size(np.asarray(value, dtype=object)) > 9


def _yaml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_yaml(v) for v in value) + "]"
    return "null" if value is None else str(value)


def _shell(value: Any) -> str:
    text = _yaml(value)
    return f"'{text}'" if any(c in text for c in " [](),") else text


def _page(families: Mapping[str, list[str]], count: int) -> str:
    here = files("opsin.surfaces")
    style = (here / "gallery.css").read_text(encoding="utf-8")
    script = (here / "gallery.js").read_text(encoding="utf-8")
    menu = "".join(
        f'<a href="#family-{name}">{name.replace("_", " ")} <span>{len(cards)}</span></a>'
        for name, cards in sorted(families.items())
    )
    return "".join(_pieces(families, count, style, script, menu))


def _pieces(families: Mapping[str, list[str]], count: int, style: str, script: str, menu: str) -> Iterator[str]:
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="color-scheme" content="light dark"><title>Opsin: every technique in pictures</title>'
    yield f"<style>{style}</style></head><body><nav><h1>Opsin</h1><p>{count} techniques in pictures</p>"
    yield '<input id="search" type="search" placeholder="Search: blur, angle, noise \u2026" aria-label="Search">'
    yield f'<div class="menu">{menu}</div></nav><main><p id="none" hidden>Nothing found.</p>'
    for name, cards in sorted(families.items()):
        title = name.replace("_", " ")
        yield f'<section id="family-{name}"><h2>{title[:1].upper()}{title[1:]}</h2>{"".join(cards)}</section>'
    yield f"</main><script>{script}</script></body></html>\n"
