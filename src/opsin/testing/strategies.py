"""Hypothesis strategies for pictures, parameters and whole calls of any technique.

Sizes are small and odd, contents are harsh (noise, flat, extremes) as well as smooth; numbers stay in the usual range.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

from opsin.arrays import from_unit
from opsin.chance import Rng
from opsin.kinds import Either, Flag, Kind, Listing, Nothing, Number, OneOf, Tuple
from opsin.op import Op, op_of
from opsin.spec import Param
from opsin.testing import examples
from opsin.types import Array

__all__ = ["SIZES", "TINY", "Call", "calls", "images", "parameters", "picture"]

SIZES: tuple[tuple[int, int], ...] = ((24, 33), (17, 16), (31, 40), (9, 21))
"""Heights and widths of ordinary test pictures: odd, and never square."""
TINY: tuple[tuple[int, int], ...] = ((1, 1), (1, 7), (5, 1), (2, 3), (3, 2))
"""Heights and widths at which careless code breaks."""
_CONTENTS = ("noise", "smooth", "flat", "extremes", "steps")


@dataclass(frozen=True)
class Call:
    """One call of a technique: its first input and its parameters."""

    op: Op
    target: Any
    params: dict[str, Any] = field(default_factory=dict)

    def run(self, target: Any = None) -> Any:
        """Make the call, with another first input if one is given."""
        return self.op.public(self.target if target is None else target, **self.params)

    def __repr__(self) -> str:
        words = [_short(self.target), *(f"{k}={_short(v)}" for k, v in self.params.items())]
        return f"ops.{self.op.name}({', '.join(words)})"


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray) and value.size > 12:
        return f"<{value.dtype} {value.shape}, {value.min()}..{value.max()}>"
    return repr(value)


def picture(height: int, width: int, channels: int | None, dtype: Any, content: str, seed: int = 0) -> Array:
    """Make a test picture; `channels` None is H W."""
    rng, count = Rng(seed).at("picture"), channels or 1
    shape = (height, width, count)
    y, x = (np.mgrid[:height, :width] + 0.5) / np.array([height, width])[:, None, None]
    if content == "noise":
        values = rng.unit("noise", shape)
    elif content == "flat":
        values = np.broadcast_to(rng.unit("flat", count), shape)
    elif content == "extremes":
        values = (rng.unit("extremes", shape) < 0.5).astype(np.float64)
    elif content == "steps":
        values = np.floor((x + y)[..., None] * 4 + rng.unit("steps", count)) % 4 / 3.0
    else:
        turn = rng.uniform("turn", 0.5, 3.0, count)
        values = 0.5 + 0.5 * np.sin(6.0 * (x[..., None] * turn + y[..., None] * turn[::-1]) + turn)
    out = from_unit(np.array(values, dtype=np.float64), dtype)
    return out if channels is not None else np.ascontiguousarray(out[..., 0])


def images(
    *,
    dtypes: Sequence[str] = ("uint8", "uint16", "float32"),
    channels: Sequence[int | None] = (None, 1, 3, 4),
    sizes: Sequence[tuple[int, int]] = SIZES,
) -> st.SearchStrategy[Array]:
    """Pictures of the dtypes, channel counts (None: H W) and sizes (height, width)."""
    return st.builds(
        lambda size, count, dtype, content, seed: picture(size[0], size[1], count, dtype, content, seed),
        st.sampled_from(list(sizes)),
        st.sampled_from(list(channels)),
        st.sampled_from(list(dtypes)),
        st.sampled_from(_CONTENTS),
        st.integers(0, 99),
    )


def parameters(op: Op, image: Array, **fixed: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Arguments of a legal call: numbers in their usual range, every option, arrays that suit the picture."""
    spec, drawn = op.spec, {}
    known = examples.arguments(op, image, fixed)
    chosen = any((spec.name, name) in examples.BY_OP for name in spec.params)
    for param in spec.params.values():
        if param.name in fixed:
            drawn[param.name] = st.just(fixed[param.name])
        elif param.supplied or (spec.name, param.name) in examples.BY_OP:
            if param.name in known:
                drawn[param.name] = st.integers(0, 3).map(Rng) if _is_rng(param) else st.just(known[param.name])
        elif param.required and param.name in examples.BY_NAME and examples.takes_array(param):
            drawn[param.name] = st.just(known[param.name])
        elif chosen and param.default is None:
            continue  # the table chose among parameters of which one is given
        else:
            strategy = _numbers(param, image)
            if strategy is not None:
                left_out = not param.required
                drawn[param.name] = (st.just(param.default) | strategy) if left_out else strategy
            elif param.name in known:
                drawn[param.name] = st.just(known[param.name])
    return st.fixed_dictionaries(drawn)


