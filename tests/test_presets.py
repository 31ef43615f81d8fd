"""Every preset builds, serves and trains, and gives what a network takes."""

import numpy as np
import pytest

from opsin import Sample, preset
from opsin.errors import PipelineError
from opsin.presets import preset_text, presets

SIZES = {"imagenet-train": (224, 224), "imagenet-eval": (224, 224), "self-supervised": (224, 224)}


@pytest.mark.parametrize("name", presets())
def test_presets_serve_and_train(name: str) -> None:
    pipeline = preset(name)
    gray = name == "medical-gray"
    shape = (120, 160) if gray else (120, 160, 3)
    samples = [
        Sample(
            np.random.default_rng(i).integers(0, 256, shape, np.uint8), boxes=[[20, 30, 90, 100]], labels=["a"], key=i
        )
        for i in range(3)
    ]
    served = pipeline(samples[0])
    shapes = {served.image.shape}
    for draw in range(3):
        out = pipeline(samples[0], mode="train", epoch=0, draw=draw, partners=samples)
        shapes.add(out.image.shape)
        assert np.isfinite(out.image).all()
        assert out.image.dtype == np.float32
    assert len(shapes) == 1
    assert served.image.shape[0] in (1, 3)
    assert preset_text(name).startswith("#")


def test_unknown_presets_are_refused() -> None:
    with pytest.raises(PipelineError, match="Did you mean 'imagenet-train'"):
        preset("imagenet-trian")
