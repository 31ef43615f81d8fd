"""What is asked of each pipeline's speed, as data: how many times faster, at least and as a goal."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["AIMS", "LOADERS", "SCRATCH_MB", "SHARED", "THREADS", "Aim", "aim", "met"]


@dataclass(frozen=True)
class Aim:
    """Ratios that are asked for.

    Args:
        must: against the best peer of equal output, hand-written code included.
        goal: the same, as a goal.
        library: must and goal against the best library, where that is asked.
        torchvision: must and goal against torchvision on tensors, where that is asked.
        floor: the goal against libjpeg-turbo's decode and one write.
    """

    must: float
    goal: float
    floor: float
    library: tuple[float, float] | None = None
    torchvision: tuple[float, float] | None = None


AIMS = {
    "P1": Aim(2.0, 2.8, 1.3),
    "P2": Aim(3.0, 4.0, 1.3),
    "P3": Aim(1.7, 2.3, 1.0, library=(4.0, 5.0)),
    "P4": Aim(2.5, 3.5, 1.0),
    "P5": Aim(2.0, 2.4, 2.3, torchvision=(5.0, 6.5)),
    "P6": Aim(3.7, 5.5, 0.45, library=(5.0, 7.0)),
}
_P4_WITHOUT_BYTE_TABLES = Aim(1.7, 2.5, 1.0)  # AVX-512 has tables of bytes; AVX2 has not

THREADS = (1.75, 1.92)  # two threads against one: must, goal
SHARED = 0.95  # of what two runs that share nothing gain: below the must no more can be asked where they gain little
LOADERS = {"P1": 3.5, "P2": 3.5, "P3": 6.0, "P4": 6.0, "P5": 6.0, "P6": 6.0}  # two threads against two processes
SCRATCH_MB = 4.0  # what one thread may hold beside file and result


def aim(name: str, level: str = "") -> Aim:
    """Give what is asked of a pipeline on a processor of this instruction set."""
    return _P4_WITHOUT_BYTE_TABLES if name == "P4" and not level.startswith("avx512") else AIMS[name]


def met(value: float, must: float, goal: float | None = None) -> str:
    """Say in words whether a figure is as asked."""
    if goal is not None and value >= goal:
        return f"goal {goal:g}: met"
    return f"must {must:g}: {'met' if value >= must else 'NOT met'}"
