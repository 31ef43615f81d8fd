"""`opsin prepare` and `opsin verify`: the job and its proof."""

from __future__ import annotations

import json as json_
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated, Any, Literal, cast

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from opsin.run.job import JobOptions, JobResult, JobStop, prepare, with_seed
from opsin.run.verify import verify
from opsin.surfaces.cli.app import app, console, errors, fail
from opsin.surfaces.cli.words import memory, part, read_pipeline, split_parts

__all__ = ["run_job"]


@app.command("prepare")
def prepare_command(
    source: Annotated[str, typer.Argument(metavar="SRC", help="The data set: a folder or an annotation file.")],
    pipeline: Annotated[str, typer.Option("--pipeline", "-p", help="The pipeline: a YAML file, or a preset's name.")],
    out: Annotated[str, typer.Option("--out", "-o", help="The output folder.")],
    source_format: Annotated[
        str | None, typer.Option("--from", help="Format of the source; found out by default.")
    ] = None,
    target_format: Annotated[str | None, typer.Option("--to", help="Format to write; the source's by default.")] = None,
    mode: Annotated[str, typer.Option(help="infer, or train: with augmentation, on the train part only.")] = "infer",
    variants: Annotated[int, typer.Option(help="Draws of each training picture.")] = 1,
    split: Annotated[str | None, typer.Option(help="Parts by key, such as train=0.8,val=0.2.")] = None,
    epoch: Annotated[int, typer.Option(help="Which pass over the data the draws belong to.")] = 0,
    workers: Annotated[int | None, typer.Option(help="Processes; one per core by default.")] = None,
    on_error: Annotated[str, typer.Option(help="quarantine, skip or raise.")] = "quarantine",
    max_bad: Annotated[str, typer.Option(help="Give up when more than this part is bad.")] = "5%",
    limit: Annotated[int | None, typer.Option(help="Only the first pictures.")] = None,
    shard: Annotated[int | None, typer.Option(help="The most samples a shard (webdataset, arrays).")] = None,
    seed: Annotated[int | None, typer.Option(help="Another seed than the pipeline's.")] = None,
    timeout: Annotated[float, typer.Option(help="Seconds that one picture may take.")] = 30.0,
    memory_limit: Annotated[str, typer.Option("--memory", help="Memory that a worker may use; 0 for no limit.")] = "4G",
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> int:
    """Bring a data set through a pipeline; run it again to go on after an interruption."""
    for name, value, allowed in (
        ("--mode", mode, ("infer", "train")),
        ("--on-error", on_error, ("quarantine", "skip", "raise")),
    ):
        if value not in allowed:
            raise fail(2, f"{name} must be one of {', '.join(allowed)}; got '{value}'.")
    options = JobOptions(
        source=source,
        pipeline=with_seed(read_pipeline(pipeline), seed),
        out=out,
        source_format=source_format,
        target_format=target_format,
        mode=cast(Literal["infer", "train"], mode),
        variants=variants,
        split=split_parts(split) if split else None,
        epoch=epoch,
        workers=workers or os.cpu_count() or 1,
        on_error=cast(Literal["quarantine", "skip", "raise"], on_error),
        max_bad=part(max_bad),
        limit=limit,
        shard=shard,
        seconds=timeout,
        memory=memory(memory_limit),
    )
    result = run_job(options, quiet=json)
    if json:
        typer.echo(json_.dumps(_plain(result), indent=2))
    else:
        _print(result)
    return result.code


def run_job(options: JobOptions, *, quiet: bool = False) -> JobResult:
    """Run a job with a progress bar; Ctrl-C ends it so that it can be gone on with."""
    with _stopping() as stopped, _progress(quiet) as progress:
        try:
            return prepare(options, progress=progress, stop=lambda: bool(stopped))
        except JobStop as stop:
            if stopped:
                raise JobStop(128 + stopped[0], str(stop)) from None
            raise


@contextmanager
def _stopping() -> Iterator[list[int]]:
    """Turn the first interrupt into a wish to stop, noted in the list; the second one ends the process."""
    noted: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if noted:
            os._exit(128 + number)
        noted.append(number)

    before = {n: signal.signal(n, note) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[int, int, dict[str, int]], None]]:
    """A bar on a terminal, a line now and then elsewhere, nothing when asked to be quiet."""
    if quiet:
        yield lambda done, total, counts: None
        return
    if not errors.is_terminal:
        last = [-1]

        def line(done: int, total: int, counts: dict[str, int]) -> None:
            tenth = 10 * done // max(total, 1)
            if tenth != last[0]:
                last[0] = tenth
                errors.print(f"{done} of {total} done, {counts['quarantined']} quarantined", soft_wrap=True)

        yield line
        return
    columns = (
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("[red]{task.fields[bad]}"),
    )
    with Progress(*columns, console=errors, transient=True) as bar:
        task = bar.add_task("preparing", total=None, bad="", rate="")
        first = [-1]

        def move(done: int, total: int, counts: dict[str, int]) -> None:
            if first[0] < 0:
                first[0] = done
            elapsed = bar.tasks[0].elapsed or 0.0
            rate = f"{(done - first[0]) / elapsed:.1f}/s" if elapsed > 0.5 else ""
            bad = f"{counts['quarantined']} quarantined" if counts["quarantined"] else ""
            bar.update(task, completed=done, total=total, bad=bad, rate=rate)

        yield move


