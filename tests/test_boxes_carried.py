"""Boxes are carried alike by the core and without it."""

import numpy as np
import pytest

from opsin.carry import carry
from opsin.geometry import Size, Stage, Warp
from opsin.instances import Instances, Rules
from opsin.kernels import reference_only, use_core

pytestmark = pytest.mark.skipif(not use_core(), reason="the compiled core is not installed")


def stages(rng: np.random.Generator, perspective: bool) -> Warp:
    size, made = Size(200, 150), []
    for _ in range(rng.integers(1, 4)):
        m = np.eye(3)
        m[:2, :2] += rng.normal(0, 0.4, (2, 2))
        m[:2, 2] = rng.normal(0, 40, 2)
        if perspective:
            m[2, :2] = rng.normal(0, 0.004, 2)
        target = Size(int(rng.integers(50, 300)), int(rng.integers(50, 300)))
        made.append(Stage(size, target, m))
        size = target
    return Warp(Size(200, 150), tuple(made))


@pytest.mark.parametrize("perspective", [False, True])
def test_the_core_carries_boxes_as_the_reference_does(perspective):
    rng = np.random.default_rng(5)
    rules = Rules(min_visible=0.1, min_area=4.0)
    seen = 0
    for _ in range(300):
        low = rng.uniform(0, [180, 130], (12, 2))
        boxes = np.concatenate([low, np.minimum(low + rng.uniform(0, 60, (12, 2)), [200, 150])], axis=1)
        boxes[0, 2] = boxes[0, 0]  # no area
        table = Instances(Size(200, 150), boxes=boxes, labels=np.arange(12))
        warp = stages(rng, perspective)
        core, gone = carry(table, warp, rules)
        with reference_only():
            slow, lost = carry(table, warp, rules)
        assert core.labels.tolist() == slow.labels.tolist()
        assert [(d.row, d.reason) for d in gone] == [(d.row, d.reason) for d in lost]
        np.testing.assert_allclose([d.visible for d in gone], [d.visible for d in lost], atol=1e-6)
        np.testing.assert_allclose(core.boxes, slow.boxes, atol=1e-6)
        np.testing.assert_allclose(core.visible, slow.visible, atol=1e-6)
        seen += len(core.labels)
    assert seen > 300
