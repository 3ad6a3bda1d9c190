"""Panels of trials: rasters by class, potentials by class, what units and moments matter.

Each draws into matplotlib axes it is given.  Times count from the alignment of the trials, which
``start`` tells from the start of the patterns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tempotron_core import Events, RaggedEvents
from tempotron_core.arrays.host import to_host
from tempotron_core.events.changing import map_arrays
from tempotron_core.events.joining import split

from .style import FAINT, INK, QUIET, RIVAL, TARGET, draw_legend, names_or_indices

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["class_potentials", "importance_map", "trial_raster", "unit_bars"]

SHADES = (TARGET, RIVAL, "#5b8c3e", "#7a5195", "#b8860b", "#2f4b7c", "#a05195", "#665191")


def _spikes_of(unit: int, events: Events) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return when a unit fires, and in which trials."""
    groups = RaggedEvents.of(map_arrays(events, to_host))
    found = []
    for group, trials in zip(groups.groups, split(groups, np.arange(len(events))), strict=True):
        row, column = np.nonzero(group.afferents == unit)
        found.append((group.times[row, column], trials[row]))
    times, trial = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return times, trial


def trial_raster(
    axes: Axes,
    events: Events,
    labels: ArrayLike,
    *,
    unit: int,
    names: Sequence[str] | None = None,
    start: float = 0.0,
    title: str | None = None,
) -> None:
    """Draw the spikes of one unit, a row per trial, those of each class together.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    events : Events
        B patterns.
    labels : integer array, shape (B,)
        The class of each, from 0.
    unit : int
        The afferent to draw.
    names : sequence of str, optional
        Of the classes.
    start : float, default 0.0
        When the patterns begin.
    title : str, optional

    Raises
    ------
    ValueError
        If there is no such unit, or not one label for each pattern.
    """
    classes = _classes(labels, len(events))
    if not 0 <= unit < events.n_afferents:
        raise ValueError(f"unit must be from 0 to {events.n_afferents - 1}, got {unit}")
    order = np.argsort(classes, kind="stable")
    row = np.empty(len(order), dtype=np.int64)
    row[order] = np.arange(len(order))
    times, trial = _spikes_of(unit, events)
    times = times + start
    shades = [SHADES[label % len(SHADES)] for label in classes[trial]]
    half = max(0.4, len(events) / 120.0)
    axes.vlines(times, row[trial] - half, row[trial] + half, colors=shades, linewidth=1.4)
    n_classes = int(classes.max(initial=0)) + 1
    shown = names_or_indices(names, n_classes)
    middles = [float(np.mean(row[classes == c])) for c in range(n_classes) if (classes == c).any()]
    axes.set_yticks(middles, [shown[c] for c in range(n_classes) if (classes == c).any()])
    _time_axis(axes, start, events.duration)
    axes.set_ylim(-1.0, len(events))
    axes.set_title(f"Unit {unit}" if title is None else title)


def class_potentials(
    axes: Axes,
    t: ArrayLike,
    v: ArrayLike,
    labels: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    v_threshold: float | None = None,
    start: float = 0.0,
    each: int = 20,
    title: str = "Potential of the neuron",
) -> None:
    """Draw one neuron's potential in trials of every class: some trials, mean and spread.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    t : array, shape (T,)
    v : array, shape (B, T)
        Of one neuron, or of the neurons of one class.
    labels : integer array, shape (B,)
        The class of each trial, from 0.
    names : sequence of str, optional
        Of the classes.
    v_threshold : float, optional
    start : float, default 0.0
        When the patterns begin.
    each : int, default 20
        Trials of each class to draw one by one.
    title : str, optional

    Raises
    ------
    ValueError
        If shapes do not fit.
    """
    t, v = np.asarray(t), np.asarray(v)
    if t.ndim != 1 or v.ndim != 2 or v.shape[1] != len(t):
        raise ValueError(f"t and v must have shapes (T,) and (B, T), got {t.shape} and {v.shape}")
    classes = _classes(labels, len(v))
    shown = names_or_indices(names, int(classes.max(initial=0)) + 1)
    for label in np.unique(classes):
        of_class, shade = v[classes == label], SHADES[label % len(SHADES)]
        axes.plot(t + start, of_class[:each].T, color=shade, linewidth=0.5, alpha=0.25)
        mean, spread = of_class.mean(axis=0), of_class.std(axis=0)
        axes.fill_between(
            t + start, mean - spread, mean + spread, color=shade, alpha=0.2, linewidth=0.0
        )
        axes.plot(t + start, mean, color=shade, linewidth=1.8, label=shown[label])
    if v_threshold is not None:
        axes.axhline(v_threshold, color=QUIET, linewidth=0.8, linestyle="--")
    _time_axis(axes, start, float(t[-1]))
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.18 * (high - low))
    axes.set(ylabel="potential", title=title)
    draw_legend(axes, ncols=4)


