"""Following objects: generated scenes whose truth is known, judged by the tested figures; the filter in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from opsin.errors import ParamError
from opsin.kernels.kalman import BoxFilter
from opsin.metrics.mot import evaluate
from opsin.tracking import Tracker, track
from opsin.values import Boxes
from opsin.values.tracks import Tracks

pytest.importorskip("scipy")


def scene(seed: int, frames: int = 60, count: int = 5, hidden: tuple[int, int] = (0, 0)):
    """Objects on straight lanes that do not meet; object 0 is seen badly (score 0.3) in some frames."""
    r = np.random.RandomState(seed)
    lanes = 40 + 60 * np.arange(count)
    speed = r.uniform(1.5, 4.0, count) * r.choice([-1, 1], count)
    start = np.where(speed > 0, r.uniform(0, 40, count), r.uniform(260, 300, count))
    rows, found = [], []
    for t in range(frames):
        now, scores = [], []
        for i in range(count):
            x = start[i] + speed[i] * t
            box = np.array([x, lanes[i], x + 30, lanes[i] + 45])
            rows.append((t, i + 1, *box))
            now.append(box + r.normal(0, 1.0, 4))
            scores.append(0.3 if i == 0 and hidden[0] <= t < hidden[1] else 0.9)
        if r.rand() < 0.3:
            p = r.uniform(0, 300, 2)
            now.append([*p, *(p + 20)])
            scores.append(0.65)
        found.append(Boxes(now, scores=scores))
    truth = Tracks([x[0] for x in rows], [x[1] for x in rows], [x[2:] for x in rows])
    return truth, found


@pytest.mark.parametrize("method", ["sort", "bytetrack"])
@pytest.mark.parametrize("seed", range(3))
def test_steady_objects_keep_their_names(method, seed):
    truth, found = scene(seed)
    got = evaluate(truth, track(found, method=method))
    assert got.switches == 0 and got.misses == 0 and got.idf1 > 0.97 and got.mota > 0.95


def test_doubtful_boxes_keep_an_object_alive():
    truth, found = scene(7, hidden=(20, 32))
    got = evaluate(truth, track(found))
    assert got.switches == 0 and got.misses == 0
    # boxes below `low` are not looked at, and with no patience the object comes back under another name
    blind = evaluate(truth, track(found, low=0.4, patience=1))
    assert blind.switches == 1 and blind.misses == 12


def test_patience_bridges_frames_without_boxes():
    truth, found = scene(3, count=2)
    gap = [boxes if not 20 <= t < 26 else boxes[[]] for t, boxes in enumerate(found)]
    assert evaluate(truth, track(gap, patience=10)).switches == 0
    assert evaluate(truth, track(gap, patience=2)).switches == 2


def test_classes_never_mix():
    box = np.array([[10.0, 10, 40, 40]])
    frames = [Boxes(box, labels=["cat" if t < 10 else "dog"]) for t in range(20)]
    got = track(frames, method="sort", confirm=1)
    assert len(got) == 2 and set(got.of(1).labels) == {"cat"} and set(got.of(2).labels) == {"dog"}


def test_frames_before_confirmation_are_kept():
    frames = [np.zeros((0, 4))] * 2 + [np.array([[10.0 + t, 10, 40 + t, 40]]) for t in range(6)]
    got = track(frames, method="sort", confirm=3)
    assert got.frames.tolist() == [2, 3, 4, 5, 6, 7] and got.length == 8 and set(got.ids) == {1}
    assert len(track(frames[:4], method="sort", confirm=3)) == 0


def test_online_is_offline():
    _, found = scene(1)
    tracker = Tracker("sort", confirm=1)
    online = [tracker.update(boxes) for boxes in found]
    assert sum(len(boxes) for boxes in online) == len(track(found, method="sort", confirm=1).ids)


def test_kalman_is_the_matrix_form():
    """The four scalar filters against the textbook's 8 x 8 matrices."""
    r = np.random.RandomState(0)
    box = np.array([[10.0, 20, 50, 90]])
    fast = BoxFilter.start(box)
    x = np.concatenate([fast.value[0], np.zeros(4)])
    P = np.diag(np.concatenate([fast.vv[0], fast.ss[0]]))
    F, H = np.eye(8) + np.eye(8, k=4), np.eye(4, 8)
    for _ in range(10):
        size = np.maximum(x[[2, 3, 2, 3]], 1.0)
        x, P = F @ x, F @ P @ F.T + np.diag(np.concatenate([(size / 20) ** 2, (size / 160) ** 2]))
        fast.predict(np.zeros(1, np.bool_))
        assert np.allclose(fast.value[0], x[:4]) and np.allclose(fast.vv[0], np.diag(P)[:4])
        seen = box + r.normal(0, 2, (1, 4))
        z = np.array([(seen[0, 0] + seen[0, 2]) / 2, (seen[0, 1] + seen[0, 3]) / 2, *(seen[0, 2:] - seen[0, :2])])
        S = H @ P @ H.T + np.diag((np.maximum(x[[2, 3, 2, 3]], 1.0) / 20) ** 2)
        K = P @ H.T @ np.linalg.inv(S)
        x, P = x + K @ (z - H @ x), (np.eye(8) - K @ H) @ P
        fast.correct([0], seen)
        assert np.allclose(fast.value[0], x[:4]) and np.allclose(fast.speed[0], x[4:])
        assert np.allclose(fast.ss[0], np.diag(P)[4:])


def test_refusals():
    with pytest.raises(ParamError, match="Did you mean 'sort'"):
        track([], method="sorts")
    with pytest.raises(ParamError, match="N x 4"):
        track([np.zeros((2, 3))])
    with pytest.raises(ParamError, match="frame 1"):
        track([np.zeros((0, 4)), np.full((1, 4), np.nan)])
    assert len(track([])) == 0 and track([[], []]).length == 2
