"""convolve, bilateral_filter, anisotropic_diffusion against SciPy, OpenCV and the equations."""

import numpy as np
import pytest

from opsin import ops
from opsin.errors import ParamError

cv2 = pytest.importorskip("cv2", reason="needs the cv extra")
ndimage = pytest.importorskip("scipy.ndimage", reason="needs the cv extra")
data = pytest.importorskip("skimage.data", reason="needs the cv extra")

SCIPY = {"constant": "constant", "reflect": "mirror", "symmetric": "reflect", "replicate": "nearest", "wrap": "wrap"}
SHARPEN = np.array([[-1, -1, -1], [-1, 9, -1], [-1, -1, -1]], float)


def picture(kind, dtype, seed=3):
    color = {
        "gray": data.camera()[100:197, 90:221],
        "rgb": data.astronaut()[40:137, 150:281],
        "rgba": np.dstack([data.astronaut()[40:137, 150:281], data.camera()[100:197, 90:221]]),
        "bands": np.dstack([data.astronaut()[40:137, 150:281], data.coffee()[40:137, 150:281]]),
        "one": data.camera()[100:197, 90:221, None],
    }[kind]
    if dtype == np.uint16:
        return color.astype(np.uint16) * 257
    return (color / 255).astype(np.float32) if dtype == np.float32 else color.copy()


def level(dtype):
    return {np.uint8: 1, np.uint16: 1, np.float32: 2e-6}[dtype]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("border", list(SCIPY))
@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (1, 5), (13, 12)])
def test_convolve_equals_scipy_correlate(dtype, border, shape):
    """Reference: scipy.ndimage.correlate in float64; 1 level (float 2e-6 x the kernel's weight)."""
    image = picture("gray", dtype)
    kernel = np.arange(np.prod(shape), dtype=float).reshape(shape) - 3
    kernel /= np.abs(kernel).sum()
    want = ndimage.correlate(image.astype(np.float64), kernel, mode=SCIPY[border])
    if dtype != np.float32:
        want = np.clip(want, 0, np.iinfo(dtype).max)
    got = ops.convolve(image, kernel=kernel, border=border)
    assert got.dtype == image.dtype
    assert np.abs(got - want).max() <= level(dtype)


@pytest.mark.parametrize("center", [9, 10])
def test_convolve_equals_filter2d_on_sharpening_kernels(center):
    """Reference: cv2.filter2D on uint8, to the bit."""
    kernel = SHARPEN.copy()
    kernel[1, 1] = center
    image = picture("rgb", np.uint8)
    assert np.array_equal(ops.convolve(image, kernel=kernel), cv2.filter2D(image, -1, kernel))


def test_convolve_anchor_moves_the_picture():
    """Closed form: a kernel of one weight at its anchor changes nothing; elsewhere it shifts by whole pixels."""
    image = picture("gray", np.uint8)
    one = np.zeros((3, 5))
    one[2, 4] = 1
    assert np.array_equal(ops.convolve(image, kernel=one, anchor=(4, 2)), image)
    shifted = ops.convolve(image, kernel=one, anchor=(3, 1), border="constant")
    assert np.array_equal(shifted[:-1, :-1], image[1:, 1:])
    assert not shifted[-1].any() and not shifted[:, -1].any()
    with pytest.raises(ParamError, match=r"convolve: anchor must be inside the kernel"):
        ops.convolve(image, kernel=one, anchor=(5, 0))


@pytest.mark.parametrize("kind", ["rgb", "rgba", "bands", "one"])
@pytest.mark.parametrize("border", ["reflect", "wrap"])
def test_convolve_treats_channels_alike_and_alpha_apart(kind, border):
    image = picture(kind, np.uint16)
    got = ops.convolve(image, kernel=SHARPEN, border=border)
    assert got.shape == image.shape
    color = 3 if kind == "rgba" else image.shape[2]
    for k in range(color):
        assert np.array_equal(got[..., k], ops.convolve(image[..., k].copy(), kernel=SHARPEN, border=border))
    if kind == "rgba":
        assert np.array_equal(got[..., 3], image[..., 3])
        bands = ops.convolve(image, kernel=SHARPEN, border=border, channels="bands")
        assert not np.array_equal(bands[..., 3], image[..., 3])


