"""`opsin apply` on clips: any technique frame by frame, and `track`, which follows what a detector finds."""

from __future__ import annotations

import json as json_
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import typer
from rich.markup import escape

from opsin.chance import Rng
from opsin.errors import OpsinError, ParamError, did_you_mean, refusal
from opsin.op import Op, op_of, operations
from opsin.surfaces.cli.app import console
from opsin.surfaces.cli.words import op_params
from opsin.types import Array

__all__ = ["apply_to_clip", "is_clip", "is_clip_work", "morph_to_clip"]

_CLIPS = {".mp4", ".m4v", ".mov", ".mkv", ".avi", ".webm", ".mpg", ".mpeg", ".ts", ".wmv"}
_TRACKING: dict[str, Any] = {"method": str, "high": float, "low": float, "patience": int, "confirm": int}


def is_clip_work(op: str, names: list[str]) -> bool:
    """Say whether a command works on a clip: `track` always does, other techniques when the input is one."""
    return op == "track" or any(is_clip(name) for name in names)


def apply_to_clip(op: str, names: list[str], words: list[str], out: str, seed: int, json: bool) -> int:
    """Run `opsin apply` on one clip."""
    if len(names) != 1:
        raise OpsinError(f"{op}: one clip at a time is worked on; got {len(names)} inputs.")
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    written = _track(names[0], words, out) if op == "track" else _frames(op_of(op), names[0], words, out, seed)
    if json:
        typer.echo(json_.dumps({"written": written, "failed": 0}, indent=2))
    else:
        for name in written:
            console.print(escape(name), soft_wrap=True)
    return 0


def morph_to_clip(name: str, words: list[str], out: str, json: bool) -> int:
    """Run `opsin apply morph` with a clip as its result: --frames many, --rate of them a second."""
    from opsin import video
    from opsin.io import read

    counts = {"frames": 60, "rate": 25}
    rest: list[str] = []
    i = 0
    while i < len(words):
        key, equals, value = words[i].removeprefix("--").partition("=")
        if words[i].startswith("--") and key in counts:
            if not equals:
                i += 1
                value = words[i] if i < len(words) else "nothing"
            if not value.isdecimal() or int(value) < 1:
                raise ParamError(refusal("morph", key, "a whole number at least 1", value))
            counts[key] = int(value)
        else:
            rest.append(words[i])
        i += 1
    params = op_params(op_of("morph").spec, rest)
    if "fraction" in params or "other" not in params:
        wanted = "left out where --out is a clip" if "fraction" in params else "the other picture"
        given = params.get("fraction", "nothing")
        raise ParamError(refusal("morph", "fraction" if "fraction" in params else "other", wanted, given))
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    written = video.write(out, video.morph(read(name), count=counts["frames"], **params), rate=counts["rate"])
    if json:
        typer.echo(json_.dumps({"written": [out], "frames": written, "failed": 0}, indent=2))
    else:
        console.print(escape(out), soft_wrap=True)
    return 0


def is_clip(name: str) -> bool:
    """Say whether a name is that of a clip."""
    return Path(name).suffix.lower() in _CLIPS


def _frames(entry: Op, source: str, words: list[str], out: str, seed: int) -> list[str]:
    """Run a technique on every frame; one that draws draws once for the clip."""
    from opsin import video

    params = op_params(entry.spec, words)
    if entry.spec.random:
        params["rng"] = Rng(seed, key=Path(source).name)
    clip = video.Video(source)

    def run() -> Iterator[Array]:
        for frame in clip:
            result = entry.public(frame.image, **params)
            yield result if isinstance(result, np.ndarray) and result.ndim in (2, 3) else result.draw(frame.image)

    if entry.spec.takes not in ("image", "rgb", "gray"):
        raise ParamError(refusal(entry.name, "input", "pictures, not a clip,", source))
    video.write(out, run(), rate=clip.facts.rate)
    return [out]


def _track(source: str, words: list[str], out: str) -> list[str]:
    from opsin import video
    from opsin.io import write_bytes
    from opsin.tracking import track

    options, rest = _options(words)
    detector = options.pop("detector", None)
    known = sorted(name for name, e in operations().items() if e.spec.name.startswith("detect_"))
    if detector is None:
        raise OpsinError(f"track: --detector must name a technique that gives boxes, such as {', '.join(known)}.")
    entry = op_of(detector)
    params = op_params(entry.spec, rest)
    mot, trail = options.pop("mot", None), int(options.pop("trail", 30))
    clip = video.Video(source)

    def found() -> Iterator[Any]:
        for frame in clip:
            boxes = entry.public(frame.image, **params)
            if not hasattr(boxes, "boxes"):
                hint = did_you_mean(detector, known)
                raise ParamError(refusal("track", "detector", "a technique that gives boxes", detector, hint))
            yield boxes

    chosen = {name: _TRACKING[name](text) for name, text in options.items()}
    # detectors without a probability for a score must not be cut by ByteTrack's usual thresholds
    chosen.setdefault("high", 0.0)
    chosen.setdefault("low", min(0.1, chosen["high"]))
    tracks = track(found(), **chosen)
    video.write(out, (tracks.draw(f.image, frame=f.index, trail=trail) for f in clip), rate=clip.facts.rate)
    side = str(Path(out).with_suffix(".json"))
    write_bytes(side, (json_.dumps(tracks.to_dict(), indent=2) + "\n").encode())
    written = [out, side]
    if mot is not None:
        tracks.write_mot(mot)
        written.append(mot)
    console.print(f"{len(tracks)} objects in {tracks.length} frames")
    return written


def _options(words: list[str]) -> tuple[dict[str, str], list[str]]:
    """Part the words of `track` from those of its detector."""
    own: dict[str, str] = {}
    rest: list[str] = []
    i = 0
    while i < len(words):
        name, equals, value = words[i].removeprefix("--").partition("=")
        if words[i].startswith("--") and name in ("detector", "mot", "trail", *_TRACKING):
            if not equals:
                i += 1
                if i == len(words):
                    raise ParamError(refusal("track", name, "followed by its value", "nothing"))
                value = words[i]
            try:
                _TRACKING.get(name, int if name == "trail" else str)(value)
            except ValueError:
                raise ParamError(refusal("track", name, "a number", value)) from None
            own[name] = value
        elif words[i].startswith("--detector-"):
            rest.append("--" + words[i].removeprefix("--detector-"))  # where both have a parameter of one name
        else:
            rest.append(words[i])
        i += 1
    return own, rest
