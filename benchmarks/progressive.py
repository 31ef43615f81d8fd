"""How much a decoder of our own could gain on progressive JPEGs.

    python benchmarks/progressive.py [--rounds 7]

Baseline and progressive files of the same pixels, through libjpeg-turbo at full size and at an eighth, where nearly all
that is left is entropy decoding, and through a pipeline that needs a quarter of the size.
"""

from __future__ import annotations

import argparse
import io

import numpy as np
import simplejpeg
from core_common import Task, covering, interleaved, jpeg, large_files, originals
from PIL import Image

from opsin import Pipeline, ops, step

PIPELINE = Pipeline(
    step(ops.resize_shorter, size=256),
    step(ops.center_crop, width=224, height=224),
    step(ops.normalize, mean="imagenet", std="imagenet"),
    step(ops.to_tensor),
    decode="fast",
)


def again(data: bytes) -> bytes:
    """The same coefficients, as near as saving once more comes, in progressive scans."""
    return jpeg(np.asarray(Image.open(io.BytesIO(data))), quality=88, progressive=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    small = [jpeg(covering(p, 500, 375), quality=88) for p in originals()]
    big = large_files()
    for title, files in (("500 x 375", small), ("12 megapixels", big)):
        for kind, data in (("baseline", files), ("progressive", [again(d) for d in files])):
            tasks: dict[str, Task] = {
                "libjpeg-turbo": lambda data=data: [simplejpeg.decode_jpeg(d) for d in data],
                "libjpeg-turbo at 1/8": lambda data=data: [
                    simplejpeg.decode_jpeg(d, min_height=1, min_width=1, min_factor=8) for d in data
                ],
                "opsin, pipeline": lambda data=data: PIPELINE.batch(data, threads=1),
            }
            found = interleaved(tasks, options.rounds, 0.3)
            line = ", ".join(f"{name} {1000 * seconds / len(data):.2f} ms" for name, seconds in found.items())
            print(f"{title}, {kind}: {line}")


if __name__ == "__main__":
    main()