def test_convolve_on_odd_inputs():
    kernel = np.ones((5, 5)) / 25
    for border in SCIPY:
        assert ops.convolve(np.full((1, 1), 77, np.uint8), kernel=kernel, border=border).shape == (1, 1)
    view = np.asfortranarray(picture("rgb", np.uint8))[::-2, ::3]
    assert np.array_equal(ops.convolve(view, kernel=kernel), ops.convolve(view.copy(), kernel=kernel))
    inner = picture("gray", np.uint8)[10:40, 10:40]  # a view must not see the pixels around it
    assert np.array_equal(ops.convolve(inner, kernel=kernel), ops.convolve(inner.copy(), kernel=kernel))
    with pytest.raises(ParamError, match="convolve: kernel must be an array of numbers with 2 axes"):
        ops.convolve(inner, kernel=np.zeros(3))


@pytest.mark.parametrize("sigma_space", [1.0, 3.3])
@pytest.mark.parametrize("sigma_color", [0.05, 0.3])
def test_bilateral_equals_opencv(sigma_space, sigma_color):
    """Reference: cv2.bilateralFilter, uint8 to the bit, float32 to 1e-6, uint16 within 1 level of the float result."""
    image = picture("rgb", np.uint8)
    want = cv2.bilateralFilter(image, 0, sigma_color * 255, sigma_space)
    assert np.array_equal(ops.bilateral_filter(image, sigma_color=sigma_color, sigma_space=sigma_space), want)
    floats = picture("gray", np.float32)
    want = cv2.bilateralFilter(floats, 0, sigma_color, sigma_space)
    got = ops.bilateral_filter(floats, sigma_color=sigma_color, sigma_space=sigma_space)
    assert np.abs(got - want).max() < 1e-6
    got = ops.bilateral_filter(picture("gray", np.uint16), sigma_color=sigma_color, sigma_space=sigma_space)
    assert np.abs(got / 65535 - want).max() <= 1.5 / 65535


def bilateral_closed_form(image, sigma_color, sigma_space, radius):
    values = image.astype(np.float64)
    values = values.reshape(*values.shape[:2], -1)
    padded = np.pad(values, ((radius, radius), (radius, radius), (0, 0)), mode="reflect")
    out = np.zeros_like(values)
    for y in range(values.shape[0]):
        for x in range(values.shape[1]):
            window = padded[y : y + 2 * radius + 1, x : x + 2 * radius + 1]
            dy, dx = np.mgrid[-radius : radius + 1, -radius : radius + 1]
            far = np.abs(window - values[y, x]).sum(axis=2)
            weight = np.exp(-(far**2) / 2 / sigma_color**2 - (dy**2 + dx**2) / 2 / sigma_space**2)
            weight[dy**2 + dx**2 > radius**2] = 0
            out[y, x] = (window * weight[..., None]).sum(axis=(0, 1)) / weight.sum()
    return out.reshape(image.shape)


@pytest.mark.parametrize("kind", ["gray", "rgb", "bands"])
def test_bilateral_equals_the_formula(kind):
    """Reference: Tomasi and Manduchi's sum in float64; 1e-4 (OpenCV reads its weights from a table)."""
    image = picture(kind, np.float32)[:25, :31].copy()
    want = bilateral_closed_form(image, 0.15, 2.0, 4)
    got = ops.bilateral_filter(image, sigma_color=0.15, sigma_space=2.0, radius=4)
    assert np.abs(got - want).max() < 1e-4


