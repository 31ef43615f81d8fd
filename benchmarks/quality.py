"""Measure denoising, deblurring, filling and edges, and write docs/guide/quality.md's tables.

    python benchmarks/quality.py            # print the tables
    python benchmarks/quality.py --write    # put them into docs/guide/quality.md

The same figures as `opsin bench quality`.
"""

import argparse
import re
from pathlib import Path

from opsin.surfaces.bench_quality import measure_quality

PAGE = Path(__file__).parent.parent / "docs" / "guide" / "quality.md"
TABLES = ("denoising", "color", "deblurring", "inpainting", "edges")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="replace the tables in docs/guide/quality.md")
    write = parser.parse_args().write
    found = measure_quality()
    print(found)
    if write:
        text = PAGE.read_text(encoding="utf-8")
        for name, table in zip(TABLES, str(found).split("\n\n"), strict=True):
            between = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
            text, count = between.subn(lambda m, t=table: m[1] + t + "\n" + m[2], text)
            assert count == 1, f"{PAGE}: no place for the table {name}"
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
