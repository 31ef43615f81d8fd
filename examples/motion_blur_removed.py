"""Undo the blur of a moving camera, four ways, with how near each comes to the sharp picture.

python examples/motion_blur_removed.py [PICTURE] --out motion_blur_removed.webp
"""

import argparse

import numpy as np
from skimage import data

import opsin
from opsin import ops, psf
from opsin.draw import contact_sheet


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Blur a sharp picture (scikit-image's camera man by default), undo it, write a sheet, give the PSNRs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", nargs="?", help="a sharp picture")
    parser.add_argument("--out", default="motion_blur_removed.webp")
    words = parser.parse_args(arguments)
    sharp = opsin.read(words.picture) if words.picture else data.camera()[40:360, 100:420]

    moved = psf.motion(length=15, angle=30)
    blurred = ops.degrade(sharp, psf=moved, std=0.004, rng=opsin.Rng(1))

    # border="reflect": the scene goes on beyond the edge, it does not repeat
    pictures = {
        "Blurred by 15 px at 30 degrees": blurred,
        "Wiener": ops.wiener(blurred, psf=moved, balance=0.001, border="reflect"),
        "Constrained least squares": ops.constrained_least_squares(blurred, psf=moved, gamma=0.003, border="reflect"),
        "Richardson-Lucy": ops.richardson_lucy(blurred, psf=moved, iterations=60, border="reflect"),
        "Unsupervised Wiener": ops.unsupervised_wiener(blurred, psf=moved, border="reflect"),
    }

    scores = {}
    for name, picture in pictures.items():
        scores[name] = 10 * np.log10(255**2 / np.mean((picture.astype(float) - sharp) ** 2))
        print(f"{name}: {scores[name]:.2f} dB")
    captions = ["Sharp", *(f"{name}: {score:.1f} dB" for name, score in scores.items())]
    opsin.write(contact_sheet([sharp, *pictures.values()], 3, captions, cell=(320, 320)), words.out)
    return scores


if __name__ == "__main__":
    main()
