"""`opsin demo`: the main job on real photographs, without a network."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from opsin.pipeline import Pipeline
from opsin.run.job import JobOptions
from opsin.surfaces.cli.app import app, console
from opsin.surfaces.cli.prepare import _print, run_job

__all__: list[str] = []


@app.command("demo")
def demo_command(
    out: Annotated[str, typer.Option("--out", "-o", help="Where to work.")] = "opsin-demo",
    workers: Annotated[int | None, typer.Option(help="Processes; one per core by default.")] = None,
) -> int:
    """Run the main job on photographs that come inside installed packages, and say where the report lies."""
    from opsin.io import write_bytes
    from opsin.surfaces.demo import PIPELINE, write_source

    folder = Path(out)
    source = write_source(folder / "source")
    write_bytes(folder / "pipeline.yaml", PIPELINE.encode())
    console.print(
        f"[dim]$ opsin prepare {source} --pipeline {folder / 'pipeline.yaml'} --out {folder / 'prepared'} "
        "--mode train --variants 3 --max-bad 20%[/]",
        soft_wrap=True,
    )
    options = JobOptions(
        source=str(source),
        pipeline=Pipeline.from_yaml(folder / "pipeline.yaml"),
        out=str(folder / "prepared"),
        mode="train",
        variants=3,
        workers=workers or os.cpu_count() or 1,
        max_bad=0.2,
    )
    result = run_job(options)
    _print(result)
    variants = _variants(source, folder)
    console.print(f"variants of one picture: [bold]{variants}[/]", soft_wrap=True)
    console.print("[dim]The one quarantined file was cut short on purpose: nothing is lost unseen.[/]")
    return 0


def _variants(source: Path, folder: Path) -> Path:
    """Draw nine variants of one photograph, as training would see them."""
    from opsin.datasets import open_dataset
    from opsin.draw import contact_sheet
    from opsin.io import write

    pipeline = Pipeline.from_yaml(folder / "pipeline.yaml")
    data = open_dataset(str(source))
    sample = data.load(next(k for k in data.keys if "astronaut" in k))
    pictures, captions = [sample.show()], ["original"]
    for draw in range(8):
        out = pipeline(sample, mode="train", epoch=0, draw=draw)
        pictures.append(out.show())
        captions.append(f"draw {draw}: " + ", ".join(k for k in out.draws if k != "letterbox"))
    path = folder / "variants.png"
    write(contact_sheet(pictures, columns=3, captions=captions, cell=(320, 320)), path)
    return path
