"""Classifiers of pictures from features that people chose: histograms of gradients, textures, colors."""

from __future__ import annotations

import hashlib
import io as memory
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from opsin.arrays import check_image
from opsin.chance import Rng
from opsin.datasets import DataSet, open_dataset
from opsin.errors import DatasetError, OpsinError, ParamError, refusal, verbatim
from opsin.io import read, read_bytes, write_bytes
from opsin.io.parse_json import parse_json
from opsin.io.parse_npy import parse_npy
from opsin.op import op_of
from opsin.pipeline import Pipeline, step
from opsin.sample import Sample
from opsin.tasks.features import FEATURES, vector
from opsin.tasks.models import Arrays, apply, folds_of, learn, resampled, weights_of
from opsin.tasks.results import Evaluation, Prediction
from opsin.types import Array

__all__ = ["Classifier", "color_classifier", "hog_classifier", "load", "texture_classifier"]

FORMAT = 1
_ARRAYS = {"logistic": ("mean", "scale", "slope", "offset"),
           "neighbors": ("mean", "scale", "vectors", "truth", "weights")}  # fmt: skip


class Classifier:
    """A pipeline, features and a model: fitted on pictures with labels, it gives the class of others.

    Use it where pictures are few, classes look different, and the answer must come without a network: signs, digits,
    materials, parts. `hog_classifier`, `texture_classifier` and `color_classifier` choose the rest.

    Args:
        features: `hog` (shapes), `gabor_bank` or `lbp` (textures), `color` (a histogram).
        model: `logistic` (regression; probabilities) or `neighbors`.
        pipeline: what is done to a picture first; must bring all to one size for `hog`.
        params: of the features, as the technique of that name takes them.
        weights: `balanced`, or a weight by class, for classes that differ in size; None counts all pictures alike.
        resample: `over` repeats pictures of rare classes, `under` leaves out of frequent ones.
        neighbors: how many neighbors vote.
        strength: of logistic regression: larger trusts the pictures more (C times the length of the vector).
        seed: of resampling and folds.

    Raises:
        ParamError: an unknown word.
    """

    def __init__(
        self,
        features: str = "hog",
        model: Literal["logistic", "neighbors"] = "logistic",
        *,
        pipeline: Pipeline | None = None,
        params: Mapping[str, Any] | None = None,
        weights: Literal["balanced"] | Mapping[str, float] | None = None,
        resample: Literal["over", "under"] | None = None,
        neighbors: int = 5,
        strength: float = 10.0,
        seed: int = 0,
    ) -> None:
        where = self.name = "Classifier"
        for name, value, known in (
            ("features", features, FEATURES),
            ("model", model, tuple(_ARRAYS)),
            ("resample", resample, (None, "over", "under")),
        ):
            if value not in known:
                raise ParamError(refusal(where, name, "one of " + ", ".join(map(repr, known)), value))
        if isinstance(neighbors, bool) or not isinstance(neighbors, int) or neighbors < 1:
            raise ParamError(refusal(where, "neighbors", "a whole number at least 1", neighbors))
        if not strength > 0.0:
            raise ParamError(refusal(where, "strength", "above 0", strength))
        self.features, self.model = features, model
        self.pipeline = pipeline if pipeline is not None else Pipeline()
        self.params: dict[str, Any] = dict(params or {})
        self.weights, self.resample = weights, resample
        self.neighbors, self.strength, self.seed = neighbors, float(strength), int(seed)
        self.classes: tuple[str, ...] = ()
        self._arrays: Arrays = {}
        if features != "color":
            op_of(features).spec.fill(self.params)

    # --- learning ---------------------------------------------------------------------------------------------------
    def fit(
        self, pictures: Any, labels: Sequence[Any] | None = None, *, progress: Callable[[int], None] | None = None
    ) -> Classifier:
        """Learn from pictures.

        Args:
            pictures: arrays, paths or samples; or a data set, or the path of one (its split `train` where it has one).
            labels: one class per picture; samples and data sets have their own.
            progress: called with the number of pictures done since the last call.

        Returns:
            itself.

        Raises:
            ParamError: fewer than two classes, or vectors of different lengths.
        """
        return self.fit_vectors(*self.vectors(pictures, labels, progress=progress))

    def fit_vectors(self, vectors: NDArray[np.float64], names: Sequence[str]) -> Classifier:
        """Learn from vectors N D that `vectors` gave, and their classes."""
        self.classes, truth = _numbers(self.name, list(names))
        self._arrays = self._learn(vectors, truth, list(self.classes))
        return self

    def vectors(
        self, pictures: Any, labels: Sequence[Any] | None = None, *, progress: Callable[[int], None] | None = None
    ) -> tuple[NDArray[np.float64], list[str]]:
        """Give what it learns from: a vector N D of each picture, and the classes; as for `fit`."""
        return self._read(pictures, labels, "train", progress)

    def _learn(self, vectors: NDArray[np.float64], truth: NDArray[np.int64], classes: list[str]) -> Arrays:
        rows = resampled(self.resample, truth, Rng(self.seed).at("resample"))
        weights = weights_of(self.name, self.weights, classes, truth[rows])
        return learn(self.name, self.model, vectors[rows], truth[rows], len(classes), weights, self.strength)

    def cross_validate(
        self,
        pictures: Any,
        labels: Sequence[Any] | None = None,
        *,
        folds: int = 5,
        progress: Callable[[int], None] | None = None,
    ) -> Evaluation:
        """Learn from all but one part of the pictures and judge by that part, for every part.

        Args:
            pictures: as for `fit`.
            labels: as for `fit`.
            folds: how many parts; every class needs as many pictures.
            progress: called with the number of pictures done since the last call.

        Returns:
            an Evaluation of every picture, judged by a model that had not seen it; `.folds` are the parts' accuracies.
        """
        return self.cross_validate_vectors(*self.vectors(pictures, labels, progress=progress), folds=folds)

    def cross_validate_vectors(
        self, vectors: NDArray[np.float64], names: Sequence[str], *, folds: int = 5
    ) -> Evaluation:
        """Cross-validate on vectors N D that `vectors` gave, and their classes."""
        classes, truth = _numbers(self.name, list(names))
        least = int(np.bincount(truth).min())
        if not 2 <= folds <= least:
            got = verbatim(f"{folds}, and {least} pictures in the smallest class")
            raise ParamError(refusal(self.name, "folds", "at least 2, and at most the pictures of each class", got))
        fold = folds_of(truth, folds, Rng(self.seed).at("folds"))
        given = np.empty(len(truth), dtype=np.int64)
        each = []
        for number in range(folds):
            test = fold == number
            arrays = self._learn(vectors[~test], truth[~test], list(classes))
            given[test] = apply(self.model, arrays, vectors[test], len(classes), self.neighbors).argmax(axis=1)
            each.append(float((given[test] == truth[test]).mean()))
        return Evaluation(classes, truth, given, each)

    # --- applying ---------------------------------------------------------------------------------------------------
    def predict(self, picture: Any) -> Prediction:
        """Give the class of one picture: an array, a path, the bytes of a file, or a sample."""
        return self.predict_vectors(self._vectors([picture]))[0]

    def predict_all(self, pictures: Iterable[Any]) -> list[Prediction]:
        """Give the classes of several pictures."""
        return self.predict_vectors(self._vectors(pictures))

    def predict_vectors(self, vectors: NDArray[np.float64]) -> list[Prediction]:
        """Give the classes of vectors N D of the kind that `fit_vectors` learned from."""
        vectors = np.asarray(vectors, dtype=np.float64)
        if vectors.ndim != 2:
            raise ParamError(refusal(self.name, "vectors", "an array N x D", vectors))
        if not len(vectors):
            return []
        rows = self._probabilities(vectors)
        return [Prediction(self.classes[int(row.argmax())], self.classes, row) for row in rows]

    def evaluate(
        self, pictures: Any, labels: Sequence[Any] | None = None, *, progress: Callable[[int], None] | None = None
    ) -> Evaluation:
        """Judge the fitted model by pictures whose classes are known (of a data set the split `test`, else `val`).

        Args:
            pictures: as for `fit`.
            labels: as for `fit`.
            progress: called with the number of pictures done since the last call.

        Raises:
            ParamError: a class that was not learned.
        """
        self._fitted()
        vectors, names = self._read(pictures, labels, "test", progress)
        strange = sorted(set(names) - set(self.classes))
        if strange:
            hint = f"It learned {', '.join(self.classes[:8])}."
            raise ParamError(refusal(self.name, "labels", "classes that were learned", strange[0], hint))
        truth = np.array([self.classes.index(n) for n in names], dtype=np.int64)
        given = self._probabilities(vectors).argmax(axis=1)
        return Evaluation(self.classes, truth, given)

    def _fitted(self) -> None:
        if not self._arrays:
            raise OpsinError(f"{self.name}: it has learned nothing yet; call fit first.")

    def _probabilities(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        self._fitted()
        want = len(self._arrays["mean"])
        if vectors.shape[1] != want:
            got = verbatim(f"{vectors.shape[1]} numbers from this picture")
            hint = "Let the pipeline bring pictures to one size."
            raise ParamError(refusal(self.name, "picture", f"described by {want} numbers, as those learned", got, hint))
        return apply(self.model, self._arrays, vectors, len(self.classes), self.neighbors)

    # --- reading ----------------------------------------------------------------------------------------------------
    def _read(
        self, pictures: Any, labels: Sequence[Any] | None, part: str, progress: Callable[[int], None] | None
    ) -> tuple[NDArray[np.float64], list[str]]:
        names: list[str] = []
        if isinstance(pictures, DataSet | str | os.PathLike):
            data = pictures if isinstance(pictures, DataSet) else open_dataset(pictures)
            wanted = ("train",) if part == "train" else ("test", "val")
            split = next((s for s in wanted if s in data.splits), None)
            data = data.only(split=split) if split is not None else data
            facts = data.facts

            def samples() -> Iterable[Sample]:
                for sample in data:
                    names.append(_label(self.name, facts.class_name(sample.label), sample.key))
                    yield sample

            return self._vectors(samples(), progress), names
        items = list(pictures)
        if labels is None:
            names = [_label(self.name, getattr(p, "label", None), i) for i, p in enumerate(items)]
        else:
            names = [str(n) for n in labels]
        if len(names) != len(items) or not items:
            got = verbatim(f"{len(names)} for {len(items)} pictures")
            raise ParamError(refusal(self.name, "labels", "one for each picture", got))
        return self._vectors(items, progress), names

    def _vectors(self, pictures: Iterable[Any], progress: Callable[[int], None] | None = None) -> NDArray[np.float64]:
        rows: list[NDArray[np.float64]] = []
        for picture in pictures:
            rows.append(vector(self.features, self.params, self._prepared(picture)))
            if len(rows[-1]) != len(rows[0]):
                got = verbatim(f"vectors of {len(rows[0])} and {len(rows[-1])} numbers")
                hint = "Let the pipeline bring pictures to one size: step(ops.resize, width=64, height=64)."
                raise ParamError(refusal(self.name, "pictures", "of one size after the pipeline", got, hint))
            if progress is not None:
                progress(1)
        return np.stack(rows) if rows else np.zeros((0, 0))

    def _prepared(self, picture: Any) -> Array:
        if isinstance(picture, Sample):
            image = picture.image
        elif isinstance(picture, np.ndarray):
            image = check_image(self.name, picture)
        else:
            image = read(picture)
        if not self.pipeline.steps:
            return image
        out = self.pipeline(Sample(image))
        assert isinstance(out, Sample)
        return out.image

    # --- keeping ----------------------------------------------------------------------------------------------------
    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the classifier into a folder: classifier.json (settings, pipeline, digests) and plain NPY arrays.

        A folder that holds a classifier is replaced so that at any instant one of the two is whole.
        """
        self._fitted()
        base = os.fspath(folder)
        os.makedirs(base, exist_ok=True)
        arrays: dict[str, str] = {}
        for name, array in self._arrays.items():
            data = memory.BytesIO()
            np.lib.format.write_array(data, np.ascontiguousarray(array))
            arrays[name] = f"{name}-{hashlib.sha256(data.getvalue()).hexdigest()}.npy"
            write_bytes(os.path.join(base, arrays[name]), data.getvalue())
        settings = {
            "opsin": "classifier",
            "format": FORMAT,
            "features": self.features,
            "params": self.params,
            "model": self.model,
            "weights": self.weights if not isinstance(self.weights, Mapping) else dict(self.weights),
            "resample": self.resample,
            "neighbors": self.neighbors,
            "strength": self.strength,
            "seed": self.seed,
            "classes": list(self.classes),
            "pipeline": self.pipeline.to_data(),
            "arrays": arrays,
        }
        write_bytes(os.path.join(base, "classifier.json"), (json.dumps(settings, indent=2) + "\n").encode())
        for name in os.listdir(base):
            stem = name.partition("-")[0]
            if name.endswith(".npy") and name not in arrays.values() and any(stem in k for k in _ARRAYS.values()):
                os.unlink(os.path.join(base, name))

    def __repr__(self) -> str:
        state = f"{len(self.classes)} classes" if self.classes else "not fitted"
        return f"Classifier({self.features}, {self.model}, {state})"


def load(folder: str | os.PathLike[str]) -> Classifier:
    """Read a classifier that `Classifier.save` wrote; every array is checked against its digest.

    Args:
        folder: where it is.

    Raises:
        DatasetError: no classifier there, or a damaged one.
    """
    base = os.fspath(folder)
    path = os.path.join(base, "classifier.json")
    if not os.path.isfile(path):
        raise DatasetError(f"{base}: there is no classifier here. Make one with: opsin fit DIR --out {base}.")
    found = parse_json(read_bytes(path).data, source=path)
    if not isinstance(found, dict) or found.get("opsin") != "classifier" or found.get("format") != FORMAT:
        raise DatasetError(f"{path}: this is no classifier of format {FORMAT}.")
    try:
        params = {k: tuple(v) if isinstance(v, list) else v for k, v in found["params"].items()}
        settings = {k: found[k] for k in ("weights", "resample", "neighbors", "strength", "seed")}
        pipeline = Pipeline.from_data(found["pipeline"])
        out = Classifier(found["features"], found["model"], pipeline=pipeline, params=params, **settings)
        out.classes = tuple(str(c) for c in found["classes"])
        names = {name: str(found["arrays"][name]) for name in _ARRAYS[out.model]}
    except (KeyError, TypeError, AttributeError) as reason:
        raise DatasetError(f"{path}: this classifier is damaged: {reason}.") from None
    for name, file in names.items():
        blob = read_bytes(file, root=base)
        if file != f"{name}-{blob.digest}.npy":
            raise DatasetError(
                f"{os.path.join(base, file)}: this file is not what was saved. Fit the classifier again."
            )
        out._arrays[name] = parse_npy(blob.data, source=file)
    return out


def _label(where: str, label: Any, key: Any) -> str:
    if label is None:
        raise ParamError(refusal(where, "labels", "known for every picture", verbatim(f"none for {key!r}")))
    return str(label)


def _numbers(where: str, names: list[str]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    classes = tuple(sorted(set(names), key=lambda n: (len(n), n) if n.isdigit() else (1 << 20, n)))
    if len(classes) < 2:
        raise ParamError(refusal(where, "labels", "at least two classes", verbatim(f"{len(classes)}")))
    number = {name: i for i, name in enumerate(classes)}
    return classes, np.array([number[n] for n in names], dtype=np.int64)


# --- the usual ones -------------------------------------------------------------------------------------------------
def _sized(side: int) -> Pipeline:
    return Pipeline(step(op_of("resize").public, width=side, height=side))


def hog_classifier(side: int = 48, cell: int = 8, **settings: Any) -> Classifier:
    """Tell shapes apart by histograms of gradients and logistic regression: digits, signs, faces.

    Args:
        side: pictures are brought to side x side pixels.
        cell: of the histograms, in pixels.
        settings: as of `Classifier`.
    """
    settings = {"pipeline": _sized(side), "params": {"cell": cell}, **settings}
    return Classifier("hog", **settings)


def texture_classifier(model: Literal["logistic", "neighbors"] = "neighbors", **settings: Any) -> Classifier:
    """Tell textures apart by a bank of Gabor filters, and nearest neighbors or logistic regression.

    Args:
        model: "neighbors" or "logistic".
        settings: as of `Classifier`; the pipeline must keep the scale of the texture.
    """
    return Classifier("gabor_bank", model, **settings)


def color_classifier(model: Literal["logistic", "neighbors"] = "logistic", **settings: Any) -> Classifier:
    """Tell pictures apart by how much of each color they hold.

    Args:
        model: "logistic" or "neighbors".
        settings: as of `Classifier`; `params={"bins": 6, "grid": 1}` of the histogram.
    """
    return Classifier("color", model, **settings)
