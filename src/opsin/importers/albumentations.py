"""Albumentations 2.0.8, from its serialized form (`A.to_dict(...)`, JSON or YAML text, or the Compose itself)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from opsin.errors import PipelineError, refusal
from opsin.importers import albumentations_more as more
from opsin.importers.ranges import Found, near, of_range, of_whole, ok
from opsin.importers.report import MIDDLES, Built, Imported, axis, drawn, jitter

__all__ = ["from_albumentations"]

_BORDERS = {0: "constant", 1: "replicate", 2: "symmetric", 3: "wrap", 4: "reflect", 101: "reflect"}
_KERNELS = {0: "nearest", 1: "opencv-linear", 2: "pillow-bicubic", 3: "area", 4: "lanczos"}
_GROUPS = ("OneOf", "SomeOf", "Sequential", "Compose", "OneOrOther", "RandomOrder")


def from_albumentations(source: Any, seed: int = 0) -> Imported:
    """Bring over a serialized Albumentations pipeline.

    Args:
        source: what `A.to_dict` gives, its JSON or YAML text, or an object with `to_dict`.
        seed: the pipeline's seed.

    Returns:
        the pipeline and a note per transform: `exact` means the same picture or the same distribution, within OpenCV's
        rounding; `close` says what differs; `left out` says why.

    Raises:
        PipelineError: not a serialized pipeline.
    """
    data = _read(source)
    built = Built()
    for item in _items(data):
        for step in _step(built, item):
            built.add(step, training=True)
    return built.finish(seed)


def _read(source: Any) -> Mapping[str, Any]:
    if hasattr(source, "to_dict"):
        source = source.to_dict()
    if isinstance(source, str):
        from opsin.io.parse import parse_yaml

        source = parse_yaml(source, source="albumentations").value
    if isinstance(source, Mapping) and "transform" in source:
        source = source["transform"]
    if not isinstance(source, Mapping) or "__class_fullname__" not in source:
        hint = "Use albumentations.to_dict(transform)."
        raise PipelineError(refusal("from_albumentations", "source", "a serialized pipeline", source, hint))
    return source


def _items(data: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return data["transforms"] if _name(data) in ("Compose", "Sequential") else [data]


def _name(item: Mapping[str, Any]) -> str:
    return str(item["__class_fullname__"]).rpartition(".")[2]


def _step(built: Built, item: Mapping[str, Any]) -> list[dict[str, Any]]:
    name = _name(item)
    if name in _GROUPS:
        return _group(built, name, item)
    if name == "NoOp":
        built.note(name, "exact")
        return []
    maker = _STEPS.get(name)
    if maker is None:
        built.note(name, "left out", "Opsin has no technique for it")
        return []
    if name == "ToFloat" and built.floats:
        built.note(name, "exact", "the numbers are fractions already")
        return []
    steps, verdict, says = maker(item)
    built.floats = built.floats or any("normalize" in s for s in steps)
    built.note(name, verdict, says)
    p = float(item.get("p", 1.0))
    if p >= 1.0:
        return steps
    if len(steps) == 1:
        return [{**steps[0], "p": p}]
    return [{"some_of": {"count": len(steps), "steps": steps}, "p": p}]


def _group(built: Built, name: str, item: Mapping[str, Any]) -> list[dict[str, Any]]:
    inner = [step for child in item["transforms"] for step in _step(built, {**child, "p": _inside(name, child)})]
    if not inner:
        return []
    p = float(item.get("p", 1.0))
    tail: dict[str, Any] = {"p": p} if p < 1.0 else {}
    if name == "OneOf":
        weights = [float(c.get("p", 1.0)) for c in item["transforms"]]
        body: Any = {"weights": weights, "steps": inner} if len(weights) == len(inner) else inner
        built.note(name, "exact" if len(weights) == len(inner) else "close")
        return [{"one_of": body, **tail}]
    if name in ("SomeOf", "RandomOrder"):
        count = min(int(item.get("n", len(inner))), len(inner))
        built.note(name, "close", "all steps are alike, without their weights" if name == "SomeOf" else "")
        return [{"some_of": {"count": count, "steps": inner}, **tail}]
    if p < 1.0:
        built.note(name, "close", "its steps are run in drawn order")
        return [{"some_of": {"count": len(inner), "steps": inner}, **tail}]
    return inner


def _inside(name: str, child: Mapping[str, Any]) -> float:
    """Inside OneOf and SomeOf a child's p is its weight, not its chance."""
    return 1.0 if name in ("OneOf", "SomeOf") else float(child.get("p", 1.0))


# --- one transform each ---------------------------------------------------------------------------------------------
def _plain(op: str) -> Callable[[Mapping[str, Any]], Found]:
    return lambda item: ok(op)


