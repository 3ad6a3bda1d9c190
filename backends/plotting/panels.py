"""Panels over time: spike raster, membrane potential with its threshold, learning curve.

Each draws plain NumPy arrays into matplotlib axes it is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .style import FAINT, INK, QUIET, RIVAL, TARGET

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["learning_curve", "spike_raster", "voltage_traces"]

Floats = NDArray[np.floating[Any]]


def spike_raster(
    axes: Axes,
    times: Floats,
    duration: float,
    *,
    weight: Floats | None = None,
    title: str = "Input spikes",
    unit: str = "ms",
) -> None:
    """Draw one tick per spike, afferents upwards.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    times : array, shape (N,) or (N, S)
        Spike times of each afferent; negative or infinite ones are no spikes.
    duration : float
        Length of the pattern.
    weight : array, shape (N,), optional
        Weights of one neuron: its excitatory and inhibitory spikes get two colours, stronger
        for larger weights.
    title, unit : str, optional
    """
    trains = np.asarray(times, dtype=np.float64).reshape(len(times), -1)
    spikes = np.isfinite(trains) & (trains >= 0) & (trains <= duration)
    afferents = np.nonzero(spikes)[0]
    colours: Any = INK
    if weight is not None and len(afferents):
        from matplotlib.colors import to_rgba_array

        drive = np.asarray(weight)[afferents]
        colours = to_rgba_array([TARGET if w > 0 else RIVAL for w in drive])
        scale = float(np.quantile(np.abs(drive), 0.9)) or 1.0
        colours[:, 3] = np.clip(np.abs(drive) / scale, 0.12, 1.0)
        for colour, text in ((TARGET, "excite"), (RIVAL, "inhibit")):
            axes.plot([], [], "|", color=colour, markersize=9, markeredgewidth=1.8, label=text)
        _legend(axes)
    # a tick is never thinner than the eye can see, however many afferents there are
    half = max(0.4, len(trains) / 110.0)
    axes.vlines(trains[spikes], afferents - half, afferents + half, colors=colours, linewidth=1.8)
    axes.set(xlim=(-0.01 * duration, 1.01 * duration))
    axes.set_ylim(-0.02 * len(trains) - 1.0, (1.12 if weight is not None else 1.02) * len(trains))
    axes.set_yticks([tick for tick in axes.get_yticks() if 0 <= tick <= len(trains)])
    axes.set(xlabel=f"time ({unit})", ylabel="afferent", title=title)


def voltage_traces(
    axes: Axes,
    t: Floats,
    v: Floats,
    v_threshold: float,
    *,
    t_max: Floats | None = None,
    v_max: Floats | None = None,
    t_spike: Floats | None = None,
    target: int | None = None,
    names: Sequence[str] | None = None,
    title: str = "Membrane potential",
    unit: str = "ms",
) -> None:
    """Draw the potential of each neuron, the threshold, maxima and first crossings.

    The target neuron, and the strongest of the others, stand out by colour and a label.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    t : array, shape (T,)
        Sample times.
    v : array, shape (O, T)
        Potentials at those times.
    v_threshold : float
    t_max, v_max : array, shape (O,), optional
        Place and height of each maximum, marked by a dot.
    t_spike : array, shape (O,), optional
        First threshold crossings as `first_crossing` gives them, marked by a triangle on the
        threshold; +inf, as every time outside ``t``, is none.
    target : int, optional
        The neuron that should fire.
    names : sequence of str, optional
        One name per neuron; its index by default.
    title, unit : str, optional

    Raises
    ------
    ValueError
        If there is not one crossing for each neuron, or one is NaN.
    """
    names = [str(o) for o in range(len(v))] if names is None else names
    heights = np.asarray(v).max(axis=1) if v_max is None else np.asarray(v_max)
    others = [o for o in np.argsort(heights)[::-1] if o != target]
    shown = ({} if target is None else {target: TARGET}) | {int(o): RIVAL for o in others[:1]}
    for o in reversed(others[1:]):
        axes.plot(t, v[o], color=FAINT, linewidth=1.0)
    axes.axhline(v_threshold, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
    for o, colour in shown.items():  # the target first in the legend, and on top
        role = "should fire" if o == target else "strongest other"
        label = f"neuron {names[o]} ({role})" if target is not None else f"neuron {names[o]}"
        axes.plot(t, v[o], color=colour, linewidth=1.9, label=label, zorder=3 if o == target else 2)
    if t_max is not None:
        for o in range(len(v)):
            axes.plot(
                t_max[o],
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
        if np.shape(t_spike) != (len(v),) or np.isnan(t_spike).any():
            raise ValueError(
                f"t_spike must have one time, or +inf, for each of {len(v)} neurons, got {t_spike}"
            )
        _mark_crossings(axes, t, np.asarray(t_spike, dtype=np.float64), v_threshold, shown)
    low = min(0.0, float(np.quantile(v, 0.02)), float(np.min(v[list(shown)])))
    high = max(v_threshold, float(heights.max()))
    axes.set(xlim=(float(t[0]), float(t[-1])), ylim=(1.1 * low - 0.05, high + 0.22 * (high - low)))
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
    _legend(axes)
    axes.set(xlabel=f"time ({unit})", ylabel="V", title=title)


def learning_curve(
    axes: Axes, history: Mapping[str, Sequence[float]], *, title: str = "Learning curve"
) -> None:
    """Draw accuracy and loss per epoch.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    history : mapping
        ``accuracy`` and ``loss`` on the training set, one value per epoch, and optionally
        ``validation_accuracy``, one value per epoch too, and ``held_out_accuracy``, a sequence of
        the final value alone.
    title : str, optional

    Raises
    ------
    ValueError
        If there is not one validation accuracy for each epoch.
    """
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    validation = list(history.get("validation_accuracy", ()))
    if len(validation) not in (0, len(history["accuracy"])):
        raise ValueError(
            f"history must have one validation_accuracy for each of the "
            f"{len(history['accuracy'])} epochs, got {len(validation)}"
        )
    epochs = np.arange(1, len(history["accuracy"]) + 1)
    if not len(epochs):
        axes.set(xticks=(), yticks=(), title=title)
        axes.text(0.5, 0.5, "no complete epoch", transform=axes.transAxes, ha="center", va="center")
        return
    marker = "o" if len(epochs) < 3 else None
    axes.plot(
        epochs, history["accuracy"], color=TARGET, linewidth=1.9, marker=marker, label="training"
    )
    if validation:
        # dashed: the lines are told apart by more than their colour
        axes.plot(epochs, validation, "--", color=INK, lw=1.4, marker=marker, label="validation")
        # beside the title: the curves may be anywhere below
        axes.legend(
            loc="lower right",
            bbox_to_anchor=(1.0, 1.0),
            ncols=2,
            fontsize=8,
            borderaxespad=0.1,
            columnspacing=1.0,
            handlelength=1.5,
        )
    axes.set(xlabel="epoch", title=title)
    axes.grid(axis="y", color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_ylabel("accuracy" if validation else "training accuracy", color=TARGET)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=None))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    floor = min(*history["accuracy"], *validation, 1.0)
    axes.set_ylim(max(0.0, floor - 0.15 * (1.0 - floor) - 0.005), 1.005)
    if history.get("held_out_accuracy"):
        final = history["held_out_accuracy"][-1]
        axes.set_ylim(min(axes.get_ylim()[0], final - 0.05), 1.005)
        axes.plot(epochs[-1:], [final], "D", color=INK, markersize=6, clip_on=False, zorder=3)
        axes.annotate(
            f"held out {final:.1%}",
            (float(epochs[-1]), final),
            xytext=(-8, -20 if validation else -7),  # clear of the validation curve
            textcoords="offset points",
            ha="right",
            va="top",
            fontweight="bold",
            bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.8},
        )
    twin = axes.twinx()
    twin.spines["right"].set_visible(True)
    twin.plot(epochs, history["loss"], color=RIVAL, linewidth=1.4, marker=marker)
    twin.set_ylabel("training loss", color=RIVAL)
    twin.set_ylim(0.0, 1.04 * max([*history["loss"], 1e-9]))


def _mark_crossings(
    axes: Axes, t: Floats, t_spike: Floats, v_threshold: float, shown: Mapping[int, str]
) -> None:
    """Mark first crossings by triangles that stand on the threshold."""
    from matplotlib.markers import CARETDOWN

    labelled = False
    for o in np.nonzero((t_spike >= t[0]) & (t_spike <= t[-1]))[0]:
        axes.plot(
            t_spike[o],
            v_threshold,
            marker=CARETDOWN,
            linestyle="none",
            markersize=8.0 if o in shown else 5.0,
            color=shown.get(int(o), QUIET),
            label=None if labelled else "first crossing",
            zorder=5,
        )
        labelled = True


def _legend(axes: Axes) -> None:
    axes.legend(loc="upper left", ncols=2, fontsize=8, borderaxespad=0.1, handlelength=1.2)
