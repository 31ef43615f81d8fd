"""Paste an object into another picture so that no seam shows.

python examples/pasted_without_a_seam.py --out pasted_without_a_seam.webp
"""

import argparse

import numpy as np
from skimage import data

import opsin
from opsin import ops
from opsin.draw import contact_sheet


def main(arguments: list[str] | None = None) -> np.ndarray:
    """Paste a galaxy into an evening sky, plainly and seamlessly; write both, give the seamless one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="pasted_without_a_seam.webp")
    words = parser.parse_args(arguments)
    picture = data.rocket()
    galaxy = ops.resize(data.hubble_deep_field()[366:442, 84:172], width=176, height=152, kernel="lanczos")
    left, top = 360, 12

    # a rough outline is enough: around the galaxy both pictures are calm
    y, x = np.mgrid[:152, :176]
    mask = ((x - 84) / 76) ** 2 + ((y - 74) / 68) ** 2 < 1

    plain = picture.copy()
    plain[top : top + 152, left : left + 176][mask] = galaxy[mask]
    seamless = ops.seamless_clone(picture, galaxy, mask, left=left, top=top)

    captions = ["The part", "Pasted plainly", "Pasted without a seam"]
    opsin.write(contact_sheet([galaxy, plain, seamless], 3, captions, cell=(420, 281)), words.out)
    rim = mask ^ np.asarray(ops.erode(mask, footprint="disk", radius=1))
    for name, result in (("plainly", plain), ("without a seam", seamless)):
        part = result[top : top + 152, left : left + 176].astype(float)
        step = np.abs(part - np.roll(part, 1, axis=1)).max(axis=2)[rim].mean()
        print(f"pasted {name}: mean step at the rim {step:.1f} levels")
    return seamless


if __name__ == "__main__":
    main()
