"""Workers that may die: each has one item in hand, so that a crash, a hang or a lack of memory is blamed on that one.

The standard pools lose many tasks, or hang for ever, when a worker is killed. Here the supervisor knows what every
worker is doing, replaces a worker that died, tries the item once more, and gives it up at the second strike.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

from opsin.errors import OpsinError
from opsin.run.journal import Outcome
from opsin.run.worker import Setup, Task, work

__all__ = ["Supervisor"]

_STARTING = 120.0
_STILLBORN = 5
_AHEAD = 2  # tasks handed to a worker: one in hand, one waiting, so that it never idles for want of an answer


@dataclass
class _Worker:
    process: Any
    pipe: Connection
    tasks: deque[Task] = field(default_factory=deque)
    since: float = 0.0
    ready: bool = False


class Supervisor:
    """Run tasks on worker processes and give their outcomes as they come.

    Args:
        setup: what every worker needs to know once.
        workers: how many processes.
        seconds: how long one item may take.
        strike: called with an item's id when its worker died or hung; gives how often that has happened.
    """

    def __init__(self, setup: Setup, workers: int, seconds: float, strike: Callable[[int], int]) -> None:
        self._setup, self._count, self._seconds, self._strike = setup, workers, seconds, strike
        self._context = multiprocessing.get_context("spawn")
        self._workers: list[_Worker] = []
        self._again: deque[Task] = deque()
        self._stillborn = 0

    def run(self, tasks: Iterable[Task], stop: Callable[[], bool]) -> Iterator[tuple[Task, Outcome]]:
        """Give (task, outcome) in the order of completion; end early when `stop` says so."""
        source = iter(tasks)
        exhausted = False
        try:
            while not stop():
                exhausted = self._hand_out(source, exhausted)
                busy = [w for w in self._workers if w.tasks]
                if not busy and exhausted and not self._again:
                    return
                yield from self._collect(busy)
        finally:
            self.close()

    def _hand_out(self, source: Iterator[Task], exhausted: bool) -> bool:
        while True:
            task = self._again.popleft() if self._again else None
            if task is None and not exhausted:
                task = next(source, None)
                exhausted = task is None
            if task is None:
                return exhausted
            worker = self._free()
            if worker is None:
                self._again.appendleft(task)
                return exhausted
            if not worker.tasks:
                worker.since = time.monotonic()
            try:
                worker.pipe.send(task)
                worker.tasks.append(task)
            except OSError:
                # it has just died: `_collect` will read the end of its pipe and blame the task it had in hand
                self._again.appendleft(task)
                return exhausted

    def _free(self) -> _Worker | None:
        """Give the worker with the least to do, starting one where there are fewer than wanted."""
        idle = min(self._workers, key=lambda w: len(w.tasks), default=None)
        if len(self._workers) < self._count and (idle is None or idle.tasks):
            return self._start()
        return idle if idle is not None and len(idle.tasks) < _AHEAD else None

    def _start(self) -> _Worker:
        here, there = self._context.Pipe()
        process = self._context.Process(target=work, args=(self._setup, there), daemon=True)
        process.start()
        there.close()
        worker = _Worker(process, here)
        self._workers.append(worker)
        return worker

    def _collect(self, busy: list[_Worker]) -> Iterator[tuple[Task, Outcome]]:
        """Wait a little for answers; look after workers that died or take too long."""
        by_pipe = {w.pipe: w for w in busy}
        for pipe in wait(list(by_pipe), timeout=0.1):
            worker = by_pipe[pipe]  # type: ignore[index]
            try:
                outcome = worker.pipe.recv()
            except (EOFError, OSError):
                yield from self._died(worker)
                continue
            if outcome == "ready":
                worker.ready, worker.since = True, time.monotonic()
                self._stillborn = 0
                continue
            task = worker.tasks.popleft()
            worker.since = time.monotonic()
            yield task, outcome
        now = time.monotonic()
        for worker in list(self._workers):
            # starting a process is not the item's fault
            if worker.tasks and now - worker.since > (self._seconds if worker.ready else _STARTING):
                yield from self._too_slow(worker)

    def _died(self, worker: _Worker) -> Iterator[tuple[Task, Outcome]]:
        worker.process.join(timeout=5)
        code = worker.process.exitcode
        if not worker.ready:
            self._never_started(worker, code)
            return
        yield from self._blame(worker, "crashed", _how(code))

    def _never_started(self, worker: _Worker, code: int | None) -> None:
        """A worker that died before its first task blames nobody; when none starts, the job cannot go on."""
        self._again.extend(worker.tasks)
        self._replace(worker)
        self._stillborn += 1
        if self._stillborn >= _STILLBORN:
            raise OpsinError(f"prepare: worker processes end with code {code} before they begin; see the lines above.")

    def _too_slow(self, worker: _Worker) -> Iterator[tuple[Task, Outcome]]:
        worker.process.kill()
        worker.process.join(timeout=5)
        if not worker.ready:
            self._never_started(worker, worker.process.exitcode)
            return
        yield from self._blame(worker, "timeout", f"took more than {self._seconds:g} seconds, twice")

    def _blame(self, worker: _Worker, kind: str, message: str) -> Iterator[tuple[Task, Outcome]]:
        tasks = list(worker.tasks)
        self._replace(worker)
        if not tasks:
            return
        guilty, *waiting = tasks
        self._again.extend(waiting)
        if self._strike(guilty.id) < 2:
            self._again.append(guilty)
            return
        yield guilty, Outcome("quarantined", stage="pipeline", kind=kind, message=f"{guilty.key}: {message}.")

    def _replace(self, worker: _Worker) -> None:
        if worker in self._workers:
            self._workers.remove(worker)
        worker.pipe.close()
        if worker.process.is_alive():
            worker.process.kill()
        worker.process.join(timeout=5)

    def close(self) -> None:
        """Stop all workers at once; what they had in hand is redone by the next run."""
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join(timeout=5)
            worker.pipe.close()
        self._workers.clear()


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        memory = ", perhaps for lack of memory" if name == "SIGKILL" else ""
        return f"its worker was ended by {name}{memory}, twice"
    return f"its worker ended with code {code}, twice"
