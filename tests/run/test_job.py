"""The job's promises: every input in one place, any instant a good one to stop, one bad sample costs one sample."""

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
from tests.run.support import Job, environment, make_source, tree

from opsin.run.verify import verify


def errors(out: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (out / "errors.jsonl").read_text().splitlines()]


def test_workers_and_repeats_give_the_same_bytes(job: Job) -> None:
    trees = []
    for workers in (1, 2, 3):
        done = job.run(job.folder / f"out{workers}", "--workers", str(workers), "--variants", "2")
        assert done.returncode == 0, done.stderr
        trees.append(tree(job.folder / f"out{workers}"))
    assert trees[0] == trees[1] == trees[2]
    assert len([n for n in trees[0] if n.startswith("data/")]) == 48
    again = job.run(job.folder / "out1", "--variants", "2")
    assert again.returncode == 0
    assert tree(job.folder / "out1") == trees[0]
    assert "48 stood already" in again.stdout
    assert verify(job.folder / "out1").good


def kill_loop(job: Job, kills: int, seed: int, span: float) -> None:
    """Kill at random instants, go on, and compare with a run that was left in peace."""
    whole, out = job.folder / "whole", job.folder / f"killed{seed}"
    if not whole.exists():
        assert job.run(whole, "--workers", "2").returncode == 0
    rng = random.Random(seed)
    for _ in range(kills):
        process = subprocess.Popen(
            job.command(out, "--workers", "2"),
            env=environment(),
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(rng.uniform(0.0, span))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
    done = job.run(out, "--workers", "2")
    assert done.returncode == 0, done.stderr
    assert tree(out) == tree(whole)
    assert verify(out).good


def test_killed_at_random_instants_and_gone_on_with(job: Job) -> None:
    kill_loop(job, kills=6, seed=1, span=4.0)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_hundred_kills(job: Job) -> None:
    for seed in range(10, 20):
        kill_loop(job, kills=10, seed=seed, span=4.0)


def test_a_crash_a_hang_and_a_lack_of_memory_cost_one_sample_each(tmp_path: Path) -> None:
    (tmp_path / "peace").mkdir()
    job, peace = Job(tmp_path), Job(tmp_path / "peace")
    faults = {3: 250, 7: 251, 11: 252, 15: 253, 19: 254}
    make_source(job.source, 24, faults)
    make_source(peace.source, 24)
    done = job.run(tmp_path / "out", "--workers", "2", "--timeout", "3", "--max-bad", "50%")
    assert done.returncode == 3, done.stderr
    kinds = {e["key"]: (e["stage"], e["kind"]) for e in errors(tmp_path / "out")}
    assert kinds == {
        "0003.png": ("pipeline", "crashed"),
        "0007.png": ("pipeline", "timeout"),
        "0011.png": ("pipeline", "oom"),
        "0015.png": ("pipeline", "error"),
        "0019.png": ("pipeline", "crashed"),
    }
    assert peace.run(tmp_path / "calm").returncode == 0
    calm = tree(tmp_path / "calm")
    for name, digest in tree(tmp_path / "out").items():
        if name.startswith("data/"):
            assert calm[name] == digest
    assert verify(tmp_path / "out").good


def test_a_second_run_on_a_busy_folder_exits_75(tmp_path: Path) -> None:
    job = Job(tmp_path)
    make_source(job.source, 4, {2: 251})
    first = subprocess.Popen(job.command(tmp_path / "out"), env=environment(), stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 30
        while not (tmp_path / "out" / ".opsin" / "journal.sqlite").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        second = job.run(tmp_path / "out")
        assert second.returncode == 75
        assert "another run is working" in second.stderr
        assert second.stderr.count("\n") == 1
        started = time.monotonic()
        first.send_signal(signal.SIGINT)
        _, text = first.communicate(timeout=20)
        assert time.monotonic() - started < 2.0
        assert first.returncode == 130
        assert "Run the same command again to go on" in text
    finally:
        first.kill()


def test_folders_that_cannot_be_used_are_refused_before_anything_is_read(job: Job) -> None:
    inside = job.run(job.source / "out")
    assert (inside.returncode, inside.stderr.count("\n")) == (73, 1)
    full = job.folder / "full"
    full.mkdir()
    (full / "mine.txt").write_text("keep")
    assert job.run(full).returncode == 73
    assert (full / "mine.txt").read_text() == "keep"
    out = job.folder / "out"
    assert job.run(out, "--limit", "4").returncode == 0
    before = tree(out)
    other = job.run(out, "--limit", "5")
    assert other.returncode == 73
    assert "inputs" in other.stderr
    seed = job.run(out, "--limit", "4", "--seed", "9")
    assert seed.returncode == 73
    assert "pipeline" in seed.stderr
    assert tree(out) == before


def test_damage_is_named_and_mended(job: Job) -> None:
    out = job.folder / "out"
    assert job.run(out).returncode == 0
    before = tree(out)
    names = sorted(n for n in before if n.startswith("data/"))
    (out / names[0]).unlink()
    data = bytearray((out / names[1]).read_bytes())
    data[40] ^= 1
    (out / names[1]).write_bytes(bytes(data))
    (out / "annotations.json").write_bytes(b"{}")
    (out / "stray.txt").write_text("who am I")
    verdict = verify(out, repair=True)
    assert {f.split(":")[0] for f in verdict.faults} == {names[0], names[1], "annotations.json", "stray.txt"}
    (out / "stray.txt").unlink()
    assert job.run(out).returncode == 0
    assert tree(out) == before
    assert verify(out).good


def test_too_many_bad_inputs_stop_the_job(tmp_path: Path) -> None:
    job = Job(tmp_path)
    make_source(job.source, 8, {1: 253, 2: 253})
    stopped = job.run(tmp_path / "a", "--on-error", "raise", "--workers", "1")
    assert stopped.returncode == 4
    assert "ZeroDivisionError" in stopped.stderr
    assert job.run(tmp_path / "b", "--on-error", "skip").returncode == 0
    assert len(errors(tmp_path / "b")) == 2


def test_splits_train_only_the_train_part(job: Job) -> None:
    out = job.folder / "out"
    done = job.run(out, "--split", "train=0.5,val=0.5", "--variants", "3", "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads((out / "opsin.json").read_text())
    train, val = summary["splits"]["train"], summary["splits"]["val"]
    assert train // 3 + val == 24
    assert train % 3 == 0
    assert 0 < val < 24
    assert json.loads(done.stdout)["counts"]["outputs"] == train + val


def test_the_report_needs_nothing_else_and_escapes_what_it_is_given(tmp_path: Path) -> None:
    job = Job(tmp_path)
    make_source(job.source, 3)
    evil = "<script>alert(1)</script>.png"
    (job.source / "images" / "0001.png").rename(job.source / "images" / "evil.png")
    text = json.loads((job.source / "annotations.json").read_text())
    text["images"][1]["file_name"] = "evil.png"
    text["categories"][0]["name"] = evil
    (job.source / "annotations.json").write_text(json.dumps(text))
    assert job.run(tmp_path / "out").returncode == 0
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "http://" not in page and "https://" not in page
    assert "default-src 'none'" in page


def test_names_that_are_no_utf_8_are_prepared_and_reported(tmp_path: Path) -> None:
    job = Job(tmp_path)
    folder = tmp_path / "plain"
    folder.mkdir()
    make_source(tmp_path / "made", 3)
    picture = (tmp_path / "made" / "images" / "0000.png").read_bytes()
    names = [b"caf\xe9.png", b"line\nbreak.png", "grün ü.png".encode(), b"-rf.png"]
    for name in names:
        (Path(os.fsdecode(os.fsencode(folder) + b"/" + name))).write_bytes(picture)
    (folder / "bad\udce9.png").write_bytes(b"nothing")
    job.source = folder
    done = job.run(tmp_path / "out", "--max-bad", "50%")
    assert done.returncode == 3, done.stderr
    assert verify(tmp_path / "out").counts == {"pending": 0, "done": 4, "quarantined": 1, "filtered": 0}
    assert verify(tmp_path / "out").good
    assert len(errors(tmp_path / "out")) == 1
