"""Format and facts of a file from its first bytes and its structure, without decoding a pixel."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal

from opsin.errors import DecodeError
from opsin.io.facts import Note
from opsin.io.limits import LOCAL, Limits

__all__ = ["FORMATS", "Header", "header", "sniff"]


@dataclass(slots=True)
class Header:
    """What a file says of itself.

    Args:
        format: `JPEG`, `PNG` and so on.
        width: pixels, as stored.
        height: pixels, as stored.
        mode: colour model and depth, as `RGB 8`.
        bits: per channel, as stored.
        channels: of the array that decoding would give.
        frames: frames or pages.
        orientation: 1 to 8.
        icc: the embedded profile, or nothing.
        scans: passes of a JPEG.
        notes: see `opsin.io.facts.Note`.
        details: what the format's own decoder wants to know.
    """

    format: str
    width: int
    height: int
    mode: str
    bits: int
    channels: int
    frames: int = 1
    orientation: int = 1
    icc: bytes | None = None
    scans: int = 1
    notes: list[Note] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as a person sees them: upright."""
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)


# One module a format: `walk(data, limits) -> Header` and `pixels(data, header, limits) -> Pixels`.
FORMATS = {
    "JPEG": "jpeg",
    "PNG": "png",
    "WEBP": "webp",
    "GIF": "gif",
    "BMP": "bmp",
    "TIFF": "tiff",
    "AVIF": "avif",
    "PNM": "pnm",
    "NPY": "npy",
}

_OURS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
    (b"MM\x00+", "TIFF"),
    (b"\x93NUMPY", "NPY"),
)

