"""The guard against silent skips works: a listed reason passes, any other fails the run."""

from __future__ import annotations

import shutil
from pathlib import Path

pytest_plugins = ["pytester"]
HERE = Path(__file__).parent


def _run(pytester, reason):
    for name in ("conftest.py", "expected_skips.txt"):
        shutil.copy(HERE / name, pytester.path / name)
    pytester.makepyfile(f"import pytest\n\ndef test_a():\n    pytest.skip({reason!r})\n\ndef test_b():\n    pass\n")
    return pytester.runpytest_subprocess("-p", "no:cacheprovider")


def test_an_unlisted_skip_fails_the_run(pytester):
    result = _run(pytester, "it is Tuesday")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*expected_skips.txt does not list*", "*test_a: it is Tuesday"])


def test_a_listed_skip_passes(pytester):
    assert _run(pytester, "no real test files: set OPSIN_DATA").ret == 0
