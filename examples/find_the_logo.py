"""Find a flat thing (a logo, a page, a cover) in a scene, where it lies turned and seen from the side.

python examples/find_the_logo.py [LOGO SCENE] --out find_the_logo.webp
"""

import argparse

import numpy as np
from skimage import data

import opsin
from opsin import ops
from opsin.geometry import Size, Warp
from opsin.kernels.resample import resample
from opsin.values import Homography


def scene() -> tuple[np.ndarray, np.ndarray]:
    """A picture, and another one into which it is pasted in perspective."""
    logo, ground = data.coffee()[60:340, 120:480], data.astronaut()
    place = Warp.of([[0.52, -0.16, 190.0], [0.2, 0.5, 230.0], [3e-4, 1e-4, 1.0]], Size(360, 280), Size(512, 512))
    cover = resample(np.full(logo.shape[:2], 255, np.uint8), place)[..., None] / 255.0
    return logo, (resample(logo, place) * cover + ground * (1.0 - cover)).astype(np.uint8)


def main(arguments: list[str] | None = None) -> Homography:
    """Find the logo, draw both pictures with the pairs of points that agree, say where its corners are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", nargs="*", help="the logo and the scene")
    parser.add_argument("--out", default="find_the_logo.webp")
    words = parser.parse_args(arguments)
    logo, ground = (opsin.read(name) for name in words.pictures) if words.pictures else scene()

    found = ops.find_homography(logo, ground)

    opsin.write(found.draw_pair(logo, ground), words.out)
    print(found)
    for name, (x, y) in zip(("top left", "top right", "bottom right", "bottom left"), found.corners, strict=True):
        print(f"  {name} corner at ({x:.1f}, {y:.1f})")
    return found


if __name__ == "__main__":
    main()
