"""Find a face's landmarks with dlib, where it is installed."""

from __future__ import annotations

import importlib.util
import os.path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin.arrays import from_unit, to_unit
from opsin.errors import ParamError, refusal, verbatim
from opsin.kernels.brightness import brightness
from opsin.kernels.extras import need
from opsin.kernels.procrustes import eyes_and_mouth

__all__ = ["face_points", "landmarks_of"]


# Where the rest of a face is, in distances between the eyes, from the middle of the eyes: mouth, chin, cheeks, temples,
# forehead. Rough, but alike in all faces seen from the front, which is what a morph needs beside the eyes and the nose.
_REST = np.array(
    [[0.0, 1.05], [0.0, 1.65], [-0.95, 0.6], [0.95, 0.6], [-1.0, -0.1], [1.0, -0.1], [-0.6, -0.75], [0.6, -0.75]]
)


def face_points(where: str, image: NDArray[Any], model: str | None, name: str = "image") -> NDArray[np.float64]:
    """Give landmarks N 2 of the largest face and, where a model gives only five, rough places of the rest of it.

    Raises:
        MissingExtra: dlib is not installed.
        ParamError: no model file, or no face.
    """
    points = landmarks_of(where, image, model, name)
    if len(points) != 5:
        return points
    left, right = eyes_and_mouth(where, points)
    along = right - left
    down = np.array([-along[1], along[0]])
    rest = (left + right) / 2.0 + _REST[:, :1] * along + _REST[:, 1:] * down
    return np.asarray(np.concatenate([points, rest]), dtype=np.float64)


def landmarks_of(where: str, image: NDArray[Any], model: str | None, name: str = "image") -> NDArray[np.float64]:
    """Give the landmarks N 2 of the largest face.

    Raises:
        MissingExtra: dlib is not installed.
        ParamError: no model file, or no face.
    """
    dlib = need("dlib", where, extra="faces")
    path = str(model) if model is not None else _five_points(where)
    if not os.path.isfile(path):
        raise ParamError(refusal(where, "model", "a file of dlib's shape predictor", path))
    gray = brightness(where, image)
    gray = gray if gray.dtype == np.uint8 else from_unit(to_unit(gray, np.float64), np.uint8)
    found = list(dlib.get_frontal_face_detector()(gray, 1 if max(gray.shape) < 1200 else 0))
    if not found:
        got = verbatim("none found by dlib")
        raise ParamError(refusal(where, name, "a picture with a face seen from the front", got, "Give landmarks."))
    box = max(found, key=lambda b: b.area())
    try:
        shape = dlib.shape_predictor(path)(gray, box)
    except RuntimeError:
        raise ParamError(refusal(where, "model", "a file of dlib's shape predictor", path)) from None
    # dlib counts from the middle of the first pixel
    return np.array([[shape.part(i).x + 0.5, shape.part(i).y + 0.5] for i in range(shape.num_parts)])


def _five_points(where: str) -> str:
    """Find the 5-point model without importing its package, which needs a setuptools long gone."""
    spec = importlib.util.find_spec("face_recognition_models")
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        return os.path.join(place, "models", "shape_predictor_5_face_landmarks.dat")
    hint = "pip install face_recognition_models, or give landmarks."
    raise ParamError(refusal(where, "model", "the path of dlib's 5-point model", verbatim("nothing"), hint))
