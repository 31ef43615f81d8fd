"""Take the scratches and the dust out of an old photograph: find what has no color of its own, and fill it.

python examples/old_photo_restored.py [PICTURE] --out old_photo_restored.webp
"""

import argparse

import numpy as np
from skimage import data

import opsin
from opsin import ops
from opsin.draw import contact_sheet


def aged(photo: np.ndarray) -> np.ndarray:
    """Scratch and stain a photograph: what a drawer does in fifty years."""
    rng, out = opsin.Rng(3), photo.copy()
    y, x = np.mgrid[: photo.shape[0], : photo.shape[1]]
    for i in range(9):
        angle, offset = rng.uniform(f"angle{i}", -0.5, 0.5), rng.uniform(f"offset{i}", -0.5, 0.5) * photo.shape[1]
        way = (
            (x - photo.shape[1] / 2) * np.cos(angle) + (y - photo.shape[0] / 2) * np.sin(angle) + 3 * np.sin(y / 40 + i)
        )
        out[np.abs(way - offset) < rng.uniform(f"width{i}", 0.7, 1.6)] = 245
    for i in range(60):
        top, left = rng.uniform(f"top{i}", 0, photo.shape[0]), rng.uniform(f"left{i}", 0, photo.shape[1])
        out[(y - top) ** 2 + (x - left) ** 2 < rng.uniform(f"size{i}", 1, 6)] = 245
    return out


def main(arguments: list[str] | None = None) -> np.ndarray:
    """Restore a photograph (a scratched astronaut by default), write before and after, give the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", nargs="?", help="a brown photograph with white scratches")
    parser.add_argument("--out", default="old_photo_restored.webp")
    words = parser.parse_args(arguments)
    whole = None if words.picture else ops.sepia(data.astronaut()[:384, 60:444].copy(), amount=1.0)
    photo = opsin.read(words.picture) if words.picture else aged(whole)

    # a brown print has no white: what is as blue as it is red, and bright, is damage; one pixel more for its soft rim
    red, blue = photo[..., 0].astype(int), photo[..., 2].astype(int)
    damage = ops.dilate((blue > 150) & (red - blue < 8), footprint="disk", radius=1)

    restored = ops.inpaint(photo, damage, method="biharmonic")

    captions = ["Before", "What was found", "After"]
    opsin.write(contact_sheet([photo, np.asarray(damage), restored], 3, captions, cell=(384, 384)), words.out)
    print(f"{damage.mean():.1%} of the picture filled")
    if whole is not None:
        changed = (photo != whole).any(axis=2)
        for name, picture in (("before", photo), ("after", restored)):
            error = np.mean((picture[changed].astype(float) - whole[changed]) ** 2)
            print(f"PSNR of the damaged pixels {name}: {10 * np.log10(255**2 / error):.1f} dB")
    return restored


if __name__ == "__main__":
    main()
