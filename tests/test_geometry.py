"""Warps: composition, inversion, canvases in between, outlines."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsin import Size, Warp
from opsin.errors import ParamError
from opsin.geometry import about, fold, shift, stretch, turn
from opsin.polygons import clip_polygon, polygon_area

numbers = st.floats(-50, 50)


def bend(size: Size, amount: float = 3.0) -> Warp:
    """A smooth wave."""
    y, x = np.mgrid[0 : size.height, 0 : size.width] + 0.5
    field = np.stack([x + amount * np.sin(y / 9), y + amount * np.cos(x / 11)], axis=-1)
    return Warp.bend(field, size)


@given(st.floats(-180, 180), st.floats(0.3, 3), numbers, numbers)
def test_push_then_pull_is_the_identity(angle: float, scale: float, x: float, y: float) -> None:
    size = Size(64, 48)
    warp = Warp.of(shift(x, y) @ about(size.center, turn(angle) @ stretch(scale, 1 / scale)), size)
    points = np.random.default_rng(0).uniform(0, 48, (20, 2))
    np.testing.assert_allclose(warp.pull(warp.push(points)), points, atol=1e-9)
    np.testing.assert_allclose(warp.invert().push(warp.push(points)), points, atol=1e-9)


def test_composition_is_one_after_the_other() -> None:
    size = Size(60, 40)
    a = Warp.of(about(size.center, turn(20)), size)
    b = Warp.of(shift(3, -4), size, Size(50, 50))
    points = np.random.default_rng(1).uniform(0, 40, (9, 2))
    np.testing.assert_allclose(a.then(b).push(points), b.push(a.push(points)))
    np.testing.assert_allclose(a.then(b).matrix, b.matrix @ a.matrix)
    assert a.then(b).target == (50, 50)
    with pytest.raises(ParamError, match="a warp from"):
        b.then(a)


def test_fields_are_inverted_within_a_hundredth_of_a_pixel() -> None:
    size = Size(90, 70)
    warp = bend(size)
    points = np.random.default_rng(2).uniform(12, 60, (200, 2))
    pushed = warp.push(points)
    assert np.isfinite(pushed).all()
    np.testing.assert_allclose(warp.pull(pushed), points, atol=0.01)
    np.testing.assert_allclose(warp.invert().pull(points), pushed, atol=0.1)


def test_perspective_beyond_the_horizon_is_nowhere() -> None:
    warp = Warp.of([[1, 0, 0], [0, 1, 0], [-0.02, 0, 1]], Size(100, 100))
    assert np.isnan(warp.push([[60.0, 5.0]])).all()
    outline = warp.clip([[0, 0], [100, 0], [100, 100], [0, 100]])
    assert len(outline) >= 3
    assert np.isfinite(outline).all()


def test_what_a_crop_removed_does_not_come_back() -> None:
    crop = Warp.of(shift(-20, -20), Size(100, 100), Size(40, 40))
    turned = crop.then(Warp.of(about((20, 20), turn(45)), Size(40, 40)))
    corner = np.array([[1.0, 1.0]])
    source, inside = turned.seen(corner)
    assert not inside[0]
    assert not turned.kept([[19.0, 40.0]])[0]
    assert turned.kept([[40.0, 40.0]])[0]
    open_ = Warp.of(turned.matrix, Size(100, 100), Size(40, 40))
    assert open_.seen(corner)[1][0]
    np.testing.assert_allclose(open_.seen(corner)[0], source)


@pytest.mark.parametrize("border", ["reflect", "symmetric", "replicate", "wrap"])
def test_fold_agrees_with_numpys_pad(border: str) -> None:
    row = np.arange(7)
    mode = {"replicate": "edge"}.get(border, border)
    padded = np.pad(row, 5, mode=mode)
    at = fold(np.arange(-5, 12) + 0.5, 7, border)
    np.testing.assert_array_equal(row[np.clip(np.floor(at).astype(int), 0, 6)], padded)


def test_mirrors_are_known() -> None:
    size = Size(30, 20)
    flip = Warp.of([[-1, 0, 30], [0, 1, 0], [0, 0, 1]], size)
    assert flip.mirrors((5, 5))
    assert not flip.then(flip).mirrors((5, 5))
    assert not Warp.of(about(size.center, turn(170)), size).mirrors((5, 5))
    assert not bend(size, 1.0).mirrors((15, 10))
    assert flip.then(bend(size, 1.0)).mirrors((15, 10))


def test_quarter_turns_are_exact_and_straight() -> None:
    warp = Warp.of(about((20, 20), turn(90)), Size(40, 40))
    np.testing.assert_array_equal(warp.push([[3.0, 7.0]]), [[7.0, 37.0]])
    assert warp.straight()
    assert not Warp.of(about((20, 20), turn(1)), Size(40, 40)).straight()


@given(st.lists(st.tuples(numbers, numbers), min_size=3, max_size=3))
def test_clipped_triangles_lie_on_the_canvas_and_never_grow(points: list[tuple[float, float]]) -> None:
    cut = clip_polygon(points, Size(30, 20))
    assert polygon_area(cut) <= polygon_area(points) + 1e-6
    if len(cut):
        assert (cut >= -1e-9).all()
        assert (cut <= np.array([30, 20]) + 1e-9).all()


def test_bad_matrices_are_refused() -> None:
    for matrix in (np.zeros((3, 3)), np.eye(2), np.full((3, 3), np.nan)):
        with pytest.raises(ParamError, match="warp: matrix must be"):
            Warp.of(matrix, Size(5, 5))
