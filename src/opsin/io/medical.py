"""DICOM and NIfTI: pixels in real units, spacing, orientation; nothing that tells who the patient is.

SimpleITK decodes. It reads files only, so bytes that came through the read door wait in a private folder that is gone
before the picture is handed out.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from opsin.errors import DecodeError, ParamError, refusal
from opsin.io.facts import Array
from opsin.io.limits import LOCAL, Limits
from opsin.io.nifti import as_nifti1
from opsin.io.quiet import silenced
from opsin.io.readdoor import Source, read_bytes
from opsin.io.writing import write_bytes
from opsin.kernels.extras import need

__all__ = ["MedicalFacts", "Scan", "read_scan"]

_SYNTAXES = {
    "1.2.840.10008.1.2": "implicit little endian",
    "1.2.840.10008.1.2.1": "explicit little endian",
    "1.2.840.10008.1.2.1.99": "deflated",
    "1.2.840.10008.1.2.2": "explicit big endian",
    "1.2.840.10008.1.2.4.50": "JPEG",
    "1.2.840.10008.1.2.4.51": "JPEG extended",
    "1.2.840.10008.1.2.4.57": "JPEG lossless",
    "1.2.840.10008.1.2.4.70": "JPEG lossless",
    "1.2.840.10008.1.2.4.80": "JPEG-LS lossless",
    "1.2.840.10008.1.2.4.81": "JPEG-LS",
    "1.2.840.10008.1.2.4.90": "JPEG 2000 lossless",
    "1.2.840.10008.1.2.4.91": "JPEG 2000",
    "1.2.840.10008.1.2.5": "RLE",
}


@dataclass(frozen=True)
class MedicalFacts:
    """What is kept of a scan beyond its pixels: physics only, never a name, a date, a number or a place.

    Args:
        format: `DICOM` or `NIfTI`.
        modality: as `CT` or `MR`; empty where the file does not say.
        photometric: as `MONOCHROME2` or `RGB` (as stored); `MONOCHROME1` means that the least value is white.
        spacing: millimeters between pixel middles along x, y and z, and for a fourth axis its step (seconds).
        origin: where the middle of the first pixel is, in millimeters (left, posterior, superior).
        direction: the nine numbers of the 3 x 3 matrix whose columns are the directions of x, y and z.
        orientation: the way x, y and z go, as `LPS`: left, posterior, superior.
        windows: pairs (center, width) that the file suggests for looking at it.
        slope: what stored numbers are multiplied by (already done).
        intercept: what is added to them (already done).
        transfer_syntax: how a DICOM file is packed.
        frames: slices or frames in the file.
        frame: which of them this is.
    """

    format: str
    modality: str
    photometric: str
    spacing: tuple[float, ...]
    origin: tuple[float, ...]
    direction: tuple[float, ...]
    orientation: str
    windows: tuple[tuple[float, float], ...]
    slope: float
    intercept: float
    transfer_syntax: str
    frames: int
    frame: int = 0

    @property
    def inverted(self) -> bool:
        """Say whether small values are meant to be bright."""
        return self.photometric == "MONOCHROME1"

    def to_dict(self) -> dict[str, Any]:
        """Give plain data."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Scan:
    """A scan: frames F H W float32 in real units (Hounsfield units for CT), or F H W 3 uint8 or uint16; and facts."""

    frames: Array
    facts: MedicalFacts


def read_scan(source: Source, *, orient: str | None = None, limits: Limits = LOCAL) -> Scan:
    """Read a DICOM or NIfTI file.

    Args:
        source: a path, bytes or a file object.
        orient: bring a volume's axes into an order such as "LPS" (axial slices, face up); None keeps them as stored.
        limits: what the input may cost.

    Returns:
        all frames, or all slices of a volume; those of a fourth axis one after the other.

    Raises:
        MissingExtra: SimpleITK is not installed.
        DecodeError: not such a file, one without pixels, or pixels packed in an unknown way.
    """
    sitk = need("SimpleITK", "read_scan", extra="medical")
    blob = read_bytes(source, limits=limits)
    kind, suffix = _kind(blob.data, blob.name)
    syntax = _syntax(blob.data) if kind == "DICOM" else ""
    packed = syntax == "deflated"  # then not even the tags can be seen
    if kind == "DICOM" and not packed and b"\xe0\x7f\x10\x00" not in blob.data and b"\x7f\xe0\x00\x10" not in blob.data:
        raise DecodeError("unsupported", "this DICOM file holds no pixels.", blob.name)
    data = as_nifti1(blob.data, limits, blob.name) if kind == "NIfTI" else blob.data
    image, reader = _decoded(sitk, data, suffix if data is blob.data else ".nii", limits, blob.name)
    if orient is not None and image.GetDimension() == 3:
        try:
            image = sitk.DICOMOrient(image, orient.upper())
        except RuntimeError as reason:
            hint = "One letter each of L or R, A or P, S or I."
            raise ParamError(refusal("read_scan", "orient", "three letters such as LPS", orient, hint)) from reason
    array = sitk.GetArrayFromImage(image)
    color = image.GetNumberOfComponentsPerPixel() > 1
    tail = array.ndim - 3 if color else array.ndim - 2
    frames = array.reshape(-1, *array.shape[tail:])
    limits.check_count("frames", len(frames), limits.frames)
    # the decoder mixes up the bytes of these two without a word
    if frames.dtype.itemsize == 4 and syntax == "explicit big endian" and _bits(reader) == 32:
        raise DecodeError("unsupported", "big endian pixels of 32 bits are not decoded.", blob.name)
    if color and frames.dtype.itemsize > 1 and syntax == "RLE":
        raise DecodeError("unsupported", "RLE with colors of more than 8 bits is not decoded.", blob.name)
    if kind == "DICOM" and _bits(reader) == 1:
        frames = (frames != 0).astype(np.uint8)  # a mask, which the decoder gives as 0 and 255
    return Scan(_pixels(frames, color, blob.name), _facts(image, reader, kind, blob.data, len(frames), sitk))


