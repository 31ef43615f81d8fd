"""`opsin convert`: one annotation format to another, lossless or saying what is lost."""

from __future__ import annotations

import json as json_
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import Progress

from opsin.surfaces.cli.app import app, console, errors
from opsin.surfaces.cli.words import split_parts

__all__: list[str] = []


@app.command("convert")
def convert_command(
    source: Annotated[str, typer.Argument(metavar="SRC", help="The data set: a folder or an annotation file.")],
    to: Annotated[str, typer.Option("--to", help="The format to write.")],
    out: Annotated[str, typer.Option("--out", "-o", help="The output folder.")],
    source_format: Annotated[str | None, typer.Option("--from", help="Format of the source.")] = None,
    split: Annotated[str | None, typer.Option(help="Divide what has no split, such as train=0.8,val=0.2.")] = None,
    seed: Annotated[int, typer.Option(help="Of that division.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> int:
    """Write a data set in another format; pictures keep their bytes, what the target cannot hold is said."""
    from opsin.datasets import convert

    with Progress(console=errors, transient=True, disable=json or not errors.is_terminal) as bar:
        task = bar.add_task("converting", total=None)
        done = convert(
            source,
            to,
            out,
            format=source_format,
            split=dict(split_parts(split)) if split else None,
            seed=seed,
            on_progress=lambda n, total: bar.update(task, completed=n, total=total),
        )
    if json:
        plain = {"out": str(out), "format": to, "pictures": done.pictures, "losses": list(done.losses)}
        typer.echo(json_.dumps(plain | {"failed": [list(f) for f in done.failed]}, indent=2))
    else:
        console.print(f"[bold]{done.pictures}[/] pictures written as {to} to {escape(str(out))}", soft_wrap=True)
        for loss in done.losses:
            console.print(f"[yellow]not kept:[/] {escape(loss)}", soft_wrap=True)
        for key, reason in done.failed:
            errors.print(f"[red]not written:[/] {escape(str(key))}: {escape(str(reason))}", soft_wrap=True)
    return 3 if done.failed else 0
