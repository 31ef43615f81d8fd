"""Figures of trackers, against py-motmetrics 1.4 and TrackEval 1.3 run on the same generated tracks."""

from __future__ import annotations

import numpy as np
import pytest

from opsin.errors import DatasetError, ParamError
from opsin.metrics.mot import combine, evaluate
from opsin.values.tracks import Tracks

pytest.importorskip("scipy")


def generated(seed: int) -> tuple[Tracks, Tracks]:
    """Six objects over 40 frames, found with noise, gaps, changes of identity and inventions."""
    r = np.random.RandomState(seed)
    truth, found = [], []
    pos, vel, size = r.uniform(20, 200, (6, 2)), r.uniform(-6, 6, (6, 2)), r.uniform(20, 40, (6, 2))
    ids = np.arange(1, 7) * 10
    for t in range(40):
        pos = np.clip(pos + vel, 0, 230)
        for i in range(6):
            if i == 5 and 10 < t < 25:
                continue
            b = [*pos[i], *(pos[i] + size[i])]
            truth.append((t, i + 1, *np.round(b, 2)))
            if r.rand() < 0.12:
                ids[i] = r.randint(1, 90) + 100 * i + 100
            if r.rand() < 0.85:
                j = r.normal(0, 4, 4)
                found.append((t, int(ids[i]), *np.round(np.array(b) + j, 2)))
        if r.rand() < 0.3:
            p = r.uniform(0, 200, 2)
            found.append((t, 5000 + t, *np.round([*p, *(p + 30)], 2)))
    return tracks(truth), tracks(found)


def tracks(rows) -> Tracks:
    return Tracks([r[0] for r in rows], [r[1] for r in rows], [r[2:6] for r in rows])


# what py-motmetrics 1.4.0 gave (IoU distance, at most 0.5)
MOTMETRICS = {
    0: {"mota": 0.5132743362831859, "motp": 0.3247653180039376, "idf1": 0.289044289044289, "idp": 0.3054187192118227,
        "idr": 0.2743362831858407, "switches": 29, "false_positives": 29, "misses": 52, "mostly_tracked": 2,
        "partially_tracked": 4, "mostly_lost": 0, "fragmentations": 39, "precision": 0.8571428571428571,
        "recall": 0.7699115044247787, "matches": 145},
    1: {"mota": 0.5663716814159292, "motp": 0.3289849855261139, "idf1": 0.3023255813953488, "idp": 0.31862745098039214,
        "idr": 0.28761061946902655, "switches": 26, "false_positives": 25, "misses": 47, "mostly_tracked": 3,
        "partially_tracked": 3, "mostly_lost": 0, "fragmentations": 36, "precision": 0.8774509803921569,
        "recall": 0.7920353982300885, "matches": 153},
    2: {"mota": 0.4690265486725663, "motp": 0.3390935520177392, "idf1": 0.3990719257540603, "idp": 0.4195121951219512,
        "idr": 0.3805309734513274, "switches": 21, "false_positives": 39, "misses": 60, "mostly_tracked": 1,
        "partially_tracked": 5, "mostly_lost": 0, "fragmentations": 41, "precision": 0.8097560975609757,
        "recall": 0.7345132743362832, "matches": 145},
}  # fmt: skip
TRACKEVAL: dict[int, tuple[float, float, float]] = {
    0: (0.27724911393519125, 0.5155642881619446, 0.1503560354482265),
    1: (0.2825534462155052, 0.5026023083331225, 0.1614791140877329),
    5: (0.24272238734199006, 0.4686566727302869, 0.12772552046646476),
}  # HOTA, DetA, AssA of TrackEval 1.3.0


@pytest.mark.parametrize("seed", MOTMETRICS)
def test_as_motmetrics(seed):
    got = evaluate(*generated(seed)).to_dict()
    for name, value in MOTMETRICS[seed].items():
        assert got[name] == pytest.approx(value, abs=1e-9), name


