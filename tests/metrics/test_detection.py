"""Average precision, against published figures, pycocotools and cases worked by hand."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest

from opsin.errors import ParamError
from opsin.metrics.detection import average_precision, coco
from opsin.values import Boxes


def read(path, scores: bool) -> Boxes:
    rows = [line.split() for line in path.read_text().splitlines() if line.strip()]
    b = np.array([[float(x) for x in row[-4:]] for row in rows]).reshape(-1, 4)
    b[:, 2:] += b[:, :2]
    return Boxes(b, labels=[row[0] for row in rows], scores=[float(row[1]) for row in rows] if scores else None)


@pytest.mark.parametrize(("points", "published"), [("every", 24.57), ("11", 26.84)])
def test_the_published_example(opsin_data, points, published):
    """Seven pictures, 15 objects, 24 found boxes, overlap 0.3: the figures that the data's authors print."""
    root = opsin_data / "metrics" / "detection_ap"
    names = sorted(p.name for p in (root / "groundtruths").glob("*.txt"))
    truth = [read(root / "groundtruths" / name, False) for name in names]
    found = [read(root / "detections" / name, True) for name in names]
    got = average_precision(truth, found, overlap=0.3, points=points, pixels="inside")
    assert round(100 * got.mean, 2) == published
    assert got.classes["object"].objects == 15 and len(got.classes["object"].scores) == 24


def test_by_hand():
    """Two objects; the surest box is right, the next is wrong, the third is right: 1/2 * 1 + 1/2 * 2/3."""
    truth = [Boxes([[0, 0, 10, 10], [20, 0, 30, 10]], labels=["a", "a"])]
    found = [Boxes([[0, 0, 10, 10], [50, 0, 60, 10], [20, 0, 30, 10]], labels=["a"] * 3, scores=[0.9, 0.8, 0.7])]
    got = average_precision(truth, found)
    assert got.mean == pytest.approx(0.5 + 0.5 * 2 / 3)
    eleven = average_precision(truth, found, points="11").mean
    assert eleven == pytest.approx((6 * 1.0 + 5 * 2 / 3) / 11)
    assert got.draw().shape == (420, 420, 3) and got.to_dict()["classes"]["a"]["true_positives"] == 2


def test_an_object_counts_once_and_difficult_ones_do_not():
    box = [0, 0, 10, 10]
    twice = average_precision([Boxes([box])], [Boxes([box, box], scores=[0.9, 0.8])])
    assert (twice.classes[""].true_positives, twice.classes[""].false_positives) == (1, 1)
    hard = average_precision([Boxes([box, [20, 0, 30, 10]], difficult=[True, False])], [Boxes([box], scores=[0.9])])
    assert (hard.classes[""].objects, hard.classes[""].false_positives) == (1, 0)


def scene(seed: int):
    r = np.random.RandomState(seed)
    truth, found = [], []
    for _ in range(12):
        n = r.randint(0, 9)
        p, s = r.uniform(0, 400, (n, 2)), np.exp(r.uniform(2.5, 5.3, (n, 2)))
        b, label, crowd = np.c_[p, p + s], r.randint(1, 4, n), r.rand(n) < 0.1
        truth.append(Boxes(b, labels=[str(x) for x in label], crowd=crowd))
        rows = [(b[i] + r.normal(0, s[i].min() * 0.08, 4), label[i] if r.rand() < 0.9 else r.randint(1, 4), r.rand())
                for i in range(n) for _ in range(r.randint(0, 4))]  # fmt: skip
        for _ in range(r.randint(0, 4)):
            q = r.uniform(0, 400, 2)
            rows.append(([*q, *(q + r.uniform(5, 150, 2))], r.randint(1, 4), r.rand()))
        found.append(
            Boxes([x[0] for x in rows], labels=[str(x[1]) for x in rows], scores=[x[2] for x in rows])
            if rows
            else Boxes([], labels=[], scores=[])
        )
    return truth, found


def reference(truth, found):
    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError:
        pytest.skip("pycocotools is not installed")
    annotations, results = [], []
    for number, (t, f) in enumerate(zip(truth, found, strict=True)):
        for box, label, crowd in zip(t.boxes, t.labels, t.crowd, strict=True):
            w, h = box[2] - box[0], box[3] - box[1]
            annotations.append({"id": len(annotations) + 1, "image_id": number, "category_id": int(label),
                                "bbox": [box[0], box[1], w, h], "area": w * h, "iscrowd": int(crowd)})  # fmt: skip
        for box, label, score in zip(f.boxes, f.labels, f.scores, strict=True):
            results.append({"image_id": number, "category_id": int(label), "score": float(score),
                            "bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]]})  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()):
        table = COCO()
        table.dataset = {"images": [{"id": i} for i in range(len(truth))], "annotations": annotations, "info": {},
                         "categories": [{"id": i} for i in (1, 2, 3)]}  # fmt: skip
        table.createIndex()
        run = COCOeval(table, table.loadRes(results), "bbox")
        run.evaluate()
        run.accumulate()
        run.summarize()
    return run.stats


@pytest.mark.parametrize("seed", range(4))
def test_as_pycocotools(seed):
    truth, found = scene(seed)
    want = reference(truth, found)
    o = coco(truth, found)
    got = [o.ap, o.ap50, o.ap75, o.ap_small, o.ap_medium, o.ap_large, o.ar1, o.ar10, o.ar100, o.ar_small, o.ar_medium,
           o.ar_large]  # fmt: skip
    assert np.allclose(np.where(np.isnan(got), -1.0, got), want, atol=1e-12)


def test_refusals():
    with pytest.raises(ParamError, match="one Boxes per picture"):
        average_precision([Boxes([])], [])
    with pytest.raises(ParamError, match="boxes with scores"):
        coco([Boxes([])], [Boxes([[0, 0, 1, 1]])])
    with pytest.raises(ParamError, match="overlap must be"):
        average_precision([], [], overlap=2.0)
