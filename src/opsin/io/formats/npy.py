"""NPY: NumPy's own array file, as a picture."""

from __future__ import annotations

import io

import numpy as np

from opsin.errors import DecodeError
from opsin.io.facts import Array, Note, Pixels
from opsin.io.headers import Header
from opsin.io.limits import Limits
from opsin.io.npy_header import NpyError, read_npy_header

_DTYPES = {"|b1": "bool", "|u1": "8", "<u2": "16", ">u2": "16", "<f4": "float32", ">f4": "float32"}


def walk(data: bytes, limits: Limits) -> Header:
    """Read the header, with no pickle and no surprise."""
    try:
        head = read_npy_header(data)
    except NpyError as error:
        raise DecodeError(error.kind, str(error)) from error
    shape = head.shape
    if len(shape) not in (2, 3) or (len(shape) == 3 and not 1 <= shape[2] <= 4096):
        raise DecodeError("unsupported", f"an array of shape {shape} is no picture; H W or H W C is.")
    wide = head.descr in ("<f8", ">f8")
    if head.descr not in _DTYPES and not wide:
        raise DecodeError("unsupported", f"an array of dtype {head.descr} is no picture; uint8, uint16, float32 are.")
    height, width = shape[:2]
    channels = shape[2] if len(shape) == 3 else 1
    limits.check_size(width, height, channels * np.dtype(head.descr).itemsize)
    if head.begin + head.nbytes > len(data):
        raise DecodeError("truncated", "the NPY file was cut before the end of its values.")
    notes = [Note("precision", "float64 values are rounded to float32.")] if wide else []
    depth = "float64" if wide else _DTYPES[head.descr]
    return Header(
        "NPY",
        width,
        height,
        f"{channels} channel{'s' * (channels > 1)} {depth}",
        8 * np.dtype(head.descr).itemsize,
        channels,
        notes=notes,
        details={"head": head},
    )


def pixels(data: bytes, header: Header, limits: Limits) -> Pixels:
    """View the values; bool becomes 0 and 255, float64 becomes float32."""
    head = header.details["head"]
    count = int(np.prod(head.shape))
    flat = np.frombuffer(data, head.descr, count, head.begin)
    image = flat.reshape(head.shape, order="F" if head.fortran else "C")
    if image.dtype == np.bool_:
        image = image.view(np.uint8)
        if int(image.max()) > 1:
            raise DecodeError("corrupt", "a bool array holds a byte that is neither 0 nor 1.")
        image = image * np.uint8(255)
    elif image.dtype.kind == "f":
        image = image.astype(np.float32)
    else:
        image = image.astype(image.dtype.newbyteorder("="))
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[..., 0]
    space = "gray" if image.ndim == 2 else "rgb" if image.shape[2] in (3, 4) else "bands"
    return Pixels(image, space)  # type: ignore[arg-type]


def pack(image: Array) -> bytes:
    """Encode any picture, bool included."""
    out = io.BytesIO()
    np.lib.format.write_array(out, np.ascontiguousarray(image), version=(1, 0), allow_pickle=False)
    return out.getvalue()
