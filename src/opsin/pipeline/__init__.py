"""Steps, pipelines, their text and their plan."""

from opsin.pipeline.pipeline import Batch, Pipeline
from opsin.pipeline.steps import Group, Step, augment, one_of, some_of, step

__all__ = ["Batch", "Group", "Pipeline", "Step", "augment", "one_of", "some_of", "step"]
