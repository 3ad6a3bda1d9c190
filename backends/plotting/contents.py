"""What is in a file of spikes: a stretch of them, how much each unit fires, the classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .style import INK, TARGET, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["contents_figure"]

SHOWN = 5000
"""Spikes of the raster at most."""


def contents_figure(
    *,
    heading: str,
    times: NDArray[np.float64],
    units: NDArray[np.int64],
    unit_ids: NDArray[Any],
    values: NDArray[np.float64],
    value_label: str,
    class_names: Sequence[str] = (),
    class_sizes: NDArray[np.int64] | Sequence[int] = (),
) -> Figure:
    """Draw the first seconds of spikes, what each unit does on average, and the classes.

    Parameters
    ----------
    heading : str
    times, units : array, shape (E,)
        Ascending spike times in seconds, and the place of each spike's unit.
    unit_ids : array, shape (U,)
    values : array, shape (U,)
        A number for each unit, which ``value_label`` says the meaning of.
    value_label : str
    class_names, class_sizes : sequence, optional
        Names of the classes and their patterns.

    Returns
    -------
    matplotlib.figure.Figure
    """
    n_panels = 3 if len(class_names) else 2
    with new_figure(3.4 * n_panels, 3.2) as figure:
        figure.suptitle(heading, x=0.01, ha="left", fontweight="bold", color=INK)
        panels = figure.subplots(1, n_panels, width_ratios=[2.0, 1.0, 1.0][:n_panels])
        raster, rates = panels[0], panels[1]
        few, who = times[:SHOWN], units[:SHOWN]
        if len(few):
            kept = few <= few[0] + 10.0
            few, who = few[kept], who[kept]
        size = max(1.0, 120.0 / max(len(unit_ids), 1))
        raster.scatter(few, who, s=size, marker="|", color=INK, linewidths=0.8)
        raster.set(xlabel="time (s)", ylabel="unit", title="Spikes")
        raster.set_ylim(-1.0, max(len(unit_ids), 1))
        rates.fill_betweenx(np.arange(len(values)), values, step="mid", color=TARGET, linewidth=0.5)
        rates.set(xlabel=value_label, title="Activity", ylim=(-1.0, max(len(unit_ids), 1)))
        if n_panels == 3:
            rows = np.arange(len(class_names))
            panels[2].barh(rows, class_sizes, color=TARGET, height=0.7)
            panels[2].set_yticks(rows, [str(name)[:16] for name in class_names])
            panels[2].set_ylim(len(rows) - 0.4, -0.6)
            panels[2].set(xlabel="patterns", title="Classes")
    return figure
