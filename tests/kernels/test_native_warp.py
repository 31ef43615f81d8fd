"""The core's warp against SciPy's map_coordinates in float64: within half a level; borders, frames, masks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from native_help import levels, needs_core, photographs

from opsin.errors import ParamError
from opsin.kernels import native
from opsin.types import Border

pytestmark = needs_core

BORDERS: dict[Border, str] = {
    "constant": "grid-constant",
    "reflect": "mirror",
    "symmetric": "reflect",
    "replicate": "nearest",
    "wrap": "grid-wrap",
}


def turned(angle: float, scale: float, shape: tuple[int, ...], tilt: float = 0.0) -> np.ndarray:
    """Output -> source: about the middle, with some perspective."""
    h, w = shape[:2]
    c, s = math.cos(angle) / scale, math.sin(angle) / scale
    about = np.array([[1, 0, w / 2], [0, 1, h / 2], [0, 0, 1.0]])
    matrix = about @ np.array([[c, -s, 3.3], [s, c, -2.2], [tilt / w, -tilt / h / 2, 1]]) @ np.linalg.inv(about)
    return matrix / matrix[2, 2]


def points(matrix: np.ndarray, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Source points in pixel indices; far out where the map is beyond its horizon."""
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    u, v, w = (matrix[k, 0] * x + matrix[k, 1] * y + matrix[k, 2] for k in range(3))
    seen = w > 1e-9
    w = np.where(seen, w, 1.0)
    return np.where(seen, u / w, -1e9) - 0.5, np.where(seen, v / w, -1e9) - 0.5


def reference(image: np.ndarray, x: np.ndarray, y: np.ndarray, border: Border, fill: float) -> np.ndarray:
    ndimage = pytest.importorskip("scipy.ndimage")
    planes = image.reshape(*image.shape[:2], -1).astype(np.float64)
    out = [
        ndimage.map_coordinates(planes[..., c], [y, x], order=1, mode=BORDERS[border], cval=fill, prefilter=False)
        for c in range(planes.shape[2])
    ]
    return np.stack(out, axis=-1).reshape(*x.shape, *image.shape[2:])


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("tilt", (0.0, 0.4))
def test_bilinear_is_exact(border: Border, tilt: float) -> None:
    rng = np.random.default_rng(2)
    color = photographs()[1][:121, :170]
    for image in (color, color[..., 0], rng.integers(0, 256, (40, 31, 5), dtype=np.uint8), color[:1], color[:, :1]):
        image = np.ascontiguousarray(image)
        for angle, scale in ((0.3, 1.0), (-1.2, 0.6), (2.9, 2.3)):
            matrix = turned(angle, scale, image.shape, tilt)
            x, y = points(matrix, 150, 110)
            for dtype, white, tolerance in ((np.uint8, 255, 0.5), (np.uint16, 65535, 8.0), (np.float32, 1, 2e-4)):
                picture = (image / 255 * white + 0.5 * (white > 1)).astype(dtype)
                want = reference(picture, x, y, border, 0.25 * white)
                got = native.warp(picture, matrix, 150, 110, border, fill=0.25 * white)
                assert got.dtype == dtype and got.shape == want.shape
                # rounding takes half a level; the rest is the coordinates' own precision
                assert np.abs(got - want).max() <= tolerance + (0.02 if white > 1 else 0)


def test_a_field_says_the_same_as_its_matrix() -> None:
    image = photographs()[0][:200, :180]
    matrix = turned(0.4, 1.3, image.shape, 0.2)
    x, y = points(matrix, 160, 140)
    field = np.stack([x + 0.5, y + 0.5], axis=-1).astype(np.float32)
    for border in BORDERS:
        a = native.warp(image, matrix, 160, 140, border, fill=9)
        b = native.warp_map(image, field, border, fill=9)
        assert np.abs(a.astype(int) - b).max() <= 1


def test_whole_moves_are_exact() -> None:
    image = np.random.default_rng(4).integers(0, 256, (33, 47, 3), dtype=np.uint8)
    assert np.array_equal(native.warp(image, np.eye(3), 47, 33), image)
    quarter = np.array([[0, 1, 0], [-1, 0, 33], [0, 0, 1.0]])  # output (x, y) sees source (y, 33 - x)
    assert np.array_equal(native.warp(image, quarter, 33, 47), image[::-1].swapaxes(0, 1))