# Files that people do meet, told by name so that the refusal helps.
_OTHERS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"%!PS", "PostScript (EPS)"),
    (0, b"\xc5\xd0\xd3\xc6", "PostScript (EPS with preview)"),
    (0, b"%PDF", "PDF"),
    (0, b"\xd7\xcd\xc6\x9a", "WMF"),
    (40, b" EMF", "EMF"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an OLE file (FPX, MIC or Office)"),
    (0, b"\x00\x00\x01\x00", "an icon (ICO)"),
    (0, b"\x00\x00\x02\x00", "a cursor (CUR)"),
    (0, b"icns", "an icon (ICNS)"),
    (0, b"8BPS", "Photoshop (PSD)"),
    (0, b"gimp xcf", "GIMP (XCF)"),
    (0, b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG 2000 (JP2)"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 code stream"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"\x00\x00\x00\x0cJXL \r\n\x87\n", "JPEG XL"),
    (0, b"\x97JB2\r\n\x1a\n", "JBIG2"),
    (0, b"II\xbc\x01", "JPEG XR"),
    (0, b"v/1\x01", "OpenEXR"),
    (0, b"#?RADIANCE", "Radiance HDR"),
    (0, b"#?RGBE", "Radiance HDR"),
    (0, b"SIMPLE  =", "FITS"),
    (0, b"qoif", "QOI"),
    (0, b"\x01\xda\x00", "SGI"),
    (0, b"\x01\xda\x01", "SGI"),
    (0, b"\x59\xa6\x6a\x95", "Sun raster"),
    (0, b"DDS ", "DDS"),
    (0, b"BPG\xfb", "BPG"),
    (0, b"AT&TFORM", "DjVu"),
    (0, b"\x8aMNG", "MNG"),
    (0, b"\x8bJNG", "JNG"),
    (0, b"FLIF", "FLIF"),
    (0, b"farbfeld", "farbfeld"),
    (0, b"IIRO", "an Olympus raw file (ORF)"),
    (0, b"IIU\x00", "a Panasonic raw file (RW2)"),
    (0, b"FUJIFILMCCD-RAW", "a Fujifilm raw file (RAF)"),
    (128, b"DICM", "DICOM"),
    (344, b"n+1\x00", "NIfTI"),
    (4, b"n+2\x00", "NIfTI"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"PK\x03\x04", "a zip archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (0, b"Rar!\x1a\x07", "a rar archive"),
    (257, b"ustar", "a tar archive"),
    (0, b"\x89HDF\r\n\x1a\n", "HDF5"),
    (0, b"PAR1", "Parquet"),
    (0, b"SQLite format 3\x00", "a SQLite database"),
    (0, b"\x1a\x45\xdf\xa3", "a Matroska or WebM video"),
    (0, b"OggS", "an Ogg file"),
    (0, b"\x7fELF", "a program"),
    (0, b"MZ", "a program"),
)

_SCANS = "Read it with opsin.medical.read, or opsin apply."
_HEIF = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"}


def sniff(data: bytes) -> str:
    """Name the format of some bytes by their content.

    Returns: a key of `FORMATS`.
    Raises: DecodeError `unsupported`, naming the format where it is known; `truncated` when there are no bytes.
    """
    if not data:
        raise DecodeError("truncated", "the file is empty.")
    if data[128:132] == b"DICM" and not _is_tiff_too(data):
        raise _unsupported("DICOM", _SCANS)
    for magic, name in _OURS:
        if data.startswith(magic):
            return name
    if len(data) >= 3 and data[:1] == b"P" and data[1:2] in b"1234567Ff" and data[2:3] in b" \t\r\n#":
        return "PNM"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        brands = {data[8:12]} | {data[i : i + 4] for i in range(16, min(int.from_bytes(data[:4], "big"), 256), 4)}
        if brands & {b"avif", b"avis"}:
            return "AVIF"
        if brands & _HEIF:
            raise _unsupported("HEIC or HEIF")
        if data[8:12] == b"crx ":
            raise _unsupported("a Canon raw file (CR3)")
        raise _unsupported("a video (MP4 or QuickTime)")
    if any(magic.startswith(data) for magic, _ in _OURS) or (len(data) < 12 and b"RIFF".startswith(data[:4])):
        raise DecodeError("truncated", f"the file ends after {len(data)} bytes, before any picture begins.")
    raise _name_other(data)


def _is_tiff_too(data: bytes) -> bool:
    """Say whether a DICOM file is a TIFF as well, as whole slides are: its first directory is in the file."""
    order: Literal["little", "big"] = "little" if data[:2] == b"II" else "big"
    return data[:4] in (b"II*\0", b"MM\0*") and 8 <= int.from_bytes(data[4:8], order) <= len(data) - 6


def _name_other(data: bytes) -> DecodeError:
    if b"IHDR" in data[8:18]:
        return DecodeError("corrupt", "the PNG signature is damaged, as a transfer in text mode leaves it.")
    if data[:4] == b"RIFF":
        return _unsupported("an AVI video" if data[8:12] == b"AVI " else "a RIFF file that is no WebP")
    for offset, magic, name in _OTHERS:
        if data.startswith(magic, offset):
            return _unsupported(name, _SCANS) if name in ("DICOM", "NIfTI") else _unsupported(name)
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in head:
        return _unsupported("SVG")
    if head.startswith((b"<!doctype html", b"<html")):
        return _unsupported("a web page (HTML), as a failed download leaves it")
    if head.startswith(b"version https://git-lfs"):
        return _unsupported("a Git LFS pointer, not the file itself")
    if head.startswith((b"<?xml", b"{", b"[")):
        return _unsupported("text (XML or JSON)")
    if data[-18:-2] == b"TRUEVISION-XFILE":
        return _unsupported("TGA")
    if not any(data[:4096]):
        return DecodeError("corrupt", "the file begins with nothing but zero bytes.")
    return DecodeError("unsupported", "the content is none of JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, PNM or NPY.")


def _unsupported(what: str, hint: str = "Convert it to PNG, JPEG or TIFF first.") -> DecodeError:
    return DecodeError("unsupported", f"the content is {what}, which Opsin does not decode. {hint}")


def module_of(name: str) -> Any:
    """Import the module that knows a format."""
    return import_module(f"opsin.io.formats.{FORMATS[name]}")


def header(data: bytes, *, limits: Limits = LOCAL) -> Header:
    """Read what a file says of itself: format, size, mode, frames, orientation, profile.

    Use it to refuse, sort or count files before decoding: no pixel is decoded, and a file over a limit is refused here.

    Args:
        data: all bytes of the file.
        limits: see `Limits`.
    Raises: DecodeError `unsupported`, `too_large`, `truncated` or `corrupt`.
    """
    if len(data) > limits.bytes:
        raise DecodeError("too_large", f"{len(data):,} bytes is over the limit of {limits.bytes:,}.")
    name = sniff(data)
    try:
        found: Header = module_of(name).walk(data, limits)
    except DecodeError:
        raise
    except (struct.error, IndexError) as error:
        raise DecodeError("truncated", f"the {name} header ends early.") from error
    return found
