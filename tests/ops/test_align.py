"""Homographies, registration, aligned faces, panoramas and morphs against known maps and the pictures themselves."""

from __future__ import annotations

import numpy as np
import pytest

import opsin
from opsin import ops
from opsin.errors import LimitError, ParamError
from opsin.geometry import Size, about, project, shift, stretch, turn

cv2 = pytest.importorskip("cv2")
data = pytest.importorskip("skimage.data")
ndimage = pytest.importorskip("scipy.ndimage")

CORNERS = np.array([[60.0, 60.0], [452.0, 60.0], [452.0, 452.0], [60.0, 452.0]])
CENTER = (256.0, 256.0)


def moved(image, matrix):
    """Move a picture by a matrix with SciPy's cubic splines: nothing of Opsin takes part."""
    h, w = image.shape[:2]
    y, x = np.mgrid[:h, :w] + 0.5
    p = project(np.linalg.inv(matrix), np.stack([x.ravel(), y.ravel()], 1)) - 0.5
    planes = image.astype(np.float64).reshape(h, w, -1)
    out = [ndimage.map_coordinates(planes[..., c], p.T[::-1], order=3, mode="reflect") for c in range(planes.shape[2])]
    return np.clip(np.stack(out, 1).reshape(image.shape) + 0.5, 0, 255).astype(np.uint8)


def off(got, want):
    return float(np.hypot(*(project(got, CORNERS) - project(want, CORNERS)).T).max())


KNOWN = {
    "translation": shift(7.3, -4.6),
    "rigid": shift(5.2, 3.1) @ about(CENTER, turn(5.0)),
    "similarity": shift(5.0, -8.0) @ about(CENTER, turn(6.0) @ stretch(1.05, 1.05)),
    "affine": shift(3.0, 2.0) @ about(CENTER, turn(-4.0) @ np.array([[0.97, 0.04, 0], [0.01, 1.02, 0], [0, 0, 1.0]])),
}


# --- homographies -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("feature", ["sift", "orb"])
@pytest.mark.parametrize("method", ["ransac", "magsac"])
def test_graf_1_to_3(opsin_data, feature, method):
    folder = opsin_data / "opencv_samples"
    a, b = opsin.read(folder / "graf1.png"), opsin.read(folder / "graf3.png")
    store = cv2.FileStorage(str(folder / "H1to3p.xml"), cv2.FILE_STORAGE_READ)
    given = store.getFirstTopLevelNode().mat()  # counts from the middle of the first pixel
    want = shift(0.5, 0.5) @ given @ shift(-0.5, -0.5)
    got = ops.find_homography(a, b, feature=feature, method=method)
    size = Size(a.shape[1], a.shape[0])
    miss = np.hypot(*(project(got.matrix, size.corners) - project(want, size.corners)).T)
    assert miss.mean() < 2.0, miss
    assert got.inliers.sum() > 300 and got.error < 1.0 and got.draw_pair(a, b).shape == (640, 1600, 3)


def test_a_known_homography_is_found_in_all_kinds_of_pictures():
    want = np.array([[1.05, 0.08, -20.0], [-0.06, 0.95, 15.0], [1e-4, -8e-5, 1.0]])
    color = data.astronaut()
    other = moved(color, want)
    for a, b in (
        (color, other),
        (color[..., 0].copy(), other),
        ((color / 255.0).astype(np.float32), other.astype(np.uint16) * np.uint16(257)),
        (np.dstack([color, color[..., 0]]), other),
    ):
        assert off(ops.find_homography(a, b).matrix, want) < 0.15
    found = ops.find_homography(color, other)
    sample = found.apply(opsin.Sample(color, boxes=[[200, 200, 260, 260]]))
    assert sample.image.shape == other.shape and len(sample.instances.boxes) == 1


