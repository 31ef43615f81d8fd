"""`opsin ops`, `explain` and `stats`: look at techniques, pipelines and data sets."""

from __future__ import annotations

import json as json_
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from opsin.errors import ParamError, did_you_mean
from opsin.op import load_plugins, operations
from opsin.spec import OpSpec
from opsin.surfaces.cli.app import app, console, errors
from opsin.surfaces.cli.words import read_pipeline

__all__: list[str] = []


@app.command("ops")
def ops_command(
    name: Annotated[str | None, typer.Argument(help="A technique to describe, or a word to search for.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of pipeline files, for editors.")
    ] = False,
) -> int:
    """List the techniques, search them, or describe one."""
    if schema:
        from opsin.surfaces.schema import pipeline_schema

        typer.echo(json_.dumps(pipeline_schema(), indent=1, default=str))
        return 0
    load_plugins()
    specs = {n: entry.spec for n, entry in sorted(operations().items())}
    if name in specs:
        if json:
            typer.echo(json_.dumps(specs[name].to_dict(), indent=2, default=str))
        else:
            _describe(specs[name])
        return 0
    if name is not None:
        word = name.lower()
        found = {n: s for n, s in specs.items() if word in f"{n} {s.family} {s.summary} {s.doc.body}".lower()}
        if not found:
            hint = did_you_mean(name, specs)
            raise ParamError(f"'{name}' is not a technique, and none speaks of it." + (f" {hint}" if hint else ""))
        specs = found
    if json:
        typer.echo(json_.dumps([s.to_dict() for s in specs.values()], indent=2, default=str))
        return 0
    table = Table("technique", "family", "what it does", box=None, pad_edge=False, header_style="dim")
    for each in sorted(specs.values(), key=lambda s: (s.family, s.name)):
        extra = f" [dim]\\[{each.extra}][/]" if each.extra else ""
        table.add_row(f"[bold]{each.name}[/]{extra}", each.family, escape(each.summary))
    console.print(table)
    console.print(f"[dim]{len(specs)} techniques; opsin ops NAME describes one[/]")
    return 0


def _describe(spec: OpSpec) -> None:
    console.print(f"[bold]{spec.name}[/]  [dim]{spec.family}{', needs ' + spec.extra if spec.extra else ''}[/]")
    console.print(escape(spec.summary))
    if spec.doc.body:
        console.print(f"\n{escape(spec.doc.body)}")
    if spec.shown():
        table = Table("parameter", "must be", "default", "usual", "", box=None, pad_edge=False, header_style="dim")
        for param in spec.shown():
            default = "required" if param.required else repr(param.default)
            usual = f"{param.usual[0]:g} to {param.usual[1]:g}" if param.usual else ""
            table.add_row(f"[bold]{param.name}[/]", escape(param.english()), escape(default), usual, escape(param.doc))
        console.print()
        console.print(table)
    for title, text in (("Returns", spec.doc.returns), ("Source", spec.doc.source)):
        if text:
            console.print(f"\n[dim]{title}[/]  {escape(text)}")


