"""Published augmentation policies, made of the other techniques: annotations follow every step."""

from typing import Annotated, Any, Literal

import numpy as np

from opsin.arrays import check_image, from_unit, to_unit
from opsin.chance import Rng
from opsin.errors import ParamError, refusal
from opsin.kernels.gamma import beta_draw, dirichlet_draw
from opsin.op import op, op_of
from opsin.ops._policies import AUTO_AUGMENT
from opsin.sample import Sample
from opsin.types import SUPPLIED, Bound, Fill, Image, Usual

_GEOMETRY = ("shear_x", "shear_y", "translate_x", "translate_y", "rotate")
_SIGNED = (*_GEOMETRY, "brightness", "color", "contrast", "sharpness")
_TONE = ("brightness", "color", "contrast", "sharpness", "posterize", "solarize", "autocontrast", "equalize")
_SPACE = ("identity", *_GEOMETRY, *_TONE)


def _picture(target: Any) -> Any:
    return target.image if isinstance(target, Sample) else target


def _apply(target: Any, name: str, amount: float, fill: Fill) -> Any:
    """Apply one technique of a policy; amount is what the papers call magnitude, with its sign."""
    shape = _picture(target).shape
    if name == "identity" or (name == "color" and len(shape) == 3 and shape[2] not in (1, 3, 4)):
        return target
    words: dict[str, Any]
    if name in ("shear_x", "shear_y"):
        # the papers state the shift per pixel, techniques take degrees
        words = {name[-1]: float(np.degrees(np.arctan(amount))), "fill": fill}
    elif name in ("translate_x", "translate_y"):
        side = shape[1] if name[-1] == "x" else shape[0]
        words = {"x": 0.0, "y": 0.0, name[-1]: min(max(int(amount) / side, -1.0), 1.0), "fill": fill}
    elif name == "rotate":
        words = {"angle": amount, "fill": fill}
    elif name in ("brightness", "color", "contrast", "sharpness"):
        words = {"factor": 1.0 + amount}
    elif name == "posterize":
        words = {"bits": max(1, int(amount))}
    elif name == "solarize":
        words = {"threshold": amount}
    else:
        words = {}
    technique = {"color": "saturation"}.get(name, name.partition("_")[0])
    return op_of(technique).call(target, words)


def _amount(name: str, part: float, shape: tuple[int, ...], table: str) -> float:
    """The magnitude of a technique at a part 0..1 of the range that a policy gives it."""
    wide = table == "trivial"
    if name in ("shear_x", "shear_y"):
        return part * (0.99 if wide else 0.3)
    if name in ("translate_x", "translate_y"):
        side = shape[1] if name[-1] == "x" else shape[0]
        return part * (32.0 if wide else side / 3.0 if table == "augmix" else side * 150.0 / 331.0)
    if name == "rotate":
        return part * (135.0 if wide else 30.0)
    if name == "posterize":
        return (4 if table == "augmix" else 8) - round(part * (6 if wide else 4))
    if name == "solarize":
        return 1.0 - part
    return part * (0.99 if wide else 0.9)


def _checked(where: str, target: Any) -> None:
    check_image(where, _picture(target), unit=True)


@op(quantizes=True)
def rand_augment(
    image: Image | Sample,
    /,
    *,
    count: Annotated[int, Bound(ge=0, le=32), Usual(1, 4)] = 2,
    magnitude: Annotated[int, Bound(ge=0, le=30), Usual(3, 15)] = 9,
    fill: Fill = 0.0,
    rng: Rng = SUPPLIED,
) -> Image | Sample:
    """Apply a few drawn techniques, one after the other, all with the same magnitude.

    Use it as the first policy to try in training classifiers: two numbers to tune. Objects follow, so detection works
    too.

    Args:
        count: how many techniques are drawn, out of fourteen.
        magnitude: their strength, 0..30.
        fill: value beyond the edge where a technique moves the picture, a fraction of full scale.
        rng: where chance comes from.

    Returns:
        same shape and dtype; every step rounds as a direct call does.

    Source:
        Cubuk, Zoph, Shlens and Le, "RandAugment: practical automated data augmentation with a reduced search space",
        2019, with torchvision's ranges; shears are about the middle, moves are bilinear.
    """
    _checked("rand_augment", image)
    for k in range(count):
        name = _SPACE[rng.integers(f"technique{k}", 0, len(_SPACE))]
        amount = _amount(name, magnitude / 30.0, _picture(image).shape, "rand")
        image = _apply(image, name, _signed(name, amount, rng, f"sign{k}"), fill)
    return image


def _signed(name: str, amount: float, rng: Rng, draw: str) -> float:
    return -amount if name in _SIGNED and rng.integers(draw, 0, 2) else amount


