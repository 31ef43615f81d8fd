"""Example inputs for any technique, derived from the roles and names of its parameters.

The gallery shows techniques with them, the laws run techniques on them. What a role cannot tell (which template to
look for, what to hide) stands in two small tables: by parameter name, and by technique and parameter name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from opsin.arrays import from_unit, full_scale
from opsin.chance import Rng
from opsin.geometry import Size, Warp, about, turn
from opsin.kinds import ArrayKind, Either, Flag, Kind, Listing, Number, OneOf, Partner, Text, Tuple
from opsin.op import Op, op_of
from opsin.sample import Sample
from opsin.spec import REQUIRED, OpSpec, Param
from opsin.types import Array

__all__ = ["Maker", "arguments", "blobs", "example", "middle", "span", "takes_array", "target", "usual_of"]

Maker: TypeAlias = Callable[[Array], Any]
"""Makes one parameter's value that suits a picture."""


# --- numbers ------------------------------------------------------------------------------------------------------
def number_kind(kind: Kind) -> Number | None:
    """Find the number in a kind such as `a number or nothing`."""
    if isinstance(kind, Number):
        return kind
    if isinstance(kind, Either):
        return next((k for k in kind.kinds if isinstance(k, Number)), None)
    return None


def usual_of(param: Param) -> tuple[float, float] | None:
    """Give the range in which a number is shown and tested: the usual one, else the legal one if it is closed."""
    number = number_kind(param.kind)
    if number is None:
        return None
    if param.usual is not None:
        return param.usual
    b = number.bound
    low, high = (b.ge if b.ge is not None else b.gt), (b.le if b.le is not None else b.lt)
    return None if low is None or high is None else (float(low), float(high))


def inside(number: Number, value: float) -> float | int:
    """Bring a value just inside the legal range, as a whole number where that is asked for."""
    b = number.bound
    if number.whole:
        whole = round(value)
        low = math.floor(b.gt) + 1 if b.gt is not None else math.ceil(b.ge) if b.ge is not None else whole
        high = math.ceil(b.lt) - 1 if b.lt is not None else math.floor(b.le) if b.le is not None else whole
        return int(min(max(whole, low), high))
    least = b.ge if b.ge is not None else -math.inf if b.gt is None else b.gt + 1e-3 * max(1.0, abs(b.gt))
    most = b.le if b.le is not None else math.inf if b.lt is None else b.lt - 1e-3 * max(1.0, abs(b.lt))
    return float(min(max(value, least), most))


def span(param: Param) -> tuple[Any, Any] | None:
    """Give the low and the high end of the usual range, both legal."""
    number, ends = number_kind(param.kind), usual_of(param)
    if number is None or ends is None:
        return None
    return inside(number, ends[0]), inside(number, ends[1])


def middle(param: Param) -> Any:
    """Give a value between the ends that does something: by ratio over orders of magnitude, never 0 between signs."""
    number, ends = number_kind(param.kind), usual_of(param)
    if number is None or ends is None:
        return 1
    low, high = ends
    if low < 0.0 < high:
        return inside(number, high / 3.0)
    by_ratio = low > 0.0 and high / low > 5.0
    return inside(number, math.sqrt(low * high) if by_ratio else (low + high) / 2.0)


# --- pictures -----------------------------------------------------------------------------------------------------
def blobs(height: int, width: int, name: str = "blobs", share: float = 0.4) -> NDArray[np.bool_]:
    """A mask of soft round shapes, the same for the same name; some pixels are in and some are out."""
    rng = Rng(0).at(name)
    y, x = np.mgrid[:height, :width].astype(np.float64)
    field = np.zeros((height, width))
    for i in range(6):
        cx, cy = rng.uniform(f"x{i}", 0.1, 0.9) * width, rng.uniform(f"y{i}", 0.1, 0.9) * height
        reach = rng.uniform(f"r{i}", 0.08, 0.22) * max(2.0, min(height, width))
        field += np.exp(-((x + 0.5 - cx) ** 2 + (y + 0.5 - cy) ** 2) / (2 * reach * reach))
    out: NDArray[np.bool_] = field >= np.quantile(field, 1.0 - share)
    if out.all() and out.size > 1:
        out.flat[0] = False
    return out


