"""Make a cartoon of a photograph: flat colors, inked outlines.

python examples/cartoon.py [PICTURE] --out cartoon.webp
"""

import argparse

import numpy as np
from skimage import data

import opsin
from opsin import ops


def main(arguments: list[str] | None = None) -> np.ndarray:
    """Draw a photograph (scikit-image's astronaut by default) as a cartoon, write both, give the cartoon."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", nargs="?")
    parser.add_argument("--out", default="cartoon.webp")
    words = parser.parse_args(arguments)
    photo = ops.to_rgb(opsin.read(words.picture)) if words.picture else data.astronaut()[:384, 60:444].copy()

    drawn = ops.cartoon(photo, levels=1, edge=9, median_radius=2, offset=0.03)
    drawn = ops.saturation(drawn, factor=1.4)

    opsin.write(np.hstack([photo, drawn]), words.out)
    colors = [len(np.unique(p.reshape(-1, 3), axis=0)) for p in (photo, drawn)]
    print(f"{colors[0]:,} colors became {colors[1]:,}; {(drawn == 0).all(axis=2).mean():.0%} is ink")
    return drawn


if __name__ == "__main__":
    main()
