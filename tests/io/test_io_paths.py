"""The path door: any name gives a safe key; no two names give one."""

from __future__ import annotations

import os
import pathlib
import random
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsin.errors import ParamError
from opsin.io.paths import fold_key, safe_key, unique_keys

ANY_NAME = st.one_of(
    st.text(min_size=1, max_size=60),
    st.text(alphabet="./\\ ab:CON~%\x00\u202e\u0301é", min_size=1, max_size=30),
    st.binary(min_size=1, max_size=60).map(os.fsdecode),
)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("a/b.jpg", "a/b.jpg"),
        ("cat 1 (copy).jpg", "cat 1 (copy).jpg"),
        ("/etc/passwd", "etc/passwd"),
        ("../../etc/passwd", "%2E%2E/%2E%2E/etc/passwd"),
        ("..\\..\\windows", "%2E%2E/%2E%2E/windows"),
        ("C:\\x.jpg", "C%3A/x.jpg"),
        ("./a//b/", "a/b"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("Com1.tar.gz", "_Com1.tar.gz"),
        ("console.txt", "console.txt"),
        ("dot.", "dot%2E"),
        ("space ", "space%20"),
        ("a\nb\tc.png", "a%0Ab%09c.png"),
        ("\u202egnp.exe", "%E2%80%AEgnp.exe"),
        ("e\u0301.png", "\u00e9.png"),
        (b"caf\xe9.png", "caf%E9.png"),
        ("what?.png", "what%3F.png"),
        ("100%.png", "100%.png"),
        ("a%41.png", "a%2541.png"),
        (".opsin/journal.sqlite", "_.opsin/journal.sqlite"),
        (".hidden", ".hidden"),
        ("-rf", "-rf"),
    ],
)
def test_known_names(name: str | bytes, key: str) -> None:
    assert safe_key(name) == key


@pytest.mark.parametrize("name", ["", "/", "./", "\\", "././"])
def test_nothing_left_of_a_name(name: str) -> None:
    with pytest.raises(ParamError, match="a name with something in it"):
        safe_key(name)


def is_safe(key: str, max_bytes: int = 255) -> bool:
    parts = key.split("/")
    return all(
        part not in ("", ".", "..")
        and len(part.encode("utf-8")) <= max_bytes
        and not part.endswith((".", " "))
        and not set(part) & set('<>:"|?*\\\x00')
        and not {unicodedata.category(character) for character in part} & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
        for part in parts
    )


@given(ANY_NAME)
def test_any_name_is_safe_or_refused(name: str) -> None:
    try:
        key = safe_key(name)
    except ParamError:
        assert not name.replace("\\", "/").replace(".", "").replace("/", "") or not name
        return
    assert is_safe(key), repr(key)
    assert key == safe_key(name)


@given(st.lists(ANY_NAME.filter(lambda name: name.strip("./\\") != ""), min_size=1, max_size=40), st.randoms())
def test_keys_differ_in_any_order(names: list[str], rng: random.Random) -> None:
    keys = unique_keys(names)
    folded = [fold_key(key) for key in keys.values()]
    assert len(set(folded)) == len(set(names))
    assert all(is_safe(key) for key in keys.values())
    rng.shuffle(names)
    assert unique_keys(names) == keys


def test_names_that_meet_get_a_digest_of_their_own() -> None:
    names = ["A.jpg", "a.jpg", "b.jpg", "e\u0301.jpg", "\u00e9.jpg", "x/y.jpg", "x\\y.jpg", "x_y.jpg"]
    keys = unique_keys(names)
    assert keys["b.jpg"] == "b.jpg" and keys["x_y.jpg"] == "x_y.jpg"
    for name in ("A.jpg", "a.jpg", "e\u0301.jpg", "\u00e9.jpg", "x/y.jpg", "x\\y.jpg"):
        assert "~" in keys[name] and keys[name].endswith(".jpg")
    assert len({fold_key(key) for key in keys.values()}) == len(names)
    alone = unique_keys(["a.jpg", "b.jpg"])
    assert alone["a.jpg"] == "a.jpg"


def test_a_name_made_to_meet_a_digest_does_not() -> None:
    stolen = unique_keys(["A.jpg", "a.jpg"])["A.jpg"]
    keys = unique_keys(["A.jpg", "a.jpg", stolen])
    assert len({fold_key(key) for key in keys.values()}) == 3


def test_long_names_are_cut_and_stay_different() -> None:
    names = ["é" * 300 + f"{i}.jpeg" for i in range(50)] + ["x" * 400 + "." + "y" * 300]
    keys = unique_keys(names, max_bytes=200)
    assert all(is_safe(key, 200) for key in keys.values())
    assert len(set(keys.values())) == len(names)
    assert keys[names[0]].endswith(".jpeg")
    with pytest.raises(ParamError, match="at least 32"):
        safe_key("a", max_bytes=8)


def test_every_key_can_be_made_on_this_disk(tmp_path: pathlib.Path) -> None:
    names = ["CON", "a\x00b", "..", "e\u0301", "x" * 300, "tab\t", "a:b", os.fsdecode(b"\xff"), "\ud800"]
    for key in unique_keys(names).values():
        path = tmp_path / key
        path.write_bytes(b"x")
        assert path.resolve().parent == tmp_path.resolve()
    assert len(list(tmp_path.iterdir())) == len(names)


def test_ten_thousand_equal_stems() -> None:
    keys = unique_keys(f"{i % 100}/{'IMG' if i % 2 else 'img'}_{i // 200}.jpg" for i in range(10_000))
    assert len({fold_key(key) for key in keys.values()}) == len(keys)
