"""Python and YAML build the same steps; refusals name file, line, step and parameter."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from opsin import Pipeline, Rules, augment, choice, log_uniform, normal, one_of, ops, some_of, step, uniform
from opsin.errors import PipelineError


def everything() -> Pipeline:
    return Pipeline(
        step(ops.letterbox, width=64, height=48),
        augment(
            step(ops.rotate, angle=uniform(-10, 10)).sometimes(0.5).named("turn"),
            one_of(step(ops.gamma, gamma=log_uniform(0.7, 1.4)), step(ops.invert), weights=[3, 1]),
            some_of(step(ops.flip_horizontal), step(ops.flip_vertical), step(ops.transpose), count=2),
            step(ops.gamma, gamma=normal(1, 0.2).clipped(0.5, 1.5)),
            step(ops.rotate90, times=choice(1, 3, weights=[1, 2])),
            step(ops.gaussian_noise, std=0.01),
        ),
        step(ops.normalize, mean="imagenet", std=(0.2, 0.2, 0.3)),
        seed=11,
        rules=Rules(min_visible=0.25),
    )


def test_yaml_round_trip_builds_an_equal_pipeline() -> None:
    pipeline = everything()
    again = Pipeline.from_yaml(pipeline.to_yaml())
    assert again == pipeline
    assert again.steps == pipeline.steps
    assert again.fingerprint == pipeline.fingerprint
    assert again.to_yaml() == pipeline.to_yaml()
    copied = pickle.loads(pickle.dumps(pipeline))
    assert copied == pipeline
    assert eval_free(pipeline)


def eval_free(pipeline: Pipeline) -> bool:
    """A pickle is the pipeline's plain data, nothing else."""
    function, (data,) = pipeline.__reduce__()
    return function is Pipeline.from_data and isinstance(data, dict)


def test_files_and_text_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(everything().to_yaml())
    assert Pipeline.from_yaml(path) == Pipeline.from_yaml(str(path)) == everything()


def test_fingerprints_tell_what_decides_the_result() -> None:
    def build(**options):
        return Pipeline(step(ops.gamma, gamma=2), **options)

    same = {build().fingerprint, Pipeline(step(ops.gamma, gamma=2.0)).fingerprint, build(fuse=False).fingerprint}
    assert len(same) == 1
    others = [build(seed=1), build(decode="fast"), build(frames="open"), Pipeline(step(ops.gamma, gamma=2.1))]
    assert len({p.fingerprint for p in others} | same) == 5


HEAD = "opsin: 1\nseed: 7\nsteps:\n"


@pytest.mark.parametrize(
    ("text", "line", "parts"),
    [
        (HEAD + "  - rotate: {angel: 10}\n", 4, ["rotate", "'angel'", "Did you mean 'angle'?"]),
        (HEAD + "  - rotaet: {angle: 10}\n", 4, ["'rotaet'", "Did you mean 'rotate'?"]),
        (HEAD + "  - rotate: {angle: ten}\n", 4, ["rotate: angle must be a number", "got 'ten'"]),
        (HEAD + "  - resize:\n      width: 64\n      height: -3\n", 6, ["resize: height must be", "got -3"]),
        (HEAD + "  - resize: {width: 64}\n", 4, ["resize: height must be", "no default"]),
        (HEAD + "  - rotate: {angle: {uniform: [-1, 1]}}\n", 3, ["rotate", "inside augment"]),
        (HEAD + "  - augment:\n      - gamma: {gamma: {uniform: [-1, 2]}}\n", 5, ["gamma must be a number above 0"]),
        (HEAD + "  - augment:\n      - gamma: {gamma: {unifrom: [1, 2]}}\n", 5, ["Did you mean 'uniform'?"]),
        (HEAD + "  - augment:\n      - gamma: {gamma: {normal: [1, 2]}}\n", 5, ["clipped"]),
        (HEAD + "  - invert: {}\n    p: 2\n", 5, ["p must be a number from 0 to 1"]),
        (HEAD + "  - invert: {}\n    flip: {}\n", 4, ["one technique"]),
        (HEAD + "  - augment:\n      - some_of: [invert]\n", 5, ["count"]),
        ("opsin: 2\nsteps: []\n", 1, ["opsin must be 1"]),
        ("opsin: 1\nstpes: []\n", 2, ["'stpes'", "Did you mean 'steps'?"]),
        ("opsin: 1\nseed: x\nsteps: []\n", 2, ["seed must be a whole number"]),
        ("opsin: 1\nrules: {min_visable: 0.2}\nsteps: []\n", 2, ["Did you mean 'min_visible'?"]),
    ],
)
def test_refusals_name_file_line_and_parameter(text: str, line: int, parts: list[str], tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(PipelineError) as refused:
        Pipeline.from_yaml(path)
    message = str(refused.value)
    assert message.startswith(f"{path}:{line}: "), message
    assert "\n" not in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    "text",
    [
        "opsin: 1\nsteps: !!python/object/apply:os.system ['true']\n",
        "opsin: 1\nx: &a [1]\nsteps: *a\n",
        "opsin: 1\nsteps: [\n",
        "- 1\n- 2\n",
        "steps:\n" + "  [" * 80 + "\n",
    ],
)
def test_hostile_text_is_refused(text: str) -> None:
    with pytest.raises(PipelineError):
        Pipeline.from_yaml(text)


def test_arrays_survive_the_text() -> None:
    kernel = np.array([[0.0, 1, 0], [1, 4, 1], [0, 1, 0]]) / 8
    pipeline = Pipeline(step(ops.convolve, kernel=kernel))
    again = Pipeline.from_yaml(pipeline.to_yaml())
    assert again == pipeline


def test_steps_are_checked_when_built() -> None:
    for build, message in [
        (lambda: step(ops.rotate, angle="x"), "rotate: angle must be"),
        (lambda: step(ops.rotate, angel=3), "Did you mean 'angle'"),  # type: ignore[call-arg]
        (lambda: step(len), "step: op must be a technique"),
        (lambda: Pipeline(ops.invert), "Wrap a technique in step"),
        (lambda: Pipeline(step(ops.gaussian_noise, std=0.1)), "inside augment"),
        (lambda: Pipeline(step(ops.invert).sometimes(0.5)), "inside augment"),
        (lambda: Pipeline(one_of(step(ops.invert))), "inside augment"),
        (lambda: Pipeline(step(ops.perspective)), "inside augment"),
        (lambda: augment(augment(step(ops.invert))), "inside another augment"),
        (lambda: Pipeline(step(ops.invert).named("a"), step(ops.invert).named("a")), "two steps have the id 'a'"),
        (lambda: Pipeline(decode="quick"), "decode must be one of"),
    ]:
        with pytest.raises(PipelineError, match=message.replace("(", r"\(")):
            build()
