"""Align a CT slice with another one of the same patient, and compare them as a checkerboard.

python examples/ct_slice_aligned.py [MOVED.dcm REFERENCE.dcm] --out ct_slice_aligned.webp
"""

import argparse

import numpy as np

import opsin
from opsin import medical, ops
from opsin.kernels.resample import resample
from opsin.sample import Sample


def phantom() -> np.ndarray:
    """A drawn slice in Hounsfield units: air, a body, bones, lungs and a vessel."""
    y, x = (np.mgrid[:256, :256] + 0.5) / 256 - 0.5
    out = np.full((256, 256), -1000.0, np.float32)
    parts = ((0, 0, 0.42, 0.34, 40), (-0.18, -0.02, 0.12, 0.19, -850), (0.18, 0.0, 0.11, 0.2, -830),
             (0, 0.2, 0.06, 0.06, 700), (0.03, -0.1, 0.07, 0.09, 180), (-0.28, 0.15, 0.02, 0.05, 600))  # fmt: skip
    for cx, cy, rx, ry, units in parts:
        out[((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1] = units
    return ops.gaussian_blur(out, sigma=1.2)


def main(arguments: list[str] | None = None) -> np.ndarray:
    """Register two slices (drawn ones by default), write a checkerboard before and after, give the matrix."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("slices", nargs="*", help="two DICOM files: the one to move, and the reference")
    parser.add_argument("--out", default="ct_slice_aligned.webp")
    words = parser.parse_args(arguments)
    if words.slices:
        moved, reference = (medical.read(name) for name in words.slices)
    else:
        reference = Sample(phantom())
        moved = ops.affine(reference, angle=5.0, x=0.03, y=-0.02, border="replicate")

    a, b = (ops.window_intensity(s.image, center=40, width=1600) for s in (moved, reference))
    found = ops.register(a, b, transform="rigid")
    after = resample(a, found.warp)

    h, w = b.shape[:2]
    squares = (np.add.outer(np.arange(h) // 32, np.arange(w) // 32) % 2).astype(bool)
    boards = [np.where(squares, image[:h, :w], b) for image in (a, after)]
    opsin.write((np.concatenate(boards, axis=1) * 255 + 0.5).astype(np.uint8), words.out)
    print(np.round(found.warp.matrix, 4))
    return np.asarray(found.warp.matrix)


if __name__ == "__main__":
    main()
