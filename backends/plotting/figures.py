"""Whole figures, arranged from panels: a training run, and a model's score on a data set."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tempotron_core import Events
from tempotron_core.arrays.numbers import whole_number

from .confusion import confusion_matrix, count_pairs
from .curve import learning_curve
from .given import host_values
from .images import pattern_images, receptive_fields
from .panels import spike_raster, voltage_traces
from .style import QUIET, names_or_indices, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["evaluation_figure", "training_figure"]

Floats = NDArray[np.floating[Any]]
Array = Any
Integers = NDArray[np.integer[Any]]


def training_figure(
    spikes: Events | Array | Sequence[Any],
    t: Array,
    v: Array,
    v_threshold: float | None,
    history: Mapping[str, Sequence[float]],
    *,
    target: int,
    t_max: Array | None = None,
    v_max: Array | None = None,
    t_spike: Events | Array | Sequence[Any] | None = None,
    duration: float | None = None,
    weight: Array | None = None,
    names: Sequence[str] | None = None,
    image: Array | None = None,
    spikes_title: str = "Input spikes",
    heading: str = "",
) -> Figure:
    """Arrange one pattern, what every neuron makes of it, and the learning curve.

    Parameters
    ----------
    spikes : Events, array or sequence
        Spikes of the pattern shown, as `spike_raster` takes them.
    t, v, v_threshold, t_max, v_max, t_spike, target, duration
        As in `spike_raster` and `voltage_traces`; with ``t_spike`` no neuron is told from others.
    history : mapping
        As in `learning_curve`.
    weight : array, shape (N,), optional
        Weights of the target neuron, for the raster's colours.
    names : sequence of str, optional
        One name per neuron; its index by default.
    image : array, two axes, optional
        The pattern as an image, shown beside the raster.
    spikes_title : str, optional
        What the spikes are.
    heading : str, optional
        Title of the whole figure.

    Returns
    -------
    matplotlib.figure.Figure
        Save it with ``figure.savefig(path)``.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    target_name = names_or_indices(names, len(v))[target]
    with new_figure(8.8, 6.4) as figure:
        grid = figure.add_gridspec(2, 2, width_ratios=(1.35, 1.0))
        raster = figure.add_subplot(grid[0, 0])
        traces = figure.add_subplot(grid[1, 0])
        curve = figure.add_subplot(grid[:, 1] if image is None else grid[1, 1])
        spike_raster(
            raster,
            spikes,
            duration,
            weight=weight,
            by_weight=weight is not None,
            title=f"{spikes_title}, by effect on neuron {target_name}",
        )
        voltage_traces(
            traces,
            t,
            v,
            v_threshold,
            t_max=t_max,
            v_max=v_max,
            t_spike=t_spike,
            target=target if t_spike is None else None,
            names=names,
        )
        traces.set_xlim(raster.get_xlim())  # one above the other
        learning_curve(curve, history)
        if image is not None:
            picture = figure.add_subplot(grid[0, 1])
            picture.imshow(host_values("image", image), cmap="gray_r", interpolation="nearest")
            picture.set(xticks=(), yticks=(), title="Pattern")
            picture.spines[:].set(visible=True, color=QUIET, linewidth=0.6)
        if heading:
            figure.suptitle(heading, x=0.008, ha="left", fontsize=12, fontweight="bold")
    return figure


