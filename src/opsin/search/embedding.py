"""Embeddings: one vector per picture from any ONNX model that takes pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsin.arrays import color_count, to_unit
from opsin.errors import ParamError, refusal, verbatim
from opsin.io import read_bytes
from opsin.kernels.extras import need
from opsin.kernels.resize import resize
from opsin.types import Array

__all__ = ["Model"]

_MEAN, _STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


class Model:
    """An ONNX model with one picture input, N 3 H W or N H W 3; its first output is the embedding.

    Args:
        path: the file.
        mean: per channel, taken away from values in 0..1; ImageNet's unless given.
        std: per channel, divided by.
    """

    def __init__(self, path: str, mean: tuple[float, ...] | None = None, std: tuple[float, ...] | None = None) -> None:
        runtime = need("onnxruntime", "Index", extra="onnx")
        blob = read_bytes(path)
        self.path, self.digest = path, blob.digest
        self.mean = np.asarray(_MEAN if mean is None else mean, dtype=np.float32)
        self.std = np.asarray(_STD if std is None else std, dtype=np.float32)
        try:
            self._session = runtime.InferenceSession(blob.data, providers=["CPUExecutionProvider"])
        except Exception as reason:
            got = verbatim(str(reason).splitlines()[0][:120])
            raise ParamError(refusal("Index", "model", "an ONNX file that ONNX Runtime can run", got)) from None
        entry = self._session.get_inputs()[0]
        self._name, shape = entry.name, [n if isinstance(n, int) else 0 for n in entry.shape]
        planar = len(shape) == 4 and shape[1] in (1, 3)
        if len(shape) != 4 or not (planar or shape[3] in (1, 3)) or entry.type != "tensor(float)":
            got = verbatim(f"{entry.type} {entry.shape}")
            raise ParamError(refusal("Index", "model", "one that takes float pictures N 3 H W or N H W 3", got))
        self._planar = planar
        self._channels = shape[1] if planar else shape[3]
        high, wide = (shape[2], shape[3]) if planar else (shape[1], shape[2])
        self._size = (wide or 224, high or 224)
        self.length = len(self(np.zeros((8, 8, 3), np.uint8)))

    def __call__(self, image: Array) -> NDArray[np.float32]:
        """Give the embedding of a picture, of length 1."""
        values = to_unit(image, np.float32)
        values = values[..., None] if values.ndim == 2 else values
        if values.shape[2] == 4 and color_count(image) == 3:
            values = values[..., :3]
        if values.shape[2] != 3:
            values = np.repeat(values.mean(axis=2, keepdims=True), 3, axis=2)
        small = resize(np.ascontiguousarray(values, dtype=np.float32), *self._size)
        if self._channels == 1:
            small = small @ np.array([[0.299], [0.587], [0.114]], dtype=np.float32)
        else:
            small = (small - self.mean) / self.std
        given = np.moveaxis(small, 2, 0)[None] if self._planar else small[None]
        out: Any = self._session.run(None, {self._name: np.ascontiguousarray(given, dtype=np.float32)})[0]
        vector = np.asarray(out, dtype=np.float32)[0]
        if vector.ndim == 3:  # a map of features: the mean of each
            vector = vector.mean(axis=(1, 2)) if self._planar else vector.mean(axis=(0, 1))
        vector = vector.ravel()
        size = float(np.linalg.norm(vector))
        return vector / size if size > 1e-12 else vector
