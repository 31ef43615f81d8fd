"""`opsin apply` with techniques that hide, take several pictures, masks, arrays or texts."""

import json

import numpy as np
import pytest

import opsin
from opsin import ops
from opsin.surfaces.cli import main

pytest.importorskip("cv2")
pytest.importorskip("skimage")
from skimage import data


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "frames").mkdir()
    for k, image in enumerate((data.astronaut(), data.coffee(), data.chelsea())):
        opsin.write(image[:90, :120], f"frames/{k}.png")
    opsin.write(data.camera()[:90, :120], "gray.png")
    return tmp_path


def run(*words):
    with pytest.raises(SystemExit) as end:
        main(["apply", *words])
    return end.value.code


def read(name):
    return opsin.read(name)


def test_messages_by_command(folder, capsys):
    assert run("hide", "frames/0.png", "--message", "42, or so", "--key", "7", "--out", "hidden.png") == 0
    assert run("reveal", "hidden.png", "--key", "7", "--out", "found.png") == 0
    told = {"type": "message", "kind": "text", "text": "42, or so"}
    assert json.loads((folder / "found.json").read_text()) == told
    # WebP is written without loss
    assert run("hide", "frames/0.png", "--message", "42, or so", "--key", "7", "--out", "hidden.webp") == 0
    assert ops.reveal(read("hidden.webp"), key="7") == "42, or so"
    assert ops.reveal(read("hidden.png"), key="7") == "42, or so"
    assert run("hide", "gray.png", "--message", "x", "--out", "hidden.jpg") != 0
    assert "This format changes the last bits of pixels" in capsys.readouterr().err
    assert not (folder / "hidden.jpg").exists()
    opsin.write(data.moon()[:20, :20], "small.png")
    assert run("hide", "frames/0.png", "--message", "small.png", "--out", "inside.png") == 0
    assert np.array_equal(ops.reveal(read("inside.png")).message, data.moon()[:20, :20])


def test_several_pictures_by_command(folder):
    frames = [read(f"frames/{k}.png") for k in range(3)]
    names = [f"frames/{k}.png" for k in range(3)]
    assert run("long_exposure", *names, "--method", "max", "--out", "a.png") == 0
    assert np.array_equal(read("a.png"), np.max(frames, axis=0))
    assert run("long_exposure", "frames", "--method", "median", "--out", "b.png") == 0
    assert np.array_equal(read("b.png"), ops.long_exposure(frames, method="median"))
    assert run("ica", *names, "--components", "3", "--out", "c.png") == 0
    assert np.array(json.loads((folder / "c.json").read_text())["mixing"]).shape == (3, 3)
    assert read("c.png").shape == (90, 120, 3)
    assert run("whiten", "frames", "--out", "d.png") == 0
    assert np.array(json.loads((folder / "d.json").read_text())["matrix"]).shape == (3, 3)


def test_masks_and_arrays_by_command(folder):
    mask = np.zeros((90, 120), bool)
    mask[40:45] = True
    opsin.write((mask * 255).astype(np.uint8), "mask.png")
    image = read("gray.png")
    assert run("inpaint", "gray.png", "--mask", "mask.png", "--method", "tv", "--out", "a.png") == 0
    assert np.array_equal(read("a.png"), ops.inpaint(image, mask, method="tv"))
    kernel = [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]
    assert run("convolve", "gray.png", "--kernel", json.dumps(kernel), "--out", "b.png") == 0
    assert np.array_equal(read("b.png"), ops.convolve(image, kernel=np.array(kernel, float)))
    assert run("degrade", "gray.png", "--psf", "[[0.5, 0.5]]", "--std", "0.1", "--seed", "3", "--out", "c.png") == 0
    assert run("match_histogram", "gray.png", "--reference", "mask.png", "--out", "d.png") == 0


