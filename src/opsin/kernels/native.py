"""The compiled core, seen from Python: NumPy arrays in and out.

Everything here may be missing: where no Rust toolchain could build the core, `available()` is False and the NumPy
reference kernels serve instead. Nothing of the core runs when this file is imported but its loading.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from opsin.errors import DecodeError, LimitError, ParamError, refusal
from opsin.types import Array, Border

_core: Any = None
WHY_NOT: str | None = None
try:
    from opsin.kernels import _native

    _core = _native
except ImportError as _error:  # no toolchain built it, or it was built for another interpreter
    WHY_NOT = str(_error)

__all__ = [
    "MAX_PIXELS",
    "WHY_NOT",
    "JpegInfo",
    "Outcome",
    "Plane",
    "Program",
    "available",
    "carry_boxes",
    "decode_jpeg",
    "decode_planes",
    "jpeg_has_profile",
    "jpeg_info",
    "resize",
    "set_simd_level",
    "simd_level",
    "version",
    "warp",
    "warp_map",
]

MAX_PIXELS = 1 << 28  # what a decode accepts when nobody says otherwise

Frame = tuple[ArrayLike, float, float]  # output coordinates -> the frame's, its width, its height


def available() -> bool:
    """Say whether the compiled core is installed."""
    return _core is not None


def version() -> str | None:
    """Give the core's version, or None where there is no core."""
    return None if _core is None else str(_core.__version__)


def simd_level() -> str:
    """Give the instruction set in use: `base`, `avx2` or `avx512`; `none` where there is no core."""
    return "none" if _core is None else str(_core.simd_level())


def set_simd_level(name: str | None = None) -> str:
    """Force an instruction set for tests; None goes back to the best one. Results never depend on it."""
    return str(_need().set_simd_level(name))


def _need() -> Any:
    if _core is None:
        raise RuntimeError(f"opsin.kernels.native: the compiled core is not installed ({WHY_NOT}).")
    return _core


def _raise(error: Exception, source: str | None = None) -> NoReturn:
    kind, message = error.args
    if kind == "invalid":
        raise ParamError(message) from None
    if kind == "too_large":
        raise LimitError(f"{source}: {message}" if source else message) from None
    raise DecodeError(kind, message, source) from None


# --- JPEG -----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class JpegInfo:
    """What the header of a JPEG says.

    Args:
        width: pixels across, before any EXIF orientation.
        height: pixels down.
        channels: 1 for gray, 3 for color.
        orientation: the EXIF orientation, 1 to 8.
        subsampling: luma samples per chroma sample, across and down.
        restart: MCUs between restart markers, 0 without.
    """

    width: int
    height: int
    channels: int
    orientation: int
    subsampling: tuple[int, int]
    restart: int


def jpeg_info(data: bytes, *, max_pixels: int = MAX_PIXELS) -> JpegInfo:
    """Read the header of a JPEG that `decode_jpeg` would take.

    Raises:
        DecodeError: `truncated`, `corrupt`, or `unsupported`: the ordinary decoder may know better.
        LimitError: more pixels than allowed.
    """
    core = _need()
    try:
        return JpegInfo(*core.jpeg_info(data, max_pixels))
    except core.NativeError as error:
        _raise(error)


def jpeg_has_profile(data: bytes) -> bool:
    """Say whether a color profile stands in a JPEG before its picture."""
    return bool(_need().jpeg_has_profile(data))


def _denominator(scale: float) -> int:
    for denominator in (1, 2, 4, 8):
        if scale * denominator == 1:
            return denominator
    raise ParamError(refusal("decode_jpeg", "scale", "1, 1/2, 1/4 or 1/8", scale))


def _region(region: tuple[int, int, int, int] | None) -> tuple[int, int, int, int] | None:
    if region is None:
        return None
    x, y, w, h = (int(v) for v in region)
    if min(x, y) < 0 or min(w, h) < 1:
        raise ParamError(refusal("decode_jpeg", "region", "x, y, width, height inside the picture", region))
    return x, y, w, h


def decode_jpeg(
    data: bytes,
    *,
    scale: float = 1,
    region: tuple[int, int, int, int] | None = None,
    max_pixels: int = MAX_PIXELS,
) -> NDArray[np.uint8]:
    """Decode a baseline JPEG to RGB H W 3 or gray H W, equal to libjpeg-turbo to the bit.

    EXIF orientation is not applied. The scan is followed to its end marker whatever the region, so that a truncated
    file is always found.

    Args:
        data: the file's bytes.
        scale: 1, 1/2, 1/4 or 1/8; libjpeg's reduced sizes, rounded up.
        region: (x, y, width, height) in full-size pixels; the result covers it, in scaled pixels.
        max_pixels: the most pixels (of the whole picture) that are accepted.

    Raises:
        DecodeError: `truncated`, `corrupt`, or `unsupported` (progressive, CMYK, 12 bit, rare samplings): take the
            ordinary decoder.
        LimitError: more pixels than allowed.
        ParamError: a scale or a region that cannot be.
    """
    core = _need()
    try:
        flat, height, width, channels, _ = core.decode_jpeg(data, _denominator(scale), _region(region), max_pixels)
    except core.NativeError as error:
        _raise(error)
    pixels: NDArray[np.uint8] = flat
    return pixels.reshape((height, width) if channels == 1 else (height, width, channels))


