"""Threads that rest between batches: results do not depend on them, nor on who else uses them, nor on a fork."""

import multiprocessing
import threading

import numpy as np
import pytest

from opsin import Pipeline, augment, ops, step, uniform
from opsin.io import encode
from opsin.kernels import native

pytestmark = pytest.mark.skipif(not native.available(), reason="the compiled core is not installed")


def sources(count: int) -> list[bytes]:
    """Pictures of many sizes, so that the order of work is not the order given."""
    rng = np.random.default_rng(5)
    return [encode(rng.integers(0, 255, (20 + 7 * i % 61, 90 - 5 * i % 53, 3), np.uint8), "jpeg") for i in range(count)]


def pipeline() -> Pipeline:
    return Pipeline(
        augment(
            step(ops.rotate, angle=uniform(-20, 20)),
            step(ops.random_resized_crop, width=32, height=24),
            step(ops.contrast, factor=uniform(0.5, 1.5)),
        ),
        seed=9,
    )


def images(files: list[bytes], threads: int) -> np.ndarray:
    return pipeline().batch(files, keys=range(len(files)), mode="train", threads=threads).images


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_a_long_batch_is_the_same_on_any_number_of_threads(threads: int) -> None:
    files = sources(150)  # more than are drawn ahead
    files[77], files[140] = files[77][:40], files[140][:-30]
    batch = pipeline().batch(files, keys=range(150), mode="train", threads=threads)
    one = pipeline().batch(files, keys=range(150), mode="train", threads=1)
    np.testing.assert_array_equal(batch.images, one.images)
    assert [(k, str(e)) for k, e in batch.errors] == [(k, str(e)) for k, e in one.errors]
    assert [k for k, _ in batch.errors] == [77, 140]
    assert [s.warp.target if s else None for s in batch.samples] == [s.warp.target if s else None for s in one.samples]


def test_batches_at_once_do_not_disturb_each_other() -> None:
    files = sources(12)
    wanted = images(files, 1)
    found: list[np.ndarray] = []

    def work(threads: int) -> None:
        for _ in range(15):
            found.append(images(files, threads))

    callers = [threading.Thread(target=work, args=(2 + k % 3,)) for k in range(6)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(120)
    assert len(found) == 90
    assert all(np.array_equal(one, wanted) for one in found)


def _child(files: list[bytes], answer: "multiprocessing.connection.Connection") -> None:
    answer.send(images(files, 2))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_starts_threads_of_its_own() -> None:
    files = sources(12)
    wanted = images(files, 2)  # the parent's threads rest now; a child has none of them
    context = multiprocessing.get_context("fork")
    for _ in range(5):
        mine, theirs = context.Pipe()
        child = context.Process(target=_child, args=(files, theirs))
        child.start()
        assert mine.poll(60), "the child waits for threads that it does not have"
        np.testing.assert_array_equal(mine.recv(), wanted)
        child.join(60)
        assert child.exitcode == 0
        np.testing.assert_array_equal(images(files, 2), wanted)
