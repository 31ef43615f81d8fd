"""The words of a technique's signature: roles of arrays, bounds, units, usual ranges, supplied parameters.

A signature says everything that a machine needs. `spec.py` reads these marks once; nothing else looks at them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Array",
    "Border",
    "Bound",
    "Channels",
    "Degrees",
    "Fill",
    "Fraction",
    "Frames",
    "Gray",
    "Image",
    "Kernel",
    "Labels",
    "Mask",
    "Matrix",
    "Pixels",
    "Psf",
    "ResizeKernel",
    "Rgb",
    "Role",
    "SUPPLIED",
    "Shape",
    "Unit",
    "Usual",
    "Values",
]

Array: TypeAlias = NDArray[Any]
Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Role:
    """What an array means: `image`, `rgb`, `gray`, `mask`, `labels`, `frames`, `values` or `array`."""

    name: str


@dataclass(frozen=True)
class Bound:
    """The legal range of a number; open ends are None."""

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None


@dataclass(frozen=True)
class Usual:
    """The range in which people use a parameter: sliders, the gallery and generated tests stay inside."""

    low: float
    high: float


@dataclass(frozen=True)
class Unit:
    """What a number counts: px, degrees, a fraction."""

    name: str


@dataclass(frozen=True)
class Shape:
    """The legal number of axes of an array parameter, the shape where it is fixed (None: any); if it may be empty."""

    axes: int
    fixed: tuple[int | None, ...] | None = None
    empty: bool = False


# --- arrays -----------------------------------------------------------------------------------------------------
Image: TypeAlias = Annotated[Array, Role("image")]
"""H W or H W C, uint8, uint16 or float32 (1.0 is white); three channels are RGB, four straight RGBA."""
Rgb: TypeAlias = Annotated[Array, Role("rgb")]
"""A picture whose color has meaning: H W 3 or H W 4."""
Gray: TypeAlias = Annotated[Array, Role("gray")]
"""A picture read as brightness: a color picture is turned gray first."""
Mask: TypeAlias = Annotated[Array, Role("mask")]
"""H W, bool."""
Labels: TypeAlias = Annotated[Array, Role("labels")]
"""H W, integers: 0 is background or the first class."""
Frames: TypeAlias = Annotated[Any, Role("frames")]
"""Several pictures of one size: an array N H W (C), a list, or an iterator."""
Values: TypeAlias = Annotated[Array, Role("values")]
"""Numbers in 0..1 of any shape; what a pointwise technique sees."""
Kernel: TypeAlias = Annotated[Array, Shape(2)]
Psf: TypeAlias = Annotated[Array, Shape(2)]
Matrix: TypeAlias = Annotated[Array, Shape(2)]

# --- numbers ----------------------------------------------------------------------------------------------------
Fraction: TypeAlias = Annotated[float, Bound(ge=0.0, le=1.0), Usual(0.0, 1.0)]
Degrees: TypeAlias = Annotated[float, Unit("degrees"), Usual(-45.0, 45.0)]
Pixels: TypeAlias = Annotated[int, Bound(ge=1), Unit("px"), Usual(16, 512)]

# --- words shared by families -----------------------------------------------------------------------------------
Border: TypeAlias = Literal["constant", "reflect", "symmetric", "replicate", "wrap"]
"""What lies beyond the edge: `reflect` does not repeat the edge (NumPy), `symmetric` does (SciPy's reflect)."""
Fill: TypeAlias = float | tuple[float, ...]
"""A fraction of full scale, or one per channel. Beyond an RGBA picture a single number is transparent."""
Channels: TypeAlias = Literal["color", "bands"]
"""`color`: four channels are RGBA, alpha apart; `bands`: every channel is alike."""
ResizeKernel: TypeAlias = Literal["pillow-bilinear", "pillow-bicubic", "opencv-linear", "nearest", "area", "lanczos"]
SUPPLIED: Any = None
"""The default of a parameter that a pipeline supplies (`rng: Rng = SUPPLIED`); direct calls must give it."""