def evaluation_figure(
    labels: Array,
    predicted: Array,
    *,
    names: Sequence[str] | None = None,
    v_max: Array | None = None,
    images: Array | None = None,
    weight: Array | None = None,
    weight_shape: Sequence[int] | None = None,
    heading: str = "",
    n_shown: int = 20,
) -> Figure:
    """Arrange the confusion matrix and, as far as they are given, wrong patterns and weights.

    Parameters
    ----------
    labels, predicted : integer array, shape (B,)
        True and predicted class of each pattern.
    names : sequence of str, optional
        One name per class.
    v_max : array, shape (B, C), optional
        Maximal potentials.  The wrong patterns are shown in the order in which the predicted
        class outdoes the true one, the worst first; without them in the order given.
    images : array, shape (B, rows, columns), optional
        The patterns as images.
    weight, weight_shape : array, shape (C, N), and sequence of int, optional
        Weights and their layout, as `receptive_fields` takes them.
    heading : str, optional
        Title of the whole figure.
    n_shown : int, default 20
        Largest number of wrong patterns shown.

    Returns
    -------
    matplotlib.figure.Figure
        Save it with ``figure.savefig(path)``.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError, ValueError
        If classes, potentials, images or weights do not fit together.
    """
    n_shown = whole_number("n_shown", n_shown)
    labels, predicted = host_values("labels", labels), host_values("predicted", predicted)
    v_max = None if v_max is None else host_values("v_max", v_max)
    images = None if images is None else host_values("images", images)
    counts = count_pairs(labels, predicted, names)
    wrong = _wrong_first(labels, predicted, v_max, len(counts))
    if images is not None and (images.ndim != 3 or len(images) != len(labels)):
        raise ValueError(
            f"images must have shape ({len(labels)}, rows, columns), got {images.shape}"
        )
    if (weight is None) != (weight_shape is None):
        raise ValueError("weight and weight_shape must be given together, got one of them")
    n_panels = 1 + (images is not None) + (weight is not None)
    width = 0.4 + 4.0 * n_panels + 0.6 * (weight is not None)
    with new_figure(width, 4.6, layout="compressed") as figure:
        # titles do not count when the panels are pushed together
        figure.get_layout_engine().set(w_pad=0.15)  # type: ignore[union-attr,call-arg]
        matrix, *others = figure.subplots(1, n_panels, squeeze=False)[0]
        for axes in (matrix, *others):
            axes.set_anchor("N")
        confusion_matrix(matrix, counts, names=names)
        if images is not None or (weight_shape is not None and len(weight_shape) == 2):
            # level with the titles above captions
            matrix.set_title(matrix.get_title("left"), pad=18.0)
        if images is not None:
            axes, shown = others.pop(0), wrong[:n_shown]
            title = f"{len(wrong)} of {len(labels)} wrong"
            if len(wrong) > len(shown):
                title = (
                    f"{'First' if v_max is None else 'Worst'} {len(shown)} of {len(wrong)} wrong"
                )
            if len(shown):
                called = _short_names(names, len(counts), len(shown))
                captions = [f"{called[labels[b]]} → {called[predicted[b]]}" for b in shown]
                pattern_images(
                    axes,
                    images[shown],
                    captions=captions,
                    title=f"{title}: true → predicted",
                )
            else:
                axes.set(xticks=(), yticks=(), title=title)
                axes.spines[:].set_visible(False)
                axes.text(0.5, 0.5, "none", transform=axes.transAxes, ha="center", va="center")
        if weight is not None and weight_shape is not None:
            receptive_fields(others.pop(0), weight, weight_shape, names=names)
        if heading:
            figure.suptitle(heading, x=0.008, ha="left", fontsize=12, fontweight="bold")
    return figure


def _short_names(names: Sequence[str] | None, n_classes: int, n_shown: int) -> list[str]:
    """Return names of which two and an arrow fit over an image; indices if none such are clear."""
    indices = [str(i) for i in range(n_classes)]
    most = max(4, int(30 / math.sqrt(n_shown)))
    short = [n if len(n) <= most else f"{n[: most - 1]}…" for n in names or indices]
    return short if len(set(short)) == n_classes else indices


def _wrong_first(
    labels: Integers, predicted: Integers, v_max: Floats | None, n_classes: int
) -> NDArray[np.int64]:
    """Return the wrong patterns, the worst first."""
    wrong = np.nonzero(labels != predicted)[0]
    if v_max is None:
        return wrong
    if np.shape(v_max) != (len(labels), n_classes):
        raise ValueError(
            f"v_max must have shape ({len(labels)}, {n_classes}), got {np.shape(v_max)}"
        )
    if np.isnan(v_max).any():
        raise ValueError("v_max must hold numbers, got NaN")
    rows = v_max[wrong]
    each = np.arange(len(wrong))
    excess = rows[each, predicted[wrong]] - rows[each, labels[wrong]]
    return wrong[np.argsort(-excess, kind="stable")]
