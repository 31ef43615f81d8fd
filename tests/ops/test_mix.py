"""Mixing: pictures by closed form, labels by weight and area, and every annotation where its pixels went."""

import numpy as np
import pytest

import opsin
from opsin import ops
from opsin.carry import rasterize
from opsin.geometry import Size
from opsin.kernels.outlines import outlines
from opsin.merge import hide, like, merged

DTYPES = (np.uint8, np.uint16, np.float32)


def plain(value, size=(60, 40), dtype=np.uint8, **words):
    w, h = size
    full = 1.0 if dtype == np.float32 else np.iinfo(dtype).max
    return opsin.Sample(np.full((h, w, 3), value * full).astype(dtype), **words)


def noise(seed, size=(60, 40), **words):
    return opsin.Sample(np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8), **words)


def objects(seed, size=(120, 90), count=3, names=("a", "b"), **extra):
    """A picture of disks, each in a color of its own, with every kind of annotation."""
    rng = np.random.default_rng(seed)
    w, h = size
    image = np.zeros((h, w, 3), np.uint8)
    masks, boxes, polygons, points, labels, colors = [], [], [], [], [], []
    for k in range(count):
        while True:  # disks that do not touch
            r = rng.uniform(8, 14)
            cx, cy = rng.uniform(r, w - r), rng.uniform(r, h - r)
            if all(np.hypot(cx - p[0][0], cy - p[0][1]) > 30 for p in points):
                break
        angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        outline = np.stack([cx + r * np.cos(angle), cy + r * np.sin(angle)], axis=1)
        mask = rasterize([outline], Size(w, h))
        color = np.array([40 + 60 * (seed % 3), 60 + 50 * k, 220 - 40 * k], np.uint8)
        image[mask] = color
        masks.append(mask)
        boxes.append([*outline.min(0), *outline.max(0)])
        polygons.append(outline)
        points.append([[cx, cy, 2], [cx + r / 2, cy, 2]])
        labels.append(int(rng.integers(len(names))))
        colors.append(color)
    return opsin.Sample(
        image, boxes=boxes, masks=np.array(masks), polygons=polygons, keypoints=np.array(points), labels=labels,
        class_names=names, attributes=[{"color": tuple(int(v) for v in c)} for c in colors], **extra,
    )  # fmt: skip


# --- mixup -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", DTYPES)
def test_mixup_is_the_weighted_mean(dtype):
    top = 1.0 if dtype == np.float32 else np.iinfo(dtype).max
    rng = np.random.default_rng(0)
    a, b = ((rng.random((30, 40, 3)) * top).astype(dtype) for _ in range(2))
    for weight in (0.0, 0.3, 0.5, 1.0):
        out = ops.mixup(opsin.Sample(a, label="x"), opsin.Sample(b, label="y"), weight=weight)
        exact = weight * a.astype(np.float64) + (1 - weight) * b
        assert out.image.dtype == dtype
        assert np.abs(out.image - exact).max() <= (0.51 if dtype != np.float32 else 1e-6)
        assert out.label == {k: v for k, v in (("x", weight), ("y", 1 - weight)) if v}


def test_weights_come_from_the_beta_distribution():
    stats = pytest.importorskip("scipy.stats")
    a, b = plain(0.0, (8, 6), label=0), plain(1.0, (8, 6), label=1)
    for alpha in (0.2, 1.0):
        drawn = [ops.mixup(a, b, alpha=alpha, rng=opsin.Rng(s)).label.get(0, 0.0) for s in range(400)]
        assert stats.kstest(drawn, stats.beta(alpha, alpha).cdf).pvalue > 1e-4
    assert sum(ops.cutmix(a, b, alpha=1.0, rng=3).label.values()) == pytest.approx(1)
    for words, text in (({}, "neither"), ({"weight": 0.5, "alpha": 1.0}, "both")):
        with pytest.raises(opsin.errors.ParamError, match=f"mixup: weight or alpha must be given; got {text}"):
            ops.mixup(a, b, **words)
    with pytest.raises(opsin.errors.ParamError, match="mixup: rng must be given with alpha"):
        ops.mixup(a, b, alpha=1.0)


