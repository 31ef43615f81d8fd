"""Annotations made on the unrotated picture are turned with it: a dot painted on the stored picture is found again."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from opsin.datasets import open_dataset, rle
from opsin.datasets.canvas import orient_matrix
from opsin.io.exif import orient

W, H = 48, 32
POINTS = [(5.5, 7.5), (40.5, 9.5), (30.5, 25.5)]  # middles of pixels


def jpeg(path: Path, orientation: int) -> None:
    image = np.zeros((H, W, 3), np.uint8)
    for i, (x, y) in enumerate(POINTS):
        image[int(y), int(x), i] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    Image.fromarray(image).save(out, "PNG", exif=exif)
    path.write_bytes(out.getvalue())


def annotated(folder: Path, orientation: int, canvas: tuple[int, int]) -> Path:
    folder.mkdir(exist_ok=True)
    jpeg(folder / "a.png", orientation)
    mask = np.zeros((canvas[1], canvas[0]), bool)
    if canvas == (W, H):
        mask[7, 5] = True
    flat = [v for p in POINTS for v in p]
    note = {
        "id": 1,
        "image_id": 1,
        "category_id": 1,
        "bbox": [5, 7, 36, 19],
        "keypoints": [v for x, y in POINTS for v in (x, y, 2)],
    }
    more = {"segmentation": {"size": [canvas[1], canvas[0]], "counts": rle.encode(mask).tolist()}}
    data = {
        "images": [{"id": 1, "file_name": "a.png", "width": canvas[0], "height": canvas[1]}],
        "annotations": [note | {"segmentation": [flat]}, note | more | {"id": 2}],
        "categories": [{"id": 1, "name": "a", "keypoints": ["left_a", "right_a", "mid"]}],
    }
    (folder / "annotations.json").write_text(json.dumps(data))
    return folder


@pytest.mark.parametrize("orientation", range(1, 9))
def test_matrix_equals_the_door(orientation: int) -> None:
    stored = np.arange(W * H).reshape(H, W)
    upright = orient(stored, orientation)
    m = orient_matrix(orientation, W, H)
    for x, y in POINTS:
        u, v, _ = m @ [x, y, 1]
        assert upright[int(v), int(u)] == stored[int(y), int(x)]


@pytest.mark.parametrize("orientation", range(5, 9))
def test_turned_with_the_picture(tmp_path: Path, orientation: int) -> None:
    data = open_dataset(annotated(tmp_path, orientation, (W, H)))
    sample, found = data.load_checked(0)
    assert [(f.rule, f.repaired) for f in found] == [("canvas_unrotated", True)]
    assert sample.size == (H, W)
    table = sample.instances
    swapped = orientation in (5, 7)
    for i in range(3):
        x, y = table.polygons[0][0][i]
        assert sample.image[int(y), int(x), i] == 255
        place = {0: 1, 1: 0, 2: 2}[i] if swapped else i  # left and right change sides in a mirror
        kx, ky, v = table.keypoints[0, place]
        assert sample.image[int(ky), int(kx), i] == 255 and v == 2
    ys, xs = np.nonzero(table.masks[1])
    assert len(xs) == 1 and sample.image[ys[0], xs[0], 0] == 255
    x1, y1, x2, y2 = table.boxes[0]
    assert (x2 - x1, y2 - y1) == (19, 36)
    dots = [(x, y) for x, y in (table.polygons[0][0])]
    assert x1 == min(p[0] for p in dots) - 0.5 and y1 == min(p[1] for p in dots) - 0.5


@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright_canvas_is_left_alone(tmp_path: Path, orientation: int) -> None:
    canvas = (H, W) if orientation >= 5 else (W, H)
    sample, found = open_dataset(annotated(tmp_path, orientation, canvas)).load_checked(0)
    if orientation < 5:
        assert found == ()
        assert sample.instances.keypoints[0, 0].tolist() == [5.5, 7.5, 2]
    else:
        assert {f.rule for f in found} <= {"box_over_edge", "keypoint_outside", "polygon_outside", "rle_canvas"}


def test_strict_leaves_them_out(tmp_path: Path) -> None:
    sample, found = open_dataset(annotated(tmp_path, 6, (W, H)), repair="none").load_checked(0)
    assert [(f.rule, f.repaired) for f in found] == [("canvas_unrotated", False)] and len(sample.instances) == 0


def test_real_photographs(opsin_data: Path, tmp_path: Path) -> None:
    """The Landscape pictures of exif-orientation-examples show one scene: a box on the stored one fits upright."""
    boxes = {}
    for n in range(5, 9):
        source = opsin_data / "exif_orientation" / f"Landscape_{n}.jpg"
        if not source.exists():
            pytest.skip("no real test files: set OPSIN_DATA")
        with Image.open(source) as image:
            w, h = image.size
        upright = (10.0, 20.0, 110.0, 80.0)
        m = np.linalg.inv(orient_matrix(n, w, h))
        corners = np.array([[upright[0], upright[1], 1], [upright[2], upright[3], 1]]) @ m.T
        x1, y1, x2, y2 = *corners[:, :2].min(axis=0), *corners[:, :2].max(axis=0)
        folder = tmp_path / str(n)
        folder.mkdir()
        (folder / "a.jpg").write_bytes(source.read_bytes())
        data = {
            "images": [{"id": 1, "file_name": "a.jpg", "width": w, "height": h}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [x1, y1, x2 - x1, y2 - y1]}],
            "categories": [{"id": 1, "name": "a"}],
        }
        (folder / "annotations.json").write_text(json.dumps(data))
        sample = open_dataset(folder).load(0)
        boxes[n] = sample.instances.boxes[0]
        assert np.allclose(boxes[n], upright)