def test_given_points_and_their_flaws():
    image = data.camera()
    points = np.array([[10.0, 10.0], [400.0, 30.0], [390.0, 420.0], [20.0, 400.0], [200.0, 210.0]])
    want = np.array([[1.1, 0.02, 5.0], [0.03, 0.9, -7.0], [1e-4, 2e-5, 1.0]])
    got = ops.find_homography(image, image, points, project(want, points), method="least_squares")
    np.testing.assert_allclose(got.matrix, want, rtol=1e-5, atol=1e-7)
    line = np.stack([np.arange(8.0) * 10, np.arange(8.0) * 20], 1)
    for bad, why in ((line, "points on one line"), (points[:3], "3"), (np.repeat(points[:2], 3, 0), "2 different")):
        with pytest.raises(ParamError, match=why):
            ops.find_homography(image, image, bad, bad + 3.0)
    nearly = np.concatenate([line, [[300.0, 10.0]]])
    with pytest.raises(ParamError, match="all but one lie on one line"):
        ops.find_homography(image, image, nearly, nearly + 3.0)


def test_points_that_are_not_finite_are_said_to_be_so():
    points = np.array([[0.0, 0.0], [9.0, 0.0], [9.0, 9.0], [np.nan, 9.0]])
    with pytest.raises(ParamError, match="points must be an array of numbers N x 2, all finite"):
        ops.find_homography(data.astronaut(), data.astronaut(), points, points)


def test_what_has_no_homography_is_refused_with_the_reason():
    camera = data.camera()
    with pytest.raises(ParamError, match="0 in 40 x 40 pixels"):
        ops.find_homography(np.zeros((40, 40), np.uint8), camera)
    with pytest.raises(ParamError, match="find_homography: image must be a picture with at least 10 sift features"):
        ops.find_homography(np.zeros((1, 1), np.uint8), camera)
    with pytest.raises(ParamError, match=r"find_homography: .*(agree|match)"):
        ops.find_homography(data.chelsea(), camera)


# --- registration -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("motion", ["translation", "rigid", "affine", "homography"])
def test_register_ecc_recovers_known_warps(motion):
    want = KNOWN.get(motion, KNOWN["affine"] + np.array([[0, 0, 0], [0, 0, 0], [2e-5, -1e-5, 0]]))
    reference = data.camera()
    image = moved(reference, np.linalg.inv(want))
    for picture in (image, (image * 0.5 + 20).astype(np.uint8), image.astype(np.uint16) * np.uint16(257)):
        got = ops.register_ecc(picture, reference, motion=motion)
        assert off(got.matrix, want) < 0.1 and got.metric > 0.99
    inner = np.s_[60:452, 60:452]
    difference = got.apply(image)[inner].astype(float) - reference[inner]
    assert np.abs(difference).mean() < 3.0
    assert got.checkerboard(image, reference).shape == (512, 512, 3)


@pytest.mark.parametrize("transform", list(KNOWN))
def test_register_recovers_known_warps_also_inverted(transform):
    pytest.importorskip("SimpleITK")
    want, reference = KNOWN[transform], data.camera()
    image = moved(reference, np.linalg.inv(want))
    assert off(ops.register(image, reference, transform=transform, metric="correlation").matrix, want) < 0.1
    assert off(ops.register(255 - image, reference, transform=transform).matrix, want) < 0.1


@pytest.mark.parametrize(("name", "transform"), [("cell", "similarity"), ("cell", "affine"), ("brick", "affine")])
def test_register_little_texture_and_texture_that_repeats(name, transform):
    """Mutual information alone is off by a third of a pixel on the first, and lost on the second."""
    pytest.importorskip("SimpleITK")
    image = np.ascontiguousarray(getattr(data, name)()[100:400, 100:440])
    size = Size(image.shape[1], image.shape[0])
    middle = np.array([size.width / 2, size.height / 2])
    matrix = shift(5.0, -6.0) @ about(middle, turn(3.0))
    matrix = matrix @ about(middle, stretch(1.03, 1.03) if transform == "similarity" else stretch(1.02, 0.97))
    other = ops.warp(image, warp=matrix, border="reflect")
    for reference in (other, ops.invert(other)):
        got = ops.register(image, reference, transform=transform)
        away = np.hypot(*(project(got.matrix, size.corners) - project(matrix, size.corners)).T)
        assert away.max() < 0.1, away


