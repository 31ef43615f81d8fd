"""Laws about what comes out of a technique, and how it treats what goes in."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np

from opsin.arrays import to_unit
from opsin.chance import Rng
from opsin.op import Op
from opsin.pipeline import Pipeline, augment, step
from opsin.sample import Sample
from opsin.testing import examples
from opsin.testing.common import PICTURES, arrays_of, check_declared, over_calls, refusal_of, same, worked
from opsin.testing.strategies import TINY, Call, picture
from opsin.tiling import halo_of, run_tiled
from opsin.types import Array


def declared_output(op: Op) -> None:
    """Dtype, axes and channels of a picture stay; masks are bool, labels whole numbers, values can be saved."""
    over_calls(op, check_declared)


def tiny_sizes(op: Op) -> None:
    """One pixel and odd shapes work, or are refused in a sentence."""
    must = op.spec.shape == "pointwise"
    over_calls(op, check_declared, sizes=TINY, must_work=must)


def bands(op: Op) -> None:
    """Two or five channels work where color has no meaning, or are refused in a sentence."""
    if op.spec.takes == "image":
        over_calls(op, check_declared, channels=(2, 5), must_work=op.spec.shape != "op")


# --- how inputs are treated ---------------------------------------------------------------------------------------
def inputs_untouched(op: Op) -> None:
    """Inputs are never written to: read-only arrays are taken, and their bytes stay."""

    def check(call: Call, result: Any) -> None:
        for a in arrays_of(call):
            a.flags.writeable = False
        assert same(result, call.run()), f"{call!r}: a read-only input gave another result"

    over_calls(op, check)


def _layouts(a: Array) -> Iterator[tuple[str, Array]]:
    wide = np.zeros((2 * a.shape[0], 2 * a.shape[1], *a.shape[2:]), a.dtype)
    wide[::2, ::2] = a
    yield "strided", wide[::2, ::2]
    yield "negative-stride", np.ascontiguousarray(a[::-1, ::-1])[::-1, ::-1]
    yield "Fortran", np.asfortranarray(a)


def any_layout(op: Op) -> None:
    """The same call gives the same bytes, and a strided, mirrored or Fortran input gives them too."""

    def check(call: Call, result: Any) -> None:
        assert same(result, call.run()), f"{call!r}: the same call gave another result"
        if isinstance(call.target, np.ndarray):
            for name, other in _layouts(call.target):
                assert same(result, call.run(other)), f"{call!r}: a {name} input gave another result"

    over_calls(op, check)


def sample_like_array(op: Op) -> None:
    """On a sample a picture comes out as on the array, and everything pickles."""
    spec = op.spec
    if spec.takes not in PICTURES:
        return

    def check(call: Call, result: Any) -> None:
        out = call.run(Sample(call.target, label="a", boxes=[[0, 0, 5, 6]]))
        assert isinstance(out, Sample), f"{call!r}: a sample gave {type(out).__name__}"
        if spec.returns in (*PICTURES, "warp"):
            assert same(out.image, result), f"{call!r}: a sample gave another picture"
            assert (out.size.height, out.size.width) == out.image.shape[:2] or spec.rescales, (
                f"{call!r}: canvas differs"
            )
            if not spec.rescales and out.image.shape[:2] != call.target.shape[:2]:
                known = out.warp.stages and out.warp.source == (call.target.shape[1], call.target.shape[0])
                assert known, f"{call!r}: the canvas changed and the sample does not know how; say it with a Warp"
        else:
            assert out.image is call.target and same(out.results[spec.name], result), f"{call!r}: result differs"
        assert same(pickle.loads(pickle.dumps(out)), out), f"{call!r}: the sample does not pickle"
        assert same(pickle.loads(pickle.dumps(result)), result), f"{call!r}: the result does not pickle"

    over_calls(op, check)


def alpha_kept(op: Op) -> None:
    """Tone, color and noise leave a fourth channel alone."""
    spec = op.spec
    if not spec.unit_range or spec.takes not in PICTURES or spec.returns != "image" or spec.rescales:
        return

    def check(call: Call, result: Any) -> None:
        assert same(np.array(result[..., 3]), np.array(call.target[..., 3])), f"{call!r}: alpha changed"

    over_calls(op, check, channels=(4,), must_work=False)


def tiles(op: Op) -> None:
    """Where a halo is declared, tiles with that halo give what the whole picture gives."""
    spec = op.spec
    if spec.shape == "geometric" or (spec.shape == "op" and spec.halo is None) or spec.takes not in PICTURES:
        return
    # what wraps round looks at the far side of the picture, which no halo holds
    fixed = {"border": "reflect"} if "border" in spec.params else {}

    def check(call: Call, whole: Any) -> None:
        halo = halo_of(op.public, **call.params) or 0
        h, w = call.target.shape[:2]
        got = np.empty_like(whole)
        for top, bottom in ((0, h // 2), (h // 2, h)):
            for left, right in ((0, w // 3), (w // 3, w)):
                y0, x0, y1, x1 = max(0, top - halo), max(0, left - halo), min(h, bottom + halo), min(w, right + halo)
                part = call.run(np.ascontiguousarray(call.target[y0:y1, x0:x1]))
                got[top:bottom, left:right] = part[top - y0 : bottom - y0, left - x0 : right - x0]
        off = np.abs(got.astype(np.float64) - whole.astype(np.float64)).max()
        room = 1e-5 if whole.dtype.kind == "f" else 1.0
        assert off <= room, f"{call!r}: tiles with a halo of {halo} differ by {off:g}"

    over_calls(op, check, sizes=((48, 61), (64, 40)), fixed=fixed)


def run_in_tiles(op: Op) -> None:
    """`run_tiled` gives what the whole picture gives: integers exactly, floats to their last digits."""
    spec = op.spec
    if spec.shape == "geometric" or (spec.shape == "op" and spec.halo is None) or spec.random:
        return

    def check(call: Call, whole: Any) -> None:
        for tile in (19, 40):
            got = run_tiled(op.public, call.target, tile=tile, **call.params)
            assert type(got) is type(whole) and got.dtype == whole.dtype, f"{call!r}: tiles gave {type(got).__name__}"
            room = 1e-6 * max(1.0, float(np.abs(whole).max())) if whole.dtype.kind == "f" else 0.0
            off = np.abs(np.asarray(got, dtype=np.float64) - np.asarray(whole, dtype=np.float64)).max()
            assert off <= room, f"{call!r}: tiles of {tile} differ by {off:g}"

    over_calls(op, check, sizes=((48, 61), (37, 150), (90, 33)))


LEVELS: dict[str, tuple[float, float, str]] = {
    **dict.fromkeys(
        ("rand_augment", "trivial_augment", "auto_augment", "aug_mix"),
        (255.0, 0.0, "steps that quantize turn half a level before a threshold into a step"),
    ),
    "cartoon": (1.0, 0.2, "colors are flattened to few levels, and an outline begins where a threshold is passed"),
    "clahe": (255.0, 0.0, "its limit counts per bin of 256 or 65,536, as OpenCV's does: two techniques on small tiles"),
    "inpaint": (8.0, 0.08, "pixels are filled from pixels that were filled, and rounded, before"),
    "downscale": (2.0, 0.0, "8 bits are rounded on the way down and on the way back"),
    "jpeg_artifacts": (1.0, 0.6, "a coefficient at a tie is rounded to the next step of its table"),
}
"""Where a dtype may differ by more: levels of 255, the share of values that may differ by even more, and why."""


# they work on stored numbers: the last bit of integers (a float picture is refused), or units of the picture
BITS = ("hide", "window_intensity")


def dtypes_agree(op: Op) -> None:
    """A picture as uint8, uint16 and float32 comes out the same, within a level of 255 or what `LEVELS` states."""
    levels, share, _ = LEVELS.get(op.name, (1.0, 0.0, ""))
    spec = op.spec
    if spec.takes not in PICTURES or spec.returns not in (*PICTURES, "warp") or spec.rescales or op.name in BITS:
        return

    def check(call: Call, result: Any) -> None:
        base = call.target
        results = [result]
        for other in (base.astype(np.uint16) * np.uint16(257), (base / 255.0).astype(np.float32)):
            params = {k: _as_dtype(v, base, other) for k, v in call.params.items()}
            accepted, result_there = worked(Call(op, other, params))
            if not accepted:
                return
            results.append(result_there)
        eight, sixteen, real = (to_unit(r, np.float64) for r in results)
        for name, other in (("uint16", sixteen), ("float32", real)):
            assert other.shape == eight.shape, f"{call!r}: {name} gave {other.shape}, uint8 {eight.shape}"
            real_clamped = np.clip(other, 0.0, 1.0)
            off = np.abs(real_clamped - eight) * 255.0
            bad = float((off > levels + 1e-3).mean())
            assert bad <= share, f"{call!r}: {name} differs from uint8 by {off.max():.3g} levels ({bad:.2%} of values)"

    over_calls(op, check, dtypes=("uint8",))


def _as_dtype(value: Any, base: Array, other: Array) -> Any:
    """A picture among the parameters follows the main picture's dtype."""
    if isinstance(value, np.ndarray) and value.dtype == np.uint8 and value.ndim == base.ndim:
        return (
            value.astype(np.uint16) * np.uint16(257) if other.dtype == np.uint16 else (value / 255.0).astype(np.float32)
        )
    return value


