"""Lay one array of brightness on another: mutual information by SimpleITK, correlation by OpenCV."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from opsin.errors import ParamError, refusal, verbatim
from opsin.kernels.extras import need

__all__ = ["Fit", "ecc", "mutual"]

Floats = NDArray[np.float64]


class Fit(NamedTuple):
    """A matrix moving -> fixed in continuous coordinates, how well the two agree, and the steps taken."""

    matrix: Floats
    value: float
    iterations: int


def mutual(
    where: str,
    moving: Floats,
    fixed: Floats,
    *,
    transform: str,
    metric: str,
    levels: int,
    sampling: float,
    iterations: int,
    start: Floats,
    spacing: tuple[float, ...] = (),
    fixed_spacing: tuple[float, ...] = (),
    finish: bool = True,
    step: float = 1.0,
) -> Fit:
    """Register two pictures or volumes with SimpleITK.

    Args:
        where: the technique's name, for the sentence.
        moving: H W or D H W, within 0..1.
        fixed: the same, of any size.
        transform: `translation`, `rigid`, `similarity` or `affine`.
        metric: `mattes` or `correlation`.
        levels: of the pyramid.
        sampling: fraction of pixels.
        iterations: at most so many a level.
        start: square matrix moving -> fixed, continuous coordinates.
        spacing: of moving, x first; empty for 1.
        fixed_spacing: of fixed.
        finish: take the last tenths of a pixel of `mattes` by correlation, where that works.
        step: length of the first step in pixels.
    """
    sitk: Any = need("SimpleITK", where, extra="medical")
    dims = moving.ndim
    before = 0
    if transform == "affine" and dims == 2 and levels > 1:
        # six numbers at once are lost in textures that repeat: four of them first, then all
        with suppress(ParamError):
            first = mutual(
                where, moving, fixed, transform="similarity", metric=metric, levels=levels, sampling=sampling,
                iterations=iterations, start=start, spacing=spacing, fixed_spacing=fixed_spacing, finish=False,
            )  # fmt: skip
            start, levels, before = first.matrix, min(levels, 2), first.iterations
    scale = spacing or (1.0,) * dims
    to = fixed_spacing or (1.0,) * dims
    a, b = _volume(sitk, moving, scale), _volume(sitk, fixed, to)
    # fewer levels where the coarsest would have less than 16 pixels
    while levels > 1 and min((*fixed.shape, *moving.shape)) >> (levels - 1) < 16:
        levels -= 1
    back = np.asarray(np.linalg.inv(start), dtype=np.float64)
    begin = _initial(sitk, transform, dims, back, np.array(fixed.shape[::-1]) * to / 2.0)
    method = sitk.ImageRegistrationMethod()
    if metric == "mattes":
        method.SetMetricAsMattesMutualInformation(numberOfHistogramBins=32 if fixed.size >= 4096 else 16)
    else:
        method.SetMetricAsCorrelation()
    if sampling < 1.0 and fixed.size * sampling >= 1024:
        method.SetMetricSamplingStrategy(method.REGULAR)
        method.SetMetricSamplingPercentage(sampling, seed=1)
    method.SetInterpolator(sitk.sitkLinear)
    # A learning rate that ITK estimates once runs away by many pixels, and a fixed one stands still where the gradient
    # is small. So a step has a length, about one pixel, that is halved whenever the direction turns.
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=step,
        minStep=1e-4,
        numberOfIterations=iterations,
        relaxationFactor=0.5,
        gradientMagnitudeTolerance=1e-10,
        estimateLearningRate=method.Never,
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([1 << k for k in reversed(range(levels))])
    method.SetSmoothingSigmasPerLevel([0.5 * (1 << k) if k else 0.0 for k in reversed(range(levels))])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOff()
    method.SetInitialTransform(begin, inPlace=True)
    method.SetNumberOfThreads(1)  # sums in one order: the same call gives the same bits
    steps = [0]
    method.AddCommand(sitk.sitkIterationEvent, lambda: steps.__setitem__(0, steps[0] + 1))
    with _quiet(sitk):
        try:
            method.Execute(b, a)
        except RuntimeError:
            got = verbatim("a search that left the picture")
            hint = "Give a start, or a simpler transform."
            raise ParamError(refusal(where, "image", "near enough to reference to be laid on it", got, hint)) from None
    matrix = np.asarray(np.linalg.inv(_matrix(begin, dims)), dtype=np.float64)
    if not np.isfinite(matrix).all():
        got = verbatim("a search that left the picture")
        raise ParamError(refusal(where, "image", "near enough to reference", got))
    found = Fit(matrix, -float(method.GetMetricValue()), before + steps[0])
    if metric != "mattes" or not finish:
        return found
    return _finished(where, sitk, a, b, begin, found, moving, fixed, transform, iterations, sampling, scale, to)


def _finished(
    where: str,
    sitk: Any,
    a: Any,
    b: Any,
    begin: Any,
    found: Fit,
    moving: Floats,
    fixed: Floats,
    transform: str,
    iterations: int,
    sampling: float,
    scale: tuple[float, ...],
    to: tuple[float, ...],
) -> Fit:
    """Take the last tenths of a pixel by correlation, where the brightness of one tells that of the other.

    Mutual information is made of counts in bins, and its peak is off by some tenths of a pixel where there is much
    noise or little texture. Once the two nearly lie on each other, the mean brightness of the reference for each
    brightness of the picture makes them alike (inverted ones, too), and correlation finds the rest. Where brightness
    tells little (less than half of the variance), or the two ways disagree, the first answer stays.

    Raises:
        ParamError: brightness tells nothing at all: the search was lost.
    """
    moved = sitk.GetArrayFromImage(sitk.Resample(a, b, begin, sitk.sitkLinear, -1.0))
    inside = moved >= -0.5
    if np.count_nonzero(inside) < 1024:
        return found
    x, y = moved[inside].astype(np.float64), fixed[inside]
    number = np.clip((x * 64.0).astype(np.int64), 0, 63)
    counts = np.bincount(number, minlength=64)
    means = np.bincount(number, weights=y, minlength=64) / np.maximum(counts, 1)
    told = float(((means[number] - y.mean()) ** 2).sum()) / max(float(((y - y.mean()) ** 2).sum()), 1e-12)
    if told < 0.02:  # chance alone gives a thousandth
        got = verbatim("pictures that tell nothing of each other where the search ended")
        hint = "Give a start, or a simpler transform."
        raise ParamError(refusal(where, "image", "near enough to reference to be laid on it", got, hint))
    if told < 0.5:
        return found
    known = counts > 0
    alike = np.interp(moving, (np.flatnonzero(known) + 0.5) / 64.0, means[known])
    try:
        last = mutual(
            where, alike, fixed, transform=transform, metric="correlation", levels=1, sampling=sampling,
            iterations=min(iterations, 100), start=found.matrix, spacing=scale, fixed_spacing=to, finish=False,
            step=0.25,
        )  # fmt: skip
    except ParamError:
        return found
    size = np.array(moving.shape[::-1]) * scale
    ends = np.array(np.meshgrid(*[(0.0, s) for s in size])).reshape(len(size), -1)
    shift = (last.matrix - found.matrix)[:-1] @ np.concatenate([ends, np.ones((1, ends.shape[1]))])
    if float(np.sqrt(((shift / np.array(to)[:, None]) ** 2).sum(axis=0)).max()) > 2.0:
        return found
    return Fit(last.matrix, found.value, found.iterations + last.iterations)


class _quiet:
    """Hold back ITK's warnings, what matters is raised; and keep to one thread, so that sums have one order."""

    def __init__(self, sitk: Any) -> None:
        self.object = sitk.ProcessObject

    def __enter__(self) -> None:
        self.before = self.object.GetGlobalWarningDisplay()
        self.object.SetGlobalWarningDisplay(False)
        self.threads = self.object.GetGlobalDefaultNumberOfThreads()
        self.object.SetGlobalDefaultNumberOfThreads(1)

    def __exit__(self, *_: object) -> None:
        self.object.SetGlobalWarningDisplay(self.before)
        self.object.SetGlobalDefaultNumberOfThreads(self.threads)


