"""Neurons that learn clues: how soon, how they answer to each feature, and how often rightly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .style import INK, QUIET, RIVAL, TARGET

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["part_bars", "responses", "trials_to_criterion"]

COLOURS = (TARGET, INK, RIVAL, QUIET, "#7a5ea8", "#3f8f5b", "#c9a227")


def trials_to_criterion(axes: Axes, trials: Mapping[tuple[str, str], Sequence[int | None]]) -> None:
    """Draw the trials that each seed took, on a logarithmic axis.

    Parameters
    ----------
    axes : matplotlib Axes
    trials : mapping from (task, rule) to sequence of int or None
        None for a seed that did not come to an end: a cross above all others.
    """
    tasks, rules = (list(dict.fromkeys(key[part] for key in trials)) for part in (0, 1))
    most = max((each or 0 for seeds in trials.values() for each in seeds), default=0) or 1
    for number, rule in enumerate(rules):
        colour, label = COLOURS[number % len(COLOURS)], rule
        place = (number - 0.5 * (len(rules) - 1)) * 0.8 / len(rules)
        for task, seeds in ((task, trials.get((task, rule), ())) for task in tasks):
            if not seeds:
                continue
            x = tasks.index(task) + place + np.linspace(-0.035, 0.035, len(seeds))
            came = np.asarray([each is not None for each in seeds])
            y = np.asarray([each or 2.0 * most for each in seeds], np.float64)
            axes.plot(
                x[came], y[came], "o", color=colour, markersize=4, markeredgewidth=0, label=label
            )
            axes.plot(x[~came], y[~came], "x", color=colour, markersize=5)
            label = ""
    axes.set_yscale("log")
    axes.set_xticks(range(len(tasks)), tasks)
    axes.set(ylabel="trials to the criterion (x: never)", xlim=(-0.5, len(tasks) - 0.5))
    _legend_above(axes, min(4, len(rules)))


def responses(
    axes: Axes,
    mean: Mapping[str, Sequence[Sequence[float]]],
    values: Mapping[str, Sequence[int]],
) -> None:
    """Draw the response to each feature, each seed a dot, with what is asked for as a line.

    Parameters
    ----------
    axes : matplotlib Axes
    mean : mapping from str to array, shape (seeds, F)
        Of each task.
    values : mapping from str to sequence of int, length F
    """
    for number, (task, found) in enumerate(mean.items()):
        y = np.asarray(found, np.float64)
        left = number * (y.shape[1] + 2)
        x = left + np.arange(y.shape[1])
        for place, value in zip(x, values[task], strict=True):
            axes.plot((place - 0.45, place + 0.45), (value, value), color=RIVAL, linewidth=1.4)
        axes.plot(
            np.broadcast_to(x, y.shape).ravel(), y.ravel(), "o", color=TARGET, markersize=3,
            markeredgewidth=0, alpha=0.5,
        )  # fmt: skip
    middles = [
        number * (len(values[task]) + 2) + 0.5 * (len(values[task]) - 1)
        for number, task in enumerate(mean)
    ]
    axes.set_xticks(middles, list(mean))
    axes.tick_params(axis="x", length=0)
    axes.set(xlabel="features of each task", ylabel="spikes that a feature adds")


def part_bars(
    axes: Axes,
    names: Sequence[str],
    parts: Mapping[str, Sequence[Sequence[float]]],
    colours: Sequence[str] = COLOURS,
) -> None:
    """Draw means over seeds as groups of bars from 0 to 1, with the least and most as a line.

    Parameters
    ----------
    axes : matplotlib Axes
    names : sequence of str
        Of the groups.
    parts : mapping from str to sequence, one for each group, of sequence of float
        For each bar of a group, by its name in the legend, what the seeds have.
    colours : sequence of str, optional
    """
    width = 0.8 / len(parts)
    for number, (label, groups) in enumerate(parts.items()):
        x = np.arange(len(names)) + (number - 0.5 * (len(parts) - 1)) * width
        mean = np.asarray([np.mean(seeds) for seeds in groups])
        least = np.asarray([np.min(seeds) for seeds in groups])
        most = np.asarray([np.max(seeds) for seeds in groups])
        ends = np.maximum(0.0, (mean - least, most - mean))  # a mean of equal numbers is rounded
        axes.bar(
            x, mean, 0.9 * width, yerr=ends, color=colours[number], label=label,
            error_kw={"elinewidth": 0.8, "ecolor": "#57606a"},
        )  # fmt: skip
    axes.set_xticks(range(len(names)), names)
    axes.set(ylim=(0.0, 1.0))
    _legend_above(axes, len(parts))


def _legend_above(axes: Axes, ncols: int) -> None:
    axes.legend(
        fontsize=7, ncols=ncols, loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.1,
        columnspacing=1.0, handlelength=1.0, handletextpad=0.4,
    )  # fmt: skip
