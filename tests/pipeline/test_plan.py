"""Fused equals step by step within a stated tolerance, is nearer to float64, and every rule can be switched off."""

import io
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from opsin import Pipeline, Rules, Sample, Size, Warp, augment, ops, step, uniform
from opsin.errors import OpsinError, PipelineError
from opsin.io import encode
from opsin.kernels import native, reference_only
from opsin.kernels.resample import resample
from opsin.pipeline.rules import RULES
from opsin.pipeline.steps import Step

needs_core = pytest.mark.skipif(not native.available(), reason="the compiled core is not installed")


def smooth(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A picture without noise, so that one sampling and two differ little."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / 40
    waves = [np.sin(x * a + y * b + c) for a, b, c in rng.uniform(-2, 2, (9, 3))]
    planes = np.stack([sum(waves[k::3]) for k in range(3)], axis=-1)
    return ((planes - planes.min()) / np.ptp(planes) * 255).astype(np.uint8)


COLOR = [
    lambda: step(ops.brightness, factor=uniform(0.7, 1.3)),
    lambda: step(ops.contrast, factor=uniform(0.7, 1.3)),
    lambda: step(ops.saturation, factor=uniform(0.5, 1.5)),
    lambda: step(ops.hue, shift=uniform(-0.1, 0.1)),
    lambda: step(ops.gamma, gamma=uniform(0.7, 1.4)),
    lambda: step(ops.invert),
    lambda: step(ops.flip_horizontal).sometimes(0.5),
    lambda: step(ops.color_jitter, brightness=0.2, contrast=0.2, saturation=0.2, hue=0.1),
]
MOVES = [
    lambda: step(ops.resize, width=80, height=64),
    lambda: step(ops.letterbox, width=96, height=96),
    lambda: step(ops.rotate, angle=uniform(-25, 25)),
    lambda: step(ops.random_resized_crop, width=72, height=64, area=(0.5, 1.0)),
    lambda: step(ops.affine, angle=uniform(-9, 9), scale=uniform(0.9, 1.1)),
    lambda: step(ops.center_crop, fraction=0.9),
    lambda: step(ops.flip_vertical),
    lambda: step(ops.perspective, distortion=0.1),
]


@needs_core
@given(st.permutations(range(len(COLOR))), st.integers(1, 5), st.integers(0, 1000))
def test_color_in_one_pass_equals_step_by_step(order: list[int], count: int, key: int) -> None:
    steps = [COLOR[i]() for i in order[:count]]
    pipeline = Pipeline(step(ops.resize, width=70, height=50), augment(*steps), seed=3)
    image = smooth(90, 120)
    fused = pipeline(image, mode="train", key=key, epoch=0)
    eager = pipeline.with_options(fuse=False)(image, mode="train", key=key, epoch=0)
    assert pipeline.plan("train").program is not None
    assert fused.draws == eager.draws
    # one level: the same float32 steps, rounded once at the end
    assert np.abs(fused.image.astype(int) - eager.image.astype(int)).max() <= 1


@needs_core
@given(st.lists(st.sampled_from(range(len(MOVES))), min_size=2, max_size=4), st.integers(0, 1000))
def test_joined_moves_show_the_same_picture(chosen: list[int], key: int) -> None:
    pipeline = Pipeline(augment(*(MOVES[i]() for i in chosen)), seed=5)
    image = smooth(100, 140)
    boxes = [[20, 30, 60, 80], [70, 10, 130, 95]]
    fused = pipeline(Sample(image, boxes=boxes), mode="train", key=key, epoch=0)
    eager = pipeline.with_options(fuse=False)(Sample(image, boxes=boxes), mode="train", key=key, epoch=0)
    assert fused.image.shape == eager.image.shape
    assert fused.draws == eager.draws
    difference = np.abs(fused.image.astype(int) - eager.image.astype(int))
    # smooth pictures: samplings differ by little, but for the pixels that a canvas's edge runs through
    assert np.median(difference) <= 1
    assert (difference.max(axis=-1) > 12).mean() < 0.08
    np.testing.assert_array_equal([d.row for d in fused.dropped], [d.row for d in eager.dropped])
    if len(fused.instances):
        np.testing.assert_allclose(fused.instances.boxes, eager.instances.boxes, atol=1e-6)


@needs_core
def test_joined_moves_are_nearer_to_the_truth_than_four_samplings() -> None:
    # the truth: the same moves on a picture of four times the size, averaged down
    data = pytest.importorskip("skimage.data", reason="scikit-image is not installed")
    fine = np.ascontiguousarray(data.astronaut()[:400, :512])
    coarse = ops.resize(fine, width=128, height=100, kernel="area")
    errors = {True: [], False: []}
    for key in range(6):
        moves = [
            step(ops.rotate, angle=uniform(-20, 20)),
            step(ops.affine, angle=uniform(-9, 9), scale=uniform(0.95, 1.05)),
            step(ops.perspective, distortion=0.1),
        ]
        pipeline = Pipeline(augment(*moves), seed=2)
        drawn = pipeline(Sample(coarse), mode="train", key=key, epoch=0)
        big = np.diag([4.0, 4.0, 1.0])
        warp = Warp.of(big @ drawn.warp.matrix @ np.linalg.inv(big), Size(512, 400))
        truth = ops.resize(resample(fine, warp), width=128, height=100, kernel="area").astype(float)
        inner = (slice(25, 75), slice(32, 96))
        for fuse in (True, False):
            out = pipeline.with_options(fuse=fuse)(Sample(coarse), mode="train", key=key, epoch=0).image.astype(float)
            errors[fuse].append(((out - truth)[inner] ** 2).mean())
    assert (np.array(errors[True]) < np.array(errors[False])).all()
    assert np.mean(errors[True]) < 0.75 * np.mean(errors[False])


@needs_core
def test_what_a_crop_removed_stays_removed_unless_frames_are_open() -> None:
    image = np.full((100, 100, 3), 200, np.uint8)
    steps = [step(ops.crop, left=20, top=20, width=60, height=60), step(ops.rotate, angle=45)]
    kept = Pipeline(*steps)(image).image
    assert kept[1, 1].max() == 0
    opened = Pipeline(*steps, frames="open")(image).image
    assert opened[1, 1].min() > 150
    assert kept[30, 30, 0] == 200


@needs_core
def test_every_rule_can_be_switched_off() -> None:
    pipeline = Pipeline(step(ops.rotate, angle=7), step(ops.rotate, angle=-3), step(ops.invert), decode="fast")
    image = smooth(60, 80)
    whole = pipeline(image).image.astype(int)
    for rule in RULES:
        less = pipeline.with_options(without=[rule.name])
        assert rule.name not in {name for name, _ in less.plan().notes}
        assert np.abs(less(image).image.astype(int) - whole)[10:-10, 10:-10].max() <= 4
        assert less.fingerprint == pipeline.fingerprint
        assert Pipeline.from_yaml(less.to_yaml()).without == (rule.name,)
    assert "join moves" in pipeline.explain()
    with pytest.raises(PipelineError, match="Did you mean 'join moves'"):
        Pipeline(without=["join move"])


@needs_core
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_every_kind_of_jpeg_gives_what_the_ordinary_decoder_gives(progressive: bool, mode: str) -> None:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(smooth(90, 130)).convert(mode).save(buffer, "JPEG", quality=90, progressive=progressive)
    pipeline = Pipeline(step(ops.resize_shorter, size=64), step(ops.center_crop, width=56, height=56))
    fused = pipeline(buffer.getvalue()).image
    eager = pipeline.with_options(fuse=False)(buffer.getvalue()).image
    assert fused.shape == eager.shape
    assert np.abs(fused.astype(int) - eager.astype(int)).max() <= 1


@needs_core
def test_fast_decoding_is_close_and_truncation_is_found() -> None:
    data = encode(smooth(900, 1200), "jpeg", quality=92)
    exact = Pipeline(step(ops.resize_shorter, size=128), step(ops.center_crop, width=112, height=112))
    fast = exact.with_options(decode="fast")
    a, b = exact(data).image.astype(float), fast(data).image.astype(float)
    assert 10 * np.log10(255**2 / ((a - b) ** 2).mean()) > 40
    for pipeline in (exact, fast):
        batch = pipeline.batch([data, data[: len(data) // 2], data])
        assert [(i, e.kind) for i, e in batch.errors] == [(1, "truncated")]
        assert batch.samples[0] is not None and not batch.images[1].any()


@needs_core
@pytest.mark.parametrize("border", ["replicate", "reflect", "symmetric", "wrap"])
def test_fast_decoding_shows_what_lies_beyond_the_edge(border: str) -> None:
    data = encode(smooth(120, 160), "jpeg", quality=92)
    exact = Pipeline(step(ops.rotate, angle=20, border=border))
    assert np.array_equal(exact(data).image, exact.with_options(decode="fast")(data).image)


@needs_core
@pytest.mark.parametrize(
    "steps",
    [
        [step(ops.rotate, angle=20, fill=(0.9, 0.2, 0.5))],
        [step(ops.perspective, corners=[[12, 5], [150, 9], [140, 110], [3, 118]])],
        [step(ops.affine, scale=0.3, angle=8), step(ops.rotate, angle=3)],
        [step(ops.affine, scale=6, angle=40)],
        [step(ops.letterbox, width=200, height=200, fill=0.4), step(ops.affine, angle=4, x=0.1)],
        [step(ops.resize, width=90, height=70), step(ops.flip_vertical)],
    ],
)
@pytest.mark.parametrize(
    "colors", [[], [step(ops.hue, shift=0.2), step(ops.contrast, factor=1.3), step(ops.gamma, gamma=0.9)]]
)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_fine_levels_stay_near_floats(steps: list[Step], colors: list[Step], mode: str) -> None:
    data = encode(smooth(120, 160), "jpeg", quality=92)
    if mode == "L":
        data = encode(smooth(120, 160)[..., 0], "jpeg", quality=92)
    fine = Pipeline(*steps, *colors, step(ops.to_tensor), decode="fast")
    floats = fine.with_options(without=["fine levels"])
    apart = np.abs(fine(data).image - floats(data).image) * 255
    # where an edge cuts a pixel, colors that RGB cannot show are mixed before they are cut off
    assert np.quantile(apart, 0.99) < 0.3
    assert apart.max() < 4


@needs_core
@pytest.mark.parametrize("threads", [1, 2, 7])
def test_threads_do_not_matter(threads: int) -> None:
    pipeline = Pipeline(augment(*(make() for make in COLOR), *(MOVES[i]() for i in (2, 3))), seed=1)
    sources = [encode(smooth(80 + i, 100, i), "jpeg") for i in range(9)]
    batch = pipeline.batch(sources, keys=range(9), mode="train", threads=threads)
    for i, source in enumerate(sources):
        alone = pipeline(source, mode="train", key=i, epoch=0)
        np.testing.assert_array_equal(batch.images[i], alone.image)
        assert batch.samples[i] is not None and batch.samples[i].draws == alone.draws


@needs_core
def test_a_batch_of_every_kind_of_source_is_what_each_gives_alone() -> None:
    pipeline = Pipeline(step(ops.resize, width=40, height=30))
    jpeg, png = encode(smooth(60, 80), "jpeg"), encode(smooth(50, 70), "png")
    gray, axis = smooth(64, 48)[..., 0], smooth(64, 48)[..., :1]
    for sources in ([jpeg, png, smooth(33, 44), Sample(jpeg), jpeg[:600]], [gray, gray], [axis, axis]):
        batch = pickle.loads(pickle.dumps(pipeline.batch(sources)))
        for i, source in enumerate(sources):
            if batch.samples[i] is None:
                assert [k for k, _ in batch.errors] == [i] and not batch.images[i].any()
                continue
            alone = pipeline(source)
            np.testing.assert_array_equal(batch.images[i], alone.image)
            np.testing.assert_array_equal(batch.samples[i].image, alone.image)
            assert np.allclose(batch.samples[i].to_original(points=[[3, 4]]), alone.to_original(points=[[3, 4]]))
    for odd in ([gray, axis], [gray, smooth(64, 48)]):
        with pytest.raises(PipelineError, match="of one size"):
            pipeline.batch(odd)


def test_mirrored_text_is_one_failure_of_a_batch() -> None:
    pipeline = Pipeline(augment(step(ops.flip_horizontal)), rules=Rules(text=["plate"]))
    picture = smooth(40, 60)
    sources = [Sample(picture, boxes=[[1, 2, 30, 20]], labels=[name]) for name in ("car", "plate")]
    batch = pipeline.batch([*sources, picture], keys=range(3), mode="train")
    assert [(i, "unmirrored" in str(e)) for i, e in batch.errors] == [(1, True)]
    assert batch.samples[1] is None and not batch.images[1].any()
    np.testing.assert_array_equal(batch.images[2], picture[:, ::-1])


def test_without_the_core_the_reference_serves() -> None:
    pipeline = Pipeline(step(ops.letterbox, width=48, height=48), step(ops.rotate, angle=10))
    image = smooth(60, 80)
    with reference_only():
        alone = Pipeline(*pipeline.steps)
        assert alone.plan().program is None
        reference = alone(image).image
    assert np.abs(pipeline(image).image.astype(int) - reference.astype(int)).mean() < 3


@pytest.mark.parametrize("name", ["sepia", "rgb_shift", "color_matrix"])
def test_gray_pictures_are_refused_fused_or_not(name):
    params = {"sepia": {}, "rgb_shift": {"r": 0.1, "g": 0.0, "b": 0.0}, "color_matrix": {"matrix": np.eye(3)}}[name]
    pipeline = Pipeline(step(getattr(ops, name), **params))
    for image in (np.zeros((9, 9), np.uint8), np.zeros((9, 9, 1), np.float32)):
        for one in (pipeline, pipeline.with_options(fuse=False)):
            with pytest.raises(OpsinError, match=name):
                one(image)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_that_lies_on_its_side_carries_its_boxes_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    Image.fromarray(smooth(40, 60)).save(file, "jpeg", exif=exif)
    sample = Sample(file.getvalue(), boxes=[[5, 10, 20, 30], [0, 0, 8, 4]])
    turn = augment(step(ops.rotate, angle=uniform(-20, 20)), step(ops.flip_horizontal).sometimes(0.5))
    pipeline = Pipeline(turn, step(ops.resize, width=80, height=70))
    slow = pipeline.with_options(fuse=False)(sample, mode="train", key=orientation, epoch=0)
    batch = pipeline.batch([sample], keys=[orientation], mode="train")
    for fast in (pipeline(sample, mode="train", key=orientation, epoch=0), batch.samples[0]):
        assert fast is not None and fast.original_instances.size == sample.size
        np.testing.assert_allclose(fast.instances.boxes, slow.instances.boxes, atol=1e-9)
        np.testing.assert_allclose(fast.to_original(points=[[3, 4]]), slow.to_original(points=[[3, 4]]), atol=1e-9)
        assert fast.warp.source == slow.warp.source == sample.size


@pytest.mark.parametrize("decode", ["exact", "fast"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_box_stays_around_what_is_painted_however_the_file_lies(orientation: int, decode: str) -> None:
    way = Image.Transpose
    lay = [None, way.FLIP_LEFT_RIGHT, way.ROTATE_180, way.FLIP_TOP_BOTTOM, way.TRANSPOSE, way.ROTATE_90]
    turned = [*lay, way.TRANSVERSE, way.ROTATE_270][orientation - 1]
    upright = np.full((200, 300, 3), 40, np.uint8)
    upright[60:110, 50:170] = 250
    picture, exif, file = Image.fromarray(upright), Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    (picture if turned is None else picture.transpose(turned)).save(file, "jpeg", exif=exif, quality=95)
    move = step(ops.affine, scale=uniform(0.8, 1.1), x=uniform(-0.05, 0.05))
    steps = (step(ops.letterbox, width=256, height=256), augment(step(ops.flip_horizontal).sometimes(0.5), move))
    sources = [Sample(file.getvalue(), boxes=[[50, 60, 170, 110]])] * 6
    for sample in Pipeline(*steps, decode=decode).batch(sources, keys=range(6), mode="train").samples:
        assert sample is not None
        y, x = np.nonzero(sample.image.min(axis=-1) > 145)
        seen = [x.min(), y.min(), x.max() + 1, y.max() + 1]
        np.testing.assert_allclose(sample.instances.boxes[0], seen, atol=1.2)


@needs_core
def test_boxes_carried_by_the_core_are_those_of_the_warp() -> None:
    rng = np.random.default_rng(3)
    corner = rng.uniform(-10, 90, (60, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(0, 40, (60, 2))], axis=1)
    sample = Sample(encode(smooth(80, 100), "jpeg"), boxes=boxes, labels=[f"c{i % 7}" for i in range(60)])
    moves = (step(ops.rotate, angle=uniform(-40, 40)), step(ops.random_resized_crop, width=64, height=48))
    for rules in (Rules(), Rules(min_visible=0.5, min_area=40, min_side=3)):
        pipeline = Pipeline(augment(*moves), rules=rules)
        for key in range(8):
            quick = pipeline(sample, mode="train", key=key, epoch=0)
            told = pipeline(sample, mode="train", key=key, epoch=0)
            assert told.warp.stages  # the warp is built, and carries
            told = told.with_image(told.image).moved(Warp.identity(told.size), told.image)
            with reference_only():
                slow = pipeline(sample, mode="train", key=key, epoch=0)
                slow.instances  # noqa: B018
            for other in (told, slow):
                assert quick.instances.rows.tolist() == other.instances.rows.tolist()
                assert quick.instances.labels.tolist() == other.instances.labels.tolist()
                np.testing.assert_allclose(quick.instances.boxes, other.instances.boxes, atol=1e-6)
                np.testing.assert_allclose(quick.instances.visible, other.instances.visible, atol=1e-6)
                assert [(d.row, d.reason, d.label) for d in quick.dropped] == [
                    (d.row, d.reason, d.label) for d in other.dropped
                ]
            assert 0 < quick.instances.count < 60 and quick.instances.size == slow.instances.size
            again = pickle.loads(pickle.dumps(pipeline(sample, mode="train", key=key, epoch=0)))
            assert again.instances.rows.tolist() == quick.instances.rows.tolist()
            stricter = Rules(min_visible=0.9, min_area=rules.min_area, min_side=rules.min_side)
            back = quick.with_rules(stricter).instances
            assert set(back.rows) <= set(quick.instances.rows) and (back.visible >= 0.9).all()
