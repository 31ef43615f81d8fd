"""Preprocessing as configuration: Hugging Face's `preprocessor_config.json` and timm's data config."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from opsin.errors import PipelineError, refusal
from opsin.importers.report import Built, Imported

__all__ = ["from_huggingface", "from_timm"]

_PIL = {0: "nearest", 1: "lanczos", 2: "pillow-bilinear", 3: "pillow-bicubic", 4: "area"}
_NAMED = {"nearest": "nearest", "bilinear": "pillow-bilinear", "bicubic": "pillow-bicubic", "lanczos": "lanczos"}


def _read(source: Any, where: str) -> Mapping[str, Any]:
    if isinstance(source, Mapping):
        return source
    if isinstance(source, str | os.PathLike):
        from opsin.io import read_bytes
        from opsin.io.parse import parse_json

        text = os.fspath(source)
        data = text.encode() if text.lstrip().startswith("{") else read_bytes(source).data
        found = parse_json(data, source=text[:60])
        if isinstance(found, Mapping):
            return found
    raise PipelineError(refusal(where, "source", "a mapping, JSON text or a file's name", source))


def from_huggingface(source: Any) -> Imported:
    """Bring over an image processor's configuration.

    Args:
        source: the mapping, JSON text, or the path of `preprocessor_config.json`.

    Returns:
        a pipeline that gives the tensor that the processor gives (its slow, Pillow form), and notes.
    """
    config, built = _read(source, "from_huggingface"), Built()
    size = config.get("size")
    kernel = _PIL.get(int(config.get("resample", 2)))
    if config.get("do_convert_rgb"):
        built.add({"to_rgb": {}}, training=False)
        built.note("do_convert_rgb", "close", "RGBA is laid on white; Pillow's convert drops alpha")
    if config.get("do_resize", False) and size is not None:
        _resize(built, size, kernel, config)
    if config.get("do_center_crop", False):
        crop = config.get("crop_size", config.get("size"))
        width, height = _both(crop)
        built.add({"center_crop": {"width": width, "height": height}}, training=False)
        built.note("do_center_crop", "exact")
    if config.get("do_pad"):
        built.note("do_pad", "left out", "pads a batch to its largest picture, which is not a step of one picture")
    _scale(built, config)
    for word in sorted(k for k, v in config.items() if k.startswith("do_") and v is True and k not in _KNOWN):
        built.note(word, "left out", "not known")
    return built.finish()


_KNOWN = {"do_convert_rgb", "do_resize", "do_center_crop", "do_pad", "do_rescale", "do_normalize"}


def _both(size: Any) -> tuple[int, int]:
    if isinstance(size, Mapping):
        if "shortest_edge" in size:
            return int(size["shortest_edge"]), int(size["shortest_edge"])
        return int(size["width"]), int(size["height"])
    return int(size), int(size)


def _resize(built: Built, size: Any, kernel: str | None, config: Mapping[str, Any]) -> None:
    if kernel is None:
        built.note("do_resize", "left out", f"resample {config.get('resample')} is not known")
        return
    fraction = config.get("crop_pct")
    named = str(config.get("image_processor_type", config.get("feature_extractor_type", "")))
    convnext = named.startswith("ConvNext") or (fraction and "do_center_crop" not in config)
    if convnext and isinstance(size, Mapping) and "shortest_edge" in size:
        # ConvNeXt's processor crops by itself below 384, and stretches from there on
        edge = int(size["shortest_edge"])
        if edge < 384:
            longer = int(edge / (fraction or 224 / 256))
            built.add({"resize_shorter": {"size": longer, "kernel": kernel}}, training=False)
            built.add({"center_crop": {"width": edge, "height": edge}}, training=False)
        else:
            built.add({"resize": {"width": edge, "height": edge, "kernel": kernel}}, training=False)
    elif isinstance(size, Mapping) and "shortest_edge" in size:
        edge = int(size["shortest_edge"])
        edge = int(edge / fraction) if fraction else edge
        built.add({"resize_shorter": {"size": edge, "kernel": kernel}}, training=False)
        if "longest_edge" in size:
            built.note("do_resize", "close", "longest_edge is not kept")
            return
    elif isinstance(size, Mapping) and "longest_edge" in size:
        built.add({"resize_longer": {"size": int(size["longest_edge"]), "kernel": kernel}}, training=False)
    elif isinstance(size, Mapping) and not {"width", "height"} <= set(size):
        built.note("do_resize", "left out", f"a size of {', '.join(sorted(map(str, size)))} is not known")
        return
    else:
        width, height = _both(size)
        built.add({"resize": {"width": width, "height": height, "kernel": kernel}}, training=False)
    built.note("do_resize", "exact", "by Pillow's kernel; processors that resize tensors differ by up to one level")


def _scale(built: Built, config: Mapping[str, Any]) -> None:
    factor = float(config.get("rescale_factor", 1 / 255))
    if config.get("do_rescale", True) and abs(factor - 1 / 255) > 1e-9:
        built.note("do_rescale", "left out", f"a factor of {factor:g} is not 1/255")
    elif config.get("do_rescale", True):
        built.note("do_rescale", "exact")
    if config.get("do_normalize"):
        mean, std = config.get("image_mean", 0.5), config.get("image_std", 0.5)
        built.add({"normalize": {"mean": mean, "std": std}}, training=False)
        built.note("do_normalize", "exact")
    built.add({"to_tensor": {}}, training=False)


def from_timm(source: Any) -> Imported:
    """Bring over a timm data config (`timm.data.resolve_data_config(...)`, or a model's `pretrained_cfg`).

    Args:
        source: the mapping, JSON text or a file's name; it has input_size, crop_pct, interpolation, mean, std.
    """
    config, built = _read(source, "from_timm"), Built()
    _, height, width = config.get("input_size", (3, 224, 224))
    kernel = _NAMED.get(str(config.get("interpolation", "bilinear")))
    if kernel is None:
        raise PipelineError(
            refusal("from_timm", "interpolation", "one of " + ", ".join(_NAMED), config["interpolation"])
        )
    part = float(config.get("crop_pct") or 0.875)
    mode = str(config.get("crop_mode", "center"))
    if mode == "squash":
        built.add(
            {"resize": {"width": int(width / part), "height": int(height / part), "kernel": kernel}}, training=False
        )
    else:
        built.add({"resize_shorter": {"size": int(min(width, height) / part), "kernel": kernel}}, training=False)
    if mode == "border":
        built.note("crop_mode", "close", "border pads to the longer side; the center is cropped instead")
    built.note("resize", "exact" if width == height else "close")
    built.add({"center_crop": {"width": int(width), "height": int(height)}}, training=False)
    built.note("center_crop", "exact")
    mean, std = config.get("mean", (0.485, 0.456, 0.406)), config.get("std", (0.229, 0.224, 0.225))
    built.add({"normalize": {"mean": list(mean), "std": list(std)}}, training=False)
    built.note("normalize", "exact")
    built.add({"to_tensor": {}}, training=False)
    return built.finish()
