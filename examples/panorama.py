"""Make one picture of several that overlap, in any order and of unlike exposure.

python examples/panorama.py [PICTURE ...] --out panorama.webp
"""

import argparse
from pathlib import Path

import numpy as np
from skimage import data

import opsin
from opsin import ops
from opsin.values import Panorama


def scene() -> dict[str, np.ndarray]:
    """Three overlapping pieces of a photograph, out of order, one of them darker."""
    whole = data.rocket()
    return {"right": whole[:, 380:], "left": (whole[:, :300] * 0.85).astype(np.uint8), "middle": whole[:, 180:500]}


def main(arguments: list[str] | None = None) -> Panorama:
    """Stitch pictures (pieces of a photograph by default), write the result, say what became of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", nargs="*", help="overlapping pictures in any order")
    parser.add_argument("--projection", default="cylindrical", choices=("cylindrical", "planar"))
    parser.add_argument("--out", default="panorama.webp")
    words = parser.parse_args(arguments)
    pictures = {Path(name).name: opsin.read(name) for name in words.pictures} or scene()

    result = ops.panorama(pictures, projection=words.projection, strangers="leave_out")

    opsin.write(result.image, words.out)
    print(result)
    for position, gain in zip(result.used, result.gains, strict=True):
        print(f"  {result.names[position]}: brightness x {gain:.2f}")
    return result


if __name__ == "__main__":
    main()
