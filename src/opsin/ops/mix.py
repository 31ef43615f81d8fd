"""Several samples made into one: blended, cut together, laid out side by side, objects pasted over."""

import math
from typing import Annotated

import numpy as np

from opsin.arrays import from_unit, to_unit
from opsin.carry import carry
from opsin.chance import Rng
from opsin.errors import ParamError, refusal, verbatim
from opsin.geometry import Size, Warp, shift, stretch
from opsin.instances import Dropped, Instances
from opsin.kernels.gamma import beta_draw
from opsin.kernels.resample import gather_nearest, resample
from opsin.merge import fitted, hide, like, merged, mixed_label, shape_of
from opsin.op import op
from opsin.polygons import hull_box
from opsin.sample import Sample
from opsin.types import SUPPLIED, Array, Bound, Fraction, Pixels, Usual

Alpha = Annotated[float, Bound(ge=0.05, le=100.0), Usual(0.1, 1.0)]
Zoom = Annotated[float, Bound(gt=0.0, le=100.0)]


def _annotated(*samples: Sample) -> bool:
    return any(s.instances.count or s.original_instances.count for s in samples)


def _segmentations(where: str, samples: tuple[Sample, ...]) -> list[Array]:
    """The segmentations of all samples, or none where none has one."""
    known = [s.segmentation for s in samples]
    out = [k for k in known if k is not None]
    if out and len(out) < len(samples):
        got = verbatim("one sample with and one without")
        raise ParamError(refusal(where, "segmentation", "known for every sample, or for none", got))
    return out


def _weight(where: str, weight: float | None, alpha: float | None, rng: Rng | None) -> float:
    """The stated weight, or one drawn from the beta distribution."""
    if (weight is None) == (alpha is None):
        got = verbatim("neither" if weight is None else "both")
        raise ParamError(refusal(where, "weight or alpha", "given", got, "Use weight=0.5, or alpha=0.2 in training."))
    if weight is not None:
        return weight
    if rng is None or alpha is None:
        raise ParamError(refusal(where, "rng", "given with alpha", rng, "Use rng=opsin.Rng(7)."))
    return beta_draw(rng, "weight", alpha, alpha)


@op
def mixup(
    sample: Sample,
    /,
    other: Sample = SUPPLIED,
    *,
    weight: Fraction | None = None,
    alpha: Alpha | None = None,
    rng: Rng | None = None,
) -> Sample:
    """Blend two pictures like two photographs on one film, and their labels with them.

    Use it in training classifiers, with alpha 0.1 to 0.4, and in detection with weights around 1/2.

    Args:
        other: the second sample; pipelines supply it. It is stretched to the first one's canvas.
        weight: share of the first sample, 0..1.
        alpha: instead of a weight: it is drawn from the beta distribution with both parameters alpha.
        rng: where chance comes from; needed for alpha only.

    Returns:
        a sample with the blended picture. Its label is a mapping {class: weight} whose weights sum to 1 (vectors of
        weights stay vectors); it holds the objects of both, and the segmentation of the heavier one.

    Raises:
        ParamError: one sample has a label and the other none; channels or class columns that do not fit; neither
            weight nor alpha, or both.

    Source:
        Zhang, Cisse, Dauphin and Lopez-Paz, "mixup: beyond empirical risk minimization", ICLR 2018.
    """
    weight = _weight("mixup", weight, alpha, rng)
    second = fitted("mixup", other, sample)
    a, b = to_unit(sample.image), to_unit(second.image)
    image = from_unit(a * np.float32(weight) + b * np.float32(1.0 - weight), sample.image.dtype)
    table = None
    if _annotated(sample, second):
        table = merged("mixup", sample.size, [sample.instances, second.instances])
    return sample.remade(
        image,
        table,
        label=mixed_label("mixup", [(sample, weight), (other, 1.0 - weight)]),
        segmentation=(sample if weight >= 0.5 else second).segmentation,
        dropped=sample.dropped + second.dropped,
    )


