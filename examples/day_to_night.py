"""Turn day into night: take the light and the colors of another picture.

python examples/day_to_night.py [DAY NIGHT] --out day_to_night.webp
"""

import argparse

import numpy as np
from skimage import data
from sklearn.datasets import load_sample_image

import opsin
from opsin import ops
from opsin.draw import contact_sheet


def main(arguments: list[str] | None = None) -> np.ndarray:
    """Give a day the light of a night (a temple, a start by night by default), write all three, give the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("day", nargs="?")
    parser.add_argument("night", nargs="?")
    parser.add_argument("--out", default="day_to_night.webp")
    words = parser.parse_args(arguments)
    day = opsin.read(words.day) if words.day else load_sample_image("china.jpg")
    night = opsin.read(words.night) if words.night else data.rocket()

    # a graduated filter first, as photographers use: a sky that is white all over would all become one lamp
    shade = np.linspace(0.5, 1.0, day.shape[0], dtype=np.float32)[:, None, None]
    matched = ops.match_histogram((day / 255).astype(np.float32) * shade, night)
    matched = (matched * 255 + 0.5).astype(np.uint8)

    sheet = contact_sheet([day, night, matched], 3, ["The day", "Whose light is taken", "The night"], cell=(400, 270))
    opsin.write(sheet, words.out)
    for name, picture in (("day", day), ("night", night), ("result", matched)):
        print(f"{name}: mean brightness {np.asarray(ops.to_gray(picture)).mean() / 255:.2f}")
    return matched


if __name__ == "__main__":
    main()
