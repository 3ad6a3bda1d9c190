"""What a reproduction consists of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Reproduction", "Row", "agreement"]

Job = dict[str, Any]
"""Settings of a job, its seed among them, as JSON holds them; ``cost`` is its share of the time."""

Done = Sequence[tuple[Job, dict[str, Any]]]
"""Jobs with what they measured, in their order."""


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes
    ----------
    quantity, published, source, here, interval, verdict : str
        What is compared; the published value, where that is from; the value here, its 95 %
        confidence interval; and whether they agree.
    """

    quantity: str
    published: str
    source: str
    here: str
    interval: str
    verdict: str


@dataclass(frozen=True)
class Reproduction:
    """An experiment of a paper.

    Attributes
    ----------
    name : str
        On the command line.
    shows : str
        What it shows, in a line.
    paper : str
    time : str
        How long it takes, and on what.
    quick_lacks : str
        What a quick run cannot show.
    jobs : callable
        ``jobs(quick, seed)`` returns the jobs.
    run : callable
        ``run(job)`` returns what it measures, as JSON holds it, from the job's settings alone.
    rows : callable
        ``rows(done)`` returns the table.
    draw : callable
        ``draw(figure, done)`` fills an empty figure.
    notes : str
        What a reader has to know of the numbers.
    size : (float, float)
        Of the figure, in inches.
    data : str
        What has to be given to run it, in words: a path that jobs find as ``job["data"]``.
    """

    name: str
    shows: str
    paper: str
    time: str
    quick_lacks: str
    jobs: Callable[[bool, int], list[Job]]
    run: Callable[[Job], dict[str, Any]]
    rows: Callable[[Done], list[Row]]
    draw: Callable[[Figure, Done], None]
    notes: str = ""
    size: tuple[float, float] = (7.2, 3.4)
    data: str = ""


def agreement(published: float, low: float, high: float) -> str:
    """Verdict on a published value and an interval measured here."""
    if low <= published <= high:
        return "agrees"
    return "lower here" if high < published else "higher here"
