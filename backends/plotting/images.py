"""Panels of images: receptive fields and patterns.

Each draws into matplotlib axes it is given.  Several images in one panel are
laid out as a mosaic: one large image with gaps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tempotron_core import Events
from tempotron_core.arrays.numbers import whole_number

from .given import host_values, spike_trains
from .style import QUIET, names_or_indices

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["pattern_images", "receptive_fields"]

Floats = NDArray[np.floating[Any]]
Array = Any

DIVERGING = "RdBu_r"


def receptive_fields(
    axes: Axes,
    weight: Array,
    shape: Sequence[int],
    *,
    names: Sequence[str] | None = None,
    title: str = "Weights",
    colour_bar: bool = True,
) -> None:
    """Draw the weights of each neuron as an image, positive and negative in two colours.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    weight : array, shape (N,) or (O, N)
        Weights of one neuron, or of several, which share one scale of colours centred at 0.
    shape : (int, int) or (int, int, int)
        Rows and columns of the image, and how many afferents each of its points has if more than
        one, as `GaussianReceptiveFields` makes them: each neuron then gets a row of images.
    names : sequence of str, optional
        One name per neuron; its index by default.
    title : str, optional
    colour_bar : bool, default True

    Raises
    ------
    ValueError
        If the weights do not fit ``shape``, or are not finite.
    """
    from matplotlib.colors import CenteredNorm

    weight = host_values("weight", weight).astype(np.float64)
    rows = np.atleast_2d(weight)
    fits = rows.ndim == 2 and len(shape) in (2, 3) and rows.shape[1] == math.prod(shape)
    if not (fits and rows.size):
        raise ValueError(
            f"weight must have shape (N,) or (O, N) with N = {' * '.join(map(str, shape))} for "
            f"shape={tuple(shape)}, got {np.shape(weight)}"
        )
    if not np.isfinite(rows).all():
        raise ValueError("weight must be finite, got NaN or infinite values")
    names = names_or_indices(names, len(rows))
    images = np.moveaxis(rows.reshape(len(rows), *shape[:2], -1), -1, 1)
    n_fields = images.shape[1]
    panes = images.reshape(-1, *shape[:2])
    n_columns = n_fields if n_fields > 1 else _columns(len(panes))
    captions = list(names) if n_fields == 1 and np.ndim(weight) == 2 else []
    drawn = _mosaic(
        axes,
        panes,
        n_columns,
        captions,
        cmap=DIVERGING,
        norm=CenteredNorm(0.0, float(np.abs(rows).max(initial=0.0)) or 1.0),
    )
    if n_fields > 1:
        height, width = (size + _gap(size, captioned=False) for size in shape[:2])
        axes.set_xticks(
            np.arange(n_fields) * width + (shape[1] - 1) / 2, [str(j + 1) for j in range(n_fields)]
        )
        axes.set_yticks(np.arange(len(rows)) * height + (shape[0] - 1) / 2, names)
        axes.set(xlabel="receptive field", ylabel="neuron")
    if colour_bar:
        bar = axes.figure.colorbar(drawn, ax=axes, shrink=0.7, aspect=25.0, pad=0.02, panchor=False)
        bar.outline.set_visible(False)
    axes.set_title(title, pad=18.0 if captions else None)


def pattern_images(
    axes: Axes,
    images: Events | Array | Sequence[Any],
    *,
    shape: Sequence[int] | None = None,
    captions: Sequence[str] = (),
    n_columns: int | None = None,
    title: str = "Patterns",
) -> None:
    """Draw several grey images with captions above them.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    images : array, shape (M, rows, columns); or Events, array or sequence
        Each has its own scale of grey.  With a ``shape``, patterns of spikes, each in a form that
        `spike_raster` takes: the earlier an afferent's first spike, the darker.
    shape : (int, int), optional
        Rows and columns, of as many afferents, where the patterns are given as spikes.
    captions : sequence of str, optional
        One per image, or none.
    n_columns : int, optional
        Images side by side; about as many as rows by default.
    title : str, optional

    Raises
    ------
    TypeError
        If ``n_columns`` is not an integer.
    ValueError
        If the shapes do not fit, ``n_columns`` is not positive, or a value is not finite.
    """
    if shape is None and isinstance(images, Events):
        raise ValueError("shape must be given with Events: the rows and columns of an image")
    given = host_values("images", images) if shape is None else _first_spikes(images, shape)
    panes = given.astype(np.float64)
    if panes.ndim != 3 or not panes.size:
        raise ValueError(f"images must have shape (M, rows, columns), got {panes.shape}")
    if len(captions) not in (0, len(panes)):
        raise ValueError(f"captions must be none or one per image, got {len(captions)}")
    if not np.isfinite(panes).all():
        raise ValueError("images must be finite, got NaN or infinite values")
    low = panes.min(axis=(1, 2), keepdims=True)
    span = panes.max(axis=(1, 2), keepdims=True) - low
    panes = (panes - low) / np.where(span > 0.0, span, 1.0)
    most = _columns(len(panes)) if n_columns is None else whole_number("n_columns", n_columns)
    _mosaic(axes, panes, min(most, len(panes)), captions, cmap="gray_r", vmin=0.0, vmax=1.0)
    axes.set_title(title, pad=18.0 if captions else None)


def _first_spikes(patterns: Any, shape: Sequence[int]) -> Floats:
    """Return images (M, rows, columns): the earlier a spike the larger, 0 if there is none."""
    first = [
        [float(train.min(initial=np.inf)) for train in spike_trains(f"images[{b}]", pattern)]
        for b, pattern in enumerate(patterns)
    ]
    for b, row in enumerate(first):
        if len(shape) != 2 or len(row) != math.prod(shape):
            raise ValueError(
                f"images[{b}] must have rows * columns afferents for shape={tuple(shape)}, "
                f"got {len(row)}"
            )
    times = np.asarray(first).reshape(-1, *shape)
    silent = np.isinf(times)
    latest = float(times[~silent].max(initial=0.0)) or 1.0
    # the last spike is still darker than none
    return np.where(silent, 0.0, 1.1 * latest - np.where(silent, 0.0, times))


def _mosaic(
    axes: Axes, panes: Floats, n_columns: int, captions: Sequence[str], **colours: Any
) -> Any:
    """Draw images of one size, shape (M, rows, columns), side by side with captions above."""
    n_panes, height, width = panes.shape
    steps = height + _gap(height, captioned=len(captions) > 0), width + _gap(width, captioned=False)
    n_rows = -(-n_panes // n_columns)
    canvas = np.full((n_rows * steps[0], n_columns * steps[1]), np.nan)
    canvas = canvas[: canvas.shape[0] - steps[0] + height, : canvas.shape[1] - steps[1] + width]
    for i, pane in enumerate(panes):
        top, left = (i // n_columns) * steps[0], (i % n_columns) * steps[1]
        canvas[top : top + height, left : left + width] = pane
        axes.plot(
            left - 0.5 + width * np.asarray([0, 1, 1, 0, 0]),
            top - 0.5 + height * np.asarray([0, 0, 1, 1, 0]),
            color=QUIET,
            linewidth=0.5,
            clip_on=False,
        )
        if captions:
            axes.annotate(
                captions[i],
                (left - 0.5 + width / 2, top - 0.5),
                xytext=(0, 1.5),
                textcoords="offset points",
                ha="center",
                va="bottom",
                fontsize=7,
            )
    drawn = axes.imshow(np.ma.masked_invalid(canvas), interpolation="nearest", **colours)
    axes.set(xticks=(), yticks=(), aspect="equal")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return drawn


def _gap(size: int, *, captioned: bool) -> int:
    return max(1, round((0.32 if captioned else 0.12) * size))


def _columns(n_panes: int) -> int:
    return math.ceil(math.sqrt(n_panes))
