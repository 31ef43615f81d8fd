"""What a technique is shown on: a photograph that suits it, its inputs, and which parameters to vary.

Photographs are those inside scikit-image and scikit-learn. A technique that is not named here gets its family's
photograph and the example inputs of `opsin.testing.examples`, so that a new technique appears by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

from opsin.chance import Rng
from opsin.draw import draw_mask, draw_sample, fitted
from opsin.instances import Skeleton
from opsin.kinds import Either, OneOf
from opsin.op import Op, op_of
from opsin.sample import Sample
from opsin.spec import Param
from opsin.surfaces.demo import photograph
from opsin.testing import examples
from opsin.types import Array

__all__ = ["Row", "Scene", "photo", "rows", "scene", "smaller"]

_FILES = {
    "astronaut": ("skimage", "data/astronaut.png"),
    "camera": ("skimage", "data/camera.png"),
    "cat": ("skimage", "data/chelsea.png"),
    "china": ("sklearn", "datasets/images/china.jpg"),
    "coffee": ("skimage", "data/coffee.png"),
    "coins": ("skimage", "data/coins.png"),
    "flower": ("sklearn", "datasets/images/flower.jpg"),
    "horse": ("skimage", "data/horse.png"),
    "page": ("skimage", "data/page.png"),
    "rocket": ("skimage", "data/rocket.jpg"),
    "text": ("skimage", "data/text.png"),
}
_BY_FAMILY = {
    "binary": "horse", "blur": "cat", "channels": "flower", "clusters": "flower", "color": "flower",
    "deblur": "cat", "denoise": "cat", "descriptors": "camera", "edges": "camera", "features": "camera",
    "fill": "cat", "filters": "cat", "focus": "cat", "grain": "china", "holes": "astronaut", "light": "china",
    "morphology": "text", "occlude": "astronaut", "regions": "coins", "thresholds": "page", "tint": "china",
    "weather": "china",
}  # fmt: skip
_BY_OP = {
    "autocontrast": "page", "clahe": "rocket", "deskew": "page", "detect_faces": "astronaut", "detect_text": "page",
    "equalize": "rocket", "jpeg_artifacts": "cat", "match_template": "coins", "read_text": "page",
    "skin_segment": "astronaut", "tone_curve": "cat", "watershed": "coins",
}  # fmt: skip


# --- photographs --------------------------------------------------------------------------------------------------
@lru_cache(maxsize=64)
def photo(name: str, side: int) -> Array:
    """Read a bundled photograph and fit it into a square of `side` pixels; gray pictures stay H W.

    Raises:
        MissingExtra: the package that carries it is not installed.
    """
    from opsin.io import read

    image = read(photograph(*_FILES[name]))
    if image.ndim == 3 and image.shape[2] == 4:
        image = np.ascontiguousarray(image[..., :3])
    out: Array = op_of("resize_longer").public(image, size=side, kernel="area")
    out.flags.writeable = False
    return out


_FACE = np.array([[222, 58], [252, 68], [268, 100], [262, 140], [244, 168], [224, 176], [203, 168], [186, 140],
                  [178, 104], [192, 70]], dtype=np.float64)  # fmt: skip
_EYES = np.array([[246, 103], [203, 101], [222, 124], [244, 141], [204, 140]], dtype=np.float64)
_SKELETON = Skeleton(
    ("left eye", "right eye", "nose", "left mouth corner", "right mouth corner"),
    edges=((0, 2), (1, 2), (2, 3), (2, 4)),
    mirror=((0, 1), (3, 4)),
)


def portrait(side: int) -> Sample:
    """The astronaut with her face's outline and key points, her helmet and the rocket behind her."""
    scale = side / 512.0
    hull = [*_FACE.min(axis=0), *_FACE.max(axis=0)]
    boxes = np.array([hull, [275, 343, 512, 512], [352, 0, 472, 290]]) * scale
    points = np.zeros((3, 5, 3))
    points[0, :, :2], points[0, :, 2] = _EYES * scale, 2.0
    image = photo("astronaut", side)
    names = ("face", "helmet", "rocket")
    return Sample(
        image, boxes=boxes, labels=[0, 1, 2], class_names=names, polygons=[[_FACE * scale], [], []],
        keypoints=points, skeleton=_SKELETON,
    )  # fmt: skip


