"""From a label picture as it is stored to one class number per pixel of the upright picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from opsin.datasets.entry import Entry
from opsin.datasets.rules import Report
from opsin.errors import DatasetError, refusal
from opsin.io import Picture
from opsin.io.exif import orient
from opsin.types import Array

__all__ = ["VOID", "numbers_on"]

VOID = 255


def numbers_on(
    found: Picture, picture: Picture, colors: Sequence[Sequence[int]] | None, entry: Entry, report: Report
) -> Array | None:
    """Give H W class numbers that fit the picture; None where they belong to no picture of this size.

    Args:
        found: the label picture: numbers H W, or colors.
        picture: what it belongs to.
        colors: R, G, B of each class.
        entry: of the picture.
        report: where findings go.
    """
    assert entry.labels is not None
    file = entry.labels.path
    if colors is None and entry.labels.length >= 0 and found.image.ndim == 3 and not _gray(found.image):
        # shards of other people: a member may be called a mask and be meant for eyes
        report.add(file, entry.key, "unreadable_label", "the label picture is in colors of no known classes.")
        return None
    image = _numbers(found.image, colors, file, entry.key, report)
    facts = picture.facts
    if image.shape == (facts.size[1], facts.size[0]):
        return image
    if image.shape == (facts.raw_size[1], facts.raw_size[0]):
        if report.add(file, entry.key, "canvas_unrotated", "the label picture is turned with the picture."):
            return np.ascontiguousarray(orient(image, facts.orientation))
        return None
    got = f"{image.shape[1]} x {image.shape[0]}, the picture is {facts.size[0]} x {facts.size[1]}"
    report.add(file, entry.key, "canvas_mismatch", f"the label picture is {got}; it is left out.")
    return None


def _numbers(image: Array, colors: Sequence[Sequence[int]] | None, file: str, key: str, report: Report) -> Array:
    if image.ndim == 2 and (colors is None or not _spread(colors)):
        return image
    if image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=2)
    image = image[..., :3]
    if colors is None and _gray(image):
        return np.ascontiguousarray(image[..., 0])
    if colors is None or image.dtype != np.uint8:
        hint = "Open the data set with colors=, or put class_dict.csv or labelmap.txt beside it."
        raise DatasetError(refusal("segmentation", file, "numbers of classes, or colors that are known", image, hint))
    weights = np.array([65536, 256, 1], np.int64)
    table = np.full(1 << 24, -1, np.int16)
    table[np.asarray(colors, np.int64) @ weights] = np.arange(len(colors))
    out = table[image.astype(np.int32) @ weights.astype(np.int32)]
    unknown = int((out < 0).sum())
    if unknown:
        report.add(file, key, "color_unknown", f"{unknown:,} pixels have a color of no class; they become {VOID}.")
        out[out < 0] = VOID
    return out.astype(np.uint8 if len(colors) <= VOID else np.uint16)


def _gray(image: Array) -> bool:
    return bool((image[..., :3] == image[..., :1]).all())


def _spread(colors: Any) -> bool:
    """Say whether the colors are grays: then gray label pictures are read by color, not by number."""
    return all(c[0] == c[1] == c[2] for c in colors)
