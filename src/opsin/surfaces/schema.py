"""The JSON Schema of pipeline files, so that editors complete and check YAML; made from the specs."""

from __future__ import annotations

from typing import Any

from opsin.op import load_plugins, operations
from opsin.spec import OpSpec, Param

__all__ = ["pipeline_schema"]

_PAIR = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
_DRAWN = {
    "description": "a drawn value, inside augment only",
    "anyOf": [
        {"type": "object", "properties": {"uniform": _PAIR}, "required": ["uniform"], "additionalProperties": False},
        {
            "type": "object",
            "properties": {"log_uniform": _PAIR},
            "required": ["log_uniform"],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "properties": {"normal": _PAIR, "clipped": _PAIR},
            "required": ["normal", "clipped"],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "properties": {
                "choice": {"type": "array", "minItems": 1},
                "weights": {"type": "array", "items": {"type": "number"}},
            },
            "required": ["choice"],
            "additionalProperties": False,
        },
    ],
}
_WORDS: dict[str, Any] = {
    "p": {"type": "number", "minimum": 0, "maximum": 1, "description": "the share of draws in which it runs"},
    "id": {"type": "string", "description": "addresses the draws and names results"},
}


def pipeline_schema() -> dict[str, Any]:
    """Write the schema of a whole pipeline file (JSON Schema 2020-12)."""
    load_plugins()
    steps = {"type": "array", "items": {"$ref": "#/$defs/step"}}
    specs = [entry.spec for _, entry in sorted(operations().items())]
    shapes: list[Any] = [_step(spec) for spec in specs]
    shapes.append({"enum": [s.name for s in specs if not any(p.required for p in s.shown())]})
    shapes += [_group("augment", steps), _group("one_of", _weighted(steps)), _group("some_of", _counted(steps))]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Opsin pipeline",
        "type": "object",
        "required": ["opsin", "steps"],
        "additionalProperties": False,
        "properties": {
            "opsin": {"const": 1},
            "seed": {"type": "integer"},
            "decode": {"enum": ["exact", "fast"]},
            "frames": {"enum": ["keep", "open"]},
            "fuse": {"type": "boolean"},
            "rules": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "min_visible": {"type": "number", "minimum": 0, "maximum": 1},
                    "min_area": {"type": "number", "minimum": 0},
                    "min_side": {"type": "number", "minimum": 0},
                    "text": {"type": "array"},
                    "swap": {"type": "array", "items": {"type": "array", "minItems": 2, "maxItems": 2}},
                    "void": {"type": "integer", "minimum": 0, "maximum": 65535},
                },
            },
            "steps": steps,
        },
        "$defs": {"step": {"anyOf": shapes}, "drawn": _DRAWN},
    }


def _step(spec: OpSpec) -> dict[str, Any]:
    params = spec.shown()
    required = [p.name for p in params if p.required]
    body: dict[str, Any] = {
        "type": "object",
        "description": spec.summary,
        "additionalProperties": False,
        "properties": {p.name: _param(p) for p in params},
    }
    if required:
        body["required"] = required
    words = {**_WORDS, "into": {"type": "string", "description": "keeps the result under this name"}}
    shape = body if required else {"anyOf": [body, {"type": "null"}]}
    return {
        "type": "object",
        "required": [spec.name],
        "additionalProperties": False,
        "properties": {spec.name: shape, **words},
    }


def _param(param: Param) -> dict[str, Any]:
    out: dict[str, Any] = {"anyOf": [param.kind.schema(), {"$ref": "#/$defs/drawn"}]}
    described = f"{param.doc} ({param.unit})" if param.doc and param.unit else param.doc or param.unit
    if described:
        out["description"] = described
    if not param.required:
        out["default"] = list(param.default) if isinstance(param.default, tuple) else param.default
    return out


def _group(name: str, body: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": [name],
        "additionalProperties": False,
        "properties": {name: body, **_WORDS},
    }


def _weighted(steps: Any) -> dict[str, Any]:
    weights = {"type": "array", "items": {"type": "number", "minimum": 0}}
    words = {"weights": weights, "steps": steps}
    return {
        "anyOf": [steps, {"type": "object", "required": ["steps"], "additionalProperties": False, "properties": words}]
    }


def _counted(steps: Any) -> dict[str, Any]:
    words = {"count": {"type": "integer", "minimum": 0}, "steps": steps}
    return {"type": "object", "required": ["count", "steps"], "additionalProperties": False, "properties": words}
