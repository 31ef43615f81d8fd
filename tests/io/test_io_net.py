"""The net door: shut unless asked, public addresses only, bounded. No test here leaves this machine."""

from __future__ import annotations

import http.server
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from io_seeds import picture, seeds

from opsin.errors import DecodeError, ParamError
from opsin.io import LOCAL, netdoor, read

DATA = seeds()["png-rgb8"]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.9.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "192.0.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::1", "::", "fe80::1",
        "fe80::1%eth0", "fc00::1", "fec0::1", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "2002:7f00:0001::", "2002:a00:1::", "64:ff9b::7f00:1", "64:ff9b::a00:1", "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(address: str) -> None:
    assert not netdoor.is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_addresses_that_are_public(address: str) -> None:
    assert netdoor.is_public(address)


class Handler(http.server.BaseHTTPRequestHandler):
    hits: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.hits.append(self.path)
        if self.path == "/a.png":
            self.answer(DATA)
        elif self.path == "/cut":
            self.send_response(200)
            self.send_header("Content-Length", str(len(DATA) + 100))
            self.end_headers()
            self.wfile.write(DATA)
        elif self.path == "/endless":
            self.send_response(200)
            self.end_headers()
            for _ in range(100_000):
                try:
                    self.wfile.write(bytes(10_000))
                except OSError:
                    return
        elif self.path == "/slow":
            self.send_response(200)
            self.end_headers()
            for _ in range(50):
                try:
                    self.wfile.write(b"x")
                except OSError:
                    return
                time.sleep(0.1)
        elif self.path == "/to-file":
            self.redirect("file:///etc/passwd")
        elif self.path == "/circle":
            self.redirect("/circle")
        elif self.path == "/once":
            self.redirect("/a.png")
        elif self.path == "/inward":
            self.redirect("http://localhost.internal.test/a.png")
        else:
            self.send_error(404)

    def answer(self, data: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def redirect(self, to: str) -> None:
        self.send_response(302)
        self.send_header("Location", to)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Handler.hits.clear()
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.daemon_threads = True
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    thread.join()
    made.server_close()


def test_this_machine_is_never_asked(server: str) -> None:
    port = server.rpartition(":")[2]
    for host in ("127.0.0.1", "localhost", "127.1", "0.0.0.0", "[::1]", "2130706433"):
        with pytest.raises(DecodeError) as caught:
            read(f"http://{host}:{port}/a.png", network=True)
        assert caught.value.kind == "unreadable"
    assert Handler.hits == []


def test_the_answer_that_was_checked_is_the_one_that_is_used(server: str, monkeypatch) -> None:
    """DNS rebinding: the name is looked up once; a second answer would be the private one."""
    answers = iter(["93.184.216.34", "127.0.0.1"])
    connected: list[object] = []

    def look_up(host: str, port: int, **_: object) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    def connect(self: socket.socket, target: object) -> None:
        connected.append(target)
        raise OSError("no way out of this test")

    monkeypatch.setattr(netdoor.socket, "getaddrinfo", look_up)
    monkeypatch.setattr(netdoor.socket.socket, "connect", connect)
    with pytest.raises(DecodeError):
        read("http://rebind.test/a.png", network=True)
    assert connected == [("93.184.216.34", 80)]


@pytest.fixture
def opened(server: str, monkeypatch) -> str:
    """For the tests of the transfer itself, this one loopback address counts as public."""
    real = netdoor.is_public
    monkeypatch.setattr(netdoor, "is_public", lambda text: text == "127.0.0.1" or real(text))
    return server


def test_a_picture_is_fetched(opened: str) -> None:
    assert np.array_equal(read(f"{opened}/a.png", network=True), picture(3))
    assert np.array_equal(read(f"{opened}/once", network=True), picture(3))


@pytest.mark.parametrize(
    ("path", "kind", "limits"),
    [
        ("/nothing", "unreadable", LOCAL),
        ("/cut", "truncated", LOCAL),
        ("/endless", "too_large", replace(LOCAL, bytes=100_000)),
        ("/a.png", "too_large", replace(LOCAL, bytes=100)),
        ("/slow", "timeout", replace(LOCAL, seconds=0.5)),
        ("/circle", "unreadable", LOCAL),
    ],
)
def test_transfers_that_fail(opened: str, path: str, kind: str, limits: object) -> None:
    begin = time.perf_counter()
    with pytest.raises(DecodeError) as caught:
        read(opened + path, network=True, limits=limits)  # type: ignore[arg-type]
    assert caught.value.kind == kind
    assert caught.value.source == opened + path
    assert time.perf_counter() - begin < 3


def test_redirects_are_checked_too(opened: str) -> None:
    with pytest.raises(DecodeError, match="not allowed"):
        read(f"{opened}/to-file", network=True)
    with pytest.raises(DecodeError):
        read(f"{opened}/inward", network=True)


def test_other_schemes_and_passwords_are_refused() -> None:
    for address in ("file:///etc/passwd", "ftp://example.org/a", "data:image/png;base64,AA", "http:///a"):
        if "://" in address:
            with pytest.raises(ParamError):
                read(address, network=True)
    with pytest.raises(ParamError, match="without a user name"):
        read("http://user:secret@example.org/a.png", network=True)


def test_the_environment_names_no_proxy(opened: str, monkeypatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert np.array_equal(read(f"{opened}/a.png", network=True), picture(3))
