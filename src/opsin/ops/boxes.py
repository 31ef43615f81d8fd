"""Which of many boxes stay."""

from typing import Annotated, Any, Literal

import numpy as np

from opsin.errors import ParamError, refusal, verbatim
from opsin.kernels.nms import corners_of, suppress
from opsin.op import op
from opsin.types import Array, Bound, Fraction, Role, Shape, Usual
from opsin.values import Boxes
from opsin.values.kept import Kept


@op
def non_max_suppression(
    boxes: Annotated[Boxes | Annotated[Array, Shape(2)], Role("boxes")],
    /,
    scores: Annotated[Array, Shape(1, empty=True)] | None = None,
    *,
    overlap: Fraction = 0.5,
    labels: Annotated[Array, Shape(1, empty=True)] | tuple[str, ...] | None = None,
    method: Literal["greedy", "soft", "soft_linear"] = "greedy",
    sigma: Annotated[float, Bound(gt=0.0), Usual(0.1, 1.0)] = 0.5,
    least: Annotated[float, Bound(ge=0.0), Usual(0.0, 0.1)] = 0.001,
) -> Kept:
    """Choose among boxes that overlap: the best stays, those that share too much with it go.

    Use it behind any detector that answers several times for one object. "soft" lowers scores instead of taking boxes
    away, which finds objects that stand in front of each other; cut at a score afterwards.

    Args:
        boxes: Boxes, or an array: N 4 (x1 y1 x2 y2), N 5 turned (center x y, width, height, degrees anticlockwise), or
            N 8 (four corners, convex).
        scores: N; may be left out when Boxes have them.
        overlap: intersection over union above which a box goes or is lowered ("soft" lowers all that overlap).
        labels: N numbers or texts; boxes of different labels do not touch each other. Boxes bring their own.
        method: "greedy", "soft" (by exp(-overlap^2 / sigma)) or "soft_linear" (by 1 - overlap).
        sigma: of "soft".
        least: soft methods drop boxes whose score falls below it.

    Returns:
        the rows that stay, by falling score: whole numbers, usable as an index; `.scores`, `.boxes`.

    Raises:
        ParamError: columns of different lengths, boxes turned inside out, or no scores.

    Source:
        The rule of torchvision.ops.nms and batched_nms; Bodla, Singh, Chellappa and Davis, "Soft-NMS", 2017.
    """
    where = "non_max_suppression"
    words = boxes.labels if isinstance(boxes, Boxes) and labels is None else labels
    if isinstance(boxes, Boxes) and scores is None:
        scores = boxes.scores
    rows = _rows(where, boxes)
    if rows.size == 0:
        rows = rows.reshape(0, rows.shape[1] if rows.ndim == 2 and rows.shape[1] in (4, 5, 8) else 4)
    if rows.ndim != 2 or rows.shape[1] not in (4, 5, 8) or not np.isfinite(rows).all():
        raise ParamError(refusal(where, "boxes", "finite numbers N x 4, N x 5 or N x 8", rows))
    if rows.shape[1] == 4 and len(rows) and (rows[:, 2:] < rows[:, :2]).any():
        bad = int(np.flatnonzero((rows[:, 2:] < rows[:, :2]).any(axis=1))[0])
        raise ParamError(refusal(where, "boxes", "x1 y1 x2 y2 with x1 <= x2 and y1 <= y2", rows[bad].tolist()))
    if rows.shape[1] == 5 and (rows[:, 2:4] < 0.0).any():
        raise ParamError(refusal(where, "boxes", "turned boxes of no negative size", rows[:, 2:4].min()))
    if scores is None:
        raise ParamError(refusal(where, "scores", "one number for each box", verbatim("nothing")))
    numbers = np.asarray(scores, dtype=np.float64)
    for name, column in (("scores", numbers), ("labels", words)):
        if column is not None and len(column) != len(rows):
            got = verbatim(f"{len(column)}")
            raise ParamError(refusal(where, name, f"one for each of {len(rows)} boxes", got))
    groups = None if words is None else np.asarray(words)
    if rows.shape[1] == 4 or not len(rows):
        quads = rows
    else:
        quads = corners_of(rows).reshape(-1, 8)
        if rows.shape[1] == 8 and not _convex(quads.reshape(-1, 4, 2)):
            raise ParamError(refusal(where, "boxes", "convex with corners in order", rows))
    kept, values = suppress(quads, numbers, overlap=overlap, groups=groups, method=method, sigma=sigma, least=least)
    named = None if groups is None else [_word(groups[i]) for i in kept]
    corners = corners_of(rows[kept]) if len(kept) else np.zeros((0, 4, 2))
    return Kept.of(kept, scores=values, corners=corners, labels=named)


def _rows(where: str, boxes: Any) -> Array:
    if isinstance(boxes, Boxes | np.ndarray | list | tuple):
        try:
            return np.asarray(boxes, dtype=np.float64)
        except (TypeError, ValueError):
            pass
    raise ParamError(refusal(where, "boxes", "Boxes or numbers N x 4, N x 5 or N x 8", boxes))


def _word(label: Any) -> str:
    return str(label) if isinstance(label, str) else f"{float(label):g}"


def _convex(quads: Array) -> bool:
    sides = np.roll(quads, -1, axis=1) - quads
    after = np.roll(sides, -1, axis=1)
    bends = sides[..., 0] * after[..., 1] - sides[..., 1] * after[..., 0]
    room = 1e-9 * np.abs(sides).max(initial=1.0) ** 2
    return bool(((bends >= -room).all(axis=1) | (bends <= room).all(axis=1)).all())