def other_picture(image: Array) -> Array:
    """Another picture of the same size, dtype and channels: the same one turned, mirrored and brightened."""
    turned = image[::-1, ::-1]
    if image.dtype.kind == "f":
        return np.ascontiguousarray(np.clip(turned * np.float32(0.8) + np.float32(0.15), 0.0, 1.0))
    top = full_scale(image.dtype)
    return from_unit(turned.astype(np.float64) / top * 0.8 + 0.15, image.dtype)


def moved_picture(image: Array) -> Array:
    """The same scene from slightly elsewhere: turned by two degrees, wrapping round at the edges."""
    from opsin.kernels.resample import resample

    size = Size(image.shape[1], image.shape[0])
    warp = Warp.of(about(size.center, turn(2.0)), size).with_edge("symmetric", 0.0)
    return resample(image, warp)


def _piece(image: Array, share: float = 0.4) -> Array:
    h, w = image.shape[:2]
    top, left = int(h * 0.3), int(w * 0.3)
    return np.ascontiguousarray(image[top : top + max(1, int(h * share)), left : left + max(1, int(w * share))])


def _grid(image: Array, bend: float) -> NDArray[np.float64]:
    h, w = image.shape[:2]
    x, y = np.meshgrid([0.15, 0.5, 0.85], [0.15, 0.5, 0.85])
    x, y = x + bend * np.sin(6.0 * y), y + bend * np.cos(6.0 * x)
    return np.stack([x.ravel() * w, y.ravel() * h], axis=1)


def _corners(image: Array) -> NDArray[np.float64]:
    h, w = float(image.shape[0]), float(image.shape[1])
    return np.array([[0.1 * w, 0.05 * h], [0.95 * w, 0.15 * h], [0.85 * w, 0.9 * h], [0.05 * w, 0.95 * h]])


def bell(size: int = 7, sigma: float = 1.5) -> NDArray[np.float64]:
    """A blur kernel that sums to one."""
    r = np.arange(size) - (size - 1) / 2
    line = np.exp(-(r**2) / (2 * sigma**2))
    kernel = np.outer(line, line)
    return kernel / kernel.sum()


