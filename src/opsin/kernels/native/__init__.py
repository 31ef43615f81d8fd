"""The compiled core, seen from Python: NumPy arrays in and out.

Everything here may be missing: where no Rust toolchain could build the core, `available()` is False and the NumPy
reference kernels serve instead. Nothing of the core runs when this package is imported but its loading.
"""

from opsin.kernels.native.filters import BOX, box_mean, median, smooth
from opsin.kernels.native.geometry import Kept, Least, carry_boxes, resize, resizer, warp, warp_map, warper
from opsin.kernels.native.jpeg import (
    MAX_PIXELS,
    JpegInfo,
    Plane,
    decode_jpeg,
    decode_planes,
    jpeg_has_profile,
    jpeg_head,
    jpeg_info,
)
from opsin.kernels.native.loading import WHY_NOT, available, set_simd_level, simd_level, version
from opsin.kernels.native.moves import framer, gray, look_up, moved, mover, saturate
from opsin.kernels.native.png import encode_png
from opsin.kernels.native.program import Outcome, Program, key_words, one_step
from opsin.kernels.native.values import channel_sums, normalized, planes, span

__all__ = [
    "BOX",
    "MAX_PIXELS",
    "WHY_NOT",
    "JpegInfo",
    "Kept",
    "Least",
    "Outcome",
    "Plane",
    "Program",
    "available",
    "box_mean",
    "carry_boxes",
    "channel_sums",
    "decode_jpeg",
    "decode_planes",
    "encode_png",
    "framer",
    "gray",
    "jpeg_has_profile",
    "jpeg_head",
    "jpeg_info",
    "key_words",
    "look_up",
    "median",
    "moved",
    "mover",
    "normalized",
    "one_step",
    "planes",
    "resize",
    "resizer",
    "saturate",
    "set_simd_level",
    "simd_level",
    "smooth",
    "span",
    "version",
    "warp",
    "warp_map",
    "warper",
]
