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
from opsin import read, video


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


def test_a_morph_is_a_clip(tmp_path):
    from opsin import write

    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        write(
            np.kron(rng.integers(0, 255, (6, 8, 3), np.uint8), np.ones((12, 12, 1), np.uint8)), tmp_path / f"{name}.png"
        )
    a, b, out = (str(tmp_path / name) for name in ("a.png", "b.png", "morph.mp4"))
    points = ["--points", "[[20, 20], [70, 30], [40, 60]]", "--other_points", "[[30, 15], [60, 40], [50, 50]]"]
    done = run("apply", "morph", a, "--other", b, *points, "--frames", "9", "--rate", "10", "--out", out)
    assert done.returncode == 0, done.stderr
    clip = video.Video(out)
    assert len(clip) == 9 and clip.facts.rate == 10 and clip.facts.size == (96, 72)
    for index, name in ((0, "a.png"), (8, "b.png")):
        assert np.abs(clip[index].image.astype(int) - read(tmp_path / name)).mean() < 12
    for words, why in (
        (["--other", b, *points, "--frames", "1"], "count must be a whole number at least 2"),
        (["--other", b, *points, "--fraction", "0.5"], "fraction must be left out where --out is a clip"),
        (points, "other must be the other picture"),
        (["--other", b, "--points", "[[20, 20]]"], "other_points must be given with its counterpart"),
    ):
        done = run("apply", "morph", a, *words, "--out", str(tmp_path / "none.mp4"))
        assert done.returncode == 2 and why in done.stderr and done.stderr.count("\n") == 1, done.stderr
        assert not (tmp_path / "none.mp4").exists()


def test_a_broken_clip_leaves_nothing_behind(clip, tmp_path):
    from pathlib import Path

    cut, out = tmp_path / "cut.mp4", tmp_path / "deep" / "out.mp4"
    cut.write_bytes(Path(clip).read_bytes()[:-40])
    for words in (["invert", cut], ["track", cut, "--detector", "detect_text"]):
        done = run("apply", *map(str, words), "--out", str(out))
        assert done.returncode == 2 and "cut off" in done.stderr and done.stderr.count("\n") == 1, done.stderr
        assert not out.exists() and not out.with_suffix(".json").exists()
    assert run("apply", "invert", clip, "--out", str(out)).returncode == 0 and out.exists()
