"""TIFF and BigTIFF: directory walk and checks. `tiff_pixels` decodes, `tiff_writer` encodes."""

from __future__ import annotations

import struct
from typing import Any

from opsin.errors import DecodeError
from opsin.io.facts import Note, Pixels
from opsin.io.headers import Header
from opsin.io.limits import Limits

_ITEM = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
# Only these tags are read: everything else is metadata, and stays in the file.
_WANTED = {254, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 284, 292, 293, 317, 320, 322, 323, 324, 325}
_WANTED |= {330, 332, 338, 339, 347, 530, 532, 34675, 50706}
_MOST_ENTRIES = 4096

COMPRESSIONS = {
    1: "none",
    2: "CCITT RLE",
    3: "CCITT Group 3",
    4: "CCITT Group 4",
    5: "LZW",
    7: "JPEG",
    8: "deflate",
    32773: "PackBits",
    32946: "deflate",
    34925: "LZMA",
    50000: "ZSTD",
    50001: "WebP",
}
_MODELS = {0: "gray", 1: "gray", 2: "RGB", 3: "palette", 4: "gray", 5: "CMYK", 6: "YCbCr", 8: "Lab", 9: "Lab"}


class _Tags(dict[int, Any]):
    """Tags of one directory; numbers as tuples, bytes as bytes."""

    def number(self, tag: int, default: int) -> int:
        value = self.get(tag)
        if not isinstance(value, tuple) or not value or not isinstance(value[0], int):
            return default
        return value[0]


def _directory(data: bytes, order: str, big: bool, at: int) -> tuple[_Tags, int]:
    """Read one directory; return its tags and where the next one is (0: none)."""
    count_at, entry, inline = (8, 20, 8) if big else (2, 12, 4)
    if at + count_at > len(data):
        raise DecodeError("truncated", "the TIFF was cut before its directory.")
    (entries,) = struct.unpack_from(order + ("Q" if big else "H"), data, at)
    start = at + count_at
    if entries > _MOST_ENTRIES:
        raise DecodeError("corrupt", f"a TIFF directory claims {entries} entries.")
    if start + entries * entry > len(data):
        raise DecodeError("truncated", "the TIFF was cut inside its directory.")
    tags = _Tags()
    for index in range(entries):
        where = start + index * entry
        tag, kind, number = struct.unpack_from(order + ("HHQ" if big else "HHI"), data, where)
        if tag not in _WANTED or kind not in _SIZES or tag in tags:
            continue
        size = _SIZES[kind] * number
        value_at = where + entry - inline
        if size > inline:
            (value_at,) = struct.unpack_from(order + ("Q" if big else "I"), data, value_at)
        if value_at + size > len(data):
            if tag in (34675,):
                continue
            raise DecodeError("truncated", f"the value of the TIFF's tag {tag} lies past the end of the file.")
        if kind in (2, 7) or tag in (347, 34675):
            tags[tag] = data[value_at : value_at + size]
        elif kind in _ITEM:
            tags[tag] = struct.unpack_from(f"{order}{number}{_ITEM[kind]}", data, value_at)
    tail = start + entries * entry
    following = struct.unpack_from(order + ("Q" if big else "I"), data, tail)[0] if tail + inline <= len(data) else 0
    return tags, int(following)


