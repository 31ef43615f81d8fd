"""`opsin apply`: one technique on pictures or folders."""

from __future__ import annotations

import json as json_
import sys
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.markup import escape

from opsin.chance import Rng
from opsin.errors import OpsinError, ParamError
from opsin.op import Op, op_of
from opsin.surfaces.cli.app import app, console, errors
from opsin.surfaces.cli.clips import apply_to_clip, is_clip, is_clip_work, morph_to_clip
from opsin.surfaces.cli.scans import SCANS, frame_of, is_scan, scan_frame, shown, volume_of
from opsin.surfaces.cli.words import op_params, read_rows
from opsin.values import Value

__all__: list[str] = []

_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".pnm", ".pgm", ".ppm", ".pbm"}


@app.command("apply", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def apply_command(
    context: typer.Context,
    op: Annotated[str, typer.Argument(metavar="OP", help="The technique; opsin ops lists them.")],
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT...", help="Pictures or folders; - for standard input.")],
    out: Annotated[
        str, typer.Option("--out", "-o", help="A picture's name, or a folder; - for standard output (PNG).")
    ],
    seed: Annotated[int, typer.Option(help="Addresses the draws of techniques that draw.")] = 0,
    tile: Annotated[int, typer.Option(help="Run in tiles of this many pixels a side; 0 runs the whole picture.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> int:
    """Run one technique on pictures or folders; its parameters read --name value.

    Results that are not pictures give a JSON file and a picture with the result drawn on it.
    """
    names, words = _divide([*inputs, *context.args])
    if tile and (is_clip_work(op, names) or op_of(op).spec.takes in ("frames", "pictures")):
        raise OpsinError(f"{op}: --tile is for techniques on one picture; leave it out.")
    if op != "track" and op_of(op).spec.takes in ("frames", "pictures"):
        return _together(op_of(op), names, words, Path(out), json)
    if is_clip_work(op, names):
        return apply_to_clip(op, names, words, out, seed, json)
    if op == "morph" and is_clip(out):
        if len(names) != 1:
            raise OpsinError(f"morph: one picture becomes another, which --other names; got {len(names)} inputs.")
        return morph_to_clip(names[0], words, out, json)
    entry = op_of(op)
    frame, words = frame_of(words) if any(is_scan(name) for name in names) else (0, words)
    params = op_params(entry.spec, words)
    files = _files(names)
    single = len(files) == 1 and (Path(out).suffix.lower() in _SUFFIXES | {".npy", ".json"} or out == "-")
    written, bad = [], 0
    for source, relative in files:
        try:
            target = Path(out) if single else Path(out) / relative
            written += _one(entry, params, source, target, seed, frame, tile)
        except ParamError:
            raise
        except OpsinError as reason:
            if len(files) == 1:
                raise
            bad += 1
            errors.print(f"[red]opsin:[/] {escape(str(reason))}", soft_wrap=True)
    if json:
        typer.echo(json_.dumps({"written": written, "failed": bad}, indent=2))
    elif out != "-":
        for name in written if len(written) <= 4 else []:
            console.print(escape(name), soft_wrap=True)
        if len(written) > 4:
            console.print(f"{len(written)} files in {escape(out)}", soft_wrap=True)
    return 3 if bad else 0


def _together(entry: Op, names: list[str], words: list[str], out: Path, json: bool) -> int:
    """Run a technique that takes several pictures at once on all inputs: pictures, one folder, or one clip."""
    from opsin.io import read, write, write_bytes
    from opsin.io.clip import frames

    params = op_params(entry.spec, words)
    several = len(names) > 1 or Path(names[0]).suffix.lower() in _SUFFIXES
    if entry.spec.takes == "pictures":
        # by name, so that a picture which does not belong is told by it
        stack: Any = {str(relative): read(source) for source, relative in _files(names)}
        if len(stack) < len(_files(names)):
            stack = {str(source): read(source) for source, _ in _files(names)}
        with errors.status(entry.name) as status:  # only on a terminal
            said = {"progress": lambda what, done, total: status.update(f"{what} {done} of {total}")}
            result = entry.public(stack, **(said if "progress" in entry.spec.params else {}), **params)
    else:
        stack = (read(name) for name in names) if several else frames(names[0])
        result = entry.public(stack if entry.spec.returns == "image" else list(stack), **params)
    if str(out) != "-":
        out.parent.mkdir(parents=True, exist_ok=True)
    if entry.spec.returns in ("image", "panorama"):
        written = _out(np.asarray(result), out)
        if hasattr(result, "to_dict") and str(out) != "-":
            side = out.with_suffix(".json")
            write_bytes(side, (json_.dumps(result.to_dict(), indent=2) + "\n").encode())
            written.append(str(side))
    else:
        side = out.with_suffix(".json")
        write_bytes(side, (json_.dumps(result.to_dict(), indent=2) + "\n").encode())
        written = [str(side)]
        if type(result).draw is not Value.draw:
            first = read(names[0]) if several else next(frames(names[0]))
            write(result.draw(first), out)
            written.append(str(out))
    if json:
        typer.echo(json_.dumps({"written": written, "failed": 0}, indent=2))
    elif str(out) != "-":
        for name in written:
            console.print(escape(name), soft_wrap=True)
    return 0


def _out(picture: Any, target: Path, **words: Any) -> list[str]:
    """Write a picture to its file, or as PNG to standard output."""
    from opsin.io import encode, write

    if str(target) == "-":
        sys.stdout.buffer.write(encode(picture, "png"))
        return ["-"]
    write(shown(picture, str(target)), target, **words)
    return [str(target)]


def _divide(words: list[str]) -> tuple[list[str], list[str]]:
    """Part file names from `--name value` words; every name before the first `--`."""
    first = next((i for i, w in enumerate(words) if w.startswith("--")), len(words))
    return words[:first], words[first:]


def _files(inputs: list[str]) -> list[tuple[Any, Path]]:
    """List (source, name below the output folder) of every picture."""
    out: list[tuple[Any, Path]] = []
    for name in inputs:
        path = Path(name)
        if name == "-":
            out.append((sys.stdin.buffer.read(), Path("stdin.png")))
        elif path.is_dir():
            known = (*_SUFFIXES, *SCANS)
            found = sorted(p for p in path.rglob("*") if p.name.lower().endswith(tuple(known)) and p.is_file())
            out += [(p, _named(p, p.relative_to(path))) for p in found]
        else:
            out.append((path, _named(path, Path(path.name))))
    if not out:
        raise OpsinError(f"{', '.join(inputs)}: holds no pictures.")
    return out


def _named(path: Path, relative: Path) -> Path:
    """Name what is written: as the input, and a scan as PNG."""
    if not is_scan(path):
        return relative
    return relative.with_name(relative.name.removesuffix(".gz")).with_suffix(".png")


def _one(
    entry: Op, params: dict[str, Any], source: Any, target: Path, seed: int, frame: int = 0, tile: int = 0
) -> list[str]:
    from opsin.io import read, write, write_bytes
    from opsin.kernels.stego import refuse_lossy
    from opsin.sample import Sample
    from opsin.tiling import run_tiled

    given = dict(params)
    hiding = entry.name == "hide" and str(target) != "-"
    lossless = hiding and target.suffix.lower() == ".webp"
    if hiding:
        refuse_lossy(target, lossless=lossless)
    if entry.spec.random:
        given["rng"] = Rng(seed, key=target.name)
    image: Any
    if entry.spec.takes in ("boxes", "descriptors") and str(source).endswith(".json"):
        image = read_rows(str(source))
    elif entry.spec.takes == "volume" and is_scan(source):
        image, given = volume_of(entry, source, given)
    else:
        image = scan_frame(source, frame) if is_scan(source) else read(source)
    if entry.spec.takes == "mask":
        image = (image if image.ndim == 2 else image[..., 0]) > 0
    elif entry.spec.takes == "sample":
        image = Sample(image, key=target.name)
    result = run_tiled(entry.public, image, tile=tile, **given) if tile else entry.public(image, **given)
    if isinstance(result, Sample):
        if result.filtered is not None:
            raise OpsinError(f"{target.name}: {result.filtered}")
        result = result.image
    if str(target) != "-":
        target.parent.mkdir(parents=True, exist_ok=True)
    picture = isinstance(result, np.ndarray) and entry.spec.returns in ("image", "warp", "mask", "rgb", "gray")
    if picture:
        written = _out(result, target, **({"lossless": True} if lossless else {}))
        if hasattr(result, "to_dict") and written != ["-"]:
            # a mask that knows more than its pixels, such as the threshold that made it
            side = target.with_suffix(".json")
            write_bytes(side, (json_.dumps(result.to_dict(), indent=2) + "\n").encode())
            written.append(str(side))
        return written
    plain = result.to_dict() if hasattr(result, "to_dict") else _plain(result)
    text = json_.dumps(plain, indent=2) + "\n"
    if str(target) == "-":
        typer.echo(text, nl=False)
        return ["-"]
    side = target.with_suffix(".json")
    write_bytes(side, text.encode())
    written = [str(side)]
    drawable = isinstance(image, np.ndarray | Sample) and getattr(type(result), "draw", Value.draw) is not Value.draw
    if drawable and target.suffix.lower() != ".json":  # where JSON is asked for by name, nothing else is written
        sheet = target if target.suffix.lower() in _SUFFIXES else target.with_suffix(".png")
        write(result.draw(image), sheet)
        written.append(str(sheet))
    return written


def _plain(value: Any) -> Any:
    """Turn arrays and NumPy numbers into plain data."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    return value
