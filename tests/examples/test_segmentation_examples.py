"""The recipes of edges and segmentation run and find what is there."""

import runpy
from pathlib import Path

import numpy as np
import pytest

import opsin

pytest.importorskip("cv2")
pytest.importorskip("skimage")

FOLDER = Path(__file__).parents[2] / "examples"


def run(name: str, *arguments: str) -> object:
    return runpy.run_path(str(FOLDER / f"{name}.py"))["main"](list(arguments))


def test_coins_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "coins.png"
    assert run("coins_counted", "--out", str(out)) == 24
    assert opsin.read(out).shape == (303, 384, 3)
    assert capsys.readouterr().out.startswith("24 coins\n")
    # a picture of one's own: four disks, two of which touch
    row, column = np.mgrid[:200, :260]
    disks = np.zeros((200, 260), np.uint8) + 40
    for x, y, r in ((60, 60, 30), (115, 60, 30), (200, 60, 25), (120, 150, 28)):
        disks[(column - x) ** 2 + (row - y) ** 2 < r * r] = 190
    opsin.write(disks, tmp_path / "disks.png")
    assert run("coins_counted", str(tmp_path / "disks.png"), "--out", str(out)) == 4


def test_cells_are_segmented(tmp_path: Path) -> None:
    out = tmp_path / "cells.png"
    assert 350 <= run("cells_segmented", "--out", str(out)) <= 600
    assert opsin.read(out).shape == (512, 1024, 3)


def test_edges_five_ways(tmp_path: Path) -> None:
    out = tmp_path / "edges.png"
    edges = run("edges_five_ways", "--out", str(out))
    assert len(edges) == 5 and all(found.any() for found in edges.values())
    sheet = opsin.read(out)
    assert sheet.shape[2] == 3 and sheet.shape[1] > 900


@pytest.mark.parametrize("name", ["coins_counted", "cells_segmented", "edges_five_ways"])
def test_the_picture_beside_the_script_is_what_it_draws(name: str, tmp_path: Path) -> None:
    """Versions of libraries may move a line by a pixel; the picture as a whole stays what it is."""
    out = tmp_path / "now.png"
    run(name, "--out", str(out))
    now, kept = opsin.read(out), opsin.read(FOLDER / f"{name}.webp")
    assert now.shape == kept.shape
    assert np.mean(np.abs(now.astype(float) - kept).max(axis=2) > 24) < 0.05
