"""The edges of one picture by five definitions, side by side.

python examples/edges_five_ways.py [PICTURE] --out edges_five_ways.webp
"""

import argparse

import numpy as np
from skimage import data

import opsin
from opsin import ops
from opsin.draw import contact_sheet


def main(arguments: list[str] | None = None) -> dict[str, np.ndarray]:
    """Find edges in a picture (scikit-image's cat by default), write a sheet of them, give each as an array."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", nargs="?")
    parser.add_argument("--out", default="edges_five_ways.webp")
    words = parser.parse_args(arguments)
    image = opsin.read(words.picture) if words.picture else data.chelsea()
    gray = ops.to_gray(image)

    edges = {
        "Sobel: strength": ops.gamma(ops.autocontrast(ops.sobel(gray)), gamma=0.6),  # brighter, to be seen
        "Canny: thin lines": np.asarray(ops.canny(gray, sigma=2.0, low=0.05, high=0.15)),
        "Marr-Hildreth: closed contours": np.asarray(ops.marr_hildreth(gray, sigma=2.5, threshold=0.012)),
        "Difference of Gaussians: one scale": ops.difference_of_gaussians(gray, sigma=2.0).draw(gray),
        "Wavelet: two scales agree": ops.gamma(ops.autocontrast(ops.wavelet_edges(gray, levels=2)), gamma=0.6),
    }

    captions = ["The picture", *edges]
    opsin.write(contact_sheet([image, *edges.values()], columns=3, captions=captions, cell=(320, 240)), words.out)
    for name, found in edges.items():
        print(f"{name}: {found.dtype} {'x'.join(map(str, found.shape))}")
    return edges


if __name__ == "__main__":
    main()