def walk(data: bytes, limits: Limits) -> Header:
    """Read the first directory, follow the chain of the others, and check the layout of the pixels."""
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\x00", b"\x00+")
    if big and struct.unpack_from(order + "HH", data, 4) != (8, 0):
        raise DecodeError("corrupt", "the BigTIFF header is wrong.")
    (first,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
    if data[8:10] == b"CR" and not big:
        raise DecodeError("unsupported", "the content is a Canon raw file (CR2), which Opsin does not decode.")
    notes: list[Note] = []
    tags, following = _directory(data, order, big, first)
    pages = _count_pages(data, order, big, first, following, limits, notes)
    if 50706 in tags or (tags.number(254, 0) & 1 and 330 in tags):
        raise DecodeError("unsupported", "the content is a camera's raw file (DNG and kin). Develop it to TIFF first.")
    details = _layout(tags, limits)
    details["order"] = order
    width, height = details["width"], details["height"]
    orientation = tags.number(274, 1)
    if not 1 <= orientation <= 8:
        notes.append(Note("bad_exif", f"the orientation is {orientation}, none of 1 to 8; taken as upright."))
        orientation = 1
    icc = tags.get(34675)
    if icc is not None and (not isinstance(icc, bytes) or len(icc) > limits.metadata_bytes):
        notes.append(Note("metadata_dropped", "the colour profile is over the metadata limit and was left out."))
        icc = None
    if pages > 1:
        notes.append(Note("first_frame_only", f"the TIFF holds {pages} pages; the first is decoded."))
    bits, samples = details["bits"], details["samples"]
    kind = f"float{bits}" if details["sample_format"] == 3 else str(bits)
    model = _MODELS[details["photometric"]]
    extra = f" + {samples - details['base']}" if samples > details["base"] else ""
    return Header(
        "TIFF",
        width,
        height,
        f"{model}{extra} {kind}",
        bits,
        details["channels"],
        frames=pages,
        orientation=orientation,
        icc=icc,
        notes=notes,
        details=details,
    )


def _count_pages(
    data: bytes, order: str, big: bool, first: int, following: int, limits: Limits, notes: list[Note]
) -> int:
    seen, pages, at = {first}, 1, following
    width, entry, layout = (8, 20, "Q") if big else (2, 12, "H")
    while at:
        if at in seen or at + width > len(data):
            notes.append(Note("no_end_marker", "the chain of TIFF directories is broken after the first page."))
            break
        seen.add(at)
        pages += 1
        limits.check_count("directories", pages, min(limits.ifds, max(limits.frames, 1)))
        (entries,) = struct.unpack_from(order + layout, data, at)
        tail = at + width + entries * entry
        if tail + (8 if big else 4) > len(data):
            notes.append(Note("no_end_marker", "the chain of TIFF directories is broken after the first page."))
            break
        (at,) = struct.unpack_from(order + ("Q" if big else "I"), data, tail)
    return pages


def _layout(tags: _Tags, limits: Limits) -> dict[str, Any]:
    """Check what the first directory says about the pixels."""
    width, height = tags.number(256, 0), tags.number(257, 0)
    samples = tags.number(277, 1)
    bits_all = tags.get(258, (1,))
    formats = tags.get(339, (1,))
    if not isinstance(bits_all, tuple) or not isinstance(formats, tuple) or not 1 <= samples <= 4096:
        raise DecodeError("corrupt", f"the TIFF claims {samples} samples a pixel.")
    if len(set(bits_all[:samples])) != 1 or len(set(formats[:samples])) != 1:
        raise DecodeError("unsupported", "a TIFF whose channels differ in depth is not decoded.")
    bits, sample_format = int(bits_all[0]), int(formats[0])
    compression, photometric = tags.number(259, 1), tags.number(262, -1)
    planar, predictor = tags.number(284, 1), tags.number(317, 1)
    if compression == 6:
        raise DecodeError("unsupported", "old-style JPEG inside TIFF (compression 6) is not decoded.")
    if compression not in COMPRESSIONS:
        raise DecodeError("unsupported", f"TIFF compression {compression} is not decoded. Save it with deflate or LZW.")
    if photometric == -1:
        photometric = 0 if compression in (2, 3, 4) else 2 if samples >= 3 else 1
    if photometric not in _MODELS:
        raise DecodeError("unsupported", f"TIFF color model {photometric} is not decoded. Save it as RGB or gray.")
    if sample_format == 3 and bits not in (16, 32, 64):
        raise DecodeError("corrupt", f"the TIFF claims floats of {bits} bits.")
    if sample_format not in (1, 3, 4) or (sample_format != 3 and bits > 16):
        kind = "signed" if sample_format == 2 else "complex" if sample_format in (5, 6) else "unsigned"
        raise DecodeError(
            "unsupported", f"{kind} integers of {bits} bits are no picture. Convert them to uint16 or float32 first."
        )
    if not 1 <= bits <= 64:
        raise DecodeError("corrupt", f"the TIFF claims {bits} bits a sample.")
    if planar not in (1, 2) or predictor not in (1, 2, 3):
        raise DecodeError("unsupported", f"TIFF planar layout {planar} with predictor {predictor} is not decoded.")
    base = {2: 3, 5: 4, 6: 3, 8: 3, 9: 3}.get(photometric, 1)
    if samples < base and not (photometric in (8, 9) and samples == 1):
        raise DecodeError("corrupt", f"the TIFF claims {_MODELS[photometric]} with {samples} channels.")
    if photometric == 5 and tags.number(332, 1) != 1:
        raise DecodeError("unsupported", "a TIFF of inks other than CMYK is not decoded.")
    if photometric == 6 and compression not in (7, 50001):
        raise DecodeError("unsupported", "YCbCr in TIFF without JPEG is not decoded. Save it as RGB.")
    if photometric in (5, 6, 8, 9) and (bits not in (8, 16) or sample_format == 3):
        raise DecodeError("unsupported", f"{_MODELS[photometric]} of {bits} bits in TIFF is not decoded.")
    if photometric == 3 and (bits > 8 or samples > 2 or len(tags.get(320, ())) < 3 << bits):
        raise DecodeError("corrupt", "the TIFF's palette does not fit its pixels.")
    extra = tags.get(338, ())
    kinds = tuple(extra) if isinstance(extra, tuple) else ()
    channels = _channels(photometric, base, samples, kinds)
    item = 1 if bits <= 8 else 2 if bits <= 16 and sample_format != 3 else 4
    limits.check_size(width, height, max(channels, samples) * item)
    found: dict[str, Any] = {
        "width": width,
        "height": height,
        "samples": samples,
        "bits": bits,
        "sample_format": 3 if sample_format == 3 else 1,
        "compression": compression,
        "photometric": photometric,
        "planar": planar if samples > 1 else 1,
        "predictor": predictor if compression in (5, 8, 32946, 34925, 50000) else 1,
        "fill_order": tags.number(266, 1),
        "base": base,
        "extra": kinds,
        "channels": channels,
        "palette": tags.get(320),
        "tables": tags.get(347),
        "options": {tag: tags.number(tag, 0) for tag in (292, 293) if tag in tags},
        "subsampling": tags.get(530),
    }
    _chunk_grid(tags, found, limits)
    return found


def _channels(photometric: int, base: int, samples: int, kinds: tuple[int, ...]) -> int:
    alpha = bool(kinds) and kinds[0] in (1, 2)
    if photometric == 3:
        return 4 if samples == 2 and alpha else 3
    if photometric in (5, 6, 8, 9):
        return 3
    if base == 1:
        return 1 if samples == 1 else 4 if samples == 2 and alpha else samples
    return samples


def _chunk_grid(tags: _Tags, found: dict[str, Any], limits: Limits) -> None:
    """Work out where the strips or tiles lie and how large each one is."""
    width, height = found["width"], found["height"]
    tiled = 322 in tags and 323 in tags
    if tiled:
        chunk_width, chunk_height = tags.number(322, 0), tags.number(323, 0)
        limits.check_size(chunk_width, chunk_height, found["samples"] * ((found["bits"] + 7) // 8))
        across, down = -(-width // chunk_width), -(-height // chunk_height)
        offsets, counts = tags.get(324) or tags.get(273), tags.get(325) or tags.get(279)
    else:
        chunk_width, across = width, 1
        chunk_height = min(tags.number(278, height) or height, height)
        down = -(-height // chunk_height)
        offsets, counts = tags.get(273), tags.get(279)
    planes = found["samples"] if found["planar"] == 2 else 1
    need = across * down * planes
    if not isinstance(offsets, tuple) or len(offsets) < need:
        raise DecodeError("corrupt", f"the TIFF names {len(offsets or ())} of its {need} strips or tiles.")
    row = (chunk_width * (found["samples"] // planes) * found["bits"] + 7) // 8
    if found["compression"] == 1:  # the size follows from the shape; the written count is often wrong
        last = row * (height - (down - 1) * chunk_height) if not tiled else row * chunk_height
        counts = tuple(last if (i // across) % down == down - 1 else row * chunk_height for i in range(need))
    elif not isinstance(counts, tuple) or len(counts) < need:
        raise DecodeError("corrupt", "the TIFF does not say how long its strips or tiles are.")
    found.update(
        tiled=tiled,
        chunk_width=chunk_width,
        chunk_height=chunk_height,
        across=across,
        down=down,
        planes=planes,
        row=row,
        offsets=offsets[:need],
        counts=counts[:need],
    )


def pixels(data: bytes, header: Header, limits: Limits) -> Pixels:
    """Decode the first page."""
    from opsin.io.formats.tiff_pixels import decode_page

    return decode_page(data, header, limits)
