"""The parse door: right values, right lines, and a refusal for every known trick."""

from __future__ import annotations

import io
import json
import time

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from opsin.errors import DatasetError, LimitError, PipelineError
from opsin.io.parse import parse_csv, parse_json, parse_json_lines, parse_npy, parse_xml, parse_yaml


def refused(function, text, words: str, expected=DatasetError, **options) -> None:
    begin = time.perf_counter()
    with pytest.raises(expected) as caught:
        function(text, source="data.txt", **options)
    assert words in str(caught.value), str(caught.value)
    assert str(caught.value).startswith("data.txt") and "\n" not in str(caught.value)
    assert time.perf_counter() - begin < 5


# --- JSON ------------------------------------------------------------------------------------------------------------
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_json_is_what_the_standard_library_says(value: object) -> None:
    text = json.dumps(value)
    assert parse_json(text) == value
    assert parse_json(text.encode("utf-8")) == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1, "a": 2}', "the key 'a' stands twice"),
        ("[NaN]", "NaN is not JSON"),
        ("[-Infinity]", "-Infinity is not JSON"),
        ("[1e999]", "too large"),
        ("[" + "9" * 30 + "]", "more than 64 bits"),
        ("[" + "9" * 9000 + "]", "more than 64 bits"),
        ('{"a": }', "data.txt:1: this is not JSON"),
        ('{\n\n"a" 1}', "data.txt:3: this is not JSON"),
        ("", "this is not JSON"),
        (b"\xff\xfea\x00", "this is not JSON"),
        (b'{"a": "\xff"}', "not UTF-8"),
        ("[" * 100 + "]" * 100, "deeper than 64"),
        ("[" * 200_000, "deeper than 64"),
        ('{"a":' * 100 + "1" + "}" * 100, "deeper than 64"),
    ],
)
def test_json_refusals(text: str | bytes, words: str) -> None:
    refused(parse_json, text, words)


def test_json_limits_and_reports() -> None:
    refused(parse_json, "[1, 2, 3]", "over the limit of 5", LimitError, max_bytes=5)
    found: list[str] = []
    assert parse_json('{"a": 1, "a": 2, "a": 3}', duplicates=found.append) == {"a": 3}
    assert found == ["a", "a"]
    assert parse_json(b"\xef\xbb\xbf[1]") == [1]
    assert parse_json("[1e308, 12345678901234567, 18446744073709551615]")[2] == 2**64 - 1
    assert parse_json("[" * 64 + "]" * 64)
    refused(parse_json, "{", "not JSON", PipelineError, error=PipelineError)


def test_json_lines() -> None:
    assert list(parse_json_lines('{"a": 1}\n\n[2]\n')) == [(1, {"a": 1}), (3, [2])]
    with pytest.raises(DatasetError, match=r"x\.jsonl:2"):
        list(parse_json_lines("1\n{\n", source="x.jsonl"))


def test_json_of_a_large_annotation_file_is_not_slow() -> None:
    rng = np.random.default_rng(0)
    rows = [{"id": i, "bbox": rng.random(4).tolist(), "segmentation": [rng.random(20).tolist()]} for i in range(5000)]
    text = json.dumps({"annotations": rows})
    begin = time.perf_counter()
    json.loads(text)
    plain = time.perf_counter() - begin
    begin = time.perf_counter()
    assert len(parse_json(text)["annotations"]) == 5000
    assert time.perf_counter() - begin < 4 * plain + 0.2


# --- YAML ------------------------------------------------------------------------------------------------------------
def test_yaml_values_follow_yaml_1_2() -> None:
    text = """
a: 1
b: 1e-3
c: yes
d: on
e: 12:30
f: 2020-01-01
g: null
h: ~
i:
j: true
k: 0x1F
l: 0o17
m: "1"
n: -.5
o: [1, 2.5, 'x', {p: q}]
r: 010
s: +7
t: 1_000
u: |
  two
  lines
"""
    assert parse_yaml(text).value == {
        "a": 1,
        "b": 0.001,
        "c": "yes",
        "d": "on",
        "e": "12:30",
        "f": "2020-01-01",
        "g": None,
        "h": None,
        "i": None,
        "j": True,
        "k": 31,
        "l": 15,
        "m": "1",
        "n": -0.5,
        "o": [1, 2.5, "x", {"p": "q"}],
        "r": 10,
        "s": 7,
        "t": "1_000",
        "u": "two\nlines\n",
    }


