"""Detection against OpenCV, closed forms and pictures whose answers are known."""

from pathlib import Path

import numpy as np
import pytest

from opsin import Pipeline, Sample, ops, read, step
from opsin.errors import ParamError
from opsin.kernels.nms import corners_of, merge_similar, quad_overlaps

cv2 = pytest.importorskip("cv2", reason="could not import 'cv2'")
skimage = pytest.importorskip("skimage", reason="could not import 'skimage'")


def some(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 80, (count, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(5, 40, (count, 2))], axis=1)
    return boxes, rng.permutation(count) / count  # no two scores are equal


def plain_nms(boxes: np.ndarray, scores: np.ndarray, overlap: float) -> list[int]:
    """The rule of torchvision.ops.nms, box by box."""
    left, kept = list(np.argsort(-scores, kind="stable")), []
    while left:
        best = left.pop(0)
        kept.append(int(best))
        stay = []
        for i in left:
            a, b = boxes[best], boxes[i]
            shared = max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))
            union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
            if shared / union <= overlap:
                stay.append(i)
        left = stay
    return kept


# --- non-maximum suppression --------------------------------------------------------------------------------------
@pytest.mark.parametrize("overlap", [0.0, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("count", [1, 7, 120])
def test_greedy_follows_the_rule(overlap, count):
    boxes, scores = some(count, count)
    kept = ops.non_max_suppression(boxes, scores, overlap=overlap)
    assert list(kept) == plain_nms(boxes, scores, overlap)
    np.testing.assert_array_equal(boxes[kept], kept.boxes.boxes)
    np.testing.assert_array_equal(kept.scores, scores[kept])


def test_greedy_agrees_with_opencv():
    for seed in range(5):
        boxes, scores = some(80, seed)
        scores = scores + 0.1
        whole = np.round(boxes)
        rows = np.concatenate([whole[:, :2], whole[:, 2:] - whole[:, :2]], axis=1).astype(int).tolist()
        want = cv2.dnn.NMSBoxes(rows, scores.tolist(), 0.0, 0.4)
        assert list(ops.non_max_suppression(whole, scores, overlap=0.4)) == list(np.reshape(want, -1))


def test_labels_are_apart():
    boxes, scores = some(60, 3)
    labels = np.arange(60) % 3
    kept = ops.non_max_suppression(boxes, scores, labels=labels, overlap=0.3)
    for label in range(3):
        rows = np.flatnonzero(labels == label)
        want = rows[plain_nms(boxes[rows], scores[rows], 0.3)]
        assert [i for i in kept if labels[i] == label] == list(want)
    words = ops.non_max_suppression(boxes, scores, labels=tuple("abc"[i] for i in labels), overlap=0.3)
    np.testing.assert_array_equal(words, kept)


def test_soft_scores_by_hand():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 5], [20, 20, 30, 30]], float)
    scores = np.array([0.9, 0.8, 0.7])
    soft = ops.non_max_suppression(boxes, scores, method="soft", sigma=0.5)
    assert list(soft) == [0, 2, 1]
    np.testing.assert_allclose(soft.scores, [0.9, 0.7, 0.8 * np.exp(-0.25 / 0.5)], rtol=1e-12)
    linear = ops.non_max_suppression(boxes, scores, method="soft_linear", overlap=0.4)
    np.testing.assert_allclose(linear.scores, [0.9, 0.7, 0.4], rtol=1e-12)
    assert list(ops.non_max_suppression(boxes, scores, method="soft_linear", overlap=0.4, least=0.5)) == [0, 2]


def test_turned_overlaps_agree_with_opencv():
    rng = np.random.default_rng(5)
    rows = np.concatenate(
        [rng.uniform(20, 60, (60, 2)), rng.uniform(5, 40, (60, 2)), rng.uniform(-180, 180, (60, 1))], 1
    )
    quads = corners_of(rows)
    for i in range(0, 60, 7):
        got = quad_overlaps(quads[i], quads)
        for j in range(60):
            # OpenCV turns clockwise
            a, b = (((r[0], r[1]), (r[2], r[3]), -r[4]) for r in (rows[i], rows[j]))
            kind, points = cv2.rotatedRectangleIntersection(a, b)
            shared = 0.0 if kind == 0 else cv2.contourArea(cv2.convexHull(np.reshape(points, (-1, 1, 2))))
            want = shared / (rows[i, 2] * rows[i, 3] + rows[j, 2] * rows[j, 3] - shared)
            assert got[j] == pytest.approx(want, abs=2e-4)  # OpenCV computes in float32


