"""Taking stacks of pictures or signals apart: independent sources, uncorrelated channels."""

import warnings
from collections.abc import Iterable
from typing import Annotated, Any, Literal

import numpy as np

from opsin.errors import ParamError, refusal, verbatim
from opsin.kernels.extras import need
from opsin.op import op
from opsin.types import Array, Bound, Frames, Usual
from opsin.values.sources import Unmixed, Whitened

Mixtures = Literal["auto", "first", "last"]
_MOST = 1 << 20  # values that a fit looks at; more are spread evenly


def _read(where: str, stack: Any, mixtures: str) -> tuple[Array, int, Array]:
    """The stack as rows of float64 (mixtures x values), the axis that counts mixtures, and the array itself."""
    wanted = "an array N H W, H W N or N T, or a list of pictures of one size"
    if not isinstance(stack, np.ndarray):
        if isinstance(stack, str | bytes) or not isinstance(stack, Iterable):
            raise ParamError(refusal(where, "stack", wanted, stack))
        try:
            stack = np.stack([np.asarray(item) for item in stack])
            mixtures = "first"
        except (ValueError, TypeError):
            raise ParamError(refusal(where, "stack", wanted, verbatim("items that do not fit together"))) from None
    if stack.dtype.kind not in "buif" or stack.ndim not in (2, 3, 4) or 0 in stack.shape:
        raise ParamError(refusal(where, "stack", wanted, stack))
    if stack.dtype.kind == "f" and not np.isfinite(stack).all():
        raise ParamError(refusal(where, "stack", "finite", verbatim("NaN or infinity"), "Use numpy.nan_to_num first."))
    if mixtures == "auto":
        first = (
            stack.ndim == 4
            or stack.shape[0] < stack.shape[-1]
            or (stack.ndim == 2 and stack.shape[0] == stack.shape[1])
        )
        mixtures = "first" if first else "last"
    axis = 0 if mixtures == "first" else stack.ndim - 1
    scale = {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0}.get(stack.dtype, 1.0)
    # one layout in memory, whatever came in: the order of sums must not depend on it
    rows = np.ascontiguousarray(np.moveaxis(stack, axis, 0), dtype=np.float64).reshape(stack.shape[axis], -1) / scale
    return rows, axis, stack


def _independent(where: str, rows: Array, least: int) -> tuple[Array, Array, Array]:
    """Mean, and eigenvalues with vectors of the covariance, largest first; too few directions are refused."""
    mean = rows.mean(axis=1, keepdims=True)
    spread = rows.shape[1] - 1
    covariance = (rows - mean) @ (rows - mean).T / max(1, spread)
    values, vectors = np.linalg.eigh(covariance)
    values, vectors = values[::-1], vectors[:, ::-1]
    rank = int(np.count_nonzero(values > 1e-10 * max(float(values[0]), 1e-12))) if spread else 0
    if rank < least:
        got = verbatim(f"{rank} that vary independently")
        hint = "Leave out mixtures that are constant or sums of others."
        raise ParamError(refusal(where, "stack", f"mixtures of which at least {least} vary independently", got, hint))
    return mean, values, vectors


def _laid_out(rows: Array, axis: int, like: Array) -> Array:
    moved = [n for k, n in enumerate(like.shape) if k != axis]
    return np.ascontiguousarray(np.moveaxis(rows.reshape(-1, *moved), 0, axis))


def _turn(vectors: Array) -> Array:
    """What to turn the mixtures by before the search: nothing, as a rule.

    scikit-learn gives every direction the sign of its first mixture; where that one has no part in it (a constant
    channel), the direction would become 0.
    """
    count = len(vectors)
    if count == 1 or np.abs(vectors[0]).min() > 1e-9:
        return np.eye(count)
    axis = np.sqrt(np.arange(2.0, count + 2.0))
    axis /= np.linalg.norm(axis)
    return np.asarray(np.eye(count) - 2.0 * np.outer(axis, axis))