def _is_rng(param: Param) -> bool:
    return param.supplied and not param.partners


def _numbers(param: Param, image: Array) -> st.SearchStrategy[Any] | None:
    """The strategy of a parameter made of numbers, flags and options; None for arrays, text and the like."""
    if param.name in ("fill", "channels", "border") and not param.required:
        return _edge(param, image)
    ends = examples.usual_of(param)
    if ends is not None and param.unit == "px" and param.required and examples.number_kind(param.kind) is not None:
        ends = (max(ends[0], 1), min(ends[1], 48)) if ends[0] >= 0 else ends
        ends = (min(ends), max(ends))
    return _of_kind(param, param.kind, ends)


def _edge(param: Param, image: Array) -> st.SearchStrategy[Any] | None:
    if param.name == "channels":
        return None  # "bands" would make alpha a color: the laws about alpha hold for the default
    if param.name == "fill":
        return st.sampled_from([0.0, 0.3, 1.0])
    return _of_kind(param, param.kind, None)


def _of_kind(param: Param, kind: Kind, ends: tuple[float, float] | None) -> st.SearchStrategy[Any] | None:
    if isinstance(kind, Number):
        if ends is None:
            ends = param.usual
        if ends is None:
            return None
        low, high = examples.inside(kind, ends[0]), examples.inside(kind, ends[1])
        if kind.whole:
            return st.integers(int(min(low, high)), int(max(low, high)))
        # a thousand steps from end to end: plain numbers, both ends among them, none so small that it has no meaning
        return st.integers(0, 1000).map(lambda k: float(f"{low + (high - low) * k / 1000:.6g}")).filter(kind.inside)
    if isinstance(kind, Flag):
        return st.booleans()
    if isinstance(kind, OneOf):
        return st.sampled_from(list(kind.options))
    if isinstance(kind, Tuple):
        return _tuple(param, kind)
    if isinstance(kind, Either):
        inner = [_of_kind(param, k, ends) for k in kind.kinds if not isinstance(k, Nothing | Listing)]
        found = [f for f in inner if f is not None]
        return st.one_of(found) if found else None
    return None


def _tuple(param: Param, kind: Tuple) -> st.SearchStrategy[Any] | None:
    """A range of two numbers comes in order; other tuples are free."""
    parts = [_of_kind(param, k, param.usual or _closed(k)) for k in kind.items]
    if any(p is None for p in parts):
        return None
    drawn: st.SearchStrategy[Any] = st.tuples(*parts)
    both = len(kind.items) == 2 and all(isinstance(k, Number) for k in kind.items)
    return drawn.map(lambda pair: tuple(sorted(pair))) if both else drawn


def _closed(kind: Kind) -> tuple[float, float] | None:
    if not isinstance(kind, Number):
        return None
    b = kind.bound
    low, high = (b.ge if b.ge is not None else b.gt), (b.le if b.le is not None else b.lt)
    return None if low is None or high is None else (low, high)


@st.composite
def calls(
    draw: st.DrawFn,
    op: Op | str,
    *,
    dtypes: Sequence[str] = ("uint8", "uint16", "float32"),
    channels: Sequence[int | None] = (None, 1, 3, 4),
    sizes: Sequence[tuple[int, int]] = SIZES,
    fixed: Mapping[str, Any] | None = None,
) -> Call:
    """Whole calls of a technique: a picture (mask, frames, sample, as the technique wants) and its arguments."""
    entry = op_of(op) if isinstance(op, str) else op
    image = draw(images(dtypes=dtypes, channels=channels, sizes=sizes))
    if entry.spec.takes == "rgb" and (image.ndim == 2 or image.shape[2] == 1):
        image = examples.target(entry, image)
    params = draw(parameters(entry, image, **(fixed or {})))
    return Call(entry, examples.target(entry, image), params)
