"""Whole regions from a few pixels: watershed and random walker."""

import warnings
from typing import Annotated, Any, Literal

import numpy as np

from opsin import values
from opsin.arrays import as_mask, to_unit
from opsin.errors import ParamError, refusal, verbatim
from opsin.kernels.brightness import brightness
from opsin.kernels.distance import distances
from opsin.kernels.extras import need
from opsin.kernels.markers import join_basins
from opsin.op import op
from opsin.ops._planes import color_of
from opsin.types import Array, Bound, Image, Labels, Mask, Usual

_MOST = 2**31 - 1
_PART = 0.12  # a bump this narrow beside the thing it sits on belongs to it
_SPECK = 0.06  # smaller than this beside the usual thing is none


def _numbers(where: str, name: str, labels: Array, shape: tuple[int, ...], least: int) -> Array:
    """Check labels that go with a picture and bring them to int32, in memory of their own."""
    if labels.shape != shape:
        raise ParamError(refusal(where, name, f"{shape[0]} x {shape[1]}, as the picture", labels))
    if labels.dtype.kind not in "iu":
        hint = "Use ops.label_regions first." if labels.dtype.kind == "b" else "Use .astype('int32')."
        raise ParamError(refusal(where, name, "whole numbers", labels, hint))
    low, high = int(labels.min()), int(labels.max())
    if low < least or high > _MOST:
        got = verbatim(f"values from {low} to {high}")
        raise ParamError(refusal(where, name, f"from {least} to {_MOST}", got))
    if high < 1:
        raise ParamError(refusal(where, name, "above 0 somewhere", verbatim("no pixel that is marked")))
    return labels.astype(np.int32)


@op(extra="cv", masks=True, quantizes=True)
def watershed(
    image: Image,
    /,
    markers: Labels | None = None,
    *,
    mask: Mask | None = None,
    source: Literal["distance", "gradient", "image"] = "distance",
    neck: Annotated[float, Bound(ge=0.0, le=1.0), Usual(0.02, 0.4)] = 0.1,
    contrast: Annotated[float, Bound(ge=0.0, le=1.0), Usual(0.01, 0.2)] = 0.05,
    lines: bool = False,
    method: Literal["scikit-image", "simpleitk"] = "scikit-image",
) -> values.Labels:
    """Separate things that touch, as water that rises from markers meets at the ridges between them.

    Use source "distance" for round things that touch each other (coins, cells, grains): their middles are far from
    the background. Use "gradient" where regions are told apart by their edges, "image" to flood a landscape of your
    own. Without markers they are found: the distance's peaks, or the places of low gradient.

    Args:
        markers: H W whole numbers, one number per region to grow and 0 elsewhere; None finds them.
        mask: H W bool, where to flood; the rest becomes 0. None for source "distance" takes what is brighter than its
            surroundings (Otsu's threshold after slow changes of light were taken out, holes filled, specks
            dropped); a mask given as the image is its own mask.
        source: what is flooded: the distance to the background, the gradient of the brightness, or the picture.
        neck: two peaks count as two things when the neck between them is narrower than the smaller one by this
            fraction; for markers from the distance.
        contrast: two basins count as two when the ridge between them is at least this high, a fraction of full scale;
            for markers from the gradient or the picture.
        lines: leave a line of 0 between regions.
        method: "simpleitk" floods with SimpleITK ([medical]); the regions are the same up to ties.

    Returns:
        H W int32: 0 is background, found markers are numbered 1, 2, ... in the order in which rows meet them.

    Raises:
        ParamError: markers or a mask of another size, markers that are no whole numbers or mark nothing, and a
            mask that is True everywhere where its distances are wanted.

    Source:
        Beucher and Meyer, "The morphological approach to segmentation: the watershed transformation", 1993; markers by
        the dynamics of Grimaud, "A new measure of contrast: dynamics", 1992; flooding as scikit-image.
    """
    where = "watershed"
    shape = image.shape[:2]
    if mask is not None and mask.shape != shape:
        raise ParamError(refusal(where, "mask", f"{shape[0]} x {shape[1]}, as the picture", mask))
    given = None if markers is None else _numbers(where, "markers", np.asarray(markers), shape, 0)
    if source == "distance":
        inside = _things(image) if mask is None else np.asarray(mask)
        if inside.all():
            hint = "Pad it with False, or give markers and another source."
            raise ParamError(refusal(where, "mask", "False somewhere", verbatim("True everywhere"), hint))
        height = distances(where, inside)
    else:
        inside = np.ones(shape, dtype=np.bool_) if mask is None else np.asarray(mask)
        height = -_landscape(image, source)
    if given is None:
        given = _markers(where, image, height, inside, source, neck, contrast)
    flood = _simpleitk if method == "simpleitk" else _scikit_image
    return values.Labels.of(flood(-height, given, inside, lines), background=0, method=f"watershed {source}")


