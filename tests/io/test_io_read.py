"""The read door: what may be read, how it is refused, and names of every kind."""

from __future__ import annotations

import hashlib
import io
import os
import pathlib
import socket
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from io_seeds import picture, seeds

from opsin.errors import DecodeError, ParamError
from opsin.io import LOCAL, read, read_bytes, read_with_facts

DATA = seeds()["png-rgb8"]


def kind_of(source: object, **options: object) -> str:
    begin = time.perf_counter()
    with pytest.raises(DecodeError) as caught:
        read_bytes(source, **options)  # type: ignore[arg-type]
    assert time.perf_counter() - begin < 1.0
    assert caught.value.source is None or isinstance(caught.value.source, str)
    return caught.value.kind


def test_every_kind_of_source_gives_the_same(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(DATA)
    expected = picture(3)
    with open(path, "rb") as opened:
        sources = [path, str(path), os.fspath(path), DATA, bytearray(DATA), memoryview(DATA), io.BytesIO(DATA), opened]
        for source in sources:
            assert np.array_equal(read(source), expected)
    blob = read_bytes(path)
    assert blob.digest == hashlib.sha256(DATA).hexdigest() and blob.name == str(path)
    assert read_with_facts(path).facts.digest == blob.digest


@pytest.mark.parametrize(
    "name",
    [
        "with space.png",
        "new\nline.png",
        "tab\t.png",
        "-rf.png",
        "quote'\".png",
        "e\u0301.png",
        "\u00e9.png",
        "\u202egnp.exe.png",
        "CON.png",
        "dot.",
        "x" * 251 + ".png",
        os.fsdecode(b"not utf-8 \xff\xfe.png"),
    ],
)
def test_strange_names_are_read(tmp_path: pathlib.Path, name: str) -> None:
    path = os.path.join(tmp_path, name)
    with open(path, "wb") as out:
        out.write(DATA)
    assert np.array_equal(read(path), picture(3))
    made = read_with_facts(path)
    str(made.facts)  # no surprise when it is shown


def test_a_very_long_path(tmp_path: pathlib.Path) -> None:
    here = os.getcwd()
    try:
        os.chdir(tmp_path)
        for _ in range(20):
            os.mkdir("d" * 200)
            os.chdir("d" * 200)
        pathlib.Path("a.png").write_bytes(DATA)
        assert np.array_equal(read("a.png"), picture(3))
    finally:
        os.chdir(here)
    assert kind_of(os.path.join(tmp_path, *["d" * 200] * 25, "a.png")) == "unreadable"


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: pathlib.Path) -> None:
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "dangling.jpg").symlink_to("nowhere")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    listener = socket.socket(socket.AF_UNIX)
    place = os.getcwd()
    try:
        os.chdir(tmp_path)
        listener.bind("socket.jpg")
    finally:
        os.chdir(place)
    assert kind_of(tmp_path / "folder.jpg") == "not_a_file"
    assert kind_of(tmp_path / "pipe.jpg") == "not_a_file"
    assert kind_of(tmp_path / "socket.jpg") == "not_a_file"
    assert kind_of("/dev/zero") == "not_a_file"
    assert kind_of(tmp_path / "dangling.jpg") == "unreadable"
    assert kind_of(tmp_path / "loop.jpg") == "not_a_file"
    assert kind_of(tmp_path / "missing.jpg") == "unreadable"
    assert kind_of(tmp_path / "missing" / "a.jpg") == "unreadable"
    assert kind_of("zero\x00byte") == "unreadable"
    listener.close()


