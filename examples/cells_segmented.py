"""Find the nuclei in a stained section: take the stains apart, follow uneven staining, separate what touches.

python examples/cells_segmented.py [PICTURE] --out cells_segmented.webp
"""

import argparse

import numpy as np
from skimage import data

import opsin
from opsin import ops


def main(arguments: list[str] | None = None) -> int:
    """Segment the nuclei (of scikit-image's section by default), write them beside the section, give their number."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", nargs="?", help="a section stained with hematoxylin and DAB, RGB")
    parser.add_argument("--out", default="cells_segmented.webp")
    words = parser.parse_args(arguments)
    image = ops.to_rgb(opsin.read(words.picture)) if words.picture else data.immunohistochemistry()

    # nuclei take up hematoxylin, the first of the three stains
    stain = ops.convert_color(image, to="hed")[..., 0]
    stain = ops.gaussian_blur(np.clip(stain / np.quantile(stain, 0.999), 0.0, 1.0).astype(np.float32), sigma=1.5)
    # a nucleus is darker than its surroundings, however dark those are
    nuclei = ops.threshold(stain, method="adaptive", window=51, offset=-0.04)
    nuclei = ops.opening(nuclei, radius=2)
    cells = ops.watershed(nuclei)
    cells = cells.keep(cells.areas >= 30)

    opsin.write(np.hstack([image, cells.draw(image)]), words.out)
    print(f"{cells.count} nuclei, half of them larger than {np.median(cells.areas):.0f} px")
    return cells.count


if __name__ == "__main__":
    main()