def seeds(image: Array) -> NDArray[np.int32]:
    """Markers: a border of 1 and a middle of 2, 0 elsewhere."""
    h, w = image.shape[:2]
    out = np.zeros((h, w), np.int32)
    out[0], out[-1], out[:, 0], out[:, -1] = 1, 1, 1, 1
    out[h // 3 : max(h // 3 + 1, 2 * h // 3), w // 3 : max(w // 3 + 1, 2 * w // 3)] = 2
    return out


def descriptors(count: int) -> NDArray[np.float32]:
    """Descriptors of so many features: numbers that are far from each other."""
    return np.asarray(Rng(0).at("descriptors").unit("values", (count, 32)), dtype=np.float32)


def volume(image: Array, shift: float = 0.0) -> NDArray[np.float64]:
    """A soft ball in a small volume of slices, a little off the middle."""
    z, y, x = np.mgrid[:12, :16, :18].astype(np.float64)
    away = ((z - 6 - shift) / 3.0) ** 2 + ((y - 8 + shift) / 4.0) ** 2 + ((x - 9) / 5.0) ** 2
    return np.exp(-away) + 0.1 * np.exp(-(((x - 4) / 2.0) ** 2) - ((y - 4) / 2.0) ** 2)


def some_boxes(image: Array, count: int = 12) -> NDArray[np.float64]:
    """Boxes x1 y1 x2 y2 on a picture, several of them over each other."""
    rng = Rng(0).at("boxes")
    size = np.array([image.shape[1], image.shape[0]], dtype=np.float64)
    corner = rng.unit("corner", (count, 2)) * 0.4 * size
    return np.concatenate([corner, corner + (0.2 + 0.3 * rng.unit("size", (count, 2))) * size], axis=1)


def annotated(image: Array) -> Sample:
    """A sample with a box and its label, as mixing techniques want it."""
    h, w = image.shape[:2]
    y, x = np.mgrid[:h, :w] + 0.5
    disk = ((x / w - 0.5) / 0.25) ** 2 + ((y / h - 0.5) / 0.3) ** 2 <= 1.0
    if not disk.any():
        disk[h // 2, w // 2] = True
    ys, xs = np.nonzero(disk)
    box = [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
    return Sample(image, label=0, class_names=["a", "b"], boxes=[box], labels=[0], masks=disk[None])


_KERNEL = np.array([[-1.0, -1.0, -1.0], [-1.0, 9.0, -1.0], [-1.0, -1.0, -1.0]])
_SEPIA = [[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]]

BY_NAME: dict[str, Maker] = {
    "b": lambda image: descriptors(48)[::-1].copy(),
    "box": lambda image: np.array([0.2, 0.1, 0.8, 0.9]) * (list(image.shape[1::-1]) * 2),
    "corners": _corners,
    "hit": lambda image: np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], dtype=np.bool_),
    "kernel": lambda image: _KERNEL,
    "markers": seeds,
    "matrix": lambda image: np.array(_SEPIA),
    "message": lambda image: "Opsin",
    "miss": lambda image: np.zeros((3, 3), np.bool_),
    "other_points": lambda image: _grid(image, 0.04),
    "patch": _piece,
    "points": lambda image: _grid(image, 0.0),
    "psf": lambda image: bell(),
    "seeds": seeds,
    "template": lambda image: _piece(image, 0.3),
    "warp": lambda image: Warp.of(
        about((image.shape[1] / 2, image.shape[0] / 2), turn(10.0)), Size(image.shape[1], image.shape[0])
    ),
}
BY_OP: dict[tuple[str, str], Maker] = {
    ("mixup", "alpha"): lambda image: 0.4,
    ("cutmix", "alpha"): lambda image: 1.0,
    ("aug_mix", "geometry"): lambda image: False,  # laws give it samples with boxes
    ("align_face", "landmarks"): lambda image: np.array([[0.38, 0.4], [0.62, 0.42]]) * image.shape[1::-1],
    ("center_crop", "fraction"): lambda image: 0.7,
    ("crop", "left"): lambda image: image.shape[1] // 4,
    ("crop", "top"): lambda image: image.shape[0] // 4,
    ("crop", "width"): lambda image: max(1, image.shape[1] // 2),
    ("crop", "height"): lambda image: max(1, image.shape[0] // 2),
    ("crop_at", "width"): lambda image: max(1, image.shape[1] // 2),
    ("crop_at", "height"): lambda image: max(1, image.shape[0] // 2),
    ("ica", "components"): lambda image: 2,
    ("morph", "other_points"): lambda image: _grid(image, 0.04),
    ("morph", "points"): lambda image: _grid(image, 0.0),
    ("normalize", "mean"): lambda image: "imagenet" if image.ndim == 3 and image.shape[2] in (3, 4) else "half",
    ("normalize", "std"): lambda image: "imagenet" if image.ndim == 3 and image.shape[2] in (3, 4) else "half",
    ("random_crop", "width"): lambda image: max(1, image.shape[1] // 2),
    ("random_crop", "height"): lambda image: max(1, image.shape[0] // 2),
    ("color_jitter", "brightness"): lambda image: 0.4,
    ("color_jitter", "contrast"): lambda image: 0.4,
    ("color_jitter", "saturation"): lambda image: 0.4,
    ("color_jitter", "hue"): lambda image: 0.1,
    ("degrade", "std"): lambda image: 0.03,
    ("detect_faces", "method"): lambda image: "lbp",  # needs no file that may be missing
    ("non_max_suppression", "scores"): lambda image: np.linspace(0.9, 0.2, 12),
    ("seamless_clone", "left"): lambda image: image.shape[1] // 3,
    ("seamless_clone", "mask"): lambda image: np.ones(_piece(image).shape[:2], np.bool_),
    ("seamless_clone", "top"): lambda image: image.shape[0] // 3,
    ("standardize", "scope"): lambda image: "image",
    ("tone_curve", "points"): lambda image: [(0.0, 0.0), (0.25, 0.15), (0.75, 0.85), (1.0, 1.0)],
}


PICKY: dict[str, str] = {
    "register": "pictures below 16 pixels or without texture cannot be laid on each other",
    "register_ecc": "pictures below 16 pixels, without texture or unlike each other are refused",
    "hide": "a small picture has no room for a message, and a float has no last bit",
    "reveal": "a picture must hold a message",
    "find_homography": "two pictures must show the same scene, with features to find",
}
"""Techniques that rightly refuse most small generated pictures, or a dtype, and why."""
SLOW = frozenset(
    {"bm3d", "clahe", "dictionary_denoise", "inpaint", "read_text", "register", "register_ecc", "register_volume"}
)
"""Techniques that take long even on small pictures: the laws try a third of the calls."""


# --- values -------------------------------------------------------------------------------------------------------
def example(spec: OpSpec, param: Param, image: Array) -> Any:
    """Make a suitable value of one parameter for a picture.

    Raises:
        LookupError: neither role, name nor default tell what it may be.
    """
    made = BY_OP.get((spec.name, param.name)) or (BY_NAME.get(param.name) if takes_array(param) else None)
    if made is not None:
        return made(image)
    if isinstance(param.kind, Partner):
        partner = annotated(other_picture(image))
        return partner if param.partners == 1 else (partner,) * param.partners
    if param.supplied:
        return Rng(7)
    if param.default is not REQUIRED:
        return param.default
    return _of_kind(spec, param, param.kind, image)


def takes_array(param: Param) -> bool:
    """Say whether a parameter wants an array, a list or text, which no range describes."""
    kinds = param.kind.kinds if isinstance(param.kind, Either) else (param.kind,)
    plain = any(isinstance(k, ArrayKind | Listing | Tuple | Text) for k in kinds)
    known = any(isinstance(k, Number | Flag | OneOf) for k in kinds)
    return param.required and (plain or not known)


def _of_kind(spec: OpSpec, param: Param, kind: Kind, image: Array) -> Any:
    if isinstance(kind, Either):
        return _of_kind(spec, param, kind.kinds[0], image)
    if isinstance(kind, Number):
        return middle(param)
    if isinstance(kind, OneOf):
        return kind.options[0]
    if isinstance(kind, Flag):
        return True
    if isinstance(kind, Tuple):
        return tuple(_of_kind(spec, param, k, image) for k in kind.items)
    if isinstance(kind, Listing):
        return (_of_kind(spec, param, kind.item, image),) * 2
    if isinstance(kind, ArrayKind):
        h, w = image.shape[:2]
        if kind.role in ("image", "rgb", "gray"):
            return moved_picture(image)
        if kind.role == "mask":
            return blobs(h, w, param.name)
        if kind.role == "labels":
            return seeds(image)
        if kind.shape.axes == 3:
            return volume(image, 0.5)
    raise LookupError(f"{spec.name}: no example is known for {param.name}; add one to opsin.testing.examples.BY_OP.")


def arguments(op: Op, image: Array, fixed: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Make the arguments of a typical call on a picture: what is required, and what the tables know better."""
    spec, out = op.spec, dict(fixed or {})
    for param in spec.params.values():
        if param.name in out:
            continue
        optional_chance = param.supplied and not param.required and not out.get("corners")
        if param.required or (spec.name, param.name) in BY_OP or optional_chance:
            out[param.name] = example(spec, param, image)
    return out


def target(op: Op, image: Array) -> Any:
    """Make the first input of a technique from a picture: the picture, a mask of it, frames, or a sample."""
    takes = op.spec.takes
    if op.name == "reveal" and image.dtype != np.float32 and image.size >= 4000:
        return op_of("hide").public(image, message="Opsin")
    if takes == "sample":
        return annotated(image)
    if takes == "mask":
        return blobs(image.shape[0], image.shape[1], "target")
    if takes == "labels":
        return blobs(image.shape[0], image.shape[1], "target").astype(np.int32)
    if takes == "boxes":
        return some_boxes(image)
    if takes == "descriptors":
        return descriptors(40)
    if takes == "volume":
        return volume(image)
    if takes == "frames":
        return np.stack([image, moved_picture(image), other_picture(image)])
    if takes == "rgb" and (image.ndim == 2 or image.shape[2] not in (3, 4)):
        gray = image if image.ndim == 2 else image[..., 0]
        return np.ascontiguousarray(np.stack([gray] * 3, axis=2))
    return image
