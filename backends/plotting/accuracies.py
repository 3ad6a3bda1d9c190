"""Accuracies of several models, every seed a dot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .style import FAINT, INK, RIVAL, TARGET

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["accuracy_dots"]


def accuracy_dots(
    axes: Axes,
    found: Mapping[str, Sequence[float]],
    published: Mapping[str, tuple[float, float]],
) -> None:
    """Draw a line for each model: its seeds, their mean, and the published range.

    Parameters
    ----------
    axes : matplotlib Axes
    found : mapping from str to sequence of float
        Parts decided rightly, by model.
    published : mapping from str to (float, float)
        By model, for those that have one.
    """
    lowest = min(min(parts) for parts in found.values())
    lowest = min([lowest, *(low for model, (low, _) in published.items() if model in found)])
    for place, (model, parts) in enumerate(found.items()):
        axes.axhline(place, color=FAINT, linewidth=0.8, zorder=0)
        if model in published:
            low, high = published[model]
            # a number without a spread is a line as well
            half = max(0.5 * (high - low), 0.003 * (1.0 - lowest))
            middle = 0.5 * (low + high)
            axes.barh(
                place, 200.0 * half, 0.5, 100.0 * (middle - half), color=RIVAL, alpha=0.5,
                label="published", linewidth=0,
            )  # fmt: skip
        axes.plot(
            100.0 * np.asarray(parts), [place] * len(parts), "o", color=TARGET, markersize=4,
            alpha=0.6, markeredgewidth=0, label="here, a seed each",
        )  # fmt: skip
        axes.plot(
            100.0 * np.mean(parts), place, "|", color=INK, markersize=13, label="here, the mean"
        )
    axes.set_yticks(range(len(found)), list(found))
    axes.set(ylim=(len(found) - 0.4, -0.6), xlabel="held-out patterns decided rightly (%)")
    axes.use_sticky_edges = False  # a bar at the edge of the panel would be cut
    axes.autoscale_view(scaley=False)
    axes.set_xlim(right=min(100.5, axes.get_xlim()[1]))
    handles = dict(zip(*axes.get_legend_handles_labels()[::-1], strict=True))
    axes.legend(
        handles.values(), handles.keys(), fontsize=7.5, ncols=len(handles), loc="lower left",
        bbox_to_anchor=(0.0, 1.0), borderaxespad=0.2, handletextpad=0.3,
    )  # fmt: skip