def test_turned_boxes_without_turn_are_upright_ones():
    boxes, scores = some(50, 8)
    size = boxes[:, 2:] - boxes[:, :2]
    turned = np.concatenate([(boxes[:, :2] + boxes[:, 2:]) / 2, size, np.zeros((50, 1))], axis=1)
    want = list(ops.non_max_suppression(boxes, scores, overlap=0.35))
    assert list(ops.non_max_suppression(turned, scores, overlap=0.35)) == want
    quarter = turned[:, [0, 1, 3, 2, 4]] + [0, 0, 0, 0, 90]
    assert list(ops.non_max_suppression(quarter, scores, overlap=0.35)) == want
    eight = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]]
    assert list(ops.non_max_suppression(eight, scores, overlap=0.35)) == want


def test_one_turned_overlap_in_closed_form():
    square = np.array([[0, 0, 2.0, 2.0, 0], [0, 0, 2.0, 2.0, 45.0]])
    octagon = 8 * (np.sqrt(2) - 1)
    got = quad_overlaps(corners_of(square)[0], corners_of(square)[1:])[0]
    assert got == pytest.approx(octagon / (8 - octagon), rel=1e-12)


def test_kept_rows_draw_and_save_themselves():
    boxes, scores = some(9, 1)
    kept = ops.non_max_suppression(boxes, scores)
    assert kept.draw(np.zeros((120, 120, 3), np.uint8)).shape == (120, 120, 3)
    assert kept.to_dict()["rows"] == list(kept)
    empty = ops.non_max_suppression(np.zeros((0, 4)), np.zeros(0))
    assert len(empty) == 0 and len(empty.boxes) == 0


@pytest.mark.parametrize(
    ("boxes", "scores", "message"),
    [
        ([[0, 0, 1, 1]], [0.5, 0.4], "one for each of 1 boxes"),
        ([[0, 0, 1, 1]], None, "scores must be"),
        ([[5, 0, 1, 1]], [0.5], "x1 <= x2"),
        ([[0, 0, 1]], [0.5], "N x 4"),
        ([[0, 0, 2, 2, 2, 0, 0, 2]], [0.5], "convex"),
    ],
)
def test_bad_boxes_are_refused(boxes, scores, message):
    given = None if scores is None else np.array(scores)
    with pytest.raises(ParamError, match=message):
        ops.non_max_suppression(np.array(boxes, float), given)


# --- templates ----------------------------------------------------------------------------------------------------
METHODS = ("sqdiff", "sqdiff_normed", "ccorr", "ccorr_normed", "ccoeff", "ccoeff_normed")


def scaled(raw: np.ndarray, method: str, t: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """OpenCV's figures on the scale of Opsin's scores."""
    w = np.broadcast_to(weights[..., None] if t.ndim == 3 else weights, t.shape)
    deviation = t - (t * w).sum((0, 1)) / weights.sum()
    return {
        "sqdiff": lambda: 1 - np.sqrt(np.clip(raw, 0, None) / w.sum()),
        "sqdiff_normed": lambda: np.clip(1 - raw, 0, 1),
        "ccorr": lambda: raw / (w * t * t).sum(),
        "ccoeff": lambda: raw / (w * deviation**2).sum(),
    }.get(method, lambda: raw)()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_scores_are_those_of_opencv(method, color, masked):
    from opsin.kernels.templates import similarity

    image = skimage.data.astronaut()[100:220, 150:300].astype(np.float32) / 255
    image = image if color else image.mean(axis=2)
    template = np.ascontiguousarray(image[30:61, 40:77])
    weights = np.ones(template.shape[:2])
    if masked:
        y, x = np.mgrid[:31, :37]
        weights = (((y - 15) / 15) ** 2 + ((x - 18) / 18) ** 2 <= 1).astype(float)
    words = {"mask": np.repeat(weights[..., None], 3, 2).astype(np.float32) if color else weights.astype(np.float32)}
    raw = cv2.matchTemplate(image, template, getattr(cv2, f"TM_{method.upper()}"), **(words if masked else {}))
    got = similarity(
        "test", np.atleast_3d(image), np.atleast_3d(template), method, weights.astype(bool) if masked else None
    )
    assert np.unravel_index(got.argmax(), got.shape) == (30, 40) or not method.endswith("_normed")
    assert got[30, 40] == pytest.approx(1.0, abs=2e-3)
    # float32 sums on OpenCV's side; near a perfect copy the root of sqdiff shows their rounding
    np.testing.assert_allclose(got, scaled(raw, method, template, weights), atol=3e-3)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_every_copy_is_found_and_nothing_else(dtype):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 120, (150, 200), np.uint8)
    template = rng.integers(0, 256, (16, 20), np.uint8)
    places = [(3, 5), (60, 90), (130, 170)]
    for y, x in places:
        image[y : y + 16, x : x + 20] = template
    change = {"uint8": lambda a: a, "uint16": lambda a: a * np.uint16(257), "float32": lambda a: np.float32(a / 255)}
    found = ops.match_template(change[dtype](image), change[dtype](template))
    assert sorted(map(tuple, found.boxes.tolist())) == sorted((x, y, x + 20.0, y + 16.0) for y, x in places)
    np.testing.assert_allclose(found.scores, 1.0, atol=1e-5)


