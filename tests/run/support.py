"""A small data set on disk, and the command to prepare it."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from opsin import write

PIPELINE = """\
opsin: 1
seed: 3
steps:
  - faulty: {hang: 60}
  - letterbox: {width: 48, height: 48}
  - augment:
      - rotate: {angle: {uniform: [-20, 20]}}
      - gaussian_noise: {std: 0.02}
"""


def tree(folder: Path) -> dict[str, str]:
    """Digest everything in a prepared folder but .opsin."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and ".opsin" not in p.parts)
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def environment() -> dict[str, str]:
    """Give an environment in which the faulty technique is known."""
    here = str(Path(__file__).parent)
    path = os.pathsep.join(p for p in (here, os.environ.get("PYTHONPATH", "")) if p)
    return os.environ | {"OPSIN_PLUGINS": "faulty", "PYTHONPATH": path}


class Job:
    """A source, a pipeline, and the command that prepares it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.source = folder, folder / "source"
        self.pipeline = folder / "pipeline.yaml"
        self.pipeline.write_text(PIPELINE)

    def command(self, out: Path, *words: str) -> list[str]:
        """Give the command line."""
        start = [sys.executable, "-m", "opsin", "prepare", str(self.source), "-p", str(self.pipeline), "-o", str(out)]
        return [*start, "--mode", "train", *words]

    def run(self, out: Path, *words: str, limit: float = 120) -> subprocess.CompletedProcess[str]:
        """Run the command to its end."""
        command = self.command(out, *words)
        return subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=limit, check=False)


def make_source(source: Path, count: int, faults: dict[int, int] | None = None) -> None:
    """Write a COCO data set of noise pictures; `faults` says which first pixel a picture gets."""
    (source / "images").mkdir(parents=True)
    images, notes = [], []
    for i in range(count):
        image = np.random.default_rng(i).integers(0, 240, (40 + i % 7, 56, 3), np.uint8)
        image[0, 0] = (faults or {}).get(i, 0)
        write(image, source / "images" / f"{i:04d}.png")
        images.append({"id": i, "file_name": f"{i:04d}.png", "width": 56, "height": 40 + i % 7})
        notes.append({"id": i, "image_id": i, "category_id": 5, "bbox": [5, 6, 20, 25], "area": 500, "iscrowd": 0})
    text = {"images": images, "annotations": notes, "categories": [{"id": 5, "name": "thing"}]}
    (source / "annotations.json").write_text(json.dumps(text))
