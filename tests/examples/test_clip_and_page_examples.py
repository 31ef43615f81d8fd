"""The recipes of clips and pages run and find what is there."""

import runpy
import shutil
from pathlib import Path

import pytest

import opsin

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
