"""`opsin apply` on clips: techniques frame by frame, and objects followed with their trails drawn."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from opsin.values.tracks import Tracks

pytest.importorskip("av")
pytest.importorskip("cv2")
from opsin import video


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "opsin", *words], capture_output=True, text=True, check=False)


@pytest.fixture
def clip(tmp_path) -> str:
    """Two dark plates of text-like bars that move apart on a bright ground."""

    def frames():
        for t in range(12):
            image = np.full((160, 240, 3), 230, np.uint8)
            for x, y in ((40 + 4 * t, 30), (120 - 5 * t, 100)):
                for k in range(6):
                    image[y : y + 24, x + 12 * k : x + 12 * k + 7] = 20
            yield image

    path = tmp_path / "in.mp4"
    video.write(path, frames(), rate=12)
    return str(path)


def test_a_technique_on_every_frame(clip, tmp_path):
    out = tmp_path / "out.mp4"
    done = run("apply", "invert", clip, "--out", str(out))
    assert done.returncode == 0, done.stderr
    before, after = video.Video(clip), video.Video(out)
    assert len(after) == 12 and after.facts.rate == 12
    assert np.abs(after[5].image.astype(int) - (255 - before[5].image.astype(int))).mean() < 4


def test_objects_are_followed(clip, tmp_path):
    out, mot = tmp_path / "out.mp4", tmp_path / "out.txt"
    words = ["--detector", "detect_text", "--detector-method", "morphology", "--method", "sort", "--mot", str(mot)]
    done = run("apply", "track", clip, *words, "--out", str(out))
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["count"] == 2 and found["length"] == 12
    assert Tracks.read_mot(mot).ids.tolist() == found["ids"]
    assert len(video.Video(out)) == 12
    assert not np.array_equal(video.Video(out)[11].image, video.Video(clip)[11].image)


def test_what_is_refused(clip, tmp_path):
    out = str(tmp_path / "out.mp4")
    assert "--detector must name" in run("apply", "track", clip, "--out", out).stderr
    assert "gives boxes" in run("apply", "track", clip, "--detector", "invert", "--out", out).stderr
    assert "high must be a number" in run("apply", "track", clip, "--high", "x", "--out", out).stderr
    assert "one clip at a time" in run("apply", "track", clip, clip, "--out", out).stderr
    assert not (tmp_path / "out.mp4").exists()
