"""Arrays that are named instead of given: a picture, a mask, labels or numbers in a file, or a blur by its name."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from opsin import psf
from opsin.errors import DecodeError, OpsinError, ParamError, refusal
from opsin.io.facts import Array

__all__ = ["array_file", "file_named", "named_array"]

_LARGEST = 1 << 24  # bytes of a JSON file of numbers
_BLURS: dict[str, Callable[..., Array]] = {"gaussian": psf.gaussian, "motion": psf.motion, "disk": psf.disk}
_ENDING = re.compile(r"\.[A-Za-z][A-Za-z0-9]{1,4}$")
_CALL = re.compile(r"\s*(?:psf\.)?(\w+)\s*\(([^()]*)\)\s*")


def named_array(role: str, text: str, folder: str | os.PathLike[str] = "") -> Any:
    """Turn a text that stands for an array into that array; a text that names nothing comes back as it is.

    Args:
        role: what the array means: `image`, `rgb`, `gray`, `mask`, `labels` or `array`.
        text: the name of a file; or, for numbers, a blur such as "motion(15, 30)", as in `opsin.psf`.
        folder: where relative names start.
    Raises: DecodeError, ParamError: a file that cannot be read, or a blur with impossible numbers.
    """
    blur = _CALL.fullmatch(text) if role == "array" else None
    if blur and blur[1] in _BLURS:
        try:
            numbers = [float(part) for part in blur[2].split(",") if part.strip()]
            return _BLURS[blur[1]](*numbers)
        except OpsinError:
            raise
        except (TypeError, ValueError):
            wanted = "gaussian(sigma), motion(length, angle) or disk(radius)"
            raise ParamError(refusal("psf", blur[1], wanted, text)) from None
    path = file_named(text, folder)
    if path is None and _ENDING.search(text):
        raise DecodeError("not_a_file", "there is no such file.", text)
    return text if path is None else array_file(role, path)


def file_named(text: str, folder: str | os.PathLike[str] = "") -> Path | None:
    """The file that a text names; None where there is none, or where no name is so long."""
    path = Path(folder) / text
    try:
        return path if path.is_file() else None
    except (OSError, ValueError):
        return None


def array_file(role: str, path: str | os.PathLike[str]) -> Array:
    """Read a file as a parameter: a picture, a mask (not black), labels, or an array of numbers (JSON, .npy, picture).

    Raises: DecodeError: it cannot be read.
    """
    from opsin.io.parse import parse_json
    from opsin.io.readdoor import read_bytes
    from opsin.io.reading import read

    name = os.fspath(path)
    if role == "array" and name.lower().endswith(".json"):
        numbers = parse_json(read_bytes(path).data, source=os.path.basename(name), max_bytes=_LARGEST)
        try:
            return np.asarray(numbers, dtype=np.float64)
        except (TypeError, ValueError):
            raise ParamError(refusal(os.path.basename(name), "content", "rows of numbers", numbers)) from None
    image = read(path)
    if role in ("mask", "labels", "array") and image.ndim == 3 and image.shape[2] in (3, 4):
        image = image[..., 0]
    if role == "mask":
        return np.asarray(image > 0)
    return image.astype(np.int64) if role == "labels" else image