def test_arrays_named_by_file_or_by_their_blur(folder, capsys):
    image, kernel = read("gray.png"), [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]
    (folder / "kernel.json").write_text(json.dumps(kernel))
    np.save(folder / "kernel.npy", np.array(kernel, float))
    expected = ops.convolve(image, kernel=np.array(kernel, float), anchor=(0, 1))
    for name in ("kernel.json", "kernel.npy", json.dumps(kernel)):
        assert run("convolve", "gray.png", "--kernel", name, "--anchor", "0,1", "--out", "a.png") == 0
        assert np.array_equal(read("a.png"), expected)
    blur = opsin.psf.motion(9, 30)
    expected = ops.wiener(image, psf=blur, balance=0.01)
    for name in ("motion(9, 30)", json.dumps(blur.tolist())):  # the second is longer than any file's name
        assert run("wiener", "gray.png", "--psf", name, "--balance", ".01", "--out", "b.png") == 0
        assert np.array_equal(read("b.png"), expected)
    assert run("wiener", "gray.png", "--psf", "motion(9)", "--balance", ".01", "--out", "b.png") == 2
    assert "motion must be gaussian(sigma), motion(length, angle) or disk(radius)" in capsys.readouterr().err
    assert run("inpaint", "gray.png", "--mask", "nowhere.png", "--out", "c.png") == 2
    assert "nowhere.png: there is no such file." in capsys.readouterr().err
    assert run("hide", "gray.png", "--message", "x" * 300, "--out", "d.png") == 0
    assert ops.reveal(read("d.png")) == "x" * 300
    box = "10,8.5,100,80"
    assert run("grabcut", "frames/0.png", "--box", box, "--iterations", "1", "--out", "e.png") == 0


def test_pipelines_name_arrays_by_file(folder):
    mask = np.zeros((90, 120), bool)
    mask[40:45] = True
    (folder / "recipe").mkdir()
    opsin.write(mask, "recipe/mask.png")
    opsin.write(read("frames/1.png"), "recipe/light.png")
    lines = ["opsin: 1", "steps:", "  - inpaint: {mask: mask.png}", "  - match_histogram: {reference: light.png}"]
    lines.append("  - degrade: {psf: 'motion(5, 20)'}")
    (folder / "recipe" / "p.yaml").write_text("\n".join(lines) + "\n")
    pipeline = opsin.Pipeline.from_yaml(folder / "recipe" / "p.yaml")  # names start beside the file
    image = read("frames/0.png")
    expected = ops.match_histogram(ops.inpaint(image, mask), read("frames/1.png"))
    expected = ops.degrade(expected, psf=opsin.psf.motion(5, 20))
    assert np.array_equal(pipeline(image).image, expected)
    # written again it holds the pixels themselves, so that it means the same anywhere
    again = opsin.Pipeline.from_yaml(pipeline.to_yaml())
    assert again == pipeline and again.fingerprint == pipeline.fingerprint
    with pytest.raises(opsin.errors.PipelineError, match=r"pipeline:3: nowhere\.png: there is no such file"):
        opsin.Pipeline.from_yaml("opsin: 1\nsteps:\n  - inpaint: {mask: nowhere.png}\n")
    with pytest.raises(opsin.errors.PipelineError, match="array: values must be numbers in rows of one length"):
        opsin.Pipeline.from_yaml("opsin: 1\nsteps:\n  - inpaint: {mask: {array: [[1], [1, 2]], dtype: '|b1'}}\n")
    with pytest.raises(opsin.errors.PipelineError, match="array: values must be numbers"):
        opsin.Pipeline.from_yaml("opsin: 1\nsteps:\n  - inpaint: {mask: {array: [[1]], dtype: cat}}\n")


def test_pictures_that_overlap_are_one_by_command(tmp_path):
    image = data.coffee()
    opsin.write(image[:, :360], tmp_path / "left.png")
    opsin.write(image[:, 240:], tmp_path / "right.png")
    out = tmp_path / "deep" / "all.png"
    assert run("panorama", str(tmp_path), "--out", str(out)) == 0
    assert np.array_equal(read(out), image)
    found = json.loads(out.with_suffix(".json").read_text())
    assert [p["name"] for p in found["pictures"]] == ["left.png", "right.png"]


def test_a_picture_that_does_not_belong_is_named_by_its_file(tmp_path, capsys):
    image = data.coffee()
    names = [str(tmp_path / name) for name in ("right.png", "cat.png", "left.png")]
    for name, picture in zip(names, (image[:, 240:], data.chelsea(), image[:, :360]), strict=True):
        opsin.write(picture, name)
    assert run("panorama", *names, "--out", str(tmp_path / "all.png")) == 2
    assert "got cat.png, which overlaps with none of the other 2" in capsys.readouterr().err.replace("\n", " ")
    assert not (tmp_path / "all.png").exists()


