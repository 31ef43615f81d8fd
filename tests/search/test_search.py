"""Picture search: every picture finds itself, its crop, its turn; the index survives what happens to it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from opsin import Sample, ops, read, write
from opsin.errors import DatasetError, ParamError
from opsin.io import encode

skimage = pytest.importorskip("skimage", reason="could not import 'skimage'")
pytest.importorskip("cv2", reason="could not import 'cv2'")

from opsin.search import Index, hash_distance, perceptual_hash  # noqa: E402

NAMES = ("camera", "cat", "coffee", "moon", "page", "rocket", "brick")


@pytest.fixture(scope="module")
def pictures() -> dict[str, np.ndarray]:
    return {name: getattr(skimage.data, name)() for name in NAMES}


@pytest.fixture(scope="module")
def index(pictures, tmp_path_factory):
    made = Index(tmp_path_factory.mktemp("search") / "index")
    done = made.add(pictures.items())
    assert sorted(done.added) == sorted(NAMES) and not done.failed
    return made


def crop(image: np.ndarray) -> np.ndarray:
    h, w = image.shape[:2]
    return np.ascontiguousarray(image[h // 5 : h * 3 // 4, w // 4 : w * 4 // 5])


VIEWS = {
    "itself": lambda a: a,
    "its crop": crop,
    "its turn": lambda a: ops.rotate(a, angle=37.0, keep="inside"),
    "a quarter turn": lambda a: np.ascontiguousarray(np.rot90(a)),
    "its mirror": lambda a: np.ascontiguousarray(a[:, ::-1]),
    "half its size": lambda a: ops.resize(a, width=a.shape[1] // 2, height=a.shape[0] // 2),
    "16 bits": lambda a: a.astype(np.uint16) * np.uint16(257),
    "darker": lambda a: (a * 0.7).astype(np.uint8),
}


@pytest.mark.parametrize("view", VIEWS)
def test_every_picture_finds_itself(index, pictures, view):
    for name, image in pictures.items():
        hits = index.search(VIEWS[view](image), count=3)
        assert hits[0].key == name, (name, hits)
        assert hits[0].score > 0.5, (name, hits[0])
        # and nothing else is said to show the same thing
        assert all(hit.score < 0.5 for hit in hits.items[1:]), (name, hits)


def test_of_pictures_of_one_thing_the_very_one_comes_first(tmp_path):
    """Views of one photograph that overlap: what was cut from a view finds that view, not one with more points."""
    photo = skimage.data.coffee()
    views = {}
    for i, (scale, angle) in enumerate([(1.0, 0.0), (0.8, 6.0), (0.65, -9.0), (0.5, 3.0), (0.9, -4.0)]):
        side = int(240 / scale)
        part = np.ascontiguousarray(photo[40 : 40 + min(side, 340), 120 : 120 + min(int(side * 1.3), 460)])
        views[f"{i}"] = ops.resize(ops.rotate(part, angle=angle, keep="inside"), width=320, height=240)
    with Index(tmp_path / "i") as index:
        index.add(views.items())
        for key, view in views.items():
            for query in (view, view[40:200, 60:270], ops.rotate(view, angle=25.0, keep="inside")):
                assert index.search(np.ascontiguousarray(query), count=1)[0].key == key


def test_the_very_file_comes_first(tmp_path):
    flat = [np.full((60, 80, 3), 120 + i // 2, np.uint8) for i in range(6)]  # nothing tells some of them apart
    for i, image in enumerate(flat):
        (tmp_path / f"{i}.png").write_bytes(encode(image, "png", compression=i))
    with Index(tmp_path / "i") as index:
        index.add([str(tmp_path / f"{i}.png") for i in range(6)])
        for i in range(6):
            hit = index.search(tmp_path / f"{i}.png", count=1)[0]
            assert hit.key == str(tmp_path / f"{i}.png") and hit.score == 1.0 and hit.why == "same"


def test_the_map_says_where_the_crop_was(index, pictures):
    image = pictures["rocket"]
    h, w = image.shape[:2]
    hit = index.search(crop(image), count=1)[0]
    corner = hit.matrix @ [0.0, 0.0, 1.0]
    np.testing.assert_allclose(corner[:2], [w // 4, h // 5], atol=2.0)
    np.testing.assert_allclose(hit.matrix[:2, :2], np.eye(2), atol=0.02)


@pytest.mark.parametrize("quality", [90, 50, 20])
def test_hashes_bear_compression_and_size(pictures, quality):
    from opsin.io import decode

    hashes = {name: perceptual_hash(image) for name, image in pictures.items()}
    for name, image in pictures.items():
        small = ops.resize(image, width=200, height=150)
        again = decode(encode(small, "jpeg", quality=quality)).image
        assert hash_distance(hashes[name], perceptual_hash(again)) <= 8
        for other, value in hashes.items():
            assert other == name or hash_distance(hashes[name], value) > 10


def test_the_hash_is_the_published_one(pictures):
    dct = pytest.importorskip("scipy.fft", reason="could not import 'scipy.fft'").dctn
    from opsin.search.hashes import small_gray

    for image in pictures.values():
        low = dct(small_gray(image), type=2)[:8, :8] / 4.0
        low[0, 0] = 0.0
        bits = (low > np.median(low)).ravel()
        want = int("".join("1" if b else "0" for b in bits), 2)
        assert hash_distance(perceptual_hash(image), want) <= 1  # a wave at the median may fall either way


def test_near_duplicates_are_grouped(tmp_path, pictures):
    with Index(tmp_path / "i") as index:
        rows = []
        for name in ("cat", "coffee", "moon"):
            image = pictures[name]
            rows += [(name, image), (f"{name} small", ops.resize(image, width=160, height=120))]
        rows.append(("page", pictures["page"]))
        index.add(rows)
        assert index.duplicates() == [["cat", "cat small"], ["coffee", "coffee small"], ["moon", "moon small"]]
        found = index.search(pictures["cat"], method="hash")
        assert found.keys == ["cat", "cat small"] and {h.why for h in found} == {"same"}


def test_pictures_come_and_go(tmp_path, pictures):
    folder, place = tmp_path / "photos", tmp_path / "index"
    (folder / "b").mkdir(parents=True)
    for name in ("cat", "coffee"):
        write(pictures[name], folder / f"{name}.png")
    write(pictures["moon"], folder / "b" / "moon.png")
    (folder / "broken.png").write_bytes(b"no picture")
    with Index(place) as index:
        done = index.add_folder(folder)
        assert sorted(done.added) == ["b/moon.png", "cat.png", "coffee.png"]
        assert [key for key, _ in done.failed] == ["broken.png"]
        (folder / "broken.png").unlink()
        assert sorted(index.add_folder(folder).same) == ["b/moon.png", "cat.png", "coffee.png"]
        (folder / "cat.png").unlink()
        write(pictures["rocket"], folder / "coffee.png")
        os.utime(folder / "coffee.png", ns=(1, 1))
        done = index.add_folder(folder)
        assert done.removed == ["cat.png"] and done.added == ["coffee.png"]
        assert index.search(pictures["cat"])[0].score < 0.5
        assert index.search(crop(pictures["rocket"]))[0].key == "coffee.png"
        index.rebuild()
        assert index.search(crop(pictures["rocket"]))[0].key == "coffee.png"
        assert index.remove(["coffee.png", "unknown"]) == 1
        index.compact()
        assert index.keys() == ["b/moon.png"] and "b/moon.png" in index and "coffee.png" not in index
        assert index.stats()["segments"] == 1
    with Index(place, create=False) as again:
        assert again.search(pictures["moon"])[0].key == "b/moon.png"


def test_many_small_adds_are_joined_and_all_found(tmp_path, pictures, monkeypatch):
    monkeypatch.setattr("opsin.search.index._SEGMENTS", 4)
    with Index(tmp_path / "i") as index:
        for name, image in pictures.items():
            index.add([(name, image)])
            index.add([Sample(np.full((40, 40, 3), len(index), np.uint8), key=f"flat {name}")])
        assert index.stats()["segments"] <= 5
        for name, image in pictures.items():
            assert index.search(image, count=1)[0].key == name
        assert len(index) == 2 * len(pictures)


def test_adding_to_a_large_index_rewrites_the_small_segments_only(tmp_path, pictures, monkeypatch):
    monkeypatch.setattr("opsin.search.index._SEGMENTS", 3)
    rng = np.random.default_rng(0)
    with Index(tmp_path / "i", features=20) as index:
        noise = [(f"noise {i}", rng.integers(0, 255, (32, 32), np.uint8)) for i in range(700)]
        index.add(noise)
        index.compact()
        large = set(index._store.segments())
        for name, image in pictures.items():
            index.add([(name, image)])
        assert large <= set(index._store.segments()) and index.stats()["segments"] <= 4
        for name, image in [*pictures.items(), noise[0], noise[699]]:
            assert index.search(image, count=1)[0].key == name


def test_another_process_sees_what_is_written(tmp_path, pictures):
    with Index(tmp_path / "i") as writer, Index(tmp_path / "i") as reader:
        assert len(reader.search(pictures["cat"])) == 0
        writer.add([("cat", pictures["cat"])])
        assert reader.search(pictures["cat"])[0].key == "cat"
        writer.add([("moon", pictures["moon"])])
        writer.compact()
        assert reader.search(pictures["moon"])[0].key == "moon"
        with writer._store.writing(), pytest.raises(DatasetError, match="another process is writing"):
            reader.add([("x", pictures["cat"])])


def test_a_killed_writer_leaves_the_last_whole_state(tmp_path, pictures):
    place = tmp_path / "index"
    with Index(place) as index:
        index.add([("cat", pictures["cat"])])
    code = (
        "import numpy as np, sys\nfrom opsin.search import Index\nimport opsin.search.adding as a\na._BATCH = 4\n"
        "rng = np.random.default_rng(0)\n"
        "rows = ((f'{i}', rng.integers(0, 255, (64, 64), np.uint8)) for i in range(10000))\n"
        f"Index({str(place)!r}).add(rows, progress=lambda n: print(n, flush=True))\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    for _ in range(40):
        assert child.stdout.readline()
    time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    child.wait()
    with Index(place, create=False) as index:
        count = len(index)
        assert count >= 1 + 32 and (count - 1) % 4 == 0
        assert index.search(pictures["cat"])[0].key == "cat"
        rng = np.random.default_rng(0)
        noise = rng.integers(0, 255, (64, 64), np.uint8)
        assert index.search(noise)[0].key == "0"
        index.add([("moon", pictures["moon"])])  # the lock went with the process
        assert len(index) == count + 1


def test_a_cut_file_is_refused_and_never_mapped(tmp_path, pictures):
    with Index(tmp_path / "i") as index:
        index.add([("cat", pictures["cat"])])
    [bits] = (tmp_path / "i").rglob("bits.npy")
    data = bits.read_bytes()
    bits.write_bytes(data[: len(data) // 2])
    with Index(tmp_path / "i") as index, pytest.raises(DatasetError, match="not as long as its head says"):
        index.search(pictures["cat"])


def test_alike_pictures_of_a_class_come_first():
    """Digits: four of five neighbors by looks have the query's label; 150 pictures indexed, 30 others asked."""
    datasets = pytest.importorskip("sklearn.datasets", reason="could not import 'sklearn.datasets'")
    import tempfile

    data = datasets.load_digits()
    images = (data.images * (255.0 / 16.0)).astype(np.uint8)
    with tempfile.TemporaryDirectory() as place, Index(Path(place) / "i") as index:
        index.add([(f"{i} {data.target[i]}", images[i]) for i in range(150)])
        right = [
            key.split()[1] == str(data.target[i])
            for i in range(300, 330)
            for key in index.search(images[i], count=5, method="looks").keys
        ]
    assert np.mean(right) > 0.8