def test_turned_and_scaled_copies_are_found():
    image = skimage.data.astronaut()
    template = np.ascontiguousarray(image[60:130, 190:260])
    turned = ops.rotate(image, angle=30, keep="all")
    found = ops.match_template(turned, template, angles=(0, 30, 60), threshold=0.9)
    assert len(found) == 1 and found.angles[0] == 30
    warp = ops.rotate.__opsin__.warp((512, 512), {"angle": 30.0, "keep": "all"})
    corners = warp.push(np.array([[190.0, 60], [260, 60], [260, 130], [190, 130]]))
    np.testing.assert_allclose(found.corners[0], corners, atol=1.5)
    half = ops.resize(image, width=256, height=256)
    found = ops.match_template(half, template, scales=(0.25, 0.5, 1.0), threshold=0.9)
    assert found.scales[0] == 0.5
    np.testing.assert_allclose(found.boxes[0], [95, 30, 130, 65], atol=1)


def test_alpha_of_a_template_is_its_mask():
    rng = np.random.default_rng(3)
    image = rng.integers(0, 256, (80, 90, 3), np.uint8)
    template = image[20:40, 30:50].copy()
    hidden = np.zeros((20, 20), bool)
    hidden[:8] = True
    template[hidden] = 255 - template[hidden]
    alpha = np.where(hidden, 0, 255).astype(np.uint8)
    found = ops.match_template(image, np.dstack([template, alpha]), threshold=0.99)
    assert found.boxes.tolist() == [[30, 20, 50, 40]]
    assert len(ops.match_template(image, template, threshold=0.99)) == 0
    assert ops.match_template(image, template, ~hidden, threshold=0.99).boxes.tolist() == [[30, 20, 50, 40]]


@pytest.mark.parametrize(
    ("template", "words", "message"),
    [
        (np.zeros((90, 9), np.uint8) + np.arange(9, dtype=np.uint8), {}, "no larger than the picture"),
        (np.full((5, 5), 7, np.uint8), {}, "more than one value"),
        (np.zeros((5, 5), np.uint8), {"method": "ccorr"}, "not all black"),
        (np.zeros((5, 5, 3), np.uint8), {}, "of 1 channels"),
        (np.eye(5, dtype=np.uint8), {"scales": ()}, "scales must be"),
    ],
)
def test_bad_templates_are_refused(template, words, message):
    with pytest.raises(ParamError, match=message):
        ops.match_template(np.zeros((40, 40), np.uint8), template, **words)


# --- people and faces ---------------------------------------------------------------------------------------------
def test_lbp_finds_the_face_without_any_further_file():
    image = skimage.data.astronaut()
    for given in (image, image.astype(np.uint16) * 257, np.float32(image / 255.0)):
        faces = ops.detect_faces(given, method="lbp")
        assert len(faces) == 1 and faces.labels == ("face",)
        np.testing.assert_allclose(faces.boxes[0], [175, 65, 270, 165], atol=15)


def test_merging_follows_opencv():
    rng = np.random.default_rng(2)
    middle = rng.integers(20, 400, (12, 2))
    rows = np.concatenate([np.tile(middle, (6, 1)) + rng.integers(-3, 4, (72, 2)), np.full((72, 2), 60)], axis=1)
    boxes = np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:]], axis=1).astype(float)
    merged, count = merge_similar(boxes)
    want, weights = cv2.groupRectangles(rows.tolist(), 1, 0.2)
    keep = count > 1
    got = sorted(map(tuple, np.round(merged[keep]).astype(int).tolist()))
    assert got == sorted((x, y, x + w, y + h) for x, y, w, h in np.asarray(want).tolist())
    assert sorted(count[keep]) == sorted(np.reshape(weights, -1))