@app.command("explain")
def explain_command(
    pipeline: Annotated[str, typer.Argument(metavar="P.yaml", help="The pipeline: a YAML file, or a preset's name.")],
    image: Annotated[str | None, typer.Option(help="A picture to run it on.")] = None,
    out: Annotated[str | None, typer.Option(help="Where to write the picture that shows every step.")] = None,
    mode: Annotated[str, typer.Option(help="infer or train.")] = "infer",
    seed: Annotated[int, typer.Option(help="Which draw to show in mode train.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> int:
    """Print steps, draws and plan; with a picture, show every step."""
    built = read_pipeline(pipeline)
    traces = []
    if image is not None:
        from opsin.sample import Sample

        sample = Sample(Path(image))
        traces = built.trace(sample, mode=mode, key=Path(image).name, epoch=seed)  # type: ignore[arg-type]
        if out is not None:
            _picture(sample, traces, out)
    if json:
        steps = [
            {"id": t.id, "op": t.op, "params": t.params, "range": t.range, "seconds": round(t.seconds, 6)}
            for t in traces
        ]
        plain = {"fingerprint": built.fingerprint, "pipeline": built.to_data(), "trace": steps}
        typer.echo(json_.dumps(plain, indent=2, default=str))
        return 0
    console.print(escape(built.explain()), soft_wrap=True)
    if traces:
        table = Table("step", "size", "dtype", "values", "ms", box=None, pad_edge=False, header_style="dim")
        for t in traces:
            low, high = t.range
            shape = " x ".join(map(str, t.sample.image.shape))
            table.add_row(t.id, shape, str(t.sample.image.dtype), f"{low:.4g} to {high:.4g}", f"{1000 * t.seconds:.2f}")
        console.print()
        console.print(table)
    if out is not None and image is not None:
        console.print(f"every step: [bold]{escape(out)}[/]", soft_wrap=True)
    return 0


def _picture(sample: Any, traces: list[Any], out: str) -> None:
    from opsin.draw import contact_sheet
    from opsin.io import write

    shown = [("input", sample), *((t.id, t.sample) for t in traces)]
    pictures = [s.show() for _, s in shown]
    captions = [f"{name}  {p.size.width} x {p.size.height}" for name, p in shown]
    write(contact_sheet(pictures, captions=captions), out)


@app.command("stats")
def stats_command(
    source: Annotated[str, typer.Argument(metavar="SRC", help="The data set: a folder or an annotation file.")],
    source_format: Annotated[str | None, typer.Option("--from", help="Format of the source.")] = None,
    limit: Annotated[int | None, typer.Option(help="Only the first pictures.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> int:
    """Count pictures, sizes and classes, and give channel means and deviations, in one pass."""
    from opsin.datasets import open_dataset
    from opsin.run.stats import collect

    data = open_dataset(source, source_format)
    if limit is not None:
        data = data.only(keys=data.keys[:limit])
    with Progress(console=errors, transient=True, disable=json or not errors.is_terminal) as bar:
        task = bar.add_task("reading", total=len(data))
        figures, bad = collect(data, lambda: bar.advance(task))
    channels = figures.channels()
    if json:
        plain = {
            "format": data.format,
            "pictures": figures.pictures,
            "unreadable": [{"key": k, "message": m} for k, m in bad],
            "sizes": {f"{w}x{h}": n for (w, h), n in figures.sizes_in.most_common()},
            "formats": dict(figures.formats),
            "labels": dict(figures.labels),
            "objects": figures.objects_in,
            "classes": dict(figures.classes),
            "splits": list(data.splits),
            "findings": {rule: list(pair) for rule, pair in data.counts().items()},
            "channels": channels,
        }
        typer.echo(json_.dumps(plain, indent=2))
        return 0
    console.print(f"[bold]{figures.pictures}[/] pictures, {data.format}")
    if bad:
        console.print(f"[red]{len(bad)} cannot be read[/], the first: {escape(bad[0][1])}")
    table = Table("channels", "mean", "standard deviation", box=None, pad_edge=False, header_style="dim")
    for stats in channels:
        mean = ", ".join(f"{m:.4f}" for m in stats["mean"])
        table.add_row(str(len(stats["mean"])), mean, ", ".join(f"{s:.4f}" for s in stats["std"]))
    console.print(table)
    sizes = [(f"{w} x {h}", n) for (w, h), n in figures.sizes_in.most_common(8)]
    for title, pairs in (
        ("size", sizes),
        ("picture class", figures.labels.most_common(20)),
        ("object class", figures.classes.most_common(20)),
    ):
        if pairs:
            _counts(title, pairs)
    if data.findings:
        _counts("finding", [(rule, fixed + left) for rule, (fixed, left) in data.counts().items()])
    return 0


def _counts(title: str, pairs: list[tuple[str, int]]) -> None:
    table = Table(title, "count", "", box=None, pad_edge=False, header_style="dim")
    most = max(n for _, n in pairs)
    for name, count in pairs:
        table.add_row(escape(name), str(count), "[cyan]" + "\N{FULL BLOCK}" * max(1, round(24 * count / most)) + "[/]")
    console.print()
    console.print(table)
