"""Point spread functions against their closed forms."""

import numpy as np
import pytest

from opsin import psf
from opsin.errors import ParamError


@pytest.mark.parametrize("make", [lambda: psf.gaussian(2.3), lambda: psf.motion(17, 33), lambda: psf.disk(4.2)])
def test_sums_to_one_odd_and_symmetric(make):
    kernel = make()
    assert kernel.dtype == np.float64
    assert kernel.shape[0] % 2 == 1 and kernel.shape[1] % 2 == 1
    assert abs(kernel.sum() - 1) < 1e-12
    assert kernel.min() >= 0
    assert np.allclose(kernel, kernel[::-1, ::-1], atol=1e-9)


def test_gaussian_has_its_sigma():
    kernel = psf.gaussian(3.0)
    y = np.arange(kernel.shape[0]) - kernel.shape[0] // 2
    assert abs((kernel.sum(axis=1) * y**2).sum() - 9.0) < 0.02


@pytest.mark.parametrize("angle", [0, 30, 45, 90, 135, -60, 200])
@pytest.mark.parametrize("length", [1, 5, 20.5])
def test_motion_has_its_length_and_direction(length, angle):
    """Closed form: second moments of a line are length^2 / 12 along it; bilinear shares add at most 1/4 per axis."""
    kernel = psf.motion(length, angle)
    y, x = np.mgrid[: kernel.shape[0], : kernel.shape[1]] - np.array(kernel.shape)[:, None, None] // 2
    turn = np.radians(angle)
    along = x * np.cos(turn) - y * np.sin(turn)
    across = x * np.sin(turn) + y * np.cos(turn)
    assert abs((kernel * along**2).sum() - length**2 / 12) < 0.3
    assert (kernel * across**2).sum() < 0.3


def test_motion_along_the_axis_is_a_row():
    assert psf.motion(9, 0).shape[0] == 1 + 2 * 0 or psf.motion(9, 0)[0].sum() < 1e-9
    middle = psf.motion(9, 0)[psf.motion(9, 0).shape[0] // 2]
    assert abs(middle.sum() - 1) < 1e-9


@pytest.mark.parametrize("radius", [0.3, 1, 2.5, 7.7])
def test_disk_has_its_area(radius):
    """Closed form: before scaling the shares add up to the area, so the middle is 1 / (pi r^2) for r above 1."""
    kernel = psf.disk(radius)
    middle = kernel[kernel.shape[0] // 2, kernel.shape[1] // 2]
    want = 1.0 if radius < 0.5 else 1 / (np.pi * radius**2)
    assert abs(middle - want) < (2e-3 if radius > 0.9 else 0.3)


@pytest.mark.parametrize(
    "call",
    [
        lambda: psf.gaussian(0),
        lambda: psf.gaussian(float("nan")),
        lambda: psf.disk(-1),
        lambda: psf.motion("long", 0),
        lambda: psf.motion(5, float("inf")),
    ],
)
def test_refusals(call):
    with pytest.raises(ParamError, match=r"^psf\.\w+: \w+ must be a number"):
        call()
