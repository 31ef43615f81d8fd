"""Which pictures are kept."""

import hashlib
from typing import Annotated

import numpy as np

from opsin.arrays import MAX_SIDE
from opsin.kernels.sharpness import brightness_of, laplacian_variance
from opsin.op import op
from opsin.sample import Sample
from opsin.types import Bound, Fraction, Unit, Usual

Least = Annotated[int, Bound(ge=1, le=MAX_SIDE), Unit("px"), Usual(32, 1024)]
Classes = Annotated[tuple[str | int, ...], Usual(0, 9)]
Level = Annotated[float, Bound(ge=0.0, le=1.0), Usual(0.0, 1.0)]


@op
def keep_if(
    sample: Sample,
    /,
    *,
    min_width: Least | None = None,
    min_height: Least | None = None,
    min_sharpness: Annotated[float, Bound(ge=0.0), Unit("8-bit levels squared"), Usual(10.0, 1000.0)] | None = None,
    max_dark: Fraction | None = None,
    max_bright: Fraction | None = None,
    classes: Classes | None = None,
    unique: bool = False,
    dark: Level = 0.05,
    bright: Level = 0.95,
) -> Sample:
    """Let a picture through if it qualifies, else mark it as filtered with the first reason why not.

    Use it early in a pipeline to leave out what would not help a model. A filtered input is counted and listed, with
    its reason, and gives no output.

    Args:
        min_width: least width in pixels.
        min_height: least height in pixels.
        min_sharpness: least variance of the Laplacian of the brightness in 8-bit levels; about 100 is usual.
        max_dark: greatest part of the pixels that may be darker than `dark`.
        max_bright: greatest part of the pixels that may be brighter than `bright`.
        classes: names or numbers; the picture's label, or one of its objects, must be among them.
        unique: whether a job keeps only the first, in the order of keys, of pictures with the same pixels. A single
            call cannot know the others: it puts the digest of the pixels into `results["digest"]`; the job compares.
        dark: brightness below which a pixel is dark, a fraction of full scale.
        bright: brightness above which a pixel is bright, a fraction of full scale.

    Returns:
        the sample, with `filtered` set to the reason where it does not qualify.

    Source:
        Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", 2000 (variance of the Laplacian).
    """
    reason = _size(sample, min_width, min_height) or _class(sample, classes)
    if reason is None and (min_sharpness, max_dark, max_bright) != (None, None, None):
        gray = brightness_of(sample.image)
        if min_sharpness is not None:
            sharpness = laplacian_variance(gray) * 255.0**2
            if sharpness < min_sharpness:
                reason = f"min_sharpness: {sharpness:.4g} is below {min_sharpness:g}"
        if reason is None and max_dark is not None:
            part = np.count_nonzero(gray < np.float32(dark)) / gray.size
            if part > max_dark:
                reason = f"max_dark: {part:.4g} of the pixels are darker than {dark:g}, above {max_dark:g}"
        if reason is None and max_bright is not None:
            part = np.count_nonzero(gray > np.float32(bright)) / gray.size
            if part > max_bright:
                reason = f"max_bright: {part:.4g} of the pixels are brighter than {bright:g}, above {max_bright:g}"
    if reason is not None:
        return sample.with_filtered(reason)
    return sample.with_result("digest", _digest(sample)) if unique else sample


def _size(sample: Sample, min_width: int | None, min_height: int | None) -> str | None:
    width, height = sample.size
    if min_width is not None and width < min_width:
        return f"min_width: {width} is below {min_width}"
    if min_height is not None and height < min_height:
        return f"min_height: {height} is below {min_height}"
    return None


def _class(sample: Sample, classes: tuple[str | int, ...] | None) -> str | None:
    if classes is None:
        return None
    own: list[str | int] = []
    if sample.label is not None:
        own.append(sample.label if isinstance(sample.label, str) else int(sample.label))
        if sample.class_names and isinstance(own[0], int) and 0 <= own[0] < len(sample.class_names):
            own.append(sample.class_names[own[0]])
    for instance in sample.instances:
        if instance.label is not None:
            own.append(str(instance.label) if isinstance(instance.label, str) else int(instance.label))
        if instance.class_name is not None:
            own.append(instance.class_name)
    if set(own) & set(classes):
        return None
    found = ", ".join(dict.fromkeys(str(o) for o in own)) or "no class"
    return f"classes: {found} is not among {', '.join(map(str, classes))}"


def _digest(sample: Sample) -> str:
    """Digest of the pixels: equal for the same picture whatever its file or name."""
    image = np.ascontiguousarray(sample.image)
    state = hashlib.blake2b(f"{image.dtype.str} {image.shape}".encode(), digest_size=16)
    state.update(image.tobytes())
    return state.hexdigest()
