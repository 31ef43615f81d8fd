"""Techniques that go wrong on purpose, on pictures whose first pixel says so: a plug-in of the job's tests."""

import ctypes
import os
import signal
import time
from typing import Annotated

import numpy as np

from opsin import op
from opsin.types import Bound, Image, Usual


@op
def faulty(image: Image, /, *, hang: Annotated[float, Bound(ge=0.0), Usual(0.0, 60.0)] = 60.0) -> Image:
    """Crash, hang, run out of memory or raise where the first pixel is 250 to 254; else change nothing.

    Args:
        hang: seconds that a hanging picture hangs.

    Returns:
        the picture.

    Source:
        none; for tests.
    """
    first = int(image.reshape(-1)[0])
    if first == 250:
        ctypes.string_at(0)
    if first == 251:
        time.sleep(hang)
    if first == 252:
        np.ones(1 << 34, np.uint8)
    if first == 253:
        raise ZeroDivisionError("on purpose")
    if first == 254:
        os.kill(os.getpid(), signal.SIGKILL)
    return image
