"""The recipes of features and alignment run and find what is there."""

import runpy
from pathlib import Path

import numpy as np
import pytest

import opsin

pytest.importorskip("cv2")
data = pytest.importorskip("skimage.data")

FOLDER = Path(__file__).parents[2] / "examples"


def run(name: str, *arguments: str) -> object:
    return runpy.run_path(str(FOLDER / f"{name}.py"))["main"](list(arguments))


def test_panorama(tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    result = run("panorama", "--out", str(out))
    assert opsin.read(out).shape == data.rocket().shape and not result.left_out
    # seams do not show: the piece that was darker is as bright as the rest, up to one factor
    ratio = opsin.read(out).astype(float).mean(axis=(0, 2)) / data.rocket().mean(axis=(0, 2))
    assert ratio.std() / ratio.mean() < 0.03
    for n, piece in enumerate((data.astronaut()[:, 200:], data.astronaut()[:, :300])):
        opsin.write(np.ascontiguousarray(piece), tmp_path / f"{n}.png")
    result = run("panorama", str(tmp_path / "0.png"), str(tmp_path / "1.png"), "--out", str(out))
    assert np.array_equal(opsin.read(out), data.astronaut())


def test_find_the_logo(tmp_path: Path) -> None:
    found = run("find_the_logo", "--out", str(tmp_path / "out.png"))
    want = np.array([[0.52, -0.16, 190.0], [0.2, 0.5, 230.0], [3e-4, 1e-4, 1.0]])
    p = np.array([[0, 0, 1], [360, 0, 1], [360, 280, 1], [0, 280, 1.0]]) @ want.T
    assert np.abs(found.corners - p[:, :2] / p[:, 2:]).max() < 1.0
    assert opsin.read(tmp_path / "out.png").shape == (512, 872, 3)


def test_before_and_after(tmp_path: Path) -> None:
    assert run("before_and_after", "--out", str(tmp_path / "out.png")).metric > 0.99
    assert opsin.read(tmp_path / "out.png").shape == (512, 1024, 3)


def test_face_morph(tmp_path: Path) -> None:
    clip = run("face_morph", "--count", "3", "--out", str(tmp_path / "out.png"))
    assert np.array_equal(clip[0], data.astronaut()[:300, 70:370]) and np.array_equal(
        clip[2], data.chelsea()[:300, 60:360]
    )
    assert opsin.read(tmp_path / "out.png").shape == (300, 900, 3)