def test_yaml_knows_the_place_of_every_value() -> None:
    text = "opsin: 1\nsteps:\n  - resize: {width: 3}\n  - rotate:\n      angle: 5\n"
    tree = parse_yaml(text)
    assert tree.marks[()] == (1, 1)
    assert tree.marks[("steps",)] == (2, 1)
    assert tree.marks[("steps", 0)] == (3, 5)
    assert tree.marks[("steps", 0, "resize", "width")] == (3, 14)
    assert tree.marks[("steps", 1, "rotate", "angle")] == (5, 7)
    assert parse_yaml("").value is None and parse_yaml("# only a comment").value is None


@given(VALUES.filter(lambda value: "\x85" not in str(value)))
def test_yaml_reads_what_yaml_writes(value: object) -> None:
    if any(word in json.dumps(value) for word in ("e+", "e-", "\\u", "E")):
        return  # PyYAML writes these by the rules of YAML 1.1
    text = yaml.safe_dump(value, default_style='"') if isinstance(value, str) else json.dumps(value)
    assert parse_yaml(text).value == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: &x 1\nb: *x", "data.txt:1: anchors and aliases"),
        ("a: [1]\nb: *nowhere", "data.txt:2: anchors and aliases"),
        ("a: !!python/object/apply:os.system ['true']", "tags (tag:yaml.org,2002:python/object/apply:os.system)"),
        ("a: !!binary aGk=", "tags"),
        ("a: !mine 3", "tags (!mine)"),
        ("a: 1\nb: 2\na: 3", "data.txt:3: the key 'a' stands twice"),
        ("a: .inf", "must be finite"),
        ("a: .NaN", "must be finite"),
        ("a: 1e999", "must be finite"),
        ("a: 1\n---\nb: 2", "more than one document"),
        ("? [a, b]\n: 1", "a key must be a plain word"),
        ("a: [1, 2", "data.txt:"),
        ("a:\n\t- b", "data.txt:2: this is not YAML"),
        ("\x00", "this is not YAML"),
        ("[" * 100 + "]" * 100, "deeper than 32"),
        ("- " * 100, "deeper than 32"),
        (b"\xff", "not UTF-8"),
    ],
)
def test_yaml_refusals(text: str | bytes, words: str) -> None:
    refused(parse_yaml, text, words)


def test_yaml_limits() -> None:
    refused(parse_yaml, "a: " + "x" * (2 << 20), "over the limit", LimitError)
    refused(parse_yaml, "[" + "1," * 300_000 + "1]", "more than 200,000 values")
    refused(parse_yaml, "a: *b", "aliases", PipelineError, error=PipelineError)
    layers = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(8)
    )
    refused(parse_yaml, layers, "anchors and aliases")


# --- CSV -------------------------------------------------------------------------------------------------------------
def test_csv_rows_know_their_lines() -> None:
    table = parse_csv('path,label\n"a,1.jpg", cat\n\n"two\nlines.jpg",dog\nx.jpg,"say ""hi"""\n')
    assert table.columns == ("path", "label")
    assert [(row.line, row.values["path"], row.values["label"]) for row in table.rows] == [
        (2, "a,1.jpg", "cat"),
        (4, "two\nlines.jpg", "dog"),
        (6, "x.jpg", 'say "hi"'),
    ]
    for text in ("a;b\n1;2", "a\tb\n1\t2", "\ufeffa,b\r\n1,2\r\n"):
        assert parse_csv(text).rows[0].values == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2,3\n", "data.txt:2: 3 values for 2 columns"),
        ("a,b\n1\n", "data.txt:2: 1 values for 2 columns"),
        ("a,a\n1,2\n", "the column 'a' stands twice"),
        ("", "the file is empty"),
        ("a,b\n1,\x002\n", "data.txt:2: the text holds a zero byte"),
        ('a,b\n1,"open\n', "this is not CSV"),
        ("a,b\n1," + "x" * 200_000 + "\n", "this is not CSV"),
    ],
)
def test_csv_refusals(text: str, words: str) -> None:
    refused(parse_csv, text, words)


