"""Panel of the multi-spike neuron: how many output spikes there are at each threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .given import host_values
from .style import INK, QUIET, TARGET

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["spikes_against_threshold"]

Array = Any


def spikes_against_threshold(
    axes: Axes,
    theta: Array,
    v_threshold: float | None = None,
    *,
    title: str = "Spikes against threshold",
) -> None:
    """Draw the number of output spikes as a function of the threshold: the STS of Gütig [1]_.

    The function falls by one at each critical threshold, so these are all of it.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    theta : array, shape (K,)
        Critical thresholds of 1 to K spikes of one pattern and neuron, as
        :func:`tempotron_core.spiking.critical_threshold` finds them.  Below the last, where more
        spikes are not told apart, nothing is drawn.
    v_threshold : float, optional
        The neuron's own, marked with the number of spikes there, if it is not below all that is
        drawn.
    title : str, optional

    Raises
    ------
    ValueError
        If there are no thresholds, or they rise.

    References
    ----------
    .. [1] R. Gütig, "Spiking neurons can discover predictive features by aggregate-label learning",
       Science 351, aab4113 (2016), the spike-threshold-surface.
    """
    from matplotlib.ticker import MaxNLocator

    theta = host_values("theta", theta)
    if theta.ndim != 1 or not len(theta):
        raise ValueError(f"theta must have shape (K,) with K > 0, got {theta.shape}")
    if not np.all(np.diff(theta) <= 0.0):
        raise ValueError("theta must not rise from one number of spikes to the next")
    counts = np.arange(1, len(theta) + 1)
    right = 1.15 * max(float(theta[0]), v_threshold or 0.0)
    edges = np.concatenate([[right], theta])
    axes.stairs(counts[::-1] - 1, edges[::-1], baseline=None, color=TARGET, linewidth=1.6)
    axes.plot(theta, counts - 1, "o", color=TARGET, markersize=4, clip_on=False)
    if v_threshold is not None and v_threshold >= theta[-1]:
        here = int((theta > v_threshold).sum())
        axes.axvline(v_threshold, color=INK, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)
        axes.plot([v_threshold], [here], "D", color=INK, markersize=6, zorder=3)
    axes.axhline(0.0, color=QUIET, linewidth=0.6, zorder=0)
    axes.set(xlabel="threshold", ylabel="output spikes", title=title)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
