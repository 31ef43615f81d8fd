"""Laws that every technique obeys, as functions of its registry entry; a broken law raises AssertionError.

`check_op(name)` runs them all, for a plug-in's own test; Opsin's tests run each law over the whole registry.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from opsin.errors import MissingExtra
from opsin.op import Op, op_of
from opsin.testing import behavior, refusals

__all__ = ["LAWS", "Law", "check_op"]

Law: TypeAlias = Callable[[Op], None]

_ALL: tuple[Law, ...] = (
    behavior.declared_output,
    behavior.tiny_sizes,
    behavior.bands,
    behavior.inputs_untouched,
    behavior.any_layout,
    behavior.sample_like_array,
    behavior.alpha_kept,
    behavior.tiles,
    behavior.run_in_tiles,
    behavior.dtypes_agree,
    behavior.chance_is_addressed,
    behavior.same_in_a_pipeline,
    refusals.bad_values_refused,
    refusals.bad_pictures_refused,
    refusals.legal_ends,
    refusals.documented,
    refusals.usual_ranges,
    refusals.pickles,
)
LAWS: dict[str, Law] = {law.__name__: law for law in _ALL}


def check_op(op: Op | str | Callable[..., Any]) -> None:
    """Run every law on one technique; all that is broken is told at once.

    Args:
        op: the technique's name, function or registry entry.

    Raises:
        AssertionError: which laws it breaks, and how.
        MissingExtra: what it needs is not installed.
    """
    entry = op if isinstance(op, Op) else op_of(op)
    broken = []
    for name, law in LAWS.items():
        try:
            law(entry)
        except MissingExtra:
            raise
        except Exception as reason:  # whatever goes wrong under a law breaks it
            kind = "" if isinstance(reason, AssertionError) else f"{type(reason).__name__}: "
            broken.append(f"{name}: {kind}{reason}")
    assert not broken, f"{entry.name} breaks {len(broken)} laws:\n" + "\n".join(broken)