def test_csv_limits_and_columns() -> None:
    refused(parse_csv, "paht,label\nx,y\n", "Did you mean 'paht'?", required=("path",))
    refused(parse_csv, "a\n1\n2\n3\n", "more than 2 rows", LimitError, max_rows=2)


# --- XML -------------------------------------------------------------------------------------------------------------
def test_xml_nodes() -> None:
    root = parse_xml('<a x="1">\n <b> one </b>\n <b>two<c/></b>\n</a>')
    assert (root.tag, root.attributes, root.line) == ("a", {"x": "1"}, 1)
    assert [(b.text, b.line) for b in root.all("b")] == [("one", 2), ("two", 3)]
    assert root.text_of("b") == "one" and root.text_of("z", "none") == "none" and root.find("z") is None
    assert parse_xml('<?xml version="1.0" encoding="iso-8859-1"?><a>\xe9</a>'.encode("latin-1")).text == "\xe9"
    assert parse_xml("<a>&lt;&amp;&#65;</a>").text == "<&A"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "DOCTYPE"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "DOCTYPE"),
        ('<?xml version="1.0" encoding="utf-16"?><!DOCTYPE a [<!ENTITY b "c">]><a/>'.encode("utf-16"), "DOCTYPE"),
        ("<a>&b;</a>", "this is not XML"),
        ("<a><b></a>", "data.txt:1: this is not XML: mismatched tag"),
        ("", "this is not XML"),
        ("<a>" * 100 + "</a>" * 100, "deeper than 64"),
        ('<?xml version="1.0" encoding="utf-7"?><a/>', "this is not XML"),
        ('<?xml version="1.0" encoding="no-such"?><a/>', "this is not XML"),
    ],
)
def test_xml_refusals(text: str | bytes, words: str) -> None:
    refused(parse_xml, text.encode() if isinstance(text, str) and "encoding" in text else text, words)


def test_xml_limits() -> None:
    refused(parse_xml, "<a>" + "<b/>" * 50 + "</a>", "more than 20 elements", LimitError, max_nodes=20)
    refused(parse_xml, "<a/>", "over the limit of 2", LimitError, max_bytes=2)


# --- NPY -------------------------------------------------------------------------------------------------------------
def npy(array: np.ndarray, **options: object) -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array(out, array, **options)  # type: ignore[arg-type]
    return out.getvalue()


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", ">u2", "<i4", "int64", "float16", ">f4", "float64"])
def test_npy_arrays(dtype: str) -> None:
    array = (np.arange(24).reshape(2, 3, 4) % 2).astype(dtype)
    for version in ((1, 0), (2, 0), (3, 0)):
        for stored in (array, np.asfortranarray(array)):
            made = parse_npy(npy(stored, version=version))
            assert np.array_equal(made, array) and made.dtype.isnative and made.flags.writeable
    assert parse_npy(npy(np.float32(3))).shape == ()


def test_npy_refusals() -> None:
    good = npy(np.arange(6, dtype=np.uint8))
    objects = npy(np.array([{}], dtype=object), allow_pickle=True)
    refused(parse_npy, objects, "only plain numbers")
    refused(parse_npy, npy(np.zeros(2, dtype=[("a", "u1")])), "only plain numbers")
    refused(parse_npy, npy(np.array(["text"])), "only plain numbers")
    refused(parse_npy, good[:-1], "was cut")
    refused(parse_npy, good[:50], "ends early")
    refused(parse_npy, b"PK\x03\x04", "no NPY file")
    refused(parse_npy, good.replace(b"(6,)", b"(-6,"), "NPY header")
    refused(parse_npy, good.replace(b"(6,), ", b"(10**9,)")[:200], "NPY header")
    refused(parse_npy, good[:6] + b"\x09" + good[7:], "version 9")
    refused(parse_npy, good, "over the limit of 5", LimitError, max_bytes=5)
    huge = good[:8] + b"\xff\xff" + good[10:]
    refused(parse_npy, huge, "ends early")
