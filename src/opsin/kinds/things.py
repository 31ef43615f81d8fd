"""Kinds of things that are handed over: arrays and pictures, typed values, actions, and what a pipeline supplies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from opsin.kinds.plain import Kind, Mismatch
from opsin.types import Shape

__all__ = ["Action", "Address", "ArrayKind", "Partner", "Typed"]


@dataclass(frozen=True)
class Address(Kind):
    """Where a technique's chance comes from; pipelines supply it."""

    def english(self) -> str:
        """Say it."""
        return "an opsin.Rng or a seed"


@dataclass(frozen=True)
class Partner(Kind):
    """Another sample, or several; pipelines supply them."""

    count: int = 1

    def english(self) -> str:
        """Say it."""
        return "an opsin.Sample" if self.count == 1 else "samples"


@dataclass(frozen=True)
class Action(Kind):
    """A function to be called along the way, such as one that shows progress."""

    def accept(self, value: Any) -> Any:
        """Accept what can be called."""
        if not callable(value):
            raise Mismatch(self.english())
        return value

    def english(self) -> str:
        """Say it."""
        return "a function"


@dataclass(frozen=True)
class Typed(Kind):
    """A value of one class, such as the points that a technique found."""

    cls: type

    def accept(self, value: Any) -> Any:
        """Accept instances."""
        if not isinstance(value, self.cls):
            raise Mismatch(self.english())
        return value

    def english(self) -> str:
        """Name the class."""
        return "bytes" if self.cls is bytes else f"{self.cls.__name__} (opsin.values)"


@dataclass(frozen=True)
class ArrayKind(Kind):
    """A finite array with a given number of axes; nested lists are turned into one."""

    shape: Shape
    role: str = "array"

    def accept(self, value: Any) -> Any:
        """Accept arrays and nested lists of numbers; pictures keep their dtype, the rest becomes float64."""
        if isinstance(value, list | tuple):
            try:
                value = np.asarray(value, dtype=np.float64)
            except (TypeError, ValueError):
                raise Mismatch(self.english()) from None
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "buif" or value.size < (not self.shape.empty):
            raise Mismatch(self.english())
        if self.role in ("image", "rgb", "gray"):
            axes_fit = value.ndim in (2, 3)
        else:
            axes_fit = value.ndim == self.shape.axes
        fixed = self.shape.fixed
        if not axes_fit or (
            fixed and any(want not in (None, got) for want, got in zip(fixed, value.shape, strict=True))
        ):
            raise Mismatch(self.english())
        if self.role == "mask":
            if value.dtype != np.bool_:
                raise Mismatch(self.english())
            return value
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise Mismatch(f"{self.english()}, all finite")
        return value.astype(np.float64) if self.role == "array" else value

    def english(self) -> str:
        """Say role and axes."""
        if self.role in ("image", "rgb", "gray"):
            return "a picture H W or H W C"
        if self.role == "mask":
            return "a bool array H W"
        if self.role == "labels":
            return "an integer array H W"
        if self.shape.fixed:
            size = " x ".join("N" if n is None else str(n) for n in self.shape.fixed)
            return f"an array of numbers {size}"
        return f"an array of numbers with {self.shape.axes} axes"

    def schema(self) -> dict[str, Any]:
        """Write as a nested array, or the name of a file where a picture is wanted."""
        if self.role != "array":
            return {"type": "string", "description": "a picture's file name"}
        inner: dict[str, Any] = {"type": "number"}
        for _ in range(self.shape.axes):
            inner = {"type": "array", "items": inner}
        name = {"type": "string", "description": "a file's name (JSON, .npy, picture), or a blur: motion(15, 30)"}
        return {"anyOf": [inner, name]}
