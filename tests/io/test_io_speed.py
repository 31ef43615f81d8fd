"""The doors cost little beside the codecs. Timings jump on a shared machine: the best of many counts."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import pytest
from io_seeds import picture, pil
from PIL import Image

from opsin.io import decode, header


def best(function: Callable[[], object], count: int) -> float:
    times = []
    for _ in range(count):
        begin = time.perf_counter()
        function()
        times.append(time.perf_counter() - begin)
    return min(times)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("format", "options"), [("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {}), ("WEBP", {})]
)
def test_decode_costs_what_pillow_costs(format: str, options: dict[str, object]) -> None:
    data = pil(picture(3, height=1200, width=1800), format, **options)
    ratios = []
    for _ in range(5):  # in turns, so that a busy moment meets both
        theirs = best(lambda: np.array(Image.open(io.BytesIO(data))), 3)
        ratios.append(best(lambda: decode(data), 3) / theirs)
    assert min(ratios) < 1.1, ratios


def test_a_header_is_read_in_no_time() -> None:
    data = pil(picture(3, height=1200, width=1800), "JPEG", quality=95)
    assert best(lambda: header(data), 5) < 0.01


def test_importing_the_doors_loads_no_codec() -> None:
    code = (
        "import sys, opsin.io.reading, opsin.io.writing; print([m for m in ('PIL', 'cv2', 'yaml') if m in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout.strip() == "[]", done.stderr