@op(extra="cv")
def ica(
    stack: Frames,
    /,
    *,
    components: Annotated[int, Bound(ge=1, le=4096), Usual(2, 8)],
    seed: Annotated[int, Bound(ge=0, le=2**32 - 1), Usual(0, 100)] = 0,
    mixtures: Mixtures = "auto",
) -> Unmixed:
    """Find the independent sources of which every picture or signal of a stack is a weighted sum.

    Use it on reflections and what is behind the glass, on stains in microscopy, on several microphones. Sources come
    without order, sign and scale of their own: here they have variance 1, the strongest comes first, and each weighs
    positively on the whole.

    Args:
        stack: several pictures of one size (a list, or an array N H W or N H W C), one picture H W N whose channels
            are the mixtures, or signals N T.
        components: number of sources, at most the number of mixtures.
        seed: of the search's start.
        mixtures: which axis of an array counts the mixtures; "auto" takes the shorter of the first and the last.

    Returns:
        Unmixed: the sources float64, laid out as the stack was; `.mixing`, `.unmixing`, `.center`, `.pictures()`.

    Raises:
        ParamError: more components than mixtures, or than vary independently; values that are not finite.

    Source:
        Hyvarinen and Oja, "Independent component analysis: algorithms and applications", Neural Networks 2000;
        scikit-learn's FastICA.
    """
    rows, axis, array = _read("ica", stack, mixtures)
    if components > rows.shape[0]:
        wanted = f"at most {rows.shape[0]}, the number of mixtures"
        raise ParamError(refusal("ica", "components", wanted, components))
    few = rows[:, :: max(1, -(-rows.shape[1] // _MOST))]
    turn = _turn(_independent("ica", few, components)[2][:, :components])
    decomposition = need("sklearn.decomposition", "ica", extra="cv")
    model = decomposition.FastICA(
        n_components=components, whiten="unit-variance", random_state=seed, max_iter=1000, tol=1e-5
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(few.T @ turn.T)
    mixing = turn.T @ np.asarray(model.mixing_, dtype=np.float64)
    order = np.argsort(-np.linalg.norm(mixing, axis=0), kind="stable")
    sign = np.where(mixing.sum(axis=0) < 0.0, -1.0, 1.0)[order]
    mixing = mixing[:, order] * sign
    unmixing = np.asarray(model.components_ @ turn, dtype=np.float64)[order] * sign[:, None]
    mean = turn.T @ np.asarray(model.mean_, dtype=np.float64)
    sources = unmixing @ (rows - mean[:, None])
    converged = not any("onverge" in str(w.message) for w in caught)
    return Unmixed.of(
        _laid_out(sources, axis, array), mixing=mixing, unmixing=unmixing, center=mean, axis=axis, converged=converged
    )


@op
def whiten(stack: Frames, /, *, method: Literal["zca", "pca"] = "zca", mixtures: Mixtures = "auto") -> Whitened:
    """Make channels uncorrelated, each with variance 1.

    Use it before learning or unmixing. "zca" changes as little as possible, so that pictures stay recognizable; "pca"
    sorts by variance.

    Args:
        stack: several pictures of one size (a list, or an array N H W or N H W C), one picture H W N whose channels
            are made uncorrelated, or signals N T.
        method: "zca" turns back after scaling, "pca" does not.
        mixtures: which axis of an array counts the channels; "auto" takes the shorter of the first and the last.

    Returns:
        Whitened: an array laid out as the stack was (float32 for pictures, float64 for other numbers), with `.matrix`
        and `.center`.

    Raises:
        ParamError: channels that are constant or depend on each other; values that are not finite.

    Source:
        Kessy, Lewin and Strimmer, "Optimal whitening and decorrelation", American Statistician 2018.
    """
    rows, axis, array = _read("whiten", stack, mixtures)
    mean, values, vectors = _independent("whiten", rows, rows.shape[0])
    # eigenvectors have no sign of their own: their sum is made positive
    vectors = vectors * np.where(vectors.sum(axis=0) < 0.0, -1.0, 1.0)
    matrix = (vectors / np.sqrt(values)).T
    if method == "zca":
        matrix = vectors @ matrix
    out = _laid_out(matrix @ (rows - mean), axis, array)
    if array.dtype in (np.uint8, np.uint16, np.float32):
        out = out.astype(np.float32)
    return Whitened.of(out, matrix=matrix, center=mean[:, 0], axis=axis)
