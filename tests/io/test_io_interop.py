"""Pillow, OpenCV and torch pictures: there and back."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from io_seeds import picture
from PIL import Image

from opsin.errors import ParamError
from opsin.io import from_opencv, from_pillow, from_torch, to_opencv, to_pillow, to_torch


def test_pillow_there_and_back() -> None:
    for image in (picture(1), picture(3), picture(4), picture(1, "uint16"), picture(1, "float32")):
        back = from_pillow(to_pillow(image))
        assert back.dtype == image.dtype and np.array_equal(back, image)
        assert back.flags.writeable
    bits = picture(1) > 100
    assert np.array_equal(from_pillow(to_pillow(bits)), bits * np.uint8(255))
    assert np.array_equal(from_pillow(to_pillow(picture(3)[:, :, :1])), picture(3)[..., 0])
    for mode, channels in (("P", 3), ("CMYK", 3), ("LA", 4), ("YCbCr", 3), ("1", 1)):
        made = from_pillow(Image.fromarray(picture(3)).convert("L" if mode == "LA" else "RGB").convert(mode))
        assert made.dtype == np.uint8 and (made.ndim == 2 if channels == 1 else made.shape[2] == channels)
    with pytest.raises(ParamError, match="convert it to uint8"):
        to_pillow(picture(3, "uint16"))
    with pytest.raises(ParamError, match="mode HSV"):
        from_pillow(Image.fromarray(picture(3)).convert("HSV"))


def test_opencv_swaps_red_and_blue() -> None:
    assert np.array_equal(to_opencv(picture(3)), cv2.cvtColor(picture(3), cv2.COLOR_RGB2BGR))
    assert np.array_equal(to_opencv(picture(4)), cv2.cvtColor(picture(4), cv2.COLOR_RGBA2BGRA))
    for image in (picture(1), picture(3, "uint16"), picture(4, "float32"), picture(3)[..., :1]):
        assert np.array_equal(from_opencv(to_opencv(image)), image)
        assert to_opencv(image).flags.c_contiguous
    with pytest.raises(ParamError):
        to_opencv(picture(2))


def test_torch_there_and_back() -> None:
    torch = pytest.importorskip("torch")
    for image in (picture(3), picture(4, "float32")):
        tensor = to_torch(image)
        assert tensor.shape == (image.shape[2], *image.shape[:2]) and tensor.is_contiguous()
        assert np.array_equal(from_torch(tensor), image)
    assert to_torch(picture(1)).shape[0] == 1
    assert from_torch(torch.zeros(3, 4, 5, dtype=torch.float64)).dtype == np.float32
    with pytest.raises(ParamError, match="Take one picture of a batch"):
        from_torch(torch.zeros(2, 3, 4, 5))