def test_results_draw_and_save_themselves(index, pictures):
    hits = index.search(pictures["cat"], count=4)
    plain = json.loads(json.dumps(hits.to_dict()))
    assert plain["hits"][0]["key"] == "cat" and len(plain["hits"]) == len(hits)
    sheet = hits.draw(pictures["cat"])
    assert sheet.dtype == np.uint8 and sheet.ndim == 3
    page = hits.page("<cat> & co")
    assert "&lt;cat&gt; &amp; co" in page and "http" not in page.replace("http-equiv", "")
    assert page.count("<figure") == len(hits)


def test_wrong_use_is_said(tmp_path, pictures):
    with pytest.raises(DatasetError, match="there is no index here"):
        Index(tmp_path / "none", create=False)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a.txt").write_text("a")
    with pytest.raises(DatasetError, match="holds no index"):
        Index(tmp_path / "full")
    (tmp_path / "empty").mkdir()
    with Index(tmp_path / "i") as index:
        assert len(index.search(pictures["cat"])) == 0
        with pytest.raises(DatasetError, match="no pictures"):
            index.add_folder(tmp_path / "empty")
        with pytest.raises(ParamError, match="a name for every array"):
            index.add([pictures["cat"]])
        with pytest.raises(ParamError, match="method must be"):
            index.search(pictures["cat"], method="nearest")
        with pytest.raises(ParamError, match="without a model"):
            index.search(pictures["cat"], method="embedding")
    for bad in ({"features": 3}, {"side": 9}):
        with pytest.raises(ParamError):
            Index(tmp_path / "j", **bad)


