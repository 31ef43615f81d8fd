"""What the gallery varies: which parameters of a technique, and at which values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from opsin.chance import Rng
from opsin.kinds import Either, OneOf
from opsin.op import Op
from opsin.spec import Param
from opsin.surfaces.scenes import smaller
from opsin.testing import examples

__all__ = ["Row", "rows"]


@dataclass(frozen=True)
class Row:
    """One row of pictures: what they vary, and (caption, arguments) of each."""

    title: str
    calls: tuple[tuple[str, dict[str, Any]], ...]


_NOT_VARIED = ("border", "channels", "fill", "kernel", "back", "rng", "eps", "anchor", "seed")
_NEEDS_A_FILE = {("detect_faces", "yunet")}
"""Options that work only with a file of weights that nobody has without asking for it."""
_MAIN = {"grid_distort": "distortion", "thin_plate": "distortion", "perspective": "distortion"}
_CHOSEN: dict[str, Callable[[int], list[dict[str, Any]]]] = {
    "affine": lambda s: [{"angle": -20.0}, {"angle": 20.0, "scale": 0.8}, {"scale": 1.2, "shear": 15.0}],
    "align_face": lambda s: [
        {"width": s, "height": s},
        {"width": s, "height": s, "eye_distance": 0.3},
        {"width": 3 * s // 4, "height": s, "eye_line": 0.35},
    ],
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
    "ica": lambda s: [{"components": 2}, {"components": 3}],
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
    "register_volume": lambda s: [{"transform": "rigid"}, {"transform": "affine"}],
    "rescale_intensity": lambda s: [{"in_range": "image"}, {"in_range": (0.2, 0.8)}],
    "resize": lambda s: [
        {"width": s, "height": s // 2},
        {"width": s // 2, "height": s},
        {"width": s // 4, "height": s // 4, "kernel": "nearest"},
    ],
    "rotate90": lambda s: [{"times": 1}, {"times": 2}, {"times": 3}],
    "safe_crop": lambda s: [{"width": 2 * s // 3, "height": 2 * s // 3, "rng": Rng(n)} for n in (1, 2, 3)],
    "seamless_clone": lambda s: [{"gradients": "patch"}, {"gradients": "mixed"}],
    "standardize": lambda s: [{"per_channel": True}, {"per_channel": False}],
    "tone_curve": lambda s: [
        {"points": [(0.0, 0.0), (0.25, 0.12), (0.75, 0.88), (1.0, 1.0)]},
        {"points": [(0.0, 0.15), (0.5, 0.5), (1.0, 0.85)]},
        {"points": [(0.0, 0.0), (0.3, 0.6), (1.0, 1.0)]},
    ],
    "window_intensity": lambda s: [
        {"center": 128.0, "width": 256.0},
        {"center": 60.0, "width": 100.0},
        {"center": 170.0, "width": 80.0},
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
    return text + {"degrees": "\u00b0", "px": " px"}.get(unit, f" {unit}" if unit and " " not in unit else "")


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
    options = [o for o in chosen.options if (op.name, o) not in _NEEDS_A_FILE]
    calls = [{param.name: o, **more} for o in options[:6]]
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
