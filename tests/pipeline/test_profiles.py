"""A file with a color profile takes the fast way only where the profile changes nothing."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from opsin import Pipeline, Sample, ops, step
from opsin.kernels import use_core
from opsin.pipeline.plan import core_source

PIPELINE = Pipeline(step(ops.resize_shorter, size=64), step(ops.center_crop, width=48, height=48), decode="fast")


def jpeg(icc: bytes | None) -> bytes:
    y, x = np.mgrid[:120, :160].astype(np.float32)
    image = np.stack([x, y, 255 - x], axis=-1).clip(0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=95, **({"icc_profile": icc} if icc else {}))
    return file.getvalue()


def srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def swapped() -> bytes:
    """sRGB with the red and the blue primary changed over."""
    return srgb().replace(b"rXYZ", b"tmp_").replace(b"bXYZ", b"rXYZ").replace(b"tmp_", b"bXYZ")


@pytest.mark.skipif(not use_core(), reason="the compiled core is not installed")
def test_srgb_in_all_but_name_stays_in_the_core():
    assert isinstance(core_source(Sample(jpeg(srgb()))), bytes)
    assert np.array_equal(PIPELINE(jpeg(srgb())).image, PIPELINE(jpeg(None)).image)


@pytest.mark.skipif(not use_core(), reason="the compiled core is not installed")
def test_any_other_profile_is_applied():
    data = jpeg(swapped())
    assert isinstance(core_source(Sample(data)), np.ndarray)
    plain = PIPELINE(jpeg(None)).image.astype(int)
    assert np.abs(PIPELINE(data).image.astype(int) - plain).max() > 50


@pytest.mark.skipif(not use_core(), reason="the compiled core is not installed")
def test_a_damaged_profile_is_noted_by_the_ordinary_decoder():
    sample = Sample(jpeg(b"damaged" * 40))
    assert isinstance(core_source(sample), np.ndarray)
    assert [note.code for note in sample.facts.notes] == ["bad_icc"]
