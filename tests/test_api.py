"""The public face changes only on purpose: one line per technique, compared with a snapshot.

After a wanted change run `python tests/test_api.py` and review the difference.
"""

from __future__ import annotations

import sys
from pathlib import Path

SNAPSHOT = Path(__file__).parent / "snapshots" / "api.txt"


def lines() -> list[str]:
    import opsin

    techniques = [repr(opsin.describe(name)) for name in opsin.list_ops()]
    return [*(f"opsin.{name}" for name in opsin.__all__), *techniques]


def test_the_public_face_is_the_snapshot():
    now, then = lines(), SNAPSHOT.read_text(encoding="utf-8").splitlines()
    gone = [f"- {line}" for line in then if line not in now]
    new = [f"+ {line}" for line in now if line not in then]
    assert now == then, "the public face changed; run python tests/test_api.py and review:\n" + "\n".join(gone + new)


def test_every_technique_has_its_function():
    import opsin

    for name in opsin.list_ops():
        assert callable(getattr(opsin.ops, name)), name
        assert name in opsin.ops.__all__


if __name__ == "__main__":
    SNAPSHOT.parent.mkdir(exist_ok=True)
    SNAPSHOT.write_text("\n".join(lines()) + "\n", encoding="utf-8")
    sys.stdout.write(f"{SNAPSHOT}: {len(lines())} lines\n")
