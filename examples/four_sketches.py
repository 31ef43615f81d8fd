"""Draw a photograph with four pencils.

python examples/four_sketches.py [PICTURE] --out four_sketches.webp
"""

import argparse

import numpy as np
from skimage import data

import opsin
from opsin import ops
from opsin.draw import contact_sheet


def main(arguments: list[str] | None = None) -> dict[str, np.ndarray]:
    """Sketch a photograph (scikit-image's cat by default) four ways, write a sheet, give the sketches."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", nargs="?")
    parser.add_argument("--out", default="four_sketches.webp")
    words = parser.parse_args(arguments)
    photo = opsin.read(words.picture) if words.picture else data.chelsea()

    sketches = {
        "dodge: soft shading": ops.sketch(photo, method="dodge", sigma=10),
        "dog: thin lines": ops.sketch(photo, method="dog", sigma=1.2),
        "xdog: ink and shadow": ops.sketch(photo, method="xdog", sigma=1.0, sharpness=12, threshold=0.4),
        "diffusion: outlines only": ops.sketch(photo, method="diffusion", sigma=2.5, kappa=0.05),
    }

    opsin.write(contact_sheet(list(sketches.values()), 2, list(sketches), cell=(400, 270)), words.out)
    for name, drawn in sketches.items():
        print(f"{name}: {drawn.mean() / 255:.0%} of the paper is white")
    return sketches


if __name__ == "__main__":
    main()
