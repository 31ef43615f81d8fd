"""Classic classifiers as tasks: fit, predict, evaluate, save, load; the pipeline is stored inside.

task = opsin.tasks.hog_classifier()
task.fit(pictures, labels)                        # or task.fit("folder of classes")
task.predict(picture).label
task.evaluate(pictures, labels)                   # accuracy, precision, recall, confusion matrix that draws itself
task.save("model"); opsin.tasks.load("model")     # JSON and plain NPY, no pickle
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opsin.tasks.classifier import Classifier as Classifier
    from opsin.tasks.classifier import color_classifier as color_classifier
    from opsin.tasks.classifier import hog_classifier as hog_classifier
    from opsin.tasks.classifier import load as load
    from opsin.tasks.classifier import texture_classifier as texture_classifier
    from opsin.tasks.results import Evaluation as Evaluation
    from opsin.tasks.results import Prediction as Prediction

_HOME = {
    "Classifier": "classifier",
    "Evaluation": "results",
    "Prediction": "results",
    "color_classifier": "classifier",
    "hog_classifier": "classifier",
    "load": "classifier",
    "texture_classifier": "classifier",
}

__all__ = [
    "Classifier",
    "Evaluation",
    "Prediction",
    "color_classifier",
    "hog_classifier",
    "load",
    "texture_classifier",
]


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'opsin.tasks' has no attribute {name!r}")
    value = getattr(import_module(f"opsin.tasks.{home}"), name)
    globals()[name] = value
    return value
