"""What a technique is shown on: a photograph that suits it, and its inputs.

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
from opsin.draw import draw_mask, draw_points, draw_sample, fitted
from opsin.instances import Skeleton
from opsin.kinds import ArrayKind, Either
from opsin.op import Op, op_of
from opsin.sample import Sample
from opsin.spec import Param
from opsin.surfaces.demo import photograph
from opsin.testing import examples
from opsin.types import Array

__all__ = ["Scene", "photo", "scene", "smaller"]

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
    "medical": "camera",
    "morphology": "text", "occlude": "astronaut", "regions": "coins", "thresholds": "page", "tint": "china",
    "weather": "china",
}  # fmt: skip
_BY_OP = {
    "autocontrast": "page", "clahe": "rocket", "detect_faces": "astronaut", "detect_people": "camera",
    "detect_text": "page",
    "equalize": "rocket", "jpeg_artifacts": "cat", "read_text": "page",
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
        elif _is_picture(param) and isinstance(value, np.ndarray):
            inputs.append((param.name, fitted(value, side, side)))
    if op.spec.takes == "frames":
        inputs = [(f"frame {k}", fitted(frame, side, side)) for k, frame in enumerate(goal)]
    return Scene(goal, arguments, inputs)


def _is_picture(param: Param) -> bool:
    kinds = param.kind.kinds if isinstance(param.kind, Either) else (param.kind,)
    return any(isinstance(k, ArrayKind) and k.role in ("image", "rgb", "gray", "mask", "labels") for k in kinds)


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


def _face(side: int) -> Scene:
    image = photo("astronaut", side)
    eyes = _EYES[[1, 0]] * (side / 512.0)  # left and right as seen
    return Scene(image, {"landmarks": eyes}, [("before", draw_points(image, eyes))])


def _shifted(side: int) -> Scene:
    """The same scene from elsewhere: what registration lays back on its reference."""
    reference = photo("coffee", side)
    image = op_of("affine").public(reference, angle=6.0, scale=1.06, x=0.03, y=-0.02, border="replicate")
    return Scene(image, {"reference": reference}, [("before", image), ("reference", np.array(reference))])


def _slices(side: int) -> Scene:
    """A volume by its middle slice."""
    image = np.zeros((side, side), np.uint8)
    moved, still = examples.volume(image), examples.volume(image, 0.5)
    inputs = [(name, fitted(v[v.shape[0] // 2], side, side)) for name, v in (("volume", moved), ("reference", still))]
    return Scene(moved, {"reference": still}, inputs)


def _morphed(side: int) -> Scene:
    """A cup becomes a flower: points around the rim go to points around the blossom."""
    image = photo("coffee", side)
    h, w = image.shape[:2]
    other = op_of("resize").public(photo("flower", side), width=w, height=h)
    turn = np.linspace(0.0, 2.0 * np.pi, 12, endpoint=False)
    ring = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    points = np.concatenate([[[0.485, 0.25]], [0.485, 0.25] + ring * [0.175, 0.2]]) * [w, h]
    others = np.concatenate([[[0.49, 0.5]], [0.49, 0.5] + ring * [0.21, 0.33]]) * [w, h]
    inputs = [("before", draw_points(image, points)), ("other", draw_points(other, others))]
    return Scene(image, {"other": other, "points": points, "other_points": others}, inputs)


def _parts(side: int) -> Scene:
    """A photograph cut into three that overlap."""
    image = photo("china", round(side * 1.6))
    w = image.shape[1]
    cuts = [np.ascontiguousarray(image[:, int(a * w) : int(b * w)]) for a, b in ((0, 0.5), (0.25, 0.75), (0.5, 1))]
    return Scene(cuts, {}, [(f"picture {k + 1}", cut) for k, cut in enumerate(cuts)])


def _coin(side: int) -> Scene:
    image = photo("coins", side)
    h, w = image.shape[:2]
    template = np.ascontiguousarray(image[int(0.37 * h) : int(0.58 * h), int(0.36 * w) : int(0.52 * w)])
    return Scene(image, {"template": template}, [("before", np.array(image)), ("template", template)])


def _crooked(side: int) -> Scene:
    page = op_of("rotate").public(photo("page", side), angle=6.0, border="replicate")
    return Scene(page, {}, [("before", page)])


def _light_painting(side: int) -> Scene:
    """A dark scene in which a lamp is swung: every frame shows it elsewhere."""
    dark = photo("coffee", side).astype(np.float64) * 0.25
    h, w = dark.shape[:2]
    y, x = np.mgrid[:h, :w] + 0.5
    frames = []
    for t in np.linspace(0.0, 2.0 * np.pi, 48, endpoint=False):
        px, py = w * (0.5 + 0.38 * np.sin(t)), h * (0.5 + 0.35 * np.sin(2.0 * t))
        glow = np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * (0.012 * side) ** 2))[..., None]
        frames.append((dark + glow * [255.0, 200.0, 120.0]).clip(0, 255).astype(np.uint8))
    return Scene(np.stack(frames), {}, [("first of 48 frames", frames[0]), ("another", frames[9])])


def _mixtures(side: int) -> Scene:
    """Three photographs, seen through each other in three ways."""
    names, size = ("coffee", "cat", "flower"), (side, 2 * side // 3)
    to_gray, resize = op_of("to_gray").public, op_of("resize").public
    gray = [resize(to_gray(photo(n, side)), width=size[0], height=size[1]).astype(np.float64) for n in names]
    weights = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.3, 0.2, 0.5]])
    mixed = np.einsum("ij,jhw->ihw", weights, np.stack(gray)).clip(0, 255).astype(np.uint8)
    return Scene(mixed, {}, [(f"mixture {k + 1}", picture) for k, picture in enumerate(mixed)])


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
    "align_face": _face,
    "deskew": _crooked,
    "match_template": _coin,
    "panorama": _parts,
    "register": _shifted,
    "register_ecc": _shifted,
    "register_volume": _slices,
    "whiten": _mixtures,
    "bm3d": _noisy(),
    "anisotropic_diffusion": _noisy(0.04),
    "bilateral_filter": _noisy(0.04),
    "constrained_least_squares": _deblur(gamma=0.01, border="reflect"),
    "copy_paste": _mixed,
    "cutmix": _mixed,
    "dictionary_denoise": _noisy(),
    "hit_or_miss": _pattern,
    "ica": _mixtures,
    "inpaint": _scratched,
    "label_regions": _pieces,
    "match_histogram": _matched,
    "long_exposure": _light_painting,
    "match_features": _pair,
    "mixup": _mixed,
    "morph": _morphed,
    "mosaic": _tiled,
    "mrf_denoise": _speckled,
    "nl_means": _noisy(),
    "richardson_lucy": _deblur(border="reflect"),
    "seamless_clone": _cloned,
    "to_rgb": _see_through,
    "tv_denoise": _noisy(),
    "unsupervised_wiener": _deblur(border="reflect"),
    "wavelet_denoise": _noisy(),
    "wiener": _deblur(border="reflect"),
}
