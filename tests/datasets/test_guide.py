"""The guide lists every rule and every format as the code has them."""

from __future__ import annotations

import ast
from pathlib import Path

from opsin.datasets.opening import FORMATS
from opsin.datasets.rules import RULES

GUIDE = (Path(__file__).parents[2] / "docs" / "guide" / "datasets.md").read_text(encoding="utf-8")


def test_every_rule_stands_in_the_guide() -> None:
    for rule in RULES.values():
        (row,) = [line for line in GUIDE.splitlines() if line.startswith(f"| `{rule.name}` |")]
        assert rule.meaning in row and rule.what in row and rule.on_request in row
    listed = [line.split("`")[1] for line in GUIDE.splitlines() if line.startswith("| `") and line.count("|") == 4]
    assert [n for n in listed if n in RULES] == list(RULES)


def test_every_format_stands_in_the_guide() -> None:
    for form in FORMATS.values():
        row = next(line for line in GUIDE.splitlines() if line.startswith(f"| `{form.name}` | {form.summary} |"))
        assert ("| yes | yes |" in row) is bool(form.writer)
        assert all(f"`{option}`" in row for option in form.options)


def test_every_finding_names_a_listed_rule() -> None:
    source = Path(__file__).parents[2] / "src" / "opsin" / "datasets"
    named = set()
    for path in source.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            adds = isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add" and len(node.args) == 4
            if adds:
                named |= {c.value for c in ast.walk(node.args[2]) if isinstance(c, ast.Constant)}
    assert named <= set(RULES) and len(named) > 25
