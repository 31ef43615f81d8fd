"""The table of instances: rows live and die whole, shapes follow, nothing grows."""

import numpy as np
import pytest

from opsin import Rules, Sample, Size, Skeleton, Warp, ops
from opsin.errors import ParamError
from opsin.geometry import about, shift, turn

IMAGE = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)
FACE = Skeleton(("left", "right", "nose"), edges=((0, 1),), mirror=((0, 1),))


def test_turning_there_and_back_gives_the_same_boxes() -> None:
    sample = Sample(IMAGE, boxes=[[30, 20, 50, 40]])
    out = sample
    for angle in (7, 11, -5, -13):
        out = ops.rotate(out, angle=angle)
    np.testing.assert_allclose(out.instances.boxes, [[30, 20, 50, 40]], atol=1e-9)
    # stepwise re-boxing would have grown it by a third


def test_a_row_lives_or_dies_whole() -> None:
    masks = np.zeros((3, 60, 80), bool)
    masks[0, 5:15, 5:15] = masks[1, 30:50, 40:60] = masks[2, 50:60, 70:80] = True
    sample = Sample(
        IMAGE,
        boxes=[[5, 5, 15, 15], [40, 30, 60, 50], [70, 50, 80, 60]],
        labels=["a", "b", "c"],
        masks=masks,
        keypoints=[[[10, 10, 2]], [[50, 40, 2]], [[75, 55, 1]]],
        track_ids=[7, 8, 9],
        attributes=[{"n": 1}, {"n": 2}, {"n": 3}],
    )
    out = ops.crop(sample, left=30, top=20, width=40, height=40)
    assert len(out.instances) == 1
    (row,) = out.instances
    assert (row.label, row.track_id, row.attributes, row.row) == ("b", 8, {"n": 2}, 1)
    np.testing.assert_array_equal(row.box, [10, 10, 30, 30])
    assert row.mask is not None and row.mask.sum() == 400
    np.testing.assert_array_equal(row.keypoints, [[20, 20, 2]])
    assert [(d.row, d.reason, d.label) for d in out.dropped] == [(0, "outside", "a"), (2, "outside", "c")]
    kept = out.instances[out.instances.labels == "b"]
    assert len(kept) == 1
    assert len(out.instances[[]]) == 0


def test_drop_rules_are_about_the_original_area() -> None:
    sample = Sample(IMAGE, boxes=[[0, 0, 40, 40]], rules=Rules(min_visible=0.3))
    half = ops.crop(sample, left=20, top=0, width=60, height=60)
    assert half.instances.visible[0] == pytest.approx(0.5)
    quarter = ops.crop(half, left=0, top=20, width=60, height=40)
    assert [d.reason for d in quarter.dropped] == ["too_small"]
    assert quarter.dropped[0].visible == pytest.approx(0.25)
    small = ops.resize(sample, width=8, height=6)
    assert small.instances.visible[0] == pytest.approx(1.0)
    tiny = ops.resize(sample.with_rules(Rules(min_side=5)), width=8, height=6)
    assert [d.reason for d in tiny.dropped] == ["too_small"]


def test_a_mirror_swaps_left_and_right() -> None:
    sample = Sample(IMAGE, keypoints=[[[10, 20, 2], [30, 20, 1], [20, 30, 2]]], skeleton=FACE)
    out = ops.flip_horizontal(sample)
    np.testing.assert_array_equal(out.instances.keypoints, [[[50, 20, 1], [70, 20, 2], [60, 30, 2]]])
    twice = ops.flip_vertical(out)
    np.testing.assert_array_equal(twice.instances.keypoints[0, :, 0], [70, 50, 60])
    assert Sample(IMAGE, keypoints=[[[1, 2], [3, 4], [5, 6]]], skeleton=FACE).instances.keypoints.shape == (1, 3, 2)


def test_key_points_off_the_canvas_are_marked() -> None:
    sample = Sample(IMAGE, keypoints=[[[10, 20, 2], [70, 20, 2], [0, 0, 0]]])
    out = ops.crop(sample, left=0, top=0, width=40, height=40)
    np.testing.assert_array_equal(out.instances.keypoints[0, :, 2], [2, 0, 0])
    np.testing.assert_array_equal(out.instances.keypoints[0, 2], [0, 0, 0])


def test_rotated_boxes_keep_their_shape() -> None:
    sample = Sample(IMAGE, rotated_boxes=[[40, 30, 20, 10, 15.0]])
    out = ops.rotate(sample, angle=20)
    np.testing.assert_allclose(out.instances.rotated_boxes[0][2:], [20, 10, 35], atol=1e-9)


def test_boxes_become_tight_where_an_outline_is_known() -> None:
    diamond = [[40, 10], [50, 30], [40, 50], [30, 30]]
    loose = ops.rotate(Sample(IMAGE, boxes=[[30, 10, 50, 50]]), angle=45).instances.boxes[0]
    tight = ops.rotate(Sample(IMAGE, boxes=[[30, 10, 50, 50]], polygons=[diamond]), angle=45).instances.boxes[0]
    assert np.prod(tight[2:] - tight[:2]) < 0.6 * np.prod(loose[2:] - loose[:2])
    same = ops.flip_horizontal(Sample(IMAGE, boxes=[[30, 9, 50, 51]], polygons=[diamond])).instances.boxes[0]
    np.testing.assert_array_equal(same, [30, 9, 50, 51])


