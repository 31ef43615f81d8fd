"""Paint a dot where an annotation is, move the picture, and find the dot where the annotation went."""

from __future__ import annotations

import numpy as np
import pytest

from opsin import Rng, Sample, op_of, ops

WIDTH, HEIGHT, SOFT = 161, 120, 2.0
KEYPOINTS = np.array([[[50.3, 41.0], [104.5, 60.2], [77.0, 84.6]]])
BOX = np.array([[58.0, 38.0, 99.0, 77.0]])
POLYGON = np.array([[62.5, 35.0], [108.0, 52.0], [90.0, 86.0], [55.0, 70.0]])

CALLS = [
    *[("orient", {"orientation": k}) for k in range(1, 9)],
    ("resize", {"width": 97, "height": 140}),
    ("resize", {"width": 300, "height": 211, "kernel": "opencv-linear"}),
    ("resize", {"width": 120, "height": 90, "kernel": "lanczos"}),
    ("resize", {"width": 120, "height": 90, "kernel": "area"}),
    ("resize", {"width": 230, "height": 100, "kernel": "nearest"}),
    ("resize_shorter", {"size": 77}),
    ("resize_longer", {"size": 233}),
    ("letterbox", {"width": 128, "height": 128, "fill": 0.0}),
    ("letterbox", {"width": 100, "height": 210, "x": 1.0, "y": 0.2, "fill": 0.0}),
    ("letterbox", {"width": 301, "height": 302, "enlarge": False, "fill": 0.0}),
    ("scale", {"factor": 0.61}),
    ("scale", {"factor": 1.7}),
    ("crop", {"left": 31, "top": 14, "width": 110, "height": 93}),
    ("center_crop", {"width": 120, "height": 101}),
    ("center_crop", {"fraction": 0.75}),
    ("crop_at", {"width": 130, "height": 100, "x": 0.9, "y": 0.3}),
    ("pad", {"left": 7, "bottom": 33, "border": "constant"}),
    ("random_crop", {"width": 140, "height": 104, "rng": Rng(1)}),
    ("random_crop", {"width": 140, "height": 104, "rng": Rng(2)}),
    *[
        ("random_resized_crop", {"width": 150, "height": 130, "area": (0.5, 1.0), "rng": Rng(seed)})
        for seed in range(6)
    ],
    ("flip_horizontal", {}),
    ("flip_vertical", {}),
    ("transpose", {}),
    *[("rotate90", {"times": n}) for n in (-1, 1, 2, 7)],
    *[("rotate", {"angle": a, "keep": k}) for a, k in ((17.0, "size"), (-33.0, "all"), (8.0, "inside"), (90.0, "all"))],
    ("translate", {"x": 0.113, "y": -0.07}),
    ("shear", {"x": 14.0}),
    ("shear", {"x": -9.0, "y": 11.0}),
    ("affine", {"angle": 12.0, "scale": 0.9, "shear": 8.0, "shear_y": -5.0, "x": 0.04, "y": -0.06}),
    *[("perspective", {"distortion": 0.35, "rng": Rng(seed)}) for seed in range(4)],
    ("perspective", {"corners": [[10, 4], [150, 12], [140, 118], [3, 100]]}),
]


def painted(points):
    """One channel a point, with a soft round dot on it."""
    x, y = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
    planes = [np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * SOFT**2)) for px, py in points]
    return np.stack(planes, axis=-1).astype(np.float32)


def found(image):
    """The middle of the dot in each channel, NaN where it touches the edge or is gone."""
    out = []
    for plane in np.moveaxis(image.astype(np.float64), 2, 0):
        rim = max(plane[0].max(), plane[-1].max(), plane[:, 0].max(), plane[:, -1].max())
        if plane.max() < 0.3 or rim > 0.02:
            out.append((np.nan, np.nan))
            continue
        y, x = np.mgrid[0 : plane.shape[0], 0 : plane.shape[1]] + 0.5
        weight = np.where(plane > 0.05, plane, 0.0)
        out.append(((x * weight).sum() / weight.sum(), (y * weight).sum() / weight.sum()))
    return np.array(out)


@pytest.mark.parametrize(("name", "params"), CALLS, ids=[f"{n}-{i}" for i, (n, _) in enumerate(CALLS)])
def test_annotations_follow(name, params):
    corners = BOX[0][[0, 1, 2, 1, 2, 3, 0, 3]].reshape(4, 2)
    points = np.concatenate([KEYPOINTS[0], corners, POLYGON])
    boxed = Sample(painted(points), boxes=BOX, keypoints=KEYPOINTS)
    outlined = Sample(painted(points), polygons=[POLYGON])
    technique = getattr(ops, name)
    out, shape = technique(boxed, **params, channels="bands"), technique(outlined, **params, channels="bands")
    assert (out.size.height, out.size.width) == out.image.shape[:2]
    dots = found(out.image)
    seen = np.isfinite(dots).all(axis=1)
    assert seen.sum() >= 7, "the test must see most dots"

    (one,), (other,) = list(out.instances), list(shape.instances)
    assert np.abs(one.keypoints[:, :2] - dots[:3])[seen[:3]].max() < 0.7
    if seen[3:7].all():
        assert np.abs(one.box - np.concatenate([dots[3:7].min(axis=0), dots[3:7].max(axis=0)])).max() < 0.7
    vertices = np.concatenate(other.polygons)
    for dot in dots[7:][seen[7:]]:
        assert np.hypot(*(vertices - dot).T).min() < 0.7

    back = out.to_original(points=dots[seen])
    assert np.abs(back - points[seen]).max() < 0.7 * max(1.0, WIDTH / out.size.width, HEIGHT / out.size.height)


def test_every_rigid_and_frame_technique_is_here():
    here = {name for name, _ in CALLS}
    for name in ("frame", "crops", "random_crop", "rigid"):
        family = {n for n in op_names() if op_of(n).spec.family == name}
        assert family <= here, family - here


def op_names():
    from opsin import list_ops

    return list_ops()
