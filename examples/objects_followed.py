"""Count the objects that move through a clip, follow each, and draw the ways they took.

python examples/objects_followed.py [CLIP] --out objects_followed.mp4 --picture objects_followed.webp
"""

import argparse
from collections.abc import Iterator

import numpy as np

import opsin
from opsin import ops, video
from opsin.metrics.mot import evaluate
from opsin.tracking import track
from opsin.values import Boxes
from opsin.values.tracks import Tracks

FRAMES, SIZE = 60, (180, 320)


def balls(frame: int) -> list[tuple[float, float, float]]:
    """Where five balls are in a frame: middle and radius; two of them pass each other."""
    t = float(frame)
    return [
        (20 + 4.5 * t, 40.0, 14.0),
        (300 - 4.5 * t, 72.0, 12.0),
        (40 + 2.0 * t, 166.0, 10.0),
        (250.0, 20 + 2.2 * t, 11.0),
        (160 + 60 * np.cos(t / 9), 128 + 15 * np.sin(t / 9), 9.0),
    ]


def scene() -> Iterator[np.ndarray]:
    """Balls before a ground with grain, the same every time."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    ground = np.full((*SIZE, 3), 0.82, np.float32)
    for frame in range(FRAMES):
        image = ground.copy()
        for number, (cx, cy, radius) in enumerate(balls(frame)):
            color = np.array([0.15 + 0.1 * number, 0.2, 0.5 - 0.08 * number], np.float32)
            image[np.hypot(x - cx, y - cy) < radius] = color
        yield ops.gaussian_noise(image, std=0.02, rng=opsin.Rng(7, key=frame))


def find(image: np.ndarray) -> Boxes:
    """Boxes around what is darker than the ground and no speck."""
    dark = np.asarray(image, dtype=np.float64).mean(axis=2) < 0.5 * np.median(image)
    return Boxes([piece.box for piece in ops.label_regions(dark).regions if piece.area >= 60])


def truth() -> Tracks:
    """The balls as they were drawn, where they are on the picture."""
    rows = []
    for frame in range(FRAMES):
        for number, (cx, cy, r) in enumerate(balls(frame)):
            box = np.clip([cx - r, cy - r, cx + r, cy + r], 0, [SIZE[1], SIZE[0]] * 2)
            if box[2] - box[0] > 4 and box[3] - box[1] > 4:
                rows.append((frame, number + 1, *box))
    return Tracks([r[0] for r in rows], [r[1] for r in rows], [r[2:] for r in rows], length=FRAMES)


def main(arguments: list[str] | None = None) -> int:
    """Follow what moves in a clip (a drawn one by default), write it with trails, give how many objects there were."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", nargs="?", help="dark things before a bright ground")
    parser.add_argument("--out", default="objects_followed.mp4")
    parser.add_argument("--picture", default="objects_followed.webp")
    words = parser.parse_args(arguments)
    source = words.clip
    if source is None:
        source = words.out
        video.write(source, scene(), rate=20)

    clip = video.Video(source)
    frames = [] if words.clip else [frame.image for frame in clip]  # the drawn clip is about to be written over
    tracks = track((find(image) for image in frames) if frames else (find(f.image) for f in clip), method="bytetrack")
    pictures = enumerate(frames) if frames else ((f.index, f.image) for f in clip)
    last = None

    def drawn() -> Iterator[np.ndarray]:
        nonlocal last
        for index, image in pictures:
            last = tracks.draw(image, frame=index, trail=40)
            yield last

    video.write(words.out, drawn(), rate=clip.facts.rate)
    opsin.write(last, words.picture)
    print(f"{len(tracks)} objects in {tracks.length} frames")
    if words.clip is None:
        print(evaluate(truth(), tracks))
    return len(tracks)


if __name__ == "__main__":
    main()