def _things(image: Array) -> Array:
    """Where a picture is brighter than its surroundings, without holes and specks."""
    if image.dtype == np.bool_:
        return image
    gray = brightness("watershed", image)
    try:
        return as_mask("watershed", gray)
    except ParamError:
        pass
    filters, ndimage = need("skimage.filters", "watershed"), need("scipy.ndimage", "watershed")
    cv2 = need("cv2", "watershed")
    level = to_unit(gray, np.float32)
    # the light is what the background shows, and what is background is known better the second and third time;
    # a small copy shows both
    h, w = level.shape
    shrink = max(1, min(h, w) // 256)
    small = level
    if shrink > 1:
        small = cv2.resize(level, (w // shrink, h // shrink), interpolation=cv2.INTER_AREA)
    ground = np.ones_like(small)
    for turn in range(3):
        light = _light(cv2, small, ground)
        flat = small - light
        if turn < 2:
            ground = 1.0 - ndimage.binary_fill_holes(flat > filters.threshold_otsu(flat)).astype(np.float32)
    if shrink > 1:
        flat = level - cv2.resize(light, (w, h), interpolation=cv2.INTER_LINEAR)
    mask = ndimage.binary_fill_holes(flat > filters.threshold_otsu(flat))
    disk = np.array([[0, 1, 1, 1, 0], [1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [0, 1, 1, 1, 0]], np.uint8)
    mask = np.asarray(cv2.morphologyEx(mask.view(np.uint8), cv2.MORPH_OPEN, disk)).view(np.bool_)
    # and a speck is what is tiny beside the things that most of the mask belongs to
    pieces, _ = ndimage.label(mask, np.ones((3, 3)))
    areas = np.bincount(pieces.ravel())
    areas[0] = 0
    ordered = np.sort(areas)
    usual = ordered[np.searchsorted(np.cumsum(ordered), ordered.sum() / 2.0)]
    return np.asarray((areas >= _SPECK * usual)[pieces] & mask)


def _light(cv2: Any, level: Array, ground: Array) -> Array:
    """The slow changes of the background: a plane around every pixel, fitted to the ground nearby.

    A plane, not a mean, so that light that rises to the picture's edge is followed to the edge. Fitting so widely
    makes no difference on a small copy, and is quick there.
    """
    h, w = level.shape
    sigma = max(min(h, w) / 3.0, 1.0)
    shrink = max(1, int(sigma / 8.0))
    size = (-(-w // shrink), -(-h // shrink))

    def small(plane: Array) -> Array:
        out = cv2.resize(plane, size, interpolation=cv2.INTER_AREA) if shrink > 1 else plane
        return np.asarray(out, dtype=np.float64).reshape(size[1], size[0])

    weight, value = small(ground), small(level * ground)
    y, x = np.mgrid[: size[1], : size[0]] * (shrink / sigma)
    basis = (np.ones_like(x), x, y)

    def wide(plane: Array) -> Array:
        # nothing lies beyond the edge: what would be mirrored there is not evidence
        out = cv2.GaussianBlur(plane, (0, 0), sigma / shrink, borderType=cv2.BORDER_CONSTANT)
        return np.asarray(out).reshape(plane.shape)

    matrix = np.empty((*x.shape, 3, 3))
    for a in range(3):
        for b in range(a, 3):
            matrix[..., a, b] = matrix[..., b, a] = wide(weight * basis[a] * basis[b])
    right = np.stack([wide(value * part) for part in basis], axis=-1)
    # a plane leans only as far as the ground makes it, and where hardly any is near it lies at the mean of all
    mean = float(value.sum() / max(float(weight.sum()), 1e-9))
    matrix += np.diag([1e-4, 0.2, 0.2])
    right[..., 0] += 1e-4 * mean
    plane = np.linalg.solve(matrix, right[..., None])[..., 0]
    light = (plane[..., 0] + plane[..., 1] * x + plane[..., 2] * y).astype(np.float32)
    return np.asarray(cv2.resize(light, (w, h), interpolation=cv2.INTER_LINEAR)).reshape(h, w)


def _landscape(image: Array, source: str, sigma: float = 0.0) -> Array:
    """What is flooded, with full scale as 1."""
    gray = image.astype(np.float64) if image.dtype == np.bool_ else brightness("watershed", image)
    if sigma:
        gray = need("scipy.ndimage", "watershed").gaussian_filter(to_unit(gray, np.float64), sigma)
    if source == "image":
        return to_unit(gray, np.float64)
    return np.asarray(need("skimage.filters", "watershed").sobel(gray))


def _markers(
    where: str, image: Array, height: Array, inside: Array, source: str, neck: float, contrast: float
) -> Array:
    morphology, ndimage = need("skimage.morphology", where), need("scipy.ndimage", where)
    if not inside.any():
        return np.zeros(inside.shape, dtype=np.int32)
    if source == "distance":
        words = {"relative": neck, "absolute": 0.5, "least": _PART}
    else:
        # rounding and grain make a basin of every pixel: what is smaller than they are is smoothed away first
        height = -_landscape(image, source, 1.5)
        words = {"absolute": contrast}
    seen = np.where(inside, height, height.min() - 1.0)
    # sides only, as the flood goes: otherwise a piece that hangs on by a corner would have no peak and stay dry
    peaks = morphology.local_maxima(seen, connectivity=1) & inside
    if not peaks.any():
        peaks = inside  # one flat top
    numbered, _ = ndimage.label(peaks)
    joined = join_basins(_scikit_image(-height, numbered, inside, False), height, **words)
    return np.where(peaks, joined, 0)


def _scikit_image(landscape: Array, markers: Array, inside: Array, lines: bool) -> Array:
    segmentation = need("skimage.segmentation", "watershed")
    out = segmentation.watershed(landscape, np.array(markers), mask=np.array(inside), watershed_line=lines)
    return np.asarray(out, dtype=np.int32)


def _simpleitk(landscape: Array, markers: Array, inside: Array, lines: bool) -> Array:
    itk = need("SimpleITK", "watershed", extra="medical")
    # SimpleITK knows no mask: outside is higher than everything inside, and so is flooded last
    walled = np.where(inside, landscape, landscape.max() + 1.0).astype(np.float64)
    seeds = np.where(inside, markers, 0).astype(np.uint32)
    flooded = itk.MorphologicalWatershedFromMarkers(
        itk.GetImageFromArray(walled), itk.GetImageFromArray(seeds), markWatershedLine=lines, fullyConnected=False
    )
    out = itk.GetArrayFromImage(flooded).astype(np.int32)
    out[~inside] = 0
    # a piece of the mask without a marker stays empty, although water came to it from outside
    pieces, count = need("scipy.ndimage", "watershed").label(inside)
    met = np.zeros(count + 1, dtype=np.bool_)
    met[pieces[seeds > 0]] = True
    out[~met[pieces]] = 0
    return out


@op(extra="cv", quantizes=True)
def random_walker(
    image: Image,
    /,
    seeds: Labels,
    *,
    beta: Annotated[float, Bound(ge=0.0, le=1e9), Usual(10.0, 1000.0)] = 130.0,
    tolerance: Annotated[float, Bound(gt=0.0, le=0.1), Usual(1e-5, 1e-2)] = 1e-3,
) -> values.Labels:
    """Grow regions from a few marked pixels: each pixel goes to the seed a random walker most likely meets first.

    Use it where edges are weak or broken by noise, and a user (or a rule) can mark some pixels of every region.

    Args:
        seeds: H W whole numbers: a number of its own for each region, 0 where it is to be found, -1 for pixels that
            take no part.
        beta: how strongly a difference of brightness or color stops the walker.
        tolerance: of the solver; smaller is slower and more exact.

    Returns:
        H W int32 with the seeds' numbers; 0 where no seed can be reached.

    Raises:
        ParamError: seeds of another size, that are no whole numbers, or that mark nothing.

    Source:
        Grady, "Random walks for image segmentation", IEEE PAMI 2006; as scikit-image, solved by conjugate gradients.
    """
    where = "random_walker"
    marked = _numbers(where, "seeds", np.asarray(seeds), image.shape[:2], -1)
    data = to_unit(color_of(image), np.float64)
    data = data[..., None] if data.ndim == 2 else data
    if float(data.std()) == 0.0:
        # a flat picture has no scale; a second flat channel gives it one and no edges
        data = np.concatenate([np.zeros_like(data[..., :1]), np.ones_like(data[..., :1])], axis=2)
    ids = np.unique(marked[marked > 0])
    # the solver numbers regions 1, 2, ...: whatever numbers the seeds have are put back
    dense = np.where(marked > 0, np.searchsorted(ids, marked) + 1, marked).astype(np.int32)
    out: Any = dense
    if (dense == 0).any():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pixels no seed reaches, and of probabilities a hair beyond 0..1
            segmentation = need("skimage.segmentation", where)
            single = data.shape[2] == 1
            out = segmentation.random_walker(
                data[..., 0] if single else data,
                dense,
                beta=beta,
                mode="cg_j",
                tol=tolerance,
                channel_axis=None if single else -1,
            )
    found = np.where(np.asarray(out) > 0, ids[np.clip(np.asarray(out) - 1, 0, len(ids) - 1)], 0)
    return values.Labels.of(found.astype(np.int32), background=0, method=where)
