"""Blur and deblurring against SciPy, scikit-image and the closed form in Fourier space."""

import numpy as np
import pytest

import opsin
from opsin import ops, psf
from opsin.errors import ParamError

pytest.importorskip("scipy", reason="needs the cv extra")
pytest.importorskip("skimage", reason="needs the cv extra")
from scipy import ndimage
from skimage import data, restoration

PSFS = {
    "gaussian": psf.gaussian(1.3),
    "motion": psf.motion(11, 25),
    "disk": psf.disk(3),
    "even": np.outer([1, 2, 3, 1.5], [1, 5, 2, 1, 1, 1]) / 82.5,
}
SCIPY = {"constant": "constant", "reflect": "mirror", "symmetric": "reflect", "replicate": "nearest", "wrap": "wrap"}


def gray(size=(101, 128)):
    return (data.camera()[60 : 60 + size[0], 200 : 200 + size[1]] / 255).astype(np.float32)


def psnr(a, b):
    return -10 * np.log10(np.mean((a.astype(float) - b.astype(float)) ** 2))


@pytest.mark.parametrize("name", PSFS)
@pytest.mark.parametrize("border", SCIPY)
def test_degrade_is_convolution(name, border):
    """Reference: scipy.ndimage.convolve in float64; 1e-6."""
    image, kernel = gray(), PSFS[name]
    # SciPy's origin of an even kernel lies one pixel off when it is turned over; size // 2 is the point itself here
    origin = tuple(-1 if n % 2 == 0 else 0 for n in kernel.shape)
    want = ndimage.convolve(image.astype(float), kernel, mode=SCIPY[border], origin=(0, 0))
    if name == "even":
        want = ndimage.correlate(image.astype(float), kernel[::-1, ::-1], mode=SCIPY[border], origin=origin)
    got = ops.degrade(image, psf=kernel, border=border)
    assert np.abs(got - want).max() < 1e-6


def test_degrade_puts_the_psf_where_a_point_was():
    point = np.zeros((31, 31), np.float32)
    point[15, 15] = 1
    kernel = PSFS["even"]
    out = ops.degrade(point, psf=kernel)
    assert np.allclose(out[13:17, 12:18], kernel, atol=1e-7)


def test_degrade_adds_its_noise():
    image = np.full((200, 200, 3), 0.5, np.float32)
    got = ops.degrade(image, psf=psf.disk(2), std=0.05, rng=opsin.Rng(4))
    assert abs(got.std() - 0.05) < 1e-3 and abs(got.mean() - 0.5) < 1e-3
    assert abs(np.corrcoef(got[..., 0].ravel(), got[..., 1].ravel())[0, 1]) < 0.02
    assert np.array_equal(got, ops.degrade(image, psf=psf.disk(2), std=0.05, rng=opsin.Rng(4)))
    with pytest.raises(ParamError, match="degrade: rng must be given when std is above 0"):
        ops.degrade(image, psf=psf.disk(2), std=0.05)


@pytest.mark.parametrize("name", PSFS)
@pytest.mark.parametrize("balance", [0.003, 0.3])
def test_wiener_equals_scikit_image(name, balance):
    """Reference: skimage.restoration.wiener in float64; 1e-5, integers 1 level."""
    blurred = ops.degrade(gray(), psf=PSFS[name], std=0.01, rng=opsin.Rng(1))
    want = restoration.wiener(blurred.astype(float), PSFS[name], balance)
    assert np.abs(ops.wiener(blurred, psf=PSFS[name], balance=balance) - want).max() < 1e-5
    small = np.clip(blurred * 255 + 0.5, 0, 255).astype(np.uint8)
    want = np.clip(restoration.wiener(small / 255.0, PSFS[name], balance), 0, 1) * 255
    assert np.abs(ops.wiener(small, psf=PSFS[name], balance=balance) - want).max() <= 0.51


@pytest.mark.parametrize("shape", [(64, 64), (65, 38)])
@pytest.mark.parametrize("gamma", [0.0001, 0.01, 2.0])
def test_constrained_least_squares_is_the_closed_form(shape, gamma):
    """Closed form over the full complex spectrum in float64, Laplacian and PSF centered by hand; 1e-6."""
    image, kernel = gray(shape), PSFS["motion"]
    big, lap = np.zeros(shape), np.zeros(shape)
    ky, kx = kernel.shape[0] // 2, kernel.shape[1] // 2
    for j in range(kernel.shape[0]):
        for i in range(kernel.shape[1]):
            big[(j - ky) % shape[0], (i - kx) % shape[1]] = kernel[j, i]
    lap[0, 0] = 4
    lap[1, 0] = lap[-1, 0] = lap[0, 1] = lap[0, -1] = -1
    h, p = np.fft.fft2(big), np.fft.fft2(lap)
    want = np.fft.ifft2(np.conj(h) * np.fft.fft2(image) / (np.abs(h) ** 2 + gamma * np.abs(p) ** 2)).real
    got = ops.constrained_least_squares(image, psf=kernel, gamma=gamma)
    assert np.abs(got - want).max() < 1e-6 * max(1, np.abs(want).max())