# --- scenes -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Scene:
    """What a technique is run on: its first input, fixed arguments, and the inputs as pictures with captions."""

    target: Any
    arguments: Mapping[str, Any] = field(default_factory=dict)
    inputs: Sequence[tuple[str, Array]] = ()


Maker: TypeAlias = Callable[[int], Scene]


def _name(op: Op) -> str:
    moves = op.spec.returns in ("warp", "sample")
    return _BY_OP.get(op.name) or _BY_FAMILY.get(op.spec.family, "astronaut" if moves else "coffee")


def scene(op: Op, side: int) -> Scene:
    """Make the scene of a technique on a photograph whose longer side has `side` pixels."""
    side = round(side * smaller(op))
    if op.name in _SCENES:
        return _SCENES[op.name](side)
    name = _name(op)
    image = photo(name, side)
    if op.spec.takes == "mask":
        dark = image if image.ndim == 2 else image[..., 0]
        mask = np.asarray(dark) < 128
        return Scene(mask, examples.arguments(op, image), [("mask", fitted(mask, side, side))])
    if name == "astronaut" and op.spec.takes in ("image", "rgb", "sample"):
        sample = portrait(side)
        shown = draw_sample(sample)
        if op.spec.returns in ("warp", "sample") or op.spec.family in ("occlude", "holes"):
            return Scene(sample, examples.arguments(op, image), [("before", shown)])
    goal = examples.target(op, image)
    arguments = examples.arguments(op, image)
    inputs = [("before", fitted(image, side, side))]
    for param in op.spec.params.values():
        value: Any = arguments.get(param.name)
        if isinstance(value, Sample):
            inputs.append((param.name, fitted(value.image, side, side)))
        elif param.array and param.name not in ("kernel", "matrix", "psf", "hit", "miss") and np.ndim(value) >= 2:
            inputs.append((param.name, fitted(value, side, side)))
    return Scene(goal, arguments, inputs)


def smaller(op: Op) -> float:
    """How much smaller a technique's pictures are."""
    return _SMALLER.get(op.name, 1.0)


def _blurred(side: int, std: float = 0.0) -> Scene:
    """A photograph seen through a blur that is known: what deblurring starts from."""
    psf, clean = examples.bell(9, 1.6), photo("cat", side)
    seen = op_of("degrade").public(clean, psf=psf, std=std, border="wrap", rng=Rng(7))
    inputs = [("sharp", np.array(clean)), ("before: blurred", seen)]
    return Scene(seen, {"psf": psf}, inputs)


def _deblur(**more: Any) -> Maker:
    def make(side: int) -> Scene:
        base = _blurred(side, 0.004)
        return Scene(base.target, {**base.arguments, **more}, base.inputs)

    return make


def _noisy(std: float = 0.08, **more: Any) -> Maker:
    def make(side: int) -> Scene:
        clean = photo("cat", side)
        seen = op_of("gaussian_noise").public(clean, std=std, rng=Rng(7))
        return Scene(seen, more, [("clean", np.array(clean)), ("before: noisy", seen)])

    return make


def _scratched(side: int) -> Scene:
    image = np.array(photo("cat", side))
    h, w = image.shape[:2]
    y, x = np.mgrid[:h, :w] / side
    lines = [np.abs(x + 0.6 * y - 0.55), np.abs(x - 0.9 * y - 0.3), np.abs(y - 0.35 - 0.03 * np.sin(20 * x))]
    mask = np.min(lines, axis=0) < 0.008
    seen = image.copy()
    seen[mask] = 255
    marked = draw_mask(seen, mask, color=(255, 0, 60), strength=0.9)
    return Scene(seen, {"mask": mask}, [("before: scratched", seen), ("mask", marked)])


def _speckled(side: int) -> Scene:
    """A black and white picture in which a tenth of the pixels are wrong."""
    mask = np.asarray(photo("horse", side))[..., 0] < 128
    wrong = Rng(7).unit("wrong", mask.shape) < 0.1
    seen = (mask ^ wrong).astype(np.uint8) * np.uint8(255)
    return Scene(seen, {}, [("clean", fitted(mask, side, side)), ("before: noisy", seen)])


