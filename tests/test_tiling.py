"""Tiles cover the picture, carry their annotations and come together again; guards refuse mirrored text."""

import numpy as np
import pytest

from opsin import Pipeline, Rules, Sample, augment, ops, step
from opsin.chance import Rng
from opsin.errors import ParamError
from opsin.tiling import cut, halo_of, merge_boxes, merge_masks, run_tiled

IMAGE = np.random.default_rng(0).integers(0, 256, (95, 130, 3), np.uint8)


def test_tiles_cover_the_picture_and_boxes_come_back() -> None:
    rng = np.random.default_rng(1)
    corner = rng.uniform(0, [110, 75], (30, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(4, 18, (30, 2))], axis=1)
    sample = Sample(IMAGE, boxes=boxes, labels=np.arange(30), key="big")
    tiles = list(cut(sample, width=48, height=40, overlap=0.5, min_visible=0.999))
    seen = np.zeros(IMAGE.shape[:2], int)
    for tile in tiles:
        np.testing.assert_array_equal(tile.sample.image, IMAGE[tile.top : tile.top + 40, tile.left : tile.left + 48])
        seen[tile.top : tile.top + 40, tile.left : tile.left + 48] += 1
    assert seen.min() >= 1
    assert len({t.sample.key for t in tiles}) == len(tiles)
    found = [t.sample.instances for t in tiles]
    merged = merge_boxes(tiles, [f.boxes for f in found], [np.ones(len(f)) for f in found], [f.labels for f in found])
    # with half a tile of overlap every object is whole in some tile
    order = np.argsort(merged.labels)
    np.testing.assert_array_equal(merged.labels[order], np.arange(30))
    np.testing.assert_allclose(merged.boxes[order], boxes, atol=1e-9)


def test_empty_tiles_may_be_left_out_and_masks_come_back() -> None:
    sample = Sample(IMAGE, boxes=[[5, 5, 20, 20]])
    assert len(list(cut(sample, width=40, height=40, keep_empty=False))) < len(list(cut(sample, width=40, height=40)))
    tiles = list(cut(Sample(IMAGE), width=40, height=32, overlap=0.3))
    mask = IMAGE[..., 0] > 128
    parts = [mask[t.top : t.top + t.sample.size.height, t.left : t.left + t.sample.size.width] for t in tiles]
    np.testing.assert_array_equal(merge_masks(tiles, parts, (130, 95)), mask)
    scores = [t.sample.image.astype(float) for t in tiles]
    np.testing.assert_allclose(merge_masks(tiles, scores, (130, 95)), IMAGE)
    assert len(list(cut(sample, width=400, height=400))) == 1


@pytest.mark.parametrize("words", [{"width": 0, "height": 5}, {"width": 5, "height": 5, "overlap": 1.0}])
def test_impossible_tiles_are_refused(words: dict[str, float]) -> None:
    with pytest.raises(ParamError, match=r"tiling\.cut: "):
        list(cut(Sample(IMAGE), **words))


def test_safe_crops_keep_chosen_objects_whole() -> None:
    boxes = [[30, 20, 60, 50], [100, 70, 120, 90]]
    sample = Sample(IMAGE, boxes=boxes, labels=["cat", "dog"])
    lefts = set()
    for key in range(40):
        out = ops.safe_crop(sample, width=64, height=64, classes=("cat",), rng=Rng(key))
        assert out.image.shape == (64, 64, 3)
        cats = out.instances[out.instances.labels == "cat"]
        assert len(cats) == 1 and cats.visible[0] == pytest.approx(1.0)
        lefts.add(round(float(out.to_original(points=[[0, 0]])[0, 0])))
        both = ops.safe_crop(sample, width=32, height=32, rng=Rng(key))
        assert len(both.instances) == 2
    assert len(lefts) > 8
    assert ops.safe_crop(Sample(IMAGE), width=8, height=8, rng=Rng(1)).image.shape == (8, 8, 3)