def test_scans_by_command(tmp_path, capsys):
    sitk = pytest.importorskip("SimpleITK")
    z, y, x = np.mgrid[:10, :40, :60]
    ball = np.exp(-(((z - 5) / 3.0) ** 2) - ((y - 18) / 8.0) ** 2 - ((x - 33) / 11.0) ** 2)
    volume = np.round(1000 * ball).astype(np.uint16)
    for name, some, frame in (("scan.nii.gz", volume, 3), ("scan.dcm", volume[3:4], 0)):
        image = sitk.GetImageFromArray(some)
        image.SetSpacing((0.5, 0.5, 2.0))
        sitk.WriteImage(image, str(tmp_path / name))
        out = tmp_path / f"{name}.png"
        words = ["window_intensity", str(tmp_path / name), "--center", "400", "--width", "400"]
        assert run(*words, "--frame", str(frame), "--out", str(out)) == 0
        want = np.clip((volume[3] - 399.5) / 399.0 + 0.5, 0, 1)
        assert np.abs(read(out) / 65535.0 - want).max() < 2e-5
    assert run(*words, "--frame", "99", "--out", str(out)) == 2
    assert run("flip_horizontal", str(tmp_path / "scan.dcm"), "--out", str(tmp_path / "raw.png")) == 2
    assert "Use window_intensity first" in capsys.readouterr().err.replace("\n", " ")
    side = tmp_path / "lain.png"
    words = ["register_volume", str(tmp_path / "scan.nii.gz"), "--reference", str(tmp_path / "scan.nii.gz")]
    assert run(*words, "--transform", "translation", "--out", str(side)) == 0
    found = json.loads(side.with_suffix(".json").read_text())
    assert found["spacing"] == [0.5, 0.5, 2.0] and np.allclose(np.array(found["matrix"]), np.eye(4), atol=0.05)


def test_what_was_found_is_read_again(tmp_path):
    image = data.coffee()
    opsin.write(image, tmp_path / "a.png")
    opsin.write(np.ascontiguousarray(image[40:300, 60:500]), tmp_path / "b.png")
    a, b, out = (str(tmp_path / name) for name in ("a.json", "b.json", "m.json"))
    for kind in ("orb", "sift"):
        for name in ("a", "b"):
            words = (kind, str(tmp_path / f"{name}.png"), "--count", "200", "--out", str(tmp_path / f"{name}.json"))
            assert run(*words) == 0
        assert np.array_equal(read(tmp_path / "a.png"), image)  # not drawn upon
        assert (tmp_path / "a.json").is_file() and json.loads((tmp_path / "a.json").read_text())["count"] <= 260
        assert run("match_features", a, "--b", b, "--method", "brute_force", "--out", out) == 0
        found = json.loads((tmp_path / "m.json").read_text())
        points = [ops.sift(read(tmp_path / f"{n}.png"), count=200) if kind == "sift" else
                  ops.orb(read(tmp_path / f"{n}.png"), count=200) for n in ("a", "b")]  # fmt: skip
        assert found["pairs"] == ops.match_features(*points, method="brute_force").pairs.tolist()
    boxes = {"type": "boxes", "boxes": [[0, 0, 9, 9], [1, 0, 10, 9], [40, 0, 49, 9]], "scores": [0.5, 0.9, 0.7]}
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    assert run("non_max_suppression", str(tmp_path / "boxes.json"), "--out", str(tmp_path / "kept.json")) == 0
    assert json.loads((tmp_path / "kept.json").read_text())["scores"] == [0.9, 0.7]
    assert run("match_features", a, "--b", str(tmp_path / "kept.json"), "--out", out) == 2


def test_large_pictures_run_in_tiles_by_command(folder, capsys):
    for name, words in (("median_blur", ("--radius", "2")), ("sobel", ()), ("sketch", ("--method", "xdog"))):
        assert run(name, "frames/0.png", *words, "--tile", "31", "--out", "tiled.png") == 0
        assert run(name, "frames/0.png", *words, "--out", "whole.png") == 0
        np.testing.assert_array_equal(read("tiled.png"), read("whole.png"))
    capsys.readouterr()
    assert run("bm3d", "frames/0.png", "--std", "0.1", "--tile", "31", "--out", "x.png") == 2
    assert "looks at a neighborhood" in " ".join(capsys.readouterr().err.split())
    assert run("long_exposure", "frames", "--tile", "31", "--out", "x.png") == 2
