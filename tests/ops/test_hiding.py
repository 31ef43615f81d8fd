"""Messages through pictures and files: bit for bit, refused when they do not fit, not found with another key."""

import io

import numpy as np
import pytest
from PIL import Image

import opsin
from opsin import ops
from opsin.errors import ParamError
from opsin.kernels import stego
from opsin.values.message import Message


def cover(kind="rgb", dtype=np.uint8, size=(60, 80)):
    channels = {"gray": (), "one": (1,), "rgb": (3,), "rgba": (4,), "bands": (6,)}[kind]
    values = opsin.Rng(4).uniform("cover", 0, 1, (*size, *channels)) * np.iinfo(dtype).max
    return values.astype(dtype)


MESSAGES = [
    "Grüße, 世界! \N{GRINNING FACE}",
    "",
    b"\x00\xff" * 40,
    b"",
    cover("rgb", np.uint8, (7, 9)),
    cover("gray", np.uint16, (5, 3)),
    opsin.Rng(1).uniform("m", -1, 2, (4, 6)).astype(np.float32),
]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("kind", ["gray", "one", "rgb", "rgba", "bands"])
@pytest.mark.parametrize("number", range(len(MESSAGES)))
def test_round_trip(kind, dtype, number):
    """Bit for bit; at most the last bit of a value changes, so the cover keeps over 50 dB (51.1 when it is full)."""
    image, message = cover(kind, dtype), MESSAGES[number]
    for key in (None, "", "open sesame"):
        hidden = ops.hide(image, message, key=key)
        assert hidden.shape == image.shape and hidden.dtype == dtype and hidden.flags.c_contiguous
        assert np.abs(hidden.astype(int) - image).max() <= 1
        found = ops.reveal(hidden, key=key)
        assert isinstance(found, Message) and found == message and type(found.message) is type(message)
        if isinstance(message, np.ndarray):
            assert found.message.dtype == message.dtype and np.array_equal(np.asarray(found), message)
        if kind == "rgba":
            assert np.array_equal(hidden[..., 3], image[..., 3])


def test_full_cover_and_capacity():
    image = cover()
    room = image.size // 8 - stego.HEADER - 1  # one byte says whether it was compressed
    noise = opsin.Rng(6).integers("noise", 0, 256, room).astype(np.uint8).tobytes()
    hidden = ops.hide(image, noise)
    assert ops.reveal(hidden) == noise
    assert 50 < -10 * np.log10(np.mean((hidden.astype(float) - image) ** 2) / 255**2) < 52
    with pytest.raises(ParamError, match=r"hide: message must be at most 1,776 bytes for this cover; got 1,777"):
        ops.hide(image, noise + b"x")
    assert ops.reveal(ops.hide(image, b"a" * 100_000)) == b"a" * 100_000  # it is compressed
    with pytest.raises(ParamError, match="at most 0 bytes for this cover"):
        ops.hide(np.zeros((1, 1), np.uint8), "a")


def test_another_key_or_no_message():
    hidden = ops.hide(cover(), "secret", key="a")
    for key in ("b", None, "A", "a "):
        with pytest.raises(ParamError, match="reveal: image must be one that holds a message; got none"):
            ops.reveal(hidden, key=key)
    with pytest.raises(ParamError, match="holds a message"):
        ops.reveal(cover())
    with pytest.raises(ParamError, match="holds a message"):
        ops.reveal(np.zeros((1, 1), np.uint8))


