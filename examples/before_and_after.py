"""Lay a picture on another one and show both in turn, square by square, before and after.

python examples/before_and_after.py [PICTURE REFERENCE] --out before_and_after.webp
"""

import argparse

import numpy as np
from skimage import data

import opsin
from opsin import ops
from opsin.geometry import Size, Warp, about, shift, stretch, turn
from opsin.kernels.resample import resample
from opsin.values import Registration
from opsin.values.registration import checkerboard


def scene() -> tuple[np.ndarray, np.ndarray]:
    """A picture that was turned, scaled and shifted, and the original."""
    reference, size = data.camera(), Size(512, 512)
    bent = Warp.of(shift(9, -6) @ about(size.center, turn(4.0) @ stretch(1.04, 1.04)), size)
    return resample(reference, bent.with_edge("symmetric", 0.0)), reference


def main(arguments: list[str] | None = None) -> Registration:
    """Register two pictures of one size, write the squares before and after, say what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", nargs="*", help="the picture and its reference, of one size")
    parser.add_argument("--out", default="before_and_after.webp")
    words = parser.parse_args(arguments)
    picture, reference = (opsin.read(name) for name in words.pictures) if words.pictures else scene()

    result = ops.register_ecc(picture, reference)

    sides = [checkerboard(picture, reference, 6), result.checkerboard(picture, reference, 6)]
    opsin.write(np.concatenate(sides, axis=1), words.out)
    print(result)
    return result


if __name__ == "__main__":
    main()
