"""What one input may cost: bytes, pixels, frames, scans, metadata, seconds. There is no "no limit"."""

from __future__ import annotations

from dataclasses import dataclass, fields

from opsin.errors import DecodeError, ParamError, refusal

__all__ = ["LOCAL", "SERVER", "Limits"]

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits on one input. Raise one with `dataclasses.replace(LOCAL, pixels=...)`; none can be switched off.

    Args:
        bytes: the longest input, in bytes.
        pixels: the largest frame, in pixels.
        side: the longest side, in pixels.
        decoded_bytes: the largest decoded picture, in bytes.
        frames: the most frames or pages that a file may hold (Opsin decodes the first).
        scans: the most scans of a progressive JPEG: each one passes over every pixel.
        ifds: the most directories of a TIFF.
        metadata_bytes: the largest profile or EXIF block that is kept; larger ones are left out, with a note.
        seconds: what the worker process that decodes may take; inside one process nothing can enforce it.
    """

    bytes: int = 2 * GIB
    pixels: int = 268_402_689
    side: int = 65_535
    decoded_bytes: int = 2 * GIB
    frames: int = 10_000
    scans: int = 100
    ifds: int = 1_000
    metadata_bytes: int = 8 * MIB
    seconds: float = 30.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            whole = field.name != "seconds"
            right = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
            if not right or not 0 < value < float("inf"):
                kind = "a whole number above 0" if whole else "a number above 0"
                raise ParamError(refusal("Limits", field.name, kind, value, "A limit can be raised, not removed."))

    def check_size(self, width: int, height: int, bytes_per_pixel: int = 1) -> None:
        """Refuse a frame that is empty, too long, too large or too heavy once decoded."""
        if width <= 0 or height <= 0:
            raise DecodeError("corrupt", f"the header says {width} x {height} pixels, which is no picture.")
        if width > self.side or height > self.side:
            raise DecodeError(
                "too_large", f"a side of {max(width, height):,} pixels is over the limit of {self.side:,}."
            )
        if width * height > self.pixels:
            raise DecodeError(
                "too_large",
                f"{width:,} x {height:,} = {width * height:,} pixels is over the limit of {self.pixels:,}.",
            )
        if width * height * bytes_per_pixel > self.decoded_bytes:
            raise DecodeError(
                "too_large",
                f"{width * height * bytes_per_pixel:,} bytes once decoded is over the limit of {self.decoded_bytes:,}.",
            )

    def check_count(self, what: str, count: int, limit: int) -> None:
        """Refuse more frames, scans or directories than the limit."""
        if count > limit:
            raise DecodeError("too_large", f"the file holds more {what} than the limit of {limit:,}.")


LOCAL = Limits()
SERVER = Limits(
    bytes=25 * MIB,
    pixels=50_000_000,
    side=16_384,
    decoded_bytes=256 * MIB,
    frames=1,
    scans=20,
    ifds=16,
    metadata_bytes=256 * KIB,
    seconds=10.0,
)
