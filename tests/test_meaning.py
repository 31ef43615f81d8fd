"""What moves is where we say it is: dots painted at key points, box corners and polygon vertices are found there.

Every dot has a channel of its own, so that dots never mix; its place is the center of gravity of what came out.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import opsin
from opsin import Pipeline, Rng, Sample, Skeleton, augment, ops, step
from opsin.errors import ParamError
from opsin.op import op_of
from opsin.testing.strategies import parameters

GEOMETRIC = [n for n in opsin.list_ops() if op_of(n).spec.shape == "geometric"]
H, W = 90, 118
SPREAD = 1.6  # of a dot, in pixels
BOX = (38.0, 30.0, 84.0, 61.0)
POLYGON = np.array([[30.0, 24.0], [88.5, 20.0], [92.0, 66.0], [58.0, 70.5], [27.0, 60.0]])
TURNED = (60.0, 45.0, 50.0, 24.0, 25.0)  # center, size, degrees
POINTS = np.array([[40.5, 40.5], [77.25, 38.0], [60.0, 48.75], [50.0, 62.0], [70.0, 60.5]])
SKELETON = Skeleton(("left", "right", "nose", "low_left", "low_right"), ((0, 2), (1, 2)), ((0, 1), (3, 4)))


def corners(x1, y1, x2, y2):
    return np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]])


def turned_corners():
    cx, cy, w, h, degrees = TURNED
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    flat = np.array([[-w, -h], [w, -h], [w, h], [-w, h]]) / 2
    return np.stack([cx + c * flat[:, 0] + s * flat[:, 1], cy - s * flat[:, 0] + c * flat[:, 1]], axis=1)


DOTS = np.concatenate([POINTS, corners(*BOX), POLYGON, turned_corners()])
PARTS = {"points": slice(0, 5), "box": slice(5, 9), "polygon": slice(9, 14), "turned": slice(14, 18)}


def painted(dots=DOTS, height=H, width=W):
    """A picture with one channel per dot: a small bell at each place."""
    y, x = np.mgrid[:height, :width] + 0.5
    reach = (x[..., None] - dots[:, 0]) ** 2 + (y[..., None] - dots[:, 1]) ** 2
    return np.exp(-reach / (2 * SPREAD**2)).astype(np.float32)


def scene():
    """The dots, and annotations that say where they are; the mask is an ellipse in the box."""
    y, x = np.mgrid[:H, :W] + 0.5
    x1, y1, x2, y2 = BOX
    ellipse = ((x - (x1 + x2) / 2) / (x2 - x1) * 2) ** 2 + ((y - (y1 + y2) / 2) / (y2 - y1) * 2) ** 2 <= 1.0
    image = np.concatenate([painted(), ellipse[..., None].astype(np.float32)], axis=2)
    visible = np.full((1, len(POINTS), 1), 2.0)
    return Sample(
        image,
        boxes=[BOX],
        polygons=[[POLYGON]],
        rotated_boxes=[TURNED],
        masks=ellipse[None],
        keypoints=np.concatenate([POINTS[None], visible], axis=2),
        skeleton=SKELETON,
        segmentation=ellipse.astype(np.uint8) * 3,
        labels=[7],
    )


def found(image, margin=5.0):
    """Where each dot is now: the center of gravity of its channel, NaN where it is not whole on the picture."""
    h, w = image.shape[:2]
    y, x = np.mgrid[:h, :w] + 0.5
    out = np.full((len(DOTS), 2), np.nan)
    for k in range(len(DOTS)):
        v = np.clip(image[..., k].astype(np.float64), 0.0, None)
        if v.max(initial=0.0) < 0.2:
            continue
        v[v < 0.05 * v.max()] = 0.0
        place = np.array([(v * x).sum(), (v * y).sum()]) / v.sum()
        near = max(margin, 3.0 * np.sqrt((v * ((x - place[0]) ** 2 + (y - place[1]) ** 2)).sum() / v.sum()))
        if near < place[0] < w - near and near < place[1] < h - near:
            out[k] = place
    return out


def check(out, room=0.3, what=""):
    """Compare the dots with the annotations of a moved scene; gives how many were found."""
    assert out.image.shape[:2] == (out.size.height, out.size.width), what
    seen = found(out.image)
    there = np.isfinite(seen[:, 0])
    expected = out.warp.push(DOTS)
    spread = room * max(1.0, _stretch(out))
    off = np.hypot(*(seen - expected)[there].T)
    assert (off <= spread).all(), f"{what}: dots are {off.max():.2f} px from where the warp says (room {spread:.2f})"
    if len(out.instances) == 0:
        return int(there.sum())
    row = next(iter(out.instances))
    assert row.label == 7

    points, found_points = row.keypoints, seen[PARTS["points"]]
    if out.warp.mirrors(POINTS.mean(axis=0)):  # left is where right was
        found_points = found_points[SKELETON.swap()]
    ok = np.isfinite(found_points[:, 0])
    off = np.hypot(*(points[:, :2] - found_points)[ok].T)
    assert (off <= spread).all(), f"{what}: key points are {off.max(initial=0):.2f} px off"
    assert (points[ok, 2] == 2).all(), f"{what}: a seen key point is not marked seen"

    bent = out.warp.matrix is None
    at = seen[PARTS["box"]]
    if np.isfinite(at).all():
        hull = np.concatenate([at.min(axis=0), at.max(axis=0)])
        if bent:  # edges may bulge beyond the corners, never fall short of them
            assert (row.box[:2] <= hull[:2] + spread).all() and (row.box[2:] >= hull[2:] - spread).all(), what
        elif out.warp.straight():
            assert np.abs(row.box - hull).max() <= spread, f"{what}: box {row.box}, dots {hull}"
        else:  # the polygon inside tightens the box of a turned object
            assert (row.box[:2] >= hull[:2] - spread).all() and (row.box[2:] <= hull[2:] + spread).all(), what
    at, ring = seen[PARTS["polygon"]], np.concatenate([*row.polygons, np.full((1, 2), np.inf)])
    for place in at[np.isfinite(at[:, 0])]:
        assert np.hypot(*(ring - place).T).min() <= spread, f"{what}: no vertex at {place}"
    at = seen[PARTS["turned"]]
    if np.isfinite(at).all() and not bent and out.instances.corners is not None:
        gap = np.hypot(*(out.instances.corners[0][:, None] - at[None]).transpose(2, 0, 1)).min(axis=1)
        assert gap.max() <= spread, f"{what}: corners of the rotated box are {gap.max():.2f} px off"

    for name, mask in (("mask", row.mask), ("segmentation", out.segmentation == 3)):
        shape = out.image[..., -1] > 0.5
        rim = np.count_nonzero(shape[:, 1:] != shape[:, :-1]) + np.count_nonzero(shape[1:] != shape[:-1])
        wrong = np.count_nonzero(mask != shape)
        assert wrong <= 0.75 * rim + 4, f"{what}: {name} and painted shape differ in {wrong} pixels, rim {rim}"
    return int(there.sum())


def _stretch(out):
    """The largest local enlargement: a dot that grew may be found that much less exactly."""
    step_x, step_y = (
        out.warp.push(np.add(DOTS, [0.5, 0.0])) - out.warp.push(DOTS),
        out.warp.push(np.add(DOTS, [0.0, 0.5])) - out.warp.push(DOTS),
    )
    size = np.hypot(np.concatenate([step_x[:, 0], step_y[:, 0]]), np.concatenate([step_x[:, 1], step_y[:, 1]])) * 2
    return float(np.nanmax(size, initial=1.0)) if np.isfinite(size).any() else 1.0


def legal(name, image):
    """Strategy of parameters that leave something to see."""
    spec = op_of(name).spec
    fixed = {k: v for k, v in {"width": 97, "height": 71, "size": 84}.items() if k in spec.params}
    if name in ("crop", "crop_at", "center_crop", "random_crop"):
        fixed = {"width": 90, "height": 70} | ({"left": 11, "top": 9} if name == "crop" else {})
    if name == "center_crop":
        fixed["fraction"] = None
    fixed |= {k: v for k, v in {"border": "constant", "fill": 0.0}.items() if k in spec.params}
    return parameters(op_of(name), image, **fixed)


@pytest.mark.parametrize("name", GEOMETRIC)
def test_dots_are_found_where_annotations_are(name):
    counts, accepted = [], []

    @settings(max_examples=10)
    @given(data=st.data())
    def run(data):
        sample = scene()
        given_params = data.draw(legal(name, sample.image))
        try:
            out = op_of(name).public(sample, **given_params)
        except ParamError:
            accepted.append(False)
            return
        accepted.append(True)
        bends = out.warp.matrix is None
        rough = 0.3 if given_params.get("kernel") == "nearest" else 0.0  # whole pixels are chosen
        counts.append(check(out, rough + (0.6 if bends else 0.3), f"{name}({given_params})"))

    run()
    assert sum(accepted) * 2 >= len(accepted), f"{name}: most calls were refused"
    assert max(counts) >= 5, f"{name}: hardly a dot was found"


# --- compositions -------------------------------------------------------------------------------------------------
GENTLE = {
    "flip_horizontal": {},
    "flip_vertical": {},
    "transpose": {},
    "rotate90": {"times": [1, 2, 3]},
    "rotate": {"angle": [-25.0, 8.5, 40.0], "keep": ["size", "all", "inside"]},
    "translate": {"x": [-0.1, 0.07], "y": [0.05]},
    "shear": {"x": [-12.0, 9.0], "y": [0.0, 6.0]},
    "scale": {"factor": [0.8, 1.3], "kernel": ["pillow-bilinear", "opencv-linear"]},
    "resize": {"width": [101, 150], "height": [88]},
    "letterbox": {"width": [130], "height": [110, 160]},
    "center_crop": {"fraction": [0.85]},
    "pad": {"left": [7], "top": [0, 5], "right": [3]},
    "perspective": {"distortion": [0.1, 0.2]},
    "affine": {"angle": [10.0], "scale": [0.9], "shear": [5.0], "x": [0.03]},
}


@st.composite
def chains(draw):
    names = draw(st.lists(st.sampled_from(sorted(GENTLE)), min_size=2, max_size=4))
    return [(n, {k: draw(st.sampled_from(v)) for k, v in GENTLE[n].items()}) for n in names]


def supplied(name, rng):
    return {"rng": rng} if "rng" in op_of(name).spec.params else {}


@settings(max_examples=60)
@given(chain=chains(), seed=st.integers(0, 5))
def test_dots_are_found_after_random_compositions(chain, seed):
    """Steps called one after the other, and the same steps as one pipeline."""
    sample = scene()
    for i, (name, given_params) in enumerate(chain):
        sample = op_of(name).public(sample, **given_params, **supplied(name, Rng(seed).at(str(i))))
    check(sample, 0.5, f"{chain}")

    pipeline = Pipeline(augment(*(step(op_of(n).public, **p) for n, p in chain)), seed=seed)
    out = pipeline(scene(), mode="train", key=seed, epoch=0)
    check(out, 0.5, f"pipeline of {chain}")


@settings(max_examples=30)
@given(chain=chains(), seed=st.integers(0, 5))
def test_predictions_come_back_to_the_dots(chain, seed):
    """A dot found on the result and carried back by to_original lies where it was painted."""
    pipeline = Pipeline(augment(*(step(op_of(n).public, **p) for n, p in chain)), seed=seed)
    out = pipeline(scene(), mode="train", key=seed, epoch=0)
    seen = found(out.image)
    there = np.isfinite(seen[:, 0])
    if there.any():
        back = out.to_original(points=seen[there])
        off = np.hypot(*(back - DOTS[there]).T)
        room = 0.5 / max(1e-6, min(1.0, _shrink(out)))
        assert off.max() <= room, f"{chain}: {off.max():.2f} px from the dot (room {room:.2f})"


def _shrink(out):
    base = out.warp.push(DOTS)
    steps = [out.warp.push(DOTS + move) - base for move in ([1.0, 0.0], [0.0, 1.0])]
    return float(np.nanmin([np.hypot(*s.T) for s in steps]))


# --- left and right -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "given_params", "mirrored"),
    [
        ("flip_horizontal", {}, True),
        ("flip_vertical", {}, True),
        ("transpose", {}, True),
        ("rotate90", {"times": 1}, False),
        ("rotate90", {"times": 2}, False),
        ("rotate", {"angle": 180.0}, False),
        ("rotate", {"angle": 30.0}, False),
        *((("orient", {"orientation": n}, n in (2, 4, 5, 7))) for n in range(1, 9)),
    ],
)
def test_left_and_right_swap_names_in_a_mirror_and_only_there(name, given_params, mirrored):
    out = op_of(name).public(scene(), **given_params)
    assert out.warp.mirrors(POINTS.mean(axis=0)) == mirrored
    seen, points = found(out.image, margin=1.0)[PARTS["points"]], next(iter(out.instances)).keypoints
    order = [1, 0, 2, 4, 3] if mirrored else [0, 1, 2, 3, 4]
    for index, dot in enumerate(order):
        assert np.hypot(*(points[index, :2] - seen[dot])) < 0.3, SKELETON.names[index]


def test_two_mirrors_give_left_its_name_back():
    out = ops.flip_vertical(ops.flip_horizontal(scene()))
    points = next(iter(out.instances)).keypoints
    assert np.abs(points[:, :2] - ([W, H] - POINTS)).max() < 1e-9


def test_labels_and_boxes_stay_with_their_object():
    """Two objects, each with a color and a label: after every turn the label sits on its color."""
    image = np.zeros((60, 80, 3), np.uint8)
    image[10:25, 8:28], image[35:52, 50:72] = (255, 0, 0), (0, 255, 0)
    sample = Sample(image, boxes=[[8, 10, 28, 25], [50, 35, 72, 52]], labels=["red", "green"])
    moves = [ops.flip_horizontal, ops.flip_vertical, ops.transpose]
    for out in [*(move(sample) for move in moves), *(ops.rotate90(sample, times=t) for t in range(4)),
                ops.resize(sample, width=160, height=90), ops.rotate(sample, angle=20.0)]:  # fmt: skip
        for row in out.instances:
            x, y = int((row.box[0] + row.box[2]) / 2), int((row.box[1] + row.box[3]) / 2)
            color = {"red": (255, 0, 0), "green": (0, 255, 0)}[row.label]
            assert tuple(out.image[y, x]) == color
