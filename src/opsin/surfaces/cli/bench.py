"""`opsin bench`: speed on this machine, against what is installed here."""

from __future__ import annotations

import json as json_
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from opsin.surfaces.cli.app import app, console, errors, fail

__all__: list[str] = []


@app.command("bench")
def bench_command(
    what: Annotated[list[str] | None, typer.Argument(help="P1 to P6, or quality; all pipelines by default.")] = None,
    rounds: Annotated[int, typer.Option(help="How often everybody takes a turn.")] = 7,
    out: Annotated[str | None, typer.Option("--out", "-o", help="Write the figures to this JSON file as well.")] = None,
    boundaries: Annotated[
        str | None, typer.Option(help="With quality: Canny's F on images/ and groundTruth/ of this folder (BSDS500).")
    ] = None,
    denoise_set: Annotated[
        str | None, typer.Option(help="With quality: bm3d's PSNR on the pictures of this folder (Set12, BSD68).")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> int:
    """Measure the six pipelines against the peers that are installed, and say what bounds this machine."""
    names = what or ["P1", "P2", "P3", "P4", "P5", "P6"]
    if names == ["quality"]:
        return _quality(json, boundaries, denoise_set)
    if boundaries is not None or denoise_set is not None:
        raise fail(2, "bench: --boundaries and --denoise-set belong to quality; write opsin bench quality.")
    from opsin.io import write_bytes
    from opsin.surfaces.bench import PIPELINES, measure
    from opsin.surfaces.bench.pictures import large, small

    unknown = [n for n in names if n not in PIPELINES]
    if unknown:
        raise fail(2, f"bench: '{unknown[0]}' is not one of {', '.join(PIPELINES)}, quality.")
    few, many = large() if "P5" in names else [], small() if set(names) - {"P5"} else []
    results = []
    for name in names:
        with errors.status(f"{name} ..."):
            results.append(measure(name, few if name == "P5" else many, rounds))
    bound = _bound(many or few, results)
    plain = {"results": [r.to_dict() for r in results], "bound": bound}
    if out is not None:
        write_bytes(Path(out), (json_.dumps(plain, indent=1) + "\n").encode())
    if json:
        typer.echo(json_.dumps(plain, indent=1))
        return 0
    _table(results)
    console.print(bound["says"], soft_wrap=True)
    return 0


def _table(results: list[Any]) -> None:
    peers = list(dict.fromkeys(p for r in results for p in r.seconds if not p.startswith("opsin")))
    table = Table("", "ms a picture", box=None, pad_edge=False, header_style="dim")
    for peer in peers:
        table.add_column(peer, justify="right")
    table.add_column("2 threads", justify="right")
    table.add_column("dB, worst", justify="right")
    for r in results:
        cells = [f"{r.ratio(p):.2f} x" if p in r.seconds else "" for p in peers]
        gain = r.seconds["opsin, batch"] / r.seconds["opsin, batch, 2 threads"]
        table.add_row(r.name, f"{1000 * r.seconds['opsin, batch']:.3f}", *cells, f"{gain:.2f} x", f"{r.worst_db:.1f}")
    console.print(table)
    console.print(
        "[dim]how many times faster Opsin's batch is than each, one thread, medians of one interleaved run[/]"
    )
    for r in results:
        for peer, why in r.left_out.items():
            console.print(f"[dim]{r.name}: {peer} left out, {why}[/]", soft_wrap=True)


def _bound(files: list[bytes], results: list[Any]) -> dict[str, Any]:
    """Compare what reading, decoding and the pipeline cost: the largest bounds this machine."""
    from opsin.io import decode, read_bytes, write_bytes
    from opsin.kernels import native

    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for i, data in enumerate(files):
            path = Path(folder) / f"{i}.jpg"
            write_bytes(path, data)
            paths.append(path)
        start = time.perf_counter()
        for path in paths:
            read_bytes(path)
        reading = (time.perf_counter() - start) / len(files)
    start = time.perf_counter()
    for data in files:
        native.decode_planes(data) if native.available() else decode(data)
    decoding = (time.perf_counter() - start) / len(files)
    whole = max(r.seconds["opsin, batch"] for r in results)
    parts = {"disk": reading, "decoding": decoding, "computing": max(0.0, whole - decoding)}
    most = max(parts, key=lambda k: parts[k])
    says = (
        f"Of {1000 * (reading + whole):.2f} ms a picture most goes to {most}: this machine is {_WORD[most]}-bound here."
    )
    return {"ms": {k: round(1000 * v, 4) for k, v in parts.items()}, "by": most, "says": says}


_WORD = {"disk": "disk", "decoding": "decode", "computing": "CPU"}


def _quality(json: bool, boundaries: str | None, denoise_set: str | None) -> int:
    from opsin.surfaces.bench_boundaries import boundary_folder, canny_scores
    from opsin.surfaces.bench_quality import denoise_folder, measure_quality

    if boundaries is not None:
        scores = canny_scores(boundary_folder(boundaries))
        line = "{pictures} pictures: F {F:.4f} (precision {precision:.4f}, recall {recall:.4f}), sigma {sigma:g}, "
        typer.echo(json_.dumps(scores) if json else (line + "high {high:g}").format(**scores))
    if denoise_set is not None:
        typer.echo(denoise_folder(denoise_set))
    if boundaries is None and denoise_set is None:
        found = measure_quality()
        typer.echo(json_.dumps(found, indent=1) if json else found)
    return 0