def test_mixup_labels_mix_again_and_vectors_stay_vectors():
    a, b, c = noise(1, label=0), noise(2, label=2), noise(3, label=0)
    first = ops.mixup(a, b, weight=0.25)
    assert first.label == {0: 0.25, 2: 0.75}
    again = ops.mixup(first, c, weight=0.5)
    assert again.label == pytest.approx({0: 0.625, 2: 0.375}) and sum(again.label.values()) == pytest.approx(1)
    v = ops.mixup(noise(1, label=np.eye(4)[1]), noise(2, label=np.eye(4)[3]), weight=0.7)
    assert np.allclose(v.label, [0, 0.7, 0, 0.3])
    assert ops.mixup(noise(1), noise(2), weight=0.5).label is None
    with pytest.raises(opsin.errors.ParamError, match="mixup: other must be labelled"):
        ops.mixup(noise(1, label=0), noise(2), weight=0.5)
    different = ops.mixup(noise(1, label=0, class_names=["cat"]), noise(2, label=0, class_names=["dog"]), weight=0.5)
    assert different.label == {"cat": 0.5, "dog": 0.5}


def test_mixup_keeps_the_objects_of_both_and_stretches_the_other():
    a, b = objects(1), objects(2, size=(60, 180))
    out = ops.mixup(a, b, weight=0.6)
    table = out.instances
    assert len(table) == len(a.instances) + len(b.instances) and table.size == (120, 90)
    scale = np.array([2.0, 0.5])
    assert np.allclose(table.boxes[3:].reshape(-1, 2), b.instances.boxes.reshape(-1, 2) * scale)
    assert np.allclose(table.keypoints[3:, :, :2], b.instances.keypoints[..., :2] * scale)
    assert np.array_equal(table.masks[:3], a.instances.masks) and table.attributes[4] == b.instances.attributes[1]
    turned = ops.flip_horizontal(out)
    assert np.allclose(turned.instances.boxes[:, 0], 120 - table.boxes[:, 2])


# --- cutmix ----------------------------------------------------------------------------------------------------------
def test_cutmix_cuts_one_rectangle_and_weighs_labels_by_area():
    a, b = plain(0.2, (200, 100), label="x"), plain(0.9, (200, 100), label="y")
    middles = []
    for seed in range(200):
        out = ops.cutmix(a, b, weight=0.84, rng=opsin.Rng(seed))
        pasted = out.image[..., 0] != a.image[0, 0, 0]
        rows, columns = np.flatnonzero(pasted.any(axis=1)), np.flatnonzero(pasted.any(axis=0))
        assert pasted.sum() == len(rows) * len(columns)
        assert (out.image[pasted] == b.image[0, 0]).all()
        assert out.label["y"] == pytest.approx(pasted.mean()) and sum(out.label.values()) == pytest.approx(1)
        if len(columns) == 80 and columns[0] > 0 and columns[-1] < 199:
            middles.append(columns.mean())
        assert pasted.mean() <= 0.165
    assert 60 < np.mean(middles) < 140 and np.ptp(middles) > 90


def test_cutmix_follows_objects():
    a, b = objects(1), objects(5)
    seen = 0
    for seed in range(12):
        out = ops.cutmix(a, b, weight=0.6, rng=opsin.Rng(seed))
        assert len(out.instances) + len(out.dropped) == 6
        for one in out.instances:
            color = np.array(one.attributes["color"], np.uint8)
            painted = (out.image == color).all(axis=2)
            assert np.array_equal(painted & one.mask, one.mask), "the mask shows the object's own pixels"
            ys, xs = np.nonzero(one.mask)
            bounds = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
            assert (one.box[:2] <= bounds[:2] + 0.5).all() and (one.box[2:] >= bounds[2:] - 0.5).all()
            if one.attributes["color"][0] == a.instances.attributes[0]["color"][0]:
                assert np.abs(one.box - bounds).max() <= 1.0
            if one.visible < 0.98:
                outline = rasterize(one.polygons, Size(120, 90))
                assert (outline & one.mask).sum() / (outline | one.mask).sum() > 0.75
                seen += 1
        assert {d.reason for d in out.dropped} <= {"occluded", "outside", "too_small"}
    assert seen >= 6


