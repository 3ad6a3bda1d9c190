"""Panels that explain a neuron: its postsynaptic potential, and one pattern at several speeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tempotron_core import Neuron

from .given import host_values
from .style import FAINT, INK, QUIET, RIVAL, TARGET

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["kernel_shapes", "warped_traces"]

Array = Any


def kernel_shapes(
    axes: Axes,
    neurons: Sequence[Neuron],
    *,
    names: Sequence[str] | None = None,
    title: str = "Postsynaptic potential",
    unit: str = "ms",
) -> None:
    """Draw what one spike does to the potential of each neuron, and mark where that is largest.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    neurons : sequence of Neuron
    names : sequence of str, optional
        For the legend; the time constants by default.
    title, unit : str, optional

    Raises
    ------
    ValueError
        If there are no neurons, or not one name for each.
    """
    if not neurons:
        raise ValueError("neurons must hold one at least, got none")
    if names is None:
        names = [rf"$\tau$ = {n.tau:g}, $\tau_s$ = {n.tau_s:g}" for n in neurons]
    if len(names) != len(neurons):
        raise ValueError(f"names must have one name for each of {len(neurons)}, got {len(names)}")
    longest = 5.0 * max(neuron.kernel.slow for neuron in neurons)
    t = np.linspace(0.0, longest, 601)
    for number, (neuron, name) in enumerate(zip(neurons, names, strict=True)):
        colour = (TARGET, RIVAL, INK, QUIET)[number % 4]
        kernel = neuron.kernel
        axes.plot(t, kernel.value(t, xp=np), color=colour, linewidth=1.5, label=name)
        axes.plot([kernel.t_peak], [kernel.psp_peak], "o", color=colour, markersize=4)
    axes.set(xlim=(-0.04 * longest, longest), xlabel=f"time after the spike ({unit})", title=title)
    axes.set_ylabel("potential")
    axes.set_ylim(0.0, None)
    axes.legend(fontsize=8)


def warped_traces(
    axes: Axes,
    factors: Sequence[float],
    t: Array,
    v: Array,
    v_threshold: float | None = None,
    *,
    title: str = "One pattern at several speeds",
) -> None:
    """Draw the potential in a pattern that is stretched by each factor, on the pattern's own time.

    A neuron to which speed means nothing has one and the same course at all of them.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    factors : sequence of float, length F
        By which times were multiplied: 2 is half the speed.
    t : array, shape (T,)
        Times in the pattern as it is at factor 1; at others the potential was taken at
        ``factor * t``.
    v : array, shape (F, T)
        The potential.
    v_threshold : float, optional
    title : str, optional

    Raises
    ------
    ValueError
        If shapes do not fit, or a factor is not positive.
    """
    from matplotlib import colors

    t, v = host_values("t", t), host_values("v", v)
    if t.ndim != 1 or v.shape != (len(factors), len(t)):
        raise ValueError(
            f"t and v must have shapes (T,) and ({len(factors)}, T), got {t.shape} and {v.shape}"
        )
    if not all(0.0 < factor < float("inf") for factor in factors):
        raise ValueError(f"factors must be positive and finite, got {list(factors)}")
    shades = colors.LinearSegmentedColormap.from_list("speed", [RIVAL, FAINT, TARGET])
    size = max([abs(np.log(factor)) for factor in factors] + [1e-9])
    if v_threshold is not None:
        axes.axhline(v_threshold, color=INK, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)
    for factor, trace in zip(factors, v, strict=True):
        # fast ones reddish, slow ones blue, that of factor 1 in the text's colour
        shade: Any = INK if factor == 1.0 else shades(0.5 + 0.5 * np.log(factor) / size)
        axes.plot(t, trace, color=shade, linewidth=1.3, label=f"× {factor:g}")
    axes.set(xlabel="time in the pattern, at its own speed", ylabel="potential", title=title)
    axes.set_xlim(float(t[0]), float(t[-1]))
    axes.legend(fontsize=8, title="stretched", title_fontsize=8)
