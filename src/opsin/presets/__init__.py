"""Pipelines that the field agrees on, as readable YAML beside this file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opsin.errors import PipelineError, did_you_mean
from opsin.pipeline import Pipeline

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

__all__ = ["preset", "preset_text", "presets"]


def _folder() -> Traversable:
    from importlib import resources  # slow to import, and only presets need it

    return resources.files("opsin.presets")


def presets() -> list[str]:
    """List the names of all presets."""
    return sorted(p.name.removesuffix(".yaml") for p in _folder().iterdir() if p.name.endswith(".yaml"))


def preset_text(name: str) -> str:
    """Give a preset's YAML text, to be copied and changed.

    Raises:
        PipelineError: no preset of this name.
    """
    known = presets()
    if name not in known:
        hint = did_you_mean(name, known)
        raise PipelineError(f"'{name}' is not a preset; there are {', '.join(known)}." + (f" {hint}" if hint else ""))
    from opsin.io import read_bytes

    return read_bytes(str(_folder().joinpath(f"{name}.yaml"))).data.decode()


def preset(name: str) -> Pipeline:
    """Build a preset's pipeline: `opsin.preset("imagenet-train")`."""
    return Pipeline.from_yaml(preset_text(name))