def test_a_search_that_was_lost_is_said():
    pytest.importorskip("SimpleITK")
    a, b = (np.ascontiguousarray(getattr(data, name)()[:220, :240]) for name in ("grass", "gravel"))
    for transform in ("translation", "affine"):
        with pytest.raises(ParamError, match="tell nothing of each other where the search ended"):
            ops.register(a, b, transform=transform)


def test_register_pictures_of_two_sizes_and_a_start():
    pytest.importorskip("SimpleITK")
    reference = data.camera()
    piece = np.ascontiguousarray(reference[70:430, 40:420])
    got = ops.register(piece, reference, transform="translation", start=shift(30.0, 80.0))
    np.testing.assert_allclose(got.matrix, shift(40.0, 70.0), atol=0.1)


def test_register_volume():
    pytest.importorskip("SimpleITK")
    z, y, x = np.mgrid[:24, :40, :44].astype(np.float64)

    def solid(dx, dy, dz):
        a = np.exp(-(((x - 20 - dx) / 8) ** 2 + ((y - 18 - dy) / 6) ** 2 + ((z - 11 - dz) / 5) ** 2))
        return a + 0.6 * np.exp(-(((x - 30 - dx) / 4) ** 2 + ((y - 27 - dy) / 5) ** 2 + ((z - 14 - dz) / 3) ** 2))

    spacing = (0.8, 0.8, 2.0)
    got = ops.register_volume(
        solid(1.5, -2.0, 0.75), solid(0, 0, 0), spacing=spacing, transform="translation", metric="correlation"
    )
    np.testing.assert_allclose(got.matrix[:3, 3], [-1.5 * 0.8, 2.0 * 0.8, -0.75 * 2.0], atol=0.05)
    again = got.apply(solid(1.5, -2.0, 0.75))[4:-4, 5:-5, 5:-5]
    assert np.abs(again - solid(0, 0, 0)[4:-4, 5:-5, 5:-5]).max() < 0.05
    with pytest.raises(ParamError, match="register_volume: volume must be at least 8 voxels"):
        ops.register_volume(np.zeros((4, 9, 9)), solid(0, 0, 0))


def test_pictures_that_cannot_be_registered():
    camera = data.camera()
    for bad, why in ((np.full((64, 64), 9, np.uint8), "texture"), (np.zeros((1, 1), np.uint8), "16 x 16")):
        with pytest.raises(ParamError, match=why):
            ops.register_ecc(bad, camera)
        with pytest.raises(ParamError, match="reference"):
            ops.register_ecc(camera, bad)
    with pytest.raises(ParamError, match="register_ecc: image must be near enough"):
        ops.register_ecc(255 - camera, camera)


