"""Panels over time: spike raster, membrane potential with its threshold.

Each draws into matplotlib axes it is given.  Arrays may be of any library, with or without the axis
of a batch of one pattern.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tempotron_core import Events

from .given import host_values, one_pattern, spike_trains
from .style import FAINT, INK, QUIET, RIVAL, TARGET, draw_legend, names_or_indices

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["spike_raster", "voltage_traces"]

Floats = NDArray[np.floating[Any]]
Array = Any


def spike_raster(
    axes: Axes,
    spikes: Events | Array | Sequence[Any],
    duration: float | None = None,
    *,
    weight: Array | None = None,
    by_weight: bool = False,
    title: str = "Input spikes",
    unit: str = "ms",
) -> None:
    """Draw one tick per spike, afferents upwards.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    spikes : Events, array or sequence
        One pattern: `Events` of it, such as ``events[0]``; an array of spike times, shape (N,),
        (N, S) or (1, N, S), in which negative or infinite ones are no spikes; or for each afferent
        its spike time or a list of them, of any length.
    duration : float, optional
        Length of the pattern; later spikes are left out.  That of the events, or up to the last
        spike, unless given.
    weight : array, shape (N,), optional
        Weights of one neuron: its excitatory and inhibitory spikes get two colours, stronger
        for larger weights.
    by_weight : bool, default False
        Draw the afferents in the order of their weights, the most excitatory at the top, rather
        than in the order they are given in.
    title, unit : str, optional

    Raises
    ------
    TypeError
        If the spikes are nothing of that, or have a unit.
    ValueError
        If they are of several patterns, a time is NaN, there is not one weight per afferent, or
        none to order them by.
    """
    trains = spike_trains("spikes", spikes)
    if duration is None and isinstance(spikes, Events):
        duration = spikes.duration
    times = np.concatenate([*trains, np.zeros(0)])
    afferents = np.repeat(np.arange(len(trains)), [len(train) for train in trains])
    if duration is None:
        duration = float(times.max(initial=0.0)) or 1.0
    times, afferents = times[times <= duration], afferents[times <= duration]
    colours: Any = INK
    place = np.arange(len(trains))  # of each afferent
    if weight is None and by_weight:
        raise ValueError("weight must be given to draw afferents by_weight, got None")
    if weight is not None:
        weights = one_pattern("weight", weight, 1)
        if len(weights) != len(trains):
            raise ValueError(
                f"weight must have one value for each of {len(trains)} afferents, "
                f"got {len(weights)}"
            )
        if by_weight:
            place = np.argsort(np.argsort(weights, kind="stable"), kind="stable")
        colours = _by_effect(axes, weights[afferents])
    # a tick is never thinner than the eye can see, however many afferents there are
    half = max(0.4, len(trains) / 80.0)
    rows = place[afferents]
    axes.vlines(times, rows - half, rows + half, colors=colours, linewidth=1.8)
    axes.set(xlim=(-0.01 * duration, 1.01 * duration))
    axes.set_ylim(-0.02 * len(trains) - 1.0, (1.12 if weight is not None else 1.02) * len(trains))
    axes.set_yticks([tick for tick in axes.get_yticks() if 0 <= tick <= len(trains)])
    axes.set(xlabel=f"time ({unit})", title=title)
    axes.set_ylabel("afferent, by weight" if by_weight else "afferent")


def _by_effect(axes: Axes, drive: Floats) -> Any:
    """Return a colour for each spike, by the weight of its afferent, and say what they mean."""
    from matplotlib.colors import to_rgba_array

    if not len(drive):
        return INK
    colours = to_rgba_array([TARGET if w > 0 else RIVAL for w in drive])
    scale = float(np.quantile(np.abs(drive), 0.9)) or 1.0
    colours[:, 3] = np.clip(np.abs(drive) / scale, 0.12, 1.0)
    for colour, text in ((TARGET, "excite"), (RIVAL, "inhibit")):
        axes.plot([], [], "|", color=colour, markersize=9, markeredgewidth=1.8, label=text)
    draw_legend(axes)
    return colours


def voltage_traces(
    axes: Axes,
    t: Array,
    v: Array,
    v_threshold: float | None,
    *,
    t_max: Array | None = None,
    v_max: Array | None = None,
    t_spike: Events | Array | Sequence[Any] | None = None,
    target: int | None = None,
    names: Sequence[str] | None = None,
    title: str = "Membrane potential",
    unit: str = "ms",
) -> None:
    """Draw the potential of each neuron, the threshold, maxima and output spikes.

    The target neuron, and the strongest of the others, stand out by colour and a label.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    t : array, shape (T,)
        Sample times.
    v : array, shape (O, T) or (1, O, T)
        Potentials at those times.
    v_threshold : float or None
        None where the largest potential decides and none has to reach a threshold, as after
        learning by cross-entropy.
    t_max, v_max : array, shape (O,) or (1, O), optional
        Place and height of each maximum, marked by a dot.
    t_spike : Events, array or sequence, optional
        Output spikes, marked by a triangle on the threshold: first crossings as `first_crossing`
        gives them, shape (O,) or (1, O), or several per neuron, in a form that `spike_raster`
        takes.  +inf, as every time outside ``t``, is none.
    target : int, optional
        The neuron that should fire or, without a threshold, have the largest potential.
    names : sequence of str, optional
        One name per neuron; its index by default.
    title, unit : str, optional

    Raises
    ------
    TypeError
        If an argument is no array, or has a unit.
    ValueError
        If there is not one row of each for each neuron, a spike time is NaN, or there are spikes
        and no threshold.
    """
    t, v = host_values("t", t), one_pattern("v", v, 2)
    if t.shape != v.shape[1:]:
        raise ValueError(f"v must have one value for each of {t.size} times, got shape {v.shape}")
    names = names_or_indices(names, len(v))
    heights = v.max(axis=1) if v_max is None else _of_neurons("v_max", v_max, len(v))
    others = [o for o in np.argsort(heights)[::-1] if o != target]
    shown = ({} if target is None else {target: TARGET}) | {int(o): RIVAL for o in others[:1]}
    for o in reversed(others[1:]):
        axes.plot(t, v[o], color=FAINT, linewidth=1.0)
    wanted = "should fire" if v_threshold is not None else "should be largest"
    for o, colour in shown.items():  # the target first in the legend, and on top
        role = wanted if o == target else "strongest other"
        label = f"neuron {names[o]} ({role})" if target is not None else f"neuron {names[o]}"
        axes.plot(t, v[o], color=colour, linewidth=1.9, label=label, zorder=3 if o == target else 2)
    if t_max is not None:
        places = _of_neurons("t_max", t_max, len(v))
        for o in range(len(v)):
            axes.plot(
                places[o],
                heights[o],
                "o",
                markersize=6.0 if o in shown else 3.0,
                color=shown.get(o, QUIET),
                markeredgecolor="white",
                markeredgewidth=0.8 if o in shown else 0.3,
                clip_on=False,
                zorder=4,
            )
    if t_spike is not None:
        if v_threshold is None:
            raise ValueError("v_threshold must be given with t_spike, which stands on it, got None")
        _mark_spikes(axes, t, _output_trains(t_spike, len(v)), v_threshold, shown)
    low = min(0.0, float(np.quantile(v, 0.02)), float(np.min(v[list(shown)])))
    high = max(-np.inf if v_threshold is None else v_threshold, float(heights.max()))
    high = high if high > low else low + 1.0
    axes.set(xlim=(float(t[0]), float(t[-1])), ylim=(1.1 * low - 0.05, high + 0.22 * (high - low)))
    if v_threshold is not None:
        axes.axhline(v_threshold, color=INK, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1.5)
        axes.annotate(
            "threshold",
            (1.0, v_threshold),
            xycoords=("axes fraction", "data"),
            xytext=(0, 3),
            textcoords="offset points",
            ha="right",
            va="bottom",
            color=INK,
            fontsize=8,
        )
    draw_legend(axes)
    axes.set(xlabel=f"time ({unit})", ylabel="V", title=title)


def _of_neurons(name: str, given: Any, n_neurons: int) -> NDArray[Any]:
    """Return one number per neuron."""
    found = one_pattern(name, given, 1)
    if len(found) != n_neurons:
        raise ValueError(f"{name} must have one value for each of {n_neurons}, got {len(found)}")
    return found


def _output_trains(t_spike: Any, n_neurons: int) -> list[Floats]:
    """Return the output spikes of each neuron."""
    if getattr(t_spike, "shape", None) == (1, n_neurons):  # first crossings of a batch of one
        t_spike = t_spike[0, ...]
    trains = spike_trains("t_spike", t_spike)
    if len(trains) != n_neurons:
        raise ValueError(
            f"t_spike must have one time, or +inf, or a list of times for each of {n_neurons} "
            f"neurons, got {len(trains)}"
        )
    return trains


def _mark_spikes(
    axes: Axes, t: Floats, trains: list[Floats], v_threshold: float, shown: Mapping[int, str]
) -> None:
    """Mark output spikes by triangles that stand on the threshold."""
    from matplotlib.markers import CARETDOWN

    several = any(len(train) > 1 for train in trains)
    label: str | None = "output spike" if several else "first crossing"
    for o, train in enumerate(trains):
        inside = train[(train >= t[0]) & (train <= t[-1])]
        if len(inside):
            axes.plot(
                inside,
                np.full(len(inside), v_threshold),
                marker=CARETDOWN,
                linestyle="none",
                markersize=8.0 if o in shown else 5.0,
                color=shown.get(o, QUIET),
                label=label,
                zorder=5,
            )
            label = None
