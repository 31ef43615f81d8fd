"""The write door: round trips of every format and type, and faults at every system call."""

from __future__ import annotations

import errno
import itertools
import os
import pathlib
import resource
import subprocess
import sys
import threading

import cv2
import numpy as np
import pytest
import tifffile
from io_seeds import H, W, picture
from PIL import Image

from opsin.errors import ParamError
from opsin.io import atomic, decode, encode, read, sweep, write, write_bytes
from opsin.io.encoding import _WRITERS, formats
from opsin.io.faults import FaultPlan, inject


def sample(dtype: str, channels: int) -> np.ndarray:
    if dtype == "bool":
        return picture(1) > 100
    return picture(channels, dtype)


CASES = [
    (name, dtype, channels)
    for name, writer in _WRITERS.items()
    for dtype in writer.dtypes
    for channels in (writer.channels or (1, 2, 3, 4, 7))
    if (dtype != "bool" or channels == 1) and not (name == "gif" and channels == 3)
]


@pytest.mark.parametrize(("name", "dtype", "channels"), CASES)
def test_what_is_written_is_read_again(name: str, dtype: str, channels: int) -> None:
    image = sample(dtype, channels)
    before = image.copy()
    data = encode(image, name, **({"lossless": True} if name == "webp" else {}))
    assert np.array_equal(image, before)
    assert data == encode(image.copy(), name, **({"lossless": True} if name == "webp" else {}))
    back = decode(data).image
    expected = image * np.uint8(255) if dtype == "bool" else image
    if channels == 2 and name in ("png", "pam"):
        expected = expected[..., [0, 0, 0, 1]]
    if name in ("webp", "avif") and channels == 1:
        expected = np.repeat(expected[..., None], 3, axis=2)
    assert back.dtype == expected.dtype and back.shape == expected.shape
    if name in ("jpeg", "avif"):
        smooth = np.s_[:, : W // 2 - 8]
        assert np.abs(back[smooth].astype(int) - expected[smooth]).mean() < 8
    else:
        assert np.array_equal(back, expected)


@pytest.mark.parametrize("name", ["png", "tiff", "npy", "pnm", "bmp", "jpeg"])
def test_any_view_is_written_as_its_copy(name: str) -> None:
    image = picture(3, height=40, width=50)
    views = [image[::-1], image[:, ::-1], image[::2, 1::3], np.asfortranarray(image), image[..., ::-1], image[5:9]]
    frozen = image.copy()
    frozen.setflags(write=False)
    for view in [*views, frozen]:
        assert encode(view, name) == encode(np.ascontiguousarray(view), name)
    wide = picture(1, "uint16").astype(">u2")
    if name in ("png", "tiff", "npy", "pnm"):
        assert np.array_equal(decode(encode(wide, name)).image, wide)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("compression", [0, 1, 9])
def test_sixteen_bit_png_is_what_others_read(channels: int, compression: int) -> None:
    image = picture(channels, "uint16", height=61, width=47)
    data = encode(image, "png", compression=compression)
    theirs = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if channels == 2:  # OpenCV gives gray+alpha as four channels
        assert np.array_equal(theirs[..., 0], image[..., 0]) and np.array_equal(theirs[..., 3], image[..., 1])
    else:
        expected = image[..., [2, 1, 0, 3][:channels]] if channels > 2 else image
        assert np.array_equal(theirs, expected)


def test_png_filters_pay() -> None:
    y, x = np.mgrid[0:200, 0:300]
    smooth = (x * 100 + y * 37).astype(np.uint16)
    assert len(encode(smooth, "png")) < smooth.nbytes // 10


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("compression", ["deflate", "none"])
def test_tiff_is_what_tifffile_reads(tmp_path: pathlib.Path, dtype: str, channels: int, compression: str) -> None:
    image = picture(channels, dtype, height=301, width=203)
    path = tmp_path / "a.tif"
    write(image, path, compression=compression)
    assert np.array_equal(tifffile.imread(path), image)


def test_others_read_the_rest(tmp_path: pathlib.Path) -> None:
    image = picture(3)
    for name in ("bmp", "ppm", "webp"):
        path = tmp_path / f"a.{name}"
        write(image, path, **({"lossless": True} if name == "webp" else {}))
        assert np.array_equal(np.asarray(Image.open(path).convert("RGB")), image)
    write(picture(1, "float32"), tmp_path / "a.pfm")
    assert np.array_equal(cv2.imread(str(tmp_path / "a.pfm"), cv2.IMREAD_UNCHANGED), picture(1, "float32"))
    few = (picture(3) // 128) * 100
    assert np.array_equal(decode(encode(few, "gif")).image, few)
    assert np.array_equal(np.load(_saved(tmp_path, image)), image)


def _saved(folder: pathlib.Path, image: np.ndarray) -> pathlib.Path:
    write(image, folder / "a.npy")
    return folder / "a.npy"


@pytest.mark.parametrize(
    ("image", "name", "words"),
    [
        (picture(4), "jpeg", ["of 1 or 3 channels", "image[..., :-1]"]),
        (picture(3, "uint16"), "jpeg", ["bool or uint8", "uint16 array", "PNG, TIFF, PNM and NPY hold uint16"]),
        (picture(3, "float32"), "png", ["bool or uint8 or uint16", "TIFF, PFM and NPY hold float32"]),
        (picture(3).astype(np.float64), "tiff", ["float64 array"]),
        (picture(3), "gif", ["at most 256 different colors"]),
        (picture(7), "png", ["1 or 2 or 3 or 4 channels", "TIFF and NPY"]),
        (np.zeros((0, 3, 3), np.uint8), "png", ["not empty"]),
        (np.zeros(5, np.uint8), "png", ["H W or H W C"]),
        (np.zeros((3, 3, 2), bool), "png", ["one channel when it is bool"]),
        ([[1]], "png", ["NumPy array", "list"]),
        (np.zeros((1, 70_000), np.uint8), "jpeg", ["65500 pixels a side"]),
        (picture(1), "jpg2", ["one of", "'jpg2'", "Did you mean 'jpg'?"]),
    ],
)
def test_refusals_say_what_to_do(image: object, name: str, words: list[str]) -> None:
    with pytest.raises(ParamError) as caught:
        encode(image, name)  # type: ignore[arg-type]
    for word in words:
        assert word in str(caught.value), str(caught.value)
    assert "\n" not in str(caught.value)


def test_options_are_checked() -> None:
    for options, words in (
        ({"quality": 101}, "quality must be a whole number 1 to 100; got 101"),
        ({"qualty": 5}, "Did you mean 'quality'?"),
        ({"subsampling": "4:1:0"}, "4:2:0, 4:2:2, 4:4:4"),
        ({"progressive": 1}, "True or False"),
        ({"quality": True}, "whole number"),
    ):
        with pytest.raises(ParamError) as caught:
            encode(picture(3), "jpeg", **options)
        assert words in str(caught.value)
    small, large = (len(encode(picture(3, height=90, width=90), "jpeg", quality=q)) for q in (20, 99))
    assert small < large
    assert decode(encode(picture(3), "jpeg", progressive=True)).facts.format == "JPEG"


def test_unknown_extensions(tmp_path: pathlib.Path) -> None:
    for name, words in (("a.jpgg", "Did you mean 'jpg'?"), ("a", "names no format"), ("a.xyz", "a path that ends in")):
        with pytest.raises(ParamError) as caught:
            write(picture(3), tmp_path / name)
        assert words in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_nothing_but_pixels_goes_out(tmp_path: pathlib.Path) -> None:
    canary = b"CANARY-GPS-48.8584"
    import io

    out = io.BytesIO()
    from PIL.PngImagePlugin import PngInfo

    text = PngInfo()
    text.add_text("Comment", canary.decode())
    Image.fromarray(picture(3)).save(out, "PNG", pnginfo=text, exif=b"Exif\x00\x00II*\x00" + canary)
    image = decode(out.getvalue()).image
    for name in formats():
        fitting = image if name != "gif" else image // 128 * 128
        if name == "pfm":
            fitting = image.astype(np.float32)
        data = encode(fitting, name)
        assert canary not in data and b"Exif" not in data and b"iCCP" not in data and b"ICC_PROFILE" not in data, name


# --- the atomic file -------------------------------------------------------------------------------------------------
OLD, NEW = b"the good old file" * 50, b"the new file" * 5000


def visible(folder: pathlib.Path) -> list[str]:
    return sorted(name for name in os.listdir(folder) if not name.startswith(".opsin-"))


def hidden(folder: pathlib.Path) -> list[str]:
    return sorted(name for name in os.listdir(folder) if name.startswith(".opsin-"))


def test_the_calls_of_a_write_are_the_ones_promised(tmp_path: pathlib.Path) -> None:
    with inject(FaultPlan()) as plan:
        write_bytes(tmp_path / "a.bin", NEW)
    assert plan.log == ["open", "write", "fsync", "close", "rename", "open-folder", "fsync-folder"]
    with inject(FaultPlan()) as plan:
        write_bytes(tmp_path / "a.bin", NEW, durable=False)
    assert plan.log == ["open", "write", "close", "rename"]


@pytest.mark.parametrize("what", ["ENOSPC", "EIO", "EDQUOT", "EACCES", "EINTR"])
@pytest.mark.parametrize("old", [OLD, None])
def test_a_fault_at_any_call_leaves_the_old_file_or_the_new_one(
    tmp_path: pathlib.Path, what: str, old: bytes | None
) -> None:
    path = tmp_path / "a.bin"
    for n in itertools.count(1):
        if old is not None:
            path.write_bytes(old)
        elif path.exists():
            path.unlink()
        with inject(FaultPlan(n, what)) as plan:
            try:
                write_bytes(path, NEW)
            except OSError as error:
                assert error.errno == getattr(errno, what)
                assert error.filename == str(path) and "cannot write" in str(error)
                if what == "ENOSPC":
                    assert "free" in str(error)
        if not plan.fired:
            break
        now = path.read_bytes() if path.exists() else None
        renamed = plan.log.count("rename") == 1 and plan.log[n - 1] != "rename"
        assert now == (NEW if renamed else old), plan.log
        assert hidden(tmp_path) == [] and visible(tmp_path) in ([], ["a.bin"])
    assert n == 8
    assert path.read_bytes() == NEW


def test_a_short_write_is_continued(tmp_path: pathlib.Path) -> None:
    for n in range(1, 8):
        with inject(FaultPlan(n, "short")) as plan:
            write_bytes(tmp_path / "a.bin", NEW)
        assert (tmp_path / "a.bin").read_bytes() == NEW
        assert plan.fired == (n == 2)


KILL = """
import os, sys
from opsin.io.faults import FaultPlan, inject
from opsin.io.writing import write_bytes
path, new = sys.argv[1], b"the new file" * 5000
old = b"the good old file" * 50
for what in ("kill", "kill-after"):
    n = 0
    while True:
        n += 1
        with open(path, "wb") as out:
            out.write(old)
        child = os.fork()
        if child == 0:
            with inject(FaultPlan(n, what)):
                write_bytes(path, new)
            os._exit(7)
        status = os.waitpid(child, 0)[1]
        with open(path, "rb") as back:
            now = back.read()
        names = [name for name in os.listdir(os.path.dirname(path)) if not name.startswith(".opsin-")]
        assert names == ["a.bin"], names
        assert now in (old, new), (what, n, len(now))
        print(what, n, "new" if now == new else "old")
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 7
            break
        assert os.WTERMSIG(status) == 9
"""


def test_a_kill_at_any_call_leaves_the_old_file_or_the_new_one(tmp_path: pathlib.Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", KILL, str(tmp_path / "a.bin")],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    states = [line.split() for line in done.stdout.splitlines()]
    assert [state for what, n, state in states if what == "kill"] == ["old"] * 5 + ["new"] * 3
    assert [state for what, n, state in states if what == "kill-after"] == ["old"] * 4 + ["new"] * 4
    left = hidden(tmp_path)
    assert left, "a killed writer leaves its private file"
    assert sweep(tmp_path) == len(left) and hidden(tmp_path) == []


def test_a_fault_by_environment_kills_the_process(tmp_path: pathlib.Path) -> None:
    code = "import sys; from opsin.io.writing import write_bytes; write_bytes(sys.argv[1], b'x'); print('alive')"
    for fault, alive in (("write:3:kill", False), ("write:99:kill", True), ("", True)):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OPSIN_FAULT": fault}
        done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "b")], capture_output=True, env=environment)
        assert (done.returncode == 0) == alive and (b"alive" in done.stdout) == alive


