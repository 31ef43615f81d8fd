"""More transforms of Albumentations: those whose parameters have to be worked out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

from opsin.importers.ranges import Found, near, ok
from opsin.importers.report import drawn

__all__ = ["glass_blur", "multiply", "pad", "scale", "shot_noise", "square", "thin_plate", "tone_curve", "zoom_blur"]


def square(item: Mapping[str, Any]) -> Found:
    """The eight ways to lay a square: a quarter turn, and the diagonal mirrored or not, are each of them as often."""
    return [{"rotate90": {"times": {"choice": [0, 1, 2, 3]}}}, {"transpose": {}, "p": 0.5}], "exact", ""


def thin_plate(item: Mapping[str, Any], edge: Mapping[str, Any]) -> Found:
    """Grid points moved at random; there by a normal deviate of a tenth of the scale, here evenly with that spread."""
    points = max(2, int(item["num_control_points"]))
    factor = 3**0.5 / 10 * (points - 1)
    reach = [min(0.5, float(v) * factor) for v in item["scale_range"]]
    words = {"points": points, "distortion": drawn(reach), **edge}
    return near(
        "thin_plate",
        words,
        "another random field: points are moved evenly, at most half a cell, and its edges bend less",
    )


def zoom_blur(item: Mapping[str, Any]) -> Found:
    """From 1 to the largest zoom."""
    words = {"amount": drawn([max(0.0, float(v) - 1.0) for v in item["max_factor"]])}
    return near("zoom_blur", words, "in equal ratios, with as many steps as the size asks")


def glass_blur(item: Mapping[str, Any]) -> Found:
    """Pixels changed with neighbors, between two blurs."""
    words = {"sigma": float(item["sigma"]), "radius": int(item["max_delta"]), "iterations": int(item["iterations"])}
    return near("glass_blur", words, "pixels are drawn by another rule")


def shot_noise(item: Mapping[str, Any]) -> Found:
    """Photons; there counted in linear light of gamma 2.2, here in the values, with the same spread at white."""
    low, high = sorted(2.2**2 / max(1e-6, float(v)) for v in item["scale_range"])
    words = {"photons": low if low == high else {"log_uniform": [low, high]}}
    return near(
        "shot_noise",
        words,
        "counted in the values, not in linear light: alike at white, less in the dark, and the mean stays",
    )


def multiply(item: Mapping[str, Any]) -> Found:
    """One factor for the picture is a brightness; one for each pixel is a speckle."""
    low, high = (float(v) for v in item["multiplier"])
    if not item.get("elementwise"):
        words = {"factor": drawn((low, high))}
        if not item.get("per_channel"):
            return ok("brightness", words)
        return near("brightness", words, "all channels by the same factor")
    steps: list[dict[str, Any]] = [{"speckle": {"std": (high - low) / 12**0.5}}]
    if low + high != 2.0:
        steps.append({"brightness": {"factor": (low + high) / 2}})
    return steps, "close", "factors are normal deviates with the same spread"


def tone_curve(item: Mapping[str, Any]) -> Found:
    """Curves of Bezier with two handles about 1/4 and 3/4: one of 49, at the middles of 7 equal parts of each draw."""
    spread = float(item["scale"])
    parts = [NormalDist().inv_cdf((i + 0.5) / 7) * spread for i in range(7)]
    curves = []
    for a in parts:
        for b in parts:
            low, high = min(1.0, max(0.0, 0.25 + a)), min(1.0, max(0.0, 0.75 + b))
            at = [i / 8 for i in range(9)]
            curve = [3 * (1 - t) ** 2 * t * low + 3 * (1 - t) * t**2 * high + t**3 for t in at]
            curves.append([[t, min(1.0, max(0.0, y))] for t, y in zip(at, curve, strict=True)])
    says = "one of 49 curves" + (", the same for all channels" if item.get("per_channel") else "")
    return near("tone_curve", {"points": {"choice": curves} if spread else curves[0]}, says)


def pad(item: Mapping[str, Any], edge: Mapping[str, Any]) -> Found:
    """Left, top, right, bottom; left and right, top and bottom; or one for all."""
    p = item["padding"]
    sides = list(p) * (4 // len(p)) if isinstance(p, Sequence) else [p] * 4
    return ok("pad", {**dict(zip(("left", "top", "right", "bottom"), map(int, sides), strict=True)), **edge})


def scale(item: Mapping[str, Any], kernel: Mapping[str, Any]) -> Found:
    """A factor about 1."""
    words = {"factor": drawn(item["scale_limit"], shift=1.0), **kernel}
    return near("scale", words, "sides are rounded, and what is made smaller is filtered first")