def _plain(result: JobResult) -> dict[str, Any]:
    return {
        "out": str(result.out),
        "report": str(result.report),
        "counts": {"inputs": sum(result.counts.values()), "outputs": result.counts["done"]}
        | {k: result.counts[k] for k in ("quarantined", "filtered")},
        "losses": list(result.losses),
        "seconds": round(result.seconds, 3),
        "code": result.code,
    }


def _print(result: JobResult) -> None:
    counts, total = result.counts, sum(result.counts.values())
    parts = [f"[bold]{counts['done']}[/] of {total} prepared"]
    if counts["quarantined"]:
        parts.append(f"[red]{counts['quarantined']} quarantined[/]")
    if counts["filtered"]:
        parts.append(f"[yellow]{counts['filtered']} filtered[/]")
    if result.resumed:
        parts.append(f"{result.resumed} stood already")
    console.print(", ".join(parts) + f", in {result.seconds:.1f} s")
    for loss in result.losses:
        console.print(f"[yellow]not kept:[/] {loss}")
    if result.timings:
        whole = sum(v for k, v in result.timings.items() if not k.startswith("step ")) or 1.0
        table = Table("where the time went", "seconds", "part", box=None, pad_edge=False, header_style="dim")
        for name, seconds in sorted(result.timings.items(), key=lambda item: -item[1])[:12]:
            table.add_row(name, f"{seconds:.2f}", f"{seconds / whole:.0%}")
        console.print(table)
    if counts["quarantined"]:
        console.print(f"reasons: {result.out / 'errors.jsonl'}", soft_wrap=True)
    console.print(f"report:  [bold]{result.report}[/]", soft_wrap=True)


@app.command("verify")
def verify_command(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="A folder that `opsin prepare` wrote.")],
    repair: Annotated[bool, typer.Option(help="Mark what is damaged; the next prepare makes it anew.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON.")] = False,
) -> int:
    """Check that every output is present and whole, and that inputs = outputs + quarantined + filtered."""
    verdict = verify(folder, repair=repair)
    if json:
        plain = {"good": verdict.good, "counts": verdict.counts, "checked": verdict.checked, "faults": verdict.faults}
        typer.echo(json_.dumps(plain, indent=2))
    elif verdict.good:
        c = verdict.counts
        console.print(
            f"[green]good[/]: {sum(c.values())} inputs = {c['done']} outputs + {c['quarantined']} quarantined + "
            f"{c['filtered']} filtered; {verdict.checked} files whole"
        )
    else:
        for fault in verdict.faults:
            errors.print(f"[red]fault:[/] {fault}", soft_wrap=True)
    return 0 if verdict.good else 1
