"""Panel of a confusion matrix, and its counts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .given import host_values
from .style import INK, names_or_indices

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["confusion_matrix", "count_pairs"]

Array = Any

WITH_NUMBERS = 20  # classes; the numbers of more would not be readable


def confusion_matrix(
    axes: Axes,
    counts: Array | tuple[Array, Array],
    *,
    names: Sequence[str] | None = None,
    title: str = "Confusion matrix",
) -> None:
    """Draw how many patterns of each class were taken for which class.

    Hits and errors have a colour each: hits by their share of the class, errors by their number.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    counts : integer array, shape (C, C), or a tuple of two integer arrays, shape (B,)
        Patterns by true class (row) and predicted class (column); or the true and the predicted
        class of each pattern.
    names : sequence of str, optional
        One name per class; its index by default.
    title : str, optional

    Raises
    ------
    TypeError
        If counts or classes are not integers.
    ValueError
        If the shapes do not fit, or a number is negative or no class.
    """
    from matplotlib.colors import Normalize

    table = (
        count_pairs(counts[0], counts[1], names)
        if isinstance(counts, tuple)
        else host_values("counts", counts)
    )
    if not np.issubdtype(table.dtype, np.integer):
        raise TypeError(f"counts must be integers, got {table.dtype}")
    if table.ndim != 2 or table.shape[0] != table.shape[1] or not table.size:
        raise ValueError(f"counts must have shape (C, C), got {table.shape}")
    if table.min() < 0:
        raise ValueError(f"counts must not be negative, got {table.min()}")
    n_classes = len(table)
    names = names_or_indices(names, n_classes)
    hit = np.eye(n_classes, dtype=np.bool_)
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    most = float(np.where(hit, 0, table).max())
    # one pale and one strong half: the numbers stay readable on both
    drawn = [
        axes.imshow(np.ma.masked_array(share, ~hit), cmap="Blues", norm=Normalize(0.0, 1.3)),
        axes.imshow(
            np.ma.masked_array(table, hit | (table == 0)),
            cmap="Oranges",
            norm=Normalize(-0.2 * most, max(1.25 * most, 4.0)),
        ),
    ]
    if n_classes <= WITH_NUMBERS:
        for row, column in zip(*np.nonzero(table + hit), strict=True):
            on = drawn[0 if row == column else 1]
            value = share[row, column] if row == column else table[row, column]
            dark = sum(on.to_rgba(value)[:3]) < 1.5
            axes.text(
                column,
                row,
                str(table[row, column]),
                ha="center",
                va="center",
                fontsize=9.0 if n_classes <= 12 else 6.5,
                color="white" if dark else INK,
            )
    every = max(1, math.ceil(n_classes / WITH_NUMBERS))
    ticks = np.arange(0, n_classes, every)
    axes.set_xticks(ticks, [names[i] for i in ticks])
    axes.set_yticks(ticks, [names[i] for i in ticks])
    if max(map(len, names)) > 3:
        axes.tick_params(axis="x", labelrotation=45.0)
        for label in axes.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(True)
    axes.set(xlabel="predicted class", ylabel="true class", title=title)


def count_pairs(
    labels: Array, predicted: Array, names: Sequence[str] | None = None
) -> NDArray[np.int64]:
    """Return how many patterns have each pair of true and predicted class, shape (C, C).

    Parameters
    ----------
    labels, predicted : integer array, shape (B,)
    names : sequence of str, optional
        Its length is C; by default one more than the largest class.

    Raises
    ------
    TypeError
        If classes are not integers.
    ValueError
        If the shapes differ, or a class is not in 0..C-1.
    """
    pair = [host_values("labels", labels), host_values("predicted", predicted)]
    for name, given in zip(("labels", "predicted"), pair, strict=True):
        if not np.issubdtype(given.dtype, np.integer):
            raise TypeError(f"{name} must be integer classes, got {given.dtype}")
    if pair[0].ndim != 1 or pair[0].shape != pair[1].shape or not pair[0].size:
        raise ValueError(
            f"labels and predicted must have one class per pattern, got shapes "
            f"{pair[0].shape} and {pair[1].shape}"
        )
    low, high = min(int(p.min()) for p in pair), max(int(p.max()) for p in pair)
    n_classes = high + 1 if names is None else len(names)
    if low < 0 or high >= n_classes:
        raise ValueError(
            f"labels and predicted must be classes from 0 to {n_classes - 1}, "
            f"got values from {low} to {high}"
        )
    flat = pair[0].astype(np.int64) * n_classes + pair[1].astype(np.int64)
    return np.bincount(flat, minlength=n_classes**2).reshape(n_classes, n_classes)
