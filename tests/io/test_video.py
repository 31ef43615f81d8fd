"""Clips: every frame is the right one, upright, at its time; memory stays; broken clips say so."""

from __future__ import annotations

import io
from fractions import Fraction

import numpy as np
import pytest

from opsin import augment, ops, step, uniform
from opsin.errors import DecodeError, ParamError
from opsin.pipeline import Pipeline

av = pytest.importorskip("av")

from opsin import video  # noqa: E402
from opsin.io.video import Video  # noqa: E402

BITS = 8


def numbered(index: int, height: int = 48, width: int = 128) -> np.ndarray:
    """A frame that carries its number in eight wide black or white bars, which no codec can confuse."""
    image = np.zeros((height, width, 3), np.uint8)
    for bit in range(BITS):
        if index >> bit & 1:
            image[:, bit * width // BITS : (bit + 1) * width // BITS] = 255
    return image


def number_of(image: np.ndarray) -> int:
    h, w = image.shape[:2]
    return sum(int(image[h // 2, (2 * b + 1) * w // (2 * BITS), 1] > 127) << b for b in range(BITS))


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("clips") / "numbers.mp4"
    assert video.write(path, (numbered(i) for i in range(90)), rate=25, speed="ultrafast") == 90
    return str(path)


def test_every_frame_is_the_right_one(clip):
    opened = Video(clip)
    assert len(opened) == 90 and opened.facts.size == (128, 48) and opened.facts.codec == "h264"
    assert opened.facts.rate == 25 and opened.facts.duration == pytest.approx(3.6)
    got = [(number_of(f.image), f.index, f.time) for f in opened]
    assert [n for n, _, _ in got] == [i for _, i, _ in got] == list(range(90))
    assert np.allclose([t for _, _, t in got], np.arange(90) / 25)


def test_seeking_is_exact(clip):
    opened = Video(clip)
    for index in (0, 1, 17, 44, 45, 88, 89, -1, 3):
        frame = opened[index]
        assert number_of(frame.image) == frame.index == index % 90
        assert frame.time == pytest.approx(frame.index / 25)
    assert number_of(opened.at(1.0).image) == 25 and number_of(opened.at(1.039).image) == 25


def test_parts_of_a_clip(clip):
    opened = Video(clip)
    assert [number_of(f.image) for f in opened.frames(every=20)] == [0, 20, 40, 60, 80]
    assert [number_of(f.image) for f in opened.frames(start=1.0, stop=1.2)] == [25, 26, 27, 28, 29]
    assert [number_of(f.image) for f in opened.frames(start=1.0, every=30)] == [25, 55, 85]
    assert [f.index for f in opened.frames(period=0.5)] == [0, 13, 25, 38, 50, 63, 75, 88]


def test_bytes_are_as_good_as_a_path(clip):
    from pathlib import Path

    data = Path(clip).read_bytes()
    assert np.array_equal(Video(data)[30].image, Video(clip)[30].image)


def turned(degrees: float, hflip: bool) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(10), options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 64, 32, "yuv420p"
        stream.set_display_rotation(degrees, hflip=hflip)
        image = np.zeros((32, 64, 3), np.uint8)
        image[:16, :32] = 255  # white at the top left, as stored
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return out.getvalue()


@pytest.mark.parametrize(
    ("degrees", "hflip", "size", "corner"),
    [
        (0, False, (64, 32), "tl"),
        (90, False, (32, 64), "bl"),  # anticlockwise: what was at the top left is at the bottom left
        (180, False, (64, 32), "br"),
        (-90, False, (32, 64), "tr"),
        (0, True, (64, 32), "tr"),
    ],
)
def test_rotation_is_applied(degrees, hflip, size, corner):
    opened = Video(turned(degrees, hflip))
    image = opened[0].image
    assert opened.facts.size == size == image.shape[1::-1]
    h, w = image.shape[:2]
    corners = {"tl": image[8, 8], "tr": image[8, w - 9], "bl": image[h - 9, 8], "br": image[h - 9, w - 9]}
    assert {name for name, pixel in corners.items() if pixel[0] > 127} == {corner}


def test_colors_survive(tmp_path):
    image = np.zeros((64, 96, 3), np.uint8)
    image[:, :32], image[:, 32:64], image[:, 64:] = (200, 30, 40), (40, 180, 60), (50, 60, 210)
    video.write(tmp_path / "c.mp4", [image] * 3, rate=5, quality=4)
    back = Video(tmp_path / "c.mp4")[1].image
    for x in (16, 48, 80):
        assert np.abs(back[32, x].astype(int) - image[32, x]).max() <= 4


def test_odd_sizes_gray_and_depth(tmp_path):
    ramp = np.linspace(0, 65535, 33 * 47).reshape(33, 47).astype(np.uint16)
    video.write(tmp_path / "odd.mkv", [ramp] * 2, rate=2)
    back = Video(tmp_path / "odd.mkv")
    assert back.facts.size == (48, 34) and len(back) == 2
    assert np.abs(back[0].image[:33, :47, 0].astype(int) - (ramp >> 8)).mean() < 3


def test_samples_have_times(clip):
    some = list(video.samples(clip, every=30))
    assert [s.facts.index for s in some] == [0, 30, 60] and [s.facts.time for s in some] == [0.0, 1.2, 2.4]
    assert some[1].key == 30 and some[1].facts.clip.codec == "h264"
    out = Pipeline(step(ops.flip_horizontal))(some[1])
    assert out.facts.time == 1.2


def test_one_draw_for_a_clip(clip):
    pipeline = Pipeline(augment(step(ops.rotate, angle=uniform(-30, 30))), seed=3)
    frames = list(video.apply(pipeline, video.samples(clip, every=30), key="clip", mode="train", epoch=0))
    matrices = [frame.warp.matrix for frame in frames]
    assert len(frames) == 3 and all(np.array_equal(m, matrices[0]) for m in matrices)
    other = next(video.apply(pipeline, video.samples(clip), key="other", mode="train", epoch=0))
    assert not np.array_equal(other.warp.matrix, matrices[0])


def test_writing_is_all_or_nothing(tmp_path):
    def breaks():
        yield numbered(0)
        raise RuntimeError("the camera is gone")

    with pytest.raises(RuntimeError):
        video.write(tmp_path / "half.mp4", breaks(), rate=5)
    with pytest.raises(ParamError, match="128 x 48, as the first"):
        video.write(tmp_path / "half.mp4", [numbered(0), numbered(1, width=64)], rate=5)
    with pytest.raises(ParamError, match="at least one picture"):
        video.write(tmp_path / "half.mp4", [], rate=5)
    assert list(tmp_path.iterdir()) == []


def test_memory_does_not_grow(tmp_path):
    """Frames that are written and read are let go: never more than a few of 300 live at once."""
    import gc
    import weakref

    alive: list[weakref.ref] = []
    most = 0

    def frames():
        nonlocal most
        for i in range(300):
            image = numbered(i % 256)
            alive.append(weakref.ref(image))
            most = max(most, sum(r() is not None for r in alive[-40:]))
            yield image

    video.write(tmp_path / "long.mp4", frames(), rate=30, speed="ultrafast")
    assert most <= 3
    alive.clear()
    for frame in Video(tmp_path / "long.mp4"):
        alive.append(weakref.ref(frame.image))
    gc.collect()
    assert sum(r() is not None for r in alive) <= 1


@pytest.mark.parametrize(
    ("data", "words"), [(b"", "no clip"), (b"not a clip at all" * 50, "no clip")]
)  # fmt: skip
def test_what_is_no_clip(data, words):
    with pytest.raises(DecodeError, match=words):
        Video(data)


def test_broken_and_missing_clips(clip, tmp_path):
    from pathlib import Path

    with pytest.raises(DecodeError):
        Video(Path(clip).read_bytes()[:2000])
    whole = Path(clip).read_bytes()
    for share in (0.4, 0.9, 0.999):
        with pytest.raises(DecodeError, match="cut off") as told:
            Video(whole[: int(share * len(whole))])
        assert told.value.kind == "truncated"
    with pytest.raises(DecodeError, match="no such file"):
        Video(tmp_path / "none.mp4")
    with pytest.raises(DecodeError, match="a folder"):
        Video(tmp_path)


@pytest.mark.parametrize(
    ("suffix", "codec"), [("avi", "mpeg4"), ("webm", "libvpx"), ("mkv", "mpeg4"), ("mov", "mpeg4")]
)
def test_cut_clips_of_every_container(tmp_path, suffix, codec):
    path = tmp_path / f"clip.{suffix}"
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for i in range(30):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(numbered(i, width=64), format="rgb24")))
        out.mux(stream.encode(None))
    data = path.read_bytes()
    assert len(list(Video(data))) == 30
    for share in (0.5, 0.98):
        with pytest.raises(DecodeError, match="cut off"):
            Video(data[: int(share * len(data))])


def test_refusals(clip, tmp_path):
    opened = Video(clip)
    with pytest.raises(ParamError, match="from 0 to 89"):
        opened[90]
    with pytest.raises(ParamError, match="every must be"):
        next(opened.frames(every=0))
    with pytest.raises(ParamError, match="both"):
        next(opened.frames(every=2, period=1.0))
    with pytest.raises(ParamError, match="start <= stop"):
        next(opened.frames(start=2.0, stop=1.0))
    with pytest.raises(ParamError, match="clip's name"):
        video.write(tmp_path / "a.gif", [numbered(0)], rate=5)
    with pytest.raises(ParamError, match="rate must be"):
        video.write(tmp_path / "a.mp4", [numbered(0)], rate=0)
