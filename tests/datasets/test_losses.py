"""What `convert` says is lost is exactly what is lost, on a set as odd as COCO's validation pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from opsin.datasets import DataSet, convert, open_dataset
from opsin.instances import Skeleton
from opsin.io import write

POINTS = ["nose", "left_eye", "right_eye", "left_ear", "right_ear"]
CATEGORIES = [
    {
        "id": 1,
        "name": "person",
        "supercategory": "person",
        "keypoints": POINTS,
        "skeleton": [[1, 2], [1, 3], [2, 4], [3, 5]],
    },
    {"id": 3, "name": "car", "supercategory": "vehicle"},
    {"id": 17, "name": "Katze groß", "supercategory": "animal"},
    {"id": 90, "name": "toothbrush", "supercategory": "indoor"},
]
NAMES = ("000000000139.jpg", "ünïcode 猫.jpg", "sub/dir/a.png", "b.png", "leer.jpg", "UPPER.JPG", "with space.png")
TARGETS = [
    *(("yolo", {"task": t}) for t in ("detect", "segment", "pose", "obb")),
    *((t, {}) for t in ("coco", "webdataset", "arrays", "voc", "csv", "dota", "segmentation", "folder", "plain")),
    ("csv", {"table": "parquet"}),
]
# a word of the sentence that says that something is lost or changed
SAID = {
    "box": ("no boxes", "boxes become", "rotated boxes only"),
    "outline": ("no outlines", "joined by bridges", "masks become outlines"),
    "mask": ("no masks", "masks become outlines"),
    "points": ("no key points",),
    "attributes": ("no attributes", "of the attributes only"),
    "extra": ("more about pictures",),
    "whole": ("of the whole",),
    "ids": ("numbers", "no list of classes"),
    "names": ("names of classes without spaces", "no list of classes", "unlabeled"),
    "skeleton": ("no key points",),
    "label": ("unlabeled",),
}


def make(root: Path, size: tuple[int, int] | None, seed: int = 0) -> dict[str, Any]:
    mask = pytest.importorskip("pycocotools.mask")
    rng = np.random.default_rng(seed)
    images: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    for i, name in enumerate(NAMES):
        w, h = size or (int(rng.integers(40, 90)), int(rng.integers(40, 90)))
        (root / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        write(rng.integers(0, 255, (h, w, 3), np.uint8, endpoint=True), root / "images" / name)
        more = {"license": 3, "coco_url": f"http://x/{i}", "date_captured": "2013-11-14 17:02:52"}
        images.append({"id": 10**5 * i + 39, "file_name": name, "width": w, "height": h} | more)
        for k in range(0 if name == "leer.jpg" else 8):
            x, y = rng.uniform(0, w - 12), rng.uniform(0, h - 12)
            bw, bh = rng.uniform(4, min(w - x, 30)), rng.uniform(4, min(h - y, 30))
            row: dict[str, Any] = {"id": 900100 + 1000 * i + 7 * k, "image_id": images[-1]["id"], "iscrowd": 0}
            row["category_id"] = (1, 3, 17, 90, 1)[k % 5]
            row["bbox"] = [round(float(v), 2) for v in (x, y, bw, bh)]
            if k == 6:
                row["bbox"] = [-5.5, row["bbox"][1], 20.25, row["bbox"][3]]  # partly outside
            turn = np.sort(rng.uniform(0, 2 * np.pi, 9))
            loop = np.stack([x + bw / 2 * (1 + np.cos(turn)), y + bh / 2 * (1 + np.sin(turn))], 1)
            outline = loop.round(2).ravel().tolist()
            grid = np.zeros((h, w), np.uint8, order="F")
            grid[int(y) : int(y + bh), int(x) : int(x + bw)] = 1
            if k % 4 == 0:
                row["segmentation"] = [outline, [x, y, x + 2.5, y, x + 1.25, y + 2.75]]
            elif k % 4 == 1:
                row["segmentation"] = [outline]
            elif k % 4 == 2:
                packed = mask.encode(grid)
                row["segmentation"] = {"size": packed["size"], "counts": packed["counts"].decode()}
            elif k == 3:
                grid &= rng.integers(0, 2, (h, w), np.uint8)
                flat = grid.ravel(order="F")
                at = np.flatnonzero(np.diff(flat)) + 1
                counts = np.diff(np.concatenate([[0], at, [len(flat)]])).tolist()
                row |= {"iscrowd": 1, "segmentation": {"size": [h, w], "counts": ([0] if flat[0] else []) + counts}}
            row["area"] = float(grid.sum())
            if row["category_id"] == 1:
                seen = rng.integers(0, 3, 5) if k else np.zeros(5, int)
                flat_points = [
                    [float(rng.integers(0, w)), float(rng.integers(0, h)), int(v)] if v else [0] * 3 for v in seen
                ]
                row |= {"keypoints": [v for p in flat_points for v in p], "num_keypoints": int((seen > 0).sum())}
            notes.append(row)
    notes.append({"id": 5, "image_id": 39, "category_id": 3, "iscrowd": 0, "bbox": [500, 500, 9, 9], "area": 81})
    top = {"info": {"year": 2017}, "licenses": [{"id": 3, "name": "CC"}]}
    data = top | {"images": images, "annotations": notes, "categories": CATEGORIES}
    (root / "instances_val2017.json").write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
    return data


def changed(before: DataSet, after: DataSet) -> set[str]:
    """Find out what is not as it was, picture by picture and object by object."""
    out = set()
    pictures = {s.image.tobytes(): (e, s) for e in after.entries() for s in (after.load(e),)}
    assert len(pictures) == len(before)
    for entry in before.entries():
        sample = before.load(entry)
        other_entry, other = pictures[sample.image.tobytes()]
        assert entry.split == other_entry.split
        if entry.extra != other_entry.extra:
            out.add("extra")
        if other_entry.label is not None:
            out.add("label")
        mine, theirs = list(sample.instances), list(other.instances)
        if not theirs:
            out |= {"box", "outline", "mask", "points", "attributes"} if mine else set()
            continue
        assert len(mine) == len(theirs)
        for a, b in zip(mine, theirs, strict=True):
            if b.box is None or not np.allclose(a.box, b.box, atol=1e-6):
                out.add("box")
            if str([np.round(p, 6) for p in a.polygons or ()]) != str([np.round(p, 6) for p in b.polygons or ()]):
                out.add("outline")
            if a.mask is not None and a.mask.any() and (b.mask is None or (a.mask != b.mask).any()):
                out.add("mask")
            here = a.keypoints is not None and bool(a.keypoints[:, 2].any())
            if here and (b.keypoints is None or not np.allclose(a.keypoints, b.keypoints, atol=1e-6)):
                out.add("points")
            if dict(a.attributes or {}) != dict(b.attributes or {}):
                out.add("attributes")
            if a.class_name != b.class_name:
                out.add("names")
    old, new = before.facts, after.facts
    if set(old.class_names) != set(new.class_names):
        out.add("names")
    if old.class_ids != new.class_ids:
        out.add("ids")
    if dict(old.details) != {k: v for k, v in new.details.items() if k != "task"}:
        out.add("whole")
    if (old.skeleton or Skeleton(())).names != (new.skeleton or Skeleton(())).names:
        out.add("skeleton")
    return out


@pytest.mark.parametrize(("target", "options"), TARGETS, ids=str)
def test_losses_are_exactly_what_is_said(tmp_path: Path, target: str, options: dict[str, str]) -> None:
    make(tmp_path / "in", (64, 48) if target == "arrays" else None)
    before = open_dataset(tmp_path / "in")
    assert {f.rule for f in before.findings} == {"box_over_edge", "box_outside"}
    result = convert(before, target, tmp_path / "out", **options)
    after = open_dataset(tmp_path / "out", target if target in ("plain", "folder") else None)
    assert after.format == target and not result.failed
    said = " ".join(result.losses)
    told = {name for name, words in SAID.items() if any(w in said for w in words)}
    lost = changed(before, after)
    assert lost <= told, (lost - told, result.losses)
    # and nothing is called lost that is there, but for what one sentence says of several things at once
    assert told - lost <= {"mask", "names", "skeleton", "ids", "label"}, (told - lost, result.losses)


@pytest.mark.parametrize("way", [("coco",), ("webdataset", "coco"), ("arrays", "coco")])
def test_pycocotools_reads_the_same(tmp_path: Path, way: tuple[str, ...]) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    make(tmp_path / "0", (64, 48), seed=1)
    for i, target in enumerate(way):
        convert(tmp_path / str(i), target, tmp_path / str(i + 1))
    a = coco.COCO(str(tmp_path / "0/instances_val2017.json"))
    b = coco.COCO(str(next((tmp_path / str(len(way))).rglob("val.json"))))
    assert b.dataset["categories"] == a.dataset["categories"] and b.dataset["licenses"] == a.dataset["licenses"]
    assert set(b.imgs) == set(a.imgs) and set(a.anns) - set(b.anns) == {5}
    for number, row in b.imgs.items():
        assert {k: v for k, v in row.items() if k != "file_name"} == {
            k: v for k, v in a.imgs[number].items() if k != "file_name"
        }
    for number, row in b.anns.items():
        want = a.anns[number]
        for name in set(want) - {"segmentation", "bbox"}:
            assert row[name] == want[name], name
        x, y, w, h = want["bbox"]
        cut = [max(x, 0), y, x + w - max(x, 0), h]
        np.testing.assert_allclose(row["bbox"], cut, atol=1e-6)
        if "segmentation" in want:
            np.testing.assert_array_equal(b.annToMask(row), a.annToMask(want))
    evaluate = pytest.importorskip("pycocotools.cocoeval").COCOeval(b, b, "keypoints")
    evaluate.params.catIds = [1]
    evaluate.params.kpt_oks_sigmas = np.full(5, 0.05)
    for row in b.anns.values():
        row["score"] = 1.0
    evaluate.evaluate()  # asks each object of a class with key points for their number
