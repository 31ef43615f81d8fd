"""Bring a library of an extra, or say in one sentence how to install it."""

from __future__ import annotations

import importlib
from typing import Any

from opsin.errors import MissingExtra

__all__ = ["need"]

_DISTRIBUTIONS = {
    "cv2": "OpenCV",
    "scipy": "SciPy",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "pywt": "PyWavelets",
    "av": "PyAV",
    "SimpleITK": "SimpleITK",
    "pytesseract": "pytesseract",
    "dlib": "dlib",
    "torch": "PyTorch",
    "onnxruntime": "ONNX Runtime",
}


def need(module: str, op: str, extra: str = "cv") -> Any:
    """Import a module of an extra at the moment a technique needs it.

    Use it inside functions: `cv2 = need("cv2", "bilateral_filter", extra="cv")`.

    Args:
        module: the dotted module name.
        op: the technique's name, for the sentence.
        extra: the extra that brings the library.

    Returns:
        the module.

    Raises:
        MissingExtra: the library is not installed.

    Source:
        The architecture's rule that heavy libraries load where they are used.
    """
    try:
        return importlib.import_module(module)
    except ImportError as reason:
        top = module.partition(".")[0]
        raise MissingExtra(op, _DISTRIBUTIONS.get(top, top), extra) from reason
