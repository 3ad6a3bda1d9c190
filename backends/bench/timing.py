"""Timing: runs of enough calls, taken in turns, and their medians and spreads."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["Figures", "Runner", "calls_per_run", "in_turns", "ratios", "seconds_per_call"]

MOST_CALLS = 10_000

PAUSE = 0.02
"""Seconds between runs of two processes: threads that have just worked spin before they sleep."""


class Runner(Protocol):
    """Something that can be timed: one of our forms, or a peer in its own process."""

    def can(self, what: str) -> bool:
        """Whether it has that call: ``"prepare"``, ``"forward"`` or ``"gradient"``."""

    def run(self, what: str, calls: int) -> float:
        """Make that many calls and return the seconds that one takes."""


@dataclass(frozen=True)
class Figures:
    """What several runs gave.

    Attributes
    ----------
    runs : tuple of float
        In the order they were taken.
    """

    runs: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle run."""
        return statistics.median(self.runs)

    @property
    def low(self) -> float:
        """The smallest run."""
        return min(self.runs)

    @property
    def high(self) -> float:
        """The largest run."""
        return max(self.runs)

    def as_json(self) -> dict[str, Any]:
        """Return the figures as JSON takes them."""
        return {"median": self.median, "low": self.low, "high": self.high, "runs": list(self.runs)}


def seconds_per_call(call: Callable[[], Any], wait: Callable[[Any], Any], calls: int) -> float:
    """Time ``calls`` calls, with a wait for the device after the last."""
    start = time.perf_counter()
    for _ in range(calls - 1):
        call()
    wait(call())
    return (time.perf_counter() - start) / calls


def calls_per_run(runner: Runner, what: str, fill: float) -> int:
    """Warm up, and return how many calls fill ``fill`` seconds.

    The first call compiles and the second finds what the first has left in caches and memory, so
    it is the second that is looked at.
    """
    runner.run(what, 1)
    once = runner.run(what, 1)
    return max(1, min(MOST_CALLS, math.ceil(fill / max(once, 1e-9))))


def in_turns(
    runners: Sequence[tuple[Runner, str]], runs: int, fill: float, pause: float = 0.0
) -> list[Figures]:
    """Time every runner once per round, so that a drift of the machine's speed meets all alike.

    Parameters
    ----------
    runners : sequence of (Runner, str)
        What is timed, and which of its calls.
    runs : int
        Number of rounds.
    fill : float
        Seconds that a run lasts at least; the calls in it are averaged.
    pause : float, optional
        Seconds of rest before every run.

    Returns
    -------
    list of Figures
        One for each runner: seconds per call.
    """
    calls = [calls_per_run(runner, what, fill) for runner, what in runners]
    taken: list[list[float]] = [[] for _ in runners]
    for _ in range(runs):
        for (runner, what), n, column in zip(runners, calls, taken, strict=True):
            if pause:
                time.sleep(pause)
            column.append(runner.run(what, n))
    return [Figures(tuple(column)) for column in taken]


def ratios(theirs: Figures, ours: Figures) -> Figures:
    """How many times faster ours is, from the runs of each round."""
    pairs: Iterable[tuple[float, float]] = zip(theirs.runs, ours.runs, strict=True)
    return Figures(tuple(a / b for a, b in pairs))
