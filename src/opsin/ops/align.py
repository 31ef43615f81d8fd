"""Lay a picture on a reference by its brightness, and a face on a standard pose."""

from typing import Annotated, Literal

import numpy as np

from opsin.arrays import check_image, full_scale, to_unit
from opsin.errors import ParamError, refusal, verbatim
from opsin.geometry import Size, Warp
from opsin.kernels.brightness import brightness
from opsin.kernels.faces import landmarks_of
from opsin.kernels.intensity import ecc, mutual
from opsin.kernels.procrustes import eyes_and_mouth, similarity
from opsin.kernels.resample import resample
from opsin.op import op
from opsin.sample import Sample
from opsin.types import Array, Bound, Fraction, Image, Pixels, Role, Shape, Unit, Usual
from opsin.values import Registration, VolumeRegistration

Steps = Annotated[int, Bound(ge=1, le=100_000), Usual(50, 500)]
Levels = Annotated[int, Bound(ge=1, le=8), Usual(1, 4)]
Share = Annotated[float, Bound(gt=0.0, le=1.0), Usual(0.1, 1.0)]
Volume = Annotated[Array, Role("volume")]
Spacing = tuple[
    Annotated[float, Bound(gt=0.0), Usual(0.5, 5.0)],
    Annotated[float, Bound(gt=0.0), Usual(0.5, 5.0)],
    Annotated[float, Bound(gt=0.0), Usual(0.5, 5.0)],
]
Marks = Annotated[Array, Shape(2, (None, 2)), Unit("px")]


def _gray(where: str, name: str, image: Array, least: int) -> Array:
    """Brightness as floats, refused where there is nothing to lay on anything."""
    gray = to_unit(brightness(where, check_image(where, image, name=name)), np.float64)
    if min(gray.shape) < least:
        raise ParamError(refusal(where, name, f"at least {least} x {least} pixels", image))
    low, high = float(gray.min()), float(gray.max())
    if high - low <= 1e-6:
        got = verbatim(f"one value everywhere, {low * full_scale(image.dtype):g}")
        raise ParamError(refusal(where, name, "a picture with texture", got))
    return (gray - low) / (high - low)


def _start(where: str, start: Array | None) -> Array:
    """Read where to begin: a matrix image -> reference."""
    if start is None:
        return np.eye(3)
    matrix = np.asarray(start, dtype=np.float64)
    if abs(float(np.linalg.det(matrix))) < 1e-12 or matrix[2, 2] == 0.0:
        raise ParamError(refusal(where, "start", "a matrix that can be inverted", matrix.tolist()))
    return matrix / matrix[2, 2]


@op(extra="medical")
def register(
    image: Image,
    /,
    reference: Image,
    *,
    transform: Literal["translation", "rigid", "similarity", "affine"] = "similarity",
    metric: Literal["mattes", "correlation"] = "mattes",
    levels: Levels = 3,
    sampling: Share = 0.25,
    iterations: Steps = 300,
    start: Annotated[Array, Shape(2, (3, 3))] | None = None,
) -> Registration:
    """Lay a picture on a reference by how its brightness tells about the reference's.

    Use it for pictures of different kinds: two stains, two lamps, CT and MR, a negative and a positive. Mutual
    information ("mattes") needs no like brightness, not even the same direction; "correlation" is steadier where
    brightness is alike up to scale. Movements of more than about a tenth of the picture need a start, such as the
    matrix of `find_homography`. `register_ecc` is quicker and finer where brightness is alike.

    Args:
        reference: what the picture is laid on; of any size.
        transform: what may happen to the picture: shift; and turn; and one scale; and two scales and a shear.
        metric: what is compared.
        levels: steps of the pyramid; each is half as large as the one after it.
        sampling: the fraction of pixels looked at, on a regular grid.
        iterations: at most so many steps a level.
        start: 3 x 3, from the picture to the reference in pixels, where to begin; None begins with the middles on
            each other.

    Returns:
        Registration: `.warp` and `.matrix` carry the picture onto the reference's canvas, `.metric` says how well the
        two agree (the larger, the better).

    Raises:
        ParamError: a picture without texture or below 16 pixels, and a search that lost the picture.

    Source:
        Mattes et al., "PET-CT image registration in the chest using free-form deformations", 2003; the gradient
        descent of SimpleITK with steps of a length, as its estimate of a learning rate runs away. Where the brightness
        of one tells that of the other, the last tenths of a pixel are taken by correlation.
    """
    where = "register"
    moving, fixed = _gray(where, "image", image, 16), _gray(where, "reference", reference, 16)
    if start is None:
        shift = (np.array(fixed.shape[::-1]) - np.array(moving.shape[::-1])) / 2.0
        begin = np.array([[1.0, 0.0, shift[0]], [0.0, 1.0, shift[1]], [0.0, 0.0, 1.0]])
    else:
        begin = _start(where, start)
    found = mutual(
        where, moving, fixed, transform=transform, metric=metric, levels=levels, sampling=sampling,
        iterations=iterations, start=begin,
    )  # fmt: skip
    warp = Warp.of(found.matrix, Size(*moving.shape[::-1]), Size(*fixed.shape[::-1]))
    return Registration(warp, metric=found.value, transform=transform, method=metric, iterations=found.iterations)


