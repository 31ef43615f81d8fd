"""Opsin: image processing for machine learning.

One definition of a data set's processing prepares the data, augments it in training, runs in front of the model in
production, and shows itself in pictures. Every technique is one plain, typed function in `opsin.ops`.
"""

from opsin import errors, ops
from opsin.chance import Rng, choice, log_uniform, normal, uniform
from opsin.geometry import Size, Warp
from opsin.instances import Instance, Instances, Rules, Skeleton
from opsin.io.reading import read
from opsin.io.writing import write
from opsin.op import Covered, geometric, load_plugins, op, op_of, operations, pointwise
from opsin.pipeline import Batch, Pipeline, Step, augment, one_of, some_of, step
from opsin.presets import preset
from opsin.sample import Sample
from opsin.spec import OpSpec

__version__ = "0.1.0"


def list_ops() -> list[str]:
    """List the names of all techniques."""
    load_plugins()
    return sorted(operations())


def describe(name: str) -> OpSpec:
    """Give a technique's spec: parameters, types, bounds, usual range, units, defaults, family, extra."""
    return op_of(name).spec


__all__ = [
    "Batch",
    "Covered",
    "Instance",
    "Instances",
    "OpSpec",
    "Pipeline",
    "Rng",
    "Rules",
    "Sample",
    "Size",
    "Skeleton",
    "Step",
    "Warp",
    "augment",
    "choice",
    "describe",
    "errors",
    "geometric",
    "list_ops",
    "log_uniform",
    "normal",
    "one_of",
    "op",
    "op_of",
    "ops",
    "pointwise",
    "preset",
    "read",
    "some_of",
    "step",
    "uniform",
    "write",
]
