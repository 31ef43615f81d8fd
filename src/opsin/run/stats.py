"""Figures of a data set as it is, in one streaming pass."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Any

from opsin.errors import OpsinError
from opsin.run.figures import Figures
from opsin.run.worker import facts_of

if TYPE_CHECKING:
    from opsin.datasets import DataSet

__all__ = ["collect"]


def collect(data: DataSet, tick: Callable[[], None] = lambda: None) -> tuple[Figures, list[tuple[str, str]]]:
    """Read every picture once; what cannot be read is listed with its reason.

    Args:
        data: the data set.
        tick: called after every picture.
    """
    figures, bad = Figures(), []
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        entries: Iterator[Any] = iter(data.entries())
        # a few at a time: memory does not grow with the data set
        while chunk := list(islice(entries, 64)):
            for entry, facts in zip(chunk, pool.map(lambda e: _one(data, e), chunk), strict=True):
                if isinstance(facts, str):
                    bad.append((entry.key, facts))
                else:
                    figures.add(facts, data.class_names)
                tick()
    return figures, bad


def _one(data: DataSet, entry: Any) -> dict[str, Any] | str:
    try:
        sample, findings = data.load_checked(entry)
        return facts_of(sample, sample, findings)
    except OpsinError as reason:
        return str(reason)
