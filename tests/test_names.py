"""Test files have names of their own: pytest imports them by name."""

from collections import Counter
from pathlib import Path


def test_no_two_test_files_share_a_name() -> None:
    files = [p.name for p in Path(__file__).parent.rglob("*.py")]
    counts = Counter(name for name in files if name not in ("__init__.py", "conftest.py"))
    assert [name for name, count in counts.items() if count > 1] == []
