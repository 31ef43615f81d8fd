"""Three pictures were laid over each other three times, with unknown weights: take them apart.

python examples/mixed_pictures_separated.py --out mixed_pictures_separated.webp
"""

import argparse

import numpy as np
from skimage import data

import opsin
from opsin import ops
from opsin.draw import contact_sheet


def main(arguments: list[str] | None = None) -> np.ndarray:
    """Mix three pictures, separate them, write mixtures and sources, give how well each was found (correlation)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="mixed_pictures_separated.webp")
    words = parser.parse_args(arguments)
    true = np.stack([data.camera()[::2, ::2], ops.resize(data.text(), width=256, height=256), data.grass()[:256, :256]])
    weights = np.array([[0.5, 0.2, 0.3], [0.25, 0.45, 0.3], [0.2, 0.3, 0.5]])
    mixtures = np.tensordot(weights, true / 255, 1).astype(np.float32)

    unmixed = ops.ica(mixtures, components=3)

    # sources come without order and sign: match them with the originals for the sheet
    table = np.corrcoef(np.vstack([unmixed.rows, true.reshape(3, -1)]))[:3, 3:]
    pictures = unmixed.pictures()
    found = []
    for k in range(3):
        best = int(np.abs(table[:, k]).argmax())
        found.append(pictures[best] if table[best, k] > 0 else 1 - pictures[best])
    scores = np.abs(table).max(axis=0)

    captions = [f"Mixture {k + 1}" for k in range(3)] + [f"Found: correlation {s:.3f}" for s in scores]
    opsin.write(contact_sheet([*mixtures, *found], 3, captions, cell=(256, 256)), words.out)
    print(f"{unmixed!r}; correlation with the originals: {', '.join(f'{s:.3f}' for s in scores)}")
    return scores


if __name__ == "__main__":
    main()