def test_embeddings_of_a_model(tmp_path, pictures):
    onnx = pytest.importorskip("onnx", reason="could not import 'onnx'")
    pytest.importorskip("onnxruntime", reason="could not import 'onnxruntime'")
    helper = onnx.helper
    kind = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("AveragePool", ["x"], ["y"], kernel_shape=[8, 8], strides=[8, 8]),
         helper.make_node("Flatten", ["y"], ["z"])],
        "pool",
        [helper.make_tensor_value_info("x", kind, ["n", 3, 32, 32])],
        [helper.make_tensor_value_info("z", kind, ["n", 48])],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    path = tmp_path / "pool.onnx"
    path.write_bytes(model.SerializeToString())
    with Index(tmp_path / "i", model=path) as index:
        index.add(pictures.items())
        for name, image in pictures.items():
            assert index.search(image, method="embedding", count=1)[0].key == name
    # what the model gives, computed by hand
    from opsin.search.embedding import Model

    small = ops.resize(pictures["rocket"], width=32, height=32).astype(np.float64) / 255
    norm = (small - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    want = norm.reshape(4, 8, 4, 8, 3).mean(axis=(1, 3)).transpose(2, 0, 1).ravel()
    np.testing.assert_allclose(Model(str(path))(pictures["rocket"]), want / np.linalg.norm(want), atol=0.01)
    with pytest.raises(ParamError, match="the one that the index was made with"):
        Index(tmp_path / "plain", create=True).close() or Index(tmp_path / "plain", model=path)
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    with pytest.raises(ParamError, match="an ONNX file"):
        Index(tmp_path / "k", model=tmp_path / "bad.onnx")


def test_commands(tmp_path, pictures):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("cat", "coffee", "moon"):
        write(pictures[name], folder / f"{name}.png")
    write(crop(pictures["coffee"]), tmp_path / "query.jpg", quality=80)

    def opsin(*words: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([sys.executable, "-m", "opsin", *words], capture_output=True, check=False)

    done = opsin("index", str(folder), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["pictures"] == 3
    page = tmp_path / "hits.html"
    done = opsin("search", str(tmp_path / "query.jpg"), "--index", str(folder), "--out", str(page), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["hits"][0]["key"] == "coffee.png"
    assert "coffee.png" in page.read_text()
    for words in (("search", "no.jpg", "-i", str(folder)), ("search", str(tmp_path / "query.jpg"), "-i", str(tmp_path)),
                  ("index", str(tmp_path / "none"))):  # fmt: skip
        done = opsin(*words)
        assert done.returncode == 2 and done.stderr.count(b"\n") == 1, done.stderr


def test_the_recipe(tmp_path):
    import importlib.util

    path = Path(__file__).parents[2] / "examples" / "picture_search.py"
    spec = importlib.util.spec_from_file_location("picture_search", path)
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    assert recipe.main(tmp_path) == "coffee.png"
    assert (tmp_path / "hits.html").exists() and (tmp_path / "where.png").exists()
    beside = read(path.with_suffix(".png"))
    drawn = read(tmp_path / "sheet.png")
    assert drawn.shape == beside.shape and np.abs(drawn.astype(int) - beside).mean() < 3.0