def test_frames_cut_what_left_a_canvas_on_the_way() -> None:
    image = np.full((40, 60, 3), 200, np.uint8)
    rng = np.random.default_rng(5)
    x, y = np.meshgrid(np.arange(80) + 0.5, np.arange(70) + 0.5)
    for tilt in (0.0, 0.5, -0.9):
        for _ in range(12):
            matrix = turned(rng.uniform(0, 7), rng.uniform(0.4, 2), image.shape, tilt)
            frames = [
                (turned(rng.uniform(0, 7), rng.uniform(0.5, 2), image.shape, tilt * rng.random()), w, h)
                for w, h in ((55.0, 38.0), (30.0, 60.0))
            ]
            got = native.warp(image, np.diag([0.5, 0.5, 1.0]), 80, 70, "replicate", 7, frames=frames)
            inside = np.ones((70, 80), bool)
            for m, w, h in frames:
                z = m[2, 0] * x + m[2, 1] * y + m[2, 2]
                u, v = (m[0, 0] * x + m[0, 1] * y + m[0, 2]) / z, (m[1, 0] * x + m[1, 1] * y + m[1, 2]) / z
                inside &= (z > 1e-9) & (u >= 0) & (u < w) & (v >= 0) & (v < h)
            assert (got == np.where(inside, np.uint8(200), np.uint8(7))[..., None]).all()
            assert native.warp(image, matrix, 80, 70, frames=frames)[~inside].max(initial=0) == 0


def test_beyond_the_horizon_is_fill() -> None:
    image = np.full((20, 20), 255, np.uint8)
    matrix = np.array([[1, 0, 0], [0, 1, 0], [-0.1, 0, 1.0]])  # the horizon is x = 10
    got = native.warp(image, matrix, 20, 20, fill=3)
    assert (got[:, 10:] == 3).all() and (got[0:5, 0:5] == 255).all()


def test_nearest_moves_values_of_any_kind() -> None:
    labels = np.random.default_rng(6).integers(0, 1 << 31, (50, 70)).astype(np.int32)
    matrix = turned(0.5, 1.4, labels.shape, 0.3)
    x, y = points(matrix, 64, 48)
    i, j = np.floor(y + 0.5).astype(int), np.floor(x + 0.5).astype(int)
    ok = (i >= 0) & (i < 50) & (j >= 0) & (j < 70)
    want = np.where(ok, labels[i.clip(0, 49), j.clip(0, 69)], -1)
    for dtype in (np.int32, np.uint16, np.uint8, np.float32):
        got = native.warp(labels.astype(dtype), matrix, 64, 48, fill=0, nearest=True)
        assert np.array_equal(got, np.where(ok, want.astype(dtype), np.zeros((), dtype)))
    assert np.array_equal(native.warp(labels, matrix, 64, 48, fill=-1, nearest=True), want)
    mask = labels % 2 == 0
    assert native.warp(mask, np.eye(3), 70, 50, nearest=True).dtype == np.bool_


def test_supersampling_is_nearer_to_the_area() -> None:
    image = photographs()[0]
    matrix = turned(0.35, 1 / 3, image.shape)
    matrix = matrix @ np.array([[1, 0, 170], [0, 1, 170], [0, 0, 1.0]])
    fine = native.warp(image.astype(np.float32) / 255, matrix @ np.diag([1 / 8, 1 / 8, 1]), 170 * 8, 170 * 8, "reflect")
    truth = fine.reshape(170, 8, 170, 8, 3).mean(axis=(1, 3)) * 255

    def psnr(x: np.ndarray) -> float:
        return float(10 * np.log10(255**2 / np.mean((x - truth) ** 2)))

    plain = psnr(native.warp(image, matrix, 170, 170, "reflect").astype(float))
    better = psnr(native.warp(image, matrix, 170, 170, "reflect", supersample=True).astype(float))
    assert better > plain + 6 and better > 40


def test_every_instruction_set_gives_the_same_bytes() -> None:
    image = photographs()[2][:150, :160]
    try:
        for tilt in (0.0, 0.4):
            matrix = turned(0.7, 1.2, image.shape, tilt)
            for picture in (image, image[..., 1], image.astype(np.float32) / 255):
                got = []
                for level in levels():
                    native.set_simd_level(level)
                    got.append(native.warp(picture, matrix, 133, 97, "reflect", supersample=True))
                assert all(np.array_equal(got[0], g) for g in got[1:])
    finally:
        native.set_simd_level()


def test_nonsense_is_refused() -> None:
    image = np.zeros((5, 5, 3), np.uint8)
    with pytest.raises(ParamError, match="matrix must be 3 x 3 and finite"):
        native.warp(image, np.full((3, 3), np.nan), 4, 4)
    with pytest.raises(ParamError, match="one value per channel"):
        native.warp(image, np.eye(3), 4, 4, fill=(1, 2))
    with pytest.raises(ParamError, match="field must be"):
        native.warp_map(image, np.zeros((4, 4)))
