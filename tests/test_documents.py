"""What the README, the guide and the contribution page show is run as it stands."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from opsin import write

ROOT = Path(__file__).parents[1]
# what a test file of the repository begins with; a technique that is not in it is found by its name
HEAD = """import types

import numpy as np
import skimage

from opsin import list_ops, op_of

ops = types.SimpleNamespace(**{name: op_of(name).public for name in list_ops()})


"""


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


PAGES = ["README.md", "docs/guide/pipelines.md", "docs/guide/migration.md", "docs/guide/classifiers.md"]


@pytest.mark.parametrize("name", PAGES)
def test_python_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if name.endswith("classifiers.md"):
        pytest.importorskip("skimage", reason="could not import 'skimage'")
        pytest.importorskip("sklearn.datasets", reason="could not import 'sklearn.datasets'")
    rng = np.random.default_rng(0)
    write(rng.integers(0, 255, (480, 400, 3), np.uint8), tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    found = blocks(ROOT / name, "python")
    assert found
    names: dict[str, object] = {}
    for text in found:
        exec(compile(text, name, "exec"), names)


def test_yaml_examples_build() -> None:
    from opsin import Pipeline

    for text in blocks(ROOT / "README.md", "yaml"):
        assert Pipeline.from_yaml(text).steps


def test_the_migration_table_names_techniques_that_exist() -> None:
    from opsin import list_ops

    rows = re.findall(r"^\| (\w+) \| (.*?) \|", (ROOT / "docs/guide/migration.md").read_text(), re.MULTILINE)
    named = {name for _, cell in rows for name in re.findall(r"`(\w+)`", cell)}
    assert len(rows) > 180
    assert named <= set(list_ops())
    pytest.importorskip("albumentations", reason="albumentations is not installed")
    import albumentations
    from albumentations import BasicTransform

    bases = {"BasicTransform", "DualTransform", "ImageOnlyTransform", "Transform3D"}
    theirs = {n for n in dir(albumentations) if isinstance(getattr(albumentations, n), type)}
    transforms = {n for n in theirs if issubclass(getattr(albumentations, n), BasicTransform)} - bases
    assert transforms <= {name for name, _ in rows}


def test_links_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.timeout(600)
def test_a_technique_is_added_as_the_contribution_page_says(tmp_path: Path) -> None:
    technique, check = blocks(ROOT / "CONTRIBUTING.md", "python")
    (tmp_path / "steepened.py").write_text(technique)
    (tmp_path / "test_steepened.py").write_text(HEAD + check)
    path = os.pathsep.join([str(tmp_path), str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"OPSIN_PLUGINS": "steepened", "PYTHONPATH": path}

    def run(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *words], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "1 passed" in run("pytest", "-q", "-p", "no:cacheprovider", str(tmp_path / "test_steepened.py"))
    laws = run("pytest", "-q", "-p", "no:cacheprovider", "tests/test_laws.py", "-k", "sigmoid_contrast")
    assert re.search(r"\d+ passed", laws)
    assert "S-shaped curve" in run("opsin", "ops", "sigmoid_contrast")
    write(np.arange(256, dtype=np.uint8).reshape(16, 16), tmp_path / "photo.png")
    out = tmp_path / "steep.png"
    run("opsin", "apply", "sigmoid_contrast", str(tmp_path / "photo.png"), "--gain", "6", "--out", str(out))
    assert out.exists()
