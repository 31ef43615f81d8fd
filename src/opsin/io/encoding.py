"""A picture to the bytes of a file: what each format holds, and one sentence for what it does not."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from opsin.errors import ParamError, did_you_mean, refusal, verbatim
from opsin.io.facts import Array

__all__ = ["encode", "format_for", "formats"]

Check = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class _Option:
    allowed: str
    check: Check


def _whole(low: int, high: int) -> _Option:
    def check(value: Any) -> bool:
        return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and low <= int(value) <= high

    return _Option(f"a whole number {low} to {high}", check)


def _one_of(*words: str) -> _Option:
    return _Option("one of " + ", ".join(words), lambda value: value in words)


_FLAG = _Option("True or False", lambda value: isinstance(value, (bool, np.bool_)))
_SUBSAMPLING = _one_of("4:2:0", "4:2:2", "4:4:4")


@dataclass(frozen=True, slots=True)
class _Writer:
    module: str
    dtypes: tuple[str, ...]
    channels: tuple[int, ...]  # empty: any number
    options: dict[str, _Option]
    side: int = 0  # longest side, 0: no bound of its own
    fixed: tuple[tuple[str, Any], ...] = ()


_WRITERS: dict[str, _Writer] = {
    "png": _Writer("png_writer", ("bool", "uint8", "uint16"), (1, 2, 3, 4), {"compression": _whole(0, 9)}),
    "jpeg": _Writer(
        "jpeg",
        ("bool", "uint8"),
        (1, 3),
        {"quality": _whole(1, 100), "subsampling": _SUBSAMPLING, "progressive": _FLAG},
        65500,
    ),
    "webp": _Writer(
        "webp",
        ("bool", "uint8"),
        (1, 3, 4),
        {"quality": _whole(0, 100), "lossless": _FLAG, "effort": _whole(0, 6)},
        16383,
    ),
    "tiff": _Writer(
        "tiff_writer", ("bool", "uint8", "uint16", "float32"), (), {"compression": _one_of("deflate", "none")}
    ),
    "bmp": _Writer("bmp", ("bool", "uint8"), (1, 3), {}),
    "gif": _Writer("gif", ("bool", "uint8"), (1, 3), {}, 65535),
    "avif": _Writer(
        "avif",
        ("bool", "uint8"),
        (1, 3, 4),
        {"quality": _whole(0, 100), "speed": _whole(0, 10), "subsampling": _SUBSAMPLING},
        65535,
    ),
    "pnm": _Writer("pnm", ("bool", "uint8", "uint16"), (1, 3), {}),
    "pam": _Writer("pnm", ("uint8", "uint16"), (), {}, 0, (("kind", "pam"),)),
    "pfm": _Writer("pnm", ("float32",), (1, 3), {}),
    "npy": _Writer("npy", ("bool", "uint8", "uint16", "float32"), (), {}),
}
_ALIASES = {
    "jpg": "jpeg",
    "jpe": "jpeg",
    "jfif": "jpeg",
    "tif": "tiff",
    "dib": "bmp",
    "ppm": "pnm",
    "pgm": "pnm",
    "pbm": "pnm",
}
_KEEPS_BOOL = {"png", "tiff", "pnm", "npy"}
_SUGGEST = {
    "uint16": "PNG, TIFF, PNM and NPY hold uint16",
    "float32": "TIFF, PFM and NPY hold float32",
    "bool": "PNG, TIFF, PNM and NPY hold masks",
    "uint8": "PNG, JPEG, WebP, TIFF, BMP and NPY hold uint8",
}


def formats() -> tuple[str, ...]:
    """Name the formats that `encode` knows."""
    return tuple(sorted(_WRITERS))


def format_for(path: str) -> str:
    """Name the format that a path's extension asks for.

    Raises: ParamError for an unknown extension, with the nearest known one.
    """
    extension = os.path.splitext(path)[1].lower().lstrip(".")
    return _canonical(extension, "write", "path", verbatim(f"{path!r}"))


def _canonical(name: str, where: str, param: str, got: object) -> str:
    wanted = name.lower().lstrip(".")
    wanted = _ALIASES.get(wanted, wanted)
    if wanted not in _WRITERS:
        known = sorted([*_WRITERS, *_ALIASES])
        hint = did_you_mean(name.lower().lstrip("."), known) if name else "A name without an extension names no format."
        what = "a path that ends in one of" if param == "path" else "one of"
        raise ParamError(refusal(where, param, f"{what} {', '.join(known)}", got, hint))
    return wanted


def encode(image: Array, format: str, **options: Any) -> bytes:
    """Encode a picture; the same picture and options give the same bytes.

    Use `write` for files. Only pixels go in: no metadata, no profile, no time.

    Args:
        image: H W or H W C. PNG: bool (1 bit), uint8, uint16; 1 to 4 channels. JPEG: uint8, 1 or 3. WebP and AVIF:
            uint8, 1, 3 or 4. TIFF and NPY: bool, uint8, uint16, float32, any number of channels. BMP: uint8, 1 or 3.
            GIF: uint8, 1, or 3 with at most 256 different colors. PNM: bool, uint8, uint16, 1 or 3. PAM: uint8,
            uint16, any. PFM: float32, 1 or 3. bool is written as 0 and 255 where a format has no bits.
        format: `png`, `jpeg`, `webp`, `tiff`, `bmp`, `gif`, `avif`, `pnm`, `pam`, `pfm`, `npy`, or a usual extension.
        options: `compression` 0..9 (PNG, 1) or deflate, none (TIFF); `quality` (JPEG 95, WebP 90, AVIF 90);
            `subsampling` (JPEG 4:2:0, AVIF 4:4:4); `progressive` (JPEG); `lossless`, `effort` (WebP); `speed` (AVIF).
    Returns: the bytes of the file.
    Raises: ParamError.
    """
    if not isinstance(format, str):
        raise ParamError(refusal("encode", "format", "the name of a format", format))
    name = _canonical(format, "encode", "format", format)
    writer = _WRITERS[name]
    where = f"encode as {name}"
    ready = _fit(image, name, writer, where)
    for option, value in options.items():
        if option not in writer.options:
            known = ", ".join(sorted(writer.options)) or "none"
            hint = did_you_mean(option, writer.options)
            raise ParamError(refusal(where, "options", f"among: {known}", option, hint))
        if not writer.options[option].check(value):
            raise ParamError(refusal(where, option, writer.options[option].allowed, value))
    module = import_module(f"opsin.io.formats.{writer.module}")
    packed: bytes = module.pack(ready, **dict(writer.fixed), **options)
    return packed


def _fit(image: Array, name: str, writer: _Writer, where: str) -> Array:
    if not isinstance(image, np.ndarray):
        raise ParamError(refusal(where, "image", "a NumPy array, H W or H W C", type(image).__name__))
    if image.ndim not in (2, 3) or image.size == 0:
        raise ParamError(refusal(where, "image", "H W or H W C and not empty", image))
    dtype = image.dtype.name
    if dtype not in writer.dtypes:
        hint = _SUGGEST.get(dtype, "Convert it to uint8, uint16 or float32 first")
        if dtype in ("uint16", "float32"):
            hint += ", or convert it to uint8 first"
        raise ParamError(refusal(where, "image", " or ".join(writer.dtypes), image, hint + "."))
    channels = 1 if image.ndim == 2 else image.shape[2]
    if writer.channels and channels not in writer.channels:
        wanted = " or ".join(str(count) for count in writer.channels)
        hint = "TIFF and NPY hold any number of channels."
        if channels in (2, 4):
            hint = "It has no alpha: drop it with image[..., :-1], blend it, or write PNG."
        raise ParamError(refusal(where, "image", f"of {wanted} channels", image, hint))
    height, width = image.shape[:2]
    if writer.side and max(height, width) > writer.side:
        raise ParamError(
            refusal(where, "image", f"at most {writer.side} pixels a side", image, "PNG and TIFF go further.")
        )
    if image.dtype == np.bool_:
        if channels != 1:
            raise ParamError(refusal(where, "image", "of one channel when it is bool", image))
        if name not in _KEEPS_BOOL:
            image = image.astype(np.uint8) * np.uint8(255)
    if image.ndim == 3 and channels == 1:
        image = image[..., 0]
    if name == "gif" and channels == 3:
        _check_colors(image, where)
    return image if image.dtype.isnative else image.astype(image.dtype.newbyteorder("="))


def _check_colors(image: Array, where: str) -> None:
    flat = image.reshape(-1, 3).astype(np.uint32)
    count = len(np.unique(flat[:, 0] << 16 | flat[:, 1] << 8 | flat[:, 2]))
    if count > 256:
        hint = "GIF would change the picture: write PNG, or reduce the colors first."
        raise ParamError(
            refusal(where, "image", "of at most 256 different colors", verbatim(f"{count:,} colors"), hint)
        )
