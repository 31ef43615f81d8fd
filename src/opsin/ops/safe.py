"""Crops that know what must not be lost."""

from typing import Annotated

import numpy as np

from opsin.chance import Rng
from opsin.errors import ParamError, refusal, verbatim
from opsin.geometry import Size, Warp, shift, stretch
from opsin.kernels.resample import resample
from opsin.op import op
from opsin.sample import Sample
from opsin.types import SUPPLIED, Bound, Pixels, ResizeKernel, Usual


@op
def safe_crop(
    sample: Sample,
    /,
    *,
    width: Pixels,
    height: Pixels,
    classes: tuple[str, ...] | None = None,
    margin: Annotated[float, Bound(ge=0.0, le=1.0), Usual(0.0, 0.2)] = 0.0,
    kernel: ResizeKernel = "pillow-bilinear",
    rng: Rng = SUPPLIED,
) -> Sample:
    """Cut a drawn window that keeps chosen objects whole, and stretch it to a size.

    Use it in detection where a plain random crop would lose small or rare objects. Without objects the whole picture
    may be cut anywhere.

    Args:
        width: pixels across of the result.
        height: pixels down of the result.
        classes: the objects that must stay; all by default.
        margin: room around them, a fraction of the picture's sides.
        kernel: how the window is stretched.
        rng: where chance comes from.

    Returns:
        the sample, height x width; boxes, masks and key points follow.

    Raises:
        ParamError: classes that the sample does not know.

    Source:
        Closed form: each edge of the window is drawn evenly between the picture's edge and the objects' hull.
    """
    size = Size(*sample.size)
    hull = _hull(sample, classes)
    if hull is None:
        middle = np.array([rng.uniform("x", 0.0, size.width), rng.uniform("y", 0.0, size.height)])
        hull = np.concatenate([middle, middle])
    room = margin * np.array([size.width, size.height])
    low = np.maximum(hull[:2] - room, 0.0)
    high = np.minimum(hull[2:] + room, [size.width, size.height])
    left = int(np.floor(rng.uniform("left", 0.0, low[0])))
    top = int(np.floor(rng.uniform("top", 0.0, low[1])))
    right = int(np.ceil(rng.uniform("right", high[0], size.width)))
    bottom = int(np.ceil(rng.uniform("bottom", high[1], size.height)))
    window = Size(max(1, min(right, size.width) - left), max(1, min(bottom, size.height) - top))
    left, top = min(left, size.width - window.width), min(top, size.height - window.height)
    cut = Warp.of(shift(-left, -top), size, window)
    target = Size(width, height)
    matrix = stretch(width / window.width, height / window.height)
    warp = cut.then(Warp.of(matrix, window, target, kernel=kernel))
    return sample.moved(warp, resample(sample.image, warp))


def _hull(sample: Sample, classes: tuple[str, ...] | None) -> np.ndarray | None:
    """The box around what must stay, or None where there is nothing."""
    table = sample.instances
    names = [table.class_name(i) for i in range(len(table))]
    if classes is not None and table.labels is not None:
        known = {*names, *(table.class_names or ())}
        missing = [c for c in classes if c not in known]
        if missing and table.class_names is not None:
            listed = verbatim(", ".join(map(repr, missing)))
            raise ParamError(refusal("safe_crop", "classes", "classes of the sample", listed))
    points = []
    for i, row in enumerate(table):
        if classes is not None and names[i] not in classes:
            continue
        if row.box is not None:
            points.append(row.box.reshape(2, 2))
        elif row.rotated_box is not None and table.corners is not None:
            points.append(table.corners[i])
        elif row.polygons:
            points.extend(row.polygons)
        elif row.keypoints is not None:
            named = row.keypoints if row.keypoints.shape[1] == 2 else row.keypoints[row.keypoints[:, 2] > 0]
            points.append(named[:, :2])
    found = np.concatenate(points) if points else np.zeros((0, 2))
    if not len(found):
        return None
    limits = [sample.size.width, sample.size.height]
    return np.concatenate([np.clip(found.min(axis=0), 0, limits), np.clip(found.max(axis=0), 0, limits)])