def test_predictions_go_back_to_the_original() -> None:
    out = ops.rotate(ops.letterbox(Sample(IMAGE), width=100, height=100), angle=90)
    points = np.array([[12.0, 30.0], [40.0, 22.0]])
    np.testing.assert_allclose(out.to_original(points=out.warp.push(points)), points, atol=1e-9)
    mask = np.zeros((100, 100), bool)
    mask[40:60, 40:60] = True
    back = out.to_original(mask=mask)
    assert back.shape == (60, 80)
    assert abs(back.sum() - 400 * (80 / 100) ** 2) < 20
    both = out.to_original(points=points, boxes=[[40, 40, 60, 60]])
    assert set(both) == {"points", "boxes"}


def test_segmentation_is_nearest_and_zero_beyond() -> None:
    labels = np.arange(60 * 80).reshape(60, 80) % 7 + 1
    out = ops.rotate(Sample(IMAGE, segmentation=labels), angle=30)
    assert set(np.unique(out.segmentation)) <= set(range(8))
    assert out.segmentation[0, 0] == 0


def test_the_class_beyond_the_picture_can_be_chosen() -> None:
    from opsin import Pipeline, step

    labels = (np.arange(60 * 80).reshape(60, 80) % 7).astype(np.uint8)
    sample = Sample(IMAGE, segmentation=labels, rules=Rules(void=255))
    plain = ops.rotate(Sample(IMAGE, segmentation=labels + np.uint8(1)), angle=30).segmentation
    for out in (
        ops.rotate(sample, angle=30),
        Pipeline(step(ops.rotate, angle=30))(sample),
        Pipeline(step(ops.rotate, angle=30), rules=Rules(void=255))(Sample(IMAGE, segmentation=labels)),
        Pipeline.from_yaml("opsin: 1\nrules: {void: 255}\nsteps:\n  - rotate: {angle: 30}\n")(
            Sample(IMAGE, segmentation=labels)
        ),
    ):
        assert np.array_equal(out.segmentation == 255, plain == 0)
        assert np.array_equal(out.segmentation[plain > 0], plain[plain > 0] - 1)
    small = Sample(IMAGE, segmentation=labels.astype(np.int8), rules=Rules(void=255))
    assert ops.translate(small, x=0.5, y=0).segmentation[0, 0] == 255
    assert np.array_equal(ops.pad(sample, left=2).segmentation[:, :2], np.full((60, 2), 255))
    with pytest.raises(ParamError, match="void must be"):
        Rules(void=-1)
    text = Pipeline(step(ops.invert), rules=Rules(void=255)).to_yaml()
    assert Pipeline.from_yaml(text).rules == Rules(void=255)


def test_formats_of_boxes() -> None:
    given = {
        "xyxy": [8, 6, 24, 30],
        "xywh": [8, 6, 16, 24],
        "cxcywh": [16, 18, 16, 24],
        "cxcywh_unit": [0.2, 0.3, 0.2, 0.4],
    }
    for name, box in given.items():
        np.testing.assert_allclose(Sample(IMAGE, boxes=[box], box_format=name).instances.boxes, [[8, 6, 24, 30]])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"boxes": [[1, 2, 3]]}, "boxes must be N x 4"),
        ({"boxes": [[1, 2, 3, np.nan]]}, "boxes must be finite"),
        ({"boxes": [[1, 2, 3, 4]], "labels": [1, 2]}, "as many in every column"),
        ({"boxes": [[1, 2, 3, 4]], "box_format": "yx"}, "box_format must be one of"),
        ({"masks": np.zeros((1, 5, 5), bool)}, "masks must be N x 60 x 80"),
        ({"keypoints": [[1, 2]]}, "keypoints must be N x K x 2"),
        ({"keypoints": [[[1, 2]]], "skeleton": FACE}, "keypoints must be 3 a row"),
        ({"polygons": [[[1, 2], [3, 4]]]}, "at least 3 points"),
        ({"segmentation": np.zeros((5, 5), int)}, "segmentation must be integers 60 x 80"),
    ],
)
def test_broken_annotations_are_refused_in_one_sentence(columns: dict[str, object], message: str) -> None:
    with pytest.raises(ParamError, match=message):
        Sample(IMAGE, **columns)


def test_empty_tables_stay_tables() -> None:
    out = ops.rotate(Sample(IMAGE, boxes=[], labels=[], keypoints=[], skeleton=FACE), angle=10)
    assert len(out.instances) == 0
    assert out.instances.boxes.shape == (0, 4)


def test_a_warp_of_another_canvas_is_refused() -> None:
    with pytest.raises(ParamError, match="a warp from"):
        Sample(IMAGE).moved(Warp.of(shift(1, 1), Size(5, 5)), IMAGE)
    turned = Warp.of(about((40, 30), turn(10)), Size(80, 60))
    assert Sample(IMAGE).moved(turned, IMAGE).warp.matrix is not None


def test_boxes_alone_and_boxes_with_outlines_agree() -> None:
    rng = np.random.default_rng(3)
    corner = rng.uniform(0, 50, (40, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(0.2, 25, (40, 2))], axis=1)
    outlines = [[[b[0], b[1]], [b[2], b[1]], [b[2], b[3]], [b[0], b[3]]] for b in boxes]
    rules = Rules(min_visible=0.4, min_side=2)
    alone = ops.rotate(ops.crop(Sample(IMAGE, boxes=boxes, rules=rules), left=5, top=5, width=60, height=50), angle=25)
    slow = Sample(IMAGE, boxes=boxes, polygons=outlines, rules=rules)
    slow = ops.rotate(ops.crop(slow, left=5, top=5, width=60, height=50), angle=25)
    np.testing.assert_allclose(alone.instances.boxes, slow.instances.boxes, atol=1e-9)
    assert [d.row for d in alone.dropped] == [d.row for d in slow.dropped]
    np.testing.assert_allclose(alone.instances.visible, slow.instances.visible, atol=1e-9)