# --- chance -------------------------------------------------------------------------------------------------------
def chance_is_addressed(op: Op) -> None:
    """The same address gives the same bytes, another address others; nothing is drawn from a hidden generator."""
    if not op.spec.random:
        return
    image = picture(40, 48, 3, "uint8", "smooth")
    params = examples.arguments(op, examples.target(op, image) if op.spec.takes in PICTURES else image)
    goal = examples.target(op, image)
    runs = [op.public(goal, **{**params, "rng": Rng(seed)}) for seed in (1, 2, 3, 4, 5, 6, 1)]
    assert same(runs[0], runs[-1]), f"{op.name}: the same rng gave another result"
    assert not all(same(runs[0], other) for other in runs[1:-1]), f"{op.name}: rng has no effect"
    if op.spec.params["rng"].required:
        less = {k: v for k, v in params.items() if k != "rng"}
        message = refusal_of(lambda: op.public(goal, **less))
        assert message.startswith(f"{op.name}: rng must be "), f"{op.name}: a missing rng is answered by: {message}"


def same_in_a_pipeline(op: Op) -> None:
    """A pipeline of one step gives what the call gives; it pickles, and its YAML reads back as itself."""
    spec = op.spec
    if spec.takes not in PICTURES or any(p.partners for p in spec.params.values()):
        return

    def check(call: Call, result: Any) -> None:
        given_params = {k: v for k, v in call.params.items() if not spec.params[k].supplied}
        one = step(call.op.public, **given_params)
        chance = bool(one.chance()) or any(p.supplied for p in spec.params.values())
        pipeline = Pipeline(augment(one) if chance else one, seed=3)
        words: dict[str, Any] = {"mode": "train", "key": 5, "epoch": 0} if chance else {}
        out = pipeline(Sample(call.target), **words)
        assert same(out, pickle.loads(pickle.dumps(pipeline))(Sample(call.target), **words)), (
            f"{call!r}: pickled differs"
        )
        if not any(isinstance(v, np.ndarray) for v in given_params.values()):
            text = pipeline.to_yaml()
            assert Pipeline.from_yaml(text).fingerprint == pipeline.fingerprint, f"{call!r}: YAML differs:\n{text}"
        if not chance and not spec.random and spec.returns in (*PICTURES, "warp"):
            off = np.abs(out.image.astype(np.float64) - result.astype(np.float64)).max()
            # half a level may round either way where a pipeline goes through floats and a call does not
            room = 2e-6 if result.dtype.kind == "f" else 1.0 if spec.shape == "geometric" else 0.0
            assert off <= room, f"{call!r}: a pipeline of one step differs by {off:g}"

    over_calls(op, check)