def test_damage_is_noticed():
    """Every single changed bit of the message is found by the checksum."""
    image = cover()
    hidden = ops.hide(image, b"0123456789", key="k")
    place = stego.places(8 * (stego.HEADER + 11), hidden.size, "k")
    for spot in place[:: len(place) // 40]:
        broken = hidden.copy()
        broken.ravel()[spot] ^= 1
        with pytest.raises(ParamError, match=r"^reveal: image must be (unchanged since|one that holds)"):
            ops.reveal(broken, key="k")
    assert ops.reveal(hidden, key="k") == b"0123456789"


FILES = [(kind, ending) for kind in ("gray", "rgb", "rgba") for ending in ("png", "tif", "webp")] + [("rgb", "bmp")]


@pytest.mark.parametrize("kind,ending", FILES)
def test_files_that_keep_every_bit(kind, ending):
    """Written by Pillow and read by Opsin, as other programs would; transparent pixels lose their color in WebP."""
    image = cover(kind)
    if kind == "rgba":
        image[:20, :, 3] = 0
    hidden = ops.hide(image, "through a file", key="k")
    target = io.BytesIO()
    words = {"lossless": True} if ending == "webp" else {}
    Image.fromarray(hidden).save(target, {"tif": "TIFF"}.get(ending, ending.upper()), **words)
    assert ops.reveal(opsin.read(target.getvalue()), key="k") == "through a file"


@pytest.mark.parametrize("kind", ["gray", "rgb", "rgba"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("ending", ["png", "tif"])
def test_own_writer_keeps_every_bit(kind, dtype, ending, tmp_path):
    hidden = ops.hide(cover(kind, dtype), "through our files")
    path = tmp_path / f"x.{ending}"
    opsin.write(hidden, path)
    assert ops.reveal(opsin.read(path)) == "through our files"


def test_lossy_files_lose_it_and_are_refused():
    hidden = ops.hide(cover(), "gone")
    target = io.BytesIO()
    Image.fromarray(hidden).save(target, "JPEG", quality=95)
    with pytest.raises(ParamError, match="lossy format"):
        ops.reveal(opsin.read(target.getvalue()))
    for path in ("x.jpg", "a/b/x.JPEG", "x.webp", "x.avif", "x"):
        with pytest.raises(ParamError, match=r"hide: output must be \.png, \.tif, \.bmp, or \.webp with"):
            stego.refuse_lossy(path)
    for path in ("x.png", "x.TIFF", "x.bmp"):
        stego.refuse_lossy(path)
    stego.refuse_lossy("x.webp", lossless=True)


@pytest.mark.parametrize("total", [1, 2, 3, 7, 64, 65, 1000, 4097])
def test_places_are_an_order(total):
    """Every place once, whatever the key; parts of the order agree with the whole."""
    whole = stego.places(total, total, "key")
    assert np.array_equal(np.sort(whole), np.arange(total))
    assert np.array_equal(stego.places(total - total // 3, total, "key", total // 3), whole[total // 3 :])
    if total > 60:
        other = stego.places(total, total, "kez")
        assert np.mean(whole == other) < 0.1
        assert abs(np.corrcoef(np.arange(total), whole)[0, 1]) < 0.3


def test_hostile_containers_are_refused_quickly():
    """A length beyond the picture, a bomb, wrong shapes: each one sentence."""
    image = cover()
    values = image.ravel().copy()
    for kind, payload in [
        (9, b"\0abc"),
        (1, b""),
        (1, b"\0\xff\xfe"),
        (3, b"\0" + bytes(8)),
        (3, b"\0" + np.array([2, 0, 1 << 31, 1 << 31], "<u4").tobytes()),
        (3, b"\0" + np.array([3, 7, 1, 1, 1], "<u4").tobytes() + b"x"),
        (2, b"\1not zlib"),
    ]:
        broken = values.copy()
        stego.embed(broken, kind, payload, None)
        with pytest.raises(ParamError, match="reveal: image must be unchanged"):
            ops.reveal(broken.reshape(image.shape))
    import zlib

    bomb = zlib.compress(bytes(10_000_000), 9)
    assert stego.unpack(b"\1" + bomb, 1_000_000) is None


def test_refusals_and_value():
    with pytest.raises(ParamError, match="hide: cover must be uint8 or uint16; got float32"):
        ops.hide(np.zeros((50, 50), np.float32), "a")
    with pytest.raises(ParamError, match="reveal: image must be uint8 or uint16"):
        ops.reveal(np.zeros((50, 50), np.float32))
    with pytest.raises(ParamError, match="hide: message must be text or bytes or a picture"):
        ops.hide(cover(), 7)
    with pytest.raises(ParamError, match="text that UTF-8 can write"):
        ops.hide(cover(), "\ud800")
    text, picture = Message("hello"), Message(cover("gray", np.uint8, (4, 5)))
    assert repr(text) == "Message('hello')" and str(text) == "hello" and bytes(text) == b"hello"
    assert text.to_dict() == {"type": "message", "kind": "text", "text": "hello"}
    assert repr(picture) == "Message(a picture, uint8 of shape (4, 5))"
    assert picture.to_dict()["shape"] == [4, 5] and picture != text and Message(b"a") != "a"
    for value in (text, picture, Message(b"ab")):
        drawn = value.draw(cover())
        assert drawn.shape == (60, 80, 3) and drawn.dtype == np.uint8 and not np.array_equal(drawn, cover())