def _matched(side: int) -> Scene:
    image, reference = photo("china", side), photo("flower", side)
    inputs = [("before", np.array(image)), ("reference", np.array(reference))]
    return Scene(image, {"reference": reference}, inputs)


def _cloned(side: int) -> Scene:
    image, other = photo("coffee", side), photo("cat", side)
    h, w = other.shape[:2]
    patch = np.ascontiguousarray(other[int(h * 0.2) : int(h * 0.62), int(w * 0.3) : int(w * 0.85)])
    ph, pw = patch.shape[:2]
    y, x = (np.mgrid[:ph, :pw] + 0.5) / np.array([ph, pw])[:, None, None]
    mask = ((x - 0.5) / 0.47) ** 2 + ((y - 0.5) / 0.47) ** 2 <= 1.0
    inputs = [("before", np.array(image)), ("patch", np.array(patch))]
    return Scene(image, {"patch": patch, "mask": mask, "left": int(side * 0.05), "top": int(side * 0.08)}, inputs)


def _mixed(side: int) -> Scene:
    """The portrait, and a cup of coffee to mix it with; both with labels."""
    names = ("face", "helmet", "rocket", "cup")
    base = portrait(side)
    table = base.original_instances
    first = Sample(base.image, label=0, class_names=names, boxes=table.boxes, labels=table.labels)
    coffee = photo("coffee", side)
    h, w = coffee.shape[:2]
    y, x = (np.mgrid[:h, :w] + 0.5) / np.array([h, w])[:, None, None]
    cup = ((x - 0.485) / 0.2) ** 2 + ((y - 0.405) / 0.36) ** 2 <= 1.0
    box = [[0.285 * w, 0.045 * h, 0.685 * w, 0.765 * h]]
    other = Sample(coffee, label=3, class_names=names, boxes=box, labels=[3], masks=cup[None])
    inputs = [("before", draw_sample(first)), ("other", draw_sample(other))]
    return Scene(first, {"other": other}, inputs)


def _tiled(side: int) -> Scene:
    base = _mixed(side)
    return Scene(base.target, {"others": (base.arguments["other"], base.target, base.arguments["other"])}, base.inputs)


def _see_through(side: int) -> Scene:
    image = photo("flower", side)
    h, w = image.shape[:2]
    y, x = (np.mgrid[:h, :w] + 0.5) / np.array([h, w])[:, None, None]
    away = np.hypot((x - 0.5) * w / h, y - 0.5)
    alpha = np.clip((0.55 - away) / 0.15, 0.0, 1.0) * 255 + 0.5
    seen = np.dstack([image, alpha.astype(np.uint8)])
    return Scene(seen, {}, [("before: RGBA", seen)])


def _pieces(side: int) -> Scene:
    coins = photo("coins", side)
    mask = np.asarray(op_of("closing").public(np.asarray(coins) > 125, radius=2))
    return Scene(mask, {}, [("mask", fitted(mask, side, side))])


def _pattern(side: int) -> Scene:
    """Left edges: a pixel outside beside two inside."""
    mask = np.asarray(photo("horse", side))[..., 0] < 128
    hit, miss = np.zeros((3, 3), np.bool_), np.zeros((3, 3), np.bool_)
    hit[:, 1:], miss[:, 0] = True, True
    return Scene(mask, {"hit": hit, "miss": miss}, [("mask", fitted(mask, side, side))])


def _pair(side: int) -> Scene:
    """Features of a picture and of the same scene turned a little."""
    image = photo("camera", side)
    found = op_of("sift").public(image)
    other = op_of("sift").public(examples.moved_picture(np.array(image)))
    return Scene(found, {"b": other}, [("before", np.array(image))])


