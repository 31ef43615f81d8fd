"""Means and deviations by name: the figures that published networks were trained with."""

from __future__ import annotations

__all__ = ["DEVIATIONS", "MEANS"]

MEANS: dict[str, tuple[float, ...]] = {
    "imagenet": (0.485, 0.456, 0.406),
    "clip": (0.48145466, 0.4578275, 0.40821073),
    "half": (0.5,),
}
DEVIATIONS: dict[str, tuple[float, ...]] = {
    "imagenet": (0.229, 0.224, 0.225),
    "clip": (0.26862954, 0.26130258, 0.27577711),
    "half": (0.5,),
}