@pytest.mark.parametrize("seed", TRACKEVAL)
def test_as_trackeval(seed):
    got = evaluate(*generated(seed))
    assert (got.hota, got.deta, got.assa) == pytest.approx(TRACKEVAL[seed], abs=1e-9)


def test_by_hand():
    """Two objects, three frames: one is missed once, the other changes its name, one box is invented."""
    a, b, far = [0, 0, 10, 10], [50, 0, 60, 10], [90, 90, 99, 99]
    truth = tracks([(t, 1, *a) for t in range(3)] + [(t, 2, *b) for t in range(3)])
    found = tracks([(0, 7, *a), (2, 7, *a), (0, 8, *b), (1, 9, *b), (2, 9, *b), (1, 5, *far)])
    got = evaluate(truth, found)
    assert (got.misses, got.switches, got.false_positives, got.matches) == (1, 1, 1, 4)
    assert got.mota == pytest.approx(1 - 3 / 6) and got.motp == 0.0
    assert got.identity_matches == 4 and got.idf1 == pytest.approx(2 * 4 / (6 + 6))
    assert got.fragmentations == 1 and got.mostly_tracked == 1


def test_perfect_and_empty():
    truth, _ = generated(3)
    full = evaluate(truth, truth)
    assert full.mota == full.idf1 == full.hota == 1.0 and full.motp == 0.0 and full.mostly_tracked == 6
    nothing = evaluate(truth, Tracks([], [], []))
    assert nothing.mota == 0.0 and nothing.hota == 0.0 and nothing.misses == len(truth.ids)


def test_clips_add_up():
    one, two = evaluate(*generated(0)), evaluate(*generated(1))
    both = combine([one, two])
    assert both.misses == one.misses + two.misses
    wrong = sum(s.misses + s.switches + s.false_positives for s in (one, two))
    assert both.mota == pytest.approx(1 - wrong / both.objects)


def test_files_there_and_back(tmp_path):
    truth, found = generated(4)
    found.write_mot(tmp_path / "found.txt")
    first = (tmp_path / "found.txt").read_text().splitlines()[0].split(",")
    assert int(first[0]) == 1 and len(first) == 10
    again = Tracks.read_mot(tmp_path / "found.txt")
    assert np.allclose(again.boxes, found.boxes, atol=1e-5) and np.array_equal(again.ids, found.ids)
    assert evaluate(truth, again).switches == evaluate(truth, found).switches


def test_truth_files_leave_out_what_is_flagged():
    text = b"1,1,11,21,5,5,1,1,1\n1,2,1,1,5,5,0,1,1\n2,1,12,21,5,5,1,7,1\n"
    both = Tracks.read_mot(text, truth=True)
    assert both.frames.tolist() == [0, 1] and both.boxes[0].tolist() == [10, 20, 15, 25]
    assert len(Tracks.read_mot(text, truth=True, classes=[1]).frames) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [(b"1,1,2,3\n", "line 1"), (b"1,1,1,1,5,5,1\n0,1,1,1,5,5,1\n", "line 2"), (b"a b c d e f", "line 1")],
)
def test_broken_files_are_named_by_line(text, words):
    with pytest.raises(DatasetError, match=words):
        Tracks.read_mot(text)


def test_refusals():
    with pytest.raises(ParamError, match="once in a frame"):
        Tracks([0, 0], [1, 1], [[0, 0, 1, 1], [0, 0, 2, 2]])
    with pytest.raises(ParamError, match="overlap must be"):
        evaluate(Tracks([], [], []), Tracks([], [], []), overlap=0.0)


def test_tracks_enter_samples_and_draw():
    truth, _ = generated(5)
    image = np.zeros((260, 260, 3), np.uint8)
    sample = truth.to_sample(image, 7)
    assert sample.instances.track_ids.tolist() == truth.at(7).ids.tolist()
    drawn = truth.draw(image, frame=7)
    assert drawn.shape == (260, 260, 3) and drawn.any() and not image.any()
    assert len(truth) == 6 and len(list(truth)) == truth.length == 40