@dataclass(frozen=True)
class Plane:
    """A window of one component of a JPEG.

    Args:
        samples: H W uint8: Y, Cb or Cr.
        origin: where the window stands in the whole plane, (x, y).
        full: the whole plane's (width, height).
        scale: samples per full-size pixel, (x, y).
    """

    samples: NDArray[np.uint8]
    origin: tuple[int, int]
    full: tuple[int, int]
    scale: tuple[float, float]


def decode_planes(
    data: bytes,
    *,
    scale: float = 1,
    region: tuple[int, int, int, int] | None = None,
    fast: bool = False,
    max_pixels: int = MAX_PIXELS,
) -> tuple[list[Plane], bool]:
    """Decode to Y, Cb, Cr planes (or Y alone) as stored: the MCUs around the region.

    Args:
        data: the file's bytes.
        scale: 1, 1/2, 1/4 or 1/8; chroma that has fewer samples is reduced less.
        region: (x, y, width, height) in full-size pixels.
        fast: leave out coefficients that hardly show at a reduced scale.
        max_pixels: the most pixels that are accepted.

    Returns:
        the planes, and whether the whole picture was decoded (nothing stepped over).
    """
    core = _need()
    try:
        planes, whole = core.decode_planes(data, _denominator(scale), _region(region), fast, max_pixels)
    except core.NativeError as error:
        _raise(error)
    return [Plane(*plane) for plane in planes], whole


# --- geometry -------------------------------------------------------------------------------------------------------
def resize(
    image: Array,
    width: int,
    height: int,
    kernel: str = "pillow-bilinear",
    *,
    box: tuple[float, float, float, float] | None = None,
    flip: bool = False,
) -> Array:
    """Stretch a picture (or a part of it) to width x height by a kernel's definition, antialiased where that is part.

    Args:
        image: H W or H W C; uint8, uint16 or float32.
        width: pixels across.
        height: pixels down.
        kernel: `pillow-bilinear`, `pillow-bicubic`, `area`, `lanczos`, `opencv-linear` or `nearest`.
        box: x1, y1, x2, y2 of the part; fractions of pixels are allowed.
        flip: mirror left and right on the way.

    Returns:
        height width (C), the image's dtype; within one level of Pillow's.
    """
    core = _need()
    window = [0.0, 0.0, float(image.shape[1]), float(image.shape[0])] if box is None else [float(v) for v in box]
    out = np.empty((height, width, *image.shape[2:]), image.dtype)
    try:
        core.resize(np.ascontiguousarray(image), width, height, kernel, window, flip, out)
    except core.NativeError as error:
        _raise(error)
    return out


def _frames(frames: Sequence[Frame]) -> list[tuple[list[float], float, float]]:
    return [(_nine(matrix), float(width), float(height)) for matrix, width, height in frames]


def _nine(matrix: ArrayLike) -> list[float]:
    values = np.asarray(matrix, dtype=np.float64)
    if values.shape != (3, 3) or not np.isfinite(values).all():
        raise ParamError(refusal("warp", "matrix", "3 x 3 and finite", matrix))
    flat: list[float] = values.ravel().tolist()
    return flat


def warp(
    image: Array,
    matrix: ArrayLike,
    width: int,
    height: int,
    border: Border = "constant",
    fill: Sequence[float] | float = 0.0,
    *,
    nearest: bool = False,
    frames: Sequence[Frame] = (),
    supersample: bool = False,
) -> Array:
    """Map a picture through a matrix that carries output points to source points (continuous coordinates).

    Args:
        image: H W or H W C; uint8, uint16 or float32 (any dtype of 1, 2 or 4 bytes when nearest).
        matrix: 3 x 3; a point beyond its horizon takes the fill.
        width: pixels across of the output.
        height: pixels down.
        border: what lies beyond the picture's edge.
        fill: a value, or one per channel, in the image's own scale.
        nearest: take the pixel under the middle; for masks and labels.
        frames: canvases on the way, as (matrix from output to the canvas, width, height): where a pixel's middle lies
            outside one of them, the output is the fill.
        supersample: average several samples per output pixel where the map shrinks.

    Returns:
        height width (C), the image's dtype.
    """
    return _warp(image, _nine(matrix), width, height, border, fill, nearest, frames, supersample)


def warp_map(
    image: Array,
    field: NDArray[Any],
    border: Border = "constant",
    fill: Sequence[float] | float = 0.0,
    *,
    nearest: bool = False,
    frames: Sequence[Frame] = (),
) -> Array:
    """Map a picture through a dense field: for the middle of every output pixel the source point (x, y).

    Args:
        image: as `warp` takes it.
        field: H W 2.
        border: what lies beyond the picture's edge.
        fill: a value, or one per channel, in the image's own scale.
        nearest: take the pixel under the middle; for masks and labels.
        frames: canvases on the way, as `warp` takes them.

    Returns:
        H W (C) of the field, the image's dtype.
    """
    if field.ndim != 3 or field.shape[2] != 2:
        raise ParamError(refusal("warp_map", "field", "an array H W 2", field))
    points = np.ascontiguousarray(field, dtype=np.float32)
    return _warp(image, points, field.shape[1], field.shape[0], border, fill, nearest, frames, False)


