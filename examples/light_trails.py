"""Lay the frames of a clip over each other: trails of light, still crowds, silky water.

python examples/light_trails.py [CLIP_OR_FOLDER] --out light_trails.webp
"""

import argparse
from collections.abc import Iterator

import numpy as np
from skimage import data

import opsin
from opsin import ops
from opsin.draw import contact_sheet


def glow(frame: np.ndarray, x: float, y: float, size: float, color: object) -> None:
    """Add a soft spot of light to a frame."""
    reach = int(4 * size) + 1
    rows = np.arange(max(0, int(y) - reach), min(frame.shape[0], int(y) + reach + 2))
    columns = np.arange(max(0, int(x) - reach), min(frame.shape[1], int(x) + reach + 2))
    if rows.size and columns.size:
        spot = np.exp(-((rows[:, None] - y) ** 2 + (columns - x) ** 2) / (2 * size**2))
        frame[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] += spot[..., None] * np.asarray(color)


def night(count: int = 90) -> Iterator[np.ndarray]:
    """An evening, frame by frame: the stars turn, cars come with white lamps and go with red ones; sensor noise."""
    ground = ops.exposure(ops.resize(data.rocket(), width=480, height=320), stops=-1.0) / 255
    rng = opsin.Rng(5)
    far, turn = rng.uniform("far", 30.0, 420.0, 140), rng.uniform("turn", 0.0, 2 * np.pi, 140)
    light = rng.uniform("light", 0.15, 0.8, 140)
    for k in range(count):
        frame = ground + opsin.Rng(k).normal("noise", 0.0, 0.03, (320, 480, 1))
        angle = turn + 0.35 * k / count
        for x, y, brightness in zip(150 + far * np.cos(angle), 40 + far * np.sin(angle), light, strict=True):
            if y < 225:
                glow(frame, x, y, 0.7, brightness)
        for car in range(4):
            way = (k / count + car / 4) * 1.4 % 1.4 - 0.2
            for place, color, height in ((way, (1.2, 1.1, 0.84), 302), (1.0 - way, (1.2, 0.1, 0.06), 286)):
                for side in (-4, 4):
                    glow(frame, 480 * place + side, height + 14 * np.sin(2.2 * place), 1.7, color)
        yield (np.clip(frame, 0.0, 1.0) * 255 + 0.5).astype(np.uint8)


def main(arguments: list[str] | None = None) -> dict[str, np.ndarray]:
    """Expose a clip for long (a night by default), write a sheet, give the pictures by method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", nargs="?", help="a clip or a folder of frames")
    parser.add_argument("--out", default="light_trails.webp")
    words = parser.parse_args(arguments)

    def frames() -> str | Iterator[np.ndarray]:
        return words.clip or night()

    exposed = {
        "max: trails of light": ops.long_exposure(frames(), method="max"),
        "mean: as the shutter would": ops.long_exposure(frames(), method="mean"),
        "median: nobody was there": ops.long_exposure(frames(), method="median"),
    }

    one = ops.long_exposure([next(iter(night()))] if not words.clip else words.clip, method="min")
    pictures, captions = list(exposed.values()), list(exposed)
    if not words.clip:
        pictures, captions = [one, *pictures], ["One frame", *captions]
    opsin.write(contact_sheet(pictures, 2, captions, cell=(480, 320)), words.out)
    for name, picture in exposed.items():
        print(f"{name}: mean brightness {picture.mean() / 255:.3f}")
    return exposed


if __name__ == "__main__":
    main()