def test_cutmix_ends_and_segmentation():
    seg = np.arange(40 * 60).reshape(40, 60)
    a, b = noise(1, segmentation=seg, label=0), noise(2, segmentation=seg + 5000, label=1)
    whole = ops.cutmix(a, b, weight=1.0, rng=3)
    assert np.array_equal(whole.image, a.image) and whole.label == {0: 1.0}
    out = ops.cutmix(a, b, weight=0.5, rng=3)
    pasted = (out.image == b.image).all(axis=2)
    assert 0 < pasted.mean() < 0.55
    assert np.array_equal(out.segmentation, np.where(pasted, seg + 5000, seg))
    with pytest.raises(opsin.errors.ParamError, match="cutmix: segmentation must be known"):
        ops.cutmix(a, noise(2, label=1), weight=0.5, rng=3)


# --- mosaic ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("count", [2, 3, 4, 5, 9])
def test_mosaic_fills_the_canvas_with_every_picture(count):
    parts = [plain((k + 1) / 12, (50 + 7 * k, 40 + 3 * k), label=k) for k in range(count)]
    out = ops.mosaic(parts[0], tuple(parts[1:]), width=160, height=120, rng=opsin.Rng(count))
    assert out.image.shape == (120, 160, 3)
    values, pixels = np.unique(out.image[..., 0], return_counts=True)
    assert len(values) == count and out.label == pytest.approx(
        {k: pixels[list(values).index(parts[k].image[0, 0, 0])] / (160 * 120) for k in range(count)}
    )
    for value in values:  # each picture is one rectangle
        at = out.image[..., 0] == value
        assert at.sum() == at.any(axis=1).sum() * at.any(axis=0).sum()


def test_mosaic_follows_objects():
    for seed in range(6):
        parts = [
            objects(seed + k, size=(120 + 20 * k, 90 + 10 * k), names=("a", "b") if k % 2 else ("b", "c"))
            for k in range(4)
        ]
        total = sum(len(p.instances) for p in parts)
        out = ops.mosaic(parts[0], tuple(parts[1:]), width=200, height=160, rng=opsin.Rng(seed))
        assert len(out.instances) + len(out.dropped) == total and out.size == (200, 160)
        for one in out.instances:
            color = np.array(one.attributes["color"])
            inside = one.mask.copy()
            inside[1:-1, 1:-1] &= one.mask[:-2, 1:-1] & one.mask[2:, 1:-1] & one.mask[1:-1, :-2] & one.mask[1:-1, 2:]
            if inside.sum() > 20:
                assert np.median(np.abs(out.image[inside].astype(int) - color).max(axis=1)) <= 3
            assert (one.box >= -1e-9).all() and one.box[2] <= 200 + 1e-9 and one.box[3] <= 160 + 1e-9
        want = [p.instances.class_name(i) for p in parts for i in range(len(p.instances))]
        assert out.instances.class_names is not None and {n for n in want} >= {o.class_name for o in out.instances}
        by_color = {(o.attributes["color"], o.class_name) for o in out.instances}
        known = {
            (p.instances.attributes[i]["color"], p.instances.class_name(i))
            for p in parts
            for i in range(len(p.instances))
        }
        assert by_color <= known


def test_mosaic_lines_are_drawn_evenly():
    parts = [plain(v, (40, 40)) for v in (0.2, 0.4, 0.6, 0.8)]
    lines = []
    for seed in range(300):
        out = ops.mosaic(parts[0], tuple(parts[1:]), width=100, height=100, rng=opsin.Rng(seed))
        lines.append(int(np.flatnonzero(np.diff(out.image[0, :, 0].astype(int)))[0]) + 1)
    assert min(lines) >= 30 and max(lines) <= 70 and np.mean(lines) == pytest.approx(50, abs=2.5)
    assert np.std(lines) == pytest.approx(40 / np.sqrt(12), rel=0.12)