def unit_bars(
    axes: Axes,
    values: ArrayLike,
    *,
    names: Sequence[Any] | None = None,
    most: int = 15,
    marked: Sequence[int] = (),
    title: str = "Importance of units",
) -> None:
    """Draw a bar for each unit, of the largest values, the largest at the top.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    values : array, shape (U,)
        Importance or weight of each unit.
    names : sequence, optional
        Of the units; their places unless given.
    most : int, default 15
        Bars at most.
    marked : sequence of int, optional
        Places of units to draw in another colour.
    title : str, optional
    """
    values = np.asarray(values)
    shown = names_or_indices(None if names is None else [str(name) for name in names], len(values))
    order = np.argsort(-np.abs(values), kind="stable")[:most]
    order = order[np.argsort(-values[order], kind="stable")]
    rows = np.arange(len(order))
    colours = [RIVAL if unit in set(marked) else TARGET for unit in order]
    axes.barh(rows, values[order], color=colours, height=0.75)
    axes.axvline(0.0, color=QUIET, linewidth=0.8)
    axes.set_yticks(rows, [shown[unit] for unit in order])
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.set(xlabel="share of the margin", ylabel="unit", title=title)


def importance_map(
    axes: Axes,
    edges: ArrayLike,
    importance: ArrayLike,
    *,
    names: Sequence[Any] | None = None,
    start: float = 0.0,
    title: str = "Importance of units over time",
) -> None:
    """Draw how much the spikes of each unit in each window matter.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    edges : array, shape (W + 1,)
        Of the windows.
    importance : array, shape (U, W)
    names : sequence, optional
        Of the units, for the ticks.
    start : float, default 0.0
        When the patterns begin.
    title : str, optional

    Raises
    ------
    ValueError
        If shapes do not fit.
    """
    from matplotlib.colors import LinearSegmentedColormap

    edges, importance = np.asarray(edges), np.asarray(importance)
    if importance.ndim != 2 or edges.shape != (importance.shape[1] + 1,):
        raise ValueError(
            f"edges and importance must have shapes (W + 1,) and (U, W), got {edges.shape} and "
            f"{importance.shape}"
        )
    largest = float(np.abs(importance).max(initial=0.0)) or 1.0
    shades = LinearSegmentedColormap.from_list("effect", [RIVAL, "white", TARGET])
    rows = np.arange(len(importance) + 1) - 0.5
    mesh = axes.pcolormesh(
        edges + start, rows, importance, cmap=shades, vmin=-largest, vmax=largest, rasterized=True
    )
    axes.axvline(0.0, color=INK, linewidth=0.8, linestyle=":")
    if names is not None:
        every = -(-len(importance) // 16)
        places = list(range(0, len(importance), every))
        axes.set_yticks(places, [str(names[place]) for place in places])
    axes.set(xlabel="time (ms)", ylabel="unit", title=title)
    bar = axes.figure.colorbar(mesh, ax=axes, pad=0.02)
    bar.outline.set_edgecolor(FAINT)


def _time_axis(axes: Axes, start: float, duration: float) -> None:
    axes.set_xlim(start, start + duration)
    if start < 0.0:
        axes.axvline(0.0, color=INK, linewidth=0.8, linestyle=":")
    axes.set_xlabel("time (ms)")


def _classes(labels: ArrayLike, count: int) -> NDArray[np.int64]:
    classes = np.asarray(labels)
    if classes.shape != (count,) or classes.dtype.kind not in "iu":
        raise ValueError(
            f"labels must be an integer for each of {count} trials, got {classes.dtype} of shape "
            f"{classes.shape}"
        )
    return classes.astype(np.int64)