# --- faces --------------------------------------------------------------------------------------------------------
def test_eyes_come_to_stated_places():
    """Dots painted on the eyes are found again within a pixel (closed form)."""
    image = np.zeros((300, 400, 3), np.uint8)
    left, right = np.array([150.5, 120.5]), np.array([211.5, 140.5])
    for x, y in (left, right):
        image[int(y) - 2 : int(y) + 3, int(x) - 2 : int(x) + 3] = 255
    five = np.array([left, right, [175, 165], [160, 190], [190, 200]])
    half = np.array([12, 4])
    dlib_five = np.array([right + half, right - half, left - half, left + half, [175, 165]])
    around = np.zeros((68, 2))
    circle = np.stack([np.cos(np.arange(6)), np.sin(np.arange(6))], 1)
    circle -= circle.mean(axis=0)
    around[36:42], around[42:48] = left + 8 * circle, right + 8 * circle
    for marks in (five[:2], five, dlib_five, around):
        out = ops.align_face(image, marks, width=200, height=240, eye_line=0.35, eye_distance=0.5)
        assert out.shape == (240, 200, 3)
        for x in (50.0, 150.0):
            area = out[84 - 20 : 84 + 20, int(x) - 20 : int(x) + 20, 0].astype(float)
            ys, xs = np.mgrid[:40, :40] + 0.5
            assert abs((xs * area).sum() / area.sum() - 20) < 1 and abs((ys * area).sum() / area.sum() - 20) < 1
    sample = ops.align_face(opsin.Sample(image, keypoints=[[left, right]]), five, width=100, height=100)
    np.testing.assert_allclose(sample.instances.keypoints[0, :, :2], [[30, 40], [70, 40]], atol=1e-6)
    for bad, why in ((five[:3], "2, 5 or 68"), (five[[0, 0]], "one pixel apart")):
        with pytest.raises(ParamError, match=why):
            ops.align_face(image, bad)


def test_a_face_is_found():
    pytest.importorskip("dlib")
    try:
        out = ops.align_face(data.astronaut(), width=128, height=128)
    except ParamError as reason:
        pytest.skip(str(reason)) if "5-point model" in str(reason) else pytest.fail(str(reason))
    assert out.shape == (128, 128, 3)
    with pytest.raises(ParamError, match="a face seen from the front"):
        ops.align_face(data.brick())


# --- panoramas ----------------------------------------------------------------------------------------------------
def psnr(a, b):
    error = float(((a.astype(float) - b.astype(float)) ** 2).mean())
    return 99.0 if error == 0 else 10 * np.log10(255**2 / error)


