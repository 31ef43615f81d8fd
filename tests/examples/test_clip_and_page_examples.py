"""The recipes of clips and pages run and find what is there."""

import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest

import opsin
from opsin import Sample, ops

pytest.importorskip("scipy")
FOLDER = Path(__file__).parents[2] / "examples"


def run(name: str, *arguments: str) -> object:
    return runpy.run_path(str(FOLDER / f"{name}.py"))["main"](list(arguments))


def test_objects_followed(tmp_path: Path) -> None:
    pytest.importorskip("av")
    out, picture = tmp_path / "out.mp4", tmp_path / "out.png"
    assert run("objects_followed", "--out", str(out), "--picture", str(picture)) == 5
    from opsin.video import Video

    assert len(Video(out)) == 60 and opsin.read(picture).shape == (180, 320, 3)


def test_page_read(tmp_path: Path) -> None:
    pytest.importorskip("pytesseract")
    if shutil.which("tesseract") is None:
        pytest.skip("tesseract is not installed")
    words = run("page_read", "--out", str(tmp_path / "out.png"))
    want = "A page that was laid on the glass in haste lies a little tilted; level lines read best."
    assert " ".join(words.text.split()) == want


def test_ct_slice_aligned(tmp_path: Path) -> None:
    """The drawn slice was turned by 5 degrees and shifted: every corner comes back to within half a pixel."""
    pytest.importorskip("SimpleITK")
    got = run("ct_slice_aligned", "--out", str(tmp_path / "out.png"))
    made = ops.affine(Sample(np.zeros((256, 256), np.float32)), angle=5.0, x=0.03, y=-0.02).warp.invert().matrix
    corners = np.array([[0, 0, 1], [256, 0, 1], [256, 256, 1], [0, 256, 1.0]])
    assert np.abs(corners @ (got - made).T).max() < 0.5
    assert opsin.read(tmp_path / "out.png").shape == (256, 512)
