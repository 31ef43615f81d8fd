"""Text: drawn words are found where they were drawn, pages are read as they are written, tilts are undone."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from opsin import ops, read
from opsin.errors import MissingExtra, ParamError
from opsin.kernels.overlap import pairwise_overlap
from opsin.sample import Sample

LINES = ["Every picture tells", "another story when", "it is turned around", "or seen from afar"]


def page(ink: int = 20, paper: int = 235, size: int = 34) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """A page with the boxes of its words."""
    image = Image.new("L", (640, 360), paper)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size)
    boxes, words = [], []
    for number, line in enumerate(LINES):
        x = 60.0
        for word in line.split():
            at = (x, 60 + 62 * number)
            draw.text(at, word, fill=ink, font=font)
            boxes.append(draw.textbbox(at, word, font=font))
            words.append(word)
            x += draw.textlength(word + " ", font=font) + 6
    return np.array(image), np.array(boxes, dtype=np.float64), words


@pytest.mark.parametrize("method", ["mser", "morphology"])
@pytest.mark.parametrize(("ink", "paper"), [(20, 235), (240, 40)])
def test_words_are_found(method, ink, paper):
    pytest.importorskip("cv2")
    image, boxes, _ = page(ink, paper)
    found = ops.detect_text(image, method=method)
    long = boxes[:, 2] - boxes[:, 0] > 40
    assert (pairwise_overlap(boxes[long], found.boxes).max(axis=1) > 0.5).mean() >= 0.9
    assert len(found) <= len(boxes) + 3
    color = np.repeat(image[..., None], 3, axis=2)
    assert ops.detect_text(color, method=method) == found


@pytest.mark.parametrize("method", ["mser", "morphology"])
def test_nothing_is_found_on_nothing(method):
    pytest.importorskip("cv2")
    for image in (np.full((60, 80), 200, np.uint8), np.zeros((1, 1), np.uint8)):
        assert len(ops.detect_text(image, method=method)) == 0


def test_lines_are_longer_than_words():
    pytest.importorskip("cv2")
    image, _, _ = page()
    lines = ops.detect_text(image, method="morphology", level="lines")
    assert len(lines) == len(LINES)


def test_scanned_words_are_found(opsin_data):
    """Against the words that Tesseract reads on a scanned page: single letters are left out on both sides."""
    pytest.importorskip("cv2")
    image = read(opsin_data / "text_documents" / "phototest.tif")
    words = _read(image)
    words = words[[len(word) > 1 for word in words.labels]]
    found = ops.detect_text(image, method="morphology")
    assert (pairwise_overlap(words.boxes, found.boxes).max(axis=1) > 0.5).mean() > 0.9


@pytest.mark.parametrize("angle", [-13.0, -4.2, -0.5, 0.0, 1.3, 7.7, 14.0])
@pytest.mark.parametrize("dark", [True, False])
def test_tilt_is_undone(angle, dark):
    image, _, _ = page() if dark else page(235, 30)
    ground = 235 / 255 if dark else 30 / 255
    tilted = ops.rotate(image, angle=angle, fill=ground)
    sample = ops.deskew(Sample(tilted, boxes=[[100, 100, 200, 150]]), fill=ground)
    matrix = sample.warp.matrix
    turned = 0.0 if matrix is None else np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0]))
    assert turned == pytest.approx(angle, abs=0.06)


def test_deskew_keeps_dtype_size_and_page():
    image, _, _ = page()
    wide = (image.astype(np.uint16) * 257)[..., None].repeat(3, axis=2)
    tilted = ops.rotate(wide, angle=5, fill=1.0)
    same = ops.deskew(tilted)
    assert same.dtype == np.uint16 and same.shape == tilted.shape
    whole = ops.deskew(tilted, keep="all")
    assert whole.shape[0] > same.shape[0] and whole.shape[1] > same.shape[1] and whole[0, 0, 0] == 65535
    plain = np.full((40, 50), 7, np.uint8)
    assert np.array_equal(ops.deskew(plain), plain)
    with pytest.raises(ParamError, match="max_angle"):
        ops.deskew(plain, max_angle=60.0)


def _read(image, **words):
    pytest.importorskip("pytesseract")
    if shutil.which("tesseract") is None:
        pytest.skip("tesseract is not installed")
    return ops.read_text(image, **words)


def test_drawn_text_is_read():
    image, boxes, drawn = page()
    words = _read(image, page="block")
    assert words.text.split("\n") == LINES and list(words.labels) == drawn
    assert (pairwise_overlap(boxes, words.boxes).diagonal() > 0.5).all()
    assert words.scores.min() > 0.5 and words.line.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]
    deep = words.to_dict()
    assert deep["type"] == "words" and deep["text"] == words.text
    assert words.draw(image).shape == (360, 640, 3)
    assert words.to_sample(image).instances.attributes[0]["text"] == "Every"
    sixteen = _read(image.astype(np.uint16) * 257, page="block")
    assert sixteen.text == words.text


def test_a_scanned_page_is_read(opsin_data):
    text = _read(read(opsin_data / "text_documents" / "phototest.tif")).text
    assert text.startswith("This is a lot of 12 point text to test the\nocr code")


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_pages_that_lie_on_their_side_are_read(turns):
    image = page()[0]
    upright = _read(image, page="block")
    words = _read(np.ascontiguousarray(np.rot90(image, turns)), page="block")
    assert words.text == upright.text
    h, w = image.shape[:2]
    x1, y1, x2, y2 = upright.boxes.T
    want = {1: (y1, w - x2, y2, w - x1), 2: (w - x2, h - y2, w - x1, h - y1), 3: (h - y2, x1, h - y1, x2)}[turns]
    assert np.abs(words.boxes - np.stack(want, axis=1)).max() <= 2.0
    assert _read(np.ascontiguousarray(np.rot90(image, 2)), page="block", turned="no").text != upright.text


def test_scans_turned_by_quarters_are_read(opsin_data):
    for name in ("phototest-rotated-180.png", "phototest-rotated-L.png", "phototest-rotated-R.png"):
        text = _read(read(opsin_data / "text_documents" / name)).text
        assert text.startswith("This is a lot of 12 point text to test the"), name


def test_what_is_missing_is_said(monkeypatch):
    image, _, _ = page()
    _read(image, page="block")
    with pytest.raises(ParamError, match="apt-get install tesseract-ocr-xyz"):
        ops.read_text(image, language="xyz")
    with pytest.raises(ParamError, match="language must be"):
        ops.read_text(image, language="--psm 1")
    import pytesseract

    monkeypatch.setattr(pytesseract.pytesseract, "tesseract_cmd", "no-such-program")
    with pytest.raises(MissingExtra, match=r"apt-get install tesseract-ocr.*pip install 'opsin\[ocr\]'"):
        ops.read_text(image)
