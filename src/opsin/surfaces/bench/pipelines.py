"""The six pipelines, as Opsin writes them."""

from __future__ import annotations

from opsin import Pipeline, augment, ops, step, uniform

__all__ = ["PIPELINES", "TITLES"]

_ENDING = (step(ops.normalize, mean="imagenet", std="imagenet"), step(ops.to_tensor))

PIPELINES: dict[str, Pipeline] = {
    "P1": Pipeline(
        step(ops.resize_shorter, size=256), step(ops.center_crop, width=224, height=224), *_ENDING, decode="fast"
    ),
    "P2": Pipeline(
        augment(
            step(ops.random_resized_crop, width=224, height=224),
            step(ops.flip_horizontal).sometimes(0.5),
            step(ops.brightness, factor=uniform(0.6, 1.4)),
            step(ops.contrast, factor=uniform(0.6, 1.4)),
            step(ops.saturation, factor=uniform(0.6, 1.4)),
            step(ops.hue, shift=uniform(-0.1, 0.1)),
        ),
        *_ENDING,
        decode="fast",
    ),
    "P3": Pipeline(
        augment(
            step(ops.rotate, angle=uniform(-15, 15)),
            step(ops.affine, angle=uniform(-5, 5), scale=uniform(0.9, 1.1), shear=uniform(-5, 5)),
            step(ops.perspective, distortion=0.2),
            step(ops.random_resized_crop, width=224, height=224),
            step(ops.flip_horizontal).sometimes(0.5),
        ),
        *_ENDING,
        decode="fast",
    ),
    "P4": Pipeline(
        augment(
            step(ops.brightness, factor=uniform(0.7, 1.3)),
            step(ops.contrast, factor=uniform(0.7, 1.3)),
            step(ops.gamma, gamma=uniform(0.7, 1.4)),
            step(ops.saturation, factor=uniform(0.7, 1.3)),
            step(ops.posterize, bits=6),
            step(ops.solarize, threshold=0.9),
            step(ops.to_gray, channels=3).sometimes(0.2),
        ),
        *_ENDING,
    ),
    "P6": Pipeline(
        step(ops.letterbox, width=640, height=640),
        augment(
            step(ops.flip_horizontal).sometimes(0.5),
            step(ops.affine, angle=uniform(-5, 5), scale=uniform(0.8, 1.2), x=uniform(-0.1, 0.1), y=uniform(-0.1, 0.1)),
            step(ops.hue, shift=uniform(-0.02, 0.02)),
            step(ops.saturation, factor=uniform(0.5, 1.5)),
            step(ops.brightness, factor=uniform(0.7, 1.3)),
        ),
        step(ops.to_tensor),
        decode="fast",
    ),
}
PIPELINES["P5"] = PIPELINES["P1"]
PIPELINES = dict(sorted(PIPELINES.items()))

TITLES = {
    "P1": "decode, shorter side 256, center crop 224, normalize, CHW",
    "P2": "decode, random-resized crop, flip, brightness, contrast, saturation, hue, normalize",
    "P3": "decode, rotate, affine, perspective, random-resized crop, flip, normalize",
    "P4": "in memory: brightness, contrast, gamma, saturation, posterize, solarize, gray, normalize",
    "P5": "P1 on 12 megapixels",
    "P6": "decode, letterbox 640, flip, affine, color, CHW, 20 boxes following",
}
