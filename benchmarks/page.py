"""Put measured figures between the markers of docs/guide/speed.md, and draw the plot beside it.

    opsin bench --out pipelines.json          # and the same for loaders, prepare, ops, scratch
    python benchmarks/page.py pipelines.json loaders.json prepare.json ops.json scratch.json

Where two files hold pipelines, the second fills what the first does not say (a run that is pinned to one processor has
no figure for two threads). What no file holds stays as it is on the page.
"""

import argparse
import json
import re
from pathlib import Path
from typing import Any

from opsin.surfaces.bench.tables import plot, ratios, single_table, verdict_table

PAGE = Path(__file__).parent.parent / "docs" / "guide" / "speed.md"
PLOT = PAGE.parent.parent / "images" / "speed.svg"


def tables(found: dict[str, Any]) -> dict[str, str]:
    """Give the text of every marker that the figures can fill."""
    out = {}
    if "results" in found:
        out["ratios"] = ratios(found["results"])
        out["verdicts"] = verdict_table(found["results"])
    if "loaders" in found:
        lines = ["| | against the best library's loader | pictures a second |", "|---|---|---|"]
        for row in found["loaders"]:
            speeds = ", ".join(f"{k} {v:.0f}" for k, v in row["pictures a second"].items())
            lines.append(f"| {row['pipeline']} | {row.get('says', '')} | {speeds} |")
        out["loaders"] = "\n".join(lines)
    for part in ("prepare", "scratch"):
        if part in found:
            out[part] = found[part]["says"]
    if "ops" in found:
        out["ops"] = single_table(found["ops"])
    return out


def merged(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Fill what the first run of the pipelines could not say, such as two threads, from the later ones."""
    runs = [f["results"] for f in found if "results" in f]
    for later in runs[1:]:
        for row in later:
            for first in (r for r in runs[0] if r["pipeline"] == row["pipeline"]):
                first["verdicts"] = {**row["verdicts"], **first["verdicts"]}
    return [f for f in found if "results" not in f or f["results"] is runs[0]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, help="what opsin bench --out wrote")
    text = PAGE.read_text(encoding="utf-8")
    for found in merged([json.loads(f.read_text(encoding="utf-8")) for f in parser.parse_args().files]):
        for name, table in tables(found).items():
            between = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
            text, count = between.subn(lambda m, t=table: m[1] + t + "\n" + m[2], text)
            assert count == 1, f"{PAGE}: no place for {name}"
        if "results" in found:
            PLOT.write_text(plot(found["results"]), encoding="utf-8")
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
