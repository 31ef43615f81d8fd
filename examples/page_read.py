"""Level a tilted page and read it.

python examples/page_read.py [PICTURE] --out page_read.webp --language eng
"""

import argparse

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import opsin
from opsin import ops
from opsin.values.words import Words

TEXT = ["A page that was laid", "on the glass in haste", "lies a little tilted;", "level lines read best."]


def tilted_page() -> np.ndarray:
    """A page of four lines, turned by six degrees."""
    page = Image.new("L", (720, 420), 240)
    for number, line in enumerate(TEXT):
        ImageDraw.Draw(page).text((110, 80 + 68 * number), line, fill=25, font=ImageFont.load_default(38))
    return ops.rotate(np.array(page), angle=6.0, fill=240 / 255)


def main(arguments: list[str] | None = None) -> Words:
    """Read a page (a drawn one by default), write it level with its words marked, give the words."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", nargs="?", help="a scan or photograph of a page")
    parser.add_argument("--out", default="page_read.webp")
    parser.add_argument("--language", default="eng")
    words = parser.parse_args(arguments)
    page = opsin.read(words.picture) if words.picture else tilted_page()

    level = ops.deskew(page, keep="all")
    read = ops.read_text(level, language=words.language)

    opsin.write(read.draw(level), words.out)
    print(read.text)
    return read


if __name__ == "__main__":
    main()