@op(extra="medical")
def register_volume(
    volume: Volume,
    /,
    reference: Annotated[Array, Shape(3)],
    *,
    spacing: Spacing = (1.0, 1.0, 1.0),
    reference_spacing: Spacing | None = None,
    transform: Literal["translation", "rigid", "similarity", "affine"] = "rigid",
    metric: Literal["mattes", "correlation"] = "mattes",
    levels: Levels = 3,
    sampling: Share = 0.25,
    iterations: Steps = 300,
) -> VolumeRegistration:
    """Lay a volume on a reference volume by how its brightness tells about the reference's.

    Use it for CT, MR and microscope stacks; the same search as `register`, in three dimensions. Both begin with their
    middles on each other.

    Args:
        reference: D H W, of any size and any number type.
        spacing: width, height and depth of the volume's voxels, in millimeters or any unit.
        reference_spacing: the same of the reference; None means as the volume.
        transform: what may happen to the volume.
        metric: what is compared.
        levels: steps of the pyramid.
        sampling: the fraction of voxels looked at, on a regular grid.
        iterations: at most so many steps a level.

    Returns:
        VolumeRegistration: `.matrix` 4 x 4 from the volume to the reference in the unit of the spacing, `.apply`.

    Raises:
        ParamError: a volume that is not D H W, without texture or below 8 voxels on a side.

    Source:
        As `register`.
    """
    where = "register_volume"
    moving, fixed = _density(where, "volume", volume), _density(where, "reference", reference)
    to = reference_spacing or spacing
    middle = (np.array(fixed.shape[::-1]) * to - np.array(moving.shape[::-1]) * spacing) / 2.0
    begin = np.eye(4)
    begin[:3, 3] = middle
    found = mutual(
        where, moving, fixed, transform=transform, metric=metric, levels=levels, sampling=sampling,
        iterations=iterations, start=begin, spacing=spacing, fixed_spacing=to,
    )  # fmt: skip
    return VolumeRegistration(
        found.matrix,
        shape=moving.shape,
        reference_shape=fixed.shape,
        spacing=spacing,
        reference_spacing=to,
        metric=found.value,
        transform=transform,
        method=metric,
    )


def _density(where: str, name: str, volume: object) -> Array:
    if not isinstance(volume, np.ndarray) or volume.ndim != 3 or volume.dtype.kind not in "uif":
        raise ParamError(refusal(where, name, "an array D H W of numbers", volume))
    if min(volume.shape) < 8:
        raise ParamError(refusal(where, name, "at least 8 voxels on each side", volume))
    v = volume.astype(np.float64)
    if not np.isfinite(v).all():
        raise ParamError(refusal(where, name, "finite", verbatim("NaN or infinity"), "Use numpy.nan_to_num first."))
    low, high = float(v.min()), float(v.max())
    if high <= low:
        raise ParamError(refusal(where, name, "a volume with texture", verbatim(f"{low:g} everywhere")))
    return (v - low) / (high - low)


