"""mypy and pyright find a misspelt or mistyped parameter, in calls and in steps, and nothing else."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

MISUSE = Path(__file__).parent / "misuse.py"
ROOT = Path(__file__).parents[2]


def marked() -> set[int]:
    lines = MISUSE.read_text().splitlines()
    return {i for i, line in enumerate(lines, start=1) if re.search(r"# (misspelt|mistyped|no such|incomplete)", line)}


@pytest.mark.parametrize(
    ("command", "pattern"),
    [
        (["mypy", "--no-error-summary"], r"misuse\.py:(\d+): error"),
        (["pyright", "--pythonpath", sys.executable], r"misuse\.py:(\d+):\d+ - error"),
    ],
    ids=["mypy", "pyright"],
)
@pytest.mark.timeout(600)
def test_type_checkers_find_exactly_the_mistakes(command: list[str], pattern: str) -> None:
    run = [sys.executable, "-m", command[0], *command[1:], str(MISUSE)]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=False)
    if command[0] == "pyright" and ("nodeenv" in done.stderr or "npm" in done.stderr) and not done.stdout:
        pytest.skip("pyright cannot fetch its program here")
    found = {int(n) for n in re.findall(pattern, done.stdout)}
    assert found == marked(), done.stdout + done.stderr
