"""torchvision's transforms (v1 and v2), read from the objects themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from opsin.importers.report import MIDDLES, Built, Imported, drawn, jitter

__all__ = ["from_torchvision"]

_KERNELS = {
    "nearest": "nearest",
    "nearest-exact": "nearest",
    "bilinear": "pillow-bilinear",
    "bicubic": "pillow-bicubic",
    "lanczos": "lanczos",
    "box": "area",
}


def from_torchvision(transform: Any, seed: int = 0) -> Imported:
    """Bring over a transform, a Compose, or a list of them.

    Args:
        transform: torchvision.transforms or torchvision.transforms.v2 objects.
        seed: the pipeline's seed; torchvision has none.
    """
    built = Built()
    for item in _flat(transform):
        _one(built, item)
    return built.finish(seed)


def _flat(transform: Any) -> Iterable[Any]:
    if type(transform).__name__ in ("Compose", "Sequential"):
        for item in getattr(transform, "transforms", transform):
            yield from _flat(item)
    elif isinstance(transform, list | tuple):
        for item in transform:
            yield from _flat(item)
    else:
        yield transform


def _one(built: Built, item: Any) -> None:
    name = type(item).__name__
    maker = _STEPS.get(name)
    if maker is None:
        built.note(name, "left out", "Opsin does not know it")
        return
    maker(built, item, name)


def _kernel(item: Any) -> str | None:
    word = getattr(item, "interpolation", "bilinear")
    return _KERNELS.get(str(getattr(word, "value", word)))


def _pair(size: Any) -> tuple[int, int]:
    """Give (height, width)."""
    if isinstance(size, Sequence):
        return (int(size[0]), int(size[-1]))
    return int(size), int(size)


def _resize(built: Built, item: Any, name: str) -> None:
    size, kernel = item.size, _kernel(item)
    if kernel is None:
        built.note(name, "left out", f"the kernel {item.interpolation} is not known")
        return
    if isinstance(size, int) or len(size) == 1:
        edge = size if isinstance(size, int) else int(size[0])
        built.add({"resize_shorter": {"size": edge, "kernel": kernel}}, training=False)
    else:
        height, width = _pair(size)
        built.add({"resize": {"width": width, "height": height, "kernel": kernel}}, training=False)
    plain = getattr(item, "antialias", True) is False
    built.note(name, "close" if plain else "exact", "Opsin always prefilters" if plain else "")


def _center_crop(built: Built, item: Any, name: str) -> None:
    height, width = _pair(item.size)
    built.add({"center_crop": {"width": width, "height": height}}, training=False)
    built.note(name, "exact", "smaller pictures are refused, not padded with black: put a Pad before it")


def _resized_crop(built: Built, item: Any, name: str) -> None:
    height, width = _pair(item.size)
    words = {"width": width, "height": height, "area": list(item.scale), "ratio": list(item.ratio)}
    kernel = _kernel(item) or "pillow-bilinear"
    built.add({"random_resized_crop": {**words, "kernel": kernel}}, training=True)
    built.note(name, "exact", "in training; serving needs its own resize")


def _random_crop(built: Built, item: Any, name: str) -> None:
    height, width = _pair(item.size)
    if getattr(item, "padding", None) is not None:
        p = item.padding
        left, top, right, bottom = (p,) * 4 if isinstance(p, int) else tuple(p) * (4 // len(p))
        mode = {"edge": "replicate"}.get(item.padding_mode, item.padding_mode)
        words = {"left": left, "top": top, "right": right, "bottom": bottom, "border": mode}
        built.add({"pad": words}, training=True)
    built.add({"random_crop": {"width": width, "height": height}}, training=True)
    built.note(name, "exact")


def _sometimes(op: str) -> Callable[[Built, Any, str], None]:
    def make(built: Built, item: Any, name: str) -> None:
        built.add({op: {}, "p": float(item.p)} if item.p < 1 else {op: {}}, training=True)
        built.note(name, "exact")

    return make


def _rotation(built: Built, item: Any, name: str) -> None:
    low, high = item.degrees
    words: dict[str, Any] = {"angle": drawn((low, high))}
    if item.expand:
        words["keep"] = "all"
    _fill(words, item)
    built.add({"rotate": words}, training=True)
    nearest = _kernel(item) == "nearest"
    edge = "the line of pixels along the fill is blended otherwise"
    built.note(name, "close", "Opsin samples linearly, this samples nearest" if nearest else edge)


def _affine(built: Built, item: Any, name: str) -> None:
    words: dict[str, Any] = {"angle": drawn((-item.degrees[1], -item.degrees[0]))}
    if item.translate is not None:
        words |= {axis: drawn((-t, t)) for axis, t in zip("xy", item.translate, strict=True)}
    if item.scale is not None:
        words["scale"] = drawn(item.scale)
    if item.shear is not None:
        shear = list(item.shear)
        words["shear"] = drawn((-shear[1], -shear[0]))  # a positive one leans the other way there
        if len(shear) == 4:
            words["shear_y"] = drawn(shear[2:])
    _fill(words, item)
    built.add({"affine": words}, training=True)
    built.note(name, "close", "shears are composed in another order; shifts are not rounded to whole pixels")


def _fill(words: dict[str, Any], item: Any) -> None:
    fill = getattr(item, "fill", 0)
    fill = next(iter(fill.values()), 0) if isinstance(fill, dict) else fill
    if isinstance(fill, int | float) and fill:
        words["fill"] = fill / 255 if fill > 1 else float(fill)


def _perspective(built: Built, item: Any, name: str) -> None:
    step: dict[str, Any] = {"perspective": {"distortion": float(item.distortion_scale)}}
    built.add(step | ({"p": float(item.p)} if item.p < 1 else {}), training=True)
    built.note(name, "close", "corners are drawn by the same rule, but not rounded to whole pixels")


def _jitter(built: Built, item: Any, name: str) -> None:
    steps, verdict, says = jitter({part: getattr(item, part) for part in MIDDLES})
    for step in steps:
        built.add(step, training=True)
    built.note(name, verdict, says)


def _gray(built: Built, item: Any, name: str) -> None:
    built.add({"to_gray": {"channels": int(item.num_output_channels)}}, training=False)
    built.note(name, "exact")


def _random_gray(built: Built, item: Any, name: str) -> None:
    built.add({"to_gray": {"channels": 3}, "p": float(item.p)}, training=True)
    built.note(name, "exact")


def _blur(built: Built, item: Any, name: str) -> None:
    built.add({"gaussian_blur": {"sigma": drawn(item.sigma)}}, training=True)
    built.note(name, "close", "the window is as wide as sigma asks, not kernel_size")


def _with(op: str, **words: str) -> Callable[[Built, Any, str], None]:
    """Map a technique whose parameters are attributes: `our name="its attribute"`, "/255" for levels."""

    def make(built: Built, item: Any, name: str) -> None:
        values = {}
        for ours, theirs in words.items():
            attribute, _, scale = theirs.partition("/")
            value = getattr(item, attribute)
            values[ours] = float(value) / float(scale) if scale else value
        chance = float(getattr(item, "p", 1.0))
        built.add({op: values} | ({"p": chance} if chance < 1 else {}), training=chance < 1)
        built.note(name, "exact")

    return make


def _erasing(built: Built, item: Any, name: str) -> None:
    words: dict[str, Any] = {"area": list(item.scale), "ratio": list(item.ratio)}
    built.add({"random_erase": words, "p": float(item.p)}, training=True)
    plain = item.value in (0, [0], None) or item.value == [0.0]
    built.note(name, "exact" if plain else "close", "" if plain else f"filled with black, not {item.value!r}")


def _normalize(built: Built, item: Any, name: str) -> None:
    built.add(
        {"normalize": {"mean": [float(m) for m in item.mean], "std": [float(s) for s in item.std]}}, training=False
    )
    built.note(name, "exact")


def _tensor(built: Built, item: Any, name: str) -> None:
    built.note(name, "exact", "Opsin's last step brings the channels to the front")
    built.steps = [s for s in built.steps if "to_tensor" not in s]


def _policy(op: str, **words: str) -> Callable[[Built, Any, str], None]:
    def make(built: Built, item: Any, name: str) -> None:
        built.add({op: {ours: getattr(item, theirs) for ours, theirs in words.items()}}, training=True)
        built.note(name, "close", "the same table of techniques and magnitudes, Opsin's kernels")

    return make


def _auto(built: Built, item: Any, name: str) -> None:
    policy = str(getattr(item.policy, "value", item.policy))
    built.add({"auto_augment": {"policy": policy}}, training=True)
    built.note(name, "close", "the same policy, Opsin's kernels")


def _pad(built: Built, item: Any, name: str) -> None:
    p = item.padding
    sides = (p,) * 4 if isinstance(p, int) else tuple(p) * (4 // len(p))
    mode = {"edge": "replicate"}.get(item.padding_mode, item.padding_mode)
    words: dict[str, Any] = dict(zip(("left", "top", "right", "bottom"), map(int, sides), strict=True))
    words["border"] = mode
    _fill(words, item)
    built.add({"pad": words}, training=False)
    built.note(name, "exact")


def _inner(built: Built, items: Iterable[Any], *, alone: bool = False) -> list[dict[str, Any]]:
    """Read transforms within another; with `alone`, each gives one step, whatever it is made of."""
    out: list[dict[str, Any]] = []
    for item in items:
        part = Built()
        for one in _flat(item):
            _one(part, one)
        built.notes += part.notes
        steps = [s for step in part.steps for s in step.get("augment", [step])]
        if alone and not steps and all(note.verdict == "exact" for note in part.notes):
            steps = [{"brightness": {"factor": 1.0}}]  # changing nothing is one of the choices
        out += [{"some_of": {"count": len(steps), "steps": steps}}] if alone and len(steps) > 1 else steps
    return out


def _apply(built: Built, item: Any, name: str) -> None:
    steps, p = _inner(built, item.transforms), float(item.p)
    if p >= 1 or not steps:
        for step in steps:
            built.add(step, training=True)
        built.note(name, "exact")
    elif len(steps) == 1:
        built.add({**steps[0], "p": p * float(steps[0].get("p", 1.0))}, training=True)
        built.note(name, "exact")
    else:
        built.add({"some_of": {"count": len(steps), "steps": steps}, "p": p}, training=True)
        built.note(name, "close", "its steps are run in drawn order")


def _choice(built: Built, item: Any, name: str) -> None:
    steps = _inner(built, item.transforms, alone=True)
    weights = [float(w) for w in getattr(item, "p", None) or [1.0] * len(item.transforms)]
    whole = len(weights) == len(steps)
    if steps:
        built.add({"one_of": {"weights": weights, "steps": steps} if whole else steps}, training=True)
    built.note(name, "exact" if whole else "close", "" if whole else "of those that came over, all alike")


def _plain(built: Built, name: str, op: str) -> None:
    built.add({op: {}}, training=True)
    built.note(name, "exact")


def _order(built: Built, item: Any, name: str) -> None:
    steps = _inner(built, item.transforms, alone=True)
    if steps:
        built.add({"some_of": {"count": len(steps), "steps": steps}}, training=True)
    built.note(name, "exact")


def _identity(built: Built, item: Any, name: str) -> None:
    built.note(name, "exact")


def _jpeg(built: Built, item: Any, name: str) -> None:
    low, high = _ends(item.quality)
    words = {"quality": low if low == high else {"uniform": [low, high]}}
    built.add({"jpeg_artifacts": words}, training=True)
    built.note(name, "exact")


def _ends(value: Any) -> tuple[int, int]:
    return (int(value[0]), int(value[-1])) if isinstance(value, Sequence) else (int(value), int(value))


_STEPS: dict[str, Callable[[Built, Any, str], None]] = {
    "Resize": _resize,
    "CenterCrop": _center_crop,
    "RandomResizedCrop": _resized_crop,
    "RandomCrop": _random_crop,
    "RandomHorizontalFlip": _sometimes("flip_horizontal"),
    "RandomVerticalFlip": _sometimes("flip_vertical"),
    "RandomInvert": _sometimes("invert"),
    "RandomAutocontrast": _sometimes("autocontrast"),
    "RandomEqualize": _sometimes("equalize"),
    "RandomPosterize": _with("posterize", bits="bits"),
    "RandomSolarize": _with("solarize", threshold="threshold/255"),
    "RandomRotation": _rotation,
    "RandomAffine": _affine,
    "RandomPerspective": _perspective,
    "ColorJitter": _jitter,
    "Grayscale": _gray,
    "RandomGrayscale": _random_gray,
    "GaussianBlur": _blur,
    "RandomErasing": _erasing,
    "Normalize": _normalize,
    "Pad": _pad,
    "ToTensor": _tensor,
    "ToImage": _tensor,
    "PILToTensor": _tensor,
    "ToDtype": _tensor,
    "ConvertImageDtype": _tensor,
    "RandomApply": _apply,
    "RandomChoice": _choice,
    "RandomOrder": _order,
    "RandomAdjustSharpness": _with("sharpness", factor="sharpness_factor"),
    "RandomChannelPermutation": lambda built, item, name: _plain(built, name, "channel_shuffle"),
    "JPEG": _jpeg,
    "Identity": _identity,
    "RandAugment": _policy("rand_augment", count="num_ops", magnitude="magnitude"),
    "TrivialAugmentWide": _policy("trivial_augment"),
    "AugMix": _policy("aug_mix", severity="severity", width="mixture_width", depth="chain_depth", alpha="alpha"),
    "AutoAugment": _auto,
}
