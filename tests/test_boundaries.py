"""Boundaries found and marked are paired one to one; folders of pictures and marks are read."""

import numpy as np
import pytest

import opsin
from opsin.surfaces.cli import main

pytest.importorskip("cv2")
scipy_io = pytest.importorskip("scipy.io")

from opsin.surfaces.bench_boundaries import canny_scores, drawn_scenes, matched  # noqa: E402


def test_every_pixel_is_paired_at_most_once() -> None:
    truth, found = np.zeros((20, 20), bool), np.zeros((20, 20), bool)
    truth[10, :] = True
    found[9, :] = found[11, :] = True  # two lines beside one: only one of them can be right
    edge, boundary = matched(found, truth, 1.0)
    assert boundary.sum() == 20 and edge.sum() == 20
    edge, boundary = matched(found, truth, 0.9)
    assert not edge.any() and not boundary.any()
    assert not matched(np.zeros_like(found), truth, 2.0)[1].any()


def test_known_contours_are_found() -> None:
    scores = canny_scores(drawn_scenes(count=2, side=120))
    assert scores["F"] > 0.8 and scores["pictures"] == 2


def test_a_folder_of_the_berkeley_form(tmp_path, capsys) -> None:
    (tmp_path / "images" / "test").mkdir(parents=True)
    (tmp_path / "groundTruth" / "test").mkdir(parents=True)
    for k, (image, truths) in enumerate(drawn_scenes(count=2, side=96)):
        opsin.write(np.rint(image * 255).astype(np.uint8), tmp_path / "images" / "test" / f"{k}.png")
        cells = np.empty((1, 2), object)
        for i in range(2):
            cells[0, i] = {"Boundaries": truths[0].astype(np.uint8), "Segmentation": np.zeros((96, 96), np.uint16)}
        scipy_io.savemat(tmp_path / "groundTruth" / "test" / f"{k}.mat", {"groundTruth": cells})
    with pytest.raises(SystemExit) as end:
        main(["bench", "quality", "--boundaries", str(tmp_path)])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("2 pictures: F 0.")
    with pytest.raises(SystemExit) as end:
        main(["bench", "P1", "--boundaries", str(tmp_path)])
    assert end.value.code == 2
