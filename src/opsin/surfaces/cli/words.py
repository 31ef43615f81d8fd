"""Read what people type: sizes, parts, and the values of parameters by their specs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from opsin.errors import OpsinError, ParamError, did_you_mean, refusal
from opsin.io.named import array_file, file_named, named_array
from opsin.kinds import ArrayKind, Either, Flag, Text, Typed
from opsin.pipeline import Pipeline
from opsin.presets import preset, presets
from opsin.spec import Carrier, OpSpec, Param
from opsin.surfaces.cli.scans import SCANS
from opsin.values import Boxes, Points

__all__ = ["memory", "op_params", "part", "read_pipeline", "read_rows", "split_parts"]


def read_pipeline(name: str) -> Pipeline:
    """Read a pipeline from a file, or take a preset by its name."""
    if Path(name).is_file():
        return Pipeline.from_yaml(Path(name))
    if name in presets():
        return preset(name)
    hint = did_you_mean(name, presets())
    raise OpsinError(f"{name}: no such pipeline file, and no preset of this name." + (f" {hint}" if hint else ""))


def memory(text: str) -> int:
    """Read an amount of memory: `4G`, `512M`, `0`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?", text.strip(), re.IGNORECASE)
    if not match:
        raise OpsinError(refusal("memory", "value", "an amount such as 4G or 512M", text))
    return int(float(match[1]) * 1024 ** " KMGT".index(match[2].upper() or " "))


def part(text: str) -> float:
    """Read a part of the whole: `5%` or `0.05`."""
    try:
        value = float(text.removesuffix("%")) / (100.0 if text.endswith("%") else 1.0)
    except ValueError:
        raise OpsinError(refusal("max-bad", "value", "a part such as 5% or 0.05", text)) from None
    return value


def split_parts(text: str) -> tuple[tuple[str, float], ...]:
    """Read parts of a split: `train=0.8,val=0.2`."""
    out = []
    for item in text.split(","):
        name, equals, value = item.partition("=")
        try:
            out.append((name.strip(), float(value)))
        except ValueError:
            equals = ""
        if not equals or not name.strip():
            raise OpsinError(refusal("split", "value", "parts such as train=0.8,val=0.2", text))
    return tuple(out)


def op_params(spec: OpSpec, words: list[str]) -> dict[str, Any]:
    """Read `--name value` pairs by a technique's spec; `--flag` and `--no-flag` for true and false.

    Raises:
        ParamError: an unknown name or a value of a wrong kind, in the one sentence.
    """
    out: dict[str, Any] = {}
    i = 0
    while i < len(words):
        word = words[i]
        if not word.startswith("--"):
            raise ParamError(f"{spec.name}: '{word}' is not understood; parameters read --name value.")
        name, equals, value = word[2:].partition("=")
        name = name.replace("-", "_")
        flag = name.removeprefix("no_")
        param = spec.params.get(name) or spec.params.get(flag)
        if param is None or param.supplied:
            spec.fill({name: value})
            raise ParamError(f"{spec.name}: '{name}' is supplied; leave it out.")
        if isinstance(param.kind, Flag) and not equals and (i + 1 == len(words) or words[i + 1].startswith("--")):
            out[param.name] = name == param.name
            i += 1
            continue
        if not equals:
            if i + 1 == len(words):
                raise ParamError(refusal(spec.name, name, param.english(), "nothing"))
            i += 1
            value = words[i]
        out[param.name] = param.accept(spec.name, _value(param, value))
        i += 1
    return out


def _value(param: Param, text: str) -> Any:
    """Turn text into a value: a file for pictures and masks, JSON, a comma list, or the text itself."""
    from opsin.io import read_bytes
    from opsin.io.parse_json import parse_json

    kinds = param.kind.kinds if isinstance(param.kind, Either) else (param.kind,)
    array = next((kind for kind in kinds if isinstance(kind, ArrayKind)), None)
    written = text.endswith(".json")
    if written and any(isinstance(kind, Typed) for kind in kinds):
        return read_rows(text)
    if written and any(isinstance(kind, Carrier) for kind in kinds):
        return parse_json(read_bytes(text).data, source=text)
    words = any(isinstance(kind, Text) for kind in kinds)
    if array is not None and text.lower().endswith(SCANS) and file_named(text) is not None:
        from opsin import medical

        return medical.read_scan(text).frames if array.shape.axes == 3 else medical.read(text).image
    if array is not None and not words:
        named = named_array(array.role, text)
        if not isinstance(named, str):
            return named
    elif array is not None and (file := file_named(text)) is not None:
        return array_file(array.role, file)
    if words:
        return text
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return float(text)  # .3, which is no JSON
    except ValueError:
        pass
    if "," in text:
        try:
            return tuple(_number(part) for part in text.strip("()[]").split(","))
        except ValueError:
            return text
    return text


def _number(text: str) -> float:
    try:
        return int(text)
    except ValueError:
        return float(text)


def read_rows(path: str) -> Boxes | Points:
    """Read boxes or points with all their columns, as `opsin apply` wrote them.

    Raises:
        OpsinError: the file holds something else.
    """
    from opsin.io import read_bytes
    from opsin.io.parse_json import parse_json

    data = parse_json(read_bytes(path).data, source=path)
    if not isinstance(data, dict) or not {"boxes", "points"} & data.keys():
        raise OpsinError(f"{path}: holds no boxes or points as opsin apply writes them.")
    kind, name = (Boxes, "boxes") if "boxes" in data else (Points, "points")
    columns = {key: value for key, value in data.items() if key not in ("type", "count", "text", name)}
    if "descriptors" in columns:
        rows = columns["descriptors"]
        # bits are written as whole numbers, distances as fractions
        bits = bool(rows) and all(isinstance(v, int) for v in rows[0])
        columns["descriptors"] = np.asarray(rows, dtype=np.uint8 if bits else np.float32)
    return kind(data[name], **columns)
