"""The recipes of enhancement, art and restoration run and do what they say."""

import runpy
from pathlib import Path

import numpy as np
import pytest

import opsin

pytest.importorskip("cv2")
pytest.importorskip("skimage")
pytest.importorskip("sklearn")
from skimage import data

FOLDER = Path(__file__).parents[2] / "examples"
SHAPES = {
    "old_photo_restored": (427, 1184),
    "motion_blur_removed": (718, 992),
    "day_to_night": (313, 1232),
    "pasted_without_a_seam": (324, 1292),
    "cartoon": (384, 768),
    "four_sketches": (618, 824),
    "light_trails": (718, 984),
    "texture_denoised_four_ways": (590, 800),
    "message_hidden_and_found": (638, 864),
    "mixed_pictures_separated": (590, 800),
}
KEPT: dict[str, tuple[object, np.ndarray]] = {}


def run(name: str, out: Path, *arguments: str) -> object:
    return runpy.run_path(str(FOLDER / f"{name}.py"))["main"]([*arguments, "--out", str(out)])


def once(name: str, folder: Path) -> tuple[object, np.ndarray]:
    """Run a recipe as it stands, once for all tests."""
    if name not in KEPT:
        result = run(name, folder / "out.png")
        KEPT[name] = result, opsin.read(folder / "out.png")
    return KEPT[name]


@pytest.mark.parametrize("name", SHAPES)
def test_the_picture_beside_the_script_is_what_it_draws(name: str, tmp_path: Path) -> None:
    """Versions of libraries may move a line by a pixel; the picture as a whole stays what it is."""
    _, now = once(name, tmp_path)
    kept = opsin.read(FOLDER / f"{name}.webp")
    assert now.shape == kept.shape and now.shape[:2] == SHAPES[name]
    assert np.mean(np.abs(now.astype(float) - kept).max(axis=2) > 24) < 0.05


def test_old_photo_is_restored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("old_photo_restored", tmp_path / "a.png")
    before, after = (float(line.split()[-2]) for line in capsys.readouterr().out.splitlines()[1:])
    assert after > before + 15
    opsin.write(data.astronaut()[:200, :200], tmp_path / "own.png")
    assert np.asarray(run("old_photo_restored", tmp_path / "b.png", str(tmp_path / "own.png"))).shape == (200, 200, 3)


def test_motion_blur_is_removed(tmp_path: Path) -> None:
    scores, _ = once("motion_blur_removed", tmp_path)
    first, *others = scores.values()
    assert len(others) == 4 and min(others) > first + 5


def test_night_has_the_light_of_the_night(tmp_path: Path) -> None:
    night, _ = once("day_to_night", tmp_path)
    for channel in range(3):
        ours, theirs = (np.quantile(p[..., channel], np.linspace(0.05, 1, 20)) for p in (night, data.rocket()))
        assert np.abs(ours - theirs).max() <= 3


def test_the_seam_is_gone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("pasted_without_a_seam", tmp_path / "a.png")
    plain, seamless = (float(line.split()[-2]) for line in capsys.readouterr().out.splitlines())
    assert seamless < plain / 3


def test_art(tmp_path: Path) -> None:
    drawn, _ = once("cartoon", tmp_path)
    assert 0.05 < (drawn == 0).all(axis=2).mean() < 0.4
    sketches, _ = once("four_sketches", tmp_path)
    assert len(sketches) == 4 and all(s.mean() > 150 for s in sketches.values())
    exposed, _ = once("light_trails", tmp_path)
    bright, mean, median = (picture.mean() for picture in exposed.values())
    assert bright > 1.3 * mean and abs(mean - median) < 3


def test_light_trails_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    for k in range(3):
        opsin.write(np.full((20, 30, 3), 50 * k, np.uint8), tmp_path / "frames" / f"{k}.png")
    exposed = run("light_trails", tmp_path / "a.png", str(tmp_path / "frames"))
    assert [int(p[0, 0, 0]) for p in exposed.values()] == [100, 50, 50]


def test_texture_is_denoised(tmp_path: Path) -> None:
    scores, _ = once("texture_denoised_four_ways", tmp_path)
    assert list(scores.values()) == sorted(scores.values()) and scores["BM3D"] > 33


def test_messages_are_found(tmp_path: Path) -> None:
    (text, picture), _ = once("message_hidden_and_found", tmp_path)
    assert text == "Meet me where the coffee is." and picture.message.shape == (100, 150, 3)


def test_pictures_are_separated(tmp_path: Path) -> None:
    scores, _ = once("mixed_pictures_separated", tmp_path)
    assert (np.asarray(scores) > 0.99).all()
