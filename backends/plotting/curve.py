"""Panel of a learning curve: accuracy and loss per epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .style import FAINT, INK, RIVAL, TARGET, draw_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["learning_curve"]

HEADROOM = 0.14  # above the curves, for the legend


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
    axes.set(xlabel="epoch", title=title)
    axes.grid(axis="y", color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_ylabel("accuracy" if validation else "training accuracy", color=TARGET)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=None))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    lowest = min(*history["accuracy"], *validation, 1.0)
    floor = lowest - 0.15 * (1.0 - lowest) - 0.005
    held_out = list(history.get("held_out_accuracy", ()))[-1:]
    if held_out:
        floor = min(floor, held_out[0] - 0.05)
        label = f"held out {held_out[0]:.1%}"
        axes.plot(epochs[-1:], held_out, "D", color=INK, ms=6, clip_on=False, zorder=3, label=label)
    floor = max(0.0, floor)
    # the curves may be anywhere up to 1, so that what the lines are stands above
    axes.set_ylim(floor, 1.0 + HEADROOM * (1.0 - floor))
    axes.set_yticks([tick for tick in axes.get_yticks() if floor <= tick <= 1.0])
    if validation or held_out:
        draw_legend(axes, ncols=3)
    twin = axes.twinx()
    twin.spines["right"].set_visible(True)
    twin.plot(epochs, history["loss"], color=RIVAL, linewidth=1.4, marker=marker)
    twin.set_ylabel("training loss", color=RIVAL)
    twin.set_ylim(0.0, (1.0 + HEADROOM) * max([*history["loss"], 1e-9]))
