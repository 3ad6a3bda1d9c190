"""The part of all trials that is learned, against the load."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tempotron_core.metrics import proportion_interval

from .style import QUIET, TARGET

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["capacity_curve"]


def capacity_curve(
    axes: Axes,
    loads: Sequence[float],
    solved: Sequence[int],
    trials: Sequence[int],
    label: str = "",
    colour: str = TARGET,
) -> None:
    """Draw the part of trials that were learned without an error, with 95 % intervals.

    Parameters
    ----------
    axes : matplotlib Axes
    loads : sequence of float
        Patterns per afferent, in ascending order.
    solved, trials : sequence of int
        Trials of each load that were learned, and all of them.
    label : str, default ""
        For a legend.
    colour : str, optional
    """
    share = [k / n for k, n in zip(solved, trials, strict=True)]
    ends = [proportion_interval(k, n) for k, n in zip(solved, trials, strict=True)]
    below = [p - low for p, (low, _) in zip(share, ends, strict=True)]
    above = [high - p for p, (_, high) in zip(share, ends, strict=True)]
    axes.axhline(0.5, color=QUIET, linewidth=0.7, linestyle=(0, (4, 3)), zorder=0)
    axes.errorbar(
        loads, share, yerr=(below, above), fmt="o-", color=colour, label=label, markersize=4,
        linewidth=1.2, elinewidth=0.8,
    )  # fmt: skip
    axes.set(xlabel="patterns per afferent", ylabel="part learned", ylim=(-0.03, 1.03))
