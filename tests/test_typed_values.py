"""Results are typed values: they describe, draw, copy and save themselves, and stay usable as arrays."""

import copy
import json
import pickle

import numpy as np
import pytest

import opsin
from opsin.values import Boxes, Distances, Labels, Mask, Points, Response


def test_a_mask_is_a_bool_array_that_knows_more() -> None:
    mask = Mask.of(np.eye(4, 5) > 0, value=0.25, method="otsu")
    for same in (mask.copy(), copy.deepcopy(mask), copy.copy(mask), pickle.loads(pickle.dumps(mask))):
        assert isinstance(same, Mask) and same.value == 0.25 and same.method == "otsu"
        assert np.array_equal(same, mask)
    for plain in (~mask, mask & mask, mask[1:], mask.any(axis=0), np.asarray(mask), mask.mask):
        assert type(plain) is np.ndarray
    assert mask.sum() == 4 == mask.area and bool(mask[0, 0]) is True
    assert np.arange(20).reshape(4, 5)[mask].tolist() == [0, 6, 12, 18]
    assert str(mask) == repr(mask) == f"{mask}" == "Mask(5 x 4, 20.0% true, otsu, value 0.25)"
    with pytest.raises(TypeError, match="knows nothing of 'vlaue'"):
        Mask.of(np.eye(2) > 0, vlaue=1)


def test_run_lengths_are_cocos() -> None:
    """Columns first, beginning with false; decoded by hand."""
    mask = np.zeros((3, 4), bool)
    mask[0, 0] = mask[1, 0] = mask[2, 3] = True
    assert Mask.of(mask).to_dict()["rle"] == {"size": [3, 4], "counts": [0, 2, 9, 1]}
    assert Mask.of(np.zeros((2, 2), bool)).to_dict()["rle"]["counts"] == [4]
    assert Mask.of(np.ones((2, 2), bool)).to_dict()["rle"]["counts"] == [0, 4]


def test_labels_measure_their_regions() -> None:
    labels = Labels.of(np.array([[0, 4, 4], [9, 9, 4]]), background=0)
    assert labels.ids.tolist() == [4, 9] and labels.areas.tolist() == [3, 2] and labels.count == 2
    assert labels.centroids.tolist() == [[pytest.approx(13 / 6), pytest.approx(5 / 6)], [1.0, 1.5]]
    assert labels.boxes.tolist() == [[1, 0, 3, 2], [0, 1, 2, 2]]
    assert labels.regions[1].box == (0.0, 1.0, 2.0, 2.0) and labels.mask_of(9).sum() == 2
    everything = Labels.of(np.array([[0, 1], [1, 1]]), background=None, centers=np.ones((2, 3)))
    assert everything.ids.tolist() == [0, 1] and "2 classes" in repr(everything)
    far = Labels.of(np.array([[0, 2**60], [5, 5]]), background=0)
    assert far.ids.tolist() == [5, 2**60] and far.areas.tolist() == [2, 1]
    below = Labels.of(np.array([[-3, -3], [2, 0]], np.int16), background=0)
    assert below.ids.tolist() == [-3, 2] and below.boxes[0].tolist() == [0, 0, 2, 1]
    none = Labels.of(np.zeros((2, 3), int), background=0)
    assert none.count == 0 and none.boxes.shape == (0, 4) and none.draw(np.zeros((2, 3), np.uint8)).shape == (2, 3, 3)


def test_classes_show_their_color_and_patches_their_outline() -> None:
    numbers = np.array([[0, 0, 1], [0, 1, 1]])
    image = np.full((2, 3, 3), 100, np.uint8)
    classes = Labels.of(numbers, background=None, centers=np.array([[0.0, 0.0, 1.0], [1.0, 0.2, 0.0]]))
    assert np.array_equal(classes.draw(image), np.array([[0, 0, 255], [255, 51, 0]], np.uint8)[numbers])
    gray = Labels.of(numbers, background=None, centers=np.array([[0.0], [1.0]]))
    assert np.array_equal(gray.draw(image)[..., 1], numbers * 255)
    patches = Labels.of(numbers + 1, background=None).draw(image)
    assert (patches != 100).any(axis=2).tolist() == [[False, True, False], [True, False, False]]


def test_a_low_picture_of_many_bands_is_not_taken_for_planes() -> None:
    for height in (1, 3, 4):
        mask = Mask.of(np.ones((height, 17), bool))
        assert mask.draw(np.zeros((height, 17, 7), np.float32)).shape == (height, 17, 3)


def test_regions_can_be_chosen() -> None:
    labels = Labels.of(np.array([[0, 4, 4], [9, 9, 4]]), background=0, method="watershed")
    for which in (labels.areas > 2, [4], np.array([4, 77])):
        kept = labels.keep(which)
        assert kept.tolist() == [[0, 4, 4], [0, 0, 4]] and kept.method == "watershed"
    assert labels.keep(np.zeros(2, bool)).count == 0
    with pytest.raises(opsin.errors.ParamError, match="which must be one bool for each of 2 regions"):
        labels.keep(np.ones(3, bool))
    with pytest.raises(opsin.errors.ParamError, match="on a background of 0"):
        Labels.of(np.array([[0, 1]]), background=None).keep([1])


