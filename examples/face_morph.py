"""Turn one face into another: an astronaut becomes a cat, by points that were set by hand.

python examples/face_morph.py --out face_morph.webp
python examples/face_morph.py --count 75 --out face_morph.mp4
"""

import argparse

import numpy as np
from skimage import data

import opsin
from opsin import video

# as seen: left and right eye, tip of the nose, left and right corner of the mouth, chin, left and right cheek, and the
# top, left and right of the head
ASTRONAUT = np.array(
    [[198, 101], [246, 100], [222, 128], [206, 146], [237, 144], [221, 172], [181, 131], [266, 125], [222, 30],
     [176, 70], [268, 62]], dtype=np.float64,
)  # fmt: skip
CAT = np.array(
    [[171, 116], [318, 131], [265, 235], [212, 267], [285, 270], [250, 293], [90, 165], [345, 190], [240, 35],
     [130, 30], [325, 60]], dtype=np.float64,
)  # fmt: skip


def main(arguments: list[str] | None = None) -> list[np.ndarray]:
    """Make the frames and write them beside each other; the first and the last are the pictures themselves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5, help="how many frames")
    parser.add_argument("--out", default="face_morph.webp")
    words = parser.parse_args(arguments)
    astronaut = np.ascontiguousarray(data.astronaut()[:300, 70:370])
    cat = np.ascontiguousarray(data.chelsea()[:300, 60:360])

    clip = list(video.morph(astronaut, cat, ASTRONAUT - [70, 0], CAT - [60, 0], count=words.count))

    if words.out.endswith(".mp4"):
        video.write(words.out, clip, rate=25)
    else:
        opsin.write(np.concatenate(clip, axis=1), words.out)
    print(f"{len(clip)} frames of {clip[0].shape[1]} x {clip[0].shape[0]}")
    return clip


if __name__ == "__main__":
    main()
