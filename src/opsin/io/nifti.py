"""NIfTI-2 as NIfTI-1: the same numbers under a shorter head, which is the one that the decoder knows."""

from __future__ import annotations

import struct
import zlib

from opsin.errors import DecodeError
from opsin.io.limits import Limits

__all__ = ["as_nifti1"]

# NIfTI-2's head of 540 bytes up to what is not used: sizeof_hdr, magic, datatype, bitpix, dim, intent_p1..3, pixdim,
# vox_offset, scl_slope, scl_inter, cal_max, cal_min, slice_duration, toffset, slice_start, slice_end, descrip,
# aux_file, qform_code, sform_code, quatern_b..d, qoffset_x..z, srow_x..z, slice_code, xyzt_units, intent_code,
# intent_name, dim_info
_TWO = "i8shh8q3d8dq6d2q80s24s2i6d12d3i16sb"
# NIfTI-1's of 348: sizeof_hdr, 10 + 18 + 4 + 2 + 1 bytes not used, dim_info, dim, intent_p1..3, intent_code, datatype,
# bitpix, slice_start, pixdim, vox_offset, scl_slope, scl_inter, slice_end, slice_code, xyzt_units, cal_max, cal_min,
# slice_duration, toffset, 8 bytes not used, descrip, aux_file, qform_code .. srow_z as above, intent_name, magic
_ONE = "i10s18sihbb8h3fhhhh8f3fhbb4f2i80s24s2h6f12f16s4s"


def as_nifti1(data: bytes, limits: Limits, name: str | None) -> bytes:
    """Give a NIfTI-2 file, packed or not, as an unpacked NIfTI-1 one; any other file as it is.

    Texts in the head (description, names) are left out.

    Raises:
        DecodeError: a NIfTI-2 file that is cut off, or larger than NIfTI-1 can say.
        LimitError: one that unpacks to more than is allowed.
    """
    head = data[:540]
    packed = data[:2] == b"\x1f\x8b"
    if packed:
        try:
            head = zlib.decompressobj(31).decompress(data, 540)
        except zlib.error:
            return data
    if head[4:8] != b"n+2\0" or len(head) < 540:
        return data
    order = "<" if head[:4] == b"\x1c\x02\0\0" else ">"
    two = struct.unpack_from(order + _TWO, head)
    kind, bits = two[2], two[3]
    dim, intent, pixdim = two[4:12], two[12:15], two[15:23]
    offset, slope, inter = two[23], two[24], two[25]
    if not 1 <= dim[0] <= 7 or any(not 0 <= d <= 32767 for d in dim) or offset < 540:
        raise DecodeError("unsupported", "a NIfTI-2 file with more than 32,767 pixels on a side is not read.", name)
    size = bits // 8
    for side in dim[1 : 1 + dim[0]]:
        size *= max(1, side)
    limits.check_size(max(1, dim[1]), max(1, dim[2]), size // max(1, dim[1] * dim[2]) + 1)
    if packed:
        try:
            data = zlib.decompressobj(31).decompress(data, offset + size)
        except zlib.error:
            raise DecodeError("corrupt", "the packed NIfTI-2 file is damaged.", name) from None
    if len(data) < offset + size:
        raise DecodeError("truncated", "the NIfTI-2 file ends before its pixels do.", name)
    units, dim_info = two[55] & 0x3F, two[58]
    one = struct.pack(
        order + _ONE, 348, b"", b"", 0, 0, 0, dim_info, *dim, *intent, two[56] & 0x7FFF, kind, bits, 0, *pixdim, 352.0,
        slope, inter, 0, 0, units, 0.0, 0.0, two[28], two[29], 0, 0, b"", b"", two[34], two[35], *two[36:54], b"",
        b"n+1\0",
    )  # fmt: skip
    return one + b"\0\0\0\0" + data[offset : offset + size]