def _volume(sitk: Any, values: Floats, spacing: tuple[float, ...]) -> Any:
    image = sitk.GetImageFromArray(values.astype(np.float32))
    image.SetSpacing(spacing)
    image.SetOrigin([0.5 * s for s in spacing])  # continuous coordinates: the first voxel's middle is half a voxel in
    return image


def _initial(sitk: Any, transform: str, dims: int, matrix: Floats, center: Floats) -> Any:
    """A transform fixed -> moving, as ITK wants it, at a matrix: parts that the kind cannot express are left out."""
    linear, offset = matrix[:dims, :dims], matrix[:dims, dims]
    # ITK turns about a center: x -> L (x - c) + c + t
    move = linear @ center + offset - center
    if transform == "translation":
        return sitk.TranslationTransform(dims, [float(v) for v in move])
    if transform == "affine":
        out = sitk.AffineTransform(dims)
        out.SetMatrix([float(v) for v in linear.ravel()])
    else:
        u, _, vt = np.linalg.svd(linear)
        rotation = u @ np.diag([1.0] * (dims - 1) + [float(np.sign(np.linalg.det(u @ vt)))]) @ vt
        names = {
            ("rigid", 2): sitk.Euler2DTransform,
            ("similarity", 2): sitk.Similarity2DTransform,
            ("rigid", 3): sitk.Euler3DTransform,
            ("similarity", 3): sitk.Similarity3DTransform,
        }
        out = names[transform, dims]()
        scale = abs(float(np.linalg.det(linear))) ** (1.0 / dims) if transform == "similarity" else 1.0
        out.SetMatrix([float(v) for v in (rotation * scale).ravel()], 1e-6)
    out.SetCenter([float(v) for v in center])
    out.SetTranslation([float(v) for v in move])
    return out