_BY_SIZE: dict[int, Any] = {1: np.uint8, 2: np.uint16, 4: np.float32}


def _warp(
    image: Array,
    map_: Any,
    width: int,
    height: int,
    border: str,
    fill: Sequence[float] | float,
    nearest: bool,
    frames: Sequence[Frame],
    supersample: bool,
) -> Array:
    core = _need()
    image = np.ascontiguousarray(image)
    count = 1 if image.ndim == 2 else image.shape[2]
    values = [float(v) for v in fill] if isinstance(fill, Sequence) else [float(fill)] * count
    listed = _frames(frames)
    out = np.empty((height, width, *image.shape[2:]), image.dtype)
    try:
        if not nearest:
            core.warp_linear(image, map_, width, height, border, values, listed, supersample, out)
            return out
        carrier = _BY_SIZE.get(image.dtype.itemsize)
        if carrier is None:
            raise ParamError(refusal("warp", "image", "of 1, 2 or 4 bytes per value", image))
        # Values are only moved, so any kind of the same size can carry them.
        own = np.array(values).astype(image.dtype).view(carrier)
        core.warp_nearest(image.view(carrier), map_, width, height, border, own, listed, out.view(carrier))
    except core.NativeError as error:
        _raise(error)
    return out


def carry_boxes(boxes: NDArray[Any], stages: Sequence[Frame]) -> NDArray[Any]:
    """Carry upright boxes through canvases, cut them at every edge, and measure what is left.

    Args:
        boxes: N 4, x1 y1 x2 y2.
        stages: per canvas the matrix that carries points to it, its width, its height.

    Returns:
        N 7: the upright box around what is left, the visible part, the area that is left and the shorter side; zeros
        where nothing is left.
    """
    out: NDArray[Any] = _need().carry_boxes(np.ascontiguousarray(boxes, np.float64), _frames(stages))
    return out


# --- programs -------------------------------------------------------------------------------------------------------
Address = tuple[int, int, int]  # draw number, epoch, the word of the sample's key


@dataclass(frozen=True)
class Outcome:
    """What comes out of a program for one source.

    Args:
        shape: H W C, or C H W where the program ends in to_tensor.
        dtype: uint8, float32 or float16.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype[Any]


class Program:
    """A pipeline that the core runs by itself: it decodes, draws and writes into the batch, without the GIL.

    Args:
        text: the steps as JSON; rust/README.md describes it, `opsin.pipeline.program` writes it.

    Raises:
        ParamError: the core cannot run it; the sentence says which step.
    """

    def __init__(self, text: str) -> None:
        core = _need()
        try:
            self._program = core.Program(text)
        except core.NativeError as error:
            _raise(error)

    def outcome(self, source: bytes | Array, address: Address = (0, 0, 0)) -> Outcome:
        """Say what comes out of a source, reading no more than its header.

        Raises:
            DecodeError: the file is not for the core.
            ParamError: a step does not fit the source.
        """
        core = _need()
        try:
            height, width, channels, planar, kind = self._program.shape(_source(source), address)
        except core.NativeError as error:
            _raise(error)
        return Outcome((channels, height, width) if planar else (height, width, channels), np.dtype(kind))

    def run(
        self,
        sources: Sequence[bytes | Array],
        addresses: Sequence[Address],
        out: Array,
        *,
        threads: int = 1,
        records: bool = False,
    ) -> tuple[list[tuple[int, str, str]], list[Any]]:
        """Run every source into its place of one array.

        Args:
            sources: JPEG files as bytes, or pictures (uint8 or float32, gray or RGB).
            addresses: one per source.
            out: N x what `outcome` says, C-contiguous; the places of failed sources are left as they are.
            threads: how many work at once.
            records: also give what geometry did.

        Returns:
            (position, kind, message) of every failed source: kinds are those of DecodeError, and `invalid`; and, if
            asked for, per source None or ((width, height), [(matrix, width, height, border, fill, by a kernel)],
            whether the file was decoded whole).
        """
        core = _need()
        if len(out) != len(sources):
            raise ParamError(refusal("run", "out", f"an array of {len(sources)} pictures", out))
        target = out.view(np.uint16) if out.dtype == np.float16 else out
        try:
            errors, done = self._program.run([_source(s) for s in sources], list(addresses), target, threads, records)
        except core.NativeError as error:
            _raise(error)
        return errors, done

    def draw(self, address: Address) -> list[str]:
        """Give what is drawn at an address as text, step by step."""
        drawn: list[str] = self._program.draw(address)
        return drawn


def _source(source: bytes | Array) -> bytes | Array:
    return np.ascontiguousarray(source) if isinstance(source, np.ndarray) else bytes(source)
