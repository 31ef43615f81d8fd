"""`warp`: by matrices, warps and files, against SciPy; samples follow."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from opsin import Pipeline, Sample, Warp, ops, read, step, write
from opsin.errors import ParamError
from opsin.geometry import Size, about, shift, turn

SIZE = Size(70, 50)
MATRIX = shift(4.0, -3.0) @ about(SIZE.center, turn(12.0))


def picture(dtype=np.uint8):
    y, x = np.mgrid[:50, :70]
    values = 0.5 + 0.2 * np.sin(x / 5.0)[..., None] * np.cos(y / np.array([4.0, 6.0, 9.0])[:, None, None]).transpose(
        1, 2, 0
    )
    return values.astype(np.float32) if dtype == np.float32 else np.round(values * np.iinfo(dtype).max).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_as_scipy(dtype):
    ndimage = pytest.importorskip("scipy.ndimage")
    image = picture(dtype)
    out = ops.warp(image, warp=MATRIX, width=80, height=60)
    assert out.shape == (60, 80, 3) and out.dtype == dtype
    back = np.linalg.inv(MATRIX)
    rows, columns = np.mgrid[:60, :80] + 0.5
    x, y = (back[:2, :2] @ np.stack([columns.ravel(), rows.ravel()]) + back[:2, 2:]).reshape(2, 60, 80)
    inside = (x > 1) & (x < 69) & (y > 1) & (y < 49)
    level = 1e-4 if dtype == np.float32 else 0.51
    for c in range(3):
        want = ndimage.map_coordinates(image[..., c].astype(float), [y - 0.5, x - 0.5], order=1)
        assert np.abs(out[..., c].astype(float) - want)[inside].max() <= level


def test_all_ways_are_one():
    image = picture()
    warp = Warp.of(MATRIX, SIZE, Size(80, 60))
    want = ops.warp(image, warp=MATRIX, width=80, height=60)
    assert np.array_equal(ops.warp(image, warp=warp), want)
    assert np.array_equal(ops.warp(image, warp=MATRIX.tolist(), width=80, height=60), want)
    assert np.array_equal(ops.warp(image, warp={"type": "registration", **warp.to_data()}), want)
    pipeline = Pipeline(step(ops.warp, warp=warp))
    again = Pipeline.from_yaml(pipeline.to_yaml())
    assert again == pipeline and again.fingerprint == pipeline.fingerprint
    for each in (again, pipeline):  # float32 in between: one level where a value lies at a half
        assert np.abs(each(image).image.astype(int) - want).max() <= 1
    matrices = Pipeline.from_yaml(Pipeline(step(ops.warp, warp=MATRIX, width=80, height=60)).to_yaml())
    assert np.array_equal(matrices(image).image, pipeline(image).image)


def test_samples_and_fields():
    mask = np.zeros((50, 70), bool)
    mask[20:30, 30:45] = True
    sample = Sample(picture(), boxes=[[30, 20, 45, 30]], masks=mask[None], keypoints=[[[37.0, 25.0]]])
    out = ops.warp(sample, warp=MATRIX)
    point = (MATRIX @ [37.0, 25.0, 1.0])[:2]
    assert np.allclose(out.instances.keypoints[0, 0, :2], point)
    rows, columns = np.nonzero(out.instances.masks[0])
    assert (
        np.hypot(columns.mean() + 0.5 - (MATRIX @ [37.5, 25, 1])[0], rows.mean() + 0.5 - (MATRIX @ [37.5, 25, 1])[1])
        < 0.3
    )
    assert np.allclose(out.to_original(points=[point]), [[37.0, 25.0]])
    x, y = np.meshgrid(np.arange(70) + 0.5, np.arange(50) + 0.5)
    bend = Warp.bend(np.stack([x + np.sin(y / 8.0), y], axis=-1), SIZE)
    assert ops.warp(sample, warp=bend).image.shape == (50, 70, 3)
    with pytest.raises(ParamError, match="one that bends"):
        Pipeline(step(ops.warp, warp=bend)).to_yaml()


@pytest.mark.parametrize(
    ("warp", "why"),
    [
        (np.zeros((3, 3)), "invertible"),
        (np.eye(2), "an opsin.Warp, a matrix 3 x 3"),
        ({"matrix": [[1]]}, "an opsin.Warp, a matrix 3 x 3"),
        (Warp.of(np.eye(3), Size(9, 9)), "from this canvas of 70 x 50"),
    ],
)
def test_refusals(warp, why):
    with pytest.raises(ParamError, match=f"warp: .*{why}"):
        ops.warp(picture(), warp=warp)


def test_by_command_with_what_a_registration_wrote(tmp_path):
    pytest.importorskip("cv2")
    data = pytest.importorskip("skimage.data", reason="could not import 'skimage'")
    still = np.ascontiguousarray(data.coffee()[:200, :260])
    moved = ops.translate(still, x=0.02, y=-0.03, border="reflect")
    for name, image in (("still", still), ("moved", moved)):
        write(image, tmp_path / f"{name}.png")

    def run(*words):
        done = subprocess.run(
            [sys.executable, "-m", "opsin", "apply", *map(str, words)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    run("register_ecc", tmp_path / "moved.png", "--reference", tmp_path / "still.png", "--out", tmp_path / "r.png")
    assert json.loads((tmp_path / "r.json").read_text())["type"] == "registration"
    run("warp", tmp_path / "moved.png", "--warp", tmp_path / "r.json", "--out", tmp_path / "laid.png")
    laid = read(tmp_path / "laid.png").astype(int)
    assert np.abs(laid - still)[20:-20, 20:-20].mean() < 2.0 < np.abs(moved.astype(int) - still)[20:-20, 20:-20].mean()