def _edge(item: Mapping[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    border = _BORDERS.get(int(item.get("border_mode", 0)), "constant")
    if border != "constant":
        out["border"] = border
    fill = item.get("fill", 0.0)
    values = [float(v) / 255 for v in fill] if isinstance(fill, Sequence) else float(fill) / 255
    if values:
        out["fill"] = values
    return out


def _kernel(item: Mapping[str, Any]) -> dict[str, str]:
    return {"kernel": _KERNELS.get(int(item.get("interpolation", 1)), "opencv-linear")}


def _resize(item: Mapping[str, Any]) -> Found:
    words = {"width": item["width"], "height": item["height"], **_kernel(item)}
    return ok("resize", words) if item.get("interpolation", 1) in (0, 1) else near("resize", words, "another kernel")


def _max_size(op: str) -> Callable[[Mapping[str, Any]], Found]:
    def make(item: Mapping[str, Any]) -> Found:
        size = item["max_size"]
        if not isinstance(size, int):
            return [], "left out", "several sizes"
        return near(op, {"size": size, **_kernel(item)}, "the other side is cut off, not rounded: at most one pixel")

    return make


def _pad_if_needed(item: Mapping[str, Any]) -> Found:
    if item.get("min_height") is None or item.get("min_width") is None:
        return [], "left out", "padding to a divisor"
    words = {"width": item["min_width"], "height": item["min_height"], "enlarge": False, **_edge(item)}
    words.setdefault("fill", 0.0)
    return near("letterbox", words, "pictures that are larger are shrunk, where PadIfNeeded leaves them")


def _crop(op: str) -> Callable[[Mapping[str, Any]], Found]:
    return lambda item: ok(op, {"width": item["width"], "height": item["height"]})


def _center_crop(item: Mapping[str, Any]) -> Found:
    says = "where an odd number of pixels goes, the crop may lie one pixel further right or down"
    return near("center_crop", {"width": item["width"], "height": item["height"]}, says)


def _fixed_crop(item: Mapping[str, Any]) -> Found:
    x, y = item["x_min"], item["y_min"]
    return ok("crop", {"left": x, "top": y, "width": item["x_max"] - x, "height": item["y_max"] - y})


def _resized_crop(item: Mapping[str, Any]) -> Found:
    height, width = item["size"]
    words = {
        "width": width,
        "height": height,
        "area": list(item["scale"]),
        "ratio": list(item["ratio"]),
        **_kernel(item),
    }
    return ok("random_resized_crop", words)


_COARSE = "OpenCV rounds positions to 1/32 pixel"


def _rotate(item: Mapping[str, Any]) -> Found:
    words = {"angle": drawn(item["limit"]), **_edge(item)}
    if item.get("crop_border"):
        words["keep"] = "inside"
    return near("rotate", words, _COARSE)


def _safe_rotate(item: Mapping[str, Any]) -> Found:
    return near("rotate", {"angle": drawn(item["limit"]), "keep": "all", **_edge(item)}, "the canvas grows, unscaled")


def _affine(item: Mapping[str, Any]) -> Found:
    words: dict[str, Any] = {"angle": drawn(item["rotate"])}
    words["scale"] = drawn(axis(item["scale"], "x"))
    # a positive shear along x leans the other way there
    words["shear"], words["shear_y"] = drawn(axis(item["shear"], "x"), -1.0), drawn(axis(item["shear"], "y"))
    if item.get("translate_percent"):
        words["x"] = drawn(axis(item["translate_percent"], "x"))
        words["y"] = drawn(axis(item["translate_percent"], "y"))
    says = "shears are composed in another order"
    pixels = item.get("translate_px")
    if pixels and any(any(axis(pixels, a) or (0,)) for a in "xy"):
        says += "; shifts in pixels are left out"
    return near("affine", {**words, **_edge(item)}, says)


def _shift_scale_rotate(item: Mapping[str, Any]) -> Found:
    words = {
        "angle": drawn(item["rotate_limit"]),
        "scale": drawn(item["scale_limit"], shift=1.0),
        "x": drawn(item["shift_limit_x"]),
        "y": drawn(item["shift_limit_y"]),
    }
    return near("affine", {**words, **_edge(item)}, f"shifts and turns may be a pixel apart; {_COARSE}")


def _perspective(item: Mapping[str, Any]) -> Found:
    says = "corners are drawn evenly, not from a normal distribution"
    return near("perspective", {"distortion": min(1.0, 2 * float(item["scale"][1])), **_edge(item)}, says)


def _elastic(item: Mapping[str, Any]) -> Found:
    return near("elastic", {"alpha": item["alpha"], "sigma": item["sigma"], **_edge(item)}, "other random fields")


def _grid(item: Mapping[str, Any]) -> Found:
    words = {"steps": item["num_steps"], "distortion": max(abs(v) for v in item["distort_limit"])}
    return near("grid_distort", {**words, **_edge(item)}, "nodes are moved by another rule")


def _lens(item: Mapping[str, Any]) -> Found:
    low, high = item["distort_limit"]
    return near(
        "lens_distort", {"k1": drawn((-high, -low))}, "radii are counted from the half diagonal; the sign is turned"
    )


def _brightness_contrast(item: Mapping[str, Any]) -> Found:
    steps = [
        {"contrast": {"factor": drawn(item["contrast_limit"], shift=1.0)}},
        {"brightness": {"factor": drawn(item["brightness_limit"], shift=1.0)}},
    ]
    return steps, "close", "brightness is a factor, not an addition; contrast turns about the mean, not about black"


def _jitter(item: Mapping[str, Any]) -> Found:
    return jitter({name: item[name] for name in MIDDLES}, hue_says="hue is not rounded to 180 steps")


def _hsv(item: Mapping[str, Any]) -> Found:
    steps = [
        {"hue": {"shift": drawn(item["hue_shift_limit"], 1 / 180)}},
        {"saturation": {"factor": drawn(item["sat_shift_limit"], 1 / 128, 1.0)}},
        {"brightness": {"factor": drawn(item["val_shift_limit"], 1 / 128, 1.0)}},
    ]
    return steps, "close", "saturation and value are factors, not additions in HSV"


def _rgb_shift(item: Mapping[str, Any]) -> Found:
    return ok("rgb_shift", {c: drawn(item[f"{c}_shift_limit"], 1 / 255) for c in "rgb"})


def _to_gray(item: Mapping[str, Any]) -> Found:
    if item.get("method", "weighted_average") != "weighted_average":
        return near("to_gray", {"channels": item["num_output_channels"]}, "BT.601 weights")
    return ok("to_gray", {"channels": item["num_output_channels"]})


def _odd(limits: Sequence[float]) -> Any:
    """Turn a range of window sizes 3..7 into a range of radii 1..3."""
    low, high = (max(1, (int(v) - 1) // 2) for v in limits)
    return low if low == high else {"uniform": [low, high]}


def _gaussian_blur(item: Mapping[str, Any]) -> Found:
    return near("gaussian_blur", {"sigma": drawn(item["sigma_limit"])}, "the window is as wide as sigma asks")


def _motion_blur(item: Mapping[str, Any]) -> Found:
    low, high = item["blur_limit"]
    words = {"length": drawn((float(low), float(high))), "angle": drawn(item["angle_range"])}
    return near("motion_blur", words, "the line is smoothed and centered")


def _noise(item: Mapping[str, Any]) -> Found:
    words = {"std": drawn(item["std_range"])}
    plain = list(item.get("mean_range", (0, 0))) == [0.0, 0.0] and item.get("per_channel", True)
    return ok("gaussian_noise", words) if plain else near("gaussian_noise", words, "mean 0, every channel by itself")


def _iso(item: Mapping[str, Any]) -> Found:
    words = {"intensity": drawn(item["intensity"]), "color_shift": drawn(item["color_shift"])}
    return near("iso_noise", words, "brightness is kept")


def _compression(item: Mapping[str, Any]) -> Found:
    words = {"quality": drawn(item["quality_range"])}
    if isinstance(words["quality"], dict):
        words["quality"] = {"uniform": [int(v) for v in item["quality_range"]]}
    else:
        words["quality"] = int(words["quality"])
    jpeg = item.get("compression_type", "jpeg") == "jpeg"
    swapped = "Albumentations hands R, G, B over as B, G, R, so its losses fall on other colors"
    return near("jpeg_artifacts", words, swapped) if jpeg else near("jpeg_artifacts", words, "JPEG instead of WebP")


def _coarse(item: Mapping[str, Any]) -> Found:
    low, high = item["num_holes_range"]
    words = {
        "holes": low if low == high else {"uniform": [low, high]},
        "fraction": drawn([*item["hole_height_range"], *item["hole_width_range"]][:2]),
    }
    return near("cutout", words, "holes of one draw are alike, with the picture's own aspect")


def _erasing(item: Mapping[str, Any]) -> Found:
    return ok("random_erase", {"area": list(item["scale"]), "ratio": list(item["ratio"])})


def _normalize(item: Mapping[str, Any]) -> Found:
    if item.get("normalization", "standard") != "standard" or float(item.get("max_pixel_value", 255)) != 255:
        return [], "left out", "only normalization='standard' with max_pixel_value 255"
    return ok("normalize", {"mean": list(item["mean"]), "std": list(item["std"])})


_STEPS: dict[str, Callable[[Mapping[str, Any]], Found]] = {
    "Resize": _resize,
    "SmallestMaxSize": _max_size("resize_shorter"),
    "LongestMaxSize": _max_size("resize_longer"),
    "PadIfNeeded": _pad_if_needed,
    "CenterCrop": _center_crop,
    "RandomCrop": _crop("random_crop"),
    "Crop": _fixed_crop,
    "RandomResizedCrop": _resized_crop,
    "HorizontalFlip": _plain("flip_horizontal"),
    "VerticalFlip": _plain("flip_vertical"),
    "Transpose": _plain("transpose"),
    "RandomRotate90": lambda item: ok("rotate90", {"times": {"choice": [0, 1, 2, 3]}}),
    "Rotate": _rotate,
    "SafeRotate": _safe_rotate,
    "Affine": _affine,
    "ShiftScaleRotate": _shift_scale_rotate,
    "Perspective": _perspective,
    "ElasticTransform": _elastic,
    "GridDistortion": _grid,
    "OpticalDistortion": _lens,
    "RandomBrightnessContrast": _brightness_contrast,
    "ColorJitter": _jitter,
    "HueSaturationValue": _hsv,
    "RGBShift": _rgb_shift,
    "RandomGamma": of_range("gamma", scale=0.01, gamma="gamma_limit"),
    "CLAHE": of_range("clahe", "in CIE L*, not rounded to bytes", clip_limit="clip_limit"),
    "ToGray": _to_gray,
    "ToSepia": _plain("sepia"),
    "InvertImg": _plain("invert"),
    "Solarize": of_range("solarize", threshold="threshold_range"),
    "Posterize": of_whole("posterize", bits="num_bits"),
    "Equalize": lambda item: near("equalize", {}, "Pillow's rule, with Pillow's rounding"),
    "AutoContrast": lambda item: near("autocontrast", {"cutoff": item.get("cutoff", 0.0)}, "stretched, not by the CDF"),
    "ChannelShuffle": _plain("channel_shuffle"),
    "ChannelDropout": lambda item: near("channel_drop", {"channel": {"uniform": [0, 2]}}, "one channel"),
    "GridDropout": lambda item: near("grid_dropout", {"ratio": float(item["ratio"]), "cell": 64}, "cells of 64 px"),
    "Blur": lambda item: ok("box_blur", {"radius": _odd(item["blur_limit"])}),
    "MedianBlur": lambda item: ok("median_blur", {"radius": _odd(item["blur_limit"])}),
    "GaussianBlur": _gaussian_blur,
    "MotionBlur": _motion_blur,
    "Defocus": of_range("defocus_blur", "the disk's edge is smooth", radius="radius"),
    "Sharpen": lambda item: near("sharpen", {"amount": drawn(item["alpha"])}, "an unsharp mask instead of a kernel"),
    "UnsharpMask": lambda item: near("sharpen", {"amount": drawn(item["alpha"])}, "without a threshold"),
    "GaussNoise": _noise,
    "ISONoise": _iso,
    "ImageCompression": _compression,
    "Downscale": of_range("downscale", "linear down, linear up", factor="scale_range"),
    "CoarseDropout": _coarse,
    "PixelDropout": lambda item: ok("pixel_dropout", {"amount": float(item["dropout_prob"])}),
    "Erasing": _erasing,
    "SaltAndPepper": of_range("salt_pepper", "as much salt as pepper", amount="amount"),
    "FancyPCA": lambda item: ok("pca_jitter", {"std": float(item["alpha"])}),
    "RandomRain": lambda item: near("rain", {"amount": 0.5}, "another rain"),
    "RandomFog": of_range("fog", "another fog", amount="fog_coef_range"),
    "RandomSnow": of_range("snow", "another snow", amount="snow_point_range"),
    "RandomSunFlare": lambda item: near("sun_flare", {"amount": 0.5}, "another flare"),
    "RandomShadow": of_range("shadow", "other shadows", amount="shadow_intensity_range"),
    "Spatter": of_range("spatter", "other spatter", amount="intensity"),
    "PlanckianJitter": of_range("color_temperature", "Planck's law instead of a table", kelvin="temperature_limit"),
    "Normalize": _normalize,
    "ToTensorV2": lambda item: ok("to_tensor"),
    "D4": more.square,
    "ThinPlateSpline": lambda item: more.thin_plate(item, _edge(item)),
    "ZoomBlur": more.zoom_blur,
    "GlassBlur": more.glass_blur,
    "ShotNoise": more.shot_noise,
    "MultiplicativeNoise": more.multiply,
    "RandomToneCurve": more.tone_curve,
    "Pad": lambda item: more.pad(item, _edge(item)),
    "RandomScale": lambda item: more.scale(item, _kernel(item)),
    "ToFloat": lambda item: near("normalize", {"mean": 0.0, "std": 1.0}, "a fraction of full scale"),
}
