"""`opsin apply` with techniques that hide, take several pictures, masks, arrays or texts."""

import json

import numpy as np
import pytest

import opsin
from opsin import ops
from opsin.surfaces.cli import main

pytest.importorskip("cv2")
pytest.importorskip("skimage")
from skimage import data


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "frames").mkdir()
    for k, image in enumerate((data.astronaut(), data.coffee(), data.chelsea())):
        opsin.write(image[:90, :120], f"frames/{k}.png")
    opsin.write(data.camera()[:90, :120], "gray.png")
    return tmp_path


def run(*words):
    with pytest.raises(SystemExit) as end:
        main(["apply", *words])
    return end.value.code


def read(name):
    return opsin.read(name)


def test_messages_by_command(folder, capsys):
    assert run("hide", "frames/0.png", "--message", "42, or so", "--key", "7", "--out", "hidden.png") == 0
    assert run("reveal", "hidden.png", "--key", "7", "--out", "found.png") == 0
    assert json.loads((folder / "found.json").read_text()) == {"type": "message", "kind": "text", "text": "42, or so"}
    assert ops.reveal(read("hidden.png"), key="7") == "42, or so"
    assert run("hide", "gray.png", "--message", "x", "--out", "hidden.jpg") != 0
    assert "This format changes the last bits of pixels" in capsys.readouterr().err
    assert not (folder / "hidden.jpg").exists()
    opsin.write(data.moon()[:20, :20], "small.png")
    assert run("hide", "frames/0.png", "--message", "small.png", "--out", "inside.png") == 0
    assert np.array_equal(ops.reveal(read("inside.png")).message, data.moon()[:20, :20])


def test_several_pictures_by_command(folder):
    frames = [read(f"frames/{k}.png") for k in range(3)]
    names = [f"frames/{k}.png" for k in range(3)]
    assert run("long_exposure", *names, "--method", "max", "--out", "a.png") == 0
    assert np.array_equal(read("a.png"), np.max(frames, axis=0))
    assert run("long_exposure", "frames", "--method", "median", "--out", "b.png") == 0
    assert np.array_equal(read("b.png"), ops.long_exposure(frames, method="median"))
    assert run("ica", *names, "--components", "3", "--out", "c.png") == 0
    assert np.array(json.loads((folder / "c.json").read_text())["mixing"]).shape == (3, 3)
    assert read("c.png").shape == (90, 120, 3)
    assert run("whiten", "frames", "--out", "d.png") == 0
    assert np.array(json.loads((folder / "d.json").read_text())["matrix"]).shape == (3, 3)


def test_masks_and_arrays_by_command(folder):
    mask = np.zeros((90, 120), bool)
    mask[40:45] = True
    opsin.write((mask * 255).astype(np.uint8), "mask.png")
    image = read("gray.png")
    assert run("inpaint", "gray.png", "--mask", "mask.png", "--method", "tv", "--out", "a.png") == 0
    assert np.array_equal(read("a.png"), ops.inpaint(image, mask, method="tv"))
    kernel = [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]
    assert run("convolve", "gray.png", "--kernel", json.dumps(kernel), "--out", "b.png") == 0
    assert np.array_equal(read("b.png"), ops.convolve(image, kernel=np.array(kernel, float)))
    assert run("degrade", "gray.png", "--psf", "[[0.5, 0.5]]", "--std", "0.1", "--seed", "3", "--out", "c.png") == 0
    assert run("match_histogram", "gray.png", "--reference", "mask.png", "--out", "d.png") == 0
