"""Mistakes that a type checker must find; each marked line must be flagged, and no other."""

import numpy as np

from opsin import Pipeline, Sample, augment, ops, step, uniform

image = np.zeros((4, 4, 3), np.uint8)

good = Pipeline(
    step(ops.rotate, angle=10, keep="all"),
    augment(step(ops.rotate, angle=uniform(-10, 10)).sometimes(0.5), step(ops.gaussian_noise, std=0.1)),
    step(ops.normalize, mean="imagenet", std="imagenet"),
)
turned: Sample = ops.rotate(Sample(image), angle=3)
pixels = ops.gamma(image, gamma=2.0)

step(ops.gamma, gama=1.2)  # misspelt
step(ops.gamma, gamma="x")  # mistyped
step(ops.rotate, angle=10, keep="al")  # no such choice
step(ops.letterbox, width=64)  # incomplete
ops.resize(image, width=5)  # incomplete
ops.gamma(image, gama=2.0)  # misspelt
