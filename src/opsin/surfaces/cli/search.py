"""`opsin index` and `opsin search`: find pictures by picture."""

from __future__ import annotations

import json as json_
import os
from typing import Annotated, cast

import typer
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from opsin.errors import ParamError, refusal
from opsin.surfaces.cli.app import app, console, errors

__all__: list[str] = []

_NAME = ".opsin-index"


@app.command("index")
def index_command(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="The folder of pictures.")],
    out: Annotated[str | None, typer.Option("--out", "-o", help="Where the index is; DIR/.opsin-index.")] = None,
    model: Annotated[str | None, typer.Option(help="An ONNX model whose embeddings rank what is alike.")] = None,
    features: Annotated[int, typer.Option(help="Local features per picture, for a new index.")] = 300,
    workers: Annotated[int, typer.Option(help="Threads.")] = min(8, os.cpu_count() or 1),
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Learn the words anew and look at everything again.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> int:
    """Index a folder of pictures, or bring its index in step: new pictures come in, gone ones go."""
    from opsin.search import Index

    if not os.path.isdir(folder):
        raise ParamError(refusal("index", "DIR", "an existing folder", folder))
    with (
        Index(out or os.path.join(folder, _NAME), model=model, features=features) as index,
        Progress(console=errors, transient=True, disable=json or not errors.is_terminal) as bar,
    ):
        task = bar.add_task("looking at pictures", total=None)

        def step(count: int) -> None:
            bar.advance(task, count)

        def total(count: int) -> None:
            bar.update(task, total=count)

        if rebuild:
            total(len(index))
            done = index.rebuild(workers=workers, progress=step)
        else:
            done = index.add_folder(folder, workers=workers, progress=step, total=total)
        stats = index.stats()
    if json:
        counts = {"added": len(done.added), "same": len(done.same), "removed": len(done.removed)}
        failed = [{"key": k, "message": m} for k, m in done.failed]
        typer.echo(json_.dumps({**counts, "failed": failed, **stats}, indent=2))
    else:
        console.print(
            f"[bold]{stats['pictures']}[/] pictures, {stats['bytes'] / 1e6:.1f} MB: {len(done.added)} added, "
            f"{len(done.same)} unchanged, {len(done.removed)} removed"
        )
        if "advice" in stats:
            console.print(f"[dim]{escape(stats['advice'])}: opsin index DIR --rebuild[/]")
        for key, message in done.failed[:10]:
            console.print(f"[red]not read[/] {escape(key)}: {escape(message)}", soft_wrap=True)
        if len(done.failed) > 10:
            console.print(f"[red]and {len(done.failed) - 10} more[/]")
    return 1 if done.failed and not stats["pictures"] else 0


@app.command("search")
def search_command(
    picture: Annotated[str, typer.Argument(metavar="PICTURE", help="What to search for.")],
    index: Annotated[str, typer.Option("--index", "-i", help="The index, or the folder that holds one.")] = ".",
    count: Annotated[int, typer.Option(help="At most so many.")] = 10,
    method: Annotated[str, typer.Option(help="auto, points, looks, hash or embedding.")] = "auto",
    least: Annotated[float, typer.Option(help="The least score, 0 to 1.")] = 0.0,
    model: Annotated[str | None, typer.Option(help="The ONNX model that the index was made with.")] = None,
    out: Annotated[str | None, typer.Option("--out", "-o", help="Write a page (.html) or a sheet (.png ...).")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> int:
    """Find the pictures of an index that show the same thing, are copies, or look alike."""
    from opsin.search import Index
    from opsin.search.index import Method

    inside = os.path.join(index, _NAME)
    with Index(inside if os.path.isdir(inside) else index, create=False, model=model) as opened:
        hits = opened.search(picture, count=count, method=cast(Method, method), least=least)
    if out is not None:
        from opsin.io import write, write_bytes

        if out.lower().endswith((".html", ".htm")):
            write_bytes(out, hits.page(os.path.basename(picture)).encode())
        else:
            write(hits.draw(hits.query), out)
    if json:
        typer.echo(json_.dumps(hits.to_dict(), indent=2))
        return 0
    table = Table("score", "picture", "why", box=None, pad_edge=False, header_style="dim")
    for hit in hits:
        table.add_row(f"[bold]{hit.score:.3f}[/]", escape(hit.key), hit.reason())
    console.print(table)
    console.print(f"[dim]{len(hits)} of {hits.pictures} pictures in {1000 * hits.seconds:.0f} ms[/]")
    if out is not None:
        console.print(f"written: [bold]{escape(out)}[/]", soft_wrap=True)
    return 0