_SMALLER = {"bm3d": 0.7, "dictionary_denoise": 0.35, "hit_or_miss": 0.25, "inpaint": 0.4, "random_walker": 0.5}
"""Slow techniques, and those that mark single pixels, are shown on smaller pictures."""
_SCENES: dict[str, Maker] = {
    "bm3d": _noisy(),
    "anisotropic_diffusion": _noisy(0.04),
    "bilateral_filter": _noisy(0.04),
    "constrained_least_squares": _deblur(gamma=0.01),
    "copy_paste": _mixed,
    "cutmix": _mixed,
    "dictionary_denoise": _noisy(),
    "hit_or_miss": _pattern,
    "inpaint": _scratched,
    "label_regions": _pieces,
    "match_histogram": _matched,
    "match_features": _pair,
    "mixup": _mixed,
    "mosaic": _tiled,
    "mrf_denoise": _speckled,
    "nl_means": _noisy(),
    "richardson_lucy": _deblur(),
    "seamless_clone": _cloned,
    "to_rgb": _see_through,
    "tv_denoise": _noisy(),
    "unsupervised_wiener": _deblur(),
    "wavelet_denoise": _noisy(),
    "wiener": _deblur(),
}


# --- what is varied -----------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Row:
    """One row of pictures: what they vary, and (caption, arguments) of each."""

    title: str
    calls: tuple[tuple[str, dict[str, Any]], ...]


