"""Time the core's JPEG decoder against libjpeg-turbo through simplejpeg, OpenCV and Pillow.

    python benchmarks/core_decode.py [--rounds 7]

Peers that are not installed are named and left out. All run on one thread and take turns.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Sequence

import numpy as np
from core_common import Task, has, interleaved, large_files, quiet_opencv, small_files, table
from PIL import Image

from opsin.kernels import native


def peers(files: Sequence[bytes], draft: tuple[int, int] | None) -> tuple[dict[str, Task], list[str]]:
    def pillow() -> None:
        for data in files:
            image = Image.open(io.BytesIO(data))
            if draft is not None:
                image.draft(None, draft)
            np.asarray(image)

    tasks: dict[str, Task] = {"Pillow": pillow}
    absent = []
    if has("simplejpeg"):
        import simplejpeg

        low = (0, 0) if draft is None else (draft[1], draft[0])
        tasks["simplejpeg"] = lambda: [simplejpeg.decode_jpeg(d, min_height=low[0], min_width=low[1]) for d in files]
    else:
        absent.append("simplejpeg")
    if has("cv2"):
        cv2 = quiet_opencv()
        flag = cv2.IMREAD_COLOR if draft is None else cv2.IMREAD_REDUCED_COLOR_8
        arrays = [np.frombuffer(d, np.uint8) for d in files]
        tasks["OpenCV (BGR)"] = lambda: [cv2.imdecode(a, flag) for a in arrays]
    else:
        absent.append("OpenCV")
    return tasks, absent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--cpu", action="store_true", help="count processor time: for machines that do other work too")
    options = parser.parse_args()
    rounds, cpu = options.rounds, options.cpu
    print(f"instruction set: {native.simd_level()}\n")
    files = small_files()
    tasks, absent = peers(files, None)
    tasks |= {
        "core, RGB": lambda: [native.decode_jpeg(d) for d in files],
        "core, planes": lambda: [native.decode_planes(d) for d in files],
        "core, planes of the middle 328 x 328": lambda: [
            native.decode_planes(d, region=(86, 23, 328, 328)) for d in files
        ],
        "core, RGB at 1/8": lambda: [native.decode_jpeg(d, scale=1 / 8) for d in files],
    }
    base = "simplejpeg" if "simplejpeg" in tasks else "OpenCV (BGR)" if "OpenCV (BGR)" in tasks else "Pillow"
    size = np.mean([len(d) for d in files]) / 1e3
    print(table(f"500 x 375, {size:.0f} kB on average", interleaved(tasks, rounds, cpu=cpu), base, len(files), absent))
    large = large_files()
    tasks, absent = peers(large, None)
    tasks |= {
        "core, RGB": lambda: [native.decode_jpeg(d) for d in large],
        "core, planes": lambda: [native.decode_planes(d) for d in large],
        "core, fast planes at 1/8": lambda: [native.decode_planes(d, scale=1 / 8, fast=True) for d in large],
    }
    reduced, _ = peers(large, (500, 375))
    tasks |= {f"{name} at 1/8": task for name, task in reduced.items()}
    size = np.mean([len(d) for d in large]) / 1e6
    print(
        table(
            f"12 megapixels, {size:.1f} MB on average", interleaved(tasks, rounds, 0.6, cpu), base, len(large), absent
        )
    )


if __name__ == "__main__":
    main()