def _kind(data: bytes, name: str | None) -> tuple[str, str]:
    """Tell DICOM from NIfTI by content."""
    if data[128:132] == b"DICM":
        return "DICOM", ".dcm"
    if data[:2] == b"\x1f\x8b":
        return "NIfTI", ".nii.gz"
    if data[344:348] in (b"n+1\0", b"n+2\0") or data[4:8] == b"n+2\0":
        return "NIfTI", ".nii"
    if data[344:348] == b"ni1\0":
        raise DecodeError("unsupported", "this is the head of a NIfTI pair; join it with its .img file as .nii.", name)
    if data[:2] in (b"\x08\x00", b"\x02\x00") and len(data) > 8:
        return "DICOM", ".dcm"  # without the preamble
    raise DecodeError("unsupported", "this is neither DICOM nor NIfTI.", name)


def _decoded(sitk: Any, data: bytes, suffix: str, limits: Limits, name: str | None) -> tuple[Any, Any]:
    reader = sitk.ImageFileReader()
    reader.LoadPrivateTagsOff()
    with tempfile.TemporaryDirectory(prefix="opsin-") as folder:
        path = os.path.join(folder, "scan" + suffix)
        write_bytes(path, data, durable=False)
        reader.SetFileName(path)
        try:
            with silenced():
                reader.ReadImageInformation()
                size = [*reader.GetSize(), 1]
                limits.check_size(size[0], size[1], 4 * reader.GetNumberOfComponents() * int(np.prod(size[2:])))
                return reader.Execute(), reader
        except RuntimeError as reason:
            message = "the scan is broken, or its pixels are packed in a way that is not known."
            raise DecodeError("corrupt", message, name) from reason


def _bits(reader: Any) -> int:
    """How many bits a stored number has."""
    text = reader.GetMetaData("0028|0100").strip() if reader.HasMetaDataKey("0028|0100") else ""
    return int(text) if text.isdecimal() else 0


def _pixels(frames: Array, color: bool, name: str | None) -> Array:
    if color and frames.dtype == np.uint32:  # the upper half is all that a picture can hold
        return (frames >> np.uint32(16)).astype(np.uint16)
    if color and frames.dtype in (np.uint8, np.uint16):
        return np.ascontiguousarray(frames)
    if frames.dtype.kind not in "uif":
        raise DecodeError("unsupported", f"pixels of type {frames.dtype} are no picture.", name)
    out = np.ascontiguousarray(frames, dtype=np.float32)
    return np.nan_to_num(out, copy=False, nan=0.0, posinf=0.0, neginf=0.0)


def _facts(image: Any, reader: Any, kind: str, data: bytes, count: int, sitk: Any) -> MedicalFacts:
    def said(key: str) -> str:
        return str(reader.GetMetaData(key)).strip(" \0") if reader.HasMetaDataKey(key) else ""

    def numbers(key: str) -> list[float]:
        out = []
        for word in said(key).split("\\"):
            try:
                out.append(float(word))
            except ValueError:
                return []
        return out

    direction = np.array(image.GetDirection()).reshape(image.GetDimension(), -1)[:3, :3]
    if direction.shape != (3, 3):
        whole = np.eye(3)
        whole[: len(direction), : len(direction)] = direction
        direction = whole
    dicom = kind == "DICOM"
    return MedicalFacts(
        format=kind,
        modality=said("0008|0060") if dicom else "",
        photometric=said("0028|0004") if dicom else "MONOCHROME2",
        spacing=tuple(float(x) for x in image.GetSpacing()),
        origin=tuple(float(x) for x in image.GetOrigin()[:3]),
        direction=tuple(float(x) for x in direction.ravel()),
        orientation=str(sitk.DICOMOrientImageFilter.GetOrientationFromDirectionCosines(direction.ravel().tolist())),
        windows=tuple(zip(numbers("0028|1050"), numbers("0028|1051"), strict=False)) if dicom else (),
        slope=(numbers("0028|1053") or [1.0])[0] if dicom else 1.0,
        intercept=(numbers("0028|1052") or [0.0])[0] if dicom else 0.0,
        transfer_syntax=_syntax(data) if dicom else "",
        frames=count,
    )


def _syntax(data: bytes) -> str:
    """Read the transfer syntax from the head, which is always explicit little endian."""
    at = data.find(b"\x02\x00\x10\x00UI", 132, 4096)
    if at < 0:
        return "implicit little endian"
    length = int.from_bytes(data[at + 6 : at + 8], "little")
    uid = data[at + 8 : at + 8 + length].decode("ascii", "replace").strip(" \0")
    return _SYNTAXES.get(uid, uid)