_NOT_VARIED = ("border", "channels", "fill", "kernel", "back", "rng", "eps", "anchor", "seed")
_MAIN = {"grid_distort": "distortion", "thin_plate": "distortion", "perspective": "distortion"}
_CHOSEN: dict[str, Callable[[int], list[dict[str, Any]]]] = {
    "affine": lambda s: [{"angle": -20.0}, {"angle": 20.0, "scale": 0.8}, {"scale": 1.2, "shear": 15.0}],
    "center": lambda s: [{"per_channel": True}, {"per_channel": False}],
    "center_crop": lambda s: [{"fraction": 0.4}, {"fraction": 0.7}, {"fraction": 0.9}],
    "channel_drop": lambda s: [{"channel": 0}, {"channel": 1}, {"channel": 2}],
    "color_jitter": lambda s: [{"brightness": 0.5}, {"saturation": 0.9}, {"hue": 0.3}],
    "convert_color": lambda s: [{"to": "hsv"}, {"to": "lab"}, {"to": "ycbcr"}],
    "copy_paste": lambda s: [{"rng": Rng(n)} for n in (1, 2, 3)],
    "crop": lambda s: [
        {"left": 0, "top": 0, "width": s // 2, "height": s // 2},
        {"left": s // 4, "top": s // 16, "width": s // 2, "height": s // 2},
        {"left": s // 3, "top": s // 4, "width": 2 * s // 3, "height": 3 * s // 4},
    ],
    "crop_at": lambda s: [
        {"x": x, "y": y, "width": 2 * s // 3, "height": 2 * s // 3} for x, y in ((0.0, 0.0), (0.5, 0.5), (1.0, 1.0))
    ],
    "letterbox": lambda s: [
        {"width": s, "height": 5 * s // 8},
        {"width": 5 * s // 8, "height": s},
        {"width": s, "height": 5 * s // 8, "x": 0.0, "fill": 0.0},
    ],
    "mosaic": lambda s: [{"width": s, "height": 3 * s // 4, "rng": Rng(n)} for n in (1, 2, 3)],
    "normalize": lambda s: [{"mean": "imagenet", "std": "imagenet"}, {"mean": "half", "std": "half"}],
    "orient": lambda s: [{"orientation": 2}, {"orientation": 3}, {"orientation": 6}],
    "pad": lambda s: [
        {"left": s // 5, "right": s // 5},
        {"top": s // 6, "bottom": s // 6, "border": "reflect"},
        {"left": s // 6, "top": s // 6, "right": s // 6, "bottom": s // 6, "border": "wrap"},
    ],
    "random_crop": lambda s: [{"width": s // 2, "height": s // 2, "rng": Rng(n)} for n in (1, 2, 3)],
    "random_resized_crop": lambda s: [{"width": s // 2, "height": s // 2, "rng": Rng(n)} for n in (1, 2, 3)],
    "rescale_intensity": lambda s: [{"in_range": "image"}, {"in_range": (0.2, 0.8)}],
    "resize": lambda s: [
        {"width": s, "height": s // 2},
        {"width": s // 2, "height": s},
        {"width": s // 4, "height": s // 4, "kernel": "nearest"},
    ],
    "rotate90": lambda s: [{"times": 1}, {"times": 2}, {"times": 3}],
    "seamless_clone": lambda s: [{"gradients": "patch"}, {"gradients": "mixed"}],
    "standardize": lambda s: [{"per_channel": True}, {"per_channel": False}],
    "tone_curve": lambda s: [
        {"points": [(0.0, 0.0), (0.25, 0.12), (0.75, 0.88), (1.0, 1.0)]},
        {"points": [(0.0, 0.15), (0.5, 0.5), (1.0, 0.85)]},
        {"points": [(0.0, 0.0), (0.3, 0.6), (1.0, 1.0)]},
    ],
}


def word(value: Any, unit: str = "") -> str:
    """Write a value for a caption."""
    if isinstance(value, float):
        text = (f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}").replace("-", "\u2212")
    elif isinstance(value, list | tuple):
        text = "(" + ", ".join(word(v) for v in value) + ")" if len(value) < 4 else f"{len(value)} values"
    elif isinstance(value, np.ndarray):
        text = " \u00d7 ".join(map(str, value.shape)) + " array"
    else:
        text = str(value)
    return text + {"degrees": "\u00b0", "px": " px"}.get(unit, f" {unit}" if unit else "")


def _caption(op: Op, given: Mapping[str, Any]) -> str:
    words = [f"{k} {v.seed if isinstance(v, Rng) else word(v, op.spec.params[k].unit)}" for k, v in given.items()]
    return ", ".join(words) or "after"


def _fits(op: Op, side: int, param: Param, value: Any) -> Any:
    """A length in pixels that was meant for a photograph is cut to the small one that is shown."""
    if param.unit == "px" and isinstance(value, int) and op.spec.shape == "geometric":
        return min(value, side)
    return value


def _spread(op: Op, side: int, param: Param) -> Row | None:
    """Low, default (or middle) and high of one number."""
    ends = examples.span(param)
    if ends is None:
        return None
    usual = param.default if isinstance(param.default, int | float) and not isinstance(param.default, bool) else None
    usual = 0.08 if param.name == "std" and op.spec.family == "denoise" else usual  # the scene's own noise
    inner = usual is not None and ends[0] < usual < ends[1]
    values = [ends[0], usual if inner else examples.middle(param), ends[1]]
    calls, seen = [], []
    for value in values:
        value = _fits(op, side, param, value)
        if value not in seen:
            seen.append(value)
            calls.append((_caption(op, {param.name: value}), {param.name: value}))
    return Row(param.name, tuple(calls))


def _options(op: Op, param: Param) -> Row | None:
    kinds = param.kind.kinds if isinstance(param.kind, Either) else (param.kind,)
    chosen = next((k for k in kinds if isinstance(k, OneOf)), None)
    if chosen is None or param.name in _NOT_VARIED:
        return None
    more = {"radius": 6} if op.spec.family == "morphology" else {}  # small footprints look alike
    calls = [{param.name: o, **more} for o in chosen.options[:6]]
    return Row(param.name, tuple((_caption(op, call), call) for call in calls))


def rows(op: Op, side: int) -> list[Row]:
    """Choose what to vary: the first number through its usual range, then the options; chance where nothing else is."""
    side = round(side * smaller(op))
    if op.name in _CHOSEN:
        return [Row("", tuple((_caption(op, given), given) for given in _CHOSEN[op.name](side)))]
    shown = [p for p in op.spec.shown() if p.name not in _NOT_VARIED]
    main = _MAIN.get(op.name)
    ordered = sorted(shown, key=lambda p: (p.name != main, not p.required))
    found = [row for p in ordered if (row := _spread(op, side, p)) is not None]
    needed = sum(p.required for p in shown if examples.span(p) is not None)
    found = found[: max(1, min(2, needed))]
    for param in shown:
        options = _options(op, param)
        if options is not None and len(found) < 3:
            found.append(options)
    if not found and op.spec.random:
        found.append(Row("chance", tuple((f"rng {n}", {"rng": Rng(n)}) for n in (1, 2, 3))))
    return found or [Row("", (("after", {}),))]
