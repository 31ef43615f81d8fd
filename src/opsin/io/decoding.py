"""The decode door: bytes to a picture, or one `DecodeError`."""

from __future__ import annotations

import hashlib
import os

import numpy as np

from opsin.errors import DecodeError
from opsin.io.color import is_srgb, to_srgb
from opsin.io.exif import orient
from opsin.io.facts import Facts, Note, Picture, Profile
from opsin.io.headers import Header, header, module_of
from opsin.io.limits import LOCAL, Limits

__all__ = ["decode", "facts_by_head"]

_EXTENSIONS = {
    "JPEG": {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"},
    "PNG": {".png", ".apng"},
    "WEBP": {".webp"},
    "GIF": {".gif"},
    "BMP": {".bmp", ".dib"},
    "TIFF": {".tif", ".tiff", ".tf8", ".btf"},
    "AVIF": {".avif", ".avifs"},
    "PNM": {".pnm", ".pbm", ".pgm", ".ppm", ".pam", ".pfm"},
    "NPY": {".npy"},
}
_ALL_EXTENSIONS = set().union(*_EXTENSIONS.values())


def decode(
    data: bytes | bytearray | memoryview,
    *,
    limits: Limits = LOCAL,
    source: str | None = None,
    upright: bool = True,
    labels: bool = False,
    digest: str | None = None,
) -> Picture:
    """Decode the bytes of a picture file.

    Use `opsin.read` for files; use this where the bytes are already in memory (a shard, a request, a data base).
    The content decides the format, never the name. What comes back is sRGB, upright, and complete: a cut file is an
    error, no pixel is ever made up.

    Args:
        data: all bytes of the file.
        limits: what the input may cost.
        source: a name for messages; its extension is compared with the content.
        upright: False keeps the picture as stored; `facts.orientation` tells how to turn it.
        labels: for masks: the numbers as stored. Palettes give their indices, gray below full scale is not spread, no
            profile is applied.
        digest: the SHA-256 of the data, if it is known already.
    Returns: a `Picture`: `image` is H W (gray), H W 3, H W 4 (straight alpha) or H W N, of uint8, uint16 or float32,
        C-contiguous and yours to change; `facts` says the rest.
    Raises: DecodeError with `kind` one of `truncated`, `corrupt`, `unsupported`, `too_large`.
    """
    whole = data if isinstance(data, bytes) else bytes(data)
    try:
        found = header(whole, limits=limits)
        if labels:
            found.details["labels"] = True
            found.icc = None
        return _decode(whole, found, limits, source, upright, digest)
    except DecodeError as error:
        if error.source is None and source is not None:
            raise DecodeError(error.kind, error.message, source) from error.__cause__
        raise


def _decode(
    data: bytes, found: Header, limits: Limits, source: str | None, upright: bool, digest: str | None
) -> Picture:
    try:
        array, space = module_of(found.format).pixels(data, found, limits)
    except DecodeError:
        raise
    except MemoryError as error:
        message = f"{found.width:,} x {found.height:,} pixels do not fit into this machine's memory."
        raise DecodeError("too_large", message) from error
    except Exception as error:  # a codec may raise anything on hostile bytes
        raise _translate(error, found) from error
    notes = list(found.notes)
    image, profile = to_srgb(array, space, found.icc, notes)
    if upright:
        image = orient(image, found.orientation)
    image = np.ascontiguousarray(image)
    if not image.flags.writeable:  # still the input's own memory
        image = image.copy()
    size = (image.shape[1], image.shape[0])
    return Picture(image, _facts(data, found, size, profile, notes, source, upright, digest))


def _facts(
    data: bytes,
    found: Header,
    size: tuple[int, int],
    profile: Profile,
    notes: list[Note],
    source: str | None,
    upright: bool,
    digest: str | None,
) -> Facts:
    mismatch = _mismatch(source, found.format)
    return Facts(
        format=found.format,
        size=size,
        raw_size=(found.width, found.height),
        orientation=found.orientation,
        upright=upright,
        mode=found.mode,
        frames=found.frames,
        icc=profile,
        bytes=len(data),
        digest=digest or hashlib.sha256(data).hexdigest(),
        notes=tuple(notes if mismatch is None else [*notes, mismatch]),
    )


def facts_by_head(
    data: bytes, *, limits: Limits = LOCAL, source: str | None = None, digest: str | None = None
) -> Facts | None:
    """Give the facts that `decode` would give, without decoding; None where only pixels tell them.

    Args:
        data: all bytes of the file.
        limits: see `decode`.
        source: see `decode`.
        digest: see `decode`.
    Raises: DecodeError: the head is damaged, or over a limit.
    """
    found = header(data, limits=limits)
    if found.format != "JPEG" or not found.mode.startswith(("gray", "YCbCr")):
        return None
    if found.icc is not None and not is_srgb(found.icc, "L" if found.mode.startswith("gray") else "RGB"):
        return None
    profile: Profile = "none" if found.icc is None else "srgb"
    return _facts(data, found, found.size, profile, found.notes, source, True, digest)


def _translate(error: Exception, found: Header) -> DecodeError:
    """Say in one sentence what a codec said in its own way."""
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    low = text.lower()
    if "not enough image data" in low or "truncated" in low:
        return DecodeError("truncated", f"the {found.format}'s pixel data ends early.")
    if "decompression bomb" in low or "exceeds limit" in low:
        return DecodeError("too_large", f"the {found.format} is over the codec's own limit ({text}).")
    return DecodeError("corrupt", f"the {found.format}'s pixel data is damaged ({text}).")


def _mismatch(source: str | None, name: str) -> Note | None:
    if source is None:
        return None
    extension = os.path.splitext(source)[1].lower()
    if extension not in _ALL_EXTENSIONS or extension in _EXTENSIONS[name]:
        return None
    return Note("extension_mismatch", f"the name says {extension}, the content is {name}.")