@op
def cutmix(
    sample: Sample,
    /,
    other: Sample = SUPPLIED,
    *,
    weight: Fraction | None = None,
    alpha: Alpha | None = None,
    rng: Rng = SUPPLIED,
) -> Sample:
    """Replace a rectangle by the same place of another picture, and mix the labels by area.

    Use it in training classifiers; it keeps local detail that mixup blurs.

    Args:
        other: the second sample; pipelines supply it. It is stretched to the first one's canvas.
        weight: share of the first sample; the rectangle has the picture's proportions and 1 - weight of its area before
            it is cut at the edge.
        alpha: instead of a weight: it is drawn from the beta distribution with both parameters alpha; 1 is even.
        rng: where chance comes from: the middle of the rectangle, anywhere on the picture.

    Returns:
        a sample with the mixed picture. Its label is a mapping {class: share of the area} (vectors of weights stay
        vectors). Objects of the first behind the rectangle are cut or dropped as occluded, those of the second are cut
        to the rectangle; a segmentation is cut together likewise.

    Raises:
        ParamError: one sample has a label or segmentation and the other none; columns that do not fit; neither weight
            nor alpha, or both.

    Source:
        Yun et al., "CutMix: regularization strategy to train strong classifiers with localizable features", ICCV 2019.
    """
    weight = _weight("cutmix", weight, alpha, rng)
    second = fitted("cutmix", other, sample)
    width, height = sample.size
    part = math.sqrt(1.0 - weight)
    x, y = rng.uniform("x", 0.0, width), rng.uniform("y", 0.0, height)
    left, right = (min(max(round(x + s * width * part / 2), 0), width) for s in (-1, 1))
    top, bottom = (min(max(round(y + s * height * part / 2), 0), height) for s in (-1, 1))
    if left >= right or top >= bottom:
        left = right = top = bottom = 0
    cover = np.zeros((height, width), np.bool_)
    cover[top:bottom, left:right] = True
    image = sample.image.copy(order="C")
    image[top:bottom, left:right] = second.image[top:bottom, left:right]
    share = 1.0 - (right - left) * (bottom - top) / (width * height)
    both = _segmentations("cutmix", (sample, second))
    segmentation = np.where(cover, both[1], both[0]) if both else None
    table, gone = None, sample.dropped
    if _annotated(sample, second):
        kept, hidden = hide(sample.instances, cover, sample.rules)
        tables, gone = [kept], gone + hidden
        if cover.any():
            window = Size(right - left, bottom - top)
            warp = Warp.of(shift(-left, -top), second.size, window).then(Warp.of(shift(left, top), window, sample.size))
            pasted = second.with_rules(sample.rules).moved(warp, image)
            tables, gone = [*tables, pasted.instances], gone + pasted.dropped
        table = merged("cutmix", sample.size, tables)
    parts = [(sample, share), (other, 1.0 - share)]
    return sample.remade(image, table, label=mixed_label("cutmix", parts), segmentation=segmentation, dropped=gone)