@op(quantizes=True)
def trivial_augment(image: Image | Sample, /, *, fill: Fill = 0.0, rng: Rng = SUPPLIED) -> Image | Sample:
    """Apply one drawn technique with a drawn strength.

    Use it where nothing shall be tuned; it does as well as tuned policies on most data sets.

    Args:
        fill: value beyond the edge where a technique moves the picture, a fraction of full scale.
        rng: where chance comes from.

    Returns:
        same shape and dtype.

    Source:
        Müller and Hutter, "TrivialAugment: tuning-free yet state-of-the-art data augmentation", ICCV 2021 (wide ranges,
        31 strengths), with torchvision's ranges; shears are about the middle, moves are bilinear.
    """
    _checked("trivial_augment", image)
    name = _SPACE[rng.integers("technique", 0, len(_SPACE))]
    amount = _amount(name, rng.integers("strength", 0, 31) / 30.0, _picture(image).shape, "trivial")
    return _apply(image, name, _signed(name, amount, rng, "sign"), fill)


@op(quantizes=True)
def auto_augment(
    image: Image | Sample,
    /,
    *,
    policy: Literal["imagenet", "cifar10", "svhn"] = "imagenet",
    fill: Fill = 0.0,
    rng: Rng = SUPPLIED,
) -> Image | Sample:
    """Apply one of 25 pairs of techniques that a search found best on a data set.

    Use it to repeat published training recipes.

    Args:
        policy: the data set on which the pairs were found.
        fill: value beyond the edge where a technique moves the picture, a fraction of full scale.
        rng: where chance comes from.

    Returns:
        same shape and dtype.

    Source:
        Cubuk et al., "AutoAugment: learning augmentation policies from data", CVPR 2019, tables 7 to 9, with
        torchvision's ranges; shears are about the middle, moves are bilinear.
    """
    _checked("auto_augment", image)
    pairs = AUTO_AUGMENT[policy]
    for k, (name, probability, strength) in enumerate(pairs[rng.integers("pair", 0, len(pairs))]):
        if rng.unit(f"p{k}") < probability:
            amount = _amount(name, strength / 9.0, _picture(image).shape, "auto")
            image = _apply(image, name, _signed(name, amount, rng, f"sign{k}"), fill)
    return image


@op(quantizes=True)
def aug_mix(
    image: Image | Sample,
    /,
    *,
    severity: Annotated[int, Bound(ge=1, le=10), Usual(1, 10)] = 3,
    width: Annotated[int, Bound(ge=1, le=16), Usual(1, 5)] = 3,
    depth: Annotated[int, Bound(ge=-1, le=16), Usual(1, 4)] = -1,
    alpha: Annotated[float, Bound(ge=0.05, le=100.0), Usual(0.5, 2.0)] = 1.0,
    geometry: bool = True,
    all_tones: bool = True,
    fill: Fill = 0.0,
    rng: Rng = SUPPLIED,
) -> Image | Sample:
    """Blend the picture with several versions of itself, each through a chain of techniques of its own.

    Use it in training classifiers that must stay calm under noise, blur and weather.

    Args:
        severity: strengths are drawn from the lowest so many of ten.
        width: number of chains.
        depth: length of each chain; -1 draws 1 to 3.
        alpha: how evenly chains, and chains against the picture, are weighed (Dirichlet and beta distribution).
        geometry: whether chains may shear, move and turn the picture. A blend shows objects at several places, so it
            must be off for samples with objects or a segmentation.
        all_tones: whether chains may change brightness, color, contrast and sharpness, which overlap with the
            corruptions of ImageNet-C.
        fill: value beyond the edge where a technique moves the picture, a fraction of full scale.
        rng: where chance comes from.

    Returns:
        same shape and dtype; blended without rounding in between.

    Raises:
        ParamError: geometry for a sample with objects or a segmentation; a depth of 0.

    Source:
        Hendrycks et al., "AugMix: a simple data processing method to improve robustness and uncertainty", ICLR 2020,
        with torchvision's ranges; shears are about the middle, moves are bilinear.
    """
    _checked("aug_mix", image)
    if depth == 0:
        raise ParamError(refusal("aug_mix", "depth", "-1 or at least 1", depth))
    annotated = isinstance(image, Sample) and (image.original_instances.count > 0 or image.segmentation is not None)
    if geometry and annotated:
        where = "False for a sample with objects or a segmentation"
        raise ParamError(refusal("aug_mix", "geometry", where, geometry, "A blend shows them at several places."))
    names = (*(_GEOMETRY if geometry else ()), *(_TONE if all_tones else _TONE[4:]))
    picture = _picture(image)
    shares = dirichlet_draw(rng, "chain", alpha, width)
    own = beta_draw(rng, "own", alpha, alpha)
    blend = to_unit(picture) * np.float32(own)
    for i in range(width):
        chain = picture
        for k in range(depth if depth > 0 else rng.integers(f"depth{i}", 1, 4)):
            name = names[rng.integers(f"technique{i}.{k}", 0, len(names))]
            part = rng.integers(f"strength{i}.{k}", 0, severity) / 9.0
            amount = _signed(name, _amount(name, part, picture.shape, "augmix"), rng, f"sign{i}.{k}")
            chain = _apply(chain, name, amount, fill)
        blend += to_unit(chain) * np.float32((1.0 - own) * shares[i])
    out = from_unit(np.clip(blend, 0.0, 1.0, out=blend), picture.dtype)
    return image.with_image(out) if isinstance(image, Sample) else out