def test_text_is_not_mirrored_and_sides_change_names() -> None:
    sample = Sample(IMAGE, boxes=[[10, 10, 40, 40], [60, 10, 90, 40]], labels=["plate", "left_hand"])
    guarded = sample.with_rules(Rules(text=["plate"], swap=[("left_hand", "right_hand")]))
    with pytest.raises(ParamError, match="unmirrored; got 'plate'"):
        ops.flip_horizontal(guarded)
    turned = ops.rotate90(guarded, times=1)
    assert list(turned.instances.labels) == ["plate", "left_hand"]
    swapped = ops.flip_horizontal(sample.with_rules(Rules(swap=[("left_hand", "right_hand")])))
    assert list(swapped.instances.labels) == ["plate", "right_hand"]
    numbered = Sample(IMAGE, boxes=[[60, 10, 90, 40]], labels=[0], class_names=["left_hand", "right_hand"])
    again = ops.flip_vertical(numbered.with_rules(Rules(swap=[("left_hand", "right_hand")])))
    assert list(again.instances.labels) == [1]
    pipeline = Pipeline(
        augment(step(ops.flip_horizontal)), rules=Rules(text=["plate"], swap=[("left_hand", "right_hand")])
    )
    assert Pipeline.from_yaml(pipeline.to_yaml()).rules == pipeline.rules
    with pytest.raises(ParamError, match="unmirrored"):
        pipeline(sample, mode="train", key=0, epoch=0)
    assert len(pipeline(sample).instances) == 2


def test_normalizing_twice_is_refused() -> None:
    once = ops.normalize(IMAGE, mean="imagenet", std="imagenet")
    with pytest.raises(ParamError):
        ops.normalize(once, mean="imagenet", std="imagenet")


def test_a_technique_runs_in_tiles_from_a_file_on_disk(tmp_path) -> None:
    big = np.random.default_rng(3).integers(0, 65536, (300, 420, 3), np.uint16)
    np.save(tmp_path / "big.npy", big)
    mapped = np.load(tmp_path / "big.npy", mmap_mode="r")
    for border in ("reflect", "wrap", "constant"):
        got = run_tiled(ops.gaussian_blur, mapped, tile=130, sigma=2.5, border=border)
        np.testing.assert_array_equal(got, ops.gaussian_blur(big, sigma=2.5, border=border))
    np.testing.assert_array_equal(run_tiled("gamma", mapped, tile=64, gamma=2.2), ops.gamma(big, gamma=2.2))
    assert halo_of("gaussian_blur", sigma=2.5) == 10 and halo_of("gamma", gamma=2.0) == 0


def test_what_depends_on_the_range_of_the_picture_is_the_same_in_tiles() -> None:
    # one value above 1 far away: the whole picture is then not clamped, and no tile may be
    image = np.random.default_rng(4).random((200, 90)).astype(np.float32)
    image[190, 80] = 1.5
    whole = ops.sharpen(image, amount=3.0)
    assert whole[:100].max() > 1.0
    np.testing.assert_array_equal(run_tiled("sharpen", image, tile=40, amount=3.0), whole)


def test_results_that_are_not_pictures_keep_what_they_know() -> None:
    pytest.importorskip("cv2")
    whole = ops.marr_hildreth(IMAGE, sigma=1.2, threshold=0.1)
    tiled = run_tiled("marr_hildreth", IMAGE, tile=37, sigma=1.2, threshold=0.1)
    assert type(tiled) is type(whole) and tiled.to_dict() == whole.to_dict()


@pytest.mark.parametrize("name", ["bm3d", "rotate", "gaussian_noise", "to_gray"])
def test_what_looks_at_the_whole_picture_is_refused_in_tiles(name: str) -> None:
    params = {"bm3d": {"std": 0.1}, "rotate": {"angle": 5.0}, "gaussian_noise": {"std": 0.1, "rng": Rng(0)}}
    with pytest.raises(ParamError, match=f"run_tiled: op must be .*'{name}'"):
        run_tiled(name, IMAGE, **params.get(name, {}))
    with pytest.raises(ParamError, match="run_tiled: tile must be"):
        run_tiled("invert", IMAGE, tile=0)


def test_boxes_that_tile_edges_cut_are_put_together_again() -> None:
    rng = np.random.default_rng(3)
    for _ in range(12):
        height, width = (int(v) for v in rng.integers(200, 600, 2))
        count = int(rng.integers(1, 12))
        corner = np.stack([rng.integers(0, width - 90, count), rng.integers(0, height - 90, count)], axis=1)
        # some are larger than half a tile: no tile sees them whole
        boxes = np.concatenate([corner, corner + rng.integers(8, 90, (count, 2))], axis=1).astype(np.float64)
        sample = Sample(np.zeros((height, width), np.uint8), boxes=boxes, labels=np.arange(count))
        tiles = list(cut(sample, width=120, height=100, overlap=0.4, min_visible=0.0))
        tables = [t.sample.instances for t in tiles]
        found = merge_boxes(
            tiles, [t.boxes for t in tables], [np.ones(len(t)) for t in tables], [t.labels for t in tables]
        )
        assert sorted(found.labels.tolist()) == list(range(count))
        np.testing.assert_allclose(found.boxes[np.argsort(found.labels)], boxes)