def test_rows_stay_together() -> None:
    boxes = Boxes([[0, 0, 2, 2], [5, 5, 9, 8]], scores=[0.2, 0.9], labels=["coin", "cup"], angles=[0.0, 30.0])
    best = boxes[boxes.scores > 0.5]
    assert len(best) == 1 and best.labels == ("cup",) and best.angles.tolist() == [30.0]
    assert np.asarray(boxes).shape == (2, 4) and [b.tolist() for b in boxes][1] == [5, 5, 9, 8]
    assert boxes[0].labels == ("coin",) and boxes[::-1].labels == ("cup", "coin")
    assert pickle.loads(pickle.dumps(boxes)) == boxes != best
    assert repr(boxes) == "Boxes(2, coin, cup, scores 0.2..0.9, angles)"
    assert len(Boxes([])) == 0 and Boxes([]).to_dict() == {"type": "boxes", "count": 0, "boxes": []}
    with pytest.raises(AttributeError, match="no column 'angels'"):
        _ = boxes.angels
    for rows, words in (([[1, 2, 3]], "boxes must be an array N x 4"), ([1, 2, 3, 4], "N x 4")):
        with pytest.raises(opsin.errors.ParamError, match=words):
            Boxes(rows)
    with pytest.raises(opsin.errors.ParamError, match="scores must be one entry for each of 1 rows"):
        Boxes([[0, 0, 1, 1]], scores=[1, 2])
    points = Points([[1.5, 2.5]], scores=[3.0], descriptors=np.ones((1, 8), np.uint8))
    assert points[:1].descriptors.shape == (1, 8)


def test_every_value_is_plain_json_and_draws_on_any_picture() -> None:
    rng = np.random.default_rng(0)
    shape = (40, 50)
    made = [
        Mask.of(rng.random(shape) > 0.5, value=np.full(shape, 0.5, np.float32), method="sauvola"),
        Labels.of(rng.integers(0, 4, shape), background=0, centers=np.ones((3, 3)), value=(0.1, 0.2)),
        Distances.of(rng.random(shape) * 9, metric="euclidean"),
        Response.of(rng.normal(size=(*shape, 3)).astype(np.float32), method="difference_of_gaussians"),
        Boxes([[3, 4, 20, 30]], scores=[0.5], labels=["cat"]),
        Points(rng.random((5, 2)) * 40, scores=np.ones(5)),
    ]
    pictures = [
        rng.integers(0, 256, shape, dtype=np.uint8),
        rng.integers(0, 65536, (*shape, 3), dtype=np.uint16),
        rng.random((*shape, 4)).astype(np.float32),
        rng.random((*shape, 7)).astype(np.float32),
    ]
    for value in made:
        json.dumps(value.to_dict(), allow_nan=False)
        assert repr(value).startswith(type(value).__name__ + "(")
        for picture in pictures:
            before = picture.copy()
            drawn = value.draw(picture)
            assert drawn.shape == (*shape, 3) and drawn.dtype == np.uint8
            assert np.array_equal(picture, before)


def test_what_was_found_moves_with_the_picture() -> None:
    from opsin import ops
    from opsin.values import Boxes, Points

    image = np.zeros((40, 60, 3), np.uint8)
    boxes = Boxes([[10, 5, 20, 15], [30, 20, 50, 38]], scores=[0.9, 0.5], labels=["face", "eye"])
    moved = ops.flip_horizontal(boxes.to_sample(image))
    assert moved.instances.boxes.tolist() == [[40, 5, 50, 15], [10, 20, 30, 38]]
    assert [a["score"] for a in moved.instances.attributes] == [0.9, 0.5]
    points = Points([[10.0, 5.0], [50.0, 30.0]])
    cut = ops.crop(points.to_sample(image), left=0, top=0, width=30, height=40)
    assert cut.instances.keypoints[:, 0, :2].tolist() == [[10.0, 5.0]]
    for empty in (Boxes([]), Points([])):
        assert len(empty.to_sample(image).instances) == 0


def test_a_long_list_of_codes_is_saved_by_what_occurs() -> None:
    pytest.importorskip("skimage")
    image = np.random.default_rng(0).integers(0, 256, (20, 24), np.uint8)
    few, many = opsin.ops.lbp(image), opsin.ops.lbp(image, points=24, radius=3)
    assert len(few.to_dict()["histogram"]) == few.to_dict()["count"] == 256
    saved = many.to_dict()
    assert saved["count"] == 1 << 24 and "histogram" not in saved and len(json.dumps(saved)) < 40_000
    assert sum(saved["shares"]) == pytest.approx(1.0)
    assert set(saved["codes"]) == set(np.asarray(many).ravel().tolist())


def test_whitened_stacks_and_signals_draw_themselves() -> None:
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(0)
    canvas = np.zeros((60, 90, 3), np.uint8)
    signals = opsin.ops.whiten(rng.random((3, 500)))
    drawn = signals.draw(canvas)
    # a line in every third of the sheet, on white
    assert drawn.shape == (60, 90, 3) and all((drawn[k * 20 : k * 20 + 20] < 200).any() for k in range(3))
    assert (drawn == 255).mean() > 0.2
    one = opsin.ops.ica(rng.random((2, 7)), components=2).draw(canvas)
    assert (one < 200).any()
    pictures = opsin.ops.whiten(rng.random((2, 30, 40)))
    assert pictures.draw(canvas).any()