def haar_folder() -> str:
    from opsin.kernels.cascades import cascade_path

    try:
        return str(Path(cascade_path("test", "haarcascade_frontalface_default.xml")).parent)
    except ParamError:
        pytest.skip("no cascades of OpenCV: apt install opencv-data")


def test_haar_finds_face_eyes_and_smile():
    haar_folder()
    image = skimage.data.astronaut()
    found = ops.detect_faces(image, parts=("eyes", "smile"))
    assert found.labels == ("face", "eye", "eye", "smile")
    np.testing.assert_allclose(found.boxes[0], [175, 65, 270, 165], atol=15)
    x1, y1, x2, y2 = found.boxes[0]
    for x, y, *_ in found.boxes[1:]:
        assert x1 <= x <= x2 and y1 <= y <= y2
    assert list(found.face) == [0, 0, 0, 0]
    # one object more in a sample's results, drawn
    out = Pipeline(step(ops.detect_faces))(Sample(image))
    assert len(out.results["detect_faces"]) == 1
    assert found.draw(image).shape == image.shape


def test_haar_agrees_with_opencv():
    path = f"{haar_folder()}/haarcascade_frontalface_default.xml"
    gray = ops.to_gray(skimage.data.astronaut())
    rows, agree = cv2.CascadeClassifier(path).detectMultiScale2(gray, 1.1, 3, minSize=(30, 30))
    found = ops.detect_faces(gray, cascade=path)
    strong = [r for r, n in zip(rows, np.reshape(agree, -1), strict=True) if n >= 4]
    want = sorted((x, y, x + w, y + h) for x, y, w, h in np.asarray(strong).tolist())
    assert sorted(map(tuple, found.boxes.tolist())) == want


def test_a_missing_cascade_is_said_with_the_command(tmp_path, monkeypatch):
    monkeypatch.setattr("opsin.kernels.cascades._folders", lambda where: [str(tmp_path)])
    with pytest.raises(ParamError, match="apt install opencv-data"):
        ops.detect_faces(np.zeros((60, 60), np.uint8))
    with pytest.raises(ParamError, match="cascade must be"):
        ops.detect_faces(np.zeros((60, 60), np.uint8), cascade=str(tmp_path / "none.xml"))
    (tmp_path / "bad.xml").write_text("<a/>")
    with pytest.raises(ParamError, match="a cascade of OpenCV"):
        ops.detect_faces(np.zeros((60, 60), np.uint8), cascade=str(tmp_path / "bad.xml"))
    with pytest.raises(ParamError, match="the ONNX file of YuNet"):
        ops.detect_faces(np.zeros((60, 60), np.uint8), method="yunet")
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    with pytest.raises(ParamError, match="an ONNX file of YuNet"):
        ops.detect_faces(np.zeros((60, 60), np.uint8), method="yunet", model=str(tmp_path / "bad.onnx"))


def test_yunet_finds_the_face_and_five_points(opsin_data):
    model = opsin_data / "weights" / "face_yunet" / "yunet_n_320_320.onnx"
    found = ops.detect_faces(skimage.data.astronaut(), method="yunet", model=str(model))
    assert len(found) == 1 and found.scores[0] > 0.9
    np.testing.assert_allclose(found.boxes[0], [178, 65, 269, 176], atol=5)
    points = found.landmarks[0]
    x1, y1, x2, y2 = found.boxes[0]
    assert ((points > (x1, y1)) & (points < (x2, y2))).all()
    assert points[0, 0] < points[1, 0] and points[0, 1] < points[2, 1] < points[3, 1]


def test_people_are_found_in_a_scene(opsin_data):
    image = read(opsin_data / "opencv_samples" / "basketball1.png")
    found = ops.detect_people(image)
    assert set(found.labels) == {"person"}
    # the man who stands at the left, seen whole (looked at by eye); half a man at the right is no person to it
    np.testing.assert_allclose(found.boxes[0], [21, 62, 188, 435], atol=12)
    gray = ops.detect_people(np.float32(ops.to_gray(image) / 255.0))
    assert len(gray) >= 1
    large = ops.detect_people(ops.resize(image, width=320, height=240), enlarge=2.0)
    assert len(large) >= 1 and large.boxes.max() <= 320


@pytest.mark.parametrize("size", [(1, 1), (40, 48), (128, 10), (33, 97), (95, 200)])
def test_pictures_too_small_for_a_person_have_none(size):
    assert len(ops.detect_people(np.full(size, 90, np.uint8), score=-1.0)) == 0
