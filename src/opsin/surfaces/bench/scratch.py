"""What one thread holds while it works on a large photograph, beside the file and the result: in a fresh process."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from opsin.surfaces.bench.aims import SCRATCH_MB

__all__ = ["measure_scratch"]

# The peak is reset after a small picture has brought everything in, then one large file is done (Linux only).
_CHILD = """
import ctypes, json, sys
from opsin.io import read_bytes
from opsin.surfaces.bench.pipelines import PIPELINES
def peak():
    return next(int(l.split()[1]) for l in open("/proc/self/status") if l.startswith("VmHWM"))
small, large = (read_bytes(p).data for p in sys.argv[1:3])
run = lambda data: PIPELINES["P1"].batch([data], keys=[0], epoch=0, threads=1)
run(small)
ctypes.CDLL(None).malloc_trim(0)  # what the small one left must not hide what the large one takes
open("/proc/self/clear_refs", "w").write("5")
before = peak()
done = run(large)
print(json.dumps([peak() - before, done.images.nbytes, len(large)]))
"""


def measure_scratch(small: bytes, large: bytes) -> dict[str, Any]:
    """Run P1 on a large file and look at how much the peak of the process grew.

    Args:
        small: a file that is done first, so that code and tables are in memory.
        large: the file that is measured.
    """
    import json

    from opsin.io import write_bytes

    with tempfile.TemporaryDirectory() as place:
        paths = [Path(place) / "small.jpg", Path(place) / "large.jpg"]
        for path, data in zip(paths, (small, large), strict=True):
            write_bytes(path, data)
        command = [sys.executable, "-c", _CHILD, *map(str, paths)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        return {"says": "Scratch could not be measured here: it is read from /proc, which is Linux's."}
    grown, output, size = json.loads(done.stdout)
    scratch = max(0.0, (grown * 1024 - output) / 1e6)
    return {
        "file MB": round(size / 1e6, 2),
        "scratch MB": round(scratch, 2),
        "says": f"P5 on one thread holds {scratch:.1f} MB beside file and result (must be below {SCRATCH_MB:g}: "
        f"{'met' if scratch < SCRATCH_MB else 'NOT met'}).",
    }
