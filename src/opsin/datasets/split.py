"""Splits by addressed draw: where a picture goes depends on its key and the seed, not on its neighbors."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real

from opsin.chance import Rng
from opsin.errors import DatasetError, refusal

__all__ = ["check_weights", "split_of"]


def check_weights(weights: Mapping[str, float]) -> dict[str, float]:
    """Check parts of splits such as `{"train": 0.8, "val": 0.2}`.

    Raises:
        DatasetError: a part that is no number of at least 0, or parts that do not add up to 1.
    """
    if not isinstance(weights, Mapping) or not weights:
        raise DatasetError(refusal("split", "parts", "a name and a fraction each", weights, 'Say {"train": 0.8, ...}.'))
    for name, part in weights.items():
        if not isinstance(name, str) or not name or "/" in name or "\\" in name or name in (".", ".."):
            raise DatasetError(refusal("split", "name", "a word without slashes", name))
        if not isinstance(part, Real) or isinstance(part, bool) or not 0.0 <= float(part) <= 1.0:
            raise DatasetError(refusal("split", name, "a fraction from 0 to 1", part))
    total = sum(float(p) for p in weights.values())
    if abs(total - 1.0) > 1e-9:
        raise DatasetError(refusal("split", "parts", "fractions that add up to 1", round(total, 9)))
    return {name: float(part) for name, part in weights.items()}


def split_of(key: int | str, weights: Mapping[str, float], seed: int = 0) -> str:
    """Say to which split a picture belongs: one draw at the key's address.

    Adding or removing pictures moves no other picture; growing the first part only moves pictures into it.

    Args:
        key: the picture's key, or its group's name.
        weights: fractions that add up to 1, in order.
        seed: another seed draws another division.
    """
    parts = check_weights(weights)
    draw = float(Rng(seed, key=key, step="split").unit("split"))
    edge = 0.0
    for name, part in parts.items():
        edge += part
        if draw < edge:
            return name
    return [name for name, part in parts.items() if part > 0][-1]
