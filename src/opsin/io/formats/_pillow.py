"""The one place that hands bytes to Pillow's codecs.

Containers are walked by Opsin; Pillow sees raw code streams of a size that has been checked. Its plug-in registry, its
metadata parsers and its process-wide settings (pixel limit, truncated files) stay out of it.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from opsin.io.facts import Array


def decode_with(codec: str, mode: str, size: tuple[int, int], data: bytes, *args: Any) -> Array:
    """Run one of Pillow's stream decoders over a whole stream.

    Returns: an array of its own, H W or H W C.
    Raises: ValueError when the stream is too short or broken.
    """
    from PIL import Image

    canvas = Image.new(mode, size, None)  # None: not filled first; a stream that leaves a pixel out is an error
    canvas.frombytes(data, codec, *args)
    return np.array(canvas)


def to_bytes(image: Array, format: str, **options: Any) -> bytes:
    """Encode an array with one of Pillow's writers; nothing but pixels goes out."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(image).save(out, format, **options)
    return out.getvalue()