@op(extra="cv")
def register_ecc(
    image: Image,
    /,
    reference: Image,
    *,
    motion: Literal["translation", "rigid", "affine", "homography"] = "affine",
    levels: Levels = 3,
    iterations: Steps = 200,
    tolerance: Annotated[float, Bound(gt=0.0, le=0.1), Usual(1e-7, 1e-4)] = 1e-6,
    sigma: Annotated[float, Bound(ge=0.0, le=10.0), Unit("px"), Usual(0.0, 3.0)] = 1.0,
    start: Annotated[Array, Shape(2, (3, 3))] | None = None,
) -> Registration:
    """Lay a picture on a reference of like brightness, to a few hundredths of a pixel.

    Use it for frames of a video, exposures of one scene and scans, after a rough start. Brightness may differ by scale
    and offset, but not be inverted: there `register` works.

    Args:
        reference: what the picture is laid on; of any size.
        motion: what may happen to the picture: shift; and turn; and stretch and shear; and perspective.
        levels: steps of the pyramid; each is half as large as the one after it.
        iterations: at most so many steps a level.
        tolerance: ends a level when the correlation gains less than this.
        sigma: smoothing before comparing, in pixels.
        start: 3 x 3, from the picture to the reference in pixels, where to begin; None begins without movement.

    Returns:
        Registration: `.warp` and `.matrix` carry the picture onto the reference's canvas, `.metric` is the
        correlation, at most 1.

    Raises:
        ParamError: a picture without texture or below 16 pixels, and pictures that do not come to lie on each other.

    Source:
        Evangelidis and Psarakis, "Parametric image alignment using enhanced correlation coefficient maximization",
        2008; OpenCV's findTransformECC, in floats, on a pyramid.
    """
    where = "register_ecc"
    moving, fixed = _gray(where, "image", image, 16), _gray(where, "reference", reference, 16)
    found = ecc(
        where, moving, fixed, motion=motion, levels=levels, iterations=iterations, tolerance=tolerance, sigma=sigma,
        start=_start(where, start),
    )  # fmt: skip
    warp = Warp.of(found.matrix, Size(*moving.shape[::-1]), Size(*fixed.shape[::-1]))
    return Registration(warp, metric=found.value, transform=motion, method="ecc", iterations=found.iterations)


@op(extra="cv")
def align_face(
    image: Image | Sample,
    /,
    landmarks: Marks | None = None,
    *,
    width: Pixels = 256,
    height: Pixels = 256,
    eye_line: Fraction = 0.4,
    eye_distance: Annotated[float, Bound(gt=0.0, le=1.0), Usual(0.25, 0.5)] = 0.4,
    model: str | None = None,
) -> Image | Sample:
    """Turn, scale and shift a face so that its eyes come to stated places.

    Use it before comparing, morphing or classifying faces. Given a sample, its boxes, masks and points follow.

    Args:
        landmarks: 2 points (the middles of the left and right eye as seen), 5 (those, nose tip, left and right corner
            of the mouth; or dlib's order: two corners of each eye, base of the nose) or 68 (iBUG); None finds the
            largest face with dlib ([faces]).
        width: of the result in pixels.
        height: of the result in pixels.
        eye_line: where the eyes come to lie, a fraction of the height from the top.
        eye_distance: between the middles of the eyes, a fraction of the width.
        model: path of dlib's shape predictor, of 5 or of 68 points. None takes the 5-point model of the package
            face_recognition_models (CC0, by Davis King). The 68-point model was trained on iBUG 300-W, whose licence
            excludes commercial use; therefore it is used only when its path is given.

    Returns:
        height x width (C), same dtype; beyond the picture it is black, or transparent for RGBA.

    Raises:
        ParamError: landmarks of another number, eyes on one place, and a picture in which no face is found.
        MissingExtra: landmarks are to be found and dlib is not installed.

    Source:
        Closed form: the similarity that carries the middles of the eyes to ((1 -+ eye_distance) / 2 * width,
        eye_line * height). Kazemi and Sullivan, "One millisecond face alignment", 2014, by dlib.
    """
    where = "align_face"
    picture = image.image if isinstance(image, Sample) else image
    if landmarks is None:
        landmarks = landmarks_of(where, picture, model)
    points = np.asarray(landmarks, dtype=np.float64)
    left, right = eyes_and_mouth(where, points)
    if float(np.hypot(*(right - left))) < 1.0:
        raise ParamError(refusal(where, "landmarks", "eyes at least one pixel apart", points.tolist()))
    y, half = eye_line * height, eye_distance * width / 2.0
    goal = np.array([[width / 2.0 - half, y], [width / 2.0 + half, y]])
    matrix = similarity(np.stack([left, right]), goal)
    warp = Warp.of(matrix, Size(picture.shape[1], picture.shape[0]), Size(width, height))
    out = resample(picture, warp)
    return image.moved(warp, out) if isinstance(image, Sample) else out
