"""Put the report together from the journal and the figures; nothing in it depends on the run, only on the result."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

from opsin.pipeline import Pipeline
from opsin.run.figures import Figures
from opsin.run.journal import Journal, Row, State
from opsin.run.report.parts import bars, figure_pair, figure_single, number, scatter, section, table, text, tile

if TYPE_CHECKING:
    from opsin.datasets import DataSet

__all__ = ["build_report"]

_LISTED = 60
_WHY = {
    "outside": "nothing of it is left on the canvas",
    "too_small": "what is left is below the stated visible part, area or side",
    "occluded": "something now stands in front of it",
}


def build_report(journal: Journal, figures: Figures, summary: dict[str, Any], data: DataSet) -> str:
    """Write the page: one file, no network, nothing executed."""
    counts = summary["counts"]
    style = resources.files("opsin.run.report").joinpath("style.css").read_text("utf-8")
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Opsin: {number(counts['outputs'])} of {number(counts['inputs'])} pictures prepared</title>"
        f"<style>{style}</style></head><body><main>"
    )
    parts = [
        _opening(summary, figures),
        _contact_sheet(journal, figures),
        _pipeline(summary),
        _dropped(figures),
        _ended(
            journal, "quarantined", "Quarantined", "These inputs are not in the output. Every one is in errors.jsonl."
        ),
        _ended(journal, "filtered", "Filtered", "These inputs do not qualify, by the rules of the pipeline."),
        _findings(journal),
        _sizes(figures),
        _classes(figures, summary),
        _channels(figures),
    ]
    foot = (
        f"<footer>opsin {text(summary['opsin'])}, core {text(summary['core'])}, "
        f"pipeline {text(summary['fingerprint'][:16])}, inputs {text(summary['inputs digest'][:16])}. "
        "Timings are kept apart, in .opsin/timings.json.</footer></main></body></html>\n"
    )
    return head + "".join(parts) + foot


def _opening(summary: dict[str, Any], figures: Figures) -> str:
    counts = summary["counts"]
    tiles = [
        tile("inputs", counts["inputs"]),
        tile("outputs", counts["outputs"], "good"),
        tile("quarantined", counts["quarantined"], "bad" if counts["quarantined"] else ""),
        tile("filtered", counts["filtered"], "warn" if counts["filtered"] else ""),
    ]
    if figures.objects_in:
        tiles.append(tile("objects kept", figures.objects_out))
        tiles.append(tile("objects dropped", figures.objects_in - figures.objects_out))
    mode = "as served" if summary["mode"] == "infer" else f"as trained, {summary['variants']} draw(s) of each"
    what = f"{summary['from']} to {summary['to']}, {mode}, seed {summary['seed']}."
    return f"<h1>Data set report</h1><p class='soft'>{text(what)}</p><div class='tiles'>{''.join(tiles)}</div>"


def _contact_sheet(journal: Journal, figures: Figures) -> str:
    rows = list(journal.rows("done", pictures=True))
    pairs = [figure_pair(r.before, r.after, r.key, _note(r)) for r in rows]
    lead = (
        f"{len(pairs)} of {number(figures.pictures)} pictures, chosen by a digest of their keys; annotations drawn on."
    )
    return section("Before and after", f'<div class="sheet">{"".join(pairs)}</div>' if pairs else "", lead)


def _note(row: Row) -> str:
    facts = row.outcome["facts"]
    size = f"{facts['in'][0]} x {facts['in'][1]}"
    notes = [size, "turned upright" if facts.get("turned") else "", "decoded in part" if facts.get("in part") else ""]
    if "objects" in facts:
        was, now = facts["objects"]
        notes.append(f"{now} of {was} objects" if was != now else f"{now} objects" if now != 1 else "1 object")
    if isinstance(facts.get("label"), str):
        notes.append(facts["label"])
    return ", ".join(n for n in notes if n)


def _pipeline(summary: dict[str, Any]) -> str:
    pipeline = Pipeline.from_yaml(summary["pipeline"])
    return section("Pipeline", f"<pre>{text(pipeline.explain())}</pre><pre>{text(summary['pipeline'].strip())}</pre>")


def _dropped(figures: Figures) -> str:
    rows = [(reason, count, _WHY.get(reason, "")) for reason, count in sorted(figures.dropped.items())]
    return section("Objects that went", table(("reason", "objects", "meaning"), rows))


def _ended(journal: Journal, state: State, title: str, lead: str) -> str:
    kinds: dict[tuple[str, str], int] = {}
    listed: list[Row] = []
    for row in journal.rows(state):
        kinds[row.outcome["stage"], row.outcome["kind"]] = kinds.get((row.outcome["stage"], row.outcome["kind"]), 0) + 1
        if len(listed) < _LISTED:
            listed.append(row)
    if not listed:
        return ""
    body = ""
    if state == "quarantined":
        body += table(("stage", "kind", "inputs"), [(*kind, count) for kind, count in sorted(kinds.items())])
    pictured = {r.id: r for r in journal.thumbnails(state, _LISTED)}
    seen = [figure_single(r.before, r.key, r.outcome["message"]) for r in pictured.values()]
    if seen:
        body += f'<div class="grid">{"".join(seen)}</div>'
    rest = [(r.key, r.outcome["message"]) for r in listed if r.id not in pictured]
    body += table(("input", "reason"), rest)
    more = sum(kinds.values()) - len(listed)
    if more > 0:
        body += f'<p class="soft">and {number(more)} more in errors.jsonl</p>'
    return section(title, body, lead)


def _findings(journal: Journal) -> str:
    found = list(journal.get("findings") or [])
    for row in journal.rows("done", "filtered"):
        found += row.outcome["facts"].get("findings", ())
    if not found:
        return ""
    rules: dict[tuple[str, bool], list[Any]] = {}
    for item in found:
        rules.setdefault((item[2], bool(item[4])), []).append(item)
    rows = [
        (rule, "repaired" if repaired else "left out", len(items), f"{items[0][0]}, {items[0][1]}: {items[0][3]}")
        for (rule, repaired), items in sorted(rules.items())
    ]
    lead = "What was wrong with the annotations. Nothing is repaired unless its rule says so."
    return section("Findings", table(("rule", "what was done", "times", "the first"), rows), lead)


def _sizes(figures: Figures) -> str:
    sizes = {f"{w} x {h}": n for (w, h), n in figures.sizes_in.items()}
    results = {" x ".join(map(str, size)): n for size, n in figures.sizes_out.items()}
    left = f"<div><p class='soft'>Inputs, width x height</p>{scatter(figures.sizes_in)}{bars(sizes, 8)}</div>"
    right = f"<div><p class='soft'>Outputs, as arrays</p>{bars(results, 8)}"
    if figures.formats:
        right += f"<p class='soft'>Formats of the inputs</p>{bars(dict(figures.formats), 12)}"
    if figures.turned:
        right += f"<p>{number(figures.turned)} were turned upright by their EXIF orientation.</p>"
    if figures.in_part:
        right += (
            f"<p>{number(figures.in_part)} were decoded in part: <code>decode: fast</code> steps over what no step "
            "wants, and damage there does not show.</p>"
        )
    if figures.notes:
        right += f"<p class='soft'>Remarks on files</p>{bars(dict(figures.notes), 12)}"
    return section("Sizes and formats", f'<div class="two">{left}{right}</div></div>' if figures.pictures else "")


def _classes(figures: Figures, summary: dict[str, Any]) -> str:
    body = ""
    if figures.labels:
        body += f"<div><p class='soft'>Pictures by class</p>{bars(dict(figures.labels))}</div>"
    if figures.classes:
        body += f"<div><p class='soft'>Objects by class</p>{bars(dict(figures.classes))}</div>"
    if figures.sides:
        sides = {f"{2**k} to {2 ** (k + 1)} px": n for k, n in figures.sides.items()}
        body += f"<div><p class='soft'>Objects by side (square root of the box's area)</p>{bars(sides)}</div>"
    if summary["splits"]:
        body += f"<div><p class='soft'>Pictures by split</p>{bars(summary['splits'])}</div>"
    return section("Classes and splits", f'<div class="two">{body}</div>' if body else "")


def _channels(figures: Figures) -> str:
    names = {1: ["gray"], 3: ["red", "green", "blue"], 4: ["red", "green", "blue", "alpha"]}
    body = ""
    for stats in figures.channels():
        count = len(stats["mean"])
        labels = names.get(count, [f"channel {i + 1}" for i in range(count)])
        rows = [(n, f"{m:.4f}", f"{s:.4f}") for n, m, s in zip(labels, stats["mean"], stats["std"], strict=True)]
        body += table(("channel", "mean", "standard deviation"), rows)
        body += f"<p class='soft'>values from {stats['least']:.4g} to {stats['greatest']:.4g}</p>"
    lead = "Of the outputs; integers count as fractions of full scale."
    return section("Channel statistics", body, lead)
