"""Jobs that write shards: the same bytes whatever happens, and every sample back as the format of files gives it."""

import random
import signal
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest
from tests.run.support import Job, environment, make_source, tree

from opsin.datasets import open_dataset
from opsin.run.verify import verify

KINDS = ("webdataset", "arrays")
WORDS = ("--variants", "2", "--split", "train=0.7,val=0.3", "--shard", "4")


@pytest.mark.parametrize("kind", KINDS)
def test_shards_are_the_same_whatever_happens(job: Job, kind: str) -> None:
    trees = []
    for workers in (1, 3):
        out = job.folder / f"{kind}{workers}"
        done = job.run(out, "--to", kind, "--workers", str(workers), *WORDS)
        assert done.returncode == 0, done.stderr
        assert not (out / ".opsin" / "parts").exists()
        assert verify(out).good, verify(out).faults
        trees.append(tree(out))
    assert trees[0] == trees[1]
    again = job.run(out, "--to", kind, *WORDS)
    assert again.returncode == 0, again.stderr
    assert tree(out) == trees[0]


@pytest.mark.parametrize("kind", KINDS)
def test_shards_hold_what_files_hold(job: Job, kind: str) -> None:
    files, out = job.folder / "files", job.folder / kind
    assert job.run(files, *WORDS[:4]).returncode == 0
    assert job.run(out, "--to", kind, *WORDS).returncode == 0
    here, there = open_dataset(out), open_dataset(files)
    assert here.format == kind and set(here.splits) == {"train", "val"} and here.class_names == there.class_names
    assert len(here) == len(there) == verify(out).counts["done"]

    def rows(data: object) -> list[tuple[object, ...]]:
        found = []
        for entry in data.entries():  # type: ignore[attr-defined]
            sample = data.load(entry)  # type: ignore[attr-defined]
            table = sample.instances
            boxes = () if table.boxes is None else tuple(np.round(table.boxes, 6).ravel().tolist())
            found.append((entry.split, sample.image.tobytes(), sample.image.shape, boxes, len(table)))
        return sorted(found, key=str)

    assert rows(here) == rows(there)


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_job_of_shards_goes_on_to_the_same_bytes(job: Job, kind: str) -> None:
    whole, out = job.folder / "whole", job.folder / "killed"
    assert job.run(whole, "--to", kind, "--workers", "2", *WORDS).returncode == 0
    rng = random.Random(5)
    for _ in range(5):
        process = subprocess.Popen(
            job.command(out, "--to", kind, "--workers", "2", *WORDS),
            env=environment(),
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(rng.uniform(0.5, 4.0))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
    done = job.run(out, "--to", kind, "--workers", "2", *WORDS)
    assert done.returncode == 0, done.stderr
    assert tree(out) == tree(whole)
    assert verify(out).good


@pytest.mark.parametrize("kind", KINDS)
def test_a_lost_shard_is_made_again_from_its_own_items(job: Job, kind: str) -> None:
    out = job.folder / "out"
    assert job.run(out, "--to", kind, *WORDS).returncode == 0
    before = tree(out)
    shards = sorted(n for n in before if n.startswith("data/train") and not n.endswith("labels.npy"))
    assert len(shards) > 2
    data = bytearray((out / shards[1]).read_bytes())
    data[700] ^= 1
    (out / shards[1]).write_bytes(bytes(data))
    verdict = verify(out, repair=True)
    assert [f.split(":")[0] for f in verdict.faults] == [shards[1]]
    again = job.run(out, "--to", kind, *WORDS)
    assert again.returncode == 0, again.stderr
    stood = int(again.stdout.split(" stood already")[0].split()[-1])
    assert 0 < stood < verify(out).counts["done"]
    assert tree(out) == before
    (out / shards[0]).unlink()
    assert not verify(out).good
    assert job.run(out, "--to", kind, *WORDS).returncode == 0
    assert tree(out) == before


def test_another_reader_finds_the_samples_of_a_shard(job: Job) -> None:
    out = job.folder / "out"
    assert job.run(out, "--to", "webdataset", "--shard", "5").returncode == 0
    names: list[str] = []
    for shard in sorted((out / "data").iterdir()):
        with tarfile.open(shard) as archive:
            here = archive.getnames()
        assert len({n.split(".")[0] for n in here}) <= 5
        names += here
    assert len([n for n in names if n.endswith(".png")]) == 24


def test_pictures_that_fit_no_stack_stop_the_job_at_once(tmp_path: Path) -> None:
    job = Job(tmp_path)
    make_source(job.source, 9)
    job.pipeline.write_text("opsin: 1\nsteps:\n  - gamma: {gamma: 1.2}\n")
    done = job.run(tmp_path / "out", "--to", "arrays")
    assert done.returncode == 2
    assert "arrays: pictures must be of one size and type" in done.stderr
    assert "Traceback" not in done.stderr
    files = job.run(tmp_path / "other", "--shard", "3")
    assert files.returncode == 2 and "has no shards" in files.stderr


@pytest.mark.parametrize("kind", ["coco", "voc", "yolo", "csv", "webdataset", "arrays"])
def test_tensors_keep_their_objects(tmp_path: Path, kind: str) -> None:
    job = Job(tmp_path)
    make_source(job.source, 4)
    steps = "  - letterbox: {width: 32, height: 24}\n"
    job.pipeline.write_text(f"opsin: 1\nsteps:\n{steps}")
    assert job.run(tmp_path / "plain", "--to", "coco").returncode == 0
    job.pipeline.write_text(f"opsin: 1\nsteps:\n{steps}  - to_tensor: {{}}\n")
    assert job.run(tmp_path / "out", "--to", kind).returncode == 0
    data, expected = open_dataset(tmp_path / "out"), open_dataset(tmp_path / "plain")
    assert not data.check() and len(data) == 4
    for key, other in zip(data.keys, expected.keys, strict=True):
        sample, plain = data.load(key), expected.load(other)
        assert sample.image.shape == (24, 32, 3) and sample.image.dtype == np.float32
        np.testing.assert_allclose(sample.image, plain.image / np.float32(255), atol=0.51 / 255)  # not rounded
        np.testing.assert_allclose(sample.instances.boxes, plain.instances.boxes, atol=1e-6)