def test_bilateral_keeps_alpha():
    image = picture("rgba", np.uint8)
    got = ops.bilateral_filter(image, sigma_color=0.1, sigma_space=2)
    assert np.array_equal(got[..., 3], image[..., 3])
    assert np.array_equal(got[..., :3], ops.bilateral_filter(image[..., :3].copy(), sigma_color=0.1, sigma_space=2))


def perona_malik_closed_form(plane, iterations, kappa, gamma, option):
    u = plane.astype(np.float64)
    g = (lambda d: np.exp(-((d / kappa) ** 2))) if option == 1 else (lambda d: 1 / (1 + (d / kappa) ** 2))
    for _ in range(iterations):
        p = np.pad(u, 1, mode="edge")
        sides = [p[:-2, 1:-1] - u, p[2:, 1:-1] - u, p[1:-1, :-2] - u, p[1:-1, 2:] - u]
        u = u + gamma * sum(g(d) * d for d in sides)
    return u


@pytest.mark.parametrize("option", [1, 2])
@pytest.mark.parametrize("iterations,kappa,gamma", [(1, 0.1, 0.25), (15, 0.05, 0.1), (40, 0.3, 0.2)])
def test_anisotropic_diffusion_equals_the_equations(option, iterations, kappa, gamma):
    """Reference: Perona and Malik's equations in float64; 1e-5, integers 1 level."""
    words = dict(iterations=iterations, kappa=kappa, gamma=gamma, option=option)
    floats = picture("gray", np.float32)
    want = perona_malik_closed_form(floats, **words)
    assert np.abs(ops.anisotropic_diffusion(floats, **words) - want).max() < 1e-5
    for dtype in (np.uint8, np.uint16):
        got = ops.anisotropic_diffusion(picture("gray", dtype), **words)
        assert np.abs(got / np.iinfo(dtype).max - want).max() <= 1.01 / np.iinfo(dtype).max


def test_anisotropic_diffusion_keeps_the_mean_and_the_edge():
    step = np.zeros((20, 20), np.float32)
    step[:, 10:] = 1
    assert np.allclose(ops.anisotropic_diffusion(step, iterations=50, kappa=0.1), step, atol=1e-6)
    image = picture("rgb", np.float32)
    got = ops.anisotropic_diffusion(image, iterations=30, kappa=0.2, option=2)
    assert np.allclose(got.mean(axis=(0, 1)), image.mean(axis=(0, 1)), atol=1e-5)
    one = np.full((1, 1, 3), 9, np.uint8)
    assert np.array_equal(ops.anisotropic_diffusion(one, iterations=3, kappa=0.1), one)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_halo_is_enough_for_tiles(dtype):
    """A tile cut with the stated halo gives the same pixels as the whole picture."""
    image = picture("rgb", dtype)
    cases = [
        (ops.convolve, dict(kernel=np.outer([1, 2, 4, 2], [1, 3, 1]) / 45, anchor=(0, 3))),
        (ops.bilateral_filter, dict(sigma_color=0.1, sigma_space=3)),
        (ops.anisotropic_diffusion, dict(iterations=6, kappa=0.1)),
        (ops.nl_means, dict(std=0.05, patch=7, distance=5)),
        (ops.sketch, dict(method="dodge", sigma=3.0)),
        (ops.sketch, dict(method="dog")),
        (ops.sketch, dict(method="xdog", sigma=2.0)),
        (ops.sketch, dict(method="diffusion")),
    ]
    for function, words in cases:
        halo = function.__opsin__.spec.halo(**words)
        assert 0 < halo <= 36
        whole = function(image, **words)
        tile = function(image[40 - halo : 60 + halo, 50 - halo : 80 + halo].copy(), **words)
        # OpenCV's float weights come from a table over the values in view
        close = 1e-5 if dtype == np.float32 else 0 if dtype == np.uint8 else 1
        difference = np.abs(tile[halo : halo + 20, halo : halo + 30].astype(float) - whole[40:60, 50:80])
        assert difference.max() <= close, function.__name__
