"""The gallery: every technique has its pictures, they look as they did, and the page stands alone.

The golden pictures are the gallery's own at 48 pixels, one sheet a family, written with a lossy codec and compared
after the same codec. After a wanted change run `python tests/test_gallery.py` and look at the sheets.
"""

from __future__ import annotations

import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import opsin
from opsin.errors import MissingExtra
from opsin.io import decode, encode
from opsin.op import op_of, operations

pytest.importorskip("skimage", reason="the photographs come with scikit-image")
from opsin.draw import fitted
from opsin.surfaces.gallery import build_gallery, figures

GOLDEN = Path(__file__).parent / "golden"
SIDE, MOST, QUALITY = 48, 3, 60
SIDES = {"find_homography": 192, "match_features": 96, "panorama": 192}  # features need a picture to be found on
FAMILIES = sorted({op.spec.family for op in operations().values()})


def cells(name):
    """The technique's first pictures, each in a square; what is not covered stays white."""
    found = [f for f in figures(op_of(name), SIDES.get(name, SIDE)) if not f.given][:MOST]
    out = []
    for figure in found:
        square = np.full((SIDE, SIDE, 3), 255, np.uint8)
        picture = fitted(figure.picture, SIDE, SIDE)[:SIDE, :SIDE]
        square[: picture.shape[0], : picture.shape[1]] = picture
        out.append((figure.caption, square))
    return out


def sheet(family):
    """One row a technique, and what stands in it."""
    names = [name for name in opsin.list_ops() if op_of(name).spec.family == family]
    image = np.full((len(names) * SIDE, MOST * SIDE, 3), 255, np.uint8)
    index = {}
    for row, name in enumerate(names):
        drawn = cells(name)
        index[name] = [caption for caption, _ in drawn]
        for column, (_, square) in enumerate(drawn):
            image[row * SIDE : (row + 1) * SIDE, column * SIDE : (column + 1) * SIDE] = square
    return image, index


def lossy(image):
    return encode(image, "webp", quality=QUALITY)


@pytest.mark.parametrize("family", FAMILIES)
def test_pictures_look_as_they_did(family):
    try:
        image, index = sheet(family)
    except MissingExtra as missing:
        pytest.skip(str(missing))
    known = json.loads((GOLDEN / "index.json").read_text(encoding="utf-8")).get(family, {})
    assert index == known, f"{family}: techniques or captions changed; run python tests/test_gallery.py and review"
    now = decode(lossy(image)).image.astype(np.float64)
    then = decode((GOLDEN / f"{family}.webp").read_bytes()).image.astype(np.float64)
    assert now.shape == then.shape
    off = np.abs(now - then)
    for row, (name, captions) in enumerate(index.items()):
        for column, caption in enumerate(captions):
            cell = off[row * SIDE : (row + 1) * SIDE, column * SIDE : (column + 1) * SIDE]
            blocks = cell.reshape(SIDE // 8, 8, SIDE // 8, 8, 3).mean(axis=(1, 3, 4))
            message = f"{name} ({caption}) changed: {cell.mean():.1f} levels on average, {blocks.max():.0f} in a block"
            assert cell.mean() <= 1.5 and blocks.max() <= 12.0, message


def test_golden_pictures_are_small_and_all_are_used():
    sheets = sorted(p.stem for p in GOLDEN.glob("*.webp"))
    assert sheets == FAMILIES
    total = sum(p.stat().st_size for p in GOLDEN.iterdir())
    assert total < 300_000, f"golden pictures take {total} bytes"


class Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found, self.ids, self.open = [], [], []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.found += [v for k, v in attrs if k in ("src", "href", "action", "poster", "srcset", "data")]
        self.ids += [given["id"]] if "id" in given else []
        if tag not in ("meta", "img", "input", "br", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    quick = {"rotate", "gamma", "cutout", "crop", "jpeg_artifacts", "perspective", "resize", "gaussian_noise", "invert"}
    out = build_gallery(tmp_path_factory.mktemp("gallery"), only=lambda op: op.name in quick, side=64)
    return out.read_text(encoding="utf-8"), quick


def test_the_page_stands_alone(page):
    text, names = page
    links = Links()
    links.feed(text)
    assert not links.open and len(links.ids) == len(set(links.ids))
    assert all(link.startswith(("#", "data:image/webp;base64,")) for link in links.found)
    assert not re.search(r"https?://(?!www\.w3\.org)", re.sub(r"data:[^\"]+", "", text).split("<main>")[0])
    assert names <= set(links.ids), "a technique has no card"
    assert "No picture:" not in text


def test_every_card_has_pictures_parameters_and_code(page):
    text, names = page
    for name in names:
        card = re.search(rf'<article id="{name}".*?</article>', text, re.DOTALL)[0]
        assert card.count("<img") >= 2, name
        for param in op_of(name).spec.shown():
            assert f"<code>{param.name}</code>" in card, (name, param.name)
        assert f"ops.{name}(" in card and f"opsin apply {name} " in card
        assert re.search(rf"<pre><code>- (augment:\n    - )?{name}: ", card), name


def test_yaml_on_the_page_is_understood(page):
    import html

    text, _ = page
    for block in re.findall(r"<b>YAML</b><pre><code>(.*?)</code></pre>", text, re.DOTALL):
        lines = "".join(f"  {line}\n" for line in html.unescape(block).splitlines())
        opsin.Pipeline.from_yaml(f"opsin: 1\nsteps:\n{lines}")


def test_the_same_page_twice(page, tmp_path):
    text, names = page
    again = build_gallery(tmp_path, only=lambda op: op.name in names, side=64)
    assert again.read_text(encoding="utf-8") == text


def test_a_technique_that_cannot_be_drawn_says_why(monkeypatch, tmp_path):
    from opsin.surfaces import gallery

    def missing(op, side):
        raise MissingExtra("rotate", "nothing", "cv")

    monkeypatch.setattr(gallery, "figures", missing)
    text = build_gallery(tmp_path, only=lambda op: op.name == "rotate", side=32).read_text(encoding="utf-8")
    assert "No picture: rotate needs nothing" in text


@pytest.mark.slow
def test_the_whole_gallery(tmp_path):
    seen = []
    text = build_gallery(tmp_path, progress=lambda name, done, total: seen.append(name)).read_text(encoding="utf-8")
    assert seen == opsin.list_ops()
    assert "No picture:" not in text
    assert all(f'<article id="{name}"' in text for name in seen)


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    drawn_sheets, everything = {}, {}
    for each in FAMILIES:
        drawn_sheets[each], everything[each] = sheet(each)
    for old in GOLDEN.glob("*.webp"):
        old.unlink()
    for each, picture in drawn_sheets.items():
        (GOLDEN / f"{each}.webp").write_bytes(lossy(picture))
    (GOLDEN / "index.json").write_text(json.dumps(everything, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    size = sum(p.stat().st_size for p in GOLDEN.iterdir())
    sys.stdout.write(f"{GOLDEN}: {len(FAMILIES)} sheets, {size} bytes\n")
