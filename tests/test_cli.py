"""The command: what it prints, writes and exits with."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from opsin import list_ops, ops, read, write

IMAGE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)


def opsin(*words: str, data: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-m", "opsin", *words], input=data, capture_output=True, check=False)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    write(IMAGE, path)
    return path


def test_apply_is_the_function(photo: Path) -> None:
    out = photo.with_name("out.png")
    done = opsin("apply", "rotate", str(photo), "--angle", "10", "--keep", "all", "--out", str(out))
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(read(out), ops.rotate(IMAGE, angle=10, keep="all"))
    piped = opsin("apply", "invert", "-", "--out", "-", data=photo.read_bytes())
    np.testing.assert_array_equal(read(piped.stdout), ops.invert(IMAGE))
    folder = photo.with_name("folder")
    done = opsin("apply", "gaussian_noise", str(photo.parent), "--out", str(folder), "--std", "0.1", "--seed", "4")
    assert done.returncode == 0, done.stderr
    again = photo.with_name("again")
    opsin("apply", "gaussian_noise", str(photo), "--out", str(again), "--std", "0.1", "--seed", "4")
    np.testing.assert_array_equal(read(folder / "photo.png"), read(again / "photo.png"))


def test_results_that_are_not_pictures_give_json_and_a_drawing(photo: Path) -> None:
    out = photo.with_name("found.png")
    done = opsin("apply", "label_regions", str(photo), "--out", str(out))
    if done.returncode == 2:  # a picture of noise is no mask of two levels
        mask = photo.with_name("mask.png")
        write((IMAGE[..., 0] > 200).astype(np.uint8) * 255, mask)
        done = opsin("apply", "label_regions", str(mask), "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert json.loads(out.with_suffix(".json").read_text())
    assert read(out).shape[:2] == (40, 60)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("apply", "rotat", "x.png", "--out", "y.png"), "Did you mean 'rotate'?"),
        (("apply", "rotate", "{photo}", "--angel", "3", "--out", "{out}"), "Did you mean 'angle'?"),
        (("apply", "rotate", "{photo}", "--angle", "x", "--out", "{out}"), "angle must be a number"),
        (("apply", "rotate", "{photo}", "--out", "{out}"), "angle must be a number"),
        (("apply", "rotate", "nothing.png", "--angle", "3", "--out", "{out}"), "no such file"),
        (("explain", "nothing.yaml"), "no such pipeline file"),
        (("prepare", "nothing", "-p", "{pipeline}", "--out", "{out}"), "nothing"),
        (("stats", "nothing"), "nothing"),
        (("ops", "qqqqq"), "not a technique"),
        (("prepare", "x", "-p", "{pipeline}", "--out", "{out}", "--mode", "trian"), "--mode must be one of"),
        (("prepare", "x", "-p", "{pipeline}", "--out", "{out}", "--variants", "3"), "variants must be"),
        (("nonsense",), "nonsense"),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(words: tuple[str, ...], message: str, photo: Path) -> None:
    pipeline = photo.with_name("p.yaml")
    pipeline.write_text("opsin: 1\nsteps:\n  - invert\n")
    names = {"photo": str(photo), "out": str(photo.with_name("out.png")), "pipeline": str(pipeline)}
    done = opsin(*(w.format(**names) for w in words))
    text = done.stderr.decode()
    assert done.returncode == 2, text
    assert message in text
    assert text.count("\n") == 1, text
    assert "Traceback" not in text
    assert not photo.with_name("out.png").exists()


def test_ops_lists_searches_and_describes() -> None:
    listed = json.loads(opsin("ops", "--json").stdout)
    assert sorted(o["name"] for o in listed) == list_ops()
    one = json.loads(opsin("ops", "rotate", "--json").stdout)
    assert [p["name"] for p in one["params"]][:2] == ["angle", "keep"]
    found = json.loads(opsin("ops", "mirror", "--json").stdout)
    assert {"flip_horizontal", "flip_vertical"} <= {o["name"] for o in found}
    assert opsin("ops").returncode == 0


def test_schema_accepts_what_pipelines_accept() -> None:
    schema = json.loads(opsin("ops", "--schema").stdout)
    names = {next(iter(s["properties"])) for s in schema["$defs"]["step"]["anyOf"] if "properties" in s}
    assert set(list_ops()) | {"augment", "one_of", "some_of"} == names


def test_explain_shows_every_step(photo: Path) -> None:
    pipeline = photo.with_name("p.yaml")
    pipeline.write_text("opsin: 1\nsteps:\n  - letterbox: {width: 64, height: 64}\n  - invert\n")
    out = photo.with_name("steps.png")
    done = opsin("explain", str(pipeline), "--image", str(photo), "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert "letterbox" in done.stdout.decode()
    assert read(out).shape[1] > 3 * 64
    traced = json.loads(opsin("explain", str(pipeline), "--image", str(photo), "--json").stdout)
    assert [t["id"] for t in traced["trace"]] == ["letterbox", "invert"]


def test_stats_counts_and_averages(photo: Path) -> None:
    (photo.parent / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    found = json.loads(opsin("stats", str(photo.parent), "--json").stdout)
    assert found["pictures"] == 1
    assert [u["key"] for u in found["unreadable"]] == ["broken.jpg"]
    np.testing.assert_allclose(found["channels"][0]["mean"], (IMAGE / 255).mean(axis=(0, 1)), atol=1e-12)
    np.testing.assert_allclose(found["channels"][0]["std"], (IMAGE / 255).std(axis=(0, 1)), atol=1e-9)


def test_doctor_and_version() -> None:
    found = json.loads(opsin("doctor", "--json").stdout)
    assert found["base"]["numpy"]
    assert "cv" in found["extras"]
    assert opsin("--version").stdout.startswith(b"opsin ")
    assert opsin("--help").returncode == 0


def test_a_closed_pipe_is_no_traceback() -> None:
    done = subprocess.run(
        f"{sys.executable} -m opsin ops | head -1",
        shell=True,
        capture_output=True,
        check=False,
    )
    assert b"Traceback" not in done.stderr