def _matrix(transform: Any, dims: int) -> Floats:
    """Read a linear transform as a matrix, by where it carries the origin and the unit vectors."""
    at = [np.array(transform.TransformPoint([0.0] * dims))]
    for k in range(dims):
        at.append(np.array(transform.TransformPoint([float(k == j) for j in range(dims)])))
    out = np.eye(dims + 1)
    out[:dims, dims] = at[0]
    out[:dims, :dims] = np.stack([p - at[0] for p in at[1:]], axis=1)
    return out


def ecc(
    where: str,
    moving: Floats,
    fixed: Floats,
    *,
    motion: str,
    levels: int,
    iterations: int,
    tolerance: float,
    sigma: float,
    start: Floats,
) -> Fit:
    """Register two pictures by the enhanced correlation coefficient, coarse to fine.

    Args:
        where: the technique's name, for the sentence.
        moving: H W within 0..1.
        fixed: H W, of any size.
        motion: `translation`, `rigid`, `affine` or `homography`.
        levels: of the pyramid.
        iterations: at most so many a level.
        tolerance: ends a level.
        sigma: smoothing in pixels, on every level.
        start: 3 x 3 moving -> fixed in continuous pixels.
    """
    cv2 = need("cv2", where)
    while levels > 1 and min((*fixed.shape, *moving.shape)) >> (levels - 1) < 24:
        levels -= 1
    kinds = {"translation": 0, "rigid": 1, "affine": 2, "homography": 3}
    size = 2 * max(1, round(3.0 * sigma)) + 1

    def pyramid(values: Floats) -> list[NDArray[np.float32]]:
        out = [values.astype(np.float32)]
        for _ in range(levels - 1):
            h, w = out[-1].shape
            # whole halves only, so that a coarse pixel covers exactly four fine ones
            out.append(cv2.resize(out[-1][: h // 2 * 2, : w // 2 * 2], (w // 2, h // 2), interpolation=cv2.INTER_AREA))
        return out

    small_moving, small_fixed = pyramid(moving), pyramid(fixed)
    half = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]])
    back = np.linalg.inv(start)  # fixed -> moving, continuous pixels of the finest level
    value = 0.0
    for level in reversed(range(levels)):
        grow = np.diag([float(1 << level), float(1 << level), 1.0])
        # to this level's pixels, counted from the middle of the first pixel
        m = np.linalg.inv(grow @ half) @ back @ (grow @ half)
        m = np.ascontiguousarray((m / m[2, 2])[: 3 if motion == "homography" else 2], dtype=np.float32)
        if motion in ("translation", "rigid"):
            m = _plain_motion(m, motion)
        images = [small_fixed[level], small_moving[level]]
        if sigma > 0.0:
            images = [cv2.GaussianBlur(i, (size, size), sigma, borderType=cv2.BORDER_REFLECT) for i in images]
        stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, iterations, tolerance)
        try:
            value, m = cv2.findTransformECC(images[0], images[1], m, kinds[motion], stop, None, 1)
        except cv2.error:
            got = verbatim("pictures that do not come to lie on each other")
            hint = "Give a start; use register where brightness is inverted."
            raise ParamError(refusal(where, "image", "near enough to reference", got, hint)) from None
        full = np.eye(3)
        full[: len(m)] = m
        back = (grow @ half) @ full @ np.linalg.inv(grow @ half)
    matrix = np.asarray(np.linalg.inv(back), dtype=np.float64)
    if not np.isfinite(matrix).all() or abs(matrix[2, 2]) < 1e-9:
        got = verbatim("a search that left the picture")
        raise ParamError(refusal(where, "image", "near enough to reference", got))
    return Fit(np.asarray(matrix / matrix[2, 2], dtype=np.float64), float(value), 0)


def _plain_motion(m: NDArray[np.float32], motion: str) -> NDArray[np.float32]:
    """Keep of a matrix only what the motion can express."""
    out = m.copy()
    if motion == "translation":
        out[:, :2] = np.eye(2)
    else:
        angle = np.arctan2(m[1, 0] - m[0, 1], m[0, 0] + m[1, 1])
        out[:, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return out