@pytest.mark.parametrize("iterations", [1, 12])
@pytest.mark.parametrize("name", PSFS)
def test_richardson_lucy_equals_scikit_image(name, iterations):
    """Reference: skimage.restoration.richardson_lucy in float64; 1e-5."""
    blurred = np.clip(ops.degrade(gray(), psf=PSFS[name], std=0.01, rng=opsin.Rng(2)), 0, 1)
    want = restoration.richardson_lucy(blurred.astype(float), PSFS[name], num_iter=iterations)
    got = ops.richardson_lucy(blurred, psf=PSFS[name], iterations=iterations)
    assert np.abs(got - want).max() < 1e-5


def test_unsupervised_wiener_equals_scikit_image():
    """Reference: skimage.restoration.unsupervised_wiener with the same seed; 1e-6."""
    blurred = ops.degrade(gray((64, 80)), psf=PSFS["gaussian"], std=0.02, rng=opsin.Rng(3))
    want = restoration.unsupervised_wiener(blurred.astype(float), PSFS["gaussian"], rng=5)[0]
    got = ops.unsupervised_wiener(blurred, psf=PSFS["gaussian"], seed=5)
    assert np.abs(got - want).max() < 1e-6


@pytest.mark.parametrize(
    "undo",
    [
        lambda g, k: ops.wiener(g, psf=k, balance=0.001, border="reflect"),
        lambda g, k: ops.constrained_least_squares(g, psf=k, gamma=0.001, border="reflect"),
        lambda g, k: ops.richardson_lucy(g, psf=k, iterations=30, border="reflect"),
        lambda g, k: ops.unsupervised_wiener(g, psf=k, border="symmetric"),
    ],
)
def test_deblurring_gains(undo):
    """Every technique brings the picture nearer to the sharp one, whatever lies beyond the edge: at least 2 dB."""
    sharp, kernel = gray((200, 220)), psf.motion(13, 30)
    blurred = ops.degrade(sharp, psf=kernel, std=0.005, rng=opsin.Rng(8))
    inside = (slice(20, -20), slice(20, -20))
    assert psnr(undo(blurred, kernel)[inside], sharp[inside]) > psnr(blurred[inside], sharp[inside]) + 2.0


@pytest.mark.parametrize(
    "undo",
    [
        lambda g, k: ops.wiener(g, psf=k, balance=0.001),
        lambda g, k: ops.constrained_least_squares(g, psf=k, gamma=0.001),
        lambda g, k: ops.unsupervised_wiener(g, psf=k),
    ],
)
def test_deblurring_gains_more_where_the_model_is_exact(undo):
    """A scene that wraps around is what the closed forms assume: at least 5 dB."""
    sharp, kernel = gray((200, 220)), psf.motion(13, 30)
    blurred = ops.degrade(sharp, psf=kernel, std=0.005, rng=opsin.Rng(8), border="wrap")
    assert psnr(undo(blurred, kernel), sharp) > psnr(blurred, sharp) + 5.0


@pytest.mark.parametrize(
    "call",
    [
        lambda i: ops.wiener(i, psf=PSFS["disk"], balance=0.1),
        lambda i: ops.constrained_least_squares(i, psf=PSFS["disk"], gamma=0.1),
        lambda i: ops.richardson_lucy(i, psf=PSFS["disk"], iterations=3, border="reflect"),
        lambda i: ops.degrade(i, psf=PSFS["disk"]),
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_dtypes_channels_alpha_and_tiny_pictures(call, dtype):
    top = 1 if dtype == np.float32 else np.iinfo(dtype).max
    rgba = (np.dstack([data.astronaut(), data.camera()])[100:140, 100:150] / 255 * top).astype(dtype)
    got = call(rgba)
    assert got.dtype == dtype and got.shape == rgba.shape and np.array_equal(got[..., 3], rgba[..., 3])
    one = call(rgba[..., 1].copy())
    assert np.array_equal(got[..., 1], one)
    for shape in ((1, 1), (1, 7), (2, 2, 3)):
        flat = np.full(shape, top // 2 if top > 1 else 0.5, dtype)
        assert call(flat).shape == shape


def test_refusals():
    image = gray()
    with pytest.raises(ParamError, match="wiener: psf must be an array that is not all 0"):
        ops.wiener(image, psf=np.zeros((3, 3)), balance=0.1)
    with pytest.raises(ParamError, match="richardson_lucy: psf must be at least 0 everywhere"):
        ops.richardson_lucy(image, psf=-np.ones((3, 3)), iterations=2)
    with pytest.raises(ParamError, match="richardson_lucy: image must be at least 0 everywhere"):
        ops.richardson_lucy(image - 1, psf=np.ones((3, 3)), iterations=2)
    with pytest.raises(ParamError, match="unsupervised_wiener: psf must be no larger than the picture"):
        ops.unsupervised_wiener(image[:5, :5].copy(), psf=np.ones((9, 9)))
    with pytest.raises(ParamError, match="wiener: balance must be a number from 0"):
        ops.wiener(image, psf=np.ones((3, 3)), balance=-1)