# --- copy_paste ------------------------------------------------------------------------------------------------------
def test_copy_paste_shows_pasted_objects_and_hides_what_is_behind():
    hidden = 0
    for seed in range(15):
        a, b = objects(1), objects(2)
        out = ops.copy_paste(a, b, share=0.7, rng=opsin.Rng(seed))
        pasted = [o for o in out.instances if o.attributes["color"][0] == b.instances.attributes[0]["color"][0]]
        assert 1 <= len(pasted) <= 3 and out.label is a.label
        union = np.zeros((90, 120), int)
        for one in out.instances:
            union += one.mask
            inside = one.mask.copy()
            inside[1:-1, 1:-1] &= one.mask[:-2, 1:-1] & one.mask[2:, 1:-1] & one.mask[1:-1, :-2] & one.mask[1:-1, 2:]
            inside[[0, -1]] = inside[:, [0, -1]] = False
            if inside.sum() > 20:
                color = np.array(one.attributes["color"])
                assert np.median(np.abs(out.image[inside].astype(int) - color).max(axis=1)) <= 2
            hidden += one.visible < 0.99
            ys, xs = np.nonzero(one.mask)
            assert np.abs(one.box - [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]).max() <= 1.5
        assert union.max() == 1, "no pixel belongs to two objects"
    assert hidden >= 5


def test_copy_paste_sizes_places_and_nothing_to_paste():
    a = plain(0.0, (100, 80))
    b = objects(4, size=(60, 60), count=1)
    side = np.ptp(b.instances.boxes[0].reshape(2, 2), axis=0)[0]
    sizes, lefts = [], []
    for seed in range(150):
        out = ops.copy_paste(a, b, scale=(0.5, 2.0), rng=opsin.Rng(seed))
        box = out.instances.boxes[0]
        sizes.append(np.log2((box[2] - box[0]) / side))
        lefts.append(box[0] / (100 - (box[2] - box[0])))
        assert (box >= -1e-6).all() and box[2] <= 100 + 1e-6 and box[3] <= 80 + 1e-6
    assert abs(np.mean(sizes)) < 0.15 and np.std(sizes) == pytest.approx(2 / np.sqrt(12), rel=0.15)
    assert np.mean(lefts) == pytest.approx(0.5, abs=0.08)
    assert ops.copy_paste(a, plain(0.5), rng=1) is a
    large = ops.copy_paste(plain(0.0, (12, 9)), b, scale=(1.0, 1.0), rng=1)
    assert (large.instances.boxes[0] >= -1e-6).all() and large.instances.boxes[0][3] <= 9 + 1e-6


def test_copy_paste_works_on_boxes_only_and_every_dtype():
    for dtype in DTYPES:
        a = plain(0.0, dtype=dtype, boxes=[[5, 5, 30, 30]], labels=["car"])
        b = plain(1.0, dtype=dtype, boxes=[[10, 10, 25, 20]], labels=["dog"])
        out = ops.copy_paste(a, b, scale=(1.0, 1.0), rng=5)
        assert out.image.dtype == dtype and sorted(out.instances.labels) in (["car", "dog"], ["dog"])
        box = out.instances.boxes[list(out.instances.labels).index("dog")]
        bright = out.image[..., 0].astype(float) / out.image.max() >= 0.5
        ys, xs = np.nonzero(bright)
        assert np.abs(box - [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]).max() <= 0.51


# --- the parts -------------------------------------------------------------------------------------------------------
def test_visible_part_survives_further_geometry():
    a = plain(0.0, (100, 100), boxes=[[20, 20, 60, 60]], labels=[0], label=0)
    b = plain(1.0, (100, 100), label=1)
    for seed in range(50):
        out = ops.cutmix(a, b, weight=0.75, rng=opsin.Rng(seed))
        if len(out.instances) and 0.3 < out.instances.visible[0] < 0.9:
            break
    before = float(out.instances.visible[0])
    assert ops.flip_horizontal(out).instances.visible[0] == pytest.approx(before)
    half = ops.crop(ops.flip_horizontal(out), left=0, top=0, width=100, height=100)
    assert half.instances.visible[0] == pytest.approx(before)


def test_rules_drop_what_is_too_much_hidden():
    a = plain(0.0, (100, 100), boxes=[[20, 20, 60, 60], [70, 70, 95, 95]], labels=[0, 1])
    cover = np.zeros((100, 100), bool)
    cover[:, :50] = True
    table, gone = hide(a.instances, cover, opsin.Rules(min_visible=0.4))
    assert len(table) == 1 and table.labels[0] == 1 and gone[0].reason == "occluded" and gone[0].visible == 0.25
    table, gone = hide(a.instances, cover, opsin.Rules())
    assert np.array_equal(table.boxes[0], [50, 20, 60, 60]) and table.visible[0] == 0.25 and not gone