def test_a_file_size_limit_leaves_the_good_file(tmp_path: pathlib.Path) -> None:
    """Finding 3 of the reliability notes: other writers delete or cut it."""
    path = tmp_path / "a.bin"
    path.write_bytes(OLD)
    code = (
        "import resource, signal, sys; from opsin.io.writing import write_bytes\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
        "try: write_bytes(sys.argv[1], bytes(60000))\n"
        "except OSError as e: print(e.errno)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, env=environment)
    assert done.stdout.strip() == str(errno.EFBIG), done.stderr
    assert path.read_bytes() == OLD and hidden(tmp_path) == []
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 20000


def test_an_exception_inside_a_streamed_file_leaves_the_old_one(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(OLD)
    with pytest.raises(KeyboardInterrupt), atomic(path) as out:
        out.write(b"half")
        raise KeyboardInterrupt
    assert path.read_bytes() == OLD and hidden(tmp_path) == []
    with atomic(path) as out:
        out.write(b"one ")
        out.write(memoryview(np.arange(3, dtype=np.uint16)))
        assert visible(tmp_path) == ["a.bin"] and path.read_bytes() == OLD
    assert path.read_bytes() == b"one " + np.arange(3, dtype=np.uint16).tobytes()
    assert out.size == 10


def test_targets_that_cannot_be(tmp_path: pathlib.Path) -> None:
    with pytest.raises(FileNotFoundError, match="make the folder"):
        write_bytes(tmp_path / "no" / "a.bin", NEW)
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="cannot write"):
        write_bytes(tmp_path / "folder", NEW)
    assert hidden(tmp_path) == [] and os.listdir(tmp_path / "folder") == []


def test_names_of_every_kind_are_written(tmp_path: pathlib.Path) -> None:
    for name in (b"caf\xe9 not utf-8.png", "e\u0301.png".encode(), b"new\nline.png", b"x" * 250 + b".png"):
        path = os.path.join(os.fsencode(tmp_path), name)
        write(picture(3), path)
        assert np.array_equal(read(os.fsdecode(path)), picture(3))


def test_many_writers_of_one_file_leave_one_whole_file(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.bin"
    contents = [bytes([i]) * 100_000 for i in range(6)]
    seen: set[bytes] = set()

    def work(data: bytes) -> None:
        for _ in range(10):
            write_bytes(path, data, durable=False)
            seen.add(path.read_bytes())

    threads = [threading.Thread(target=work, args=(data,)) for data in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen <= set(contents) and hidden(tmp_path) == []


def test_sweep_takes_only_its_own(tmp_path: pathlib.Path) -> None:
    for name in (".opsin-1-ab.tmp", ".opsin", "a.tmp", ".opsin-x"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / ".opsin-folder.tmp").mkdir()
    assert sweep(tmp_path) == 1
    assert sorted(os.listdir(tmp_path)) == [".opsin", ".opsin-folder.tmp", ".opsin-x", "a.tmp"]
    with pytest.raises(ParamError):
        sweep(tmp_path / "nowhere")


def test_height_and_width_are_not_swapped(tmp_path: pathlib.Path) -> None:
    for name in formats():
        image = picture(1, "float32" if name == "pfm" else "uint8")
        assert decode(encode(image, name)).image.shape[:2] == (H, W)
