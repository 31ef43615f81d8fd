"""Programs of the core: draws equal to Python's to the bit, pictures to the NumPy reference's; batches in order."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import numpy as np
import pytest
from native_help import encode, levels, needs_core, photographs
from PIL import Image

from opsin import Pipeline, augment, chance, choice, log_uniform, normal, ops, step, uniform
from opsin.chance import Rng, key_word, stream_words
from opsin.errors import DecodeError, ParamError, PipelineError
from opsin.kernels import native, reference_only
from opsin.kernels.native.loading import need
from opsin.pipeline.program import program_text
from opsin.pipeline.steps import one_of, some_of

pytestmark = needs_core

NORMALIZED = (step(ops.normalize, mean="imagenet", std="imagenet"), step(ops.to_tensor))


def program(pipeline: Pipeline, mode: str = "train", **options: Any) -> native.Program:
    return native.Program(
        program_text(
            pipeline.steps,
            pipeline.ids,
            pipeline.seed,
            training=mode == "train",
            options={"decode": pipeline.decode, "frames": pipeline.frames, **options},
        )
    )


def run(pipeline: Pipeline, sources: list[Any], keys: list[Any], mode: str, threads: int = 1, **options: Any) -> Any:
    core = program(pipeline, mode, **options)
    addresses = [(0, 3, key_word(k)) for k in keys]
    outcome = core.outcome(sources[0], addresses[0])
    out = np.zeros((len(sources), *outcome.shape), outcome.dtype)
    errors, _ = core.run(sources, addresses, out, threads=threads)
    assert not errors
    return out


def reference(pipeline: Pipeline, source: Any, key: Any, mode: str) -> np.ndarray:
    with reference_only():
        if mode == "infer":
            return pipeline.with_options(fuse=False)(source).image
        return pipeline.with_options(fuse=False)(source, mode="train", key=key, epoch=3).image


@needs_core
def test_the_words_of_keys_are_those_of_python() -> None:
    rng = np.random.default_rng(0)
    numbers = [
        0,
        1,
        -1,
        2**63 - 1,
        -(2**63),
        2**63,
        2**64,
        -(10**30),
        *(int(v) for v in rng.integers(-(2**62), 2**62, 200)),
    ]
    texts = ["", "1", "a/b.jpg", "für Öl", "漢字", "\ud800", "a\0b", "x" * 1000]
    keys = [*numbers, *texts, np.int64(-5), np.uint64(2**64 - 1)]
    assert native.key_words(keys, key_word) == [key_word(k) for k in keys]
    for bad in (True, 1.5, b"1"):
        with pytest.raises(PipelineError, match="key must be an int or a str"):
            native.key_words([3, bad], key_word)


@needs_core
def test_files_that_are_not_for_the_core_are_named() -> None:
    plain, profiled = io.BytesIO(), io.BytesIO()
    Image.new("RGB", (9, 8)).save(plain, "jpeg")
    Image.new("RGB", (9, 8)).save(profiled, "jpeg", icc_profile=b"no profile at all")
    files = [plain.getvalue(), profiled.getvalue(), b"", b"\xff\xd8", b"\x89PNG", plain.getvalue()[:3]]
    look = native.Program('{"version": 1, "steps": [{"op": "resize", "width": 5, "height": 4}]}').look
    assert look(files, [(0, 0, 0)] * 6) == ([1, 2, 3, 4], native.Outcome((4, 5, 3), np.dtype(np.uint8)))
    assert look(files[5:], [(0, 0, 0)]) == ([], None)


# --- draws ----------------------------------------------------------------------------------------------------------
def test_raw_words_are_numpys() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        key, at = rng.integers(0, 1 << 63, 2), rng.integers(0, 1 << 63, 3)
        counter = np.array([0, *at], np.uint64)
        want = np.random.Philox(key=key.astype(np.uint64), counter=counter).random_raw(11)
        got = need().philox_words([int(k) for k in key], tuple(int(a) for a in at))
        assert list(got) == want.tolist()


def test_elementary_functions_are_pythons_to_the_bit() -> None:
    rng = np.random.default_rng(1)
    values = np.concatenate(
        [rng.uniform(0, 1, 3000), rng.uniform(0, 700, 500), 10.0 ** rng.uniform(-300, 2, 500), [1.0]]
    )
    for x in values.tolist():
        log, exp, quantile = need().elementary(x)
        assert log == float(chance.log(x)) and exp == float(chance.exp(x))
        assert quantile == float(chance.normal_quantile(max(abs(x - np.trunc(x)), 1e-300)))


def test_parameters_are_pythons_to_the_bit() -> None:
    pipeline = Pipeline(
        augment(
            step(ops.brightness, factor=uniform(0.3, 1.7)),
            step(ops.gamma, gamma=log_uniform(0.2, 5)).sometimes(0.6),
            step(ops.contrast, factor=normal(1, 0.4).clipped(0.2, 2)),
            step(ops.posterize, bits=choice(2, 3, 7, weights=(1, 5, 2))),
            step(ops.posterize, bits=uniform(1, 8)),
            one_of(step(ops.saturation, factor=uniform(0, 2)), step(ops.hue, shift=uniform(-0.5, 0.5)), weights=(1, 3)),
            some_of(
                step(ops.exposure, stops=normal(0, 1).clipped(-2, 2)),
                step(ops.solarize, threshold=uniform(0, 1)),
                step(ops.invert).sometimes(0.5),
                step(ops.brightness, factor=log_uniform(0.5, 2)).named("again"),
                step(ops.gamma, gamma=uniform(1, 2)).named("twice"),
                count=3,
            ),
        ),
        seed=77,
    )
    core = program(pipeline)
    for key in (*range(60), "cat/12", "Ümläut"):
        want = []
        for drawn in pipeline.draw(key=key, epoch=2, draw=1):
            numbers = [float(v) for v in drawn["params"].values() if not isinstance(v, str)]
            want.append((drawn["op"], numbers))
        got = []
        for line in core.draw((1, 2, key_word(key))):
            name = re.match(r"[A-Za-z]+", line)
            assert name is not None
            got.append((name.group().lower(), [float(n) for n in re.findall(r"-?\d[\d.]*(?:e-?\d+)?", line)]))
        assert got == want


def test_geometry_is_pythons() -> None:
    pipeline = Pipeline(
        augment(
            step(ops.rotate, angle=uniform(-40, 40), keep="all"),
            step(ops.random_resized_crop, width=150, height=120, area=(0.2, 1.0), ratio=(0.3, 4)),
            step(ops.perspective, distortion=0.4),
            step(ops.affine, angle=uniform(-9, 9), scale=log_uniform(0.8, 1.2), shear=uniform(-9, 9), x=0.1),
            step(ops.letterbox, width=160, height=160, x=uniform(0, 1)),
            step(ops.random_crop, width=100, height=90),
            step(ops.flip_vertical).sometimes(0.5),
            step(ops.shear, x=uniform(-20, 20), y=5),
            step(ops.rotate90, times=uniform(-3, 5)),
            step(ops.crop_at, width=60, height=50, x=uniform(0, 1)),
            step(ops.pad, left=3, bottom=5),
            step(ops.scale, factor=uniform(0.5, 2)),
            step(ops.translate, x=uniform(-0.2, 0.2), y=0.1),
            step(ops.rotate, angle=uniform(-40, 40), keep="inside"),
            step(ops.resize_longer, size=40),
            step(ops.center_crop, fraction=0.7),
            step(ops.transpose),
        ),
        seed=4,
    )
    core = program(pipeline)
    for key in range(40):
        source = np.zeros((90 + key * 7 % 200, 100 + key * 31 % 300, 3), np.uint8)
        size = (source.shape[1], source.shape[0])
        at = (0, 0, key_word(key))
        outcome = core.outcome(source, at)
        out = np.zeros((1, *outcome.shape), outcome.dtype)
        errors, ((got_size, stages, _),) = core.run([source], [at], out)
        assert not errors and got_size == size
        want = pipeline.draw(key=key, epoch=0, size=size)
        assert [stages[-1][1], stages[-1][2]] == want[-1]["size"]
        composed, expected = np.eye(3), np.eye(3)
        for matrix, *_ in stages:
            composed = np.reshape(matrix, (3, 3)) @ composed
        for drawn in want:
            expected = np.array(drawn["matrix"]) @ expected
        composed, expected = composed / composed[2, 2], expected / expected[2, 2]
        assert np.allclose(composed, expected, rtol=1e-9, atol=1e-9)


# --- pictures -------------------------------------------------------------------------------------------------------
PIPELINES: dict[str, tuple[Pipeline, str, float]] = {
    "classify": (
        Pipeline(step(ops.resize_shorter, size=256), step(ops.center_crop, width=224, height=224), *NORMALIZED),
        "infer",
        1e-5,
    ),
    "bytes": (Pipeline(step(ops.resize, width=120, height=90), step(ops.brightness, factor=1.2)), "infer", 1.0),
    "bicubic": (Pipeline(step(ops.resize, width=130, height=301, kernel="pillow-bicubic")), "infer", 1.0),
    "nearest": (Pipeline(step(ops.resize, width=130, height=301, kernel="nearest")), "infer", 0.0),
    "letterbox": (
        Pipeline(step(ops.letterbox, width=320, height=300, y=0.2), step(ops.flip_horizontal), *NORMALIZED),
        "infer",
        1e-5,
    ),
    "moves": (
        Pipeline(
            step(ops.center_crop, width=101, height=90),
            step(ops.rotate90, times=1),
            step(ops.pad, left=4, top=2, fill=0.3),
            step(ops.flip_vertical),
        ),
        "infer",
        0.0,
    ),
    "crop, flip, resize, flip, pad": (
        Pipeline(
            step(ops.crop, left=11, top=7, width=200, height=150),
            step(ops.flip_horizontal),
            step(ops.flip_vertical),
            step(ops.resize, width=90, height=101),
            step(ops.flip_horizontal),
            step(ops.pad, left=3, right=9, top=1, fill=(0.1, 0.2, 0.3)),
            *NORMALIZED,
        ),
        "infer",
        1e-5,
    ),
    "turn": (Pipeline(step(ops.rotate, angle=20.0, fill=0.5), *NORMALIZED), "infer", 2e-4),
    "train": (
        Pipeline(
            augment(
                step(ops.random_resized_crop, width=224, height=160),
                step(ops.flip_horizontal).sometimes(0.5),
                step(ops.brightness, factor=uniform(0.6, 1.4)),
                step(ops.contrast, factor=uniform(0.6, 1.4)),
                step(ops.saturation, factor=uniform(0.6, 1.4)),
                step(ops.hue, shift=uniform(-0.1, 0.1)),
            ),
            *NORMALIZED,
            seed=5,
        ),
        "train",
        2e-5,
    ),
    "levels": (
        Pipeline(
            augment(
                step(ops.brightness, factor=uniform(0.6, 1.4)),
                step(ops.contrast, factor=uniform(0.6, 1.4)),
                step(ops.gamma, gamma=uniform(0.7, 1.4)),
                step(ops.saturation, factor=uniform(0.5, 1.5)),
                step(ops.posterize, bits=choice(4, 5, 6)),
                step(ops.solarize, threshold=uniform(0.5, 1)),
                step(ops.to_gray, channels=3).sometimes(0.2),
            ),
            *NORMALIZED,
            seed=3,
        ),
        "train",
        0.0,
    ),
    "color, geometry, color": (
        Pipeline(
            augment(
                step(ops.color_jitter, brightness=0.3, contrast=0.3, saturation=0.3, hue=0.1),
                step(ops.contrast, factor=1.2),
                step(ops.saturation, factor=0.5),
                step(ops.contrast, factor=0.9).named("third"),
                step(ops.random_crop, width=200, height=150),
                one_of(
                    step(ops.gamma, gamma=log_uniform(0.5, 2)),
                    step(ops.exposure, stops=uniform(-1, 1)),
                    step(ops.sepia),
                ),
                step(ops.resize, width=100, height=100),
                some_of(
                    step(ops.invert),
                    step(ops.brightness, factor=0.8),
                    step(ops.contrast, factor=1.3).named("other"),
                    step(ops.rgb_shift, r=0.1, g=-0.1, b=0.02),
                    count=3,
                ),
                step(ops.posterize, bits=6),
                step(ops.saturation, factor=1.4).named("last"),
            ),
            seed=9,
        ),
        "train",
        1.0,
    ),
    "matrix": (
        Pipeline(
            step(ops.color_matrix, matrix=np.array([[0.9, 0.2, 0, 0.01], [0, 1, 0.1, -0.1], [0.2, 0, 0.7, 0]])),
            step(ops.hue, shift=0.3),
            step(ops.to_gray),
        ),
        "infer",
        0.0,
    ),
}


@pytest.mark.parametrize("name", PIPELINES)
@pytest.mark.parametrize("form", ("array", "file"))
def test_pictures_are_the_references(name: str, form: str) -> None:
    pipeline, mode, tolerance = PIPELINES[name]
    for k, picture in enumerate(photographs()[:3]):
        source = encode(picture, quality=90) if form == "file" else picture
        got = run(pipeline, [source], [k], mode)[0]
        want = reference(pipeline, source, k, mode)
        off = np.abs(got.reshape(want.shape).astype(float) - want)
        if name in ("levels", "color, geometry, color"):
            # a tie that falls the other way is one level before posterize, and more behind it
            assert (off > tolerance + 1e-5).mean() < (2e-5 if name == "levels" else 2e-3)
        else:
            assert off.max() <= tolerance
        if tolerance == 1.0:
            assert off.mean() < 0.01


def test_float_pictures_and_gray_ones() -> None:
    unit = photographs()[1].astype(np.float32) / 255
    for name in ("classify", "train", "turn", "letterbox"):
        pipeline, mode, tolerance = PIPELINES[name]
        assert np.abs(run(pipeline, [unit], [1], mode)[0] - reference(pipeline, unit, 1, mode)).max() <= tolerance
    gray = np.ascontiguousarray(photographs()[1][..., 0])
    pipeline = Pipeline(
        step(ops.contrast, factor=1.3),
        step(ops.resize, width=80, height=70),
        step(ops.brightness, factor=0.9),
        step(ops.to_rgb),
        *NORMALIZED,
    )
    for source in (gray, encode(gray)):
        assert np.abs(run(pipeline, [source], [0], "infer")[0] - reference(pipeline, source, 0, "infer")).max() < 1e-5


def test_float16_is_the_nearest() -> None:
    pipeline = Pipeline(
        step(ops.resize, width=50, height=40),
        step(ops.normalize, mean="half", std="half"),
        step(ops.to_tensor, dtype="float16"),
    )
    wide = Pipeline(*pipeline.steps[:2], step(ops.to_tensor))
    picture = photographs()[0]
    got = run(pipeline, [picture], [0], "infer")
    assert got.dtype == np.float16
    assert np.array_equal(got, run(wide, [picture], [0], "infer").astype(np.float16))


def test_an_orientation_is_applied_first() -> None:
    from PIL import Image

    pipeline = PIPELINES["letterbox"][0]
    for value in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = value
        data = encode(photographs()[1], quality=95, exif=exif.tobytes())
        assert np.abs(run(pipeline, [data], [0], "infer")[0] - reference(pipeline, data, 0, "infer")).max() < 1e-4


def test_batches_beyond_the_caches_are_the_same() -> None:
    pipeline, mode, _ = PIPELINES["levels"]
    picture = np.tile(photographs()[0], (2, 2, 1))[:, :1021]  # planes that begin anywhere in a line of the cache
    whole = run(pipeline, [picture] * 3, [0, 1, 2], mode, threads=2)
    assert whole.nbytes > 1 << 24
    for level in levels():
        native.set_simd_level(level)
        for k in range(3):
            assert np.array_equal(whole[k], run(pipeline, [picture], [k], mode)[0])
    native.set_simd_level()


def test_threads_and_instruction_sets_change_nothing() -> None:
    pipeline, mode, _ = PIPELINES["train"]
    rotated = Pipeline(augment(step(ops.rotate, angle=uniform(-30, 30)), *pipeline.steps[0].steps), *NORMALIZED, seed=5)
    for case in (pipeline, pipeline.with_options(decode="fast"), rotated, rotated.with_options(decode="fast")):
        sources = [encode(p, quality=80 + k) for k, p in enumerate(photographs())] * 3
        keys = list(range(len(sources)))
        first = run(case, sources, keys, mode)
        for threads in (2, 7):
            assert np.array_equal(first, run(case, sources, keys, mode, threads))
        try:
            for level in levels():
                native.set_simd_level(level)
                assert np.array_equal(first, run(case, sources, keys, mode))
        finally:
            native.set_simd_level()


def test_failures_are_told_by_position_and_leave_the_rest_alone() -> None:
    pipeline = Pipeline(step(ops.center_crop, width=64, height=64), *NORMALIZED)
    good = encode(photographs()[0][:100, :90])
    small = encode(photographs()[0][:60, :90])
    core = program(pipeline, "infer")
    inks = io.BytesIO()
    Image.fromarray(photographs()[0]).convert("CMYK").save(inks, "JPEG")
    sources = [good, good[:-2], inks.getvalue(), b"no picture", small, good]
    out = np.full((6, 3, 64, 64), 9.0, np.float32)
    errors, records = core.run(sources, [(0, 0, 0)] * 6, out, threads=3)
    assert [(k, kind) for k, kind, _ in errors] == [
        (1, "truncated"),
        (2, "unsupported"),
        (3, "unsupported"),
        (4, "invalid"),
    ]
    assert "center_crop: the rectangle must lie on the picture" in errors[-1][2]
    assert np.array_equal(out[0], out[5]) and (out[1:5] == 9.0).any()
    assert records[1] is None and records[0][0] == (90, 100) and records[0][2] is False
    with pytest.raises(DecodeError):
        core.outcome(b"no picture")


def test_what_the_core_cannot_do_is_refused() -> None:
    for text in ("{", '{"version": 2}', '{"version": 1, "steps": [{"op": "median"}]}', '{"version": 1, "steps": [3]}'):
        with pytest.raises(ParamError, match="program"):
            native.Program(text)
    with pytest.raises(ParamError, match="factor is missing"):
        native.Program('{"version": 1, "steps": [{"op": "brightness"}]}')
    core = program(PIPELINES["classify"][0], "infer")
    picture = photographs()[0]
    with pytest.raises(ParamError, match="array of 1 pictures"):
        core.run([picture], [(0, 0, 0)], np.zeros((2, 3, 224, 224), np.float32))
    errors, _ = core.run([picture], [(0, 0, 0)], np.zeros((1, 3, 224, 200), np.float32))
    assert errors[0][1] == "invalid" and "output array" in errors[0][2]
    errors, _ = core.run([picture], [(0, 0, 0)], np.zeros((1, 224, 224, 3), np.uint8))
    assert errors[0][1] == "invalid"


# --- what fusing changes ---------------------------------------------------------------------------------------------
def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255.0**2 / np.mean((a.astype(float) - b.astype(float)) ** 2)))


def test_fast_decoding_stays_near() -> None:
    exact = Pipeline(step(ops.resize_shorter, size=150), step(ops.center_crop, width=128, height=128))
    fast = exact.with_options(decode="fast")
    for picture in photographs():
        source = encode(picture, quality=92)
        assert psnr(run(exact, [source], [0], "infer"), run(fast, [source], [0], "infer")) > 38


def test_one_sampling_is_nearer_to_the_truth_than_four() -> None:
    """The truth: the same maps on a picture of 4 x 4 the pixels, averaged at the end."""
    pipeline = Pipeline(
        augment(
            step(ops.rotate, angle=uniform(-15, 15)),
            step(ops.affine, scale=uniform(0.95, 1.1), shear=uniform(-5, 5)),
            step(ops.perspective, distortion=0.1),
        ),
        seed=2,
    )
    source = photographs()[0].astype(np.float32) / 255
    h, w = source.shape[:2]
    gained = []
    for key in range(4):
        core = program(pipeline)
        at = (0, 3, key_word(key))
        out = np.zeros((1, h, w, 3), np.float32)
        _, ((_, stages, _),) = core.run([source], [at], out)
        forward = np.eye(3)
        for matrix, *_ in stages:
            forward = np.reshape(matrix, (3, 3)) @ forward
        back = np.linalg.inv(forward)
        fine = native.warp(source, back @ np.diag([1 / 4, 1 / 4, 1]), 4 * w, 4 * h, "constant")
        truth = fine.reshape(h, 4, w, 4, 3).mean(axis=(1, 3)) * 255
        stepwise = np.zeros_like(out)
        program(pipeline, merge=False).run([source], [at], stepwise)
        inner = (slice(h // 4, 3 * h // 4), slice(w // 4, 3 * w // 4))
        gained.append(psnr(out[0][inner] * 255, truth[inner]) - psnr(stepwise[0][inner] * 255, truth[inner]))
    assert min(gained) > 3, gained


def test_key_words_come_from_python() -> None:
    """One number through the whole chain, spelled out."""
    factor = {"uniform": [0, 1], "key": list(stream_words(7, "brightness/factor"))}
    text = json.dumps({"version": 1, "steps": [{"op": "brightness", "factor": factor}]})
    line = native.Program(text).draw((0, 2, key_word("cat")))[0]
    want = Rng(7, 2, "cat").at("brightness").uniform("factor", 0, 1)
    assert line == f"Brightness({want!r})"