def test_merging_tables_with_different_columns():
    size = Size(50, 40)
    boxes = plain(0, (50, 40), boxes=[[1, 2, 11, 12.5]], labels=["x"]).instances
    outline = np.array([[20.0, 10], [30, 10], [30, 20], [20, 20]])
    shapes = plain(0, (50, 40), polygons=[outline], labels=["y"], keypoints=[[[22, 12, 2], [25, 15, 1]]]).instances
    turned = plain(0, (50, 40), rotated_boxes=[[25, 20, 10, 6, 30]], labels=["z"], track_ids=[7]).instances
    out = merged("test", size, [boxes, shapes, turned])
    assert len(out) == 3 and list(out.labels) == ["x", "y", "z"]
    assert np.allclose(out.boxes[:2], [[1, 2, 11, 12.5], [20, 10, 30, 20]])
    assert [len(p) for p in out.polygons] == [0, 1, 0] and out.keypoints.shape == (3, 2, 3)
    assert (out.keypoints[[0, 2]] == 0).all() and list(out.track_ids) == [None, None, 7]
    assert np.allclose(out.rotated_boxes[2], [25, 20, 10, 6, 30]) and np.allclose(
        out.rotated_boxes[0][:4], [6, 7.25, 10, 10.5]
    )
    moved = ops.flip_vertical(plain(0, (50, 40)).remade(np.zeros((40, 50, 3), np.uint8), out))
    assert len(moved.instances) == 3
    with pytest.raises(opsin.errors.ParamError, match="test: labels must be known"):
        merged("test", size, [boxes, plain(0, (50, 40), boxes=[[0, 0, 5, 5]]).instances])


def test_pictures_made_alike():
    rng = np.random.default_rng(0)
    gray, rgb, rgba = (rng.integers(0, 256, (4, 5, *s), dtype=np.uint8) for s in ((), (3,), (4,)))
    assert np.array_equal(like("t", gray, rgb), np.repeat(gray[..., None], 3, axis=2))
    assert np.array_equal(like("t", rgba, rgb), rgba[..., :3])
    assert (like("t", rgb, rgba)[..., 3] == 255).all()
    assert np.abs(like("t", rgb, gray) - rgb @ [0.299, 0.587, 0.114]).max() <= 0.51
    assert np.array_equal(like("t", gray, gray.astype(np.uint16)), gray.astype(np.uint16) * 257)
    assert np.allclose(like("t", gray, gray.astype(np.float32)), gray / 255)
    with pytest.raises(opsin.errors.ParamError, match="channels"):
        like("t", np.zeros((3, 3, 7), np.uint8), rgb)


def test_outlines_paint_the_mask_back():
    ndimage = pytest.importorskip("scipy.ndimage")
    for seed in range(60):
        rng = np.random.default_rng(seed)
        h, w = rng.integers(1, 40, 2)
        mask = rng.random((h, w)) < rng.uniform(0.1, 0.95)
        if seed % 3 == 0:
            mask = ndimage.gaussian_filter(rng.random((h, w)), 2) > 0.5
        traced = outlines(mask)
        assert np.array_equal(rasterize(traced, Size(int(w), int(h))), mask) and len(traced) == ndimage.label(mask)[1]


def test_mixing_in_pipelines():
    from opsin import Pipeline, augment, step

    sources = [objects(k, key=k, label=k % 2) for k in range(6)]
    pipeline = Pipeline(
        step(ops.resize, width=96, height=96),
        augment(
            step(ops.mosaic, width=96, height=96).sometimes(0.5),
            step(ops.copy_paste).sometimes(0.5),
            step(ops.mixup, weight=opsin.uniform(0.3, 0.7)),
            step(ops.cutmix, alpha=1.0).sometimes(0.3),
        ),
        seed=3,
    )
    for key in range(4):
        out = pipeline(sources[key], mode="train", key=key, epoch=1, partners=sources)
        same = pipeline(sources[key], mode="train", key=key, epoch=1, partners=sources)
        assert np.array_equal(out.image, same.image) and out.image.shape == (96, 96, 3)
        assert sum(out.label.values()) == pytest.approx(1) and len(out.instances) >= 3
