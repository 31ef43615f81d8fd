"""DICOM and NIfTI as inputs of `opsin apply`: one frame of a file as a picture, or all of it as a volume."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from opsin.errors import OpsinError, ParamError, refusal
from opsin.op import Op
from opsin.types import Array

__all__ = ["SCANS", "frame_of", "is_scan", "scan_frame", "shown", "volume_of"]

SCANS = (".dcm", ".dicom", ".nii", ".nii.gz")


def is_scan(source: Any) -> bool:
    """Say whether a file is DICOM or NIfTI, by its name or by its content."""
    if isinstance(source, bytes):
        return source[128:132] == b"DICM" or source[344:347] == b"n+1" or source[4:7] == b"n+2"
    name = os.fspath(source)
    if name.lower().endswith(SCANS):
        return True
    if Path(name).suffix or not os.path.isfile(name):
        return False
    from opsin.io.readdoor import read_range

    return is_scan(read_range(name, 0, 352))  # DICOM files often have no extension


def frame_of(words: list[str]) -> tuple[int, list[str]]:
    """Take `--frame N` out of the words: which frame or slice of a scan is meant; 0 where nothing is said."""
    frame, rest, i = 0, [], 0
    while i < len(words):
        name, equals, value = words[i].partition("=")
        if name == "--frame":
            if not equals:
                i += 1
                value = words[i] if i < len(words) else "nothing"
            try:
                frame = int(value)
            except ValueError:
                raise ParamError(refusal("apply", "--frame", "a number from 0", value)) from None
        else:
            rest.append(words[i])
        i += 1
    return frame, rest


def scan_frame(source: Any, frame: int) -> Array:
    """Read one frame of a scan in real units, or in color."""
    from opsin import medical

    return medical.read(source, frame=frame).image


def volume_of(entry: Op, source: Any, params: dict[str, Any]) -> tuple[Array, dict[str, Any]]:
    """Read a scan as a volume D H W, and add its spacing to the parameters where none is given."""
    from opsin import medical

    scan = medical.read_scan(source)
    if scan.frames.ndim != 3:
        raise OpsinError(f"{entry.name}: {source}: holds pictures in color, not a volume.")
    if "spacing" in entry.spec.params and len(scan.facts.spacing) >= 3:
        params = {"spacing": tuple(scan.facts.spacing[:3]), **params}
    return scan.frames, params


def shown(picture: Array, target: str) -> Array:
    """Bring fractions of full scale to the depth that a file can hold; what is already so stays.

    Raises:
        OpsinError: numbers that are no fractions, such as Hounsfield units.
    """
    suffix = Path(target).suffix.lower()
    if picture.dtype != np.float32 or suffix in (".npy", ".tif", ".tiff", ".pfm"):
        return picture
    if float(picture.min()) < 0.0 or float(picture.max()) > 1.0:
        hint = "Use window_intensity first, or a name that ends in .npy or .tif."
        raise OpsinError(f"{target}: holds 0..1 only; got {picture.min():g}..{picture.max():g}. {hint}")
    from opsin.arrays import from_unit

    return from_unit(picture, np.uint16 if suffix == ".png" else np.uint8)