@op
def mosaic(
    sample: Sample,
    /,
    others: tuple[Sample, ...] = SUPPLIED,
    *,
    width: Pixels,
    height: Pixels,
    middle: tuple[Fraction, Fraction] = (0.3, 0.7),
    rng: Rng = SUPPLIED,
) -> Sample:
    """Lay out several pictures in a grid whose lines are drawn, so that objects are seen smaller and in new company.

    Use it in training detectors. Four pictures make two rows of two; any other number is spread over rows as evenly as
    can be. Every picture fills its cell: it is scaled without changing its proportions and cut at a drawn place.

    Args:
        others: the other samples (three make a mosaic of four); pipelines supply them.
        width: of the result in pixels.
        height: of the result in pixels.
        middle: least and greatest place of a dividing line between two equal cells, a fraction of both.
        rng: where chance comes from: the order, the lines and the cuts.

    Returns:
        a sample of the stated size with the objects of all pictures, cut at their cells, and the segmentations laid out
        likewise. Its label is a mapping {class: share of the area}, or None where no sample has one.

    Raises:
        ParamError: some samples have a label or segmentation and some none; columns that do not fit.

    Source:
        Bochkovskiy, Wang and Liao, "YOLOv4: optimal speed and accuracy of object detection", 2020.
    """
    if middle[0] > middle[1]:
        raise ParamError(refusal("mosaic", "middle", "(least, greatest)", middle))
    parts = (sample, *others)
    parts = tuple(parts[k] for k in rng.permutation("order", len(parts)))
    canvas = Size(width, height)
    model = sample.image
    image = np.empty((height, width, *model.shape[2:]), model.dtype)
    all_segmentations = _segmentations("mosaic", parts)
    dtype = np.result_type(*(s.dtype for s in all_segmentations)) if all_segmentations else None
    void = sample.rules.void
    segmentation = None
    if dtype is not None:
        segmentation = np.full((height, width), void, np.promote_types(dtype, np.min_scalar_type(void)))
    annotated = _annotated(*parts)
    tables: list[Instances] = []
    gone: tuple[Dropped, ...] = ()
    shares: list[tuple[Sample, float]] = []
    for k, (part, (left, top, right, bottom)) in enumerate(
        zip(parts, _cells(len(parts), canvas, middle, rng), strict=True)
    ):
        picture = like("mosaic", part.image, model)
        source, cell = Size(picture.shape[1], picture.shape[0]), Size(right - left, bottom - top)
        factor = max(cell.width / source.width, cell.height / source.height)
        large = Size(max(cell.width, round(source.width * factor)), max(cell.height, round(source.height * factor)))
        x = rng.integers(f"left{k}", 0, large.width - cell.width + 1)
        y = rng.integers(f"top{k}", 0, large.height - cell.height + 1)
        scale = stretch(large.width / source.width, large.height / source.height)
        warp = Warp.of(scale, source, large, kernel="pillow-bilinear").then(Warp.of(shift(-x, -y), large, cell))
        image[top:bottom, left:right] = resample(picture, warp)
        moved = part.with_rules(sample.rules).moved(warp.then(Warp.of(shift(left, top), cell, canvas)), image)
        if segmentation is not None and moved.segmentation is not None:
            segmentation[top:bottom, left:right] = moved.segmentation[top:bottom, left:right]
        if annotated:
            tables.append(moved.instances)
            gone = gone + moved.dropped
        shares.append((part, cell.width * cell.height / (width * height)))
    table = merged("mosaic", canvas, tables) if annotated else None
    return sample.remade(image, table, label=mixed_label("mosaic", shares), segmentation=segmentation, dropped=gone)


def _cells(count: int, canvas: Size, middle: tuple[float, float], rng: Rng) -> list[tuple[int, int, int, int]]:
    """Cut a canvas into rows and the rows into cells; a line between equal cells moves as `middle` says."""
    rows = max(1, math.isqrt(count))
    wide, more = divmod(count, rows)
    out = []
    ys = _lines(rows, canvas.height, middle, rng, "y")
    for r in range(rows):
        columns = wide + (1 if r < more else 0)
        # a grid of equal rows keeps its lines straight from top to bottom
        xs = _lines(columns, canvas.width, middle, rng, "x" if more == 0 else f"x{r}")
        out += [(xs[c], ys[r], xs[c + 1], ys[r + 1]) for c in range(columns)]
    return out


def _lines(count: int, length: int, middle: tuple[float, float], rng: Rng, name: str) -> list[int]:
    out = [0]
    for k in range(1, count):
        at = (k - 1 + 2.0 * rng.uniform(f"{name}{k}", *middle)) * length / count
        out.append(min(max(round(at), out[-1] + 1), max(out[-1] + 1, length - (count - k))))
    return [*out, max(length, out[-1] + 1)]


