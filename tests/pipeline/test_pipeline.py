"""Running a pipeline is a pure function of its address; rounding follows the one rule."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsin import Pipeline, Sample, augment, one_of, ops, some_of, step, uniform
from opsin.arrays import from_unit, to_unit
from opsin.errors import PipelineError
from opsin.io import encode

IMAGE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)


def training(seed: int = 7) -> Pipeline:
    return Pipeline(
        step(ops.letterbox, width=48, height=48),
        augment(
            step(ops.rotate, angle=uniform(-20, 20)),
            step(ops.flip_horizontal).sometimes(0.5),
            one_of(step(ops.gamma, gamma=uniform(0.5, 2)), step(ops.brightness, factor=uniform(0.5, 1.5))),
            some_of(step(ops.flip_vertical), step(ops.transpose), step(ops.invert), count=1),
            step(ops.gaussian_noise, std=uniform(0, 0.1)),
        ),
        seed=seed,
    )


def test_inference_leaves_augmentation_out() -> None:
    out = training()(IMAGE)
    # Pillow rounds to bytes between its two passes, a pipeline does not: one level at most
    by_hand = ops.letterbox(IMAGE, width=48, height=48)
    np.testing.assert_allclose(out.image.astype(int), by_hand.astype(int), atol=1)
    assert list(out.draws) == ["letterbox"]


def test_training_is_a_pure_function_of_key_epoch_and_draw() -> None:
    pipeline = training()
    first = pipeline(IMAGE, mode="train", key="a", epoch=1).image
    pipeline(IMAGE, mode="train", key="b", epoch=1)
    np.testing.assert_array_equal(pipeline(IMAGE, mode="train", key="a", epoch=1).image, first)
    for other in ({"key": "b", "epoch": 1}, {"key": "a", "epoch": 2}, {"key": "a", "epoch": 1, "draw": 1}):
        assert not np.array_equal(pipeline(IMAGE, mode="train", **other).image, first)
    assert not np.array_equal(training(8)(IMAGE, mode="train", key="a", epoch=1).image, first)


def test_inserting_a_step_leaves_every_other_draw_alone() -> None:
    angle = step(ops.rotate, angle=uniform(-20, 20))
    alone = Pipeline(augment(angle), seed=1)
    more = Pipeline(augment(step(ops.gamma, gamma=uniform(0.5, 2)), angle), step(ops.invert), seed=1)
    for key in range(20):
        a = {d["id"]: d["params"] for d in alone.draw(key=key, epoch=0)}
        b = {d["id"]: d["params"] for d in more.draw(key=key, epoch=0)}
        assert a["rotate"] == b["rotate"]


def test_draw_tells_what_a_run_does() -> None:
    pipeline = training()
    for key in range(10):
        drawn = pipeline.draw(key=key, epoch=2, size=(60, 40))
        out = pipeline(IMAGE, mode="train", key=key, epoch=2)
        assert {d["id"]: d["params"] for d in drawn} == out.draws
        matrix = np.eye(3)
        for d in drawn:
            matrix = np.array(d.get("matrix", np.eye(3))) @ matrix
        np.testing.assert_allclose(matrix, out.warp.matrix, atol=1e-9)


def test_probabilities_are_kept() -> None:
    pipeline = training()
    ids = [{d["id"] for d in pipeline.draw(key=k, epoch=0)} for k in range(600)]
    share = {name: sum(name in i for i in ids) / 600 for name in ("flip_horizontal", "gamma", "transpose")}
    assert abs(share["flip_horizontal"] - 0.5) < 0.07
    assert abs(share["gamma"] - 0.5) < 0.07
    assert abs(share["transpose"] - 1 / 3) < 0.07


def test_rounding_follows_the_one_rule() -> None:
    before = Pipeline(step(ops.gamma, gamma=1.7), step(ops.brightness, factor=0.8))
    by_hand = ops.brightness(ops.gamma(IMAGE, gamma=1.7), factor=0.8)
    np.testing.assert_array_equal(before(IMAGE).image, by_hand)
    after = Pipeline(step(ops.rotate, angle=9), step(ops.gamma, gamma=1.7), step(ops.brightness, factor=0.8))
    loose = ops.rotate(to_unit(IMAGE), angle=9)
    expected = from_unit(ops.brightness(ops.gamma(loose, gamma=1.7), factor=0.8), np.uint8)
    np.testing.assert_array_equal(after(IMAGE).image, expected)
    exact = Pipeline(step(ops.flip_horizontal), step(ops.gamma, gamma=1.7))
    np.testing.assert_array_equal(exact(IMAGE).image, ops.gamma(IMAGE[:, ::-1], gamma=1.7))
    levels = Pipeline(step(ops.rotate, angle=9), step(ops.posterize, bits=3))
    np.testing.assert_array_equal(levels(IMAGE).image, ops.posterize(from_unit(loose, np.uint8), bits=3))
    numbers = Pipeline(step(ops.resize, width=20, height=20), step(ops.normalize, mean="imagenet", std="imagenet"))
    assert numbers(IMAGE).image.dtype == np.float32
    assert numbers(IMAGE).image.min() < 0


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_output_dtype_is_the_inputs(dtype: type) -> None:
    image = from_unit(to_unit(IMAGE), dtype)
    out = training()(image, mode="train", key=1, epoch=0)
    assert out.image.dtype == dtype
    assert out.image.flags["C_CONTIGUOUS"]


def test_bytes_and_paths_are_pictures(tmp_path: Path) -> None:
    data = encode(IMAGE, "png")
    (tmp_path / "x.png").write_bytes(data)
    for source in (data, tmp_path / "x.png", str(tmp_path / "x.png"), Sample(IMAGE)):
        np.testing.assert_array_equal(training()(source).image, training()(IMAGE).image)


def test_trace_gives_every_step() -> None:
    traces = training().trace(IMAGE, mode="train", key=1, epoch=0)
    assert traces[0].op == "letterbox"
    assert traces[-1].op == "gaussian_noise"
    assert all(t.seconds >= 0 and t.range[0] <= t.range[1] and t.sample.image.dtype == np.uint8 for t in traces)
    np.testing.assert_array_equal(traces[-1].sample.image, training()(IMAGE, mode="train", key=1, epoch=0).image)


@given(st.integers(1, 4), st.permutations(range(6)))
def test_batches_are_the_same_for_any_threads_and_order(threads: int, order: list[int]) -> None:
    pipeline = training()
    batch = pipeline.batch([IMAGE] * 6, keys=order, mode="train", epoch=5, threads=threads)
    for i, key in enumerate(order):
        np.testing.assert_array_equal(batch.images[i], pipeline(IMAGE, mode="train", key=key, epoch=5).image)


def test_batches_report_errors_and_refuse_differing_sizes() -> None:
    pipeline = Pipeline(step(ops.letterbox, width=32, height=32))
    batch = pipeline.batch([IMAGE, b"not a picture", IMAGE])
    assert [i for i, _ in batch.errors] == [1]
    assert batch.samples[1] is None
    assert not batch.images[1].any()
    out = np.zeros((2, 32, 32, 3), np.uint8)
    assert pipeline.batch([IMAGE, IMAGE], out=out).images is out
    with pytest.raises(PipelineError, match="of one size"):
        Pipeline().batch([IMAGE, IMAGE[:20]])
    with pytest.raises(PipelineError, match="out must be"):
        pipeline.batch([IMAGE], out=out)
    with pytest.raises(PipelineError, match="at least one source"):
        pipeline.batch([])


def test_results_are_kept_under_the_steps_name() -> None:
    out = Pipeline(step(ops.threshold, method="otsu"), step(ops.threshold, method="li").into("second"))(IMAGE[..., 0])
    assert set(out.results) == {"threshold", "second"}
    np.testing.assert_array_equal(out.image, IMAGE[..., 0])


def test_filtered_samples_stop() -> None:
    out = Pipeline(step(ops.keep_if, min_width=100), step(ops.invert))(IMAGE)
    assert out.filtered is not None and "min_width" in out.filtered
    np.testing.assert_array_equal(out.image, IMAGE)


def test_training_needs_key_and_epoch() -> None:
    with pytest.raises(PipelineError, match="key and epoch must be given"):
        training()(IMAGE, mode="train")
    with pytest.raises(PipelineError, match="mode must be"):
        training()(IMAGE, mode="trian")  # type: ignore[arg-type]
    assert training()(Sample(IMAGE, key=3), mode="train", epoch=0).image.shape == (48, 48, 3)


PROGRAM = """
import hashlib, numpy as np
from opsin import Pipeline, augment, ops, step, uniform
image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
p = Pipeline(augment(step(ops.rotate, angle=uniform(-9, 9)), step(ops.gaussian_noise, std=0.1)), seed=1)
print(hashlib.sha256(b"".join(p(image, mode="train", key=k, epoch=0).image.tobytes() for k in range(5))).hexdigest())
"""


def test_processes_and_hash_seeds_do_not_matter() -> None:
    digests = set()
    for seed in ("0", "1", "77"):
        environment = os.environ | {"PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", PROGRAM]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        digests.add(done.stdout)
    assert len(digests) == 1


def test_explain_says_what_is_drawn() -> None:
    text = training().explain()
    for part in (
        "letterbox",
        "in training only",
        "uniform(-20, 20) (drawn)",
        "in 50% of the draws",
        "one of",
        "1 of these",
    ):
        assert part in text


def test_the_scope_of_a_draw_is_said() -> None:
    pipeline = Pipeline(augment(step(ops.rotate, angle=uniform(-30, 30))), seed=1)
    own = pipeline.batch([IMAGE] * 3, keys=[5, 6, 7], mode="train")
    clip = pipeline.batch([IMAGE] * 3, keys=[5, 6, 7], mode="train", scope="clip")
    assert not np.array_equal(own.images[0], own.images[1])
    np.testing.assert_array_equal(clip.images[0], own.images[0])
    np.testing.assert_array_equal(clip.images[2], own.images[0])
    with pytest.raises(PipelineError, match="Did you mean 'sample'"):
        pipeline.batch([IMAGE], keys=[1], mode="train", scope="sampel")  # type: ignore[arg-type]