def test_links_are_followed_unless_not(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.png").write_bytes(DATA)
    (tmp_path / "link.png").symlink_to("a.png")
    assert read_bytes(tmp_path / "link.png").data == DATA
    assert kind_of(tmp_path / "link.png", follow=False) == "not_a_file"
    assert read_bytes(tmp_path / "a.png", follow=False).data == DATA


def test_without_permission(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(DATA)
    path.chmod(0)
    was = os.geteuid()
    if was == 0:  # root may read everything: be nobody for a moment
        os.seteuid(65534)
    try:
        assert kind_of(path) == "unreadable"
    finally:
        os.seteuid(was)


def test_size_is_limited_before_and_while_reading(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(DATA)
    small = replace(LOCAL, bytes=len(DATA) - 1)
    exact = replace(LOCAL, bytes=len(DATA))
    assert read_bytes(path, limits=exact).data == DATA
    for source in (path, DATA, io.BytesIO(DATA)):
        assert kind_of(source, limits=small) == "too_large"
    assert read_bytes(io.BytesIO(DATA), limits=exact).data == DATA

    class Endless(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            return b"\x00" * size

    assert kind_of(Endless(), limits=replace(LOCAL, bytes=10_000)) == "too_large"
    sparse = tmp_path / "sparse.bin"
    with open(sparse, "wb") as out:
        out.truncate(3 << 30)
    assert kind_of(sparse) == "too_large"


def test_a_file_object_that_fails_or_gives_text() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(5, "Input/output error")

    assert kind_of(Broken(DATA)) == "unreadable"
    with pytest.raises(ParamError, match="opened in binary mode"):
        read_bytes(io.StringIO("text"))  # type: ignore[arg-type]


def test_what_is_no_source() -> None:
    for wrong in (None, 5, 3.5, np.zeros(3)):
        with pytest.raises(ParamError, match="read: source must be"):
            read(wrong)  # type: ignore[arg-type]


def test_addresses_are_refused_unless_asked() -> None:
    for address in ("https://example.org/a.png", "http://127.0.0.1/x", "file:///etc/passwd", "ftp://a/b", "s3://b/k"):
        with pytest.raises(ParamError, match="Nothing is fetched unless asked: pass network=True"):
            read(address)


def test_errors_name_the_file(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(DATA[:100])
    with pytest.raises(DecodeError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ") and str(caught.value).endswith(".")
    assert caught.value.__cause__ is None or isinstance(caught.value.__cause__, Exception)


def test_a_path_stays_beneath_its_root(tmp_path: pathlib.Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    (inside / "deep").mkdir(parents=True)
    outside.mkdir()
    (inside / "deep" / "a.png").write_bytes(DATA)
    (outside / "canary.png").write_bytes(DATA)
    (inside / "link.png").symlink_to(outside / "canary.png")
    (inside / "door").symlink_to(outside)
    (inside / "own").symlink_to("deep")
    assert read_bytes("deep/a.png", root=inside).data == DATA
    assert read_bytes("./deep//a.png", root=inside).data == DATA
    assert np.array_equal(read_with_facts("deep\\a.png", root=inside).image, picture(3))
    for name in ("../out/canary.png", "deep/../../out/canary.png", str(outside / "canary.png"), "", ".", "..\\out"):
        assert kind_of(name, root=inside) == "unreadable", name
    for name in ("link.png", "door/canary.png", "own/a.png"):
        assert kind_of(name, root=inside) in ("not_a_file", "unreadable"), name
    assert kind_of("deep", root=inside) == "not_a_file"
    assert kind_of("missing.png", root=inside) == "unreadable"
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for _ in range(50):
        kind_of("door/canary.png", root=inside)
        read_bytes("deep/a.png", root=inside)
    if before:
        assert len(os.listdir("/proc/self/fd")) <= before


def test_a_swap_of_a_folder_for_a_link_leads_nowhere(tmp_path: pathlib.Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    (inside / "folder").mkdir(parents=True)
    outside.mkdir()
    (inside / "folder" / "a.bin").write_bytes(b"mine")
    (outside / "a.bin").write_bytes(b"canary")
    (inside / "other").symlink_to(outside)
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            os.rename(inside / "folder", inside / "spare")
            os.rename(inside / "other", inside / "folder")
            os.rename(inside / "folder", inside / "other")
            os.rename(inside / "spare", inside / "folder")

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        seen = set()
        for _ in range(3000):
            try:
                seen.add(read_bytes("folder/a.bin", root=inside).data)
            except DecodeError as error:
                assert error.kind in ("unreadable", "not_a_file")
    finally:
        stop.set()
        thread.join()
    assert seen == {b"mine"}
