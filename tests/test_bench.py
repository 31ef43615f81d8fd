"""`opsin bench`: every command runs and gives figures; peers do equal work. Nothing here judges a time."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2")
pytest.importorskip("skimage")
pytest.importorskip("sklearn")

from opsin.geometry import Size
from opsin.io import decode
from opsin.surfaces.bench import PEERS, PIPELINES
from opsin.surfaces.bench.measure import BATCHED, SIDE, TWO, Result, processors
from opsin.surfaces.bench.peers import Together
from opsin.surfaces.bench.peers.common import MEAN, STD
from opsin.surfaces.bench.pictures import large, small
from opsin.surfaces.bench.tables import plot, ratios, single_table, verdict_table
from opsin.surfaces.bench.truth import sampled, stages_of

ROOT = Path(__file__).parents[1]


def bench(*words: str) -> dict:
    done = subprocess.run([sys.executable, "-m", "opsin", "bench", *words, "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def files() -> list[bytes]:
    return small(3)


def test_pipelines_are_measured_and_shown(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    peers = ("--only", "OpenCV, hand-written", "--only", "Pillow")
    found = bench("P1", "P4", "--rounds", "1", "--pictures", "2", *peers, "--out", str(figures))
    assert [r["pipeline"] for r in found["results"]] == ["P1", "P4"]
    for row in found["results"]:
        assert set(row["times faster"]) == {"OpenCV, hand-written", "Pillow"}
        assert {"best peer", "best library", "quality"} <= set(row["verdicts"])
    assert json.loads(figures.read_text()) == found
    assert "| Pillow |" in ratios(found["results"])
    assert verdict_table(found["results"]).count("\n| P") == 2
    assert plot(found["results"]).startswith("<svg")


def test_what_is_not_known_is_refused() -> None:
    for words in (("P9",), ("ops", "P1"), ("P1", "--only", "nobody")):
        done = subprocess.run([sys.executable, "-m", "opsin", "bench", *words], capture_output=True, text=True)
        assert done.returncode == 2
        assert "must be one of" in done.stderr


def test_single_techniques_are_the_same_work() -> None:
    found = bench("ops", "--rounds", "1")["ops"]
    assert len(found) == 52
    assert "gaussian_blur" in single_table(found)
    for row in found:
        assert row["apart"] < 0.5, row


def test_prepare_is_measured() -> None:
    found = bench("prepare", "--rounds", "1", "--pictures", "4")["prepare"]
    assert set(found["pictures a second"]) == {
        "opsin prepare",
        "Pillow and a pool of processes",
        "decode alone, in a pool",
    }
    own, theirs = (found["megabytes of pictures"][k] for k in ("opsin prepare", "Pillow and a pool of processes"))
    assert own == pytest.approx(theirs, rel=0.1)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="read from /proc")
def test_scratch_is_measured() -> None:
    assert 0 <= bench("scratch")["scratch"]["scratch MB"] < 36


def test_loaders_are_measured_or_refused() -> None:
    words = ("loaders", "P1", "--rounds", "1", "--pictures", "4", "--only", "Pillow")
    if importlib.util.find_spec("torch") is not None and processors() > 1:
        assert bench(*words)["loaders"][0]["best library"] == "Pillow"
        return
    done = subprocess.run([sys.executable, "-m", "opsin", "bench", *words], capture_output=True, text=True)
    assert done.returncode == 2
    assert "bench loaders:" in done.stderr


@pytest.mark.parametrize("title", PEERS)
def test_peers_do_equal_work(title: str, files: list[bytes]) -> None:
    arrays = [decode(f).image for f in files]
    ran = 0
    for name in PIPELINES:
        try:
            work = PEERS[title].make(name)
        except (ImportError, OSError) as reason:
            pytest.skip(f"a peer of the speed benchmark is not installed: {title}: {str(reason).splitlines()[0]}")
        if work is None:
            continue
        ran += 1
        sources = arrays if name == "P4" else large(1, 1) if name == "P5" else files
        if isinstance(work, Together):
            work.run(sources)
            continue
        got = np.asarray(work(sources[0], 0))
        side = (375, 500) if name == "P4" else (640, 640) if name == "P6" else (224, 224)
        assert got.shape == (3, *side)
        assert got.dtype == np.float32
        if PEERS[title].kind != "floor":
            assert got.flags.c_contiguous
        if name in ("P1", "P5") and PEERS[title].kind != "floor":
            own = PIPELINES[name](sources[0]).image
            # half a pixel more or less in the crop, another antialiasing: not the same numbers, the same picture
            assert np.abs(got - own).mean() < 0.3
    assert ran


def test_the_truth_is_the_geometry_of_the_pipeline() -> None:
    # an empty scene of smooth waves through P3: fused, step by step and by the matrices it is the same picture
    y, x = np.mgrid[:375, :500]
    waves = np.stack([np.sin(x / 40), np.cos(y / 30), np.sin((x + y) / 50)], -1)
    image = np.rint(127.5 + 100 * waves).astype(np.uint8)
    for key in range(4):
        moved = sampled(image / 255, stages_of(PIPELINES["P3"], key, Size(500, 375)), dense=2)
        done = PIPELINES["P3"](image, mode="train", key=key, epoch=0).image
        apart = np.abs(done.transpose(1, 2, 0) * STD + MEAN - moved)
        assert np.median(apart) < 1 / 255
        assert np.quantile(apart, 0.97) < 2 / 255  # the rest is the picture's edge against the black outside


@pytest.mark.parametrize(
    ("two", "side", "says"),
    [
        (0.5, 0.5, "goal 1.92: met"),
        (0.56, 0.5, "must 1.75: met"),
        (0.62, 0.6, "cannot be said"),
        (0.62, 0.5, "NOT met"),
    ],
)
def test_two_threads_are_judged_by_what_the_machine_gives_to_two_runs(two: float, side: float, says: str) -> None:
    verdicts = Result("P1", {BATCHED: 1.0, TWO: two, SIDE: side}).verdicts()
    assert says in verdicts["two threads"]
    assert verdicts["two runs side by side"] == f"{1 / side:.2f} x one alone"