def pieces(image):
    h, w = image.shape[:2]
    return [image[h // 3 :, w // 4 : 3 * w // 4], image[:, : w // 2 + 40], image[:, w // 2 - 60 :]]


@pytest.mark.parametrize("name", ["astronaut", "coffee", "camera"])
@pytest.mark.parametrize("projection", ["cylindrical", "planar"])
def test_cut_up_photographs_come_together(name, projection):
    image = getattr(data, name)()
    seen = []
    got = ops.panorama(pieces(image), projection=projection, progress=lambda *step: seen.append(step))
    assert got.shape == image.shape and psnr(got, image) > 40.0 and got.mask.all()
    assert seen[-1] == ("done", 1, 1) and {s[0] for s in seen} >= {"features", "overlaps", "blending"}


@pytest.mark.parametrize("kind", ["uint16", "float32", "rgba"])
def test_cut_up_photographs_of_other_kinds(kind):
    image = data.astronaut()
    made = {
        "uint16": image.astype(np.uint16) * np.uint16(257),
        "float32": (image / 255.0).astype(np.float32),
        "rgba": np.dstack([image, np.full(image.shape[:2], 255, np.uint8)]),
    }[kind]
    got = ops.panorama(pieces(made))
    assert got.dtype == made.dtype and got.shape == made.shape
    top = {"uint16": 65535.0, "float32": 1.0, "rgba": 255.0}[kind]
    assert np.abs(np.asarray(got, float) - made).max() <= 0.01 * top


def test_different_exposures_are_evened_out():
    image = data.coffee()
    left, right = image[:, :360], (image[:, 240:] * 0.8).astype(np.uint8)
    got = ops.panorama([left, right])
    assert got.gains[1] / got.gains[0] == pytest.approx(1 / 0.8, rel=0.02)
    ratio = np.asarray(got, float)[:, :200].mean() / image[:, :200].mean()
    other = np.asarray(got, float)[:, 400:].mean() / image[:, 400:].mean()
    assert abs(ratio / other - 1.0) < 0.02


def test_a_camera_that_turned():
    """Views rendered from a plane by a camera of focal length 500: the length and the turns are found."""
    plane = cv2.resize(data.astronaut(), (1400, 1400), interpolation=cv2.INTER_CUBIC)
    y, x = np.mgrid[:300, :400] + 0.5
    views = []
    for angle in (-0.4, -0.2, 0.0, 0.2, 0.4):
        c, s = np.cos(angle), np.sin(angle)
        u, v = (x - 200) / 500, (y - 150) / 500
        px, py = (c * u + s) / (-s * u + c) * 500 + 700, v / (-s * u + c) * 500 + 700
        views.append(cv2.remap(plane, (px - 0.5).astype(np.float32), (py - 0.5).astype(np.float32), cv2.INTER_CUBIC))
    got = ops.panorama([views[i] for i in (3, 0, 4, 2, 1)])
    assert got.projection == "cylindrical" and got.focal == pytest.approx(500.0, rel=0.01)
    middles = {i: got.warp(n).push([[200.0, 150.0]])[0] for n, i in enumerate((3, 0, 4, 2, 1))}
    steps = np.diff([middles[i][0] for i in range(5)])
    np.testing.assert_allclose(steps, 0.2 * 500, atol=1.0)  # a turn of 0.2 is an arc of 100 px


def test_seams_go_around_what_moved():
    """A square that only one picture shows is there as a whole or not at all."""
    image = data.coffee()
    left, right = image[:, :400].copy(), image[:, 200:].copy()
    left[150:230, 260:340] = (255, 0, 255)
    got = ops.panorama([left, right], bands=0, exposure=False)
    square = got.labels[150:230, 260:340]
    assert len(np.unique(square)) == 1 and set(np.unique(got.labels)) == {0, 1}
    middle = ops.panorama([left, right], bands=0, exposure=False, seam="middle")
    assert len(np.unique(middle.labels[150:230, 260:340])) == 2  # the plain seam cuts it


def test_pictures_that_do_not_belong_are_named():
    image = data.astronaut()
    a, b = image[:, :300], image[:, 200:]
    with pytest.raises(
        ParamError, match=r"panorama: images must be .*cat\.jpg, which overlaps with none of the other 2"
    ):
        ops.panorama({"left.jpg": a, "cat.jpg": data.chelsea(), "right.jpg": b})
    with pytest.raises(ParamError, match=r"picture 2 \(without texture\)"):
        ops.panorama([a, np.zeros((90, 90, 3), np.uint8), b])
    got = ops.panorama([a, data.chelsea(), b], strangers="leave_out")
    assert got.left_out == ("picture 2",) and got.used == (0, 2) and psnr(got, image) > 40.0
    with pytest.raises(ParamError, match="no two overlap"):
        ops.panorama([image, data.chelsea()])
    with pytest.raises(ParamError, match="one dtype"):
        ops.panorama([a, b[..., 0].copy()])
    for nothing in ([], None, "a.jpg"):
        with pytest.raises(ParamError, match="panorama: images must be"):
            ops.panorama(nothing)
    alone = ops.panorama([a])
    assert np.array_equal(alone, a)


def test_a_canvas_too_large_is_refused(monkeypatch):
    from opsin.ops import stitch

    monkeypatch.setattr(stitch, "_LIMIT", 10_000)
    image = data.astronaut()
    with pytest.raises(LimitError, match="panorama: the canvas would be 512 x 512"):
        ops.panorama([image[:, :300], image[:, 200:]])


# --- morphs -------------------------------------------------------------------------------------------------------
POINTS = np.array([[100.0, 120.0], [300.0, 140.0], [220.0, 330.0]])
OTHER = np.array([[140.0, 100.0], [330.0, 170.0], [180.0, 360.0]])


@pytest.mark.parametrize("kind", ["gray", "rgb", "rgba", "uint16", "float32"])
def test_morph_ends_at_the_pictures(kind):
    a, b = data.astronaut(), np.ascontiguousarray(data.astronaut()[:, ::-1])
    if kind == "gray":
        a, b = a[..., 0].copy(), b[..., 1].copy()
    if kind == "rgba":
        a, b = np.dstack([a, a[..., 0]]), np.dstack([b, b[..., 0]])
    if kind == "uint16":
        a, b = a.astype(np.uint16) * np.uint16(257), b.astype(np.uint16) * np.uint16(257)
    if kind == "float32":
        a, b = (a / 255.0).astype(np.float32), (b / 255.0).astype(np.float32)
    assert np.array_equal(ops.morph(a, b, POINTS, OTHER, fraction=0.0), a)
    assert np.array_equal(ops.morph(a, b, POINTS, OTHER, fraction=1.0), b)
    near = ops.morph(a, b, POINTS, OTHER, fraction=1e-9)  # the mesh at its end is the identity
    assert near.dtype == a.dtype
    if kind != "rgba":
        assert np.abs(near.astype(float) - a).max() <= {"uint16": 1.0, "float32": 1e-5}.get(kind, 1.0)


def test_points_meet_halfway():
    """White dots at the points of both pictures lie on each other at the mean (closed form)."""

    def dots(points):
        y, x = np.mgrid[:512, :512] + 0.5
        return sum(np.exp(-((x - p[0]) ** 2 + (y - p[1]) ** 2) / 18.0) for p in points).clip(0, 1).astype(np.float32)

    for t in (0.25, 0.5):
        out = ops.morph(dots(POINTS), dots(OTHER), POINTS, OTHER, fraction=t)
        for x, y in (1 - t) * POINTS + t * OTHER:
            area = out[int(y) - 10 : int(y) + 11, int(x) - 10 : int(x) + 11].astype(float)
            rows, columns = np.mgrid[:21, :21] + 0.5
            cx, cy = (columns * area).sum() / area.sum() + int(x) - 10, (rows * area).sum() / area.sum() + int(y) - 10
            assert np.hypot(cx - x, cy - y) < 0.6
            assert out[int(y), int(x)] > 0.9


def test_frames_and_refusals():
    from opsin.ops.morph import frames

    a, b = data.astronaut(), np.ascontiguousarray(data.astronaut()[::-1])
    clip = list(frames(a, b, POINTS, OTHER, count=3))
    assert len(clip) == 3 and np.array_equal(clip[0], a) and np.array_equal(clip[2], b)
    for words, why in (
        ((a, b[:-1], POINTS, OTHER), "morph: other must be uint8 of shape"),
        ((a, b, POINTS, OTHER[:2]), "morph: other_points must be 3 points"),
        ((a, b, POINTS * 9, OTHER), "morph: points must be inside the picture"),
        ((a, b, POINTS[[0, 0]], OTHER[:2]), "a point twice"),
    ):
        with pytest.raises(ParamError, match=why):
            ops.morph(*words, fraction=0.5)


def test_faces_are_morphed_by_their_landmarks():
    pytest.importorskip("dlib")
    face = np.ascontiguousarray(data.astronaut()[:256, 96:352])
    # the same face, smaller and elsewhere: halfway its eyes lie halfway
    other = ops.affine(face, scale=0.85, x=0.05, y=0.06, border="replicate")
    try:
        out = ops.morph(face, other, fraction=0.5)
    except ParamError as reason:
        pytest.skip(str(reason)) if "5-point model" in str(reason) else pytest.fail(str(reason))
    from opsin.kernels.faces import landmarks_of

    first, last, middle = (landmarks_of("test", p, None) for p in (face, other, out))
    assert np.abs(middle - (first + last) / 2).max() < 3.0
    assert np.array_equal(ops.morph(face, other, fraction=0.0), face)
    with pytest.raises(ParamError, match="morph: other must be a picture with a face seen from the front"):
        ops.morph(face, np.ascontiguousarray(data.coffee()[:256, :256]), fraction=0.5)
    with pytest.raises(ParamError, match="morph: other_points must be given with its counterpart"):
        ops.morph(face, other, POINTS / 2, fraction=0.5)
