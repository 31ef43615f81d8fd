"""Albumentations, after the same decoder as OpenCV's."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from opsin.surfaces.bench.peers.common import BOXES, Work, decoder

__all__ = ["make"]


def make(name: str) -> Work | None:
    """Give the work of a pipeline."""
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    import albumentations as A
    import cv2

    cv2.setNumThreads(1)
    decode = decoder()
    cut = [A.RandomResizedCrop((224, 224), interpolation=cv2.INTER_AREA), A.HorizontalFlip(p=0.5)]
    steps: dict[str, list[Any]] = {
        "P1": [A.SmallestMaxSize(256, interpolation=cv2.INTER_AREA), A.CenterCrop(224, 224), A.Normalize()],
        "P2": [*cut, A.ColorJitter((0.6, 1.4), (0.6, 1.4), (0.6, 1.4), (-0.1, 0.1), p=1), A.Normalize()],
        "P3": [
            A.Rotate(15, p=1),
            A.Affine(scale=(0.9, 1.1), rotate=(-5, 5), shear=(-5, 5), p=1),
            A.Perspective((0.05, 0.1), p=1),
            *cut,
            A.Normalize(),
        ],
        "P4": [
            A.ColorJitter((0.7, 1.3), (0.7, 1.3), (0.7, 1.3), (0, 0), p=1),
            A.RandomGamma((70, 140), p=1),
            A.Posterize(6, p=1),
            A.Solarize((0.9, 0.9), p=1),
            A.ToGray(p=0.2),
            A.Normalize(),
        ],
        "P6": [
            A.LongestMaxSize(640),
            A.PadIfNeeded(640, 640, fill=114),
            A.HorizontalFlip(p=0.5),
            A.Affine(
                rotate=(-5, 5),
                scale=(0.8, 1.2),
                translate_percent={"x": (-0.1, 0.1), "y": (-0.1, 0.1)},
                fill=114,
                p=1,
            ),
            A.HueSaturationValue(4, 64, 38, p=1),
            A.Normalize((0, 0, 0), (1, 1, 1)),
        ],
    }
    steps["P5"] = steps["P1"]
    if name == "P6":
        work = A.Compose(steps[name], bbox_params=A.BboxParams("pascal_voc", label_fields=["labels"]))
        more: dict[str, Any] = {"bboxes": BOXES, "labels": np.zeros(len(BOXES))}
    else:
        work, more = A.Compose(steps[name]), {}

    def run(given: Any, key: int) -> Any:
        image = given if name == "P4" else decode(given)
        return np.ascontiguousarray(work(image=image, **more)["image"].transpose(2, 0, 1))

    return run