@op
def copy_paste(
    sample: Sample,
    /,
    other: Sample = SUPPLIED,
    *,
    share: Fraction = 0.5,
    scale: tuple[Zoom, Zoom] = (0.7, 1.4),
    rng: Rng = SUPPLIED,
) -> Sample:
    """Cut objects out of another picture by their masks and paste them here, at drawn places and sizes.

    Use it in training instance segmentation and detection, for rare classes above all. What lies behind a pasted
    object is hidden: masks lose it, outlines and boxes shrink, and objects that vanish are dropped as occluded.

    Args:
        other: the sample whose objects are pasted; pipelines supply it. Objects without a mask are cut out by their
            polygon, rotated box or box.
        share: probability that an object is pasted; one at least always is.
        scale: least and greatest change of size, drawn evenly on a logarithmic scale; an object that would not fit on
            the canvas is made smaller.
        rng: where chance comes from: which objects, how large, where.

    Returns:
        a sample with the objects of both; label and everything else stay the first one's. Without objects in the other
        sample it comes back unchanged.

    Raises:
        ParamError: the first sample has a segmentation and the other none; columns that do not fit.

    Source:
        Ghiasi et al., "Simple copy-paste is a strong data augmentation method for instance segmentation", CVPR 2021.
    """
    if scale[0] > scale[1]:
        raise ParamError(refusal("copy_paste", "scale", "(least, greatest)", scale))
    table = other.instances
    drawn = rng.unit("chosen", max(1, table.count))
    chosen = [i for i in range(table.count) if drawn[i] < share] or ([int(np.argmin(drawn))] if table.count else [])
    picture = like("copy_paste", other.image, sample.image)
    image, mine, gone = sample.image, sample.instances, sample.dropped
    segmentation = sample.segmentation
    if segmentation is not None:
        segmentation = _segmentations("copy_paste", (sample, other))[0].copy()
    for i in chosen:
        shape = shape_of(table, i)
        if not shape.any():
            continue
        ys, xs = np.nonzero(shape)
        box = (int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1)
        matrix = _placing(box, sample.size, scale, rng, str(i))
        warp = Warp.of(matrix, Size(*table.size), sample.size)
        one, lost = carry(table[[i]], warp, sample.rules)
        gone = gone + lost
        if not one.count:
            continue  # too small to be annotated: an object without its row would only confuse
        image, cover = _pasted(image, picture, shape, box, matrix)
        if one.masks is not None:
            cover = one.masks[0]
        mine, hidden = hide(mine, cover, sample.rules)
        mine, gone = merged("copy_paste", sample.size, [mine, one]), gone + hidden
        if segmentation is not None and other.segmentation is not None:
            segmentation[cover] = gather_nearest(other.segmentation, warp)[cover]
    if image is sample.image:
        return sample
    return sample.remade(image, mine, label=sample.label, segmentation=segmentation, dropped=gone)


def _placing(box: tuple[int, int, int, int], canvas: Size, scale: tuple[float, float], rng: Rng, name: str) -> Array:
    """Draw size and place of an object; it lies wholly on the canvas."""
    x1, y1, x2, y2 = box
    factor = rng.log_uniform(f"scale{name}", *scale) if scale[0] < scale[1] else scale[0]
    factor = min(factor, canvas.width / (x2 - x1), canvas.height / (y2 - y1))
    x = rng.uniform(f"x{name}", 0.0, 1.0) * (canvas.width - (x2 - x1) * factor)
    y = rng.uniform(f"y{name}", 0.0, 1.0) * (canvas.height - (y2 - y1) * factor)
    return shift(x, y) @ stretch(factor, factor) @ shift(-x1, -y1)


def _pasted(
    image: Array, picture: Array, shape: Array, box: tuple[int, int, int, int], matrix: Array
) -> tuple[Array, Array]:
    """Paste what a mask shows through a matrix; its rim is blended by the share that it covers."""
    height, width = image.shape[:2]
    x1, y1, x2, y2 = box
    left, top, right, bottom = (max(0, x1 - 2), max(0, y1 - 2), x2 + 2, y2 + 2)
    cut, soft = picture[top:bottom, left:right], shape[top:bottom, left:right].astype(np.float32)
    hull = hull_box(np.array([[x1, y1], [x2, y2]]) * np.diag(matrix)[:2] + matrix[:2, 2])
    u1, v1 = max(0, int(hull[0]) - 1), max(0, int(hull[1]) - 1)
    u2, v2 = min(width, math.ceil(hull[2]) + 1), min(height, math.ceil(hull[3]) + 1)
    local = shift(-u1, -v1) @ matrix @ shift(left, top)
    warp = Warp.of(local, Size(cut.shape[1], cut.shape[0]), Size(u2 - u1, v2 - v1))
    alpha = resample(soft, warp)
    front = to_unit(resample(cut, warp.with_edge("replicate", 0.0), channels="bands"))
    out = image.copy(order="C")
    back = to_unit(out[v1:v2, u1:u2])
    fade = alpha if image.ndim == 2 else alpha[..., None]
    out[v1:v2, u1:u2] = from_unit(back + (front - back) * fade, image.dtype)
    cover = np.zeros((height, width), np.bool_)
    cover[v1:v2, u1:u2] = alpha >= 0.5
    return out, cover
