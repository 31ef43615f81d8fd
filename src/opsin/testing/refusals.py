"""Laws about what a technique refuses, and what is written about it."""

from __future__ import annotations

import inspect
import json
import math
import pickle
import re
from typing import Any

import numpy as np

from opsin.errors import OpsinError
from opsin.kinds import Either, Flag, Kind, Listing, Number, OneOf, Tuple
from opsin.op import Op
from opsin.pipeline import step
from opsin.testing import examples
from opsin.testing.common import PICTURES, check_declared, refusal_of, worked
from opsin.testing.strategies import Call, picture


# --- what is refused ----------------------------------------------------------------------------------------------
def _bad_values(kind: Kind) -> list[Any]:
    """Values that a kind must refuse."""
    out: list[Any] = [object(), kind.bad()]
    alternatives = kind.kinds if isinstance(kind, Either) else (kind,)
    if any(isinstance(k, Number) for k in alternatives):
        out += [math.nan, math.inf, "1", True]
        out += [1.5] if all(not isinstance(k, Number) or k.whole for k in alternatives) else []
    if any(isinstance(k, OneOf) for k in alternatives):
        out += ["no such option"]
    if any(isinstance(k, Flag) for k in alternatives):
        out += ["yes"]
    if any(isinstance(k, Tuple | Listing) for k in alternatives):
        out += [(), (object(),)]
    accepted = []
    for value in out:
        try:
            kind.accept(value)
        except Exception:
            accepted.append(value)
    return accepted


def bad_values_refused(op: Op) -> None:
    """Every bad value of every parameter is refused with the one sentence; so are unknown and missing parameters."""
    spec = op.spec
    image = picture(24, 33, 3, "uint8", "smooth")
    goal, params = examples.target(op, image), examples.arguments(op, image)
    for param in spec.params.values():
        for bad in _bad_values(param.kind) if not param.supplied else ["no rng", 1.5]:
            if bad is param.default:
                continue  # `parts=()`: nothing further is wanted
            message = refusal_of(lambda p=param, b=bad: op.public(goal, **{**params, p.name: b}))  # type: ignore[misc]
            shape = rf"{spec.name}: {param.name} must be .+; got .+\."
            assert re.match(shape, message, re.DOTALL), f"{spec.name}({param.name}={bad!r}) is answered by: {message}"
            if not param.supplied:
                own = {k: v for k, v in params.items() if not spec.params[k].supplied}
                try:
                    step(op.public, **{**own, param.name: bad})
                except OpsinError as reason:
                    assert param.name in str(reason), f"step({spec.name}, {param.name}={bad!r}): {reason}"
                else:
                    raise AssertionError(f"step({spec.name}, {param.name}={bad!r}) was accepted")
        if param.required:
            less = {k: v for k, v in params.items() if k != param.name}
            message = refusal_of(lambda given_less=less: op.public(goal, **given_less))  # type: ignore[misc]
            assert message.startswith(f"{spec.name}: {param.name} must be "), f"without {param.name}: {message}"
    message = refusal_of(lambda: op.public(goal, **params, no_such_parameter=1))
    assert "'no_such_parameter' is not a parameter" in message, message


def bad_pictures_refused(op: Op) -> None:
    """NaN, infinity, empty pictures and wrong dtypes or axes are refused with the one sentence."""
    spec = op.spec
    image = picture(24, 33, 3, "float32", "smooth")
    goal, params = examples.target(op, image), examples.arguments(op, image)
    bad: list[tuple[str, Any]] = [("a list", [[0, 1], [2, 3]]), ("nothing", None), ("text", "photo.jpg")]
    if spec.takes in PICTURES:
        for value in (math.nan, math.inf, -math.inf):
            spoiled = goal.copy()
            spoiled[3, 4] = value
            bad.append((str(value), spoiled))
        shapes = [(0, 5, 3), (5, 0, 3), (5, 5, 0), (7,), (2, 5, 5, 3), ()]
        bad += [(f"shape {shape}", np.zeros(shape, np.uint8)) for shape in shapes]
        bad += [
            (str(dtype), goal.astype(dtype)) for dtype in (np.float64, np.float16, np.int32, np.bool_, np.complex64)
        ]
        bad += [("values up to 255", goal * np.float32(255))] if spec.unit_range else []
    if spec.takes == "frames":
        bad = [("no frames", []), ("frames of two sizes", [image, image[:-1]])]
    for name, value in bad:
        message = refusal_of(lambda v=value: op.public(v, **params))  # type: ignore[misc]
        form = rf"{spec.name}: \w+ must be .+; got .+\."
        assert re.match(form, message, re.DOTALL), f"{spec.name} on {name} is answered by: {message}"


def legal_ends(op: Op) -> None:
    """At the ends of the legal range a technique works or refuses; it neither breaks nor gives NaN."""
    image = picture(9, 21, 3, "float32", "smooth")
    goal, params = examples.target(op, image), examples.arguments(op, image)
    for param in op.spec.params.values():
        number = examples.number_kind(param.kind)
        if number is None:
            continue
        b = number.bound
        ends = [e for e in (b.ge, b.le) if e is not None and abs(e) <= 64]
        ends += [e * (1 + 1e-9) + 1e-9 for e in (b.gt,) if e is not None and not number.whole]
        for end in ends:
            call = Call(op, goal, {**params, param.name: int(end) if number.whole else end})
            accepted, result = worked(call)
            if accepted:
                check_declared(call, result)


# --- what is written ----------------------------------------------------------------------------------------------
def documented(op: Op) -> None:
    """The docstring says what, when, every parameter, what comes back and where it is from."""
    spec, doc = op.spec, op.spec.doc
    assert doc.summary.endswith(".") and len(doc.summary) <= 120, f"{spec.name}: the summary is one sentence"
    assert doc.body, f"{spec.name}: the docstring does not say when to use it"
    first = next(iter(inspect.signature(op.fn).parameters))
    told = [name for name in doc.args if name != first]  # the first input may be told of too
    assert told == list(spec.params), f"{spec.name}: Args: {told}, parameters: {list(spec.params)}"
    empty = [name for name, text in doc.args.items() if not text.strip()]
    assert not empty, f"{spec.name}: nothing is said about {', '.join(empty)}"
    assert doc.returns, f"{spec.name}: Returns: is missing"
    assert doc.source, f"{spec.name}: Source: is missing"


def usual_ranges(op: Op) -> None:
    """A number with an open end has a usual range, inside the legal one."""
    for param in op.spec.params.values():
        kinds = param.kind.kinds if isinstance(param.kind, Either) else (param.kind,)
        for number in (k for k in kinds if isinstance(k, Number)):
            b = number.bound
            opened = (b.ge is None and b.gt is None) or (b.le is None and b.lt is None)
            free = param.name == "fill"  # a fraction by meaning; floats outside 0..1 are carried by geometry
            assert not opened or param.usual or free, f"{op.name}: {param.name} has an open end and no usual range"
            if param.usual:
                low, high = param.usual
                assert low < high, f"{op.name}: the usual range of {param.name} is empty"
                fits = number.inside(examples.inside(number, low)) and number.inside(examples.inside(number, high))
                assert fits, f"{op.name}: the usual range of {param.name} is not legal"


def pickles(op: Op) -> None:
    """The function pickles as itself, and carries its name, signature and documentation."""
    assert pickle.loads(pickle.dumps(op.public)) is op.public, f"{op.name} does not pickle"
    assert op.public.__name__ == op.name and op.public.__doc__
    assert json.dumps(op.spec.to_dict())
