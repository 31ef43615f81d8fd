"""Faults on order: every system call of the write door has a number, and a test can make the n-th one fail.

Off (the default) this costs one comparison a call. On, by `inject(FaultPlan(...))` or by the environment variable
`OPSIN_FAULT=write:<n>:<what>`, with `what` one of `kill`, `short`, or an errno name such as `ENOSPC` or `EIO`.
"""

from __future__ import annotations

import errno
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

__all__ = ["FaultPlan", "call", "inject"]

T = TypeVar("T")


@dataclass
class FaultPlan:
    """Make the n-th call of the write door fail.

    Args:
        n: which call, counted from 1; 0 never fails, and `log` then lists the calls.
        what: an errno name; `short` (a write that takes half of its bytes); `kill` (SIGKILL before the call);
            `kill-after` (SIGKILL after it).
    """

    n: int = 0
    what: str = "EIO"
    log: list[str] = field(default_factory=list)
    fired: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def run(self, name: str, function: Callable[..., T], *args: Any) -> T:
        """Count a call, and do to it what was ordered."""
        with self._lock:
            self.log.append(name)
            mine = len(self.log) == self.n
        if not mine:
            return function(*args)
        if self.what == "short" and name != "write":
            return function(*args)
        self.fired = True
        if self.what == "short":
            return function(args[0], memoryview(args[1])[: max(1, len(args[1]) // 2)])
        if self.what == "kill-after":
            function(*args)
        if self.what.startswith("kill"):
            os.kill(os.getpid(), signal.SIGKILL)
        number = getattr(errno, self.what)
        raise OSError(number, os.strerror(number))


def _from_environment() -> FaultPlan | None:
    text = os.environ.get("OPSIN_FAULT", "")
    door, _, rest = text.partition(":")
    count, _, what = rest.partition(":")
    return FaultPlan(int(count), what) if door == "write" and count.isdigit() and what else None


_plan: FaultPlan | None = _from_environment()


def call(name: str, function: Callable[..., T], *args: Any) -> T:
    """Run one numbered system call."""
    if _plan is None:
        return function(*args)
    return _plan.run(name, function, *args)


@contextmanager
def inject(plan: FaultPlan) -> Iterator[FaultPlan]:
    """Put a plan in force for the length of a `with` block."""
    global _plan
    before, _plan = _plan, plan
    try:
        yield plan
    finally:
        _plan = before
