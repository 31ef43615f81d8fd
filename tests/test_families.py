"""Every family of techniques has its line in `opsin.ops`, so that editors and type checkers know every name."""

import re
from pathlib import Path

import opsin.ops as package
from opsin import list_ops, ops


def test_no_family_is_forgotten() -> None:
    text = Path(package.__file__).read_text()
    named = set(re.findall(r"^from opsin\.ops\.(\w+) import \*$", text, re.MULTILINE))
    files = {p.stem for p in Path(package.__file__).parent.glob("[!_]*.py")}
    assert named == files
    assert sorted(named) == re.findall(r"^from opsin\.ops\.(\w+) import \*$", text, re.MULTILINE)


def test_nothing_but_techniques_is_offered() -> None:
    assert set(package.__all__) <= set(list_ops())
    for name in package.__all__:
        assert callable(getattr(ops, name))
    assert not hasattr(ops, "np")
    assert not hasattr(ops, "Annotated")
