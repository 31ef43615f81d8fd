"""The shape of the code: dependencies point one way, files have one purpose, importing is cheap."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).parent.parent / "src" / "opsin"
MOST_LINES = 420
# Files that are longer for now; this list must become empty.
LONGER: dict[str, int] = {}

# A module may import its own layer and everything below it. Packages stand for all they hold.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("errors",),
    ("types", "docstring"),
    ("arrays", "chance"),
    ("kinds", "polygons"),
    ("geometry",),
    ("kernels", "psf"),
    ("canvas", "instances", "carry", "record"),
    ("io",),
    ("sample", "draw", "values"),
    ("spec", "merge"),
    ("op",),
    ("ops", "pipeline"),
    (
        "datasets",
        "importers",
        "presets",
        "tiling",
        "torch",
        "search",
        "tasks",
        "metrics",
        "interop",
        "audit",
        "models",
        "export",
        "tracking",
        "video",
        "medical",
    ),
    ("run",),
    ("surfaces", "testing"),
    ("__main__",),
)
# Reached from inside a function, at the moment they are needed: below in meaning, above in the list.
LATE: dict[tuple[str, str], str] = {
    ("sample", "io"): "a sample made from a path reads it when its picture is first needed",
    ("pipeline", "ops"): "reading YAML registers the techniques",
}
# A family never imports another family; these are what families share.
SHARED_BY_FAMILIES = "_"
HEAVY = ("PIL", "scipy", "cv2", "torch", "pydantic", "yaml", "typer", "rich", "tifffile", "skimage", "sklearn", "pywt",
         "hypothesis", "av", "imagecodecs")  # fmt: skip


def files() -> list[Path]:
    return sorted(SRC.rglob("*.py"))


def module_of(path: Path) -> str:
    parts = path.relative_to(SRC).with_suffix("").parts
    return parts[0]


def imports(path: Path) -> list[tuple[str, bool, int]]:
    """Every import of opsin or of another library: name, whether it is at module level, and the line."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: list[tuple[str, bool, int]] = []

    def visit(node: ast.AST, top: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
                continue  # for type checkers only
            if isinstance(child, ast.Import):
                found.extend((alias.name, top, child.lineno) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{path}:{child.lineno}: relative import"
                if child.module == "opsin":
                    found.extend((f"opsin.{alias.name}", top, child.lineno) for alias in child.names)
                else:
                    found.append((child.module or "", top, child.lineno))
            inner = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            visit(child, top and not inner)

    visit(tree, True)
    return found


def layer(name: str) -> int:
    for number, names in enumerate(LAYERS):
        if name in names:
            return number
    raise AssertionError(f"opsin.{name} has no layer; say in tests/test_layers.py where it belongs")


def test_every_module_has_a_layer():
    for path in files():
        if path != SRC / "__init__.py":
            layer(module_of(path))


def test_dependencies_point_downwards():
    wrong = []
    for path in files():
        if path == SRC / "__init__.py":
            continue
        here = module_of(path)
        for name, top, line in imports(path):
            there = name.split(".")[1] if name.startswith("opsin.") else ""
            if not there or there == here or not ((SRC / there).is_dir() or (SRC / f"{there}.py").is_file()):
                continue
            late = (here, there) in LATE and not top
            if layer(there) > layer(here) and not late:
                wrong.append(f"{path.relative_to(SRC)}:{line}: {here} imports {there}")
    assert not wrong, "\n".join(wrong)


def test_a_family_never_imports_another_family():
    wrong = []
    for path in (SRC / "ops").glob("*.py"):
        for name, _, line in imports(path):
            parts = name.split(".")
            if path.name != "__init__.py" and parts[:2] == ["opsin", "ops"] and path.stem != "__init__":
                family = parts[2] if len(parts) > 2 else ""
                if not family.startswith(SHARED_BY_FAMILIES) and family != path.stem:
                    wrong.append(f"ops/{path.name}:{line}: imports {name}")
    assert not wrong, "\n".join(wrong)


def test_surfaces_and_testing_are_imported_by_nothing():
    wrong = []
    for path in files():
        if module_of(path) in ("surfaces", "testing", "__main__"):
            continue
        for name, _, line in imports(path):
            if name.startswith(("opsin.surfaces", "opsin.testing")):
                wrong.append(f"{path.relative_to(SRC)}:{line}: imports {name}")
    assert not wrong, "\n".join(wrong)


def test_heavy_libraries_are_imported_inside_functions():
    wrong = []
    everywhere = {"cv2", "scipy", "skimage", "sklearn", "pywt", "torch", "av"}
    for path in files():
        banned = everywhere if module_of(path) in ("surfaces", "testing", "run", "datasets", "torch") else set(HEAVY)
        for name, top, line in imports(path):
            if top and name.split(".")[0] in banned:
                wrong.append(f"{path.relative_to(SRC)}:{line}: imports {name} at module level")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", files(), ids=lambda p: str(p.relative_to(SRC)))
def test_files_stay_short(path):
    count = len(path.read_text(encoding="utf-8").splitlines())
    allowed = LONGER.get(str(path.relative_to(SRC)), MOST_LINES)
    assert count <= allowed, f"{path.relative_to(SRC)} has {count} lines; split it by purpose"


def test_the_list_of_long_files_is_no_longer_than_needed():
    for name in LONGER:
        assert (SRC / name).is_file(), f"{name} is gone"
        assert len((SRC / name).read_text(encoding="utf-8").splitlines()) > MOST_LINES, f"{name} is short enough now"


def _fresh(code: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout.strip()


def test_import_pulls_in_nothing_heavy():
    loaded = _fresh(f"import sys, opsin; print(*[m for m in {HEAVY!r} if m in sys.modules])")
    assert loaded == "", f"import opsin pulls in {loaded}"


def test_import_is_quick():
    # What an import does is counted, not timed: calls of Python functions and files read are the same on every machine.
    # 45,570 calls and 200 modules took 1.2 times the processor time of importing numpy.
    code = (
        "import cProfile, pstats, sys, numpy; before = len(sys.modules); p = cProfile.Profile(builtins=False); "
        "p.enable(); import opsin; p.disable(); print(pstats.Stats(p).total_calls, len(sys.modules) - before)"
    )
    calls, modules = map(int, _fresh(code).split())
    assert calls < 55_000, f"import opsin calls {calls} functions"
    assert modules < 230, f"import opsin reads {modules} modules"
