"""What the laws share: results compared to the bit, calls tried, and what a technique declares about its result."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from hypothesis import given, settings

from opsin.errors import ParamError
from opsin.op import Op
from opsin.sample import Sample
from opsin.testing import examples
from opsin.testing.strategies import Call, calls
from opsin.types import Array
from opsin.values import Value

__all__ = ["PICTURES", "arrays_of", "check_declared", "over_calls", "picture_of", "refusal_of", "same", "worked"]

PICTURES = ("image", "rgb", "gray")


def same(a: Any, b: Any) -> bool:
    """Say whether two results are equal to the bit, whatever they are."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        if not (isinstance(a, np.ndarray) and isinstance(b, np.ndarray)) or a.dtype != b.dtype or a.shape != b.shape:
            return False
        return bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))
    if isinstance(a, Sample):
        return isinstance(b, Sample) and same(a.image, b.image) and same(a.instances, b.instances)
    if is_dataclass(a) and type(a) is type(b):
        return all(same(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))
    if isinstance(a, Value):
        return type(a) is type(b) and bool(a.to_dict() == b.to_dict())
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, Mapping):
        return isinstance(b, Mapping) and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return bool(a == b)


def picture_of(result: Any) -> Array | None:
    """The picture in a result: the array itself, or a sample's."""
    if isinstance(result, Sample):
        return result.image
    return result if isinstance(result, np.ndarray) else None


def arrays_of(call: Call) -> list[Array]:
    """List the arrays that a call is given."""
    given_values = (call.target, *call.params.values())
    return [v.image if isinstance(v, Sample) else v for v in given_values if isinstance(v, np.ndarray | Sample)]


def worked(call: Call) -> tuple[bool, Any]:
    """Run a call; parameters that do not fit each other or the picture may be refused, in the one form."""
    before = [a.tobytes() for a in arrays_of(call)]
    try:
        result = call.run()
    except ParamError as reason:
        assert re.match(r"(\w+): .+", str(reason)), f"{call!r} is refused without naming the technique: {reason}"
        return False, None
    assert [a.tobytes() for a in arrays_of(call)] == before, f"{call!r} wrote into its input"
    return True, result


def over_calls(op: Op, check: Callable[[Call, Any], None], *, must_work: bool = True, **words: Any) -> None:
    """Check generated calls; a third of them, and some of every dtype, must be accepted, or the law would be empty."""
    tried: dict[str, list[bool]] = {}
    count = settings().max_examples

    @settings(max_examples=max(4, count // 3) if op.name in examples.SLOW else count)
    @given(call=calls(op, **words))
    def run(call: Call) -> None:
        accepted, result = worked(call)
        given_picture = picture_of(call.target)
        tried.setdefault("" if given_picture is None else str(given_picture.dtype), []).append(accepted)
        if accepted:
            check(call, result)

    run()
    if must_work and op.name not in examples.PICKY:
        outcomes = [outcome for some in tried.values() for outcome in some]
        accepted = f"{sum(outcomes)} of {len(outcomes)} ordinary calls were accepted"
        assert sum(outcomes) * 3 >= len(outcomes), f"{op.name}: only {accepted}"
        never = [dtype for dtype, some in tried.items() if len(some) > 2 and not any(some)]
        assert not never, f"{op.name}: {accepted}, and none of {', '.join(never)}"


def check_declared(call: Call, result: Any) -> None:
    """Assert that a result is what the signature says, and that values save and draw themselves."""
    spec, given_picture = call.op.spec, picture_of(call.target)
    if spec.returns in (*PICTURES, "warp"):
        out = picture_of(result)
        assert out is not None, f"{call!r} gave {type(result).__name__}, not a picture"
        assert out.flags.c_contiguous, f"{call!r}: the result is not C-contiguous"
        if out.dtype.kind == "f":
            assert np.isfinite(out).all(), f"{call!r}: the result is not finite"
        if given_picture is None or spec.takes not in PICTURES or spec.rescales:
            return
        assert out.dtype == given_picture.dtype, f"{call!r}: {given_picture.dtype} became {out.dtype}"
        if spec.returns in ("image", "warp"):
            assert out.ndim == given_picture.ndim, f"{call!r}: {given_picture.shape} became {out.shape}"
            assert out.shape[2:] == given_picture.shape[2:], f"{call!r}: {given_picture.shape} became {out.shape}"
    elif spec.returns == "mask":
        assert isinstance(result, np.ndarray) and result.dtype == np.bool_, f"{call!r}: not a mask"
    elif spec.returns == "labels":
        assert isinstance(result, np.ndarray) and result.dtype.kind in "iu", f"{call!r}: not labels"
    elif spec.returns == "sample":
        assert isinstance(result, Sample), f"{call!r} gave {type(result).__name__}, not a Sample"
    if isinstance(result, Value):
        json.dumps(result.to_dict(), allow_nan=False)
        if type(result).draw is not Value.draw and given_picture is not None:
            try:
                drawn = result.draw(given_picture)
            except ParamError:  # a value that came of something else than this picture says so
                return
            assert drawn.dtype == np.uint8 and drawn.ndim == 3 and drawn.shape[2] == 3, f"{call!r}: draw is no picture"


def refusal_of(run: Callable[[], Any]) -> str:
    """Give the sentence of a refusal; anything else that happens is the failure itself."""
    try:
        out = run()
    except ParamError as reason:
        return str(reason)
    return f"no refusal, but {type(out).__name__}"
