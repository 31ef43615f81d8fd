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

_OTHERS = ("loaders", "prepare", "ops", "scratch", "quality")


@app.command("bench")
def bench_command(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            help="P1 to P6 (all by default); or loaders, prepare, ops, scratch, quality, each by itself; after "
            "loaders, pipelines."
        ),
    ] = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="How often everybody takes a turn.")] = None,
    pictures: Annotated[int | None, typer.Option(min=1, help="How many pictures are measured on.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="Only this peer; may be said several times.")] = None,
    out: Annotated[str | None, typer.Option("--out", "-o", help="Write the figures to this JSON file as well.")] = None,
    boundaries: Annotated[
        str | None, typer.Option(help="With quality: Canny's F on images/ and groundTruth/ of this folder (BSDS500).")
    ] = None,
    denoise_set: Annotated[
        str | None, typer.Option(help="With quality: bm3d's PSNR on the pictures of this folder (Set12, BSD68).")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> int:
    """Measure the six pipelines against the peers that are installed, and say what bounds this machine.

    loaders: two threads against two processes of torch's DataLoader. prepare: the job against Pillow and a pool of
    processes. ops: single techniques against OpenCV's. scratch: memory on 12 megapixels. quality: denoisers and others.
    """
    from opsin.surfaces.bench import PEERS, PIPELINES

    names = list(what or ())
    other = names[0] if names and names[0] in _OTHERS else None
    chosen = names[1:] if other else names
    allowed = () if other not in (None, "loaders") else tuple(PIPELINES)
    for name in chosen:
        if name not in allowed:
            options = ", ".join((*PIPELINES, *_OTHERS) if other is None else allowed) or "nothing"
            raise fail(2, f"bench: what must be one of {options}; got '{name}'.")
    for name in only or ():
        if name not in PEERS:
            raise fail(2, f"bench: --only must be one of {', '.join(PEERS)}; got '{name}'.")
    if other == "quality":
        return _quality(json, boundaries, denoise_set)
    if boundaries is not None or denoise_set is not None:
        raise fail(2, "bench: --boundaries and --denoise-set belong to quality; write opsin bench quality.")
    chosen = chosen or list(PIPELINES)
    if other is None:
        plain = _pipelines(chosen, rounds or 7, pictures, only)
    elif other == "loaders":
        plain = {"loaders": _loaders(chosen, rounds or 5, pictures, only)}
    elif other == "prepare":
        plain = {"prepare": _prepare(rounds or 3, pictures or 1500)}
    elif other == "ops":
        plain = {"ops": _ops(rounds or 7)}
    else:
        plain = {"scratch": _scratch()}
    if out is not None:
        from opsin.io import write_bytes

        write_bytes(Path(out), (json_.dumps(plain, indent=1) + "\n").encode())
    if json:
        typer.echo(json_.dumps(plain, indent=1))
    else:
        _show(plain)
    return 0


def _files(names: list[str], count: int | None) -> tuple[list[bytes], list[bytes]]:
    from opsin.surfaces.bench.pictures import large, small

    few = large(count or 8, min(count or 4, 4)) if "P5" in names else []
    return few, small(count or 48) if set(names) - {"P5"} else []


def _pipelines(names: list[str], rounds: int, count: int | None, only: list[str] | None) -> dict[str, Any]:
    from opsin.kernels import native
    from opsin.surfaces.bench import measure

    few, many = _files(names, count)
    results = []
    for name in names:
        with errors.status(f"{name} ..."):
            results.append(measure(name, few if name == "P5" else many, rounds, only))
    return {
        "core": f"{native.version()}, {native.simd_level()}" if native.available() else "none",
        "results": [r.to_dict() for r in results],
        "bound": _bound(many or few, results),
    }


def _loaders(names: list[str], rounds: int, count: int | None, only: list[str] | None) -> list[dict[str, Any]]:
    from opsin.surfaces.bench.loaders import measure_loaders

    few, many = _files(names, count)
    out = []
    for name in names:
        with errors.status(f"loaders, {name} ..."):
            out.append(measure_loaders(name, few if name == "P5" else many, rounds, only))
    return out


def _prepare(rounds: int, count: int) -> dict[str, Any]:
    from opsin.surfaces.bench.pictures import small
    from opsin.surfaces.bench.preparing import measure_prepare

    with errors.status("prepare ..."):
        return measure_prepare(small(min(count, 48)), count, rounds)


def _ops(rounds: int) -> list[dict[str, Any]]:
    from opsin.kernels.extras import need
    from opsin.surfaces.bench.single import measure_single

    need("cv2", "bench ops")
    with errors.status("single techniques ..."):
        return measure_single(rounds)


def _scratch() -> dict[str, Any]:
    from opsin.surfaces.bench.pictures import large, small
    from opsin.surfaces.bench.scratch import measure_scratch

    return measure_scratch(small(1)[0], large(1, 1)[0])


def _show(plain: dict[str, Any]) -> None:
    if "results" in plain:
        _table(plain["results"])
        console.print(plain["bound"]["says"], soft_wrap=True)
    for row in plain.get("loaders", ()):
        console.print(f"[bold]{row['pipeline']}[/] {row.get('says', '')}", soft_wrap=True)
        speeds = ", ".join(f"{k} {v:.0f}" for k, v in row["pictures a second"].items())
        console.print(f"[dim]pictures a second: {speeds}[/]", soft_wrap=True)
        for peer, why in row["left out"].items():
            console.print(f"[dim]{peer} left out: {why}[/]", soft_wrap=True, markup=True)
    for part in ("prepare", "scratch"):
        if part in plain:
            console.print(plain[part]["says"], soft_wrap=True)
    if "ops" in plain:
        table = Table("technique", "size", box=None, pad_edge=False, header_style="dim")
        for column in ("Opsin, us", "OpenCV, us", "ratio", "apart, levels"):
            table.add_column(column, justify="right")
        for r in plain["ops"]:
            mark = "[bold red]" if r["slower"] else ""
            cells = (f"{r['opsin us']:.0f}", f"{r['OpenCV us']:.0f}", f"{mark}{r['ratio']:.2f}", f"{r['apart']:.2f}")
            table.add_row(r["technique"], r["size"], *cells)
        console.print(table)
        console.print("[dim]ratio: OpenCV's time and 10 us, by Opsin's; below 1 Opsin is slower[/]")


def _table(results: list[dict[str, Any]]) -> None:
    for r in results:
        ms = r["ms"]
        two = f", {ms['opsin, batch, 2 threads']:.3f} on two threads" if "opsin, batch, 2 threads" in ms else ""
        own = f"{ms['opsin, batch']:.3f} ms a picture in batches of 16, {ms['opsin']:.3f} in single calls{two}"
        console.print(f"[bold]{r['pipeline']}[/] {own}", soft_wrap=True)
        for what, says in r["verdicts"].items():
            color = "red" if "NOT met" in says else "green" if "met)" in says or ": met" in says else "default"
            console.print(f"   {what}: [{color}]{says}[/]", soft_wrap=True)
        others = ", ".join(f"{p} {v:.2f} x" for p, v in sorted(r["times faster"].items(), key=lambda kv: kv[1]))
        console.print(f"   [dim]faster than {others}[/]", soft_wrap=True)
        for peer, why in r["left out"].items():
            console.print(f"   [dim]{peer} left out: {why}[/]", soft_wrap=True)
        if r["processor share"] < 0.95:
            part = 1 - r["processor share"]
            console.print(f"   [yellow]other programs took {part:.0%} of the processor: figures are rough[/]")


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
